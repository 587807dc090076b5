"""Calls over TCP, and between TCP and UDP: RFC 3261 section 18, RFC 5658, RFC 5626 keep-alives."""

import time

import pytest

from harness import Dialog, Sipp, StreamPeer, wait_for
from harness.bed import CARRIER, GATEWAY, PRIMARY, SECONDARY, Line
from harness.sip import bare_uri

CONF = {"sip__no_answer_ms": 1000, "sip__t1_ms": 100}
HOSTS = (f"127.0.61.{n}" for n in range(1, 255))  # an address belongs to one trunk
LONG = [("X-Padding", "p" * 1200)]


@pytest.fixture
def tcp(line):
    """The line, with its carrier on TCP."""
    line.udp_carrier, line.carrier = line.carrier, line.peer(CARRIER, kind=StreamPeer)
    return line


def gateway(line, peer, **fields):
    """A termination trunk of a caller on UDP whose calls leave by this gateway; returns the caller."""
    caller = line.peer(next(HOSTS))
    line.customer.exit_trunk(caller.host)
    name = line.bed.gateway(peer.host, peer.port, transport=peer.protocol.lower(), **fields)
    line.bed.route(line.customer.deck, "1", name)
    return caller


def routes(message):
    return [bare_uri(r) for r in message.elements("record-route")]


def test_call_from_tcp_to_udp(tcp):
    call = tcp.answered()
    assert call.received.all("via")[0].startswith(f"SIP/2.0/UDP {tcp.sipmod.address};")
    above, below = routes(call.received)
    assert "transport" not in above and ";transport=tcp" in below, "each side reaches us by its own"
    assert above.split(";tl=")[1] == below.split(";tl=")[1]
    for by in ("caller", "callee"):
        received, _ = call.exchange("INFO", by)
        assert not received.all("route") and not received.all("record-route")
    call.hang_up("callee")
    assert tcp.cdr()["by"] == "callee"


def test_in_dialog_requests_reach_a_caller_that_reconnected(tcp):
    call = tcp.answered()
    tcp.carrier.connections[0].close()
    received, _ = call.exchange("INFO", "callee")
    assert received.source.remote != tcp.sipmod.target, "a connection to the Contact"
    call.hang_up("caller")


def test_call_from_udp_to_a_tcp_gateway(line):
    upstream = line.peer(GATEWAY, kind=StreamPeer)
    caller = gateway(line, upstream)
    invite = caller.send(caller.invite("12125550123"))
    received = upstream.expect("INVITE")
    assert received.uri == f"sip:12125550123@{upstream.address};transport=tcp"
    assert received.all("via")[0].startswith(f"SIP/2.0/TCP {line.sipmod.address};")
    above, below = routes(received)
    assert ";transport=tcp" in above and "transport" not in below
    sent = upstream.respond(received, 200)
    ok = caller.expect(200, call_id=invite.call_id)
    here, there = Dialog.caller(caller, invite, ok), Dialog.callee(upstream, received, sent)
    here.send("ACK")
    assert upstream.expect("ACK").source is received.source, "one connection for all"
    there.send("BYE")
    caller.respond(caller.expect("BYE"), 200)
    upstream.expect(200)
    assert line.cdr()["by"] == "callee"


def test_call_from_tcp_to_tcp_has_one_record_route(tcp):
    upstream = tcp.peer(GATEWAY, kind=StreamPeer)
    caller = tcp.peer(next(HOSTS), kind=StreamPeer)
    tcp.customer.exit_trunk(caller.host)
    tcp.bed.route(tcp.customer.deck, "1", tcp.bed.gateway(upstream.host, upstream.port, transport="tcp"))
    caller.send(caller.invite("12125550123"))
    received = upstream.expect("INVITE")
    assert len(routes(received)) == 1 and ";transport=tcp" in routes(received)[0]
    upstream.respond(received, 486)
    caller.expect(486)
    assert upstream.expect("ACK").source is received.source


def test_nothing_is_sent_again_over_tcp(tcp):
    upstream = tcp.peer(GATEWAY, kind=StreamPeer)
    caller = gateway(tcp, upstream)
    invite = caller.send(caller.invite("12125550123"))
    received = upstream.expect("INVITE")
    upstream.expect_nothing(0.5)
    upstream.respond(received, 486)
    caller.expect(486, call_id=invite.call_id)
    upstream.expect("ACK")
    caller.expect_nothing(0.05, but=(100,))
    invite = tcp.invite("12065550000")
    tcp.carrier.expect(404, call_id=invite.call_id)  # no ACK is sent
    tcp.carrier.expect_nothing(0.5, but=(100,))


