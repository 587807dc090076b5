"""Real load while programs are killed and paused: each admitted call has exactly one CDR, and the books agree."""

import os
import random
import time

import pytest

from fault_bed import Chaos, FaultBed, check_calls
from load import Load

LONG = os.environ.get("TRUNKLINE_FAULT") == "long"


def seed_of_run():
    seed = int(os.environ.get("TRUNKLINE_SEED") or random.randrange(2 ** 32))
    print(f"seed {seed}: TRUNKLINE_SEED={seed} repeats the plan")
    return seed


@pytest.fixture
def bed():
    with FaultBed() as made:
        yield made


def new_load(bed, sessions=None, **kwargs):
    load = Load(bed.targets, "", **kwargs)
    load.number = bed.serve(load.address["callee"], sessions)
    return load


def test_kills_and_pauses(bed):
    seed = seed_of_run()
    seconds, rate = (60, 200) if LONG else (14, 40)
    sessions = 150 if LONG else bed.sessions
    load = new_load(bed, sessions)
    chaos = Chaos(bed, seed, seconds, *((20, 10, 5, 10) if LONG else (5, 2, 1, 3)))
    try:
        chaos.start()
        load.run(seconds, rate, random.Random(seed))
        chaos.finish()
        assert load.drain(60), [vars(c) for c in load.calls if c.up or not (c.final or c.caller.over)][:5]
        cdrs = bed.settle(60)
        up = check_calls(load, cdrs)
        peak = bed.books.check_limit(bed.tg, sessions)
    except BaseException:
        print("\n".join(chaos.done))
        raise
    finally:
        load.close()
    estimated = sum(c["estimated"] == "1" for c in cdrs)
    print("\n".join(chaos.done))
    print(f"{len(load.calls)} calls, {len(cdrs)} CDRs, {up} up, {estimated} estimated, at most {load.most_up} up at "
          f"once seen and {peak} by CDRs of {sessions} allowed")
    assert up > len(load.calls) / 10 and load.most_up <= sessions


def test_cancel_crosses_200(bed):
    count = 10000 if LONG else 500
    load = new_load(bed, sessions=1000, kinds=[(1, "cross")])
    chance, started = random.Random(seed_of_run()), time.monotonic()
    rate = 100
    try:
        load.run(count / rate, rate, chance)
        assert load.drain(60)
        cdrs = bed.settle()
        check_calls(load, cdrs)
    finally:
        load.close()
    codes = {}
    for c in cdrs:
        codes[c["code"]] = codes.get(c["code"], 0) + 1
    print(f"{len(load.calls)} calls in {time.monotonic() - started:.0f} s: {codes}")
    assert len(cdrs) == len(load.calls) and {"200", "487"} <= set(codes)
