"""What programs cost: CPU from /proc/PID/stat, memory from /proc/PID/status, and figures over several rounds."""

import os
import statistics

_TICK = os.sysconf("SC_CLK_TCK")


def session_pids(leader):
    """All processes of the session that this process leads."""
    pids = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(name)
            if fields and int(fields[3]) == leader:
                pids.append(int(name))
    return pids


def cpu(leader):
    """(user, system) CPU seconds that a session has used so far, ended children included."""
    user = system = 0
    for pid in session_pids(leader):
        fields = _stat(pid)
        if fields:
            user += int(fields[11]) + (int(fields[13]) if pid == leader else 0)
            system += int(fields[12]) + (int(fields[14]) if pid == leader else 0)
    return user / _TICK, system / _TICK


def memory(leader):
    """Resident private bytes of a session (without files that are mapped)."""
    total = 0
    for pid in session_pids(leader):
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("RssAnon:"))
        except FileNotFoundError:
            pass
    return total * 1024


def _stat(pid):
    """Fields of /proc/PID/stat from the state on; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


class Meter:
    """CPU of several processes between two moments: {name: (user, system)} in seconds."""

    def __init__(self, **processes):
        self.leaders = {name: p.pid for name, p in processes.items() if p is not None}
        self.before = {name: cpu(pid) for name, pid in self.leaders.items()}

    def used(self):
        now = {name: cpu(pid) for name, pid in self.leaders.items()}
        return {name: (now[name][0] - self.before[name][0], now[name][1] - self.before[name][1]) for name in now}


def percentile(values, share):
    """Of a list that isn't empty; share from 0 to 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Rounds:
    """The same figure in several rounds: median with lowest and highest."""

    def __init__(self, values):
        self.values = list(values)

    @property
    def median(self):
        return statistics.median(self.values)

    def over(self, other):
        """Ratios round by round."""
        return Rounds(a / b for a, b in zip(self.values, other.values) if b)

    def text(self, form="{:.1f}"):
        """`12.3 (11.9-13.0)`."""
        if not self.values:
            return "-"
        low, high = form.format(min(self.values)), form.format(max(self.values))
        return form.format(self.median) + (f" ({low}-{high})" if len(self.values) > 1 else "")


def table(columns, rows):
    """Lines of a Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows])
