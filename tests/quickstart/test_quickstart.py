"""deploy/quickstart as a stranger uses it: start, look, stop, start again."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest
from harness import Sipp, free_port, wait_for
from harness.process import make_workdir, remove_workdir

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "deploy", "quickstart")
PROGRAMS = ("redis", "trunkd", "answerer", "sipmod")


class Quickstart:
    """One data folder with ports of its own. The build in build/ is the script's business, unless
    TRUNKLINE_QUICKSTART_BUILD names one."""

    def __init__(self):
        self.data = make_workdir("quickstart")
        self.http, self.sip, self.redis = (f"127.0.0.1:{free_port()}" for _ in range(3))
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8"}
        build = os.environ.get("TRUNKLINE_QUICKSTART_BUILD")
        if build:
            self.env["TRUNKLINE_BUILD"] = build

    def argv(self, *options):
        return [SCRIPT, "--data", self.data, "--http", self.http, "--sip", self.sip, "--redis", self.redis, *options]

    def run(self, *options, timeout=900):
        """Returns (exit code, output)."""
        return self._finish(self.argv(*options), timeout)

    def stop(self):
        return self._finish([SCRIPT, "--stop", "--data", self.data], 120)

    def _finish(self, argv, timeout):
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=timeout, check=False, env=self.env, cwd="/")
        return done.returncode, done.stdout

    def close(self):
        self.stop()
        remove_workdir(self.data)

    def settings(self):
        with open(os.path.join(self.data, "quickstart.env"), encoding="utf-8") as f:
            return dict(line.rstrip("\n").split("=", 1) for line in f)

    def pids(self):
        """Program -> pid, of those that live."""
        found = {}
        for name in PROGRAMS:
            try:
                with open(os.path.join(self.data, "run", f"{name}.pid"), encoding="ascii") as f:
                    pid = int(f.read().split()[0])
                with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                    if f.read().rpartition(")")[2].split()[0] != "Z":
                        found[name] = pid
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def ask(self, endpoint, **params):
        """A form posted with account and token of quickstart.env; returns the JSON."""
        env = self.settings()
        form = urllib.parse.urlencode({"accountno": env["ACCOUNTNO"], "token": env["TOKEN"], **params}).encode()
        with urllib.request.urlopen(f"http://{env['HTTP']}/{endpoint}", form, timeout=10) as reply:
            return json.load(reply)

    def number(self):
        """The number of the demo."""
        return self.ask("getnumbers")["data"][0]["didnumber"]


@pytest.fixture(scope="module")
def served():
    """A quickstart with its demo, running detached; .output is what it printed."""
    quickstart = Quickstart()
    code, quickstart.output = quickstart.run("--detach")
    if code != 0:
        logs = [f"--- {n}\n{open(os.path.join(quickstart.data, n), encoding='utf-8').read()[-3000:]}"
                for n in os.listdir(quickstart.data) if n.endswith(".log")]
        quickstart.close()
        pytest.fail(f"deploy/quickstart ended with {code}:\n{quickstart.output}\n" + "\n".join(logs), pytrace=False)
    yield quickstart
    quickstart.close()


@pytest.fixture
def empty():
    quickstart = Quickstart()
    yield quickstart
    quickstart.close()


def test_writes_where_everything_is(served):
    env = served.settings()
    assert list(env) == ["HTTP", "SIP", "REDIS", "ACCOUNTNO", "TOKEN"]
    assert (env["HTTP"], env["SIP"], env["REDIS"]) == (served.http, served.sip, served.redis)
    assert re.fullmatch(r"\d{7}", env["ACCOUNTNO"]) and re.fullmatch(r"\w{32,}", env["TOKEN"])
    for shown in (env["TOKEN"], f"http://{served.http}/", served.sip):
        assert shown in served.output
    assert served.output.count("  curl ") == 3


def test_nobody_else_can_read_the_token(served):
    assert os.stat(os.path.join(served.data, "quickstart.env")).st_mode & 0o077 == 0


def test_the_demo_shows_a_call_from_order_to_statistics(served):
    number = served.number()
    line = r"^The answerer received: INVITE sip:5555(\d{10})@127\.0\.0\.3:\d+ SIP/2\.0"
    received = re.search(line, served.output, re.M)
    assert received and received[1] == number
    cdr = served.output.split("== Its CDR\n")[1].split("\n\n")[0]
    assert number in cdr and "answered" in cdr
    stats = json.loads(re.search(r"^\{.*\}$", served.output.split("== did_stats")[1], re.M)[0])["data"][0]
    assert (stats["number"], stats["processed"], stats["completed"], stats["asr"]) == (number, "1", "1", "100%")


def test_the_readme_shows_what_the_demo_prints(served):
    """But for numbers, dates and widths."""
    def shape(text):
        return [" ".join(re.sub(r"[\d.]+", "#", line).split()) for line in text.strip().splitlines()]

    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        shown = re.search(r"^```\n(Sandbox account.*?)^```$", f.read(), re.M | re.S)[1]
    printed = served.output[served.output.index("Sandbox account"):served.output.index("== Serving")]
    assert shape(shown) == shape(printed)


def test_the_curl_lines_work(served):
    for line in re.findall(r"^  (curl .*)$", served.output, re.M):
        done = subprocess.run(["/bin/bash", "-c", f"{line} -sS --noproxy '*'"], capture_output=True, text=True,
                              check=True)
        assert json.loads(done.stdout)["status"] == "200", (line, done.stdout)


def test_a_visitor_can_call_the_number(served):
    before = int(served.ask("did_stats", number=served.number())["data"][0]["completed"])
    host, port = served.sip.split(":")
    stats = Sipp(served.data, "uac", to=(host, int(port)), number=served.number(), calls=5, rate=5).finish()
    assert stats["SuccessfulCall"] == 5

    def counted():
        return int(served.ask("did_stats", number=served.number())["data"][0]["completed"]) == before + 5
    wait_for(counted, 10)


def test_the_whole_sample_inventory_is_there(served):
    with open(os.path.join(ROOT, "deploy", "sample-inventory.csv"), encoding="utf-8") as f:
        states = {line.split(",")[1] for line in f.read().splitlines()[1:]} - {""}
    assert served.ask("availabilitystate")["data"] == sorted(states)


def test_a_second_start_says_that_it_runs(served):
    code, output = served.run("--detach")
    assert code == 0 and "runs already" in output and served.settings()["TOKEN"] in output


def test_stop_ends_all_and_a_second_run_keeps_the_data(served):
    before, number = served.settings(), served.number()
    assert set(served.pids()) == set(PROGRAMS)
    code, output = served.stop()
    assert code == 0, output
    assert served.pids() == {}
    code, output = served.run("--detach")
    assert code == 0, output
    assert served.settings() == before
    assert "Ordering" not in output and "account add" not in output
    assert served.number() == number
    assert int(served.ask("did_stats", number=number)["data"][0]["completed"]) >= 1
    assert len(served.ask("getnumbers")["data"]) == 1


def test_no_report_in_any_log(served):
    for name in PROGRAMS:
        with open(os.path.join(served.data, f"{name}.log"), encoding="utf-8") as f:
            assert not re.search("Sanitizer|runtime error", f.read()), name


def test_without_a_demo_nothing_is_ordered(empty):
    code, output = empty.run("--no-demo", "--detach")
    assert code == 0, output
    assert empty.ask("getnumbers")["data"] == []
    assert "WA" in empty.ask("availabilitystate")["data"]


def test_a_taken_port_is_refused_by_name(empty):
    host, port = empty.redis.split(":")
    with socket.socket() as taken:
        taken.bind((host, int(port)))
        taken.listen()
        code, output = empty.run("--no-demo", "--detach")
    assert code == 1 and empty.redis in output and "--redis" in output
    assert empty.pids() == {}


def test_a_port_that_is_taken_by_tcp_alone_is_refused_by_name(empty):
    host, port = empty.sip.split(":")
    with socket.socket() as taken:
        taken.bind((host, int(port)))
        taken.listen()
        code, output = empty.run("--no-demo", "--detach")
    assert code == 1 and f"{empty.sip} (tcp)" in output and "--sip" in output
    assert empty.pids() == {}


@pytest.mark.parametrize("option", [["--http", "8080"], ["--sip", "127.0.0.1:0"], ["--data"], ["--nonsense"]])
def test_a_wrong_command_line_is_refused(empty, option):
    code, output = empty.run(*option)
    assert code in (1, 2) and output
    assert empty.pids() == {}


def hear_ctrl_c():
    """A suite run in a shell's background is born deaf to SIGINT, and bash can't trap what it was born deaf to."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def in_foreground(quickstart):
    child = subprocess.Popen(quickstart.argv("--no-demo"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, env=quickstart.env, start_new_session=True,
                             preexec_fn=hear_ctrl_c)
    serving = os.path.join(quickstart.data, "run", "quickstart.pid")
    wait_for(lambda: os.path.exists(serving) or child.poll() is not None, 900, "it serves")
    assert child.poll() is None, child.communicate()[0]
    return child


def test_ctrl_c_ends_all(empty):
    child = in_foreground(empty)
    assert set(empty.pids()) == set(PROGRAMS)
    os.killpg(child.pid, signal.SIGINT)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 0, output
    assert empty.pids() == {}


@pytest.mark.parametrize("program", ["trunkd", "sipmod", "redis"])
def test_a_program_that_dies_ends_all_with_a_word(empty, program):
    child = in_foreground(empty)
    os.kill(empty.pids()[program], signal.SIGKILL)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 1 and f"{program} has died" in output
    assert empty.pids() == {}


def test_nothing_outlives_a_killed_script(empty):
    child = in_foreground(empty)
    child.kill()
    child.communicate(timeout=60)
    wait_for(lambda: empty.pids() == {}, 30)


def test_stop_leaves_strangers_alone(empty):
    """A pid file whose process is another one by now."""
    os.makedirs(os.path.join(empty.data, "run"))
    with subprocess.Popen(["sleep", "60"]) as stranger:
        with open(os.path.join(empty.data, "run", "sipmod.pid"), "w", encoding="ascii") as f:
            f.write(f"{stranger.pid} 1\n")
        code, output = empty.stop()
        assert code == 0, output
        assert stranger.poll() is None
        stranger.kill()
