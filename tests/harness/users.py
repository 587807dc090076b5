"""Users of the store as a production has them: in every test each program works with its own."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile

_MAKE = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "redis", "make-users")


@functools.lru_cache(maxsize=None)
def _folder():
    folder = tempfile.mkdtemp(prefix="trunkline-users-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run([_MAKE, folder], check=True)
    with open(os.path.join(folder, "users.acl"), encoding="ascii") as f:
        lines = [line for line in f.read().splitlines() if not line.startswith("user default ")]
    with open(os.path.join(folder, "users.acl"), "w", encoding="ascii") as f:
        f.write("\n".join(["user default on nopass allkeys allchannels allcommands", *lines]) + "\n")
    return folder


def acl_file():
    """For redis-server's --aclfile: what make-users writes, and a default user for the test itself."""
    return os.path.join(_folder(), "users.acl")


def password(name):
    with open(os.path.join(_folder(), f"{name}.password"), encoding="ascii") as f:
        return f.read().strip()


def login(name):
    """Settings of a program that works as this user."""
    return {"redis.user": name, "redis.password": password(name)}
