"""What stays in memory, and what it costs to find: free numbers, assigned numbers, live calls."""

import itertools
import os
import time

import load
from chart import Chart
from gauge import Meter, memory, table
from harness import Ctl, wait_for, write_conf
from harness.bed import Bed, Customer
from rivals import Rivals

MIB = 1 << 20
STATES = {"WA": 220, "OR": 230, "CA": 240, "NV": 250, "ID": 260, "UT": 270, "AZ": 280, "MT": 320, "WY": 330, "CO": 340}
BLOCK = 10000
SAMPLES = 500
ACCOUNT_NUMBERS = 10000  # numbers of one account
ORDER = 1000             # numbers of one order
FIRST_ORDER = 100001     # as trunkd gives them out
NXX = [n for n in range(200, 1000) if n % 100 != 11]
HOLD_RATE, PROBE_RATE = 400, 200
HOUR_MS = 3600 * 1000


def used_memory(redis):
    return redis.client.info("memory")["used_memory"]


def cost(redis, command, work):
    """Microseconds of the server that one of the commands took while `work` ran, on average."""
    redis.client.config_resetstat()
    work()
    return redis.client.info("commandstats")[f"cmdstat_{command}"]["usec_per_call"]


# --- free numbers ---------------------------------------------------------------------------


def block_of(i):
    """(NPANXX, state) of block number i: each state has an area code of its own."""
    state = list(STATES)[i % len(STATES)]
    return f"{STATES[state]}{NXX[i // len(STATES)]}", state


def write_blocks(path, first, last):
    lines = [f"{n:04d}" for n in range(BLOCK)]
    with open(path, "w", encoding="ascii") as f:
        f.write("number,state,ratecenter,city\n")
        for i in range(first, last):
            npanxx, state = block_of(i)
            tail = f",{state},CENTRE {i % 50},City {i % 50}\n"
            f.write("".join(npanxx + line + tail for line in lines))


def probe_inventory(bed, blocks):
    """Microseconds of a search and of a hold with its release, over all that is there."""
    picks = [(*block_of(i * 7919 % blocks), i % BLOCK) for i in range(SAMPLES)]

    def search():
        for npanxx, state, _ in picks:
            bed.ok("inv_search", f"inv:{{{state}}}", npanxx, "", "", "", "0", "10")

    def search_state():
        for _, state, _ in picks:
            bed.ok("inv_search", f"inv:{{{state}}}", "", "", "", "", "0", "10")

    def hold():
        for npanxx, state, line in picks:
            number = f"{npanxx}{line:04d}"
            bed.ok("inv_hold", f"inv:{{{state}}}", "1:c:1", "60000", number)
            bed.ok("inv_release", f"inv:{{{state}}}", "1:c:1", number)

    return (cost(bed.redis, "fcall_ro", lambda: _read_only(bed, search)),
            cost(bed.redis, "fcall_ro", lambda: _read_only(bed, search_state)), 2 * cost(bed.redis, "fcall", hold))


def _read_only(bed, work):
    """Runs it with FCALL_RO, as the programs read."""
    writing = bed.redis.fcall
    bed.redis.fcall = lambda function, key, *args: bed.redis.client.fcall_ro(function, 1, key, *args)
    try:
        work()
    finally:
        bed.redis.fcall = writing


