"""test_locks.py - clients that lock what a report changes, and forget their transactions."""
import collections
import contextlib

import bson

import campaigns
from batches import take_published
from stack import QUEUES, execute
from test_refusals import consumers_of
from waiting import wait_until

NUMBERS = campaigns.make_numbers(300, seed=60)
PLACE = 2


def draft(stack, queue):
    """An ordered campaign of this queue; its id."""
    while campaigns.queue_of(campaign_id := campaigns.create(stack, NUMBERS)) != queue:
        pass
    return campaign_id


def published(stack, campaign_id):
    """Dispatches it; its messages, which are no longer in the queue."""
    campaigns.dispatch(stack, campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "published")
    return take_published(stack, campaign_id, len(NUMBERS))


def take_place(stack, campaign_id):
    """Somebody else's document in the place of one of its recipients."""
    stack.messages.insert_one({
        "_id": campaigns.document_id(campaign_id, PLACE), "identifier": "other",
        "phone_number": "+88800000000000", "message": "Hello", "campaign_id": campaign_id,
        "class": "NORMAL", "seq": bson.Int64(PLACE)})


@contextlib.contextmanager
def forgotten(stack, campaign_ids):
    """A client that has locked the progress of these, and does not end its transaction."""
    client = stack.connect(autocommit=False)
    try:
        for campaign_id in campaign_ids:
            execute(client, "SELECT campaign_resolve(%s, 'sent', 'they say so')", campaign_id)
        yield client
    finally:
        client.close()


class Waits:
    """What has waited for one of these clients so far: when, by statement."""

    def __init__(self, stack, *clients):
        self._stack = stack
        self._pids = [client.get_backend_pid() for client in clients]
        self._began = collections.defaultdict(set)

    def seen(self, statements, times):
        """Whether so many statements have waited so often, each time anew."""
        for query, began in self._stack.sql("SELECT query, query_start FROM pg_stat_activity"
                                            " WHERE %s && pg_blocking_pids(pid)", self._pids):
            self._began[query].add(began)
        return sum(len(one) >= times for one in self._began.values()) >= statements


def consume(stack, consumer):
    consumer.start()
    for queue in QUEUES:
        wait_until(f"{queue} is consumed", lambda queue=queue: consumers_of(stack, queue) == 1)


def test_reports_wait_for_a_client(stack, consumer):
    """Reporting to PostgreSQL: reports, gaps and conflicts that meet a client's lock are tried again on the
    same connections until the client ends; other queues go on; what was paused meanwhile is not stored; each
    message is stored once."""
    reported, lost, conflicting = [draft(stack, queue) for queue in QUEUES[:3]]
    # Of two behind the gap, the second may be stored only on an answer of its own.
    between, behind = [draft(stack, campaigns.queue_of(lost)) for _ in range(2)]
    other = draft(stack, QUEUES[3])
    take_place(stack, conflicting)
    messages = {one: published(stack, one) for one in (reported, lost, conflicting, between, behind)}
    del messages[lost][0]
    for one in messages.values():
        campaigns.publish(stack, one)
    with forgotten(stack, [reported, conflicting]) as client, forgotten(stack, [lost]) as another:
        waits = Waits(stack, client, another)
        consume(stack, consumer)
        # Dead letters may have a connection of their own, which comes before the report of a conflict.
        wait_until("each waits", lambda: waits.seen(statements=3, times=1))
        connections = consumer.rabbitmq.accepted
        wait_until("each has been tried again", lambda: waits.seen(statements=3, times=2))
        stack.one("SELECT campaign_pause(%s)", behind)
        before = campaigns.count_documents(stack, behind)
        campaigns.dispatch(stack, other)
        campaigns.wait_for_status(stack, other, "sent")
        assert consumer.rabbitmq.accepted == connections, "it has started over"
        client.commit()
        campaigns.wait_for_status(stack, reported, "sent")
        campaigns.wait_for_status(stack, conflicting, "failed")
        # Behind the gap it starts over, and a letter that is not acked yet then comes twice.
        campaigns.wait_until_handled(stack, [campaigns.queue_of(conflicting)])
        another.commit()
        campaigns.wait_for_status(stack, lost, "sent")
    campaigns.wait_until_handled(stack, [campaigns.queue_of(behind)])
    assert campaigns.count_documents(stack, behind) == before
    stack.one("SELECT campaign_resume(%s)", behind)
    campaigns.wait_for_status(stack, behind, "sent")
    campaigns.wait_for_status(stack, between, "sent")
    for one in (reported, lost, between, behind, other):
        campaigns.assert_stored(stack, one, NUMBERS)
    written = [seq for _, seq in campaigns.insertion_order(stack, conflicting)]
    assert written == [PLACE] + [seq for seq in range(1, len(NUMBERS) + 1) if seq != PLACE]
    assert len(campaigns.wait_for_dead_letters(stack, 1)) == 1


def test_told_to_end_while_a_report_waits(stack, consumer):
    """Reporting to PostgreSQL: SIGTERM ends it though a client holds what it reports; the next one reports
    it."""
    campaign_id = draft(stack, QUEUES[0])
    campaigns.publish(stack, published(stack, campaign_id))
    with forgotten(stack, [campaign_id]) as client:
        waits = Waits(stack, client)
        consumer.start()
        wait_until("a report waits", lambda: waits.seen(statements=1, times=1))
        assert consumer.stop() == 0
        client.commit()
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, NUMBERS)
