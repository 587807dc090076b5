"""What captures cost a call: instructions of sipmod under callgrind, which no other load of the machine disturbs."""

import re
import tempfile

import load
from gauge import table
from harness import Sipmod, free_port
from harness.bed import CARRIER, Bed, Customer
from harness.hep import Collector
from rivals import CALLEE, PREFIX

OFF, RING, FILES, HEP = "nothing", "ring (as preset)", "ring and pcap files", "ring and HEP by UDP"


class Rivals:
    """What load.py wants: a customer's number, and where the answerer is."""

    def __init__(self, bed):
        self.bed, self.callee = bed, (CALLEE, free_port())
        customer = Customer(bed, credit=10 ** 12)
        self.number = customer.number(customer.trunk(self.callee, primary_prefix=PREFIX))


def instructions(rivals, calls, settings):
    """Of a sipmod from its start to its end, with so many calls."""
    bed = rivals.bed
    sipmod = Sipmod(bed.workdir, {"redis.address": bed.redis.address, "sip.probe_ms": 0, "sip.t1_ms": 4000,
                                  "sip.lag_ms": 60000, "sip.node": f"counted{free_port()}", **settings})
    sipmod.argv[:0] = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    sipmod.start(deadline=60)
    outcome = load.run(rivals, sipmod.target, 25, calls)
    assert outcome.whole, f"{outcome.failed} of {calls} calls failed{sipmod.tail(8)}"
    sipmod.stop(deadline=60)
    return int(re.findall(r"Collected : (\d+)", sipmod.log())[-1])


def run(args):
    few, many = (5, 25) if args.quick else (50, 350)
    with Bed() as bed, tempfile.TemporaryDirectory() as folder, Collector("udp") as homer:
        rivals = Rivals(bed)
        answerer = load.answerer(rivals)
        ways = {OFF: {"capture.ring_mib": 0}, RING: {}, FILES: {"capture.dir": folder},
                HEP: {"capture.hep": homer.place}}
        cost = {}
        for name, settings in ways.items():
            least, most = (instructions(rivals, calls, settings) for calls in (few, many))
            cost[name] = (most - least) / (many - few)
        answerer.stop()
    print(f"\n### What captures cost a call from {CARRIER}: instructions of sipmod, by callgrind, {many - few} calls\n")
    print(table(("captured", "instructions a call", "more than without"),
                [(name, f"{n:.0f}", f"{(n / cost[OFF] - 1) * 100:.1f} %") for name, n in cost.items()]))
