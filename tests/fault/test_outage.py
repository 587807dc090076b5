"""Redis that stops, disks that are full, clocks that jump: nothing is lost and nobody has to mend anything."""

import contextlib
import datetime
import glob
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest

from fault_bed import FaultBed, check_calls
from harness import Dialog, Sipmod, wait_for
from harness.bed import Line
from load import Load


class FaultLine(Line):
    """A Line on a FaultBed."""

    def __init__(self, bed):
        super().__init__(bed, bed.proxy(0), account={"in_rate": "85", "in_increment": 1, "in_minimum": 0})


@pytest.fixture
def bed():
    with FaultBed(sipmods=1) as made:
        yield made


@pytest.fixture
def line(bed):
    opened = FaultLine(bed)
    yield opened
    opened.close()


def spooled(bed):
    """Bytes in the spool files."""
    return sum(os.path.getsize(p) for p in glob.glob(f"{bed.spool}/*.spool"))


def refused_within(line, seconds):
    """An INVITE is refused with 503 and Retry-After; returns after how long."""
    started = time.monotonic()
    response = line.refused(503)
    took = time.monotonic() - started
    assert took < seconds and response.get("retry-after"), (took, response)
    return took


def test_redis_stands_still(bed, line):
    calls = [line.answered() for _ in range(4)]
    wait_for(lambda: all(c["answer_ms"] for c in line.customer.live()), 3)
    bed.redis.suspend()
    stopped = time.monotonic()
    took = [refused_within(line, 0.5)]
    for by, call in zip(["caller", "callee"], calls):
        call.hang_up(by)
    length = 10
    while time.monotonic() - stopped < length:
        took.append(refused_within(line, 0.5))
        time.sleep(0.2)
    assert spooled(bed) > 0
    bed.redis.resume()
    wait_for(lambda: len(line.customer.live()) == 2, 5, "the ends arrive")
    line.answered().hang_up()
    wait_for(lambda: spooled(bed) == 0, 5, "an empty spool")
    for call in calls[2:]:
        call.hang_up("callee")
    line.customer.settled()
    answered = [c for c in line.cdrs() if c["answer_ms"] != "0"]
    assert len(answered) == 5 and {c["estimated"] for c in answered} == {"0"}
    ends = sorted(int(c["end_ms"]) for c in answered)
    assert ends[1] < ends[2] - (length - 1) * 1000, "these ended while Redis stood still"
    print(f"refused within {max(took) * 1000:.0f} ms")


@contextlib.contextmanager
def slow(redis):
    """Every reply of a server takes a fifth of a second or so."""
    over = threading.Event()

    def burden():
        while not over.is_set():
            redis.client.eval("for i = 1, 2e7 do end return ''", 0)

    thread = threading.Thread(target=burden)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_redis_is_slow_when_it_comes_back(bed, line):
    """Then what is sent again at its coming back is still under way when a retry would be due."""
    calls = [line.answered() for _ in range(4)]
    wait_for(lambda: all(c["answer_ms"] for c in line.customer.live()), 3)
    bed.redis.kill9()
    for call in calls:
        call.hang_up()
    bed.redis.start()
    with slow(bed.redis):
        wait_for(lambda: line.customer.live() == [], 20, "the ends arrive")
    line.customer.settled()
    assert [c["code"] for c in line.cdrs()] == ["200"] * 4


def test_answer_while_redis_stands_still(bed, line):
    invite = line.invite()
    received = line.tried(invite)
    line.primary.respond(received, 180)
    line.carrier.expect(180, call_id=invite.call_id)
    bed.redis.suspend()
    call = line.connect(invite, received)
    assert spooled(bed) > 0
    call.hang_up()
    bed.redis.resume()
    cdr = line.cdr(5)
    assert (cdr["code"], cdr["reason"], cdr["estimated"]) == ("200", "answered", "0") and int(cdr["ms"]) < 3000
    wait_for(lambda: spooled(bed) == 0, 5, "an empty spool")


