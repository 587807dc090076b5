"""Monthly fees, once an account and month; the list of invoices; calls that cost something."""

import datetime

import pytest

from schema_client import ACCOUNT, NUMBERS, account_key

KEY = account_key()
UTC = datetime.timezone.utc


def ms(year, month, day, hour=0):
    return int(datetime.datetime(year, month, day, hour, tzinfo=UTC).timestamp() * 1000)


def months_back(schema, n, day=1):
    """First ms of the month n months before the one under way by the server's clock."""
    now = datetime.datetime.fromtimestamp(schema.now() / 1000, UTC)
    index = now.year * 12 + now.month - 1 - n
    return ms(index // 12, index % 12 + 1, day), f"{index // 12:04d}-{index % 12 + 1:02d}"


@pytest.fixture
def s(schema):
    schema.account(balance=10 ** 7, did_monthly="12500", tax_bp="1000")
    schema.trunk_in(11)
    schema.numbers(NUMBERS[0])
    schema.numbers(NUMBERS[1])
    return schema


def set_since(s, since, *numbers, **changes):
    """Puts the orders of numbers back in time; changes: status of the numbers, order_type and monthly of the orders."""
    for number in numbers:
        record = s.client.hget(f"{KEY}:numbers", number).split("|")
        order = f"{KEY}:order:{record[2]}"
        record[1] = changes.get("status", record[1])
        s.client.hset(f"{KEY}:numbers", number, "|".join(record))
        s.client.hset(order, mapping={"since": since, **{k: v for k, v in changes.items() if k != "status"}})


def fees(s):
    return [(x["activity"], int(x["amount"]), x["ref"]) for x in s.table("ledger_list", KEY)
            if x["ref"].startswith(("fee:", "tax:"))]


def test_the_order_has_paid_for_its_own_month(s):
    reply = s.fee_charge(KEY)
    assert reply[0] == "ok" and reply[2:5] == ["0", "0", "0"]
    assert s.fee_charge(KEY) == ["none"] and fees(s) == []


def test_fees_of_new_and_ported_numbers_and_their_tax(s):
    _, month = months_back(s, 0)
    set_since(s, months_back(s, 1)[0], NUMBERS[0])
    set_since(s, months_back(s, 1)[0], NUMBERS[1], order_type="Portin", monthly="7500")
    before = int(s.client.hget(KEY, "balance"))
    assert s.fee_charge(KEY) == ["ok", month, "2", "20000", "2000", str(before - 22000)]
    assert s.fee_charge(KEY) == ["none"]
    assert fees(s) == [("Order (New DIDs)", -12500, f"fee:{month}"), ("Order (LNP)", -7500, f"fee:lnp:{month}"),
                       ("USF Tax Deduction", -2000, f"tax:{month}")]
    s.check_invariants()


def test_cancelled_numbers_cost_nothing_inactive_ones_do(s):
    since = months_back(s, 1)[0]
    set_since(s, since, NUMBERS[0], status="2")
    set_since(s, since, NUMBERS[1], status="0")
    assert s.fee_charge(KEY)[2:4] == ["1", "12500"]


def test_missed_months_are_caught_up_with(s):
    set_since(s, months_back(s, 6)[0], *NUMBERS[:2])
    s.client.hset(KEY, "fee_month", months_back(s, 3)[1])
    assert [s.fee_charge(KEY)[1] for _ in range(3)] == [months_back(s, n)[1] for n in (2, 1, 0)]
    assert s.fee_charge(KEY) == ["none"]
    s.check_invariants()


def test_the_bill_day_is_waited_for(s):
    today = datetime.datetime.fromtimestamp(s.now() / 1000, UTC).day
    set_since(s, months_back(s, 6)[0], *NUMBERS[:2])
    s.client.hset(KEY, "fee_month", months_back(s, 1)[1])
    s.account_set(KEY, "bill_day", "28")
    assert s.fee_charge(KEY)[0] == ("ok" if today >= 28 else "none")


def test_the_balance_may_go_below_zero(s):
    set_since(s, months_back(s, 2)[0], *NUMBERS[:2])
    s.client.hset(KEY, "balance", 0)
    assert s.fee_charge(KEY)[5] == "-27500"


def test_closed_and_unknown_accounts(s):
    s.account_set(KEY, "status", "0")
    assert s.fee_charge(KEY) == ["closed"]
    assert s.fee_charge("{a:7099}") == ["notfound"]


def test_settings_are_checked(s):
    for field, value in [("bill_day", "0"), ("bill_day", "29"), ("topup", "-1"), ("topup", "x")]:
        s.error("account_set", KEY, field, value)
    s.account_set(KEY, "topup", "")


def test_invoices_oldest_first(s):
    for month in ("2026-02", "2024-12", "2025-11"):
        assert s.invoice_put(KEY, month, f"invoices/{month}.pdf", 1, -2, 3) == ["ok"]
    s.invoice_put(KEY, "2026-02", "invoices/new.pdf", 4, 5, -6)
    rows = s.table("invoice_list", KEY)
    assert [(r["month"], int(r["date"])) for r in rows] == [
        ("2024-12", ms(2025, 1, 1)), ("2025-11", ms(2025, 12, 1)), ("2026-02", ms(2026, 3, 1))]
    assert rows[2]["file"] == "invoices/new.pdf" and rows[2]["balance"] == "-6"
    assert s.invoice_put("{a:7099}", "2026-02", "x", 1, 2, 3) == ["notfound"]
    s.error("invoice_put", KEY, "2026-2", "x", 1, 2, 3)


def test_which_invoice_is_due(s):
    assert s.invoice_due(KEY) == ["none"]
    start, month = months_back(s, 1)
    s.client.hset(KEY, "created", start)
    assert s.invoice_due(KEY) == ["ok", month, "due"]
    s.invoice_put(KEY, month, "x", 1, 2, 3)
    assert s.invoice_due(KEY) == ["ok", month, "made"]


@pytest.mark.parametrize("month", ["1999-12", "2000-02", "2024-01", "2024-02", "2100-02", "2399-12"])
def test_months_begin_when_the_calendar_says(s, month):
    s.invoice_put(KEY, month, "x", 0, 0, 0)
    year, m = int(month[:4]), int(month[5:])
    row, = s.table("invoice_list", KEY)
    assert int(row["date"]) == ms(year + m // 12, m % 12 + 1, 1)


def test_calls_that_cost(s):
    s.account_set(KEY, "in_rate", "600")
    for call in ("one", "two", "three"):
        s.admit(call, NUMBERS[0])
        s.answer(call)
        s.finish(call, answered="6000")
    s.admit("failed", NUMBERS[0])
    s.finish("failed", code="486", reason="busy")
    end = s.now() + 1000
    reply = s.call_charges(KEY, 0, end, 2)
    assert reply[1] and len(table(reply)) == 2
    again = s.call_charges(KEY, reply[1], end, 10)
    assert again[1] == "" and len(table(again)) == 1
    total = sum(int(c["amount"]) for c in table(reply) + table(again))
    assert total == -sum(int(x["amount"]) for x in s.table("ledger_list", KEY) if x["activity"] == "Call Charges")
    assert table(s.call_charges(KEY, 0, 1, 10)) == []
    s.check_invariants()
    assert ACCOUNT in KEY


def table(reply):
    columns = int(reply[2])
    names, values = reply[3:3 + columns], reply[3 + columns:]
    return [dict(zip(names, values[i:i + columns])) for i in range(0, len(values), columns)]
