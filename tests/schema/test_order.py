"""Library order: carts and orders, and the saga of an order."""

import pytest

from harness import wait_for
from schema_client import NUMBERS, account_key, fields

KEY = account_key()
ONE, TWO, THREE, _ = NUMBERS
SOON, LATER = 30, 600000


@pytest.fixture
def shop(schema):
    schema.account(balance=100000, did_monthly="5000", did_setup="1000", tfn_monthly="20000", tfn_setup="0",
                   per_order_cost="700", other_charges="50", tax_bp="825", discount_bp="1000")
    schema.trunk_in(11, sessions="10")
    schema.trunk_out(21)
    return schema


def order_of(reply):
    """Fields and numbers of a reply as order_get's."""
    assert reply[0] == "ok", reply
    end = 2 + 2 * int(reply[1])
    return fields(reply[:end], 2), fields(reply, end)


def cart(schema, *numbers, id=31, category="landline", life=LATER):
    assert schema.cart_open(KEY, category, id) == ["ok", str(id)]
    for number in numbers:
        assert schema.cart_add(KEY, id, schema.now() + life, number, "WA") == ["ok"]
    return id


def order(schema, *numbers, id=41, life=LATER, **options):
    return order_of(schema.order_create(KEY, id, cart(schema, *numbers, **options), 11, life))


def balance(schema):
    return int(schema.client.hget(KEY, "balance"))


def ledger(schema):
    return [(x["activity"], x["amount"], x["ref"]) for x in schema.table("ledger_list", KEY)][1:]


def test_one_open_cart_a_category(shop):
    assert shop.cart_open(account_key("other"), "landline", 1) == ["notfound"]
    assert shop.cart_open(KEY, "landline", "") == ["none"]
    assert shop.cart_open(KEY, "landline", 31) == ["ok", "31"]
    assert shop.cart_open(KEY, "landline", 32) == shop.cart_open(KEY, "landline", "") == ["ok", "31"]
    assert shop.cart_open(KEY, "tollfree", 33) == ["ok", "33"]
    shop.error("cart_open", KEY, "mobile", 34)


def test_cart_holds_numbers(shop):
    cart(shop)
    expires = str(shop.now() + LATER)
    assert shop.cart_get(KEY, 31) == ["ok", "landline", "0"]
    assert shop.cart_add(KEY, 31, expires, ONE, "WA", TWO, "OR") == ["ok"]
    assert shop.cart_add(KEY, 31, expires, ONE, "WA") == ["ok"]
    reply = shop.cart_get(KEY, 31)
    assert reply[:3] == ["ok", "landline", expires] and fields(reply, 3) == {ONE: "WA", TWO: "OR"}
    assert shop.cart_add(KEY, 32, expires, ONE, "WA") == ["notfound"]
    assert shop.cart_get(KEY, 32) == ["notfound"]
    for bad in [(LATER, ONE, "WA"), (expires, ONE), (expires, "206", "WA"), (expires, ONE, "Washington")]:
        shop.error("cart_add", KEY, 31, *bad)


def test_expired_cart_makes_way(shop):
    cart(shop, ONE, life=SOON)
    wait_for(lambda: shop.cart_get(KEY, 31) == ["notfound"])
    assert shop.cart_add(KEY, 31, shop.now() + LATER, TWO, "WA") == ["notfound"]
    assert shop.order_create(KEY, 41, 31, 11, LATER) == ["notfound"]
    assert shop.cart_open(KEY, "landline", 32) == ["ok", "32"]
    assert shop.client.keys("*cart:31*") == []


def test_order_is_priced(shop):
    held, numbers = order(shop, ONE, TWO, THREE)
    cost = 3 * (5000 + 1000)
    taxes, discount = 1485, 1800
    created = int(held.pop("created"))
    assert abs(created - shop.now()) < 5000
    assert held == {"id": "41", "cart": "31", "tg": "11", "category": "landline", "type": "Metered",
                    "order_type": "New", "expires": str(created + LATER), "count": "3", "monthly": "5000",
                    "per_order_cost": "700", "other_charges": "50", "taxes": str(taxes), "discount": str(discount),
                    "amount": str(cost + 700 + taxes + 50 - discount), "sessions": "10", "status": "1",
                    "step": "open"}
    assert numbers == {ONE: "WA", TWO: "WA", THREE: "WA"}
    assert shop.order_list(KEY) == ["ok", "41"]
    assert shop.cart_get(KEY, 31) == ["notfound"]
    assert shop.cart_open(KEY, "landline", 35) == ["ok", "35"]


