"""test_replay.py - messages that come again, and messages that the broker forgets."""

import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from programs import frozen
from stack import QUEUES
from waiting import assert_stays, wait_until


@pytest.fixture
def take(stack):
    with campaigns.capture(stack) as taking:
        yield taking


def replay(stack, messages):
    campaigns.publish(stack, messages)
    campaigns.wait_until_handled(stack, sorted({one.routing_key for one in messages}))


def test_replay_is_waited_for(stack, take):
    """The tests here compare after the consumer has handled what is replayed, not before."""
    campaign_id = campaigns.send(stack, make_numbers(10, seed=49))
    wait_for_status(stack, campaign_id, "sent")
    messages = take()
    with frozen(stack.consumer_pid()):
        campaigns.publish(stack, messages)
        with pytest.raises(AssertionError, match="is sent"):
            campaigns.wait_until_handled(stack, [messages[0].routing_key], timeout=1)
    campaigns.wait_until_handled(stack, [messages[0].routing_key])


@pytest.mark.usefixtures("unhealed")
def test_same_messages_twice(stack, take):
    """R0.17: each message delivered again changes no document, created_at included."""
    numbers = make_numbers(2000, seed=50)
    campaign_id = campaigns.send(stack, numbers)
    wait_for_status(stack, campaign_id, "sent")
    before = campaigns.documents_of(stack, campaign_id)
    answer = campaigns.status(stack, campaign_id)
    messages = take()
    assert sum(one.properties.headers["count"] for one in messages) == len(numbers)
    replay(stack, [one for one in messages for _ in range(2)])
    assert campaigns.documents_of(stack, campaign_id) == before
    assert campaigns.status(stack, campaign_id) == answer
    assert_delivered(stack, campaign_id, numbers)


@pytest.mark.usefixtures("unhealed")
def test_whole_queue_replayed_to_a_new_consumer(stack, take):
    """R0.17: a consumer that remembers nothing finds in MongoDB what is done; messages that
    come in another order change nothing either."""
    sets = {}
    for n in range(3):
        numbers = make_numbers(700, seed=51 + n)
        sets[campaigns.send(stack, numbers)] = numbers
    for campaign_id in sets:
        wait_for_status(stack, campaign_id, "sent")
    before = {campaign_id: campaigns.documents_of(stack, campaign_id) for campaign_id in sets}
    messages = take()
    stack.part("kill", "consumer")
    stack.part("start", "consumer")
    replay(stack, messages)
    replay(stack, list(reversed(messages)))
    for campaign_id, numbers in sets.items():
        assert campaigns.documents_of(stack, campaign_id) == before[campaign_id]
        assert_delivered(stack, campaign_id, numbers)


@pytest.mark.usefixtures("unhealed")
def test_replay_of_an_unordered_campaign(stack, take):
    """R0.17: ordered = false knows repeats by their _id alone."""
    numbers = make_numbers(1500, seed=54)
    campaign_id = campaigns.send(stack, numbers, ordered=False)
    wait_for_status(stack, campaign_id, "sent")
    before = campaigns.documents_of(stack, campaign_id)
    replay(stack, take())
    assert campaigns.documents_of(stack, campaign_id) == before


def test_identifiers_survive_publishing_again(stack, take):
    """R0.4 R0.5: a message keeps its identifier when the worker publishes it again."""
    numbers = make_numbers(600, seed=55)
    campaign_id = campaigns.create(stack, numbers)
    stack.part("stop", "consumer")
    try:
        campaigns.dispatch(stack, campaign_id)
        # Publishing runs ahead of storing by two batches at least.
        wait_until("published ahead",
                   lambda: campaigns.status(stack, campaign_id)["published"] >= 250)
        with stack.channel() as channel:
            channel.queue_purge(campaigns.queue_of(campaign_id))
    finally:
        stack.part("start", "consumer")
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)
    bodies = [one.body for one in take() if one.properties.headers["first_seq"] == 1]
    assert len(bodies) >= 2 and len(set(bodies)) == 1


@pytest.mark.parametrize("loss", ["purged", "deleted"])
def test_queue_lost_in_mid_run(stack, loss):
    """Publishing rule 7, R0.17: the campaign completes, in order, each message once."""
    numbers = make_numbers(60_000, seed=56)
    campaign_id = campaigns.send(stack, numbers)
    queue = campaigns.queue_of(campaign_id)
    for stored in (3_000, 20_000):
        campaigns.wait_for_stored(stack, campaign_id, stored)
        with stack.channel() as channel:
            if loss == "purged":
                channel.queue_purge(queue)
            else:
                channel.queue_delete(queue)
    assert campaigns.count_documents(stack, campaign_id) < len(numbers)
    wait_for_status(stack, campaign_id, "sent", timeout=60)
    assert_delivered(stack, campaign_id, numbers)


