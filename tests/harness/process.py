"""A child process in a session of its own, with a log file, a readiness condition and a clean end."""

import atexit
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from .wait import wait_for

_REPORT = re.compile(r"ERROR: AddressSanitizer|runtime error:|ERROR: LeakSanitizer|Sanitizer:DEADLYSIGNAL")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
running = []  # every started Process that has not been stopped


class ProcessFailed(AssertionError):
    """A program did not start, died, ended with the wrong code or left a sanitizer's report."""


def make_workdir(label):
    """A new temporary folder with a short path (unix sockets live in it)."""
    return tempfile.mkdtemp(prefix=f"trunkline-{label}-", dir="/tmp")


def remove_workdir(path):
    if os.environ.get("TRUNKLINE_KEEP") != "1":
        shutil.rmtree(path, ignore_errors=True)


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One program. Subclasses set argv and say how readiness shows."""

    uses_notify = False  # waits for READY=1 on NOTIFY_SOCKET

    def __init__(self, argv, name, workdir, env=None):
        self.argv = [str(a) for a in argv]
        self.name = name
        self.workdir = workdir
        self.log_path = os.path.join(workdir, f"{name}.log")
        self.env = env or {}
        self.child = None

    # --- life -----------------------------------------------------------------

    def start(self, deadline=30.0, ready=True):
        """Starts the program and waits until it is ready (ready=False: returns at once)."""
        assert self.child is None, f"{self.name} runs already"
        with self._notify_socket() as (notify, variables), open(self.log_path, "ab") as log:
            # The signal comes when the starting thread ends: only the main one lives as long as we.
            in_main = threading.current_thread() is threading.main_thread()
            self.child = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.workdir,
                env={**self._environment(), **variables}, start_new_session=True,
                preexec_fn=_die_with_parent if in_main else None)
            running.append(self)
            if ready:
                self._wait_ready(notify, deadline)
        return self

    def stop(self, deadline=30.0, code=0):
        """SIGTERM, waits for the end, checks the exit code (None: any) and looks for reports."""
        if self.child is None:
            self.check_reports()
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        self.wait_exit(deadline, code)

    def kill9(self):
        """SIGKILL to the whole process group, as a crash would end it."""
        if self.child is not None:
            self._signal_group(signal.SIGKILL)
            self.child.wait()
            self._forget()
        self.check_reports()

    def restart(self, deadline=30.0):
        self.stop(deadline)
        return self.start(deadline)

    def suspend(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def signal(self, number):
        assert self.child is not None, f"{self.name} does not run"
        self.child.send_signal(number)

    def wait_exit(self, deadline=30.0, code=0):
        """Waits until the program ended by itself; checks code (None: any) and reports."""
        try:
            got = self.child.wait(deadline)
        except subprocess.TimeoutExpired:
            self._signal_group(signal.SIGABRT)
            self.discard()
            raise ProcessFailed(f"{self.name} did not end within {deadline:g} s{self.tail()}") from None
        self._signal_group(signal.SIGKILL)  # whatever it left behind
        self._forget()
        self.check_reports()
        if code is not None and got != code:
            raise ProcessFailed(f"{self.name} ended with {got}, not {code}{self.tail()}")
        return got

    def discard(self):
        """Ends the process without any check; for cleaning up after a failure."""
        if self.child is not None:
            self._signal_group(signal.SIGKILL)
            self.child.wait()
            self._forget()

    @property
    def pid(self):
        return self.child.pid if self.child else None

    @property
    def alive(self):
        return self.child is not None and self.child.poll() is None

    # --- log ------------------------------------------------------------------

    def log(self):
        """All that the program has written so far, over all its starts."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def tail(self, lines=40):
        last = self.log().splitlines()[-lines:]
        return f"\n--- last lines of {self.name} ---\n" + "\n".join(last)

    def check_reports(self):
        text = self.log()
        found = _REPORT.search(text)
        if found:
            report = text[max(found.start() - 200, 0):][:8000]
            raise ProcessFailed(f"{self.name} left a sanitizer's report:\n{report}")

    # --- innards --------------------------------------------------------------

    def is_ready(self):
        """For programs without sd_notify: whether the program can be used."""
        return True

    def _environment(self):
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "LC_ALL": "C.UTF-8", "HOME": self.workdir,
               "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
               "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
        return {**env, **self.env}

    def _notify_socket(self):
        return _Notify(os.path.join(self.workdir, f"{self.name}.notify") if self.uses_notify else None)

    def _wait_ready(self, notify, deadline):
        def ready():
            if self.child.poll() is not None:
                raise _Ended
            return notify.received("READY=1") if self.uses_notify else self.is_ready()

        try:
            wait_for(ready, deadline, f"{self.name} is ready")
        except _Ended:
            code = self.child.returncode
            self.discard()
            self.check_reports()
            raise ProcessFailed(f"{self.name} ended with {code} before it was ready{self.tail()}") from None
        except AssertionError as error:
            self.discard()
            raise ProcessFailed(f"{error}{self.tail()}") from None

    def _signal_group(self, number):
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            pass

    def _forget(self):
        self.child = None
        if self in running:
            running.remove(self)


class _Ended(Exception):
    pass


class _Notify:
    """The receiving end of sd_notify(3); path None makes one that hears nothing."""

    def __init__(self, path):
        self.path = path
        self.socket = None

    def __enter__(self):
        if self.path is None:
            return self, {}
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        return self, {"NOTIFY_SOCKET": self.path}

    def __exit__(self, *_):
        if self.socket:
            self.socket.close()
            os.unlink(self.path)

    def received(self, wanted):
        try:
            while True:
                if wanted in self.socket.recv(4096).decode().split("\n"):
                    return True
        except BlockingIOError:
            return False


def stop_everything():
    """Ends whatever still runs, without checks."""
    for process in reversed(list(running)):
        process.discard()


atexit.register(stop_everything)
