"""test_contract_consumer.py - R0.20: the rules of docs/contract for consumers, held against
campaign-consumer and against a consumer that was written from docs/contract alone.

Both must pass every test here: what only one of them does is missing in the documents, or
wrong in the program.
"""
import copy
import datetime
import json
import time

import bson
import pytest

import campaigns
import contract
from campaigns import Captured
from foreign_consumer import ForeignConsumer, typed

# What the worker publishes of a class while nothing is reported: two batches of 250.
AHEAD = 500
BSON_TYPES = {"_id": bytes, "identifier": str, "phone_number": str, "message": str,
              "campaign_id": str, "class": str, "seq": bson.Int64, "deleted": bool,
              "created_at": datetime.datetime, "updated_at": datetime.datetime}


class Native:
    """campaign-consumer."""

    failures = ()

    def __init__(self, stack):
        self.stack = stack

    def start(self):
        self.stack.part("start", "consumer")

    def stop(self):
        self.stack.part("stop", "consumer")


def foreign(stack):
    return ForeignConsumer(stack.env["AMQP_URL"], stack.env["MONGODB_URI"],
                           stack.env["CONSUMER_DATABASE_URL"])


@pytest.fixture(params=[Native, foreign], ids=["native", "foreign"])
def consumer(request, stack):
    """A consumer to start; until then there is none, and nothing publishes anything twice
    only because it takes its time."""
    campaigns.wait_until_handled(stack)
    stack.part("stop", "consumer")
    one = request.param(stack)
    try:
        with stack.settings(campaign__stall_timeout="1h"):
            yield one
        one.stop()
    finally:
        stack.part("start", "consumer")
    assert not one.failures


def take_published(stack, queue, count, timeout_s=30):
    """Takes this many recipients out of a queue that nobody else consumes: they are lost."""
    messages = []
    deadline = time.monotonic() + timeout_s
    with stack.channel() as channel:
        # A queue with a single active consumer knows no basic.get.
        for method, properties, body in channel.consume(queue, auto_ack=True,
                                                        inactivity_timeout=0.5):
            if method is not None:
                messages.append(Captured(method.routing_key, properties, body))
            if sum(one.properties.headers["count"] for one in messages) >= count:
                return messages
            assert time.monotonic() < deadline, f"no {count} recipients in {queue}: {messages}"
    raise AssertionError(f"{queue} was deleted")


def changed(message, headers=None, **fields):
    """The message with other fields of the body, and other headers."""
    body = {**json.loads(message.body), **fields}
    properties = copy.copy(message.properties)
    properties.headers = {**properties.headers, **(headers or {})}
    return Captured(message.routing_key, properties, json.dumps(body).encode())


def documents(stack, campaign_id):
    """The documents of a campaign in the order of their _ids."""
    return list(stack.messages.find(campaigns.of_campaign(campaign_id)).sort("_id", 1))


def expected_documents(bodies):
    """What MongoDB has to hold of these bodies, without the dates."""
    for body in bodies:
        for seq, recipient in enumerate(body["recipients"], body["first_seq"]):
            _id = campaigns.document_id(body["campaign_id"], seq, body["class"])
            yield {**recipient, "_id": _id, "message": body["message"],
                   "campaign_id": body["campaign_id"], "class": body["class"], "seq": seq,
                   "deleted": False}


def test_r0_4_documents_are_as_documented(stack, consumer):
    """R0.4, R0.20: names, BSON types and values of the documents; VIP first; then `sent`."""
    vip, normal = campaigns.make_numbers(20, seed=5), campaigns.make_numbers(600, seed=6)
    begun = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    with campaigns.capture(stack) as take:
        campaign_id = campaigns.create(stack, normal, message="Olá \"€\" \\ \n")
        stack.one("SELECT campaign_upload(%s, %s::text, class => 'VIP')", campaign_id,
                  campaigns.numbers_file(vip))
        campaigns.dispatch(stack, campaign_id)
        consumer.start()
        campaigns.wait_for_status(stack, campaign_id, "sent")
        bodies = [contract.parse(one) for one in take()]
    found = documents(stack, campaign_id)
    for document in found:
        assert {name: type(value) for name, value in document.items()} == BSON_TYPES
        assert document["created_at"] == document["updated_at"]
        assert begun <= document["created_at"] <= datetime.datetime.now(datetime.timezone.utc)
    dates = ("created_at", "updated_at")
    assert [{k: v for k, v in one.items() if k not in dates} for one in found] == \
        list(expected_documents(bodies))
    assert campaigns.insertion_order(stack, campaign_id) == \
        [("VIP", seq) for seq in range(1, 21)] + [("NORMAL", seq) for seq in range(1, 601)]


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "parallel"])
def test_r0_20_a_replay_changes_nothing(stack, consumer, ordered):
    """R0.20: all messages delivered again: the documents stay as they are, dates included."""
    consumer.start()
    with campaigns.capture(stack) as take:
        campaign_id = campaigns.send(stack, campaigns.make_numbers(600, seed=7),
                                     ordered=ordered)
        campaigns.wait_for_status(stack, campaign_id, "sent")
        messages = take()
    before = documents(stack, campaign_id)
    campaigns.publish(stack, messages + messages[::-1])
    campaigns.wait_until_handled(stack, sorted({one.routing_key for one in messages}))
    assert documents(stack, campaign_id) == before
    assert campaigns.status(stack, campaign_id)["status"] == "sent"


