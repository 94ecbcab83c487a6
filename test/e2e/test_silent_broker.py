"""test_silent_broker.py - a broker that is connected and reads nothing more, or answers nothing: the worker ends
when it is told to, and leaves it when another one is named."""
import pytest

import campaigns
from amqp_proxy import BASIC_PUBLISH, CHANNEL_OPEN, worker_through_proxy
from campaigns import lift_publish_ahead, make_numbers, wait_for_status
from consumers import consumer_again
from proxy import Proxy
from waiting import assert_stays, wait_until

pytestmark = pytest.mark.usefixtures("unstored")

STAYS_S = 1.5


def test_broker_that_stops_reading(stack):
    """R0.15: the broker reads nothing more, with a lot to publish: the worker still ends when it is
    told to."""
    total = 200_000
    campaign_id = campaigns.create(stack, make_numbers(total, seed=145))
    lift_publish_ahead(stack, campaign_id, total)
    with worker_through_proxy(stack) as proxy:
        witness = campaigns.send(stack, make_numbers(5, seed=146))
        wait_for_status(stack, witness, "published")
        proxy.reading.clear()
        campaigns.dispatch(stack, campaign_id)
        pid = stack.worker_pid()
        # It has sent what fits, and nothing comes back.
        assert_stays("it lives", lambda: stack.worker_pids() == [pid], STAYS_S)
        stack.sql("SELECT pg_terminate_backend(%s)", pid)
        wait_until("it has ended", lambda: pid not in stack.worker_pids(), timeout=10)
    wait_until("another worker serves", stack.worker_pids)
    stack.one("SELECT campaign_cancel(%s)", campaign_id)
    with consumer_again(stack):
        wait_for_status(stack, witness, "sent")


def test_another_broker_while_one_reads_nothing(stack):
    """R0.15: the broker reads nothing more, and a reload names another one: the worker waits for no
    answer to its goodbye, in which it would be deaf to a shutdown."""
    with stack.settings(campaign__amqp_timeout="20s"), worker_through_proxy(stack) as silent, \
            Proxy(silent.broker) as other:
        witness = campaigns.send(stack, make_numbers(5, seed=146))
        wait_for_status(stack, witness, "published")
        assert silent.count(BASIC_PUBLISH) > 0
        silent.reading.clear()
        stack.amqp_url_file(stack.env["AMQP_URL"].replace(f":{silent.broker[1]}/", f":{other.port}/"))
        stack.sql("SELECT pg_reload_conf()")
        wait_until("the worker is there", lambda: other.accepted > 0, timeout=10)
    with consumer_again(stack):
        wait_for_status(stack, witness, "sent")


def test_broker_that_stops_answering(stack):
    """R0.15: the worker asks the broker about a queue that stands still, and gets no answer: it
    ends when it is told to, however long it may wait for one."""
    with stack.settings(campaign__amqp_timeout="60s", campaign__amqp_heartbeat="60s"), \
            worker_through_proxy(stack) as proxy:
        witness = campaigns.send(stack, make_numbers(5, seed=148))
        wait_for_status(stack, witness, "published")
        proxy.answering.clear()
        pid, asked = stack.worker_pid(), proxy.count(CHANNEL_OPEN)
        wait_until("it asks", lambda: proxy.count(CHANNEL_OPEN) > asked)
        stack.sql("SELECT pg_terminate_backend(%s)", pid)
        wait_until("it has ended", lambda: pid not in stack.worker_pids(), timeout=5)
    with consumer_again(stack):
        wait_for_status(stack, witness, "sent")
