"""conftest.py - kill and recovery tests on real servers.

    pytest test/fault                                                            the short form
    FAULT_N=100000 FAULT_JOBS=10000 FAULT_ROUNDS=20 FAULT_SEED=7 pytest test/fault   a long one

FAULT_N numbers in each campaign, FAULT_JOBS jobs, FAULT_ROUNDS kills in the random series, whose
seed is printed. The helpers are in test/support.
"""
import os
import random

import pytest

from fixtures import no_dead_letters, no_store, stack, unhealed  # noqa: F401

# A minute and a half on its own: `make shares`.
collect_ignore = [] if os.environ.get("FAULT_SHARES") else ["test_shares.py"]

SEED = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(1, 10 ** 6))


def pytest_report_header():
    return (f"FAULT_SEED={SEED} FAULT_N={fault_n()} FAULT_JOBS={fault_jobs()}"
            f" FAULT_ROUNDS={fault_rounds()}")


def fault_n():
    return int(os.environ.get("FAULT_N") or 20_000)


def fault_jobs():
    return int(os.environ.get("FAULT_JOBS") or 1_000)


def fault_rounds():
    return int(os.environ.get("FAULT_ROUNDS") or 5)


@pytest.fixture
def n():
    return fault_n()


@pytest.fixture
def job_count():
    return fault_jobs()


@pytest.fixture
def rounds():
    return fault_rounds()


@pytest.fixture
def chance():
    """The same random choices for the same FAULT_SEED, whatever tests run before."""
    print(f"FAULT_SEED={SEED}")
    return random.Random(SEED)


@pytest.fixture(scope="session", autouse=True)
def unhurried(stack):  # noqa: F811
    """Publishing little ahead of storing: a short campaign lasts long enough to be killed in."""
    with stack.settings(campaign__publish_ahead="20ms", campaign__batch_size="100"):
        yield


@pytest.fixture(autouse=True)
def _clean(no_dead_letters):  # noqa: F811
    """Every test, whether it asks for it or not."""
