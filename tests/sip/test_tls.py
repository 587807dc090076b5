"""TLS: certificates of both sides, reload, Kamailio in front and behind."""

import os
import signal
import ssl
import time

import pytest

from harness import Dialog, StreamPeer, wait_for
from harness.bed import CARRIER, GATEWAY, Line
from harness.dns import Dns
from harness.kamailio import Kamailio
from harness.sip import bare_uri
from harness.tls import Authority

LISTEN = "{address},tls:{host}:{tls_port}"
CALLERS = (f"127.0.62.{n}" for n in range(1, 255))  # an address belongs to one trunk


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(str(tmp_path_factory.mktemp("tls")))


@pytest.fixture(scope="module")
def files(ca):
    """sipmod's certificate and key."""
    return ca.issue("sipmod", "IP:127.0.0.1")


@pytest.fixture
def secure(shared_bed, ca, files):
    """secure(tls__verify_client=True) is a line through a sipmod with such settings."""
    lines = []

    def opened(**conf):
        conf = {"tls__certificate": files[0], "tls__key": files[1], "tls__ca": ca.certificate, **conf}
        line = Line(shared_bed, shared_bed.sipmod(sip__listen=LISTEN, sip__connect_ms=1500, **conf))
        line.tls = line.sipmod.tls_target
        lines.append(line)
        return line

    yield opened
    for line in lines:
        line.close()
        line.customer.settled()


def trusted(line, ca, host=CARRIER, **kwargs):
    """A TLS peer that trusts us; its own certificate is good."""
    certificate, key = ca.issue(f"peer{host}", f"IP:{host}")
    return line.peer(host, kind=StreamPeer, to=line.tls, server=ca.server(certificate, key),
                     client=kwargs.pop("client", None) or ca.client(certificate, key), **kwargs)


def outgoing(line, host, port, **fields):
    """A caller on UDP whose calls leave by this TLS gateway."""
    caller = line.peer(next(CALLERS))
    line.customer.exit_trunk(caller.host)
    gateway = line.bed.gateway(host, port, transport="tls", **fields)
    line.bed.route(line.customer.deck, "1", gateway)
    for text in (f'"source {caller.host}: ', f'"gateway {gateway}: '):
        wait_for(lambda: text in line.sipmod.log(), 3, f"{line.sipmod.name} has heard of {text}")
    return caller


def test_call_from_tls_to_udp(secure, ca):
    line = secure()
    line.carrier = trusted(line, ca)
    call = line.answered()
    above, below = (bare_uri(r) for r in call.received.elements("record-route"))
    assert "transport" not in above and below.startswith(f"sip:127.0.0.1:{line.tls[1]};transport=tls")
    received, _ = call.exchange("INFO", "callee")
    assert received.all("via")[0].startswith(f"SIP/2.0/TLS 127.0.0.1:{line.tls[1]};")
    call.exchange("INFO", "caller")
    call.hang_up()
    assert line.cdr()["code"] == "200"


def test_call_from_udp_to_a_tls_gateway(secure, ca):
    line = secure()
    upstream = trusted(line, ca, GATEWAY)
    caller = outgoing(line, upstream.host, upstream.port)
    invite = caller.send(caller.invite("12125550123"))
    received = upstream.expect("INVITE")
    assert received.uri == f"sip:12125550123@{upstream.address};transport=tls"
    assert received.source.socket.version() in ("TLSv1.2", "TLSv1.3")
    sent = upstream.respond(received, 200)
    ok = caller.expect(200, call_id=invite.call_id)
    here, there = Dialog.caller(caller, invite, ok), Dialog.callee(upstream, received, sent)
    here.send("ACK")
    assert upstream.expect("ACK").source is received.source
    there.send("BYE")
    caller.respond(caller.expect("BYE"), 200)
    upstream.expect(200)
    assert line.cdr()["by"] == "callee"


def test_long_bodies_pass(secure, ca):
    """More than a record of TLS holds, to and fro."""
    line = secure(sip__message_max=65535)
    line.carrier = trusted(line, ca)
    body = "v=0\r\n" + "a=x:" + "y" * 40000 + "\r\n"
    upstream = line.peer(line.primary.host, line.primary.port, kind=StreamPeer)
    invite = line.invite(body=body)
    received = upstream.expect("INVITE")
    assert received.body == body
    upstream.respond(received, 200, body=body)
    ok = line.carrier.expect(200, call_id=invite.call_id)
    assert ok.body == body
    here = Dialog.caller(line.carrier, invite, ok)
    here.send("ACK")
    here.send("BYE")
    upstream.respond(upstream.expect("BYE"), 200)
    line.carrier.expect(200)


# --- certificates --------------------------------------------------------------


def refused_by_us(peer):
    """Whether the handshake, or the first message after it, fails."""
    try:
        connection = peer.connect()
        peer.send(peer.request("OPTIONS", "sip:127.0.0.1"), connection)
        connection.socket.settimeout(5)
        return connection.socket.recv(100) == b""
    except (ssl.SSLError, OSError):
        return True


