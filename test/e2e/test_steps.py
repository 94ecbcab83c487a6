"""test_steps.py - the order of the consumer's steps: MongoDB, then the report, then the ack. A
consumer that dies between two of them shows what it had done; nothing heals it meanwhile, since
the stall timeout is an hour."""
import contextlib

import pika
import pytest

import campaigns
from campaigns import Captured, assert_delivered, make_numbers, wait_for_status
from consumers import Consumer, environment
from stack import DEAD, execute
from waiting import assert_stays, wait_until


@pytest.fixture(autouse=True)
def _nothing_heals(stack):
    with stack.settings(campaign__stall_timeout="1h"):
        yield


@contextlib.contextmanager
def progress_locked(stack, campaign_id):
    """A report on this campaign waits, for PostgreSQL has locked its progress."""
    connection = stack.connect(autocommit=False)
    try:
        execute(connection, "SELECT FROM campaign.progress WHERE campaign_id = %s FOR UPDATE",
                campaign_id)
        yield
    finally:
        connection.rollback()
        connection.close()


def report_waits(stack):
    return stack.one("SELECT count(*) FROM pg_stat_activity WHERE usename = 'campaign_consumer'"
                     " AND wait_event_type = 'Lock'") > 0


def test_report_comes_before_the_ack(stack):
    """R0.17: killed while PostgreSQL has not answered, the consumer has acknowledged nothing."""
    numbers = make_numbers(5, seed=700)
    campaign_id = campaigns.create(stack, numbers)
    with progress_locked(stack, campaign_id):
        with stack.connect(autocommit=False) as connection:
            execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
        campaigns.wait_for_stored(stack, campaign_id, len(numbers))
        wait_until("the report waits for the lock", lambda: report_waits(stack))
        stack.part("kill", "consumer")
        # PostgreSQL would go on with the report of a client that is gone.
        stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                  " WHERE usename = 'campaign_consumer'")
        wait_until("the report is gone", lambda: not report_waits(stack))
    stack.part("start", "consumer")
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


@contextlib.contextmanager
def dead_letters_refused(stack):
    """The broker refuses (basic.nack) whatever goes to campaign.dead."""
    try:
        with stack.full_queue(DEAD, 0):
            # The first one goes in, and only then is the queue fuller than it may be.
            wait_until("campaign.dead is full", lambda: refuses(stack))
            yield
    finally:
        wait_until("campaign.dead takes messages", lambda: not refuses(stack))
        campaigns.dead_letters(stack)


def refuses(stack):
    with stack.channel() as channel:
        try:
            channel.basic_publish("", DEAD, b"filler", pika.BasicProperties(delivery_mode=2))
            return False
        except pika.exceptions.NackError:
            return True


def test_bad_message_is_acknowledged_after_its_dead_letter(stack):
    """R0.17: killed while the broker refuses the dead letter, the consumer still has the message."""
    queue = campaigns.QUEUES[1]
    bad = Captured(queue, pika.BasicProperties(delivery_mode=2, type="campaign.batch"), b"no JSON")
    mark = stack.log_mark("consumer")
    with dead_letters_refused(stack):
        campaigns.publish(stack, [bad])
        wait_until("the consumer is told that the dead letter is refused",
                   lambda: "RabbitMQ" in stack.log_since("consumer", mark))
        stack.part("kill", "consumer")
    try:
        assert campaigns.dead_letters(stack) == []
    finally:
        stack.part("start", "consumer")
    (dead,) = campaigns.wait_for_dead_letters(stack, 1)
    assert dead.body == b"no JSON"


def test_another_text_is_a_conflict(stack):
    """R0.17: a document in the same place that differs in its text only is another message."""
    numbers = make_numbers(3, seed=701)
    campaign_id = campaigns.create(stack, numbers)
    with campaigns.capture(stack) as take:
        campaigns.dispatch(stack, campaign_id)
        wait_for_status(stack, campaign_id, "sent")
        (batch,) = take()
    other = Captured(batch.routing_key, batch.properties,
                     batch.body.replace(b'"message":"', b'"message":"another '))
    assert other.body != batch.body
    stack.part("stop", "consumer")     # what it remembers would make it skip the batch
    stack.sql("UPDATE campaign.progress SET stored = '{}' WHERE campaign_id = %s", campaign_id)
    stack.messages.delete_one({"_id": campaigns.document_id(campaign_id, 1)})
    campaigns.publish(stack, [other])
    stack.part("start", "consumer")
    dead = campaigns.wait_for_dead_letters(stack, 2)
    assert all("conflict" in one.properties.headers["reason"] for one in dead)


def connections(stack):
    table = stack.rabbitmqctl("-q", "list_connections", "--no-table-headers", "pid", "state")
    return sorted(line for line in table.splitlines() if "running" in line)


@pytest.fixture
def holding(stack):
    """A consumer with a chunk in hand that it cannot store, and the connections that it had before."""
    numbers = make_numbers(5, seed=702)
    stack.part("stop", "consumer")
    variables = environment(stack, AMQP_URL=stack.env["AMQP_URL"] + "?heartbeat=5",
                            CAMPAIGN_TIMEOUT="2", CAMPAIGN_HOLD="600")
    try:
        with Consumer(variables) as consumer:
            first = campaigns.send(stack, numbers)
            wait_for_status(stack, first, "sent")
            before = connections(stack)
            stack.part("stop", "mongod")
            try:
                campaign_id = campaigns.send(stack, numbers)
                consumer.wait_for_line("MongoDB is away")
                yield consumer, before
            finally:
                stack.part("start", "mongod")
    finally:
        stack.part("start", "consumer")
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


def test_retry_keeps_the_connection_and_is_stopped(stack, holding):
    """Consuming rule 6: while it tries again, heartbeats are served: a broker that hears nothing for
    ten seconds closes the connection. And SIGTERM ends it in its own words."""
    consumer, before = holding
    assert_stays("the connections are the same", lambda: connections(stack) == before, 12)
    assert consumer.terminate() == 0
    assert consumer.lines()[-1]["msg"] == "stopped"
