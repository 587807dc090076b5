"""What is not routed: RFC 3261 section 16.3, malformed messages, strangers, OPTIONS."""

import pytest

from harness import new_branch, new_call_id
from harness.bed import CARRIER, Line
from harness.sip import parameter

OVER = ("udp", "tcp")

STRANGER = "127.0.0.66"


def final(line, message, status, deadline=5.0):
    """Sends a request and returns the response that must have this status; ACKs an INVITE's."""
    line.carrier.send(message)
    response = line.carrier.expect(lambda m: (m.status or 0) >= 200, deadline, call_id=message.call_id)
    assert response.status == status, response
    assert response.tag("to"), "a final response needs a To tag"
    if message.method == "INVITE":
        line.carrier.ack_failure(message, response)
    return response


def test_max_forwards_of_0_is_too_many_hops(line):
    final(line, line.carrier.invite(line.number, max_forwards=0), 483)
    line.primary.expect_nothing(0.05)


def test_max_forwards_of_1_goes_through(line):
    invite = line.invite(max_forwards=1)
    received = line.tried(invite)
    assert received.get("max-forwards") == "0"
    line.reject(received, 486)
    line.failed(invite, 486)


def test_proxy_require_is_refused_with_what_is_unsupported(line):
    invite = line.carrier.invite(line.number, headers=[("Proxy-Require", "foo, bar"), ("Proxy-Require", "baz")])
    assert final(line, invite, 420).elements("unsupported") == ["foo", "bar", "baz"]
    line.primary.expect_nothing(0.05)


def test_require_is_the_callees_matter(line):
    invite = line.invite(headers=[("Require", "nothingSupportsThis")])
    received = line.tried(invite)
    assert received.get("require") == "nothingSupportsThis"
    line.reject(received, 420, headers=[("Unsupported", "nothingSupportsThis")])
    assert line.failed(invite, 420).get("unsupported") == "nothingSupportsThis"


@pytest.mark.parametrize("uri", ["http://example.com/x", "nobodyKnowsThisScheme:totallyopaquecontent",
                                 "soap.beep://192.0.2.103:3002"])
def test_unknown_scheme_is_unsupported(line, uri):
    final(line, line.carrier.request("INVITE", uri), 416)


def test_loop_is_detected(line):
    """The same request comes back with our Via in it."""
    invite = line.invite()
    received = line.tried(invite)
    looped = line.carrier.request("INVITE", invite.uri, call_id=invite.call_id)
    looped.headers = [h for h in invite.headers if h[0] != "Via"]
    looped.headers[:0] = [("Via", f"SIP/2.0/UDP {line.carrier.address};branch={new_branch()};rport"),
                          ("Via", received.all("via")[0]), ("Via", received.all("via")[1])]
    looped.body = invite.body
    line.carrier.send(looped)
    response = line.carrier.expect(482, call_id=invite.call_id)
    line.carrier.ack_failure(looped, response)
    line.reject(received, 486)
    line.failed(invite, 486)


def test_spiral_is_no_loop(line):
    """The request comes back with another Request-URI: a call to a second number, not a loop."""
    second = line.customer.number(line.tg)
    invite = line.invite()
    received = line.tried(invite)
    back = line.carrier.request("INVITE", f"sip:{second}@{line.sipmod.address}", call_id=invite.call_id)
    back.set("Via", back.get("via"), *received.all("via")).set("From", invite.get("from"))
    back.set("To", invite.get("to"))
    line.carrier.send(back)
    again = line.primary.expect("INVITE", call_id=invite.call_id)
    assert f"5555{second}@" in again.uri
    line.reject(again, 486)
    response = line.carrier.expect(486, call_id=invite.call_id)
    line.carrier.ack_failure(back, response)
    line.reject(received, 486)
    line.failed(invite, 486)


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH", "REFER", "UPDATE"])
def test_other_methods_outside_a_dialog_are_not_allowed(line, method):
    response = final(line, line.carrier.request(method, f"sip:{line.number}@{line.sipmod.address}"), 405)
    assert "INVITE" in response.get("allow")


@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO", "NOTIFY"])
def test_dialogs_that_nobody_knows_do_not_exist(line, method):
    final(line, line.carrier.request(method, f"sip:{line.number}@{line.sipmod.address}", to_tag="gone"), 481)


def test_ack_and_cancel_of_nothing(line):
    request = line.carrier.request("ACK", f"sip:{line.number}@{line.sipmod.address}", to_tag="gone")
    line.carrier.send(request)
    line.carrier.expect_nothing(0.05)
    invite = line.carrier.invite(line.number)
    line.carrier.cancel(invite)
    assert line.carrier.expect(481, call_id=invite.call_id).get("cseq") == "1 CANCEL"


def test_options_to_us_is_answered(line):
    response = final(line, line.carrier.request("OPTIONS", f"sip:{line.sipmod.address}"), 200)
    assert {"INVITE", "ACK", "CANCEL", "BYE"} <= set(response.elements("allow"))


def test_keep_alives_are_swallowed(line):
    for datagram in (b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b" "):
        line.carrier.send(datagram)
    line.carrier.expect_nothing(0.1)


