"""test_pause.py - pause, resume and cancel: at once, exactly, and nobody else waits."""
import datetime
from urllib.parse import urlsplit

import psycopg2
import pytest

import campaigns
from campaigns import assert_delivered, assert_stored, count_documents, make_numbers, status, wait_for_status
from consumers import Consumer, environment
from programs import frozen
from proxy import Proxy
from stack import QUEUES
from waiting import assert_stays, wait_until

pytestmark = pytest.mark.usefixtures("unhealed")


def assert_stops(stack, campaign_id, verb):
    """A second after the commit nothing more is stored, and the reports say what is."""
    answer = stack.one(f"SELECT campaign_{verb}(%s)", campaign_id)
    committed = stack.one("SELECT clock_timestamp()")
    wait_for_status(stack, campaigns.witness(stack, queue(stack, campaign_id)), "sent")
    count = count_documents(stack, campaign_id)
    assert_stays(f"nothing is stored after {verb}",
                 lambda: count_documents(stack, campaign_id) == count, 0.6)
    assert status(stack, campaign_id)["stored"] == count
    assert_stored_before(stack, campaign_id, committed)
    return answer, count


def assert_stored_before(stack, campaign_id, committed):
    """MongoDB's own log: the last document was written within a second."""
    last, _, _ = campaigns.insertions(stack, campaign_id)[-1]
    late = last.replace(tzinfo=datetime.timezone.utc) - committed
    assert late < datetime.timedelta(seconds=1), f"stored {late} after the commit"


def queue(stack, campaign_id):
    ordered = stack.one("SELECT ordered FROM campaign.campaigns WHERE id = %s", campaign_id)
    return campaigns.queue_of(campaign_id) if ordered else QUEUES[-1]


@pytest.fixture
def halted_in_the_queue(stack):
    """A campaign of 600 whose first batches are in the queue, paused; its id and its numbers."""
    numbers = make_numbers(600, seed=400)
    stack.part("stop", "consumer")
    with stack.settings(campaign__batch_size="100"):
        campaign_id = campaigns.send(stack, numbers)
        wait_until("some is published", lambda: status(stack, campaign_id)["published"] >= 200)
        stack.one("SELECT campaign_pause(%s)", campaign_id)
        yield campaign_id, numbers
    stack.part("start", "consumer")


@pytest.fixture
def small_inserts(stack):
    """Storing takes its time, and all of it is published long before: pausing the worker alone
    would not do."""
    stack.part("stop", "consumer")
    with stack.settings(campaign__publish_ahead="1min"), \
            Consumer(environment(stack, CAMPAIGN_BATCH_DOCUMENTS="100")) as consumer:
        yield
        assert consumer.terminate() == 0
    stack.part("start", "consumer")


@pytest.mark.usefixtures("small_inserts")
@pytest.mark.parametrize("ordered", [True, False])
def test_pause_and_resume_neither_skip_nor_repeat(stack, ordered):
    """R5.2: three pauses in mid-run, with much in the queue; publishing and storing stand still."""
    numbers = make_numbers(100_000, seed=34)
    campaign_id = campaigns.send(stack, numbers, ordered=ordered)
    for stored in (3_000, 20_000):
        campaigns.wait_for_stored(stack, campaign_id, stored)
        answer, count = assert_stops(stack, campaign_id, "pause")
        assert answer["status"] == "paused" and count < len(numbers)
        published = status(stack, campaign_id)["published"]
        assert_stays("nothing is published",
                     lambda: status(stack, campaign_id)["published"] == published, 0.3)
        assert stack.one("SELECT campaign_resume(%s)", campaign_id)["status"] == "queued"
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers, ordered=ordered)


@pytest.mark.parametrize("ordered", [True, False])
def test_cancel_ends_for_good(stack, ordered):
    """R5.2: what was stored stays, in order and once; the rest is counted, and never comes."""
    numbers = make_numbers(120_000, seed=35)
    campaign_id = campaigns.send(stack, numbers, ordered=ordered)
    campaigns.wait_for_stored(stack, campaign_id, 3_000)
    answer, count = assert_stops(stack, campaign_id, "cancel")
    assert answer["status"] == "cancelled" and 3_000 <= count < len(numbers)
    assert status(stack, campaign_id)["cancelled"] == len(numbers) - count
    written = [seq for _, seq in campaigns.insertion_order(stack, campaign_id)]
    assert len(set(written)) == len(written) == count
    assert not ordered or written == list(range(1, count + 1))
    for verb, what in (("resume", "only a paused one"), ("pause", "cannot become"),
                       ("dispatch", "already dispatched"), ("cancel", "cannot become")):
        with pytest.raises(psycopg2.Error, match=what):
            stack.one(f"SELECT campaign_{verb}(%s)", campaign_id)


