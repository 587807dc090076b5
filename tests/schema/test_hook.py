"""Webhooks: an event is in the queue of whoever wants it exactly when the change that it tells of is there."""

import json

import pytest

from schema_client import NUMBERS, account_key

KEY = account_key()
SECRET, OTHER = "ab" * 32, "cd" * 32
URL = "https://hooks.example.net/trunkline"
ONE, TWO = NUMBERS[:2]


@pytest.fixture
def s(schema):
    schema.account(balance=10 ** 6, did_monthly="5000")
    schema.trunk_in(11)
    return schema


def add(s, hook=1, events="all", url=None):
    assert s.hook_add(KEY, hook, url or f"{URL}/{hook}", events, SECRET, 8) == ["ok"]


def queued(s, hook=1):
    """(type, data) of what waits at a webhook."""
    return [(e["type"], json.loads(e["data"])) for _, e in s.client.xrange(f"{KEY}:hook:{hook}:queue")]


def types(s, hook=1):
    return [kind for kind, _ in queued(s, hook)]


def due(s, hook=1):
    rows = s.table("hook_due", KEY, hook)
    return rows[0] if rows else None


def order(s, order=41):
    s.cart_open(KEY, "landline", order)
    s.cart_add(KEY, order, s.now() + 60000, TWO, "WA", ONE, "WA")
    s.order_create(KEY, order, order, 11, 60000)


def listed(s):
    return s.table("hook_list", KEY)[0]


def test_without_webhooks_nothing_is_kept(s):
    order(s)
    assert not s.client.keys(f"{KEY}:hook*")


def test_an_order_tells_of_each_step_once(s):
    add(s)
    order(s)
    s.order_create(KEY, 41, 41, 11, 60000)
    for _ in range(2):
        s.order_start(KEY, 41)
        s.order_pay(KEY, 41)
        s.order_complete(KEY, 41)
    assert types(s) == ["order.created", "balance.debited", "order.processed"]
    created, debited, _ = (data for _, data in queued(s))
    assert created == {"orderId": "41", "tg_id": "11", "didCategory": "landline", "didType": "Metered",
                       "amount": "1.00", "count": "2", "numbers": [ONE, TWO]}
    assert debited == {"amount": "1.00", "balance": "99.00", "activity": "Order (New DIDs)", "referenceno": "order:41"}


def test_a_cancelled_order_tells_it_once(s):
    add(s, events="order")
    order(s)
    s.order_cancel(KEY, 41)
    s.order_cancel(KEY, 41)
    assert types(s) == ["order.created", "order.cancelled"]


def test_a_refused_change_tells_nothing(s):
    add(s)
    s.account_set(KEY, "did_monthly", "9000000")
    order(s)
    assert s.order_start(KEY, 41) == ["insufficient"]
    assert types(s) == ["order.created"]


def test_a_port_order_tells_of_every_move(s):
    add(s, events="port")
    s.port_create(KEY, 43, 11, "landline", s.now(), "Customer", 1, "5032220001", "OR", "first_name", "Sunny")
    s.port_move(KEY, 43, "EXCEPTION", "Operator", "WRONG_ADDRESS", 'say "hello"', "")
    s.port_set(KEY, 43, "Operator", "first_name", "Sun")
    s.port_move(KEY, 43, "FOC", "Operator", "", "", 1795000000000)
    s.port_switch(KEY, 43, "Operator", "now")
    s.port_complete(KEY, 43, "Operator")
    assert types(s) == ["port.created", "port.exception", "port.foc", "port.completed"]
    _, exception, foc, complete = (data for _, data in queued(s))
    assert (exception["reason"], exception["note"]) == ("WRONG_ADDRESS", 'say "hello"')
    assert foc["focDate"] == "2026-11-18 11:06:40" and foc["numbers"] == ["5032220001"]
    assert complete["processingStatus"] == "COMPLETE"


