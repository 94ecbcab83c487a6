"""campaigns.py - campaigns as the tests make them and look at them in all three servers.

Must never correct what it sees: it reads, and fails.
"""
import contextlib
import hashlib
import json
import random
import re
from dataclasses import dataclass

import bson
import pika
from bson import Timestamp
from bson.raw_bson import RawBSONDocument

from stack import DEAD, EXCHANGE, QUEUES
from waiting import wait_until

CUID2 = re.compile(r"[a-z][0-9a-z]{23}")
CLASS_NUMBER = {"VIP": 0, "NORMAL": 1}


def make_numbers(n, seed=1):
    """n different numbers in a seeded random order, under a country code that nobody uses any more."""
    return [f"+888{number:011d}" for number in random.Random(seed).sample(range(10 ** 8), n)]


def numbers_file(numbers):
    return "\n".join(numbers) + "\n"


def create(stack, numbers, *, name="test", message="Hello", ordered=True):
    """A draft with these numbers; its id."""
    campaign_id = stack.one("SELECT campaign_create(%s, %s, ordered => %s)", name, message, ordered)
    stack.one("SELECT campaign_upload(%s, %s::text)", campaign_id, numbers_file(numbers))
    return campaign_id


def add_recipients(stack, campaign_id, recipients):
    """Adds (class, number, text or None, attributes or None) to a draft; how many."""
    classes, numbers, texts, attributes = map(list, zip(*recipients))
    return stack.one(
        "SELECT campaign.recipients_add(%s, %s::campaign.recipient_class[], %s, %s, %s::jsonb[])",
        campaign_id, classes, numbers, texts,
        [None if one is None else json.dumps(one) for one in attributes])


def dispatch(stack, campaign_id):
    return stack.one("SELECT campaign_dispatch(%s)", campaign_id)


def send(stack, numbers, **options):
    """A dispatched campaign with these numbers; its id."""
    campaign_id = create(stack, numbers, **options)
    dispatch(stack, campaign_id)
    return campaign_id


def status(stack, campaign_id):
    return stack.one("SELECT campaign_status(%s)", campaign_id)


def wait_for_status(stack, campaign_id, wanted, timeout=60, ignoring=()):
    """Waits for a status that lasts; answers campaign_status()."""
    def reached():
        answer = status(stack, campaign_id)
        seen.update(answer)
        return answer if answer["status"] == wanted else None
    seen = {}
    try:
        return wait_until(f"campaign {campaign_id} is {wanted}", reached, timeout,
                          ignoring=ignoring)
    except AssertionError as error:
        raise AssertionError(f"{error}; status: {seen}") from None


def wait_for_stored(stack, campaign_id, count, timeout=60):
    """Waits until MongoDB holds at least this many documents of the campaign."""
    wait_until(f"{count} documents of {campaign_id}",
               lambda: count_documents(stack, campaign_id) >= count, timeout, interval=0.01)


def count_documents(stack, campaign_id):
    return stack.messages.count_documents(of_campaign(campaign_id))


def of_campaign(campaign_id):
    """A filter by the range of document ids: fast without an index on campaign_id."""
    prefix = hashlib.sha256(campaign_id.encode()).digest()[:10]
    return {"_id": {"$gte": prefix + b"\0" * 6, "$lte": prefix + b"\xff" * 6}}


def document_id(campaign_id, seq, class_name="NORMAL"):
    """The _id that docs/contract gives to a message."""
    prefix = hashlib.sha256(campaign_id.encode()).digest()[:10]
    return prefix + bytes([CLASS_NUMBER[class_name]]) + seq.to_bytes(5, "big")


def queue_of(campaign_id):
    """The queue of an ordered campaign."""
    number = int.from_bytes(hashlib.sha256(campaign_id.encode()).digest()[:4], "big")
    return QUEUES[number % (len(QUEUES) - 1)]


def documents_of(stack, campaign_id):
    """All documents with this campaign_id, whatever their _id, by class and seq."""
    documents = list(stack.messages.find({"campaign_id": campaign_id}))
    return sorted(documents, key=lambda one: (CLASS_NUMBER[one["class"]], one["seq"]))


def raw_document(pairs):
    """A document of these fields, of which one may be there twice."""
    body = b"".join(bson.encode({name: value})[4:-1] for name, value in pairs)
    return RawBSONDocument((len(body) + 5).to_bytes(4, "little") + body + b"\0")


def oplog_inserts(entry):
    """The inserts of an oplog entry; a server may group several in one."""
    if entry["op"] == "i":
        yield entry["ns"], entry["o"]
    elif entry["op"] == "c" and "applyOps" in entry["o"]:
        for inner in entry["o"]["applyOps"]:
            yield from oplog_inserts(inner)


