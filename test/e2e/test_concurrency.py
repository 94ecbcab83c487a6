"""test_concurrency.py - how many inserts one consumer has under way: CAMPAIGN_CONCURRENCY."""
import contextlib
import datetime

import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from consumers import Consumer, environment
from stack import QUEUES
from test_consumer import consumes
from test_standby import no_consumer, proxies_of, through
from waiting import wait_until

PROFILE_BYTES = 64 * 1024 * 1024
# MongoDB rounds the end of an operation and its length to milliseconds.
ROUNDING = datetime.timedelta(milliseconds=2)
EACH = 4000


@pytest.fixture(name="profile")
def fixture_profile(stack):
    """MongoDB's own record of the inserts that are made meanwhile."""
    database = stack.mongo["campaign"]
    database["system.profile"].drop()
    database.create_collection("system.profile", capped=True, size=PROFILE_BYTES)
    database.command("profile", 2)
    try:
        yield database["system.profile"]
    finally:
        database.command("profile", 0)
        database["system.profile"].drop()


def one_for_each_queue(stack):
    """Drafts of which each goes to another queue, with their numbers."""
    drafts = {}
    while set(drafts) != set(QUEUES):
        numbers = make_numbers(EACH, seed=920 + len(drafts))
        campaign_id = campaigns.create(stack, numbers, ordered=len(drafts) < len(QUEUES) - 1)
        queue = campaigns.queue_of(campaign_id) if len(drafts) < len(QUEUES) - 1 else QUEUES[-1]
        drafts.setdefault(queue, (campaign_id, numbers))
    return drafts.values()


def at_once(profile):
    """The most inserts that were under way at the same time, and how many there were."""
    moments = []
    inserts = list(profile.find({"op": "insert", "ninserted": {"$gt": 0}}))
    for one in inserts:
        begun = one["ts"] - datetime.timedelta(milliseconds=one["millis"])
        if one["ts"] - begun > ROUNDING:
            moments += [(begun + ROUNDING, 1), (one["ts"], -1)]
    under_way, most = 0, 0
    for _, change in sorted(moments):
        under_way += change
        most = max(most, under_way)
    return most, len(inserts)


def test_one_insert_at_a_time(stack, profile):
    """R3.3: all queues are full, and MongoDB never sees two inserts at once."""
    drafts = one_for_each_queue(stack)
    with without_the_stacks(stack):
        for campaign_id, _ in drafts:
            campaigns.dispatch(stack, campaign_id)
        with Consumer(environment(stack, CAMPAIGN_CONCURRENCY="1")):
            for campaign_id, numbers in drafts:
                wait_for_status(stack, campaign_id, "sent")
                assert_delivered(stack, campaign_id, numbers)
    most, inserts = at_once(profile)
    assert inserts >= len(QUEUES) and most <= 1, f"{most} of {inserts} inserts at once"


@contextlib.contextmanager
def without_the_stacks(stack):
    stack.part("stop", "consumer")
    try:
        yield
    finally:
        stack.part("start", "consumer")


def some_of_each(stack, drafts):
    """Whether each campaign has come so far that its lane knows where it stands, and none is sent."""
    stored = [campaigns.count_documents(stack, campaign_id) for campaign_id, _ in drafts]
    return all(0 < count < EACH for count in stored)


def test_silent_store_with_one_turn(stack):
    """One lane stores at a time and MongoDB is silent: those that wait for their turn give their
    queues back as well, and another consumer goes on."""
    drafts = list(one_for_each_queue(stack))
    with no_consumer(stack), proxies_of(stack) as proxies:
        with Consumer({**through(proxies, stack), "CAMPAIGN_CONCURRENCY": "1"}) as active:
            wait_until("it consumes", lambda: consumes(stack))
            proxies["MongoDB"].slow_down(300_000)
            with stack.settings(campaign__batch_size="100"):
                for campaign_id, _ in drafts:
                    campaigns.dispatch(stack, campaign_id)
                wait_until("each queue has its lane", lambda: some_of_each(stack, drafts),
                           interval=0.02)
                proxies["MongoDB"].freeze()
                active.wait_for_line("MongoDB answers no lane")
            with Consumer(environment(stack)) as standby:
                for campaign_id, numbers in drafts:
                    wait_for_status(stack, campaign_id, "sent")
                assert {line["queue"] for line in active.lines("gave the queue back")} == set(QUEUES)
                assert standby.terminate() == 0
