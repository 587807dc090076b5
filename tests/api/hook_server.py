"""A receiver of webhooks that misbehaves on purpose, and the check that every receiver does."""

import hashlib
import hmac
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def signed_by(headers, body, secret, tolerance_s=300):
    """Whether a delivery is from who knows the secret, and of these minutes (deploy/README.md)."""
    form = re.fullmatch(r"t=(\d+)((?:,v1=[0-9a-f]{64})+)", headers["X-Trunkline-Signature"])
    wanted = hmac.new(secret.encode(), f"{form[1]}.".encode() + body, hashlib.sha256).hexdigest()
    given = form[2].split(",v1=")[1:]
    return abs(time.time() - int(form[1])) < tolerance_s and any(hmac.compare_digest(wanted, g) for g in given)


class HookServer:
    """plan: what to do with the next deliveries: "ok", a status as "500", "hang" (no answer until released), "cut",
    "endless" (an answer without end), "redirect". Then "ok" for ever. `got`: (time, headers, body) of each."""

    def __init__(self, context=None, redirect_to=""):
        self.plan, self.got, self.released = [], [], threading.Event()
        self.lock, self.under_way, self.most_at_once, self.connections = threading.Lock(), 0, 0, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def setup(self):
                super().setup()
                outer.connections += 1

            def do_GET(self):
                outer.got.append((time.monotonic(), {}, b"GET"))
                self._reply(200)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    outer.got.append((time.monotonic(), dict(self.headers), body))
                    outer.under_way += 1
                    outer.most_at_once = max(outer.most_at_once, outer.under_way)
                    step = outer.plan.pop(0) if outer.plan else "ok"
                try:
                    self._act(step)
                except OSError:
                    self.close_connection = True  # trunkd has given up
                finally:
                    with outer.lock:
                        outer.under_way -= 1

            def _act(self, step):
                if step == "hang":
                    outer.released.wait(20)
                if step in ("hang", "cut"):
                    self.close_connection = True
                    self.connection.close()
                elif step == "endless":
                    self.send_response(200)
                    self.end_headers()
                    while True:
                        self.wfile.write(b"x" * 65536)
                elif step == "redirect":
                    self._reply(307, redirect_to)
                else:
                    self._reply(200 if step == "ok" else int(step))

            def _reply(self, status, location=""):
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # handshakes that break off
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.port = self.server.server_port
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def events(self):
        return [json.loads(body) for _, _, body in list(self.got)]

    def types(self):
        return [e["type"] for e in self.events()]

    def times(self):
        return [when for when, _, _ in list(self.got)]
