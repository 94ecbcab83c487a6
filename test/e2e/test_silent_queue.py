"""test_silent_queue.py - a subscription that delivers nothing although messages wait in its queue."""
import pytest

import campaigns
from amqp_proxy import AmqpProxy
from campaigns import make_numbers, wait_for_status
from consumers import Consumer, environment
from waiting import wait_until


@pytest.fixture(name="proxy")
def fixture_proxy(stack):
    """Between the broker and a consumer, which runs instead of the stack's."""
    stack.part("stop", "consumer")
    proxy = AmqpProxy(stack.env["AMQP_URL"])
    try:
        yield proxy
    finally:
        proxy.close()
        stack.part("start", "consumer")


def test_a_silent_subscription_is_noticed(stack, proxy):
    """R0.16 R0.17: the consumer connects again, by itself, and stores all of it, in order. The first delivery of each
    queue does not arrive, and more than one at a time is not allowed: so the broker counts a consumer and messages,
    and delivers none, as when RabbitMQ has not finished taking an older queue of that name away.
    """
    numbers = make_numbers(3, seed=41)
    with stack.settings(campaign__batch_size="1"), \
            Consumer(environment(stack, AMQP_URL=proxy.url, CAMPAIGN_PREFETCH="1")) as consumer:
        wait_until("it consumes", lambda: consumed(stack))
        proxy.swallow_deliveries(2)
        ids = {ordered: campaigns.send(stack, numbers, ordered=ordered) for ordered in (True, False)}
        for ordered, campaign_id in ids.items():
            wait_for_status(stack, campaign_id, "sent")
            campaigns.assert_stored(stack, campaign_id, numbers, ordered=ordered)
            assert campaigns.status(stack, campaign_id)["rewinds"] == 0
        assert consumer.lines("the subscription delivers none")


def consumed(stack):
    """Whether each queue has its consumer."""
    with stack.channel() as channel:
        return all(channel.queue_declare(queue, passive=True).method.consumer_count == 1
                   for queue in campaigns.QUEUES)
