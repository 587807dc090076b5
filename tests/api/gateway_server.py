"""A payment gateway for tests (daemon/gateway_http.h) that misbehaves on purpose."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class GatewayServer:
    """plan: what to do with the next charges, by step: "approve", "decline", "500", "drop" (charge, then cut
    the connection), "cut" (cut without charging), "slow" (charge, answer late), "slow-500", "late" (nothing for
    a while, then charge), "junk", "401", "pending". Then "approve" for ever. `charges`: key -> amount."""

    def __init__(self, slow_s=3):
        self.plan, self.charges, self.declined, self.refunds = [], {}, {}, {}
        self.requests, self.lookup_fails, self.refund_plan = [], 0, []
        self.slow_s = slow_s
        self.lock = threading.Lock()
        self.asked = threading.Event()
        self.charged = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                outer.post(self)

            def do_GET(self):
                outer.get(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def post(self, h):
        body = json.loads(h.rfile.read(int(h.headers["Content-Length"])))
        key = h.headers["Idempotency-Key"]
        assert key == body["key"]
        with self.lock:
            self.requests.append((h.path, dict(h.headers), body))
            refund = h.path == "/v1/refunds"
            plan = self.refund_plan if refund else self.plan
            step = plan.pop(0) if plan else "approve"
        self.asked.set()
        if refund:
            return self.refund(h, step, key, body)
        return self.charge(h, step, key, body)

    def refund(self, h, step, key, body):
        if step == "500":
            return reply(h, 500, {})
        if step == "decline":
            return reply(h, 402, {"id": "r", "status": "declined", "reason": "too late"})
        with self.lock:
            self.refunds.setdefault(key, body["amount"])
        return reply(h, 200, {"id": f"refund-{key}", "status": "approved"})

    def charge(self, h, step, key, body):
        if step == "late":
            time.sleep(self.slow_s)
        if step in ("approve", "drop", "slow", "late") and key not in self.declined:
            with self.lock:
                self.charges.setdefault(key, body["amount"])
            self.charged.set()
        if step in ("slow", "slow-500"):
            time.sleep(self.slow_s)
        if step in ("drop", "cut"):
            h.close_connection = True
            h.connection.close()
            return None
        if step in ("500", "slow-500"):
            return reply(h, 500, {})
        if step == "401":
            return reply(h, 401, {"error": "who are you"})
        if step == "junk":
            return reply(h, 200, "<html>hello", raw=True)
        if step == "pending":
            return reply(h, 200, {"id": "x", "status": "pending"})
        if step == "decline" and key not in self.charges:
            self.declined[key] = "stolen card\n<b>"
            return reply(h, 402, {"id": f"d-{key}", "status": "declined", "reason": self.declined[key]})
        return self.answer(h, key)

    def answer(self, h, key):
        if key in self.charges:
            return reply(h, 200, {"id": f"ch-{key}", "status": "approved"})
        if key in self.declined:
            return reply(h, 200, {"id": f"d-{key}", "status": "declined", "reason": self.declined[key]})
        return reply(h, 404, {"error": "no such charge"})

    def get(self, h):
        with self.lock:
            self.requests.append((h.path, dict(h.headers), None))
            fails, self.lookup_fails = self.lookup_fails, max(0, self.lookup_fails - 1)
        if fails:
            return reply(h, 503, {})
        return self.answer(h, h.path.rsplit("/", 1)[1])


def reply(h, status, data, raw=False):
    text = (data if raw else json.dumps(data)).encode()
    try:
        h.send_response(status)
        h.send_header("Content-Type", "application/json")
        h.send_header("Content-Length", str(len(text)))
        h.end_headers()
        h.wfile.write(text)
    except OSError:
        pass  # the client has given up
