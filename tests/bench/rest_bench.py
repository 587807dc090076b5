"""Requests a second of trunkd, beside libmicrohttpd with fixed replies of the same sizes and the same threads."""

import os
import re
import subprocess
import urllib.parse
import urllib.request

from gauge import Meter, Rounds, cpu, table
from harness import Process, Stack, build_dir, free_port, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
THREADS, CONNECTIONS = 4, 64  # threads as trunkd is shipped
NUMBERS = 1000          # that getnumbers lists
ORDERED_AT_ONCE = 250   # of them
BLOCK = "206230"        # where the writes reserve
MANY = 4000             # numbers that a thread of wrk goes through
BARE = "bare reply as {}: {:,} bytes"
NEVER = float("nan")     # no request was answered
_TIMES = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}


class Reply(Process):
    """The floor."""

    def __init__(self, workdir):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__([os.path.join(build_dir(), "tests", "bench_reply"), self.port, THREADS], "reply", workdir)


def wrk(url, seconds, script=None, arguments=()):
    """Requests a second, p50 and p99 in ms, requests, and those that did not bring 200."""
    argv = ["wrk", "-t", "2", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--latency"]
    argv += ["-s", script] if script else []
    done = subprocess.run([*argv, url, *(["--", *map(str, arguments)] if arguments else [])], capture_output=True,
                          text=True, check=True)
    out = done.stdout
    delays = re.findall(r"^ +(50|99)% +([\d.]+)(us|ms|s|m) *$", out, re.MULTILINE)
    delay = {share: float(value) * _TIMES[unit] for share, value, unit in delays}
    wrong = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", out))
    broken = sum(int(n) for line in re.findall(r"Socket errors: (.*)", out) for n in re.findall(r"\d+", line))
    return {"rate": float(re.search(r"Requests/sec: +([\d.]+)", out)[1]), "p50": delay.get("50", NEVER),
            "p99": delay.get("99", NEVER),
            "requests": int(re.search(r"(\d+) requests in", out)[1]), "wrong": wrong + broken}


def provision(stack):
    """Numbers in service, free ones beside them, and an open cart; returns what wrk asks for, by name."""
    stack.import_inventory(("206228", "WA", "SEATTLE", "Seattle", NUMBERS), ("206229", "WA", "SEATTLE", "Seattle", 10),
                           (BLOCK, "WA", "SEATTLE", "Seattle", 10000))
    trunk = stack.define_trunk(("127.0.0.3", 5060))
    numbers = [f"206228{n:04d}" for n in range(NUMBERS)]
    for i in range(0, NUMBERS, ORDERED_AT_ONCE):
        stack.order(trunk, numbers=numbers[i:i + ORDERED_AT_ONCE])
    kept = f"{BLOCK}9999"  # keeps the cart open
    cart = stack.api.reserve(category="landline", state="WA", number=kept).good()["reserveId"]
    reads = {
        "searchdid": {"state": "WA", "NPANXX": "206229"},
        "get_trunk": {"tg_id": trunk},
        f"getnumbers ({NUMBERS} numbers)": {},
        "did_stats": {"number": numbers[0]},
    }
    return reads, cart


def cases(stack, floor):
    """(name, process that serves it, function that loads it for some seconds), each read after a bare reply of its
    size."""
    reads, cart = provision(stack)
    login = {"accountno": stack.account, "token": stack.token}

    def read(name, params):
        query = urllib.parse.urlencode({**login, **params})
        url = f"{stack.trunkd.url}/{name.split()[0]}?{query}"
        with urllib.request.urlopen(url) as reply:
            size = len(reply.read())
        return [(BARE.format(name.split()[0], size), floor, lambda seconds: wrk(f"{floor.url}/{size}", seconds)),
                (name, stack.trunkd, lambda seconds: wrk(url, seconds))]

    def write(seconds):
        return wrk(stack.trunkd.url, seconds, os.path.join(HERE, "reserve.lua"),
                   (urllib.parse.urlencode(login), cart, f"{BLOCK}0000", MANY))

    return [*(case for name, params in reads.items() for case in read(name, params)),
            ("reserve + remove_reserved", stack.trunkd, write)]


def wait_idle(process):
    """wrk leaves without the last replies, but they are made."""
    seen = [None]

    def idle():
        before, seen[0] = seen[0], cpu(process.pid)
        return before == seen[0]

    wait_for(idle, 30, f"{process.name} is idle", interval=0.1)


def measure(process, redis, load, seconds):
    meter = Meter(served=process, redis=redis)
    figures = load(seconds)
    wait_idle(process)
    used, n = meter.used(), max(figures["requests"], 1)
    return {**figures, "cpu": sum(used["served"]) / n * 1e6, "redis": sum(used["redis"]) / n * 1e6}


def run(args):
    rounds, seconds = args.rounds or (1 if args.quick else 3), 1 if args.quick else 6
    with Stack(conf={"log.level": "warn", "http.threads": THREADS, "http.connections_per_address": 1000}, aof=True,
               sipmod=False, credit="100000") as stack:
        floor = Reply(stack.workdir)
        stack.started.append(floor.start())
        todo = cases(stack, floor)
        figures = {name: [] for name, _, _ in todo}
        for _ in range(rounds):
            for name, process, load in todo:
                figures[name].append(measure(process, stack.redis, load, seconds))
    print(f"\n### REST: wrk with {CONNECTIONS} connections, servers of {THREADS} threads, AOF always; median "
          f"(lowest-highest) of {rounds} rounds of {seconds} s\n")
    bare, rows = None, []
    for name, all_rounds in figures.items():
        if name.startswith("bare"):
            bare = Rounds(f["rate"] for f in all_rounds)
        of = {what: Rounds(f[what] for f in all_rounds) for what in ("rate", "p50", "p99", "cpu", "redis")}
        rows.append((name, of["rate"].text("{:.0f}"), of["rate"].over(bare).text("{:.2f}"), of["p50"].text(),
                     of["p99"].text(), of["cpu"].text("{:.0f}"), of["redis"].text("{:.0f}"),
                     sum(f["wrong"] for f in all_rounds)))
    print(table(("", "requests/s", "to bare reply", "p50 ms", "p99 ms", "CPU us a request", "Redis us", "not 200"),
                rows))
    print("\nWanted: reads 0.60 of the bare reply or more, p99 5 ms or less, 5,000 writes a second or more.")
