"""Library port: coverage, claims, and port-in orders with their moves."""

import pytest

from schema_client import NUMBERS, account_key, fields

KEY = account_key()
ONE, TWO, THREE, _ = NUMBERS
COVERAGE = "lnp:coverage"
STATUSES = ("DRAFT", "SUBMITTED", "EXCEPTION", "FOC", "COMPLETE", "CANCELLED")
MOVES = {"DRAFT": {"SUBMITTED", "EXCEPTION", "CANCELLED"}, "SUBMITTED": {"EXCEPTION", "FOC", "CANCELLED"},
         "EXCEPTION": {"SUBMITTED", "EXCEPTION", "FOC", "CANCELLED"}, "FOC": {"FOC", "EXCEPTION", "CANCELLED"},
         "COMPLETE": set(), "CANCELLED": set()}


@pytest.fixture
def shop(schema):
    schema.account(balance=100000, did_monthly="5000", did_setup="1000", tfn_monthly="20000", tfn_setup="0",
                   per_order_cost="700", other_charges="50", tax_bp="825", discount_bp="1000")
    schema.trunk_in(11, sessions="10")
    schema.trunk_out(21)
    return schema


def port_of(reply):
    assert reply[0] == "ok", reply
    end = 2 + 2 * int(reply[1])
    return fields(reply[:end], 2), fields(reply, end)


