"""Library call: what calls cost, and what the balance allows."""

import math
import random

import pytest

from harness import wait_for
from schema_client import NUMBERS, account_key

KEY = account_key()
ONE = NUMBERS[0]
TOLLFREE = "8002190001"


@pytest.fixture
def priced(schema):
    schema.account(balance=1000000, in_rate="85", tfn_rate="210", in_increment="6", in_minimum="30")
    schema.trunk_in(11)
    schema.trunk_in(12, billing="Unmetered")
    schema.trunk_out(21)
    schema.numbers(ONE)
    schema.numbers(TOLLFREE, category="tollfree", state="tf")
    yield schema
    schema.check_invariants()


def outgoing(schema, call, rate=100, increment=6, minimum=6, **values):
    return schema.admit(call, "12065550100", "out", "21", rate=str(rate), increment=str(increment),
                        minimum=str(minimum), **values)


def backdate(schema, call, ms):
    """Makes a live call older."""
    key = f"{KEY}:call:{call}"
    schema.client.hincrby(key, "invite_ms", -ms)
    if schema.client.hget(key, "answer_ms"):
        schema.client.hincrby(key, "answer_ms", -ms)


def talk(schema, call, ms):
    """Ends a call that was answered for exactly so long."""
    backdate(schema, call, ms + 1000)
    return schema.finish(call, answered=str(ms + 500), ended="500")


def billed(ms, increment, minimum):
    seconds = math.ceil(ms / 1000)
    return minimum if seconds <= minimum else minimum + math.ceil((seconds - minimum) / increment) * increment


@pytest.mark.parametrize("ms,seconds,amount", [
    (0, 30, 43), (1, 30, 43), (29999, 30, 43), (30000, 30, 43), (30001, 36, 51), (36000, 36, 51), (36001, 42, 60),
    (60000, 60, 85), (3599000, 3600, 5100)])
def test_incoming_rate(priced, ms, seconds, amount):
    priced.admit("c1", ONE)
    assert talk(priced, "c1", ms) == ["ok", str(seconds), str(amount)]
    d, = priced.cdrs()
    assert (d["ms"], d["billed"], d["rate"], d["amount"]) == (str(ms), str(seconds), "85", str(amount))


def test_charge_is_one_ledger_line(priced):
    priced.admit("c1", ONE)
    talk(priced, "c1", 60000)
    line = priced.table("ledger_list", KEY)[-1]
    assert (line["activity"], line["amount"], line["ref"]) == ("Call Charges", "-85", "call:c1")
    priced.admit("c2", ONE)
    lines = len(priced.table("ledger_list", KEY))
    priced.finish("c2", code="486", reason="busy")
    assert len(priced.table("ledger_list", KEY)) == lines


def test_tollfree_and_unmetered(priced):
    priced.admit("c1", TOLLFREE)
    assert talk(priced, "c1", 60000) == ["ok", "60", "210"]
    priced.number_update(KEY, "12", "", "", ONE)
    priced.admit("c2", ONE)
    assert talk(priced, "c2", 60000) == ["ok", "60", "0"]


def test_price_is_that_of_the_admission(priced):
    priced.admit("c1", ONE)
    priced.account_set(KEY, "in_rate", "99999")
    assert talk(priced, "c1", 60000)[2] == "85"


