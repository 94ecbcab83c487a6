"""test_recovery.py - a server that is away or refuses is one line in the log, costs no
processor time, and is forgotten when it is back."""
import contextlib
import re

import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from consumers import Consumer, environment
from programs import frozen
from stack import SANITIZER_FACTOR, cpu_seconds
from test_consumer import SECRET, consumes, other
from waiting import assert_stays, wait_until

SERVERS = {"rabbitmq": "RabbitMQ", "mongod": "MongoDB", "postgres": "PostgreSQL"}
QUIET_S = 3
NUMBERS = make_numbers(300, seed=110)


@contextlib.contextmanager
def own_consumer(stack, **changes):
    """A consumer of the test instead of the stack's."""
    stack.part("stop", "consumer")
    try:
        with Consumer(environment(stack, **changes)) as consumer:
            yield consumer
    finally:
        stack.part("start", "consumer")


def assert_quiet(consumer, server, says="is away", lines=1):
    """It has said once that the server is away or refuses, and does next to nothing meanwhile."""
    wait_until(f"{lines} lines about {server} in {consumer.log()}",
               lambda: len(warnings_of(consumer)) >= lines)
    before = cpu_seconds(consumer.pid)
    assert_stays("it waits", lambda: consumer.process.poll() is None, QUIET_S)
    assert cpu_seconds(consumer.pid) - before < 0.1 * QUIET_S * SANITIZER_FACTOR
    said = warnings_of(consumer)
    assert len(said) == lines, said
    assert all(re.match(rf"{server} (is away|refuses), retrying: ", text) and len(text) < 400
               for text in said), said
    assert said[-1].startswith(f"{server} {says}, retrying: "), said
    assert SECRET not in consumer.log() and "://" not in consumer.log()
    return said[-1]


def warnings_of(consumer):
    return [line["msg"] for line in consumer.lines() if line["level"] in ("warning", "error")]


def assert_recovers(stack, consumer, server):
    """When the cause is gone it works, and has said so once."""
    consumer.wait_for_line(f"{server} is back")
    campaign_id = campaigns.send(stack, NUMBERS)
    wait_for_status(stack, campaign_id, "sent", timeout=30)
    assert_delivered(stack, campaign_id, NUMBERS)
    assert len([line for line in consumer.lines() if "is back" in line["msg"]]) == 1
    assert consumer.terminate() == 0


@pytest.mark.parametrize("part", SERVERS)
def test_consumer_starts_before_a_server(stack, part):
    """R0.16: absent at start: it waits and recovers without help."""
    stack.part("stop", "consumer")
    stack.part("stop", part)
    try:
        with Consumer(environment(stack)) as consumer:
            try:
                assert_quiet(consumer, SERVERS[part])
            finally:
                stack.part("start", part)
            assert_recovers(stack, consumer, SERVERS[part])
    finally:
        stack.part("start", "consumer")


def test_consumer_stops_while_all_servers_are_away(stack):
    """Consuming rule 6: SIGTERM is answered in the middle of a retry."""
    urls = {"AMQP_URL": f"amqp://a:{SECRET}@127.0.0.1:9/",
            "MONGODB_URI": f"mongodb://a:{SECRET}@127.0.0.1:9/campaign",
            "DATABASE_URL": f"postgresql://a:{SECRET}@127.0.0.1:9/campaign"}
    with Consumer(environment(stack, **urls)) as consumer:
        consumer.wait_for_line("is away")
        assert consumer.terminate() == 0
        assert SECRET not in consumer.log()


def test_wrong_postgresql_password(stack):
    """R0.16: one line in the server's words; recovers when the password is set right."""
    right = environment(stack)["DATABASE_URL"]
    password = right.split(":")[2].split("@")[0]
    with own_consumer(stack, DATABASE_URL=other(right, password=SECRET)) as consumer:
        assert "password authentication failed" in assert_quiet(consumer, "PostgreSQL", "refuses")
        try:
            stack.sql(f"ALTER ROLE campaign_consumer PASSWORD '{SECRET}'")
            assert_recovers(stack, consumer, "PostgreSQL")
        finally:
            stack.sql(f"ALTER ROLE campaign_consumer PASSWORD '{password}'")


def test_wrong_rabbitmq_password(stack):
    """R0.16: one line; recovers when the user exists."""
    url = environment(stack)["AMQP_URL"].replace("guest:guest", f"somebody:{SECRET}")
    with own_consumer(stack, AMQP_URL=url) as consumer:
        assert "ACCESS_REFUSED" in assert_quiet(consumer, "RabbitMQ", "refuses")
        stack.rabbitmqctl("-q", "add_user", "somebody", SECRET)
        try:
            stack.rabbitmqctl("-q", "set_permissions", "somebody", ".*", ".*", ".*")
            assert_recovers(stack, consumer, "RabbitMQ")
        finally:
            stack.rabbitmqctl("-q", "delete_user", "somebody")


def test_wrong_vhost(stack):
    """R0.16: one line that names the vhost."""
    url = other(environment(stack)["AMQP_URL"], vhost="nosuchvhost")
    with own_consumer(stack, AMQP_URL=url) as consumer:
        assert "nosuchvhost" in assert_quiet(consumer, "RabbitMQ", "refuses")
        stack.rabbitmqctl("-q", "add_vhost", "nosuchvhost")
        try:
            stack.rabbitmqctl("-q", "set_permissions", "-p", "nosuchvhost", "guest", ".*", ".*",
                              ".*")
            consumer.wait_for_line("RabbitMQ is back")
            assert consumer.terminate() == 0
        finally:
            stack.rabbitmqctl("-q", "delete_vhost", "nosuchvhost")


