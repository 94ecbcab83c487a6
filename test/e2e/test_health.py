"""test_health.py - campaign_health(): each reason why a campaign does not move is named, and goes
away with its cause.

    FAULT_ROUNDS=20 pytest test/e2e/test_health.py      all of ALL; else those of SHORT

In an order that FAULT_SEED decides, and that is printed: a stall may leave something behind for the
next one.
"""
import contextlib
import os
import random
import re

import pytest

import campaigns
from programs import frozen
from stack import execute
from waiting import wait_until

NAMED_S = 15  # within which a stall has to be named
SEED = int(os.environ.get("FAULT_SEED") or 11)
SEVERAL = 20


def health(stack, campaign_id):
    return stack.one("SELECT campaign_health(%s)", campaign_id)


def part_pid(stack, name):
    return int((stack.directory / "run" / f"{name}.pid").read_text().split()[0])


def named(stack, campaign_id, sentence):
    """Waits until the health of a campaign says this, and answers it."""
    seen = {}

    def matching():
        seen.update(health(stack, campaign_id))
        return re.fullmatch(sentence, seen["reason"]) and dict(seen)
    try:
        return wait_until(sentence, matching, NAMED_S)
    except AssertionError as error:
        raise AssertionError(f"{error}: {seen}") from None


def draft_in(stack, queue, numbers):
    """A draft that goes through this queue."""
    while True:
        campaign_id = campaigns.create(stack, numbers)
        if campaigns.queue_of(campaign_id) == queue:
            return campaign_id


# Causes -----------------------------------------------------------------------------------


@contextlib.contextmanager
def away(stack, name):
    stack.part("stop", name)
    try:
        yield
    finally:
        stack.part("start", name)


def frozen_part(stack, name):
    """SIGSTOP: its connections stay, and nobody answers."""
    return frozen(part_pid(stack, name))


@contextlib.contextmanager
def alarm(stack, *setting):
    """An alarm of RabbitMQ."""
    normal = {"set_vm_memory_high_watermark": ["0.6"], "set_disk_free_limit": ["50MB"]}
    stack.rabbitmqctl(*setting)
    try:
        yield
    finally:
        stack.rabbitmqctl(setting[0], *normal[setting[0]])


@contextlib.contextmanager
def other_arguments(stack):
    """A queue as somebody else would have declared it; a consumer would be faster."""
    queue = campaigns.QUEUES[0]
    with away(stack, "consumer"):
        with stack.channel() as channel:
            channel.queue_delete(queue)
            channel.queue_declare(queue, durable=True)
        try:
            yield
        finally:
            with stack.channel() as channel:
                channel.queue_delete(queue)


@contextlib.contextmanager
def locked_out(stack):
    """PostgreSQL does not let the consumer in, and everybody else."""
    stack.sql("ALTER ROLE campaign_consumer CONNECTION LIMIT 0")
    stack.sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
              " WHERE usename = 'campaign_consumer'")
    try:
        yield
    finally:
        stack.sql("ALTER ROLE campaign_consumer CONNECTION LIMIT -1")


def frozen_worker(stack):
    return frozen(stack.worker_pid())


NO_BROKER = r"no connection to RabbitMQ since \d+ s"
ALL = {
    "no-consumer": (lambda stack: away(stack, "consumer"),
                    r"no consumer on campaign\.messages\.\d since \d+ s"),
    "frozen-consumer": (lambda stack: frozen_part(stack, "consumer"),
                        r"the consumer of campaign\.messages\.\d has stored nothing for \d+ s"),
    "frozen-worker": (frozen_worker, r"the worker has published nothing of it for \d+ s"),
    "locked-out-consumer": (locked_out, r"no consumer is connected to PostgreSQL, nothing has been"
                                        r" stored for \d+ s"),
    "MongoDB-away": (lambda stack: away(stack, "mongod"), r"waiting for MongoDB since \d+ s"),
    "frozen-MongoDB": (lambda stack: frozen_part(stack, "mongod"),
                       r"waiting for MongoDB since \d+ s"),
    "RabbitMQ-away": (lambda stack: away(stack, "rabbitmq"), NO_BROKER),
    "frozen-RabbitMQ": (lambda stack: frozen_part(stack, "rabbitmq"),
                        r"RabbitMQ confirms nothing since \d+ s|" + NO_BROKER),
    "memory-alarm": (lambda stack: alarm(stack, "set_vm_memory_high_watermark", "0.0000001"),
                     r"RabbitMQ is blocked \(memory alarm\) since \d+ s"),
    "full-disk": (lambda stack: alarm(stack, "set_disk_free_limit", "1000000GB"),
                  r"RabbitMQ is blocked \(disk alarm\) since \d+ s"),
    "other-arguments": (other_arguments, r"RabbitMQ does not let the worker declare"
                                         r" campaign\.messages\.0 since \d+ s"),
}
SHORT = ["frozen-MongoDB", "RabbitMQ-away", "full-disk", "frozen-worker", "locked-out-consumer",
         "other-arguments"]


def chosen():
    names = list(ALL) if int(os.environ.get("FAULT_ROUNDS") or 0) >= SEVERAL else SHORT
    return random.Random(SEED).sample(names, len(names))


