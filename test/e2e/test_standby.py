"""test_standby.py - who cannot store does not hold the queues: another consumer goes on."""
import contextlib
import datetime
import re
import time

import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from consumers import Consumer, environment
from proxy import Proxy
from stack import SANITIZER_FACTOR, memory_kb
from test_consumer import NOWHERE, consumes
from waiting import assert_stays, wait_until

NUMBERS = make_numbers(500, seed=320)
HOLD = {"CAMPAIGN_HOLD": "1"}
# Of a store that is silent; the hold, a last look whether it answers, and what a busy machine needs.
SILENCE_S = 12


@contextlib.contextmanager
def no_consumer(stack):
    """Without the stack's own."""
    stack.part("stop", "consumer")
    try:
        wait_until("nobody consumes", lambda: consumer_count(stack) == 0)
        yield
    finally:
        stack.part("start", "consumer")


def consumer_count(stack):
    """Subscriptions to any queue, of those that are served."""
    with stack.channel() as channel:
        return sum(channel.queue_declare(queue, passive=True).method.consumer_count
                   for queue in campaigns.QUEUES)


def subscriptions(stack):
    """To any queue, of those that stand by too."""
    return len(stack.rabbitmqctl("-q", "list_consumers", "--no-table-headers").splitlines())


def send_to_all_queues(stack):
    """A campaign in every queue."""
    ids = {}
    while len(ids) < len(campaigns.QUEUES) - 1:
        campaign_id = campaigns.create(stack, NUMBERS)
        if ids.setdefault(campaigns.queue_of(campaign_id), campaign_id) == campaign_id:
            campaigns.dispatch(stack, campaign_id)
    return list(ids.values()) + [campaigns.send(stack, NUMBERS, ordered=False)]


def assert_all_sent(stack, ids):
    for campaign_id in ids:
        ordered = wait_for_status(stack, campaign_id, "sent")["ordered"]
        assert_delivered(stack, campaign_id, NUMBERS, ordered=ordered)


def through(proxies, stack):
    """The environment of a consumer whose ways to the stores can be cut."""
    variables = environment(stack, **HOLD)
    variables["MONGODB_URI"] = re.sub(r"//[^/]+/.*",
                                      f"//127.0.0.1:{proxies['MongoDB'].port}/campaign"
                                      "?directConnection=true", variables["MONGODB_URI"])
    variables["DATABASE_URL"] = re.sub(r"@[^/]+/", f"@127.0.0.1:{proxies['PostgreSQL'].port}/",
                                       variables["DATABASE_URL"])
    return variables


@contextlib.contextmanager
def proxies_of(stack):
    ports = {"MongoDB": re.search(r":(\d+)/", stack.env["MONGODB_URI"]).group(1),
             "PostgreSQL": re.search(r":(\d+)/", stack.env["DATABASE_URL"]).group(1)}
    with contextlib.ExitStack() as opened:
        yield {name: opened.enter_context(Proxy(("127.0.0.1", int(port))))
               for name, port in ports.items()}


@pytest.mark.parametrize("name, server", [("MONGODB_URI", "MongoDB"),
                                          ("DATABASE_URL", "PostgreSQL")])
def test_wrong_setting_of_the_first_one(stack, name, server):
    """One with a store that is not there, started first, leaves the queues to the next."""
    with no_consumer(stack), Consumer(environment(stack, **{name: NOWHERE[name]})) as wrong:
        wrong.wait_for_line(f"{server} is away")
        with Consumer(environment(stack)) as right:
            wait_until("the right one consumes", lambda: consumes(stack))
            assert_all_sent(stack, send_to_all_queues(stack))
            assert consumer_count(stack) == len(campaigns.QUEUES)
            assert right.terminate() == 0
        assert wrong.terminate() == 0