def test_cancel_goes_by_the_invites_connection(line):
    upstream = line.peer(GATEWAY, kind=StreamPeer)
    caller = gateway(line, upstream)
    invite = caller.send(caller.invite("12125550123"))
    received = upstream.expect("INVITE")
    upstream.respond(received, 180)
    caller.expect(180, call_id=invite.call_id)
    caller.cancel(invite)
    cancel = upstream.expect("CANCEL")
    assert cancel.source is received.source and cancel.all("via") == received.all("via")[:1]
    upstream.respond(cancel, 200)
    upstream.respond(received, 487)
    assert upstream.expect("ACK").source is received.source
    caller.expect(487, call_id=invite.call_id)
    assert line.cdr()["reason"] == "cancelled"


# --- requests too long for UDP -------------------------------------------------


def test_a_long_request_goes_by_tcp_where_it_is_taken(line):
    both = line.peer(PRIMARY, line.primary.port, kind=StreamPeer)
    invite = line.invite(headers=LONG)
    received = both.expect("INVITE")
    assert received.all("via")[0].startswith("SIP/2.0/TCP")
    assert ";transport=tcp" in routes(received)[0] and "transport" not in routes(received)[1]
    line.primary.expect_nothing(0.05)
    both.respond(received, 486)
    line.failed(invite, 486)
    assert line.cdr()["attempts"] == f"{both.address}=486"


def test_a_long_request_goes_by_udp_where_tcp_is_refused(line):
    started = time.monotonic()
    invite = line.invite(headers=LONG)
    received = line.tried(invite)
    assert time.monotonic() - started < 0.3
    assert received.all("via")[0].startswith("SIP/2.0/UDP") and len(routes(received)) == 1
    assert received.get("x-padding") == LONG[0][1]
    line.connect(invite, received).hang_up()
    assert line.cdr()["attempts"] == f"{line.primary.address}=200"


def test_udp_only(line):
    only = Line(line.bed, line.bed.sipmod(sip__udp_only=True))
    try:
        both = only.peer(PRIMARY, only.primary.port, kind=StreamPeer)
        invite = only.invite(headers=LONG)
        only.reject(only.tried(invite), 486)
        only.failed(invite, 486)
        both.expect_nothing(0.05)
    finally:
        only.close()


# --- connections that fail -----------------------------------------------------


def test_a_refused_connection_leads_to_the_next_gateway_at_once(line):
    upstream = line.peer(SECONDARY, kind=StreamPeer)
    caller = gateway(line, line.peer(GATEWAY, kind=StreamPeer, listen=False))
    line.bed.route(line.customer.deck, "1",
                   line.bed.gateway(upstream.host, upstream.port, transport="tcp"), priority=2)
    started = time.monotonic()
    invite = caller.send(caller.invite("12125550123"))
    received = upstream.expect("INVITE")
    assert time.monotonic() - started < 0.3
    upstream.respond(received, 486)
    caller.expect(486, call_id=invite.call_id)
    assert "=503 " in line.cdr()["attempts"]


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_gateway_that_hangs_up_on_an_invite_has_failed(line, how):
    upstream = line.peer(GATEWAY, kind=StreamPeer)
    caller = gateway(line, upstream)
    invite = caller.send(caller.invite("12125550123"))
    started = time.monotonic()
    getattr(upstream.expect("INVITE").source, how)()
    caller.expect(500, call_id=invite.call_id)
    assert time.monotonic() - started < 0.3
    assert line.cdr()["code"] == "503"


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("ringing", [True, False])
def test_a_caller_that_is_gone_for_good_has_cancelled(tcp, how, ringing):
    """The call is over and its slot is free."""
    invite = tcp.invite()
    received = tcp.tried(invite)
    if ringing:
        tcp.primary.respond(received, 180)
        tcp.carrier.expect(180)
    tcp.carrier.listener.close()
    getattr(tcp.carrier.connections[0], how)()
    if not ringing:
        tcp.primary.respond(received, 180)
    cancel = tcp.primary.expect("CANCEL", 2)
    tcp.primary.respond(cancel, 200)
    tcp.reject(received, 487)
    tcp.customer.settled()
    assert tcp.cdr()["reason"] == "cancelled"
    tcp.carrier.connections.clear()


def test_a_caller_that_lost_its_connection_is_called_back(tcp):
    """Section 18.2.2: responses go to the port of its Via."""
    invite = tcp.invite()
    received = tcp.tried(invite)
    tcp.carrier.connections[0].close()
    tcp.carrier.expect(100, call_id=invite.call_id)
    tcp.connect(invite, received).hang_up()


def test_many_invites_with_abrupt_close(tcp):
    """Nothing is left of them. A reset may come before its INVITE was read, but not to the first."""
    tcp.carrier.listener.close()
    first = None
    for _ in range(50):
        connection = tcp.carrier.connect()
        tcp.carrier.send(tcp.carrier.invite("1" + tcp.number), connection)
        if not first:
            first = tcp.primary.expect("INVITE")
            tcp.primary.respond(first, 180)
        connection.reset()
    tcp.carrier.connections.clear()
    rejecting(tcp.primary, lambda: tcp.cdrs() and not tcp.customer.live(), {first.call_id: first})
    tcp.customer.settled()


