"""foreign_queue.py - a queue of RabbitMQ and the way to the dead letters as docs/contract describes
them: the part of foreign_consumer.py that speaks AMQP.

Must never know anything that docs/contract does not say.
"""
import collections
import time

import pika

PARTITIONS = [f"campaign.messages.{number}" for number in range(4)]
PARALLEL = "campaign.parallel"
PREFETCH = 32
QUIET_S = 2.0  # without a message, before a queue is looked at
SILENT_S = 3.0  # with messages that do not come, before it is subscribed to again

Delivery = collections.namedtuple("Delivery", "channel tag properties body")


class Subscription:
    """To one queue, over one connection. `waiting` is what has been delivered and not handled."""

    def __init__(self, amqp_url, queue):
        self.queue = queue
        self.waiting = collections.deque()
        self._amqp_url = amqp_url
        self._rabbit = self._dead = None
        self._heard = time.monotonic()  # when something came, or the queue was looked at
        self._silent = None  # since when messages wait in it and do not come

    def open(self):
        self._rabbit = pika.BlockingConnection(pika.URLParameters(self._amqp_url))
        self._dead = self._rabbit.channel()
        self._declare()
        self._consume()

    def close(self):
        if self._rabbit is not None and self._rabbit.is_open:
            self._rabbit.close()

    def receive(self, time_limit):
        self._rabbit.process_data_events(time_limit=time_limit)

    def sleep(self, seconds):
        self._rabbit.sleep(seconds)

    def ack(self, delivery):
        delivery.channel.basic_ack(delivery.tag)
        self._heard = time.monotonic()
        self._silent = None

    def listen(self):
        """A subscription that delivers nothing while messages wait: starts over."""
        now = time.monotonic()
        if self.waiting or now - self._heard < QUIET_S:
            return
        self._heard = now
        found = self._dead.queue_declare(self.queue, passive=True).method
        # Another one may be the active one, and busy.
        if found.message_count == 0 or found.consumer_count > 1 or self.waiting:
            self._silent = None
        elif self._silent is None:
            self._silent = now
        elif now - self._silent >= SILENT_S:
            raise ConnectionError(f"{self.queue} delivers nothing")

    def _declare(self):
        self._dead.confirm_delivery()
        self._dead.exchange_declare("campaign.dead", "fanout", durable=True)
        quorum = {"x-queue-type": "quorum", **self._limit()}
        self._declare_queue("campaign.dead", "campaign.dead", quorum)
        self._dead.exchange_declare("campaign", "direct", durable=True)
        quorum = {**quorum, "x-dead-letter-exchange": "campaign.dead"}
        self._declare_queue("campaign", PARALLEL, quorum)
        for queue in PARTITIONS:
            self._declare_queue("campaign", queue, {**quorum, "x-single-active-consumer": True})

    def _limit(self):
        """RabbitMQ 4 and newer, which say so at login, would give messages up otherwise."""
        return {"x-delivery-limit": 2147483647} if self._version() >= 4 else {}

    def _version(self):
        version = self._rabbit._impl.server_properties["version"]  # pylint: disable=protected-access
        return int(version.split(".")[0])

    def _declare_queue(self, exchange, queue, arguments):
        self._dead.queue_declare(queue, durable=True, arguments=arguments)
        self._dead.queue_bind(queue, exchange, queue)

    def _consume(self):
        channel = self._rabbit.channel()
        channel.basic_qos(prefetch_count=PREFETCH)
        channel.add_on_cancel_callback(self._cancelled)
        channel.basic_consume(self.queue, lambda channel, method, properties, body:
                              self.waiting.append(Delivery(channel, method.delivery_tag, properties, body)))
        # Or it might go over to a new queue of that name by itself, and lose what it delivers.
        if self._version() < 4:
            channel.basic_qos(prefetch_count=PREFETCH, global_qos=True)

    @staticmethod
    def _cancelled(_method):
        raise ConnectionError("a queue was deleted")

    def bury(self, properties, body, reason):
        """Publishes a dead letter and waits for its confirm."""
        properties.headers = {**(properties.headers or {}), "reason": reason, "queue": self.queue}
        properties.delivery_mode = 2
        properties.user_id = None
        properties.expiration = None
        self._dead.basic_publish("campaign.dead", self.queue, body, properties, mandatory=True)
