"""test_silent_queue.py - a subscription that delivers nothing although messages wait in its queue."""
import contextlib
import os
import threading

import pika
import pytest

import campaigns
from amqp_proxy import AmqpProxy
from campaigns import make_numbers, wait_for_status
from consumers import Consumer, environment
from waiting import wait_until

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
ARGUMENTS = {"x-queue-type": "quorum", "x-single-active-consumer": True, "x-dead-letter-exchange": "campaign.dead"}


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


def test_a_queue_that_is_there_again_at_once(stack, unhealed):
    """R0.16 R0.17: deleted, and declared by others in the same moment, as by consumers that connect. RabbitMQ 3 would
    pass the subscription on to the new queue without a word, and lose what it delivers then.
    """
    queue = campaigns.QUEUES[0]
    for _ in range(ROUNDS):
        wait_for_status(stack, campaigns.witness(stack, queue), "sent")
        with contextlib.ExitStack() as others:
            declaring = [others.enter_context(Declaring(stack, queue)) for _ in range(2)]
            with stack.channel() as channel:
                channel.queue_delete(queue)
            wait_until("it is there again", lambda: all(one.has_declared() for one in declaring), interval=0.01)
        wait_for_status(stack, campaigns.witness(stack, queue), "sent")


class Declaring:
    """Declares a queue again and again, as fast as it goes."""

    def __init__(self, stack, queue):
        self.stack = stack
        self.queue = queue
        self.arguments = ARGUMENTS if stack.rabbitmq_major() < 4 else {**ARGUMENTS, "x-delivery-limit": 2147483647}
        self.rounds = 0
        self.asked = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        wait_until("it has begun", lambda: self.rounds, interval=0.01)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        while not self.stopping.is_set():
            with contextlib.suppress(pika.exceptions.AMQPError), self.stack.channel() as channel:
                while not self.stopping.is_set():
                    channel.queue_declare(self.queue, durable=True, arguments=self.arguments)
                    channel.queue_bind(self.queue, "campaign", self.queue)
                    self.rounds += 1

    def has_declared(self):
        """Since it was asked first."""
        self.asked = self.asked or self.rounds + 1
        return self.rounds > self.asked


def consumed(stack):
    """Whether each queue has its consumer."""
    with stack.channel() as channel:
        return all(channel.queue_declare(queue, passive=True).method.consumer_count == 1
                   for queue in campaigns.QUEUES)
