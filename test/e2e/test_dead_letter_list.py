"""test_dead_letter_list.py - dead letters in the table: listed, replayed, discarded."""
import concurrent.futures
import re

import pika
import pytest

import campaigns
from campaigns import assert_stored, make_numbers, wait_for_status
from stack import DEAD, execute
from test_dead_letters import foreign_document
from waiting import assert_stays, wait_until

LARGE = 15_000_000      # bytes; RabbitMQ 4 takes 16 MB


@pytest.fixture(scope="module")
def _listed(stack):
    with stack.settings(campaign__dead_letters="on"):
        yield
    stack.sql("DELETE FROM campaign.dead_letters")


@pytest.fixture(autouse=True)
def _decided(_listed, stack):
    """Each test begins with an empty list."""
    stack.sql("DELETE FROM campaign.dead_letters")


def letters(stack, states=None):
    """(state, campaign, queue, reason) of each, by id."""
    return stack.sql("SELECT state, campaign, queue, reason FROM campaign_dead_letters(states => %s)",
                     states)


def states(stack, *ids):
    return [one for (one,) in stack.sql(
        "SELECT state FROM campaign.dead_letters WHERE id = ANY (%s) ORDER BY id", list(ids))]


def wait_for_letter(stack, campaign_id):
    """The id of the only one of a campaign that waits."""
    return wait_until("it is listed", lambda: [one for (one,) in stack.sql(
        "SELECT id FROM campaign_dead_letters(%s)", campaign_id)])[0]


def publish_dead(stack, body, reason="why", queue=campaigns.QUEUES[0], **properties):
    """As docs/contract has every consumer do it."""
    with stack.channel() as channel:
        channel.basic_publish(DEAD, queue, body, pika.BasicProperties(
            delivery_mode=2, headers={"reason": reason, "queue": queue}, **properties),
            mandatory=True)


def queued(stack):
    return campaigns.dead_letter_count(stack)


@pytest.mark.parametrize("ordered", [True, False])
def test_replayed_after_a_repair(stack, ordered):
    """R5.3: a recipient that MongoDB holds otherwise is listed; replayed too early it comes back,
    replayed after the repair it is stored in its place, and the proof finds all of them."""
    numbers = make_numbers(10, seed=910)
    campaign_id = campaigns.create(stack, numbers, ordered=ordered)
    foreign = foreign_document(campaign_id, 3)
    stack.messages.insert_one(dict(foreign))
    campaigns.dispatch(stack, campaign_id)
    wait_for_status(stack, campaign_id, "failed")
    first = wait_for_letter(stack, campaign_id)
    queue = campaigns.queue_of(campaign_id) if ordered else campaigns.QUEUES[-1]
    assert letters(stack) == [("waiting", campaign_id, queue,
                               "conflict: the document is stored with other content")]
    assert stack.one("SELECT campaign_dead_replay(ARRAY[%s::bigint])", first) == 1
    wait_until("it is refused again", lambda: states(stack, first) == ["refused"])
    second = wait_for_letter(stack, campaign_id)
    assert campaigns.status(stack, campaign_id)["failed"] == 1
    stack.messages.delete_one({"_id": foreign["_id"]})
    assert stack.one("SELECT campaign_dead_replay(ARRAY[%s::bigint], 'repaired')", second) == 1
    wait_until("it is stored", lambda: states(stack, second) == ["stored"])
    answer = campaigns.status(stack, campaign_id)
    assert (answer["status"], answer["stored"], answer["failed"]) == ("failed", 10, 0)
    documents = campaigns.documents_of(stack, campaign_id)
    assert [one["phone_number"] for one in documents] == numbers
    assert len({one["identifier"] for one in documents}) == 10
    assert stack.one("SELECT campaign_verify(%s)", campaign_id)["ok"]
    assert stack.one("SELECT campaign_health(%s)", campaign_id)["deadLetters"] == 0


def test_replays_keep_to_the_limit(stack):
    """R5.4: one in a hundred seconds; then, without waiting for the second, ten a second."""
    numbers = make_numbers(30, seed=911)
    campaign_id = campaigns.create(stack, numbers)
    foreign = [foreign_document(campaign_id, seq) for seq in range(1, len(numbers) + 1)]
    stack.messages.insert_many(foreign)
    campaigns.dispatch(stack, campaign_id)
    wait_for_status(stack, campaign_id, "failed")
    wait_until("all are listed", lambda: len(letters(stack, ["waiting"])) == len(numbers))
    stack.messages.delete_many({"_id": {"$in": [one["_id"] for one in foreign]}})
    stack.one("SELECT campaign_limit(%s, 0.01)", campaign_id)
    stack.one("SELECT campaign_dead_replay(ARRAY(SELECT id FROM campaign_dead_letters(%s)))", campaign_id)
    campaigns.wait_for_stored(stack, campaign_id, 1)
    stack.one("SELECT campaign_limit(%s, 10)", campaign_id)
    wait_until("all are stored", lambda: len(letters(stack, ["stored"])) == len(numbers))
    times = sorted(one["created_at"].timestamp() for one in campaigns.documents_of(stack, campaign_id))
    # 28 tenths of a second, but for what a busy machine made late.
    assert times[-1] - times[1] > 1.4


