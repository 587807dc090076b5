"""A customer's call to a number of ours: it doesn't leave, and both accounts book their leg of it."""

import pytest

from harness import StreamPeer, UdpPeer, wait_for
from harness.bed import OnnetLine
from test_hangup import expect_bye

CONF = {"sip__no_answer_ms": 300, "sip__t1_ms": 100}


@pytest.fixture
def make(shared_bed):
    """An OnnetLine with other settings: make(same=True)."""
    opened = []

    def open_one(conf=None, **fields):
        opened.append(OnnetLine(shared_bed, shared_bed.sipmod(**{**CONF, **(conf or {})}), **fields))
        return opened[-1]

    yield open_one
    for one in opened:
        one.settled()
        one.close()


@pytest.fixture(params=[UdpPeer, StreamPeer], ids=["udp", "tcp"])
def kind(request):
    """The transport that the caller speaks."""
    return request.param


@pytest.fixture
def net(make, kind):
    return make(kind=kind)


# --- calls ------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_both_legs_are_booked(net, by):
    call = net.answered()
    assert call.received.uri == f"sip:5555{net.number}@{net.primary.address}"
    first, second = net.ids()
    assert second == f"{first}-1"
    call.exchange("INFO", "callee")
    call.exchange("INFO", "caller")
    call.hang_up(by)
    out, into = net.legs()
    both = {"target": net.primary.address, "callid": call.invite.call_id, "code": "200",
            "reason": "answered", "by": by, "attempts": f"{net.primary.address}=200", "upstream": "on-net",
            "estimated": "0"}
    expected = {"call": first, "tg": net.exit_tg, "number": f"1{net.number}", "rate": "120", "amount": "12"}
    assert {k: out[k] for k in {**both, **expected}} == {**both, **expected}
    expected = {"call": second, "tg": net.tg, "number": net.number, "rate": "0"}
    assert {k: into[k] for k in {**both, **expected}} == {**both, **expected}
    assert net.caller.balance() == 1000000 - 12
    assert net.caller.stats("tg", net.exit_tg)["completed"] == net.customer.stats("did", net.number)["completed"] == "1"


@pytest.mark.parametrize("dialled", ["{n}", "1{n}", "+1{n}"])
def test_every_spelling_is_the_number(net, dialled):
    invite = net.invite(dialled.format(n=net.number))
    net.reject(net.tried(invite), 486)
    net.failed(invite, 486)
    out, into = net.legs()
    assert (out["number"], into["number"]) == (f"1{net.number}", net.number)
    assert [(c["code"], c["reason"], c["by"], c["amount"]) for c in (out, into)] == [("486", "busy", "callee", "0")] * 2


def test_one_account_calls_itself(make, kind):
    line = make(kind=kind, same=True)
    call = line.answered()
    line.ids()
    assert line.customer.busy()["all"] == "2"
    call.hang_up()
    out, into = line.legs()
    assert out["call"] + "-1" == into["call"]


def test_number_of_nobody_leaves(net):
    invite = net.invite("12069990000")
    net.reject(net.tried(invite, net.upstream), 486, net.upstream)
    net.failed(invite, 486)
    cdr = net.caller.cdr()
    assert (cdr["upstream"], cdr["call"].count("-")) == (net.gateway, 0)


def test_number_that_was_given_up_leaves(net):
    """Nobody remembers whose it was."""
    net.answered().hang_up()
    net.legs()
    net.bed.ok("number_update", net.customer.key, "", "2", "", net.number)
    net.bed.ok("did_release", f"did:{net.number}", net.customer.id)
    net.bed.ok("saga_done", net.customer.key, f"cancel:{net.number}")
    invite = net.invite()
    net.reject(net.tried(invite, net.upstream), 486, net.upstream)
    net.failed(invite, 486)
    wait_for(lambda: len(net.caller.cdrs()) == 2, 3)
    assert len(net.cdrs()) == 1


# --- price ------------------------------------------------------------------------


def price(line):
    line.answered().hang_up()
    out, into = line.legs()
    return out["rate"], out["billed"], into["rate"]


def test_price_of_the_deck(make):
    assert price(make(rate="600:60:60", account={"in_rate": "85"})) == ("600", "60", "85")


def test_price_of_the_account(make):
    assert price(make(rate="600:60:60", caller={"onnet_rate": "40"})) == ("40", "6", "0")