def test_killed_before_the_answer_is_safe(bed, line):
    """Then the caller has no 200, and no call is up that isn't counted."""
    invite = line.invite()
    received = line.tried(invite)
    bed.redis.suspend()
    ok = line.primary.respond(received, 200)
    assert_no_final(line, invite)
    line.sipmod.kill9()
    bed.redis.resume()
    line.sipmod.start()
    assert_no_final(line, invite)
    wait_for(lambda: line.customer.live()[0]["answer_ms"], 3)  # it was on its way
    bye = Dialog.callee(line.primary, received, ok).send("BYE")
    line.carrier.respond(line.carrier.expect("BYE", call_id=bye.call_id), 481)
    line.primary.expect(481, call_id=bye.call_id)
    assert line.cdr(5)["by"] == "callee"
    line.customer.settled()


def test_killed_before_the_end_is_safe(bed, line):
    """Then the BYE has no response, and its retransmission ends the call."""
    call = line.answered()
    wait_for(lambda: line.customer.live()[0]["answer_ms"], 3)
    bed.redis.suspend()
    bye = call.caller.send("BYE")
    received = line.primary.expect("BYE")
    line.primary.respond(received, 200)
    assert_no_final(line, bye)
    line.sipmod.kill9()
    bed.redis.resume()
    line.sipmod.start()
    line.carrier.send(bye, call.caller.next_hop)
    again = line.primary.expect("BYE")
    line.primary.respond(again, 481)
    line.carrier.expect(481, call_id=bye.call_id)
    assert line.cdr(5)["by"] == "caller"
    line.customer.settled()


def assert_no_final(line, request):
    """Nothing final came for this request, as far as a quarter of a second tells."""
    end = time.monotonic() + 0.25
    while time.monotonic() < end:
        message = line.carrier.recv(end - time.monotonic())
        assert not message or (message.status or 0) < 200 or message.call_id != request.call_id, message


def test_spool_outlives_the_process(bed, line):
    calls = [line.answered() for _ in range(2)]
    bed.redis.kill9()
    invite = line.invite()
    line.failed(invite, 503)
    calls[0].hang_up("callee")
    wait_for(lambda: spooled(bed) > 0, 3, "something in the spool")
    line.sipmod.kill9()
    line.sipmod.start(ready=False)
    bed.redis.start()
    wait_for(lambda: len(line.customer.live()) == 1, 10, "the end arrives")
    cdr, = line.cdrs()
    assert (cdr["by"], cdr["reason"], cdr["estimated"]) == ("callee", "answered", "0")
    wait_for(lambda: spooled(bed) == 0, 5, "an empty spool")
    wait_for(lambda: "ready" in line.sipmod.log().split("replayed")[-1], 10, "sipmod is ready")
    calls[1].hang_up()
    line.customer.settled()


def test_spool_is_written_at_the_end(bed, line):
    call = line.answered()
    wait_for(lambda: line.customer.live()[0]["answer_ms"], 3)
    bed.redis.suspend()
    bye = call.caller.send("BYE")
    line.primary.respond(line.primary.expect("BYE"), 200)
    line.sipmod.stop()
    line.carrier.expect(200, call_id=bye.call_id)
    assert spooled(bed) > 0
    bed.redis.resume()
    line.sipmod.start()
    cdr = line.cdr(5)
    assert cdr["estimated"] == "0" and cdr["by"] == "caller"


def test_damaged_spool(bed, line):
    call = line.answered()
    wait_for(lambda: line.customer.live()[0]["answer_ms"], 3)
    bed.redis.kill9()
    call.hang_up()
    wait_for(lambda: spooled(bed) > 0, 3, "something in the spool")
    line.sipmod.kill9()
    path, = glob.glob(f"{bed.spool}/*.spool")
    with open(path, "r+b") as f:
        good = f.read()
        f.write(good.replace(b"caller", b"callee") + good[:-20])
    bed.redis.start()
    line.sipmod.start()
    assert line.cdr(5)["by"] == "caller"
    log = line.sipmod.log()
    assert "a damaged line is lost" in log and "torn line" in log
    wait_for(lambda: spooled(bed) == 0, 5, "an empty spool")


