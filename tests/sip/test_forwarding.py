"""A carrier's call to a number in service: where it goes, and that nothing else of it changes."""

import re

import pytest

from harness import new_branch, new_call_id, wait_for
from harness.sip import bare_uri, parameter

OVER = ("udp", "tcp")


def over_tcp(line):
    """Whether the carrier calls by TCP: each side has a Record-Route then."""
    return line.carrier.protocol == "TCP"


def test_prefix_and_number_go_to_the_trunks_address(line):
    call = line.answered()
    assert call.received.uri == f"sip:5555{line.number}@{line.primary.address}"
    call.hang_up()


@pytest.mark.parametrize("spelling", [
    "sip:{n}@{us}", "sip:1{n}@{us}", "sip:+1{n}@{us}", "sip:+1{n}@{us};user=phone", "sip:{n};npdi@{us}",
    "sip:+1{n};npdi;rn=+12065550000@{us};user=phone", "sip:{n}:secret@{us}", "sips:{n}@{us}", "tel:+1{n}",
    "tel:1{n};npdi", "SIP:{n}@{us}", "sip:{n}@trunks.example.net", "sip:%2B1{n}@{us}",
    "tel:+1-{a}-{b}.{c}", "sip:+1({a}){b}-{c}@{us};user=phone",
    "tel:{n};phone-context=+1", "tel:{b}{c};phone-context=+1{a}", "sip:{n};phone-context=+1@{us};user=phone",
    "tel:1{n};phone-context=example.com", "sip:+1{a}{b}{c};rn=+12065550000;npdi@{us}",
])
def test_every_spelling_of_the_number_is_the_number(line, spelling):
    n = line.number
    uri = spelling.format(n=n, us=line.sipmod.address, a=n[:3], b=n[3:6], c=n[6:])
    invite = line.carrier.send(line.carrier.request("INVITE", uri))
    received = line.tried(invite)
    assert received.uri == f"sip:5555{line.number}@{line.primary.address}"
    assert bare_uri(received.get("to")) == uri
    line.reject(received, 486)
    line.failed(invite, 486)
    assert line.cdr()["number"] == line.number


def test_trying_comes_at_once_and_once(line):
    invite = line.invite()
    trying = line.carrier.expect(100, call_id=invite.call_id)
    assert trying.get("to") == invite.get("to")  # no tag in a 100
    received = line.tried(invite)
    line.primary.respond(received, 100)
    line.primary.respond(received, 486)
    line.failed(invite, 486)
    line.carrier.expect_nothing(0.1)  # the callee's own 100 stays with us


@pytest.mark.parametrize("status", [180, 181, 183, 199])
def test_provisional_responses_pass(line, status):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, status, headers=[("RSeq", 7), ("Require", "100rel")], body="v=0\r\n")
    passed = line.carrier.expect(status, call_id=invite.call_id)
    assert passed.get("rseq") == "7" and passed.body == "v=0\r\n"
    assert passed.all("via") == [line.carrier.expect(100, call_id=invite.call_id).get("via")]
    line.connect(invite, received).hang_up()


def test_via_record_route_and_max_forwards(line):
    invite = line.invite()
    received = line.tried(invite)
    ours, theirs = received.all("via")
    assert ours.startswith(f"SIP/2.0/UDP {line.sipmod.address};branch=z9hG4bK")
    assert theirs.startswith(invite.get("via").replace(";rport", ""))
    assert parameter(theirs, "rport") == str(line.carrier.source_port)
    assert parameter(theirs, "received") == line.carrier.host
    assert received.get("max-forwards") == "69"
    record_routes = received.all("record-route")
    assert [r.split(";tl=")[0] for r in record_routes] == [f"<sip:{line.sipmod.address};lr"] + (
        [f"<sip:{line.sipmod.address};transport=tcp;lr"] if over_tcp(line) else [])
    line.reject(received, 486)
    line.failed(invite, 486)