def test_slow_replays_hold_up_no_other(stack):
    """R5.4: forty campaigns with two dead letters each and one in a hundred seconds: however many of them wait for
    their second one, the first one of each has come."""
    ids = [campaigns.create(stack, make_numbers(2, seed=912)) for _ in range(40)]
    foreign = [foreign_document(campaign_id, seq) for campaign_id in ids for seq in (1, 2)]
    stack.messages.insert_many(foreign)
    for campaign_id in ids:
        campaigns.dispatch(stack, campaign_id)
    wait_until("all are listed", lambda: len(letters(stack, ["waiting"])) == len(foreign))
    for campaign_id in ids:
        wait_for_status(stack, campaign_id, "failed")
        stack.one("SELECT campaign_limit(%s, 0.01)", campaign_id)
    stack.messages.delete_many({"_id": {"$in": [one["_id"] for one in foreign]}})
    stack.one("SELECT campaign_dead_replay(ARRAY(SELECT id FROM campaign_dead_letters()))")
    wait_until("one of each is stored", lambda: {one[1] for one in letters(stack, ["stored"])} == set(ids))
    assert len(letters(stack, ["replaying"])) == len(ids)


def test_whoever_says_so(stack):
    """R5.3: what a consumer of another make publishes is listed, and so is what RabbitMQ gives up:
    reason and origin are those of its headers."""
    publish_dead(stack, b"rubbish", "makes no sense", message_id="one")
    queue = "test.rejected"
    with stack.channel() as channel:
        channel.queue_declare(queue, durable=True, arguments={"x-dead-letter-exchange": DEAD})
        channel.basic_publish("", queue, b"rejected", mandatory=True)
        method, _, _ = channel.basic_get(queue)
        channel.basic_reject(method.delivery_tag, requeue=False)
        channel.queue_delete(queue)
    wait_until("both are listed", lambda: len(letters(stack)) == 2)
    assert letters(stack) == [
        ("waiting", None, campaigns.QUEUES[0], "makes no sense"),
        ("waiting", None, queue, "a consumer rejected it without a reason")]
    assert stack.sql("SELECT envelope ->> 'message_id', body FROM campaign.dead_letters"
                     " ORDER BY id LIMIT 1")[0][0] == "one"
    assert queued(stack) == 0


@pytest.mark.parametrize("body", [b"rubbish", b"x" * 131_064], ids=["small", "largest"])
def test_rubbish_goes_round(stack, body):
    """R5.3: rubbish that is replayed comes back as it was, once; discarded, it does not. However
    large it is, it fits the socket's buffer."""
    publish_dead(stack, body, "first")
    wait_until("it is listed", lambda: letters(stack))
    stack.one("SELECT campaign_dead_replay(ARRAY(SELECT id FROM campaign_dead_letters()))")
    wait_until("the consumer has refused it", lambda: letters(stack, ["waiting"]))
    (replayed, again), = stack.sql("SELECT min(id), max(id) FROM campaign.dead_letters")
    wait_until("its end is known", lambda: states(stack, replayed, again) == ["replayed", "waiting"])
    assert stack.one("SELECT convert_from(body, 'UTF8') = %s FROM campaign.dead_letters WHERE id = %s",
                     body.decode(), again)
    stack.one("SELECT campaign_dead_discard(ARRAY[%s::bigint], 'rubbish')", again)
    assert stack.sql("SELECT d.decided_by, d.decision FROM campaign_dead_letters(states =>"
                     " '{discarded}') AS d") == [("postgres", "rubbish")]
    assert letters(stack, ["waiting", "replaying"]) == []


def waits_for_a_lock(stack):
    return stack.one("SELECT bool_or(wait_event_type = 'Lock') FROM pg_stat_activity"
                     " WHERE pid = ANY (%s)", stack.worker_pids())