def test_clients_need_a_certificate_where_configured(secure, ca, tmp_path):
    line = secure(tls__verify_client=True)
    other = Authority(str(tmp_path))
    assert refused_by_us(line.peer(CARRIER, kind=StreamPeer, to=line.tls, client=ca.client()))
    foreign = other.issue("peer", f"IP:{CARRIER}")
    assert refused_by_us(line.peer(CARRIER, kind=StreamPeer, to=line.tls, client=ca.client(*foreign)))
    line.carrier = trusted(line, ca)
    line.answered().hang_up()


def test_old_versions_are_refused(secure, ca):
    line = secure()
    client = ca.client()
    client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_1
    client.set_ciphers("ALL:@SECLEVEL=0")
    assert refused_by_us(line.peer(CARRIER, kind=StreamPeer, to=line.tls, client=client))


def test_plain_text_at_the_tls_port_is_hung_up_on(secure):
    line = secure()
    peer = line.peer(CARRIER, kind=StreamPeer, to=line.tls)
    peer.send(peer.request("OPTIONS", "sip:127.0.0.1"))
    peer.connections[0].wait_closed()


def test_our_certificate_is_good(secure, ca):
    line = secure()
    client = ca.client()
    client.check_hostname = True
    line.peer(CARRIER, kind=StreamPeer, to=line.tls, client=client).connect(hostname="127.0.0.1")


SERVERS = {
    "another address": (True, ["IP:127.0.0.99"]),
    "a name": (True, ["DNS:gateway.example"]),
    "another authority": (False, [f"IP:{GATEWAY}"]),
}


@pytest.mark.parametrize("which", SERVERS)
@pytest.mark.parametrize("verify", [True, False])
def test_servers_certificates(secure, ca, tmp_path, which, verify):
    """A gateway that isn't who we meant is as good as dead, unless we don't ask."""
    ours, names = SERVERS[which]
    authority = ca if ours else Authority(str(tmp_path))
    line = secure(tls__verify_server=verify)
    server = authority.server(*authority.issue("wrong", *names))
    upstream = line.peer(GATEWAY, kind=StreamPeer, server=server)
    caller = outgoing(line, upstream.host, upstream.port)
    invite = caller.send(caller.invite("12125550123"))
    if verify:
        upstream.expect_nothing(0.2)
        assert caller.expect(500, call_id=invite.call_id)
        assert upstream.refused or upstream.connections, "there was a handshake"
        assert line.cdr()["code"] == "503"
    else:
        received = upstream.expect("INVITE")
        upstream.respond(received, 486)
        caller.expect(486, call_id=invite.call_id)


def test_gateway_by_name_is_verified_by_name(secure, ca):
    line = secure()
    upstream = line.peer("127.0.0.1", kind=StreamPeer, server=ca.server(*ca.issue("named", "DNS:localhost")))
    caller = outgoing(line, "localhost", upstream.port)
    invite = caller.send(caller.invite("12125550123"))
    received = upstream.expect("INVITE")
    assert received.uri == f"sip:12125550123@localhost:{upstream.port};transport=tls"
    upstream.respond(received, 486)
    caller.expect(486, call_id=invite.call_id)


def test_service_by_tls(secure, ca):
    """RFC 5922: the certificate is that of the name that was asked for, not of the host that SRV led to."""
    with Dns() as dns:
        line = secure(sip__resolver=dns.address)
        upstream, other = (line.peer(GATEWAY, kind=StreamPeer, server=ca.server(*ca.issue(f"srv-{n}", f"DNS:{n}")))
                           for n in ("gw.example", "h0.gw.example"))
        caller = outgoing(line, "gw.example", "")
        for i, peer in enumerate((other, upstream)):
            dns.names.setdefault("_sips._tcp.gw.example", []).append((i, 0, peer.port, f"h{i}.gw.example"))
            dns.names[f"h{i}.gw.example"] = [peer.host]
        invite = caller.send(caller.invite("12125550123"))
        received = upstream.expect("INVITE", call_id=invite.call_id)
        assert received.uri == "sip:12125550123@gw.example;transport=tls"
        upstream.respond(received, 486)
        caller.expect(486, call_id=invite.call_id)


def test_we_show_our_certificate(secure, ca):
    line = secure()
    certificate, key = ca.issue("strict", f"IP:{GATEWAY}")
    upstream = line.peer(GATEWAY, kind=StreamPeer, server=ca.server(certificate, key, verify=True))
    caller = outgoing(line, upstream.host, upstream.port)
    invite = caller.send(caller.invite("12125550123"))
    received = upstream.expect("INVITE")
    assert ("IP Address", "127.0.0.1") in received.source.socket.getpeercert()["subjectAltName"]
    upstream.respond(received, 486)
    caller.expect(486, call_id=invite.call_id)


def test_a_server_that_never_shakes_hands(secure):
    """The time of sip.connect_ms, then the next."""
    line = secure(sip__no_answer_ms=10000)
    silent = line.peer(GATEWAY, kind=StreamPeer)
    caller = outgoing(line, silent.host, silent.port)
    started = time.monotonic()
    invite = caller.send(caller.invite("12125550123"))
    caller.expect(500, call_id=invite.call_id)
    assert 1.3 < time.monotonic() - started < 3