def insertions(stack, campaign_id):
    """(time, class, seq) of the campaign's documents in the order in which MongoDB wrote them."""
    oplog = stack.mongo["local"]["oplog.rs"]
    created = stack.one("SELECT extract(epoch FROM created_at)::bigint FROM campaign.campaigns"
                        " WHERE id = %s", campaign_id)
    # The server finds the start by time: older entries are not read.
    candidates = {"ts": {"$gte": Timestamp(created - 1, 0)},
                  "$or": [{"op": "i", "o.campaign_id": campaign_id},
                          {"op": "c", "o.applyOps.o.campaign_id": campaign_id}]}
    order = []
    for entry in oplog.find(candidates).sort("$natural", 1):
        for namespace, inserted in oplog_inserts(entry):
            if namespace == "campaign.messages" and inserted["campaign_id"] == campaign_id:
                order.append((entry["wall"], inserted["class"], inserted["seq"]))
    return order


def insertion_order(stack, campaign_id):
    """(class, seq) of the campaign's documents in the order in which MongoDB wrote them."""
    return [(kind, seq) for _, kind, seq in insertions(stack, campaign_id)]


def assert_delivered(stack, campaign_id, numbers, *, class_name="NORMAL", ordered=True):
    """As assert_stored(), and no proof says otherwise."""
    assert_stored(stack, campaign_id, numbers, class_name=class_name, ordered=ordered)
    answer = stack.one("SELECT campaign_verify(%s)", campaign_id)
    # Without a consumer nobody makes a proof: null, which is not false.
    assert answer["ok"] is not False and answer["expected"] == answer["stored"], answer


def assert_stored(stack, campaign_id, numbers, *, class_name="NORMAL", ordered=True):
    """Each number is one document, in order; MongoDB wrote them once, in order; it is sent."""
    documents = [one for one in documents_of(stack, campaign_id) if one["class"] == class_name]
    assert [one["seq"] for one in documents] == list(range(1, len(numbers) + 1))
    assert [one["phone_number"] for one in documents] == numbers
    assert_identifiers_differ(stack, campaign_id)
    identifiers = {one["identifier"] for one in documents}
    assert all(map(CUID2.fullmatch, identifiers))
    written = [seq for kind, seq in insertion_order(stack, campaign_id) if kind == class_name]
    if not ordered:
        written.sort()
    assert written == list(range(1, len(numbers) + 1)), "not written once each, in order"
    assert status(stack, campaign_id)["status"] == "sent"


def assert_identifiers_differ(stack, campaign_id):
    """No two documents of the campaign, of whatever class, have the same identifier."""
    identifiers = [one["identifier"] for one in documents_of(stack, campaign_id)]
    assert len(set(identifiers)) == len(identifiers), "identifiers repeat"


# Messages of the broker ---------------------------------------------------------------------


@dataclass
class Captured:
    """A message as the broker had it."""
    routing_key: str
    properties: pika.BasicProperties
    body: bytes


def drain(channel, queue):
    """Takes all messages out of a queue."""
    taken = []
    while True:
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return taken
        taken.append(Captured(method.routing_key, properties, body))


def dead_letters(stack):
    """Takes all dead letters: what a test does not take fails it."""
    with stack.channel() as channel:
        return drain(channel, DEAD)


def dead_letter_count(stack):
    with stack.channel() as channel:
        return channel.queue_declare(DEAD, passive=True).method.message_count


def wait_for_dead_letters(stack, count, timeout=20):
    wait_until(f"{count} dead letters", lambda: dead_letter_count(stack) >= count, timeout)
    return dead_letters(stack)


def publish(stack, messages):
    """Publishes Captured messages again, as they were."""
    with stack.channel() as channel:
        for one in messages:
            channel.basic_publish(EXCHANGE, one.routing_key, one.body, one.properties,
                                  mandatory=True)


@contextlib.contextmanager
def capture(stack):
    """A queue that gets a copy of all that the worker publishes; yields a function that
    takes what is in it; its count() says how much that is."""
    name = f"test.capture.{random.getrandbits(48):x}"
    with stack.channel() as channel:
        channel.queue_declare(name, durable=True)
        for queue in QUEUES:
            channel.queue_bind(name, EXCHANGE, queue)

    def take():
        with stack.channel() as channel:
            return drain(channel, name)

    def count():
        with stack.channel() as channel:
            return channel.queue_declare(name, passive=True).method.message_count
    take.count = count
    try:
        yield take
    finally:
        with stack.channel() as channel:
            channel.queue_delete(name)


def lift_publish_ahead(stack, campaign_id, total):
    """Everything but the last recipient counts as stored: only the broker limits publishing."""
    stack.sql("UPDATE campaign.progress SET stored = int8multirange(int8range(1, %s))"
              " WHERE campaign_id = %s", total, campaign_id)


def wait_until_handled(stack, queues=QUEUES, timeout=60):
    """Waits until the consumer has handled what these queues hold: a campaign of one number
    behind it is sent. What RabbitMQ counts is seconds old, and says nothing of the consumer."""
    for campaign_id in [witness(stack, queue) for queue in queues]:
        wait_for_status(stack, campaign_id, "sent", timeout)


def witness(stack, queue):
    """A dispatched campaign that goes through this queue; its id."""
    ordered = queue in QUEUES[:-1]
    while True:
        campaign_id = create(stack, make_numbers(1), name="witness", ordered=ordered)
        if not ordered or queue_of(campaign_id) == queue:
            dispatch(stack, campaign_id)
            return campaign_id
        stack.one("SELECT campaign_cancel(%s)", campaign_id)