def test_payments_and_invoices(s):
    add(s, events="payment,invoice")
    for payment in (1, 2):
        s.payment_begin(KEY, f"P{payment}", 250000, 5000, "sandbox", f"ab{payment}", f"d:0{payment}", "01", 60000,
                        30000)
    for _ in range(2):
        s.payment_finish(KEY, "P1", "done", "r", "")
        s.payment_finish(KEY, "P2", "failed", "r", "declined")
    s.payment_refund(KEY, "P1", 10000)
    s.payment_refunded(KEY, "P1", 1, "failed", "too late")
    s.payment_cancel(KEY, "P1", "charge-back")
    s.payment_add(KEY, "wire:1", "Bank", 100001, 0, "")
    s.payment_add(KEY, "wire:1", "Bank", 100001, 0, "")
    for _ in range(2):
        s.invoice_put(KEY, "2026-10", "invoices/7001/2026-10.pdf", 100, 200, -30000)
    assert types(s) == ["payment.completed", "payment.failed", "payment.refunded", "payment.refund_failed",
                        "payment.cancelled", "payment.completed", "invoice.created"]
    data = [data for _, data in queued(s)]
    assert data[1]["reason"] == "declined" and data[2]["refunded"] == "1.00"
    assert data[5]["funded_amount"] == "10.0001"
    assert data[6] == {"month": "2026-10", "charges": "0.01", "payments": "0.02", "balance": "-3.00"}


def test_a_low_balance_is_told_when_it_is_crossed(s):
    s.account_set(KEY, "low_balance", "500000")
    add(s, events="balance")
    for ref, amount in enumerate([-400000, -200000, -100000, 300000, -100001]):
        s.account_book(KEY, amount, "Call Charges", f"x{ref}", "", "")
    assert types(s) == ["balance.debited", "balance.low", "balance.debited", "balance.debited", "balance.credited",
                        "balance.low", "balance.debited"]
    assert queued(s)[1][1] == {"balance": "40.00", "low_balance": "50.00"}


def test_a_call_can_cross_the_mark(s):
    s.account_set(KEY, "low_balance", "1000000", "in_rate", "600")
    s.numbers(ONE)
    s.credit(5000)
    add(s)
    s.admit("c1", ONE)
    s.answer("c1")
    s.finish("c1", answered="60000")
    assert types(s) == ["balance.low"]


def test_each_webhook_gets_what_it_wants(s):
    add(s, 1, "order")
    add(s, 2, "port,balance")
    add(s, 3, "all")
    order(s)
    s.credit(100)
    assert [types(s, hook) for hook in (1, 2, 3)] == [["order.created"], ["balance.credited"],
                                                       ["order.created", "balance.credited"]]
    ids = {e["type"]: e["event"] for hook in (1, 2, 3) for _, e in s.client.xrange(f"{KEY}:hook:{hook}:queue")}
    assert ids == {"order.created": "1", "balance.credited": "2"}


def test_delivery_is_in_order(s):
    add(s)
    s.credit(100)
    s.credit(200)
    first = due(s)
    assert (first["event"], first["secret"], first["previous"], first["tries"]) == ("1", SECRET, "", "0")
    s.hook_done(KEY, 1, first["entry"])
    s.hook_done(KEY, 1, first["entry"])
    assert due(s)["event"] == "2" and listed(s)["delivered"] == "1"


def test_a_failed_one_keeps_the_others_waiting_until_it_is_dead(s):
    add(s)
    s.credit(100)
    s.credit(200)
    entry = due(s)["entry"]
    assert s.hook_fail(KEY, 1, entry, 0, 2, 60000, "500") == ["ok", "waits"]
    assert s.hook_fail(KEY, 1, entry, 0, 2, 60000, "500") == ["ok", "waits"]
    assert due(s) is None and listed(s)["tries"] == "1" and listed(s)["failure"] == "500"
    assert s.hook_fail(KEY, 1, entry, 1, 2, 60000, "timeout") == ["ok", "dead"]
    assert s.hook_fail(KEY, 1, entry, 1, 2, 60000, "timeout") == ["ok", "dead"]
    assert due(s)["event"] == "2" and due(s)["tries"] == "0"
    dead, = s.table("hook_dead", KEY, 1)
    assert (dead["event"], dead["tries"], dead["reason"]) == ("1", "2", "timeout")