def rejecting(callee, done, ringing, deadline=5.0):
    """Rings until it is cancelled, for every call, until done(). ringing: INVITEs that ring already, by Call-ID."""
    end = time.monotonic() + deadline
    while not done():
        assert time.monotonic() < end
        message = callee.recv(0.05)
        if message and message.is_request and message.method == "INVITE":
            ringing[message.call_id] = message
            callee.respond(message, 180)
        elif message and message.is_request and message.method == "CANCEL":
            callee.respond(message, 200)
            callee.respond(ringing[message.call_id], 487)


# --- limits --------------------------------------------------------------------


def limited(line, **conf):
    return Line(line.bed, line.bed.sipmod(**conf))


def test_connections_of_one_address_are_limited(line):
    few = limited(line, sip__connections_per_address=3)
    try:
        peer = few.peer(CARRIER, kind=StreamPeer)
        kept = [peer.connect() for _ in range(3)]
        assert peer.connect().wait_closed() == b""
        kept[0].close()

        def answered():
            connection = peer.connect()
            peer.send(peer.request("OPTIONS", f"sip:{few.sipmod.address}"), connection)
            return peer.recv(0.2)

        assert wait_for(lambda: quiet(answered), 3).status == 200
    finally:
        few.close()


def quiet(action):
    try:
        return action()
    except OSError:
        return None


def test_strangers_connections_make_room(line):
    """When all connections are taken, the oldest that brought nothing goes."""
    few = limited(line, sip__connections=4)
    try:
        idle = few.peer("127.0.0.66", kind=StreamPeer)
        held = [idle.connect() for _ in range(4)]
        peer = few.peer(CARRIER, kind=StreamPeer)
        peer.send(peer.request("OPTIONS", f"sip:{few.sipmod.address}"))
        peer.expect(200)
        held[0].wait_closed()
        assert not any(c.closed for c in held[1:])
    finally:
        few.close()


def test_a_stranger_is_hung_up_on(line):
    stranger = line.peer("127.0.0.66", kind=StreamPeer)
    stranger.send(stranger.invite(line.number))
    assert stranger.connections[0].wait_closed() == b""


def test_slow_and_silent_streams_are_closed(line):
    """A byte now and then does not keep a connection."""
    slow = line.peer(CARRIER, kind=StreamPeer)
    for head in (b"", b"INV"):
        slow.connect().sendall(head)
    known = slow.connect()
    slow.send(slow.request("OPTIONS", f"sip:{line.sipmod.address}"), known)
    slow.expect(200)
    known.sendall(b"OPTIONS")
    started = time.monotonic()
    while not all(c.closed for c in slow.connections) and time.monotonic() - started < 14:
        for connection in slow.connections:
            if not connection.closed:
                quiet(lambda c=connection: c.sendall(b"x") if c is known else None)
                connection.read()
    assert all(c.closed for c in slow.connections)
    assert 9 < time.monotonic() - started < 13


def test_idle_connections_are_closed_and_keep_alives_keep_them(line):
    short = limited(line, sip__stream_idle_s=1)
    try:
        peer = short.peer(CARRIER, kind=StreamPeer)
        idle, kept = peer.connect(), peer.connect()
        for connection in (idle, kept):
            peer.send(peer.request("OPTIONS", f"sip:{short.sipmod.address}"), connection)
            peer.expect(200)
        started = time.monotonic()
        while not idle.closed:
            assert time.monotonic() - started < 3
            kept.sendall(b"\r\n\r\n")
            idle.read()
            kept.read()
        assert time.monotonic() - started > 0.9
        assert not kept.closed and set(kept.buffer) == set(b"\r\n")
    finally:
        short.close()


def test_who_does_not_read_is_hung_up_on(line):
    peer = line.peer(CARRIER, kind=StreamPeer)
    connection = peer.connect()
    options = bytes(peer.request("OPTIONS", f"sip:{line.sipmod.address}"))
    with pytest.raises(OSError):  # whatever the kernel's buffers hold, it is less than this
        for _ in range(2000):
            connection.sendall(options * 100)
    assert wait_for(lambda: "does not read" in line.sipmod.log(), 3)


# --- SIPp ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["t1", "tn"])
def test_sipp_over_tcp(line, mode, tmp_path):
    """SIPp calls by TCP; the callee is SIPp on UDP."""
    uas = Sipp(str(tmp_path), "uas", host="127.0.0.31").start()
    line.update(primary_host=uas.host, primary_port=uas.port)
    uac = Sipp(str(tmp_path), "uac", to=line.sipmod.target, number="1" + line.number, host=CARRIER,
               calls=100, rate=50, options=["-t", mode, "-max_socket", 500])
    stats = uac.finish()
    assert stats["SuccessfulCall"] == 100 and stats["Retransmissions"] == 0
    uas.stop()
    wait_for(lambda: len(line.cdrs()) == 100, 3)
