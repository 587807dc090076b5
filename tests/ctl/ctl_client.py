"""trunkctl as a function: data on success, what it said on failure."""

import subprocess

from harness import Ctl
from harness.programs import program

DONE, FAILED, USAGE = 0, 1, 2


class Cli(Ctl):
    """ctl("account", "list") is the JSON; ctl.run(…) the process; ctl.fails(…) the message."""

    def run(self, *args, stdin=None):
        argv = [program("trunkctl"), "-c", self.conf, *[str(a) for a in args]]
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False,
                              env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
        assert "Sanitizer" not in done.stderr and "runtime error:" not in done.stderr, done.stderr
        return done

    def fails(self, *args, code=FAILED, stdin=None):
        """Asserts the exit code and that nothing went to stdout; returns stderr."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode == code, done
        assert not done.stdout and done.stderr.startswith("trunkctl: "), done
        return done.stderr

    def table(self, *args):
        """The words of a table for people, heading first."""
        done = self.run(*args)
        assert done.returncode == DONE, done
        return [line.split() for line in done.stdout.splitlines()]
