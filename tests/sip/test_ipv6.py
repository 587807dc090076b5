"""Calls over IPv6, and from one family to the other."""

import pytest

from harness import StreamPeer, UdpPeer
from harness.bed import Line
from harness.sip import bare_uri

BOTH = {"sip__listen": "{address},[::1]:{port}"}


@pytest.fixture
def six(shared_bed):
    """A line whose carrier is ::1, which as a source is listed for these tests alone."""
    sipmod = shared_bed.sipmod(**BOTH)
    line = Line(shared_bed, sipmod)
    shared_bed.claim("::1", "carrier", "six")
    line.udp_carrier = line.carrier
    line.six = ("::1", sipmod.port)
    line.carrier = line.peer("::1", to=line.six)
    probe = line.carrier.request("OPTIONS", f"sip:[::1]:{sipmod.port}")
    for _ in range(50):
        line.carrier.send(probe)
        if line.carrier.recv(0.1):
            break
    line.carrier.backlog.clear()
    yield line
    line.close()
    shared_bed.release("::1", "carrier", "six")
    line.customer.settled()


def test_options_by_every_address(six):
    for kind in (UdpPeer, StreamPeer):
        peer = six.peer("::1", kind=kind, to=six.six)
        peer.send(peer.request("OPTIONS", f"sip:[::1]:{six.sipmod.port}"))
        response = peer.expect(200)
        assert "received=::1" in response.get("via")


@pytest.mark.parametrize("kind", [UdpPeer, StreamPeer])
def test_call_from_ipv6_to_ipv4(six, kind):
    six.carrier = six.peer("::1", kind=kind, to=six.six)
    call = six.answered()
    above, below = (bare_uri(r) for r in call.received.elements("record-route"))
    assert above.startswith(f"sip:{six.sipmod.address};") and below.startswith(f"sip:[::1]:{six.sipmod.port};")
    assert call.received.all("via")[0].startswith(f"SIP/2.0/UDP {six.sipmod.address};")
    received, _ = call.exchange("INFO", "callee")
    assert received.all("via")[0].startswith(f"SIP/2.0/{six.carrier.protocol} [::1]:{six.sipmod.port};")
    call.hang_up()
    assert six.cdr()["source"].startswith("[::1]:")


@pytest.mark.parametrize("carrier", ["::1", "127.0.0.2"])
def test_call_to_ipv6(six, carrier):
    if carrier != "::1":
        six.carrier = six.udp_carrier
    callee = six.peer("::1", to=six.six)
    six.update(primary_host="::1", primary_port=callee.port)
    call = six.answered(callee)
    assert call.received.uri == f"sip:5555{six.number}@[::1]:{callee.port}"
    assert len(call.received.elements("record-route")) == (1 if carrier == "::1" else 2)
    call.exchange("INFO", "caller")
    call.hang_up("callee")
    assert six.cdr()["target"] == f"[::1]:{callee.port}"


def test_no_listener_of_the_targets_family(line):
    """The next target has its turn at once."""
    line.update(primary_host="::1", primary_port=5060)
    line.add_secondary()
    invite = line.invite()
    received = line.tried(invite, line.secondary)
    line.reject(received, 486, line.secondary)
    line.failed(invite, 486)
    assert line.cdr()["attempts"].startswith("[::1]:5060=503 ")


def test_advertised_addresses(shared_bed):
    """One for each element of sip.listen; without a port that of the listener."""
    sipmod = shared_bed.sipmod(sip__listen="{address},[::1]:{port}", sip__advertise="192.0.2.77,[2001:db8::7]:5099")
    line = Line(shared_bed, sipmod)
    try:
        invite = line.invite()
        received = line.tried(invite)
        assert received.all("via")[0].startswith(f"SIP/2.0/UDP 192.0.2.77:{sipmod.port};")
        line.reject(received, 486)
        line.failed(invite, 486)
        callee = line.peer("::1", to=("::1", sipmod.port))
        line.update(primary_host="::1", primary_port=callee.port)
        invite = line.invite()
        received = line.tried(invite, callee)
        assert received.all("via")[0].startswith("SIP/2.0/UDP [2001:db8::7]:5099;")
        line.reject(received, 486, callee)
        line.failed(invite, 486)
    finally:
        line.close()
