"""Drain and reload: SIGTERM once and twice, SIGHUP, and a restart between two requests of a call."""

import signal
import time

import pytest

from harness import StreamPeer, wait_for
from harness.bed import CARRIER, Bed, Line


@pytest.fixture
def bed():
    with Bed() as opened:
        yield opened


OVER = pytest.mark.parametrize("over", ["udp", "tcp"])


def opened(bed, over, **conf):
    """A Line whose carrier calls by this."""
    line = Line(bed, bed.sipmod(**conf))
    if over == "tcp":
        line.carrier = line.peer(CARRIER, kind=StreamPeer)
    return line


def drain(line):
    line.sipmod.signal(signal.SIGTERM)
    wait_for(lambda: "draining" in line.sipmod.log(), 3)


def options(line):
    message = line.carrier.send(line.carrier.request("OPTIONS", f"sip:{line.sipmod.address}"))
    return line.carrier.expect(lambda m: m.status, call_id=message.call_id)


@OVER
def test_draining_turns_new_calls_away_and_finishes_those_in_setup(bed, over):
    line = opened(bed, over, sip__drain_s=30)
    talking = line.answered()
    invite = line.invite()
    received = line.tried(invite)
    drain(line)
    answer = options(line)
    assert answer.status == 503 and int(answer.get("retry-after")) > 0
    refusal = line.refused(503)
    assert int(refusal.get("retry-after")) > 0
    talking.exchange("INFO")
    talking.hang_up()
    assert line.sipmod.alive, "a call still rings"
    line.primary.respond(received, 180)
    line.connect(invite, received)
    line.sipmod.wait_exit(10)
    cdrs = line.customer.cdrs()
    assert len(cdrs) == 1 and cdrs[0]["reason"] == "answered"
    line.close()


def test_a_second_sigterm_ends_at_once(bed):
    line = Line(bed, bed.sipmod(sip__drain_s=300))
    line.tried(line.invite())
    drain(line)
    began = time.monotonic()
    line.sipmod.signal(signal.SIGTERM)
    line.sipmod.wait_exit(5)
    assert time.monotonic() - began < 3
    line.close()


@OVER
def test_a_restart_loses_no_established_call(bed, over):
    line = opened(bed, over)
    calls = [line.answered() for _ in range(5)]
    line.sipmod.restart()
    for call in calls:
        call.exchange("INFO", by="callee")
        call.hang_up(by="callee")
    line.customer.settled()
    assert [c["reason"] for c in line.customer.cdrs()] == ["answered"] * 5
    assert {c["by"] for c in line.customer.cdrs()} == {"callee"}
    line.close()


@OVER
def test_sighup_rereads_limits_and_keeps_calls(bed, over):
    line = opened(bed, over, sip__transactions_max=2)
    talking = line.answered()
    ringing = [line.invite() for _ in range(2)]
    received = [line.tried(invite) for invite in ringing]
    line.refused(503)
    rewrite(line.sipmod, "transactions_max = 2", "transactions_max = 3")
    line.sipmod.signal(signal.SIGHUP)
    wait_for(lambda: "settings reread" in line.sipmod.log(), 3)
    ringing.append(line.invite())
    received.append(line.tried(ringing[-1]))
    line.refused(503)
    for invite, got in zip(ringing, received):
        line.reject(got, 486)
        line.failed(invite, 486)
    talking.hang_up()
    line.customer.settled()
    line.close()


def test_sighup_with_a_bad_file_changes_nothing(bed):
    line = Line(bed, bed.sipmod(sip__transactions_max=2))
    rewrite(line.sipmod, "transactions_max = 2", "transactions_max = many")
    line.sipmod.signal(signal.SIGHUP)
    wait_for(lambda: "settings not reread" in line.sipmod.log(), 3)
    rewrite(line.sipmod, "transactions_max = many", "transactions_max = 2")
    line.answered().hang_up()
    line.customer.settled()
    line.close()


def rewrite(sipmod, old, new):
    """Changes a line of a sipmod's settings."""
    path = sipmod.argv[sipmod.argv.index("-c") + 1]
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert old in text
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))