def test_r0_20_unknown_fields_are_ignored(stack, consumer):
    """R0.20: a batch with fields of the future is stored like any other."""
    campaign_id = campaigns.send(stack, campaigns.make_numbers(3, seed=8))
    message, = take_published(stack, campaigns.queue_of(campaign_id), 3)
    recipients = [{"future": {"a": [1, None, "é"]}, **one}
                  for one in json.loads(message.body)["recipients"]]
    campaigns.publish(stack, [changed(message, headers={"future": 1}, recipients=recipients,
                                      future=[{"b": -1.5e3}, True])])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    assert {frozenset(one) for one in documents(stack, campaign_id)} == {frozenset(BSON_TYPES)}


# In the order in which they travel.
OWN = {"amount": 1234.5, "customer": "Ana \"✓\"", "id": 9007199254740993,
       "n": {"list": [1, -0.1, {}, []], "yes": True}, "none": None}


def test_r3_1_texts_and_attributes_are_stored_as_documented(stack, consumer):
    """R3.1, R0.20: a recipient's own text and attributes, with their types, in order, once."""
    numbers = campaigns.make_numbers(600, seed=16)
    campaign_id = campaigns.create(stack, campaigns.make_numbers(2, seed=17), message="for all")
    campaigns.add_recipients(stack, campaign_id, [
        ("NORMAL", number, f"for {number}" if n % 2 else None, {**OWN, "n": n} if n % 3 else None)
        for n, number in enumerate(numbers)])
    campaigns.dispatch(stack, campaign_id)
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    found = documents(stack, campaign_id)
    assert len(found) == 602 and not any("attributes" in one for one in found[:2])
    for n, document in enumerate(found[2:]):
        assert document["message"] == (f"for {numbers[n]}" if n % 2 else "for all")
        assert document.get("attributes") == ({**OWN, "n": n} if n % 3 else None)
        assert set(document) - {"attributes"} == set(BSON_TYPES)
    stored = found[3]["attributes"]
    assert list(stored) == sorted(OWN)
    assert isinstance(stored["n"], bson.Int64) and isinstance(stored["id"], bson.Int64)
    assert isinstance(stored["amount"], float)
    assert campaigns.insertion_order(stack, campaign_id) == \
        [("NORMAL", seq) for seq in range(1, 603)]


def test_r3_1_texts_and_attributes_are_compared(stack, consumer):
    """R3.1, R0.20: what differs in either is a conflict, and what does not is stored already."""
    numbers = campaigns.make_numbers(5, seed=18)
    campaign_id = campaigns.create(stack, ["+88800000000001"])
    campaigns.add_recipients(stack, campaign_id, [("VIP", one, "own", OWN) for one in numbers])
    campaigns.dispatch(stack, campaign_id)
    message, = take_published(stack, campaigns.queue_of(campaign_id), 5)
    body = json.loads(message.body)
    stored = [{**one, "seq": bson.Int64(one["seq"]), "message": "own", "attributes": one_attributes}
              for one, one_attributes in zip(expected_documents([body]), [
                  typed(OWN), typed({**OWN, "amount": 1234.25}), typed(OWN), None, typed(OWN)])]
    stored[2]["message"] = "other"
    del stored[3]["attributes"]
    stack.messages.insert_many(stored)
    campaigns.publish(stack, [message])
    consumer.start()
    letters = campaigns.wait_for_dead_letters(stack, 3)
    assert sorted(json.loads(one.body)["first_seq"] for one in letters) == [2, 3, 4]
    for letter in letters:
        parked, = contract.parse(letter)["recipients"]
        assert parked["attributes"] == OWN
        assert "conflict" in letter.properties.headers["reason"]
        assert letter.properties.headers["version"] == 2
    campaigns.wait_for_status(stack, campaign_id, "failed")
    assert documents(stack, campaign_id)[:5] == stored


