"""trunkctl top and trunkctl watch on a stack with live calls: the screen is read as a terminal shows it (pyte)."""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pyte
import pytest

from harness import Redis, wait_for, write_conf
from harness.bed import Bed, ExitLine, Line
from harness.process import make_workdir, remove_workdir
from harness.programs import program
from harness.users import login

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONF = {"sip__no_answer_ms": 150, "sip__target_failures": 2, "sip__target_rest_s": 60}
VERSION = re.search(r"VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text().split("project(")[1])[1]
HEADINGS = ("ACCOUNT", "NODE", "GATEWAY", "TARGET DOWN", "LATEST")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv, rows=24, cols=80, **env):
        self.screen = pyte.Screen(cols, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.master, self.slave = pty.openpty()
        self.resize(rows, cols, tell=False)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen([str(a) for a in argv], stdin=self.slave, stdout=self.slave,
                                        stderr=subprocess.PIPE, text=True, start_new_session=True,
                                        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "linux", **env})

    def resize(self, rows, cols, tell=True):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self.screen.resize(rows, cols)
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def lines(self):
        while select.select([self.master], [], [], 0)[0]:
            self.stream.feed(os.read(self.master, 65536))
        return list(self.screen.display)

    def shows(self, wanted, deadline=8):
        """Waits for a screen that fits; returns it."""
        try:
            return wait_for(lambda: (lines := self.lines()) and wanted(lines) and lines, deadline)
        except AssertionError as error:
            raise AssertionError("\n".join(self.lines())) from error

    def type(self, text):
        os.write(self.master, text.encode())

    def ended(self):
        """Exit code; the terminal must be as it was."""
        def is_over():
            self.lines()  # who can't write can't end
            return self.process.poll() is not None
        wait_for(is_over, 10)
        err = self.process.stderr.read()
        assert "Sanitizer" not in err and "runtime error:" not in err, err
        self.lines()
        assert termios.tcgetattr(self.slave) == self.before
        assert not self.screen.cursor.hidden
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A customer with at most two calls, one whose target is dead, one that calls out by a gateway."""
    with Bed() as bed:
        sipmod = bed.sipmod(**CONF)
        line = Line(bed, sipmod, sessions=2, cps=50)
        line.dead, line.out = Line(bed, sipmod), ExitLine(bed, sipmod, prefix="00")
        line.dead.add_secondary()
        bed.ok("gateway_set", f"gw:{{{line.out.gateway}}}", "host", line.out.primary.host, "port",
               line.out.primary.port, "capacity", 10)
        line.conf = str(write_conf(tmp_path_factory.mktemp("top") / "ctl.ini", {"redis.address": bed.redis.address}))
        yield line
        for one in (line, line.dead, line.out):
            one.close()


@pytest.fixture
def top(scene):
    opened = []

    def start(*args, rows=24, cols=80, **env):
        opened.append(Terminal([program("trunkctl"), "-c", scene.conf, "top", *args], rows, cols, **env))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def libraries_free_redis(tmp_path):
    workdir = make_workdir("top")
    server = Redis(workdir).start()
    yield server, str(write_conf(tmp_path / "ctl.ini", {"redis.address": server.address}))
    server.discard()
    remove_workdir(workdir)


def row(lines, start):
    """The line that starts so, without the blanks at its end; "" if there is none."""
    return next((line.rstrip() for line in lines if line.startswith(start)), "")


def laid_out(lines, whole=True):
    """Each heading once, in order; nothing before them or between but their rows: no line has wrapped."""
    assert lines[0].startswith("trunkctl top  ") and lines[1].startswith("calls ") and lines[-1].startswith("q quit")
    assert lines[2].startswith("refused in a minute:")
    at = [i for i, line in enumerate(lines) if line.startswith(HEADINGS)]
    assert not whole or [lines[i].split("  ")[0].rstrip() for i in at] == list(HEADINGS), "\n".join(lines)
    known = re.compile(r"\d{7}  |sipmod\d|gw\d|UDP |none|no |\d\d:\d\d:\d\d |" + "|".join(HEADINGS) + r"|\s*$")
    assert all(known.match(line) for line in lines[3:-1]), "\n".join(lines)


def put_down(scene):
    for _ in range(2):
        invite = scene.dead.invite()
        scene.dead.tried(invite)
        scene.dead.reject(scene.dead.tried(invite, scene.dead.secondary), 486, scene.dead.secondary)
        scene.dead.failed(invite, 486)


def test_values_are_those_of_the_calls(scene, top):
    t = top()
    t.shows(lambda l: scene.customer.id in "".join(l) and scene.out.gateway in "".join(l))
    calls = [scene.answered(), scene.answered(), scene.out.answered()]
    scene.refused(486)
    t.shows(lambda l: re.search(r"CPS [1-9]", l[1]))
    put_down(scene)
    lines = t.shows(lambda l: row(l, "sipmod0").split()[4:] == ["3", "4", "1"] and l[1].startswith("calls 3  CPS 0 ")
                    and "of 3" in l[1])
    assert lines[0].startswith("trunkctl top  ") and scene.bed.redis.address in lines[0]
    assert lines[1].strip() == "calls 3  CPS 0  answered/s 0  refused/s 0  today: ASR 0% ACD - of 3"
    assert lines[2].strip() == "refused in a minute:  sessions 1"
    assert row(lines, f"{scene.customer.id} ") == \
        f"{scene.customer.id}  1      in      2/2      [##########]    0/50    [          ]   0% -"
    assert re.fullmatch(rf"{scene.out.customer.id}  1      out     1/-      \[ +\]    0/-     \[ +\]    - -",
                        row(lines, f"{scene.out.customer.id} "))
    assert row(lines, "sipmod0").split()[1:4] == ["%s:%d" % scene.sipmod.target, VERSION, "alive"]
    assert row(lines, scene.out.gateway).split()[1:] == ["1/10", "[#", "]"]
    assert re.fullmatch(rf"UDP {scene.dead.primary.address} +sipmod0 +\d+s  no answer to calls",
                        row(lines, f"UDP {scene.dead.primary.address}"))
    assert re.search(rf"{scene.customer.id}  1      in  {scene.number}      up ", "\n".join(lines))
    assert re.search(rf"{scene.customer.id}  1      in  {scene.number}      486 sessions ", "\n".join(lines))
    laid_out(lines)
    for call in calls:
        call.hang_up()
    lines = t.shows(lambda l: l[1].startswith("calls 0 ") and "ASR 50%" in l[1] and "of 6" in l[1])
    assert re.search(r"200 answered \d", "\n".join(lines))
    t.type("q")
    assert t.ended() == 0


def test_keys_and_sizes(scene, top):
    t = top(rows=24, cols=80)
    t.shows(lambda l: scene.customer.id in "".join(l))
    for order in ("CPS", "load", "ASR", "sessions"):
        t.type("s")
        t.shows(lambda l, by=order: f"(by {by})" in l[-1])
    t.type("?")
    t.shows(lambda l: "this help" in "".join(l))
    t.type("?")
    t.shows(lambda l: row(l, "NODE"))
    for rows, cols in ((40, 120), (24, 80), (12, 60), (60, 200)):
        t.resize(rows, cols)
        lines = t.shows(lambda l, n=rows: len(l) == n and l[0].startswith("trunkctl") and l[-1].startswith("q quit"))
        laid_out(lines, rows >= 24)
    assert "[" + " " * 60 + "]" in "".join(lines)
    t.type("/" + scene.out.customer.id + "x\x7f\n")
    lines = t.shows(lambda l: f"account {scene.out.customer.id}" in l[0])
    assert not row(lines, f"{scene.customer.id} ")
    t.shows(lambda l: row(l, f"{scene.out.customer.id} "))
    t.type("f\n")
    t.shows(lambda l: "account" not in l[0] and row(l, f"{scene.customer.id} "))
    t.type("f77")
    t.shows(lambda l: l[-1].startswith("account: 77_"))
    t.type("\x1b")
    t.shows(lambda l: l[-1].startswith("q quit"))
    t.type("p")
    stands = t.shows(lambda l: "PAUSED" in l[0])
    with pytest.raises(AssertionError):
        t.shows(lambda l: l != stands, 2.5)
    t.type("p")
    t.shows(lambda l: "PAUSED" not in l[0] and l[0] != stands[0])
    t.type("q")
    assert t.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(scene, top, number):
    t = top(NO_COLOR="1")
    t.shows(lambda l: l[-1].startswith("q quit"))
    t.process.send_signal(number)
    assert t.ended() == 0


def test_redis_away_is_shown(tmp_path, libraries_free_redis):
    server, conf = libraries_free_redis
    t = Terminal([program("trunkctl"), "-c", conf, "top"])
    try:
        t.shows(lambda l: "no sipmod" in "".join(l) and "AWAY" not in l[0])
        server.stop()
        t.shows(lambda l: "IS AWAY" in l[0])
        server.start()
        t.shows(lambda l: "AWAY" not in l[0])
        t.type("q")
        assert t.ended() == 0
    finally:
        t.close()


def once(conf, *args):
    done = subprocess.run([program("trunkctl"), "-c", conf, "top", *args], capture_output=True, text=True, timeout=40,
                          check=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, stdin=subprocess.DEVNULL)
    assert not done.stderr
    return done.stdout


def test_without_a_terminal_it_is_printed_once(scene):
    call = scene.answered()
    text = once(scene.conf)
    lines = text.splitlines()
    assert "\x1b" not in text and max(len(line) for line in lines) <= 120
    assert lines[1].startswith("calls 1 ") and row(lines, f"{scene.customer.id} ").split()[3] == "1/2"
    assert not row(lines, "q quit") and row(lines, "sipmod0") and row(lines, scene.out.gateway)
    told = json.loads(once(scene.conf, "--json", "--account", scene.customer.id))
    assert (told["calls"], [t["account"] for t in told["trunks"]]) == (1, [scene.customer.id])
    trunk, = told["trunks"]
    assert told["refused_minute"] == {}
    assert (trunk["calls"], trunk["sessions"], trunk["cps_limit"]) == (1, 2, 50)
    node, = told["nodes"]
    assert node["alive"] and node["node"] == "sipmod0"
    assert scene.out.gateway in [g["gateway"] for g in told["gateways"]]
    call.hang_up()


def test_the_reading_user_is_enough(scene, top, tmp_path):
    """And writes nothing, whatever it is asked."""
    conf = str(write_conf(tmp_path / "ops.ini", {"redis.address": scene.bed.redis.address, **login("ops")}))
    before = scene.bed.redis.client.info("persistence")["rdb_changes_since_last_save"]
    assert json.loads(once(conf, "--json"))["trunks"]
    watch = subprocess.Popen([program("trunkctl"), "-c", conf, "watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
    assert "watching" in watch.stderr.readline()
    scene.bed.redis.client.publish("tl:calls", '{"event":"end","at":1}')
    assert " end " in watch.stdout.readline()
    watch.send_signal(signal.SIGINT)
    watch.communicate(timeout=10)
    assert watch.returncode == 0
    assert scene.bed.redis.client.info("persistence")["rdb_changes_since_last_save"] - before < 5  # of the sipmod