def test_a_replayed_event_keeps_its_id_and_time(s):
    add(s)
    s.credit(100)
    was = due(s)
    s.hook_fail(KEY, 1, was["entry"], 0, 1, 0, "gone")
    s.credit(200)
    assert s.hook_replay(KEY, 1, 7) == ["ok", "0"] and s.hook_replay(KEY, 1, 1) == ["ok", "1"]
    assert s.hook_replay(KEY, 1) == ["ok", "0"] and s.table("hook_dead", KEY, 1) == []
    s.hook_done(KEY, 1, due(s)["entry"])
    again = due(s)
    assert again["entry"] != was["entry"] and all(again[k] == was[k] for k in ("event", "type", "at", "data", "tries"))


def test_a_paused_webhook_keeps_its_events(s):
    add(s)
    s.hook_set(KEY, 1, "status", "0")
    s.credit(100)
    assert due(s) is None and listed(s)["waiting"] == "1"
    s.hook_set(KEY, 1, "status", "1", "url", "https://other.example.net/", "events", "order")
    assert due(s)["url"] == "https://other.example.net/"
    s.credit(100)
    assert listed(s)["waiting"] == "1" and listed(s)["events"] == "order"


def test_rotation_signs_with_both_for_a_while(s):
    add(s)
    s.hook_test(KEY, 1)
    s.hook_rotate(KEY, 1, OTHER, 60000)
    s.hook_rotate(KEY, 1, OTHER, 60000)
    assert (due(s)["secret"], due(s)["previous"]) == (OTHER, SECRET)
    s.hook_rotate(KEY, 1, SECRET, 0)
    assert (due(s)["secret"], due(s)["previous"]) == (SECRET, "")


def test_limits_and_repeats(s):
    add(s)
    assert s.hook_add(KEY, 2, f"{URL}/1", "all", SECRET, 8) == ["exists"]
    assert s.hook_add(KEY, 1, URL, "all", SECRET, 8) == ["exists"]
    assert s.hook_add(KEY, 2, URL, "all", SECRET, 1) == ["limit"]
    assert s.hook_add(account_key("7002"), 2, URL, "all", SECRET, 1) == ["notfound"]
    assert s.hook_remove(KEY, 1) == ["ok", "0"] and s.hook_remove(KEY, 1) == ["notfound"]
    assert s.hook_set(KEY, 1, "status", "1") == ["notfound"] and s.hook_test(KEY, 1) == ["notfound"]


def test_a_removed_webhook_leaves_nothing(s):
    add(s, 1)
    add(s, 2)
    s.credit(100)
    s.hook_fail(KEY, 1, due(s)["entry"], 0, 1, 0, "gone")
    assert s.hook_remove(KEY, 1) == ["ok", "1"]
    assert not s.client.keys(f"{KEY}:hook:1*") and types(s, 2) == ["balance.credited"]


@pytest.mark.parametrize("url", ["ftp://x/", "https://", "https://a b/", "http://x/\n", "https://" + "x" * 505])
def test_a_bad_url_is_refused(s, url):
    assert "malformed url" in s.error("hook_add", KEY, 1, url, "all", SECRET, 8)


@pytest.mark.parametrize("events", ["", "orders", "order,", "order,all"])
def test_bad_events_are_refused(s, events):
    assert "unknown kind of event" in s.error("hook_add", KEY, 1, URL, events, SECRET, 8)


def test_a_full_queue_buries_its_oldest(s):
    add(s)
    with s.client.pipeline(transaction=False) as pipe:
        for ref in range(10003):
            pipe.fcall("hook_test", 1, KEY, 1)
        pipe.execute()
    assert (listed(s)["waiting"], listed(s)["dead"]) == ("10000", "3")
    assert [d["event"] for d in s.table("hook_dead", KEY, 1)] == ["1", "2", "3"] and due(s)["event"] == "4"


def test_an_order_of_many_numbers_does_not_name_them(s):
    add(s)
    s.cart_open(KEY, "landline", 41)
    numbers = [text for i in range(1001) for text in (f"206219{i:04d}", "WA")]
    s.cart_add(KEY, 41, s.now() + 60000, *numbers)
    s.order_create(KEY, 41, 41, 11, 60000)
    (_, data), = queued(s)
    assert data["count"] == "1001" and data["numbers"] == []
