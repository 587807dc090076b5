"""Hostile input and overload: rates of one source, strangers, amplification, refusals in time."""

import re
import signal

import pytest

from harness import wait_for
from harness.bed import Line
from harness.sip import Message, new_branch

STRANGER = "127.0.0.66"


@pytest.fixture
def line_with(shared_bed):
    """Lines through sipmods of given settings; all calls must be over at the end."""
    opened = []

    def make(**conf):
        opened.append(Line(shared_bed, shared_bed.sipmod(**conf)))
        return opened[-1]

    yield make
    for line in opened:
        line.close()
        line.customer.settled()


def finals(peer, sent, deadline=5.0):
    """Final responses to these INVITEs, acknowledged."""
    responses = {}
    while len(responses) < len(sent):
        response = peer.expect(lambda m: (m.status or 0) >= 200, deadline)
        if response.call_id not in responses:
            peer.ack_failure(sent[response.call_id], response)
        responses[response.call_id] = response
    return list(responses.values())


def flood_invites(line, peer, count, number="12065550000"):
    sent = [peer.invite(number) for _ in range(count)]
    for invite in sent:
        peer.send(invite)
    return {invite.call_id: invite for invite in sent}


def is_busy(response):
    return response.status == 503 and int(response.get("retry-after")) > 0


# --- rates of one source ----------------------------------------------------------


def test_new_calls_of_one_source_have_a_rate(line_with):
    """A burst of one second's worth goes on, the rest gets 503; others are not touched, and it heals."""
    line = line_with(sip__source_invite_rate=5)
    line.bed.claim("127.0.0.71", "carrier", "greedy")
    greedy = line.peer("127.0.0.71")
    wait_for(lambda: '"source 127.0.0.71: ' in line.sipmod.log(), 3)
    responses = finals(greedy, flood_invites(line, greedy, 30))
    assert 5 <= sum(r.status == 404 for r in responses) <= 8
    assert all(r.status == 404 or is_busy(r) for r in responses)
    line.refused(404, "12065550000")
    wait_for(lambda: finals(greedy, flood_invites(line, greedy, 1))[0].status == 404, 3, "the rate recovers")
    line.bed.release("127.0.0.71", "carrier", "greedy")


def test_calls_in_progress_do_not_count_against_the_rate(line_with):
    line = line_with(sip__source_invite_rate=1)
    call = line.answered()
    for _ in range(5):
        call.exchange("INFO")
    call.exchange("INVITE")
    call.caller.send("ACK")
    call.hang_up()


def test_messages_of_one_source_have_a_rate(line_with):
    line = line_with(sip__source_rate=20)
    for _ in range(60):
        line.carrier.send(line.carrier.request("OPTIONS", f"sip:{line.sipmod.address}"))
    answered = 0
    while line.carrier.recv(0.3):
        answered += 1
    assert 20 <= answered <= 35


# --- strangers ----------------------------------------------------------------------


def scans(line, peer):
    """What scanners send, and what only looks as if it belonged to a call of ours."""
    us = line.sipmod.address
    forged = f"z9hG4bKtl{'0' * 16}.00000000"
    yield peer.request("OPTIONS", f"sip:100@{us}", headers=[("User-Agent", "friendly-scanner")])
    yield peer.request("REGISTER", f"sip:{us}", headers=[("User-Agent", "sipvicious")])
    for method in ("INVITE", "BYE", "CANCEL", "ACK", "SUBSCRIBE", "MESSAGE", "PUBLISH", "FOO"):
        yield peer.request(method, f"sip:{line.number}@{us}")
        yield peer.request(method, f"sip:{line.number}@{us}", branch=forged)
        yield peer.request(method, f"sip:x@{us}", to_tag="x",
                           headers=[("Route", f"<sip:{us};lr;tl=9000001.{'a' * 20}.00000000.{'0' * 16}>")])
        yield peer.request(method, f"sip:x@{us}").set("CSeq", "broken").set("Via", f"SIP/2.0/UDP x;branch={forged}")
    yield Message("SIP/2.0 200 OK", [("Via", f"SIP/2.0/UDP {us};branch={forged}"),
                                     ("Via", f"SIP/2.0/UDP {peer.address};branch=z9hG4bKx"),
                                     ("From", "<sip:a@b>;tag=1"),
                                     ("To", "<sip:a@b>;tag=2"), ("Call-ID", "x"), ("CSeq", "1 INVITE")])
    yield b"\r\n\r\n"
    yield b"\x00" * 1200


def test_scanners_are_fed_nothing(line_with):
    line = line_with()
    stranger = line.peer(STRANGER)
    for message in scans(line, stranger):
        stranger.send(message)
    stranger.expect_nothing(0.3)
    line.primary.expect_nothing(0.01)


