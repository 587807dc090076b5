"""Payments: each booked once, whatever comes twice, late or in another order."""

import itertools
import random

import pytest

from schema_client import ACCOUNT, account_key

KEY = account_key()
LATER = 30000


@pytest.fixture
def s(schema):
    schema.account(balance=1000000)
    return schema


def begin(s, payment="P1", funded=250000, charges=5000, once="d:01", digest="01", remember=60000, lease=LATER):
    return s.payment_begin(KEY, payment, funded, charges, "sandbox", "ab12", once, digest, remember, lease)


def balance(s):
    return int(s.client.hget(KEY, "balance"))


def lines(s):
    return [(x["activity"], int(x["amount"]), x["ref"]) for x in s.table("ledger_list", KEY)][1:]


def payment(s, name="P1"):
    row, = s.table("payment_list", KEY, name)
    return row


def test_a_charge_and_its_fee(s):
    assert begin(s) == ["ok", "new", "P1", "pending", "", "ab12", "sandbox", "250000"]
    assert payment(s)["status"] == "0" and balance(s) == 1000000
    assert s.payment_finish(KEY, "P1", "done", "ref-1", "") == ["ok", "1245000", "done"]
    assert lines(s) == [("Credit Card", 250000, "payment:P1"), ("Credit Card Fee", -5000, "payment:P1:fee")]
    row = payment(s)
    assert (row["status"], row["step"], row["reference"]) == ("1", "done", "ref-1")
    s.check_invariants()


def test_a_charge_is_booked_once(s):
    begin(s)
    for _ in range(3):
        assert s.payment_finish(KEY, "P1", "done", "ref-1", "")[1] == "1245000"
    assert s.payment_finish(KEY, "P1", "failed", "", "late")[1:] == ["1245000", "done"]
    assert len(lines(s)) == 2 and s.table("payment_due", KEY) == []


def test_a_decline_books_nothing(s):
    begin(s)
    assert s.payment_finish(KEY, "P1", "failed", "", "do not honor")[1:] == ["1000000", "failed"]
    assert lines(s) == [] and payment(s)["status"] == "2" and payment(s)["reason"] == "do not honor"


def test_a_charge_that_was_taken_for_failed_counts(s):
    begin(s)
    s.payment_finish(KEY, "P1", "failed", "", "not charged")
    assert s.payment_finish(KEY, "P1", "done", "ref", "")[1:] == ["1245000", "done"]


def test_a_repeat_gets_the_first(s):
    begin(s)
    assert begin(s, "P2")[:4] == ["ok", "repeat", "P1", "pending"]
    s.payment_finish(KEY, "P1", "done", "", "")
    assert begin(s, "P2")[:4] == ["ok", "repeat", "P1", "done"]
    assert begin(s, "P2", once="d:02")[1] == "new"


def test_a_declined_card_may_be_tried_again(s):
    begin(s)
    s.payment_finish(KEY, "P1", "failed", "", "no")
    assert begin(s, "P2")[1] == "new"


def test_an_idempotency_key_keeps_its_answer(s):
    begin(s, once="k:01")
    s.payment_finish(KEY, "P1", "failed", "", "no")
    assert begin(s, "P2", once="k:01")[:5] == ["ok", "repeat", "P1", "failed", "no"]
    assert begin(s, "P2", once="k:01", digest="02") == ["conflict"]


def test_nothing_is_remembered_when_not_asked(s):
    begin(s, remember=0)
    assert begin(s, "P2", remember=0)[1] == "new"


def test_an_id_is_used_once(s):
    begin(s)
    assert begin(s, once="d:02") == ["exists"]
    assert s.payment_add(KEY, "P1", "Bank", 100, 0, "")[0] == "repeat"


def test_no_account(schema):
    assert begin(schema) == ["notfound"]
    assert schema.payment_add(KEY, "x", "Bank", 100, 0, "") == ["notfound"]
    assert schema.payment_finish(KEY, "P1", "done", "", "") == ["notfound"]
    assert schema.payment_refund(KEY, "P1", "") == ["notfound"]
    assert schema.payment_cancel(KEY, "P1", "") == ["notfound"]
    assert schema.table("payment_list", KEY) == []


def test_due_after_the_lease_alone(s):
    begin(s, lease=1000)
    begin(s, "P2", once="d:02", lease=LATER)
    assert s.table("payment_due", KEY) == []
    s.client.zincrby(f"{KEY}:paying", -1000, "P1")
    due, = s.table("payment_due", KEY)
    assert (due["id"], due["refund"], due["amount"], due["key"]) == ("P1", "", "250000", "ab12")
    s.payment_defer(KEY, "P1", "", 5000)
    assert s.table("payment_due", KEY) == []
    assert s.payment_defer(KEY, "gone", "", 0) == ["ok"] and s.client.zscore(f"{KEY}:paying", "gone") is None


def test_other_ways_of_payment(s):
    assert s.payment_add(KEY, "wire:7", "Bank", 500000, 1000, "note") == ["ok", "1499000"]
    assert s.payment_add(KEY, "wire:7", "Bank", 500000, 1000, "note") == ["repeat", "1499000"]
    assert s.payment_add(KEY, "pp", "Paypal", 100, 100, "") == ["ok", "1499000"]
    assert lines(s) == [("Bank Transfer", 500000, "wire:7"), ("Bank Fee", -1000, "wire:7:fee"),
                        ("Paypal Transfer", 100, "pp"), ("Paypal Fee", -100, "pp:fee")]
    assert [p["id"] for p in s.table("payment_list", KEY, "", "Bank")] == ["wire:7"]
    s.check_invariants()