@pytest.mark.parametrize("lose", [Proxy.cut, Proxy.freeze])
@pytest.mark.parametrize("server", ["MongoDB", "PostgreSQL"])
def test_active_one_loses_a_store(stack, server, lose):
    """The active one alone loses it, be it away or silent: the other takes over soon after
    CAMPAIGN_HOLD, and the first one comes back."""
    with no_consumer(stack), proxies_of(stack) as proxies:
        with Consumer(through(proxies, stack)) as active:
            wait_until("it consumes", lambda: consumes(stack))
            with Consumer(environment(stack)) as standby:
                wait_until("both have subscribed",
                           lambda: subscriptions(stack) == 2 * len(campaigns.QUEUES))
                lose(proxies[server])
                ids = send_to_all_queues(stack)
                wait_until("it has given all queues back", lambda: len(
                    active.lines("gave the queue back")) >= len(campaigns.QUEUES), SILENCE_S)
                assert_all_sent(stack, ids)
                assert standby.terminate() == 0
            proxies[server].mend()
            active.wait_for_line(f"{server} is back")
            wait_until("it consumes again", lambda: consumes(stack))
            assert_all_sent(stack, send_to_all_queues(stack))
            assert active.terminate() == 0


def test_slow_one_is_waited_for(stack):
    """A MongoDB that takes longer than CAMPAIGN_HOLD for an insert is not away: the queue is kept,
    and what it has taken meanwhile is not stored twice."""
    text = "x" * 4000
    with no_consumer(stack), proxies_of(stack) as proxies:
        with Consumer(through(proxies, stack)) as consumer:
            wait_until("it consumes", lambda: consumes(stack))
            campaign_id = campaigns.create(stack, NUMBERS, message=text)
            # The first insert, of a hundred documents, takes four seconds.
            proxies["MongoDB"].slow_down(100_000)
            campaigns.dispatch(stack, campaign_id)
            consumer.wait_for_line("MongoDB is slow")
            proxies["MongoDB"].slow_down(600_000)
            wait_for_status(stack, campaign_id, "sent")
            assert_delivered(stack, campaign_id, NUMBERS)
            assert not consumer.lines("gave the queue back")
            assert consumer.terminate() == 0


def test_created_at_is_the_time_of_storing(stack):
    """Not that of the delivery: what was on its way when MongoDB went away was stored later."""
    with no_consumer(stack), proxies_of(stack) as proxies:
        variables = {**through(proxies, stack), "CAMPAIGN_HOLD": "60"}
        with Consumer(variables) as consumer:
            wait_until("it consumes", lambda: consumes(stack))
            proxies["MongoDB"].slow_down(2_000_000)
            campaign_id = campaigns.send(stack, make_numbers(20_000, seed=321))
            stored = stored_at_the_cut(stack, campaign_id, proxies["MongoDB"])
            consumer.wait_for_line("MongoDB is away")
            before = stack.one("SELECT clock_timestamp()")
            proxies["MongoDB"].mend()
            wait_for_status(stack, campaign_id, "sent")
            later = [one for one in campaigns.documents_of(stack, campaign_id)
                     if one["_id"] not in stored]
            assert stored and later
            for one in later:
                # MongoDB keeps milliseconds.
                assert (one["created_at"] - before).total_seconds() > -0.001
                assert one["updated_at"] == one["created_at"]
            assert consumer.terminate() == 0


def stored_at_the_cut(stack, campaign_id, proxy):
    """Cuts the way to MongoDB once a part is stored; the ids of all that came through."""
    wait_until("some are stored", lambda: stack.messages.find_one({"campaign_id": campaign_id}),
               interval=0.01)
    proxy.cut()
    found = []

    def look():
        found.append({one["_id"] for one in stack.messages.find({"campaign_id": campaign_id},
                                                                {"_id": 1})})
        return found[-1:] == found[-2:-1]
    wait_until("MongoDB has carried out what it got", look, interval=0.2)
    return found[-1]


def test_rights_that_are_missing(stack):
    """One that may not report does not subscribe, so that nothing is delivered in vain."""
    signature = ("campaign.report_checked(text[], text[], bigint[], bigint[], text[],"
                 " boolean[])")
    stack.sql(f"REVOKE EXECUTE ON FUNCTION {signature} FROM campaign_consumer")
    try:
        with no_consumer(stack), Consumer(environment(stack, **HOLD)) as consumer:
            try:
                consumer.wait_for_line("PostgreSQL refuses")
                ids = send_to_all_queues(stack)
                assert_stays("nobody consumes", lambda: consumer_count(stack) == 0, 2)
            finally:
                stack.sql(f"GRANT EXECUTE ON FUNCTION {signature} TO campaign_consumer")
            assert_all_sent(stack, ids)
            assert consumer.terminate() == 0
    finally:
        stack.sql(f"GRANT EXECUTE ON FUNCTION {signature} TO campaign_consumer")


