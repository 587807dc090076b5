"""Runs every fuzzer of a folder for some seconds: fuzz.py FOLDER CORPUS SECONDS JUNIT.

What a fuzzer finds beyond tests/fuzz/corpus stays in the build folder; inputs that crash are kept
there as well, and named in the output.
"""

import concurrent.futures
import os
import subprocess
import sys

from counts import programs, write_junit


def run(path, corpus, seconds):
    name = os.path.basename(path)
    own = os.path.join(os.path.dirname(path), "found", name)
    crashes = os.path.join(os.path.dirname(path), "crashes", name)
    os.makedirs(own, exist_ok=True)
    os.makedirs(crashes, exist_ok=True)
    seeds = os.path.join(corpus, name.removeprefix("fuzz_"))
    argv = [path, f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=2048", "-print_final_stats=1",
            f"-artifact_prefix={crashes}/", own, *([seeds] if os.path.isdir(seeds) else [])]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return name, done.returncode, done.stdout.decode("utf-8", "replace")


def main(folder, corpus, seconds, junit):
    cases = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, code, output in pool.map(lambda p: run(p, corpus, seconds), programs(folder, "fuzz_")):
            cases.append(("fuzz", name, "failed" if code else "passed", output[-20000:]))
            executed = [line for line in output.splitlines() if "number_of_executed_units" in line]
            print(f"{name}: {executed[0].split()[-1] if executed else '?'} inputs")
            if code:
                print(output[-8000:], f"{name} ended with {code}", sep="\n")
    write_junit(junit, cases)
    return int(any(case[2] == "failed" for case in cases))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
