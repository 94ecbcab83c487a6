"""test_documents.py - what the messages become in MongoDB, and that they become it once."""
import datetime
import json

import bson
import pytest

import campaigns
import contract
from batches import (AHEAD, BSON_TYPES, OWN, changed, documents, expected_documents,
                     take_published)
from foreign_message import typed



def test_documents_are_as_documented(stack, consumer):
    """The document in MongoDB: names, types and values are as documented, VIP comes first, and the
    campaign is sent (R0.4)."""
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
def test_a_replay_changes_nothing(stack, consumer, ordered):
    """Duplicates and conflicts: all messages delivered again change nothing, no date either."""
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


def test_unknown_fields_are_ignored(stack, consumer):
    """The message: fields and headers of the future are ignored."""
    campaign_id = campaigns.send(stack, campaigns.make_numbers(3, seed=8))
    message, = take_published(stack, campaign_id, 3)
    recipients = [{"future": {"a": [1, None, "é"]}, **one}
                  for one in json.loads(message.body)["recipients"]]
    campaigns.publish(stack, [changed(message, headers={"future": 1}, recipients=recipients,
                                      future=[{"b": -1.5e3}, True])])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    assert {frozenset(one) for one in documents(stack, campaign_id)} == {frozenset(BSON_TYPES)}


def test_texts_and_attributes_are_stored_as_documented(stack, consumer):
    """Version 2: texts and attributes: both are stored with their types, in order, once (R3.1)."""
    def attributes(n):
        return {**OWN, "n": n} if n % 3 else {} if n % 2 else None

    numbers = campaigns.make_numbers(600, seed=16)
    campaign_id = campaigns.create(stack, campaigns.make_numbers(2, seed=17), message="for all")
    campaigns.add_recipients(stack, campaign_id, [
        ("NORMAL", number, f"for {number}" if n % 2 else None, attributes(n))
        for n, number in enumerate(numbers)])
    campaigns.dispatch(stack, campaign_id)
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    found = documents(stack, campaign_id)
    assert len(found) == 602 and not any("attributes" in one for one in found[:2])
    for n, document in enumerate(found[2:]):
        assert document["message"] == (f"for {numbers[n]}" if n % 2 else "for all")
        assert document.get("attributes") == attributes(n)
        assert set(document) - {"attributes"} == set(BSON_TYPES)
    stored = found[3]["attributes"]
    assert list(stored) == sorted(OWN)
    assert isinstance(stored["n"], bson.Int64) and isinstance(stored["id"], bson.Int64)
    assert isinstance(stored["amount"], float)
    assert campaigns.insertion_order(stack, campaign_id) == \
        [("NORMAL", seq) for seq in range(1, 603)]


def test_texts_and_attributes_are_compared(stack, consumer):
    """Duplicates and conflicts: what differs in text or attributes is a conflict, what does not
    is stored already (R3.1)."""
    own = [OWN] * 5 + [{}] * 3
    numbers = campaigns.make_numbers(len(own), seed=18)
    campaign_id = campaigns.create(stack, ["+88800000000001"])
    campaigns.add_recipients(stack, campaign_id, [("VIP", one, "own", attributes)
                                                  for one, attributes in zip(numbers, own)])
    campaigns.dispatch(stack, campaign_id)
    message, = take_published(stack, campaign_id, len(own))
    body = json.loads(message.body)
    stored = [{**one, "seq": bson.Int64(one["seq"]), "message": "own", "attributes": typed(attributes)}
              for one, attributes in zip(expected_documents([body]), own)]
    stored[1]["attributes"]["amount"] = 1234.25
    stored[2]["message"] = "other"
    del stored[3]["attributes"], stored[6]["attributes"]
    stored[7]["identifier"] = 7
    stack.messages.insert_many(stored)
    campaigns.publish(stack, [message])
    consumer.start()
    letters = campaigns.wait_for_dead_letters(stack, 5)
    assert sorted(json.loads(one.body)["first_seq"] for one in letters) == [2, 3, 4, 7, 8]
    for letter in letters:
        parked = contract.parse(letter)
        assert parked["recipients"][0]["attributes"] == own[parked["first_seq"] - 1]
        assert letter.properties.headers["reason"].strip()
        assert letter.properties.headers["version"] == 2
    campaigns.wait_for_status(stack, campaign_id, "failed")
    assert documents(stack, campaign_id)[:len(stored)] == stored


