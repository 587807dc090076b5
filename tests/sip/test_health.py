"""Targets that are down: passed over by calls, brought back by OPTIONS or by time."""

import contextlib
import json
import time

import pytest

from harness import wait_for
from harness.bed import Line

CONF = {"sip__no_answer_ms": 150, "sip__target_failures": 3, "sip__target_recoveries": 2, "sip__probe_ms": 100,
        "sip__target_rest_s": 2}


@pytest.fixture
def make_line(shared_bed):
    """A Line with a secondary through a sipmod with other settings: make_line(sip__probe_ms=0)."""
    opened = []

    def make(**conf):
        opened.append(Line(shared_bed, shared_bed.sipmod(**{**CONF, **conf})))
        opened[-1].add_secondary()
        return opened[-1]

    yield make
    for one in opened:
        one.close()
        one.customer.settled()


@pytest.fixture
def pair(make_line):
    return make_line()


def heard(line, peer, state):
    wait_for(lambda: f"target {peer.address} by UDP is {state}" in line.sipmod.log(), 5, f"{peer.address} is {state}")


def goes_to(line, peer):
    """A call whose first target is `peer`; returns the seconds that it took there."""
    started = time.monotonic()
    invite = line.invite()
    received = line.tried(invite, peer)
    took = time.monotonic() - started
    line.reject(received, 486, peer)
    line.failed(invite, 486)
    return took


def secondary_after(line, status=None, headers=()):
    """A call that the primary refuses with this status, or leaves unanswered, and the secondary takes."""
    invite = line.invite()
    received = line.tried(invite)
    if status:
        line.reject(received, status, headers=headers)
    line.reject(line.tried(invite, line.secondary), 486, line.secondary)
    line.failed(invite, 486)


def put_down(line):
    for _ in range(3):
        secondary_after(line)
    heard(line, line.primary, "down")


def answer_options(peer, status=200):
    peer.respond(peer.expect("OPTIONS"), status)


def test_a_dead_primary_costs_the_first_calls_alone(pair):
    put_down(pair)
    assert goes_to(pair, pair.secondary) < 0.14
    pair.primary.expect_nothing(0.05, but=("INVITE", "OPTIONS", "CANCEL"))
    assert pair.cdrs()[0]["attempts"] == f"{pair.secondary.address}=486"


def iter_messages(pubsub):
    while message := pubsub.get_message(timeout=0.01):
        yield json.loads(message["data"])


def test_redis_knows_and_tells(pair):
    client = pair.bed.redis.client
    told = client.pubsub(ignore_subscribe_messages=True)
    told.subscribe("tl:health")
    target = f"UDP {pair.primary.address}"

    def states():
        """By node, as its hash has it."""
        return {key: (client.hget(key, target) or "").split(" ", 2) for key in client.keys("node:*:health")}

    put_down(pair)
    wait_for(lambda: any(s[0] == "down" and s[2] == "no answer to calls" for s in states().values()), 2)
    node, = (key for key, s in states().items() if s[0] == "down")
    event = wait_for(lambda: next((e for e in iter_messages(told) if e["target"] == target), None))
    assert event["node"] == node[len("node:"):-len(":health")] and event["state"] == "down"

    answer_options(pair.primary)
    for _ in range(4):  # the first ones may have been too old to count
        with contextlib.suppress(AssertionError):
            pair.primary.respond(pair.primary.expect("OPTIONS", 0.3), 200)
    wait_for(lambda: states()[node][::2] == ["up", "answers OPTIONS"])
    assert wait_for(lambda: next((e for e in iter_messages(told) if e["target"] == target), None))["state"] == "up"
    assert int(client.hget(node, "watched")) >= 1
    told.close()


def test_two_failures_and_an_answer_are_no_reason(pair):
    for _ in range(2):
        for _ in range(2):
            secondary_after(pair)
        goes_to(pair, pair.primary)
    assert f"target {pair.primary.address} by UDP is down" not in pair.sipmod.log()


@pytest.mark.parametrize("status", [500, 502, 408])
def test_other_failures_show_that_the_target_lives(pair, status):
    for _ in range(4):
        secondary_after(pair, status)
    goes_to(pair, pair.primary)


def test_503_costs_nothing_and_does_not_count(pair):
    for _ in range(5):
        secondary_after(pair, 503)
    goes_to(pair, pair.primary)


