"""test_dead_letter_alarm.py - RabbitMQ has an alarm and does not listen: the worker, which takes dead letters,
waits for no answer."""
import contextlib

import pytest

import campaigns
from amqp_proxy import BASIC_CONSUME, CHANNEL_CLOSE, worker_through_proxy
from campaigns import make_numbers, wait_for_status
from stack import DEAD
from test_dead_letter_list import consumers_of_dead, letters, publish_dead
from test_health import alarm
from waiting import assert_stays, wait_until


@pytest.fixture(autouse=True)
def _listed(stack):
    with stack.settings(campaign__dead_letters="on"):
        yield
    stack.sql("DELETE FROM campaign.dead_letters")


@contextlib.contextmanager
def blocked(stack):
    """The worker has published into an alarm, and been told so; the campaign."""
    mark = stack.log_mark("postgres")
    with alarm(stack, "set_disk_free_limit", "1000000GB"):
        campaign_id = campaigns.send(stack, make_numbers(5, seed=915))
        wait_until("it is blocked",
                   lambda: "RabbitMQ accepts nothing" in stack.log_since("postgres", mark))
        yield campaign_id


@contextlib.contextmanager
def listening(stack, timeout):
    """The proxy that the worker has connected through, with this campaign.amqp_timeout, and listens."""
    with stack.settings(campaign__amqp_timeout=timeout), worker_through_proxy(stack) as proxy:
        wait_until("the worker listens", lambda: proxy.count(BASIC_CONSUME) > 0 and consumers_of_dead(stack) == 1)
        yield proxy


def delete_queue(stack, proxy):
    """The worker has heard of it when it closes the channel."""
    closed = proxy.count(CHANNEL_CLOSE)
    with stack.channel() as channel:
        channel.queue_delete(DEAD)
    wait_until("it closes the channel", lambda: proxy.count(CHANNEL_CLOSE) > closed)


def test_switched_off_under_an_alarm(stack):
    """R5.3: the worker ends its subscription when the alarm is over, and keeps its connection."""
    with listening(stack, "500ms") as proxy:
        client, closed = proxy.client, proxy.count(CHANNEL_CLOSE)
        with blocked(stack) as campaign_id:
            stack.set("campaign.dead_letters", "off")
            wait_until("it closes the channel", lambda: proxy.count(CHANNEL_CLOSE) > closed)
            assert_stays("it keeps its connection", lambda: proxy.client is client, 1.5)
        wait_for_status(stack, campaign_id, "sent")
        wait_until("it listens no more", lambda: consumers_of_dead(stack) == 0)
        assert proxy.client is client


def test_queue_is_deleted_under_an_alarm(stack):
    """R5.3: somebody deletes the queue: the worker keeps its connection, and so what is not confirmed,
    and takes dead letters again when the alarm is over."""
    with listening(stack, "500ms") as proxy:
        client = proxy.client
        with blocked(stack) as campaign_id:
            delete_queue(stack, proxy)
            assert_stays("it keeps its connection", lambda: proxy.client is client, 1.5)
        wait_for_status(stack, campaign_id, "sent")
        wait_until("the worker listens again", lambda: consumers_of_dead(stack) == 1)
        publish_dead(stack, b"later")
        wait_until("it is listed", lambda: letters(stack))
        assert proxy.client is client


def test_worker_ends_under_an_alarm(stack):
    """R0.15: also when somebody has deleted the queue, however long it may wait for answers."""
    with listening(stack, "60s") as proxy:
        with blocked(stack) as campaign_id:
            delete_queue(stack, proxy)
            pid = stack.worker_pid()
            stack.sql("SELECT pg_terminate_backend(%s)", pid)
            wait_until("it has ended", lambda: pid not in stack.worker_pids(), timeout=2)
        wait_for_status(stack, campaign_id, "sent")
        wait_until("another one listens", lambda: consumers_of_dead(stack) == 1)
