"""Ways to carry the same calls on one store: sipmod alone, sipmod behind a Kamailio, a Kamailio alone."""

import redis

from harness import free_port, wait_for
from harness.bed import CARRIER, Bed, Customer
from harness.kamailio import KamailioAlone, KamailioEdge
from harness.sipp import Sipp

NO_ANSWER_MS = 400
_hosts = (f"127.4.{n >> 8}.{n & 255}" for n in range(1, 65000))  # an address belongs to one trunk
EDGE = "127.0.0.9"
PRIMARY, SECONDARY, GATEWAY = "127.0.0.3", "127.0.0.4", "127.0.0.5"
# Fields of a CDR that no two calls have in common, and those whose values are times.
OWN = {"call", "callid", "node"}
TIMES = ("invite_ms", "ring_ms", "answer_ms", "end_ms")
NEAR_MS = 400


def lock_default_user(bed):
    """As in production Redis's default user can do nothing; the test has a user of its own."""
    bed.redis.client.execute_command("ACL", "SETUSER", "test", "on", ">test", "~*", "&*", "+@all")
    bed.redis.client = redis.Redis(port=bed.redis.port, username="test", password="test", decode_responses=True,
                                   socket_timeout=10)
    bed.redis.client.execute_command("ACL", "SETUSER", "default", "off")


class Setup:
    """Who takes calls at `target`; `sipmods` are behind it."""

    def __init__(self, program, sipmods=()):
        self.program, self.sipmods = program, sipmods
        self.target, self.address = program.target, program.address

    def heard(self, text):
        """Waits until each sipmod has read a change of its directory."""
        for sipmod in self.sipmods:
            sipmod.heard(text)


class Setups:
    """All of them on one Redis: `all` by name."""

    def __init__(self):
        self.bed = Bed()
        self.all = {}

    def __enter__(self):
        self.bed.__enter__()
        lock_default_user(self.bed)
        alone = KamailioAlone(self.bed.workdir, self.bed.redis, defines={"NO_ANSWER_MS": NO_ANSWER_MS}).start()
        conf = {"sip__no_answer_ms": NO_ANSWER_MS, "sip__target_failures": 1000}
        sipmod = self.bed.sipmod(**conf)
        behind = [self.bed.sipmod(**conf, sip__edges=EDGE, sip__node=f"behind{i}") for i in range(2)]
        edge = KamailioEdge(self.bed.workdir, behind, host=EDGE).start()
        self.all = {"sipmod": Setup(sipmod, [sipmod]), "edge": Setup(edge, behind), "alone": Setup(alone)}
        wait_for(lambda: self.bed.redis.client.exists("node:alone"), 5, "the heartbeat of the Kamailio alone")
        return self

    def __exit__(self, kind, *rest):
        for setup in self.all.values():
            if setup.program not in self.bed.sipmods.values():
                setup.program.stop()
        self.bed.__exit__(kind, *rest)


class Run:
    """A customer of one set-up and what became of its calls, in words that are the same for every set-up."""

    def __init__(self, bed, setup, **account):
        self.bed, self.setup = bed, setup
        self.customer = Customer(bed, **account)
        self.words = {setup.address: "US", self.customer.deck: "DECK"}
        self.callers, self.customers = [], [self.customer]
        self.host = CARRIER

    def callee(self, **account):
        """One more customer, whose records are compared, too."""
        self.customers.append(Customer(self.bed, **account))
        return self.customers[-1]

    def from_customer(self, **trunk):
        """The calls to come are from an address of the customer's."""
        self.host = next(_hosts)
        self.words[self.host] = "HOST"
        tg = self.customer.exit_trunk(self.host, **trunk)
        self.setup.heard(f"source {self.host}: ")
        return tg

    def exit(self, word, prefix, peer, gateway=None, **route):
        """A gateway at `peer` for a prefix of the customer's deck; `word` is what it is called everywhere."""
        name = self.bed.gateway(peer.host, peer.port, **(gateway or {}))
        self.bed.route(self.customer.deck, prefix, name, **route)
        self.setup.heard(f"gateway {name}: ")
        self.words.update({name: word, peer.address: f"{word}'S PLACE"})
        return name

    def call(self, scenario, number, **kwargs):
        """A caller that is running."""
        caller = Sipp(self.bed.workdir, scenario, to=self.setup.target, number=number, host=self.host, port=free_port(),
                      **{"calls": 1, "timeout": 20, **kwargs})
        self.words.update({caller.address: "CALLER", number: "DIALLED", number[-10:]: "NUMBER"})
        self.callers.append(caller.start())

    def finish(self):
        """Waits for the callers; returns what is to be the same everywhere, a customer each."""
        for caller in self.callers:
            caller.finish()
        for customer in self.customers:
            customer.settled()
        for gateway in self.bed.redis.client.keys("gw:{*}:calls"):
            wait_for(lambda g=gateway: not self.bed.redis.client.exists(g), 3, f"no call at {gateway}")
        return [self.record(customer) for customer in self.customers]

    def record(self, customer):
        client, base = self.bed.redis.client, customer.key
        sums = {self.said(name[len(base):]): client.hgetall(name) for name in client.keys(f"{base}:st:*")}
        for of in sums.values():
            of.pop("ms", None)
        return {"cdrs": [self.plain(cdr) for cdr in reversed(customer.cdrs())], "balance": customer.balance(),
                "count": client.hgetall(f"{base}:count"), "stats": sums}

    def said(self, text):
        for word in sorted(self.words, key=len, reverse=True):
            text = text.replace(word, self.words[word])
        return text

    def plain(self, cdr):
        times = [int(cdr[name]) for name in TIMES if cdr[name] != "0"]
        assert times == sorted(times), cdr
        near = {name: "some" if cdr[name] != "0" else "none" for name in TIMES}
        return {**{k: self.said(v) for k, v in cdr.items() if k not in OWN}, **near,
                "ms": Near(cdr["ms"]), "pdd_ms": Near(cdr["pdd_ms"])}


class Near:
    """Milliseconds that are about the same."""

    def __init__(self, text):
        self.ms = int(text)

    def __eq__(self, other):
        return abs(self.ms - other.ms) <= NEAR_MS and (self.ms == 0) == (other.ms == 0)

    def __repr__(self):
        return f"about {self.ms} ms"
