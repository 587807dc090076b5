"""Primary, secondary, call forwarding: when the next target has its turn, and what comes back."""

import time

import pytest

from harness import Dialog, StreamPeer, wait_for
from harness.bed import CARRIER, GATEWAY, SECONDARY

OVER = ("udp", "tcp")
CONF = {"sip__no_answer_ms": 300}


@pytest.mark.parametrize("status", [408, 500, 501, 502, 503, 504, 580])
def test_secondary_after_a_failed_primary(line, status):
    line.add_secondary()
    invite = line.invite()
    line.reject(line.tried(invite), status)
    received = line.tried(invite, line.secondary)
    assert received.uri == f"sip:7777{line.number}@{line.secondary.address}"
    line.connect(invite, received, line.secondary).hang_up()
    cdr = line.cdr()
    assert cdr["attempts"] == f"{line.primary.address}={status} {line.secondary.address}=200"
    assert (cdr["target"], cdr["code"]) == (line.secondary.address, "200")


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 407, 410, 415, 480, 481, 484, 486, 488, 491, 600, 603,
                                    604, 606])
def test_other_refusals_are_passed_back_and_not_retried(line, status):
    line.add_secondary()
    invite = line.invite()
    line.reject(line.tried(invite), status, headers=[("Reason", 'Q.850;cause=17;text="x"')])
    response = line.failed(invite, status)
    assert response.get("reason") == 'Q.850;cause=17;text="x"'
    line.secondary.expect_nothing(0.05)
    cdr = line.cdr()
    assert (cdr["code"], cdr["by"], cdr["attempts"]) == (str(status), "callee", f"{line.primary.address}={status}")


def test_secondary_after_no_answer(line):
    line.add_secondary()
    started = time.monotonic()
    invite = line.invite()
    line.tried(invite)
    received = line.tried(invite, line.secondary)
    assert 0.28 < time.monotonic() - started < 1.0
    line.connect(invite, received, line.secondary).hang_up()
    assert line.cdr()["attempts"] == f"{line.primary.address}=408 {line.secondary.address}=200"


def test_a_ringing_primary_keeps_the_call(line):
    line.add_secondary()
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 100)
    line.secondary.expect_nothing(0.5)
    line.connect(invite, received).hang_up()


def test_failure_after_ringing_still_leads_to_the_secondary(line):
    line.add_secondary()
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.reject(received, 503)
    received = line.tried(invite, line.secondary)
    line.secondary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.connect(invite, received, line.secondary).hang_up()


def test_secondary_at_once_when_nobody_listens(line):
    """The ICMP error counts, not a timer."""
    host, port = line.closed_port()
    line.update(primary_host=host, primary_port=port)
    line.add_secondary()
    started = time.monotonic()
    invite = line.invite()
    received = line.tried(invite, line.secondary)
    assert time.monotonic() - started < 0.15
    line.connect(invite, received, line.secondary).hang_up()
    assert line.cdr()["attempts"] == f"{host}:{port}=503 {line.secondary.address}=200"


def test_nobody_listens_at_all(line):
    line.update(primary_port=line.closed_port()[1])
    line.add_secondary(target=line.closed_port(SECONDARY))
    line.refused(500, deadline=1)
    cdr = line.cdr()
    assert (cdr["code"], cdr["reason"], cdr["by"]) == ("503", "unreachable", "system")


def test_host_name_that_does_not_exist(line):
    line.update(primary_host="no-such-host.invalid")
    line.add_secondary()
    invite = line.invite()
    received = line.tried(invite, line.secondary)
    line.reject(received, 486, line.secondary)
    line.failed(invite, 486)


def test_host_name_stays_in_the_request_uri(line):
    line.update(primary_host="localhost", primary_port=(callee := line.peer("127.0.0.1")).port)
    invite = line.invite()
    received = line.tried(invite, callee)
    assert received.uri == f"sip:5555{line.number}@localhost:{callee.port}"
    line.reject(received, 486, callee)
    line.failed(invite, 486)


@pytest.mark.parametrize("first, second, best", [(503, 486, 486), (500, 404, 404), (408, 486, 486), (503, 503, 500),
                                                 (500, 503, 500), (504, 603, 603), (500, 502, 500)])
def test_best_response_when_both_fail(line, first, second, best):
    """Section 16.7 step 6; a 503 is not passed on."""
    line.add_secondary()
    invite = line.invite()
    line.reject(line.tried(invite), first)
    line.reject(line.tried(invite, line.secondary), second, line.secondary)
    line.failed(invite, best)


