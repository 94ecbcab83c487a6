"""cluster_stack.py - PostgreSQL and the programs in front of a cluster, and campaigns under load on it.

Must never help a campaign along: it makes them, waits, and looks.
"""
import contextlib

import pika
import psycopg2
import pymongo.errors

import campaigns
import proofs
from consumers import Consumer, environment
from fixtures import SETTINGS
from stack import QUEUES, Stack
from waiting import wait_until

# The stack has no other servers than these.
WITHOUT = ("nginx", "postgrest", "mailer", "smtp", "consumer", "mongod", "rabbitmq")
AWAY = (psycopg2.Error, pymongo.errors.PyMongoError)
# Slowly enough that a fault comes in the middle, in each of the queues.
PACE = {"campaign__publish_ahead": "20ms", "campaign__batch_size": "100", "campaign__rate": "1500"}
VIPS = [f"+8836{number:08d}" for number in range(600)]
NORMAL = campaigns.make_numbers(2_400, seed=800)
EACH = len(VIPS) + len(NORMAL)
BEYOND = 500
MOVES_S = 90
COMPLETION_S = 240


class ClusterStack(Stack):
    """A stack whose RabbitMQ and MongoDB are those of a cluster."""

    cluster = None

    @classmethod
    def before(cls, cluster, settings=()):
        # Nothing is published again that the broker has confirmed: it must not lose that.
        stack = cls.up([*SETTINGS, "campaign.stall_timeout=1h", *settings], WITHOUT)
        stack.cluster = cluster
        stack.env["MONGODB_URI"] = cluster.mongodb_uri()
        return stack

    def channel(self):
        return self.cluster.channel()

    @contextlib.contextmanager
    def clients_on(self, *members, only=False, **changes):
        """The worker and a consumer, both with these nodes first in their URLs, or with no other ones; yields the
        consumer."""
        url = self.cluster.amqp_url(*members, only=only)
        self.env["AMQP_URL"] = url
        with self.settings(campaign__amqp_url_file=str(self.amqp_url_file(url))):
            with Consumer(environment(self, **changes)) as consumer:
                try:
                    wait_until("it consumes", self._all_are_consumed, MOVES_S, ignoring=(pika.exceptions.AMQPError,))
                    yield consumer
                except BaseException:
                    self._show(consumer)
                    raise
                if consumer.process.poll() is None:
                    assert consumer.terminate(30) == 0

    def _show(self, consumer):
        """The ends of the logs."""
        print(consumer.log()[-5000:])
        for log in self.directory.glob("*.log"):
            print(f"{log.name}:\n{log.read_text(encoding='utf-8', errors='replace')[-5000:]}")

    def _all_are_consumed(self):
        with self.channel() as channel:
            return all(channel.queue_declare(queue, passive=True).method.consumer_count > 0 for queue in QUEUES)


def in_queue(stack, queue):
    """A draft of two classes that goes through this queue; its id."""
    ordered = queue != QUEUES[-1]
    while True:
        campaign_id = campaigns.create(stack, NORMAL, name=queue, ordered=ordered)
        if not ordered or campaigns.queue_of(campaign_id) == queue:
            stack.one("SELECT campaign_upload(%s, %s::text, class => 'VIP')", campaign_id,
                      campaigns.numbers_file(VIPS))
            return campaign_id
        stack.one("SELECT campaign_cancel(%s)", campaign_id)


class Load:
    """A campaign in each queue, of VIP and NORMAL."""

    def __init__(self, stack):
        self.stack = stack
        self.ids = {in_queue(stack, queue): queue for queue in QUEUES}
        for campaign_id in self.ids:
            campaigns.dispatch(stack, campaign_id)
        self.total = len(self.ids) * EACH

    def stored(self):
        return sum(self.counts().values())

    def wait_for(self, share):
        """A part is stored, and not all of it."""
        count = int(self.total * share)
        wait_until(f"{count} documents", lambda: self.stored() >= count, COMPLETION_S, 0.02, AWAY)
        assert self.stored() < self.total, "complete before the fault: raise the numbers"

    def published(self):
        return [campaigns.status(self.stack, one)["published"] for one in self.ids]

    def reason(self, piece):
        """Whether each campaign's health says this."""
        return all(piece in (self.stack.one("SELECT campaign_health(%s)", one)["reason"] or "") for one in self.ids)

    def counts(self):
        return {one: campaigns.count_documents(self.stack, one) for one in self.ids}

    def wait_for_more(self, timeout=MOVES_S, complete=False):
        """Each campaign gets going, beyond what was on its way already; complete: or is stored by now, because the
        fault took its time to begin."""
        def moved():
            return all(count >= min(before[one] + BEYOND, EACH) for one, count in self.counts().items())
        before = wait_until("MongoDB answers", self.counts, timeout, ignoring=AWAY)
        assert complete or min(before.values()) < EACH, "complete before the fault: raise the numbers"
        wait_until(f"more than {before} is stored", moved, timeout, 0.05, AWAY)

    def finish(self):
        """All of it is stored once, in order, VIP before NORMAL, and the proofs say so."""
        for campaign_id, queue in self.ids.items():
            campaigns.wait_for_status(self.stack, campaign_id, "sent", COMPLETION_S, AWAY)
            ordered = queue != QUEUES[-1]
            for kind, numbers in (("VIP", VIPS), ("NORMAL", NORMAL)):
                campaigns.assert_delivered(self.stack, campaign_id, numbers, class_name=kind, ordered=ordered)
            self._assert_barrier(campaign_id)
            answer = proofs.verify(self.stack, campaign_id)
            assert answer["ok"], answer
        assert not campaigns.dead_letters(self.stack)

    def _assert_barrier(self, campaign_id):
        kinds = [kind for kind, _ in campaigns.insertion_order(self.stack, campaign_id)]
        assert kinds == ["VIP"] * len(VIPS) + ["NORMAL"] * len(NORMAL)
