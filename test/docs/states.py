"""states.py - what a block of the documents needs to find before it can be run, and what it must have done: a reader
has it from their business, test/docs/run makes it.

A state is a context manager that is given the reader. It gives the variables of psql that the block uses, or another
database, and fails afterwards if what the document says did not come about. blocks.py says how a document names one.
"""
import contextlib

import pika

import by_hand
import campaigns
from consumers import Consumer, environment
from stack import DEAD, QUEUES
from waiting import wait_until

RUBBISH = 16    # the number of the dead letter that a document discards


@contextlib.contextmanager
def without_consumer(reader):
    """What is dispatched does not end, whatever the hour and the windows."""
    reader.stack.part("stop", "consumer")
    try:
        yield {}
    finally:
        reader.stack.part("start", "consumer")


def sender(stack, failure_rate, **changes):
    settings = dict(CAMPAIGN_GATEWAY="simulate", CAMPAIGN_MEAN="1", CAMPAIGN_DEVIATION="0", CAMPAIGN_IN_FLIGHT="4",
                    CAMPAIGN_FAILURE_RATE=failure_rate)
    return Consumer(environment(stack, **{**settings, **changes}))


@contextlib.contextmanager
def failed_canary(reader):
    stack = reader.stack
    with without_consumer(reader), sender(stack, "1"):
        campaign_id = campaigns.create(stack, campaigns.make_numbers(10))
        stack.one("SELECT campaign_canary(%s, 2)", campaign_id)
        campaigns.dispatch(stack, campaign_id)
        campaigns.wait_for_status(stack, campaign_id, "paused")
        yield {"variables": {"id": campaign_id}}
        answer = campaigns.wait_for_status(stack, campaign_id, "failed")
        assert answer["failed"] == answer["total"] == 10, answer


def letters(stack, campaign_id, state):
    """Their numbers; campaign_id None: whatever they belong to."""
    found = stack.sql("SELECT id FROM campaign_dead_letters(%s, ARRAY[%s])", campaign_id, state)
    return [number for (number,) in found]


@contextlib.contextmanager
def dead_letters(reader):
    """A test of somebody's, and a campaign of one number, whose repeats a unique index refused until it was dropped."""
    stack = reader.stack
    stack.sql(f"ALTER TABLE campaign.dead_letters ALTER COLUMN id RESTART WITH {RUBBISH}")
    with stack.channel() as channel:
        channel.basic_publish(DEAD, QUEUES[0], b"rubbish", pika.BasicProperties(
            headers={"reason": "a test", "queue": QUEUES[0]}), mandatory=True)
    wait_until("the test is listed", lambda: letters(stack, None, "waiting") == [RUBBISH])
    campaign_id = stack.one("SELECT campaign_create('index', 'Hello')")
    stack.one("SELECT campaign_upload(%s, %s::text, allow_duplicates => true)", campaign_id,
              campaigns.numbers_file(campaigns.make_numbers(1) * 5))
    refused = list(range(RUBBISH + 1, RUBBISH + 5))
    stack.messages.create_index("phone_number", name="refuses", unique=True,
                                partialFilterExpression={"campaign_id": campaign_id})
    try:
        campaigns.dispatch(stack, campaign_id)
        campaigns.wait_for_status(stack, campaign_id, "failed")
        wait_until("the repeats are listed", lambda: letters(stack, campaign_id, "waiting") == refused)
    finally:
        stack.messages.drop_index("refuses")
    yield {"variables": {"id": campaign_id}}
    wait_until("the repeats are stored", lambda: letters(stack, campaign_id, "stored") == refused)
    assert letters(stack, None, "discarded") == [RUBBISH]
    answer = stack.one("SELECT campaign_verify(%s)", campaign_id)
    assert answer["ok"] and answer["stored"] == 5, answer


@contextlib.contextmanager
def some_in_doubt(reader):
    """A sender has died with four messages in hand; of the others the next one has sent about half."""
    stack = reader.stack
    with without_consumer(reader):
        with sender(stack, "0", CAMPAIGN_MEAN="600000") as first:
            campaign_id = campaigns.send(stack, campaigns.make_numbers(30))
            wait_until("some are claimed", lambda: stack.messages.count_documents(
                {"campaign_id": campaign_id, "status": "sending"}) == 4)
            wait_until("and PostgreSQL knows", lambda: campaigns.status(stack, campaign_id)["sending"] == 4)
            first.process.kill()
        with sender(stack, "0.5", CAMPAIGN_SEED="7"):
            answer = campaigns.wait_for_status(stack, campaign_id, "sent")
            assert answer["unknown"] == 4 and answer["failed"] > 0, answer
            yield {"variables": {"id": campaign_id}}
            assert campaigns.status(stack, campaign_id)["unknown"] == 0
            (retry, count), = stack.sql(
                "SELECT retried_in, count(*) FROM campaign_fates(%s, codes => '{resolved,unreachable}')"
                " GROUP BY retried_in", campaign_id)
            wait_until("they were tried again", lambda: stack.one(
                "SELECT status IN ('sent', 'failed') AND total = %s FROM campaign.campaigns WHERE id = %s", count, retry))


@contextlib.contextmanager
def idle_workers(reader):
    """Other examples have jobs that take a minute."""
    reader.stack.sql("SELECT job_cancel(id) FROM campaign.jobs WHERE status IN ('waiting', 'running')")
    wait_until("no job runs", lambda: reader.stack.sql("SELECT FROM campaign.jobs WHERE status = 'running'") == [])
    yield {}


STATES = {
    "job workers that have nothing to do": idle_workers,
    "no consumer that takes anything": without_consumer,
    "a canary of which too many have failed": failed_canary,
    "dead letters with these numbers": dead_letters,
    "recipients in doubt, and some who have failed": some_in_doubt,
    "a server of one's own": by_hand.own_server,
    "PostgREST behind it": by_hand.http,
}
