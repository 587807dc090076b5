"""Redis slow, gone, late or of another version: calls are refused quickly, and nothing is lost."""

import time

import pytest

from harness import wait_for
from harness.bed import CARRIER, SCHEMA_VERSION, Bed, Line

CONF = {"sip__store_timeout_ms": 300, "sip__retry_after_s": 7}


@pytest.fixture
def lost(own_bed):
    """A Line on a Redis of its own, kept in an AOF."""
    line = Line(own_bed, own_bed.sipmod(**CONF))
    yield line
    line.close()


def gone(line, how):
    """Redis stops answering; returns what brings it back."""
    redis = line.bed.redis
    if how == "killed":
        redis.kill9()
        return redis.start
    redis.suspend()
    return redis.resume


def options(line):
    line.carrier.send(line.carrier.request("OPTIONS", f"sip:{line.sipmod.address}"))
    return line.carrier.expect(lambda m: "OPTIONS" in (m.get("cseq") or ""), 1).status


def serving(line):
    wait_for(lambda: options(line) == 200, 5, "sipmod takes calls")


HOW = pytest.mark.parametrize("how", ["killed", "stopped"])


@HOW
def test_invites_are_refused_within_500_ms(lost, how):
    back = gone(lost, how)
    for _ in range(5):
        started = time.monotonic()
        response = lost.refused(503, deadline=1)
        assert time.monotonic() - started < 0.5
        assert response.get("retry-after") == "7" and response.get("reason").startswith("Q.850;cause=41;")
    lost.primary.expect_nothing(0.05)
    wait_for(lambda: options(lost) == 503, 2)
    back()
    serving(lost)
    lost.answered().hang_up()
    wait_for(lambda: any(c["code"] == "200" for c in lost.cdrs()), 3)
    lost.customer.settled()


@HOW
def test_bye_is_routed_and_its_cdr_written_once_redis_is_back(lost, how):
    before = lost.customer.balance()
    call = lost.answered()
    wait_for(lambda: lost.customer.live()[0]["answer_ms"], 2)
    back = gone(lost, how)
    call.exchange("INFO")
    call.hang_up()
    ended = time.monotonic()
    wait_for(lambda: time.monotonic() - ended > 0.7, 2)  # silence for a while, retries included
    back()
    cdr = lost.cdr(5)
    assert (cdr["code"], cdr["reason"], cdr["by"], cdr["estimated"]) == ("200", "answered", "caller", "0")
    if how == "killed":  # a stopped Redis has read the report and believes it to be of its own awakening
        assert int(cdr["ms"]) < 700  # to the BYE, not to the report
    lost.customer.settled()
    assert lost.customer.balance() == before - int(cdr["amount"])
    lost.cdr()


@HOW
def test_call_that_is_answered_while_redis_is_away(lost, how):
    invite = lost.invite()
    received = lost.tried(invite)
    back = gone(lost, how)
    call = lost.connect(invite, received)
    call.hang_up()
    back()
    cdr = lost.cdr(5)
    assert (cdr["code"], cdr["target"]) == ("200", lost.primary.address) and cdr["answer_ms"] != "0"
    lost.customer.settled()


def test_call_that_fails_while_redis_is_away(lost):
    invite = lost.invite()
    received = lost.tried(invite)
    back = gone(lost, "killed")
    lost.reject(received, 486)
    lost.failed(invite, 486)
    back()
    assert lost.cdr(5)["code"] == "486"
    lost.customer.settled()


def test_admission_that_comes_too_late_holds_nothing(lost):
    """Redis admits after the caller was told 503: the call is over for both."""
    lost.answered().hang_up()
    lost.cdr()
    lost.bed.redis.client.client_pause(600)
    lost.refused(503, deadline=0.5)
    serving(lost)
    lost.primary.expect_nothing(0.1)
    lost.customer.settled()


def test_sessions_freed_while_redis_was_away_are_free(lost):
    lost.bed.ok("trunk_grant", lost.customer.key, lost.tg, "1", "")
    call = lost.answered()
    back = gone(lost, "killed")
    call.hang_up()
    back()
    serving(lost)
    lost.cdr(5)
    lost.answered().hang_up()
    wait_for(lambda: len(lost.cdrs()) == 2, 3)
    lost.customer.settled()


