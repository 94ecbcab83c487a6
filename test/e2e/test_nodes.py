"""test_nodes.py - several hosts in the AMQP URL, as of a cluster: each try takes the next one, and one that
answers but confirms nothing is left for the next one, too."""
import contextlib
import socket
from urllib.parse import urlsplit

import pytest

import campaigns
from amqp_proxy import BASIC_PUBLISH, NO_LIMIT, AmqpProxy
from campaigns import assert_delivered, make_numbers, wait_for_status
from consumers import Consumer, consumer_output, environment
from foreign_consumer import ForeignConsumer
from proxy import Proxy
from test_standby import no_consumer
from waiting import assert_stays, wait_until

NUMBERS = make_numbers(300, seed=810)
SILENT = "RabbitMQ has confirmed nothing for"


def with_hosts(stack, *ports):
    """The stack's URL with these ports instead of its own."""
    parts = urlsplit(stack.env["AMQP_URL"])
    return stack.env["AMQP_URL"].replace(f"@{parts.hostname}:{parts.port}/",
                                         f"@{','.join(f'127.0.0.1:{port}' for port in ports)}/")


def broker_port(stack):
    return urlsplit(stack.env["AMQP_URL"]).port


@pytest.fixture
def useless():
    """A port where nobody listens, and one where somebody does and says nothing."""
    with socket.socket() as nobody, socket.create_server(("127.0.0.1", 0)) as silent:
        nobody.bind(("127.0.0.1", 0))
        yield [nobody.getsockname()[1], silent.getsockname()[1]]


@contextlib.contextmanager
def worker_with(stack, url):
    with stack.settings(campaign__amqp_url_file=str(stack.amqp_url_file(url))):
        yield


def test_first_hosts_are_away(stack, useless):
    """R8.3: one refuses, one takes the connection and never answers, the third one is the broker."""
    url = with_hosts(stack, *useless, broker_port(stack))
    variables = environment(stack, AMQP_URL=url, CAMPAIGN_TIMEOUT="2")
    code, out, _ = consumer_output("--check", variables=variables)
    assert code == 0 and f"127.0.0.1:{broker_port(stack)}/, 1 of 3 hosts answer" in out, out
    with no_consumer(stack), worker_with(stack, url), Consumer(variables) as consumer:
        campaign_id = campaigns.send(stack, NUMBERS)
        with stack.channel() as channel:
            channel.basic_publish(campaigns.EXCHANGE, campaigns.QUEUES[0], b"rubbish")
        wait_for_status(stack, campaign_id, "sent")
        assert len(campaigns.wait_for_dead_letters(stack, 1)) == 1
        assert consumer.terminate() == 0
    assert_delivered(stack, campaign_id, NUMBERS)


def test_none_of_the_hosts_answers(stack, useless):
    """R8.3: --check says so, and names the last one."""
    variables = environment(stack, AMQP_URL=with_hosts(stack, *reversed(useless)), CAMPAIGN_TIMEOUT="2")
    code, out, _ = consumer_output("--check", variables=variables)
    assert code == 69 and f"127.0.0.1:{useless[0]}/" in out, out


@contextlib.contextmanager
def stopped(foreign):
    """In the end."""
    try:
        yield
    finally:
        foreign.stop()


def test_consumer_in_python(stack, useless):
    """R8.3: one that was written from the contract takes the same URL. Each of its lanes finds the broker."""
    url = with_hosts(stack, useless[0], broker_port(stack))
    foreign = ForeignConsumer(url, stack.env["MONGODB_URI"], stack.env["CONSUMER_DATABASE_URL"])
    with no_consumer(stack), stopped(foreign):
        foreign.start()
        campaign_id = campaigns.send(stack, NUMBERS)
        wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS)


def test_host_is_lost(stack):
    """R8.3: the node to which both are connected goes in mid-run, and the next one is taken."""
    with no_consumer(stack), Proxy(("127.0.0.1", broker_port(stack))) as proxy:
        url = with_hosts(stack, proxy.port, broker_port(stack))
        with worker_with(stack, url), Consumer(environment(stack, AMQP_URL=url)) as consumer:
            wait_until("worker and lanes are connected", lambda: proxy.accepted > len(campaigns.QUEUES))
            campaign_id = campaigns.send(stack, make_numbers(20_000, seed=811))
            campaigns.wait_for_stored(stack, campaign_id, 1)
            proxy.cut()
            wait_for_status(stack, campaign_id, "sent")
            assert consumer.terminate() == 0
    assert_delivered(stack, campaign_id, make_numbers(20_000, seed=811))


def trouble(stack):
    return [sentence for (sentence,) in stack.sql("SELECT sentence FROM campaign.troubles WHERE subject = 'RabbitMQ'")]


def test_nodes_that_confirm_nothing(stack):
    """R8.3: a node without the others takes all and confirms nothing: the worker goes to the next one
    by itself, says so once, and names it as long as nothing is confirmed."""
    mark = stack.log_mark("postgres")
    with no_consumer(stack), stack.settings(campaign__stall_timeout="1s"), contextlib.ExitStack() as opened:
        first, second = (opened.enter_context(contextlib.closing(AmqpProxy(stack.env["AMQP_URL"])))
                         for _ in range(2))
        first.hold_confirms()
        second.hold_confirms()
        opened.enter_context(worker_with(stack, with_hosts(
            stack, urlsplit(first.url).port, urlsplit(second.url).port)))
        campaign_id = campaigns.send(stack, NUMBERS)
        wait_until("it has come to the second one", lambda: second.count(BASIC_PUBLISH) > 0)
        seen = first.count(BASIC_PUBLISH)
        assert SILENT in stack.log_since("postgres", mark)
        assert_stays("it is named", lambda: any("confirms nothing" in one for one in trouble(stack)), 1)
        wait_until("it has come back to the first one", lambda: first.count(BASIC_PUBLISH) > seen)
        second.hold_confirms(NO_LIMIT)
        first.release()
        wait_for_status(stack, campaign_id, "published")
        wait_until("nothing is named any more", lambda: not trouble(stack))
        assert stack.log_since("postgres", mark).count(SILENT) == 1
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS)
