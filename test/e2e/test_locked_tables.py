"""test_locked_tables.py - somebody holds the lock of a whole table, to rewrite it or to make an index: the worker does not
end, and what is under way goes on."""
import contextlib

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from programs import frozen
from stack import execute
from waiting import assert_stays, wait_until

FIVE = make_numbers(5, seed=60)
# One batch is published ahead and the rest waits for the store: it stays `publishing`.
MANY = make_numbers(3000, seed=120)
PROMPT_S = 10


@contextlib.contextmanager
def locked(stack, table, mode):
    """As by whoever rewrites a table, or makes an index; the worker has met the lock."""
    holder = stack.connect(autocommit=False)
    try:
        execute(holder, f"LOCK TABLE campaign.{table} IN {mode} MODE")
        wait_until("the worker meets the lock", lambda: stack.sql(
            "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", stack.worker_pid()), PROMPT_S, interval=0.005)
        yield
    finally:
        holder.close()


def with_a_window(stack, numbers):
    """A campaign whose window has to be turned when it is due."""
    campaign_id = campaigns.create(stack, numbers)
    stack.sql("SELECT campaign_window(%s, '00:00-24:00', 'UTC')", campaign_id)
    stack.sql("SELECT campaign_schedule(%s, clock_timestamp() + interval '2 seconds')", campaign_id)
    return campaign_id


def test_table_that_is_rewritten(stack):
    """The worker comes again, and does not end: its unconfirmed messages would be published again."""
    worker = stack.worker_pid()
    campaign_id = with_a_window(stack, FIVE)
    # Another question would wait for the lock as long as it takes.
    wait_until("the worker sleeps until it is due", lambda: stack.one(
        "SELECT state = 'idle' AND query_start < clock_timestamp() - interval '300 ms' FROM pg_stat_activity WHERE pid = %s",
        worker))
    with locked(stack, "send_windows", "ACCESS EXCLUSIVE"):
        assert_stays("it is the same worker", lambda: stack.worker_pid() == worker, 1)
    wait_for_status(stack, campaign_id, "sent", PROMPT_S)
    assert_delivered(stack, campaign_id, FIVE)
    assert stack.worker_pid() == worker


def test_table_that_gets_an_index(stack):
    """What is due cannot be done meanwhile; what is under way goes on."""
    with frozen(stack.consumer_pid()):
        running = campaigns.send(stack, MANY)
        wait_until("a part is published", lambda: campaigns.status(stack, running)["published"] > 0)
        due = with_a_window(stack, FIVE)
        indexed = contextlib.ExitStack()
        indexed.enter_context(locked(stack, "send_windows", "SHARE"))
    with indexed:
        wait_for_status(stack, running, "sent", PROMPT_S)
        assert campaigns.status(stack, due)["status"] == "scheduled"
    wait_for_status(stack, due, "sent", PROMPT_S)
    assert_delivered(stack, due, FIVE)
