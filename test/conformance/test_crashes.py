"""test_crashes.py - kill -9 between any two steps, and servers that go away and come back."""
import json
import os

import bson
import psycopg2
import pytest

import campaigns
from batches import AHEAD, changed, stored_before, take_published
from waiting import wait_until

ROUNDS = int(os.environ.get("CONFORMANCE_ROUNDS") or 3)
SMALL = 300
# How the frame of a basic.ack goes on behind its channel: 13 bytes, class 60, method 80.
ACK = bytes.fromhex("0000000d 003c 0050")


def crash(stack, consumer, campaign_id, reached):
    """Starts the consumer, kills it when this is reached, and starts it again."""
    consumer.start()
    wait_until("the step is reached", reached, interval=0.01, ignoring=(psycopg2.Error,))
    consumer.kill()
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")


def test_killed_before_it_stores(stack, consumer):
    """What a consumer does with a message: killed between 1 (check) and 5 (store)."""
    numbers = campaigns.make_numbers(SMALL, seed=50)
    consumer.mongodb.when(numbers[0].encode(), consumer.mongodb.there.hold)
    campaign_id = campaigns.send(stack, numbers)
    crash(stack, consumer, campaign_id, consumer.mongodb.there.stuck.is_set)
    campaigns.assert_stored(stack, campaign_id, numbers)


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "parallel"])
def test_killed_before_it_knows_what_it_stored(stack, consumer, ordered):
    """What a consumer does with a message: killed in 5 (store), without MongoDB's answer."""
    numbers = campaigns.make_numbers(SMALL, seed=51)
    consumer.mongodb.when(numbers[0].encode(), consumer.mongodb.back.hold)
    campaign_id = campaigns.send(stack, numbers, ordered=ordered)
    crash(stack, consumer, campaign_id, consumer.mongodb.back.stuck.is_set)
    campaigns.assert_stored(stack, campaign_id, numbers, ordered=ordered)


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "parallel"])
def test_killed_before_it_reports(stack, consumer, ordered):
    """What a consumer does with a message: killed between 5 (store) and 6 (report)."""
    numbers = campaigns.make_numbers(SMALL, seed=52)
    consumer.mongodb.when(numbers[0].encode(), consumer.postgresql.there.hold)
    campaign_id = campaigns.send(stack, numbers, ordered=ordered)
    crash(stack, consumer, campaign_id, lambda: campaigns.count_documents(stack, campaign_id) > 0
          and consumer.postgresql.there.stuck.is_set())
    campaigns.assert_stored(stack, campaign_id, numbers, ordered=ordered)


def commands(stack):
    """How many inserts and reads MongoDB has been asked for."""
    counted = stack.messages.database.client.admin.command("serverStatus")["metrics"]["commands"]
    return sum(counted[name]["total"] for name in ("insert", "find", "getMore"))


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "parallel"])
def test_what_a_killed_one_stored_is_read_at_once(stack, consumer, ordered):
    """Duplicates and conflicts: what was stored and not reported when it was killed is compared by ranges, not by an
    insert and a read for each."""
    numbers = campaigns.make_numbers(SMALL, seed=59)
    consumer.mongodb.when(numbers[0].encode(), consumer.postgresql.there.hold)
    campaign_id = campaigns.send(stack, numbers, ordered=ordered)
    consumer.start()
    wait_until("the step is reached", lambda: campaigns.count_documents(stack, campaign_id) > 0
               and consumer.postgresql.there.stuck.is_set())
    stored = campaigns.count_documents(stack, campaign_id)
    consumer.kill()
    before = commands(stack)
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    assert stored >= 100 and commands(stack) - before < stored / 2
    campaigns.assert_stored(stack, campaign_id, numbers, ordered=ordered)


def test_killed_before_it_knows_what_it_reported(stack, consumer):
    """What a consumer does with a message: killed in 6 (report), without PostgreSQL's answer."""
    numbers = campaigns.make_numbers(SMALL, seed=53)
    campaign_id = campaigns.send(stack, numbers)
    # The report names the campaign; a question behind the store, or a statement that is prepared, does not.
    consumer.mongodb.when(numbers[0].encode(), lambda: consumer.postgresql.when(
        campaign_id.encode(), consumer.postgresql.back.hold))
    crash(stack, consumer, campaign_id, lambda: campaigns.status(stack, campaign_id)["stored"] > 0)
    # The campaign was `sent` before the second one had begun.
    campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id)])
    campaigns.assert_stored(stack, campaign_id, numbers)


