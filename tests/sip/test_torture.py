"""RFC 4475 and RFC 5118 over the wire: every message as it stands, from a listed source.

What a proxy must forward is sent twice: untouched, for the refusal that its foreign Request-URI
deserves, and behind a Route of a call of ours, which leads it to a callee byte for byte.
"""

import itertools
import os
import re
import select
import socket

import pytest

from harness import torture
from harness.bed import Line
from harness.ports import free_port
from harness.process import make_workdir, remove_workdir
from harness.programs import Sipmod
from harness.sip import Dialog, Message

CONF = {"sip__t1_ms": 50}
CASES = torture.cases()
IPV6 = torture.cases("ipv6")
REQUESTS = [c for c in CASES if c[1] not in ("DROP", "RSP-MATCH")]
FORWARDED = [c for c in CASES if c[1].startswith("FWD")]
REFUSALS = {403, 404, 405, 481}  # of what is well-formed but leads nowhere
_serial = itertools.count(os.getpid() % 1000 * 1000)


def statuses(required):
    """Which final statuses an outcome of INDEX.tsv allows."""
    allowed = {int(word) for word in re.findall(r"\b[45]\d\d\b", required)}
    if "4xx" in required:
        allowed.add(400)
    if "FWD" in required:
        allowed |= REFUSALS
    return allowed


def fresh(raw):
    """The message with a Call-ID and branch of its own; several of the RFC's share one, as
    retransmissions would."""
    serial = next(_serial)
    raw = re.sub(rb"(?i)(\n(?:call-id|i)\s*:\s*)", rb"\1again%d." % serial, raw, count=1)
    return re.sub(rb"z9hG4bK(?=[-\w.!%*+`'~])", b"z9hG4bKx%d" % serial, raw, count=1)


def serial_of(raw):
    found = re.search(rb"again(\d+)\.", raw)
    return found and found[1]


class Sender:
    """A listed source at the ports that the messages' Vias name."""

    def __init__(self, bed, target, host):
        self.bed, self.target, self.host = bed, target, host
        bed.claim(host, "carrier", "torture")
        self.sockets = {port: self.open(port) for port in (5060, 5050, 5070, 6050, 19823)}

    def open(self, port):
        s = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((self.host, port))
        return s

    def close(self):
        for s in self.sockets.values():
            s.close()
        self.bed.release(self.host, "carrier", "torture")

    def send(self, raw):
        port = re.match(rb"(?s).*?\n(?:Via|v)\s*:[^\n]*?[\w\]]:(\d+)\s*[;\r]", raw)
        self.socket = self.sockets.get(int(port[1]) if port else 5060, self.sockets[5060])
        self.sent = serial_of(raw)
        self.socket.sendto(raw, self.target)

    def final(self, deadline=5.0):
        """Status of the next final response to what was sent last; 0: none within the deadline."""
        while True:
            ready, _, _ = select.select(list(self.sockets.values()), [], [], deadline)
            if not ready:
                return 0
            response = ready[0].recv(65536)
            status = int(response.split(b" ")[1])
            if status >= 200 and serial_of(response) in (None, self.sent):
                return status


@pytest.fixture
def sender(line):
    host = f"127.{10 + os.getpid() % 200}.0.{2 + next(_serial) % 250}"
    opened = Sender(line.bed, line.sipmod.target, host)
    probe(opened, line.sipmod.address)
    yield opened
    probe(opened, line.sipmod.address)
    opened.close()


def probe(sender, address):
    """The sender is known and the proxy in good health: OPTIONS is answered."""
    for _ in range(50):
        sender.send(b"OPTIONS sip:%b SIP/2.0\r\nVia: SIP/2.0/UDP %b:5060;branch=z9hG4bKprobe%d\r\n"
                    b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: again%d.\r\nCSeq: 1 OPTIONS\r\n"
                    b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
                    % (address.encode(), bracketed(sender.host).encode(), next(_serial), next(_serial)))
        if sender.final(0.1) == 200:
            return
    pytest.fail("OPTIONS is not answered")


def bracketed(host):
    return f"[{host}]" if ":" in host else host


@pytest.mark.parametrize("file,required", REQUESTS)
def test_request_as_it_stands(line, sender, file, required):
    sender.send(fresh(torture.load(file)))
    status = sender.final()
    assert status in statuses(required), f"{file}: {status}"
    line.primary.expect_nothing(0.01)


@pytest.mark.parametrize("file", [f for f, required in CASES if required in ("DROP", "RSP-MATCH")])
def test_response_of_nobody_goes_nowhere(line, sender, file):
    sender.send(torture.load(file))
    assert sender.final(0.1) == 0
    line.primary.expect_nothing(0.01)


# --- forwarded byte for byte ----------------------------------------------------


