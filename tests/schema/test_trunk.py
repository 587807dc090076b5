"""Library trunk: trunk groups of both kinds."""

import pytest

from schema_client import account_key

KEY = account_key()


@pytest.fixture
def account(schema):
    schema.account()
    return schema


def trunks(schema, kind, trunk=""):
    return schema.table("trunk_list", KEY, kind, trunk)


def test_define_and_list(account):
    account.trunk_in(12, primary_port="5070", primary_prefix="1234", forward="12065550100", mou="Unlimited")
    account.trunk_in(3, billing="Unmetered", sessions="0", req_sessions="10")
    account.trunk_out(7, sessions="5", cps="2")
    three, twelve = trunks(account, "in")
    assert (three["id"], three["billing"], three["sessions"], three["req_sessions"]) == ("3", "Unmetered", "0", "10")
    assert {k: twelve[k] for k in ("id", "kind", "status", "primary_host", "primary_port", "primary_prefix",
                                   "secondary_host", "forward", "mou", "sessions", "cps")} == {
        "id": "12", "kind": "in", "status": "1", "primary_host": "192.0.2.1", "primary_port": "5070",
        "primary_prefix": "1234", "secondary_host": "", "forward": "12065550100", "mou": "Unlimited",
        "sessions": "", "cps": ""}
    seven, = trunks(account, "out")
    assert (seven["address"], seven["sessions"], seven["cps"]) == ("198.51.100.1", "5", "2")
    assert abs(int(seven["created"]) - account.now()) < 5000
    assert trunks(account, "in", 12) == [twelve]


def test_define_refusals(schema):
    assert schema.trunk_define(KEY, 3, "kind", "in") == ["notfound"]
    schema.account()
    schema.trunk_in(3, title="first")
    assert schema.trunk_define(KEY, 3, "kind", "out", "title", "second") == ["exists"]
    assert trunks(schema, "in")[0]["title"] == "first"


def test_list_refusals(account):
    account.trunk_in(3)
    assert account.trunk_list(KEY, "out", 3) == ["notfound"]
    assert account.trunk_list(KEY, "in", 4) == ["notfound"]
    assert trunks(account, "out") == []


def test_update(account):
    account.trunk_in(3, secondary_host="192.0.2.2", primary_prefix="1234")
    before, = trunks(account, "in")
    assert account.trunk_update(KEY, 3, "in", "title", "new", "secondary_host", "", "primary_prefix", "") == ["ok"]
    after, = trunks(account, "in")
    assert after == {**before, "title": "new", "secondary_host": "", "primary_prefix": ""}
    assert account.trunk_update(KEY, 3, "out", "title", "x") == ["notfound"]
    assert account.trunk_update(KEY, 4, "in", "title", "x") == ["notfound"]


@pytest.mark.parametrize("field,value", [
    ("id", "4"), ("kind", "out"), ("created", "1"), ("address", "192.0.2.9"), ("billing", ""), ("billing", "metered"),
    ("primary_host", "a|b"), ("primary_host", ""), ("primary_host", "192.0.2.300"), ("primary_host", "a..b"),
    ("primary_port", "0"), ("primary_port", "65536"),
    ("primary_prefix", "12a"), ("forward", "+1"), ("status", "2"), ("sessions", "x"), ("cps", "-1")])
def test_misuse(account, field, value):
    account.trunk_in(3)
    account.error("trunk_update", KEY, 3, "in", "title", "x", field, value)
    account.error("trunk_define", KEY, 5, "kind", "in", "title", "x", field, value)


@pytest.mark.parametrize("trunk", ["", "0", "03", "x", "-1", "1:2"])
def test_ids_are_numbers(account, trunk):
    assert "trunk id" in account.error("trunk_define", KEY, trunk, "kind", "in")
    assert "no kind" in account.error("trunk_define", KEY, 5, "title", "in")


def test_grant(account):
    assert account.trunk_grant(KEY, 3, "5", "") == ["notfound"]
    account.trunk_out(3, sessions="0", cps="0")
    for sessions, cps, want in [("5", "", ("5", "0")), ("", "7", ("5", "7")), ("none", "", ("", "7")),
                                ("0", "none", ("0", ""))]:
        assert account.trunk_grant(KEY, 3, sessions, cps) == ["ok"]
        held, = trunks(account, "out")
        assert (held["sessions"], held["cps"]) == want
    account.error("trunk_grant", KEY, 3, "5", "lots")


def test_disable(account):
    account.trunk_out(3)
    account.trunk_in(4)
    assert account.trunk_disable(KEY, 3, "in") == ["notfound"]
    for _ in range(2):
        assert account.trunk_disable(KEY, 3, "out") == ["ok", "198.51.100.1"]
    assert account.trunk_disable(KEY, 4, "in") == ["ok", ""]
    assert trunks(account, "out")[0]["status"] == "0"
