"""Events on the channels tl:calls, tl:trunks and tl:health: what KEYS.md says, once each."""

import json
import pathlib
import re

import pytest

from harness import wait_for
from schema_client import NUMBERS, account_key

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "redis-schema" / "KEYS.md"
CHANNELS = ("tl:calls", "tl:trunks", "tl:health")
KEY = account_key()
ONE, TWO = NUMBERS[:2]


@pytest.fixture(scope="module")
def documented():
    """(channel, event) → names of its fields, in order."""
    section = DOCUMENT.read_text().split("### Events as they happen")[1].split("\n#")[0]
    found = {}
    for line in section.splitlines():
        cells = [re.findall("`([^`]+)`", cell) for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] and cells[0][0].startswith("tl:"):
            found[cells[0][0], cells[1][0]] = ["event", "at", *cells[3]]
    return found


class Ear:
    """What was published since the last look."""

    def __init__(self, client):
        self.client = client
        self.pubsub = client.pubsub(ignore_subscribe_messages=True)
        self.pubsub.subscribe(*CHANNELS)
        wait_for(lambda: all(n == 1 for _, n in client.pubsub_numsub(*CHANNELS)))

    def heard(self):
        """(channel, event) in order; a message of our own marks the end."""
        self.client.publish(CHANNELS[0], "end")
        out = []
        while True:
            message = self.pubsub.get_message(timeout=10)
            if message and message["data"] == "end":
                return out
            if message:
                assert message["data"].isascii() and "\n" not in message["data"]
                out.append((message["channel"], json.loads(message["data"])))

    def one(self):
        (_, event), = self.heard()
        return event


@pytest.fixture
def ear(customer):
    ear = Ear(customer.client)
    yield ear
    ear.pubsub.close()


def test_every_event_is_as_documented(customer, ear, documented):
    customer.trunk_define(KEY, 12, "kind", "in", "title", "t", "primary_host", "192.0.2.1", "billing", "Metered")
    customer.trunk_update(KEY, 12, "in", "title", "other")
    customer.trunk_disable(KEY, 12, "in")
    customer.admit("a", ONE)
    customer.answer("a", 0, "192.0.2.1:5060", 100)
    customer.finish("a")
    customer.admit("b", "2069999999")
    customer.node_health("node:n1:health", 0, 1, 1, "UDP 192.0.2.1:5060 down no answer to calls")
    seen = {}
    for channel, event in ear.heard():
        assert abs(customer.now() - event["at"]) < 60000
        seen[channel, event["event"]] = list(event)
        assert all(isinstance(v, int) == (k in ("at", "code", "ms", "billed", "amount", "pdd_ms"))
                   for k, v in event.items()), event
    assert seen == documented


def test_a_call_from_start_to_end(customer, ear):
    customer.account_set(KEY, "in_rate", "600000", "in_increment", "6", "in_minimum", "6")
    customer.admit("a", ONE, **{"from": "sip:12065550100@192.0.2.7", "callid": "x@y"})
    start = ear.one()
    head = {"account": "7001", "call": "a", "direction": "in", "tg": "11", "number": ONE}
    assert start == {"event": "start", "at": int(customer.live()[0]["invite_ms"]), **head,
                     "from": "sip:12065550100@192.0.2.7", "callid": "x@y"}
    customer.answer("a", 0, "192.0.2.1:5060", 100)
    answer = ear.one()
    assert answer == {"event": "answer", "at": int(customer.live()[0]["answer_ms"]), **head,
                      "target": "192.0.2.1:5060", "pdd_ms": 100}
    customer.finish("a", answered="7000")  # it began later than that
    end, cdr = ear.one(), customer.cdrs()[0]
    assert end == {"event": "end", "at": int(cdr["end_ms"]), **head, "code": 200, "reason": "answered",
                   "by": "caller", "ms": int(cdr["ms"]), "billed": 6, "amount": 60000}


def test_a_repeat_is_silent(customer, ear):
    for _ in range(2):
        customer.admit("a", ONE)
        customer.admit("b", "2069999999")
    assert [e["event"] for _, e in ear.heard()] == ["start", "refusal"]
    for _ in range(2):
        customer.answer("a")
    assert ear.one()["event"] == "answer"
    for _ in range(2):
        customer.finish("a")
        customer.finish("never")
        customer.answer("a")
    assert ear.one()["event"] == "end"
    for _ in range(2):
        customer.trunk_grant(KEY, 11, 5, 7)
        customer.trunk_update(KEY, 21, "out", "title", "new")
        customer.trunk_disable(KEY, 21, "out")
    assert [(e["event"], e["tg"], e["what"]) for _, e in ear.heard()] == [
        ("changed", "11", "sessions,cps"), ("changed", "21", "title"), ("disabled", "21", "status")]


