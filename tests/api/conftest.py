"""REST alone: no sipmod."""

import subprocess

import pytest
import yaml

from harness import Stack
from harness.programs import program


@pytest.fixture(scope="module")
def rest():
    """One Stack without sipmod for all tests of a file."""
    with Stack(sipmod=False) as s:
        yield s


@pytest.fixture(scope="session")
def printed():
    """The OpenAPI document as trunkd prints it."""
    return subprocess.run([program("trunkd"), "--openapi"], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def openapi(printed):
    return yaml.safe_load(printed)


@pytest.fixture(scope="module")
def api(rest):
    return rest.api


@pytest.fixture(scope="module")
def other(rest):
    """Another customer's client."""
    return rest.api_of(*rest.add_account())


@pytest.fixture(scope="module")
def trunk(rest):
    return rest.define_trunk(("127.0.0.3", 5060), primaryPrefix="5555")
