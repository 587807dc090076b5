"""deploy/kamailio/alone where it is more than the way of a call: ends, loss of Redis, restarts, hostility."""

import contextlib
import pathlib
import re
import select
import time

import pytest

from harness import StreamPeer, wait_for
from harness.bed import CARRIER, Bed, ExitLine, Line, OnnetLine
from harness.books import Books
from harness.kamailio import KamailioAlone
from harness.sipp import Sipp
from kamailio_setups import NEAR_MS, lock_default_user

ROOT = pathlib.Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def running(**substitutes):
    with Bed() as bed:
        lock_default_user(bed)
        kamailio = KamailioAlone(bed.workdir, bed.redis, **substitutes)
        kamailio.bed = bed
        kamailio.start()
        wait_open(kamailio)
        yield kamailio
        kamailio.stop()


def wait_open(kamailio):
    with Line(kamailio.bed, kamailio).peer(CARRIER) as peer:
        def is_open():
            probe = peer.send(peer.request("OPTIONS", f"sip:{kamailio.address}"))
            return peer.expect(lambda m: m.status in (200, 503), 0.5, call_id=probe.call_id).status == 200
        wait_for(is_open, 5, "the Kamailio takes calls", 0.1)


@pytest.fixture(scope="module")
def shared():
    with running(defines={"NO_ANSWER_MS": 400}) as kamailio:
        yield kamailio


@pytest.fixture
def line(shared):
    opened = Line(shared.bed, shared)
    yield opened
    opened.close()
    opened.customer.settled()


def expect_bye(*peers):
    for peer in peers:
        peer.respond(peer.expect("BYE"), 200)


# --- ends ---------------------------------------------------------------------------------


def test_a_call_lasts_as_long_as_its_account_can_pay(shared):
    """One whose account gets more meanwhile goes on for so much longer."""
    priced = {"in_rate": "6000", "in_increment": 1, "in_minimum": 1}
    lines = [Line(shared.bed, shared, credit=200, account=priced) for _ in range(2)]
    calls = [line.answered() for line in lines]
    shared.bed.ok("account_book", lines[1].customer.key, 200, "Bank Transfer", "more", "", "")
    for line, call, seconds in zip(lines, calls, (2, 4)):
        expect_bye(line.carrier, line.primary)
        cdr = line.cdr()
        assert (cdr["code"], cdr["reason"], cdr["by"]) == ("200", "longest", "system")
        assert abs(int(cdr["ms"]) - seconds * 1000) < NEAR_MS and int(cdr["billed"]) == seconds
        assert call.invite.call_id == cdr["callid"] and line.customer.balance() == 0
        line.customer.settled()
        line.close()


def test_a_killed_call_gets_a_bye_on_both_sides(line, shared):
    line.answered()
    call, = line.wait_live()
    shared.bed.ok("call_kill", line.customer.key, call["call"])
    expect_bye(line.carrier, line.primary)
    cdr = line.cdr()
    assert (cdr["code"], cdr["reason"], cdr["by"]) == ("200", "killed", "system")


def test_a_call_that_redis_closed_before_its_answer_is_hung_up(line, shared):
    invite = line.invite()
    received = line.tried(invite)
    line.wait_live()
    assert shared.bed.ok("call_reap", line.customer.key, "alone", "*", 10, "") == ["1"]
    line.connect(invite, received)
    expect_bye(line.carrier, line.primary)
    assert line.cdr()["reason"] == "lost"


@pytest.mark.parametrize("leg, reason, ends", [(0, "balance", [("balance", "system"), ("answered", "caller")]),
                                               (1, "mou", [("answered", "callee"), ("mou", "system")]),
                                               (1, "killed", [("killed", "system"), ("killed", "system")])])
def test_an_empty_account_ends_its_leg_and_the_other_side_hangs_up(shared, leg, reason, ends):
    onnet = OnnetLine(shared.bed, shared)
    onnet.answered()
    keys = (onnet.caller.key, onnet.customer.key)
    shared.bed.redis.client.hset(f"{keys[leg]}:kills", onnet.ids()[leg], reason)
    expect_bye(onnet.carrier, onnet.primary)
    assert [(c["reason"], c["by"]) for c in onnet.legs()] == ends
    onnet.settled()
    onnet.close()


# --- what comes twice, late or from the wrong one ----------------------------------------------


def test_a_repeated_invite_takes_nothing_twice(line):
    invite = line.invite()
    for _ in range(5):
        line.carrier.send(invite)
    received = line.tried(invite)
    call = line.connect(invite, received)
    line.primary.expect_nothing(0.2)
    assert line.customer.busy() == {"all": "1", f"tg:{line.tg}": "1", f"did:{line.number}": "1"}
    call.hang_up()
    call.caller.peer.send(invite)
    line.cdr()


def test_texts_of_the_caller_reach_redis_as_they_are(line):
    uri = "sip:%25s%n%s%25d:pw@example.net"
    invite = line.carrier.invite("1" + line.number, call_id="a%sb%n{c}|$ci~'\"", headers=[("Subject", "%s")])
    invite.set("From", f'"a b" <{uri};x=%s>;tag=%s%s%s')
    line.carrier.send(invite)
    received = line.tried(invite)
    line.reject(received, 486)
    line.failed(invite, 486)
    cdr = line.cdr()
    assert (cdr["from"], cdr["callid"]) == (f"{uri};x=%s", invite.call_id)


