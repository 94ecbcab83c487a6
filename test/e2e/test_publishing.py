"""test_publishing.py - what the worker believes of the broker: `published` moves only on a confirm,
whatever the broker withholds, refuses or sends back.

The nets behind this (a stall, a gap that the consumer reports) are out of reach here, so that
nothing heals what these tests look for.
"""
import contextlib

import pytest

import campaigns
from amqp_proxy import BASIC_PUBLISH, worker_through_proxy
from campaigns import assert_delivered, lift_publish_ahead, make_numbers, wait_for_status
from consumers import consumer_again
from stack import cpu_seconds, execute
from test_versions import library_version, offer_update
from waiting import assert_stays, wait_until

pytestmark = pytest.mark.usefixtures("unstored")

WINDOW = 4096       # CONFIRMS_MAX of src/publish/confirms.h
STAYS_S = 1.5


def published(stack, campaign_id):
    return campaigns.status(stack, campaign_id)["published"]


def assert_sent(stack, campaign_id, numbers):
    """When a consumer comes, everything is there, once and in order."""
    with consumer_again(stack):
        wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


def test_no_more_batches_than_can_be_remembered(stack):
    """R0.15 R0.17: the broker takes everything and confirms ten batches: no more are sent than
    the worker can remember, and `published` is ten."""
    total = WINDOW + 900
    campaign_id = campaigns.create(stack, make_numbers(total, seed=140))
    lift_publish_ahead(stack, campaign_id, total)
    with stack.settings(campaign__batch_size="1"), worker_through_proxy(stack) as proxy:
        proxy.hold_confirms(after=10)
        campaigns.dispatch(stack, campaign_id)
        wait_until("it sends what it may", lambda: proxy.count(BASIC_PUBLISH) >= WINDOW + 10)
        wait_until("ten are confirmed", lambda: published(stack, campaign_id) == 10)
        assert_stays("it waits for confirms", lambda: proxy.count(BASIC_PUBLISH) == WINDOW + 10
                     and published(stack, campaign_id) == 10, STAYS_S)
        proxy.release()
        wait_for_status(stack, campaign_id, "published")
        assert proxy.count(BASIC_PUBLISH) == total
    with stack.channel() as channel:
        assert channel.queue_purge(campaigns.queue_of(campaign_id)).method.message_count == total
    stack.one("SELECT campaign_cancel(%s)", campaign_id)


def test_confirm_from_before_a_rewind(stack):
    """R0.17: batches that were sent before a rewind are confirmed after it: `published` waits for
    the confirms of what was sent again."""
    numbers = make_numbers(20, seed=141)
    campaign_id = campaigns.create(stack, numbers)
    with stack.settings(campaign__batch_size="10"), worker_through_proxy(stack) as proxy:
        proxy.hold_confirms()
        campaigns.dispatch(stack, campaign_id)
        wait_until("two batches are sent", lambda: proxy.count(BASIC_PUBLISH) == 2)
        connection = stack.connect(url=stack.env["CONSUMER_DATABASE_URL"])
        execute(connection, "SELECT campaign.report_gap(%s, 'NORMAL', 1)", campaign_id)
        connection.close()
        wait_until("they are sent again", lambda: proxy.count(BASIC_PUBLISH) == 4)
        proxy.release(up_to=2)
        assert_stays("it waits", lambda: published(stack, campaign_id) == 0, STAYS_S)
        proxy.release()
        wait_for_status(stack, campaign_id, "published")
    assert_sent(stack, campaign_id, numbers)


def test_mark_behind_a_rewind(stack):
    """R0.17: what was confirmed before a rewind cannot be written down before it: it does not count
    behind it, and all is published again."""
    numbers = make_numbers(20, seed=151)
    with worker_through_proxy(stack) as proxy:
        proxy.hold_confirms()
        campaign_id = campaigns.send(stack, numbers)
        wait_until("it is sent", lambda: proxy.count(BASIC_PUBLISH) == 1)
        with contextlib.closing(stack.connect(url=stack.env["CONSUMER_DATABASE_URL"],
                                              autocommit=False)) as consumer:
            execute(consumer, "SELECT campaign.report_gap(%s, 'NORMAL', 1)", campaign_id)
            proxy.release()
            assert_stays("nothing is written down", lambda: published(stack, campaign_id) == 0, STAYS_S)
            consumer.commit()
        wait_until("it is sent again", lambda: proxy.count(BASIC_PUBLISH) == 2)
        wait_for_status(stack, campaign_id, "published")
    assert_sent(stack, campaign_id, numbers)