def test_a_refund_is_booked_and_sent(s):
    begin(s)
    s.payment_finish(KEY, "P1", "done", "ref", "")
    assert s.payment_refund(KEY, "P1", 100000) == ["ok", "1145000", "100000", "gateway"]
    due, = s.table("payment_due", KEY)
    assert (due["id"], due["refund"], due["amount"], due["reference"]) == ("P1", "1", "100000", "ref")
    assert s.payment_refund(KEY, "P1", 150001) == ["range", "150000"]
    assert s.payment_refund(KEY, "P1", "") == ["ok", "995000", "150000", "gateway"]
    assert s.payment_refund(KEY, "P1", "") == ["range", "0"]
    assert s.payment_refunded(KEY, "P1", 1, "done", "") == ["ok", "995000"]
    assert s.payment_refunded(KEY, "P1", 2, "failed", "too late") == ["ok", "1145000"]
    assert s.payment_refunded(KEY, "P1", 2, "failed", "too late") == ["ok", "1145000"]
    assert s.payment_refunded(KEY, "P1", 3, "done", "") == ["notfound"]
    assert payment(s)["refunded"] == "100000" and s.table("payment_due", KEY) == []
    s.check_invariants()


def test_a_refund_of_a_transfer_is_booked(s):
    s.payment_add(KEY, "wire:7", "Bank", 500000, 0, "")
    assert s.payment_refund(KEY, "wire:7", "")[1:] == ["1000000", "500000", "booked"]
    assert s.table("payment_due", KEY) == []


def test_cancel_takes_off_what_is_left(s):
    begin(s)
    s.payment_finish(KEY, "P1", "done", "ref", "")
    s.payment_refund(KEY, "P1", 100000)
    assert s.payment_cancel(KEY, "P1", "charge-back") == ["ok", "995000"]
    assert s.payment_cancel(KEY, "P1", "again") == ["state"]
    assert s.payment_refund(KEY, "P1", "") == ["state"]
    assert payment(s)["status"] == "2" and payment(s)["step"] == "cancelled"
    assert lines(s)[-1] == ("Payment Cancelled", -150000, "payment:P1:cancel")
    s.check_invariants()


def test_cancel_of_one_that_is_pending(s):
    begin(s)
    assert s.payment_cancel(KEY, "P1", "operator") == ["ok", "1000000"]
    assert payment(s)["step"] == "failed" and begin(s, "P2")[1] == "new"


def test_the_sandbox_remembers(s):
    assert s.sandbox_get(KEY, "ab") == ["notfound"]
    assert s.sandbox_charge(KEY, "ab", "declined", "no") == ["ok", "declined", "sandbox-ab", "no"]
    assert s.sandbox_charge(KEY, "ab", "approved", "") == ["ok", "declined", "sandbox-ab", "no"]
    assert s.sandbox_get(KEY, "ab") == ["ok", "declined", "sandbox-ab", "no"]


def test_list_by_time(s):
    s.payment_add(KEY, "a", "Bank", 100, 0, "")
    now = s.now()
    assert [p["id"] for p in s.table("payment_list", KEY, "", "", now - 60000, now)] == ["a"]
    assert s.table("payment_list", KEY, "", "", now + 1000, "") == []


@pytest.mark.parametrize("args", [
    ("P 1", 1, 0, "sandbox", "ab", "d:1", "1", 0, 1000), ("P1", 0, 0, "sandbox", "ab", "d:1", "1", 0, 1000),
    ("P1", 1, 2, "sandbox", "ab", "d:1", "1", 0, 1000), ("P1", 1, 0, "Sand box", "ab", "d:1", "1", 0, 1000),
    ("P1", 1, 0, "sandbox", "x y", "d:1", "1", 0, 1000), ("P1", 1, 0, "sandbox", "ab", "1", "1", 0, 1000),
    ("P1", 1, 0, "sandbox", "ab", "d:1", "z", 0, 1000), ("P1", 1, 0, "sandbox", "ab", "d:1", "1", -1, 1000),
    ("P1", 1, 0, "sandbox", "ab", "d:1", "1", 0, 1)])
def test_misuse(s, args):
    s.error("payment_begin", KEY, *args)


def test_any_order_of_events(s):
    """Whatever happens how often: the balance is the sum of the lines, and no payment counts twice."""
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    ids = itertools.count(1)
    names = []
    for _ in range(400):
        name = chance.choice(names) if names and chance.random() < 0.8 else None
        if not name:
            names.append(f"P{next(ids)}")
            begin(s, names[-1], 1000, 30, f"d:{chance.randrange(50):02x}", "01")
            continue
        step = chance.randrange(5)
        if step < 2:
            s.payment_finish(KEY, name, "done" if step else "failed", "r", "no")
        elif step == 2:
            s.payment_refund(KEY, name, chance.choice(["", 100, 900]))
        elif step == 3:
            s.payment_refunded(KEY, name, chance.choice([1, 2]), chance.choice(["done", "failed"]), "x")
        elif chance.random() < 0.3:
            s.payment_cancel(KEY, name, "")
    s.check_money([], ACCOUNT)
    for row in s.table("payment_list", KEY):
        own = [x for x in lines(s) if x[2].split(":")[1] == row["id"]]
        kept = sum(amount for activity, amount, _ in own if activity != "Credit Card Fee")
        assert [a for a, _, _ in own].count("Credit Card") <= 1
        left = int(row["funded"]) - int(row["refunded"])
        # A refund that the gateway refused after the payment was cancelled gives its part back.
        assert kept in ((left,) if row["step"] == "done" else (0,)) or row["step"] == "cancelled", (row, own)
