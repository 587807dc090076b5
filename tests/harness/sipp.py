"""SIPp as a process: real calls by the hundred, with its own statistics as the result."""

import csv
import glob
import os
import re
import signal
import subprocess

from .ports import bound_udp, free_port
from .process import Process, ProcessFailed

SCENARIOS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sip", "scenarios")


class SippFailed(ProcessFailed):
    """Calls failed, or SIPp itself did; the text holds its error file."""


class Sipp(Process):
    """One SIPp run. scenario is a file name in tests/sip/scenarios (without .xml), or an absolute path.

    A caller: Sipp(workdir, "uac", to=sipmod.target, number="2062190000", host="127.0.0.2", calls=10,
                   rate=5).finish()
    An answerer: uas = Sipp(workdir, "uas", host="127.0.0.3").start(); …; uas.stop()
    keys={"name": "value"} fill in @name@ in the scenario; options are appended as they are.
    trace=False: a load, whose messages nobody will read.
    """

    def __init__(self, workdir, scenario, to=None, number="service", host="127.0.0.2", port=None,
                 calls=None, rate=10, limit=None, duration_ms=0, keys=None, options=(), name=None,
                 timeout=60, trace=True):
        self.host, self.port = host, port or free_port()
        self.address = f"{host}:{self.port}"
        self.target = (host, self.port)
        self.timeout = timeout
        self.is_caller = to is not None
        name = name or f"sipp-{os.path.basename(scenario)}-{self.port}"
        self.stat_path = os.path.join(workdir, f"{name}.csv")
        self.error_path = os.path.join(workdir, f"{name}.errors")
        self.message_path = os.path.join(workdir, f"{name}.messages")
        path = _fill_in(scenario, keys or {}, os.path.join(workdir, f"{name}.xml"))
        argv = ["sipp", "-sf", path, "-i", host, "-p", self.port, "-mi", host, "-mp", free_port(),
                "-nostdin", "-trace_stat", "-stf", self.stat_path, "-fd", 1,
                "-trace_err", "-error_file", self.error_path,
                "-s", number, "-d", duration_ms]
        if trace:
            argv += ["-trace_msg", "-message_file", self.message_path]
        if calls:
            argv += ["-m", calls]
        if self.is_caller:
            argv += ["-r", rate, "-timeout", f"{timeout}s", "-timeout_error"]
            argv += ["-l", limit] if limit else []
        argv += [*options]
        if self.is_caller:
            argv.append(f"{to[0]}:{to[1]}")
        super().__init__(argv, name, workdir, env={"TERM": "dumb"})

    def is_ready(self):
        return bound_udp(self.host, self.port)

    def start(self, deadline=10.0, ready=None):
        """An answerer is ready when its port is bound; a caller may be through before we look."""
        return super().start(deadline, not self.is_caller if ready is None else ready)

    def finish(self, expect_success=True):
        """Starts it if it does not run, waits for the end, returns the statistics.

        expect_success: SippFailed if any call failed.
        """
        if self.child is None:
            self.start()
        code = self.wait_exit(self.timeout + 10, code=None)
        stats = self.stats()
        if expect_success and (code != 0 or stats["FailedCall"] or not stats["SuccessfulCall"]):
            raise SippFailed(f"{self.name} ended with {code}: {stats}\n{self.errors()[-4000:]}")
        return stats

    def stop(self, deadline=10.0, code=None):
        """Ends an answerer (SIGUSR1: no new calls, then out; killed if calls hang); returns statistics."""
        if self.child is not None:
            self.signal(signal.SIGUSR1)
            try:
                self.child.wait(deadline)
                self.wait_exit(1, code)
            except subprocess.TimeoutExpired:
                self.discard()
        return self.stats()

    def stats(self):
        """Cumulative counters: TotalCallCreated, SuccessfulCall, FailedCall, Retransmissions, …"""
        try:
            with open(self.stat_path, encoding="utf-8", newline="") as f:
                rows = [r for r in csv.DictReader(f, delimiter=";") if r.get("CallRate(P)")]
        except FileNotFoundError:
            rows = []
        last = rows[-1] if rows else {}
        return _Counters({k.removesuffix("(C)"): _number(v) for k, v in last.items()
                          if k and (k.endswith("(C)") or k == "TotalCallCreated")})

    def errors(self):
        """What SIPp wrote about unexpected messages."""
        text = ""
        for path in sorted(glob.glob(f"{self.error_path}*")):
            with open(path, encoding="utf-8", errors="replace") as f:
                text += f.read()
        return text

    def messages(self):
        """All SIP messages sent and received, as SIPp traced them."""
        try:
            with open(self.message_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""


def _fill_in(scenario, keys, copy):
    """Writes a copy of the scenario with every @name@ replaced; SIPp's own -key can't stand for a code."""
    path = scenario if os.path.isabs(scenario) else os.path.join(SCENARIOS, f"{scenario}.xml")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for key, value in keys.items():
        text = text.replace(f"@{key}@", str(value))
    missing = re.findall(r"@([a-z_]+)@", text)
    assert not missing, f"{path}: no value for {missing}"
    with open(copy, "w", encoding="utf-8") as f:
        f.write(text)
    return copy


class _Counters(dict):
    def __missing__(self, key):
        return 0


def _number(text):
    try:
        return int(text)
    except (TypeError, ValueError):
        return text
