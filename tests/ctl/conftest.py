"""trunkctl against a redis-server that holds the bundled libraries; every test starts on an empty one."""

import pathlib
import re
import subprocess

import pytest

from ctl_client import Cli
from harness import Redis, write_conf
from harness.process import make_workdir, remove_workdir

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "redis-schema"


@pytest.fixture(scope="session")
def libraries(tmp_path_factory):
    """Texts of the bundled libraries."""
    output = tmp_path_factory.mktemp("bundle")
    subprocess.run(["cmake", f"-DSOURCE={SCHEMA}", f"-DOUTPUT={output}", "-P", SCHEMA / "bundle.cmake"], check=True)
    return [path.read_text() for path in (output / "lib").glob("*.lua")]


@pytest.fixture(scope="session")
def loaded_server(libraries):
    workdir = make_workdir("ctl")
    server = Redis(workdir).start()
    for code in libraries:
        server.client.function_load(code, replace=True)
    yield server
    server.discard()
    remove_workdir(workdir)


@pytest.fixture(scope="session")
def schema_version():
    return int(re.search(r"SCHEMA_VERSION =\s+(\d+)", (SCHEMA / "schema.h").read_text())[1])


@pytest.fixture
def server(loaded_server, schema_version):
    loaded_server.client.flushall()
    loaded_server.client.hset("schema", mapping={"version": schema_version, "digest": "00", "loaded": 1700000000000,
                                                 "secret": "hidden"})
    return loaded_server


@pytest.fixture
def ctl(server, tmp_path):
    return Cli(str(write_conf(tmp_path / "ctl.ini", {"redis.address": server.address})))


@pytest.fixture
def account(ctl):
    return ctl("account", "add", "--name", "Zed")["accountno"]