def test_purged_while_nobody_consumes(stack):
    """Publishing rule 7: all that was published is lost at once; it is published again
    when there is somebody to store it, and that is said once in the log."""
    numbers = make_numbers(300, seed=57)
    stack.part("stop", "consumer")
    try:
        campaign_id = campaigns.send(stack, numbers)
        wait_for_status(stack, campaign_id, "published")
        mark = stack.log_mark("postgres")
        with stack.channel() as channel:
            assert channel.queue_purge(campaigns.queue_of(campaign_id)).method.message_count == 2
        assert_stays("nobody would store it",
                     lambda: campaigns.status(stack, campaign_id)["rewinds"] == 0, 3)
    finally:
        stack.part("start", "consumer")
    wait_for_status(stack, campaign_id, "sent")
    assert campaigns.status(stack, campaign_id)["rewinds"] == 1
    assert_delivered(stack, campaign_id, numbers)
    said = [line for line in stack.log_since("postgres", mark).splitlines()
            if campaign_id in line and "publishing again" in line]
    assert len(said) == 1, said


def test_a_full_queue_is_not_a_lost_one(stack):
    """Publishing rule 7: a consumer that is away for longer than campaign.stall_timeout
    does not make the worker publish the same again."""
    numbers = make_numbers(300, seed=58)
    stack.part("stop", "consumer")
    try:
        campaign_id = campaigns.send(stack, numbers)
        wait_for_status(stack, campaign_id, "published")
        published_at = stack.one("SELECT published_at FROM campaign.campaigns WHERE id = %s",
                                 campaign_id)
        wait_until("5 s have passed",
                   lambda: stack.one("SELECT now() - %s > interval '5 s'", published_at))
        assert campaigns.status(stack, campaign_id)["rewinds"] == 0
        with stack.channel() as channel:
            method = channel.queue_declare(campaigns.queue_of(campaign_id), passive=True).method
        assert method.message_count == 2
    finally:
        stack.part("start", "consumer")
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


def test_every_queue_is_quorum(stack):
    """R0.16: the queues that the consumer and the worker make are durable and replicated."""
    table = stack.rabbitmqctl("-q", "list_queues", "--no-table-headers", "name", "type", "durable")
    kinds = {line.split("\t")[0]: line.split("\t")[1:] for line in table.splitlines()}
    for queue in QUEUES + [campaigns.DEAD]:
        assert kinds[queue] == ["quorum", "true"], queue


def test_queue_deleted_while_nobody_consumes(stack):
    """Publishing rule 7: the broker answers that there is no such queue: it is made again, and
    gets what was in it."""
    numbers = make_numbers(300, seed=59)
    stack.part("stop", "consumer")
    try:
        campaign_id = campaigns.send(stack, numbers)
        wait_for_status(stack, campaign_id, "published")
        with stack.channel() as channel:
            assert channel.queue_delete(campaigns.queue_of(campaign_id)).method.message_count == 2
        wait_until("it is published again",
                   lambda: campaigns.status(stack, campaign_id)["rewinds"] == 1)
        wait_for_status(stack, campaign_id, "published")
    finally:
        stack.part("start", "consumer")
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


def test_consumer_that_holds_all_messages(stack):
    """Publishing rule 7: it looks like a loss, so the same is published again, after longer and
    longer waits; that is said once, and each message is stored once."""
    numbers = make_numbers(300, seed=48)
    mark = stack.log_mark("postgres")
    with stack.settings(campaign__stall_timeout="1s"):
        with frozen(stack.consumer_pid()):
            campaign_id = campaigns.send(stack, numbers)
            wait_until("it is published a third time",
                       lambda: campaigns.status(stack, campaign_id)["rewinds"] == 2)
        wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)
    said = [line for line in stack.log_since("postgres", mark).splitlines()
            if campaign_id in line and "publishing again" in line]
    assert len(said) == 1, said


def test_tables_that_were_set_back(stack):
    """R0.17: PostgreSQL is restored from a backup of before a campaign was sent, under a consumer
    that remembers having stored it: it does not go by that for ever, but asks again."""
    numbers = make_numbers(20, seed=47)
    campaign_id = campaigns.send(stack, numbers)
    wait_for_status(stack, campaign_id, "sent")
    before = campaigns.documents_of(stack, campaign_id)
    stack.sql("WITH set_back AS (UPDATE campaign.progress SET published = 0, stored = '{}'"
              " WHERE campaign_id = %s) UPDATE campaign.campaigns SET status = 'queued',"
              " sent_at = NULL WHERE id = %s", campaign_id, campaign_id)
    stack.sql("SELECT campaign.worker_wake()")
    wait_for_status(stack, campaign_id, "sent", timeout=20)
    assert campaigns.documents_of(stack, campaign_id) == before