def test_many_outages(lost):
    """Calls that live through three restarts of Redis."""
    calls = [lost.answered() for _ in range(10)]
    for _ in range(3):
        gone(lost, "killed")()
        serving(lost)
        calls.pop().hang_up()
    for call in calls:
        call.hang_up()
    wait_for(lambda: len(lost.cdrs()) == 10, 5)
    lost.customer.settled()
    assert len({c["call"] for c in lost.cdrs()}) == 10


def test_sources_changed_during_the_outage_are_known_after(lost):
    host = "127.0.0.78"
    newcomer = lost.peer(host)
    lost.bed.redis.client.client_kill_filter(_type="pubsub")
    lost.bed.claim(host, "carrier", "late")
    request = newcomer.request("OPTIONS", f"sip:{lost.sipmod.address}")
    wait_for(lambda: newcomer.send(request) and newcomer.recv(0.1), 5, "the newcomer is listed")


def test_sources_that_went_unheard_are_dropped(lost):
    """The message was missed: with the next link to the channels all sources are read again."""
    host = "127.0.0.79"
    leaver = lost.peer(host)
    lost.bed.claim(host, "carrier", "leaving")
    request = leaver.request("OPTIONS", f"sip:{lost.sipmod.address}")
    wait_for(lambda: leaver.send(request) and leaver.recv(0.1), 5, "the leaver is listed")
    redis = lost.bed.redis.client
    redis.srem("sources", host)
    redis.delete(f"ip:{host}")
    redis.client_kill_filter(_type="pubsub")
    wait_for(lambda: leaver.send(request) and not leaver.recv(0.1), 5, "the leaver is a stranger")
    assert options(lost) == 200


# --- start ------------------------------------------------------------------------


def test_sipmod_waits_for_redis():
    with Bed(schema=False) as bed:
        bed.redis.kill9()
        sipmod = bed.sipmod(ready=False)
        wait_for(lambda: "no link" in sipmod.log(), 5)
        assert sipmod.alive
        bed.redis.start()
        bed.load()
        serve_one(bed, sipmod)


def test_sipmod_waits_for_the_schema():
    with Bed(schema=False) as bed:
        sipmod = bed.sipmod(ready=False)
        wait_for(lambda: "start a matching trunkd" in sipmod.log(), 5)
        assert "ready" not in sipmod.log()
        bed.load()
        serve_one(bed, sipmod)


def test_sipmod_refuses_another_version_of_the_schema():
    with Bed() as bed:
        bed.redis.client.hset("schema", "version", "9")
        sipmod = bed.sipmod(ready=False)
        wait_for(lambda: 'schema \\"9\\"' in sipmod.log(), 5)
        assert sipmod.log().count("no more calls are taken") == 1
        bed.redis.client.hset("schema", "version", SCHEMA_VERSION)
        serve_one(bed, sipmod)


def serve_one(bed, sipmod):
    wait_for(lambda: '"ready"' in sipmod.log(), 5, "sipmod is ready")
    line = Line(bed, sipmod)
    try:
        assert line.carrier.host == CARRIER
        line.answered().hang_up()
        line.cdr()
        line.customer.settled()
    finally:
        line.close()


def test_under_another_schema_no_calls_and_no_lost_ends(tmp_path):
    """A newer trunkd has replaced the functions: what they take our arguments for, nobody knows."""
    with Bed(aof=True) as bed:
        sipmod = bed.sipmod(**CONF, sip__lease_s=5, sip__spool_dir=str(tmp_path))
        line = Line(bed, sipmod)
        call = line.answered()
        ours = bed.redis.client.hget("schema", "version")
        bed.redis.client.hset("schema", "version", 999)
        wait_for(lambda: options(line) == 503, 5, "no more calls")
        assert "newer than this sipmod knows" in sipmod.log()
        line.refused(503)
        seen = bed.redis.client.hget(f"node:{sipmod.name}", "seen")
        call.hang_up()
        wait_for(lambda: bed.redis.client.hget(f"node:{sipmod.name}", "seen") > seen, 5, "heartbeats go on")
        assert line.cdrs() == [] and len(line.customer.live()) == 1
        bed.redis.client.hset("schema", "version", ours)
        serving(line)
        assert wait_for(line.cdrs, 3)[0]["code"] == "200"
        line.customer.settled()
        line.close()
