"""Retransmissions and timers of RFC 3261 section 17 and RFC 6026, with T1 of 50 ms."""

import time

import pytest

from harness import Dialog, new_branch, wait_for

CONF = {"sip__t1_ms": 50, "sip__no_answer_ms": 1500, "sip__timer_c_s": 1}
T1 = 0.05


def gaps(times):
    return [b - a for a, b in zip(times, times[1:])]


def arrivals(peer, what, seconds):
    """Times of arrival within so many seconds of the first."""
    times, end = [], None
    while end is None or time.monotonic() < end:
        message = peer.recv(end - time.monotonic() if end else 2)
        if message is None:
            break
        if (message.method if message.is_request else message.status) == what:
            times.append(time.monotonic())
            end = end or times[0] + seconds
    return times


def roughly(measured, wanted):
    assert len(measured) >= len(wanted), (measured, wanted)
    for got, want in zip(measured, wanted):
        assert want - 0.03 < got < want + 0.15, (measured, wanted)


def test_repeated_invite_is_absorbed(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    for _ in range(3):
        line.carrier.send(invite)
        line.carrier.expect(180, 1, call_id=invite.call_id)  # the latest response again
    line.primary.expect_nothing(0.1)
    call = line.connect(invite, received)
    line.carrier.send(invite)  # after the 200: silence, the callee repeats its own
    line.carrier.expect_nothing(0.1, but=(100,))
    line.primary.expect_nothing(0.02)
    call.hang_up()
    line.cdr()


def test_final_response_is_repeated_until_ack(line):
    """Timer G doubles, up to T2; the ACK stops it and goes no further."""
    invite = line.invite(number="12065550000")
    times = arrivals(line.carrier, 404, 0.8)
    roughly(gaps(times), [T1, 2 * T1, 4 * T1])
    line.carrier.send(invite)
    line.failed(invite, 404)
    line.carrier.expect_nothing(0.1, but=(100, 404))
    line.carrier.expect_nothing(0.5)


def test_ack_of_a_refusal_stays_here_and_the_callee_gets_ours(line):
    invite = line.invite()
    received = line.tried(invite)
    line.reject(received, 486)
    response = line.failed(invite, 486)
    line.primary.expect_nothing(0.1)
    line.carrier.ack_failure(invite, response)  # once more
    line.primary.expect_nothing(0.1)


def test_our_ack_is_by_the_book(line):
    """Section 17.1.1.3."""
    invite = line.invite(headers=[("Route", "<sip:192.0.2.1;lr>")])
    received = line.tried(invite)
    response = line.primary.respond(received, 486)
    ack = line.primary.expect("ACK", call_id=invite.call_id)
    assert ack.uri == received.uri and ack.all("via") == received.all("via")[:1]
    assert ack.get("to") == response.get("to") and ack.get("from") == received.get("from")
    assert ack.get("cseq") == f"{received.cseq} ACK" and ack.all("route") == received.all("route")
    line.failed(invite, 486)


def test_callees_refusal_repeated_is_acknowledged_again(line):
    invite = line.invite()
    received = line.tried(invite)
    for _ in range(3):
        line.reject(received, 486)
    line.failed(invite, 486)
    line.carrier.expect_nothing(0.1, but=(100,))


def test_invite_is_repeated_with_growing_gaps(line):
    """Timer A doubles without bound."""
    invite = line.invite()
    times = arrivals(line.primary, "INVITE", 0.9)
    roughly(gaps(times), [T1, 2 * T1, 4 * T1, 8 * T1])
    line.failed(invite, 408)


def test_a_provisional_response_stops_the_repeats(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 100)
    line.primary.expect_nothing(0.05, but=("INVITE",))
    line.primary.expect_nothing(0.3)
    line.connect(invite, received).hang_up()


def test_repeated_200_is_passed_each_time(line):
    """Section 13.3.1.4: the callee repeats its 2xx until the ACK; we pass it, without any of our own."""
    invite = line.invite()
    received = line.tried(invite)
    for _ in range(4):
        sent = line.primary.respond(received, 200)
        ok = line.carrier.expect(200, call_id=invite.call_id)
    line.carrier.expect_nothing(0.2, but=(100,))
    caller = Dialog.caller(line.carrier, invite, ok)
    for _ in range(2):
        caller.send("ACK", branch="z9hG4bKsame")
        line.primary.expect("ACK", call_id=invite.call_id)
    callee = Dialog.callee(line.primary, received, sent)
    callee.send("BYE")
    line.carrier.respond(line.carrier.expect("BYE"), 200)
    line.primary.expect(200)
    line.cdr()


def test_bye_is_repeated_by_us_and_ours_is_absorbed(line):
    call = line.answered()
    bye = call.caller.send("BYE")
    times = arrivals(line.primary, "BYE", 0.4)
    roughly(gaps(times), [T1, 2 * T1])
    line.carrier.send(bye, call.caller.next_hop)
    received = line.primary.expect("BYE")
    line.primary.respond(received, 200)
    ok = line.carrier.expect(200)
    line.primary.expect_nothing(0.1, but=("BYE",))
    line.carrier.send(bye, call.caller.next_hop)
    assert line.carrier.expect(200, 1).raw == ok.raw  # from memory
    line.primary.expect_nothing(0.1)


def test_timer_f_ends_a_bye_that_nobody_answers(line):
    """64 T1: 408 to the caller, and the call is over."""
    call = line.answered()
    call.caller.send("BYE")
    line.carrier.expect(408, 64 * T1 + 1)
    assert line.cdr()["by"] == "caller"


def test_timer_c_ends_endless_ringing(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    cancel = line.primary.expect("CANCEL", 2, call_id=invite.call_id)
    line.primary.respond(cancel, 200)
    line.reject(received, 487)
    response = line.carrier.expect(lambda m: (m.status or 0) >= 400, call_id=invite.call_id)
    assert response.status in (408, 487)
    line.carrier.ack_failure(invite, response)
    assert line.cdr()["reason"] in ("no-answer", "cancelled")


def test_timer_c_starts_anew_with_each_provisional(line):
    invite = line.invite()
    received = line.tried(invite)
    for _ in range(3):
        line.primary.respond(received, 183)
        line.primary.expect_nothing(0.5)
    line.connect(invite, received).hang_up()


def test_ringing_callee_that_dies_ends_after_timer_c(line):
    """No answer to the CANCEL either: 64 T1 later the caller hears of it."""
    line.add_secondary(target=line.closed_port("127.0.0.4"))
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.primary.expect("CANCEL", 2, call_id=invite.call_id)
    response = line.carrier.expect(lambda m: (m.status or 0) >= 400, 64 * T1 + 2, call_id=invite.call_id)
    line.carrier.ack_failure(invite, response)
    line.cdr()


def test_old_callers_without_a_branch_cookie(line):
    """RFC 2543: the transaction is found by what else is alike (section 17.2.3)."""
    invite = line.carrier.invite(line.number, branch="1")
    line.carrier.send(invite)
    received = line.tried(invite)
    line.primary.respond(received, 100)  # no retransmission of ours comes between
    line.carrier.send(invite)
    line.primary.expect_nothing(0.03)
    line.reject(received, 486)
    response = line.carrier.expect(486, call_id=invite.call_id)
    line.carrier.ack_failure(invite, response)
    line.carrier.expect_nothing(0.05, but=(100, 486))
    line.carrier.expect_nothing(0.3)


def test_same_branch_and_method_of_another_host_is_another_transaction(line):
    branch = new_branch()
    first, second = line.invite(branch=branch), line.carrier.invite(line.number)
    second.set("Via", f"SIP/2.0/UDP 192.0.2.50:5060;rport;branch={branch}")
    line.carrier.send(second)
    for invite in (first, second):
        line.reject(line.tried(invite), 486)
        line.failed(invite, 486)
    wait_for(lambda: len(line.cdrs()) == 2, 2)


@pytest.mark.parametrize("how", ["same", "new branch"])
def test_a_caller_that_repeats_after_the_end_is_not_a_new_call(line, how):
    """A straggler of the INVITE, after its final response was acknowledged."""
    invite = line.invite()
    line.reject(line.tried(invite), 486)
    line.failed(invite, 486)
    if how == "same":
        line.carrier.send(invite)
        line.primary.expect_nothing(0.1)
        line.cdr()
    else:  # another branch is another attempt (section 8.1.3.5), as after a challenge
        again = line.invite(call_id=invite.call_id, cseq=2)
        line.reject(line.tried(again), 486)
        line.failed(again, 486)
        wait_for(lambda: len(line.cdrs()) == 2, 2)