def test_rates_are_exact(priced):
    """Against integers of any size, with a balance that never bounds."""
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    priced.credit(10 ** 14 - 10 ** 7)
    for i in range(100):
        rate = chance.choice([0, 1, 7, 85, 100, 12345, 10 ** 6])
        increment, minimum = chance.choice([1, 6, 30, 60]), chance.choice([0, 1, 6, 30, 60])
        ms = chance.choice([0, 1, 999, 1000, 1001, chance.randrange(200000), chance.randrange(10 ** 8)])
        assert outgoing(priced, f"c{i}", rate, increment, minimum)[0] == "ok"
        seconds = billed(ms, increment, minimum)
        assert talk(priced, f"c{i}", ms) == ["ok", str(seconds), str(-(-rate * seconds // 60))]


@pytest.mark.parametrize("balance,rate,increment,minimum,longest", [
    (100, 100, 6, 6, 60), (100, 100, 60, 60, 60), (99, 100, 60, 60, None), (10, 100, 6, 6, 6), (9, 100, 6, 6, None),
    (100, 100, 7, 30, 58), (100, 100, 1, 0, 60), (1, 100, 1, 0, None), (2, 100, 1, 0, 1), (0, 100, 1, 0, None),
    (-1, 100, 1, 0, None), (0, 0, 6, 6, 3600), (-1, 0, 6, 6, 3600), (10 ** 6, 100, 6, 6, 3600)])
def test_balance_bounds_the_call(priced, balance, rate, increment, minimum, longest):
    held = int(priced.client.hget(KEY, "balance"))
    priced.account_book(KEY, balance - held, "Bank Fee", "bounded", "", "")
    reply = outgoing(priced, "c1", rate, increment, minimum)
    if longest is None:
        assert reply[:3] == ["refused", "402", "balance"]
        return
    assert reply[3] == str(longest)
    seconds = billed(longest * 1000, increment, minimum)
    talk(priced, "c1", longest * 1000)
    assert priced.cdrs()[0]["billed"] == str(seconds)
    assert rate == 0 or int(priced.client.hget(KEY, "balance")) >= 0


def test_incoming_needs_its_minimum(priced):
    held = int(priced.client.hget(KEY, "balance"))
    priced.account_book(KEY, 42 - held, "Bank Fee", "almost", "", "")
    assert priced.admit("c1", ONE)[2] == "balance"
    priced.credit(1)
    assert priced.admit("c2", ONE)[3] == "30"


def test_calls_at_once_share_the_balance(priced):
    set_balance(priced, 250)
    assert [outgoing(priced, f"c{i}")[0] for i in range(4)] == ["ok", "ok", "ok", "refused"]
    assert [c["held"] for c in priced.live()] == ["100", "100", "50"]
    assert [c["paid_s"] for c in priced.live()] == ["60", "60", "30"]
    talk(priced, "c0", 6000)
    assert balance(priced) == (240, 150)
    assert outgoing(priced, "c4")[3] == "54"


def test_a_call_that_lasts_holds_more(priced):
    set_balance(priced, 250)
    outgoing(priced, "c1")
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "0", "0"]
    for age, extended, paid in [(50, "0", "60"), (56, "1", "120"), (121, "1", "150"), (149, "0", "150")]:
        answered_ago(priced, "c1", age)
        assert priced.call_extend(KEY, 5000, 100) == ["ok", extended, "0"]
        assert priced.live()[0]["paid_s"] == paid
    assert balance(priced) == (250, 250)
    priced.credit(1000)
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "1", "0"]
    assert priced.finish("c1")[1:] == ["150", "250"]
    assert balance(priced) == (1000, 0)


def test_money_that_comes_lengthens_a_call(priced):
    set_balance(priced, 250)
    outgoing(priced, "c1")
    assert priced.call_lengthen(KEY, "c1", 3600) == ["ok", "150"]
    priced.credit(100)
    assert priced.call_lengthen(KEY, "c1", 3600) == ["ok", "210"] == priced.call_lengthen(KEY, "c1", 200)
    assert priced.live()[0]["limit_s"] == "210"
    set_balance(priced, 100)
    assert priced.call_lengthen(KEY, "c1", 3600) == ["ok", "210"], "never shorter: its slices end it"
    priced.credit(10 ** 6)
    assert priced.call_lengthen(KEY, "c1", 3600) == ["ok", "3600"]
    assert priced.call_lengthen(KEY, "c9", 3600) == ["notfound"]


def test_a_call_that_nobody_pays_ends_when_its_slice_does(priced):
    set_balance(priced, 100)
    outgoing(priced, "c1")
    heard = priced.client.pubsub()
    heard.subscribe("tl:kill")
    answered_ago(priced, "c1", 61)
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "0", "0"]
    told = wait_for(lambda: (heard.get_message(ignore_subscribe_messages=True) or {}).get("data"))
    assert told == "c1 balance"
    assert priced.client.hgetall(f"{KEY}:kills") == {"c1": "balance"} and priced.client.pttl(f"{KEY}:kills") > 0
    heard.close()
    answered_ago(priced, "c1", 71)
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "0", "1"]
    c, = priced.cdrs()
    assert (c["reason"], c["by"], c["code"], c["ms"], c["billed"], c["amount"], c["estimated"]) == (
        "balance", "system", "200", "60000", "60", "100", "1")
    assert balance(priced) == (0, 0) and priced.finish("c1") == ["repeat"]


def test_a_call_that_nobody_pays_is_not_billed_more_than_it_holds(priced):
    set_balance(priced, 105)
    outgoing(priced, "c1")
    answered_ago(priced, "c1", 61)
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "0", "0"]
    assert priced.finish("c1", reason="balance", by="system") == ["ok", "60", "100"]
    assert priced.cdrs()[0]["ms"] >= "61000"


