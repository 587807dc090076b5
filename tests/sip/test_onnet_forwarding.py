"""Call forwarding on-net: each number of ours that a call is led to books a leg of it, and none goes in circles."""

import pytest

from harness import wait_for
from harness.bed import Line, OnnetLine
from test_hangup import expect_bye
from test_onnet import CONF


@pytest.fixture
def net(shared_bed):
    """A customer's call to a number whose trunk forwards to wherever a test says."""
    line = OnnetLine(shared_bed, shared_bed.sipmod(**CONF))
    yield line
    line.settled()
    line.close()


@pytest.fixture
def more(net):
    """Makes other customers, each with a number in service."""
    opened = []

    def open_one(**fields):
        opened.append(Line(net.bed, net.sipmod, **fields))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()
        one.customer.settled()


def forward(line, number):
    """The line's trunk forwards to a NANP number."""
    line.update(forward="1" + number)


def leg(line):
    """Its only CDR, without what it has of its own."""
    cdr = line.cdr()
    return cdr["code"], cdr["reason"], cdr["by"], cdr["upstream"]


def outgoing(net):
    return net.caller.cdr()


@pytest.fixture
def out_there(net):
    """A gateway with one place, that the callee's deck knows; its peer, name."""
    peer = net.peer("127.0.0.5")
    peer.name = net.bed.gateway(peer.host, peer.port, capacity=1)
    net.bed.route(net.customer.deck, "1206", peer.name)
    wait_for(lambda: f'"gateway {peer.name}: ' in net.sipmod.log(), 3)
    return peer


def places(net, gateway):
    return net.bed.redis.table("gateway_calls", f"gw:{{{gateway.name}}}")


def test_over_secondary_to_a_gateway(net, out_there):
    net.add_secondary()
    forward(net, "2065550199")
    invite = net.invite()
    net.reject(net.tried(invite), 503)
    net.reject(net.tried(invite, net.secondary), 500, net.secondary)
    call = net.connect(invite, net.tried(invite, out_there), out_there)
    place, = places(net, out_there)
    assert (place["account"], place["call"]) == (net.customer.id, net.ids()[1])
    call.hang_up()
    out, into = net.legs()
    attempts = f"{net.primary.address}=503 {net.secondary.address}=500 {out_there.address}=200"
    assert (out["upstream"], into["upstream"], into["direction"]) == ("on-net", out_there.name, "in")
    assert out["attempts"] == into["attempts"] == attempts
    wait_for(lambda: places(net, out_there) == [], 3, "no place is taken")


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_to_a_number_of_ours(net, more, by):
    """Three accounts book it: who calls, who was called, who is called in his place."""
    other = more()
    forward(net, other.number)
    invite = net.invite()
    net.reject(net.tried(invite), 503)
    received = net.tried(invite, other.primary)
    assert received.uri == f"sip:5555{other.number}@{other.primary.address}"
    call = net.connect(invite, received, other.primary)
    calls = [c.live()[0]["call"] for c in (net.caller, net.customer, other.customer)]
    assert calls == [calls[0], f"{calls[0]}-1", f"{calls[0]}-2"]
    call.exchange("INFO", "callee")
    call.hang_up(by)
    assert leg(net) == leg(other) == ("200", "answered", by, "on-net")
    assert outgoing(net)["attempts"] == f"{net.primary.address}=503 {other.primary.address}=200"
    assert other.cdr()["attempts"] == f"{other.primary.address}=200"


def test_of_a_carriers_call(net, more):
    """No customer called: two legs."""
    first, other = more(), more()
    forward(first, other.number)
    invite = first.invite()
    first.reject(first.tried(invite), 503)
    call = first.connect(invite, first.tried(invite, other.primary), other.primary)
    call.hang_up()
    assert leg(first) == ("200", "answered", "caller", "demo")
    assert leg(other) == ("200", "answered", "caller", "on-net")


@pytest.mark.parametrize("third", [0, 1, 2])
def test_any_leg_can_be_killed(net, more, third):
    other = more()
    forward(net, other.number)
    invite = net.invite()
    net.reject(net.tried(invite), 503)
    call = net.connect(invite, net.tried(invite, other.primary), other.primary)
    account = (net.caller, net.customer, other.customer)[third]
    assert net.bed.redis.fcall("call_kill", account.key, account.live()[0]["call"]) == ["ok"]
    expect_bye(call.caller, call.callee)
    expect_bye(call.callee, call.caller)
    assert [c["reason"] for c in (outgoing(net), net.cdr(), other.cdr())] == ["killed"] * 3


@pytest.mark.parametrize("fields, status, word", [({"sessions": 0}, 486, "busy"),
                                                  ({"credit": 0, "account": {"in_rate": "85"}}, 480, "no-answer")])
