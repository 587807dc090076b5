"""Library call: admission, its limits, and the end of calls."""

import pytest

from harness import wait_for
from schema_client import NUMBERS, account_key, day_of

KEY = account_key()
ONE, TWO, THREE, UNKNOWN = NUMBERS
PRIMARY = ["primary", "1234", "192.0.2.1", "5060"]


def refused(reply, code, reason, retry=""):
    assert reply[:3] == ["refused", code, reason] and reply[3] and reply[4] == retry, reply
    return True


def last(schema):
    return schema.cdrs()[0]


# --- admission --------------------------------------------------------------------


def test_admitted(calls):
    assert calls.admit("c1") == ["ok", "new", "11", "3600", "", *PRIMARY]
    c, = calls.live()
    assert abs(int(c.pop("invite_ms")) - calls.now()) < 5000
    assert c == {"call": "c1", "direction": "in", "tg": "11", "number": ONE, "from": "sip:from", "to": "sip:to",
                 "upstream": "carrier", "source": "203.0.113.1:5060", "target": "", "callid": "id@host",
                 "node": "n1", "boot": "b1", "answer_ms": "", "attempts": "", "rate": "0", "increment": "6",
                 "minimum": "6", "limit_s": "3600", "pdd_ms": "", "tax_bp": "0", "held": "0",
                 "paid_s": "0", "cut": "", "mou_s": ""}
    assert calls.table("call_list", KEY, "c1") == [{**c, "invite_ms": calls.live()[0]["invite_ms"]}]
    assert calls.table("call_list", KEY, "c2") == []


def test_all_targets_in_order(calls):
    calls.trunk_update(KEY, 11, "in", "primary_port", "5070", "secondary_host", "2001:db8::1", "secondary_prefix",
                       "99", "forward", "12065550100")
    calls.number_update(KEY, "", "", "ACME|CO", ONE)
    want = ["11", "3600", "ACME|CO", "primary", "1234", "192.0.2.1", "5070", "secondary", "99", "2001:db8::1",
            "5060", "forward", "", "12065550100", ""]
    assert calls.admit("c1") == ["ok", "new", *want]
    assert calls.admit("c1") == ["ok", "repeat", *want]


def test_name_of_the_callers_number(calls):
    """Of the account's own number in service, an outgoing call alone; a repeat says the same."""
    def name(call, caller):
        reply = calls.admit(call, "12065550100", "out", "21", rate="0", increment="1", minimum="0", caller=caller)
        assert reply[0] == "ok", reply
        return reply[4]
    calls.number_update(KEY, "", "", "ACME Inc.", ONE)
    assert name("c1", ONE) == "ACME Inc."
    assert [name(f"n{i}", caller) for i, caller in enumerate(["", TWO, UNKNOWN])] == ["", "", ""]
    calls.number_update(KEY, "", "0", "", ONE)
    assert name("c2", ONE) == ""
    assert name("c1", ONE) == "ACME Inc."
    assert "number" in calls.error("call_admit", KEY, "c3", "out", "1206", "21", "n", "b", "", "", "", "", "", "0", "1",
                                   "0", "", "486", "60", "", "1206")


def test_outgoing_has_no_targets(calls):
    want = ["21", "3600", ""]
    out = {"number": "442071838750", "direction": "out", "tg": "21", "rate": "100", "increment": "6", "minimum": "6"}
    assert calls.admit("c1", **out) == ["ok", "new", *want]
    assert calls.admit("c1", **out) == ["ok", "repeat", *want]
    c, = calls.live()
    assert (c["number"], c["rate"], c["direction"]) == ("442071838750", "100", "out")


def test_repeat_takes_nothing(calls):
    calls.trunk_grant(KEY, 11, "1", "1")
    first = calls.admit("c1")
    before = calls.snapshot()
    assert calls.admit("c1", cached="1") == ["ok", "repeat", *first[2:]]
    assert calls.snapshot() == before


