"""What happens on the wire, recorded by tcpdump, and `sipmod --tap` that reads it."""

import os

from .ports import free_port
from .process import Process
from .programs import program, write_conf
from .users import login
from .wait import wait_for


class Recorder(Process):
    """tcpdump on an interface, from start() to stop(): all that its filter takes is in .path then."""

    def __init__(self, workdir, ports, interface="lo", name="record"):
        self.path = os.path.join(workdir, f"{name}.pcap")
        super().__init__(["tcpdump", "-i", interface, "-w", self.path, "-U", "-B", "32768", "-Z", "root",
                          "--immediate-mode", " or ".join(f"port {port}" for port in ports)], name, workdir)

    def is_ready(self):
        return "listening on" in self.log()


class Tap(Process):
    """sipmod --tap on a file or an interface, as sipmod's user of this Redis; `ports`: of the SIP that it takes."""

    uses_notify = True

    def __init__(self, workdir, redis, what, ports=(5060,), name="tap", **settings):
        self.metrics_address = f"127.0.0.1:{free_port()}"
        conf = write_conf(os.path.join(workdir, f"{name}.ini"), {
            "redis.address": redis.address, "sip.node": name, "log.level": "debug",
            "tap.ports": ",".join(map(str, ports)),
            "metrics.sipmod": self.metrics_address, **login("sipmod"),
            **{k.replace("__", "."): v for k, v in settings.items()}})
        super().__init__([program("sipmod"), "-c", conf, "--tap", what], name, workdir)

    def finish(self, code=0):
        """Reads a file to its end; returns the summary: text → figure."""
        if self.child is None:
            self.start(ready=False)
        self.wait_exit(60, code)
        return self.summary()

    def summary(self):
        """The latest one that was printed since the latest start."""
        log = self.log().rpartition('"text":"ready"}')[2]
        lines = [line.split(None, 1) for line in log.splitlines() if not line.startswith("{")]
        return {line[1]: float(line[0]) for line in lines if len(line) == 2 and _is_number(line[0])}

    def wait_for_records(self, customer, count, deadline=5.0):
        return wait_for(lambda: len(rows := records(customer)) >= count and rows, deadline, f"{count} records")


def _is_number(text):
    return text.replace(".", "", 1).isdigit()


def records(customer):
    """What taps recorded of a customer, newest first."""
    return customer.bed.redis.table("tap_list", customer.key, 10000)


# Seen at another moment than sipmod took for the truth: when Redis admitted the call, and when a message was read.
TIMES = ("invite_ms", "ring_ms", "answer_ms", "end_ms", "ms", "pdd_ms")


def differences(cdr, record, tolerance_ms=60, but=()):
    """Fields of a CDR in which what a tap recorded isn't the same; times may differ by so much."""
    return {f: (cdr[f], record[f]) for f in cdr
            if f != "node" and f not in but and
            (abs(int(cdr[f]) - int(record[f])) > tolerance_ms or (cdr[f] == "0") != (record[f] == "0")
             if f in TIMES else cdr[f] != record[f])}
