"""Background jobs: calls of a lost sipmod are closed, on one trunkd at a time."""

import pytest

from harness import Stack, wait_for


@pytest.fixture(scope="module")
def stack():
    with Stack(sipmod=False, conf={"sip.lease_s": 2}) as s:
        s.number, = s.order(s.define_trunk(("127.0.0.3", 5060)))
        yield s


def _admit(stack, call, node, boot):
    reply = stack.redis.fcall("call_admit", f"{{a:{stack.account}}}", call, "in", stack.number, "", node, boot,
                              "sip:a@b", "sip:c@d", "127.0.0.2:5060", "test", f"{call}@x", "", "", "", "", "486",
                              "3600")
    assert reply[:2] == ["ok", "new"], reply


def _beat(stack, node, boot):
    stack.redis.fcall("node_heartbeat", f"node:{node}", boot, "127.0.0.1:5060", "test")
    stack.redis.fcall("index_add", "nodes", node)


def test_calls_of_a_lost_node_are_closed(stack):
    _beat(stack, "lost", "b1")
    _admit(stack, "call1", "lost", "b1")
    assert len(stack.live()) == 1
    wait_for(lambda: not stack.live(), 30)
    cdr, = [c for c in stack.cdrs() if c["call"] == "call1"]
    assert cdr["estimated"] == "1" and cdr["reason"] == "lost"
    c = stack.counters()
    assert c["admitted"] + c["refused"] == c["cdrs"] + c["live"]


def test_calls_of_a_live_node_stay(stack):
    _beat(stack, "alive", "b1")
    _admit(stack, "call2", "alive", "b1")
    _beat(stack, "gone", "b1")
    _admit(stack, "call3", "gone", "b1")

    def only_one_left():
        _beat(stack, "alive", "b1")
        return [c["call"] for c in stack.live()] == ["call2"]
    wait_for(only_one_left, 30)


def test_a_node_without_a_record_is_forgotten(stack):
    stack.redis.fcall("index_add", "nodes", "old")
    _admit(stack, "call4", "old", "b1")
    wait_for(lambda: not stack.redis.client.sismember("nodes", "old"), 30)
    assert "call4" not in [c["call"] for c in stack.live()]


def test_jobs_run_on_one_trunkd(stack):
    owner = wait_for(lambda: stack.redis.client.get("job:sagas"))
    second = stack.add_trunkd()
    wait_for(lambda: stack.redis.client.get("job:sagas") == owner)
    assert stack.redis.client.pttl("job:sagas") > 0
    stack.trunkd.stop()  # drops its locks at once
    wait_for(lambda: stack.redis.client.get("job:sagas") not in (owner, None), 5)
    second.stop()
    assert stack.redis.client.get("job:sagas") is None