def test_repeat_takes_the_call_over_until_it_is_answered(calls):
    calls.admit("c1")
    for node, boot in [("n1", "b2"), ("n2", "b9")]:
        assert calls.admit("c1", node=node, boot=boot)[1] == "repeat"
        assert (calls.live()[0]["node"], calls.live()[0]["boot"]) == (node, boot)
    assert calls.call_reap(KEY, "n1", "b1 b2", 10, "", "") == ["ok", "0"]
    calls.answer("c1")
    assert calls.admit("c1", node="n3", boot="b3")[1] == "repeat"
    assert calls.live()[0]["node"] == "n2"


def test_number_not_in_service(calls):
    assert refused(calls.admit("c1", UNKNOWN), "404", "inactive")
    assert (last(calls)["tg"], last(calls)["number"]) == ("", UNKNOWN)
    calls.number_update(KEY, "", "0", "", ONE)
    assert refused(calls.admit("c2", ONE), "404", "inactive")
    assert last(calls)["tg"] == "11"
    calls.number_update(KEY, "", "2", "", TWO)
    assert refused(calls.admit("c3", TWO), "404", "inactive")


def test_cached_route_that_is_stale_writes_nothing(calls):
    calls.number_update(KEY, "", "0", "", ONE)
    before = calls.snapshot()
    assert calls.admit("c1", ONE, cached="1") == ["stale"]
    assert calls.admit("c1", UNKNOWN, cached="1") == ["stale"]
    assert calls.admit("c1", UNKNOWN, account="nobody", cached="1") == ["stale"]
    assert calls.snapshot() == before
    assert refused(calls.admit("c1", ONE), "404", "inactive")


def test_account_that_is_not_there_gets_nothing_written(calls):
    before = calls.snapshot()
    assert refused(calls.admit("c1", account="nobody"), "403", "account")
    assert calls.snapshot() == before


def test_trunk_not_in_service(calls):
    calls.trunk_update(KEY, 11, "in", "status", "0")
    assert refused(calls.admit("c1"), "404", "trunk")
    calls.trunk_disable(KEY, 21, "out")
    out = {"direction": "out", "rate": "0", "increment": "6", "minimum": "6"}
    assert refused(calls.admit("c2", tg="21", **out), "404", "trunk")
    assert refused(calls.admit("c3", tg="11", **out), "404", "trunk")
    assert refused(calls.admit("c4", tg="99", **out), "404", "trunk")


def test_closed_account(calls):
    calls.account_set(KEY, "status", "0")
    assert refused(calls.admit("c1"), "403", "account")


def test_order_of_the_checks(calls):
    calls.account_set(KEY, "status", "0", "sessions", "0", "in_rate", "100000000")
    calls.trunk_update(KEY, 11, "in", "status", "0", "sessions", "0", "cps", "0")
    calls.number_update(KEY, "", "0", "", ONE)
    fixes = [("inactive", lambda: calls.number_update(KEY, "", "1", "", ONE)),
             ("trunk", lambda: calls.trunk_update(KEY, 11, "in", "status", "1")),
             ("account", lambda: calls.account_set(KEY, "status", "1")),
             ("balance", lambda: calls.account_set(KEY, "in_rate", "0")),
             ("sessions", lambda: calls.account_set(KEY, "sessions", "")),
             ("sessions", lambda: calls.trunk_grant(KEY, 11, "none", "")),
             ("cps", lambda: calls.trunk_grant(KEY, 11, "", "none"))]
    for i, (reason, fix) in enumerate(fixes):
        assert calls.admit(f"c{i}")[2] == reason
        fix()
    assert calls.admit("last")[:2] == ["ok", "new"]


