"""SIPp's calls of all kinds at once, by UDP and TCP: the tap's records of them are sipmod's CDRs, call for call.

TRUNKLINE_TAP_CALLS (default 100) is the number of calls.
"""

import os

import pytest

from harness import Ctl, Sipp, UdpPeer, write_conf
from harness.bed import PRIMARY, SECONDARY, Bed, Customer
from harness.tap import TIMES, Recorder, Tap, differences, records

CALLS = int(os.environ.get("TRUNKLINE_TAP_CALLS", "100"))
CONF = {"sip__no_answer_ms": 1500, "log__level": "info", "sip__source_rate": 1000000,
        "sip__source_invite_rate": 100000}
TCP = ["-t", "t1"]
# name: primary, secondary, the caller's scenario, its code, its options, code and by of the CDRs
KINDS = {
    "answered": ("answers", None, "uac", None, [], "200", "caller"),
    "answered by TCP": ("answers", None, "uac", None, TCP, "200", "caller"),
    "hung up by the callee": ("hangs up", None, "uac_hung_up", None, [], "200", "callee"),
    "busy": ("busy", None, "uac_refused", 486, [], "486", "callee"),
    "failover": ("fails", "answers second", "uac", None, [], "200", "caller"),
    "cancelled": ("rings", None, "uac_cancels", None, [], "487", "caller"),
    "cancelled by TCP": ("rings", None, "uac_cancels", None, TCP, "487", "caller"),
    "unanswered": ("silent", None, "uac_refused", 408, [], "408", "system"),
    "refused": ("answers", None, "uac_refused", 486, [], "486", "system"),
}


@pytest.fixture(scope="module")
def callees():
    with Bed() as bed:
        fails = {"code": 503, "reason": "Service Unavailable"}
        running = {name: Sipp(bed.workdir, scenario, host=host, keys=keys, duration_ms=300, trace=False).start()
                   for name, scenario, host, keys in [
                       ("answers", "uas", PRIMARY, {}), ("answers second", "uas", SECONDARY, {}),
                       ("hangs up", "uas_hangs_up", PRIMARY, {}), ("rings", "uas_rings", PRIMARY, {}),
                       ("busy", "uas_refuses", PRIMARY, {"code": 486, "reason": "Busy Here"}),
                       ("fails", "uas_refuses", PRIMARY, fails)]}
        running["silent"] = UdpPeer(PRIMARY)
        yield bed, running
        for callee in running.values():
            callee.close() if isinstance(callee, UdpPeer) else callee.stop(1)


def customer_of(bed, callees, kind):
    primary, secondary = KINDS[kind][:2]
    customer = Customer(bed, in_rate="85")
    fields = {} if not secondary else {"secondary_host": callees[secondary].host,
                                       "secondary_port": callees[secondary].port}
    tg = customer.trunk((callees[primary].host, callees[primary].port), primary_prefix="5555", **fields)
    if kind == "refused":
        bed.ok("trunk_grant", customer.key, tg, "0", "")
    return customer, customer.number(tg)


def test_every_call(callees):
    bed, running = callees
    sipmod = bed.sipmod(**CONF)
    customers = {kind: customer_of(bed, running, kind) for kind in KINDS}
    each = max(1, CALLS // len(KINDS))
    recorder = Recorder(bed.workdir, [sipmod.port]).start()
    callers = [Sipp(bed.workdir, scenario, to=sipmod.target, number="1" + customers[kind][1], calls=each,
                    rate=max(10, each / 40), duration_ms=300, keys={"code": code} if code else {},
                    timeout=60 + each // 10, options=["-l", "1000", *options], trace=False).start()
               for kind, (_, _, scenario, code, options, _, _) in KINDS.items()]
    for caller in callers:
        caller.finish()
    for customer, _ in customers.values():
        customer.settled(10)
    recorder.stop()
    summary = Tap(bed.workdir, bed.redis, recorder.path, [sipmod.port], **CONF).finish()
    print(summary)
    assert summary["calls"] == summary["CDRs written"] == each * len(KINDS)
    assert "frames dropped by the kernel" not in summary
    ctl = Ctl(write_conf(os.path.join(bed.workdir, "ctl.ini"), {"redis.address": bed.redis.address}))
    late = 0
    for kind, (customer, _) in customers.items():
        cdrs, found = ({r["call"]: r for r in rows} for rows in (customer.cdrs(), records(customer)))
        assert len(cdrs) == each and cdrs.keys() == found.keys()
        assert ctl("tap", "compare", customer.id, "--tolerance", 1000)["equal"] == each
        assert {(c["code"], c["by"]) for c in cdrs.values()} == {KINDS[kind][5:]}
        for call, cdr in cdrs.items():
            assert not differences(cdr, found[call], tolerance_ms=1000), kind
            late = max(late, *(abs(int(cdr[f]) - int(found[call][f])) for f in TIMES))
    print(f"times differ by {late} ms at most")