def test_pause_before_the_first_message(stack):
    """R5.2: paused in the transaction that dispatches it: nothing goes out until resume."""
    numbers = make_numbers(30, seed=36)
    campaign_id = campaigns.create(stack, numbers)
    stack.sql("DO $$ BEGIN PERFORM campaign_dispatch('" + campaign_id + "');"
              " PERFORM campaign_pause('" + campaign_id + "'); END $$")
    assert_stays("paused", lambda: status(stack, campaign_id)["published"] == 0, 1)
    stack.one("SELECT campaign_resume(%s)", campaign_id)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


def test_pause_of_what_is_published_whole(stack, halted_in_the_queue):
    """R5.2: what the broker holds stays unsent until resume, and blocks nobody meanwhile."""
    campaign_id, numbers = halted_in_the_queue
    with Consumer(environment(stack)) as consumer:
        wait_for_status(stack, campaigns.witness(stack, campaigns.queue_of(campaign_id)), "sent")
        assert consumer.lines("left out")
        assert count_documents(stack, campaign_id) == 0
        assert status(stack, campaign_id)["stored"] == 0
        stack.one("SELECT campaign_resume(%s)", campaign_id)
        wait_for_status(stack, campaign_id, "sent")
        assert consumer.terminate() == 0
    assert_delivered(stack, campaign_id, numbers)


def test_pause_while_the_store_is_away(stack):
    """R5.2: MongoDB comes back after the pause: what waited for it is not stored."""
    numbers = make_numbers(20_000, seed=37)
    url = urlsplit(environment(stack)["MONGODB_URI"])
    stack.part("stop", "consumer")
    with Proxy((url.hostname, url.port)) as proxy:
        through = (url._replace(netloc=f"127.0.0.1:{proxy.port}", query="directConnection=true")
                   .geturl())
        with Consumer(environment(stack, MONGODB_URI=through, CAMPAIGN_HOLD="60")) as consumer:
            # It is away in the middle of an insert.
            proxy.slow_down(1_000_000)
            campaign_id = campaigns.send(stack, numbers)
            campaigns.wait_for_stored(stack, campaign_id, 1)
            proxy.cut()
            consumer.wait_for_line("MongoDB is away")
            stack.one("SELECT campaign_pause(%s)", campaign_id)
            committed = stack.one("SELECT clock_timestamp()")
            wait_until("a second is over", lambda: stack.one(
                "SELECT clock_timestamp() - %s > interval '1 s'", committed))
            proxy.mend()
            wait_for_status(stack, campaigns.witness(stack, campaigns.queue_of(campaign_id)), "sent")
            assert_stored_before(stack, campaign_id, committed)
            count = count_documents(stack, campaign_id)
            assert count < len(numbers)
            assert status(stack, campaign_id)["stored"] == count
            stack.one("SELECT campaign_resume(%s)", campaign_id)
            wait_for_status(stack, campaign_id, "sent")
            assert consumer.terminate() == 0
    stack.part("start", "consumer")
    assert_delivered(stack, campaign_id, numbers)


def test_pause_while_the_store_is_slow(stack):
    """R5.2: already the first insert, of which nobody knows how long it will take, is not all of it."""
    numbers = make_numbers(2_000, seed=39)
    url = urlsplit(environment(stack)["MONGODB_URI"])
    stack.part("stop", "consumer")
    with stack.settings(campaign__batch_size="1000"):
        campaign_id = campaigns.send(stack, numbers)
        wait_for_status(stack, campaign_id, "published")
    with Proxy((url.hostname, url.port)) as proxy:
        # Some hundred documents a second.
        proxy.slow_down(120_000)
        through = url._replace(netloc=f"127.0.0.1:{proxy.port}", query="directConnection=true").geturl()
        with Consumer(environment(stack, MONGODB_URI=through)) as consumer:
            campaigns.wait_for_stored(stack, campaign_id, 1)
            stack.one("SELECT campaign_pause(%s)", campaign_id)
            committed = stack.one("SELECT clock_timestamp()")
            wait_for_status(stack, campaigns.witness(stack, campaigns.queue_of(campaign_id)), "sent")
            assert 0 < count_documents(stack, campaign_id) < len(numbers) / 2
            assert_stored_before(stack, campaign_id, committed)
            proxy.mend()
            stack.one("SELECT campaign_resume(%s)", campaign_id)
            wait_for_status(stack, campaign_id, "sent")
            assert consumer.terminate() == 0
    stack.part("start", "consumer")
    assert_delivered(stack, campaign_id, numbers)


