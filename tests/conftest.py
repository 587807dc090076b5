"""Fixtures of every pytest suite."""

import pytest

from harness import Redis, Stack, stop_everything
from harness.process import make_workdir, remove_workdir, running


@pytest.fixture
def stack():
    """A Stack of its own for one test."""
    with Stack() as s:
        yield s


@pytest.fixture(scope="module")
def shared_stack():
    """One Stack for all tests of a file that do not break it."""
    with Stack() as s:
        yield s


@pytest.fixture
def redis_server():
    """A private redis-server without any schema loaded."""
    workdir = make_workdir("redis")
    server = Redis(workdir).start()
    yield server
    server.discard()
    remove_workdir(workdir)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the last lines of every program that runs."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for process in running:
            report.sections.append((f"log of {process.name}", process.tail(60)))


def pytest_sessionfinish():
    stop_everything()
