"""Gateways given by name (RFC 3263): SRV records, several addresses, one after the other before the next gateway."""

import secrets
import time

import pytest

from harness import StreamPeer, wait_for
from harness.bed import ExitLine
from harness.dns import AAAA, SRV, A, Dns
from test_gateways import limit, no_place, places
from test_termination import more

CONF = {"sip__no_answer_ms": 300, "sip__resolve_ms": 400, "sip__target_failures": 2}
NAME, SERVICE = "gw.example", "_sip._udp.gw.example"


@pytest.fixture
def dns():
    with Dns() as server:
        yield server


@pytest.fixture
def make_named(shared_bed, dns):
    """make_named(a, b): a caller whose gateway is gw.example, with these peers (hosts) in the order of priority."""
    opened = []

    def make(*hosts, conf=(), kind=None, **gateway):
        sipmod = shared_bed.sipmod(**{**CONF, "sip__resolver": dns.address, **dict(conf)})
        line = ExitLine(shared_bed, sipmod)
        opened.append(line)
        line.places = [line.peer(h, **({"kind": kind} if kind else {})) for h in hosts]
        line.gateway = line.bed.gateway(NAME, "", **gateway)
        line.bed.route(line.customer.deck, "1206", line.gateway, rate="120:6:6")
        line.heard(f"gateway {line.gateway}: ")
        line.bed.ok("route_remove", f"lcr:{{{line.customer.deck}}}", "1206", first_gateway(line))
        serve(dns, line.places)
        return line

    yield make
    for line in opened:
        line.close()
        line.customer.settled()
    for sipmod in {line.sipmod for line in opened}:
        shared_bed.sipmods = {k: v for k, v in shared_bed.sipmods.items() if v is not sipmod}
        sipmod.stop()


def first_gateway(line):
    """The one that every ExitLine is made with."""
    return next(r["gateway"] for r in line.bed.redis.table("route_list", f"lcr:{{{line.customer.deck}}}")
                if r["gateway"] != line.gateway)


def serve(dns, peers, service=SERVICE):
    """SRV records that lead to the peers, in this order of priority."""
    dns.names[service] = [(i + 1, 0, p.port, f"h{i}.{NAME}") for i, p in enumerate(peers)]
    dns.names.update({f"h{i}.{NAME}": [p.host] for i, p in enumerate(peers)})


def refuses(line, invite, peer, status):
    received = line.tried(invite, peer)
    line.reject(received, status, peer)
    return received


def ended_by(line, peer, status=486):
    """A whole call that this peer ends."""
    invite = line.invite()
    received = refuses(line, invite, peer, status)
    line.failed(invite, status)
    return received


def test_srv_leads_to_host_and_port(make_named, dns):
    line = make_named("127.0.0.21", "127.0.0.22")
    call = line.answered(line.places[0])
    assert call.received.uri == f"sip:1{line.number}@{NAME}"  # without a port, as the gateway was given
    call.hang_up()
    cdr = line.cdr()
    assert (cdr["target"], cdr["upstream"]) == (line.places[0].address, line.gateway)
    for _ in range(3):
        ended_by(line, line.places[0])
    assert dns.asked[SERVICE] == 1 and dns.asked[f"h0.{NAME}"] == 1


@pytest.mark.parametrize("status", [503, None, 408])
def test_next_address_after_a_failure(make_named, status):
    """After 503 and no answer the other addresses of a name come before the next gateway."""
    line = make_named("127.0.0.21", "127.0.0.22")
    spare = more(line, priority=2)
    first, second = line.places
    invite = line.invite()
    received = line.tried(invite, first)
    if status:
        line.reject(received, status, first)
    line.connect(invite, line.tried(invite, second), second).hang_up()
    spare.expect_nothing(0.02)
    cdr = line.cdr()
    assert cdr["attempts"] == f"{first.address}={status or 408} {second.address}=200"
    assert (cdr["target"], cdr["upstream"]) == (second.address, line.gateway)


def test_next_address_when_nobody_listens(make_named):
    line = make_named("127.0.0.21", "127.0.0.22")
    line.places[0].close()
    started = time.monotonic()
    ended_by(line, line.places[1])
    assert time.monotonic() - started < 0.25