@pytest.fixture(scope="module")
def route(shared_bed):
    """The parameter of our Record-Route in a call that is over: it leads requests for good."""
    line = Line(shared_bed, shared_bed.sipmod(**CONF))
    call = line.answered()
    call.hang_up()
    line.customer.settled()
    line.close()
    return re.search(r"tl=[^;>]+", call.received.get("record-route"))[0]


def routed(raw, own, callee):
    """The message behind two Routes: ours, and that of a callee."""
    start, rest = raw.split(b"\r\n", 1)
    return b"%b\r\nRoute: <%b>\r\nRoute: <%b>\r\n%b" % (start, own.encode(), callee.encode(), rest)


def without_our_edits(raw):
    """What came out, less our Via, the second Route, what we know of the hop before, and Max-Forwards."""
    raw = re.sub(rb"Via: SIP/2.0/UDP [^\r]*;branch=z9hG4bKtl[^\r]*\r\n", b"", raw, count=1)
    raw = re.sub(rb"Route: <[^\r]*>\r\n", b"", raw, count=1)
    return without_hops(without_received(re.sub(rb"rport=\d+", b"rport", raw, count=1)))


def without_received(raw):
    """Less the received of the first Via, which the proxy knows better."""
    via = re.search(rb"(?is)\n(?:via|v)\s*:.*?(?=\r\n\S|\r\n\r\n)", raw)[0]
    return raw.replace(via, re.sub(rb";received=[^;,\r]+", b"", via, count=1), 1)


def without_hops(raw):
    return re.sub(rb"(?i)(max-forwards\s*:\s*)0*\d+", rb"\1n", raw, count=1)


def check_forwarded(file, sent, came):
    expected = without_hops(without_received(sent))
    got = without_our_edits(came)
    if b"Max-Forwards: n\r\n" in got and b"orwards" not in expected.title():
        got = got.replace(b"Max-Forwards: n\r\n", b"", 1)
    if file.startswith("dblreq"):
        expected = expected[:expected.index(b"\r\n\r\n") + 4]
    assert got == expected


# Over TCP dblreq is two messages, and inv2543 has no end: both are cases of test_request_over_tcp.
CARRIED = [(file, carried) for file, _ in FORWARDED for carried in ("udp", "tcp")
           if carried == "udp" or file not in ("dblreq.dat", "inv2543.dat")]


@pytest.mark.parametrize("file,carried", CARRIED)
def test_request_is_forwarded_byte_for_byte(line, sender, route, file, carried):
    sent = fresh(torture.load(file))
    message = routed(sent, f"sip:{line.sipmod.address};lr;{route}", f"sip:{line.primary.address};lr")
    if carried == "udp":
        sender.send(message)
    else:
        connection = socket.create_connection(line.sipmod.target, 5, (sender.host, 0))
        connection.sendall(message)
    came = line.primary.expect(lambda m: serial_of(m.raw) == serial_of(sent))
    check_forwarded(file, sent, came.raw)
    came.set("to", re.sub(r"\s*=\s*", "=", came.get("to")))
    line.primary.respond(came, 486)
    if carried == "tcp":
        assert first_final(connection) == 486
        connection.close()
    else:
        assert sender.final() == 486


# --- over TCP -------------------------------------------------------------------


def sent_over_tcp(target, source, file, required):
    """The final status that a message brings over TCP is one of those allowed."""
    raw = fresh(torture.load(file))
    with socket.create_connection(target, 5, (source, 0)) as connection:
        connection.sendall(raw)
        if file in ("clerr.dat", "baddn.dat"):
            connection.settimeout(0.2)
            with pytest.raises(socket.timeout):
                connection.recv(65536)
        else:
            connection.settimeout(5)
            unframed = {400} if b"ontent-Length" not in raw and b"\nl:" not in raw else set()
            assert first_final(connection) in statuses(required) | unframed


@pytest.mark.parametrize("file,required", REQUESTS)
def test_request_over_tcp(shared_bed, file, required):
    """The same statuses; where the end of a message can't be found it is waited for, or all is closed."""
    line = Line(shared_bed, shared_bed.sipmod(sip__t1_ms=60))
    sent_over_tcp(line.sipmod.target, line.carrier.host, file, required)
    line.refused(404, "12065550000")
    line.close()


@pytest.mark.parametrize("file", [f for f, required in CASES if required in ("DROP", "RSP-MATCH")])
def test_response_of_nobody_goes_nowhere_over_tcp(line, file):
    """And the proxy is well."""
    with socket.create_connection(line.sipmod.target, 5, (line.carrier.host, 0)) as connection:
        connection.sendall(torture.load(file))
        connection.settimeout(0.1)
        try:
            assert connection.recv(65536) == b""  # hung up on
        except socket.timeout:
            pass
    line.primary.expect_nothing(0.01)
    line.refused(404, "12065550000")


def first_final(connection):
    data = b""
    while True:
        found = re.search(rb"(?:^|\r\n)SIP/2\.0 ([2-6]\d\d) ", data)
        if found:
            return int(found[1])
        more = connection.recv(65536)
        assert more, data
        data += more