def test_refusal_is_written_and_remembered(calls):
    calls.trunk_grant(KEY, 11, "0", "")
    first = calls.admit("c1", code="503")
    assert refused(first, "503", "sessions")
    c = last(calls)
    assert int(c["invite_ms"]) == int(c["end_ms"])
    want = {"call": "c1", "direction": "in", "tg": "11", "number": ONE, "from": "sip:from", "to": "sip:to",
            "upstream": "carrier", "source": "203.0.113.1:5060", "target": "", "callid": "id@host", "ring_ms": "0",
            "answer_ms": "0", "ms": "0", "billed": "0", "rate": "0", "amount": "0", "code": "503",
            "reason": "sessions", "by": "system", "attempts": "", "pdd_ms": "0", "node": "n1", "estimated": "0"}
    assert {k: c[k] for k in want} == want and len(c) == 25
    before = calls.snapshot()
    calls.trunk_grant(KEY, 11, "none", "")
    assert calls.admit("c1", code="486") == first
    calls.trunk_grant(KEY, 11, "0", "")
    assert calls.snapshot() == before
    assert 100000 < calls.client.pttl(f"{KEY}:once:c1") <= 120000


# --- sessions and calls a second -----------------------------------------------------


def test_sessions_of_a_trunk(calls):
    calls.trunk_grant(KEY, 11, "2", "")
    assert [calls.admit(f"c{i}")[0] for i in range(4)] == ["ok", "ok", "refused", "refused"]
    calls.finish("c0", code="486", reason="busy", by="callee")
    assert calls.admit("c4")[0] == "ok"
    assert refused(calls.admit("c5"), "486", "sessions")
    calls.trunk_grant(KEY, 11, "1", "")
    calls.finish("c1")
    assert calls.admit("c6")[0] == "refused"
    calls.trunk_grant(KEY, 11, "none", "")
    assert calls.admit("c7")[0] == "ok"


def test_sessions_of_an_account(calls):
    calls.account_set(KEY, "sessions", "2")
    out = {"direction": "out", "tg": "21", "rate": "0", "increment": "1", "minimum": "0"}
    assert [calls.admit("c1")[0], calls.admit("c2", **out)[0]] == ["ok", "ok"]
    assert refused(calls.admit("c3"), "486", "sessions")
    assert refused(calls.admit("c4", code="503", **out), "503", "sessions")
    calls.finish("c2")
    assert calls.admit("c5")[0] == "ok"


def test_calls_a_second_slide(calls):
    """No window of 1000 ms has more admissions than the limit; refused calls take nothing."""
    calls.trunk_grant(KEY, 11, "", "3")
    n, times = 0, []

    def enough():
        nonlocal n
        n += 1
        reply = calls.admit(f"c{n}")
        if reply[0] == "ok":
            times.append(int(calls.table("call_list", KEY, f"c{n}")[0]["invite_ms"]))
        else:
            assert refused(reply, "503", "cps", "1")
        return len(times) >= 10
    wait_for(enough, 20)
    assert all(b - a >= 1000 for a, b in zip(times, times[3:]))
    assert max(b - a for a, b in zip(times, times[3:])) < 1200
    assert calls.client.llen(f"{KEY}:cps:11") == 3
    wait_for(lambda: not calls.client.exists(f"{KEY}:cps:11"))


@pytest.mark.parametrize("limit, quarter", [(12, 10), (50, 13)])
def test_no_burst_takes_the_whole_allowance(calls, limit, quarter):
    """No window of 1000 ms has more admissions than the limit, none of 250 ms more than its share."""
    calls.trunk_grant(KEY, 11, "", str(limit))
    started, n, times = calls.now(), 0, []
    while len(times) < limit + quarter:
        n += 1
        reply = calls.admit(f"c{n}")
        if reply[0] == "ok":
            times.append(int(calls.client.lindex(f"{KEY}:cps:11", 0)))
        else:
            assert refused(reply, "503", "cps", "1")
    assert all(b - a >= 1000 for a, b in zip(times, times[limit:]))
    assert all(b - a >= 250 for a, b in zip(times, times[quarter:]))
    assert calls.now() - started < 2500  # the whole allowance is used, all the same


