"""The project's files, as the checks see them."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SKIPPED = re.compile(r"^(build.*|\..*|__pycache__|found|node_modules)$")


def files(*folders, suffixes=None):
    """Paths relative to the root, sorted; dot-files and build folders are left out."""
    found = []
    for folder in folders or ("",):
        for place, names, leaves in os.walk(os.path.join(ROOT, folder)):
            names[:] = sorted(n for n in names if not _SKIPPED.match(n))
            for leaf in sorted(leaves):
                path = os.path.relpath(os.path.join(place, leaf), ROOT)
                if not leaf.startswith(".") and (not suffixes or path.endswith(suffixes)):
                    found.append(path)
    return found


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def c_files(*folders):
    return files(*(folders or ("shared", "daemon", "sipmod", "redis-schema", "tests")), suffixes=(".c", ".h"))


def shell_scripts():
    return _scripts(r"#!.*\b(bash|sh)\b", ".sh")


def python_files():
    return _scripts(r"#!.*\bpython3?\b", ".py")


def _scripts(shebang, suffix):
    found = []
    for path in files() + [".ci/run"]:
        if path.endswith(suffix):
            found.append(path)
        elif "." not in os.path.basename(path):
            with open(os.path.join(ROOT, path), "rb") as f:
                if re.match(shebang, f.readline(200).decode("utf-8", "replace")):
                    found.append(path)
    return found


def where(problems):
    """A failure's text: one problem a line."""
    return "\n" + "\n".join(problems)


def grep(paths, pattern):
    """Lines that match, as "path:line: text"."""
    wanted = re.compile(pattern)
    return [f"{path}:{i}: {line.strip()}" for path in paths
            for i, line in enumerate(read(path).splitlines(), 1) if wanted.search(line)]