# --- responses ------------------------------------------------------------------


@pytest.mark.parametrize("file,status", [("unreason.dat", 200), ("noreason.dat", 100)])
def test_odd_reason_phrase_of_a_live_call(line, file, status):
    """An answer with this status line counts; it goes back as it came."""
    invite = line.invite()
    received = line.tried(invite)
    start = torture.load(file).split(b"\r\n")[0]
    template = b"\r\n".join(bytes_of(received, line.primary, status).split(b"\r\n")[1:])
    line.primary.send(start + b"\r\n" + template, received.source)
    if status == 200:
        ok = line.carrier.expect(200, call_id=invite.call_id)
        assert ok.raw.split(b"\r\n")[0] == start
        caller = Dialog.caller(line.carrier, invite, ok)
        caller.send("ACK")
        line.primary.expect("ACK", call_id=invite.call_id)
        caller.send("BYE")
        line.primary.respond(line.primary.expect("BYE", call_id=invite.call_id), 200)
        line.carrier.expect(lambda m: "BYE" in m.get("cseq"), call_id=invite.call_id)
    else:
        line.reject(received, 486)
        line.failed(invite, 486)


def bytes_of(received, peer, status):
    """A response as respond() would send it."""
    sent = []
    original, peer.send = peer.send, lambda message, to=None: sent.append(bytes(message))
    peer.respond(received, status)
    peer.send = original
    return sent[0]


@pytest.mark.parametrize("name", ["bigcode", "scalarlg"])
def test_responses_beyond_numbers_are_dropped(line, name):
    """Even to a request of ours: the call goes on and the next response counts."""
    invite = line.invite()
    received = line.tried(invite)
    response = bytes_of(received, line.primary, 486)
    if name == "bigcode":
        response = response.replace(b"SIP/2.0 486", b"SIP/2.0 4294967301")
    else:
        response = re.sub(rb"CSeq: \d+", b"CSeq: 9292394834772304023312", response)
    line.primary.send(response, received.source)
    line.primary.expect_nothing(0.1, but=("INVITE",))
    line.reject(received, 480)
    line.failed(invite, 480)


# --- RFC 5118 -------------------------------------------------------------------


@pytest.fixture(scope="module")
def six(shared_bed):
    """A sipmod at ::1, and a listed sender and a callee there."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        try:
            s.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
    workdir = make_workdir("six")
    sipmod = Sipmod(workdir, {"redis.address": shared_bed.redis.address, "sip.t1_ms": 50}, "six", host="::1",
                    port=free_port()).start()
    sender = Sender(shared_bed, ("::1", sipmod.port), "::1")
    sender.callee = sender.open(0)
    yield sipmod, sender
    sender.close()
    sipmod.stop()
    remove_workdir(workdir)


@pytest.mark.parametrize("file,required", IPV6)
def test_ipv6_request_as_it_stands(six, file, required):
    sipmod, sender = six
    probe(sender, sipmod.address)
    sender.send(fresh(torture.load(file)))
    assert sender.final() in statuses(required)
    probe(sender, sipmod.address)


@pytest.mark.parametrize("file,required", IPV6)
def test_ipv6_request_over_tcp(six, file, required):
    sipmod, sender = six
    probe(sender, sipmod.address)
    sent_over_tcp(("::1", sipmod.port), "::1", file, required)
    probe(sender, sipmod.address)


@pytest.mark.parametrize("carried", ["udp", "tcp"])
@pytest.mark.parametrize("file,required", [c for c in IPV6 if c[1] == "FWD"])
def test_ipv6_request_is_forwarded_byte_for_byte(six, route, file, required, carried):
    sipmod, sender = six
    probe(sender, sipmod.address)
    sent = fresh(torture.load(file))
    callee = f"sip:[::1]:{sender.callee.getsockname()[1]};lr"
    message = routed(sent, f"sip:{sipmod.address};lr;{route}", callee)
    connection = socket.create_connection(("::1", sipmod.port), 5, ("::1", 0))
    connection.sendall(message) if carried == "tcp" else sender.send(message)
    sender.callee.settimeout(5)
    came, source = b"", None
    while serial_of(came) != serial_of(sent):
        came, source = sender.callee.recvfrom(65536)
    check_forwarded(file, sent, came)
    request = Message.parse(came)
    request.source = source
    response = "SIP/2.0 480 Gone\r\n" + "".join(f"Via: {v}\r\n" for v in request.all("via"))
    response += f"From: {request.get('from')}\r\nTo: {request.get('to')};x=1\r\nCall-ID: {request.call_id}\r\n"
    response += f"CSeq: {request.get('cseq')}\r\nContent-Length: 0\r\n\r\n"
    sender.callee.sendto(response.encode(), source)
    assert (first_final(connection) if carried == "tcp" else sender.final()) == 480
    connection.close()
