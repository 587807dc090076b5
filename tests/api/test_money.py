"""Money and numbers at random: orders, payments, calls, refunds, port-ins and fees of several customers at once,
while trunkds are killed between any two steps. Whatever happened, the books are whole afterwards.

    TRUNKLINE_SEED=1234        the plan of a run that printed this seed: what is done and where it strikes; how the
                               customers interleave is the machine's
    TRUNKLINE_FAULT=long       many more steps and kills
"""

import os
import random
import re
from collections import Counter

import pytest

from gate import Gate
from harness import Books, Stack, wait_for
from harness.inventory import BLOCKS
from money_actor import Actor
from port_client import load_coverage

LONG = os.environ.get("TRUNKLINE_FAULT") == "long"
ACTORS, STEPS, STRIKES = (6, 1000, 400) if LONG else (3, 40, 12)
STATE_OF = {block: state or "tf" for block, state, *_ in BLOCKS}
# Lines that no document stands behind: calls with their tax, the operator's credits, monthly fees with their tax.
OTHER_LINES = re.compile(r"(call|tax):call\d+|ctl:\w+|(fee|fee:lnp|tax):\d{4}-\d\d")


class Victim:
    """A trunkd behind a gate, killed at a step and started again."""

    def __init__(self, stack):
        self.stack, self.gate = stack, Gate(stack.redis.port)
        self.trunkd = stack.add_trunkd(redis__address=f"127.0.0.1:{self.gate.port}", redis__timeout_ms=30000)

    def strike(self, chance):
        calls, applied = chance.randint(1, 25), chance.random() < 0.5
        self.gate.stop_at("FCALL", applied, calls)
        reached = self.gate.reached.wait(3)
        self.trunkd.kill9()
        self.gate.close()
        self.gate = Gate(self.stack.redis.port)
        self.trunkd.configure(redis__address=f"127.0.0.1:{self.gate.port}")
        self.trunkd.start()
        return f"{self.trunkd.name} {'after' if applied else 'before'} call {calls}{'' if reached else ' (idle)'}"


@pytest.fixture
def stack():
    with Stack(sipmod=False, aof=True, conf={"payment.timeout_ms": 1000, "payment.fee_bp": 290,
                                             "payment.fee_fixed": "0.30"}) as s:
        load_coverage(s)
        yield s


def test_books_survive_kills_anywhere(stack):
    seed = int(os.environ.get("TRUNKLINE_SEED") or random.randrange(2 ** 32))
    print(f"seed {seed}: TRUNKLINE_SEED={seed} repeats the plan")
    chance = random.Random(seed)
    victims = [Victim(stack), Victim(stack)]
    actors = [Actor(stack, f"actor{i}", seed, lambda: [v.trunkd.url for v in victims], STEPS) for i in range(ACTORS)]
    stack.trunkd.stop()  # the jobs are the victims', too
    for actor in actors:
        stack.redis.client.hset(actor.key, "fee_month", "2000-01")
        actor.start()
    struck = []
    while len(struck) < STRIKES and any(a.is_alive() for a in actors):
        struck.append(chance.choice(victims).strike(chance))
    for actor in actors:
        actor.join(120 if not LONG else 1200)
        assert not actor.is_alive() and actor.error is None, (actor.error, actor.done[-3:], struck)
    print(f"{sum((Counter(a.done) for a in actors), Counter())}; {len(struck)} kills: {struck}")
    settle(stack, actors)
    for actor in actors:
        check_account(stack, actor)
    check_numbers(stack, actors)
    check_repeats(stack, actors, victims[0].trunkd.url)
    for victim in victims:
        victim.trunkd.stop()
        victim.gate.close()


def settle(stack, actors):
    """Nothing is under way any more: the jobs have ended what the dead left."""
    client = stack.redis.client
    for actor in actors:
        wait_for(lambda key=actor.key: not client.hlen(f"{key}:sagas") and not client.zcard(f"{key}:paying"), 60,
                 "sagas and payments are settled", 0.1)


def documents(client, key, index, kind):
    """Records of an account's orders, ports or payments by id."""
    return {i: client.hgetall(f"{key}:{kind}:{i}") for i in client.zrange(f"{key}:{index}", 0, -1)}


def check_account(stack, actor):
    """Each line of the ledger is a document's, each document's money is in the ledger, once."""
    client, key = stack.redis.client, actor.key
    books = Books(stack.redis, actor.account)
    books.check()
    lines = books.ledger()
    refs = Counter(line["ref"] for line in lines)
    assert refs.most_common(1)[0][1] == 1 if lines else True, refs.most_common(3)
    left = {line["ref"]: int(line["amount"]) for line in lines}
    check_orders(client, actor, left)
    check_ports(client, actor, left)
    check_payments(client, actor, left)
    strange = [ref for ref in left if not OTHER_LINES.fullmatch(ref)]
    assert not strange, strange
    assert stack.ctl("reconcile", actor.account)["differences"] == 0
    assert client.hget(key, "fee_month") != "2000-01" or "fees" not in actor.done


