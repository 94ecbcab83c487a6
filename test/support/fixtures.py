"""fixtures.py - the fixtures of test/e2e and test/fault: both conftest.py take them here."""
import os

import pytest

import campaigns
from stack import Stack

# dead_letters: the tests look into the queue themselves; those of the list have it on.
# stall_timeout: rule 7 within a test's patience. poll_interval: longer than what a test of
# a wake-up waits, and short enough for the test of what only polling finds.
SETTINGS = ["max_prepared_transactions=10", "campaign.stall_timeout=2s",
            "campaign.poll_interval=5s", "campaign.dead_letters=off"]


@pytest.fixture(scope="session")
def stack():
    """All servers: those of CAMPAIGN_STACK=DIR, which stay, or own ones for this session."""
    directory = os.environ.get("CAMPAIGN_STACK")
    running = Stack(directory) if directory else Stack.up(settings=SETTINGS)
    try:
        yield running
    finally:
        running.down()


@pytest.fixture
def no_dead_letters(stack):
    """Fails a test that leaves dead letters which it did not expect; ends its transactions."""
    yield
    stack.end_transactions()
    left = campaigns.dead_letters(stack)
    assert not left, [one.properties.headers for one in left]


@pytest.fixture(scope="module")
def no_store(stack):
    """Instead of the stack's consumer, which only stores, the tests start their own."""
    stack.part("stop", "consumer")
    try:
        yield
    finally:
        stack.part("start", "consumer")


@pytest.fixture
def unhealed(stack):
    """For tests of order and of acknowledgements: the worker does not publish again what only
    takes long."""
    with stack.settings(campaign__stall_timeout="1h"):
        yield


@pytest.fixture
def unstored(stack):
    """No consumer, and nothing is suspected lost."""
    stack.part("stop", "consumer")
    try:
        with stack.settings(campaign__stall_timeout="1h"):
            yield
    finally:
        stack.part("start", "consumer")
