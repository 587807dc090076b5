"""Calls by the hundred over real sockets: a caller and a callee in one process, each call with a plan of its own.

    load = Load(callers=("127.0.0.2", 0), callees=("127.0.0.3", 0), proxies=[("127.0.0.1", 5060)], number="2062190001")
    load.run(seconds=10, rate=50, chance=random.Random(seed))
    load.drain(30)
    load.calls   # what became of each

Both sides retransmit as RFC 3261 says (with a shorter T1), so that a proxy which dies in between is asked again.
"""

import heapq
import itertools
import selectors
import socket
import time

T1 = 0.2
GIVE_UP = 64 * T1
KINDS = [  # weight, plan
    (55, "talk"), (6, "busy"), (4, "gone"), (4, "timeout"), (4, "unavailable"), (3, "silent"), (8, "cancel"),
    (16, "cross"),
]
REFUSALS = {"busy": 486, "gone": 487, "timeout": 408, "unavailable": 503}


def field(head, name):
    """First header of this name, or ''."""
    start = head.find(f"\r\n{name}: ")
    if start < 0:
        return ""
    start += len(name) + 4
    return head[start:head.find("\r\n", start)]


def fields(head, name):
    return [line[len(name) + 2:] for line in head.split("\r\n") if line.startswith(name + ": ")]


def place(uri):
    """(host, port) of <sip:user@host:port;…>."""
    text = uri[uri.find("sip:") + 4:].split(">")[0].split(";")[0]
    host, _, port = text.rpartition("@")[2].partition(":")
    return host, int(port or 5060)


class Call:
    """One call as its two sides see it."""

    def __init__(self, number, kind, chance, proxy):
        self.id = f"{kind}.{number}.{chance.getrandbits(48):x}@load"
        self.kind, self.proxy = kind, proxy
        self.ring = chance.uniform(0.01, 0.4)
        self.talk = chance.choice([0, 0.05, 0.3]) + chance.expovariate(1 / 1.2)
        self.hangs_up = chance.choice(["caller", "callee"])
        # A CANCEL that crosses is sent when the 200 may be anywhere on its way.
        self.cancel_after = self.ring + chance.uniform(-0.02, 0.02) if kind == "cross" else chance.uniform(0, self.ring)
        self.branch = f"z9hG4bK{chance.getrandbits(64):x}"
        self.caller, self.callee = Side(self, "caller"), Side(self, "callee")
        self.final = 0          # final status that the caller got
        self.provisional = False
        self.cancelled = False
        self.answered_at = self.ended_at = None  # of the call that was up: callee got the ACK; a BYE was answered
        self.refused_after = None

    @property
    def up(self):
        return self.answered_at is not None and self.ended_at is None


class Side:
    """Dialog state of one side."""

    def __init__(self, call, name):
        self.call, self.name = call, name
        self.local = self.remote = self.target = ""
        self.routes, self.hop = [], None
        self.over = False
        self.pending = {}  # what is retransmitted: name → stop flag holder


