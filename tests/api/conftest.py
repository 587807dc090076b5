"""REST alone: no sipmod."""

import pytest

from harness import Stack


@pytest.fixture(scope="module")
def rest():
    """One Stack without sipmod for all tests of a file."""
    with Stack(sipmod=False) as s:
        yield s


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
