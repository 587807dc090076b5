"""SIP by hand: a message as text, a datagram peer, and one side of a dialog."""

import secrets
import socket
import time

_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
            "c": "content-type", "k": "supported", "s": "subject", "e": "content-encoding"}
SDP = ("v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
       "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")
REASONS = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 302: "Moved Temporarily",
           403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 480: "Temporarily Unavailable",
           486: "Busy Here", 487: "Request Terminated", 500: "Server Internal Error",
           503: "Service Unavailable", 603: "Decline"}


def new_branch():
    return "z9hG4bK" + secrets.token_hex(8)


def new_tag():
    return secrets.token_hex(6)


def new_call_id():
    return secrets.token_hex(12)


def _canonical(name):
    lower = name.strip().lower()
    return _COMPACT.get(lower, lower)


class Message:
    """Start line, headers in order as (name, value), body. Names compare folded, compact forms too."""

    def __init__(self, start, headers=(), body=""):
        self.start = start
        self.headers = [(n, str(v)) for n, v in headers]
        self.body = body
        self.source = None  # (host, port) it came from
        self.raw = None  # bytes as received

    @classmethod
    def parse(cls, data):
        head, _, body = data.decode("utf-8", "surrogateescape").partition("\r\n\r\n")
        lines = head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")
        headers = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        return cls(lines[0], headers, body)

    def __bytes__(self):
        body = self.body.encode("utf-8", "surrogateescape")
        headers = list(self.headers)
        if not self.all("content-length"):
            headers.append(("Content-Length", str(len(body))))
        text = "\r\n".join([self.start] + [f"{n}: {v}" for n, v in headers]) + "\r\n\r\n"
        return text.encode("utf-8", "surrogateescape") + body

    def __repr__(self):
        return f"<{self.start!r} {self.get('cseq')!r} {self.get('call-id')!r}>"

    @property
    def is_request(self):
        return not self.start.startswith("SIP/2.0 ")

    @property
    def method(self):
        return self.start.split(" ")[0] if self.is_request else self.get("cseq").split()[-1]

    @property
    def status(self):
        return None if self.is_request else int(self.start.split(" ")[1])

    @property
    def uri(self):
        return self.start.split(" ")[1] if self.is_request else None

    @property
    def call_id(self):
        return self.get("call-id")

    @property
    def cseq(self):
        return int(self.get("cseq").split()[0])

    def all(self, name):
        wanted = _canonical(name)
        return [v for n, v in self.headers if _canonical(n) == wanted]

    def get(self, name, otherwise=None):
        return next(iter(self.all(name)), otherwise)

    def set(self, name, *values):
        """Replaces all headers of that name; no value removes them. Returns self."""
        wanted = _canonical(name)
        at = next((i for i, (n, _) in enumerate(self.headers) if _canonical(n) == wanted), len(self.headers))
        self.headers = [h for h in self.headers if _canonical(h[0]) != wanted]
        self.headers[at:at] = [(name, str(v)) for v in values]
        return self

    def elements(self, name):
        """Comma-separated elements of all headers of that name (no commas in quoted parts)."""
        return [e.strip() for v in self.all(name) for e in v.split(",")]

    def tag(self, name):
        return parameter(self.get(name, ""), "tag")


def parameter(value, name):
    """Value of ;name=… in a header's value, "" when it has none, None when it is not there."""
    for part in value.split(">")[-1].split(";")[1:]:
        key, _, text = part.strip().partition("=")
        if key.lower() == name:
            return text
    return None


def bare_uri(value):
    """The URI of a name-addr."""
    return value.partition("<")[2].partition(">")[0] if "<" in value else value.split(";")[0].strip()


