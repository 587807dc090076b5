"""Floods: junk of strangers beside good calls, and more calls than can be carried."""

import os
import re
import subprocess

import pytest

from harness import Sipp, wait_for
from harness.bed import Bed, Customer
from harness.programs import build_dir

LONG = os.environ.get("TRUNKLINE_FLOOD") == "1"
JUNK, CALLS, SECONDS = (50000, 200, 30) if LONG else (20000, 50, 4)


@pytest.fixture
def quiet_bed():
    with Bed() as bed:
        yield bed


class Traffic:
    """A customer's number, answered by SIPp."""

    def __init__(self, bed, **conf):
        self.bed = bed
        self.sipmod = bed.sipmod(log__level="info", **conf)
        self.callee = Sipp(bed.workdir, "uas", host="127.0.0.31").start()
        self.customer = Customer(bed, 10 ** 9)
        tg = self.customer.trunk(self.callee.target, primary_prefix="5555")
        self.number = self.customer.number(tg)

    def caller(self, calls, rate, **kwargs):
        return Sipp(self.bed.workdir, "uac", to=self.sipmod.target, number="1" + self.number, calls=calls, rate=rate,
                    duration_ms=200, options=["-l", str(calls)], **kwargs)

    def close(self):
        self.callee.stop()


def flood(sipmod, rate, seconds):
    argv = [os.path.join(build_dir(), "tests", "flood"), *map(str, (sipmod.host, sipmod.port, rate, seconds))]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_calls_complete_beside_a_flood_of_junk(quiet_bed):
    """TRUNKLINE_FLOOD=1: 50,000 datagrams and 200 calls a second for half a minute."""
    traffic = Traffic(quiet_bed)
    junk = flood(traffic.sipmod, JUNK, SECONDS)
    result = traffic.caller(CALLS * SECONDS, CALLS, timeout=SECONDS + 40).finish()
    sent = int(junk.communicate(timeout=60)[0])
    assert sent >= JUNK * SECONDS * 0.9
    assert result["SuccessfulCall"] == CALLS * SECONDS and result["FailedCall"] == 0
    traffic.customer.settled(10)
    traffic.close()
    traffic.sipmod.stop()
    assert int(re.search(r"strangers (\d+)", traffic.sipmod.log())[1]) > sent * 0.5


def test_a_datagram_of_a_stranger_costs_little(quiet_bed):
    """Microseconds of processor time a datagram, system calls and sanitizers included."""
    sipmod = quiet_bed.sipmod(log__level="info")
    before = cpu_seconds(sipmod.pid)
    sent = int(flood(sipmod, 30000, 2).communicate(timeout=60)[0])
    wait_for(lambda: quiet_bed.redis.client.ping(), 3)
    cost = (cpu_seconds(sipmod.pid) - before) / sent * 1e6
    print(f"{cost:.2f} microseconds a datagram")
    assert cost < 15


def test_more_calls_than_can_be_carried_are_refused_without_collapse(quiet_bed):
    """Calls at thrice the rate that sipmod may take: that rate completes, the rest has its 503 at once."""
    rate = 30
    traffic = Traffic(quiet_bed, sip__source_invite_rate=rate)
    seconds = 30 if LONG else 4
    result = traffic.caller(3 * rate * seconds, 3 * rate, timeout=60).finish(expect_success=False)
    assert result["SuccessfulCall"] + result["FailedCall"] == 3 * rate * seconds
    assert rate * seconds * 0.8 <= result["SuccessfulCall"] <= rate * (seconds + 2)
    assert result["FailedUnexpectedMessage"] == result["FailedCall"]  # 503, not one time-out
    traffic.customer.settled(10)
    traffic.close()


def test_a_burst_beyond_the_machine_leaves_it_well(quiet_bed):
    """Far more calls at once than are allowed in setup: some complete, none is lost, calls then go on."""
    traffic = Traffic(quiet_bed, sip__transactions_max=20, sip__lag_ms=100)
    result = traffic.caller(1500, 1500, timeout=60).finish(expect_success=False)
    assert result["SuccessfulCall"] + result["FailedCall"] == 1500
    assert result["SuccessfulCall"] >= 20
    traffic.customer.settled(10)
    assert traffic.caller(20, 10).finish()["SuccessfulCall"] == 20
    traffic.customer.settled(10)
    traffic.close()
