"""Limits of gateways, exact over all instances; the order of those that lead to one number."""

import time

from harness import wait_for
from test_termination import make_exit, more, out  # noqa: F401 (fixtures)

OVER = ("udp", "tcp")
CONF = {"sip__no_answer_ms": 300}


def limit(line, gateway=None, **fields):
    name = gateway or line.gateway
    line.bed.ok("gateway_set", f"gw:{{{name}}}", *[str(x) for pair in fields.items() for x in pair])
    line.bed.ok("index_add", "gateways", name)
    wait_for(lambda: line.bed.redis.client.hget(f"gw:{{{name}}}", next(iter(fields))) is not None)
    wait_for(lambda: line.sipmod.log().count(f'"gateway {name}: ') > 1, 3)


def places(line, gateway=None):
    return line.bed.redis.table("gateway_calls", f"gw:{{{gateway or line.gateway}}}")


def no_place(line, gateway=None):
    wait_for(lambda: places(line, gateway) == [], 3, "no place is taken")


def refused_by(line, peer, status=486):
    invite = line.invite()
    line.reject(line.tried(invite, peer), status, peer)
    line.failed(invite, status)


def test_a_full_gateway_is_passed_over(out):
    second = more(out, priority=2)
    limit(out, capacity=1)
    call = out.answered()
    assert len(places(out)) == 1
    refused_by(out, second)
    out.primary.expect_nothing(0.02)
    call.hang_up()
    no_place(out)
    refused_by(out, out.primary)
    no_place(out)
    assert out.cdrs()[0]["attempts"] == f"{out.primary.address}=486"


def test_all_are_full(out):
    limit(out, capacity=1)
    call = out.answered()
    response = out.refused(503)
    assert response.get("reason").startswith("Q.850;cause=34;") and response.get("retry-after") == "1"
    call.hang_up("callee")
    no_place(out)
    wait_for(lambda: sorted(c["reason"] for c in out.cdrs()) == ["answered", "gateways"], 3)


def test_calls_a_second(out):
    second = more(out, priority=2)
    limit(out, cps=1)
    refused_by(out, out.primary)
    refused_by(out, second)
    out.primary.expect_nothing(0.02)


def test_place_is_given_back_however_the_call_ends(out):
    limit(out, capacity=1)
    for status in (486, 503, 404):
        invite = out.invite()
        out.reject(out.tried(invite), status)
        out.failed(invite, 500 if status == 503 else status)
        no_place(out)
    invite = out.invite()
    received = out.tried(invite)
    out.primary.respond(received, 180)
    out.carrier.expect(180, call_id=invite.call_id)
    out.carrier.cancel(invite)
    out.primary.respond(out.primary.expect("CANCEL"), 200)
    out.reject(received, 487)
    out.failed(invite, 487)
    no_place(out)
    out.refused(408)  # nobody answers
    no_place(out)


def test_place_of_a_failed_gateway_is_given_back_when_the_next_answers(out):
    second = more(out, priority=2)
    limit(out, capacity=5)
    limit(out, second.name, capacity=5)
    invite = out.invite()
    out.reject(out.tried(invite), 503)
    call = out.connect(invite, out.tried(invite, second), second)
    no_place(out)
    assert len(places(out, second.name)) == 1
    call.hang_up()
    no_place(out, second.name)


def test_call_ended_by_the_operator_gives_its_place_back(out):
    limit(out, capacity=1)
    call = out.answered()
    live, = out.wait_live()
    out.bed.ok("call_kill", out.customer.key, live["call"])
    for side in (call.caller, call.callee):
        side.peer.respond(side.peer.expect("BYE"), 200)
    no_place(out)


def test_bye_over_another_instance_gives_the_place_back(out):
    limit(out, capacity=1)
    other = out.bed.sipmod(sip__no_answer_ms=301)
    call = out.answered()
    call.caller.next_hop = other.target
    call.hang_up()
    no_place(out)


def test_gateway_without_limit_has_no_places(out):
    call = out.answered()
    assert places(out) == []
    assert out.gateway not in call.received.get("record-route")
    call.hang_up()


def test_capacity_holds_over_two_instances(out, shared_bed):
    """40 calls at once through two instances, a capacity of 7: exactly 7 arrive."""
    limit(out, capacity=7)
    other = shared_bed.sipmod(sip__no_answer_ms=302)
    wait_for(lambda: f'"gateway {out.gateway}: ' in other.log() and f'"source {out.carrier.host}: ' in other.log(), 3)
    invites = []
    for i in range(40):
        invite = out.carrier.invite("1" + out.number)
        out.carrier.send(invite, (out.sipmod, other)[i % 2].target)
        invites.append((invite, (out.sipmod, other)[i % 2].target))
    received = [out.primary.expect("INVITE") for _ in range(7)]
    for one in received:
        out.primary.respond(one, 180)
    got = {m.call_id for m in received}
    for invite, to in invites:
        if invite.call_id not in got:
            response = out.carrier.expect(lambda m: (m.status or 0) >= 200, call_id=invite.call_id)
            assert response.status == 503
            out.carrier.ack_failure(invite, response, to)
    assert len(places(out)) == 7
    for one in received:
        out.reject(one, 486)
    for invite, to in invites:
        if invite.call_id in got:
            out.carrier.ack_failure(invite, out.carrier.expect(486, call_id=invite.call_id), to)
    no_place(out)


def test_retry_after_of_a_gateway(out):
    second = more(out, priority=2)
    invite = out.invite()
    out.reject(out.tried(invite), 503, headers=[("Retry-After", "1")])
    out.reject(out.tried(invite, second), 486, second)
    out.failed(invite, 486)
    rested = time.monotonic()
    refused_by(out, second)
    out.primary.expect_nothing(0.02)
    wait_for(lambda: time.monotonic() - rested > 1.02, 3)
    refused_by(out, out.primary)


def test_least_cost_first(out):
    cheap, dear = more(out), more(out)
    for name, cost in ((out.gateway, 500), (cheap.name, 100), (dear.name, 900)):
        out.bed.ok("route_set", f"lcr:{{{out.customer.deck}}}", "1206", name, 1, 1, cost)
    invite = out.invite()
    for peer in (cheap, out.primary):
        out.reject(out.tried(invite, peer), 503, peer)
    out.reject(out.tried(invite, dear), 486, dear)
    out.failed(invite, 486)
