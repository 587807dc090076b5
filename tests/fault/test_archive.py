"""CDR files under SIGKILL: nothing is written twice and nothing is lost."""

import os
import random
import time

import pytest

from harness import Books, Redis, Trunkd, wait_for
from harness.process import make_workdir, remove_workdir

LONG = os.environ.get("TRUNKLINE_FAULT") == "long"


class Archiving:
    """Redis and trunkd alone; CDRs are made by refused admissions."""

    def __init__(self, **conf):
        self.workdir = make_workdir("archive")
        self.redis = Redis(self.workdir, aof=True).start()
        self.files = os.path.join(self.workdir, "files")
        self.trunkd = Trunkd(self.workdir, {"redis.address": self.redis.address, "files.dir": self.files, **conf})
        self.trunkd.start()
        self.made = {}

    def close(self):
        self.trunkd.discard()
        self.redis.discard()
        remove_workdir(self.workdir)

    def account(self, account):
        self.redis.fcall("account_create", "{a:%s}" % account, account)
        self.redis.fcall("index_add", "accounts", account)
        self.made[account] = []
        return account

    def make(self, account, count, sender="sip:x"):
        """So many CDRs of an account."""
        made = self.made[account]
        with self.redis.client.pipeline(transaction=False) as pipe:
            for _ in range(count):
                made.append(f"c{len(made)}")
                pipe.fcall("call_admit", 1, "{a:%s}" % account, made[-1], "in", "2065550100", "", "n", "b", sender,
                           "t", "s", "u", "i@x", "", "", "", "", "486", "3600")
            assert all(reply[0] == "refused" for reply in pipe.execute())

    def archived(self, account):
        return [row["id"] for row in Books(self.redis, account).files(self.files)]

    def wait(self, seconds=20):
        for account, made in self.made.items():
            wait_for(lambda: len(self.archived(account)) >= len(made), seconds, f"CDRs of {account} in files", 0.2)
            assert sorted(self.archived(account)) == sorted(made), "once each"


@pytest.fixture
def archiving():
    made = Archiving(**{"files.cdr_hours": 0})
    yield made
    made.close()


def test_kills(archiving):
    seed = int(os.environ.get("TRUNKLINE_SEED") or random.randrange(2 ** 32))
    print(f"seed {seed}")
    chance = random.Random(seed)
    accounts = [archiving.account(str(i)) for i in range(7001, 7005)]
    for _ in range(60 if LONG else 12):
        for account in accounts:
            archiving.make(account, chance.choice([1, 50, 700]))
        time.sleep(chance.uniform(0, 0.5) if chance.random() < 0.7 else chance.uniform(0, 0.03))
        archiving.trunkd.kill9()
        archiving.trunkd.start(ready=chance.random() < 0.8)
    archiving.wait()
    for account in accounts:
        wait_for(lambda: archiving.redis.client.xlen("{a:%s}:cdr" % account) == 0, 10, "a trimmed stream")
        count = archiving.redis.client.hgetall("{a:%s}:count" % account)
        assert count["trimmed"] == count["cdrs"] == str(len(archiving.made[account]))
        assert Books(archiving.redis, account).entries() == []


def test_two_trunkds_on_one_folder(archiving):
    account = archiving.account("7001")
    other = Trunkd(archiving.workdir, archiving.trunkd.settings, "other").start()
    try:
        for _ in range(5):
            archiving.make(account, 300)
            archiving.trunkd.suspend()
            time.sleep(0.2)
            archiving.trunkd.resume()
        archiving.wait()
    finally:
        other.stop()


def test_a_lost_position_is_not_guessed(archiving):
    account = archiving.account("7001")
    archiving.make(account, 3)
    archiving.wait()
    folder = os.path.join(archiving.files, "cdr", account)
    os.rename(f"{folder}/position", f"{folder}/elsewhere")
    archiving.make(account, 2)
    wait_for(lambda: "position" in archiving.trunkd.log(), 10, "a loud word")
    assert len(archiving.archived(account)) == 3
    os.rename(f"{folder}/elsewhere", f"{folder}/position")
    archiving.wait()


def test_cells_are_no_formulas(archiving):
    account = archiving.account("7001")
    for sender in ['=1+1', '+1"2,3', "-1", "@x", 'a "b", c', "a\r\nb", "\tx"]:
        archiving.make(account, 1, sender)
    archiving.wait()
    senders = [row["from"] for row in Books(archiving.redis, account).files(archiving.files)]
    assert senders == ["'=1+1", "'+1\"2,3", "'-1", "'@x", 'a "b", c', "a\r\nb", "'\tx"]
