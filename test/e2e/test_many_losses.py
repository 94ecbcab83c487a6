"""test_many_losses.py - many campaigns that are published and not stored are suspected lost at once."""
import pytest

import campaigns
from amqp_proxy import QUEUE_DECLARE, worker_through_proxy
from campaigns import make_numbers
from consumers import consumer_again
from stack import QUEUES
from waiting import assert_stays, wait_until

pytestmark = pytest.mark.usefixtures("unstored")

MANY = 200


def test_one_question_for_each_queue(stack):
    """R0.15: without a consumer, the broker is asked about each queue, not about each campaign."""
    with worker_through_proxy(stack) as proxy:
        made = stack.one("SELECT array_agg(campaign_send('many', 'Hello', %s))"
                         " FROM generate_series(1, %s)",
                         campaigns.numbers_file(make_numbers(5, seed=148)), MANY)
        wait_until("all are published", lambda: stack.one(
            "SELECT bool_and(status = 'published') FROM campaign.campaigns WHERE id = ANY (%s)",
            made))
        before = proxy.count(QUEUE_DECLARE)
        with stack.settings(campaign__stall_timeout="1s"):
            # A new one: the stalls of the others were put off for the hour that it was.
            stack.part("kill", "worker")
            wait_until("it connects", lambda: proxy.count(QUEUE_DECLARE) > before)
            connected = proxy.count(QUEUE_DECLARE)
            wait_until("it asks", lambda: proxy.count(QUEUE_DECLARE) > connected + len(QUEUES))
            asked = proxy.count(QUEUE_DECLARE)
            assert_stays("it asks seldom",
                         lambda: proxy.count(QUEUE_DECLARE) <= asked + 4 * len(QUEUES), 3)
    with consumer_again(stack):
        wait_until("all are sent", lambda: stack.one(
            "SELECT bool_and(status = 'sent') FROM campaign.campaigns WHERE id = ANY (%s)", made))
