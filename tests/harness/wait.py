"""Waiting for a condition with a deadline: the only way a test waits."""

import time


def wait_for(condition, deadline=5.0, what=None, interval=0.01):
    """Calls condition() until it returns something true, and returns that.

    deadline is in seconds. AssertionErrors raised by the condition count as "not yet"; the last one
    is shown when the deadline passes, and so is the last value otherwise.
    """
    end = time.monotonic() + deadline
    while True:
        last = None
        try:
            last = condition()
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() >= end:
            name = what or getattr(condition, "__name__", "condition")
            raise AssertionError(f"{name}: not so within {deadline:g} s; last seen: {last!r}")
        time.sleep(interval)