def test_cps_follows_its_limit(calls):
    calls.trunk_grant(KEY, 11, "", "2")
    assert [calls.admit(f"a{i}")[0] for i in range(3)] == ["ok", "ok", "refused"]
    calls.trunk_grant(KEY, 11, "", "4")
    assert [calls.admit(f"b{i}")[0] for i in range(3)] == ["ok", "ok", "refused"]
    calls.trunk_grant(KEY, 11, "", "1")
    assert refused(calls.admit("c"), "503", "cps", "1")
    calls.trunk_grant(KEY, 11, "", "0")
    assert refused(calls.admit("d"), "503", "cps", "1")


def test_cps_survives_a_clock_that_goes_back(calls):
    calls.trunk_grant(KEY, 11, "", "1")
    calls.client.lpush(f"{KEY}:cps:11", calls.now() + 3600000)
    assert calls.admit("c1")[0] == "ok"
    assert refused(calls.admit("c2"), "503", "cps", "1")


# --- answer and finish ------------------------------------------------------------------


def test_answered_call(calls):
    calls.admit("c1")
    assert calls.answer("c1", 2500, "192.0.2.1:5060", 180) == ["ok"]
    c, = calls.live()
    assert c["answer_ms"] == c["invite_ms"] and (c["target"], c["pdd_ms"]) == ("192.0.2.1:5060", "180")
    assert calls.answer("c1", 0, "192.0.2.9:5060", 999) == ["ok"]
    assert calls.live() == [c]
    assert calls.finish("c1", attempts="192.0.2.1:5060=200", by="callee")[0] == "ok"
    d = last(calls)
    assert d["ring_ms"] == d["invite_ms"] == d["answer_ms"] and d["pdd_ms"] == "180"
    assert int(d["ms"]) == int(d["end_ms"]) - int(d["answer_ms"])
    assert (d["code"], d["reason"], d["by"], d["target"], d["attempts"], d["upstream"]) == (
        "200", "answered", "callee", "192.0.2.1:5060", "192.0.2.1:5060=200", "carrier")
    assert calls.live() == [] and calls.hash("busy") == {}


def test_answer_of_no_call(calls):
    assert calls.answer("c1", 0, "", "") == ["notfound"]
    calls.error("call_answer", KEY, "c1", "-1", "", "", "", "")


def test_what_the_answer_brought_is_in_the_cdr(calls):
    """Unless the end knows better: it may come from an instance that did not see the answer."""
    for call in ("c1", "c2"):
        calls.admit(call)
        assert calls.answer(call, attempts="192.0.2.1:5060=503 192.0.2.2:5060=200", upstream="gw2") == ["ok"]
    calls.finish("c1")
    assert (last(calls)["attempts"], last(calls)["upstream"]) == ("192.0.2.1:5060=503 192.0.2.2:5060=200", "gw2")
    calls.finish("c2", attempts="x=200", upstream="gw3")
    assert (last(calls)["attempts"], last(calls)["upstream"]) == ("x=200", "gw3")


def test_finish_overrides_what_was_stamped(calls):
    calls.admit("c1")
    invite = wait_for(lambda: (t := int(calls.live()[0]["invite_ms"])) + 60 < calls.now() and t)
    calls.answer("c1", 0, "192.0.2.1:5060", 5)
    assert calls.finish("c1", target="192.0.2.2:5060", upstream="gw", pdd="7", answered="50", ended="20")[0] == "ok"
    d = last(calls)
    assert (d["target"], d["upstream"], d["pdd_ms"], d["ring_ms"]) == ("192.0.2.2:5060", "gw", "7", str(invite + 7))
    assert int(d["ms"]) == 30


