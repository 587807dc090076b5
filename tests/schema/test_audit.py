"""Library audit: who changed what."""

import pytest

from harness import wait_for
from schema_client import ACCOUNT, account_key

KEY = account_key()
LOG = f"audit:{KEY}"
ALL = "audit:{all}"
LINE = {"write": "ab01", "by": "main 0123456789ab", "via": "rest", "from": "192.0.2.1", "request": "r-1",
        "what": "reserve", "params": "number=2062190001", "outcome": "ok", "error": ""}


def add(schema, log=LOG, **changes):
    return schema.audit_add(log, *{**LINE, **changes}.values())


def test_lines_are_listed_newest_first(schema):
    schema.account()
    before = schema.now()
    for i in range(5):
        assert add(schema, write=f"{i:02x}") == ["ok"]
    listed = schema.table("audit_list", LOG, "", 100)
    assert [line["write"] for line in listed] == ["04", "03", "02", "01", "00"]
    assert {k: listed[0][k] for k in LINE} == {**LINE, "write": "04"}
    assert before <= int(listed[0]["time"]) == int(listed[0]["id"].split("-")[0])
    assert len(schema.table("audit_list", LOG, "", 2)) == 2
    assert schema.table("audit_list", LOG, int(listed[0]["time"]) + 1, 100) == []
    read = schema.table("audit_read", LOG, "", 3)
    assert read == listed[:1:-1] and schema.table("audit_read", LOG, read[-1]["id"], 9) == listed[1::-1]


def test_a_repeated_line_is_noted_once(schema):
    schema.account()
    for outcome in ("begun", "ok", "begun", "ok"):
        assert add(schema, outcome=outcome) == ["ok"]
    assert [line["outcome"] for line in schema.table("audit_list", LOG, "", 9)] == ["ok", "begun"]
    for i in range(31):
        add(schema, write=f"{i:02x}")
    assert add(schema, outcome="ok") == add(schema, outcome="begun") == ["ok"]
    newest = [(line["write"], line["outcome"]) for line in schema.table("audit_list", LOG, "", 2)]
    assert newest == [("ab01", "begun"), ("1e", "ok")]


def test_an_account_must_be_there(schema):
    assert add(schema) == ["notfound"]
    assert not schema.client.exists(LOG)
    assert add(schema, ALL) == ["ok"]
    assert schema.table("audit_list", LOG, "", 9) == []


def test_trimming(schema):
    schema.account()
    for i in range(4):
        add(schema, write=f"{i:02x}")
    ids = [line["id"] for line in schema.table("audit_read", LOG, "", 9)]
    assert schema.audit_trim(LOG, ids[1], 60000) == ["ok", "0"]
    wait_for(lambda: schema.audit_trim(LOG, ids[1], 0) == ["ok", "2"], 2)
    assert [line["id"] for line in schema.table("audit_read", LOG, "", 9)] == ids[2:]


@pytest.mark.parametrize("changes", [{"write": "x"}, {"write": ""}, {"outcome": ""}, {"outcome": "OK"},
                                     {"by": "a\nb"}, {"params": "x" * 2049}, {"error": "x" * 257}, {"what": "x" * 129}])
def test_misuse(schema, changes):
    schema.account()
    schema.error("audit_add", LOG, *{**LINE, **changes}.values())


@pytest.mark.parametrize("key", [KEY, "audit:", "audit:{}", f"audit:{ACCOUNT}", "audit:{a:1}x"])
def test_keys(schema, key):
    assert "takes one key" in schema.error("audit_list", key, "", 1)
