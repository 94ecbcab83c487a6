"""waiting.py - waiting for something to become true, with a name for it.

The only place of the tests that sleeps. Must never be given a condition that is
true for a moment only: it could be missed between two looks.
"""
import time


def wait_until(description, predicate, timeout=30.0, interval=0.05, ignoring=()):
    """Returns the first true value of predicate(); fails with the last value seen.

    Exceptions of the types in `ignoring` count as "not yet": a server that is away.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            seen = predicate()
        except ignoring as error:
            seen = error
        else:
            if seen:
                return seen
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s: {description}; last seen: {seen!r}")
        time.sleep(interval)


def assert_stays(description, predicate, seconds, interval=0.1):
    """Fails as soon as predicate() is false within this time: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert predicate(), f"did not stay so for {seconds:g} s: {description}"
        time.sleep(interval)
