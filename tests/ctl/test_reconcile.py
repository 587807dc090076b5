"""trunkctl reconcile: slots, counters, CDRs and the ledger against each other, and their repair."""

import pytest


@pytest.fixture
def base(server, ctl, account):
    """An account with one live call, one that ended and one that was refused."""
    base = "{a:%s}" % account
    ctl("account", "credit", account, "10")

    def fcall(name, *args):
        reply = server.fcall(name, base, *args)
        assert reply[0] in ("ok", "refused"), reply

    fcall("trunk_define", "21", "kind", "out", "title", "out", "address", "198.51.100.1")
    for call in ("live", "over"):
        fcall("call_admit", call, "out", "12065550100", "21", "n1", "b1", "f", "t", "s", "u", f"{call}@x", "100", "6",
              "6", "", "486", "3600")
        fcall("call_answer", call, "0", "", "", "", "")
    fcall("call_finish", "over", "200", "answered", "caller", "", "", "", "", "", "0", "")
    fcall("call_admit", "refused", "in", "2065550100", "", "n1", "b1", "f", "t", "s", "u", "z@x", "", "", "", "", "486",
          "3600")
    return base


def test_books_that_agree(ctl, account, base):
    said = ctl("reconcile", account)
    slot, = said.pop("slots")
    assert (slot["call"], slot["tg"], slot["number"], slot["node"], slot["held"]) == (
        "live", "21", "12065550100", "n1", "0.01")
    assert said == {"accountno": account, "admitted": 2, "refused": 1, "cdrs": 2, "live": 1, "balance": "9.9990",
                    "ledger": "9.9990", "differences": 0, "repaired": 0, "details": []}
    assert ctl("reconcile") == [{k: v for k, v in said.items() if k != "details"}]


def test_differences_are_told_and_repaired(server, ctl, account, base):
    client = server.client
    client.hset(f"{base}:busy", mapping={"all": 5, "tg:99": 1})
    client.zadd(f"{base}:live", {"ghost": 1})
    client.hincrby(f"{base}:count", "admitted", 3)
    client.hset(base, "held", 7)
    done = ctl.run("reconcile", account)
    assert done.returncode == 1 and "busy all" in done.stdout and "the books differ" in done.stderr
    assert ctl.run("reconcile").returncode == 1
    said = ctl("reconcile", account, "--repair")
    assert (said["differences"], said["repaired"]) == (5, 5)
    assert {d["what"]: (d["is"], d["should"]) for d in said["details"]} == {
        "admitted": ("5", "2"), "busy all": ("5", "1"), "busy tg:99": ("1", "0"), "held": ("7", "100"),
        "live ghost": ("1", "0")}
    assert ctl("reconcile", account)["differences"] == 0
    kept = [fields for _, fields in client.xrange(f"{base}:repairs")]
    assert len(kept) == 5 and {"what": "busy all", "was": "5", "is": "1", "by": "trunkctl"} in kept


def test_a_ledger_that_does_not_add_up_is_told(server, ctl, account, base):
    server.client.hincrby(base, "balance", 100)
    done = ctl.run("reconcile", account, "--repair")
    assert done.returncode == 1 and "balance" in done.stdout
    server.client.hincrby(base, "balance", -100)
    server.client.xadd(f"{base}:ledger", {"activity": "x", "amount": 5, "balance": 1, "ref": "r", "note": ""})
    assert "ledger " in ctl.run("reconcile", account).stdout


def ledger_of(client, base):
    lines = [fields for _, fields in client.xrange(f"{base}:ledger")]
    return sum(int(line["amount"]) for line in lines), lines


def test_a_ledger_is_repaired_when_asked_for_and_says_so(server, ctl, account, base):
    client, before = server.client, int(server.client.hget(base, "balance"))
    client.hincrby(base, "balance", 100)
    said = ctl("reconcile", account, "--repair-ledger")
    assert (said["balance"], said["ledger"], said["differences"], said["repaired"]) == ("9.9990", "9.9990", 1, 1)
    assert said["details"] == [{"what": "balance", "is": str(before + 100), "should": str(before), "repaired": "yes"}]
    total, lines = ledger_of(client, base)
    assert total == before == int(client.hget(base, "balance"))
    last = lines[-1]
    assert (last["activity"], last["amount"], last["balance"]) == ("Balance Repair", "0", str(before))
    assert last["note"] == f"balance was {before + 100}, is {before} (1/10,000), by trunkctl"
    assert [(f["was"], f["is"], f["by"]) for _, f in client.xrange(f"{base}:repairs")] == [
        (str(before + 100), str(before), "trunkctl")]
    assert ctl("reconcile", account, "--repair-ledger")["differences"] == 0
    assert len(client.xrange(f"{base}:ledger")) == len(lines), "what agrees is left alone"


def test_a_line_that_disagrees_is_settled_by_a_repair(server, ctl, account, base):
    client = server.client
    client.xadd(f"{base}:ledger", {"activity": "x", "amount": 5, "balance": 1, "ref": "r", "note": ""})
    told = ctl.run("reconcile", account)
    assert told.returncode == 1 and told.stdout.count("ledger ") >= 1 and "balance" in told.stdout
    assert ctl("reconcile", account, "--repair-ledger")["repaired"] == 2
    ctl("account", "credit", account, "1")
    said = ctl("reconcile", account)
    assert said["differences"] == 0 and said["balance"] == said["ledger"] == "10.9995"
    client.xadd(f"{base}:ledger", {"activity": "y", "amount": 5, "balance": 1, "ref": "s", "note": ""})
    assert ctl.run("reconcile", account).returncode == 1, "a later one is told again"


def test_a_balance_without_any_line(server, ctl, account):
    server.client.hset("{a:%s}" % account, "balance", 70000)
    assert ctl.run("reconcile", account).returncode == 1
    assert ctl("reconcile", account, "--repair-ledger")["balance"] == "0.00"


def test_unknown_account(ctl):
    assert "no such account" in ctl.fails("reconcile", "7777777")
