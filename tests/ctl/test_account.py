"""Accounts, money and tokens."""

import hashlib
import re

import pytest

from ctl_client import FAILED, USAGE


def test_accounts_are_numbered(ctl, server):
    assert [ctl("account", "add")["accountno"] for _ in range(2)] == ["1000001", "1000002"]
    assert server.client.smembers("accounts") == {"1000001", "1000002"}


def test_a_chosen_number_is_passed_over_later(ctl):
    ctl("account", "add", "--id", 1000001)
    ctl("account", "add", "--id", 1000002)
    assert ctl("account", "add")["accountno"] == "1000003"


def test_every_option_fills_its_field(ctl, server):
    ctl("account", "add", "--name", "Ünïcode & Co", "--sandbox", "--sessions", 10, "--deck", "gold",
        "--did-monthly", "1.25", "--did-setup", "0.5", "--tfn-monthly", 2, "--tfn-setup", "0.01", "--per-order", 3,
        "--other", "0.0001", "--tax-percent", "8.25", "--discount-percent", 5, "--call-tax-percent", "11.5",
            "--in-rate", "0.0085",
        "--tfn-rate", "0.02", "--in-increment", 60, "--in-minimum", 0, "--onnet-rate", "0.001")
    stored = server.client.hgetall("{a:1000001}")
    assert int(stored.pop("created")) > 0
    assert stored == {
        "id": "1000001", "name": "Ünïcode & Co", "status": "1", "kind": "sandbox", "balance": "0",
        "sessions": "10", "deck": "gold", "did_monthly": "12500", "did_setup": "5000", "tfn_monthly": "20000",
        "tfn_setup": "100", "per_order_cost": "30000", "other_charges": "1", "tax_bp": "825", "discount_bp": "500",
        "call_tax_bp": "1150",
        "in_rate": "85", "tfn_rate": "200", "in_increment": "60", "in_minimum": "0", "onnet_rate": "10"}
    shown = ctl("account", "show", 1000001)
    assert shown["tax_percent"] == "8.25" and shown["in_rate"] == "0.0085" and shown["other_charges"] == "0.0001"


def test_an_existing_account_is_refused_and_indexed(ctl, server):
    ctl("account", "add", "--id", 1234567, "--name", "first")
    server.client.srem("accounts", "1234567")  # as if the first try had broken off
    assert "--id" in ctl.fails("account", "add", "--id", 1234567, "--name", "second")
    assert server.client.smembers("accounts") == {"1234567"}
    assert server.client.hget("{a:1234567}", "name") == "first"


def test_set_changes_what_is_given(ctl, server, account):
    ctl("account", "set", account, "--sessions", 5, "--status", 0)
    assert server.client.hmget(f"{{a:{account}}}", "sessions", "status", "name") == ["5", "0", "Zed"]
    assert ctl("account", "set", account, "--sessions", "none")["sessions"] is None
    assert ctl("account", "set", account, "--onnet-rate", 0)["onnet_rate"] == "0.0000"
    assert ctl("account", "set", account, "--onnet-rate", "none")["onnet_rate"] is None


def test_unknown_account(ctl):
    for words in (["account", "show"], ["account", "set", "--name", "x"], ["token", "list"], ["token", "add"],
                  ["trunk", "list"], ["call", "list"], ["cdr", "list"], ["tap", "list"], ["tap", "compare"],
                  ["tap", "clear"], ["order", "list"]):
        assert "ACCT" in ctl.fails(*words, "7654321")
    assert "ACCT" in ctl.fails("account", "credit", "7654321", "5")


def test_list_for_people(ctl, account):
    heading, row = ctl.table("account", "list")
    assert dict(zip(heading, row))["accountno"] == account
    assert [a["accountno"] for a in ctl("account", "list")] == [account]


def test_no_accounts(ctl):
    assert ctl("account", "list") == []