# --- reload --------------------------------------------------------------------


def serial(line, ca):
    peer = line.peer(CARRIER, kind=StreamPeer, to=line.tls, client=ca.client())
    return peer.connect().socket.getpeercert()["serialNumber"]


def test_reload_takes_new_certificates_and_keeps_connections(secure, ca, tmp_path):
    paths = [str(tmp_path / "certificate"), str(tmp_path / "key")]
    install(ca.issue("first", "IP:127.0.0.1"), paths)
    line = secure(tls__certificate=paths[0], tls__key=paths[1])
    line.carrier = trusted(line, ca)
    call = line.answered()
    before = serial(line, ca)
    install(ca.issue("second", "IP:127.0.0.1"), paths)
    line.sipmod.signal(signal.SIGHUP)
    wait_for(lambda: serial(line, ca) != before, 3)
    call.exchange("INFO", "caller")
    call.exchange("INFO", "callee")
    call.hang_up()

    now = serial(line, ca)
    os.truncate(paths[0], 100)
    line.sipmod.signal(signal.SIGHUP)
    wait_for(lambda: "certificates not reread" in line.sipmod.log(), 3)
    assert serial(line, ca) == now, "a broken file changes nothing"


def install(files, paths):
    for source, target in zip(files, paths):
        with open(source, encoding="ascii") as f, open(target, "w", encoding="ascii") as g:
            g.write(f.read())


# --- Kamailio ------------------------------------------------------------------


@pytest.fixture
def kamailio(ca, tmp_path):
    started = []

    def start(host, next_hop):
        certificate, key = ca.issue(f"kamailio{host}", f"IP:{host}")
        started.append(Kamailio(str(tmp_path), host, next_hop, tls=(certificate, key, ca.certificate)).start())
        return started[-1]

    yield start
    for process in started:
        process.stop(code=None)


def test_call_through_kamailio_by_tls(secure, ca, kamailio):
    """UDP → Kamailio → TLS → sipmod → UDP."""
    line = secure(tls__verify_client=True)
    front = kamailio(CARRIER, f"sip:127.0.0.1:{line.tls[1]};transport=tls")
    line.carrier = line.peer("127.0.0.12", to=front.target)
    call = line.answered()
    assert call.received.all("via")[1].startswith(f"SIP/2.0/TLS {CARRIER}:{front.tls_port}")
    call.exchange("INFO", "caller")
    call.exchange("INVITE", "callee")
    call.callee.send("ACK", cseq=call.callee.cseq)
    line.carrier.expect("ACK", call_id=call.invite.call_id)
    call.hang_up("callee")
    assert line.cdr()["by"] == "callee"


def test_cancel_through_kamailio_by_tls(secure, ca, kamailio):
    line = secure(tls__verify_client=True)
    front = kamailio(CARRIER, f"sip:127.0.0.1:{line.tls[1]};transport=tls")
    line.carrier = line.peer("127.0.0.12", to=front.target)
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    line.carrier.cancel(invite)
    line.primary.respond(line.primary.expect("CANCEL"), 200)
    line.reject(received, 487)
    line.failed(invite, 487)
    assert line.cdr()["reason"] == "cancelled"


def test_call_to_a_kamailio_gateway_by_tls(secure, ca, kamailio):
    """UDP → sipmod → TLS → Kamailio → UDP."""
    line = secure()
    callee = line.peer("127.0.0.6")
    gateway = kamailio(GATEWAY, f"sip:{callee.address}")
    caller = outgoing(line, gateway.host, gateway.tls_port)
    invite = caller.send(caller.invite("12125550123"))
    received = callee.expect("INVITE")
    assert received.all("via")[1].startswith("SIP/2.0/TLS 127.0.0.1:")
    assert len(received.elements("record-route")) == 4, "two of Kamailio, two of ours"
    sent = callee.respond(received, 200)
    ok = caller.expect(200, call_id=invite.call_id)
    here, there = Dialog.caller(caller, invite, ok), Dialog.callee(callee, received, sent)
    here.send("ACK")
    callee.expect("ACK")
    for one, other in ((here, there), (there, here)):
        one.send("INFO")
        other.peer.respond(other.peer.expect("INFO"), 200)
        one.peer.expect(lambda m: m.status == 200 and "INFO" in m.get("cseq"))
    here.send("BYE")
    callee.respond(callee.expect("BYE"), 200)
    caller.expect(lambda m: m.status == 200 and "BYE" in m.get("cseq"))
    cdr = line.cdr()
    assert (cdr["by"], cdr["target"]) == ("caller", f"{GATEWAY}:{gateway.tls_port}")


def test_tls_needs_a_certificate(shared_bed):
    with pytest.raises(AssertionError, match="tls.certificate: needed to listen on tls:"):
        shared_bed.sipmod(sip__listen=LISTEN, log__level="info")
    shared_bed.sipmods.popitem()