def test_account_that_pays_nothing_on_net(make):
    assert price(make(rate="600:60:60", caller={"onnet_rate": "0", "in_increment": 1, "in_minimum": 1})
                 ) == ("0", "1", "0")


@pytest.mark.parametrize("route", [True, False])
def test_a_price_without_a_route_counts(make, route):
    line = make(rate="600:60:60")
    if not route:
        line.bed.ok("route_remove", f"lcr:{{{line.caller.deck}}}", "1206", line.gateway)
    assert price(line)[0] == "600"


def test_what_the_deck_has_no_price_for_costs_nothing(make):
    line = make(rate=None)
    line.bed.ok("rate_set", f"lcr:{{{line.caller.deck}}}", "44", "100", "6", "6")
    assert price(line)[0] == "0"


# --- refusals ---------------------------------------------------------------------


@pytest.mark.parametrize("fields, status, reason", [
    ({"out": {"sessions": 0}}, 486, "sessions"), ({"out": {"cps": 0}}, 503, "cps"),
    ({"caller": {"credit": 11}}, 402, "balance"), ({"out": {"status": 0}}, 404, "trunk"),
    ({"caller": {"status": 0}}, 403, "account")])
def test_caller_may_not(make, kind, fields, status, reason):
    line = make(kind=kind, **fields)
    line.refused(status)
    line.primary.expect_nothing(0.05)
    cdr = line.caller.cdr()
    assert (cdr["direction"], cdr["code"], cdr["reason"]) == ("out", str(status), reason) and line.cdrs() == []


@pytest.mark.parametrize("fields, status, code, reason, told", [
    ({"sessions": 0}, 486, "486", "sessions", "busy"), ({"cps": 0}, 503, "503", "cps", "unreachable"),
    ({"credit": 5, "account": {"in_rate": "85"}}, 480, "402", "balance", "no-answer"),
    ({"account": {"status": 0}}, 480, "403", "account", "no-answer"),
    ({"status": 0}, 404, "404", "trunk", "unallocated")])
def test_callee_may_not(make, kind, fields, status, code, reason, told):
    """What its money is like is not the caller's business."""
    line = make(kind=kind, **fields)
    response = line.refused(status)
    assert "alance" not in str(response.headers)
    line.primary.expect_nothing(0.05)
    out, into = line.legs()
    assert (into["code"], into["reason"], into["by"]) == (code, reason, "system")
    assert (out["code"], out["reason"], out["by"]) == (str(status), told, "callee")
    assert out["attempts"] == f"{line.number}={status}" and line.caller.balance() == 1000000


def test_inactive_number_does_not_leave(net):
    net.bed.ok("number_update", net.customer.key, "", "0", "", net.number)
    net.refused(404)
    out, into = net.legs()
    assert (out["code"], into["code"], into["reason"]) == ("404", "404", "inactive")


@pytest.mark.parametrize("limit, status", [(2, None), (1, 486)])
def test_sessions_of_an_account_that_calls_itself(make, limit, status):
    line = make(same=True, account={"sessions": limit})
    if status is None:
        line.answered().hang_up()
    else:
        line.refused(status)
    assert [c["code"] for c in line.legs()] == [str(status or 200)] * 2


@pytest.mark.parametrize("limits", [{"sessions": 3}, {"out": {"sessions": 3}}])
def test_limits_are_exact_over_two_instances(make, limits):
    """20 calls at once through two instances; three may be, whoever's limit it is."""
    line = make(**limits)
    other = line.bed.sipmod(**{**CONF, "sip__no_answer_ms": 2001})
    line.sipmod = line.bed.sipmod(**{**CONF, "sip__no_answer_ms": 2000})
    for sipmod in (line.sipmod, other):
        wait_for(lambda s=sipmod: f'"source {line.host}: ' in s.log(), 3)
    invites = [(line.carrier.invite(line.number), (line.sipmod, other)[i % 2].target) for i in range(20)]
    for invite, to in invites:
        line.carrier.send(invite, to)
    received = [line.primary.expect("INVITE") for _ in range(3)]
    taken = {m.call_id for m in received}
    for one in received:
        line.primary.respond(one, 180)
    for invite, to in invites:
        if invite.call_id not in taken:
            response = line.carrier.expect(lambda m: (m.status or 0) >= 200, call_id=invite.call_id)
            assert response.status == 486
            line.carrier.ack_failure(invite, response, to)
    line.primary.expect_nothing(0.05)
    for one in received:
        line.reject(one, 486)
    for invite, to in invites:
        if invite.call_id in taken:
            line.carrier.ack_failure(invite, line.carrier.expect(486, call_id=invite.call_id), to)
    wait_for(lambda: len(line.caller.cdrs()) == 20, 3)


