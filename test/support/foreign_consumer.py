"""foreign_consumer.py - a consumer in another language, written from docs/contract alone.

Takes the place of campaign-consumer in the tests of the contract: receive, decode, store,
report, ack. It is slow and simple; whatever fails, it starts over with new connections, which
the contract allows. Must never know anything that docs/contract does not say, so it shares no
code with the other tests.
"""
import collections
import datetime
import hashlib
import json
import pathlib
import threading
import time

import bson
import jsonschema
import pika
import psycopg2
import pymongo

CONTRACT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "contract"
SCHEMAS = {version: json.loads((CONTRACT / name).read_text(encoding="utf-8"))
           for version, name in ((1, "batch.schema.json"), (2, "batch2.schema.json"))}
PARTITIONS = [f"campaign.messages.{number}" for number in range(4)]
PARALLEL = "campaign.parallel"
BODY_MAX = 131064
SEQ_MAX = 1099511627775
PREFETCH = 32
CLASSES = {"VIP": 0, "NORMAL": 1}
COMPARED = ("identifier", "phone_number", "message", "campaign_id", "attributes")
TRUST_S = 2.0
DUPLICATE_KEY = 11000
COLLECTION_EXISTS = 48

Delivery = collections.namedtuple("Delivery", "channel queue tag properties body")


class Rejected(Exception):
    """A message for the dead letters; the text is the reason."""


class Campaign:
    """What PostgreSQL and MongoDB say about a campaign."""

    def __init__(self, totals, following):
        self.totals = totals
        self.next = following
        self.read_at = time.monotonic()

    def is_old(self):
        return time.monotonic() - self.read_at >= TRUST_S


def document_id(campaign_id, class_name, seq):
    digest = hashlib.sha256(campaign_id.encode()).digest()
    return digest[:10] + bytes([CLASSES[class_name]]) + seq.to_bytes(5, "big")


