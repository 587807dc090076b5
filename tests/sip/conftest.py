"""Fixtures of the SIP tests. A module's CONF = {"sip__t1_ms": 50} are the settings of its sipmod."""

import pytest

from harness.bed import Bed, Line


@pytest.fixture(scope="session")
def shared_bed():
    with Bed() as bed:
        yield bed


@pytest.fixture
def own_bed():
    """A Bed that a test may break."""
    with Bed(aof=True) as bed:
        yield bed


@pytest.fixture
def line(request, shared_bed):
    """A Line through this module's sipmod; all its calls must be over and counted at the end."""
    conf = getattr(request.module, "CONF", {})
    opened = Line(shared_bed, shared_bed.sipmod(**conf))
    yield opened
    opened.close()
    if not request.node.stash.get(FAILED, False):
        opened.customer.settled()


FAILED = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call":
        item.stash[FAILED] = report.failed
