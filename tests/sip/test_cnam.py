"""The caller name of a customer's number, shown to those whom it calls."""

import pytest

from harness import wait_for
from harness.bed import ExitLine, Line
from test_onnet import make  # noqa: F401 (fixture)
from test_termination import make_exit, more, out  # noqa: F401 (fixtures)

CONF = {"sip__no_answer_ms": 300}


@pytest.fixture
def named(out):  # noqa: F811
    """A caller whose own number has a name."""
    out.own = out.customer.number(out.customer.trunk())
    name_is(out, "ACME Inc.")
    return out


def name_is(line, name, **fields):
    line.bed.ok("number_update", line.customer.key, "", fields.get("status", ""), name, line.own)


def called(line, value=None, user=None, headers=(), peer=None):
    """From of the INVITE and of what the callee gets; the caller gets its own back."""
    invite = line.carrier.invite("1" + line.number, from_user=user or line.own, headers=list(headers))
    if value:
        invite.set("From", value.format(n=line.own, host=line.carrier.host) + ";tag=caller1")
    line.carrier.send(invite)
    sent = invite.get("from").replace("\r\n", "").replace("\t", " ")  # as peers unfold it
    received = line.tried(invite, peer)
    line.reject(received, 486, peer)
    assert line.failed(invite, 486).get("from") == sent
    assert received.tag("from") == invite.tag("from")
    return sent, received.get("from")


@pytest.mark.parametrize("value", ['<sip:{n}@{host}>', '"Old \\" name" <sip:{n}@{host}>',
                                   "Old name <sip:+1{n}@{host};user=phone>", "<tel:+1{n}>",
                                   '"a <sip:b@c>" <sip:{n}@{host}>', "sip:1{n}@{host}", "tel:+1-{n}",
                                   '"\r\n folded"\r\n\t<sip:{n}@{host}>'])
def test_name_stands_before_the_uri(named, value):
    sent, got = called(named, value)
    uri = sent.split(";tag=")[0].split("<")[-1].rstrip(">")
    assert got == f'"ACME Inc." <{uri}>;tag=caller1'


@pytest.mark.parametrize("name, shown", [('Say "hi"', '"Say \\"hi\\""'), ("back\\slash", '"back\\\\slash"'),
                                         ("a;b,c<d>", '"a;b,c<d>"')])
def test_name_is_quoted(named, name, shown):
    name_is(named, name)
    _, got = called(named)
    assert got.startswith(shown + " <sip:")


def test_without_a_name_from_stays(named):
    name_is(named, "-")
    sent, got = called(named, '"Own" <sip:{n}@{host}>')
    assert got == sent


def test_a_number_of_others_gets_no_name(named):
    """Neither one that is nobody's nor one of another account."""
    other = Line(named.bed, named.sipmod)
    named.bed.ok("number_update", other.customer.key, "", "", "OTHER", other.number)
    for user in (other.number, "2065550199", "anonymous", "5550100", "+442071838750"):
        sent, got = called(named, user=user)
        assert got == sent
    other.close()


def test_a_number_out_of_service_gets_no_name(named):
    name_is(named, "", status="0")
    sent, got = called(named)
    assert got == sent


@pytest.mark.parametrize("privacy, shown", [("id", False), ("user", False), ("header;session", False),
                                            ("none", True), ("critical;id", False)])
def test_privacy(named, privacy, shown):
    sent, got = called(named, headers=[("Privacy", privacy)])
    assert ("ACME Inc." in got) == shown and (got == sent) != shown


def test_next_gateway_is_shown_it_too(named):
    second = more(named, priority=2)
    invite = named.carrier.send(named.carrier.invite("1" + named.number, from_user=named.own))
    for peer in (named.primary, second):
        received = named.tried(invite, peer)
        assert received.get("from").startswith('"ACME Inc." <')
        named.reject(received, 503, peer)
    named.failed(invite, 500)


def test_dialog_goes_on_with_the_name(named):
    """The callee sees one From all along, the caller its own; CANCEL and ACK are those of the INVITE."""
    call = named.answered(from_user=named.own)
    own, shown = call.invite.get("from"), call.received.get("from")
    assert shown == f'"ACME Inc." {own}' and call.ok.get("from") == own
    for method in ("INVITE", "UPDATE", "INFO"):
        received, ok = call.exchange(method)
        assert (received.get("from"), ok.get("from")) == (shown, own)
        if method == "INVITE":
            call.caller.send("ACK")
            assert named.primary.expect("ACK", call_id=call.caller.call_id).get("from") == shown
    received, ok = call.exchange("INFO", by="callee")
    assert received.get("to").endswith(call.invite.tag("from"))
    received, ok = call.exchange("BYE")
    assert (received.get("from"), ok.get("from")) == (shown, own)
    assert named.cdr()["from"] == f"sip:{named.own}@{named.carrier.host}"


def test_cancel_with_a_name(named):
    invite = named.carrier.send(named.carrier.invite("1" + named.number, from_user=named.own))
    received = named.tried(invite)
    named.primary.respond(received, 180)
    assert named.carrier.expect(180, call_id=invite.call_id).get("from") == invite.get("from")
    named.carrier.cancel(invite)
    named.carrier.expect(200, call_id=invite.call_id)
    cancel = named.primary.expect("CANCEL", call_id=invite.call_id)
    assert cancel.get("from") == received.get("from")
    named.primary.respond(cancel, 200)
    named.reject(received, 487)
    assert named.failed(invite, 487).get("from") == invite.get("from")


def test_repeated_admission_shows_the_same(named):
    """The INVITE reaches another instance: its admission is a repeat."""
    other = named.bed.sipmod(sip__no_answer_ms=303)
    for text in (f'"gateway {named.gateway}: ', f'"source {named.carrier.host}: '):
        wait_for(lambda text=text: text in other.log(), 3)
    invite = named.carrier.send(named.carrier.invite("1" + named.number, from_user=named.own))
    first = named.tried(invite)
    named.carrier.send(invite, other.target)
    second = named.tried(invite)
    assert first.get("from") == second.get("from")
    for one in (first, second):
        named.primary.respond(one, 486)
    named.failed(invite, 486)
    named.carrier.ack_failure(invite, named.carrier.expect(486, call_id=invite.call_id), other.target)


def test_on_net(make):  # noqa: F811
    line = make()
    own = line.caller.number(line.caller.trunk())
    line.bed.ok("number_update", line.caller.key, "", "", "ACME Inc.", own)
    call = line.answered(from_user=own)
    assert call.received.get("from").startswith('"ACME Inc." <')
    call.hang_up()


def test_off(shared_bed):
    line = ExitLine(shared_bed, shared_bed.sipmod(**CONF, sip__cnam="no"))
    line.own = line.customer.number(line.customer.trunk())
    name_is(line, "ACME Inc.")
    sent, got = called(line)
    assert got == sent
    line.close()
    line.customer.settled()


def test_incoming_calls_keep_the_name_that_they_came_with(line):
    line.bed.ok("number_update", line.customer.key, "", "", "ACME Inc.", line.number)
    invite = line.carrier.invite("1" + line.number)
    invite.set("From", f'"Carrier\'s" {invite.get("from")}')
    line.carrier.send(invite)
    received = line.tried(invite)
    assert received.get("from") == invite.get("from")
    line.reject(received, 486)
    line.failed(invite, 486)
