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
    for name, records in results.items():
        for record, wanted in zip(records, results["sipmod"], strict=True):
            for part in wanted:
                assert record[part] == wanted[part], f"{part} of {name}"
    return [cdr for record in results["sipmod"] for cdr in record["cdrs"]]


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

    cdr, = compare(setups, start)
    assert (cdr["code"], cdr["reason"]) == (code, reason)


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

        cdr, = compare(setups, start, ring)
        assert (cdr["code"], cdr["reason"], cdr["by"]) == ("487", "cancelled", "caller")


def test_numbers_that_are_not_in_service(setups):
    """One that is inactive leaves a CDR, one that is nobody's none; nor does a text that is no number."""
    def start(setup):
        run = Run(setups.bed, setup)
        number = run.customer.number(run.customer.trunk())
        setups.bed.ok("number_update", run.customer.key, "", "0", "", number)
        play(run, "uac_refused 404", number)
        play(run, "uac_refused 404", "2062999999")
        play(run, "uac_refused 404", "someone")
        return run

    cdr, = compare(setups, start)
    assert (cdr["code"], cdr["reason"], cdr["attempts"]) == ("404", "inactive", "")


def test_a_stranger_takes_no_call(setups, callees):
    for name, setup in setups.all.items():
        customer = Run(setups.bed, setup).customer
        number = customer.number(customer.trunk((callees["answers"].host, callees["answers"].port)))
        with contextlib.closing(UdpPeer("127.0.0.66", to=setup.target)) as stranger:
            stranger.send(stranger.invite("1" + number))
            stranger.expect(403) if name == "edge" else stranger.expect_nothing(0.2)
        assert customer.cdrs() == customer.live() == []


OUTGOING = {
    # name: exits as (word, callee, gateway, route), dialled, caller's scenario, code, reason
    "prefix and strip": ([("ONE", "answers as a gateway", {"prefix": "99", "strip": 1}, {"rate": "600:6:6"})],
                         "12063000001", "uac", "200", "answered"),
    "fail-over": ([("ONE", "fails", {"capacity": 5}, {"rate": "600:6:6"}),
                   ("TWO", "answers as a gateway", {"capacity": 5, "prefix": "+"}, {"priority": 2, "rate": None})],
                  "011441234567890", "uac", "200", "answered"),
    "all fail": ([("ONE", "fails", {}, {})], "12063000001", "uac_refused 500", "503", "unreachable"),
    "full": ([("ONE", "answers as a gateway", {"capacity": 0}, {})], "12063000001", "uac_refused 503", "503",
             "gateways"),
    "no route": ([], "12063000001", "uac_refused 404", "404", "no-route"),
    "no rate": ([("ONE", "answers as a gateway", {}, {"rate": None})], "12063000001", "uac_refused 403", "403",
                "no-rate"),
    "switched off": ([("ONE", "answers as a gateway", {"status": 0}, {})], "12063000001", "uac_refused 404", "404",
                     "no-route"),
    "service": ([], "911", "uac_refused 404", None, None),
}


@pytest.mark.parametrize("name", OUTGOING)
def test_outgoing(setups, callees, name):
    exits, dialled, scenario, code, reason = OUTGOING[name]

    def start(setup):
        run = Run(setups.bed, setup)
        run.from_customer()
        setups.bed.ok("rate_set", f"lcr:{{{run.customer.deck}}}", "7", 1, 1, 1)
        for word, callee, gateway, route in exits:
            run.exit(word, "44" if "44" in dialled else "1206", callees[callee], gateway, **route)
        play(run, scenario, dialled)
        return run

    cdrs = compare(setups, start)
    assert [(c["code"], c["reason"], c["direction"]) for c in cdrs] == ([(code, reason, "out")] if code else [])


@pytest.mark.parametrize("incoming", [True, False])
def test_what_a_target_is_asked_for(setups, incoming):
    """The Request-URI: a trunk's prefix before the number, a gateway's before what it doesn't strip."""
    with contextlib.closing(UdpPeer(PRIMARY)) as target:
        asked, numbers = set(), []

        def start(setup):
            run = Run(setups.bed, setup)
            if incoming:
                tg = run.customer.trunk((target.host, target.port), primary_prefix="5555")
                numbers.append(run.customer.number(tg))
                play(run, "uac_refused 486", "+1" + numbers[-1])
            else:
                run.from_customer()
                run.exit("ONE", "1206", target, {"prefix": "+99", "strip": 1})
                play(run, "uac_refused 486", "(206)300-0001")
            run.words[target.address] = "TARGET"
            return run

        def refuse(calls):
            for _ in range(calls):
                invite = target.expect("INVITE")
                asked.add(invite.uri)
                target.respond(invite, 486)

        compare(setups, start, refuse)
        users = {f"5555{number}" for number in numbers} or {"+992063000001"}
        assert asked == {f"sip:{user}@{target.address}" for user in users}


def test_on_net(setups, callees):
    """To a number of ours that forwards to another one, which forwards to the world: the trunks of both fail."""
    answers, silent, fails = (callees[name] for name in ("answers as a gateway", "silent", "fails"))

    def start(setup):
        run = Run(setups.bed, setup, onnet_rate="300")
        first, second = run.callee(**PRICED), run.callee(**PRICED)
        run.from_customer()
        run.words.update({silent.address: "SILENT", answers.address: "PLACE", fails.address: "FAILS"})
        name = setups.bed.gateway(answers.host, answers.port)
        setups.bed.route(second.deck, "1503", name)
        setup.heard(f"gateway {name}: ")
        last = second.number(second.trunk((silent.host, silent.port), primary_prefix="7777", forward="15032220000"))
        number = first.number(first.trunk((fails.host, fails.port), forward=last))
        run.words.update({name: "GATEWAY", last: "LAST"})
        play(run, "uac", number)
        return run

    cdrs = compare(setups, start)
    assert [(c["direction"], c["code"], c["upstream"], c["attempts"]) for c in cdrs] == [
        ("out", "200", "on-net", "FAILS=503 SILENT=408 PLACE=200"),
        ("in", "200", "on-net", "FAILS=503 SILENT=408 PLACE=200"),
        ("in", "200", "GATEWAY", "SILENT=408 PLACE=200")]


def test_on_net_refused_by_the_callees_account(setups, callees):
    answers = callees["answers"]

    def start(setup):
        run = Run(setups.bed, setup)
        run.from_customer()
        callee = run.callee(credit=0, **PRICED)
        play(run, "uac_refused 480", callee.number(callee.trunk((answers.host, answers.port))))
        return run

    out, into = compare(setups, start)
    assert (out["code"], out["reason"], out["by"], into["code"], into["reason"]) == (
        "480", "no-answer", "callee", "402", "balance")


def play(run, scenario, number):
    scenario, _, code = scenario.partition(" ")
    run.call(scenario, number, keys={"code": code} if code else {}, duration_ms=300)
