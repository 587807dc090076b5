"""Calls over a network that loses, doubles and reorders: each completes, each is counted once."""

import os
import subprocess
import sys

import pytest

from harness import Sipp, wait_for
from harness.bed import Bed, Customer
from harness.programs import Sipmod, build_dir

CALLS = 1000 if os.environ.get("TRUNKLINE_LOSS") == "1" else 200
RATE = 25
PATIENT = ["-max_retrans", "11", "-max_invite_retrans", "11", "-max_non_invite_retrans", "11",
           "-default_behaviors", "all,-abortunexp"]  # a 180 may come after the 200


# A network of one's own, whose loopback is bad for UDP and good for Redis.
NETEM = """set -e
ip link set lo up
tc qdisc add dev lo root handle 1: prio
tc qdisc add dev lo parent 1:3 handle 30: netem loss 10% duplicate 5% delay 20ms reorder 10%
tc filter add dev lo parent 1: protocol ip u32 match ip protocol 17 0xff flowid 1:3
exec "$@"
"""
UNDER_NETEM = "TRUNKLINE_UNDER_NETEM"


def on_a_bad_network(process):
    """Every datagram that this program sends takes its chances (tests/sip/tools/loss.c, or the kernel's netem)."""
    if os.environ.get(UNDER_NETEM):
        return process
    process.env = {**process.env, "LD_PRELOAD": os.path.join(build_dir(), "tests", "libloss.so"),
                   "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=1"}
    return process


def test_each_call_completes_over_a_bad_network():
    """10 % of all datagrams lost, 5 % doubled, 10 % out of order; TRUNKLINE_LOSS=1: 1,000 calls."""
    with Bed() as bed:
        sipmod = on_a_bad_network(Sipmod(bed.workdir, {
            "redis.address": bed.redis.address, "log.level": "info", "sip.no_answer_ms": 30000}, "lossy")).start()
        callee = on_a_bad_network(Sipp(bed.workdir, "uas_patient", host="127.0.0.31", options=PATIENT)).start()
        customer = Customer(bed, 10 ** 9)
        tg = customer.trunk(callee.target, primary_prefix="5555")
        number = customer.number(tg)
        caller = on_a_bad_network(Sipp(
            bed.workdir, "uac_patient", to=sipmod.target, number="1" + number, calls=CALLS, rate=RATE, duration_ms=3000,
            options=["-l", str(CALLS), *PATIENT], timeout=CALLS // RATE + 60))
        result = caller.finish()
        assert result["SuccessfulCall"] == CALLS and result["FailedCall"] == 0
        assert result["Retransmissions"] > CALLS / 20, "the network was not bad"
        customer.settled(40)
        cdrs = wait_for(customer.cdrs, 5)
        assert len(cdrs) == CALLS
        assert {(c["code"], c["reason"]) for c in cdrs} == {("200", "answered")}
        assert all(2000 <= int(c["ms"]) <= 40000 for c in cdrs)
        callee.discard()  # it would wait for late retransmissions
        sipmod.stop(40)


def in_a_network_of_its_own(*command):
    """Runs a command under netem; skips where the kernel has none or namespaces are not for us."""
    done = subprocess.run(["unshare", "--net", "/bin/sh", "-c", NETEM, "sh", *command], capture_output=True, text=True,
                          timeout=CALLS // RATE + 240, check=False, env={**os.environ, UNDER_NETEM: "1"})
    if "qdisc kind is unknown" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("no netem here")
    return done


@pytest.mark.skipif(UNDER_NETEM in os.environ, reason="this is the run under netem")
def test_each_call_completes_under_netem():
    """The same calls where the kernel loses, doubles and reorders."""
    done = in_a_network_of_its_own(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__,
                                   "-k", "over_a_bad_network")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