def test_refused_datagrams_do_not_count(pair):
    """A primary that was off is used again with the first call after it is back."""
    host, port = pair.closed_port()
    pair.update(primary_host=host, primary_port=port)
    for _ in range(5):
        goes_to(pair, pair.secondary)
    wait_for(lambda: len(pair.cdrs()) == 5, 3)
    assert pair.cdrs()[0]["attempts"] == f"{host}:{port}=503 {pair.secondary.address}=486"
    goes_to(pair, pair.peer(host, port))


def test_answered_probes_bring_it_back(pair):
    put_down(pair)
    answer_options(pair.primary)
    goes_to(pair, pair.secondary)  # one answer is not enough
    answer_options(pair.primary)
    heard(pair, pair.primary, "up")
    goes_to(pair, pair.primary)
    pair.primary.backlog.clear()


def test_any_answer_to_a_probe_but_503_and_408_will_do(pair):
    put_down(pair)
    answer_options(pair.primary, 404)
    answer_options(pair.primary, 405)
    heard(pair, pair.primary, "up")


@pytest.mark.parametrize("status", [503, 408])
def test_probes_answered_so_do_not(pair, status):
    put_down(pair)
    for one in (200, status, 200, status):
        answer_options(pair.primary, one)
    goes_to(pair, pair.secondary)
    assert f"target {pair.primary.address} by UDP is up" not in pair.sipmod.log()


def test_probe_is_a_whole_options(pair):
    put_down(pair)
    probe = pair.primary.expect("OPTIONS")
    assert probe.uri == f"sip:{pair.primary.address}" and probe.get("cseq") == "1 OPTIONS"
    assert pair.sipmod.address in probe.get("via") and probe.tag("from") and not probe.tag("to")
    assert probe.get("max-forwards") == "70" and probe.get("content-length") == "0"


def test_all_down_are_tried_all_the_same(pair):
    for _ in range(3):
        invite = pair.invite()
        pair.tried(invite)
        pair.tried(invite, pair.secondary)
        pair.failed(invite, 408)
    heard(pair, pair.primary, "down")
    heard(pair, pair.secondary, "down")
    goes_to(pair, pair.primary)
    heard(pair, pair.primary, "up")  # it took a call


def test_retry_after_is_honoured(make_line):
    line = make_line(sip__probe_ms=0)
    secondary_after(line, 503, [("Retry-After", "1 (overload);duration=9")])
    rested = time.monotonic()
    goes_to(line, line.secondary)
    wait_for(lambda: time.monotonic() - rested > 1.02, 3)
    goes_to(line, line.primary)


def test_retry_after_is_capped(make_line):
    line = make_line(sip__probe_ms=0, sip__target_rest_s=1)
    secondary_after(line, 503, [("Retry-After", "99999999999999999999")])
    rested = time.monotonic()
    goes_to(line, line.secondary)
    wait_for(lambda: time.monotonic() - rested > 1.02, 3)
    goes_to(line, line.primary)


def test_probes_do_not_end_a_rest(pair):
    secondary_after(pair, 503, [("Retry-After", "2")])
    for _ in range(3):
        answer_options(pair.primary)
    goes_to(pair, pair.secondary)


def test_who_answers_no_probe_has_a_turn_after_a_rest(make_line):
    line = make_line(sip__target_rest_s=1)
    put_down(line)
    rested = time.monotonic()
    goes_to(line, line.secondary)
    wait_for(lambda: time.monotonic() - rested > 1.1, 3)
    secondary_after(line)  # its turn: silent again, so down again at once
    goes_to(line, line.secondary)


def test_probes_find_a_dead_target_before_any_caller(make_line):
    line = make_line(sip__probe_all="yes")
    goes_to(line, line.primary)
    answer_options(line.primary)
    heard(line, line.primary, "down")
    goes_to(line, line.secondary)


def test_silence_to_probes_alone_is_no_reason(make_line):
    """A peer that takes calls and knows no OPTIONS stays up."""
    line = make_line(sip__probe_all="yes")
    for _ in range(6):
        line.primary.expect("OPTIONS") if line.cdrs() else None
        goes_to(line, line.primary)


def test_targets_that_are_up_are_not_asked(pair):
    goes_to(pair, pair.primary)
    pair.primary.expect_nothing(0.35)


def test_a_caller_who_hangs_up_early_proves_nothing(pair):
    for _ in range(4):
        invite = pair.invite()
        pair.tried(invite)
        pair.carrier.cancel(invite)
        pair.carrier.expect(200, call_id=invite.call_id)
        pair.failed(invite, 487)
    goes_to(pair, pair.primary)
