#!/usr/bin/python3
"""foreign_consumer.py - a consumer in another language, written from docs/contract alone.

    AMQP_URL=… MONGODB_URI=… DATABASE_URL=… foreign_consumer.py

Takes the place of campaign-consumer in the tests of the contract: receive, decode, store,
report, ack, in a thread for each queue. It is slow and simple; whatever fails, the thread starts
over with new connections, which the contract allows. Must never know anything that docs/contract
does not say, so it shares no code with the other tests.
"""
import itertools
import json
import os
import signal
import sys
import threading
import time

import pika
import psycopg2
import pymongo

from foreign_message import (BODY_MAX, Rejected, Stored, alone, decode, document_id, documents_of, end_of, headers_of, host_at,
                             last_of, left_out_of, missing_and_other, parse_multirange, runs, seq_of, settings)
from foreign_queue import PARALLEL, PARTITIONS, Subscription

SEQ_MAX = 1099511627775
TRUST_S = 2.0
CONNECT_S = 3
END_S = 5  # for what is in hand when it is told to end
LOCK_WAIT_S = 0.2  # before a report is tried again that met a client
REFUSALS = (11000, 121)  # a duplicate key, a validation rule
COLLECTION_EXISTS = 48


class Campaign:
    """What PostgreSQL and MongoDB say about a campaign."""

    def __init__(self, totals, following):
        self.totals = totals
        self.next = following
        self.read_at = time.monotonic()

    def is_old(self):
        return time.monotonic() - self.read_at >= TRUST_S


class ForeignConsumer:
    """Runs in threads between start() and stop(). `failures` is why it had to start over;
    `versions` are those that it was written for."""

    def __init__(self, amqp_url, mongodb_uri, database_url, versions=(1, 2, 3)):
        self._versions = versions
        self._amqp_url = amqp_url
        self._mongodb_uri = mongodb_uri
        self._database_url = database_url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(queue,), daemon=True)
                         for queue in PARTITIONS + [PARALLEL]]
        self.failures = []

    def start(self):
        for one in self._threads:
            one.start()

    def stop(self):
        self._stop.set()
        for one in self._threads:
            if one.ident is not None:
                one.join(timeout=30)
            assert not one.is_alive(), "the foreign consumer did not stop"

    def _run(self, queue):
        wait_s = 0.1
        for turn in itertools.count():
            if self._stop.is_set():
                break
            try:
                with Session(host_at(self._amqp_url, turn), self._mongodb_uri, self._database_url,
                             queue, self._versions, self._stop) as session:
                    session.subscribe()
                    wait_s = 0.1
                    session.run()
            except Exception as error:  # pylint: disable=broad-except
                self.failures.append(repr(error))
                print(f"starts over: {error!r}", file=sys.stderr, flush=True)
                self._stop.wait(wait_s)
                wait_s = min(2 * wait_s, 5.0)