def test_a_real_answer_is_better_than_our_own_408(line):
    line.add_secondary()
    invite = line.invite()
    line.tried(invite)
    line.reject(line.tried(invite, line.secondary), 486, line.secondary)
    line.failed(invite, 486)
    assert line.cdr()["code"] == "486"


def test_nobody_answers(line):
    line.add_secondary()
    started = time.monotonic()
    line.refused(408)
    assert 0.55 < time.monotonic() - started < 1.5
    cdr = line.cdr()
    assert (cdr["code"], cdr["reason"], cdr["by"], cdr["answer_ms"]) == ("408", "no-answer", "system", "0")


def test_late_200_of_the_primary_is_passed_on(line):
    """Both were asked; who answers first has the call, and the other one stops ringing."""
    line.add_secondary()
    invite = line.invite()
    first = line.tried(invite)
    second = line.tried(invite, line.secondary)
    line.secondary.respond(second, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    call = line.connect(invite, first)
    cancel = line.secondary.expect("CANCEL", 1, call_id=invite.call_id)
    assert cancel.get("via") == second.get("via")
    line.secondary.respond(cancel, 200)
    line.reject(second, 487, line.secondary)
    call.hang_up()
    cdr = line.cdr()
    assert (cdr["code"], cdr["target"]) == ("200", line.primary.address)


def ended_by_us(line, peer, received, tag=None):
    """A callee whose 200 comes when no call stands for it: it gets an ACK and a BYE, the caller hears nothing."""
    sent = peer.respond(received, 200, tag=tag)
    ack, bye = (peer.expect(method, call_id=received.call_id) for method in ("ACK", "BYE"))
    for request, cseq in ((ack, received.cseq), (bye, received.cseq + 1)):
        assert (request.tag("from"), request.tag("to")) == (received.tag("from"), sent.tag("to"))
        assert (request.cseq, request.uri) == (cseq, sent.get("contact").strip("<>"))
    peer.respond(bye, 200)
    line.carrier.expect_nothing(0.05, but=(100,))
    return sent


def test_both_answer(line):
    """The first answer has the call; the other one is ended, so that no call is up that isn't counted."""
    line.add_secondary()
    invite = line.invite()
    first = line.tried(invite)
    second = line.tried(invite, line.secondary)
    kept = line.connect(invite, first)
    ended_by_us(line, line.secondary, second)
    assert len(line.wait_live()) == 1
    kept.exchange("INFO")
    kept.hang_up()
    assert line.cdr()["code"] == "200"


def test_one_callee_answers_twice(line):
    """Forked behind the target: what is up is one dialog."""
    call = line.answered()
    ended_by_us(line, line.primary, call.received, tag="other")
    line.primary.respond(call.received, 200)  # its own is a retransmission
    assert line.carrier.expect(200, call_id=call.invite.call_id).tag("to") == call.ok.tag("to")
    call.hang_up()
    assert line.cdr()["code"] == "200"


def test_dialogs_without_end_are_bounded(line):
    call = line.answered()
    for n in range(4):
        ended_by_us(line, line.primary, call.received, tag=f"n{n}")
    line.primary.respond(call.received, 200, tag="n5")
    line.primary.expect_nothing(0.1)
    line.carrier.expect_nothing(0.02)
    call.hang_up()


def test_bye_of_another_dialog_does_not_end_the_call(line):
    """The callee that was too late hangs up by itself: the call with the other one goes on, and is counted."""
    line.add_secondary()
    invite = line.invite()
    first = line.tried(invite)
    second = line.tried(invite, line.secondary)
    kept = line.connect(invite, first)
    sent = ended_by_us(line, line.secondary, second, tag="other")
    Dialog.callee(line.secondary, second, sent).send("BYE")
    bye = line.carrier.expect("BYE", call_id=invite.call_id)
    line.carrier.respond(bye, 481)
    line.secondary.expect(481, call_id=invite.call_id)
    line.wait_live()
    assert line.cdrs() == []
    kept.hang_up()


def test_200_after_the_caller_was_told_of_a_failure(line):
    invite = line.invite()
    received = line.tried(invite)
    line.failed(invite, 408)
    ended_by_us(line, line.primary, received)
    line.primary.respond(received, 200)  # the ACK was lost
    line.primary.expect("ACK", call_id=invite.call_id)
    line.primary.expect_nothing(0.05)
    cdr = line.cdr()
    assert (cdr["code"], cdr["answer_ms"], cdr["amount"]) == ("408", "0", "0")


def test_200_to_a_call_that_was_closed(line):
    """Its end was booked while it rang, by the reaper: it never comes up."""
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    live, = line.wait_live()
    line.bed.ok("call_finish", line.customer.key, live["call"], "408", "lost", "system", *[""] * 5, "0", "1")
    line.primary.respond(received, 200)
    line.failed(invite, 500)
    ended_by_us(line, line.primary, received)  # it repeats its 200
    assert line.cdr()["reason"] == "lost"


def test_200_after_the_callers_transaction_is_gone(line):
    """Over TCP that is at once (timer I is 0)."""
    line.carrier = line.peer(CARRIER, kind=StreamPeer)
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.carrier.cancel(invite)
    line.carrier.expect(lambda m: m.status == 200 and "CANCEL" in m.get("cseq"), call_id=invite.call_id)
    line.primary.respond(line.primary.expect("CANCEL"), 200)
    line.reject(received, 487)
    line.failed(invite, 487)
    invite = line.invite()
    received = line.tried(invite)
    line.failed(invite, 408)
    line.carrier.close()
    wait_for(lambda: len(line.cdrs()) == 2, 3)
    line.primary.respond(received, 200)
    line.primary.expect("ACK", call_id=invite.call_id)
    line.primary.respond(line.primary.expect("BYE", call_id=invite.call_id), 200)


def test_late_200_by_record_routes(line):
    """The BYE goes the way that the callee's side recorded, not straight to its Contact."""
    edge = line.peer("127.0.0.8")
    invite = line.invite()
    received = line.tried(invite)
    line.failed(invite, 408)
    received.headers.insert(0, ("Record-Route", f"<sip:{edge.address};lr>"))
    line.primary.respond(received, 200)
    for method in ("ACK", "BYE"):
        request = edge.expect(method, call_id=invite.call_id)
        assert request.all("route") == [f"<sip:{edge.address};lr>"]
        assert request.uri == f"sip:{line.primary.address}"
    edge.respond(request, 200)


def test_late_refusal_of_the_primary_changes_nothing(line):
    line.add_secondary()
    invite = line.invite()
    first = line.tried(invite)
    second = line.tried(invite, line.secondary)
    line.reject(first, 603)
    line.connect(invite, second, line.secondary).hang_up()


def test_late_ringing_of_the_primary_is_cancelled(line):
    line.add_secondary()
    invite = line.invite()
    first = line.tried(invite)
    second = line.tried(invite, line.secondary)
    line.primary.respond(first, 180)
    cancel = line.primary.expect("CANCEL", 1, call_id=invite.call_id)
    line.primary.respond(cancel, 200)
    line.reject(first, 487)
    line.connect(invite, second, line.secondary).hang_up()
    line.carrier.expect_nothing(0.05, but=(100,))


# --- call forwarding -----------------------------------------------------------


def forwarded(line, **route):
    """Lets the trunk forward to a number that a gateway takes; returns the gateway's peer."""
    peer = line.peer(GATEWAY)
    gateway = line.bed.gateway(peer.host, peer.port, prefix="99")
    line.bed.route(line.customer.deck, "1206", gateway, **route)
    line.update(forward="12065550199")
    return peer


def test_call_forwarding_after_both_have_failed(line):
    line.add_secondary()
    peer = forwarded(line)
    invite = line.invite()
    line.reject(line.tried(invite), 503)
    line.reject(line.tried(invite, line.secondary), 500, line.secondary)
    received = line.tried(invite, peer)
    assert received.uri == f"sip:9912065550199@{peer.address}"
    line.connect(invite, received, peer).hang_up()
    cdr = line.cdr()
    assert cdr["target"] == peer.address and cdr["number"] == line.number and cdr["direction"] == "in"


def test_call_forwarding_without_a_secondary(line):
    peer = forwarded(line)
    line.update(primary_port=line.closed_port()[1])
    invite = line.invite()
    line.reject(line.tried(invite, peer), 486, peer)
    line.failed(invite, 486)


def test_call_forwarding_is_not_for_the_busy(line):
    peer = forwarded(line)
    invite = line.invite()
    line.reject(line.tried(invite), 486)
    line.failed(invite, 486)
    peer.expect_nothing(0.05)


def test_call_forwarding_without_a_route(line):
    line.update(forward="442071234567")
    invite = line.invite()
    line.reject(line.tried(invite), 502)
    line.failed(invite, 502)


def test_reinvite_has_the_time_of_timer_b(line):
    """No next target is waiting, so sip.no_answer_ms is not its limit."""
    call = line.answered()
    invite = call.caller.send("INVITE", body="v=0\r\n")
    received = line.primary.expect("INVITE")
    line.carrier.expect_nothing(1.2, but=(100,))
    line.primary.respond(received, 200)
    line.carrier.expect(lambda m: m.status == 200 and m.cseq == invite.cseq)
    call.caller.send("ACK", cseq=invite.cseq)
    line.primary.expect("ACK")
    call.hang_up()
