"""deploy/kamailio: the same calls by each set-up leave the same CDRs, statistics, money and counters as by sipmod."""

import contextlib

import pytest

from harness import UdpPeer
from harness.sipp import Sipp
from kamailio_setups import GATEWAY, PRIMARY, SECONDARY, Run, Setups

PRICED = {"in_rate": "600", "in_increment": 6, "in_minimum": 6, "call_tax_bp": 500}


@pytest.fixture(scope="module")
def setups():
    with Setups() as all_setups:
        yield all_setups


@pytest.fixture(scope="module")
def callees(setups):
    """Answerers that all set-ups share, by name."""
    scenarios = {"answers": ("uas", PRIMARY, {}), "answers second": ("uas", SECONDARY, {}),
                 "answers as a gateway": ("uas", GATEWAY, {}), "hangs up": ("uas_hangs_up", PRIMARY, {}),
                 "busy": ("uas_refuses", PRIMARY, (486, "Busy Here")),
                 "fails": ("uas_refuses", GATEWAY, (503, "Service Unavailable"))}
    running = {}
    for name, (scenario, host, status) in scenarios.items():
        keys = dict(zip(("code", "reason"), status)) if status else {}
        running[name] = Sipp(setups.bed.workdir, scenario, host=host, keys=keys, duration_ms=300).start()
    running["silent"] = UdpPeer(PRIMARY)
    yield running
    for callee in running.values():
        callee.close() if isinstance(callee, UdpPeer) else callee.stop(1)


def compare(setups, scenario, meanwhile=None):
    """Lets each set-up carry what `scenario` starts; returns what sipmod made of it. `meanwhile` is called when all are
    under way, with their number."""
    runs = {name: scenario(setup) for name, setup in setups.all.items()}
    if meanwhile:
        meanwhile(len(runs))
    results = {name: run.finish() for name, run in runs.items()}
    for name, result in results.items():
        for part, wanted in results["sipmod"].items():
            assert result[part] == wanted, f"{part} of {name}"
    return results["sipmod"]


INCOMING = {
    # name: callee, caller's scenario, account, trunk, code, reason
    "answered": ("answers", "uac", {}, {}, "200", "answered"),
    "hung up by the callee": ("hangs up", "uac_hung_up", {}, {}, "200", "answered"),
    "busy": ("busy", "uac_refused 486", {}, {}, "486", "busy"),
    "no answer": ("silent", "uac_refused 408", {}, {}, "408", "no-answer"),
    "no answer, then the secondary": ("silent", "uac", {}, {"secondary_prefix": "7777"}, "200", "answered"),
    "sessions": ("answers", "uac_refused 486", {}, {"sessions": 0}, "486", "sessions"),
    "cps": ("answers", "uac_refused 503", {}, {"cps": 0}, "503", "cps"),
    "balance": ("answers", "uac_refused 402", {"credit": 0}, {}, "402", "balance"),
}


@pytest.mark.parametrize("name", INCOMING)
def test_incoming(setups, callees, name):
    callee, scenario, account, trunk, code, reason = INCOMING[name]
    callee = callees[callee]
    second = callees["answers second"]

    def start(setup):
        run = Run(setups.bed, setup, **PRICED, **account)
        run.words.update({callee.address: "PRIMARY", second.address: "SECONDARY"})
        other = {"secondary_host": second.host, "secondary_port": second.port} if "secondary_prefix" in trunk else {}
        limits = {k: v for k, v in trunk.items() if k in ("sessions", "cps")}
        tg = run.customer.trunk((callee.host, callee.port), primary_prefix="5555",
                                **{k: v for k, v in trunk.items() if k not in limits}, **other)
        if limits:
            setups.bed.ok("trunk_grant", run.customer.key, tg, limits.get("sessions", ""), limits.get("cps", ""))
        play(run, scenario, "1" + run.customer.number(tg))
        return run

    result = compare(setups, start)
    assert [(c["code"], c["reason"]) for c in result["cdrs"]] == [(code, reason)]


def test_cancelled(setups):
    with contextlib.closing(UdpPeer(PRIMARY)) as callee:
        def start(setup):
            run = Run(setups.bed, setup, **PRICED)
            run.words[callee.address] = "PRIMARY"
            play(run, "uac_cancels", "1" + run.customer.number(run.customer.trunk((callee.host, callee.port))))
            return run

        def ring(calls):
            invites = [callee.expect("INVITE") for _ in range(calls)]
            for invite in invites:
                callee.respond(invite, 180)
            for invite in invites:
                callee.respond(callee.expect("CANCEL", call_id=invite.call_id), 200)
                callee.respond(invite, 487)
                callee.expect("ACK", call_id=invite.call_id)

        cdr, = compare(setups, start, ring)["cdrs"]
        assert (cdr["code"], cdr["reason"], cdr["by"]) == ("487", "cancelled", "caller")


def play(run, scenario, number):
    scenario, _, code = scenario.partition(" ")
    run.call(scenario, number, keys={"code": code} if code else {}, duration_ms=300)
