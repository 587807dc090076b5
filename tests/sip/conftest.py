"""Fixtures of the SIP tests. A module's CONF = {"sip__t1_ms": 50} are the settings of its sipmod.

A module with OVER = ("udp", "tcp") runs each test of its `line` (or `make_exit`) twice, called by either. Those
marked @pytest.mark.udp are about UDP alone.
"""

import pytest

from harness import StreamPeer
from harness.bed import CARRIER, Bed, Line


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
    if getattr(request, "param", "udp") == "tcp":
        opened.carrier = opened.peer(CARRIER, kind=StreamPeer)
    yield opened
    opened.close()
    if not request.node.stash.get(FAILED, False):
        opened.customer.settled()


def pytest_configure(config):
    config.addinivalue_line("markers", "udp: a test about UDP alone in a module that runs over TCP as well")


def pytest_generate_tests(metafunc):
    """Over which transports a test's first fixture of LINES runs."""
    over = getattr(metafunc.module, "OVER", ())
    fixture = next((f for f in LINES if f in metafunc.fixturenames), None)
    if over and fixture and not metafunc.definition.get_closest_marker("udp"):
        metafunc.parametrize(fixture, over, indirect=True)


LINES = ("line", "make_exit")
FAILED = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call":
        item.stash[FAILED] = report.failed