@pytest.mark.parametrize("status", [500, 502, 504])
def test_other_failures_lead_to_the_next_gateway(make_named, status):
    line = make_named("127.0.0.21", "127.0.0.22")
    spare = more(line, priority=2)
    invite = line.invite()
    refuses(line, invite, line.places[0], status)
    refuses(line, invite, spare, 486)
    line.failed(invite, 486)
    line.places[1].expect_nothing(0.02)


@pytest.mark.parametrize("status", [404, 486, 603])
def test_a_refusal_is_final(make_named, status):
    line = make_named("127.0.0.21", "127.0.0.22")
    ended_by(line, line.places[0], status)
    line.places[1].expect_nothing(0.02)


def test_next_gateway_when_all_addresses_fail(make_named):
    line = make_named("127.0.0.21", "127.0.0.22", "127.0.0.23")
    spare = more(line, priority=2)
    invite = line.invite()
    for peer in line.places:
        refuses(line, invite, peer, 503)
    refuses(line, invite, spare, 404)
    line.failed(invite, 404)


def test_addresses_share_the_gateways_capacity_and_pace(make_named):
    """A call is one call to its gateway, by however many addresses."""
    line = make_named("127.0.0.21", "127.0.0.22")
    limit(line, capacity=1, cps=1)
    first, second = line.places
    invite = line.invite()
    refuses(line, invite, first, 503)
    call = line.connect(invite, line.tried(invite, second), second)
    assert len(places(line)) == 1
    line.refused(503)
    assert len(places(line)) == 1
    call.hang_up()
    no_place(line)


def test_weights_share_the_calls(make_named, dns):
    line = make_named("127.0.0.21", "127.0.0.22")
    for weight, record in zip((1, 3), list(dns.names[SERVICE])):
        dns.names[SERVICE][record[0] - 1] = (1, weight, *record[2:])
    counts = dict.fromkeys(line.places, 0)
    for _ in range(60):
        invite = line.invite()
        peer = wait_for(lambda: next((p for p in counts if (m := p.recv(0.01)) and not p.backlog.append(m)), None), 2)
        refuses(line, invite, peer, 603)
        line.failed(invite, 603)
        counts[peer] += 1
    assert 25 < counts[line.places[1]] < 59, counts  # 45 expected; wrong once in a million runs
    wait_for(lambda: len(line.cdrs()) == 60, 3)


