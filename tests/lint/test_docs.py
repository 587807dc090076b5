"""What the documents name is there."""

import glob
import os
import re
import subprocess

import pytest
import tree
from harness import build_dir

DOCS = tree.files(suffixes=".md")
_PLACE = re.compile(r"^(daemon|sipmod|shared|redis-schema|tests|deploy|\.ci)/[\w./*{},-]*$")


def links(text):
    return [t for t in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) if "://" not in t]


def places(text):
    """Paths of this project in `code`; those with a NAME in capitals stand for many."""
    return [t for t in re.findall(r"`([^`\n]+)`", text)
            if _PLACE.match(t) and not re.search(r"[A-Z]{3}", t.replace("README", "").replace("KEYS", ""))]


@pytest.mark.parametrize("path", DOCS)
def test_links_lead_somewhere(path):
    base = os.path.dirname(path)
    broken = [t for t in links(tree.read(path)) if not os.path.exists(os.path.join(tree.ROOT, base, t))]
    assert not broken, f"{path}: no such file: {broken}"


@pytest.mark.parametrize("path", DOCS)
def test_paths_exist(path):
    missing = [t for t in places(tree.read(path))
               if not any(glob.glob(os.path.join(tree.ROOT, p)) for p in braces(t))]
    assert not missing, f"{path}: no such file: {missing}"


def named_tests(text):
    """(file, test) of each `FILE::TEST`, FILE below tests/."""
    return re.findall(r"`([\w/]+\.(?:py|c))::(test_\w+)`", text)


@pytest.mark.parametrize("path", [p for p in DOCS if named_tests(tree.read(p))])
def test_named_tests_exist(path):
    missing = [f"{file}::{name}" for file, name in named_tests(tree.read(path))
               if not re.search(rf"^(def|static void) {name}\(", tree.read(f"tests/{file}"), re.MULTILINE)]
    assert not missing, f"{path}: no such test: {missing}"


def braces(text):
    """a{b,c} as [ab, ac]."""
    found = re.search(r"\{([^{}]*)\}", text)
    if not found:
        return [text]
    return [r for part in found[1].split(",") for r in braces(text[:found.start()] + part + text[found.end():])]


def test_sample_configuration_is_the_reference():
    """deploy/trunkline.ini is what the programs print."""
    trunkd = os.path.join(build_dir(), "daemon", "trunkd")
    printed = subprocess.run([trunkd, "--conf-reference"], capture_output=True, text=True, check=True).stdout
    assert tree.read("deploy/trunkline.ini") == printed, (
        "deploy/trunkline.ini is out of date: trunkd --conf-reference > deploy/trunkline.ini")


def test_every_suite_is_in_the_runner():
    run = tree.read("tests/run")
    listed = re.search(r"^suites=\((.*)\)$", run, re.MULTILINE)[1].split()
    suites = {os.path.dirname(p).split("/")[1] for p in tree.files("tests")
              if re.match(r"tests/\w+/test_\w+\.py$", p)}
    assert suites <= set(listed), f"not in tests/run: {suites - set(listed)}"