def worker_waits(stack):
    return stack.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'campaign_worker'"
                     " AND wait_event_type = 'Lock'")


def test_broker_that_confirms_nothing(stack):
    """R0.15: a queue without its leader, a full disk: that is said once, and what is confirmed in
    the end is published."""
    numbers = make_numbers(5, seed=152)
    mark = stack.log_mark("postgres")
    with worker_through_proxy(stack) as proxy, stack.settings(campaign__stall_timeout="1s"):
        proxy.hold_confirms()
        campaign_id = campaigns.send(stack, numbers)
        wait_until("it is said",
                   lambda: "has confirmed nothing for 3 s" in stack.log_since("postgres", mark))
        assert published(stack, campaign_id) == 0
        proxy.release()
        wait_for_status(stack, campaign_id, "published")
    assert stack.log_since("postgres", mark).count("has confirmed nothing") == 1
    assert_sent(stack, campaign_id, numbers)


def same_queue_as(stack, campaign_id, numbers):
    while True:
        other = campaigns.create(stack, numbers)
        if campaigns.queue_of(other) == campaigns.queue_of(campaign_id):
            return other


def test_refused_batch_is_not_published(stack):
    """R0.16 R0.17: a queue is full and the broker refuses (nack): `published` stays where it is,
    and it is said once; when the limit is gone publishing goes on by itself."""
    numbers = make_numbers(5, seed=142)
    first = campaigns.send(stack, numbers)
    wait_for_status(stack, first, "published")
    others = [same_queue_as(stack, first, numbers) for _ in range(2)]
    mark = stack.log_mark("postgres")

    def said(words):
        return stack.log_since("postgres", mark).count(words)
    with stack.full_queue(campaigns.queue_of(first)):
        # What comes first may still get in: the queue tells the channel afterwards that it is full.
        campaigns.dispatch(stack, others[0])
        wait_until("it is in, or refused", lambda: published(stack, others[0]) or said("refuses"))
        campaigns.dispatch(stack, others[1])
        wait_until("it is said", lambda: said("RabbitMQ refuses messages for queue"))
        assert_stays("it is not published", lambda: published(stack, others[1]) == 0, 7)
    for campaign_id in others:
        wait_for_status(stack, campaign_id, "published")
    wait_until("the end is said", lambda: said("RabbitMQ refuses no more messages"))
    assert said("RabbitMQ refuses messages for queue") == 1
    for campaign_id in (first, *others):
        assert_sent(stack, campaign_id, numbers)


def test_returned_batch_is_not_published(stack):
    """R0.16 R0.17: the queue was deleted; the broker returns the batch and confirms it all the
    same: it is not believed, the queue is made again, and nothing is missing."""
    numbers = make_numbers(5, seed=143)
    first = campaigns.send(stack, numbers)
    wait_for_status(stack, first, "published")
    with consumer_again(stack):
        wait_for_status(stack, first, "sent")
    second = same_queue_as(stack, first, numbers)
    with stack.channel() as channel:
        channel.queue_delete(campaigns.queue_of(first))
    campaigns.dispatch(stack, second)
    wait_for_status(stack, second, "published")
    assert_sent(stack, second, numbers)


def test_classes_have_identifiers_of_their_own(stack):
    """R0.20: the first recipient of one class has not the identifier of the first of another."""
    numbers = make_numbers(10, seed=144)
    campaign_id = campaigns.create(stack, numbers[:5])
    stack.one("SELECT campaign_upload(%s, %s::text, class => 'VIP')", campaign_id,
              campaigns.numbers_file(numbers[5:]))
    campaigns.dispatch(stack, campaign_id)
    with consumer_again(stack):
        wait_for_status(stack, campaign_id, "sent")
    identifiers = {one["identifier"] for one in campaigns.documents_of(stack, campaign_id)}
    assert len(identifiers) == len(numbers)


def test_wake_up_while_a_lock_is_waited_for(stack):
    """R0.14: a campaign is dispatched while the worker waits for a lock: it is seen when the wait
    is over, not at the next poll. (The alarm of deadlock_timeout wakes the worker, too.)"""
    numbers = make_numbers(5, seed=147)
    with stack.settings(campaign__poll_interval="1h", deadlock_timeout="10ms"):
        first, second = campaigns.create(stack, numbers), campaigns.create(stack, numbers)
        holder = stack.connect(autocommit=False)
        # The worker reads it for a batch, a dispatch does not. For rows it does not wait.
        execute(holder, "LOCK TABLE campaign.recipients IN ACCESS EXCLUSIVE MODE")
        campaigns.dispatch(stack, first)
        wait_until("the worker waits", lambda: worker_waits(stack))
        campaigns.dispatch(stack, second)
        assert_stays("it still waits", lambda: published(stack, second) == 0, 0.5)
        holder.rollback()
        holder.close()
        wait_for_status(stack, first, "published")
        wait_for_status(stack, second, "published", timeout=20)
    assert_sent(stack, first, numbers)
    assert_sent(stack, second, numbers)