def test_credit_is_booked_once_a_reference(ctl, server, account):
    assert ctl("account", "credit", account, "100.5")["balance"] == "100.50"
    first = ctl("account", "credit", account, "-0.0005", "--ref", "x", "--activity", "Bank Fee", "--note", "a b")
    assert (first["balance"], first["booked"]) == ("100.4995", "now")
    again = ctl("account", "credit", account, "-0.0005", "--ref", "x")
    assert (again["balance"], again["booked"]) == ("100.4995", "before")
    lines = [fields for _, fields in server.client.xrange(f"{{a:{account}}}:ledger")]
    assert [(line["activity"], line["amount"]) for line in lines] == [("Bank Transfer", "1005000"), ("Bank Fee", "-5")]
    assert lines[1]["note"] == "a b"


def test_token_is_shown_once_and_stored_hashed(ctl, server, account):
    made = ctl("token", "add", account, "--label", "prod")
    assert re.fullmatch("[0-9a-f]{64}", made["token"])
    stored = server.client.hgetall(f"{{a:{account}}}:tokens")
    assert list(stored) == [hashlib.sha256(made["token"].encode()).hexdigest()]
    assert made["token"] not in str(stored)
    (listed,) = ctl("token", "list", account)
    assert (listed["label"], listed["scope"]) == ("prod", "all")
    assert listed["hash"] == list(stored)[0][:12]


def test_a_tokens_own_limits(ctl, account):
    ctl("token", "add", account, "--scope", "read,billing", "--allow", "192.0.2.0/24,2001:db8::/32", "--rate", 600,
        "--burst", 50)
    (listed,) = ctl("token", "list", account)
    assert {k: listed[k] for k in ("scope", "allow", "rate", "burst", "ends")} == {
        "scope": "read,billing", "allow": "192.0.2.0/24,2001:db8::/32", "rate": 600, "burst": 50, "ends": None}


@pytest.mark.parametrize("option,value", [
    ("--scope", "everything"), ("--scope", "read,"), ("--scope", "read, write"), ("--allow", "192.0.2.1/24"),
    ("--allow", "example.com"), ("--allow", "192.0.2.0/33"), ("--allow", ""), ("--rate", "0"), ("--burst", "many")])
def test_a_tokens_limits_are_checked(ctl, account, option, value):
    assert option in ctl.fails("token", "add", account, option, value, code=USAGE)


def test_rotation_keeps_what_a_token_may_do(ctl, account):
    first = ctl("token", "add", account, "--label", "prod", "--scope", "read", "--rate", 60)["token"]
    made = ctl("token", "rotate", account, "prod")
    assert made["token"] != first and (made["label"], made["scope"]) == ("prod", "read")
    old, new = ctl("token", "list", account)
    assert (old["label"], new["label"], new["rate"], new["ends"]) == ("prod-old", "prod", 60, None) and old["ends"]
    assert "two live tokens" in ctl.fails("token", "rotate", account, "prod-old")
    assert "LABEL" in ctl.fails("token", "rotate", account, "nobody")


def test_two_tokens_at_most(ctl, account):
    ctl("token", "add", account, "--label", "a")
    assert "--label" in ctl.fails("token", "add", account, "--label", "a")
    ctl("token", "add", account, "--label", "b")
    assert "two live tokens" in ctl.fails("token", "add", account, "--label", "c")


def test_token_revoked_by_label_or_hash(ctl, server, account):
    ctl("token", "add", account, "--label", "a")
    ctl("token", "add", account, "--label", "b")
    prefix = ctl("token", "list", account)[1]["hash"]
    assert "LABEL|HASH" in ctl.fails("token", "revoke", account, prefix[:4], code=FAILED)
    assert ctl("token", "revoke", account, prefix)["label"] == "b"
    assert ctl("token", "revoke", account, "a")["label"] == "a"
    assert not server.client.exists(f"{{a:{account}}}:tokens")
