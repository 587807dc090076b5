"""P-Asserted-Identity and Privacy (RFC 3325), Diversion (RFC 5806) and History-Info (RFC 7044)."""

import pytest

from test_failover import forwarded
from test_termination import make_exit, out  # noqa: F401 (fixtures)

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
    assert got.elements("history-info") == [f"<sip:+1{line.number}@{us}>;index=1", f"<{got.uri}>;index=1.1;mp=1"]
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


def test_forwarding_continues_what_is_there(line):
    peer = forwarded(line)
    history = "<sip:+13035550100@a.example>;index=1, <sip:+12065550100@b.example>;index=1.2;rc=1"
    diversion = "<sip:+13035550100@a.example>;reason=user-busy"
    invite = line.invite(headers=[("Diversion", diversion), ("History-Info", history)])
    got = line.tried(invite)
    assert got.all("diversion") == [diversion] and got.all("history-info") == [history]  # as it came
    line.reject(got, 503)
    got = line.tried(invite, peer)
    assert got.all("diversion")[1:] == [diversion] and line.number in got.all("diversion")[0]
    assert got.all("history-info") == [history, f"<{got.uri}>;index=1.2.1;mp=1.2"]
    line.reject(got, 486, peer)
    line.failed(invite, 486)
