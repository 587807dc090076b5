"""Requests inside a call: routed on Route and Request-URI alone, from both sides, for those who hold our
signed parameter."""

import re

import pytest

from harness import new_branch, new_tag, wait_for
from harness.bed import CARRIER
from harness.sip import bare_uri, parameter

OVER = ("udp", "tcp")

BOTH = pytest.mark.parametrize("by", ["caller", "callee"])


@BOTH
@pytest.mark.parametrize("method", ["INFO", "UPDATE", "PRACK", "MESSAGE", "REFER", "NOTIFY", "OPTIONS", "FOO"])
def test_requests_pass_both_ways(line, method, by):
    call = line.answered()
    here = call.caller if by == "caller" else call.callee
    received, response = call.exchange(method, by, headers=[("X-Extra", "kept")], body="v=0\r\n")
    assert received.uri == here.target
    assert received.all("route") == [] and received.all("record-route") == []
    assert received.get("max-forwards") == "69" and received.get("x-extra") == "kept"
    ours, theirs = received.all("via")
    assert line.sipmod.address in ours and parameter(theirs, "received") == here.peer.host
    assert len(response.all("via")) == 1
    call.hang_up()


@BOTH
def test_reinvite(line, by):
    call = line.answered()
    here, there = (call.caller, call.callee) if by == "caller" else (call.callee, call.caller)
    invite = here.send("INVITE", body="v=0\r\ns=hold\r\n")
    here.peer.expect(lambda m: m.status == 100 and m.cseq == invite.cseq)
    received = there.peer.expect("INVITE")
    assert received.body == "v=0\r\ns=hold\r\n"
    there.peer.respond(received, 200)
    here.peer.expect(lambda m: m.status == 200 and "INVITE" in m.get("cseq"))
    here.send("ACK", cseq=invite.cseq)
    there.peer.expect("ACK")
    line.wait_live()
    call.hang_up(by)
    line.cdr()


def test_refused_reinvite_leaves_the_call(line):
    call = line.answered()
    invite = call.caller.send("INVITE", body="v=0\r\n")
    received = line.primary.expect("INVITE")
    line.reject(received, 488)
    line.failed(invite, 488)
    line.wait_live()
    call.hang_up()
    assert line.cdr()["code"] == "200"


def test_prack_in_an_early_dialog(line):
    invite = line.invite(headers=[("Supported", "100rel")])
    received = line.tried(invite)
    line.primary.respond(received, 183, headers=[("Require", "100rel"), ("RSeq", 1)])
    early = line.carrier.expect(183)
    prack = line.carrier.request("PRACK", bare_uri(early.get("contact")), call_id=invite.call_id, cseq=2,
                                 headers=[("Route", early.get("record-route")), ("RAck", "1 1 INVITE")])
    prack.set("From", invite.get("from")).set("To", early.get("to"))
    line.carrier.send(prack)
    line.primary.respond(line.primary.expect("PRACK"), 200)
    line.carrier.expect(lambda m: m.status == 200 and "PRACK" in m.get("cseq"))
    line.connect(invite, received).hang_up()


@BOTH
def test_bye_ends_the_call(line, by):
    call = line.answered()
    call.hang_up(by)
    cdr = line.cdr()
    assert (cdr["code"], cdr["reason"], cdr["by"]) == ("200", "answered", by)


@BOTH
@pytest.mark.parametrize("status", [408, 480, 481, 500])
def test_bye_that_is_refused_ends_the_call_too(line, by, status):
    call = line.answered()
    call.hang_up(by, status)
    assert line.cdr()["by"] == by


def test_challenged_bye_does_not_end_the_call(line):
    call = line.answered()
    call.hang_up(status=407)
    line.wait_live()
    call.hang_up()
    line.cdr()


def test_bye_to_a_dead_side_ends_the_call(line):
    call = line.answered()
    line.primary.close()
    call.caller.send("BYE")
    response = line.carrier.expect(lambda m: (m.status or 0) >= 400, 1)
    assert response.status == 500
    assert line.cdr()["reason"] == "answered"


def test_bye_from_both_sides_at_once(line):
    call = line.answered()
    call.caller.send("BYE")
    call.callee.send("BYE")
    for peer in (line.primary, line.carrier):
        peer.respond(peer.expect("BYE"), 200)
    for peer in (line.primary, line.carrier):
        peer.expect(lambda m: m.status == 200 and "BYE" in m.get("cseq"))
    line.cdr()


def test_bye_through_another_instance(line):
    """The Record-Route parameter names account and call, so any instance can end the call."""
    other = line.bed.sipmod(sip__node="other")
    call = line.answered()
    routes = [r.replace(line.sipmod.address, other.address) for r in call.caller.routes]
    call.caller.routes, call.caller.next_hop = routes, other.target
    call.hang_up()
    assert line.cdr()["reason"] == "answered"


def test_callee_need_not_be_listed(line):
    """The trunk's address is no source of calls, yet its BYE passes for its signed Route."""
    call = line.answered()
    assert line.primary.host != CARRIER
    line.primary.send(line.primary.invite(line.number))
    line.primary.expect_nothing(0.1)
    call.hang_up("callee")


