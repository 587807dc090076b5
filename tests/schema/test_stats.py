"""Statistics: a call counts once, and every period's sums are those of its CDRs, whichever period is open."""

import datetime

import pytest

from schema_client import NUMBERS, account_key, day_of

KEY = account_key()
ONE, TWO, THREE, _ = NUMBERS


def days_from(day, days):
    return str(datetime.date.fromisoformat(day) + datetime.timedelta(days))


def sums(calls, kind, item, month=""):
    row, = calls.table("stats_get", KEY, kind, month, item)
    return {field: int(value) for field, value in row.items() if field != "id"}


def date_back(calls, base, now_open, then):
    """As if a period had been counted in at another time."""
    calls.client.rename(f"{KEY}:{base}:{now_open}", f"{KEY}:{base}:{then}")
    calls.client.hset(f"{KEY}:{base}", "open", then)


def lasted_2_s(customer, call):
    customer.client.hincrby(f"{KEY}:call:{call}", "invite_ms", -5000)
    customer.finish(call, answered="2000")


def test_peak_is_the_most_calls_at_once(calls):
    for i in range(3):
        calls.admit(f"a{i}", ONE)
    for i in range(2):
        calls.admit(f"b{i}", TWO)
    for call in ("a0", "a1", "a2", "b0", "b1"):
        calls.finish(call)
    calls.admit("c", ONE)
    day = day_of(calls.live()[0]["invite_ms"])
    for when in ("", day[:7]):
        assert [s["peak"] for s in calls.table("stats_get", KEY, "did", when, ONE, TWO, THREE)] == ["3", "2", "0"]
        assert [s["peak"] for s in calls.table("stats_get", KEY, "tg", when, 11, 21)] == ["5", "0"]
    assert calls.hash(f"st:tg:11:{day}")["peak"] == calls.hash(f"st:all:{day}")["peak"] == "5"


@pytest.mark.parametrize("order", [range(0, 365, 3), range(363, -1, -3)], ids=["ever earlier", "ever later"])
def test_days_are_utc_days(calls, order):
    """Calls of the last year; check_invariants holds the sums of every period against Python's calendar."""
    for ago in order:
        calls.admit(f"c{ago}")
        calls.client.hincrby(f"{KEY}:call:c{ago}", "invite_ms", -366 * 86400000)
        calls.finish(f"c{ago}", answered=ago * 86400000 + 1000, ended=ago * 86400000)
        day, stats = day_of(calls.cdrs()[0]["end_ms"]), calls.stats()
        assert stats[f"st:tg:11:{day}"]["peak"] == stats[f"st:did:{ONE}:{day[:7]}"]["peak"] == 1
    for kind, item in (("tg", "11"), ("did", ONE)):
        assert sums(calls, kind, item)["processed"] == len(order)
        assert sums(calls, kind, item)["peak"] == 1


def test_a_new_day_closes_the_one_before(customer):
    for i in range(3):
        customer.admit(f"a{i}")
    for i in range(3):
        lasted_2_s(customer, f"a{i}")
    today = day_of(customer.now())
    yesterday = days_from(today, -1)
    date_back(customer, "st:tg:11", today, yesterday)
    date_back(customer, f"st:did:{ONE}", today[:7], "2001-02")
    customer.admit("b")
    assert customer.hash("st:tg:11")["processed"] == customer.hash(f"st:tg:11:{yesterday[:7]}")["processed"] == "3"
    assert customer.hash(f"st:tg:11:{yesterday}")["state"] == "closed" and customer.hash("st:tg:11")["open"] == today
    customer.finish("b", code="486")
    for month, processed, peak in (("", 4, 3), ("2001-02", 3, 3), (today[:7], 1, 1)):
        of_number = sums(customer, "did", ONE, month)
        assert (of_number["processed"], of_number["peak"]) == (processed, peak)
        assert of_number["ms"] == (0 if month == today[:7] else 6000)
    assert sums(customer, "tg", "11") == {**sums(customer, "did", ONE), "billed": sums(customer, "tg", "11")["billed"]}
    month = sums(customer, "tg", "11", today[:7])["processed"]
    assert month == (4 if yesterday[:7] == today[:7] else 1)


def test_a_call_of_a_closed_day_counts_in_all_periods(customer):
    customer.admit("a")
    today = day_of(customer.now())
    tomorrow = days_from(today, 1)
    date_back(customer, "st:tg:11", today, tomorrow)
    lasted_2_s(customer, "a")
    assert customer.hash(f"st:tg:11:{today}")["state"] == "closed" and customer.hash("st:tg:11")["open"] == tomorrow
    assert customer.hash("st:tg:11")["processed"] == customer.hash(f"st:tg:11:{today[:7]}")["processed"] == "1"
    assert sums(customer, "tg", "11")["ms"] == 2000 and sums(customer, "tg", "11", today[:7])["processed"] == 1


def test_stats_of_what_is_not_there(calls):
    assert calls.table("stats_get", KEY, "did", "1999-01", "5555555555") == [
        {"id": "5555555555", "processed": "0", "completed": "0", "ms": "0", "billed": "0", "peak": "0",
         "amount": "0"}]
    assert calls.table("stats_get", KEY, "tg", "") == []
    for bad in [("all", "", "1"), ("did", "1999", "1"), ("did", "", "x")]:
        calls.error("stats_get", KEY, *bad)
