"""The torture messages of RFC 4475 (tests/torture) and RFC 5118 (tests/torture/ipv6)."""

import os

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "torture")


def cases(folder=""):
    """[(file, what is required of a proxy)] of the INDEX.tsv there."""
    with open(os.path.join(FOLDER, folder, "INDEX.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f][1:]
    return [(os.path.join(folder, name), required) for name, _, required, _ in rows]


def load(file):
    with open(os.path.join(FOLDER, file), "rb") as f:
        return f.read()
