"""A client of trunkd's ops page: requests by hand, and its stream of events."""

import http.client
import json
import socket
import urllib.parse


class OpsReply:
    """status, headers (one of each), body (text)."""

    def __init__(self, answer):
        self.status, self.headers = answer.status, answer.headers
        self.body = answer.read().decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def cookie(self):
        """name=value of the cookie that it sets."""
        return (self.headers["Set-Cookie"] or "").partition(";")[0]


class Ops:
    """Ops(trunkd).get("/ops/events", token=…): a request a connection, redirects are not followed."""

    def __init__(self, trunkd, host="127.0.0.1"):
        self.port, self.host = trunkd.port, host

    def request(self, method, path, body=None, token=None, cookie=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(self.host, 0))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if cookie:
            sent["Cookie"] = cookie
        if isinstance(body, dict):
            body = urllib.parse.urlencode(body)
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        try:
            connection.request(method, path, body, sent)
            return OpsReply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **how):
        return self.request("GET", path, **how)

    def login(self, token, **how):
        return self.request("POST", "/ops/login", {"token": token}, **how)

    def stream(self, token=None, cookie=None, timeout=10, room=None):
        return Stream(self.port, token, cookie, timeout, room)


class Stream:
    """/ops/events: status, headers, and event() → (name, data). room: bytes of the receive buffer."""

    def __init__(self, port, token, cookie, timeout, room):
        self.socket = socket.socket()
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        pass_line = f"Authorization: Bearer {token}" if token else f"Cookie: {cookie}"
        self.socket.sendall(f"GET /ops/events HTTP/1.0\r\nHost: x\r\n{pass_line}\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")  # HTTP/1.0: no chunks, and the end of it is the end of the connection
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while line := self.file.readline().strip().decode():
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def event(self, name=None):
        """The next event (of that name); None when the stream is over."""
        kind = data = None
        while line := self.file.readline():
            field, _, value = line.decode("utf-8").rstrip("\n").partition(": ")
            if field == "event":
                kind = value
            elif field == "data":
                data = json.loads(value)
            elif not field and kind:
                if name in (None, kind):
                    return kind, data
                kind = data = None
        return None

    def state(self):
        event = self.event("state")
        return event and event[1]

    def ended(self):
        """Reads to the end; False: it goes on."""
        try:
            while self.event():
                pass
            return True
        except TimeoutError:
            return False