def test_responses_show_received_and_rport(line):
    """A Via that names another address: rport and received say where it really came from."""
    invite = line.carrier.invite(line.number)
    invite.set("Via", f"SIP/2.0/UDP 192.0.2.7:5099;rport;branch={new_branch()}")
    line.carrier.send(invite)
    received = line.tried(invite)
    line.primary.respond(received, 180)
    via = line.carrier.expect(180, call_id=invite.call_id).get("via")
    assert parameter(via, "received") == line.carrier.host
    assert parameter(via, "rport") == str(line.carrier.source_port)
    line.reject(received, 486)
    line.failed(invite, 486)


@pytest.mark.udp
def test_without_rport_responses_go_to_the_port_of_the_via(line):
    other = line.peer(line.carrier.host)
    invite = line.carrier.invite(line.number)
    invite.set("Via", f"SIP/2.0/UDP {other.address};branch={new_branch()}")
    line.carrier.send(invite)
    received = line.tried(invite)
    line.reject(received, 486)
    response = other.expect(486, call_id=invite.call_id)
    assert "received" not in response.get("via")  # sent-by told the truth about the host
    line.carrier.ack_failure(invite, response)


def test_missing_max_forwards_becomes_70(line):
    invite = line.carrier.invite(line.number).set("Max-Forwards")
    line.carrier.send(invite)
    received = line.tried(invite)
    assert received.get("max-forwards") == "70"
    line.reject(received, 486)
    line.failed(invite, 486)


ODD = (b"X-oDD-Name:   spaces  and\ttabs  \r\n"
       b"X-Empty:\r\n"
       b"X-Folded: one,\r\n two,\r\n\tthree\r\n"
       b"X-Space : before the colon\r\n"
       b"s: compact subject\r\n"
       b"X-Bytes: \xc3\xa9\xff \"quoted \\\" , ; <\"\r\n"
       b"X-Escapes: <sip:a%00b@[2001:db8::10]:5070;x=%2c?y=z>\r\n"
       b"Diversion: <sip:+12065550111@192.0.2.1>;reason=unconditional;counter=1\r\n")
BODY = b"v=0\r\n\0NUL and \xff\xfe bytes\r\n\r\nno end"


def raw_invite(line, call_id, branch):
    fields = (f"INVITE sip:{line.number}@{line.sipmod.address};p=%20 SIP/2.0\r\n"
              f"v: SIP/2.0/UDP {line.carrier.address};branch={branch} , SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKfar\r\n"
              f"Max-Forwards:\r\n 10\r\n"
              f"f: \"A. B\" <sip:a@192.0.2.1>;tag=x1;y\r\n"
              f"t: <sip:{line.number}@example.net>\r\n"
              f"i: {call_id}\r\nCSeq: 00017\tINVITE\r\n"
              f"m: <sip:a@{line.carrier.address}>\r\n").encode()
    return fields + ODD + b"l: %d\r\n\r\n" % len(BODY) + BODY


def test_every_other_byte_stays(line):
    """Compact and folded forms, odd names, bytes over 127, a body with NUL: as they came."""
    call_id = new_call_id()
    sent = raw_invite(line, call_id, new_branch())
    line.carrier.send(sent)
    received = line.primary.expect("INVITE", call_id=call_id)
    expected = sent.replace(f"sip:{line.number}@{line.sipmod.address};p=%20 ".encode(),
                            f"sip:5555{line.number}@{line.primary.address} ".encode(), 1)
    expected = expected.replace(b"Max-Forwards:\r\n 10\r\n", b"Max-Forwards:\r\n 9\r\n")
    added = re.compile(rb"^(Via|Record-Route): [^\r]*\r\n", re.M)
    names = [m.group(1) for m in added.finditer(received.raw)]
    assert names == [b"Via", b"Record-Route", *[b"Record-Route"] * over_tcp(line)]
    assert added.sub(b"", received.raw) == expected
    line.reject(received, 486)
    response = line.carrier.expect(486, call_id=call_id)
    ack = line.carrier.request("ACK", f"sip:{line.number}@x", call_id=call_id, cseq=17)
    ack.set("Via", response.get("via").split(",")[0]).set("To", response.get("to"))
    line.carrier.send(ack)