def typed(value):
    """A value of attributes as MongoDB holds it: every whole number has 64 bits."""
    if isinstance(value, dict):
        return {key: typed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [typed(one) for one in value]
    return bson.Int64(value) if isinstance(value, int) and not isinstance(value, bool) else value


def own_fields(batch, recipient):
    """What the recipient brings; in version 1 these are unknown fields."""
    if batch["version"] == 1:
        return {}
    own = {"message": recipient["message"]} if "message" in recipient else {}
    if "attributes" in recipient:
        own["attributes"] = typed(recipient["attributes"])
    return own


def documents_of(batch):
    """The documents of a batch, as MongoDB will hold them."""
    now = datetime.datetime.now(datetime.timezone.utc)
    common = {"message": batch["message"], "campaign_id": batch["campaign_id"],
              "class": batch["class"]}
    for seq, recipient in enumerate(batch["recipients"], batch["first_seq"]):
        yield {"_id": bson.Binary(document_id(batch["campaign_id"], batch["class"], seq)),
               "identifier": recipient["identifier"], "phone_number": recipient["phone_number"],
               **common, **own_fields(batch, recipient), "seq": bson.Int64(seq),
               "created_at": now, "updated_at": now, "deleted": False}


def without_repeats(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Rejected("a field twice")
    return members


def strings_of(value):
    """All strings in a JSON value but the names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from strings_of(one)


def schema_for(batch, versions):
    """The schema of its version; the lowest one refuses what is no version."""
    version = batch.get("version") if isinstance(batch, dict) else None
    return SCHEMAS[version if version in versions else min(versions)]


def decode(properties, body, versions):
    """The checked batch of a message."""
    if len(body) > BODY_MAX:
        raise Rejected(f"body of more than {BODY_MAX} bytes")
    try:
        batch = json.loads(body.decode("utf-8"), object_pairs_hook=without_repeats)
        jsonschema.validate(batch, schema_for(batch, versions), jsonschema.Draft202012Validator)
    except ValueError as error:
        raise Rejected(str(error).splitlines()[0]) from error
    except jsonschema.ValidationError as error:
        raise Rejected(error.message.splitlines()[0][:200]) from error
    if any("\0" in text for text in strings_of(batch)):
        raise Rejected("U+0000 in a string")
    if batch["first_seq"] + len(batch["recipients"]) - 1 > batch["total"]:
        raise Rejected("more recipients than total")
    expected = {**batch, "count": len(batch["recipients"])}
    headers = properties.headers or {}
    for name in ("campaign_id", "class", "first_seq", "count", "total", "version"):
        if headers.get(name, expected[name]) != expected[name]:
            raise Rejected(f"header {name} disagrees with the body")
    return batch


class ForeignConsumer:
    """Runs in a thread between start() and stop(). `failures` is why it had to start over;
    `versions` are those that it was written for."""

    def __init__(self, amqp_url, mongodb_uri, database_url, versions=(1, 2)):
        self._versions = versions
        self._amqp_url = amqp_url
        self._mongodb_uri = mongodb_uri
        self._database_url = database_url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failures = []

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30)
        assert not self._thread.is_alive(), "the foreign consumer did not stop"

    def _run(self):
        wait_s = 0.1
        while not self._stop.is_set():
            try:
                Session(self._amqp_url, self._mongodb_uri, self._database_url,
                        self._versions).run(self._stop)
            except Exception as error:  # pylint: disable=broad-except
                self.failures.append(repr(error))
                self._stop.wait(wait_s)
                wait_s = min(2 * wait_s, 5.0)


class Session:
    """From one connect to the next: nothing that it remembers outlives its connections."""

    def __init__(self, amqp_url, mongodb_uri, database_url, versions):
        self.versions = versions
        self.rabbit = pika.BlockingConnection(pika.URLParameters(amqp_url))
        self.postgres = psycopg2.connect(database_url)
        self.postgres.autocommit = True
        self.mongo = pymongo.MongoClient(mongodb_uri, tz_aware=True,
                                         serverSelectionTimeoutMS=3000)
        self.dead = self.rabbit.channel()
        self.waiting = collections.deque()
        self.campaigns = {}
        self.gaps = {}
        self.messages = None

    def run(self, stop):
        try:
            self.prepare_collection()
            self.declare()
            self.consume()
            while not stop.is_set():
                self.rabbit.process_data_events(time_limit=0.05)
                while self.waiting and not stop.is_set():
                    self.handle(self.waiting.popleft())
        finally:
            if self.rabbit.is_open:
                self.rabbit.close()
            self.postgres.close()
            self.mongo.close()

    def prepare_collection(self):
        database = self.mongo.get_default_database("campaign")
        index = {"key": {"_id": 1}, "unique": True}
        try:
            database.command("create", "messages", clusteredIndex=index)
        except pymongo.errors.OperationFailure as error:
            if error.code != COLLECTION_EXISTS:
                raise
        self.messages = database.get_collection(
            "messages", write_concern=pymongo.WriteConcern("majority", j=True),
            read_concern=pymongo.read_concern.ReadConcern("majority"))

    def declare(self):
        self.dead.confirm_delivery()
        self.dead.exchange_declare("campaign.dead", "fanout", durable=True)
        quorum = {"x-queue-type": "quorum", **self.limit()}
        self.declare_queue("campaign.dead", "campaign.dead", quorum)
        self.dead.exchange_declare("campaign", "direct", durable=True)
        quorum = {**quorum, "x-dead-letter-exchange": "campaign.dead"}
        self.declare_queue("campaign", PARALLEL, quorum)
        for queue in PARTITIONS:
            self.declare_queue("campaign", queue, {**quorum, "x-single-active-consumer": True})

    def limit(self):
        """RabbitMQ 4 and newer, which say so at login, would give messages up otherwise."""
        version = self.rabbit._impl.server_properties["version"]  # pylint: disable=protected-access
        return {"x-delivery-limit": 2147483647} if int(version.split(".")[0]) >= 4 else {}

    def declare_queue(self, exchange, queue, arguments):
        self.dead.queue_declare(queue, durable=True, arguments=arguments)
        self.dead.queue_bind(queue, exchange, queue)

    def consume(self):
        for queue in PARTITIONS + [PARALLEL]:
            channel = self.rabbit.channel()
            channel.basic_qos(prefetch_count=PREFETCH)
            channel.add_on_cancel_callback(self.cancelled)
            channel.basic_consume(queue, lambda channel, method, properties, body, queue=queue:
                                  self.waiting.append(Delivery(channel, queue, method.delivery_tag,
                                                               properties, body)))

    @staticmethod
    def cancelled(_method):
        raise ConnectionError("a queue was deleted")

    # One message -------------------------------------------------------------------------

    def handle(self, delivery):
        try:
            batch = decode(delivery.properties, delivery.body, self.versions)
            self.admit(delivery.queue, batch)
        except Rejected as reason:
            self.bury(delivery.queue, delivery.properties, delivery.body, str(reason))
        delivery.channel.basic_ack(delivery.tag)

    def admit(self, queue, batch):
        """Stores and reports what there is to store; returns when the message may be acked."""
        last = batch["first_seq"] + len(batch["recipients"]) - 1
        if queue == PARALLEL:
            self.check_known(batch, last)
            self.store_and_report(queue, batch, batch["first_seq"])
            return
        campaign = self.check_known(batch, last, ordered=True)
        following = campaign.next[batch["class"]]
        if not batch["first_seq"] <= following <= last and campaign.is_old():
            campaign = self.read_back(batch["campaign_id"], ordered=True)
            following = campaign.next[batch["class"]]
        if batch["first_seq"] > following:
            self.report_gap(batch, following)
            return
        self.store_and_report(queue, batch, following)
        campaign.next[batch["class"]] = max(following, last + 1)

    def check_known(self, batch, last, ordered=False):
        campaign = self.campaigns.get(batch["campaign_id"])
        if campaign is None or (campaign.totals.get(batch["class"], 0) < last
                                and campaign.is_old()):
            campaign = self.read_back(batch["campaign_id"], ordered)
        if not campaign.totals:
            raise Rejected("unknown campaign")
        if batch["class"] not in campaign.totals:
            raise Rejected("the campaign has no recipients of this class")
        if last > campaign.totals[batch["class"]]:
            raise Rejected("more recipients than the campaign has")
        return campaign

    def read_back(self, campaign_id, ordered):
        totals, following = {}, {}
        rows = self.call("SELECT class, total, stored_through FROM campaign.report_open(%s)",
                         campaign_id)
        for name, total, stored_through in rows:
            totals[name] = total
            highest = self.highest(campaign_id, name) if ordered else 0
            following[name] = min(highest, stored_through) + 1
        self.campaigns[campaign_id] = Campaign(totals, following)
        return self.campaigns[campaign_id]

    def highest(self, campaign_id, name):
        bounds = {"$gte": document_id(campaign_id, name, 0),
                  "$lte": document_id(campaign_id, name, SEQ_MAX)}
        found = self.messages.find({"_id": bounds}, {"_id": 1}).sort("_id", -1).limit(1)
        return next((int.from_bytes(one["_id"][11:], "big") for one in found), 0)

    # Store, report -----------------------------------------------------------------------

    def store_and_report(self, queue, batch, following):
        documents = [one for one in documents_of(batch) if one["seq"] >= following]
        while documents:
            try:
                self.messages.insert_many(documents, ordered=True)
                break
            except pymongo.errors.BulkWriteError as error:
                first = error.details["writeErrors"][0]
                if first["code"] != DUPLICATE_KEY or error.details["writeConcernErrors"]:
                    raise
                self.compare(queue, batch, documents[first["index"]])
                documents = documents[first["index"] + 1:]
        self.report_stored(batch["campaign_id"], batch["class"], batch["first_seq"],
                           batch["first_seq"] + len(batch["recipients"]) - 1)

    def compare(self, queue, batch, ours):
        """A duplicate key: fine if the document says the same, parked if not."""
        theirs = self.messages.find_one({"_id": ours["_id"]})
        if theirs is None:
            raise ConnectionError("a duplicate key that no majority shows")
        if all(ours.get(name) == theirs.get(name) for name in COMPARED):
            return
        seq = int(ours["seq"])
        reason = "conflict: stored with other content"
        alone = {**batch, "first_seq": seq,
                 "recipients": [batch["recipients"][seq - batch["first_seq"]]]}
        headers = {"campaign_id": batch["campaign_id"], "class": batch["class"],
                   "first_seq": seq, "count": 1, "total": batch["total"]}
        if batch["version"] > 1:
            headers["version"] = batch["version"]
        properties = pika.BasicProperties(content_type="application/json", headers=headers,
                                          type="campaign.batch")
        self.bury(queue, properties, json.dumps(alone).encode(), reason)
        self.call("SELECT campaign.report_conflict(%s, %s, %s, %s)", batch["campaign_id"],
                  batch["class"], seq, reason)

    def bury(self, queue, properties, body, reason):
        """Publishes a dead letter and waits for its confirm."""
        properties.headers = {**(properties.headers or {}), "reason": reason, "queue": queue}
        properties.delivery_mode = 2
        properties.user_id = None
        properties.expiration = None
        self.dead.basic_publish("campaign.dead", queue, body, properties, mandatory=True)

    def report_gap(self, batch, following):
        """Once for each `next`, and again if nothing came of it."""
        gap = (batch["campaign_id"], batch["class"], following)
        if time.monotonic() - self.gaps.get(gap, float("-inf")) < TRUST_S:
            return
        self.call("SELECT campaign.report_gap(%s, %s, %s)", *gap)
        self.gaps[gap] = time.monotonic()

    def report_stored(self, campaign_id, name, first, last):
        self.call("SELECT campaign.report_stored(%s::text[], %s::text[], %s::bigint[],"
                  " %s::bigint[])", [campaign_id], [name], [first], [last])

    def call(self, query, *values):
        with self.postgres.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()
