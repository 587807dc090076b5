"""P-Asserted-Identity and Privacy (RFC 3325), Diversion (RFC 5806) and History-Info (RFC 7044)."""

import pytest

from test_failover import forwarded
from test_termination import make_exit, out  # noqa: F401 (fixtures)

OVER = ("udp", "tcp")
CONF = {"sip__no_answer_ms": 300}
PAI = [("P-Asserted-Identity", '"A" <sip:+12065550100@carrier.example>'), ("P-Asserted-Identity", "<tel:+12065550100>")]


def received(line, headers, callee=None):
    """What the callee gets of a call with these headers."""
    invite = line.invite(headers=headers)
    got = line.tried(invite, callee)
    line.reject(got, 486, callee)
    line.failed(invite, 486)
    return got


@pytest.mark.parametrize("privacy", [None, "none", "user", "header;session", "identity"])
def test_identity_passes(line, privacy):
    headers = PAI + ([("Privacy", privacy)] if privacy else [])
    got = received(line, headers)
    assert got.all("p-asserted-identity") == [v for _, v in PAI] and got.get("privacy") == privacy


@pytest.mark.parametrize("privacy", ["id", "ID", "header;id", "id;critical", "user; id ;critical"])
def test_identity_is_withheld_from_customers(line, privacy):
    got = received(line, PAI + [("Privacy", privacy), ("X-After", "kept")])
    assert got.all("p-asserted-identity") == []
    assert got.get("privacy") == privacy and got.get("x-after") == "kept"


def test_identity_in_the_trusted_domain(out):  # noqa: F811
    """A gateway is told who calls, and that the caller wants it kept."""
    got = received(out, PAI + [("Privacy", "id")])
    assert len(got.all("p-asserted-identity")) == 2 and got.get("privacy") == "id"


def test_forwarding_is_told(line):
    peer = forwarded(line)
    invite = line.invite(headers=PAI + [("Privacy", "id")])
    line.reject(line.tried(invite), 503)
    got = line.tried(invite, peer)
    us = line.sipmod.address
    assert got.all("diversion") == [f"<sip:+1{line.number}@{us}>;reason=unavailable;counter=1"]
    assert got.elements("history-info") == [
        f"<sip:+1{line.number}@{us}?Reason=SIP%3Bcause%3D503>;index=1", f"<{got.uri}>;index=1.1;mp=1"]
    assert len(got.all("p-asserted-identity")) == 2  # a gateway is trusted
    line.reject(got, 486, peer)
    line.failed(invite, 486)


def test_reason_of_forwarding(line):
    peer = forwarded(line)
    invite = line.invite()
    line.tried(invite)  # no answer
    got = line.tried(invite, peer)
    assert ";reason=no-answer;" in got.get("diversion")
    line.reject(got, 486, peer)
    line.failed(invite, 486)


def test_forwarding_of_a_trunk_without_an_address_of_its_own(line):
    """Nobody was tried: unconditional, and no Reason."""
    peer = forwarded(line)
    line.bed.redis.client.hset(f"{line.customer.key}:tg:{line.tg}", "primary_host", "")
    invite = line.invite()
    got = line.tried(invite, peer)
    assert ";reason=unconditional;" in got.get("diversion")
    assert got.elements("history-info")[0] == f"<sip:+1{line.number}@{line.sipmod.address}>;index=1"
    line.reject(got, 486, peer)
    line.failed(invite, 486)


def went_on(line, peer, headers):
    """The forwarded INVITE of a call that came with these headers."""
    invite = line.invite(headers=headers)
    got = line.tried(invite)
    assert [got.all(name) for name, _ in headers] == [[value] for _, value in headers]  # as they came
    line.reject(got, 503)
    got = line.tried(invite, peer)
    line.reject(got, 486, peer)
    line.failed(invite, 486)
    return got


def test_forwarding_continues_what_is_there(line):
    """RFC 7044 section 9.1: who sent us the call left no entry for its Request-URI, so it is made for him."""
    peer = forwarded(line)
    history = "<sip:+13035550100@a.example>;index=1, <sip:+12065550100@b.example>;index=1.2;rc=1"
    diversion = "<sip:+13035550100@a.example>;reason=user-busy"
    got = went_on(line, peer, [("Diversion", diversion), ("History-Info", history)])
    assert got.all("diversion")[1:] == [diversion] and line.number in got.all("diversion")[0]
    ours = f"<sip:+1{line.number}@{line.sipmod.address}?Reason=SIP%3Bcause%3D503>;index=1.2.1"
    assert got.all("history-info") == [history, f"{ours}, <{got.uri}>;index=1.2.1.1;mp=1.2.1"]


def test_forwarding_of_a_number_that_the_history_ends_with(line):
    peer = forwarded(line)
    history = f"<sip:+13035550100@a.example>;index=1, <sip:1{line.number}@b.example;user=phone>;index=1.1;mp=1"
    got = went_on(line, peer, [("History-Info", history)])
    assert got.all("history-info") == [history, f"<{got.uri}>;index=1.1.1;mp=1.1"]


@pytest.mark.parametrize("index", ["1" + ".1" * 130, "x"])
def test_odd_index_does_no_harm(line, index):
    peer = forwarded(line)
    got = went_on(line, peer, [("History-Info", f"<sip:+13035550100@a.example>;index={index}")])
    assert got.all("diversion")


@pytest.mark.parametrize("privacy", ["history", "header", "id;session"])
def test_history_is_withheld_from_customers(line, privacy):
    got = received(line, [("Privacy", privacy), ("History-Info", "<sip:+13035550100@a.example>;index=1"),
                          ("Diversion", "<sip:+13035550100@a.example>;reason=user-busy"), ("X-After", "kept")])
    assert got.all("history-info") == got.all("diversion") == [] and got.get("x-after") == "kept"


def test_history_in_the_trusted_domain(out):  # noqa: F811
    got = received(out, [("Privacy", "history"), ("History-Info", "<sip:+13035550100@a.example>;index=1")])
    assert got.all("history-info")
