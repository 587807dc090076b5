"""Calls that outlive midnight, a month, a leap day: each is in the day and the month of its end."""

import datetime
import os
import subprocess
import time

import pytest

from harness import Books, Ctl, Redis, Trunkd, wait_for, write_conf
from harness.books import read_stats
from harness.process import make_workdir, remove_workdir

SHIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock_shim.c")
CALL = ["in", "2065550100", "", "n", "b", "f", "t", "s", "u", "i@x", "", "", "", "", "486", "3600"]


@pytest.fixture
def clocked(request):
    """Redis whose clock starts at the test's parameter, and a trunkd."""
    workdir = make_workdir("calendar")
    shim = os.path.join(workdir, "clock_shim.so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, SHIM], check=True)
    redis = Redis(workdir, aof=True)
    start = datetime.datetime.fromisoformat(f"{request.param[0]}T23:59:56+00:00").timestamp()
    redis.env = {"LD_PRELOAD": shim, "CLOCK_SHIM": str(int(start - time.time()))}
    redis.start()
    files = os.path.join(workdir, "files")
    trunkd = Trunkd(workdir, {"redis.address": redis.address, "files.dir": files}).start()
    yield redis, files, request.param
    trunkd.discard()
    redis.discard()
    remove_workdir(workdir)


def number_in_service(redis, base):
    for name, *args in [
            ("account_create", "1000001", "in_rate", "60000", "in_increment", "1", "in_minimum", "0"),
            ("account_book", "1000000", "Bank Transfer", "start", "", ""),
            ("trunk_define", "11", "kind", "in", "billing", "Metered", "primary_host", "192.0.2.1"),
            ("cart_open", "landline", "31"), ("cart_add", "31", "9" * 13, "2065550100", "WA"),
            ("order_create", "41", "31", "11", "60000"), ("order_start", "41"), ("order_pay", "41"),
            ("order_complete", "41"), ("saga_done", "order:41")]:
        assert redis.fcall(name, base, *args)[0] == "ok", name
    redis.fcall("index_add", "accounts", "1000001")


@pytest.mark.parametrize("clocked", [("2028-02-28", "2028-02-29"), ("2028-02-29", "2028-03-01"),
                                     ("2027-12-31", "2028-01-01")], indirect=True, ids=lambda p: p[1])
def test_call_over_midnight(clocked):
    redis, files, (before, after) = clocked
    base = "{a:1000001}"
    number_in_service(redis, base)
    for call in ("short", "long"):
        assert redis.fcall("call_admit", base, call, *CALL)[0] == "ok"
        assert redis.fcall("call_answer", base, call, "0", "", "", "", "")[0] == "ok"
    assert redis.fcall("call_finish", base, "short", "200", "answered", "caller", *[""] * 5, "0", "")[0] == "ok"
    wait_for(lambda: redis.client.time()[0] % 86400 in range(0, 60), 10, "midnight")
    assert redis.fcall("call_finish", base, "long", "200", "answered", "caller", *[""] * 5, "0", "")[0] == "ok"
    books = Books(redis, "1000001")
    cdrs = books.check()
    short, long = cdrs
    assert int(long["ms"]) > 1000 and int(long["billed"]) == -(-int(long["ms"]) // 1000)
    for day, cdr in ((before, short), (after, long)):
        one = redis.client.hgetall(f"{base}:st:all:{day}")
        assert (one["processed"], one["ms"], one["peak"]) == ("1", cdr["ms"], "2" if day == before else "1")
        month = read_stats(redis.client, base)[f"st:tg:11:{day[:7]}"]
        assert month["processed"] == (2 if before[:7] == after[:7] else 1)
    line = redis.client.xrevrange(f"{base}:ledger", count=1)[0]
    assert line[1]["ref"] == "call:long" and int(line[0].split("-")[0]) >= int(long["end_ms"])
    wait_for(lambda: len(books.files(files)) == 2, 10, "CDRs in files")
    books.check_files(files)
    assert {r["file"] for r in books.files(files)} == {f"{before}-in-success.csv", f"{after}-in-success.csv"}
    if before[:7] != after[:7]:
        check_invoice(redis, files, before[:7], short, long)


def check_invoice(redis, files, month, short, long):
    """The invoice of the month that is over has the call that ended in it, and not the other."""
    conf = write_conf(os.path.join(os.path.dirname(files), "ctl.ini"), {"redis.address": redis.address,
                                                                         "files.dir": files})
    Ctl(conf)("invoice", "make", "1000001", month)
    reply = redis.fcall("invoice_list", "{a:1000001}")
    row = dict(zip(reply[2:8], reply[8:14]))
    assert (row["month"], abs(int(row["charges"]))) == (month, int(short["amount"])) and int(long["amount"]) > 0
    assert int(row["balance"]) == 1000000 - int(short["amount"])