def test_times_stay_in_order(calls):
    """An answer or end before the INVITE, or an answer after the end, can't be."""
    calls.admit("c1")
    calls.finish("c1", answered="99999", ended="500000")
    d = last(calls)
    assert d["invite_ms"] == d["answer_ms"] == d["end_ms"] and d["ms"] == "0"
    calls.admit("c2")
    calls.finish("c2", answered="0", ended="0")
    assert int(last(calls)["ms"]) == 0


def test_failed_call(calls):
    calls.admit("c1")
    assert calls.finish("c1", code="486", reason="busy", by="callee") == ["ok", "0", "0"]
    d = last(calls)
    assert (d["code"], d["reason"], d["answer_ms"], d["billed"], d["estimated"]) == ("486", "busy", "0", "0", "0")
    stats, = calls.table("stats_get", KEY, "did", "", ONE)
    assert stats == {"id": ONE, "processed": "1", "completed": "0", "ms": "0", "billed": "0", "peak": "1",
                     "amount": "0"}
    assert calls.stats()[f"st:did:{ONE}"]["code:486"] == 1


def test_finish_is_idempotent(calls):
    calls.admit("c1")
    assert calls.finish("c1", answered="0")[0] == "ok"
    before = calls.snapshot()
    assert calls.finish("c1", answered="0") == ["repeat"]
    assert calls.snapshot() == before


def test_admission_after_the_end_is_refused(calls):
    """Whether the end found the call or came first."""
    calls.admit("c1")
    calls.finish("c1")
    assert calls.finish("c2") == ["repeat"]
    for call in ("c1", "c2"):
        before = calls.snapshot()
        assert refused(calls.admit(call), "487", "ended")
        assert calls.snapshot() == before
        assert 100000 < calls.client.pttl(f"{KEY}:once:{call}") <= 120000


def test_end_does_not_change_a_refusal(calls):
    calls.trunk_grant(KEY, 11, "0", "")
    first = calls.admit("c1")
    assert calls.finish("c1") == ["repeat"]
    assert calls.admit("c1") == first


def test_texts_are_cut(calls):
    long = "x" * 300
    calls.admit("c1", **{name: long for name in ("from", "to", "source", "upstream", "callid", "node", "boot")})
    calls.finish("c1", attempts=long, target=long, reason=long, by=long)
    d = last(calls)
    assert {len(d[name]) for name in ("from", "to", "source", "upstream", "callid", "node", "target")} == {128}
    assert len(d["attempts"]) == 200


@pytest.mark.parametrize("values", [
    {"call": ""}, {"call": "a b"}, {"call": "x" * 65}, {"direction": "both"}, {"number": "206"},
    {"number": "+12062190001"}, {"code": "200"}, {"longest": "0"}, {"longest": ""},
    {"direction": "out"}, {"direction": "out", "tg": "21", "rate": ""},
    {"direction": "out", "tg": "21", "rate": "1", "increment": "0", "minimum": "0"},
    {"direction": "out", "tg": "21", "rate": "-1", "increment": "1", "minimum": "0"}])
def test_admission_misuse(calls, values):
    before = calls.snapshot()
    with pytest.raises(Exception, match="call_admit"):
        calls.admit(**{"call": "c1", **values})
    assert calls.snapshot() == before


@pytest.mark.parametrize("values", [{"code": "20"}, {"code": ""}, {"pdd": "x"}, {"answered": "-1"},
                                    {"ended": "1e3"}])
def test_finish_misuse(calls, values):
    calls.admit("c1")
    before = calls.snapshot()
    with pytest.raises(Exception, match="call_finish"):
        calls.finish("c1", **values)
    assert calls.snapshot() == before


# --- lists -----------------------------------------------------------------------


def test_cdrs_newest_first(calls):
    for i in range(5):
        calls.admit(f"c{i}")
        calls.finish(f"c{i}")
    assert [c["call"] for c in calls.cdrs()] == ["c4", "c3", "c2", "c1", "c0"]
    assert [c["call"] for c in calls.table("cdr_list", KEY, 2)] == ["c4", "c3"]