def test_a_hundred_calls_never_overrun_the_balance(priced):
    set_balance(priced, 3333)
    for i in range(100):
        outgoing(priced, f"c{i}")
    assert len(priced.live()) == 34
    for minute in range(1, 4):
        for c in priced.live():
            answered_ago(priced, c["call"], 60 * minute + 10)
        priced.call_extend(KEY, 5000, 1000)
    assert balance(priced) == (3, 0) and not priced.live()  # 3: less than 6 seconds cost


def test_tax_on_calls_is_a_line_of_its_own(priced):
    priced.account_set(KEY, "call_tax_bp", "1150")
    before = balance(priced)[0]
    outgoing(priced, "c1")
    assert priced.live()[0]["held"] == "112"
    talk(priced, "c1", 60000)
    lines = [(x["activity"], x["amount"], x["ref"]) for x in priced.table("ledger_list", KEY)[-2:]]
    assert lines == [("Call Charges", "-100", "call:c1"), ("USF Tax Deduction", "-12", "tax:c1")]
    assert balance(priced) == (before - 112, 0)
    set_balance(priced, 111)
    assert outgoing(priced, "c2")[3] == "54"


def test_minutes_of_a_month(priced):
    priced.trunk_update(KEY, 11, "in", "mou", "2")
    for i, seconds in enumerate([60, 50]):
        priced.admit(f"c{i}", ONE)
        talk(priced, f"c{i}", seconds * 1000)
    assert priced.admit("c3", ONE)[:3] == ["refused", "403", "mou"], "6 seconds are left, 30 are the least"
    for mou in ("Unlimited", ""):
        priced.trunk_update(KEY, 11, "in", "mou", mou)
        assert priced.admit(f"free{mou}", ONE)[0] == "ok"


def test_live_calls_hold_minutes(priced):
    priced.trunk_update(KEY, 11, "in", "mou", "3", "billing", "Unmetered")
    replies = [priced.admit(f"c{i}", ONE) for i in range(4)]
    assert [r[0] for r in replies] == ["ok", "ok", "ok", "refused"] and replies[3][2] == "mou"
    assert [r[3] for r in replies[:3]] == ["180", "120", "60"]
    assert priced.hash("mou") == {"11": "180"} and [c["mou_s"] for c in priced.live()] == ["60", "60", "60"]
    talk(priced, "c0", 12000)
    assert priced.hash("mou") == {"11": "120"} and priced.cdrs()[0]["billed"] == "30"
    assert priced.admit("c4", ONE)[3] == "30"
    for call in ("c1", "c2", "c4"):
        priced.finish(call, code="487")
    assert priced.hash("mou") == {} and priced.admit("c5", ONE)[3] == "150"
    priced.check_invariants()


def test_a_call_without_more_minutes_ends_when_its_slice_does(priced):
    priced.trunk_update(KEY, 11, "in", "mou", "2", "billing", "Unmetered")
    priced.admit("c1", ONE)
    answered_ago(priced, "c1", 56)
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "1", "0"] and priced.hash("mou") == {"11": "120"}
    heard = priced.client.pubsub()
    heard.subscribe("tl:kill")
    answered_ago(priced, "c1", 121)
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "0", "0"]
    told = wait_for(lambda: (heard.get_message(ignore_subscribe_messages=True) or {}).get("data"))
    assert told == "c1 mou"
    heard.close()
    answered_ago(priced, "c1", 131)
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "0", "1"]
    c, = priced.cdrs()
    assert (c["reason"], c["code"], c["billed"], c["amount"]) == ("mou", "200", "120", "0")
    assert priced.hash("mou") == {} and priced.admit("c2", ONE)[2] == "mou"
    priced.check_invariants()


def test_minutes_that_are_granted_lengthen_a_call(priced):
    priced.trunk_update(KEY, 11, "in", "mou", "1", "billing", "Unmetered")
    priced.admit("c1", ONE)
    answered_ago(priced, "c1", 59)
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "0", "0"]
    assert priced.call_lengthen(KEY, "c1", 3600) == ["ok", "60"]
    priced.trunk_update(KEY, 11, "in", "mou", "5")
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "1", "0"] and priced.hash("mou") == {"11": "120"}
    assert priced.call_lengthen(KEY, "c1", 3600) == ["ok", "300"]
    priced.trunk_update(KEY, 11, "in", "mou", "")
    answered_ago(priced, "c1", 118)
    assert priced.call_extend(KEY, 5000, 100) == ["ok", "1", "0"]
    assert priced.call_lengthen(KEY, "c1", 3600) == ["ok", "3600"]
    assert priced.finish("c1")[1] == "120" and priced.hash("mou") == {}