def test_killed_before_it_acknowledges(stack, consumer):
    """What a consumer does with a message: killed between 6 (report) and 7 (ack)."""
    numbers = campaigns.make_numbers(SMALL, seed=54)
    consumer.mongodb.when(numbers[0].encode(), consumer.rabbitmq.there.hold)
    campaign_id = campaigns.send(stack, numbers)
    crash(stack, consumer, campaign_id, lambda: campaigns.status(stack, campaign_id)["status"] == "sent"
          and consumer.rabbitmq.there.stuck.is_set())
    campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id)])
    campaigns.assert_stored(stack, campaign_id, numbers)


def test_killed_behind_a_dead_letter(stack, consumer):
    """Dead letters: killed between the confirm and the ack: the letter may come twice, the message
    behind it is stored."""
    numbers = campaigns.make_numbers(3, seed=55)
    campaign_id = campaigns.send(stack, numbers)
    message, = take_published(stack, campaign_id, 3)
    campaigns.publish(stack, [changed(message, version=99, note="not usable"), message])
    consumer.rabbitmq.when(b"not usable", consumer.rabbitmq.back.hold)
    crash(stack, consumer, campaign_id, lambda: campaigns.dead_letter_count(stack) == 1)
    campaigns.assert_stored(stack, campaign_id, numbers)
    letters = campaigns.wait_for_dead_letters(stack, 1)
    assert {json.loads(one.body)["note"] for one in letters} == {"not usable"} and len(letters) <= 2


def kill_before_its_ack(consumer, campaign_id, check):
    """Kills it with its first ack of this campaign on its way, when this was checked, and what it says to PostgreSQL
    only after that ack is held, too."""
    def hold():
        consumer.postgresql.there.hold()
        consumer.rabbitmq.there.hold()

    def asked():
        # Or it may find the next message before it acks, and store that one first.
        consumer.rabbitmq.back.hold()
        consumer.rabbitmq.when(ACK, hold)
    consumer.postgresql.when(campaign_id.encode(), asked)
    consumer.start()
    wait_until("the ack is on its way", consumer.rabbitmq.there.stuck.is_set)
    check()
    consumer.kill()


def wait_for_messages(stack, campaign_id, count):
    """Waits until so many messages are ready in its queue."""
    queue = campaigns.queue_of(campaign_id)
    with stack.channel() as channel:
        wait_until(f"{count} messages are in {queue}",
                   lambda: channel.queue_declare(queue, passive=True).method.message_count == count)


def test_killed_behind_a_gap(stack, consumer):
    """Order: killed between report_gap and the ack: the batch behind the gap comes back beside what is published again,
    and all is stored in order, once."""
    numbers = campaigns.make_numbers(900, seed=64)
    campaign_id = campaigns.send(stack, numbers)
    campaigns.publish(stack, take_published(stack, campaign_id, AHEAD)[1:])

    def check():
        assert campaigns.status(stack, campaign_id)["rewinds"] == 1
    kill_before_its_ack(consumer, campaign_id, check)
    # The one that was not acked, and the two that are published again.
    wait_for_messages(stack, campaign_id, 3)
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


def test_killed_while_it_leaves_out(stack, consumer):
    """Paused and cancelled campaigns: killed between the report of what was stored and the ack: once the campaign goes
    on, all is stored in order, once."""
    numbers = campaigns.make_numbers(900, seed=65)
    campaign_id = campaigns.send(stack, numbers)
    first, second = take_published(stack, campaign_id, AHEAD)
    stack.messages.insert_many(stored_before([json.loads(first.body)]))
    stack.one("SELECT campaign_pause(%s)", campaign_id)
    campaigns.publish(stack, [first, second])

    def check():
        assert campaigns.status(stack, campaign_id)["stored"] == 250
    kill_before_its_ack(consumer, campaign_id, check)
    wait_for_messages(stack, campaign_id, 2)
    consumer.start()
    stack.one("SELECT campaign_resume(%s)", campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


CONFLICTS = (3, 7)


def send_with_conflicts(stack, numbers):
    """A campaign in whose places 3 and 7 somebody else's documents are, not published yet; its id."""
    campaign_id = campaigns.create(stack, numbers)
    stack.messages.insert_many([
        {"_id": campaigns.document_id(campaign_id, seq), "identifier": "other", "phone_number": "+88800000000000",
         "message": "Hello", "campaign_id": campaign_id, "class": "NORMAL", "seq": bson.Int64(seq)} for seq in CONFLICTS])
    campaigns.dispatch(stack, campaign_id)
    return campaign_id


def finish_with_conflicts(stack, consumer, campaign_id, numbers, reached):
    """Kills it when this is reached; then both places have failed, have a letter each, and the others are stored."""
    consumer.start()
    wait_until("the step is reached", reached, interval=0.01)
    consumer.kill()
    consumer.start()
    assert campaigns.wait_for_status(stack, campaign_id, "failed")["failed"] == len(CONFLICTS)
    campaigns.wait_for_stored(stack, campaign_id, len(numbers))
    campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id)])
    assert {json.loads(one.body)["first_seq"] for one in campaigns.dead_letters(stack)} == set(CONFLICTS)
    found = {one["seq"]: one["phone_number"] for one in campaigns.documents_of(stack, campaign_id)}
    assert found == {seq: "+88800000000000" if seq in CONFLICTS else number for seq, number in enumerate(numbers, 1)}