def test_queue_with_other_arguments(stack):
    """R0.16: a queue that somebody made otherwise: after the line that it was deleted, one that
    names it and what differs; it goes on when that is gone."""
    queue = "campaign.messages.2"
    with own_consumer(stack) as consumer:
        wait_until("it consumes", lambda: consumes(stack))
        with frozen(consumer.pid):
            remake(stack, queue)
        try:
            said = assert_quiet(consumer, "RabbitMQ", "refuses", lines=2)
            assert queue in said and "PRECONDITION_FAILED" in said
        finally:
            with stack.channel() as channel:
                channel.queue_delete(queue)
        assert_recovers(stack, consumer, "RabbitMQ")


def remake(stack, queue):
    """The queue as a classic one: the consumer, which would make it again, must stand still."""
    with stack.channel() as channel:
        channel.queue_delete(queue)
        channel.queue_declare(queue, durable=True)


AWAY = "campaign worker: no connection to RabbitMQ: "
REFUSES = "campaign worker: RabbitMQ refuses: "


@pytest.mark.parametrize("change, says, piece", [
    (("guest:guest", f"guest:{SECRET}"), REFUSES, "ACCESS_REFUSED"),
    (("%2F", "nosuchvhost"), REFUSES, "nosuchvhost"),
    (("127.0.0.1:", "127.0.0.1:1"), AWAY, "port"),
    (("guest:guest@127", f"a:{SECRET}@198.51.100"), AWAY, ""),
    (("amqp://", f"http://a:{SECRET}"), AWAY, "amqp://")])
def test_worker_with_a_wrong_url(stack, change, says, piece):
    """R0.15: one WARNING with a hint and no password; recovers at reload. The URL stands in a
    file: PostgreSQL itself writes a setting that changes into its log."""
    pid = stack.worker_pid()
    mark = stack.log_mark("postgres")
    file = stack.amqp_url_file(stack.env["AMQP_URL"].replace(*change))
    with stack.settings(campaign__amqp_url_file=str(file)):
        wait_until("it is said", lambda: says in stack.log_since("postgres", mark))
        campaign_id = campaigns.send(stack, NUMBERS)
        before = cpu_seconds(pid)
        assert_stays("it waits",
                     lambda: campaigns.status(stack, campaign_id)["published"] == 0, QUIET_S)
        assert cpu_seconds(pid) - before < 0.1 * QUIET_S
        log = stack.log_since("postgres", mark)
        warnings = [line for line in log.splitlines() if "WARNING" in line]
        assert len(warnings) == 1 and piece in warnings[0], warnings
        assert SECRET not in log and "HINT" in log
    wait_for_status(stack, campaign_id, "sent", timeout=20)
    assert_delivered(stack, campaign_id, NUMBERS)
    assert stack.worker_pid() == pid


def test_worker_url_file_that_is_not_there(stack):
    """R0.15: one WARNING that names the file; recovers at reload."""
    mark = stack.log_mark("postgres")
    with stack.settings(campaign__amqp_url_file="/nonexistent/url"):
        wait_until("it is said", lambda: '"/nonexistent/url": No such file'
                   in stack.log_since("postgres", mark))
        campaign_id = campaigns.send(stack, NUMBERS)
    wait_for_status(stack, campaign_id, "sent", timeout=20)
    assert_delivered(stack, campaign_id, NUMBERS)


def test_worker_with_a_wrong_queue(stack):
    """R0.15: a queue with other arguments: one WARNING that names it; then it goes on."""
    queue = "campaign.messages.1"
    stack.part("stop", "consumer")
    try:
        with stack.channel() as channel:
            channel.queue_delete(queue)
            channel.queue_declare(queue, durable=True)
        mark = stack.log_mark("postgres")
        stack.part("kill", "worker")
        try:
            wait_until("it is said", lambda: "PRECONDITION_FAILED"
                       in stack.log_since("postgres", mark))
        finally:
            with stack.channel() as channel:
                channel.queue_delete(queue)
        log = stack.log_since("postgres", mark)
        assert queue in log and log.count(REFUSES) == 1 and AWAY not in log
    finally:
        stack.part("start", "consumer")
    campaign_id = campaigns.send(stack, NUMBERS)
    wait_for_status(stack, campaign_id, "sent", timeout=20)
    assert_delivered(stack, campaign_id, NUMBERS)


def test_another_reason_is_said_too(stack):
    """R0.15 R0.16: a lost connection, then a password that is not accepted any more: both
    programs say what somebody has to act on, once, and go on when it is accepted again."""
    mark, consumer_mark = stack.log_mark("postgres"), stack.log_mark("consumer")
    stack.rabbitmqctl("-q", "change_password", "guest", SECRET)
    try:
        stack.rabbitmqctl("-q", "close_all_connections", "password changed")
        wait_until("the consumer says it", lambda: "ACCESS_REFUSED"
                   in stack.log_since("consumer", consumer_mark), timeout=15)
        wait_until("the worker says it", lambda: "ACCESS_REFUSED"
                   in stack.log_since("postgres", mark), timeout=15)
    finally:
        stack.rabbitmqctl("-q", "change_password", "guest", "guest")
    campaign_id = campaigns.send(stack, NUMBERS)
    wait_for_status(stack, campaign_id, "sent", timeout=20)
    assert_delivered(stack, campaign_id, NUMBERS)
    assert stack.log_since("postgres", mark).count("ACCESS_REFUSED") == 1
    assert stack.log_since("consumer", consumer_mark).count("ACCESS_REFUSED") == 1
