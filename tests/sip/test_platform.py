"""Provisioned over REST, called over SIP, read over REST: the whole platform in one piece."""

import itertools
import time

import pytest

from harness import Dialog, Stack, wait_for

_hosts = itertools.count(100)


@pytest.fixture(scope="module")
def platform():
    with Stack(conf={"sip.no_answer_ms": 400}) as s:
        yield s


def peer(stack, host=None):
    return stack.peer(host or f"127.0.1.{next(_hosts)}")


def connect(caller, invite, callee, received):
    """200 and ACK; returns the caller's side."""
    callee.respond(received, 200)
    dialog = Dialog.caller(caller, invite, caller.expect(200, call_id=invite.call_id))
    dialog.send("ACK")
    callee.expect("ACK", call_id=invite.call_id)
    return dialog


def hang_up(dialog, callee):
    dialog.send("BYE")
    callee.respond(callee.expect("BYE", call_id=dialog.call_id), 200)
    dialog.peer.expect(lambda m: m.status == 200 and "BYE" in m.get("cseq"), call_id=dialog.call_id)


def fail(caller, invite, status):
    response = caller.expect(lambda m: (m.status or 0) >= 200, call_id=invite.call_id)
    assert response.status == status, response
    caller.ack_failure(invite, response)
    return response


def stats(stack, number):
    row, = stack.api.did_stats(number=number).good()["data"]
    return row


def test_an_ordered_number_rings_and_is_counted(platform):
    callee, carrier = peer(platform), platform.peer()
    number, = platform.order(platform.define_trunk(callee, primaryPrefix="5555"))
    invite = carrier.send(carrier.invite("1" + number))
    received = callee.expect("INVITE")
    assert received.uri == f"sip:5555{number}@{callee.address}"
    callee.respond(received, 180)
    carrier.expect(180)
    dialog = connect(carrier, invite, callee, received)
    wait_for(lambda: platform.live(), 2)
    hang_up(dialog, callee)
    wait_for(lambda: platform.live() == [], 2)
    cdr = next(c for c in platform.cdrs() if c["number"] == number)
    assert (cdr["code"], cdr["direction"], cdr["target"]) == ("200", "in", callee.address)
    row = wait_for(lambda: stats(platform, number), 2)
    assert (row["processed"], row["completed"], row["asr"]) == ("1", "1", "100%")


@pytest.mark.parametrize("how", ["silent", "503"])
def test_secondary_trunk(platform, how):
    primary, secondary, carrier = peer(platform), peer(platform), platform.peer()
    trunk = platform.define_trunk(primary, primaryPrefix="1111", secondaryTrunk=secondary.host,
                                  secondaryPort=secondary.port, secondaryPrefix="2222")
    number, = platform.order(trunk)
    invite = carrier.send(carrier.invite(number))
    received = primary.expect("INVITE")
    if how == "503":
        primary.respond(received, 503)
        primary.expect("ACK")
    received = secondary.expect("INVITE")
    assert received.uri == f"sip:2222{number}@{secondary.address}"
    hang_up(connect(carrier, invite, secondary, received), secondary)


def test_busy_is_passed_back(platform):
    primary, secondary, carrier = peer(platform), peer(platform), platform.peer()
    number, = platform.order(platform.define_trunk(primary, secondaryTrunk=secondary.host,
                                                   secondaryPort=secondary.port))
    invite = carrier.send(carrier.invite(number))
    primary.respond(primary.expect("INVITE"), 486)
    fail(carrier, invite, 486)
    secondary.expect_nothing(0.1)


def test_update_trunk_is_seen_within_100_ms(platform):
    old, new, carrier = peer(platform), peer(platform), platform.peer()
    trunk = platform.define_trunk(old)
    number, = platform.order(trunk)
    for callee, other in ((old, new), (new, old), (old, new)):
        updated = platform.api.update_trunk(tg_id=trunk, primaryTrunk=callee.host, primaryPort=callee.port)
        at = time.monotonic()
        updated.good()
        invite = carrier.send(carrier.invite(number))
        received = callee.expect("INVITE", 0.5)
        assert time.monotonic() - at < 0.1
        callee.respond(received, 486)
        fail(carrier, invite, 486)
        other.expect_nothing(0.01, but=("ACK",))


@pytest.mark.parametrize("status", ["0", "2"])
def test_number_out_of_service(platform, status):
    callee, carrier = peer(platform), platform.peer()
    number, = platform.order(platform.define_trunk(callee))
    invite = carrier.send(carrier.invite(number))
    callee.respond(callee.expect("INVITE"), 486)
    fail(carrier, invite, 486)
    platform.api.updatenumber(number=number, status=status).good()
    fail(carrier, carrier.send(carrier.invite(number)), 404)
    callee.expect_nothing(0.05, but=("ACK",))


def test_sessions_of_an_unmetered_trunk(platform):
    callee, carrier = peer(platform), platform.peer()
    number, = platform.order(platform.define_trunk(callee, billingType="Unmetered", sessions=1))
    invite = carrier.send(carrier.invite(number))
    dialog = connect(carrier, invite, callee, callee.expect("INVITE"))
    response = fail(carrier, carrier.send(carrier.invite(number)), 486)
    assert response.get("reason").startswith("Q.850;cause=17;")
    hang_up(dialog, callee)
    wait_for(lambda: stats(platform, number)["processed"] == "2", 2)


def test_termination(platform):
    """A customer's address, defined over REST, calls through the operator's gateway."""
    gateway, customer = peer(platform), peer(platform)
    tg = platform.api.defineTrunk_termination(title="out", ipaddress=customer.host, ports=5, cps=5).good()["tg_id"]
    platform.ctl("gateway", "add", "gw1", gateway.address, "--prefixes", "1")
    platform.ctl("rate", "set", "1", "0.01")
    wait_for(lambda: "gateway gw1: " in platform.sipmod.log(), 2, "sipmod knows the gateway")
    invite = customer.send(customer.invite("12125550123"))
    received = gateway.expect("INVITE", call_id=invite.call_id)
    assert received.uri == f"sip:12125550123@{gateway.address}"
    hang_up(connect(customer, invite, gateway, received), gateway)
    wait_for(lambda: platform.live() == [], 2)
    row, = platform.api.tg_stats_termination(tg_id=tg).good()["data"]
    assert (row["tg_id"], row["processed"], row["completed"]) == (tg, "1", "1")
    platform.api.disable_trunk_termination(tg_id=tg)
    customer.expect_nothing(0.1, but=(100,))
    customer.send(customer.invite("12125550123"))
    customer.expect_nothing(0.1)  # a stranger again
    gateway.expect_nothing(0.01, but=("ACK",))


def test_counters_agree_with_the_records(platform):
    """Runs last: whatever the calls above were, none is lost and none counted twice."""
    wait_for(lambda: platform.live() == [], 3)
    count = platform.counters()
    assert count["admitted"] + count["refused"] == count["cdrs"] == len(platform.cdrs())
    assert platform.redis.client.hgetall(f"{{a:{platform.account}}}:busy") == {}
