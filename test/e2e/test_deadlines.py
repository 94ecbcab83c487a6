"""test_deadlines.py - R5.3: nothing is published, stored or sent after a deadline; who was not sent to has expired."""
import concurrent.futures
import contextlib
import json
import threading

import pytest

import campaigns
from campaigns import assert_delivered, count_documents, documents_of, make_numbers, status, wait_for_status
from consumers import Consumer, environment
from provider import Answer, Provider
from stack import execute
from waiting import wait_until

IN_FLIGHT = 3

pytestmark = pytest.mark.usefixtures("no_store")


def sender(stack, **changes):
    settings = dict(CAMPAIGN_GATEWAY="simulate", CAMPAIGN_MEAN="200", CAMPAIGN_DEVIATION="0",
                    CAMPAIGN_IN_FLIGHT=str(IN_FLIGHT))
    return Consumer(environment(stack, **{**settings, **changes}))


def expire_soon(stack, campaign_id):
    """Gives it a deadline; returns that."""
    stack.one("SELECT campaign_deadline_set(%s, clock_timestamp() + interval '300 ms')", campaign_id)
    return stack.one("SELECT valid_until FROM campaign.campaigns WHERE id = %s", campaign_id)


def wait_for_expiry(stack, campaign_id):
    wait_until("the worker has noticed", lambda: stack.one(
        "SELECT expired_at IS NOT NULL FROM campaign.campaigns WHERE id = %s", campaign_id), interval=0.01)


def assert_all_final(stack, campaign_id, count):
    """sent + expired = all, and MongoDB holds a document for each who has not expired; the status."""
    answer = status(stack, campaign_id)
    assert answer["sent"] + answer["expired"] + answer["unknown"] == count, answer
    assert answer["pending"] == answer["sending"] == answer["failed"] == answer["rewinds"] == 0, answer
    assert len(documents_of(stack, campaign_id)) == count - answer["expired"]
    verified = stack.one("SELECT campaign_verify(%s)", campaign_id)
    assert verified["ok"] is not False and verified["expected"] == verified["stored"], verified
    return answer


@pytest.mark.parametrize("ordered", [True, False])
def test_slow_sender(stack, ordered):
    """R5.3: after the deadline it begins nothing more; what it had begun is finished, and the rest expires."""
    with sender(stack):
        campaign_id = campaigns.send(stack, make_numbers(1000, seed=661), ordered=ordered)
        wait_until("some are sent", lambda: status(stack, campaign_id)["sent"] > 0)
        deadline = expire_soon(stack, campaign_id)
        wait_for_status(stack, campaign_id, "sent")
        answer = assert_all_final(stack, campaign_id, 1000)
    assert answer["sent"] > 0 and answer["expired"] > 0
    late = stack.messages.count_documents({"campaign_id": campaign_id, "sent_at": {"$gt": deadline}})
    # Those that the gateway had in its hands.
    assert late <= IN_FLIGHT
    seqs = [one["seq"] for one in documents_of(stack, campaign_id)]
    assert not ordered or seqs == list(range(1, len(seqs) + 1))


class HoldingProvider:
    """Sends at once, until many more are claimed than have come to it; then all wait for release."""

    def __init__(self, stack):
        self.stack = stack
        self.campaign_id = None
        self.provider = None
        self.waiting = 0
        self.held = threading.Event()
        self.release = threading.Event()
        self.lock = threading.Lock()

    def claimed_only(self):
        return campaigns.count_documents(self.stack, self.campaign_id) - len(self.provider.requests)

    def respond(self, _request, _nth):
        if self.campaign_id is not None and not self.held.is_set() and self.claimed_only() >= 2 * IN_FLIGHT:
            self.held.set()
        if self.held.is_set():
            with self.lock:
                self.waiting += 1
            self.release.wait(60)
        return Answer(200)


def asked_since(stack, moment):
    """When a consumer last asked for the deadlines, if that was later."""
    return stack.one("""SELECT max(query_start) FROM pg_stat_activity
        WHERE query LIKE '%%campaign.report_stopped%%' AND query_start > %s AND pid <> pg_backend_pid()""", moment)


def test_between_two_messages(stack, tmp_path):
    """R5.3: what the sender has claimed and not begun when the deadline comes, it does not begin."""
    template = tmp_path / "template.json"
    holding = HoldingProvider(stack)
    with Provider(holding.respond) as holding.provider:
        template.write_text(json.dumps({"url": holding.provider.url, "json": {"to": "{number}", "text": "{text}"},
                                        "answers": [{"status": 200, "is": "sent"}]}))
        with sender(stack, CAMPAIGN_GATEWAY="http", CAMPAIGN_GATEWAY_TEMPLATE=str(template)):
            holding.campaign_id = campaigns.send(stack, make_numbers(500, seed=665))
            wait_until("all that may be under way is", lambda: holding.waiting == IN_FLIGHT, interval=0.01)
            begun = len(holding.provider.requests)
            deadline = expire_soon(stack, holding.campaign_id)
            wait_for_expiry(stack, holding.campaign_id)
            # Two questions: it has had the answer to the first one.
            first = wait_until("asked", lambda: asked_since(stack, deadline), interval=0.01)
            wait_until("asked again", lambda: asked_since(stack, first), interval=0.01)
            assert holding.claimed_only() > 0
            holding.release.set()
            wait_for_status(stack, holding.campaign_id, "sent")
            answer = assert_all_final(stack, holding.campaign_id, 500)
    assert (answer["sent"], answer["expired"]) == (begun, 500 - begun) == (len(holding.provider.requests), 500 - begun)