def free_numbers(args):
    steps = (1, 2) if args.quick else (1, 10, 100, 1000)
    rows, done = [], 0
    with Bed() as bed:
        ctl = Ctl(write_conf(os.path.join(bed.workdir, "ctl.ini"), {"redis.address": bed.redis.address}))
        empty = used_memory(bed.redis)
        for blocks in steps:
            path = os.path.join(bed.workdir, "inventory.csv")
            write_blocks(path, done, blocks)
            begun = time.monotonic()
            ctl("inventory", "import", path, timeout=600)
            rate = (blocks - done) * BLOCK / (time.monotonic() - begun)
            os.unlink(path)
            done = blocks
            rows.append((blocks * BLOCK, used_memory(bed.redis) - empty, rate, *probe_inventory(bed, blocks)))
    print("\n### Free numbers\n")
    print(table(("numbers", "Redis MiB", "imported a second", "search in a block us", "search in a state us",
                 "hold + release us"),
                [(f"{n:,}", f"{m / MIB:.2f}", f"{r:,.0f}", f"{a:.1f}", f"{b:.1f}", f"{c:.1f}")
                 for n, m, r, a, b, c in rows]))
    print("\nWanted: 16 MiB or less for ten million; search and hold flat; 200,000 rows a second imported.", flush=True)
    (Chart("Inventory: cost against free numbers", "free numbers", "microseconds in Redis")
     .line("search in a block", [(r[0], r[3]) for r in rows]).line("search in a state", [(r[0], r[4]) for r in rows])
     .line("hold + release", [(r[0], r[5]) for r in rows]).save(args.charts, "free-numbers-cost"))
    (Chart("Inventory: memory against free numbers", "free numbers", "MiB in Redis")
     .line("Redis", [(r[0], r[1] / MIB) for r in rows]).save(args.charts, "free-numbers-memory"))


# --- imports --------------------------------------------------------------------------------