@pytest.mark.parametrize("usable", [True, False])
def test_preset_spool(usable):
    """Where nobody names a folder: used if it is there, else told loudly, and calls go on."""
    mount = "mount -t tmpfs tmpfs /var/lib && " + ("mkdir /var/lib/trunkline && " if usable else "")
    if subprocess.run(["unshare", "-m", "sh", "-c", mount + "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a file system")
    with FaultBed(sipmods=0) as made:
        made.settings["sip.spool_dir"] = "/var/lib/trunkline/spool"
        sipmod = Sipmod(made.workdir, made.settings)
        sipmod.argv = ["unshare", "-m", "sh", "-c", mount + 'exec "$0" "$@"', *sipmod.argv]
        made.sipmods["preset"] = sipmod.start()
        line = Line(made, sipmod)
        line.answered().hang_up()
        assert line.cdr(5)["code"] == "200"
        folder = os.path.join("/proc", str(sipmod.pid), "root", "var/lib/trunkline/spool")
        held = os.listdir(folder) if os.path.isdir(folder) else []
        assert (held, "MEMORY ALONE" in sipmod.log()) == ((["sipmod.spool"], False) if usable else ([], True))
        line.close()


# --- disks ---------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True,
                          check=False)
    if done.returncode != 0:
        pytest.skip("no right to mount a file system")
    yield str(place)
    subprocess.run(["umount", "-l", place], check=True)


def fill(place):
    """Takes all that is left; returns the file that has it."""
    path = os.path.join(place, "filler")
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            return path


def test_disk_full_while_spooling(small_disk):
    with FaultBed(sipmods=1, spool=small_disk) as bed:
        line = FaultLine(bed)
        calls = [line.answered() for _ in range(3)]
        wait_for(lambda: all(c["answer_ms"] for c in line.customer.live()), 3)
        filler = fill(small_disk)
        bed.redis.kill9()
        calls[0].hang_up()
        calls[1].hang_up("callee")
        wait_for(lambda: "are in memory alone" in line.sipmod.log(), 5, "a loud word")
        assert spooled(bed) == 0
        os.unlink(filler)
        wait_for(lambda: spooled(bed) > 0, 5, "written when there is room")
        line.sipmod.kill9()
        bed.redis.start()
        line.sipmod.start()
        wait_for(lambda: len(line.cdrs()) == 2, 5)
        assert sorted(c["by"] for c in line.cdrs()) == ["callee", "caller"]
        calls[2].hang_up()
        line.customer.settled()
        line.close()


def test_disk_full_while_archiving(small_disk):
    with FaultBed(sipmods=1, files=small_disk) as bed:
        load = Load(bed.targets, "", kinds=[(1, "busy")])
        load.number = bed.serve(load.address["callee"])
        try:
            load.run(2, 20, random.Random(1))
            assert load.drain(10)
            bed.settle()
            filler = fill(small_disk)
            load.run(2, 20, random.Random(2))
            assert load.drain(10)
            wait_for(lambda: "they stay in Redis until it is mended" in bed.trunkd.log(), 10, "a loud word")
            os.unlink(filler)
            bed.settle()
            assert "archived again" in bed.trunkd.log()
            check_calls(load, bed.books.check())
        finally:
            load.close()


# --- clocks --------------------------------------------------------------------------

@pytest.mark.parametrize("jump", ["+1h", "-1h"])
def test_clock_of_a_proxy_jumps(tmp_path, jump):
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    assert found, "the package faketime is missing"
    clock = tmp_path / "clock"
    clock.write_text("+0")
    asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    faked = {"LD_PRELOAD": f"{os.path.realpath(asan.stdout.strip())} {found[0]}", "DONT_FAKE_MONOTONIC": "1",
             "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    with FaultBed(sipmods=1, environment=faked) as bed:
        line = FaultLine(bed)
        call = line.answered()
        wait_for(lambda: line.customer.live()[0]["answer_ms"], 3)
        clock.write_text(jump)
        wait_for(lambda: has_jumped(line.sipmod, jump), 5, "the clock has jumped")
        call.hang_up()
        second = line.answered()
        second.hang_up()
        wait_for(lambda: len(line.cdrs()) == 2, 5)
        line.customer.settled()
        assert all(int(c["ms"]) < 15000 and c["estimated"] == "0" for c in line.cdrs()), line.cdrs()
        line.close()


def has_jumped(sipmod, jump):
    """Whether a new line of the log carries the new time."""
    sipmod.signal(signal.SIGHUP)
    told = json.loads(sipmod.log().splitlines()[-1])["time"]
    ahead = datetime.datetime.fromisoformat(told.replace("Z", "+00:00")).timestamp() - time.time()
    return abs(ahead - (3600 if jump == "+1h" else -3600)) < 120
