"""A proxy of ours at the edge (sip.edges) tells where a request came from; nobody else is believed."""

import pytest

from harness import UdpPeer
from harness.bed import CARRIER

EDGE = "127.0.0.9"
CONF = {"sip__edges": f"{EDGE},192.0.2.0/24"}
SOURCE = "X-Trunkline-Source"
TOLD = f"{CARRIER}:5099"


@pytest.fixture
def edge(line):
    return line.peer(EDGE)


def call(peer, line, *told, vias=(), **kwargs):
    """An INVITE as an edge forwards it: its own Via above the caller's, and what it tells of the source."""
    headers = [("Via", via) for via in vias] + [(SOURCE, text) for text in told]
    return peer.send(peer.invite("1" + line.number, headers=headers, **kwargs))


def refuse(line, received, peer, invite):
    line.reject(received, 486)
    peer.ack_failure(invite, peer.expect(486, call_id=invite.call_id))


def test_the_source_is_who_the_edge_names(line, edge):
    invite = call(edge, line, TOLD)
    received = line.tried(invite)
    assert received.all(SOURCE) == []
    refuse(line, received, edge, invite)
    cdr = line.cdr()
    assert (cdr["source"], cdr["upstream"]) == (TOLD, "demo")


@pytest.mark.parametrize("told", [(), ("127.0.0.2", TOLD), ("somewhere",), ("127.0.0.77:5060",), (EDGE + ":5060",)])
def test_an_edge_that_names_nobody_listed_is_refused(line, edge, told):
    invite = call(edge, line, *told)
    edge.ack_failure(invite, edge.expect(403, call_id=invite.call_id))
    assert line.cdrs() == []


def test_nobody_else_is_believed(line):
    stranger = line.peer("127.0.0.77")
    call(stranger, line, TOLD)
    stranger.expect_nothing(0.3)
    invite = call(line.carrier, line, "127.0.0.77:5060")
    received = line.tried(invite)
    assert received.all(SOURCE) == []
    refuse(line, received, line.carrier, invite)
    assert line.cdr()["source"] == line.carrier.address


@pytest.mark.parametrize("name, before", [("x-trunkline-source ", ""), (SOURCE.upper(), "\r\n ")])
def test_every_form_of_the_header_counts(line, edge, name, before):
    twice = [(SOURCE, TOLD), (name, before + TOLD)]
    invite = edge.send(edge.invite("1" + line.number, headers=twice))
    edge.ack_failure(invite, edge.expect(403, call_id=invite.call_id))
    invite = edge.send(edge.invite("1" + line.number, headers=twice[1:]))
    received = line.tried(invite)
    assert b"runkline-source" not in received.raw.lower()
    refuse(line, received, edge, invite)


def test_the_edges_next_try_is_the_same_call(line, edge):
    caller = f"SIP/2.0/UDP {TOLD};branch=z9hG4bKthe-callers"
    first = call(edge, line, TOLD, vias=[caller], call_id="the-same", from_tag="t1")
    received = line.tried(first)
    line.primary.respond(received, 180)
    edge.expect(180, call_id=first.call_id)
    live, = line.wait_live()
    second = call(edge, line, TOLD, vias=[caller], call_id="the-same", from_tag="t1")
    again = line.primary.expect("INVITE", call_id="the-same")
    assert [c["call"] for c in line.customer.live()] == [live["call"]]
    refuse(line, received, edge, first)
    line.reject(again, 486)
    edge.ack_failure(second, edge.expect(486, call_id="the-same"))
    assert line.cdr()["call"] == live["call"]


def test_an_edge_may_ask_whether_we_take_calls(line, edge):
    with UdpPeer("127.0.0.77", to=line.sipmod.target) as stranger:
        for peer, answer in ((edge, True), (stranger, False)):
            probe = peer.request("OPTIONS", f"sip:{line.sipmod.address}")
            peer.send(probe)
            if answer:
                assert peer.expect(200, call_id=probe.call_id)
            else:
                peer.expect_nothing(0.2)
