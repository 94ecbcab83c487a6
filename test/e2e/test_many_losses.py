"""test_many_losses.py - many campaigns that are published and not stored are suspected lost at once."""
import contextlib

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


@contextlib.contextmanager
def all_taken(stack):
    """A consumer that takes every message and acknowledges none: it looks as if all were lost."""
    with stack.channel() as channel:
        for queue in QUEUES:
            channel.basic_consume(queue, lambda *_: None)
        yield


@contextlib.contextmanager
def slow_rewinds(stack):
    """Each campaign that is set back takes a while; yields a function that counts them."""
    stack.sql("CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS"
              " $$BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END$$;"
              " CREATE TRIGGER slow BEFORE UPDATE ON campaign.progress FOR EACH ROW"
              " WHEN (NEW.rewinds > OLD.rewinds AND OLD.rewinds = 0) EXECUTE FUNCTION public.slow()")
    try:
        yield lambda: stack.one("SELECT count(*) FROM campaign.progress WHERE rewinds > 0"
                                " AND stored = '{}'")
    finally:
        stack.sql("DROP FUNCTION public.slow() CASCADE")


def test_many_losses_hold_up_nobody(stack):
    """R0.14 R0.15: many campaigns are suspected lost at once, and setting them back takes seconds:
    a new one is published meanwhile, and the worker ends meanwhile when it is told to."""
    made = stack.one("SELECT array_agg(campaign_send('many', 'Hello', %s))"
                     " FROM generate_series(1, %s)",
                     campaigns.numbers_file(make_numbers(5, seed=152)), MANY)
    wait_until("all are published", lambda: stack.one(
        "SELECT bool_and(status = 'published') FROM campaign.campaigns WHERE id = ANY (%s)", made))
    before = stack.worker_pid()
    with all_taken(stack), slow_rewinds(stack) as set_back, \
            stack.settings(campaign__stall_timeout="1s"):
        stack.part("kill", "worker")
        wait_until("some are set back", lambda: set_back() > 0, interval=0.01)
        campaign_id = campaigns.send(stack, make_numbers(5, seed=153))
        wait_until("it is published", lambda: campaigns.status(stack, campaign_id)["published"] == 5, interval=0.01)
        assert set_back() < MANY / 2
        pid = stack.worker_pid()
        assert pid != before
        stack.sql("SELECT pg_terminate_backend(%s)", pid)
        wait_until("it has ended", lambda: pid not in stack.worker_pids(), interval=0.01)
        assert set_back() < MANY
    with consumer_again(stack):
        wait_until("all are sent", lambda: stack.one(
            "SELECT bool_and(status = 'sent') FROM campaign.campaigns WHERE id = ANY (%s)",
            [*made, campaign_id]))
