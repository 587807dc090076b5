"""Limits: each refusal with its code and Reason, one failed CDR, and nothing left behind."""

import pytest

from harness import wait_for
from harness.bed import Line

OVER = ("udp", "tcp")
CONF = {"sip__no_answer_ms": 1000}


def refusal(line, status, cause, reason):
    """A call that is refused before any target is tried."""
    response = line.refused(status, deadline=1)
    assert response.get("reason").startswith(f'Q.850;cause={cause};text="'), response.get("reason")
    line.primary.expect_nothing(0.05)
    cdr = wait_for(line.cdrs, 1)[0]
    assert (cdr["code"], cdr["reason"], cdr["by"]) == (str(status), reason, "system")
    assert (cdr["answer_ms"], cdr["billed"], cdr["amount"], cdr["attempts"]) == ("0", "0", "0", "")
    return response


@pytest.fixture
def make_line(shared_bed):
    """A Line with other settings of trunk, account or sipmod: make_line(sessions=1)."""
    opened = []

    def make(conf=None, **fields):
        opened.append(Line(shared_bed, shared_bed.sipmod(**{**CONF, **(conf or {})}), **fields))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
        one.customer.settled()


def test_inactive_number(line):
    line.bed.ok("number_update", line.customer.key, "", "0", "", line.number)
    refusal(line, 404, 1, "inactive")
    assert line.cdr()["number"] == line.number
    stats = line.customer.stats("did", line.number)
    assert (stats["processed"], stats["completed"]) == ("1", "0")


def test_number_comes_back(line):
    """A number known to be inactive is asked for again with the next INVITE."""
    line.bed.ok("number_update", line.customer.key, "", "0", "", line.number)
    refusal(line, 404, 1, "inactive")
    line.bed.ok("number_update", line.customer.key, "", "1", "", line.number)
    line.answered().hang_up()
    wait_for(lambda: len(line.cdrs()) == 2, 2)


def test_number_moves_to_another_account(line):
    """The cached owner is stale: asked again, the new owner has the call and its CDR."""
    line.answered().hang_up()
    line.cdr()
    other = Line(line.bed, line.sipmod)
    try:
        line.bed.ok("number_update", line.customer.key, "", "2", "", line.number)
        line.bed.ok("did_release", f"did:{line.number}", line.customer.id)
        other.number = other.customer.number(other.tg, line.number)
        other.answered().hang_up()
        assert other.cdr()["number"] == line.number
        assert len(line.cdrs()) == 1
    finally:
        other.close()
    other.customer.settled()


def test_released_number_is_unknown(line):
    """Gone from did:N: 404, and no record once the owner's list does not have it either."""
    line.answered().hang_up()
    line.cdr()
    line.bed.ok("number_update", line.customer.key, "", "2", "", line.number)
    line.bed.ok("did_release", f"did:{line.number}", line.customer.id)
    assert line.refused(404).get("reason").startswith("Q.850;cause=1;")
    assert len(line.cdrs()) == 1


@pytest.mark.parametrize("code, cause", [(486, 17), (503, 34)])
def test_sessions_of_the_trunk(make_line, code, cause):
    line = make_line({"sip__sessions_code": code}, sessions=2)
    calls = [line.answered(), line.answered()]
    refusal(line, code, cause, "sessions")
    calls.pop().hang_up()
    wait_for(lambda: len(line.customer.live()) == 1, 2)
    calls.append(line.answered())
    for call in calls:
        call.hang_up()


def test_ringing_calls_count_as_sessions(make_line):
    line = make_line(sessions=1)
    invite = line.invite()
    received = line.tried(invite)
    refusal(line, 486, 17, "sessions")
    line.reject(received, 486)
    line.failed(invite, 486)
    wait_for(lambda: line.customer.live() == [], 2)
    line.answered().hang_up()


@pytest.mark.parametrize("status", [486, 487, 404, 408, 500, 503, 603])
def test_a_session_is_given_back_however_the_call_fails(make_line, status):
    """The only session: each call that fails leaves it to the next."""
    line = make_line(sessions=1)
    for _ in range(2):
        invite = line.invite()
        line.reject(line.tried(invite), status)
        line.failed(invite, 500 if status == 503 else status)
        wait_for(lambda: line.customer.busy() == {}, 2)
    line.answered().hang_up()


def test_burst_never_exceeds_the_limit(make_line):
    line = make_line(sessions=5)
    invites = [line.invite() for _ in range(50)]
    seen = {"INVITE": 0, 486: 0}
    ringing = []
    for _ in range(5):
        ringing.append(line.primary.expect("INVITE"))
    ours = {r.call_id for r in ringing}
    for invite in invites:
        if invite.call_id not in ours:
            line.failed(invite, 486)
            seen[486] += 1
    assert seen[486] == 45
    line.primary.expect_nothing(0.05)
    assert line.customer.busy()["all"] == "5"
    for received in ringing:
        line.reject(received, 603)
    for invite in invites:
        if invite.call_id in ours:
            line.failed(invite, 603)
    wait_for(lambda: len(line.cdrs()) == 50, 3)
    assert line.customer.stats("tg", line.tg)["peak"] == "5"