def test_tollfree_has_its_own_rates(shop):
    held, _ = order(shop, "8002190001", category="tollfree")
    assert (held["monthly"], held["taxes"], held["discount"], held["amount"]) == ("20000", "1650", "2000", "20400")


def test_taxes_are_exact_for_large_amounts(shop):
    shop.account_set(KEY, "did_monthly", 9999999999, "did_setup", "1", "tax_bp", "3333", "discount_bp", "0")
    held, _ = order(shop, ONE)
    assert held["taxes"] == str((10 ** 10 * 3333 + 5000) // 10000)


def test_create_refusals(shop):
    assert shop.order_create(KEY, 41, 31, 11, LATER) == ["notfound"]
    cart(shop)
    assert shop.order_create(KEY, 41, 31, 11, LATER) == ["empty"]
    cart(shop, ONE)
    assert shop.order_create(KEY, 41, 31, 12, LATER) == ["trunk"]
    assert shop.order_create(KEY, 41, 31, 21, LATER) == ["trunk"]
    assert shop.order_get(KEY, 41) == ["notfound"]
    assert shop.cart_get(KEY, 31)[0] == "ok"


def test_create_can_be_repeated(shop):
    first = order(shop, ONE)
    assert order_of(shop.order_create(KEY, 41, 31, 11, LATER)) == first
    assert order_of(shop.order_get(KEY, 41)) == first
    cart(shop, TWO, id=32)
    assert "given out" in shop.error("order_create", KEY, 41, 32, 11, LATER)


def test_every_step_can_be_repeated(shop):
    amount = int(order(shop, ONE, TWO)[0]["amount"])
    before = balance(shop)
    assert shop.order_complete(KEY, 41) == ["unpaid"]
    for _ in range(3):
        assert shop.order_start(KEY, 41) == ["ok", "started"]
        assert shop.saga_list(KEY) == ["ok", "order:41"]
    assert shop.order_complete(KEY, 41) == ["unpaid"]
    for _ in range(3):
        assert shop.order_pay(KEY, 41) == ["ok", str(before - amount)]
        assert shop.order_start(KEY, 41) == ["ok", "paid"]
    assert ledger(shop) == [("Order (New DIDs)", str(-amount), "order:41")]
    assert shop.table("number_list", KEY) == []
    for _ in range(3):
        assert shop.order_complete(KEY, 41) == ["ok"]
        assert shop.order_pay(KEY, 41) == ["ok", str(before - amount)]
        assert shop.order_start(KEY, 41) == ["ok", "done"]
    held, _ = order_of(shop.order_get(KEY, 41))
    assert (held["status"], held["step"]) == ("2", "done")
    assert [n["number"] for n in shop.table("number_list", KEY)] == [ONE, TWO]
    assert shop.saga_list(KEY) == ["ok", "order:41"]
    assert shop.saga_done(KEY, "order:41") == ["ok"]
    assert shop.order_start(KEY, 41) == ["ok", "done"]
    assert shop.saga_list(KEY) == ["ok"]
    assert len(ledger(shop)) == 1
    shop.check_invariants()


def test_repeated_completion_keeps_later_changes(shop):
    shop.numbers(ONE, order=41)
    shop.number_update(KEY, "", "0", "ACME", ONE)
    assert shop.order_complete(KEY, 41) == ["ok"]
    assert shop.table("number_list", KEY)[0]["cnam"] == "ACME"


def test_too_little_money(shop):
    shop.account_book(KEY, -95000, "Bank Fee", "out", "", "")
    order(shop, ONE)
    assert shop.order_start(KEY, 41) == ["insufficient"]
    assert shop.saga_list(KEY) == ["ok"]
    assert shop.order_pay(KEY, 41) == ["insufficient"]
    shop.credit(95000)
    assert shop.order_start(KEY, 41) == ["ok", "started"]
    shop.account_book(KEY, -95000, "Bank Fee", "out2", "", "")
    assert shop.order_pay(KEY, 41) == ["insufficient"]
    assert order_of(shop.order_get(KEY, 41))[0]["step"] == "open"
    assert shop.saga_list(KEY) == ["ok", "release:41"]
    assert balance(shop) == 5000


def test_what_a_live_call_holds_pays_no_order(shop):
    amount = int(order(shop, ONE)[0]["amount"])
    shop.account_book(KEY, amount - 100000, "Bank Fee", "enough", "", "")
    shop.admit("c1", "12065550100", "out", tg="21", rate="600", increment="6", minimum="6")
    assert shop.order_start(KEY, 41) == ["insufficient"]
    assert shop.account_book(KEY, -amount, "Bank Fee", "all", "", "0") == ["insufficient", str(amount)]
    shop.finish("c1", code="487")
    assert shop.order_start(KEY, 41) == ["ok", "started"]
    shop.admit("c2", "12065550100", "out", tg="21", rate="600", increment="6", minimum="6")
    assert shop.order_pay(KEY, 41) == ["insufficient"]
    shop.finish("c2", code="487")
    assert shop.order_start(KEY, 41) == ["ok", "started"] and shop.order_pay(KEY, 41) == ["ok", "0"]
    shop.check_invariants()


def test_free_order_is_paid_with_nothing(shop):
    shop.account_set(KEY, "did_monthly", "0", "did_setup", "0", "per_order_cost", "0", "other_charges", "0")
    shop.numbers(ONE, order=41)
    assert ledger(shop) == [("Order (New DIDs)", "0", "order:41")]


def test_unknown_order(shop):
    for step in ("order_get", "order_start", "order_pay", "order_complete", "order_cancel"):
        assert getattr(shop, step)(KEY, 99) == ["notfound"]


@pytest.mark.parametrize("started", [False, True])
def test_cancel(shop, started):
    order(shop, ONE)
    if started:
        shop.order_start(KEY, 41)
    for _ in range(2):
        assert shop.order_cancel(KEY, 41) == ["ok", ONE, "WA"]
    held, _ = order_of(shop.order_get(KEY, 41))
    assert (held["status"], held["step"]) == ("0", "cancelled")
    assert shop.saga_list(KEY) == ["ok", "release:41"]
    assert shop.order_start(KEY, 41) == ["cancelled"]
    assert shop.order_pay(KEY, 41) == ["cancelled"]
    assert shop.order_complete(KEY, 41) == ["unpaid"]
    assert ledger(shop) == []


def test_paid_order_can_not_be_cancelled(shop):
    order(shop, ONE)
    shop.order_start(KEY, 41)
    shop.order_pay(KEY, 41)
    assert shop.order_cancel(KEY, 41) == ["processed"]
    shop.order_complete(KEY, 41)
    assert shop.order_cancel(KEY, 41) == ["processed"]


def test_open_order_expires(shop):
    order(shop, ONE, life=SOON)
    wait_for(lambda: order_of(shop.order_get(KEY, 41))[0]["status"] == "0")
    assert shop.order_start(KEY, 41) == ["cancelled"]
    held, _ = order_of(shop.order_get(KEY, 41))
    assert (held["status"], held["step"]) == ("0", "cancelled")


def test_started_order_does_not_expire(shop):
    order(shop, ONE, life=200)
    assert shop.order_start(KEY, 41) == ["ok", "started"]
    wait_for(lambda: shop.now() > int(shop.client.hget(f"{KEY}:order:41", "expires")))
    assert shop.order_pay(KEY, 41)[0] == "ok"
    assert shop.order_complete(KEY, 41) == ["ok"]


def test_numbers_leave_a_cart(shop):
    cart(shop, ONE, TWO, THREE)
    assert shop.cart_remove(KEY, 31, ONE, "2062199999") == ["ok", ONE, "WA"]
    assert fields(shop.cart_get(KEY, 31), 3) == {TWO: "WA", THREE: "WA"}
    assert sorted(fields(shop.cart_remove(KEY, 31), 1)) == [TWO, THREE]
    assert shop.cart_get(KEY, 31) == ["ok", "landline", "0"], "an empty cart stays and does not expire"
    assert shop.cart_remove(KEY, 31) == ["ok"]
    assert shop.cart_remove(KEY, 32) == ["notfound"]
