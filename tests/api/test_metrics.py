"""/metrics of trunkd: requests, jobs, and the books of all accounts."""

import time

import pytest

from harness import Stack, wait_for
from harness.metrics import scrape


@pytest.fixture(scope="module")
def told():
    """A Stack with one live call, one that ended and one refused."""
    with Stack() as s:
        trunk = s.define_trunk(s.peer("127.0.0.3"), sessions="7")
        number, = s.order(trunk)
        key = f"{{a:{s.account}}}"
        for call, to in (("over", number), ("live", number), ("none", "2065550000")):
            s.redis.fcall("call_admit", key, call, "in", to, "", s.sipmod.name, "b", "f", "t", "s", "demo", call,
                          "", "", "", "", "486", "3600")
        s.redis.client.hincrby(f"{key}:call:over", "invite_ms", -5000)
        s.redis.fcall("call_answer", key, "over", "4000", "", "0", "", "")
        s.redis.fcall("call_finish", key, "over", "200", "answered", "caller", "", "", "", "", "", "0", "")
        s.trunk, s.key = trunk, key
        yield s
        s.redis.fcall("call_finish", key, "live", "487", "cancelled", "caller", "", "", "", "", "", "0", "")


def books(s):
    """The figures once the job that reads the books has run after this moment."""
    def read():
        figures = scrape(s.trunkd)
        return figures.of("trunkline_books_live_calls") == 1 and figures
    return wait_for(read, 12, "the books in /metrics")


def test_books(told):
    figures = books(told)
    names = ("admitted_total", "refused_total", "cdrs_total", "live_calls", "gap", "unbalanced_accounts")
    assert [figures[f"trunkline_books_{name}"] for name in names] == [2, 1, 2, 1, 0, 0]
    trunk = {"account": told.account, "trunk": told.trunk, "direction": "in"}
    of = {name: figures.of(f"trunkline_trunk_{name}", **trunk) for name in (
        "calls_total", "answered_total", "sessions", "sessions_limit", "asr_ratio", "acd_seconds")}
    assert of == {"calls_total": 1, "answered_total": 1, "sessions": 1, "sessions_limit": 7, "asr_ratio": 1,
                  "acd_seconds": pytest.approx(4, abs=0.5)}
    assert figures.of("trunkline_node_silent_seconds", node=told.sipmod.name) < 8
    assert figures["trunkline_accounts"] >= 1 and figures["trunkline_books_held_dollars"] >= 0


def test_a_gap_is_told(told):
    books(told)
    told.redis.client.hincrby(f"{told.key}:count", "admitted", 3)
    wait_for(lambda: scrape(told.trunkd).of("trunkline_books_gap") == 3, 12)
    assert scrape(told.trunkd)["trunkline_books_unbalanced_accounts"] == 1
    told.redis.client.hincrby(f"{told.key}:count", "admitted", -3)
    wait_for(lambda: scrape(told.trunkd).of("trunkline_books_gap") == 0, 12)


def test_requests_by_endpoint_and_code(told):
    def counts():
        figures = scrape(told.trunkd)
        return [figures.of("trunkline_http_requests_total", endpoint=e, code=c) or 0
                for e, c in (("get_trunk", "200"), ("get_trunk", "404"), ("none", "404"), ("page", "200"))]
    before = counts()
    told.api.get_trunk().good()
    told.api.get_trunk(tg_id="99999")
    told.api.nosuch()
    told.api.raw("GET", "/docs")
    assert [b - a for a, b in zip(before, counts())] == [1, 1, 1, 1]
    figures = scrape(told.trunkd)
    assert figures.of("trunkline_http_request_seconds_count", endpoint="get_trunk") >= 2
    assert figures["trunkline_redis_call_seconds_count"] > 10


def test_jobs(told):
    jobs = ("expire", "sagas", "reap", "ports", "archive", "extend", "leases", "payments", "fees", "invoices",
            "webhooks", "metrics")
    figures = wait_for(lambda: (f := scrape(told.trunkd)) and all(
        f.of("trunkline_job_last_success_timestamp_seconds", task=job) for job in jobs) and f, 15)
    for job in jobs:
        assert figures.of("trunkline_job_leader", task=job) == 1
        assert figures.of("trunkline_job_runs_total", task=job, result="done") >= 1
        assert abs(figures.of("trunkline_job_last_success_timestamp_seconds", task=job) - time.time()) < 60
        assert 0 <= figures.of("trunkline_job_lag_seconds", task=job) < 30
    assert figures.of("trunkline_build_info", program="trunkd") == 1 and figures["trunkline_ready"] == 1


def test_of_two_trunkds_one_tells_the_books(told):
    second = told.add_trunkd()
    books(told)
    wait_for(lambda: scrape(second).of("trunkline_job_leader", task="metrics") == 0, 10)
    assert scrape(second).of("trunkline_books_gap") is None
    told.trunkd.kill9()
    wait_for(lambda: scrape(second).of("trunkline_books_live_calls") == 1, 30)
    assert scrape(second).of("trunkline_job_leader", task="metrics") == 1
    told.trunkd.start()


def test_limit_of_trunks_told_by_name():
    with Stack(conf={"metrics.trunks": 2}, sipmod=False) as s:
        ids = [s.define_trunk((f"127.0.0.{i}", 5060)) for i in range(3, 8)]
        key = f"{{a:{s.account}}}"
        for i, trunk in enumerate(ids):
            s.redis.client.hset(f"{key}:st:tg:{trunk}", "processed", [3, 9, 1, 7, 2][i])
        wait_for(lambda: scrape(s.trunkd).of("trunkline_trunk_calls_total") == 16, 12, "the two with the most calls")
