"""Session timers through the proxy (RFC 4028)."""

import time

import pytest

from harness.bed import Line

OVER = ("udp", "tcp")
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


@pytest.mark.parametrize("minimum, least", [((), "2"), ((("Min-SE", "1"),), "2"), ((("Min-SE", "5"),), "5")])
def test_who_does_not_know_timers_is_not_refused(line, minimum, least):
    """Section 8.1: what another proxy asked for in its name is raised, with the minimum."""
    received = forwarded(line, ("Session-Expires", "1;refresher=uas"), *minimum)
    assert received.all("session-expires") == [f"{least};refresher=uas"] and received.all("min-se") == [least]


@pytest.mark.parametrize("value", ["soon", "", "-1", "1 0", "99999999999999999999"])
def test_timers_that_make_no_sense_are_left_alone(line, value):
    assert forwarded(line, TIMER, ("Session-Expires", value)).all("session-expires") == [value]
    assert forwarded(line, ("Session-Expires", "1"), ("Min-SE", value)).all("min-se") == [value]


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


def accepted(line, asked=(TIMER,), answer=()):
    """A call whose callee answers with these headers; returns it with the 200 that the caller got."""
    invite = line.invite(headers=list(asked))
    received = line.tried(invite)
    respond = line.primary.respond
    line.primary.respond = lambda *args, **kwargs: respond(*args, **kwargs, headers=list(answer))
    call = line.connect(invite, received)
    line.primary.respond = respond
    return call, call.ok


def test_a_caller_alone_with_timers_refreshes(line):
    """Section 8.2: the callee knows none; the caller is told that it refreshes."""
    call, ok = accepted(line)
    assert (ok.all("session-expires"), ok.all("require")) == (["600;refresher=uac"], ["timer"])
    call.hang_up()


def test_required_options_of_the_callee_stay(line):
    call, ok = accepted(line, answer=[("Require", "100rel, x")])
    assert (ok.all("session-expires"), ok.all("require")) == (["600;refresher=uac"], ["100rel, x, timer"])
    call.hang_up()


def test_what_the_callee_agrees_to_is_passed_on(line):
    call, ok = accepted(line, answer=[("Session-Expires", "300;refresher=uas"), ("Require", "timer")])
    assert (ok.all("session-expires"), ok.all("require")) == (["300;refresher=uas"], ["timer"])
    call.hang_up()


@pytest.mark.parametrize("asked", [(), (("Session-Expires", "5"),)])
def test_nobody_knows_timers(line, asked):
    call, ok = accepted(line, asked)
    assert ok.all("session-expires") == ok.all("require") == []
    call.hang_up()


def test_repeated_200_says_the_same(line):
    call, ok = accepted(line)
    line.primary.respond(call.received, 200)
    again = line.carrier.expect(200, call_id=call.invite.call_id)
    assert (again.all("session-expires"), again.all("require")) == (["600;refresher=uac"], ["timer"])
    call.hang_up()


def test_a_session_that_the_caller_does_not_refresh_ends(line):
    call, ok = accepted(line, [TIMER, ("Session-Expires", "2")])
    assert ok.get("session-expires") == "2;refresher=uac"
    assert 1900 <= ended(line, call) <= 4000


@pytest.mark.parametrize("method, by", [("UPDATE", "caller"), ("INVITE", "callee")])
def test_a_refresh_that_the_other_side_does_not_understand(line, method, by):
    """Section 8.2 for requests inside the dialog, from either side."""
    call = line.answered()
    received, ok = call.exchange(method, by, headers=[TIMER])
    assert received.get("session-expires") == "600"
    assert (ok.all("session-expires"), ok.all("require")) == (["600;refresher=uac"], ["timer"])
    if method == "INVITE":
        call.callee.send("ACK")
    call.hang_up()


def test_by_default_answers_are_left_to_the_ends(shared_bed):
    line = Line(shared_bed, shared_bed.sipmod())
    call, ok = accepted(line, [TIMER, ("Session-Expires", "1800")])
    assert ok.all("session-expires") == ok.all("require") == []
    call.hang_up()
    line.close()


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