def test_worker_that_dies_with_a_letter(stack):
    """R5.3: a worker that has a dead letter and ends before it is committed: the next one has it,
    once; the campaigns of meanwhile are sent."""
    connection = stack.connect(autocommit=False)
    try:
        execute(connection, "LOCK TABLE campaign.dead_letters IN EXCLUSIVE MODE")
        publish_dead(stack, b"in hand")
        wait_until("the worker has it", lambda: waits_for_a_lock(stack))
        worker = stack.worker_pid()
        stack.sql("SELECT pg_terminate_backend(%s)", worker)
        wait_until("it is gone", lambda: worker not in stack.worker_pids())
    finally:
        connection.close()
    wait_until("it is listed", lambda: letters(stack))
    numbers = make_numbers(5, seed=911)
    sent = campaigns.send(stack, numbers)
    wait_for_status(stack, sent, "sent")
    assert stack.sql("SELECT body::text, times FROM campaign.dead_letters") == [
        ("\\x" + b"in hand".hex(), 1)]
    assert queued(stack) == 0


def test_letter_that_cannot_be_written(stack):
    """R5.3: PostgreSQL refuses a dead letter: nothing is lost, campaigns go on, and it is listed
    when that is over."""
    mark = stack.log_mark("postgres")
    stack.sql("ALTER TABLE campaign.dead_letters ADD CONSTRAINT test CHECK (false) NOT VALID")
    try:
        publish_dead(stack, b"refused")
        wait_until("the log says so",
                   lambda: "campaign worker: a dead letter: " in stack.log_since("postgres", mark))
        sent = campaigns.send(stack, make_numbers(5, seed=912))
        wait_for_status(stack, sent, "sent")
        assert letters(stack) == []
    finally:
        stack.sql("ALTER TABLE campaign.dead_letters DROP CONSTRAINT test")
    wait_until("it is listed", lambda: letters(stack))
    assert_stored(stack, sent, make_numbers(5, seed=912))


def test_letter_that_somebody_decides_about(stack):
    """R5.3: a client discards a letter and forgets its transaction, and the same one comes again: the
    worker does not wait, campaigns go on, and what comes is listed when the client is gone."""
    publish_dead(stack, b"the same")
    wait_until("it is listed", lambda: letters(stack))
    mark = stack.log_mark("postgres")
    connection = stack.connect(autocommit=False)
    try:
        execute(connection, "SELECT campaign_dead_discard(ARRAY(SELECT id FROM"
                            " campaign_dead_letters()), 'known')")
        publish_dead(stack, b"the same")
        wait_until("the log says so",
                   lambda: "campaign worker: a dead letter: could not obtain lock"
                   in stack.log_since("postgres", mark))
        numbers = make_numbers(5, seed=914)
        wait_for_status(stack, campaigns.send(stack, numbers), "sent", timeout=10)
        connection.commit()
    finally:
        connection.close()
    wait_until("it is listed", lambda: [state for state, *_ in letters(stack)]
               == ["discarded", "waiting"])


def forget_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")