# --- CANCEL -----------------------------------------------------------------------


def cancelled(line, invite):
    line.carrier.cancel(invite)
    line.carrier.expect(lambda m: m.status == 200 and "CANCEL" in m.get("cseq"), call_id=invite.call_id)


def test_cancel_while_ringing(net):
    invite = net.invite()
    received = net.tried(invite)
    net.primary.respond(received, 180)
    net.carrier.expect(180, call_id=invite.call_id)
    cancelled(net, invite)
    net.primary.respond(net.primary.expect("CANCEL"), 200)
    net.reject(received, 487)
    net.failed(invite, 487)
    assert [(c["code"], c["reason"], c["by"]) for c in net.legs()] == [("487", "cancelled", "caller")] * 2


def test_cancel_during_admission(net):
    """Redis takes its time: nobody rings, and each leg that was admitted has its CDR."""
    net.bed.redis.client.client_pause(150)
    invite = net.invite()
    net.carrier.expect(100, call_id=invite.call_id)
    cancelled(net, invite)
    net.failed(invite, 487)
    net.primary.expect_nothing(0.1)
    assert {c["reason"] for c in net.all_legs()} <= {"cancelled"}


def test_cancel_crosses_200(net):
    invite = net.invite()
    received = net.tried(invite)
    net.primary.respond(received, 180)
    net.carrier.expect(180, call_id=invite.call_id)
    cancelled(net, invite)
    net.primary.respond(net.primary.expect("CANCEL"), 481)
    net.connect(invite, received).hang_up()
    assert [c["reason"] for c in net.legs()] == ["answered"] * 2


# --- ends -------------------------------------------------------------------------


@pytest.mark.parametrize("leg", [0, 1])
def test_either_leg_can_be_killed(net, leg):
    call = net.answered()
    account = (net.caller, net.customer)[leg]
    assert net.bed.redis.fcall("call_kill", account.key, net.ids()[leg]) == ["ok"]
    expect_bye(call.caller, call.callee)
    expect_bye(call.callee, call.caller)
    assert [(c["code"], c["reason"], c["by"]) for c in net.legs()] == [("200", "killed", "system")] * 2


@pytest.mark.parametrize("fields, leg", [({"rate": "6000:1:1", "caller": {"credit": 150}}, 0),
                                         ({"credit": 150, "account": {"in_rate": "6000", "in_increment": 1,
                                                                      "in_minimum": 1}}, 1)])
def test_longest_duration_is_the_shorter(make, fields, leg):
    """One account can pay for a second."""
    line = make(**fields)
    call = line.answered()
    expect_bye(call.caller, call.callee)
    expect_bye(call.callee, call.caller)
    cdrs = line.legs()
    assert {(c["reason"], c["by"]) for c in cdrs} == {("longest", "system")}
    assert 900 <= int(cdrs[leg]["ms"]) <= 2500 and cdrs[leg]["billed"] == "1", cdrs


@pytest.mark.parametrize("leg", [0, 1])
def test_money_of_either_account_runs_out(make, leg):
    """The job finds no money for another slice; the other account just sees the end."""
    line = make(rate="6000:1:1", account={"in_rate": "6000", "in_increment": 1, "in_minimum": 1})
    call = line.answered()
    account, other = [(line.caller, line.customer), (line.customer, line.caller)][leg]
    ids, redis = line.ids(), line.bed.redis.client
    wait_for(lambda: account.live()[0]["answer_ms"], 2)
    redis.hset(f"{account.key}:call:{ids[leg]}", mapping={"paid_s": 1, "held": 100})
    redis.hset(account.key, mapping={"held": 100, "balance": 100})
    redis.zadd(f"{account.key}:due", {ids[leg]: 1})
    wait_for(lambda: line.bed.ok("call_extend", account.key, "0", "10") and account.cdrs(), 5, "the end")
    expect_bye(call.caller, call.callee)
    expect_bye(call.callee, call.caller)
    line.legs()
    (mine,), (theirs,) = account.cdrs(), other.cdrs()
    assert (mine["reason"], mine["by"], mine["billed"]) == ("balance", "system", "1")
    assert (theirs["reason"], theirs["by"]) == ("answered", ("caller", "callee")[leg])