def test_calls_that_others_end(customer, ear):
    customer.admit("a", ONE)
    customer.answer("a", 0, "192.0.2.1:5060", 100)
    customer.admit("b", ONE)
    ear.heard()
    customer.call_reap(KEY, "n1", "*", 10, 1)
    told = {e["call"]: (e["event"], e["code"], e["reason"], e["by"]) for _, e in ear.heard()}
    assert told == {"a": ("end", 200, "lost", "system"), "b": ("end", 408, "lost", "system")}


def test_refusals_tell_why(customer, ear):
    customer.trunk_grant(KEY, 11, 0, "none")
    assert ear.one()["what"] == "sessions"
    customer.admit("a", ONE, code="486")
    customer.admit("b", "12065550100", "out", "99", rate="1", increment="1", minimum="1")
    assert [(e["code"], e["reason"], e["tg"]) for _, e in ear.heard()] == [(486, "sessions", "11"),
                                                                           (404, "trunk", "99")]


@pytest.mark.parametrize("text,told", [('a"b\\c', None), ("a\nb\tc\x00\x7f", None), ("a[b]!c d", None),
                                       (b"\xffx\xc3\xa4", "\xffx\xc3\xa4"), ("/", None), ("x" * 128, None), ("", None)])
def test_any_text_makes_json(customer, ear, text, told):
    customer.admit("a", ONE, **{"from": text, "callid": text})
    event = ear.one()
    assert event["from"] == event["callid"] == (told or text)
    customer.answer("a", 0, text)
    assert ear.one()["target"] == (told or text)
    customer.finish("a", "200", text, text)
    event = ear.one()
    assert event["reason"] == event["by"] == (told or text)


def test_trunks(customer, ear):
    customer.trunk_define(KEY, 12, "kind", "out", "title", "t", "address", "198.51.100.9")
    assert ear.one().items() >= {"event": "defined", "account": "7001", "tg": "12", "kind": "out", "what": ""}.items()
    customer.trunk_update(KEY, 12, "out", "title", "t", "address", "198.51.100.8", "req_cps", "")
    assert ear.one().items() >= {"event": "changed", "what": "address"}.items()
    customer.trunk_update(KEY, 12, "out", "status", "0", "title", "off")
    assert ear.one().items() >= {"event": "disabled", "what": "status,title"}.items()
    customer.trunk_update(KEY, 12, "out", "status", "1")
    assert ear.one().items() >= {"event": "changed", "what": "status"}.items()
    customer.trunk_update(KEY, 13, "out", "status", "1")
    assert ear.heard() == []


def test_health(schema):
    ear, node = Ear(schema.client), "node:edge1:5060:health"

    def report(*targets):
        assert schema.node_health(node, 7, 9, 1, "\n".join(targets)) == ["ok"]
        return [(e["node"], e["target"], e["state"], e["why"]) for _, e in ear.heard()]

    one, two = "UDP 192.0.2.1:5060", "TLS [2001:db8::1]:5061"
    assert report(f"{one} up", f"{two} up took a call") == []
    down = report(f"{one} down no answer to calls", f"{two} up")
    assert down == [("edge1:5060", one, "down", "no answer to calls")]
    held = schema.client.hgetall(node)
    assert {k: v for k, v in held.items() if k in ("calls", "watched", "down")} == {
        "calls": "7", "watched": "9", "down": "1"}
    state, since, why = held[one].split(" ", 2)
    assert (state, why) == ("down", "no answer to calls") and held["at"] == since
    assert 0 < schema.client.ttl(node) <= 30
    wait_for(lambda: schema.now() > int(since))
    assert report(f"{one} down no answer to calls", f"{two} up") == []
    assert schema.client.hget(node, one) == held[one]
    assert report(f"{one} up answers OPTIONS", f"{two} down no answer to OPTIONS") == [
        ("edge1:5060", one, "up", "answers OPTIONS"), ("edge1:5060", two, "down", "no answer to OPTIONS")]
    assert report(f"{one} up") == [("edge1:5060", two, "gone", "")]
    assert set(schema.client.hgetall(node)) == {"at", "calls", "watched", "down", one}
    assert report() == []
    ear.pubsub.close()


@pytest.mark.parametrize("targets", ["x", "UDP 192.0.2.1:5060", "UDP 192.0.2.1:5060 broken", 'UDP 1.2.3.4:5 up "x',
                                     "UDP 1.2.3.4:5 up\n" * 1001, "x" * 300000])
def test_malformed_health_is_refused(schema, targets):
    assert schema.error("node_health", "node:n1:health", 0, 0, 0, targets).startswith("node_health: ")
    assert "node_heartbeat: " in schema.error("node_heartbeat", "node:n1:health", "b", "", "")
