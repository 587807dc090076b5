"""Places at gateways whose sipmod was killed: trunkd gives them back."""

from harness import Stack, wait_for

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
