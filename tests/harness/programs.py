"""trunkd, sipmod and trunkctl as processes, with a generated INI file."""

import json
import os
import subprocess

from .ports import free_port
from .process import Process
from .sip import host_port
from .users import login
from .wait import wait_for

_TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PLACES = {"trunkd": "daemon/trunkd", "trunkctl": "daemon/trunkctl", "sipmod": "sipmod/sipmod"}


def build_dir():
    return os.environ.get("TRUNKLINE_BUILD") or os.path.join(os.path.dirname(_TESTS), "build-test")


def program(name):
    path = os.path.join(build_dir(), _PLACES[name])
    assert os.access(path, os.X_OK), f"{path} is not built (TRUNKLINE_BUILD={build_dir()})"
    return path


def write_conf(path, settings):
    """Writes {"section.key": value} as an INI file; True and False become yes and no."""
    sections = {}
    for name, value in settings.items():
        section, key = name.split(".", 1)
        text = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
        sections.setdefault(section, []).append(f"{key} = {text}")
    with open(path, "w", encoding="utf-8") as f:
        for section, lines in sections.items():
            f.write(f"[{section}]\n" + "\n".join(lines) + "\n\n")
    return path


class _Program(Process):
    uses_notify = True

    def __init__(self, binary, name, workdir, settings):
        self.settings = dict(settings)
        self.conf = write_conf(os.path.join(workdir, f"{name}.ini"), self.settings)
        super().__init__([program(binary), "-c", self.conf], name, workdir)

    def configure(self, **changes):
        """Changes settings for the next start: configure(sip__t1_ms=100)."""
        self.settings.update({k.replace("__", "."): v for k, v in changes.items()})
        write_conf(self.conf, self.settings)


class Trunkd(_Program):
    def __init__(self, workdir, settings, name="trunkd", port=None):
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self.metrics_address = f"127.0.0.1:{free_port()}"
        super().__init__("trunkd", name, workdir, {"metrics.trunkd": self.metrics_address, **login("trunkd"),
                                                   **settings,
                                                   "http.listen": self.address})


class Sipmod(_Program):
    """The setting sip.listen may name {host}, {port}, {address} and {tls_port}."""

    def __init__(self, workdir, settings, name="sipmod", host="127.0.0.1", port=None):
        self.host = host = host.strip("[]")
        self.port = port or free_port()
        self.tls_port = free_port()
        self.address = host_port(host, self.port)
        self.target = (host, self.port)
        self.tls_target = (host, self.tls_port)
        self.metrics_address = f"127.0.0.1:{free_port()}"
        listen = settings.get("sip.listen", "{address}").format(**vars(self))
        super().__init__("sipmod", name, workdir, {"sip.node": name, "sip.spool_dir": "",
                                                   "metrics.sipmod": self.metrics_address, **settings,
                                                   **login("sipmod"), "sip.listen": listen})

    def heard(self, text):
        """Waits until it has read a change of its directory ("source ADDRESS: ", "gateway NAME: "); log level debug."""
        wait_for(lambda: f'"{text}' in self.log(), 3, f"{self.name} has heard of {text}")


class CtlFailed(AssertionError):
    """trunkctl ended with another code than 0; .code, .out and .err hold what it said."""

    def __init__(self, argv, code, out, err):
        super().__init__(f"{' '.join(argv)} ended with {code}\n{out}{err}")
        self.code, self.out, self.err = code, out, err


class Ctl:
    """Runs trunkctl --json; returns its output as data (None when it printed nothing)."""

    def __init__(self, conf):
        self.conf = conf

    def __call__(self, *args, stdin=None, timeout=60):
        out = self.text("--json", *args, stdin=stdin, timeout=timeout)
        return json.loads(out) if out.strip() else None

    def text(self, *args, stdin=None, timeout=60):
        """What people see."""
        argv = [program("trunkctl"), "-c", self.conf, *[str(a) for a in args]]
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout,
                              check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
        if done.returncode != 0 or "Sanitizer" in done.stderr or "runtime error:" in done.stderr:
            raise CtlFailed(argv, done.returncode, done.stdout, done.stderr)
        return done.stdout