@pytest.mark.parametrize("ordered", [True, False])
def test_lost_by_mongodb(stack, ordered):
    """R5.3: who was sent to has not expired, though MongoDB has lost that and may not store it again."""
    with sender(stack, CAMPAIGN_FAILURE_RATE="0.5", CAMPAIGN_SEED="7") as first:
        campaign_id = campaigns.send(stack, make_numbers(60, seed=666), ordered=ordered)
        wait_until("some are done", lambda: status(stack, campaign_id)["stored"] >= 10)
        assert first.terminate() == 0
    before = status(stack, campaign_id)
    assert before["sent"] > 0 and before["failed"] > 0
    assert stack.messages.delete_many({"campaign_id": campaign_id, "seq": {"$gt": 2}}).deleted_count > 0
    expire_soon(stack, campaign_id)
    wait_for_expiry(stack, campaign_id)
    with sender(stack, CAMPAIGN_LOG_LEVEL="debug") as second:
        wait_for_status(stack, campaign_id, "sent")
        assert not second.lines("begun")
    answer = status(stack, campaign_id)
    assert (answer["sent"], answer["failed"]) == (before["sent"], before["failed"])
    assert answer["expired"] == 60 - before["stored"]
    # The proof asks for what is lost.
    assert stack.one("SELECT campaign.messages_expected(%s)", campaign_id) == before["stored"]


@pytest.mark.parametrize("ordered", [True, False])
def test_what_the_queue_holds(stack, ordered):
    """R5.3: what was published in time and comes to the store after the deadline is not stored; others are."""
    campaign_id = campaigns.send(stack, make_numbers(1000, seed=662), ordered=ordered)
    wait_until("some are published", lambda: status(stack, campaign_id)["published"] > 0, interval=0.01)
    expire_soon(stack, campaign_id)
    wait_for_expiry(stack, campaign_id)
    other = campaigns.send(stack, make_numbers(10, seed=663), ordered=ordered)
    with Consumer(environment(stack)):
        wait_for_status(stack, campaign_id, "failed")
        wait_for_status(stack, other, "sent")
        answer = assert_all_final(stack, campaign_id, 1000)
    assert (answer["sent"], answer["expired"]) == (0, 1000)
    assert answer["error"] == "nobody could be reached: its deadline had passed"


def test_killed_sender_in_doubt(stack):
    """R5.3: who may have got it has not expired, but is unknown."""
    with contextlib.ExitStack() as living:
        first = living.enter_context(sender(stack, CAMPAIGN_MEAN="600000"))
        campaign_id = campaigns.send(stack, make_numbers(20, seed=664))
        wait_until("some are begun", lambda: stack.messages.count_documents(
            {"campaign_id": campaign_id, "status": "sending"}) == IN_FLIGHT, interval=0.01)
        expire_soon(stack, campaign_id)
        wait_for_expiry(stack, campaign_id)
        first.process.kill()
        living.enter_context(sender(stack))
        wait_for_status(stack, campaign_id, "sent")
        answer = assert_all_final(stack, campaign_id, 20)
    assert (answer["unknown"], answer["expired"]) == (IN_FLIGHT, 20 - IN_FLIGHT)


# A transaction that puts a deadline off, just in time, and ends when nobody holds the lock any more.
PUT_OFF_SLOWLY = """
DO $$ DECLARE id text;
BEGIN
    FOREACH id IN ARRAY ARRAY[%s, %s] LOOP
        PERFORM campaign_deadline_set(id, clock_timestamp() + interval '2 s');
    END LOOP;
    COMMIT;
    FOREACH id IN ARRAY ARRAY[%s, %s] LOOP
        PERFORM campaign_deadline_set(id, clock_timestamp() + interval '1 hour');
    END LOOP;
    PERFORM pg_advisory_xact_lock(660);
END $$"""


@pytest.mark.usefixtures("unhealed")
def test_put_off_when_it_has_passed(stack):
    """R5.3: a deadline is put off by a transaction that ends when it has passed: what consumers have left out
    meanwhile goes on at once, and nobody gets anything twice."""
    numbers = make_numbers(300, seed=665)
    ids = [campaigns.send(stack, numbers, ordered=ordered) for ordered in (True, False)]
    for campaign_id in ids:
        wait_for_status(stack, campaign_id, "published")
    client, holder = stack.connect(), stack.connect()
    with contextlib.closing(client), concurrent.futures.ThreadPoolExecutor() as pool, contextlib.closing(holder):
        execute(holder, "SELECT pg_advisory_lock(660)")
        put_off = pool.submit(execute, client, PUT_OFF_SLOWLY, *ids, *ids)
        wait_until("the old deadlines have passed", lambda: stack.one(
            "SELECT bool_and(valid_until < clock_timestamp()) FROM campaign.campaigns WHERE id = ANY (%s)", ids))
        with Consumer(environment(stack)):
            campaigns.wait_until_handled(stack, [campaigns.queue_of(ids[0]), campaigns.QUEUES[-1]])
            assert [count_documents(stack, campaign_id) for campaign_id in ids] == [0, 0]
            execute(holder, "SELECT pg_advisory_unlock(660)")
            put_off.result()
            for campaign_id, ordered in zip(ids, (True, False)):
                wait_for_status(stack, campaign_id, "sent")
                assert_delivered(stack, campaign_id, numbers, ordered=ordered)
    assert status(stack, ids[1])["rewinds"] == 0
