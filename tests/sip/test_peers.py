"""Real peers over UDP: Kamailio's dispatcher in front, sipsak."""

import os
import signal
import socket
import subprocess

import pytest

from harness import wait_for
from harness.bed import CARRIER, Bed, Line
from harness.kamailio import Dispatcher
from harness.programs import Sipmod


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


def sipsak(uri):
    done = subprocess.run(["sipsak", "-vv", "-s", uri], capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout + done.stderr


def test_sipsak_is_answered(bed):
    sipmod = Sipmod(bed.workdir, {"redis.address": bed.redis.address}, "four", port=four_digits())
    bed.claim("127.0.0.1", "carrier", "here")
    sipmod.start()
    code, output = sipsak(f"sip:{sipmod.address}")
    assert code == 0 and "SIP/2.0 200 OK" in output, output
    code, output = sipsak(f"sip:nobody@{sipmod.address}")
    assert code != 0 and "SIP/2.0 405" in output, "OPTIONS to a user are not ours to answer"
    sipmod.stop()


@pytest.fixture
def front(bed):
    """Kamailio at the carrier's address, which prefers the first of two sipmods."""
    first, second = bed.sipmod(sip__node="first", sip__drain_s=30), bed.sipmod(sip__node="second")
    dispatcher = Dispatcher(bed.workdir, CARRIER, [first.address, second.address]).start()
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
    answer = line.carrier.expect(lambda m: (m.status or 0) >= 200 or m.status == 180 or m.status == 100,
                                 call_id=invite.call_id)
    received = None
    try:
        received = line.tried(invite, deadline=0.5)
    except AssertionError:
        pass
    if received is None:
        response = answer if answer.status >= 200 else line.carrier.expect(lambda m: (m.status or 0) >= 200,
                                                                           call_id=invite.call_id)
        line.carrier.ack_failure(invite, response)
        return False
    line.reject(received, 486)
    line.failed(invite, 486)
    return hops(received)[0] == other.address