def test_worker_of_another_version_sleeps(stack):
    """R0.14: the extension becomes another version while the worker has more to send: it waits
    without using the processor, and goes on when the versions are the same again."""
    numbers = make_numbers(5, seed=159)
    ours = library_version()
    offer_update(stack, ours, "99.10.0")
    offer_update(stack, "99.10.0", ours)
    mark, pid = stack.log_mark("postgres"), stack.worker_pid()
    campaign_id = campaigns.create(stack, numbers)
    with stack.settings(campaign__poll_interval="1s"):
        with contextlib.closing(stack.connect(autocommit=False)) as holder:
            execute(holder, "LOCK TABLE campaign.recipients IN ACCESS EXCLUSIVE MODE")
            campaigns.dispatch(stack, campaign_id)
            wait_until("the worker waits", lambda: worker_waits(stack))
            # Longer than a turn may take, and than the look that it begins the next one with.
            assert_stays("it waits", lambda: worker_waits(stack), 1.2)
            execute(holder, "ALTER EXTENSION campaign UPDATE TO '99.10.0'")
            holder.commit()
        try:
            wait_until("it says so", lambda: "the workers wait" in stack.log_since("postgres", mark))
            before = cpu_seconds(pid)
            assert_stays("it sleeps", lambda: cpu_seconds(pid) < before + 0.2, 1.5)
        finally:
            stack.sql(f"ALTER EXTENSION campaign UPDATE TO '{ours}'")
        wait_for_status(stack, campaign_id, "published")
    assert stack.worker_pid() == pid
    assert_sent(stack, campaign_id, numbers)


def test_published_campaign_that_is_rewound_under_a_lock(stack):
    """R0.17: the consumer reports a gap of a published campaign whose row a client holds: its
    status cannot follow, it is published again all the same, within moments."""
    numbers = make_numbers(5, seed=149)
    with stack.settings(campaign__poll_interval="1h"), campaigns.capture(stack) as take:
        campaign_id = campaigns.send(stack, numbers)
        wait_for_status(stack, campaign_id, "published")
        holder = stack.connect(autocommit=False)
        execute(holder, "SELECT FROM campaign.campaigns WHERE id = %s FOR UPDATE", campaign_id)
        take()
        connection = stack.connect(url=stack.env["CONSUMER_DATABASE_URL"])
        execute(connection, "SELECT campaign.report_gap(%s, 'NORMAL', 1)", campaign_id)
        connection.close()
        again = wait_until("it is published again", take)
        holder.rollback()
        holder.close()
    assert [one.properties.headers["campaign_id"] for one in again] == [campaign_id]
    assert_sent(stack, campaign_id, numbers)


@pytest.mark.parametrize("stop", ["pause", "cancel"])
def test_stop_of_what_waits_for_the_store(stack, stop):
    """R0.14: a campaign that waits for the store is paused or cancelled, another one is
    dispatched: nothing more of the first is published when the store goes on."""
    numbers = make_numbers(30, seed=150)
    with stack.settings(campaign__batch_size="10"), campaigns.capture(stack) as take:
        campaign_id = campaigns.send(stack, numbers)
        wait_until("two batches are published", lambda: published(stack, campaign_id) == 20)
        stack.one(f"SELECT campaign_{stop}(%s)", campaign_id)
        stack.sql("SELECT campaign.report_stored(ARRAY[%s], '{NORMAL}', '{1}', '{20}')",
                  campaign_id)
        witness = campaigns.send(stack, numbers[:5])
        wait_for_status(stack, witness, "published")
        seen = [one.properties.headers["campaign_id"] for one in take()]
        assert seen.count(campaign_id) == 2 and seen.count(witness) == 1
        if stop == "pause":
            stack.one("SELECT campaign_resume(%s)", campaign_id)
            wait_for_status(stack, campaign_id, "published")
    if stop == "pause":
        assert_sent(stack, campaign_id, numbers)
    assert_sent(stack, witness, numbers[:5])
