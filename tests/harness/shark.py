"""Capture files as others read them: tshark and sngrep."""

import json
import os
import pty
import select
import subprocess
import time

CHECKS = [word for protocol in ("ip", "udp", "tcp") for word in ("-o", f"{protocol}.check_checksum:TRUE")]
COMPLAINTS = ("_ws.malformed || _ws.short || tcp.analysis.flags || ip.checksum.status == \"Bad\" || "
              "udp.checksum.status == \"Bad\" || tcp.checksum.status == \"Bad\"")


def tshark(path, *args):
    done = subprocess.run(["tshark", "-n", "-r", str(path), *CHECKS, *args], capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, "HOME": "/nonexistent"})
    errors = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert done.returncode == 0 and not errors, done.stderr
    return done.stdout


def fields(path, *names):
    """Of each SIP message in the file."""
    wanted = [word for name in names for word in ("-e", name)]
    rows = json.loads(tshark(path, "-Y", "sip", "-T", "json", *wanted))
    return [tuple(row["_source"]["layers"].get(name, [""])[0] for name in names) for row in rows]


def messages(path):
    """"INVITE" or "200" of each SIP message; nothing else may be in the file, nor anything to complain about."""
    complaints = tshark(path, "-Y", COMPLAINTS)
    assert not complaints, complaints
    checked = fields(path, "ip.checksum.status", "ipv6.version", "udp.checksum.status", "tcp.checksum.status")
    assert all((ip == "1" or six) and "1" in (udp, tcp) for ip, six, udp, tcp in checked), checked
    return [method or status for method, status in fields(path, "sip.Method", "sip.Status-Code")]


def sngrep(path, out):
    """Has sngrep read the file on a terminal and save what it understood; returns the saved file's messages."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", HOME="/nonexistent", LINES="40", COLUMNS="120")
        os.execvp("sngrep", ["sngrep", "-N", "-q", "-I", str(path), "-O", str(out)])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        try:
            if not ready or not os.read(terminal, 65536):
                break
        except OSError:
            break
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -1), status
    return messages(out)