def test_responses_pass_byte_for_byte_but_for_our_via(line):
    invite = line.invite()
    received = line.tried(invite)
    vias = received.all("via")
    head = (b"SIP/2.0 183 Some  odd\tReason \xc3\xa9\r\n"
            + b"".join(b"v: %s\r\n" % v.encode() for v in vias)
            + f"f: {received.get('from')}\r\nt: {received.get('to')};tag=zz\r\ni: {invite.call_id}\r\n"
              f"CSeq: {received.get('cseq')}\r\n".encode() + ODD)
    line.primary.send(head + b"l: %d\r\n\r\n" % len(BODY) + BODY)
    passed = line.carrier.expect(183, call_id=invite.call_id)
    expected = (head + b"l: %d\r\n\r\n" % len(BODY) + BODY).replace(b"v: %s\r\n" % vias[0].encode(), b"", 1)
    assert passed.raw == expected
    line.reject(received, 486)
    line.failed(invite, 486)


def test_octets_after_content_length_are_cut(line):
    """RFC 3261 section 18.3."""
    invite = line.carrier.invite(line.number, body="v=0\r\n")
    line.carrier.send(bytes(invite) + b"tail")
    received = line.tried(invite)
    assert received.raw.endswith(b"\r\n\r\nv=0\r\n")
    line.reject(received, 486)
    line.failed(invite, 486)


def test_our_own_route_is_taken_off_and_others_stay(line):
    """Section 16.4: a topmost Route that names us brought the request here."""
    invite = line.carrier.invite(line.number, headers=[("Route", f"<sip:{line.sipmod.address};lr>")])
    line.carrier.send(invite)
    received = line.tried(invite)
    assert received.all("route") == []
    line.reject(received, 486)
    line.failed(invite, 486)


def test_an_earlier_record_route_stays_below_ours(line):
    invite = line.carrier.invite(line.number, headers=[("Record-Route", "<sip:192.0.2.1;lr>")])
    line.carrier.send(invite)
    routes = (received := line.tried(invite)).all("record-route")
    assert routes[-1] == "<sip:192.0.2.1;lr>" and len(routes) == 2 + over_tcp(line)
    assert all(line.sipmod.address in r for r in routes[:-1])
    line.reject(received, 486)
    line.failed(invite, 486)


def test_a_large_invite_passes(line):
    body = "v=0\r\n" + "a=x:" + "y" * 6000 + "\r\n"
    invite = line.invite(body=body)
    received = line.tried(invite)
    assert received.body == body
    line.reject(received, 486)
    line.failed(invite, 486)


def test_cdr_of_an_answered_call(line):
    before = line.customer.balance()
    call = line.answered()
    live, = line.wait_live()
    wait_for(lambda: line.customer.live()[0]["answer_ms"], 2)
    call.hang_up()
    cdr = line.cdr()
    expected = {"call": live["call"], "direction": "in", "tg": line.tg, "number": line.number, "upstream": "demo",
                "source": f"{line.carrier.host}:{line.carrier.source_port}", "target": line.primary.address,
                "callid": call.invite.call_id,
                "code": "200", "reason": "answered", "by": "caller", "estimated": "0",
                "attempts": f"{line.primary.address}=200", "from": bare_uri(call.invite.get("from")),
                "to": bare_uri(call.invite.get("to"))}
    assert {k: cdr[k] for k in expected} == expected
    times = [int(cdr[k]) for k in ("invite_ms", "answer_ms", "end_ms")]
    assert times == sorted(times) and times[0] > 0 and int(cdr["ring_ms"]) > 0, cdr
    assert int(cdr["ms"]) == times[2] - times[1]
    assert line.customer.balance() == before - int(cdr["amount"])
    stats = line.customer.stats("did", line.number)
    assert (stats["processed"], stats["completed"], stats["peak"]) == ("1", "1", "1")
    assert line.customer.stats("tg", line.tg) == {**stats, "id": line.tg}
