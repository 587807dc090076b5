"""A redis-server with the bundled libraries; every test runs on a single server and on a cluster of one node,
where a function that reaches for another slot fails."""

import pathlib
import subprocess

import pytest

from harness import Redis, wait_for
from harness.ports import free_port
from harness.process import make_workdir, remove_workdir
from schema_client import NUMBERS, Schema

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "redis-schema"


@pytest.fixture(scope="session")
def libraries(tmp_path_factory):
    """The bundled libraries, by name."""
    output = tmp_path_factory.mktemp("bundle")
    subprocess.run(["cmake", f"-DSOURCE={SOURCE}", f"-DOUTPUT={output}", "-P", SOURCE / "bundle.cmake"], check=True)
    return {path.stem: path.read_text() for path in (output / "lib").glob("*.lua")}


def start_cluster_of_one(workdir):
    server = Redis(workdir, options=["--cluster-enabled", "yes", "--cluster-port", free_port()]).start()
    server.client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    wait_for(lambda: "cluster_state:ok" in str(server.client.execute_command("CLUSTER INFO"))
             or server.client.execute_command("CLUSTER INFO").get("cluster_state") == "ok")
    return server


@pytest.fixture(scope="session", params=["single", "cluster"])
def server(request, libraries):
    workdir = make_workdir("schema")
    server = start_cluster_of_one(workdir) if request.param == "cluster" else Redis(workdir).start()
    for code in libraries.values():
        server.client.function_load(code, replace=True)
    yield server
    server.discard()
    remove_workdir(workdir)


@pytest.fixture
def schema(server):
    """An empty server behind its functions."""
    server.client.flushall()
    return Schema(server.client)


@pytest.fixture
def customer(schema):
    """An account with a trunk of each kind and three numbers."""
    schema.account(balance=1000000)
    schema.trunk_in(11, primary_prefix="1234")
    schema.trunk_out(21)
    schema.numbers(*NUMBERS[:3])
    return schema


@pytest.fixture
def calls(customer):
    """The same; all its books must agree at the end."""
    yield customer
    customer.check_invariants()
