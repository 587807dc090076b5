"""sipmod killed, drained and started again: each call ends with exactly one CDR."""

import pytest

from harness import wait_for
from harness.bed import Bed, Line

CONF = {"sip__node": "n1", "sip__drain_s": 2}


@pytest.fixture
def line():
    with Bed(aof=True) as bed:
        opened = Line(bed, bed.sipmod(**CONF))
        yield opened
        opened.close()


def boot(line):
    """The id of the start of sipmod that Redis holds for the node."""
    reply = line.bed.ok("node_get", "node:n1")
    return dict(zip(reply[1::2], reply[2::2]))["boot"]


def reap(line, gone="*", answered=True):
    """What trunkd's job does: closes calls of boots that are gone; of a node that is back, not the answered
    ones, whose BYE may still come. Returns how many."""
    return int(line.bed.ok("call_reap", line.customer.key, "n1", gone, 1000, "1" if answered else "")[0])


def crash(line):
    """SIGKILL and a new start; returns the boot that is gone."""
    before = boot(line)
    line.sipmod.kill9()
    line.sipmod.start()
    wait_for(lambda: boot(line) != before, 3, "a new boot")
    return before


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_bye_after_a_crash_is_routed_and_counted_once(line, by):
    call = line.answered()
    wait_for(lambda: line.customer.live()[0]["answer_ms"], 2)
    gone = crash(line)
    assert len(line.customer.live()) == 1
    assert reap(line, gone, answered=False) == 0  # an answered call waits for its BYE
    call.exchange("INFO", "callee" if by == "caller" else "caller")
    call.hang_up(by)
    cdr = line.cdr()
    assert (cdr["code"], cdr["reason"], cdr["by"], cdr["estimated"]) == ("200", "answered", by, "0")
    assert cdr["target"] == line.primary.address and cdr["attempts"] == f"{line.primary.address}=200"
    line.customer.settled()


def test_crash_while_the_bye_is_under_way(line):
    call = line.answered()
    bye = call.caller.send("BYE")
    line.primary.expect("BYE")
    crash(line)
    line.carrier.send(bye, call.caller.next_hop)  # the caller's retransmission
    line.primary.respond(line.primary.expect("BYE"), 200)
    line.carrier.expect(200)
    line.cdr()
    line.customer.settled()


def test_ringing_call_of_a_crashed_instance_is_closed_as_lost(line):
    invite = line.invite()
    line.primary.respond(line.tried(invite), 180)
    line.carrier.expect(180)
    assert reap(line, crash(line), answered=False) == 1
    cdr = line.cdr()
    assert (cdr["reason"], cdr["estimated"], cdr["answer_ms"], cdr["amount"]) == ("lost", "1", "0", "0")
    line.customer.settled()


def test_answered_call_of_an_instance_that_stays_away_is_closed(line):
    line.answered()
    wait_for(lambda: line.customer.live()[0]["answer_ms"], 2)
    line.sipmod.kill9()
    assert reap(line) == 1
    cdr = line.cdr()
    assert (cdr["code"], cdr["reason"], cdr["by"], cdr["estimated"]) == ("200", "lost", "system", "1")
    line.customer.settled()


def test_bye_after_the_reaper_is_not_counted_twice(line):
    call = line.answered()
    wait_for(lambda: line.customer.live()[0]["answer_ms"], 2)
    line.sipmod.kill9()
    assert reap(line) == 1
    line.sipmod.start()
    call.hang_up()
    line.cdr()
    line.customer.settled()


def test_invite_repeated_to_the_restarted_instance_holds_one_session(line):
    """The caller's INVITE had no answer yet when the instance died."""
    invite = line.invite()
    line.tried(invite)
    crash(line)
    line.carrier.send(invite)
    received = line.tried(invite)
    assert line.customer.busy()["all"] == "1"
    line.connect(invite, received).hang_up()
    assert line.cdr()["code"] == "200"
    line.customer.settled()


def test_many_calls_in_every_state(line):
    answered = [line.answered() for _ in range(10)]
    wait_for(lambda: all(c["answer_ms"] for c in line.customer.live()), 2)
    for _ in range(10):
        line.primary.respond(line.tried(line.invite()), 180)
    gone = crash(line)
    for call in answered:
        call.hang_up()
    assert reap(line, gone, answered=False) == 10
    wait_for(lambda: len(line.cdrs()) == 20, 3)
    line.customer.settled()
    cdrs = line.cdrs()
    assert len(cdrs) == len({c["call"] for c in cdrs}) == 20
    assert sorted(c["reason"] for c in cdrs) == ["answered"] * 10 + ["lost"] * 10


def test_redis_and_sipmod_crash_together(line):
    call = line.answered()
    wait_for(lambda: line.customer.live()[0]["answer_ms"], 2)
    line.bed.redis.kill9()
    line.sipmod.kill9()
    line.bed.redis.start()
    line.sipmod.start()
    call.hang_up()
    assert line.cdr()["reason"] == "answered"
    line.customer.settled()


# --- drain ------------------------------------------------------------------------


def test_drain_lets_a_ringing_call_through(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180)
    line.sipmod.signal(15)
    wait_for(lambda: "draining" in line.sipmod.log(), 2)
    line.carrier.send(line.carrier.request("OPTIONS", f"sip:{line.sipmod.address}"))
    response = line.carrier.expect(503)
    assert response.get("retry-after")
    response = line.refused(503, "1" + line.number)
    assert response.get("retry-after") and response.get("reason").startswith("Q.850;cause=41;")
    call = line.connect(invite, received)
    line.sipmod.wait_exit(3)
    line.sipmod.start()
    call.hang_up()
    assert line.cdr()["reason"] == "answered"
    line.customer.settled()


def test_drain_of_an_idle_instance_is_quick(line):
    call = line.answered()
    line.sipmod.stop(1)  # an answered call needs no instance
    line.sipmod.start()
    call.hang_up()
    line.cdr()
    line.customer.settled()


def test_drain_does_not_wait_for_ever(line):
    invite = line.invite()
    line.primary.respond(line.tried(invite), 180)
    line.sipmod.signal(15)
    line.sipmod.wait_exit(4)
    assert reap(line) == 1
    assert line.cdr()["reason"] == "lost"
    line.customer.settled()


def test_bye_at_the_very_end_is_counted(line):
    call = line.answered()
    call.hang_up()
    line.sipmod.stop(3)
    line.cdr()
    line.customer.settled()
