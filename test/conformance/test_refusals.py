"""test_refusals.py - queues, and messages that nobody can use."""
import contextlib

import pika

import campaigns
import contract
from batches import malformed, take_published
from campaigns import Captured
from certificates import Authority
from stack import QUEUES
from waiting import wait_until


def test_malformed_messages_are_dead_letters_and_the_rest_goes_on(stack, consumer):
    """Dead letters: each malformed message comes there as it was, with reason and queue; the good
    one behind them is stored."""
    campaign_id = campaigns.send(stack, campaigns.make_numbers(3, seed=9))
    queue = campaigns.queue_of(campaign_id)
    message, = take_published(stack, campaign_id, 3)
    wrong = list(malformed(message).values())
    campaigns.publish(stack, wrong + [message])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    letters = campaigns.wait_for_dead_letters(stack, len(wrong))
    # campaign-consumer keeps no more than a valid body can have.
    limit = contract.header_constants()["BODY_MAX"]
    assert [one.body[:limit] for one in letters] == [one.body[:limit] for one in wrong]
    for letter, original in zip(letters, wrong):
        contract.schema_of("deadHeaders").validate(letter.properties.headers)
        assert letter.properties.headers["reason"].strip()
        assert letter.properties.headers["queue"] == queue
        assert letter.properties.headers.items() >= original.properties.headers.items()
        assert letter.properties.delivery_mode == 2
        assert letter.properties.message_id == original.properties.message_id


def test_queues_are_created(stack, consumer):
    """Exchanges and queues: what is missing is created, with exactly these arguments, and consumed."""
    with stack.channel() as channel:
        for queue in (*QUEUES, "campaign.dead"):
            channel.queue_delete(queue)
    consumer.start()
    for queue in QUEUES:
        wait_until(f"{queue} is consumed", lambda queue=queue: consumers_of(stack, queue) == 1)
    with stack.channel() as channel:
        version = channel.connection._impl.server_properties["version"]  # pylint: disable=protected-access
        for name, (binding, exchange) in contract.queues().items():
            # Other arguments than the queue has are refused.
            channel.exchange_declare(exchange["name"], exchange["type"], durable=True)
            channel.queue_declare(name, durable=True, arguments=contract.arguments(
                binding, int(version.split(".")[0])))
    numbers = campaigns.make_numbers(10, seed=30)
    campaign_id = campaigns.send(stack, numbers)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


def consumers_of(stack, queue):
    """How many consume a queue; 0, too, while there is none."""
    with contextlib.suppress(pika.exceptions.ChannelClosedByBroker), stack.channel() as channel:
        return channel.queue_declare(queue, passive=True).method.consumer_count
    return 0


def test_the_broker_speaks_tls(stack, consumer, tmp_path):
    """Exchanges and queues: `amqps` is TLS, with the authorities of the system."""
    consumer.speak_tls(Authority(tmp_path))
    consumer.start()
    numbers = campaigns.make_numbers(10, seed=32)
    campaign_id = campaigns.send(stack, numbers)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


def test_a_deleted_queue_is_subscribed_again(stack, consumer):
    """Exchanges and queues: a consumer whose queue is deleted subscribes again."""
    consumer.start()
    campaign_id = campaigns.send(stack, campaigns.make_numbers(3, seed=31))
    campaigns.wait_for_status(stack, campaign_id, "sent")
    queue = campaigns.queue_of(campaign_id)
    with stack.channel() as channel:
        channel.queue_delete(queue)
    # Not what is delivered then: a queue that is made anew while RabbitMQ still takes the old one away
    # may have a subscription and deliver nothing, whoever consumes it.
    wait_until("it is consumed again", lambda: consumers_of(stack, queue) == 1)


def test_the_largest_body_is_stored(stack, consumer):
    """The message: a thousand recipients, and a body that just fits its frame, are stored whole."""
    numbers = [f"+4915{number:011d}" for number in range(1000)]
    campaign_id = campaigns.create(stack, numbers[:1], message="Hello")
    campaigns.add_recipients(stack, campaign_id, [("NORMAL", one, None, None) for one in numbers[1:]])
    with stack.settings(campaign__batch_size="1000"):
        campaigns.dispatch(stack, campaign_id)
        message, = take_published(stack, campaign_id, len(numbers))
    room = contract.header_constants()["BODY_MAX"] - len(message.body)
    largest = Captured(message.routing_key, message.properties, message.body + b" " * room)
    campaigns.publish(stack, [largest])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)