def test_r3_1_a_consumer_of_version_1_refuses_version_2(stack):
    """R3.1: it stores nothing of it, rather than the wrong text; the next consumer stores all."""
    campaigns.wait_until_handled(stack)
    stack.part("stop", "consumer")
    old = ForeignConsumer(stack.env["AMQP_URL"], stack.env["MONGODB_URI"],
                          stack.env["CONSUMER_DATABASE_URL"], versions=(1,))
    with stack.settings(campaign__stall_timeout="3s"):
        try:
            old.start()
            plain = campaigns.send(stack, ["+88800000000001"])
            campaign_id = campaigns.create(stack, ["+88800000000002"], message="for all")
            campaigns.add_recipients(stack, campaign_id, [("NORMAL", "+88800000000003", "own", OWN)])
            campaigns.dispatch(stack, campaign_id)
            letters = campaigns.wait_for_dead_letters(stack, 1)
            campaigns.wait_for_status(stack, plain, "sent")
            assert not documents(stack, campaign_id)
            old.stop()
        finally:
            stack.part("start", "consumer")
        campaigns.wait_for_status(stack, campaign_id, "sent")
    assert not old.failures
    # It is offered again as long as nobody stores it.
    for letter in letters + campaigns.dead_letters(stack):
        assert letter.properties.headers["reason"] and json.loads(letter.body)["version"] == 2
    assert [(one["message"], one.get("attributes")) for one in documents(stack, campaign_id)] == [
        ("for all", None), ("own", OWN)]


def malformed(message):
    """Messages that no consumer may store, by what is wrong with them."""
    first = json.loads(message.body)["recipients"][0]
    bodies = {
        "no JSON": b"{", "cut off": message.body[:-1], "empty": b"", "no object": b"[]",
        "not UTF-8": message.body.replace(b"Hello", b"Hell\xff"),
        "NUL": message.body.replace(b"Hello", b"Hell\\u0000"),
        "a field twice": message.body.replace(b'"version":1', b'"version":1,"version":1'),
        "too long": message.body + b" " * 131072,
    }
    made = {name: Captured(message.routing_key, message.properties, body)
            for name, body in bodies.items()}
    made["unknown version"] = changed(message, version=4)
    made["unknown class"] = changed(message, **{"class": "GOLD"})
    made["no such class here"] = changed(message, {"class": "VIP"}, **{"class": "VIP"})
    made["unknown campaign"] = changed(message, {"campaign_id": "nobody"}, campaign_id="nobody")
    made["beyond total"] = changed(message, {"first_seq": 3}, first_seq=3)
    made["beyond the campaign"] = changed(message, {"first_seq": 4, "total": 9}, first_seq=4,
                                          total=9)
    made["header disagrees"] = changed(message, {"count": 4})
    made["bad number"] = changed(message, recipients=[{**first, "phone_number": "12345678"}])
    made["no recipients"] = changed(message, {"count": 0}, recipients=[])
    made["version disagrees"] = changed(message, {"version": 2})
    for what, own in (("no object", {"attributes": []}), ("$", {"attributes": {"$a": 1}}),
                      ("a dot", {"attributes": {"a": {"b.c": 1}}}),
                      ("a NUL", {"attributes": {"a": "\0"}}), ("no text", {"message": None}),
                      ("a long text", {"message": "x" * 4097}),
                      ("a large number", {"attributes": {"a": 2 ** 63}})):
        made["version 2: " + what] = changed(message, version=2, recipients=[{**first, **own}],
                                             headers={"count": 1})
    return made


