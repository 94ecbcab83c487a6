"""batches.py - messages of the queue as the tests take, change and expect them: what they make of
docs/contract.
"""
import copy
import datetime
import json
import time

import bson

import campaigns
from campaigns import Captured

# What the worker publishes of a class while nothing is reported: two batches of 250.
AHEAD = 500
BSON_TYPES = {"_id": bytes, "identifier": str, "phone_number": str, "message": str,
              "campaign_id": str, "class": str, "seq": bson.Int64, "deleted": bool,
              "created_at": datetime.datetime, "updated_at": datetime.datetime}
# In the order in which they travel.
OWN = {"amount": 1234.5, "customer": "Ana \"✓\"", "id": 9007199254740993,
       "n": {"list": [1, -0.1, {}, []], "yes": True}, "none": None}


def take_published(stack, campaign_id, count, queue=None, timeout_s=30):
    """Takes so many recipients of a campaign out of its queue, which nobody else consumes: they are
    lost."""
    messages = []
    queue = queue or campaigns.queue_of(campaign_id)
    deadline = time.monotonic() + timeout_s
    with stack.channel() as channel:
        # A queue with a single active consumer knows no basic.get.
        for method, properties, body in channel.consume(queue, auto_ack=True,
                                                        inactivity_timeout=0.5):
            if method is not None and properties.headers["campaign_id"] == campaign_id:
                messages.append(Captured(method.routing_key, properties, body))
            if sum(one.properties.headers["count"] for one in messages) >= count:
                return messages
            assert time.monotonic() < deadline, f"no {count} recipients in {queue}: {messages}"
    raise AssertionError(f"{queue} was deleted")


def changed(message, /, headers=None, **fields):
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
            if recipient is None:
                continue
            _id = campaigns.document_id(body["campaign_id"], seq, body["class"])
            yield {**recipient, "_id": _id, "message": body["message"],
                   "campaign_id": body["campaign_id"], "class": body["class"], "seq": seq,
                   "deleted": False}


def malformed(message):
    """Messages that no consumer may store, by what is wrong with them."""
    first = json.loads(message.body)["recipients"][0]
    bodies = {
        "no JSON": b"{", "cut off": message.body[:-1], "empty": b"", "no object": b"[]",
        "not UTF-8": message.body.replace(b"Hello", b"Hell\xff"),
        "NUL": message.body.replace(b"Hello", b"Hell\\u0000"),
        "half a surrogate pair": message.body.replace(b"Hello", b"Hell\\ud800"),
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
    made["identifier too long"] = changed(message, recipients=[{**first, "identifier": "a" * 33}] * 3)
    made["a long text"] = changed(message, message="x" * 4097)
    made["nobody in version 1"] = changed(message, recipients=[None] * 3)
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


def stored_before(bodies):
    """The documents of these bodies, as somebody stored them long ago."""
    then = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)
    return [{**one, "seq": bson.Int64(one["seq"]), "created_at": then, "updated_at": then}
            for one in expected_documents(bodies)]
