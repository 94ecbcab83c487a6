"""test_robustness.py - one client, one campaign, one message or one mistake holds up nobody
else: what goes wrong stays where it went wrong, and is said."""
import contextlib
import datetime
import itertools

import pika
import pytest

import campaigns
from campaigns import Captured, assert_delivered, make_numbers, wait_for_status
from programs import frozen
from stack import QUEUES, execute, memory_kb
from test_dead_letters import send_through
from waiting import assert_stays, wait_until

FIVE = make_numbers(5, seed=60)
# One batch is published ahead and the rest waits for the store: it stays `publishing`.
MANY = make_numbers(3000, seed=120)
PROMPT_S = 10
HELD_S = 3
# Longer than the worker sleeps, which finds what nobody could finish.
FOUND_S = 20


def beside(stack, campaign_id, numbers, same_queue=True):
    """A draft with these numbers that goes through the queue of another campaign, or never."""
    while True:
        other = campaigns.create(stack, numbers)
        if (campaigns.queue_of(other) == campaigns.queue_of(campaign_id)) == same_queue:
            return other


# A client that forgets its transaction ----------------------------------------------------


@contextlib.contextmanager
def forgotten_transaction(stack, campaign_id):
    """A client that has paused a campaign, holds its row, and neither commits nor goes."""
    connection = stack.connect(autocommit=False)
    try:
        execute(connection, "SELECT campaign_pause(%s)", campaign_id)
        yield connection
    finally:
        connection.close()


def held(stack, campaign_id, moment):
    """Dispatches it and lets a client hold it, as long as it is queued or publishing for sure."""
    with contextlib.ExitStack() as stop:
        stop.enter_context(frozen(stack.worker_pid() if moment == "queued"
                                  else stack.consumer_pid()))
        campaigns.dispatch(stack, campaign_id)
        if moment == "publishing":
            wait_until("a part is published",
                       lambda: campaigns.status(stack, campaign_id)["published"] > 0)
        assert campaigns.status(stack, campaign_id)["status"] == moment
        holder = contextlib.ExitStack()
        return holder, holder.enter_context(forgotten_transaction(stack, campaign_id))