def test_r0_20_malformed_messages_are_dead_letters_and_the_rest_goes_on(stack, consumer):
    """R0.20: each goes to campaign.dead as it came, with reason and queue; the good one behind
    them is stored."""
    campaign_id = campaigns.send(stack, campaigns.make_numbers(3, seed=9))
    queue = campaigns.queue_of(campaign_id)
    message, = take_published(stack, queue, 3)
    wrong = list(malformed(message).values())
    campaigns.publish(stack, wrong + [message])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    letters = campaigns.wait_for_dead_letters(stack, len(wrong))
    # campaign-consumer keeps no more than a valid body can have.
    limit = contract.header_constants()["BODY_MAX"]
    assert [one.body[:limit] for one in letters] == [one.body[:limit] for one in wrong]
    for letter, original in zip(letters, wrong):
        contract.schema_of("deadHeaders").validate(letter.properties.headers)
        assert letter.properties.headers["reason"].strip()
        assert letter.properties.headers["queue"] == queue
        assert letter.properties.headers.items() >= original.properties.headers.items()
        assert letter.properties.delivery_mode == 2
        assert letter.properties.message_id == original.properties.message_id


def test_r0_20_a_gap_is_published_again(stack, consumer):
    """R0.20: the first batch is lost: nothing behind it is stored before it."""
    numbers = campaigns.make_numbers(900, seed=10)
    campaign_id = campaigns.send(stack, numbers)
    lost = take_published(stack, campaigns.queue_of(campaign_id), AHEAD)
    campaigns.publish(stack, lost[1:])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_delivered(stack, campaign_id, numbers)
    assert campaigns.status(stack, campaign_id)["rewinds"] >= 1


def test_r0_20_of_an_overlapping_batch_the_tail_is_stored(stack, consumer):
    """R0.20: 1-250, then 200-450: each recipient once, in order; what follows comes too."""
    numbers = campaigns.make_numbers(900, seed=11)
    campaign_id = campaigns.send(stack, numbers)
    first, second = take_published(stack, campaigns.queue_of(campaign_id), AHEAD)
    both = [one for message in (first, second) for one in json.loads(message.body)["recipients"]]
    overlap = changed(second, {"first_seq": 200, "count": 251}, first_seq=200,
                      recipients=both[199:450])
    campaigns.publish(stack, [first, overlap])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_delivered(stack, campaign_id, numbers)


def test_r0_20_what_was_stored_but_not_reported_is_met_again(stack, consumer):
    """R0.20: another consumer stored and acked the first batch and did not report it: the second
    one is a gap, and what is stored already stays as it is when it comes again."""
    campaign_id = campaigns.send(stack, campaigns.make_numbers(AHEAD, seed=12))
    first, second = take_published(stack, campaigns.queue_of(campaign_id), AHEAD)
    then = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)
    stored = [{**one, "seq": bson.Int64(one["seq"]), "created_at": then, "updated_at": then}
              for one in expected_documents([json.loads(first.body)])]
    stack.messages.insert_many(stored)
    campaigns.publish(stack, [second])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    found = documents(stack, campaign_id)
    assert found[:len(stored)] == stored
    assert len(found) == AHEAD


def test_r0_20_a_conflict_is_parked_and_the_campaign_fails(stack, consumer):
    """R0.20: MongoDB holds another number in the third place: it is not overwritten."""
    numbers = campaigns.make_numbers(10, seed=13)
    campaign_id = campaigns.create(stack, numbers, ordered=False)
    other = {"_id": campaigns.document_id(campaign_id, 3), "identifier": "other",
             "phone_number": "+88800000000000", "message": "Hello", "campaign_id": campaign_id,
             "class": "NORMAL", "seq": bson.Int64(3)}
    stack.messages.insert_one(other)
    campaigns.dispatch(stack, campaign_id)
    consumer.start()
    failed = campaigns.wait_for_status(stack, campaign_id, "failed")
    assert failed["error"].startswith("NORMAL 3: ")
    letter, = campaigns.wait_for_dead_letters(stack, 1)
    body = contract.parse(letter)
    assert (body["campaign_id"], body["class"], body["first_seq"]) == (campaign_id, "NORMAL", 3)
    assert [one["phone_number"] for one in body["recipients"]] == [numbers[2]]
    assert letter.properties.headers["queue"] == "campaign.parallel"
    assert "conflict" in letter.properties.headers["reason"]
    campaigns.wait_for_stored(stack, campaign_id, len(numbers))
    found = documents(stack, campaign_id)
    assert found[2] == other
    del found[2], numbers[2]
    assert [one["phone_number"] for one in found] == numbers
    campaigns.wait_until_handled(stack)
    assert campaigns.status(stack, campaign_id)["status"] == "failed"
