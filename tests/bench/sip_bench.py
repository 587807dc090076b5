"""A call's cost in sipmod, beside Kamailio with the least of the same work and beside a bare relay."""

import os
import time

import load
import wire
from gauge import Meter, Rounds, percentile, table
from harness import wait_for
from rivals import Rivals

RELAY, KAMAILIO, SIPMOD = "relay", "kamailio", "sipmod"


class Plan:
    """How long to look: --quick proves that the bench works, its figures mean nothing."""

    def __init__(self, args):
        self.quick = args.quick
        self.rates = [args.rate] if args.rate else [100] if args.quick else [500, 1000]
        self.rounds = args.rounds or (1 if args.quick else 5)
        self.limit_rounds = min(self.rounds, 3)
        self.round_s = 1 if args.quick else 6
        self.search_s = 1 if args.quick else 3
        self.first_rate, self.last_rate = (100, 100) if args.quick else (500, 16000)
        self.capture_s = 1 if args.quick else 8
        self.names = (RELAY, KAMAILIO, SIPMOD)


def measure(rivals, name, rate, calls):
    """One load on one of them: microseconds a call, by user and system, and of Redis."""
    process = rivals.running[name]
    meter = Meter(proxy=process, redis=rivals.redis)
    outcome = load.run(rivals, process.target, rate, calls)
    used = meter.used()
    if name == SIPMOD and not outcome.whole:
        raise AssertionError(f"{name}: {outcome.failed} of {calls} calls failed at {rate} a second{process.tail(8)}")
    return {"user": used["proxy"][0] / calls * 1e6, "system": used["proxy"][1] / calls * 1e6,
            "redis": sum(used["redis"]) / calls * 1e6, "failed": outcome.failed}


def common_rate(rivals, plan, rate):
    """That rate, or a half, a quarter… of it that all of them carry: who fails calls does other work.

    Kamailio's one worker waits for Redis, and Redis for the disk: a slow disk is the usual reason.
    """
    while rate > 50 and not all(carries(rivals, name, rate, plan.search_s / 2) for name in plan.names):
        rate //= 2
    return rate


def cost(rivals, plan, rate):
    """{name: [figures of each round]}, one after the other in each round."""
    figures = {name: [] for name in plan.names}
    for i in range(plan.rounds):
        turn = i % len(plan.names)
        for name in plan.names[turn:] + plan.names[:turn]:
            figures[name].append(measure(rivals, name, rate, rate * plan.round_s))
    return figures


def check_books(rivals):
    """Each call has been recorded, or is live: a SIPp that gives up leaves calls behind."""
    client, key = rivals.redis.client, rivals.customer.key

    def agree():
        count = {k: int(v) for k, v in client.hgetall(f"{key}:count").items()}
        return count["admitted"] + count.get("refused", 0) == count["cdrs"] + client.zcard(f"{key}:live")

    wait_for(agree, 20, "as many calls admitted as recorded and live")


def total(figures):
    return Rounds(f["user"] + f["system"] for f in figures)


def show_costs(plan, aof):
    """At each rate, as far as all of them carry it."""
    with Rivals(aof, plan.names) as rivals:
        answerer = load.answerer(rivals)
        for rate in sorted({common_rate(rivals, plan, rate) for rate in plan.rates}):
            show_cost(plan, aof, rate, cost(rivals, plan, rate))
        answerer.stop()
        check_books(rivals)


def show_cost(plan, aof, rate, figures):
    print(f"\n### CPU a call, {rate} calls a second, AOF {'always' if aof else 'off'}: microseconds, median "
          f"(lowest-highest) of {plan.rounds} rounds of {rate * plan.round_s} calls\n")
    rows = []
    for name in plan.names:
        each = {what: Rounds(f[what] for f in figures[name]).text("{:.0f}") for what in ("user", "system", "redis")}
        rows.append((name, each["user"], each["system"], total(figures[name]).text("{:.0f}"), each["redis"],
                     sum(f["failed"] for f in figures[name])))
    print(table(("", "user", "system", "both", "Redis", "failed calls"), rows))
    ours, rival, floor = (figures[n] for n in (SIPMOD, KAMAILIO, RELAY))
    redis = Rounds(f["redis"] for f in ours).over(Rounds(f["redis"] for f in rival))
    print()
    print(table(("ratio", "measured", "wanted"), [
        ("sipmod to Kamailio", total(ours).over(total(rival)).text("{:.2f}"), "0.20 or less"),
        ("sipmod to relay", total(ours).over(total(floor)).text("{:.2f}"), "2.5 or less"),
        ("Redis for sipmod to Redis for Kamailio", redis.text("{:.2f}"), "1.2 or less")]), flush=True)


