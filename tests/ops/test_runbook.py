"""deploy/RUNBOOK.md against the alerts, and every command in it on a running Trunkline; deploy/sysctl."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from harness import Dialog, Stack, build_dir, wait_for
from harness.metrics import scrape
from harness.programs import program
from harness.users import password

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "deploy" / "RUNBOOK.md"
RULES = yaml.safe_load((ROOT / "deploy/prometheus/trunkline.rules.yml").read_text(encoding="utf-8"))
SYSCTL = ROOT / "deploy" / "sysctl" / "60-trunkline.conf"
ALERTS = {r["alert"]: r for g in RULES["groups"] for r in g["rules"] if "alert" in r}
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOK.read_text(encoding="utf-8"), re.M | re.S))
COMMANDS = sorted({line.strip() for text in SECTIONS.values() for line in re.findall(r"^    (.+)$", text, re.M)})
# These look at a machine with systemd, or change it; here: that there is such a program and such a verb.
OF_THE_MACHINE = {"systemctl": {"status", "restart"}, "journalctl": {"-u"}, "df": {"-h"}, "top": {"-b"},
                  "/usr/share/trunkline/backup": {"/var/backups/trunkline"}}

QUIET = (" -t ", "latency latest", "slowlog", ":repairs")  # nothing to tell, when all is well


def test_each_alert_has_its_section_and_leads_there():
    assert set(SECTIONS) == set(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook"] == f"/usr/share/trunkline/RUNBOOK.md#{name.lower()}"


@pytest.mark.parametrize("alert", SECTIONS)
def test_each_section_tells_all(alert):
    text = SECTIONS[alert]
    assert re.findall(r"^\*\*(\w+)\*\* \S", text, re.M) == ["Means", "Hurt", "Look", "Mend", "After"]
    look = text[text.index("**Look**"):text.index("**Mend**")]
    assert re.search(r"^    \S", look, re.M), "where to look first"
    assert set(re.findall(r"\bTrunkline[A-Z]\w+", text)) <= set(ALERTS)


def test_named_series_exist():
    told = "".join(p.read_text(encoding="utf-8") for folder in ("sipmod", "daemon", "shared")
                   for p in (ROOT / folder).glob("*.c"))
    series = set(re.findall(r"\b(?:trunkline|process)_[a-z_]*[a-z]\b(?![(*])", RUNBOOK.read_text(encoding="utf-8")))
    assert len(series) > 10
    for name in series:
        assert f'"{name}' in told, name  # the whole name, or the start of a pattern of grep


@pytest.fixture(scope="module")
def running():
    """A customer with a trunk, a webhook with a dead event and a live call; what names stand for."""
    hooks = {"webhook.allow_http": True, "webhook.allow_private": True, "webhook.tries": 1}
    with Stack(conf={**hooks, "sip.drain_s": 2}) as s:
        callee, carrier = s.peer("127.0.0.3"), s.peer()
        trunk = s.define_trunk(callee, billingType="Unmetered", sessions="10")
        number, = s.order(trunk)
        s.ctl("webhook", "add", s.account, "http://127.0.0.1:1/", "--events", "order")
        s.ctl("webhook", "test", s.account, 1)
        invite = carrier.send(carrier.invite("1" + number))
        callee.respond(callee.expect("INVITE"), 200)
        Dialog.caller(carrier, invite, carrier.expect(200, call_id=invite.call_id)).send("ACK")
        live, = s.live()
        wait_for(lambda: scrape(s.trunkd).of("trunkline_job_last_success_timestamp_seconds", task="metrics"), 15)
        wait_for(lambda: s.ctl("webhook", "dead", s.account, 1), 10, "a dead event")
        s.names = {"ACCT": s.account, "TRUNK": trunk, "CALL": live["call"], "WEBHOOK": "1",
                   "NODE": s.redis.client.srandmember("nodes")}
        yield s
        if s.live():
            s.ctl("call", "kill", s.account, live["call"])
        for peer in (carrier, callee):
            peer.respond(peer.expect("BYE"), 200)


def substituted(command, s):
    """The command as it is on the running stack."""
    for name, value in s.names.items():
        command = re.sub(rf"\b{name}\b", value, command)
    for name in ("trunkctl", "trunkd", "sipmod"):
        conf = s.ctl.conf if name == "trunkctl" else getattr(s, name).conf
        if command.startswith(f"{name} "):
            options = "" if " -t" in command else f" -c {conf}"
            command = f"{program(name)}{options}{command[len(name):]}".replace("/etc/trunkline/trunkline.ini", conf)
    command = command.replace("redis-cli ", f"redis-cli -p {s.redis.port} ")
    command = command.replace("127.0.0.1:9450", s.trunkd.metrics_address)
    return command.replace("127.0.0.1:9451", s.sipmod.metrics_address)


# A kill ends the call that others show.
@pytest.mark.parametrize("command", sorted(COMMANDS, key=lambda c: "kill" in c))
def test_each_command_works(running, command):
    words = command.split()
    if words[0] in OF_THE_MACHINE:
        assert words[1] in OF_THE_MACHINE[words[0]]
        assert shutil.which(words[0]) or (ROOT / "deploy" / os.path.basename(words[0])).exists()
        return
    done = subprocess.run(["/bin/bash", "-o", "pipefail", "-c", substituted(command, running)], text=True, check=False,
                          capture_output=True, timeout=30, cwd=build_dir(),
                          env={**os.environ, "LC_ALL": "C.UTF-8", "REDISCLI_AUTH": password("ops")})
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.match(r"\(?error|NOPERM|NOAUTH", done.stdout), done.stdout
    assert done.stdout.strip() or any(quiet in command for quiet in QUIET)


# --- deploy/sysctl ---------------------------------------------------------------------------


def sysctls():
    return re.findall(r"^(-?)([a-z0-9_.]+) = (\d+)$", SYSCTL.read_text(encoding="utf-8"), re.M)


def test_each_sysctl_exists_and_says_why():
    lines = SYSCTL.read_text(encoding="utf-8").splitlines()
    settings = [line for line in lines if line and not line.startswith("#")]
    assert len(settings) == len(sysctls()) > 5
    for optional, name, _ in sysctls():
        assert os.path.exists(f"/proc/sys/{name.replace('.', '/')}") or optional, name
    for i, line in enumerate(lines):
        if line in settings:
            assert lines[i - 1].startswith("#") or lines[i - 1] in settings, f"{line}: why?"


def test_sysctls_are_what_the_programs_ask_for():
    values = {name: int(value) for _, name, value in sysctls()}
    asked = re.search(r"SOCKET_BUFFER = (\d+) \* 1024 \* 1024", (ROOT / "sipmod/udp.c").read_text())
    assert values["net.core.rmem_max"] == int(asked[1]) * 1024 * 1024
    listens = re.search(r"BACKLOG = (\d+)", (ROOT / "sipmod/stream.c").read_text())
    assert values["net.core.somaxconn"] >= int(listens[1])
