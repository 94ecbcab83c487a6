"""test_forgotten_verbs.py - clients that lock what the worker and the consumer change, and forget
their transactions."""
import collections
import contextlib

import campaigns
from campaigns import assert_delivered, wait_for_status
from consumers import Consumer, environment
from programs import frozen
from stack import execute
from test_robustness import FIVE, FOUND_S, PROMPT_S, beside, forgotten_transaction
from test_standby import no_consumer
from waiting import wait_until

HOLD_S = "2"  # as long as one try waits
# Verbs that lock the progress of a campaign until their transaction ends.
VERBS = {
    "resume": ("SELECT campaign_pause(%s)", "SELECT campaign_resume(%s)"),
    "resolve": ("SELECT campaign_resolve(%s, 'sent', 'they say so')",),
}


@contextlib.contextmanager
def forgotten_verb(stack, verb, campaign_id):
    """A client that has called such a verb and does not end its transaction."""
    connection = stack.connect(autocommit=False)
    try:
        for statement in VERBS[verb]:
            execute(connection, statement, campaign_id)
        yield connection
    finally:
        connection.close()


def test_forgotten_verbs_stop_no_other_queue(stack):
    """R0.14 R0.15 R0.16: clients lock the progress of campaigns that are being published: the
    worker waits for none of them, other queues are served, the lanes say why they wait and let go
    of what they have locked themselves; when the clients are gone, all are sent."""
    resumed = campaigns.create(stack, FIVE)
    # In one queue the second one would only be stored when the client of the first one is gone.
    held_by = {"resume": resumed, "resolve": beside(stack, resumed, FIVE, same_queue=False)}
    queues = {campaigns.queue_of(one) for one in held_by.values()}
    behind = beside(stack, resumed, FIVE)
    other = behind
    while campaigns.queue_of(other) in queues:
        other = campaigns.create(stack, FIVE)
    mark = stack.log_mark("consumer")
    with contextlib.ExitStack() as holders:
        with frozen(stack.worker_pid()):
            for campaign_id in held_by.values():
                campaigns.dispatch(stack, campaign_id)
            clients = [holders.enter_context(forgotten_verb(stack, verb, campaign_id))
                       for verb, campaign_id in held_by.items()]
        for campaign_id in held_by.values():
            campaigns.wait_for_stored(stack, campaign_id, len(FIVE))
        wait_until("a lane says so", lambda: "lock timeout" in stack.log_since("consumer", mark))
        for one in (behind, other):
            campaigns.dispatch(stack, one)
        wait_for_status(stack, other, "sent", timeout=PROMPT_S)
        wait_until("the one behind is published",
                   lambda: campaigns.status(stack, behind)["status"] == "published")
        assert not stack.sql("SELECT FROM pg_stat_activity WHERE pid = ANY (%s)"
                             " AND wait_event_type = 'Lock'", stack.worker_pids())
        for client in clients:
            client.commit()
        for one in (*held_by.values(), behind):
            wait_for_status(stack, one, "sent", timeout=FOUND_S)
    for one in (*held_by.values(), behind, other):
        assert_delivered(stack, one, FIVE)


def tries_seen(stack, client, seen):
    """Notes in `seen` when statements of others began that wait for this client, by statement."""
    for query, began in stack.sql("SELECT query, query_start FROM pg_stat_activity"
                                  " WHERE %s = ANY (pg_blocking_pids(pid))", client.get_backend_pid()):
        seen[query].add(began)
    return max(map(len, seen.values()), default=0)


def test_forgotten_verbs_give_no_queue_back(stack, unhealed):
    """R0.14 R0.15 R5.3: clients lock the progress of campaigns for several times as long as CAMPAIGN_HOLD while one
    is reported and a conflict of another: no queue is given back and left alone, one dead letter is made, and both
    campaigns end as soon as the clients do."""
    reported = campaigns.create(stack, FIVE)
    conflicting = beside(stack, reported, FIVE, same_queue=False)
    stack.messages.insert_one({"_id": campaigns.document_id(conflicting, 2), "identifier": "other",
                               "campaign_id": conflicting, "class": "NORMAL", "seq": 2})
    with no_consumer(stack), contextlib.ExitStack() as holders:
        for one in (reported, conflicting):
            campaigns.dispatch(stack, one)
            wait_for_status(stack, one, "published")
        clients = [holders.enter_context(forgotten_verb(stack, "resolve", one)) for one in (reported, conflicting)]
        tries = [collections.defaultdict(set) for _ in clients]
        with Consumer(environment(stack, CAMPAIGN_HOLD=HOLD_S)) as consumer:
            wait_until("each report has been tried for several holds", lambda: all(
                [tries_seen(stack, client, seen) >= 4 for client, seen in zip(clients, tries)]))
            for client in clients:
                client.commit()
            wait_for_status(stack, reported, "sent", timeout=PROMPT_S)
            wait_for_status(stack, conflicting, "failed", timeout=PROMPT_S)
            campaigns.wait_until_handled(stack, [campaigns.queue_of(conflicting)])
            assert not consumer.lines("gave the queue back")
            assert consumer.terminate() == 0
    assert_delivered(stack, reported, FIVE)
    assert len(campaigns.wait_for_dead_letters(stack, 1)) == 1


@contextlib.contextmanager
def slow_marks(stack, campaign_ids):
    """To mark one of these takes longer than the worker's slice, as it would with dozens of others."""
    stack.sql("CREATE FUNCTION public.slow_mark() RETURNS trigger LANGUAGE plpgsql AS"
              " $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$")
    stack.sql("CREATE TRIGGER slow_mark BEFORE UPDATE ON campaign.progress FOR EACH ROW"
              " WHEN (new.campaign_id = ANY (%s)) EXECUTE FUNCTION public.slow_mark()", campaign_ids)
    try:
        yield
    finally:
        stack.sql("DROP FUNCTION public.slow_mark() CASCADE")


def test_held_marks_leave_others_their_turn(stack):
    """R0.14 R0.15: clients hold campaigns whose status is to change, and to try them again and again takes all
    that a turn of the worker has: one behind them is marked all the same."""
    held, other = [campaigns.create(stack, FIVE) for _ in range(3)], campaigns.create(stack, FIVE)
    # The trigger goes last: its end waits for the clients, and they wait for nobody.
    with slow_marks(stack, held), contextlib.ExitStack() as holders:
        with frozen(stack.worker_pid()):
            for campaign_id in held:
                campaigns.dispatch(stack, campaign_id)
                holders.enter_context(forgotten_transaction(stack, campaign_id))
        with frozen(stack.consumer_pid()):
            wait_until("the worker tries to mark them", lambda: stack.one(
                "SELECT bool_and(published = total) FROM campaign.progress WHERE campaign_id = ANY (%s)", held))
            campaigns.dispatch(stack, other)
            wait_for_status(stack, other, "published", timeout=PROMPT_S)
    for one in (*held, other):
        wait_for_status(stack, one, "sent", timeout=FOUND_S)
        assert_delivered(stack, one, FIVE)
