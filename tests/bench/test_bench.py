"""The benchmarks work. What they measure in seconds on a build with sanitizers says nothing."""

import glob
import os
import re
import subprocess

import pytest

from harness import build_dir

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run")


def bench(what, tmp_path):
    """Its output; fails when it does."""
    done = subprocess.run([RUN, what, "--quick", "--build", build_dir(), "--charts", tmp_path], capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(text, first):
    """Cells of all table rows that begin so."""
    return [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith(f"| {first} |")]


@pytest.mark.slow
def test_sip(tmp_path):
    out = bench("sip", tmp_path)
    cost, limits = rows(out, "sipmod")
    assert int(cost[3]) > 0 and cost[5] == "0", out
    assert int(limits[1]) > 0, out
    assert len(rows(out, "relay")) == len(rows(out, "kamailio")) == 2, out
    assert rows(out, "sipmod to Kamailio")


@pytest.mark.slow
def test_rest(tmp_path):
    out = bench("rest", tmp_path)
    assert re.findall(r"^\| bare reply as (\w+): [\d,]+ bytes \| [\d.]+ \| 1.00 ", out, re.M) == [
        "searchdid", "get_trunk", "getnumbers", "did_stats"], out
    for case in ("searchdid", "get_trunk", "getnumbers (1000 numbers)", "did_stats",
                 "reserve + remove_reserved"):
        row, = rows(out, case)
        assert float(row[1]) > 0 and row[7] == "0", out


@pytest.mark.slow
def test_memory(tmp_path):
    out = bench("memory", tmp_path)
    assert all(len(rows(out, size)) == 1 for size in ("20,000", "2,000", "100")), out
    charts = sorted(os.path.basename(p) for p in glob.glob(os.path.join(tmp_path, "*.svg")))
    assert len(charts) == 5, charts
    with open(os.path.join(tmp_path, charts[0]), encoding="utf-8") as f:
        assert re.search(r'<path d="M[\d.L ]+"', f.read())
