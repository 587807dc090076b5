"""SIPp through sipmod: many calls at once, none fails, none stays."""

import os

import pytest

from harness import Sipp, Stack, wait_for
from harness.bed import Line

SECONDS = int(os.environ.get("TRUNKLINE_LOAD_SECONDS", "60"))
RATE = 100


def settled(stack, calls):
    wait_for(lambda: stack.live() == [], 10)
    wait_for(lambda: stack.counters()["cdrs"] == calls, 10, f"{calls} CDRs")
    count = stack.counters()
    assert count["admitted"] == calls and count["refused"] == 0 and count["live"] == 0, count
    assert stack.redis.client.hgetall(f"{{a:{stack.account}}}:busy") == {}


@pytest.mark.slow
def test_100_calls_a_second():
    """The sanitizers' build carries 100 calls a second for a minute; every call is counted."""
    calls = RATE * SECONDS
    with Stack(conf={"log.level": "info"}) as stack:
        callee = stack.uas()
        trunk = stack.define_trunk(callee, primaryPrefix="5555")
        number, = stack.order(trunk)
        caller = stack.uac("1" + number, calls=calls, rate=RATE, duration_ms=500,
                           timeout=SECONDS + 60, options=["-l", "2000"])
        result = caller.finish()
        assert result["SuccessfulCall"] == calls and result["FailedCall"] == 0
        settled(stack, calls)
        did, = stack.api.did_stats(number=number).good()["data"]
        assert (did["processed"], did["completed"], did["asr"]) == (str(calls), str(calls), "100%")
        tg, = stack.api.tg_stats(tg_id=trunk).good()["data"]
        assert tg["processed"] == str(calls)


def test_burst_of_calls(shared_bed):
    """Two hundred calls within half a second, fifty sessions: the limit holds, nothing stays."""
    line = Line(shared_bed, shared_bed.sipmod(), sessions=50)
    callee = Sipp(shared_bed.workdir, "uas", host="127.0.0.30").start()
    try:
        line.update(primary_host=callee.host, primary_port=callee.port)
        caller = Sipp(shared_bed.workdir, "uac", to=line.sipmod.target, number=line.number, calls=200, rate=400,
                      duration_ms=300, options=["-l", "200"])
        result = caller.finish(expect_success=False)
        assert result["SuccessfulCall"] + result["FailedCall"] == 200
        line.customer.settled(5)
        stats = line.customer.stats("tg", line.tg)
        assert stats["processed"] == "200" and int(stats["peak"]) <= 50
        assert int(stats["completed"]) == result["SuccessfulCall"] >= 50
    finally:
        callee.stop()
        line.close()
