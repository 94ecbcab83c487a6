"""test_windows.py - a campaign is published, stored and sent in its send window only. What a window is,
and all the changes of the clock: test/sql/73_windows.sql and 74_window_year.sql."""
import collections
import contextlib

import pytest

import campaigns
from campaigns import assert_delivered, count_documents, documents_of, make_numbers, status, wait_for_status
from consumers import Consumer, environment
from waiting import wait_until

pytestmark = pytest.mark.usefixtures("unhealed")

# Around the hour of the test, wherever that is.
HOURS = "to_char(now() AT TIME ZONE 'UTC' + interval %s, 'HH24:MI-') || to_char(now() AT TIME ZONE 'UTC' + interval %s, 'HH24:MI')"


def set_window(stack, campaign_id, opens, closes):
    return stack.one(f"SELECT campaign_window(%s, {HOURS}, 'UTC')", campaign_id, opens, closes)


def close_window(stack, campaign_id):
    return set_window(stack, campaign_id, "6 hours", "8 hours")


def open_window(stack, campaign_id):
    return set_window(stack, campaign_id, "-6 hours", "6 hours")


def end_lease(stack, campaign_id):
    """The window's time is over, and no worker comes."""
    stack.sql("UPDATE campaign.send_windows SET halts_at = clock_timestamp(), turns_at = 'infinity' WHERE campaign_id = %s",
              campaign_id)


def begin_lease(stack, campaign_id):
    """Its time has come again."""
    stack.sql("UPDATE campaign.send_windows SET turns_at = clock_timestamp() WHERE campaign_id = %s", campaign_id)
    stack.sql("SELECT campaign.worker_wake()")


@contextlib.contextmanager
def without_consumer(stack):
    stack.part("stop", "consumer")
    try:
        yield
    finally:
        stack.part("start", "consumer")


def test_a_closed_campaign_publishes_nothing_and_blocks_nobody(stack):
    """R5.4: outside its window nothing of it is published; others, of the same queue too, are sent."""
    numbers = make_numbers(500, seed=730)
    campaign_id = campaigns.create(stack, numbers)
    assert close_window(stack, campaign_id)["window"]["open"] is False
    with campaigns.capture(stack) as take:
        campaigns.dispatch(stack, campaign_id)
        wait_until("the worker has seen the window", lambda: any(
            reason and reason.startswith("outside its send window")
            for _, reason in stack.sql("SELECT number, reason FROM campaign_events(%s)", campaign_id)))
        campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id)])
        assert campaign_id not in {one.properties.headers["campaign_id"] for one in take()}
    assert (status(stack, campaign_id)["published"], count_documents(stack, campaign_id)) == (0, 0)
    health = stack.one("SELECT campaign_health(%s)", campaign_id)
    assert health["reason"].startswith("outside its send window until ") and not health["isStuck"]
    open_window(stack, campaign_id)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


@pytest.mark.parametrize("close, ordered", [(close_window, True), (end_lease, False)])
def test_what_the_queue_holds_is_not_stored_after_closing(stack, close, ordered):
    """R5.4: what was published before the window closed is not stored after it, nor lost: changed by
    somebody, and by its own time, without a worker."""
    numbers = make_numbers(600, seed=731)
    with without_consumer(stack), stack.settings(campaign__batch_size="100"):
        campaign_id = campaigns.create(stack, numbers, ordered=ordered)
        open_window(stack, campaign_id)
        campaigns.dispatch(stack, campaign_id)
        wait_until("some is published", lambda: status(stack, campaign_id)["published"] >= 200)
        close(stack, campaign_id)
    campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id) if ordered else campaigns.QUEUES[-1]])
    assert count_documents(stack, campaign_id) == 0
    if close is end_lease:
        begin_lease(stack, campaign_id)
    else:
        open_window(stack, campaign_id)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers, ordered=ordered)


def test_nothing_is_sent_after_closing(stack):
    """R5.4: a sender begins nothing once the window is closed, though it has claimed it, and sends
    nothing twice when it opens."""
    settings = dict(CAMPAIGN_GATEWAY="simulate", CAMPAIGN_MEAN="100", CAMPAIGN_DEVIATION="0", CAMPAIGN_IN_FLIGHT="2",
                    CAMPAIGN_SEED="7", CAMPAIGN_LOG_LEVEL="debug")
    with without_consumer(stack), Consumer(environment(stack, **settings)) as sender:
        campaign_id = campaigns.create(stack, make_numbers(30, seed=732))
        open_window(stack, campaign_id)
        campaigns.dispatch(stack, campaign_id)
        wait_until("some are sent", lambda: status(stack, campaign_id)["sent"] >= 4)
        end_lease(stack, campaign_id)
        # What it held of the campaign is behind it: the next of the queue is sent.
        campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id)])
        answer = status(stack, campaign_id)
        assert answer["sending"] == 0 and answer["sent"] == count_documents(stack, campaign_id) < 30, answer
        begin_lease(stack, campaign_id)
        wait_for_status(stack, campaign_id, "sent")
        documents = documents_of(stack, campaign_id)
        assert [one["status"] for one in documents] == ["sent"] * 30
        begun = collections.Counter(line["identifier"] for line in sender.lines() if line["msg"] == "begun")
        assert {begun[one["identifier"]] for one in documents} == {1}
