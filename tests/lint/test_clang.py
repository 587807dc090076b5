"""clang-format and clang-tidy. Results of clang-tidy are kept by content in the build folder."""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess

import pytest
import tree
from harness import build_dir

TIDY = "/usr/bin/clang-tidy"
MODELS = "tests/lint/analyzer"  # headers of third parties as the analyzer should see them
# -w: the build's compiler judges warnings.
ARGUMENTS = ["--quiet", "--extra-arg=-w", f"--extra-arg-before=-I{os.path.join(tree.ROOT, MODELS)}"]


def test_format():
    done = subprocess.run(["/usr/bin/clang-format", "--dry-run", "-Werror", *tree.c_files()], cwd=tree.ROOT,
                          capture_output=True, text=True, check=False)
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, re.MULTILINE)))
    assert done.returncode == 0, f"run clang-format -i on: {' '.join(wrong) or done.stderr}"


def compiled():
    """Sources of the programs in the build's list of commands; tests are judged by running them."""
    path = os.path.join(build_dir(), "compile_commands.json")
    assert os.path.exists(path), f"{path} is missing: configure the build first"
    with open(path, encoding="utf-8") as f:
        sources = {os.path.relpath(entry["file"], tree.ROOT) for entry in json.load(f)}
    return sorted(s for s in sources if s.split("/")[0] in ("shared", "daemon", "sipmod", "redis-schema")
                  and os.path.exists(os.path.join(tree.ROOT, s)))


def digest(source, common):
    """Of the source and of all headers that it includes by quotes, through any number of steps."""
    sums, todo, seen = hashlib.sha256(common), [source], set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        text = tree.read(path)
        sums.update(f"{path}\0{text}\0".encode())
        for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.MULTILINE):
            for folder in (os.path.dirname(path), "shared", "daemon", "sipmod", "redis-schema"):
                if os.path.exists(os.path.join(tree.ROOT, folder, name)):
                    todo.append(os.path.join(folder, name))
                    break
    return sums.hexdigest()


def tidy(source, common, cache):
    """What clang-tidy finds in one source; "" when nothing."""
    known = os.path.join(cache, digest(source, common))
    if os.path.exists(known):
        return ""
    done = subprocess.run([TIDY, "-p", build_dir(), *ARGUMENTS, source], cwd=tree.ROOT, capture_output=True,
                          text=True, check=False)
    errors = re.findall(r"^\S+: (?:error|warning): .*$", done.stdout, re.MULTILINE)
    found = [e for e in errors if not is_emptying(e)]
    if done.returncode != 0 and not errors:
        found = [done.stdout + done.stderr]
    if not found:
        with open(known, "w", encoding="utf-8"):
            pass
    return "\n".join(found)


def is_emptying(error):
    """Whether the analyzer stumbled over `while (t->list) member_end(t->list);`, where the member takes
    itself off the list through a pointer of its own to t: it takes the second member for the first."""
    path, line = error.split(":")[:2]
    if "Use of memory after it is freed" not in error:
        return False
    before, at = tree.read(path).split("\n")[int(line) - 2:int(line)]
    call = re.fullmatch(r"\s*\w+\((?:\w+, )?(\w+->\w+)\);", at)
    return bool(call) and before.strip() == f"while ({call[1]})"


@pytest.mark.slow
def test_tidy():
    cache = os.path.join(build_dir(), "tidy-clean")
    os.makedirs(cache, exist_ok=True)
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    models = "".join(tree.read(p) for p in tree.c_files(MODELS))
    common = version + (tree.read(".clang-tidy") + models + " ".join(ARGUMENTS)).encode()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [text for text in pool.map(lambda s: tidy(s, common, cache), compiled()) if text]
    if found:
        pytest.fail("clang-tidy finds:\n" + "\n".join(found), pytrace=False)