def forge_missing(route):
    return re.sub(r";tl=[^;>]*", "", route)


def forge_digit(route):
    return re.sub(r"(;tl=[^;>]*)([0-9a-f])", lambda m: m[1] + ("0" if m[2] != "0" else "1"), route)


def forge_account(route):
    return re.sub(r";tl=(\d)", ";tl=1\\1", route)


def forge_cut(route):
    return re.sub(r"(;tl=[^;>]*)[0-9a-f]{4}", r"\1", route)


def forge_empty(route):
    return re.sub(r";tl=[^;>]*", ";tl=", route)


@pytest.mark.parametrize("forge", [forge_missing, forge_digit, forge_account, forge_cut, forge_empty])
def test_forged_parameter_is_not_routed(line, forge):
    call = line.answered()
    stranger = line.peer("127.0.0.88")
    for peer in (line.carrier, stranger):
        bye = call.caller.request("BYE")
        bye.set("Route", *[forge(r) for r in call.caller.routes])
        bye.set("Via", f"SIP/2.0/UDP {peer.address};rport;branch={new_branch()}")
        peer.send(bye, line.sipmod.target)
    line.carrier.expect(481)
    line.primary.expect_nothing(0.1)
    stranger.expect_nothing(0.05)
    line.wait_live()
    call.hang_up()


def test_forged_ack_is_not_routed(line):
    call = line.answered()
    ack = call.caller.request("ACK")
    ack.set("Route", *[forge_digit(r) for r in call.caller.routes])
    line.carrier.send(ack, line.sipmod.target)
    line.primary.expect_nothing(0.1)
    call.hang_up()


def test_strict_router_before_us(line):
    """Section 16.4: our Record-Route URI came in the Request-URI, the target in the last Route."""
    call = line.answered()
    bye = call.caller.request("BYE")
    target, ours = bye.uri, bare_uri(call.caller.routes[0])
    bye.start = f"BYE {ours} SIP/2.0"
    bye.set("Route", f"<{target}>")
    line.carrier.send(bye, line.sipmod.target)
    received = line.primary.expect("BYE")
    assert received.uri == target and received.all("route") == []
    line.primary.respond(received, 200)
    line.carrier.expect(200)
    line.cdr()


def test_another_loose_router_behind_us(line):
    """The next Route is where the request goes, and stays in it."""
    router = line.peer("127.0.0.9")
    call = line.answered()
    call.caller.routes.append(f"<sip:{router.address};lr>")
    bye = call.caller.send("BYE")
    received = router.expect("BYE")
    assert received.uri == bye.uri and received.all("route") == [f"<sip:{router.address};lr>"]
    router.respond(received, 200)
    line.carrier.expect(200)
    line.cdr()


def test_routes_in_one_line(line):
    """Our element is cut out of a list, the rest stays."""
    router = line.peer("127.0.0.9")
    call = line.answered()
    bye = call.caller.request("BYE")
    bye.set("Route", f"{call.caller.routes[0]} ,  <sip:{router.address};lr>;x=\"a,b\"")
    line.carrier.send(bye, line.sipmod.target)
    received = router.expect("BYE")
    assert received.all("route") == [f"<sip:{router.address};lr>;x=\"a,b\""]
    router.respond(received, 200)
    line.carrier.expect(200)
    line.cdr()


@pytest.mark.parametrize("status", [482, 483, 420])
def test_checks_hold_inside_a_dialog_too(line, status):
    call = line.answered()
    info = call.caller.request("INFO")
    if status == 482:
        line.carrier.send(info, line.sipmod.target)
        received = line.primary.expect("INFO")
        line.primary.respond(received, 200)
        line.carrier.expect(200)
        info.set("Via", f"SIP/2.0/UDP {line.carrier.address};rport;branch={new_branch()}", *received.all("via"))
    elif status == 483:
        info.set("Max-Forwards", "0")
    else:
        info.set("Proxy-Require", "x")
    line.carrier.send(info, line.sipmod.target)
    line.carrier.expect(status)
    line.primary.expect_nothing(0.05)
    call.hang_up()


def test_repeated_bye_counts_once(line):
    call = line.answered()
    call.hang_up()
    line.cdr()
    call.caller.send("BYE")  # a new transaction, after the end
    received = line.primary.expect("BYE")
    line.primary.respond(received, 481)
    line.carrier.expect(481)
    wait_for(lambda: len(line.cdrs()) == 1, 1)


def test_tags_and_bodies_of_many_calls_do_not_mix(line):
    calls = [line.answered(from_tag=new_tag()) for _ in range(20)]
    line.wait_live(20)
    for call in reversed(calls):
        received, _ = call.exchange("INFO", body=call.invite.call_id)
        assert received.body == call.invite.call_id
    for call in calls:
        call.hang_up()
    wait_for(lambda: len(line.cdrs()) == 20, 3)
    assert line.customer.stats("tg", line.tg)["peak"] == "20"
