"""call_find: live calls and CDRs by what people type, a piece at a time."""

import pytest

from schema_client import NUMBERS, account_key

KEY = account_key()
ONE, TWO = NUMBERS[:2]


@pytest.fixture
def s(schema):
    schema.account(balance=10 ** 6)
    schema.trunk_in(11)
    schema.numbers(ONE, TWO)
    for call, number in (("a1", ONE), ("a2", TWO), ("a3", ONE), ("a4", ONE)):
        schema.admit(call, number)
    schema.finish("a1", code="486", reason="busy")
    schema.finish("a2", code="486", reason="busy")
    return schema


def find(s, where, text="", trunk="", place="", most=1000):
    reply = s.call_find(KEY, where, text, trunk, place, most)
    return [row["call"] for row in s.table_at("call_find", 2, KEY, where, text, trunk, place, most)], reply[1]


def test_where(s):
    assert set(find(s, "live")[0]) == {"a3", "a4"} and find(s, "cdr")[0] == ["a2", "a1"]


@pytest.mark.parametrize("text, calls", [
    (ONE, ["a1"]), (f"1{ONE}", ["a1"]), (f"+1{TWO}", ["a2"]), (ONE[:6], ["a2", "a1"]), ("a1", ["a1"]), ("a", []),
    ("206", []), ("%d%d%d%d", []), (".*", []), ("9999", [])])
def test_text(s, text, calls):
    assert find(s, "cdr", text)[0] == calls


def test_call_id_of_sip_and_other_legs(s):
    _, entry = s.client.xrevrange(f"{KEY}:cdr", count=1)[0]
    assert "a2" in find(s, "cdr", entry["callid"])[0]
    s.admit("a9-1", ONE)
    s.finish("a9-1", code="486", reason="busy")
    assert find(s, "cdr", "a9")[0] == ["a9-1"]


def test_trunk(s):
    assert find(s, "cdr", trunk="11")[0] == ["a2", "a1"] and find(s, "cdr", trunk="12")[0] == []


@pytest.mark.parametrize("where, calls", [("live", {"a3", "a4"}), ("cdr", {"a1", "a2"})])
def test_a_piece_at_a_time(s, where, calls):
    seen, place, steps = [], "", 0
    while steps == 0 or place:
        some, place = find(s, where, place=place, most=1)
        seen += some
        steps += 1
    assert len(seen) == len(calls) and set(seen) == calls and steps == 3
    assert find(s, where, text="nothing", most=1)[1]  # what follows is told though nothing is found here


def test_rows_have_all_fields(s):
    live, = s.table_at("call_find", 2, KEY, "live", "a3", "", "", 10)
    cdr, = s.table_at("call_find", 2, KEY, "cdr", "a1", "", "", 10)
    assert list(live) == list(cdr) and (cdr["code"], cdr["reason"]) == ("486", "busy")
    assert (live["number"], live["code"], live["end_ms"]) == (ONE, "", "0") and int(live["invite_ms"]) > 0


@pytest.mark.parametrize("args", [("all", "", "", "", 1), ("cdr", "a b", "", "", 1), ("cdr", "", "", "x", 1),
                                  ("live", "", "", "-1", 1),
                                  ("cdr", "", "", "", 0), ("cdr", "", "", "", 1001)])
def test_malformed(s, args):
    assert s.error("call_find", KEY, *args).startswith("call_find: ")