def test_a_field_that_is_there_twice_is_a_conflict(stack, consumer):
    """Duplicates and conflicts: a document that has one of the compared fields twice is a conflict,
    whichever value is right; one that has another field twice is not."""
    own, other = {"a": 1.5, "b": "x"}, {"a": 1.5, "b": "y"}
    doubled = campaigns.raw_document([("a", 2.5), *own.items()])
    # The second value of what, for each seq from 1 on; then what stands before the right one.
    behind = [("message", "other"), ("message", "own"), ("attributes", other), ("mine", 1)]
    before = [("message", "other"), ("identifier", 7), ("attributes", other), ("attributes", doubled)]
    numbers = campaigns.make_numbers(len(behind + before), seed=21)
    campaign_id = campaigns.create(stack, ["+88800000000001"])
    campaigns.add_recipients(stack, campaign_id, [("VIP", one, "own", own) for one in numbers])
    campaigns.dispatch(stack, campaign_id)
    message, = take_published(stack, campaign_id, len(numbers))
    stored = []
    for one in expected_documents([json.loads(message.body)]):
        stored.append([*{**one, "seq": bson.Int64(one["seq"]), "message": "own", "attributes": own}.items()])
    for pairs, pair in zip(stored, behind):
        pairs.append(pair)
    stored[3].insert(0, ("mine", 2))
    for pairs, pair in zip(stored[len(behind):], before):
        pairs.insert(1, pair)
    stored[7] = [pair for pair in stored[7] if pair != ("attributes", own)]
    stack.messages.insert_many(map(campaigns.raw_document, stored))
    campaigns.publish(stack, [message])
    consumer.start()
    letters = campaigns.wait_for_dead_letters(stack, 7)
    assert sorted(json.loads(one.body)["first_seq"] for one in letters) == [1, 2, 3, 5, 6, 7, 8]
    campaigns.wait_for_status(stack, campaign_id, "failed")


def test_a_conflict_is_parked_and_the_campaign_fails(stack, consumer):
    """Duplicates and conflicts: another number in the place is not overwritten: dead letter,
    failed campaign, and the others are stored."""
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
    assert letter.properties.headers["reason"].strip()
    campaigns.wait_for_stored(stack, campaign_id, len(numbers))
    found = documents(stack, campaign_id)
    assert found[2] == other
    del found[2], numbers[2]
    assert [one["phone_number"] for one in found] == numbers
    assert campaigns.status(stack, campaign_id)["status"] == "failed"


def test_what_was_stored_but_not_reported_is_met_again(stack, consumer):
    """Duplicates and conflicts: what somebody stored and did not report is recognised, and stays
    as it is."""
    campaign_id = campaigns.send(stack, campaigns.make_numbers(AHEAD, seed=12))
    first, second = take_published(stack, campaign_id, AHEAD)
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


@pytest.fixture
def refusing(stack):
    """MongoDB refuses one number for good, by a rule and by a unique index."""
    other, taken = campaigns.make_numbers(2, seed=19)
    stack.messages.insert_one({"_id": b"other", "phone_number": taken})
    index = {"key": {"phone_number": 1}, "name": "test", "unique": True,
             "partialFilterExpression": {"phone_number": taken}}
    stack.messages.database.command("collMod", "messages", validator={"phone_number": {"$ne": other}})
    stack.messages.database.command("createIndexes", "messages", indexes=[index])
    yield [other, taken]
    stack.messages.drop_index("test")
    stack.messages.database.command("collMod", "messages", validator={})
    stack.messages.delete_one({"_id": b"other"})


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "parallel"])
def test_what_mongodb_refuses_for_good_is_a_conflict(stack, consumer, refusing, ordered):
    """Duplicates and conflicts: a document that breaks a rule or a unique index is a dead letter,
    and those behind it are stored."""
    numbers = campaigns.make_numbers(300, seed=20)
    numbers[100], numbers[260] = refusing
    campaign_id = campaigns.send(stack, numbers, ordered=ordered)
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "failed")
    letters = campaigns.wait_for_dead_letters(stack, 2)
    assert [contract.parse(one)["first_seq"] for one in letters] == [101, 261]
    campaigns.wait_for_stored(stack, campaign_id, 298)
    assert [one["phone_number"] for one in documents(stack, campaign_id)] == \
        [one for one in numbers if one not in refusing]
    assert campaigns.status(stack, campaign_id)["failed"] == 2