def test_memory_at_the_end(stack):
    """Large bodies that wait are not taken into memory while it says goodbye."""
    body = b" " * 130_000
    count = 2_000
    seen = [0]
    with no_consumer(stack):
        with stack.channel() as channel:
            channel.queue_purge("campaign.parallel")
            for _ in range(count):
                channel.basic_publish(campaigns.EXCHANGE, "campaign.parallel", body)
        with Consumer(environment(stack)) as consumer:
            wait_until("it is at work", lambda: campaigns.dead_letter_count(stack) > 0)
            consumer.process.terminate()
            wait_until("it has ended", lambda: has_ended(consumer, seen), 10, interval=0.001)
            assert consumer.process.returncode == 0
        with stack.channel() as channel:
            left = channel.queue_purge("campaign.parallel").method.message_count
        dead = len(campaigns.dead_letters(stack))
    assert left + dead >= count > dead
    assert 0 < max(seen) < 64 * 1024 * SANITIZER_FACTOR


def has_ended(consumer, seen):
    """Notes the memory in kB of one that has not."""
    if consumer.process.poll() is None:
        with contextlib.suppress(OSError, AttributeError):
            seen.append(memory_kb(consumer.pid))
    return consumer.process.poll() is not None


def test_queue_that_is_given_back_in_vain(stack):
    """Its stores pass every trial, and every report is refused: each round is a delivery more for
    every message, so they are further and further apart: each lasts at least CAMPAIGN_HOLD, behind
    a rest that comes with the second one and grows."""
    with no_consumer(stack):
        campaign_id = campaigns.send(stack, NUMBERS)
        wait_until("it is published", lambda: campaigns.status(
            stack, campaign_id)["status"] == "published")
        with Consumer(environment(stack, **HOLD)) as consumer:
            with reports_refused(stack):
                wait_until("it is given back four times",
                           lambda: len(consumer.lines("gave the queue back")) == 4)
                times = [when(line) for line in consumer.lines("gave the queue back")]
            wait_for_status(stack, campaign_id, "sent")
            assert_delivered(stack, campaign_id, NUMBERS)
            assert consumer.terminate() == 0
    _, second, third = (after - before for before, after in zip(times, times[1:]))
    assert second > 1.9 and third > 2.9, times


@contextlib.contextmanager
def reports_refused(stack):
    """Nothing that a consumer reports is taken."""
    stack.sql("CREATE FUNCTION public.refuse_report() RETURNS trigger LANGUAGE plpgsql AS"
              " $$ BEGIN RAISE 'no reports today'; END $$")
    stack.sql("CREATE TRIGGER refuse_report BEFORE UPDATE ON campaign.progress FOR EACH ROW"
              " WHEN (session_user = 'campaign_consumer') EXECUTE FUNCTION public.refuse_report()")
    try:
        yield
    finally:
        stack.sql("DROP FUNCTION public.refuse_report() CASCADE")


def when(line):
    """The time of a log line, in seconds."""
    return datetime.datetime.fromisoformat(line["ts"].replace("Z", "+00:00")).timestamp()


def test_stopped_while_it_waits_to_try_again(stack):
    """Consuming rule 6: PostgreSQL refuses at once, so that nearly all of a retry is its wait:
    SIGTERM ends that, too."""
    with no_consumer(stack), proxies_of(stack) as proxies:
        with Consumer({**through(proxies, stack), "CAMPAIGN_HOLD": "600"}) as consumer:
            wait_until("it consumes", lambda: consumes(stack))
            proxies["PostgreSQL"].cut()
            campaign_id = campaigns.send(stack, NUMBERS)
            consumer.wait_for_line("PostgreSQL is away")
            assert_stays("it tries again", lambda: consumer.process.poll() is None, 0.5)
            started = time.monotonic()
            assert consumer.terminate() == 0
            assert time.monotonic() - started < 1.5
            assert consumer.lines()[-1]["msg"] == "stopped"
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS)
