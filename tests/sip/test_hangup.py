"""Calls that sipmod ends itself: a BYE to both sides, as each would have got it from the other."""

from harness import wait_for
from harness.sip import parameter

OVER = ("udp", "tcp")


def expect_bye(dialog, other):
    """The BYE that reaches this side of a call, answered; it must pass as the other side's."""
    bye = dialog.peer.expect("BYE", deadline=10)
    assert bye.get("call-id") == dialog.call_id
    assert parameter(bye.get("from"), "tag") == parameter(dialog.remote, "tag")
    assert parameter(bye.get("to"), "tag") == parameter(dialog.local, "tag")
    assert bye.uri == other.target
    assert bye.all("route") == []
    dialog.peer.respond(bye, 200)
    return bye


def kill(line):
    """Asks for the end of the only live call."""
    call, = line.customer.live()
    assert line.bed.redis.fcall("call_kill", line.customer.key, call["call"]) == ["ok"]


def test_killed_call_gets_a_bye_on_both_sides(line):
    call = line.answered()
    line.wait_live()
    kill(line)
    expect_bye(call.caller, call.callee)
    expect_bye(call.callee, call.caller)
    cdr = line.cdr()
    assert (cdr["code"], cdr["reason"], cdr["by"]) == ("200", "killed", "system")


def test_cseq_goes_on_where_the_other_side_was(line):
    call = line.answered()
    line.wait_live()
    for _ in range(3):
        call.exchange("INFO", "caller")
    call.exchange("INFO", "callee")
    kill(line)
    to_callee = expect_bye(call.callee, call.caller)
    to_caller = expect_bye(call.caller, call.callee)
    assert int(to_callee.get("cseq").split()[0]) == call.caller.cseq + 1
    assert int(to_caller.get("cseq").split()[0]) == call.callee.cseq + 1
    line.cdr()


def test_longest_duration_ends_a_call(shared_bed, line):
    short = shared_bed.sipmod(sip__longest_call_s=1)
    line.sipmod = short
    line.carrier.to = short.target
    call = line.answered()
    expect_bye(call.caller, call.callee)
    expect_bye(call.callee, call.caller)
    cdr = line.cdr()
    assert (cdr["reason"], cdr["by"]) == ("longest", "system")
    assert 900 <= int(cdr["ms"]) <= 3000


def test_unknown_call_is_refused(line):
    assert line.bed.redis.fcall("call_kill", line.customer.key, "0" * 20) == ["notfound"]


def test_bye_of_a_peer_without_route(line):
    """A peer that ignores Record-Route sends to the address that it called."""
    call = line.answered()
    line.wait_live()
    target = call.caller.target
    call.caller.routes, call.caller.target = [], f"sip:1{line.number}@{line.sipmod.address}"
    received, _ = call.exchange("INFO", "caller")
    assert received.uri == target
    call.hang_up()
    assert wait_for(line.customer.cdrs, 3)[0]["by"] == "caller"
