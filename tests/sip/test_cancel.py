"""CANCEL at every moment of a call's set-up (RFC 3261 section 9, 16.10)."""

from harness import wait_for

OVER = ("udp", "tcp")
CONF = {"sip__no_answer_ms": 2000}


def cancelled(line, invite, deadline=5.0):
    """CANCEL is answered 200 at once, the INVITE 487."""
    line.carrier.cancel(invite)
    line.carrier.expect(lambda m: m.status == 200 and "CANCEL" in m.get("cseq"), 1, call_id=invite.call_id)
    return line.failed(invite, 487, deadline)


def obey(line, received, callee=None):
    """The callee's part: 200 to the CANCEL, 487 to the INVITE."""
    callee = callee or line.primary
    cancel = callee.expect("CANCEL", call_id=received.call_id)
    assert cancel.uri == received.uri
    assert cancel.all("via") == received.all("via")[:1]
    for name in ("from", "to", "call-id", "route"):
        assert cancel.all(name) == received.all(name), name
    assert cancel.get("cseq") == f"{received.cseq} CANCEL"
    callee.respond(cancel, 200)
    line.reject(received, 487, callee)


def test_cancel_while_ringing(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.carrier.cancel(invite)
    line.carrier.expect(lambda m: m.status == 200 and "CANCEL" in m.get("cseq"), call_id=invite.call_id)
    obey(line, received)
    line.failed(invite, 487)
    cdr = line.cdr()
    assert (cdr["code"], cdr["reason"], cdr["by"], cdr["answer_ms"]) == ("487", "cancelled", "caller", "0")
    assert int(cdr["ring_ms"]) > 0


def test_cancel_before_any_provisional_waits_for_one(line):
    """Section 9.1: no CANCEL before a provisional response came."""
    invite = line.invite()
    received = line.tried(invite)
    line.carrier.cancel(invite)
    line.carrier.expect(200, call_id=invite.call_id)
    line.primary.expect_nothing(0.2)
    line.primary.respond(received, 100)
    obey(line, received)
    line.failed(invite, 487)
    assert line.cdr()["reason"] == "cancelled"


def test_cancel_to_a_dead_callee_ends_with_its_patience(line):
    """Nothing ever comes from the primary: 487, and the secondary is not bothered."""
    line.add_secondary()
    invite = line.invite()
    line.tried(invite)
    cancelled(line, invite)
    line.secondary.expect_nothing(0.05)
    assert line.cdr()["reason"] == "cancelled"


def test_200_after_487(line):
    """The caller was told that it is cancelled: the callee that answers all the same is ended."""
    invite = line.invite()
    received = line.tried(invite)
    cancelled(line, invite)
    line.primary.respond(received, 200)
    line.primary.expect("ACK", call_id=invite.call_id)
    line.primary.respond(line.primary.expect("BYE", call_id=invite.call_id), 200)
    line.carrier.expect_nothing(0.05, but=(100,))
    assert line.cdr()["reason"] == "cancelled"


def test_cancel_crosses_200(line):
    """The callee answered first: the call stands, and its caller ends it."""
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.carrier.cancel(invite)
    line.carrier.expect(lambda m: m.status == 200 and "CANCEL" in m.get("cseq"), call_id=invite.call_id)
    cancel = line.primary.expect("CANCEL", call_id=invite.call_id)
    line.primary.respond(cancel, 481)
    call = line.connect(invite, received)
    call.hang_up()
    cdr = line.cdr()
    assert (cdr["code"], cdr["reason"]) == ("200", "answered")


def test_cancel_after_200_changes_nothing(line):
    call = line.answered()
    line.carrier.cancel(call.invite)
    line.carrier.expect(lambda m: "CANCEL" in (m.get("cseq") or "") and m.status == 200)
    line.primary.expect_nothing(0.05)
    line.wait_live()
    call.hang_up()


def test_cancel_during_admission(line):
    """Redis takes its time: the INVITE is never forwarded, the call is over and counted once."""
    line.bed.redis.client.client_pause(150)
    invite = line.invite()
    line.carrier.expect(100, call_id=invite.call_id)
    cancelled(line, invite)
    line.primary.expect_nothing(0.05)
    wait_for(lambda: line.customer.live() == [], 2)


def test_cancel_after_failover_reaches_the_secondary(line):
    line.add_secondary()
    invite = line.invite()
    line.reject(line.tried(invite), 503)
    second = line.tried(invite, line.secondary)
    line.secondary.respond(second, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.carrier.cancel(invite)
    line.carrier.expect(lambda m: m.status == 200 and "CANCEL" in m.get("cseq"), call_id=invite.call_id)
    obey(line, second, line.secondary)
    line.failed(invite, 487)
    line.primary.expect_nothing(0.02)
    assert line.cdr()["reason"] == "cancelled"


def test_server_failure_after_cancel_is_not_retried(line):
    line.add_secondary()
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.carrier.cancel(invite)
    line.primary.respond(line.primary.expect("CANCEL", call_id=invite.call_id), 200)
    line.reject(received, 503)
    line.failed(invite, 487)
    line.secondary.expect_nothing(0.05)
    assert line.cdr()["reason"] == "cancelled"


def test_repeated_cancel_is_answered_again(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    for _ in range(3):
        line.carrier.cancel(invite)
        ok = line.carrier.expect(lambda m: m.status == 200 and "CANCEL" in m.get("cseq"), call_id=invite.call_id)
        assert ok.tag("to")
    obey(line, received)
    line.failed(invite, 487)
    line.primary.expect_nothing(0.05)  # one CANCEL went on


def test_cancel_of_an_in_dialog_invite(line):
    call = line.answered()
    invite = call.caller.send("INVITE", body="v=0\r\n")
    received = line.primary.expect("INVITE", call_id=invite.call_id)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.carrier.cancel(invite)
    obey(line, received)
    line.failed(invite, 487)
    line.wait_live()  # the call itself goes on
    call.hang_up()
    assert line.cdr()["reason"] == "answered"