def write_rows(path, in_block, rows):
    """Rows of an import, so many of each block, ascending or strewn over the block; blocks of all area codes."""
    blocks = (f"{npa}{nxx},{list(STATES)[npa % len(STATES)]}" for npa in range(201, 800)
              if npa // 10 % 10 != 9 and npa % 100 != 11 for nxx in NXX)
    stride = 1 if in_block == BLOCK else 1999
    with open(path, "w", encoding="ascii") as f:
        f.write("number,state,ratecenter,city\n")
        for i, block in enumerate(itertools.islice(blocks, rows // in_block)):
            npanxx, state = block.split(",")
            tail = f",{state},CENTRE {i // 50},City {i // 500}\n"
            f.writelines(f"{npanxx}{line * stride % BLOCK:04d}{tail}" for line in range(in_block))


def imports(args):
    count = 20000 if args.quick else 1000000
    rows = []
    for in_block in (BLOCK, 1000, 5):
        with Bed() as bed:
            ctl = Ctl(write_conf(os.path.join(bed.workdir, "ctl.ini"), {"redis.address": bed.redis.address}))
            path = os.path.join(bed.workdir, "inventory.csv")
            write_rows(path, in_block, count)
            empty, meter, begun = used_memory(bed.redis), Meter(redis=bed.redis), time.monotonic()
            assert ctl("inventory", "import", path, timeout=600)["added"] == count
            rate = count / (time.monotonic() - begun)
            rows.append((in_block, rate, sum(meter.used()["redis"]), used_memory(bed.redis) - empty))
    print(f"\n### Import of {count:,} rows\n")
    print(table(("rows of each block", "rows a second", "Redis us a row", "Redis MiB"),
                [(f"{n:,}", f"{r:,.0f}", f"{c / count * 1e6:.2f}", f"{m / MIB:.1f}") for n, r, c, m in rows]))
    print("\nWanted: 200,000 rows a second.", flush=True)


# --- assigned numbers -----------------------------------------------------------------------


def assign(bed, customer, trunk, numbers, order):
    """Puts numbers into service by the steps of an order."""
    bed.ok("cart_open", customer.key, "landline", order)
    lines = [x for number in numbers for x in (number, "WA")]
    bed.ok("cart_add", customer.key, order, int(time.time() * 1000) + HOUR_MS, *lines)
    bed.ok("order_create", customer.key, order, order, trunk, HOUR_MS)
    bed.ok("order_start", customer.key, order)
    bed.ok("order_pay", customer.key, order)
    with bed.redis.client.pipeline(transaction=False) as pipe:
        for number in numbers:
            pipe.fcall("did_assign", 1, f"did:{number}", customer.id, trunk, "1", "")
        pipe.execute()
    bed.ok("order_complete", customer.key, order)
    bed.ok("saga_done", customer.key, f"order:{order}")


def assigned_numbers(args):
    steps = (1000, 2000) if args.quick else (10000, 100000, 1000000)
    rows, done, customer, trunk = [], 0, None, None
    with Bed() as bed:
        empty = used_memory(bed.redis)
        for most in steps:
            while done < most:
                if done % ACCOUNT_NUMBERS == 0:
                    customer = Customer(bed, credit=10 ** 12)
                    trunk = customer.trunk()
                numbers = [f"2{n:09d}" for n in range(done, done + ORDER)]
                assign(bed, customer, trunk, numbers, str(FIRST_ORDER + done // ORDER))
                done += ORDER

            def route():
                for i in range(SAMPLES):
                    bed.ok("did_route", f"did:2{i * 7919 % done:09d}")

            rows.append((done, used_memory(bed.redis) - empty, cost(bed.redis, "fcall_ro",
                                                                    lambda: _read_only(bed, route))))
    print("\n### Assigned numbers\n")
    print(table(("numbers", "Redis MiB", "bytes a number", "route us"),
                [(f"{n:,}", f"{m / MIB:.1f}", f"{m / n:.0f}", f"{c:.1f}") for n, m, c in rows]))
    print("\nWanted: 250 bytes a number or less; route flat.", flush=True)
    (Chart("Routing: cost against numbers in service", "numbers in service", "microseconds in Redis")
     .line("did_route", [(r[0], r[2]) for r in rows]).save(args.charts, "assigned-numbers-cost"))


# --- live calls -----------------------------------------------------------------------------


def cdr_bytes(rivals):
    return sum(rivals.redis.client.memory_usage(f"{rivals.customer.key}:{name}", samples=0) or 0
               for name in ("cdr", "ledger"))


def live_calls(args):
    steps = (20, 100) if args.quick else (100, 1000, 10000, 100000)
    rate = 100 if args.quick else HOLD_RATE
    probe = 50 if args.quick else 2000
    rows, up, holders = [], 0, []
    with Rivals(False, ("sipmod",)) as rivals:
        sipmod = rivals.running["sipmod"]
        answerer = load.answerer(rivals)
        load.run(rivals, sipmod.target, rate, rate if args.quick else rate * 40)  # memory for calls in setup
        begun = (memory(sipmod.pid), used_memory(rivals.redis) - cdr_bytes(rivals))
        for most in steps:
            holders.append(load.caller(rivals, sipmod.target, rate, most - up, HOUR_MS, timeout=2 * 3600).start())
            wait_for(lambda: rivals.redis.client.zcard(f"{rivals.customer.key}:live") == most,
                     (most - up) / rate * 3 + 20, f"{most} live calls", 0.2)
            up = most
            held = (memory(sipmod.pid) - begun[0], used_memory(rivals.redis) - cdr_bytes(rivals) - begun[1])
            meter = Meter(sipmod=sipmod, redis=rivals.redis)
            outcome = load.run(rivals, sipmod.target, PROBE_RATE, probe)
            assert outcome.whole, f"{outcome.failed} of {probe} calls failed beside {up} live ones"
            used = meter.used()
            rows.append((up, *held, sum(used["sipmod"]) / probe * 1e6, sum(used["redis"]) / probe * 1e6))
        for sipp in (*holders, answerer):
            sipp.discard()
    print(f"\n### Live calls; cost of one more at {PROBE_RATE} a second\n")
    print(table(("live calls", "sipmod bytes a call", "Redis bytes a call", "sipmod us", "Redis us"),
                [(f"{n:,}", f"{m / n:,.0f}", f"{r / n:,.0f}", f"{c:.0f}", f"{d:.0f}") for n, m, r, c, d in rows]))
    print("\nWanted: 2,048 bytes in sipmod and 1,024 in Redis or less; cost flat (10 %).", flush=True)
    (Chart("A call's cost against live calls", "live calls", "microseconds of CPU")
     .line("sipmod", [(r[0], r[3]) for r in rows]).line("Redis", [(r[0], r[4]) for r in rows])
     .save(args.charts, "live-calls-cost"))
    (Chart("Memory against live calls", "live calls", "MiB")
     .line("sipmod", [(r[0], r[1] / MIB) for r in rows]).line("Redis", [(r[0], r[2] / MIB) for r in rows])
     .save(args.charts, "live-calls-memory"))


def run(args):
    free_numbers(args)
    imports(args)
    assigned_numbers(args)
    live_calls(args)
    print(f"\nCharts: {args.charts}")
