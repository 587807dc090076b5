"""Library sys: sequences, indexes, locks, nodes."""

import pytest

from harness import wait_for
from schema_client import fields


def test_sequence_starts_at_the_first_number(schema):
    assert schema.seq_next("seq:trunk", 100) == ["ok", "100"]
    assert schema.seq_next("seq:trunk", 100) == ["ok", "101"]
    assert schema.seq_next("seq:trunk", 1000) == ["ok", "1000"]
    assert schema.seq_next("seq:cart", 1) == ["ok", "1"]


def test_index(schema):
    for member in ("b", "a", "a"):
        assert schema.index_add("accounts", member) == ["ok"]
    assert schema.index_list("accounts") == ["ok", "a", "b"]
    assert schema.index_remove("accounts", "a") == ["ok"]
    assert schema.index_remove("accounts", "a") == ["ok"]
    assert schema.index_list("accounts") == ["ok", "b"]
    assert schema.index_list("nodes") == ["ok"]
    assert "unknown index" in schema.error("index_add", "others", "a")


def test_lock_has_one_owner(schema):
    assert schema.lock_take("job:reap", "one", 60000) == ["ok"]
    assert schema.lock_take("job:reap", "two", 60000) == ["held", "one"]
    assert schema.lock_take("job:reap", "one", 60000) == ["ok"]
    assert schema.lock_drop("job:reap", "two") == ["held"]
    assert schema.lock_drop("job:reap", "one") == ["ok"]
    assert schema.lock_drop("job:reap", "one") == ["ok"]
    assert schema.lock_take("job:reap", "two", 60000) == ["ok"]


def test_lock_ends_with_its_lease(schema):
    assert schema.lock_take("job:reap", "one", 30) == ["ok"]
    wait_for(lambda: schema.lock_take("job:reap", "two", 60000) == ["ok"])


def test_renewing_a_lock_extends_the_lease(schema):
    schema.lock_take("job:reap", "one", 1000)
    schema.lock_take("job:reap", "one", 60000)
    assert schema.client.pttl("job:reap") > 30000


@pytest.mark.parametrize("node", ["host:5060", "sip-1.example.net", "[2001:db8::1]:5060"])
def test_heartbeat(schema, node):
    assert schema.node_get(f"node:{node}") == ["notfound"]
    word, now = schema.node_heartbeat(f"node:{node}", "boot1", "192.0.2.1:5060", "0.1.0")
    assert word == "ok" and abs(int(now) - schema.now()) < 5000
    first = schema.node_get(f"node:{node}")
    held = fields(first, 2)
    assert held == {"boot": "boot1", "started": now, "past": "", "seen": now, "address": "192.0.2.1:5060",
                    "version": "0.1.0"}
    assert int(first[1]) >= int(now)
    assert 6 * 86400 < schema.client.ttl(f"node:{node}") <= 7 * 86400


def test_start_of_a_node_is_that_of_its_boot(schema):
    first = schema.node_heartbeat("node:n", "boot1", "", "")[1]
    wait_for(lambda: schema.node_heartbeat("node:n", "boot1", "", "")[1] != first)
    assert fields(schema.node_get("node:n"), 2)["started"] == first
    second = schema.node_heartbeat("node:n", "boot2", "", "")[1]
    assert fields(schema.node_get("node:n"), 2)["started"] == second


def test_a_boot_that_was_replaced_never_returns(schema):
    for i in range(105):
        assert schema.node_heartbeat("node:n", f"boot{i}", "", "")[0] == "ok"
    past = fields(schema.node_get("node:n"), 2)["past"].split(" ")
    assert past == [f"boot{i}" for i in range(103, 3, -1)]
    before = schema.snapshot()
    assert schema.node_heartbeat("node:n", "boot103", "", "") == ["replaced", "boot104"]
    assert schema.node_heartbeat("node:n", "boot10", "", "") == ["replaced", "boot104"]
    assert schema.snapshot() == before
