"""Everything that a fault test breaks: Redis on AOF, two sipmods with a spool, trunkd with its files, one customer."""

import os
import random
import threading
import time

from harness import Books, Trunkd, wait_for
from harness.bed import Bed, Customer
from load import T1

SESSIONS = 30


class FaultBed(Bed):
    """with FaultBed() as bed: bed.proxies, bed.trunkd, bed.redis; bed.customer with a number for bed.load."""

    def __init__(self, sipmods=2, sessions=SESSIONS, files=None, spool=None, environment=None, **conf):
        super().__init__(aof=True, schema=False)
        self.files = files or os.path.join(self.workdir, "files")
        self.spool = spool or os.path.join(self.workdir, "spool")
        os.makedirs(self.spool, exist_ok=True)
        self.sessions, self.n_sipmods, self.environment = sessions, sipmods, environment or {}
        self.settings = {"redis.address": self.redis.address, "files.dir": self.files, "log.level": "info",
                         "sip.spool_dir": self.spool, "sip.t1_ms": 100, "sip.no_answer_ms": 1500, "sip.timer_c_s": 8,
                         "sip.lease_s": 12, "sip.drain_s": 5, **conf}
        self.trunkd = None
        self.customer = self.tg = self.number = None

    def __enter__(self):
        self.redis.start()
        self.trunkd = Trunkd(self.workdir, self.settings).start()
        self.claim("127.0.0.2", "carrier", "demo")
        self.customer = Customer(self, credit=10 ** 8, in_rate="85", in_increment=1, in_minimum=0)
        self.books = Books(self.redis, self.customer.id)
        for i in range(self.n_sipmods):
            self.proxy(i)
        return self

    def close(self, failed=False):
        try:
            super().close(failed)
        finally:
            self.trunkd.discard()

    def proxy(self, i):
        """The i-th sipmod, started at the first call."""
        if i not in self.sipmods:
            from harness import Sipmod
            self.sipmods[i] = Sipmod(self.workdir, self.settings, f"sipmod{i}")
            self.sipmods[i].env = self.environment
            self.sipmods[i].start()
        return self.sipmods[i]

    @property
    def targets(self):
        return [s.target for s in self.sipmods.values()]

    def serve(self, address, sessions=None):
        """A number on a trunk to this address ("host:port")."""
        host, port = address.split(":")
        self.tg = self.customer.trunk((host, int(port)), sessions=sessions or self.sessions)
        self.number = self.customer.number(self.tg)
        return self.number

    def settle(self, seconds=40):
        """Waits until no call is live and all CDRs are in files; checks the books. Returns the CDRs."""
        wait_for(lambda: not self.books.live(), seconds, "no live call", 0.1)
        cdrs = self.books.check()
        wait_for(lambda: len(self.books.files(self.files)) >= len(cdrs), 15, "CDRs in files", 0.2)
        self.books.check_files(self.files)
        return cdrs


class Chaos(threading.Thread):
    """Kills and pauses programs at times that a seed decides; starts again what it killed."""

    def __init__(self, bed, seed, seconds, sipmod=4, trunkd=2, redis=1, pauses=3):
        super().__init__(daemon=True)
        self.bed, self.chance, self.error, self.done = bed, random.Random(seed), None, []
        victims = ([("kill", f"sipmod{i % bed.n_sipmods}") for i in range(sipmod)] +
                   [("kill", "trunkd")] * trunkd + [("kill", "redis")] * redis +
                   [("pause", self.chance.choice(["sipmod0", "sipmod1", "trunkd", "redis"])) for _ in range(pauses)])
        self.plan = sorted((self.chance.uniform(0.5, seconds), action, victim, self.chance.uniform(0.02, 0.8))
                           for action, victim in victims)

    def run(self):
        started = time.monotonic()
        try:
            for at, action, victim, length in self.plan:
                time.sleep(max(0, started + at - time.monotonic()))
                self.strike(action, self.victim(victim), length)
                self.done.append(f"{time.monotonic() - started:6.2f} s {action} {victim} for {length:.2f} s")
        except BaseException as error:  # shown by the test
            self.error = error

    def victim(self, name):
        return {"trunkd": self.bed.trunkd, "redis": self.bed.redis}.get(name) or self.bed.sipmods[int(name[6:])]

    @staticmethod
    def strike(action, process, length):
        if action == "kill":
            process.kill9()
            time.sleep(length)
            process.start(ready=process.name == "redis")
        else:
            process.suspend()
            time.sleep(2 * length)
            process.resume()

    def finish(self, seconds=60):
        """Waits for the end; everything runs again then."""
        self.join(seconds)
        assert not self.is_alive(), "chaos does not end"
        if self.error:
            raise self.error


def check_calls(load, cdrs):
    """What both sides saw is what the CDRs tell. Returns the number of calls that were up."""
    by_callid = {}
    for c in cdrs:
        by_callid.setdefault(c["callid"], []).append(c)
    up = 0
    for call in load.calls:
        mine = by_callid.get(call.id, [])
        answered = [c for c in mine if c["answer_ms"] != "0"]
        if call.answered_at is None:
            continue
        up += 1
        assert len(answered) == 1, (call.id, vars(call), mine)
        talked, told = (call.ended_at or call.bye_at) - call.answered_at, int(answered[0]["ms"]) / 1000
        if answered[0]["estimated"] == "0":
            assert abs(talked - told) < 8 * T1 + 6, (call.id, talked, answered[0])
    return up