@pytest.mark.parametrize("name", chosen())
def test_a_stall_is_named(stack, name):
    """R3.7: where it is stuck and since when, within 15 s; healthy once the cause is gone."""
    cause, sentence = ALL[name]
    # Nothing is published again meanwhile, nor asked because of that.
    with stack.settings(campaign__stall_timeout="1h"), cause(stack):
        campaign_id = draft_in(stack, campaigns.QUEUES[0], campaigns.make_numbers(50))
        campaigns.dispatch(stack, campaign_id)
        answer = named(stack, campaign_id, sentence)
        assert answer["health"] == "degraded" and answer["isStuck"] and not answer["aborted"]
    campaigns.wait_for_status(stack, campaign_id, "sent")
    assert health(stack, campaign_id)["health"] == "healthy"
    wait_until("nobody waits for anything", lambda: not stack.sql(
        "SELECT * FROM campaign.troubles WHERE subject IN ('MongoDB', 'RabbitMQ')"))


def test_what_is_published_again_has_not_moved(stack):
    """R3.7: a campaign whose consumer does nothing is stuck since then, however often the worker publishes it again."""
    with stack.settings(campaign__stall_timeout="1s"), frozen(stack.consumer_pid()):
        campaign_id = campaigns.send(stack, campaigns.make_numbers(300))
        stuck = named(stack, campaign_id, r"the consumer of campaign\.messages\.\d has stored nothing for \d+ s")
        enqueued = stack.one("SELECT campaign_run_status(%s)", campaign_id)["enqueueNormalTimeMs"]
        rewinds = campaigns.status(stack, campaign_id)["rewinds"]
        wait_until("it is published again", lambda: (
            (status := campaigns.status(stack, campaign_id))["rewinds"] > rewinds
            and status["status"] == "published"))
        answer = health(stack, campaign_id)
        assert answer["isStuck"] and answer["since"] == stuck["since"]
        assert stack.one("SELECT campaign_run_status(%s)", campaign_id)["enqueueNormalTimeMs"] == enqueued
    campaigns.wait_for_status(stack, campaign_id, "sent")


@pytest.mark.parametrize("statement, what", [
    ("LOCK TABLE campaign.progress IN SHARE MODE", r"campaign\.progress"),
    ("SELECT FROM campaign.progress WHERE campaign_id = '{}' FOR UPDATE", "its rows"),
], ids=["table", "rows"])
def test_a_lock_is_named(stack, statement, what):
    """R3.7: who makes an index or forgets a transaction is named, and not the consumer that waits."""
    numbers = campaigns.make_numbers(50)
    other, campaign_id = campaigns.create(stack, numbers), campaigns.create(stack, numbers)
    holder = stack.connect(autocommit=False)
    try:
        with frozen(stack.consumer_pid()):
            campaigns.dispatch(stack, campaign_id)
            campaigns.wait_for_status(stack, campaign_id, "published")
            execute(holder, statement.format(campaign_id))
        named(stack, campaign_id, fr"process {holder.info.backend_pid} of PostgreSQL holds a lock on {what},"
                                  r" nothing has moved for \d+ s")
        assert health(stack, other)["reason"] == "nothing to send: it is not dispatched"
    finally:
        holder.close()
    campaigns.wait_for_status(stack, campaign_id, "sent")


def test_stalls_side_by_side(stack):
    """R3.7: without a consumer, whatever campaign.stall_timeout is: each has its own reason."""
    numbers = campaigns.make_numbers(50)
    waiting, accepted, barrier, paused = (draft_in(stack, queue, numbers)
                                          for queue in campaigns.QUEUES[:4])
    refused = [draft_in(stack, campaigns.QUEUES[1], numbers) for _ in range(2)]
    stack.one("SELECT campaign_upload(%s, %s, class => 'VIP')", barrier, "+88899999999999\n")
    with stack.settings(campaign__stall_timeout="1h"), away(stack, "consumer"), \
            stack.full_queue(campaigns.QUEUES[1]):
        for campaign_id in (waiting, accepted, barrier, paused):
            campaigns.dispatch(stack, campaign_id)
        campaigns.wait_for_status(stack, accepted, "published")
        # What comes first may still get in: the queue says afterwards that it is full.
        campaigns.dispatch(stack, refused[0])
        wait_until("it is in, or refused", lambda: (
            campaigns.status(stack, refused[0])["published"] > 0
            or stack.sql("SELECT FROM campaign.troubles WHERE subject = %s", campaigns.QUEUES[1])))
        campaigns.dispatch(stack, refused[1])
        stack.one("SELECT campaign_pause(%s, 'lunch')", paused)
        named(stack, paused, r"paused by \S+ \d+ s ago: lunch")
        empty = stack.one("SELECT campaign_create('empty', 'hello')")
        named(stack, empty, "nothing to send: it has no recipients")
        named(stack, waiting, r"no consumer on campaign\.messages\.0 since \d+ s")
        named(stack, refused[1], r"RabbitMQ refuses messages for campaign\.messages\.1 since \d+ s")
        named(stack, barrier, r"no consumer on campaign\.messages\.2 since \d+ s;"
                              " NORMAL waits until the last VIP is stored")
        stack.one("SELECT campaign_resume(%s)", paused)
    for campaign_id in (waiting, accepted, *refused, barrier, paused):
        campaigns.wait_for_status(stack, campaign_id, "sent")
        assert health(stack, campaign_id)["reason"].startswith("all is stored since")
