"""deploy/kamailio/edge before two sipmods: which gets calls, whom it believes, what a dead one leaves behind."""

import collections
import pathlib
import subprocess

import pytest

from harness import StreamPeer, wait_for
from harness.bed import CARRIER, Bed, Line
from harness.books import Books
from harness.kamailio import KamailioEdge
from harness.sipp import Sipp
from harness.tls import Authority

DEPLOYED = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "kamailio"
EDGE = "127.0.0.9"


@pytest.fixture(scope="module")
def bed():
    with Bed() as bed:
        bed.authority = Authority(bed.workdir)
        bed.behind = [bed.sipmod(sip__edges=EDGE, sip__node=f"behind{i}", sip__drain_s=20) for i in range(2)]
        pair = bed.authority.issue("edge", f"IP:{EDGE}")
        bed.edge = KamailioEdge(bed.workdir, bed.behind, host=EDGE, tls=pair).start()
        yield bed
        bed.edge.stop()


@pytest.fixture
def line(bed):
    opened = Line(bed, bed.edge)
    yield opened
    opened.close()
    opened.customer.settled()


def test_calls_go_to_all_in_turn_and_their_dialogs_by_route(bed, line):
    calls = [line.answered() for _ in range(4)]
    nodes = collections.Counter(call["node"] for call in line.wait_live(4))
    assert nodes == {"behind0": 2, "behind1": 2}
    for call, by in zip(calls, ("caller", "callee", "caller", "callee")):
        call.exchange("INFO", by)
        call.hang_up(by)
    wait_for(lambda: len(line.cdrs()) == 4, 3, "four CDRs")
    assert sorted(cdr["by"] for cdr in line.cdrs()) == ["callee", "callee", "caller", "caller"]


def test_what_a_caller_says_of_its_source_is_not_believed(line):
    told = [("X-Trunkline-Source", "192.0.2.1:5060"), ("x-trunkline-source ", "192.0.2.2:5060")]
    invite = line.carrier.send(line.carrier.invite("1" + line.number, headers=told))
    received = line.tried(invite)
    assert b"runkline-source" not in received.raw.lower()
    line.reject(received, 486)
    line.failed(invite, 486)
    assert line.cdr()["source"] == line.carrier.address


def test_no_relay_for_others(line):
    """A Route past us in the first request is dropped; a dialog that no sipmod is part of isn't carried."""
    elsewhere = line.peer("127.0.0.66")
    invite = line.carrier.invite("1" + line.number, headers=[("Route", f"<sip:{elsewhere.address};lr>")])
    line.carrier.send(invite)
    line.reject(line.tried(invite), 486)
    line.failed(invite, 486)
    bye = line.carrier.request("BYE", f"sip:{elsewhere.address}", to_tag="x",
                               headers=[("Route", f"<sip:{line.sipmod.address};lr>")])
    line.carrier.send(bye)
    elsewhere.expect_nothing(0.2)
    line.cdr()


def test_calls_over_tls(bed):
    line = Line(bed, bed.edge)
    caller = bed.authority.server(*bed.authority.issue("caller", f"IP:{CARRIER}"))
    line.carrier = line.peer(CARRIER, kind=StreamPeer, to=bed.edge.tls_target, server=caller,
                             client=bed.authority.client())
    call = line.answered()
    assert line.wait_live()[0]["source"].startswith(CARRIER)
    call.exchange("INFO", by="callee")
    call.hang_up(by="callee")
    assert line.cdr()["by"] == "callee"
    line.close()


def test_one_that_drains_gets_no_more_calls(bed, line):
    """Not even before the next probe: what it refuses the other one takes, as the same call."""
    first = bed.behind[0]
    up = [line.answered() for _ in range(2)]
    first.signal(15)
    wait_for(lambda: "drain" in first.log(), 3, "the sipmod drains")
    calls = [line.answered() for _ in range(3)]
    assert {c["node"] for c in line.wait_live(5) if c["callid"] not in {u.invite.call_id for u in up}} == {"behind1"}
    for call in up + calls:
        call.hang_up()
    first.wait_exit()
    first.start()
    wait_for(lambda: len(line.cdrs()) == 5, 3, "five CDRs")
    back = wait_for(lambda: takes_calls(line, "behind0"), 10, "it gets calls again")
    back.hang_up()


def takes_calls(line, node):
    """A call that this sipmod carries; others are hung up."""
    call = line.answered()
    live, = line.wait_live()
    if live["node"] == node:
        return call
    call.hang_up()
    line.wait_live(0)
    return None


def test_the_calls_of_a_dead_one_are_ended_by_another(bed, line):
    dead, calls = bed.behind[0], [line.answered() for _ in range(2)]
    nodes = {c["callid"]: c["node"] for c in line.wait_live(2)}
    assert set(nodes.values()) == {"behind0", "behind1"}
    dead.kill9()
    for call in calls:
        call.hang_up()
    dead.start()
    wait_for(lambda: len(line.cdrs()) == 2, 3, "two CDRs")
    assert {(c["reason"], c["by"], c["estimated"]) for c in line.cdrs()} == {("answered", "caller", "0")}
    wait_for(lambda: takes_calls(line, "behind0"), 10, "it gets calls again").hang_up()


def test_one_that_is_killed_under_load_leaves_one_cdr_a_call(bed, line):
    callee = Sipp(bed.workdir, "uas", host="127.0.0.6").start()
    line.update(primary_host=callee.host, primary_port=callee.port)
    load = Sipp(bed.workdir, "uac", to=bed.edge.target, number=line.number, host=CARRIER, calls=200, rate=50,
                duration_ms=600, trace=False, options=("-recv_timeout", 4000)).start()
    wait_for(lambda: len(line.cdrs()) > 20, 10, "the load is on")
    dead = bed.behind[0]
    boot = bed.redis.client.hget("node:behind0", "boot")
    dead.kill9()
    load.finish(expect_success=False)
    bed.ok("call_reap", line.customer.key, "behind0", boot, 1000, "1", 0)
    line.customer.settled()
    cdrs = Books(bed.redis, line.customer.id).check()
    by_call = collections.Counter(cdr["callid"] for cdr in cdrs)
    assert len(by_call) == 200 and set(by_call.values()) == {1}
    assert load.stats()["SuccessfulCall"] > 170
    callee.stop(1)
    dead.start()
    line.update(primary_host=line.primary.host, primary_port=line.primary.port)
    wait_for(lambda: takes_calls(line, "behind0"), 10, "it gets calls again").hang_up()


def test_without_any_sipmod_calls_are_refused(bed):
    line = Line(bed, bed.edge)
    for sipmod in bed.behind:
        sipmod.suspend()

    def is_refused():
        probe = line.carrier.send(line.carrier.request("OPTIONS", f"sip:{bed.edge.address}"))
        return line.carrier.expect(lambda m: (m.status or 0) >= 200, call_id=probe.call_id).status == 503
    try:
        wait_for(is_refused, 8, "nobody takes calls", 0.2)
        assert line.refused(503).get("retry-after") == "5"
    finally:
        for sipmod in bed.behind:
            sipmod.resume()
    wait_for(lambda: not is_refused(), 8, "calls are taken again", 0.2)
    line.close()


@pytest.mark.parametrize("name", ["edge", "alone"])
def test_the_configuration_is_what_kamailio_reads(name):
    done = subprocess.run(["kamailio", "-c", "-f", DEPLOYED / name / "kamailio.cfg"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0 and "ERROR" not in done.stderr and "WARNING" not in done.stderr, done.stderr
