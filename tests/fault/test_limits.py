"""Random runs over two instances that are killed: a limit of N never lets N + 1 calls be up.

Each run holds four limits at once, each by an account of its own: sessions of a trunk, sessions of an
account, ports of a termination trunk, capacity of a gateway.
"""

import itertools
import os
import random
import threading

import pytest

from fault_bed import Chaos, FaultBed
from harness import Books, wait_for
from harness.bed import Customer
from load import Load
from test_chaos import LONG, seed_of_run

RUNS = int(os.environ.get("TRUNKLINE_LIMIT_RUNS") or (100 if LONG else 2))
SECONDS, RATE = 3, 15
STRAGGLING = 2  # runs whose calls end while the next goes on
KINDS = [(70, "talk"), (8, "busy"), (10, "cancel"), (12, "cross")]
_callers = (f"127.3.{i >> 8}.{i & 255}" for i in itertools.count(1))


class Limited:
    """One account under one limit of `most` calls, and the calls that press against it."""

    def __init__(self, bed, seed, **fields):
        self.chance = random.Random(f"{seed} {type(self).__name__}")
        self.most = self.chance.randint(1, 6)
        self.bed, self.customer = bed, Customer(bed, 10 ** 8, **self.account())
        self.books = Books(bed.redis, self.customer.id)
        self.load = Load(bed.targets, "", kinds=KINDS, **fields)
        host, port = self.load.address["callee"].split(":")
        self.lead(host, int(port))
        self.error = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def account(self):
        return {}

    def run(self):
        try:
            self.load.run(SECONDS, RATE, self.chance)
            assert self.load.drain(90), "calls do not end"
        except BaseException as error:  # shown by check()
            self.error = error

    def check(self):
        """All is over: neither side saw more than the limit, nor do the books. Returns most calls up."""
        self.thread.join(120)
        if self.error:
            raise self.error
        wait_for(lambda: not self.books.live(), 60, "no live call", 0.1)
        cdrs = self.books.check()
        up = [c for c in cdrs if c["callid"] in self.load.at_most]
        assert self.load.most_up <= self.most, f"{type(self).__name__} of {self.most}: {self.load.most_up} up: {up}"
        self.load.close()
        return self.load.most_up


class TrunkSessions(Limited):
    def lead(self, host, port):
        self.tg = self.customer.trunk((host, port), sessions=self.most)
        self.load.number = self.customer.number(self.tg)

    def check(self):
        up = super().check()
        self.books.check_limit(self.tg, self.most)
        return up


class AccountSessions(Limited):
    """Two trunks share what the account has; calls go by one of them."""

    def account(self):
        return {"sessions": self.most}

    def lead(self, host, port):
        self.customer.trunk((host, port), sessions=20)
        self.load.number = self.customer.number(self.customer.trunk((host, port), sessions=20))


class Ports(Limited):
    def __init__(self, bed, seed):
        self.address = next(_callers)
        super().__init__(bed, seed, caller=(self.address, 0))

    def exit_trunk(self, host, port, gateway=(), **fields):
        self.load.number = "2065550100"
        self.customer.exit_trunk(self.address, **fields)
        self.gateway = self.bed.gateway(host, port, **dict(gateway))
        self.bed.route(self.customer.deck, "1206", self.gateway)

    def lead(self, host, port):
        self.exit_trunk(host, port, sessions=self.most)


class Capacity(Ports):
    def lead(self, host, port):
        self.exit_trunk(host, port, gateway={"capacity": self.most})

    def check(self):
        up = super().check()
        wait_for(lambda: not self.bed.redis.table("gateway_calls", f"gw:{{{self.gateway}}}"), 20, "all places are free")
        return up


@pytest.fixture
def bed():
    with FaultBed() as made:
        yield made


def test_a_limit_holds_over_two_instances_with_kills(bed):
    """TRUNKLINE_FAULT=long: 100 runs. The stragglers of a run end while the next ones go on."""
    first, runs = seed_of_run(), []
    for seed in range(first, first + RUNS):
        for _, earlier in runs[:-STRAGGLING]:
            for limit in earlier:
                limit.thread.join(120)
        limits = [kind(bed, seed) for kind in (TrunkSessions, AccountSessions, Ports, Capacity)]
        chaos = Chaos(bed, seed, SECONDS, sipmod=random.Random(seed).randint(1, 3), trunkd=0, redis=0, pauses=1)
        runs.append((seed, limits))
        for limit in limits:
            limit.thread.start()
        chaos.start()
        chaos.finish()
    reached = []
    for seed, limits in runs:
        try:
            reached += [limit.check() == limit.most for limit in limits]
        except AssertionError as error:
            raise AssertionError(f"TRUNKLINE_SEED={seed} TRUNKLINE_LIMIT_RUNS=1 repeats the plan: {error}") from error
        print(f"seed {seed}: calls up at once by trunk, account, ports, capacity: "
              + ", ".join(f"{limit.load.most_up} of {limit.most}" for limit in limits))
    assert sum(reached) > len(reached) / 2, "hardly a limit was reached"
