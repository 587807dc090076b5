"""Session timers through the proxy (RFC 4028)."""

import time

import pytest

from harness.bed import Line

CONF = {"sip__session_expires_s": 600, "sip__session_min_s": 2}
TIMER = ("Supported", "timer")


def forwarded(line, *headers):
    """What the callee gets of an INVITE with these headers; the call is refused."""
    invite = line.invite(headers=list(headers))
    received = line.tried(invite)
    line.reject(received, 486)
    line.failed(invite, 486)
    return received


def test_a_call_without_a_timer_gets_one(line):
    assert forwarded(line).all("session-expires") == ["600"]


@pytest.mark.parametrize("name", ["Session-Expires", "x"])
def test_a_longer_timer_is_lowered(line, name):
    assert forwarded(line, TIMER, (name, "1800;refresher=uac")).all(name) == ["600;refresher=uac"]


def test_a_shorter_timer_is_left_alone(line):
    assert forwarded(line, TIMER, ("Session-Expires", "300")).get("session-expires") == "300"


def test_no_timer_is_lowered_below_the_callers_minimum(line):
    received = forwarded(line, TIMER, ("Session-Expires", "1800"), ("Min-SE", "900"))
    assert received.get("session-expires") == "900"


def test_too_short_a_timer_is_refused(line):
    response = line.refused(422, "1" + line.number, headers=[TIMER, ("Session-Expires", "1")])
    assert response.get("min-se") == "2"
    line.primary.expect_nothing(0.05)


def test_who_does_not_know_timers_is_not_refused(line):
    assert forwarded(line, ("Session-Expires", "1")).get("session-expires") == "1"


def test_by_default_timers_are_left_to_the_ends(shared_bed):
    line = Line(shared_bed, shared_bed.sipmod())
    assert forwarded(line).all("session-expires") == []
    assert forwarded(line, TIMER, ("Session-Expires", "1800")).get("session-expires") == "1800"
    line.close()


def answered(line, seconds):
    """A call whose 2xx agrees on this interval."""
    invite = line.invite(headers=[TIMER])
    received = line.tried(invite)
    respond = line.primary.respond
    line.primary.respond = lambda *args, **kwargs: respond(
        *args, **kwargs, headers=[("Session-Expires", f"{seconds};refresher=uac"), ("Require", "timer")])
    call = line.connect(invite, received)
    line.primary.respond = respond
    return call


def ended(line, call):
    """Both sides get a BYE, and the CDR says why."""
    for dialog in (call.caller, call.callee):
        dialog.peer.respond(dialog.peer.expect("BYE", deadline=10), 200)
    cdr = line.cdr()
    assert (cdr["reason"], cdr["by"], cdr["code"]) == ("expired", "system", "200")
    return int(cdr["ms"])


def test_a_session_that_is_not_refreshed_ends(line):
    call = answered(line, 2)
    assert 1900 <= ended(line, call) <= 4000


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_refresh_keeps_the_session(line, method):
    call = answered(line, 2)
    time.sleep(1.2)  # the middle of the interval is what is tested
    call.caller.send(method, headers=[TIMER, ("Session-Expires", "2;refresher=uac")])
    received = line.primary.expect(method, call_id=call.caller.call_id)
    line.primary.respond(received, 200, headers=[("Session-Expires", "2;refresher=uac"), ("Require", "timer")])
    line.carrier.expect(lambda m: m.status == 200 and method in m.get("cseq"), call_id=call.caller.call_id)
    if method == "INVITE":
        call.caller.send("ACK")
    assert ended(line, call) >= 3000


def test_a_refresh_without_a_timer_ends_the_watch(line):
    call = answered(line, 2)
    call.exchange("UPDATE")
    line.primary.expect_nothing(2.5, but=("ACK",))
    call.hang_up()
