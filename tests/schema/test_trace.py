"""Traces: what is kept of calls, for how long, and how much of it."""

import pytest

TRACE, INVITE = "trace:{1}", "INVITE sip:2062190001@192.0.2.5 SIP/2.0\r\n\r\n"
HOUR = 3600000


@pytest.fixture
def s(schema):
    assert schema.trace_start(TRACE, "number", "2062190001", "", "me", 60000, HOUR, 3)[0] == "ok"
    return schema


def add(s, n=1, call_id="a@b", call="", node="n1", boot="b1", data=INVITE):
    return s.trace_add(TRACE, node, boot, n, call_id, call, 1700000000000000 + n, "in", "udp", "192.0.2.1:5060",
                       "192.0.2.5:5060", data)


def packets(s, call="", after="", most=100):
    return [p for p in s.table("trace_packets", TRACE, after, most, call) if p["callid"]]


def got(s):
    reply = s.trace_get(TRACE)
    return dict(zip(reply[2::2], reply[3::2]))


def test_the_index_has_a_limit(schema):
    assert [schema.trace_enlist("traces", n, 2) for n in (1, 2, 3, 2)] == [["ok"], ["ok"], ["full"], ["ok"]]
    assert schema.client.smembers("traces") == {"1", "2"}


def test_a_trace_starts_once(s):
    assert s.trace_start(TRACE, "call", "x", "", "me", 60000, HOUR, 3) == ["exists"]
    trace = got(s)
    assert (trace["kind"], trace["what"], trace["by"], trace["stopped"]) == ("number", "2062190001", "me", "0")
    assert int(trace["until"]) - int(trace["started"]) == 60000
    assert "a trunk without an account" in s.error("trace_start", "trace:{2}", "trunk", "1", "", "me", 1, HOUR, 3)


def test_messages_are_kept_up_to_the_limit(s):
    assert [add(s, n) for n in (1, 2, 3, 4)] == [["ok"], ["ok"], ["ok"], ["full"]]
    assert [p["at"][-1] for p in packets(s)] == ["1", "2", "3"]
    assert packets(s)[0]["data"] == INVITE and got(s)["packets"] == "3"


def test_a_message_that_comes_again_is_there_already(s):
    for n, node, boot in [(5, "n1", "b1"), (5, "n1", "b1"), (4, "n1", "b1"), (5, "n2", "b1"), (1, "n1", "b2")]:
        assert add(s, n, node=node, boot=boot) == ["ok"]
    assert [p["node"] for p in packets(s)] == ["n1", "n2", "n1"]


def test_packets_of_one_call(s):
    s.trace_call(TRACE, "a@b", "c1")
    for n, call_id, call in [(1, "a@b", ""), (2, "x@y", "c2"), (3, "a@b", "c1")]:
        add(s, n, call_id, call)
    assert [p["at"][-1] for p in packets(s, "a@b")] == [p["at"][-1] for p in packets(s, "c1")] == ["1", "3"]
    first = s.table("trace_packets", TRACE, "", 1, "x@y")
    assert first[0]["entry"] and not first[0]["callid"], "another call's: only where to go on"
    assert [p["at"][-1] for p in packets(s, after=first[0]["entry"])] == ["2", "3"]


def test_calls_are_told_once_and_bounded(s):
    heard = s.client.pubsub()
    heard.subscribe("tl:trace")
    for call in ("", "c1", "c1", ""):
        assert s.trace_call(TRACE, "a@b", call) == ["ok"]
    assert s.table("trace_calls", TRACE) == [{"callid": "a@b", "call": "c1"}]
    told = [m["data"] for _ in range(9) if (m := heard.get_message(timeout=0.05)) and m["type"] == "message"]
    assert told == ["1", "1"]
    assert [s.trace_call(TRACE, f"{n}@x", "")[0] for n in range(100)] == ["ok"] * 99 + ["full"]


def test_a_stopped_trace_takes_nothing_and_keeps_what_it_has(s):
    add(s)
    assert s.trace_stop(TRACE) == s.trace_stop(TRACE) == ["ok"]
    assert add(s, 2) == s.trace_call(TRACE, "a@b", "") == ["stopped"]
    assert len(packets(s)) == 1


def test_all_of_it_lives_as_long_as_the_trace(s):
    add(s)
    s.trace_call(TRACE, "a@b", "")
    s.trace_done(TRACE, "n1", "b1")
    keys = s.client.keys("trace:*")
    assert len(keys) == 4 and all(0 <= s.client.pttl(TRACE) - s.client.pttl(k) < 1000 for k in keys)
    s.client.pexpire(TRACE, 50)
    s.trace_remove(TRACE)
    assert not s.client.keys("trace:*")
    assert add(s) == s.trace_done(TRACE, "n1", "b1") == s.trace_stop(TRACE) == s.trace_get(TRACE) == ["notfound"]


def test_rings_tell_when_they_are_done(s):
    add(s, 7)
    s.trace_done(TRACE, "n1", "b1")
    s.trace_done(TRACE, "n2", "b9")
    rows = {r["node"]: (r["boot"], r["n"], r["done"]) for r in s.table("trace_nodes", TRACE)}
    assert rows == {"n1": ("b1", "7", "1"), "n2": ("b9", "0", "1")}


@pytest.mark.parametrize("at,value", [(0, "a b"), (2, "0"), (3, "a b"), (5, "x"), (6, "both"), (7, "sctp"),
                                      (8, "host"), (9, "192.0.2.1"), (10, "x" * 65536)])
def test_bad_arguments_are_named(s, at, value):
    args = ["n1", "b1", 1, "a@b", "", 1700000000000000, "in", "udp", "192.0.2.1:5060", "192.0.2.5:5060", INVITE]
    args[at] = value
    assert "trace_add: " in s.error("trace_add", TRACE, *args)