class Session:
    """Of one queue, from one connect to the next: nothing that it remembers outlives its
    connections. The stores come first: who cannot store must not hold a queue."""

    def __init__(self, amqp_url, mongodb_uri, database_url, queue, versions, stop):
        self.subscription = Subscription(amqp_url, queue)
        self.stop = stop
        self.versions = versions
        self.database_url = database_url
        self.postgres = None
        self.mongo = pymongo.MongoClient(mongodb_uri, tz_aware=True, connectTimeoutMS=CONNECT_S * 1000,
                                         serverSelectionTimeoutMS=CONNECT_S * 1000)
        self.campaigns = {}
        self.gaps = {}
        self.messages = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.subscription.close()
        if self.postgres is not None:
            self.postgres.close()
        self.mongo.close()

    def subscribe(self):
        self.postgres = psycopg2.connect(self.database_url, connect_timeout=CONNECT_S,
                                         target_session_attrs="read-write")
        self.postgres.autocommit = True
        self.prepare_collection()
        self.subscription.open()

    def run(self):
        while not self.stop.is_set():
            self.subscription.receive(time_limit=0.05)
            while self.subscription.waiting and not self.stop.is_set():
                self.handle(self.subscription.waiting.popleft())
            self.subscription.listen()

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
            read_concern=pymongo.read_concern.ReadConcern("majority"),
            read_preference=pymongo.ReadPreference.PRIMARY)

    # One message -------------------------------------------------------------------------

    def handle(self, delivery):
        try:
            batch = decode(delivery.properties, delivery.body, self.versions)
            self.admit(batch)
        except Rejected as reason:
            self.subscription.bury(delivery.properties, delivery.body[:BODY_MAX], str(reason))
        self.subscription.ack(delivery)

    def admit(self, batch):
        """Stores and reports what there is to store; returns when the message may be acked."""
        ordered = self.subscription.queue != PARALLEL
        campaign = self.check_known(batch, ordered)
        first, last = batch["first_seq"], last_of(batch)
        following = campaign.next[batch["class"]] if ordered else first
        if not first <= following <= last and campaign.is_old():
            campaign = self.read_back(batch["campaign_id"], ordered)
            following = campaign.next[batch["class"]]
        # Behind all that may have to wait for a client.
        if self.is_stopped(batch):
            self.leave_out(batch)
            return
        if first > following:
            self.report_gap(batch["campaign_id"], batch["class"], following)
            return
        self.store_and_report(batch, following)
        campaign.next[batch["class"]] = max(following, last + 1)

    def check_known(self, batch, ordered):
        last = last_of(batch)
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
        totals, following, lost = {}, {}, []
        rows = self.call("SELECT class, total, stored_through, failed::text"
                         " FROM campaign.report_open(%s)", campaign_id)
        for name, total, stored_through, failed in rows:
            totals[name] = total
            following[name] = stored_through + 1
            if ordered:
                highest = self.highest(campaign_id, name)
                while (end := end_of(parse_multirange(failed), highest + 1)) > highest:
                    highest = end
                following[name] = min(highest, stored_through) + 1
                lost += [name] if highest < stored_through else []
        self.campaigns[campaign_id] = Campaign(totals, following)
        for name in lost:
            self.report_gap(campaign_id, name, following[name])
        return self.campaigns[campaign_id]

    def highest(self, campaign_id, name):
        found = self.messages.find(self.places(campaign_id, name, 0, SEQ_MAX), {"_id": 1})
        return next(map(seq_of, found.sort("_id", -1).limit(1)), 0)

    def places(self, campaign_id, name, first, last):
        return {"_id": {"$gte": document_id(campaign_id, name, first),
                        "$lte": document_id(campaign_id, name, last)}}

    def is_stopped(self, batch):
        """Whether nothing of it may be stored. Behind a deadline what reaches nobody goes on."""
        reaches_somebody = any(one is not None for one in batch["recipients"])
        return bool(self.call("SELECT FROM campaign.report_stopped(%s) WHERE halted OR valid_ms = 0 AND %s",
                              [batch["campaign_id"]], reaches_somebody))

    def stored(self, batch):
        """The seqs of the batch that MongoDB has."""
        places = self.places(batch["campaign_id"], batch["class"], batch["first_seq"], last_of(batch))
        return set(map(seq_of, self.messages.find(places, {"_id": 1})))

    def leave_out(self, batch):
        """Of a halted campaign: what is stored is reported, nothing else."""
        for first, last, is_stored in runs(batch["first_seq"], last_of(batch), self.stored(batch)):
            if is_stored:
                self.report(batch["campaign_id"], batch["class"], [(first, last, False)])
        self.campaigns.pop(batch["campaign_id"], None)

    # Store, report -----------------------------------------------------------------------

    def store_and_report(self, batch, following):
        refused, halted = self.store(batch, following)
        # Behind all that is stored: a report may have to wait, and the campaign be paused meanwhile.
        for document, reason in refused:
            self.refused(batch, document, reason)
        if halted:
            self.leave_out(batch)
            return
        left_out = set(left_out_of(batch))
        if left_out:
            left_out -= self.stored(batch)
        self.report(batch["campaign_id"], batch["class"],
                    runs(batch["first_seq"], last_of(batch), left_out))

    def store(self, batch, following):
        """What MongoDB refuses, with the reason; whether it was halted meanwhile."""
        documents = [one for one in documents_of(batch) if one["seq"] >= following]
        refused = []
        while documents:
            try:
                self.messages.insert_many(documents, ordered=True)
                break
            except pymongo.errors.BulkWriteError as error:
                first = error.details["writeErrors"][0]
                if first["code"] not in REFUSALS or error.details["writeConcernErrors"]:
                    raise
                documents = documents[first["index"]:]
                if "_id" in first.get("keyPattern", {}):
                    documents, conflicts = self.compare(documents)
                    refused += [(one, "conflict: stored with other content") for one in conflicts]
                else:
                    refused.append((documents.pop(0), first["errmsg"][:200]))
            # MongoDB may have taken its time.
            if self.is_stopped(batch):
                return refused, True
        return refused, False

    def compare(self, documents):
        """Behind a duplicate key. After a crash all may be there: they are read at once."""
        places = {"_id": {"$gte": documents[0]["_id"], "$lte": documents[-1]["_id"]}}
        options = self.messages.codec_options.with_options(document_class=Stored)
        there = {seq_of(one): one for one in self.messages.with_options(codec_options=options).find(places)}
        if documents[0]["seq"] not in there:
            raise ConnectionError("a duplicate key that no majority shows")
        return missing_and_other(documents, there)

    def refused(self, batch, ours, reason):
        """Parks what will never be stored."""
        parked = alone(batch, int(ours["seq"]))
        properties = pika.BasicProperties(content_type="application/json", type="campaign.batch",
                                          headers=headers_of(parked))
        self.subscription.bury(properties, json.dumps(parked).encode(), reason)
        self.call("SELECT campaign.report_conflict(%s, %s, %s, %s)", batch["campaign_id"],
                  batch["class"], parked["first_seq"], reason)

    def report_gap(self, campaign_id, name, following):
        """Once for each `next`, and again if nothing came of it."""
        gap = (campaign_id, name, following)
        if time.monotonic() - self.gaps.get(gap, float("-inf")) < TRUST_S:
            return
        self.call("SELECT campaign.report_gap(%s, %s, %s)", *gap)
        self.gaps[gap] = time.monotonic()

    def report(self, campaign_id, name, ranges):
        """Reports ranges of a class; looks at MongoDB where that would end the campaign."""
        firsts, lasts, suppressed = map(list, zip(*ranges))
        checked = []
        while True:
            rows = self.call(
                "SELECT class, total, left_out FROM campaign.report_checked(%s::text[], %s::text[],"
                " %s::bigint[], %s::bigint[], %s::text[], %s::boolean[])",
                [campaign_id] * len(ranges), [name] * len(ranges), firsts, lasts, checked, suppressed)
            unchecked = [row for row in rows if row[0] is not None]
            for row in unchecked:
                self.look(campaign_id, *row)
            if not unchecked:
                return
            checked = [campaign_id]

    def look(self, campaign_id, name, total, left_out):
        """Asks for what MongoDB has lost of a class."""
        places = self.places(campaign_id, name, 1, total)
        if self.messages.count_documents(places) >= total - left_out:
            return
        refused = self.call("SELECT failed::text FROM campaign.report_open(%s) WHERE class = %s",
                            campaign_id, name)[0][0]
        there = set(map(seq_of, self.messages.find(places, {"_id": 1})))
        missing = next((seq for seq in range(1, total + 1) if seq not in there
                        and end_of(parse_multirange(refused), seq) < seq), None)
        if missing is not None:
            self.call("SELECT campaign.report_gap(%s, %s, %s)", campaign_id, name, missing)
            raise ConnectionError("MongoDB has lost documents, of what is in hand, too, perhaps")

    def call(self, query, *values):
        """Tried again as long as a client holds what it changes."""
        while True:
            try:
                with self.postgres.cursor() as cursor:
                    cursor.execute(query, values)
                    return cursor.fetchall()
            except psycopg2.errors.LockNotAvailable:
                if self.stop.is_set():
                    raise
                self.subscription.sleep(LOCK_WAIT_S)  # with heartbeats


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    consumer = ForeignConsumer(*settings())
    consumer.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    silent = threading.Timer(END_S, os._exit, [0])  # what is not done by then is delivered again
    silent.daemon = True
    silent.start()
    consumer.stop()


if __name__ == "__main__":
    main()