def test_sessions_of_the_account(make_line):
    line = make_line(account={"sessions": 1})
    call = line.answered()
    refusal(line, 486, 17, "sessions")
    call.hang_up()


def test_no_sessions_granted(make_line):
    refusal(make_line(sessions=0), 486, 17, "sessions")


def test_calls_a_second(make_line):
    line = make_line(cps=2)
    for _ in range(2):
        line.reject(line.tried(invite := line.invite()), 486)
        line.failed(invite, 486)
    response = refusal(line, 503, 42, "cps")
    assert response.get("retry-after") == "1"

    def again():
        line.invite()
        return line.primary.recv(0.05)

    received = wait_for(again, 2, "a call after the second has passed", interval=0.2)
    line.reject(received, 486)
    line.carrier.expect(486, call_id=received.call_id)


def test_a_burst_over_two_instances_is_smoothed(make_line):
    """40 calls at once of a trunk that has 30 a second: ten in each quarter of a second."""
    line = make_line(cps=30)
    both = (line.sipmod.target, line.bed.sipmod(sip__node="other").target)
    calls = {}
    for i in range(40):
        invite = line.carrier.invite("1" + line.number)
        calls[invite.call_id] = line.carrier.send(invite, both[i % 2]), both[i % 2]
    for invite, to in calls.values():
        if (received := line.primary.recv(0.02)) is not None:
            line.reject(received, 486)
    for invite, to in calls.values():
        response = line.carrier.expect(lambda m: m.status >= 200, call_id=invite.call_id)
        line.carrier.ack_failure(invite, response, to)
    wait_for(lambda: len(line.cdrs()) == 40, 3)
    times = sorted(int(c["invite_ms"]) for c in line.cdrs() if c["reason"] != "cps")
    assert 10 <= len(times) <= 30
    assert all(b - a >= 250 for a, b in zip(times, times[10:]))


def test_insufficient_balance(make_line):
    line = make_line(credit=99, account={"in_rate": 1000, "in_increment": 6, "in_minimum": 6})
    refusal(line, 402, 21, "balance")
    assert line.customer.balance() == 99


def test_unmetered_needs_no_balance(make_line):
    line = make_line(credit=0, account={"in_rate": 1000}, billing="Unmetered", sessions=5)
    line.answered().hang_up()
    assert line.cdr()["amount"] == "0"


def test_answered_call_is_paid(make_line):
    line = make_line(account={"in_rate": 120, "in_increment": 60, "in_minimum": 60})
    line.answered().hang_up()
    cdr = line.cdr()
    assert (cdr["billed"], cdr["rate"], cdr["amount"]) == ("60", "120", "120")
    assert line.customer.balance() == 1000000 - 120
    assert line.customer.stats("did", line.number)["amount"] == "120"


def test_disabled_trunk(line):
    line.bed.ok("trunk_disable", line.customer.key, line.tg, "in")
    refusal(line, 404, 3, "trunk")


def test_closed_account(line):
    line.bed.ok("account_set", line.customer.key, "status", "0")
    refusal(line, 403, 21, "account")


def test_new_address_is_seen_by_the_next_invite(line):
    line.answered().hang_up()
    line.update(primary_host=line.secondary.host, primary_port=line.secondary.port, primary_prefix="9999")
    invite = line.invite()
    received = line.tried(invite, line.secondary)
    assert received.uri == f"sip:9999{line.number}@{line.secondary.address}"
    line.reject(received, 486, line.secondary)
    line.failed(invite, 486)
    line.primary.expect_nothing(0.02)
    wait_for(lambda: len(line.cdrs()) == 2, 2)


def test_live_calls_are_untouched_by_a_change(line):
    call = line.answered()
    line.update(primary_host=line.secondary.host, primary_port=line.secondary.port)
    call.exchange("INFO")
    call.hang_up()
    assert line.cdr()["target"] == line.primary.address


def test_repeated_refusal_is_one_cdr(make_line):
    """The INVITE comes again with the same branch, after its transaction is known."""
    line = make_line(sessions=0)
    invite = line.invite()
    line.carrier.send(invite)
    line.failed(invite, 486)
    line.carrier.send(invite)
    line.carrier.expect_nothing(0.1, but=(100, 486))
    line.cdr()


def test_two_instances_admit_one_invite_once(line):
    """The same INVITE reaches two instances, as after a failover of the carrier: it holds one session."""
    other = line.bed.sipmod(sip__node="other")
    invite = line.invite()
    received = line.tried(invite)
    line.carrier.send(invite, other.target)
    again = line.tried(invite)
    assert line.customer.busy()["all"] == "1"
    for one in (received, again):
        line.primary.respond(one, 486)
    line.failed(invite, 486)
    line.carrier.ack_failure(invite, line.carrier.expect(486, call_id=invite.call_id), other.target)
    line.cdr()