def check_orders(client, actor, left):
    owned = {n: v.split("|") for n, v in client.hgetall(f"{actor.key}:numbers").items()}
    orders = documents(client, actor.key, "orders", "order")
    for order, o in orders.items():
        numbers = " ".join(client.hvals(f"{actor.key}:order:{order}:numbers")).split()
        mine = {n for n, v in owned.items() if v[2] == order}
        if o["step"] == "done":
            assert left.pop(f"order:{order}") == -int(o["amount"]) and o["status"] == "2", o
            assert mine == set(numbers) and len(numbers) == int(o["count"]), (o, numbers, mine)
        else:
            assert o["step"] in ("open", "cancelled") and f"order:{order}" not in left and not mine, o
    assert {o for o in actor.orders if orders[o]["step"] != "done"} == set(), "an acknowledged order is not done"


def check_ports(client, actor, left):
    owned = {n: v.split("|") for n, v in client.hgetall(f"{actor.key}:numbers").items()}
    ports = documents(client, actor.key, "ports", "port")
    for port, p in ports.items():
        numbers = set(" ".join(client.hvals(f"{actor.key}:port:{port}:numbers")).split())
        assert p["step"] in ("open", "done", "cancelled"), p
        assert left.pop(f"port:{port}") == -int(p["amount"]), p
        assert left.pop(f"refund:port:{port}", 0) == (int(p["amount"]) if p["step"] == "cancelled" else 0), p
        mine = {n for n, v in owned.items() if v[2] == port}
        assert mine <= numbers if p["step"] == "done" else not mine, p
        # Cancelled afterwards, a number may have been ported in once more.
        assert all(int(owned[n][2]) > int(port) for n in numbers - mine if p["step"] == "done"), (p, owned)
        for number in numbers:
            holder = client.hgetall(f"port:{number}")
            open_here = holder.get("account") == actor.account and holder.get("order") == port
            assert open_here == (p["step"] == "open"), (p, number, holder)
    assert actor.ports <= set(ports), "an acknowledged port-in is gone"


def check_payments(client, actor, left):
    payments = {i: p for i, p in documents(client, actor.key, "payments", "pay").items()
                if p["method"] == "Credit Card"}
    charged = {k: v.split("|")[0] == "approved" for k, v in client.hgetall(f"{actor.key}:sandbox").items()}
    assert len({p["key"] for p in payments.values()}) == len(payments)
    for payment, p in payments.items():
        assert p["step"] in ("done", "failed", "cancelled"), p
        booked = f"payment:{payment}" in left
        assert booked == charged.get(p["key"], False), (p, "what the gateway charged is booked, and nothing else")
        if booked:
            refunds = [r for r in left if re.fullmatch(f"payment:{payment}:refund:\\d+", r)]
            assert left.pop(f"payment:{payment}") == int(p["funded"])
            assert left.pop(f"payment:{payment}:fee") == -int(p["charges"])
            assert -sum(left.pop(r) for r in refunds) == int(p["refunded"]) <= int(p["funded"])
            kept = int(p["funded"]) - int(p["refunded"])
            assert left.pop(f"payment:{payment}:cancel", 0) == (-kept if p["step"] == "cancelled" else 0), p
    for payment, amount in actor.paid.items():
        assert payments[payment]["funded"] == str(round(float(amount) * 10000)), payments[payment]
        assert payments[payment]["step"] in ("done", "cancelled"), "an acknowledged payment is not booked"


def check_numbers(stack, actors):
    """A number is one customer's, or held, or resting, or free."""
    client, owner = stack.redis.client, {}
    for actor in actors:
        for number, record in client.hgetall(f"{actor.key}:numbers").items():
            if record.split("|")[1] != "2":
                assert number not in owner, f"{number} is {owner.get(number)}'s and {actor.account}'s"
                owner[number] = actor.account
    assert {k[4:]: client.get(k).split("|")[0] for k in client.keys("did:*")} == owner
    for number in stack.numbers:
        inv = f"inv:{{{STATE_OF[number[:6]]}}}"
        places = {"owned": number in owner, "free": stack.redis.fcall("inv_number", inv, number)[1] == "free",
                  "held": client.hexists(f"{inv}:holder", number),
                  "rests": client.zscore(f"{inv}:rest", number) is not None}
        assert sum(places.values()) == 1, (number, places)


def check_repeats(stack, actors, url):
    """What was acknowledged may be asked for again: the same answer, and no more money."""
    for actor in actors:
        before = stack.redis.client.hgetall(actor.key)["balance"]
        for order in actor.orders:
            actor.api.with_(url=url).process_order(orderId=order).good()
        assert stack.redis.client.hgetall(actor.key)["balance"] == before