def uri_host(host):
    """As in URIs and Via: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def host_port(host, port):
    return f"{uri_host(host)}:{port}"


class UdpPeer:
    """A socket that speaks SIP: carrier, customer equipment or whatever a test needs."""

    protocol = "UDP"
    uri_params = ""  # of its URIs

    def __init__(self, host="127.0.0.2", port=0, to=None):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((host, port))
        self.host, self.port = self.socket.getsockname()[:2]
        self.address = host_port(self.host, self.port)
        self.to = to  # (host, port) of the other side, usually sipmod.target
        self.backlog = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    @property
    def source_port(self):
        """Where its messages come from."""
        return self.port

    # --- datagrams ------------------------------------------------------------

    def send(self, message, to=None):
        self.socket.sendto(bytes(message), to or self.to)
        return message

    def recv(self, deadline=5.0):
        """Next message in order of arrival, or None when the deadline (seconds) passes."""
        if self.backlog:
            return self.backlog.pop(0)
        return self._receive(time.monotonic() + deadline)

    def _receive(self, end):
        self.socket.settimeout(max(end - time.monotonic(), 0.0001))
        try:
            data, source = self.socket.recvfrom(65536)
        except (socket.timeout, BlockingIOError):
            return None
        message = Message.parse(data)
        message.source = source
        message.raw = data
        return message

    def expect(self, what, deadline=5.0, call_id=None, skip=True):
        """Next message that is `what`: a method ("INVITE"), a status (200), or a function of it.

        Others are kept for later calls (skip=False: they fail the test at once).
        """
        def wanted(m):
            if call_id is not None and m.call_id != call_id:
                return False
            if callable(what):
                return what(m)
            return m.status == what if isinstance(what, int) else m.is_request and m.method == what

        for i, message in enumerate(self.backlog):
            if wanted(message):
                return self.backlog.pop(i)
        end, seen = time.monotonic() + deadline, []
        while True:
            message = self._receive(end)
            assert message is not None, f"{self.address}: no {what} within {deadline:g} s; kept {self.backlog + seen}"
            if wanted(message):
                return message
            assert skip, f"{self.address}: {message!r} came instead of {what}"
            self.backlog.append(message)

    def expect_nothing(self, deadline=0.5, but=()):
        """Fails if a message arrives within the deadline, except those of statuses or methods `but`."""
        end = time.monotonic() + deadline
        while (message := self.backlog.pop(0) if self.backlog else self._receive(end)) is not None:
            kind = message.method if message.is_request else message.status
            assert kind in but, f"{self.address}: unexpected {message!r}"

    # --- messages -------------------------------------------------------------

    def request(self, method, uri, call_id=None, cseq=1, branch=None, from_user="12065550100",
                from_tag=None, to_tag=None, headers=(), body="", to_uri=None, max_forwards=70):
        """A whole request with Via, From, To, Call-ID, CSeq, Contact."""
        to = f"<{to_uri or uri}>" + (f";tag={to_tag}" if to_tag else "")
        fields = [("Via", f"SIP/2.0/{self.protocol} {self.address};branch={branch or new_branch()};rport"),
                  ("Max-Forwards", max_forwards),
                  ("From", f"<sip:{from_user}@{uri_host(self.host)}>;tag={from_tag or new_tag()}"), ("To", to),
                  ("Call-ID", call_id or new_call_id()), ("CSeq", f"{cseq} {method}"),
                  ("Contact", f"<sip:{from_user}@{self.address}{self.uri_params}>"), *headers]
        if body:
            fields.append(("Content-Type", "application/sdp"))
        return Message(f"{method} {uri} SIP/2.0", fields, body)

    def invite(self, number, to=None, **kwargs):
        """An INVITE with SDP for sip:NUMBER@the other side, not sent yet."""
        host, port = (to or self.to)[:2]
        kwargs.setdefault("body", SDP.format(host=self.host))
        return self.request("INVITE", f"sip:{number}@{host_port(host, port)}", **kwargs)

    def respond(self, request, status, to=None, tag=None, headers=(), body="", reason=None):
        """Answers a request to where it came from; returns the response sent.

        The To tag is derived from the Call-ID, so that all responses of this peer agree.
        """
        target = request.get("to")
        if status > 100 and "tag=" not in target:
            target += f";tag={tag or 't' + request.call_id[:8]}"
        fields = [("Via", v) for v in request.all("via")]
        fields += [("Record-Route", v) for v in request.all("record-route")]
        fields += [("From", request.get("from")), ("To", target), ("Call-ID", request.call_id),
                   ("CSeq", request.get("cseq")), ("Contact", f"<sip:{self.address}{self.uri_params}>"), *headers]
        if status == 200 and request.method == "INVITE" and not body:
            body = SDP.format(host=self.host)
        if body:
            fields.append(("Content-Type", "application/sdp"))
        line = f"SIP/2.0 {status} {reason or REASONS.get(status, 'Status')}"
        return self.send(Message(line, fields, body), to or request.source)

    def ack_failure(self, invite, response, to=None):
        """ACK of a non-2xx final response: same branch as the INVITE (RFC 3261 section 17.1.1.3)."""
        ack = Message(f"ACK {invite.uri} SIP/2.0",
                      [("Via", invite.get("via")), ("Max-Forwards", 70), ("From", invite.get("from")),
                       ("To", response.get("to")), ("Call-ID", invite.call_id),
                       ("CSeq", f"{invite.cseq} ACK")] + [("Route", r) for r in invite.all("route")])
        return self.send(ack, to)

    def cancel(self, invite, to=None):
        """CANCEL of an INVITE (RFC 3261 section 9.1)."""
        message = Message(f"CANCEL {invite.uri} SIP/2.0",
                          [("Via", invite.get("via")), ("Max-Forwards", 70), ("From", invite.get("from")),
                           ("To", invite.get("to")), ("Call-ID", invite.call_id),
                           ("CSeq", f"{invite.cseq} CANCEL")] + [("Route", r) for r in invite.all("route")])
        return self.send(message, to)


class Dialog:
    """One side of an established dialog: route set, tags, target, CSeq (RFC 3261 section 12)."""

    def __init__(self, peer, local, remote, call_id, routes, target, cseq, next_hop):
        self.peer, self.local, self.remote, self.call_id = peer, local, remote, call_id
        self.routes, self.target, self.cseq, self.next_hop = routes, target, cseq, next_hop

    @classmethod
    def caller(cls, peer, invite, ok):
        """Of the side that sent `invite` and received the 2xx `ok`."""
        return cls(peer, invite.get("from"), ok.get("to"), invite.call_id,
                   list(reversed(ok.elements("record-route"))), bare_uri(ok.get("contact")),
                   invite.cseq, ok.source)

    @classmethod
    def callee(cls, peer, invite, ok):
        """Of the side that received `invite` and sent `ok`."""
        return cls(peer, ok.get("to"), invite.get("from"), invite.call_id,
                   invite.elements("record-route"), bare_uri(invite.get("contact")), 0, invite.source)

    def request(self, method, headers=(), body="", branch=None, cseq=None):
        """A request inside the dialog; CSeq grows but for ACK, which takes that of the INVITE."""
        if cseq is None and method != "ACK":
            self.cseq += 1
        fields = [("Via", f"SIP/2.0/{self.peer.protocol} {self.peer.address};branch={branch or new_branch()};rport"),
                  ("Max-Forwards", 70), *[("Route", r) for r in self.routes],
                  ("From", self.local), ("To", self.remote), ("Call-ID", self.call_id),
                  ("CSeq", f"{cseq or self.cseq} {method}"),
                  ("Contact", f"<sip:{self.peer.address}{self.peer.uri_params}>"), *headers]
        if body:
            fields.append(("Content-Type", "application/sdp"))
        return Message(f"{method} {self.target} SIP/2.0", fields, body)

    def send(self, method, **kwargs):
        """Sends a request to the next hop; returns it."""
        return self.peer.send(self.request(method, **kwargs), self.next_hop)
