"""trunkctl watch against events as they are published."""

import contextlib
import json
import os
import pty
import signal
import subprocess

import pytest

from ctl_client import DONE, USAGE
from harness import Redis, wait_for, write_conf
from harness.process import make_workdir, remove_workdir
from harness.programs import program

KEY = "{a:7000001}"
CALL = {"event": "start", "at": 1700000000123, "account": "7000001", "call": "c1", "direction": "in", "tg": "11",
        "number": "2062190001"}
START = {**CALL, "from": "sip:12065550100@192.0.2.7", "callid": "x@y"}
ANSWER = {**CALL, "event": "answer", "target": "192.0.2.1:5060", "pdd_ms": 1500}
END = {**CALL, "event": "end", "code": 200, "reason": "answered", "by": "caller", "ms": 7049, "billed": 12,
       "amount": 1234}
REFUSAL = {**START, "event": "refusal", "code": 486, "reason": "sessions", "ms": 0, "amount": 0,
           "from": "\x1b[2Jx"}
OTHER = {**START, "account": "7000002", "tg": "12", "number": "13605550100", "direction": "out"}
TRUNK = {"event": "changed", "at": 1700000000123, "account": "7000001", "tg": "11", "kind": "in",
         "what": "sessions,cps"}
HEALTH = {"event": "health", "at": 1700000000123, "node": "edge1", "target": "UDP 192.0.2.1:5060", "state": "down",
          "why": "no answer to calls"}
CHANNELS = {"health": "tl:health", "changed": "tl:trunks"}


def publish(client, *events):
    for event in events:
        client.publish(CHANNELS.get(event["event"], "tl:calls"), json.dumps(event, separators=(",", ":")))


class Watch:
    """A trunkctl watch that listens; stdout is a pipe, or a terminal."""

    def __init__(self, conf, *args, terminal=False, **env):
        mine, its = pty.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen([program("trunkctl"), "-c", conf, "watch", *args], stdout=its,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm", **env})
        os.close(its)
        self.out = os.fdopen(mine, errors="strict")
        assert self.process.stderr.readline() == "trunkctl: watching; Ctrl-C ends it\n"

    def lines(self, n):
        return [self.out.readline().rstrip("\r\n") for _ in range(n)]

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.ended()

    def ended(self):
        _, err = self.process.communicate(timeout=20)
        with contextlib.suppress(OSError):
            self.out.close()
        assert "Sanitizer" not in err and "runtime error:" not in err, err
        return self.process.returncode, err


@pytest.fixture
def watching(ctl):
    opened = []

    def watch(*args, **env):
        opened.append(Watch(ctl.conf, *args, **env))
        return opened[-1]

    yield watch
    for one in opened:
        if one.process.poll() is None:
            one.end()


def test_a_line_for_each(watching, server):
    watch = watching()
    publish(server.client, START, ANSWER, END, REFUSAL, OTHER, TRUNK, HEALTH)
    assert watch.lines(7) == [
        "22:13:20.123 start    7000001  11     in  2062190001      from sip:12065550100@192.0.2.7",
        "22:13:20.123 answer   7000001  11     in  2062190001      by 192.0.2.1:5060 after 1.500 s",
        "22:13:20.123 end      7000001  11     in  2062190001      200 answered by caller, 7.0 s, billed 12 s, $0.1234",
        "22:13:20.123 refusal  7000001  11     in  2062190001      486 sessions, from ?[2Jx",
        "22:13:20.123 start    7000002  12     out 13605550100     from sip:12065550100@192.0.2.7",
        "22:13:20.123 changed  7000001  11     in                  sessions,cps",
        "22:13:20.123 health   UDP 192.0.2.1:5060 is down at edge1: no answer to calls"]
    assert watch.end() == (DONE, "")


@pytest.mark.parametrize("options,passed", [
    (["--account", "7000001"], [START, TRUNK]), (["--trunk", "12"], [OTHER]), (["--number", "2062190001"], [START]),
    (["--number", "3605550100"], [OTHER]), (["--events", "trunks,health"], [TRUNK, HEALTH]),
    (["--events", "calls", "--account", "7000002"], [OTHER])])
def test_filters_and_raw_lines(watching, server, options, passed):
    watch = watching("--json", *options)
    publish(server.client, START, OTHER, TRUNK, HEALTH)
    assert [json.loads(line) for line in watch.lines(len(passed))] == passed
    assert watch.end(signal.SIGTERM) == (DONE, "")
    assert watch.out.closed


def test_what_functions_publish(watching, server):
    watch = watching()
    server.fcall("account_create", KEY, "7000001")
    server.fcall("trunk_define", KEY, 11, "kind", "out", "title", "t", "address", "192.0.2.1")
    line, = watch.lines(1)
    assert line.split()[1:] == ["defined", "7000001", "11", "out"]


def test_garbage_is_passed_over(watching, server):
    watch = watching()
    for text in ("x", "[]", '{"event":1}', "{}", b"\xff", '{"event":"start","at":-1}'):
        server.client.publish("tl:calls", text)
    publish(server.client, START)
    lines = watch.lines(4)
    assert lines[-1].startswith("22:13:20.123 start") and all("--:--:--" in x or "00:00:00" in x for x in lines[:-1])


def test_colour_is_for_terminals(watching, server):
    for terminal, env, coloured in ((True, {}, True), (True, {"NO_COLOR": "1"}, False), (False, {}, False),
                                    (True, {"TERM": "dumb"}, False)):
        watch = watching(terminal=terminal, **env)
        publish(server.client, REFUSAL)
        assert ("\x1b[31m" in watch.lines(1)[0]) == coloured
        assert watch.end()[0] == DONE


def test_it_ends_when_nobody_reads(watching):
    watch = watching()
    watch.out.close()
    assert watch.ended() == (DONE, "")


def test_wrong_events(ctl):
    assert "--events: cdrs is none of" in ctl.fails("watch", "--events", "calls,cdrs", code=USAGE)


def test_redis_goes_and_comes(libraries, schema_version, tmp_path):
    workdir = make_workdir("watch")
    server = Redis(workdir)
    conf = str(write_conf(tmp_path / "ctl.ini", {"redis.address": server.address}))

    def start():
        server.start()
        server.client.hset("schema", mapping={"version": schema_version})

    try:
        start()
        watch = Watch(conf)
        server.stop()
        assert watch.process.stderr.readline() == "trunkctl: Redis is away\n"
        start()
        assert watch.process.stderr.readline() == "trunkctl: Redis is back; events may be missing\n"
        wait_for(lambda: server.client.pubsub_numsub("tl:calls")[0][1] == 1)
        publish(server.client, START)
        assert "start" in watch.lines(1)[0]
        assert watch.end()[0] == DONE
    finally:
        server.discard()
        remove_workdir(workdir)
