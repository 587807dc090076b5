"""baresip, a real user agent with media of its own: it calls through and is called, over UDP and TCP."""

import itertools

import pytest

from harness import Dialog, wait_for
from harness.baresip import Baresip
from harness.bed import ExitLine

BOTH_WAYS = pytest.mark.parametrize("by", ["caller", "callee"])
_hosts = (f"127.0.64.{n}" for n in itertools.count(1))


@pytest.fixture
def phones(shared_bed):
    """phones(host, user, …) is a running baresip."""
    started = []

    def start(host, user, **kwargs):
        started.append(Baresip(shared_bed.workdir, host, user, **kwargs).start())
        return started[-1]

    yield start
    for phone in started:
        phone.stop(code=None)


@pytest.fixture(params=["udp", "tcp"])
def out(request, shared_bed):
    """A customer whose calls leave by a gateway; both are to speak out.word with sipmod."""
    line = ExitLine(shared_bed, shared_bed.sipmod())
    line.word, line.source = request.param, line.carrier.host
    if line.word == "tcp":  # its connections come from the address that the kernel chooses
        line.source = "127.0.0.1"
        told = f'"source {line.source}: '
        before = line.sipmod.log().count(told)
        shared_bed.claim(line.source, "trunk", line.customer.id, line.tg)
        wait_for(lambda: line.sipmod.log().count(told) > before, 3)
    yield line
    line.close()
    if line.word == "tcp":
        shared_bed.release(line.source, "trunk", line.customer.id, line.tg)
    line.customer.settled()


def gateway_is(line, phone):
    """Leads the calls of the line to this phone."""
    line.bed.ok("gateway_set", f"gw:{{{line.gateway}}}", "host", phone.host, "port", phone.port,
                "transport", line.word)
    line.heard(f"gateway {line.gateway}: {phone.address}")


def us(line):
    """sipmod as a phone dials it."""
    return f"{line.sipmod.address};transport={line.word}"


def dialled(line):
    return f"sip:1{line.number}@{us(line)}"


@BOTH_WAYS
def test_baresip_calls_baresip(out, phones, by):
    """Each hears the other's RTP; the call ends by a BYE of either."""
    caller, callee = phones(out.carrier.host, "12065550100"), phones(next(_hosts), f"1{out.number}")
    gateway_is(out, callee)
    caller.dial(dialled(out))
    for phone in (caller, callee):
        phone.expect("CALL_ESTABLISHED")
    for phone in (caller, callee):
        phone.expect("CALL_RTPESTAB")
    wait_for(lambda: out.wait_live()[0]["answer_ms"] != "0", 3)
    (caller if by == "caller" else callee).hang_up()
    for phone in (caller, callee):
        phone.expect("CALL_CLOSED")
    cdr = out.cdr()
    assert (cdr["code"], cdr["by"], cdr["target"], cdr["reason"]) == ("200", by, callee.address, "answered")
    assert cdr["number"] == f"1{out.number}" and cdr["source"].split(":")[0] == out.source


def test_baresip_holds_and_resumes(out, phones):
    """A re-INVITE from either side."""
    caller, callee = phones(out.carrier.host, "12065550100"), phones(next(_hosts), f"1{out.number}")
    gateway_is(out, callee)
    caller.dial(dialled(out))
    for phone in (caller, callee):
        phone.expect("CALL_ESTABLISHED")
    for here, there in ((caller, callee), (callee, caller)):
        there.events.clear()
        here.hold()
        there.expect("CALL_REMOTE_SDP")
        here.resume_call()
        there.expect("CALL_REMOTE_SDP")
    out.wait_live()
    caller.hang_up()
    callee.expect("CALL_CLOSED")
    assert out.cdr()["code"] == "200"


def test_baresip_gives_up_while_it_rings(out, phones):
    caller, callee = phones(out.carrier.host, "12065550100"), phones(next(_hosts), f"1{out.number}", answer="manual")
    gateway_is(out, callee)
    caller.dial(dialled(out))
    callee.expect("CALL_INCOMING")
    caller.expect("CALL_RINGING")
    caller.hang_up()
    callee.expect("CALL_CLOSED")
    cdr = out.cdr()
    assert (cdr["code"], cdr["reason"], cdr["by"]) == ("487", "cancelled", "caller")


def test_baresip_refuses_a_call(out, phones):
    caller, callee = phones(out.carrier.host, "12065550100"), phones(next(_hosts), f"1{out.number}", answer="manual")
    gateway_is(out, callee)
    caller.dial(dialled(out))
    callee.expect("CALL_INCOMING")
    callee.hang_up()
    caller.expect("CALL_CLOSED")
    cdr = out.cdr()
    assert (cdr["code"], cdr["by"]) == ("486", "callee")


def test_baresip_calls_by_an_outbound_proxy(out, phones):
    """We are the Route that it was given, not the host that it dials."""
    caller = phones(out.carrier.host, "12065550100", account=f';outbound="sip:{us(out)}"')
    caller.dial(f"sip:+1{out.number}@trunks.example.net")
    received = out.primary.expect("INVITE")
    assert received.all("route") == [] and received.uri.startswith(f"sip:1{out.number}@")
    out.primary.respond(received, 486)
    out.primary.expect("ACK")
    caller.expect("CALL_CLOSED")
    assert out.cdr()["code"] == "486"


@BOTH_WAYS
def test_baresip_at_a_customers_trunk(line, phones, by):
    """A carrier calls a number in service; baresip is what the trunk leads to."""
    phone = phones(next(_hosts), f"5555{line.number}", answer="manual")
    line.update(primary_host=phone.host, primary_port=phone.port)
    invite = line.invite()
    line.carrier.expect(180, call_id=invite.call_id)
    phone.expect("CALL_INCOMING")
    phone.answer()
    ok = line.carrier.expect(200, call_id=invite.call_id)
    caller = Dialog.caller(line.carrier, invite, ok)
    caller.send("ACK")
    phone.expect("CALL_ESTABLISHED")
    if by == "caller":
        caller.send("BYE")
        line.carrier.expect(lambda m: m.status == 200 and "BYE" in m.get("cseq"), call_id=invite.call_id)
    else:
        phone.hang_up()
        line.carrier.respond(line.carrier.expect("BYE", call_id=invite.call_id), 200)
    phone.expect("CALL_CLOSED")
    cdr = line.cdr()
    assert (cdr["code"], cdr["by"], cdr["target"]) == ("200", by, phone.address)