def test_minutes_are_repaired(priced):
    priced.trunk_update(KEY, 11, "in", "mou", "9")
    priced.admit("c1", ONE)
    priced.client.hset(f"{KEY}:mou", mapping={"11": 999, "12": 5})
    assert {(r["what"], r["is"], r["should"]) for r in priced.table("call_repair", KEY, "me")} == {
        ("mou 11", "999", "60"), ("mou 12", "5", "0")}
    priced.check_invariants()


def test_a_lost_answer_is_estimated_at_the_end(priced):
    priced.admit("c1", ONE)
    assert priced.finish("c1", ended="1000") == ["ok", "30", "43"]
    c, = priced.cdrs()
    assert (c["ms"], c["estimated"], c["code"]) == ("0", "1", "200") and c["answer_ms"] == c["end_ms"]


def test_what_waited_in_the_server_happened_earlier(priced):
    for call, late, counted in [("c1", 3000, 3000), ("c2", 10, 0), ("c3", -5000, 0), ("c4", 4000000, 0)]:
        priced.admit(call, ONE)
        backdate(priced, call, 20000)
        sent = priced.now() - late
        assert priced.call_answer(KEY, call, 5000, "", "", "", "", sent) == ["ok"]
        assert priced.call_finish(KEY, call, 200, "answered", "caller", "", "", "", "", "", 0, "", sent)[0] == "ok"
        c = priced.cdrs()[0]
        assert abs(priced.now() - int(c["end_ms"]) - counted) < 200 and abs(int(c["ms"]) - 5000) < 30


def test_times_are_in_order(priced):
    priced.admit("c1", ONE)
    priced.finish("c1", code="487", pdd="5000")
    c, = priced.cdrs()
    assert int(c["invite_ms"]) <= int(c["ring_ms"]) == int(c["end_ms"])
    priced.admit("c2", ONE)
    priced.finish("c2", pdd="5000", answered="0")
    c = priced.cdrs()[0]
    assert int(c["invite_ms"]) <= int(c["ring_ms"]) == int(c["answer_ms"]) <= int(c["end_ms"])


def set_balance(schema, money):
    held = int(schema.client.hget(KEY, "balance"))
    schema.account_book(KEY, money - held, "Bank Fee", f"set:{next(schema.ids)}", "", "")


def balance(schema):
    return int(schema.client.hget(KEY, "balance")), int(schema.client.hget(KEY, "held") or 0)


def answered_ago(schema, call, seconds):
    """Moves an answered call, or one to be answered, into the past."""
    schema.answer(call)
    at = schema.now() - 1000 * seconds
    name = f"{KEY}:call:{call}"
    schema.client.hset(name, mapping={"invite_ms": at, "answer_ms": at})
    schema.client.zadd(f"{KEY}:due", {call: at + 1000 * int(schema.client.hget(name, "paid_s"))})


# --- reaping --------------------------------------------------------------------------------

MINUTE = 60000


def reap(schema, boots="b1", node="n1", most=100, answered="1", ago=""):
    return schema.call_reap(KEY, node, boots, most, answered, ago)


def test_calls_of_a_dead_node_are_closed(priced):
    for call, node in [("a", "n1"), ("b", "n1"), ("c", "n2")]:
        priced.admit(call, ONE, node=node)
    priced.answer("a", 0, "192.0.2.1:5060", "")
    assert reap(priced, boots="b0") == ["ok", "0"]
    assert reap(priced) == ["ok", "2"]
    assert [c["call"] for c in priced.live()] == ["c"]
    b, a = priced.cdrs()
    assert (a["code"], a["reason"], a["by"], a["estimated"], a["target"]) == (
        "200", "lost", "system", "1", "192.0.2.1:5060")
    assert (a["billed"], a["amount"]) == ("30", "43")
    assert (b["code"], b["reason"], b["answer_ms"], b["amount"]) == ("408", "lost", "0", "0")
    assert reap(priced) == ["ok", "0"]
    assert priced.finish("a") == ["repeat"]
    assert reap(priced, node="n2", boots="*") == ["ok", "1"]


def test_calls_of_a_restarted_node(priced):
    """Those that were answered go on; those that were not, of the boots that are gone, are closed."""
    for call, boot in [("rings", "b1"), ("talks", "b1"), ("older", "b0"), ("mine", "b2")]:
        priced.admit(call, ONE, boot=boot)
    priced.answer("talks", 0, "", "")
    assert reap(priced, boots="b1 b0", answered="") == ["ok", "2"]
    assert {c["call"] for c in priced.live()} == {"talks", "mine"}
    assert priced.finish("talks", answered="1000")[0] == "ok"