# --- highest rate ---------------------------------------------------------------------------


def carries(rivals, name, rate, seconds):
    """Whether so many calls a second all succeed."""
    target = rivals.running[name].target
    return load.run(rivals, target, rate, int(rate * seconds), timeout=int(seconds + 5)).whole


def highest_rate(rivals, name, plan):
    """Doubles the rate until calls fail, then halves the step down to an eighth."""
    good, step = 0, plan.first_rate
    while good + step <= plan.last_rate and carries(rivals, name, good + step, plan.search_s):
        good += step
        step = good
    for _ in range(0 if plan.quick else 3):
        step //= 2
        if good + step <= plan.last_rate and carries(rivals, name, good + step, plan.search_s):
            good += step
    return good


def forwarding(rivals, name, rate, seconds):
    """Seconds that INVITEs spent on their way through, one by one."""
    target = rivals.running[name].target
    sipp = load.caller(rivals, target, rate, int(rate * seconds))
    with wire.Capture(target, rivals.callee) as capture:
        sipp.start()
        capture.read(seconds + 0.5)
        load.Outcome(sipp, int(rate * seconds), rate)
        return wait_for(capture.delays, 1, "INVITEs on loopback")


def disk_delay(folder, tries=50):
    """Milliseconds until a small write is on disk, median: no answer of a Redis with AOF always comes sooner."""
    times = []
    with open(os.path.join(folder, "fsync"), "wb", buffering=0) as f:
        for _ in range(tries):
            begun = time.monotonic()
            f.write(bytes(500))
            os.fdatasync(f.fileno())
            times.append((time.monotonic() - begun) * 1000)
    return percentile(times, 0.5)


def show_limits(plan):
    """The highest rate without a failed call, and the delay of an INVITE at half of it."""
    print(f"\n### Highest rate without a failed call, and delay of an INVITE at half of it; AOF always, "
          f"{plan.limit_rounds} rounds\n", flush=True)
    rates, delays = {n: [] for n in plan.names}, {n: [] for n in plan.names}
    with Rivals(True, plan.names) as rivals:
        answerer = load.answerer(rivals)
        for _ in range(plan.limit_rounds):
            for name in plan.names:
                rates[name].append(highest_rate(rivals, name, plan))
                half = max(rates[name][-1] // 2, 50)
                if wire.permitted():
                    delays[name].append(forwarding(rivals, name, half, plan.capture_s))
        disk = disk_delay(rivals.bed.workdir)
        answerer.stop()
        check_books(rivals)
    rows = [(name, Rounds(rates[name]).text("{:.0f}"),
             *(Rounds(percentile(d, share) * 1000 for d in delays[name]).text("{:.2f}") for share in (0.5, 0.99)))
            for name in plan.names]
    print(table(("", "calls a second", "p50 ms", "p99 ms"), rows))
    print(f"\nThe disk takes {disk:.2f} ms for a small write that is safe.\n")
    print(table(("ratio", "measured", "wanted"), [
        ("highest rate, sipmod to Kamailio", Rounds(rates[SIPMOD]).over(Rounds(rates[KAMAILIO])).text("{:.2f}"),
         "4 or more"),
        ("highest rate, sipmod to relay (the relay shows what the load itself can do)",
         Rounds(rates[SIPMOD]).over(Rounds(rates[RELAY])).text("{:.2f}"), "")]), flush=True)
    if not wire.permitted():
        print("\nNo delays: listening to loopback needs root (CAP_NET_RAW).")


def run(args):
    plan = Plan(args)
    show_costs(plan, aof=True)
    if not plan.quick:
        show_costs(plan, aof=False)
    show_limits(plan)
