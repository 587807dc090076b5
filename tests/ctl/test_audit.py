"""The operators' own changes are in the audit log."""

import pytest

from ctl_client import FAILED, USAGE


@pytest.fixture
def account(ctl):
    return ctl("account", "add")["accountno"]


def test_a_change_is_listed_with_its_outcome(ctl, server, account):
    ctl("account", "credit", account, "10.5", "--ref", "x", "--note", "a b")
    ctl.fails("token", "revoke", account, "nobody", code=FAILED)
    ctl("account", "show", account)
    refused, done = ctl("audit", "list", account)
    assert (done["via"], done["what"], done["outcome"]) == ("trunkctl", "account credit", "ok")
    assert done["params"] == f"ACCT={account}&AMOUNT=105000&--ref=x&--note=a%20b"
    assert done["by"] and done["from"] and done["time"] and done["request"]
    assert (refused["what"], refused["outcome"]) == ("token revoke", "failed")
    kept = [fields["outcome"] for _, fields in server.client.xrange(f"audit:{{a:{account}}}")]
    assert kept == ["begun", "ok", "begun", "failed"]


def test_what_concerns_no_account(ctl, account):
    ctl("carrier", "add", "big", "192.0.2.1")
    assert [line["what"] for line in ctl("audit", "list")] == ["carrier add", "account add"]
    assert ctl("audit", "list", account) == []


def test_one_that_was_interrupted_stays_begun(ctl, server, account):
    ctl("account", "credit", account, "1")
    log = f"audit:{{a:{account}}}"
    server.client.xdel(log, server.client.xrevrange(log, count=1)[0][0])
    line, = ctl("audit", "list", account)
    assert line["outcome"] == "begun"


def test_since_and_last(ctl, account):
    for amount in "123":
        ctl("account", "credit", account, amount)
    assert [line["params"][-5:] for line in ctl("audit", "list", account, "--last", 3)] == ["30000", "20000"]
    assert len(ctl("audit", "list", account, "--since", "2020-01-01")) == 3
    assert ctl("audit", "list", account, "--since", "2099-01-01 12:00:00") == []
    assert "--since" in ctl.fails("audit", "list", account, "--since", "yesterday", code=USAGE)


def test_an_account_that_is_not_there_gets_no_log(ctl, server, account):
    ctl.fails("account", "credit", "1999999", "1", code=FAILED)
    assert not server.client.exists("audit:{a:1999999}")


def test_no_change_without_a_note(ctl, server, account):
    server.client.set(f"audit:{{a:{account}}}", "x")
    assert ctl.run("account", "credit", account, "1").returncode == FAILED
    assert server.client.hget(f"{{a:{account}}}", "balance") == "0"


def test_looking_and_repairing(ctl, account):
    ctl("reconcile", account)
    assert ctl("audit", "list", account) == []
    ctl("reconcile", account, "--repair")
    assert [line["what"] for line in ctl("audit", "list", account)] == ["reconcile"]


def test_secrets_are_hidden(ctl, account):
    ctl.fails("port", "set", account, 1, "--wireless-pin", "4711", "--city", "Renton", code=FAILED)
    line, = ctl("audit", "list", account)
    assert line["params"] == f"ACCT={account}&ID=1&--city=Renton&--wireless-pin=***"
