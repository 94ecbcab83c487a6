"""test_redelivery.py - a message that is delivered again and again, because whoever has it
crashes each time, stays where it is: RabbitMQ 4 gives it up after 20 deliveries by default."""
import contextlib

import pika
import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from consumers import Consumer, consumer_output, environment
from stack import DEAD, EXCHANGE
from waiting import wait_until

# Two batches, as many as are published with nothing stored.
NUMBERS = make_numbers(300, seed=160)
BATCHES = 2
DELIVERIES = 25
PARALLEL = "campaign.parallel"


@pytest.fixture(name="alone")
def _alone(stack):
    """Nobody consumes."""
    stack.part("stop", "consumer")
    yield
    stack.part("start", "consumer")


def published_campaign(stack, **options):
    campaign_id = campaigns.send(stack, NUMBERS, **options)
    wait_for_status(stack, campaign_id, "published")
    return campaign_id


def take_and_crash(stack, queue):
    """A consumer that gets all messages of the queue and hangs up; their seqs, in order."""
    taken = []
    with stack.channel() as channel:
        channel.basic_qos(prefetch_count=BATCHES)
        for _, properties, _ in channel.consume(queue, inactivity_timeout=10):
            assert properties is not None, f"{queue} delivers nothing after {taken}"
            taken.append(properties.headers["first_seq"])
            if len(taken) == BATCHES:
                return taken
    return taken


def message_count(stack, queue):
    with stack.channel() as channel:
        return channel.queue_declare(queue, passive=True).method.message_count


@pytest.mark.parametrize("ordered", [True, False])
def test_messages_outlive_many_crashes(stack, alone, ordered):
    """R8.1: a message whose consumers all crash is delivered again each time, in its place, and
    stored in the end, without being published again."""
    campaign_id = published_campaign(stack, ordered=ordered)
    queue = campaigns.queue_of(campaign_id) if ordered else PARALLEL
    for _ in range(DELIVERIES):
        assert take_and_crash(stack, queue) == [1, 251]
    wait_until("both are back", lambda: message_count(stack, queue) == BATCHES)
    with Consumer(environment(stack)) as consumer:
        answer = wait_for_status(stack, campaign_id, "sent")
        assert consumer.terminate() == 0
    assert answer["rewinds"] == 0
    assert_delivered(stack, campaign_id, NUMBERS, ordered=ordered)
    assert campaigns.dead_letter_count(stack) == 0


def test_dead_letters_outlive_many_looks(stack):
    """R8.1: a dead letter that is looked at and given back, as RabbitMQ's management does, is
    not gone after 20 looks."""
    with stack.channel() as channel:
        channel.basic_publish(DEAD, "", b"a letter", pika.BasicProperties(delivery_mode=2),
                              mandatory=True)
    for _ in range(DELIVERIES):
        wait_until("it is there", lambda: campaigns.dead_letter_count(stack) == 1)
        with stack.channel() as channel:
            method, _, _ = channel.basic_get(DEAD)
            channel.basic_nack(method.delivery_tag, requeue=True)
    wait_until("it is there", lambda: campaigns.dead_letter_count(stack) == 1)
    assert [one.body for one in campaigns.dead_letters(stack)] == [b"a letter"]


@contextlib.contextmanager
def queue_without_limit(stack, queue):
    """The queue as RabbitMQ 3 and programs of an older version make it."""
    arguments = {"x-queue-type": "quorum", "x-dead-letter-exchange": DEAD}
    with stack.channel() as channel:
        channel.queue_delete(queue)
        channel.queue_declare(queue, durable=True, arguments=arguments)
        channel.queue_bind(queue, EXCHANGE, queue)
    try:
        yield
    finally:
        with stack.channel() as channel:
            channel.queue_delete(queue)


def test_queue_without_a_limit(stack, alone):
    """R8.1: a queue that was made without the limit is used as it is. On RabbitMQ 4 the consumer
    says once what is wrong with it; what it gives up there is published again."""
    has_default = stack.rabbitmq_major() >= 4
    with queue_without_limit(stack, PARALLEL):
        mark = stack.log_mark("postgres")
        stack.part("kill", "worker")
        campaign_id = published_campaign(stack, ordered=False)
        assert "no connection to RabbitMQ" not in stack.log_since("postgres", mark)
        for _ in range(DELIVERIES):
            take_and_crash(stack, PARALLEL)
            wait_until("they are back or given up", lambda: BATCHES in (
                message_count(stack, PARALLEL), campaigns.dead_letter_count(stack)))
            if campaigns.dead_letter_count(stack) == BATCHES:
                break
        assert campaigns.dead_letter_count(stack) == (BATCHES if has_default else 0)
        code, out, _ = consumer_output("--check", variables=environment(stack))
        assert code == 0 and ("delivery limit: campaign.parallel" in out) is has_default, out
        with Consumer(environment(stack)) as consumer:
            answer = wait_for_status(stack, campaign_id, "sent")
            said = [line["msg"] for line in consumer.lines() if line["level"] == "warning"]
            assert consumer.terminate() == 0
        assert len(said) == (1 if has_default else 0), said
        assert answer["rewinds"] == (1 if has_default else 0)
        assert_delivered(stack, campaign_id, NUMBERS, ordered=False)
        campaigns.dead_letters(stack)


def test_nothing_deprecated_is_needed(stack):
    """R8.1: the broker of these tests has no deprecated feature, from RabbitMQ 4 on."""
    if stack.rabbitmq_major() < 4:
        pytest.skip("this RabbitMQ cannot be told to refuse deprecated features")
    with stack.channel() as channel:
        with pytest.raises(pika.exceptions.AMQPError, match="transient_nonexcl_queues"):
            channel.queue_declare("test.transient", durable=False)
