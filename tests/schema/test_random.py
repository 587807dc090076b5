"""Random interleavings of everything that a call may meet; what always holds is checked against a model."""

import random

import pytest

from schema_client import NUMBERS, account_key, day_of

KEY = account_key()
OTHER = account_key("7002")
STEPS = 400


class Model:
    """What should be live, and the most that ever was at once."""

    def __init__(self, schema, chance):
        self.schema, self.chance = schema, chance
        self.live, self.known, self.peak = {}, [], {}
        self.limits = {"11": None, "12": None, "21": None, "all": None}

    def counts(self):
        counts = {}
        for c in self.live.values():
            for name in c["counters"]:
                counts[name] = counts.get(name, 0) + 1
        return counts

    def admit(self):
        call = f"c{len(self.known)}"
        self.known.append(call)
        self.ask(call)

    def admit_again(self):
        if self.known:
            call = self.chance.choice(self.known)
            count, reply = self.schema.hash("count"), self.ask(call, again=True)
            assert self.schema.hash("count") == count
            assert (reply[0] == "ok") == (call in self.live)

    def ask(self, call, again=False):
        before = self.counts()
        outgoing = self.chance.random() < 0.4
        if outgoing:
            reply = self.schema.admit(call, "12065550100", "out", "21", rate="100", increment="6", minimum="6",
                                      node=self.chance.choice(["n1", "n2"]))
        else:
            reply = self.schema.admit(call, self.chance.choice(NUMBERS), cached=self.chance.choice(["", "1"]),
                                      node=self.chance.choice(["n1", "n2"]))
        if reply[0] == "stale":
            self.known.remove(call) if not again else None
        elif reply[:2] == ["ok", "new"]:
            assert not again
            self.enter(call, before)
        return reply

    def enter(self, call, before):
        c, = self.schema.table("call_list", KEY, call)
        counters = ["all", f"tg:{c['tg']}"] + ([f"did:{c['number']}"] if c["direction"] == "in" else [])
        for limit, name in ((self.limits["all"], "all"), (self.limits[c["tg"]], f"tg:{c['tg']}")):
            assert limit is None or before.get(name, 0) < limit
        self.live[call] = {"counters": counters, "node": c["node"]}
        for name, n in self.counts().items():
            self.peak[name] = max(self.peak.get(name, 0), n)

    def answer(self):
        call = self.chance.choice(self.known or ["none"])
        ago = self.chance.choice([0, 50, 5000])
        found = self.schema.answer(call, ago, "192.0.2.1:5060", self.chance.choice(["", 120]))[0]
        assert (found == "ok") == (call in self.live)

    def finish(self):
        call = self.chance.choice([*self.live, *self.known, f"x{self.chance.random()}"])
        answered, ended = self.chance.choice(["", "", "0", "61000"]), self.chance.choice(["0", "0", "30000"])
        reply = self.schema.finish(call, code=self.chance.choice(["200", "486", "503"]), answered=answered, ended=ended)
        assert (reply[0] == "ok") == (call in self.live)
        self.live.pop(call, None)

    def reap(self):
        node, most = self.chance.choice(["n1", "n2"]), self.chance.choice([1, 3, 100])
        mine = [c for c in self.schema.live() if c["node"] == node]
        reply = self.schema.call_reap(KEY, node, "b0 b1", most, 1, self.chance.choice(["", 40000]))
        assert reply == ["ok", str(min(most, len(mine)))]
        self.live = {c["call"]: self.live[c["call"]] for c in self.schema.live()}

    def change_limits(self):
        tg, limit = self.chance.choice(["11", "12", "21"]), self.chance.choice([None, 0, 1, 3, 6])
        text = "none" if limit is None else limit
        assert self.schema.trunk_grant(KEY, tg, text, self.chance.choice(["none", 5, 50])) == ["ok"]
        self.limits[tg] = limit
        limit = self.chance.choice([None, 4, 8])
        self.schema.account_set(KEY, "sessions", "" if limit is None else limit)
        self.limits["all"] = limit

    def change_service(self):
        number = self.chance.choice(NUMBERS[:3])
        self.schema.number_update(KEY, self.chance.choice(["", "11", "12"]), self.chance.choice("01"), "", number)
        trunk, kind = self.chance.choice([("11", "in"), ("12", "in"), ("21", "out")])
        self.schema.trunk_update(KEY, trunk, kind, "status", self.chance.choice("0111"))
        self.schema.account_set(KEY, "status", self.chance.choice("01111"))

    def money(self):
        self.schema.account_book(KEY, self.chance.choice([-500, 200, 1000]), "Bank Fee", f"m{self.chance.random()}",
                                 "", "")

    def check(self):
        assert {c["call"] for c in self.schema.live()} == set(self.live)
        assert self.schema.hash("busy") == {name: str(n) for name, n in self.counts().items()}
        self.schema.check_invariants()


@pytest.mark.parametrize("round_", range(3))
def test_random_calls(schema, round_):
    seed = random.randrange(2 ** 32)
    print(f"round {round_}: seed {seed}")
    chance = random.Random(seed)
    schema.account(balance=3000, in_rate="85", tfn_rate="210")
    schema.account("7002")
    schema.trunk_in(11)
    schema.trunk_in(12, billing="Unmetered")
    schema.trunk_out(21)
    schema.numbers(*NUMBERS[:3])
    other = {key: value for key, value in schema.snapshot().items() if key.startswith(OTHER)}
    model = Model(schema, chance)
    moves = ([model.admit] * 12 + [model.admit_again] * 3 + [model.answer] * 5 + [model.finish] * 7
             + [model.reap, model.change_limits, model.change_service, model.money])
    for step in range(STEPS):
        chance.choice(moves)()
        if step % 10 == 0:
            model.check()
    model.check()
    assert other == {key: value for key, value in schema.snapshot().items() if key.startswith(OTHER)}
    peaks = {name.removeprefix("st:"): sums["peak"] for name, sums in schema.stats().items() if sums.get("peak")}
    assert {n: p for n, p in peaks.items() if n.count(":") == 1 and not n.startswith("all")} == {
        n: p for n, p in model.peak.items() if n != "all"}
    for call in list(model.live):
        schema.finish(call)
    model.live = {}
    model.check()
    assert peaks["all:" + day_of(schema.now())] == model.peak["all"]