def test_pause_while_it_is_published(stack):
    """R5.2: a second after the commit the broker gets nothing more, though most of it is still to come."""
    numbers = make_numbers(200_000, seed=42)
    with stack.settings(campaign__publish_ahead="1min", campaign__batch_size="5"), campaigns.capture(stack) as take:
        campaign_id = campaigns.send(stack, numbers)
        campaigns.wait_for_stored(stack, campaign_id, 2_000)
        # It has a pace by then, and publishes as far ahead of it as that takes a minute.
        with frozen(stack.consumer_pid()):
            begun = take.count()
            wait_until("the worker goes on", lambda: take.count() > begun + 100, interval=0.01)
            stack.one("SELECT campaign_pause(%s)", campaign_id)
            committed = stack.one("SELECT clock_timestamp()")
            wait_until("a second is over", lambda: stack.one(
                "SELECT clock_timestamp() - %s > interval '1 s'", committed))
            published = take.count()
            assert published * 5 < len(numbers)
            assert_stays("nothing is published", lambda: take.count() == published, 1)
        stack.one("SELECT campaign_cancel(%s)", campaign_id)
        campaigns.wait_until_handled(stack)


def test_what_was_stored_before_a_crash_is_counted(stack):
    """R5.2: a consumer dies between store and report, then the campaign is cancelled: the next
    consumer reports what MongoDB has, and stores nothing more."""
    numbers = make_numbers(60_000, seed=38)
    campaign_id = campaigns.create(stack, numbers)
    with stack.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT FROM campaign.progress WHERE campaign_id = %s FOR UPDATE",
                       (campaign_id,))
        campaigns.dispatch(stack, campaign_id)
        campaigns.wait_for_stored(stack, campaign_id, 1)
        stack.part("kill", "consumer")
        # A report that waits for the lock would still be written down.
        stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                  " WHERE application_name = 'campaign-consumer'")
        connection.rollback()
    stored = count_documents(stack, campaign_id)
    assert status(stack, campaign_id)["stored"] < stored
    stack.one("SELECT campaign_cancel(%s)", campaign_id)
    stack.part("start", "consumer")
    wait_for_status(stack, campaigns.witness(stack, campaigns.queue_of(campaign_id)), "sent")
    assert count_documents(stack, campaign_id) == stored
    answer = status(stack, campaign_id)
    assert (answer["stored"], answer["cancelled"]) == (stored, len(numbers) - stored)


# One that sends takes as many at once as it may have in flight.
@pytest.mark.parametrize("gateway", [
    {}, {"CAMPAIGN_GATEWAY": "simulate", "CAMPAIGN_MEAN": "1", "CAMPAIGN_IN_FLIGHT": "1000"}],
                         ids=["store", "send"])
def test_what_a_resume_published_is_not_left_out(stack, halted_in_the_queue, gateway):
    """R5.2: a consumer that knows the campaign as paused receives what the resume has published,
    and cannot ask: it must come again, for nothing follows it."""
    campaign_id, numbers = halted_in_the_queue
    url = environment(stack)["DATABASE_URL"]
    with Proxy.to(url) as proxy:
        through = proxy.through(url)
        with Consumer(environment(stack, DATABASE_URL=through, **gateway)) as consumer:
            consumer.wait_for_line("left out")
            witness = campaigns.witness(stack, campaigns.queue_of(campaign_id))
            wait_for_status(stack, witness, "sent")
            proxy.cut()
            # All of it in one body: a second one would show that the first was left out.
            with stack.settings(campaign__batch_size="1000"):
                stack.one("SELECT campaign_resume(%s)", campaign_id)
                consumer.wait_for_line("PostgreSQL")
                proxy.mend()
                wait_for_status(stack, campaign_id, "sent", 30)
            assert consumer.lines("a gap")
            assert consumer.terminate() == 0
    assert_stored(stack, campaign_id, numbers)