class Load:
    def __init__(self, proxies, number, caller=("127.0.0.2", 0), callee=("127.0.0.3", 0), kinds=KINDS):
        self.proxies, self.number = proxies, number
        self.kinds = kinds
        self.sockets = {}
        self.selector = selectors.DefaultSelector()
        for name, address in (("caller", caller), ("callee", callee)):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            s.bind(address)
            s.setblocking(False)
            self.sockets[name] = s
            self.selector.register(s, selectors.EVENT_READ, getattr(self, f"on_{name}"))
        self.address = {name: "%s:%d" % s.getsockname() for name, s in self.sockets.items()}
        self.calls, self.by_id = [], {}
        self.timers, self.serial = [], itertools.count()
        self.up = self.most_up = 0
        self.at_most = []  # the calls that were up then

    def close(self):
        for s in self.sockets.values():
            s.close()

    # --- time -------------------------------------------------------------------------

    def later(self, seconds, fn, *args):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.serial), fn, args))

    def turn(self, longest=0.05):
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now:
            _, _, fn, args = heapq.heappop(self.timers)
            fn(*args)
        wait = min(longest, max(0, self.timers[0][0] - time.monotonic())) if self.timers else longest
        for key, _ in self.selector.select(wait):
            self.read(key.fileobj, key.data)

    def read(self, s, handler):
        for _ in range(200):
            try:
                data, source = s.recvfrom(65535)
            except (BlockingIOError, ConnectionRefusedError):
                return
            handler(data.decode("utf-8", "replace").split("\r\n\r\n")[0] + "\r\n", source)

    def run(self, seconds, rate, chance):
        """Starts `rate` calls a second for so long."""
        weights = [w for w, _ in self.kinds]
        names = [k for _, k in self.kinds]
        end, due = time.monotonic() + seconds, time.monotonic()
        while (now := time.monotonic()) < end:
            while due <= now:
                kind = chance.choices(names, weights)[0]
                self.start(Call(len(self.calls), kind, chance, chance.choice(self.proxies)))
                due += chance.expovariate(rate)
            self.turn(max(0.0, min(due - now, 0.05)))

    def drain(self, seconds):
        """Until nothing is under way any more, at most so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.busy():
            self.turn()
        return not self.busy()

    def busy(self):
        return any(s.pending for c in self.calls for s in (c.caller, c.callee)) or any(c.up for c in self.calls) or any(
            not c.final and not c.caller.over for c in self.calls)

    # --- sending ------------------------------------------------------------------------

    def send(self, name, text, to):
        try:
            self.sockets[name].sendto(text.encode(), to)
        except OSError:
            pass  # refused by a port that is closed for the moment

    def repeat(self, side, name, text, to, longest=GIVE_UP, fail=None):
        """Sends until side.pending has no such name."""
        until = time.monotonic() + longest
        side.pending[name] = True

        def again(interval):
            if name not in side.pending:
                return
            if time.monotonic() >= until:
                del side.pending[name]
                if fail:
                    fail()
                return
            self.send(side.name, text, to)
            self.later(interval, again, min(2 * interval, 8 * T1))

        again(T1)

    @staticmethod
    def stop(side, name):
        side.pending.pop(name, None)

    # --- caller ---------------------------------------------------------------------------

    def head(self, call, method, uri, branch, cseq, extra=""):
        to = f"<sip:{self.number}@proxy>"
        return (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.address['caller']};branch={branch};rport\r\n"
                f"Max-Forwards: 70\r\nFrom: {call.caller.local}\r\nTo: {call.caller.remote or to}\r\n"
                f"Call-ID: {call.id}\r\nCSeq: {cseq} {method}\r\n{extra}Content-Length: 0\r\n\r\n")

    def start(self, call):
        self.calls.append(call)
        self.by_id[call.id] = call
        call.caller.local = f"<sip:12065550100@{self.address['caller']}>;tag=c{len(self.calls)}"
        call.uri = f"sip:1{self.number}@{call.proxy[0]}:{call.proxy[1]}"
        invite = self.head(call, "INVITE", call.uri, call.branch, 1, f"Contact: <sip:{self.address['caller']}>\r\n")
        call.sent_at = time.monotonic()
        self.repeat(call.caller, "INVITE", invite, call.proxy, fail=lambda: self.abandon(call))
        self.later(GIVE_UP, self.lose_patience, call)

    def lose_patience(self, call):
        if not call.final and call.provisional:
            self.cancel(call)
            self.later(GIVE_UP, self.abandon, call)

    def abandon(self, call):
        """The caller goes away without a final response."""
        if not call.final:
            call.caller.over = True
            self.stop(call.caller, "INVITE")
            self.stop(call.caller, "CANCEL")

    def cancel(self, call):
        if call.final or call.cancelled:
            return
        call.cancelled = True
        text = self.head(call, "CANCEL", call.uri, call.branch, 1)
        self.repeat(call.caller, "CANCEL", text, call.proxy)

    def on_caller(self, head, source):
        call = self.by_id.get(field(head, "Call-ID"))
        if not call:
            return
        if head.startswith("BYE"):
            self.answer_bye(call.caller, head, source)
            return
        if not head.startswith("SIP/2.0 "):
            return
        status, method = int(head[8:11]), field(head, "CSeq").split(" ")[1]
        if method == "INVITE":
            self.invite_response(call, status, head)
        elif status >= 200 and method == "CANCEL":
            self.stop(call.caller, "CANCEL")
        elif status >= 200 and method == "BYE":
            self.bye_done(call.caller, status)

    def invite_response(self, call, status, head):
        self.stop(call.caller, "INVITE")
        if status < 200:
            if not call.provisional and call.kind in ("cancel", "cross"):
                self.later(call.cancel_after, self.cancel, call)
            call.provisional = True
        elif status < 300:
            self.stop(call.caller, "CANCEL")
            self.answered(call, head)
        else:
            self.stop(call.caller, "CANCEL")
            if not call.final:
                call.refused_after = time.monotonic() - call.sent_at
            call.final = call.final or status
            text = self.head(call, "ACK", call.uri, call.branch, 1).replace(
                f"To: <sip:{self.number}@proxy>", f"To: {field(head, 'To')}")
            self.send("caller", text, call.proxy)

    def answered(self, call, head):
        side, first = call.caller, not call.final
        call.final = 200
        side.remote, side.target = field(head, "To"), field(head, "Contact").strip("<>")
        side.routes = list(reversed(fields(head, "Record-Route")))
        side.hop = place(side.routes[0])
        self.send("caller", self.in_dialog(side, "ACK", 1), side.hop)
        if not first:
            return
        if call.cancelled or side.over:  # it went away, and hangs up what came up nevertheless
            self.hang_up(side)
        elif call.hangs_up == "caller":
            self.later(call.talk, self.hang_up, side)

    # --- callee -----------------------------------------------------------------------------

    def on_callee(self, head, source):
        call = self.by_id.get(field(head, "Call-ID"))
        method = head.split(" ")[0]
        if not call:
            return
        if method == "INVITE":
            self.invited(call, head, source)
        elif method == "ACK":
            self.acknowledged(call)
        elif method == "CANCEL":
            self.send("callee", self.response(head, 200, call.callee), source)
            if not getattr(call, "replied", 0):
                self.reply(call, 487)
        elif method == "BYE":
            self.answer_bye(call.callee, head, source)
        elif method == "SIP/2.0" and int(head[8:11]) >= 200 and "BYE" in field(head, "CSeq"):
            self.bye_done(call.callee, int(head[8:11]))

    def response(self, head, status, side, extra=""):
        vias = "".join(f"Via: {v}\r\n" for v in fields(head, "Via"))
        to = field(head, "To")
        if ";tag=" not in to:
            to += f";tag=s{id(side):x}"
        routes = "".join(f"Record-Route: {r}\r\n" for r in fields(head, "Record-Route"))
        return (f"SIP/2.0 {status} Text\r\n{vias}{routes}From: {field(head, 'From')}\r\nTo: {to}\r\n"
                f"Call-ID: {field(head, 'Call-ID')}\r\nCSeq: {field(head, 'CSeq')}\r\n{extra}Content-Length: 0\r\n\r\n")

    def invited(self, call, head, source):
        side = call.callee
        if getattr(call, "invite", None):
            return  # a retransmission; our responses are repeated anyway
        call.invite, call.invite_from = head, source
        side.remote, side.target = field(head, "From"), field(head, "Contact").strip("<>")
        side.routes = fields(head, "Record-Route")
        side.hop = place(side.routes[0])
        if call.kind == "silent":
            return
        self.send("callee", self.response(head, 180, side), source)
        self.later(call.ring, self.reply, call, REFUSALS.get(call.kind, 200))

    def reply(self, call, status):
        side = call.callee
        if getattr(call, "replied", 0):
            return
        call.replied = status
        text = self.response(call.invite, status, side, f"Contact: <sip:{self.address['callee']}>\r\n")
        side.local = field(text, "To")
        self.repeat(side, "reply", text, call.invite_from, fail=lambda: status == 200 and self.hang_up(side))

    def acknowledged(self, call):
        side = call.callee
        self.stop(side, "reply")
        if call.replied != 200 or call.answered_at or side.over:
            return
        call.answered_at = time.monotonic()
        self.up += 1
        if self.up > self.most_up:
            self.most_up, self.at_most = self.up, [c.id for c in self.calls if c.up]
        if call.hangs_up == "callee":
            self.later(call.talk, self.hang_up, side)

    # --- both -------------------------------------------------------------------------------

    def in_dialog(self, side, method, cseq):
        routes = "".join(f"Route: {r}\r\n" for r in side.routes)
        return (f"{method} {side.target} SIP/2.0\r\nVia: SIP/2.0/UDP {self.address[side.name]};"
                f"branch=z9hG4bK{method}{id(side):x}{cseq};rport\r\nMax-Forwards: 70\r\n{routes}From: {side.local}\r\n"
                f"To: {side.remote}\r\nCall-ID: {side.call.id}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n")

    def hang_up(self, side):
        if side.over and side.name == "callee" or "BYE" in side.pending or getattr(side, "byed", False):
            return
        side.byed = side.over = True
        side.call.bye_at = time.monotonic()
        self.repeat(side, "BYE", self.in_dialog(side, "BYE", 2), side.hop, longest=4 * GIVE_UP)

    def answer_bye(self, side, head, source):
        side.over = True
        self.stop(side, "reply")
        self.send(side.name, self.response(head, 200, side), source)
        self.over(side.call)

    def bye_done(self, side, _status):
        self.stop(side, "BYE")
        self.over(side.call)

    def over(self, call):
        """One side knows of the other's BYE, or of its answer: no call is up any more."""
        if call.up:
            call.ended_at = time.monotonic()
            self.up -= 1