@pytest.mark.parametrize("call_id, parameter", [
    ("a b", ";tag=a"), ("a\0b", ";tag=a"), ("ab1", ""), ("ab2", ';tag="a b"'), ("ab3", ';tag="a\0 b"')])
def test_a_caller_whose_dialog_no_bye_would_find_is_refused(line, call_id, parameter):
    invite = line.carrier.invite("1" + line.number, call_id=call_id)
    invite.set("From", f"<sip:12065550100@example.net>{parameter}")
    line.carrier.send(invite)
    assert line.carrier.expect(lambda m: (m.status or 0) >= 200).status == 400
    line.primary.expect_nothing(0.05)


def test_an_answer_whose_dialog_no_bye_would_find_is_not_taken(line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    for tag in ('"a b"', '"a\0 b"'):
        line.primary.respond(received, 200, tag=tag)
    line.carrier.expect_nothing(0.1, but=(100, 180))
    call, = line.wait_live()
    assert call["answer_ms"] == ""
    line.connect(invite, received).hang_up()
    assert line.cdr()["reason"] == "answered"


def test_a_trunk_learns_what_the_caller_lets_it_know(line):
    told = [("P-Asserted-Identity", "<sip:me@example.net>"), ("History-Info", "<sip:a@b>;index=1")]
    for privacy, left in (("none", 2), ("id;user", 1), ("critical;history;id", 0)):
        invite = line.invite(headers=[("Privacy", privacy), *told])
        received = line.tried(invite)
        assert sum(len(received.all(name)) for name, _ in told) == left
        line.reject(received, 486)
        line.failed(invite, 486)


def test_refusals_tell_their_cause(line, shared):
    shared.bed.ok("trunk_grant", line.customer.key, line.tg, "", 0)
    refused = line.refused(503)
    assert refused.get("reason").startswith("Q.850;cause=42;") and int(refused.get("retry-after")) >= 1
    assert line.refused(404, "12062999999").get("reason").startswith("Q.850;cause=1;")


def test_the_answer_of_a_target_that_was_given_up_is_not_taken(line):
    line.add_secondary()
    invite = line.invite()
    received = line.tried(invite)
    second = line.tried(invite, line.secondary, 8)
    line.primary.respond(received, 200)
    line.secondary.respond(second, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.carrier.expect_nothing(0.1, but=(100,))
    call, = line.wait_live()
    assert call["answer_ms"] == ""
    line.connect(invite, second, line.secondary).hang_up()
    assert line.cdr()["attempts"] == f"{line.primary.address}=408 {line.secondary.address}=200"


def test_a_dialog_that_is_not_ours_is_not_carried(line):
    """A Record-Route that was changed, or none: silence for strangers, 481 for those that we know."""
    call = line.answered()
    true = call.caller.routes[0]
    for forged in (re.sub("(tl=[0-9a-f]{16}/.)", r"\g<1>0", true), re.sub(";tl=[^;>]*", "", true),
                   re.sub("tl=.", "tl=x", true), re.sub("tl=[^;>]*", "tl=", true)):
        assert forged != true
        call.caller.routes[0] = forged
        bye = call.caller.send("BYE")
        line.carrier.expect(481, call_id=bye.call_id)
        with line.peer("127.0.0.66") as stranger:
            stranger.send(bye)
            stranger.expect_nothing(0.05)
    line.primary.expect_nothing(0.1)
    assert line.customer.live()
    call.caller.routes[0] = true
    call.hang_up()
    assert line.cdr()["reason"] == "answered"


def test_a_bye_of_another_dialog_ends_no_call(line):
    """Its Record-Route is right, but whom it goes to hangs up nothing."""
    call = line.answered()
    for side in (call.caller, call.callee):
        true, side.remote = side.remote, side.remote + "x"
        side.send("BYE")
        side.remote = true
    for peer in (line.carrier, line.primary):
        peer.respond(peer.expect("BYE"), 481)
    for peer in (line.carrier, line.primary):
        peer.expect(481)
    assert line.customer.live()
    call.hang_up()
    assert line.cdr()["reason"] == "answered"


def test_calls_over_tcp(shared):
    tcp = Line(shared.bed, shared)
    tcp.carrier = tcp.peer(CARRIER, kind=StreamPeer)
    call = tcp.answered()
    call.exchange("INFO")
    call.exchange("INFO", by="callee")
    call.hang_up(by="callee")
    assert tcp.cdr()["by"] == "callee"
    tcp.close()


def test_gateways_of_one_rank_by_their_weight(shared):
    """The heavy one first (but once in a thousand), then the other."""
    out = ExitLine(shared.bed, shared)
    heavy = out.peer("127.0.0.7")
    out.add_gateway(heavy, "1206", priority=1, weight=1000)
    first = []
    for _ in range(4):
        invite = out.invite()
        wait_for(lambda: any(out_of(peer) for peer in (heavy, out.primary)), 3, "a gateway is tried", 0.01)
        peers = sorted((heavy, out.primary), key=lambda peer: not out_of(peer))
        for peer, status in zip(peers, (503, 486)):
            received = peer.expect("INVITE", call_id=invite.call_id)
            peer.respond(received, status)
            peer.expect("ACK", call_id=invite.call_id)
        out.failed(invite, 486)
        first.append(peers[0])
    assert first.count(heavy) >= 3
    out.customer.settled()
    out.close()


def out_of(peer):
    """Whether a message waits for this peer."""
    return bool(peer.backlog) or bool(select.select([peer.socket], [], [], 0)[0])


def test_no_limit_is_exceeded_by_several_workers(line, shared):
    shared.bed.ok("trunk_grant", line.customer.key, line.tg, 5, "")
    callee = Sipp(shared.bed.workdir, "uas", host="127.0.0.6").start()
    line.update(primary_host=callee.host, primary_port=callee.port)
    load = Sipp(shared.bed.workdir, "uac", to=shared.target, number=line.number, host=CARRIER, calls=150, rate=75,
                duration_ms=200, trace=False)
    load.finish(expect_success=False)
    line.customer.settled()
    cdrs = Books(shared.bed.redis, line.customer.id).check()
    callee.stop(1)
    answered = [c for c in cdrs if c["code"] == "200"]
    assert len(cdrs) == 150 and load.stats()["SuccessfulCall"] == len(answered) > 20
    assert {(c["code"], c["reason"]) for c in cdrs} == {("200", "answered"), ("486", "sessions")}
    assert int(line.customer.stats("tg", line.tg)["peak"]) == 5


# --- without Redis, and after a restart -----------------------------------------------------------


def answered_again(line, received):
    line.primary.respond(received, 200)
    response = line.carrier.recv(0.3)
    return response and response.status == 200


def test_redis_stands_still():
    """Calls are refused, an answer waits until it is in Redis, an end is told when it can be."""
    with running() as kamailio:
        redis = kamailio.bed.redis
        line = Line(kamailio.bed, kamailio)
        up = line.answered()
        ringing = line.invite()
        received = line.tried(ringing)
        line.primary.respond(received, 180)
        line.carrier.expect(180, call_id=ringing.call_id)
        redis.suspend()
        since = time.monotonic()
        refused = line.refused(503)
        assert refused.get("retry-after") == "5" and time.monotonic() - since < 1.5
        line.primary.respond(received, 200)
        up.hang_up()
        ended = time.monotonic()
        line.carrier.expect_nothing(0.5, but=(100,))
        redis.resume()
        wait_open(kamailio)
        time_away = time.monotonic() - ended
        wait_for(lambda: answered_again(line, received), 5, "the answer's way is free")
        call = line.connect(ringing, received)
        first = line.cdr(5)
        assert (first["reason"], first["by"], first["estimated"]) == ("answered", "caller", "0")
        assert int(first["ms"]) < time_away * 1000 + 2000
        call.hang_up()
        wait_for(lambda: len(line.cdrs()) == 2, 3, "two CDRs")
        line.customer.settled()
        line.close()


def test_a_restart_goes_on_with_the_calls_that_are_up():
    with running() as kamailio:
        line = Line(kamailio.bed, kamailio)
        up = line.answered()
        line.tried(line.invite())
        boots = {call["boot"] for call in line.wait_live(2)}
        kamailio.kill9()
        kamailio.start()
        wait_open(kamailio)
        node = kamailio.bed.redis.client.hgetall("node:alone")
        assert {node["past"]} == boots and node["boot"] not in boots
        assert kamailio.bed.ok("call_reap", line.customer.key, "alone", node["past"], 10, "") == ["1"]
        assert (line.cdr()["reason"], line.cdr()["code"]) == ("lost", "408")
        up.hang_up()
        wait_for(lambda: len(line.cdrs()) == 2, 3, "two CDRs")
        assert (line.cdrs()[0]["reason"], line.cdrs()[0]["estimated"]) == ("answered", "0")
        line.customer.settled()
        line.close()


def test_it_knows_this_schema():
    """A Kamailio that knows another one takes no calls, so the two must be raised together."""
    config = (ROOT / "deploy/kamailio/alone/kamailio.cfg").read_text()
    header = (ROOT / "redis-schema/schema.h").read_text()
    assert (re.search(r"!TL_SCHEMA!(\d+)!", config).group(1)
            == re.search(r"SCHEMA_VERSION =\s*(\d+)", header).group(1))


def test_another_schema_is_not_used(shared):
    client = shared.bed.redis.client
    known = client.hget("schema", "version")
    line = Line(shared.bed, shared)
    client.hset("schema", "version", "99")

    def is_refused():
        invite = line.invite("999")
        return line.carrier.expect(lambda m: (m.status or 0) > 100, call_id=invite.call_id).status == 503
    wait_for(is_refused, 8, "no calls are taken", 0.2)
    client.hset("schema", "version", known)
    wait_open(shared)
    line.close()