def test_late_200_of_the_first_address(make_named):
    """The call is where the answer came from, and the CDR says so."""
    line = make_named("127.0.0.21", "127.0.0.22")
    first, second = line.places
    invite = line.invite()
    early = line.tried(invite, first)
    late = line.tried(invite, second)
    second.respond(late, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    call = line.connect(invite, early, first)
    second.respond(second.expect("CANCEL", call_id=invite.call_id), 200)
    line.reject(late, 487, second)
    call.hang_up()
    assert line.cdr()["target"] == first.address


def test_address_that_is_down_is_passed_over(make_named):
    line = make_named("127.0.0.21", "127.0.0.22", conf={"sip__probe_ms": 100})
    first, second = line.places
    for _ in range(2):
        invite = line.invite()
        line.tried(invite, first)
        refuses(line, invite, second, 486)
        line.failed(invite, 486)
    wait_for(lambda: f"target {first.address} by UDP is down" in line.sipmod.log(), 3)
    invite = line.invite()
    started = time.monotonic()
    refuses(line, invite, second, 486)
    assert time.monotonic() - started < 0.2
    line.failed(invite, 486)
    for _ in range(2):
        first.respond(first.expect("OPTIONS"), 200)
    wait_for(lambda: f"target {first.address} by UDP is up" in line.sipmod.log(), 3)
    first.backlog.clear()
    ended_by(line, first)


def test_a_gateway_whose_addresses_are_all_down_comes_last(make_named):
    """Its turn costs no caller a wait while another gateway works; it has one all the same."""
    line = make_named("127.0.0.21", "127.0.0.22", conf={"sip__target_rest_s": 60})
    spare = more(line, priority=2)
    for _ in range(2):
        invite = line.invite()
        for peer in line.places:
            line.tried(invite, peer)
        refuses(line, invite, spare, 486)
        line.failed(invite, 486)
    started = time.monotonic()
    ended_by(line, spare)
    assert time.monotonic() - started < 0.25
    invite = line.invite()
    refuses(line, invite, spare, 503)
    refuses(line, invite, line.places[0], 503)
    refuses(line, invite, line.places[1], 404)
    line.failed(invite, 404)


def test_retry_after_of_one_address(make_named):
    line = make_named("127.0.0.21", "127.0.0.22")
    first, second = line.places
    invite = line.invite()
    line.reject(line.tried(invite, first), 503, first, headers=[("Retry-After", "1")])
    refuses(line, invite, second, 486)
    line.failed(invite, 486)
    rested = time.monotonic()
    ended_by(line, second)
    first.expect_nothing(0.02)
    wait_for(lambda: time.monotonic() - rested > 1.02, 3)
    ended_by(line, first)


def test_probes_go_to_every_address(make_named):
    """A standby address that no call has tried is known to be down before one needs it."""
    line = make_named("127.0.0.21", "127.0.0.22", conf={"sip__probe_ms": 100, "sip__probe_all": "yes"})
    first, second = line.places
    ended_by(line, first)
    second.respond(second.expect("OPTIONS"), 200)
    wait_for(lambda: f"target {second.address} by UDP is down" in line.sipmod.log(), 3)
    first.respond(first.expect("OPTIONS"), 200)


def test_several_addresses_of_one_host(make_named, dns):
    line = make_named("127.0.0.21")
    port = line.places[0].port
    second = line.peer("127.0.0.22", port)
    dns.names[NAME] = [line.places[0].host, second.host]
    line.bed.ok("gateway_set", f"gw:{{{line.gateway}}}", "port", port)
    line.heard(f"gateway {line.gateway}: {NAME}:{port}")
    invite = line.invite()
    received = refuses(line, invite, line.places[0], 503)
    assert received.uri == f"sip:1{line.number}@{NAME}:{port}"
    refuses(line, invite, second, 486)
    line.failed(invite, 486)
    assert SERVICE not in dns.asked  # the port was given


@pytest.mark.parametrize("listen", ["{address},[::1]:{port}", "{address}"])
def test_addresses_of_both_families(make_named, dns, listen):
    """One that none of our listeners reaches is passed over."""
    line = make_named("127.0.0.21", conf={"sip__listen": listen})
    six = line.peer("::1")
    dns.names[SERVICE].append((2, 0, six.port, f"h1.{NAME}"))
    dns.names[f"h1.{NAME}"] = [six.host]
    invite = line.invite()
    refuses(line, invite, line.places[0], 503)
    if "::1" in listen:
        refuses(line, invite, six, 486)
    line.failed(invite, 486 if "::1" in listen else 500)
    assert len(line.cdr()["attempts"].split()) == (2 if "::1" in listen else 1)


@pytest.mark.parametrize("answer", ["none", "other", "refused"])
def test_without_srv_the_names_own_addresses_at_the_usual_port(make_named, dns, answer):
    line = make_named()
    host = f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
    usual = line.peer(host, 5060)
    dns.names = {NAME: [host], **({SERVICE: []} if answer == "other" else {})}
    dns.refused = (SRV,) if answer == "refused" else ()
    received = ended_by(line, usual)
    assert received.uri == f"sip:1{line.number}@{NAME}"
    ended_by(line, usual)
    assert dns.asked == {SERVICE: 1 + bool(dns.refused), NAME: 1}  # that there are none is kept; a failure is retried


def test_negative_answer_is_kept_as_long_as_the_server_says(make_named, dns):
    line = make_named("127.0.0.21")
    spare = more(line, priority=2)
    dns.names, dns.negative, before = {}, 1, dns.names
    ended_by(line, spare)
    dns.names = before
    ended_by(line, spare)
    asked = time.monotonic()
    wait_for(lambda: time.monotonic() - asked > 1.1, 3)
    ended_by(line, line.places[0])


def test_srv_is_asked_for_again_after_its_ttl(make_named, dns):
    line = make_named("127.0.0.21", "127.0.0.22")
    dns.ttl = 1
    ended_by(line, line.places[0])
    serve(dns, line.places[::-1])
    ended_by(line, line.places[0])
    asked = time.monotonic()
    wait_for(lambda: time.monotonic() - asked > 1.1, 3)
    ended_by(line, line.places[1])


def test_old_records_serve_while_the_server_fails(make_named, dns):
    line = make_named("127.0.0.21")
    dns.ttl = 1
    ended_by(line, line.places[0])
    dns.refused = (A, AAAA, SRV)
    asked = time.monotonic()
    wait_for(lambda: time.monotonic() - asked > 1.1, 3)
    ended_by(line, line.places[0])


def test_root_as_target_means_no_service(make_named, dns):
    line = make_named("127.0.0.21")
    spare = more(line, priority=2)
    dns.names[SERVICE] = [(0, 0, 0, "")]
    dns.names[NAME] = [line.places[0].host]
    ended_by(line, spare)
    assert line.cdr()["attempts"] == f"{NAME}=503 {spare.address}=486"


def test_records_without_end_are_bounded(make_named, dns):
    """Of 40 records with 20 addresses each, 16 hosts are asked for and 8 addresses are tried."""
    line = make_named("127.0.0.21")
    dns.names[SERVICE] = [(i, 0, line.places[0].port, f"h{i}.{NAME}") for i in range(40)]
    dns.names.update({f"h{i}.{NAME}": [line.places[0].host] * 20 for i in range(40)})
    invite = line.invite()
    for _ in range(8):
        refuses(line, invite, line.places[0], 503)
    line.failed(invite, 500)
    line.places[0].expect_nothing(0.05)
    assert sum(1 for name in dns.asked if name.startswith("h")) == 16


def test_one_dead_host_of_a_service_does_not_hide_the_others(make_named, dns):
    line = make_named("127.0.0.21", "127.0.0.22")
    del dns.names[f"h0.{NAME}"]
    ended_by(line, line.places[1])


def test_black_holed_name_server_stalls_none_but_its_own(make_named, dns):
    line = make_named("127.0.0.21")
    dns.silent = True
    plain = more(line, "1207")
    waiting = [line.invite() for _ in range(20)]
    for _ in range(5):
        started = time.monotonic()
        invite = line.invite("12075550100")
        received = line.tried(invite, plain)
        assert time.monotonic() - started < 0.2
        line.reject(received, 486, plain)
        line.failed(invite, 486)
    for invite in waiting:
        line.failed(invite, 500)


def test_service_by_tcp(make_named, dns):
    line = make_named("127.0.0.21", kind=StreamPeer, transport="tcp")
    serve(dns, line.places, f"_sip._tcp.{NAME}")
    del dns.names[SERVICE]
    received = ended_by(line, line.places[0])
    assert received.uri == f"sip:1{line.number}@{NAME};transport=tcp"


@pytest.mark.parametrize("method, how", [("INFO", 503), ("INFO", "off"), ("BYE", "off"), ("INVITE", 503)])
def test_in_dialog_request_by_the_next_address(make_named, dns, method, how):
    line = make_named("127.0.0.21", "127.0.0.22", "127.0.0.23")
    first, second, third = line.places
    call = line.answered(first)
    dns.names["_sip._udp.phone.example"] = [(i, 0, p.port, f"h{i}.{NAME}") for i, p in enumerate(line.places) if i]
    if how == "off":
        second.close()
    call.caller.target = "sip:x@phone.example"
    call.caller.send(method)
    if how == 503:
        second.respond(second.expect(method, call_id=call.caller.call_id), 503)
    third.respond(third.expect(method, call_id=call.caller.call_id), 200)
    line.carrier.expect(lambda m: m.status == 200 and method in m.get("cseq"), call_id=call.caller.call_id)
    if method != "BYE":
        call.hang_up("callee")
    assert line.cdr()["code"] == "200"


def test_in_dialog_request_to_a_name(make_named, dns):
    """A Contact without a port leads by SRV, too."""
    line = make_named("127.0.0.21", "127.0.0.22")
    call = line.answered(line.places[0])
    dns.names["_sip._udp.phone.example"] = [(1, 1, line.places[1].port, f"h1.{NAME}")]
    call.caller.target = "sip:x@phone.example"
    call.caller.send("INFO")
    received = line.places[1].expect("INFO", call_id=call.caller.call_id)
    line.places[1].respond(received, 200)
    line.carrier.expect(200, call_id=call.caller.call_id)
    call.hang_up("callee")