def test_403_is_never_larger_than_what_it_answers_and_rare(line_with):
    line = line_with(sip__unknown_source_403=True, sip__stranger_rate=3)
    stranger = line.peer("127.0.0.67")
    short = stranger.request("OPTIONS", "sip:x", from_user="a").set("Max-Forwards").set("Contact")
    stranger.send(short)
    stranger.expect_nothing(0.1)
    stranger = line.peer("127.0.0.68")
    sent = [stranger.send(stranger.invite(line.number)) for _ in range(20)]
    answers = []
    while response := stranger.recv(0.2):
        answers.append(response)
    assert 3 <= len(answers) <= 5
    assert all(r.status == 403 and len(r.raw) <= len(bytes(sent[0])) for r in answers)


def test_drops_are_counted_by_kind(own_bed):
    sipmod = own_bed.sipmod(sip__source_rate=10)
    line = Line(own_bed, sipmod)
    stranger = line.peer(STRANGER)
    for _ in range(7):
        stranger.send(stranger.invite(line.number))
    line.carrier.send(line.carrier.invite(line.number).set("CSeq", "broken"))
    line.carrier.expect(400)
    line.carrier.send(b"x" * 30000)
    for _ in range(30):
        line.carrier.send(line.carrier.request("OPTIONS", f"sip:{line.sipmod.address}"))
    while line.carrier.recv(0.2):
        pass
    line.close()
    sipmod.stop()
    log = sipmod.log()
    count = lambda word: int(re.search(rf"{word} (\d+)", log)[1])
    assert count("strangers") == 7 and count("malformed") == 1 and count("too large") == 1
    assert 10 <= count("throttled") <= 21


# --- overload -------------------------------------------------------------------------


def test_too_many_calls_in_setup_are_refused_at_once(line_with):
    """In-dialog requests and calls in setup go on; a place that is free again is taken."""
    line = line_with(sip__transactions_max=4)
    talking = line.answered()
    ringing = []
    for _ in range(4):
        invite = line.invite()
        ringing.append((invite, line.tried(invite)))
    assert is_busy(line.refused(503))
    talking.exchange("INFO")
    line.reject(ringing[0][1], 486)
    line.failed(ringing[0][0], 486)
    invite = line.invite()
    received = line.tried(invite)
    for sent, got in [*ringing[1:], (invite, received)]:
        line.reject(got, 486)
        line.failed(sent, 486)
    talking.hang_up()


def test_a_slow_store_refuses_new_calls(own_bed):
    line = Line(own_bed, own_bed.sipmod(sip__admissions_max=3, sip__store_timeout_ms=3000, redis__timeout_ms=3000))
    talking = line.answered()
    own_bed.redis.suspend()
    sent = flood_invites(line, line.carrier, 3, "1" + line.number)
    wait_for(lambda: is_busy(line.refused(503)), 3, "refused while others wait")
    talking.exchange("INFO")
    own_bed.redis.resume()
    for call_id, invite in sent.items():
        line.reject(line.primary.expect("INVITE", call_id=call_id), 486)
        line.failed(invite, 486)
    talking.hang_up()
    line.customer.settled()
    line.close()


def test_a_loop_that_is_late_refuses_new_calls(line_with):
    """After a stop of the whole process the backlog is refused, then calls go on."""
    line = line_with(sip__lag_ms=200)
    talking = line.answered()
    line.sipmod.signal(signal.SIGSTOP)
    sent = flood_invites(line, line.carrier, 20, "1" + line.number)
    info = talking.caller.request("INFO", branch=new_branch())
    line.carrier.send(info, talking.caller.next_hop)
    line.carrier.expect_nothing(0.6, but=(100,))
    line.sipmod.signal(signal.SIGCONT)
    responses = finals(line.carrier, sent)
    assert all(is_busy(r) for r in responses), responses
    line.primary.respond(line.primary.expect("INFO"), 200)
    line.carrier.expect(200, call_id=info.call_id)
    wait_for(lambda: finals(line.carrier, flood_invites(line, line.carrier, 1))[0].status == 404, 3, "calls go on")
    talking.hang_up()


def test_a_copy_of_a_refused_call_is_refused(line_with):
    """Sent again before the 503 came, and read when there is room: it must not come up behind the caller's back."""
    line = line_with(sip__lag_ms=210)
    line.sipmod.signal(signal.SIGSTOP)
    invite = line.invite()
    line.carrier.expect_nothing(0.6)
    line.sipmod.signal(signal.SIGCONT)
    assert is_busy(line.failed(invite, 503))
    wait_for(lambda: finals(line.carrier, flood_invites(line, line.carrier, 1))[0].status == 404, 3, "calls go on")
    line.carrier.send(invite)
    assert is_busy(line.failed(invite, 503))
    line.primary.expect_nothing(0.05)
    line.answered().hang_up()