def test_killed_behind_the_letter_of_a_conflict(stack, consumer):
    """Duplicates and conflicts: killed between the dead letter and report_conflict: the letter may come twice, the
    recipient counts as failed all the same."""
    numbers = campaigns.make_numbers(10, seed=62)
    campaign_id = send_with_conflicts(stack, numbers)
    consumer.rabbitmq.when(numbers[CONFLICTS[0] - 1].encode(), consumer.postgresql.there.hold)
    finish_with_conflicts(stack, consumer, campaign_id, numbers, lambda: campaigns.dead_letter_count(stack) == 1
                          and consumer.postgresql.there.stuck.is_set())


def test_killed_behind_a_conflict(stack, consumer):
    """Duplicates and conflicts: killed between report_conflict and the report, when the next conflict is on its way: the
    campaign becomes failed, with both of them."""
    numbers = campaigns.make_numbers(10, seed=63)
    campaign_id = send_with_conflicts(stack, numbers)
    consumer.rabbitmq.when(numbers[CONFLICTS[1] - 1].encode(), consumer.rabbitmq.there.hold)
    finish_with_conflicts(stack, consumer, campaign_id, numbers, lambda: consumer.rabbitmq.there.stuck.is_set()
                          and campaigns.status(stack, campaign_id)["failed"] == 1)


def test_killed_again_and_again(stack, consumer):
    """What a consumer does with a message: killed again and again in the middle of a campaign."""
    numbers = campaigns.make_numbers(1_000 * (ROUNDS + 1), seed=56)
    with stack.settings(campaign__batch_size="50", campaign__publish_ahead="20ms"):
        campaign_id = campaigns.send(stack, numbers)
        for kill in range(ROUNDS):
            consumer.start()
            campaigns.wait_for_stored(stack, campaign_id, 1_000 * kill + 500)
            consumer.kill()
        consumer.start()
        campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


def outage(consumer, servers, middle):
    """These servers cannot be reached for a while, and it wants to."""
    for server in servers:
        server.refused.clear()
        server.cut()
    middle()
    for server in servers:
        server.mend()
    assert consumer.is_alive(), consumer.log()


@pytest.mark.parametrize("name", ["rabbitmq", "mongodb", "postgresql"])
def test_a_server_goes_away_and_comes_back(stack, consumer, name):
    """What a consumer does with a message: a server that cannot be reached is waited for."""
    server = getattr(consumer, name)
    numbers = campaigns.make_numbers(4_000, seed=57)
    with stack.settings(campaign__batch_size="50", campaign__publish_ahead="20ms"):
        consumer.start()
        campaign_id = campaigns.send(stack, numbers)
        campaigns.wait_for_stored(stack, campaign_id, 500)
        outage(consumer, [server], lambda: wait_until("it wants to connect", server.refused.is_set))
        campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


@pytest.mark.parametrize("name", ["rabbitmq", "mongodb", "postgresql"])
def test_told_to_end_while_a_server_is_silent(stack, consumer, name):
    """Trying a consumer: SIGTERM ends it in time though a server that it is connected to answers nothing."""
    server = getattr(consumer, name)
    consumer.start()
    campaigns.wait_for_status(stack, campaigns.send(stack, campaigns.make_numbers(3, seed=61)), "sent")
    for way in (server.there, server.back):
        way.hold()
    assert consumer.stop() == 0


def test_started_before_its_servers(stack, consumer):
    """What a consumer does with a message: started before its servers it waits for them, with its
    addresses from .env."""
    for server in consumer.servers:
        server.cut()
    consumer.start(in_file=True)
    wait_until("it wants to connect", lambda: any(one.refused.is_set() for one in consumer.servers))
    for server in consumer.servers:
        server.mend()
    numbers = campaigns.make_numbers(10, seed=58)
    campaign_id = campaigns.send(stack, numbers)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)
