"""Capture files as others read them: tshark and sngrep."""

import json
import os
import pty
import signal
import subprocess
import threading

from .wait import wait_for

CHECKS = [word for protocol in ("ip", "udp", "tcp") for word in ("-o", f"{protocol}.check_checksum:TRUE")]


def tshark(path, *args):
    done = subprocess.run(["tshark", "-n", "-r", str(path), *CHECKS, *args], capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, "HOME": "/nonexistent"})
    errors = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert done.returncode == 0 and not errors, done.stderr
    return done.stdout


def fields(path, *names, wanted="sip"):
    """Of each packet in the file that this display filter takes; "" where there is none."""
    options = [word for name in names for word in ("-e", name)]
    out = tshark(path, "-Y", wanted, "-T", "json", *options)
    assert out.rstrip().endswith("]"), f"{path} is not whole: {out[-80:]}"
    rows = json.loads(out)
    return [tuple(row["_source"]["layers"].get(name, [""])[0] for name in names) for row in rows]


def messages(path):
    """"INVITE" or "200" of each SIP message; what else is in the file must be nothing to complain about, too."""
    rows = fields(path, "sip.Method", "sip.Status-Code", "ip.checksum.status", "ipv6.version", "udp.checksum.status",
                  "tcp.checksum.status", "_ws.malformed", "tcp.analysis.flags", wanted="frame")
    for _, _, ip, six, udp, tcp, *complaints in rows:
        assert (ip == "1" or six) and "1" in (udp, tcp) and not any(complaints), rows
    return [method or status for method, status, *_ in rows if method or status]


class Sngrep:
    """sngrep on a terminal of its own, until the block ends."""

    def __init__(self, *args):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", HOME="/nonexistent", LINES="40", COLUMNS="120")
            os.execvp("sngrep", ["sngrep", *map(str, args)])
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def _read(self):
        """A terminal that nobody reads would stop it."""
        try:
            while os.read(self.terminal, 65536):
                pass
        except OSError:
            pass

    def end(self):
        """Asks it to end and waits."""
        os.kill(self.pid, signal.SIGTERM)
        wait_for(lambda: os.waitpid(self.pid, os.WNOHANG)[0], 10, "sngrep has ended")
        os.close(self.terminal)


def sngrep(path, out):
    """Has sngrep read a file and save what it understood, which must be all; returns the saved file's messages."""
    expected = fields(path, "frame.time_epoch")
    with Sngrep("-q", "-I", path, "-O", out):
        wait_for(lambda: fields(out, "frame.time_epoch") == expected, 10, "sngrep has saved all")
    return messages(out)
