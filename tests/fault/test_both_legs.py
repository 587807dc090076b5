"""Faults of on-net calls: whatever is killed, the caller's account and the callee's have one CDR each, and agree."""

import os
import random

import pytest

from fault_bed import Chaos, FaultBed, check_calls
from harness import Books, Dialog, wait_for
from harness.bed import Customer, OnnetLine
from harness.ports import free_port
from load import Load
from test_chaos import seed_of_run

LONG = os.environ.get("TRUNKLINE_FAULT") == "long"
CALLER = "127.0.72.1"


@pytest.fixture
def bed():
    with FaultBed(sipmods=1, **{"log.level": "debug"}) as made:
        yield made


@pytest.fixture
def line(bed):
    priced = {"in_rate": "85", "in_increment": 1, "in_minimum": 0}
    opened = OnnetLine(bed, bed.proxy(0), account=priced, caller={**priced, "onnet_rate": "40"})
    yield opened
    opened.settled()
    for customer in opened.customers:
        Books(bed.redis, customer.id).check()
    opened.close()


def stamped(line):
    """Waits until Redis has both answers."""
    wait_for(lambda: len(rows := line.live()) == 2 and all(r["answer_ms"] for r in rows), 3, "two answers")


def crash(line):
    """SIGKILL and a new start; trunkd closes what the old one left unanswered."""
    line.sipmod.kill9()
    line.sipmod.start()


def told(line):
    """What both CDRs say of the end."""
    out, into = line.legs(15)
    assert out["callid"] == into["callid"] and out["target"] == into["target"]
    assert out["call"] + "-1" == into["call"]
    words = {(c["code"], c["reason"], c["by"], c["estimated"]) for c in (out, into)}
    assert len(words) == 1, words
    return words.pop()


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_bye_after_a_crash(line, by):
    call = line.answered()
    stamped(line)
    crash(line)
    call.exchange("INFO", "callee" if by == "caller" else "caller")
    call.hang_up(by)
    assert told(line) == ("200", "answered", by, "0")


def test_ringing_call_of_a_crashed_instance(line):
    invite = line.invite()
    line.primary.respond(line.tried(invite), 180)
    line.carrier.expect(180)
    crash(line)
    assert told(line) == ("408", "lost", "system", "1")


def test_invite_repeated_to_the_restarted_instance(line):
    """Both legs go over to the new start, and hold one session each."""
    invite = line.invite()
    line.tried(invite)
    crash(line)
    line.carrier.send(invite)
    received = line.tried(invite)
    assert [c.busy()["all"] for c in line.customers] == ["1", "1"]
    line.connect(invite, received).hang_up()
    assert told(line)[:2] == ("200", "answered")


def test_answer_and_end_while_redis_is_away(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.bed.redis.kill9()
    call = line.connect(invite, received)
    call.hang_up("callee")
    line.sipmod.kill9()
    line.bed.redis.start()
    line.sipmod.start()
    assert told(line) == ("200", "answered", "callee", "0")


def no_final(line, request):
    line.carrier.expect_nothing(0.25, but=(100, 180))
    assert request.call_id


def test_killed_before_the_answer_is_safe(line):
    """Then the caller has no 200, and whoever of the legs is stamped ends by the callee's BYE."""
    invite = line.invite()
    received = line.tried(invite)
    line.bed.redis.suspend()
    ok = line.primary.respond(received, 200)
    no_final(line, invite)
    line.sipmod.kill9()
    line.bed.redis.resume()
    line.sipmod.start()
    stamped(line)  # it was on its way
    bye = Dialog.callee(line.primary, received, ok).send("BYE")
    line.carrier.respond(line.carrier.expect("BYE", call_id=bye.call_id), 481)
    line.primary.expect(481, call_id=bye.call_id)
    assert told(line)[2] == "callee"


def test_killed_before_the_end_is_safe(line):
    call = line.answered()
    stamped(line)
    line.bed.redis.suspend()
    bye = call.caller.send("BYE")
    line.primary.respond(line.primary.expect("BYE"), 200)
    no_final(line, bye)
    line.sipmod.kill9()
    line.bed.redis.resume()
    line.sipmod.start()
    line.carrier.send(bye, call.caller.next_hop)
    line.primary.respond(line.primary.expect("BYE"), 481)
    line.carrier.expect(481, call_id=bye.call_id)
    assert told(line)[2] == "caller"


@pytest.mark.parametrize("leg", [0, 1])
def test_leg_that_was_closed_before_the_answer(line, leg):
    """One account's leg is gone (its reaper took us for dead): the call doesn't come up, the other costs nothing."""
    invite = line.invite()
    received = line.tried(invite)
    ids = line.ids()
    account, other = [(line.caller, line.customer), (line.customer, line.caller)][leg]
    line.bed.ok("call_finish", account.key, ids[leg], "408", "lost", "system", "", "", "", "", "", "0", "1")
    line.primary.respond(received, 200)
    line.failed(invite, 500)
    cdr = other.cdr()
    assert (cdr["code"], cdr["reason"], cdr["amount"], cdr["answer_ms"]) == ("500", "lost", "0", "0")


def first_number(bed, load):
    """The number of a customer whose own address is closed, and who forwards to the number of the load."""
    customer = Customer(bed, credit=10 ** 8, in_rate="85", in_increment=1, in_minimum=0)
    tg = customer.trunk(("127.0.0.3", free_port()), forward="1" + load.number)
    return customer, customer.number(tg)


# Straight to the number, or over another customer's: then each call has three legs.
@pytest.mark.parametrize("forwarded", [False, True] if LONG else [False])
def test_kills_and_pauses(forwarded):
    """Load from one account to another, both with a limit, while all programs are struck."""
    seed, (seconds, rate, most) = seed_of_run(), (60, 150, 100) if LONG else (10, 40, 20)
    with FaultBed() as bed:
        load = Load(bed.targets, "", caller=(CALLER, 0))
        load.number = bed.serve(load.address["callee"], most + 5)
        caller = Customer(bed, credit=10 ** 8, onnet_rate="40", in_increment=1, in_minimum=0)
        exit_tg = caller.exit_trunk(CALLER, sessions=most)
        chain = [caller]
        if forwarded:
            customer, load.number = first_number(bed, load)
            chain.append(customer)
        books = [Books(bed.redis, c.id) for c in chain]
        for sipmod in bed.sipmods.values():
            sipmod.restart()  # it knows the new source then
        chaos = Chaos(bed, seed, seconds, *((20, 10, 5, 10) if LONG else (4, 1, 1, 3)))
        try:
            chaos.start()
            load.run(seconds, rate, random.Random(seed))
            chaos.finish()
            assert load.drain(60)
            wait_for(lambda: not any(b.live() for b in books), 60, "no live call", 0.1)
            legs = [b.check() for b in books] + [bed.settle(60)]
            up = {check_calls(load, cdrs) for cdrs in legs}
            bed.books.check_limit(bed.tg, most + 5)
            peak = books[0].check_limit(exit_tg, most)
        finally:
            print("\n".join(chaos.done))
            load.close()
    assert len(up) == 1, f"calls that were up by each account's books: {up}"
    first = {c["call"] for c in legs[0]}
    for i, cdrs in enumerate(legs[1:], 1):
        assert {c["call"] for c in cdrs} <= {f"{call}-{i}" for call in first}, "a leg without the caller's"
    print(f"{len(load.calls)} calls, CDRs of each leg {[len(cdrs) for cdrs in legs]}, {up} up, {peak} at once")
    assert up.pop() > len(load.calls) / 10
