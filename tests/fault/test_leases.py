"""Places at gateways whose sipmod was killed: trunkd gives them back."""

import time

from harness import Dialog, Stack, wait_for

GATEWAY = "gw:{g1}"


def admit(stack, call):
    """A live call of the account, as a sipmod would leave it."""
    key = f"{{a:{stack.account}}}"
    reply = stack.redis.fcall("call_admit", key, call, "out", "12065550100", "11", "n1", "b1", "a", "b",
                              "127.0.0.9:5060", "", call, "0", "1", "0", "", "486", "60")
    assert reply[0] == "ok", reply


def test_place_of_a_call_that_is_over_is_given_back():
    with Stack(sipmod=False) as stack:
        stack.ctl("gateway", "add", "g1", "127.0.0.5:5070", "--capacity", "5", "--prefixes", "1", "--cost", "0.0085")
        stack.redis.fcall("trunk_define", f"{{a:{stack.account}}}", "11", "kind", "out", "address", "127.0.0.9")
        admit(stack, "live")
        for call in ("live", "gone1", "gone2"):
            assert stack.redis.fcall("gateway_take", GATEWAY, stack.account, call, 3600000) == ["ok"]
        wait_for(lambda: [r["call"] for r in stack.redis.table("gateway_calls", GATEWAY)] == ["live"], 6)
        stack.redis.fcall("call_finish", f"{{a:{stack.account}}}", "live", "487", "lost", "system", "", "", "", "", "",
                          "0", "")
        wait_for(lambda: stack.redis.table("gateway_calls", GATEWAY) == [], 6)
        shown = stack.ctl("gateway", "list")
        assert "1:1:1:85" in str(shown), shown


def test_a_call_outlasts_the_lease_of_its_instance():
    """An instance that renews its heartbeat keeps its calls in the count for as long as they last."""
    with Stack(conf={"sip.lease_s": 1}) as stack:
        carrier, callee = stack.peer(), stack.peer("127.0.0.3")
        number, = stack.order(stack.define_trunk(callee, billingType="Unmetered", sessions=1))
        invite = carrier.send(carrier.invite("1" + number))
        callee.respond(callee.expect("INVITE"), 200)
        call = Dialog.caller(carrier, invite, carrier.expect(200))
        call.send("ACK")
        answered = time.monotonic()
        while time.monotonic() < answered + 5:
            assert len(stack.live()) == 1
            again = carrier.send(carrier.invite("1" + number))
            carrier.ack_failure(again, carrier.expect(486, call_id=again.call_id))
        call.send("BYE")
        callee.respond(callee.expect("BYE"), 200)
        wait_for(lambda: not stack.live(), 3)