def peak_kb(pid):
    """The most memory that a process has had since then."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.MULTILINE).group(1))


def test_letter_of_any_size(stack):
    """R5.3: of a letter that is larger than any valid one the beginning is kept; the worker never
    has all of it in its memory."""
    publish_dead(stack, b"small")
    wait_until("it is listed", lambda: letters(stack))
    forget_peak(stack.worker_pid())
    before = peak_kb(stack.worker_pid())
    publish_dead(stack, b"x" * LARGE)
    wait_until("it is listed", lambda: stack.sql(
        "SELECT FROM campaign.dead_letters WHERE size = %s AND octet_length(body) = 131064", LARGE))
    assert peak_kb(stack.worker_pid()) < before + LARGE // 2048


def full(stack):
    """What campaign_health() says of a list that is full."""
    return stack.sql("SELECT sentence FROM campaign.troubles WHERE subject = %s", DEAD)


def test_no_room(stack):
    """R5.3: a flood does not fill PostgreSQL's disk: the rest stays in the queue, the log says so,
    and it comes once there is room."""
    mark = stack.log_mark("postgres")
    with stack.settings(campaign__dead_letters_max="2"):
        for number in range(5):
            publish_dead(stack, b"flood %d" % number)
        wait_until("the rest stays", lambda: queued(stack) == 3 and len(letters(stack)) == 2)
        assert "2 dead letters are kept; more stay in the queue" in stack.log_since("postgres", mark)
        assert full(stack)
    wait_until("all are listed", lambda: len(letters(stack)) == 5)
    wait_until("the trouble is over", lambda: not full(stack))


def consumers_of_dead(stack):
    try:
        with stack.channel() as channel:
            return channel.queue_declare(DEAD, passive=True).method.consumer_count
    except pika.exceptions.ChannelClosedByBroker:
        return 0


def test_queue_is_deleted(stack):
    """R5.3: somebody deletes the queue: the worker declares it, and takes what comes then."""
    wait_until("the worker listens", lambda: consumers_of_dead(stack) == 1)
    with stack.channel() as channel:
        channel.queue_delete(DEAD)
    wait_until("the worker listens again", lambda: consumers_of_dead(stack) == 1)
    publish_dead(stack, b"later")
    wait_until("it is listed", lambda: letters(stack))


def forged_letter(stack, campaign_id, seq, state):
    """The id of one that is in this state already."""
    return stack.one(
        "INSERT INTO campaign.dead_letters (state, parked, queue, reason, campaign_id, class,"
        " first_seq, recipients, size, digest, envelope, body) VALUES (%s, %s, %s, '', %s, 'NORMAL',"
        " %s, 1, 1, int8send(%s), '{}', 'x') RETURNING id",
        state, state == "replayed", campaigns.QUEUES[0], campaign_id, seq, seq)


def replay_waits(stack):
    return stack.sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                     " AND query LIKE 'SELECT campaign_dead_replay(%'")


def test_report_beside_a_replay(stack):
    """R5.3: a report comes while somebody replays others of the same campaign: neither keeps the
    other from its end."""
    campaign_id = campaigns.send(stack, make_numbers(5, seed=913))
    wait_for_status(stack, campaign_id, "sent")
    stack.sql("UPDATE campaign.progress SET stored = '{[1,2),[3,6)}', failed = '{[3,4)}'"
              " WHERE campaign_id = %s", campaign_id)
    two = forged_letter(stack, campaign_id, 2, "replayed")
    three = forged_letter(stack, campaign_id, 3, "waiting")
    report, person = stack.connect(autocommit=False), stack.connect()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        try:
            execute(report, "SELECT FROM campaign.progress WHERE campaign_id = %s FOR UPDATE",
                    campaign_id)
            replay = pool.submit(execute, person, "SELECT campaign_dead_replay(%s::bigint[])",
                                 [two, three])
            wait_until("the replay waits", lambda: replay_waits(stack))
            execute(report, "SELECT campaign.report_stored(ARRAY[%s], '{NORMAL}', '{2}', '{2}')",
                    campaign_id)
            report.commit()
        finally:
            report.close()
        assert replay.result() == [(1,)]
    person.close()
    assert states(stack, two) == ["stored"]


def test_queue_that_refuses(stack):
    """R5.3: a queue is full and refuses what is replayed: that is said, what is for another queue
    goes meanwhile, and the rest goes when the limit is gone."""
    mark = stack.log_mark("postgres")
    stack.part("stop", "consumer")
    stack.rabbitmqctl("-q", "set_policy", "full", f"^{campaigns.QUEUES[1]}$",
                      '{"max-length": 1, "overflow": "reject-publish"}', "--apply-to", "queues")
    try:
        # What comes first gets in: the queue tells the channel afterwards that it is full.
        for number in range(4):
            publish_dead(stack, b"refused %d" % number, queue=campaigns.QUEUES[1])
        wait_until("they are listed", lambda: len(letters(stack)) == 4)
        publish_dead(stack, b"for another queue")
        wait_until("all are listed", lambda: len(letters(stack)) == 5)
        stack.one("SELECT campaign_dead_replay(ARRAY(SELECT id FROM campaign_dead_letters()))")
        wait_until("what is for another queue goes", lambda: letters(stack)[-1][0] == "replayed")
        assert letters(stack, ["replaying"])
        assert f"refuses messages for queue {campaigns.QUEUES[1]}" in stack.log_since("postgres", mark)
    finally:
        stack.rabbitmqctl("-q", "clear_policy", "full")
        stack.part("start", "consumer")
    wait_until("the rest goes", lambda: not letters(stack, ["replaying"]))


def test_switched_off(stack):
    """R5.3: other tools may read the queue: then the worker does not, and a list that is full is
    no trouble."""
    with stack.settings(campaign__dead_letters_max="1"):
        publish_dead(stack, b"the last one")
        wait_until("the list is full", lambda: full(stack))
        with stack.settings(campaign__dead_letters="off"):
            wait_until("the worker has stopped", lambda: consumers_of_dead(stack) == 0)
            wait_until("that is no trouble any more", lambda: not full(stack))
            publish_dead(stack, b"for others")
            (letter,) = campaigns.dead_letters(stack)
            assert letter.body == b"for others" and len(letters(stack)) == 1