def create(s, *numbers, id=43, tg=11, category="landline", state="WA", **details):
    pairs = [text for number in numbers or (ONE,) for text in (number, state)]
    more = [text for pair in details.items() for text in pair]
    return s.port_create(KEY, id, tg, category, 1800000000000, "Customer", len(pairs) // 2, *pairs, *more)


def get(s, id=43):
    return port_of(s.port_get(KEY, id))[0]


def move(s, to, id=43, reason="", foc=None):
    return s.port_move(KEY, id, to, "Operator", reason, "", (foc or s.now() + 60000) if to == "FOC" else "")


def bring(s, status):
    """Order 43 to a status by the shortest way."""
    ways = {"DRAFT": [], "SUBMITTED": ["SUBMITTED"], "EXCEPTION": ["EXCEPTION"], "FOC": ["SUBMITTED", "FOC"],
            "CANCELLED": ["CANCELLED"]}
    create(s)
    s.port_settle(KEY, 43)
    for step in ways.get(status, ["SUBMITTED", "FOC"]):
        assert move(s, step) == ["ok"]
    if status == "COMPLETE":
        assert s.port_switch(KEY, 43, "Operator", "now") == ["ok", "switching"]
        assert s.port_complete(KEY, 43, "Operator") == ["ok"]


def balance(s):
    return int(s.client.hget(KEY, "balance"))


def ledger(s):
    return [(x["activity"], int(x["amount"]), x["ref"]) for x in s.table("ledger_list", KEY)][1:]


# --- coverage -------------------------------------------------------------------------------


def test_coverage(schema):
    assert schema.coverage_set(COVERAGE, "206219", "WA", "Seattle", "866", "", "", "", "OR", "Portland") == ["ok", "3"]
    assert schema.coverage_set(COVERAGE, "206219", "WA", "Seattle") == ["ok", "0"]
    assert schema.coverage_check(COVERAGE, "206219", "206220", "866", "OR|PORTLAND", "OR|SALEM") == \
        ["ok", "1", "WA", "0", "", "1", "tf", "1", "OR", "0", ""]
    assert schema.table("coverage_list", COVERAGE) == [
        {"code": "206219", "state": "WA", "ratecenter": "SEATTLE"}, {"code": "866", "state": "", "ratecenter": ""},
        {"code": "", "state": "OR", "ratecenter": "PORTLAND"}]
    assert schema.coverage_remove(COVERAGE, "866", "OR|PORTLAND", "999") == ["ok", "2"]
    assert len(schema.table("coverage_list", COVERAGE)) == 1


@pytest.mark.parametrize("row", [
    ("206219", "", ""), ("206219", "W", "X"), ("206219", "wa", "X"), ("866", "WA", ""), ("866", "", "X"),
    ("", "", ""), ("", "WA", ""), ("20621", "WA", "X"), ("206219", "WA", "a|b"), ("206219", "WA"),
    ("", "WA", "a\nb")])
def test_bad_coverage(schema, row):
    schema.error("coverage_set", COVERAGE, "425270", "WA", "RENTON", *row)


# --- claims ---------------------------------------------------------------------------------


def test_claims(schema):
    claim = f"port:{ONE}"
    assert schema.port_holder(claim) == ["notfound"]
    assert schema.port_claim(claim, "7001", 43, 60000) == ["ok"]
    assert 0 < schema.client.pttl(claim) <= 60000
    assert schema.port_claim(claim, "7001", 44, 60000) == ["taken"]
    assert schema.port_claim(claim, "7002", 43, 0) == ["taken"]
    assert schema.port_claim(claim, "7001", 43, 0) == ["ok"]
    assert schema.client.pttl(claim) == -1
    assert schema.port_claim(claim, "7001", 43, 60000) == ["ok"]
    assert schema.client.pttl(claim) == -1, "a claim for good stays for good"
    assert schema.port_holder(claim) == ["ok", "7001", "43"]
    assert schema.port_drop(claim, "7002", 43) == ["ok"]
    assert schema.port_holder(claim) == ["ok", "7001", "43"]
    for _ in range(2):
        assert schema.port_drop(claim, "7001", 43) == ["ok"]
    assert schema.port_holder(claim) == ["notfound"]


# --- orders ---------------------------------------------------------------------------------


def test_order_is_priced_and_paid(shop):
    made, numbers = port_of(create(shop, ONE, TWO, THREE, first_name="Sunny", zip="07230"))
    cost = 3 * (5000 + 1000)
    amount = cost + 700 + 1485 + 50 - 1800
    assert numbers == {ONE: "WA", TWO: "WA", THREE: "WA"}
    assert made["amount"] == str(amount) and made["taxes"] == "1485" and made["discount"] == "1800"
    assert (made["order_type"], made["type"], made["sessions"], made["status"], made["step"], made["processing"]) == \
        ("Portin", "Metered", "10", "1", "created", "DRAFT")
    assert (made["first_name"], made["zip"], made["last_name"]) == ("Sunny", "07230", "")
    assert ledger(shop) == [("Order (LNP)", -amount, "port:43")]
    assert balance(shop) == 100000 - amount
    assert shop.saga_list(KEY) == ["ok", "port:43"]
    assert port_of(create(shop, ONE, TWO, THREE))[0] == made, "repeated it answers the same"
    assert len(ledger(shop)) == 1
    assert shop.port_list(KEY) == ["ok", "43"]
    assert shop.order_list(KEY) == ["ok"]


def test_settling_ends_the_saga(shop):
    create(shop)
    for _ in range(2):
        assert shop.port_settle(KEY, 43) == ["ok", "open"]
        assert (get(shop)["step"], shop.saga_list(KEY)) == ("open", ["ok"])
    assert shop.port_settle(KEY, 99) == ["notfound"]


def test_create_refusals(shop):
    assert create(shop, tg=12) == ["trunk"]
    assert create(shop, tg=21) == ["trunk"]
    assert shop.port_create(account_key("7002"), 43, 11, "landline", 0, "Customer", 1, ONE, "WA") == ["notfound"]
    shop.account_book(KEY, -95000, "Bank Fee", "out", "", "")
    assert create(shop) == ["insufficient"]
    assert shop.port_list(KEY) == ["ok"] and shop.saga_list(KEY) == ["ok"]
    assert [name for name in shop.client.keys("*port*")] == []
    for bad in [("resporg", "atx01"), ("resporg", "ATX012"), ("billing_number", "1"), ("colour", "red"),
                ("first_name", "a\nb"), ("first_name", "x" * 513), ("first_name",)]:
        shop.error("port_create", KEY, 43, 11, "landline", 0, "Customer", 1, ONE, "WA", *bad)
    shop.error("port_create", KEY, 43, 11, "landline", 0, "Customer", 2, ONE, "WA")
    shop.error("port_create", KEY, 43, 11, "mobile", 0, "Customer", 1, ONE, "WA")


def test_what_a_live_call_holds_pays_no_port(shop):
    shop.account_book(KEY, -90000, "Bank Fee", "out", "", "")
    shop.admit("c1", "12065550100", "out", tg="21", rate="9000", increment="6", minimum="6")
    assert create(shop) == ["insufficient"]
    shop.finish("c1", code="487")
    assert create(shop)[0] == "ok"
    shop.check_invariants()


def test_tollfree_has_its_own_rates(shop):
    made, _ = port_of(create(shop, "8662190001", category="tollfree", state="tf"))
    assert made["monthly"] == "20000"


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("to", STATUSES)
def test_moves(shop, status, to):
    bring(shop, status)
    before = shop.snapshot()
    if to in MOVES[status]:
        assert move(shop, to) == ["ok"]
        assert get(shop)["processing"] == to
    else:
        assert move(shop, to) == ["move", status]
        assert shop.snapshot() == before


def test_a_move_is_written_down(shop):
    create(shop)
    assert shop.port_move(KEY, 43, "EXCEPTION", "Operator", "ZIP_MISMATCH", "is 97231", "") == ["ok"]
    port = get(shop)
    assert (port["reason"], port["note"], port["modified_by"]) == ("ZIP_MISMATCH", "is 97231", "Operator")
    assert shop.port_set(KEY, 43, "Operator", "zip", "97231") == ["ok"]
    move(shop, "SUBMITTED")
    assert get(shop)["reason"] == "" and get(shop)["zip"] == "97231"
    assert [(x["by"], x["processing"], x["reason"]) for x in shop.table("port_history", KEY, 43)] == [
        ("Customer", "DRAFT", ""), ("Operator", "EXCEPTION", "ZIP_MISMATCH"), ("Operator", "", ""),
        ("Operator", "SUBMITTED", "")]


def test_details_of_an_ended_order_stay(shop):
    bring(shop, "COMPLETE")
    assert shop.port_set(KEY, 43, "Operator", "zip", "97231") == ["move", "COMPLETE"]
    assert shop.port_set(KEY, 99, "Operator", "zip", "97231") == ["notfound"]


def test_cancelling_pays_back_once(shop):
    bring(shop, "FOC")
    paid = 100000 - balance(shop)
    assert move(shop, "CANCELLED", reason="CUSTOMER") == ["ok"]
    assert move(shop, "CANCELLED") == ["move", "CANCELLED"]
    assert ledger(shop) == [("Order (LNP)", -paid, "port:43"), ("Order (LNP)", paid, "refund:port:43")]
    assert balance(shop) == 100000
    port = get(shop)
    assert (port["status"], port["step"]) == ("0", "cancelled")
    assert shop.saga_list(KEY) == ["ok", "port:43"], "its claims wait to be dropped"
    assert shop.port_due(KEY) == ["ok"]


def test_tollfree_needs_a_resporg(shop):
    create(shop, "8662190001", category="tollfree", state="tf")
    assert move(shop, "SUBMITTED") == ["resporg"]
    assert move(shop, "EXCEPTION") == ["ok"]
    assert move(shop, "FOC") == ["resporg"]
    assert shop.port_set(KEY, 43, "Operator", "resporg", "ATX01") == ["ok"]
    assert move(shop, "SUBMITTED") == ["ok"]


def test_due_at_the_foc_time(shop):
    bring(shop, "SUBMITTED")
    move(shop, "FOC", foc=shop.now() + 600000)
    assert shop.port_due(KEY) == ["ok"]
    assert shop.port_switch(KEY, 43, "System") == ["early"]
    move(shop, "FOC", foc=shop.now() - 1)
    assert shop.port_due(KEY) == ["ok", "43"]
    move(shop, "EXCEPTION")
    assert shop.port_due(KEY) == ["ok"]
    assert get(shop)["foc"] == "0"


def test_switch_and_complete(shop):
    create(shop, ONE, TWO)
    shop.port_settle(KEY, 43)
    assert shop.port_switch(KEY, 43, "System") == ["move", "DRAFT"]
    assert shop.port_complete(KEY, 43, "System") == ["move", "DRAFT"]
    move(shop, "SUBMITTED")
    move(shop, "FOC", foc=shop.now() - 1)
    for _ in range(2):
        assert shop.port_switch(KEY, 43, "System") == ["ok", "switching"]
    assert move(shop, "CANCELLED") == ["busy"]
    rows = shop.table("number_list", KEY)
    assert [(r["number"], r["tg"], r["status"], r["order"], r["order_type"], r["state"]) for r in rows] == \
        [(n, "11", "1", "43", "Portin", "WA") for n in (ONE, TWO)]
    assert shop.saga_list(KEY) == ["ok", "port:43"]
    shop.number_update(KEY, "", "", "ACME", ONE)
    assert shop.port_switch(KEY, 43, "System") == ["ok", "switching"]
    assert shop.table("number_list", KEY)[0]["cnam"] == "ACME", "a repeat leaves what the customer changed"
    for _ in range(2):
        assert shop.port_complete(KEY, 43, "System") == ["ok"]
    port = get(shop)
    assert (port["processing"], port["status"], port["triggered"], port["immediately"]) == ("COMPLETE", "2", "1", "0")
    assert shop.port_switch(KEY, 43, "System") == ["ok", "done"]
    assert shop.port_due(KEY) == ["ok"]


def test_switched_at_once(shop):
    bring(shop, "FOC")
    assert shop.port_switch(KEY, 43, "Operator", "now") == ["ok", "switching"]
    assert get(shop)["immediately"] == "1"


def test_unknown_order(shop):
    for reply in (shop.port_get(KEY, 99), move(shop, "SUBMITTED", id=99), shop.port_switch(KEY, 99, "System"),
                  shop.port_complete(KEY, 99, "System")):
        assert reply == ["notfound"]