def test_calls_over_their_longest_duration_are_closed(priced):
    for call, age in [("over", 62), ("not yet", 60)]:
        priced.admit(call.replace(" ", "-"), ONE, node="n9", boot="b9")
        priced.answer(call.replace(" ", "-"), 0, "", "")
        backdate(priced, call.replace(" ", "-"), age * MINUTE)
    assert reap(priced) == ["ok", "1"]
    d, = priced.cdrs()
    assert (d["call"], d["ms"], d["billed"]) == ("over", "3600000", "3600")


def test_end_is_when_the_node_fell_silent(priced):
    priced.admit("c1", ONE)
    priced.answer("c1", 0, "", "")
    backdate(priced, "c1", 10 * MINUTE)
    answered = int(priced.live()[0]["answer_ms"])
    assert reap(priced, ago=4 * MINUTE) == ["ok", "1"]
    d, = priced.cdrs()
    assert 6 * MINUTE <= int(d["ms"]) < 6 * MINUTE + 2000 and int(d["answer_ms"]) == answered
    priced.admit("c2", ONE)
    priced.answer("c2", 0, "", "")
    assert reap(priced, ago=4 * MINUTE) == ["ok", "1"]
    assert priced.cdrs()[0]["ms"] == "0"


def test_reaping_a_few_at_a_time(priced):
    for i in range(5):
        priced.admit(f"c{i}", ONE)
    assert [reap(priced, most=2) for _ in range(4)] == [["ok", "2"], ["ok", "2"], ["ok", "1"], ["ok", "0"]]


# --- on-net ------------------------------------------------------------------------


def rate_of(schema, call):
    row, = [r for r in schema.live() if r["call"] == call]
    return row["rate"], row["increment"], row["minimum"]


@pytest.mark.parametrize("own, onnet, wanted", [
    ("", "1", ("100", "60", "60")), ("0", "1", ("0", "6", "30")), ("40", "1", ("40", "6", "30")),
    ("40", "", ("100", "60", "60")), ("40", "0", ("100", "60", "60"))])
def test_price_of_a_call_to_a_number_of_ours(priced, own, onnet, wanted):
    """The account's own, with the increments of its incoming calls; without one what the deck asked."""
    priced.account_set(KEY, "onnet_rate", own)
    assert outgoing(priced, "c1", increment=60, minimum=60, onnet=onnet)[0] == "ok"
    assert rate_of(priced, "c1") == wanted
    priced.finish("c1", code="486")


def test_own_price_must_be_covered(priced):
    """Not the deck's, which the balance could not pay."""
    priced.account_set(KEY, "onnet_rate", "1")
    assert outgoing(priced, "c1", rate=100000000, onnet="1")[0] == "ok"
    assert outgoing(priced, "c2", rate=100000000)[2] == "balance"
    priced.finish("c1", code="486")


def test_own_price_counts_for_calls_out_alone(priced):
    priced.account_set(KEY, "onnet_rate", "1")
    priced.admit("c1", ONE, onnet="1")
    assert rate_of(priced, "c1")[0] == "85"
    priced.finish("c1", code="486")


# --- ends --------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["500", "487", "302", "603"])
def test_answer_that_did_not_reach_the_caller_costs_nothing(priced, code):
    priced.admit("c1", ONE)
    assert priced.answer("c1") == ["ok"]
    backdate(priced, "c1", 60000)
    assert priced.finish("c1", code=code, reason="lost", by="system") == ["ok", "0", "0"]
    d, = priced.cdrs()
    assert (d["code"], d["answer_ms"], d["ms"], d["amount"], d["estimated"]) == (code, "0", "0", "0", "0")


@pytest.mark.parametrize("reason, billed_s", [("longest", 60), ("answered", 66), ("killed", 66)])
def test_longest_duration_is_billed_as_such(priced, reason, billed_s):
    """However late our BYE was."""
    priced.admit("c1", ONE, longest="60")
    priced.answer("c1")
    backdate(priced, "c1", 61000)
    assert priced.finish("c1", reason=reason)[1] == str(billed_s)


def test_end_before_the_longest_duration_stays(priced):
    """The other leg of an on-net call had the shorter one."""
    priced.admit("c1", ONE, longest="600")
    priced.answer("c1")
    backdate(priced, "c1", 61000)
    assert priced.finish("c1", reason="longest")[1] == "66"
