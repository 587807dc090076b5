"""A balance that runs out: calls at once never spend the same money, and are ended when it is used up."""

import time

import pytest

from fault_bed import FaultBed
from harness import wait_for
from harness.bed import Line


@pytest.fixture
def bed():
    with FaultBed(sipmods=1) as made:
        yield made


def test_call_ends_when_the_balance_is_spent_elsewhere(bed):
    line = Line(bed, bed.proxy(0), credit=100000, account={"in_rate": "3000", "in_increment": 1, "in_minimum": 0})
    call = line.answered()
    live, = line.customer.live()
    assert (live["held"], live["paid_s"]) == ("3000", "60")
    bed.ok("account_book", line.customer.key, -97000, "Bank Fee", "spent", "", "")
    age(bed, line, live["call"], 57)
    for peer in (line.carrier, line.primary):
        bye = peer.expect("BYE", 10, call_id=call.invite.call_id)
        peer.respond(bye, 200)
    cdr = wait_for(lambda: line.cdrs(), 5)[0]
    assert (cdr["reason"], cdr["by"], cdr["billed"], cdr["amount"]) == ("balance", "system", "60", "3000")
    assert line.customer.balance() == 0 and int(cdr["ms"]) < 63500
    line.customer.settled()
    line.close()


def age(bed, line, call, seconds):
    """Makes a live call older."""
    for field in ("invite_ms", "answer_ms"):
        bed.redis.client.hincrby(f"{line.customer.key}:call:{call}", field, -1000 * seconds)
    bed.redis.client.zincrby(f"{line.customer.key}:due", -1000 * seconds, call)


def test_calls_end_when_the_minutes_of_the_month_do(bed):
    line = Line(bed, bed.proxy(0), account={"in_increment": 1, "in_minimum": 0}, billing="Unmetered", mou="1")
    call = line.answered()
    live, = line.customer.live()
    assert (live["mou_s"], live["limit_s"]) == ("60", "60")
    line.refused(403)  # the first call holds all
    age(bed, line, live["call"], 57)
    for peer in (line.carrier, line.primary):
        peer.respond(peer.expect("BYE", 10, call_id=call.invite.call_id), 200)
    cdr = wait_for(lambda: [c for c in line.cdrs() if c["answer_ms"] != "0"], 5)[0]
    assert (cdr["reason"], cdr["by"], cdr["billed"], cdr["amount"]) == ("mou", "system", "60", "0")
    line.refused(403)
    line.customer.settled()
    line.close()


def test_calls_end_when_their_money_does(bed):
    line = Line(bed, bed.proxy(0), credit=250, account={"in_rate": "3000", "in_increment": 1, "in_minimum": 0})
    calls = [line.answered()]
    line.refused(402)  # the first call holds all: five seconds
    started = time.monotonic()
    for peer in (line.carrier, line.primary):
        bye = peer.expect("BYE", 10, call_id=calls[0].invite.call_id)
        peer.respond(bye, 200)
    assert 2 < time.monotonic() - started < 10
    cdr = wait_for(lambda: [c for c in line.cdrs() if c["answer_ms"] != "0"], 5)[0]
    assert (cdr["reason"], cdr["by"], cdr["billed"], cdr["amount"]) == ("longest", "system", "5", "250")
    assert line.customer.balance() == 0
    line.customer.settled()
    line.close()


def test_calls_go_on_while_there_is_money(bed):
    line = Line(bed, bed.proxy(0), credit=300, account={"in_rate": "3000", "in_increment": 1, "in_minimum": 0})
    call = line.answered()
    started = time.monotonic()
    wait_for(lambda: line.customer.live()[0]["paid_s"] == "6", 3)
    bed.ok("account_book", line.customer.key, 9000, "Bank Transfer", "more", "", "")
    wait_for(lambda: line.customer.live()[0]["paid_s"] == "66", 15, "a slice more")
    wait_for(lambda: line.customer.live()[0]["limit_s"] == "186", 10, "a longer call")
    assert 5.9 < time.monotonic() - started < 8
    call.hang_up()
    line.customer.settled()
    assert int(line.cdr()["amount"]) == 50 * int(line.cdr()["billed"])
    line.close()
