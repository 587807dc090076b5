"""Runs all unit test programs of a folder and writes one junit file: cmocka.py FOLDER JUNIT."""

import concurrent.futures
import os
import re
import subprocess
import sys

from counts import programs, write_junit

_TIMEOUT = 300  # seconds for one program
_LINE = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] (\w+)$", re.MULTILINE)
_OUTCOMES = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}


def run(path):
    """Runs one program; returns (program, cases for write_junit, output)."""
    name = os.path.basename(path)
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
           "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
    try:
        done = subprocess.run([path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=_TIMEOUT, check=False, env=env)
        code, output = done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as error:
        code, output = "no end", (error.stdout or b"").decode("utf-8", "replace")
    outcomes = dict((test, _OUTCOMES[word]) for word, test in _LINE.findall(output))
    cases = [(name, test, outcome, output) for test, outcome in outcomes.items()]
    if code != 0 and "failed" not in outcomes.values():
        cases.append((name, f"ends with {code}", "failed", output))
    elif not cases:
        cases.append((name, name, "passed", ""))
    return name, cases, output


def main(folder, junit):
    paths = programs(folder, "test_")
    if not paths:
        return 0
    everything = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, cases, output in pool.map(run, paths):
            everything += cases
            bad = [test for _, test, outcome, _ in cases if outcome == "failed"]
            if bad:
                print(output, f"{name}: failed: {', '.join(bad)}", sep="\n")
    write_junit(junit, everything)
    return int(any(outcome == "failed" for _, _, outcome, _ in everything))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