MALFORMED = {
    "cseq-number": ("CSeq", "x INVITE", "CSeq"),
    "cseq-over-32-bits": ("CSeq", "36893488147419103232 INVITE", "CSeq"),
    "cseq-method": ("CSeq", "1 OPTIONS", "CSeq"),
    "content-length-negative": ("Content-Length", "-999", "Content-Length"),
    "content-length-signed": ("Content-Length", "+5", "Content-Length"),
    "from-unclosed": ("From", '"Bell <sip:a@192.0.2.1>;tag=1', "From"),
    "max-forwards-word": ("Max-Forwards", "many", "Max-Forwards"),
    "to-unclosed": ("To", "<sip:a@192.0.2.1", "To"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_header_is_named(line, name):
    header, value, word = MALFORMED[name]
    invite = line.carrier.invite(line.number).set(header, value)
    line.carrier.send(invite)
    response = line.carrier.expect(400, call_id=invite.call_id)
    assert word in response.start, response.start
    line.primary.expect_nothing(0.05)


@pytest.mark.udp
def test_body_that_is_shorter_than_its_length(line):
    """Over a stream the rest is waited for."""
    invite = line.carrier.send(line.carrier.invite(line.number).set("Content-Length", "9999"))
    assert "Content-Length" in line.carrier.expect(400, call_id=invite.call_id).start
    line.primary.expect_nothing(0.05)


@pytest.mark.parametrize("header", ["Call-ID", "CSeq", "From", "To"])
def test_missing_header_is_named(line, header):
    invite = line.carrier.invite(line.number).set(header)
    line.carrier.send(invite)
    response = line.carrier.expect(400)
    assert header in response.start, response.start


def test_other_versions_of_sip_are_not_supported(line):
    invite = line.carrier.invite(line.number)
    invite.start = invite.start.replace("SIP/2.0", "SIP/7.0")
    line.carrier.send(invite)
    line.carrier.expect(505, call_id=invite.call_id)


@pytest.mark.udp
@pytest.mark.parametrize("junk", [b"\x00" * 2000, b"INVITE", b"INVITE sip:x SIP/2.0\r\n\r\n", b"\xff" * 100,
                                  b"SIP/2.0 200 OK\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"a" * 65000])
def test_junk_does_no_harm(line, junk):
    line.carrier.send(junk)
    final(line, line.carrier.request("OPTIONS", f"sip:{line.sipmod.address}"), 200)


def test_stray_responses_are_dropped(line):
    request = line.carrier.request("INVITE", "sip:x@192.0.2.1")
    for branch in ("z9hG4bKnobodys", "z9hG4bKtl0123456789abcdef.01234567"):
        request.set("Via", f"SIP/2.0/UDP {line.sipmod.address};branch={branch}",
                    f"SIP/2.0/UDP {line.primary.address};branch=z9hG4bKx")
        line.carrier.respond(request, 200, to=line.sipmod.target)
    line.primary.expect_nothing(0.1)


# --- strangers -----------------------------------------------------------------


def test_strangers_get_silence(line):
    stranger = line.peer(STRANGER)
    stranger.send(stranger.invite(line.number))
    stranger.send(stranger.request("OPTIONS", f"sip:{line.sipmod.address}"))
    stranger.send(stranger.invite(line.number).set("CSeq", "broken"))
    preloaded = [("Route", f"<sip:{line.sipmod.address};lr>"), ("Route", f"<sip:{line.primary.address};lr>")]
    stranger.send(stranger.invite(line.number, headers=preloaded))
    stranger.expect_nothing(0.2)
    line.primary.expect_nothing(0.01)
    assert line.cdrs() == []


def test_strangers_get_403_where_configured(line):
    told = Line(line.bed, line.bed.sipmod(sip__unknown_source_403=True))
    try:
        stranger = told.peer(STRANGER)
        invite = stranger.send(stranger.invite(told.number))
        assert parameter(stranger.expect(403, call_id=invite.call_id).get("via"), "received") == STRANGER
        stranger.send(stranger.request("OPTIONS", f"sip:{told.sipmod.address}"))
        stranger.expect(403)
        told.primary.expect_nothing(0.05)
        told.refused(404, "12065550000")  # those listed are served as ever
    finally:
        told.close()


def test_a_strangers_foreign_route_is_not_relayed(line):
    """From a listed carrier a preloaded Route beyond us stays in, but does not lead the way."""
    elsewhere = line.peer("127.0.0.9")
    invite = line.invite(headers=[("Route", f"<sip:{line.sipmod.address};lr>"),
                                  ("Route", f"<sip:{elsewhere.address};lr>")])
    received = line.tried(invite)
    elsewhere.expect_nothing(0.05)
    line.reject(received, 486)
    line.failed(invite, 486)


def test_carriers_come_and_go_at_once(line):
    """A change of the sources is seen by the next INVITE within 100 ms."""
    host = "127.0.0.77"
    newcomer = line.peer(host)
    options = lambda: newcomer.send(newcomer.request("OPTIONS", f"sip:{line.sipmod.address}"))
    options()
    newcomer.expect_nothing(0.05)
    line.bed.claim(host, "carrier", "late")
    newcomer.expect_nothing(0.1)
    options()
    newcomer.expect(200, 0.5)
    line.bed.release(host, "carrier", "late")
    newcomer.expect_nothing(0.1)
    options()
    newcomer.expect_nothing(0.1)


# --- numbers -------------------------------------------------------------------


@pytest.mark.parametrize("number", ["12065550000", "911", "0", "442071234567", "1206219000", "abc", "%00", "*98"])
def test_unknown_numbers_leave_no_record(line, number):
    response = line.refused(404, number)
    assert response.get("reason").startswith("Q.850;cause=1;")
    assert line.cdrs() == [] and CARRIER == line.carrier.host


def test_call_id_with_every_allowed_character(line):
    invite = line.invite(call_id=f"{new_call_id()}-.!%*_+`'~()<>:\\\"/[]?{{}}@192.0.2.1")
    received = line.tried(invite)
    line.reject(received, 486)
    line.failed(invite, 486)
    assert line.cdr()["callid"] == invite.call_id
