"""trunkd as a process: options, waiting for Redis, reload, drain."""

import os
import signal
import subprocess
import threading

import pytest

from gate import Gate
from harness import Redis, Stack, Trunkd, build_dir, wait_for, write_conf
from harness.metrics import scrape
from harness.process import make_workdir, remove_workdir
from rawhttp import Raw

TRUNKD = os.path.join(build_dir(), "daemon", "trunkd")


@pytest.fixture
def workdir():
    path = make_workdir("life")
    yield path
    remove_workdir(path)


def _run(*args):
    return subprocess.run([TRUNKD, *args], capture_output=True, text=True, timeout=20)


def test_version_help_and_wrong_options(workdir):
    assert _run("-V").stdout.startswith("trunkd 0.")
    assert "usage" in _run("--help").stdout
    for args in (["-x"], ["extra"], ["-c"], ["-o"]):
        wrong = _run(*args)
        assert wrong.returncode != 0 and "usage" in wrong.stderr


def test_check_of_settings(workdir):
    good = write_conf(os.path.join(workdir, "good.ini"), {"http.listen": "127.0.0.1:1234"})
    assert _run("-t", "-c", good).returncode == 0
    for settings, named in (({"http.listen": "nowhere"}, "listen"), ({"http.lissten": "x"}, "lissten")):
        bad = write_conf(os.path.join(workdir, "bad.ini"), settings)
        wrong = _run("-t", "-c", bad)
        assert wrong.returncode != 0 and named in wrong.stderr
    assert _run("-t", "-c", good, "-o", "http.threads=x").returncode != 0
    assert _run("-t", "-c", "/nowhere.ini").returncode != 0


def test_address_in_use(rest):
    wrong = _run("-o", f"http.listen={rest.trunkd.address}")
    assert wrong.returncode != 0 and "can't listen" in wrong.stderr


def test_redis_comes_later(workdir):
    redis = Redis(workdir)
    trunkd = Trunkd(workdir, {"redis.address": redis.address})
    trunkd.start(ready=False)
    try:
        def answers_503():
            with Raw(trunkd.port) as raw:
                return raw.send("GET /get_trunk?accountno=1&token=x HTTP/1.1\r\nHost: x\r\n\r\n").reply()
        status, headers, body = wait_for(lambda: _or_none(answers_503), 10)
        assert status == 503 and body["status"] == "503" and headers["retry-after"]
        wait_for(lambda: "the store is not ready" in _log(trunkd))
        redis.start()
        wait_for(lambda: answers_503()[0] == 404, 15)
        trunkd.stop()
    finally:
        trunkd.discard()
        redis.discard()


def _or_none(call):
    try:
        return call()
    except OSError:
        return None


def _log(process):
    with open(process.log_path, encoding="utf-8") as f:
        return f.read()


def test_newer_schema_is_refused(workdir):
    redis = Redis(workdir).start()
    redis.client.hset("schema", mapping={"version": 999, "digest": "x", "loaded": 1, "secret": "00"})
    trunkd = Trunkd(workdir, {"redis.address": redis.address})
    try:
        trunkd.start(ready=False)
        assert trunkd.wait_exit(10, code=None) != 0
        assert "999" in _log(trunkd)
    finally:
        trunkd.discard()
        redis.discard()


@pytest.mark.parametrize("lost", [["FUNCTION", "FLUSH"], ["DEL", "schema"]], ids=["functions", "version"])
def test_a_schema_lost_while_serving_is_loaded_again(lost):
    with Stack(sipmod=False) as s:
        trunk = s.define_trunk(("127.0.0.3", 5060))
        secret = s.redis.client.hget("schema", "secret")
        s.redis.client.execute_command(*lost)
        reply = s.api.availabilitystate()
        assert reply.ok or reply.status == 503 and reply.headers["Retry-After"], reply
        wait_for(lambda: s.redis.client.hget("schema", "version") and s.api.availabilitystate().ok, 10)
        assert s.redis.client.hget("schema", "secret") == secret, "links and calls under way are signed with it"
        assert s.api.get_trunk(tg_id=trunk).good()


def test_a_newer_schema_of_another_trunkd_is_left_alone():
    with Stack(sipmod=False) as s:
        version = s.redis.client.hget("schema", "version")
        s.redis.client.hset("schema", "version", 999)
        s.redis.client.execute_command("FUNCTION", "FLUSH")
        wait_for(lambda: "upgrade the program" in _log(s.trunkd), 10)
        assert s.redis.client.execute_command("FUNCTION", "LIST") == []
        assert s.api.availabilitystate().status == 503
        assert scrape(s.trunkd)["trunkline_ready"] == 0 and scrape(s.trunkd)["trunkline_redis_schema_version"] == 999
        s.redis.client.hset("schema", "version", version)
        wait_for(lambda: s.api.availabilitystate().ok, 10)


def test_of_one_schema_the_later_release_wins():
    """Whichever trunkd is started last."""
    with Stack(sipmod=False) as s:
        client = s.redis.client
        library, = client.execute_command("FUNCTION", "LIST", "LIBRARYNAME", "trunkline_sys", "WITHCODE")
        code = library[library.index("library_code") + 1]
        client.execute_command("FUNCTION", "LOAD", "REPLACE", code + "\n-- of a later release\n")
        client.hset("schema", mapping={"release": "99.0.0", "digest": "99"})
        wait_for(lambda: "another build" in _log(s.trunkd), 10)
        s.trunkd.restart()
        assert "functions of release 99.0.0 stay" in _log(s.trunkd)
        assert client.hget("schema", "digest") == "99" and s.api.availabilitystate().ok
        client.hset("schema", "release", "0.0.9")
        s.trunkd.restart()
        assert "functions of another build (release 0.0.9) were replaced" in _log(s.trunkd)
        assert client.hget("schema", "digest") != "99" and client.hget("schema", "release") != "0.0.9"


def test_reload_of_policy_and_level(workdir):
    with Stack(sipmod=False) as s:
        assert len(s.api.searchdid(state="WA").good()["DIDs"]) == 170
        s.trunkd.configure(policy__search_max=3, log__level="error")
        s.trunkd.signal(signal.SIGHUP)
        wait_for(lambda: len(s.api.searchdid(state="WA").good()["DIDs"]) == 3)
        s.trunkd.configure(policy__search_max="junk")
        s.trunkd.signal(signal.SIGHUP)
        wait_for(lambda: "settings kept" in _log(s.trunkd))
        assert len(s.api.searchdid(state="WA").good()["DIDs"]) == 3


def test_sigterm_waits_for_requests_under_way():
    with Stack(sipmod=False) as s:
        gate = Gate(s.redis.port)
        slow = s.add_trunkd(redis__address=f"127.0.0.1:{gate.port}", redis__timeout_ms=2000)
        client = s.api.with_(url=slow.url)
        gate.stop_at("trunk_list", applied=False)
        replies = []
        request = threading.Thread(target=lambda: replies.append(client.get_trunk()))
        request.start()
        assert gate.reached.wait(10)
        slow.signal(signal.SIGTERM)
        wait_for(lambda: client.availabilitystate().get("detail") == "the server is going down", 5)
        request.join(15)
        assert replies and replies[0].status == 503, replies
        slow.stop()
        gate.close()


def test_slow_store_is_503_not_a_hang():
    with Stack(sipmod=False, conf={"redis.timeout_ms": 500}) as s:
        s.redis.suspend()
        reply = s.api.get_trunk()
        assert reply.status == 503 and reply.headers["Retry-After"] == "1"
        s.redis.resume()
        wait_for(lambda: s.api.get_trunk().ok, 10)