def test_number_that_may_not(net, more, fields, status, word):
    other = more(**fields)
    forward(net, other.number)
    invite = net.invite()
    net.reject(net.tried(invite), 503)
    net.failed(invite, status)
    assert leg(net) == (str(status), word, "callee", "on-net")
    assert outgoing(net)["attempts"] == f"{net.primary.address}=503 {other.number}={status}"
    assert other.cdr()["by"] == "system"


def test_to_itself(net):
    forward(net, net.number)
    invite = net.invite()
    net.reject(net.tried(invite), 503)
    net.failed(invite, 500)
    assert outgoing(net)["attempts"] == f"{net.primary.address}=503 {net.number}=482"
    assert leg(net)[:2] == ("503", "unreachable")


def test_to_each_other(net, more):
    other = more()
    forward(net, other.number)
    forward(other, net.number)
    invite = net.invite()
    net.reject(net.tried(invite), 503)
    net.reject(net.tried(invite, other.primary), 503, other.primary)
    net.failed(invite, 500)
    assert outgoing(net)["attempts"].endswith(f" {net.number}=482")
    assert leg(net)[0] == leg(other)[0] == "503"


def test_over_three_numbers_at_most(net, more):
    lines = [net, more(), more(), more()]
    for line, after in zip(lines, lines[1:]):
        forward(line, after.number)
    invite = net.invite()
    for line in lines[:3]:
        net.reject(net.tried(invite, line.primary), 503, line.primary)
    net.failed(invite, 500)
    lines[3].primary.expect_nothing(0.05)
    assert outgoing(net)["attempts"].endswith(f" {lines[3].number}=482") and lines[3].cdrs() == []
    assert [leg(line)[0] for line in lines[:3]] == ["503"] * 3


def test_cancel_while_the_other_rings(net, more):
    other = more()
    forward(net, other.number)
    invite = net.invite()
    net.reject(net.tried(invite), 503)
    received = net.tried(invite, other.primary)
    other.primary.respond(received, 180)
    net.carrier.expect(180, call_id=invite.call_id)
    net.carrier.cancel(invite)
    other.primary.respond(other.primary.expect("CANCEL"), 200)
    net.reject(received, 487, other.primary)
    net.carrier.expect(lambda m: m.status == 200 and "CANCEL" in m.get("cseq"))
    net.failed(invite, 487)
    assert leg(net) == leg(other) == ("487", "cancelled", "caller", "on-net")


def test_first_number_answers_late(net, more):
    """Who rang in its place is told to stop, and has a leg that nobody answered."""
    other = more()
    forward(net, other.number)
    invite = net.invite()
    first = net.tried(invite)  # silent for too long
    second = net.tried(invite, other.primary)
    other.primary.respond(second, 180)
    net.carrier.expect(180, call_id=invite.call_id)
    call = net.connect(invite, first)
    other.primary.respond(other.primary.expect("CANCEL"), 200)
    net.reject(second, 487, other.primary)
    assert leg(other) == ("487", "cancelled", "caller", "on-net")
    assert len(net.ids()) == 2
    call.hang_up()
    assert leg(net) == ("200", "answered", "caller", "on-net")


def test_what_the_numbers_are_told(net, more):
    """RFC 5806: the latest number on top; RFC 7044: an entry for each, one below the other."""
    second, third = more(), more()
    forward(net, second.number)
    forward(second, third.number)
    us, invite = net.sipmod.address, net.invite()
    first = net.tried(invite)
    assert not first.all("diversion") and not first.all("history-info")
    net.reject(first, 503)
    net.tried(invite, second.primary)  # silent for too long
    got = net.tried(invite, third.primary)
    assert got.all("diversion") == [f"<sip:+1{second.number}@{us}>;reason=no-answer;counter=1",
                                    f"<sip:+1{net.number}@{us}>;reason=unavailable;counter=1"]
    assert got.elements("history-info") == [f"<sip:+1{net.number}@{us}?Reason=SIP%3Bcause%3D503>;index=1",
                                            f"<sip:+1{second.number}@{us}?Reason=SIP%3Bcause%3D408>;index=1.1;mp=1",
                                            f"<{got.uri}>;index=1.1.1;mp=1.1"]
    net.reject(got, 486, third.primary)
    net.failed(invite, 486)


def test_forwarding_on_a_private_call(net, more):
    other = more()
    forward(net, other.number)
    invite = net.invite(headers=[("Privacy", "history")])
    net.reject(net.tried(invite), 503)
    got = net.tried(invite, other.primary)
    assert not got.all("diversion") and not got.all("history-info")
    net.reject(got, 486, other.primary)
    net.failed(invite, 486)
