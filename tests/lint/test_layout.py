"""Folders, sizes and words."""

import os
import re

import tree

TOP = {"CMakeLists.txt", "daemon", "sipmod", "shared", "redis-schema", "tests", "deploy", "README.md", "LICENSE"}
MOST_LINES = 600  # of one source file
MOST_FUNCTION_LINES = 80
SOURCES = (".c", ".h", ".lua", ".py", ".sh")


def test_top_level_holds_what_the_design_lists():
    names = {n for n in os.listdir(tree.ROOT) if not n.startswith(".") and not n.startswith("build")}
    assert names <= TOP, f"not in the list of top-level names: {sorted(names - TOP)}"
    assert TOP <= names, f"missing at the top level: {sorted(TOP - names)}"


def test_files_are_short():
    long = [f"{p}: {n} lines, at most {MOST_LINES}" for p in tree.files(suffixes=SOURCES)
            if (n := tree.read(p).count("\n")) > MOST_LINES]
    assert not long, tree.where(long)


def functions(text):
    """(line, name, length) of each function of a file in this project's brace style."""
    lines = text.split("\n")
    start = None
    for i, line in enumerate(lines):
        if line == "{":
            start = i
        elif line == "}" and start is not None:
            head = " ".join(lines[max(start - 4, 0):start])
            names = re.findall(r"(\w+)\(", head)
            yield start + 1, names[0] if names else "?", i - start - 1
            start = None


def test_functions_are_short():
    long = [f"{p}:{line}: {name} has {n} lines, at most {MOST_FUNCTION_LINES}" for p in tree.c_files()
            if p.endswith(".c") for line, name, n in functions(tree.read(p)) if n > MOST_FUNCTION_LINES]
    assert not long, tree.where(long)


def test_function_length_is_measured():
    text = "static int long_one(int a)\n{\n" + "    a++;\n" * 81 + "}\n\nint short_one(void)\n{\n    return 1;\n}\n"
    assert list(functions(text)) == [(2, "long_one", 81), (87, "short_one", 1)]


def test_nothing_is_left_to_do():
    found = tree.grep([p for p in tree.files(suffixes=SOURCES) if not p.startswith("tests/lint/")],
                      r"\b(TODO|FIXME|HACK)\b")
    assert not found, tree.where(found)


def test_no_path_of_one_machine():
    texts = [p for p in tree.files() if p != "tests/lint/test_layout.py" and not p.startswith("tests/fuzz/corpus/")]
    found = tree.grep(texts + [".clang-tidy", ".clang-format", ".gitignore", ".ci/run"], r"/home/\w+|/root/")
    assert not found, tree.where(found)


def test_lines_end_cleanly():
    text = SOURCES + (".md", ".txt", ".xml")
    found = tree.grep(tree.files(suffixes=text), r"[ \t]$")
    found = [f for f in found if not f.startswith(("tests/sip/torture/", "tests/unit/torture/"))]
    assert not found, tree.where(found)
    unfinished = [p for p in tree.files(suffixes=SOURCES + (".md",)) if not tree.read(p).endswith("\n")]
    assert not unfinished, f"no newline at the end of {unfinished}"
