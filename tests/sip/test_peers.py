"""Real peers: sipsak, and Kamailio in front and behind over UDP and TCP (over TLS: test_tls.py)."""

import itertools
import os
import signal
import socket
import subprocess

import pytest

from harness import wait_for
from harness.bed import CARRIER, Bed, ExitLine, Line
from harness.kamailio import Kamailio
from harness.programs import Sipmod

_hosts = (f"127.0.63.{n}" for n in itertools.count(1))


@pytest.fixture
def bed():
    with Bed() as opened:
        yield opened


def four_digits():
    """A free port that sipsak can write: it cuts longer ones."""
    for port in range(7000 + os.getpid() % 1000, 10000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port")


def sipsak(uri, *options):
    done = subprocess.run(["sipsak", "-vv", *options, "-s", uri], capture_output=True, text=True, timeout=20,
                          check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def pinged(bed):
    """A sipmod for which sipsak at 127.0.0.1 is a carrier."""
    sipmod = Sipmod(bed.workdir, {"redis.address": bed.redis.address}, "four", port=four_digits())
    bed.claim("127.0.0.1", "carrier", "here")
    yield sipmod.start()
    sipmod.stop()


def test_sipsak_is_answered(pinged):
    code, output = sipsak(f"sip:{pinged.address}")
    assert code == 0 and "SIP/2.0 200 OK" in output, output
    code, output = sipsak(f"sip:nobody@{pinged.address}")
    assert code != 0 and "SIP/2.0 405" in output, "OPTIONS to a user are not ours to answer"


def test_sipsak_pings_through_kamailio(bed, pinged):
    """OPTIONS by way of a proxy; with the proxy gone nobody answers."""
    proxy = Kamailio(bed.workdir, CARRIER, f"sip:{pinged.address}", port=four_digits()).start()
    code, output = sipsak(f"sip:{pinged.address}", "-p", proxy.address)
    assert code == 0 and "SIP/2.0 200 OK" in output, output
    proxy.kill9()
    code, output = sipsak(f"sip:{pinged.address}", "-p", proxy.address)
    assert code != 0 and "200 OK" not in output, output


@pytest.fixture
def front(bed):
    """Kamailio at the carrier's address, which prefers the first of two sipmods."""
    first, second = bed.sipmod(sip__node="first", sip__drain_s=30), bed.sipmod(sip__node="second")
    dispatcher = Kamailio(bed.workdir, CARRIER, hops=[f"sip:{first.address}", f"sip:{second.address}"]).start()
    line = Line(bed, first)
    line.carrier.to = dispatcher.target
    yield line, first, second
    line.close()
    dispatcher.discard()


def invite_through(line):
    """An INVITE by way of the dispatcher; returns it and what the callee received."""
    invite = line.invite()
    return invite, line.tried(invite)


def hops(received):
    return [via.split()[1].split(";")[0] for via in received.elements("via")]


def test_calls_through_a_dispatcher(front):
    line, first, _ = front
    invite, received = invite_through(line)
    assert hops(received)[0] == first.address and len(hops(received)) == 3
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    call = line.connect(invite, received)
    call.exchange("INFO", by="callee")
    call.exchange("INFO", by="caller")
    call.hang_up(by="callee")
    line.refused(404, "12065550000")
    line.customer.settled()


def test_a_dispatcher_moves_away_from_who_drains(front):
    """OPTIONS are answered 503 from then on; the call that rings is brought to its end."""
    line, first, second = front
    ringing, rings_at = invite_through(line)
    line.primary.respond(rings_at, 180)
    first.signal(signal.SIGTERM)
    wait_for(lambda: moved(line, second), 15, "calls go to the other")
    assert first.alive
    call = line.connect(ringing, rings_at)
    first.wait_exit(15)
    assert call.ok.status == 200


def moved(line, other):
    """Places a call; whether it came by the other sipmod (or was refused: not yet)."""
    invite = line.invite()
    final = lambda m: m.call_id == invite.call_id and (m.status or 0) >= 200
    came = wait_for(lambda: soon(line.primary, "INVITE", invite) or soon(line.carrier, final, invite), 5)
    if not came.is_request:
        line.carrier.ack_failure(invite, came)
        return False
    line.reject(came, 486)
    line.failed(invite, 486)
    return hops(came)[0] == other.address


def soon(peer, what, invite):
    """What has come for this call, or None."""
    try:
        return peer.expect(what, 0.02, call_id=invite.call_id)
    except AssertionError:
        return None


# --- Kamailio on both sides -----------------------------------------------------


@pytest.fixture(params=["udp", "tcp"])
def between(request, shared_bed):
    """A customer's Kamailio calls, a gateway is a Kamailio: both speak this transport with sipmod."""
    line = ExitLine(shared_bed, shared_bed.sipmod())
    front = Kamailio(shared_bed.workdir, line.carrier.host,
                     f"sip:{line.sipmod.address};transport={request.param}").start()
    behind = Kamailio(shared_bed.workdir, next(_hosts), f"sip:{line.primary.address}").start()
    line.bed.ok("gateway_set", f"gw:{{{line.gateway}}}", "host", behind.host, "port", behind.port,
                "transport", request.param)
    line.heard(f"gateway {line.gateway}: {behind.address}")
    line.carrier.to, line.front, line.behind, line.word = front.target, front, behind, request.param.upper()
    yield line
    line.close()
    line.customer.settled()
    front.stop(code=None)
    behind.stop(code=None)


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_call_from_kamailio_to_kamailio(between, by):
    call = between.answered()
    assert hops(call.received) == [between.behind.address, between.sipmod.address, between.front.address,
                                   between.carrier.address]
    assert [v.split()[0].split("/")[2] for v in call.received.elements("via")] == ["UDP", *[between.word] * 2, "UDP"]
    for side in ("caller", "callee"):
        call.exchange("INFO", side, body="v=0\r\n")
    here, there = (call.caller, call.callee) if by == "caller" else (call.callee, call.caller)
    call.exchange("INVITE", by)
    here.send("ACK", cseq=here.cseq)
    there.peer.expect("ACK", call_id=here.call_id)
    call.hang_up(by)
    cdr = between.cdr()
    assert (cdr["by"], cdr["code"], cdr["target"]) == (by, "200", between.behind.address)
    assert cdr["source"].split(":")[0] == between.front.host


def test_cancel_from_kamailio_to_kamailio(between):
    invite, received = invite_through(between)
    between.primary.respond(received, 180)
    between.carrier.expect(180, call_id=invite.call_id)
    between.carrier.cancel(invite)
    between.primary.respond(between.primary.expect("CANCEL", call_id=invite.call_id), 200)
    between.reject(received, 487)
    between.failed(invite, 487)
    assert between.cdr()["reason"] == "cancelled"


def test_refusal_from_kamailio_to_kamailio(between):
    invite, received = invite_through(between)
    between.reject(received, 486)
    between.failed(invite, 486)
    assert between.cdr()["attempts"] == f"{between.behind.address}=486"


def test_next_gateway_after_a_kamailio_that_died(between):
    second = between.peer("127.0.0.6")
    between.add_gateway(second, "1206", priority=2)
    between.behind.kill9()
    invite = between.invite()
    received = between.tried(invite, second)
    between.connect(invite, received, second).hang_up()
    assert between.cdr()["attempts"] == f"{between.behind.address}=503 {second.address}=200"


def test_call_to_a_customers_kamailio(line):
    """From a carrier to a trunk whose address is a Kamailio before the customer's equipment."""
    edge = Kamailio(line.bed.workdir, next(_hosts), f"sip:{line.primary.address}").start()
    line.update(primary_host=edge.host, primary_port=edge.port)
    call = line.answered()
    assert call.received.uri == f"sip:5555{line.number}@{edge.address}"
    for by in ("callee", "caller"):
        call.exchange("INFO", by)
    call.hang_up("callee")
    assert line.cdr()["by"] == "callee"
    edge.stop(code=None)