def waiting_backends(stack):
    """What worker and consumer wait for in the database, if they do."""
    return stack.sql("SELECT usename, query FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                     " AND usename IN ('campaign_worker', 'campaign_consumer')")


def consumer_backends(stack):
    """Sessions of the consumer's lanes: one each at most, however long somebody is waited for. The
    one that makes proofs has another."""
    return stack.one("SELECT count(*) FROM pg_stat_activity WHERE usename = 'campaign_consumer'"
                     " AND query NOT LIKE '%campaign.proof_%'")


@pytest.mark.parametrize("moment", ["queued", "publishing"])
@pytest.mark.parametrize("end", ["rollback", "commit"])
def test_forgotten_transaction_stops_nobody(stack, moment, end):
    """R0.14 R0.15 R0.16: a client holds a campaign's row while it is published and stored: nobody
    waits for it, others in the same queue are sent, and it is sent once the row is free."""
    campaign_id = campaigns.create(stack, MANY)
    other = beside(stack, campaign_id, FIVE)
    holder, connection = held(stack, campaign_id, moment)
    with holder:
        campaigns.wait_for_stored(stack, campaign_id, len(MANY))
        campaigns.dispatch(stack, other)
        wait_for_status(stack, other, "sent", timeout=PROMPT_S)
        wait_until("its progress is known",
                   lambda: campaigns.status(stack, campaign_id)["stored"] == len(MANY))
        assert_stays("nobody waits", lambda: not waiting_backends(stack), HELD_S)
        assert consumer_backends(stack) <= len(QUEUES)
        assert campaigns.status(stack, campaign_id)["status"] in (moment, "publishing")
        getattr(connection, end)()
        wait_for_status(stack, campaign_id, "sent", timeout=FOUND_S)
    assert_delivered(stack, campaign_id, MANY)
    assert_delivered(stack, other, FIVE)


# A campaign that is damaged ---------------------------------------------------------------


# What is done to recipient 2, what is said of it, and how it is put right.
DAMAGES = {
    "missing": ("DELETE FROM campaign.recipients WHERE campaign_id = %s AND seq = 2",
                "NORMAL recipient 2 is missing",
                "INSERT INTO campaign.recipients (phone_number, campaign_id, seq)"
                " VALUES (%s, %s, 2)"),
    "too long": ("UPDATE campaign.recipients SET phone_number = repeat('1', 100)"
                 " WHERE campaign_id = %s AND seq = 2",
                 "phone number of 100 characters",
                 "UPDATE campaign.recipients SET phone_number = %s"
                 " WHERE campaign_id = %s AND seq = 2"),
}


def test_campaigns_that_cannot_be_read(stack):
    """R0.15 R0.17: a recipient is missing (a restore that is not finished) or damaged: one WARNING
    about every ten seconds, the worker lives and serves the others, nothing is skipped; when the
    row is right again the campaign goes on by itself."""
    pid, mark = stack.worker_pid(), stack.log_mark("postgres")
    damaged = {campaigns.create(stack, MANY): damage for damage in DAMAGES}

    def said(campaign_id):
        return [line for line in stack.log_since("postgres", mark).splitlines()
                if "WARNING" in line and campaign_id in line]

    def each_said(times):
        return all(len(said(campaign_id)) >= times for campaign_id in damaged)

    def pauses_s(campaign_id):
        times = [datetime.datetime.fromisoformat(line[:23]) for line in said(campaign_id)]
        return [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
    for campaign_id, damage in damaged.items():
        stack.sql(DAMAGES[damage][0], campaign_id)
        campaigns.dispatch(stack, campaign_id)
    wait_until("it is said of each", lambda: each_said(1))
    others = [campaigns.send(stack, FIVE) for _ in range(5)]
    for other in others:
        wait_for_status(stack, other, "sent", timeout=PROMPT_S)
        assert_delivered(stack, other, FIVE)
    wait_until("it is said again", lambda: each_said(2), timeout=FOUND_S)
    assert stack.worker_pid() == pid
    for campaign_id, damage in damaged.items():
        assert all(DAMAGES[damage][1] in line for line in said(campaign_id)), said(campaign_id)
        assert campaigns.status(stack, campaign_id)["published"] <= 1
        stack.sql(DAMAGES[damage][2], MANY[1], campaign_id)
    for campaign_id in damaged:
        wait_for_status(stack, campaign_id, "sent", timeout=FOUND_S)
        assert_delivered(stack, campaign_id, MANY)
        assert min(pauses_s(campaign_id)) > 9, said(campaign_id)
    assert stack.worker_pid() == pid


# A message that cannot be stored ----------------------------------------------------------


def test_message_whose_headers_fill_a_frame(stack):
    """R0.16 R0.17: no room is left for the reason beside the headers of such a dead letter: they
    are dropped, its body is kept, and the messages behind it are stored."""
    first = campaigns.send(stack, FIVE)
    wait_for_status(stack, first, "sent")
    queue = campaigns.queue_of(first)
    properties = pika.BasicProperties(headers={"mark": "x" * 131_000}, delivery_mode=2)
    campaigns.publish(stack, [Captured(queue, properties, b"rubbish")])
    behind = send_through(stack, queue)
    wait_for_status(stack, behind, "sent", timeout=PROMPT_S)
    assert_delivered(stack, behind, FIVE)
    (letter,) = campaigns.wait_for_dead_letters(stack, 1)
    assert letter.body == b"rubbish"
    assert letter.properties.headers["queue"] == queue
    assert "at byte" in letter.properties.headers["reason"]
    assert "mark" not in letter.properties.headers


@contextlib.contextmanager
def unique_numbers(stack):
    """Somebody's unique index on phone_number, as far as it concerns +883: the documents of other
    tests repeat numbers."""
    collection = stack.mongo["campaign"]["messages"]
    # Of an earlier run on a stack that stays.
    collection.delete_many({"phone_number": {"$gte": "+883", "$lt": "+884"}})
    name = collection.create_index(
        "phone_number", unique=True,
        partialFilterExpression={"phone_number": {"$gte": "+883", "$lt": "+884"}})
    try:
        yield
    finally:
        collection.drop_index(name)


def test_document_that_mongodb_refuses(stack):
    """R0.16 R0.17: a unique index in MongoDB refuses one number of a campaign: that recipient is
    parked, the campaign fails and says why, all others of it are stored; a campaign that is
    behind it in the same queue is sent."""
    numbers = [number.replace("+888", "+883") for number in make_numbers(600, seed=121)]
    place = 300
    with unique_numbers(stack):
        earlier = campaigns.send(stack, [numbers[place - 1]])
        wait_for_status(stack, earlier, "sent")
        refused = campaigns.create(stack, numbers)
        innocent = beside(stack, refused, FIVE)
        # Both are in the consumer's hands together, in one insert if it can.
        with frozen(stack.consumer_pid()):
            for campaign_id in (refused, innocent):
                campaigns.dispatch(stack, campaign_id)
            wait_until("the second one is published",
                       lambda: campaigns.status(stack, innocent)["published"] == len(FIVE))
        answer = wait_for_status(stack, refused, "failed", timeout=PROMPT_S)
        wait_for_status(stack, innocent, "sent", timeout=PROMPT_S)
        assert_refused(stack, refused, answer, numbers, place)
    assert_delivered(stack, innocent, FIVE)
    assert_delivered(stack, earlier, [numbers[place - 1]])
    witness = send_through(stack, campaigns.queue_of(refused))
    wait_for_status(stack, witness, "sent", timeout=PROMPT_S)


def assert_refused(stack, campaign_id, answer, numbers, place):
    """All but the recipient at this place are stored, in order; that one is a dead letter."""
    assert (answer["failed"], answer["stored"]) == (1, len(numbers) - 1)
    assert f"NORMAL {place}: MongoDB refuses the document: a unique index" in answer["error"]
    documents = campaigns.documents_of(stack, campaign_id)
    expected = [(seq, number) for seq, number in enumerate(numbers, start=1) if seq != place]
    assert [(one["seq"], one["phone_number"]) for one in documents] == expected
    written = [seq for _, seq in campaigns.insertion_order(stack, campaign_id)]
    assert written == [seq for seq, _ in expected]
    (letter,) = campaigns.wait_for_dead_letters(stack, 1)
    assert letter.properties.headers["campaign_id"] == campaign_id
    assert letter.properties.headers["first_seq"] == place
    assert "unique index" in letter.properties.headers["reason"]
    assert numbers[place - 1] in letter.body.decode()


# A report that comes too late -------------------------------------------------------------


def everything_about(stack, campaign_id):
    return stack.sql("SELECT row_to_json(c)::text, row_to_json(p)::text FROM campaign.campaigns c"
                     " JOIN campaign.progress p ON p.campaign_id = c.id WHERE c.id = %s",
                     campaign_id)


@pytest.mark.parametrize("ended", ["sent", "cancelled"])
def test_gap_of_a_campaign_that_has_ended(stack, ended):
    """R0.17: a consumer that is behind the times reports a gap: what has ended stays as it is, and
    nothing of it is published again."""
    campaign_id = campaigns.create(stack, FIVE)
    if ended == "sent":
        campaigns.dispatch(stack, campaign_id)
    else:
        stack.one("SELECT campaign_cancel(%s)", campaign_id)
    wait_for_status(stack, campaign_id, ended)
    before = everything_about(stack, campaign_id)
    connection = stack.connect(url=stack.env["CONSUMER_DATABASE_URL"])
    with campaigns.capture(stack) as take:
        for next_seq in (1, 3, 6, 0, -1, 2 ** 62):
            execute(connection, "SELECT campaign.report_gap(%s, 'NORMAL', %s)", campaign_id,
                    next_seq)
        connection.close()
        witness = campaigns.send(stack, FIVE)
        wait_for_status(stack, witness, "sent")
        assert {one.properties.headers["campaign_id"] for one in take()} == {witness}
    assert before and everything_about(stack, campaign_id) == before


# Many campaigns, and big ones -------------------------------------------------------------

CAMPAIGNS = 300
WAKE_UPS_S = 3
GROWTH_LIMIT_KB = 1024


def serve_many(stack):
    """Sends many small campaigns at once and wakes the worker many times; its memory then."""
    sent = stack.one("SELECT array_agg(campaign_send('memory', repeat('x', 4000), %s))"
                     " FROM generate_series(1, %s)", campaigns.numbers_file(FIVE), CAMPAIGNS)
    assert len(sent) == CAMPAIGNS
    wait_until("all are sent", lambda: stack.one(
        "SELECT bool_and(status = 'sent') FROM campaign.campaigns WHERE id = ANY (%s)", sent),
        timeout=120)
    assert_stays("it is woken", lambda: stack.sql("SELECT campaign.worker_wake()"), WAKE_UPS_S,
                 interval=0.011)
    return memory_kb(stack.worker_pid())


def test_memory_of_the_worker_does_not_grow(stack):
    """R0.15: what campaigns and wake-ups need is given back."""
    pid = stack.worker_pid()
    # The first ones fill what a session keeps: plans, and what it knows of the tables.
    seen_kb = [serve_many(stack), serve_many(stack)]
    # What a heap cannot give back for once, because something stands behind it, is no growth.
    while len(seen_kb) < 6 and seen_kb[-1] - seen_kb[-2] >= GROWTH_LIMIT_KB // 2 or len(seen_kb) < 4:
        seen_kb.append(serve_many(stack))
    assert seen_kb[-1] - seen_kb[-2] < GROWTH_LIMIT_KB // 2, seen_kb
    assert stack.worker_pid() == pid


HALF_PUBLISHED = 1_200      # more than two pages of the worker's looks
PAUSED = 5


def count_status(stack, ids, status):
    return stack.one("SELECT count(*) FROM campaign.campaigns WHERE id = ANY (%s) AND status = %s",
                     ids, status)


def test_many_half_published_campaigns(stack):
    """R0.15: campaigns by the thousand that are as far ahead of the store as they may be: a new one
    does not wait for them, a worker that starts finds them all, those that are paused stay so, and
    all come to their end."""
    with stack.settings(campaign__batch_size="1", campaign__stall_timeout="1h"):
        stack.part("stop", "consumer")
        try:
            ids = stack.one("SELECT array_agg(campaign_send('half', 'Hello', %s))"
                            " FROM generate_series(1, %s)", campaigns.numbers_file(FIVE[:3]),
                            HALF_PUBLISHED)
            wait_until("all are half published", lambda: count_status(
                stack, ids, "publishing") == HALF_PUBLISHED, timeout=60)
            before = stack.worker_pid()
            stack.one("SELECT pg_terminate_backend(%s, 10000)", before)
            wait_until("another worker is there", lambda: stack.worker_pids() not in ([], [before]))
            wait_for_status(stack, campaigns.send(stack, FIVE[:1]), "published", timeout=10)
            paused, others = ids[::HALF_PUBLISHED // PAUSED], set(ids)
            others.difference_update(paused)
            stack.sql("SELECT campaign_pause(id) FROM unnest(%s) AS id", paused)
        finally:
            stack.part("start", "consumer")
        wait_until("all others are sent", lambda: count_status(
            stack, list(others), "sent") == len(others), timeout=60)
        stored = [campaigns.status(stack, one)["stored"] for one in paused]
        assert max(stored) <= 2
        stack.sql("SELECT campaign_resume(id) FROM unnest(%s) AS id", paused)
        for one in paused:
            wait_for_status(stack, one, "sent")
            assert_delivered(stack, one, FIVE[:3])
    assert stack.one("SELECT count(*) FROM campaign.progress WHERE campaign_id = ANY (%s)"
                     " AND rewinds > 0", list(others)) == 0


@pytest.mark.parametrize("same_queue", [True, False])
def test_two_big_campaigns_share(stack, same_queue):
    """R0.15 R0.17: of two big campaigns neither waits for the end of the other, not even in the
    same queue."""
    first = campaigns.create(stack, make_numbers(300_000, seed=122))
    second = beside(stack, first, FIVE, same_queue)
    stack.one("SELECT campaign_upload(%s, %s::text)", second,
              campaigns.numbers_file(make_numbers(100_000, seed=123)))
    numbers = {first: 300_000, second: campaigns.status(stack, second)["total"]}
    for campaign_id in numbers:
        campaigns.dispatch(stack, campaign_id)

    def half():
        stored = {one: campaigns.status(stack, one)["stored"] for one in numbers}
        return stored if stored[first] >= numbers[first] // 2 else None
    seen = wait_until("half of the first is stored", half, timeout=120, interval=0.01)
    assert seen[first] < numbers[first] and seen[second] > 0, seen
    for campaign_id, total in numbers.items():
        wait_for_status(stack, campaign_id, "sent", timeout=120)
        assert campaigns.count_documents(stack, campaign_id) == total
