"""amqp_proxy.py - stands between worker or consumer and the real broker, counts what passes and delays
it: confirms that are held back, a broker that does not read or answer, deliveries that do not arrive.

Must never invent a frame: what it lets through is what the other side said, a confirm of several
batches at most in two parts.
"""
import contextlib
import socket
import struct
import threading
from urllib.parse import urlsplit

METHOD_FRAME = 1
HEADER_FRAME = 2
PROTOCOL_HEADER_LENGTH = 8
FRAME_OVERHEAD = 8
CHANNEL_OPEN = (20, 10)
CHANNEL_CLOSE = (20, 40)
QUEUE_DECLARE = (50, 10)
BASIC_CONSUME = (60, 20)
BASIC_PUBLISH = (60, 40)
BASIC_DELIVER = (60, 60)
BASIC_ACK = (60, 80)
NO_LIMIT = 2 ** 63


def method_of(frame):
    """(class, method) of a frame; None if it is of another type."""
    return struct.unpack_from(">HH", frame, 7) if frame[0] == METHOD_FRAME else None


def ack_frame(channel, tag, multiple):
    payload = struct.pack(">HHQB", *BASIC_ACK, tag, multiple)
    return struct.pack(">BHI", METHOD_FRAME, channel, len(payload)) + payload + b"\xce"


class AmqpProxy:
    """Listens on a port of its own. Everything passes until it is told otherwise."""

    def __init__(self, url):
        self.broker = (urlsplit(url).hostname, urlsplit(url).port)
        self.lock = threading.Lock()
        self.counts = {}                # (class, method) that the worker has sent: how often
        self.confirm_limit = NO_LIMIT   # confirms of later tags are held
        self.held = []                  # (channel, tag, multiple)
        self.swallow = 0                # so many of the next deliveries do not arrive
        self.reading = threading.Event()
        self.reading.set()
        self.answering = threading.Event()  # what the broker says is let through
        self.answering.set()
        self.client = None              # the newest connection of the worker
        self.listener = socket.socket()
        # Inherited by what it accepts: little of what the worker sends finds room here.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.url = url.replace(f":{self.broker[1]}/", f":{self.listener.getsockname()[1]}/")
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.reading.set()
        self.answering.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.client is not None:
            with contextlib.suppress(OSError):
                self.client.shutdown(socket.SHUT_RDWR)

    def count(self, method):
        """How often the worker has sent this method."""
        with self.lock:
            return self.counts.get(method, 0)

    def hold_confirms(self, after=0):
        """Confirms of later tags wait here for release()."""
        with self.lock:
            self.confirm_limit = after

    def release(self, up_to=NO_LIMIT):
        with self.lock:
            self.confirm_limit = up_to
            held, self.held = self.held, []
            for channel, tag, multiple in held:
                self._confirm(channel, tag, multiple)

    def _confirm(self, channel, tag, multiple):
        if tag <= self.confirm_limit:
            self.client.sendall(ack_frame(channel, tag, multiple))
            return
        if multiple and self.confirm_limit > 0:
            self.client.sendall(ack_frame(channel, self.confirm_limit, True))
        self.held.append((channel, tag, multiple))

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                broker = socket.create_connection(self.broker)
            except OSError:
                return
            with self.lock:
                self.client, self.held = client, []
            for target, here, there in ((self._upstream, client, broker),
                                        (self._downstream, broker, client)):
                threading.Thread(target=self._pass, args=(target, here, there),
                                 daemon=True).start()

    @staticmethod
    def _pass(target, here, there):
        with contextlib.suppress(OSError):
            target(here, there)
        for one in (here, there):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _upstream(self, client, broker):
        broker.sendall(receive(client, PROTOCOL_HEADER_LENGTH))
        while frame := receive_frame(client, self.reading):
            with self.lock:
                method = method_of(frame)
                self.counts[method] = self.counts.get(method, 0) + 1
            broker.sendall(frame)

    def swallow_deliveries(self, count):
        """The next deliveries do not arrive: the broker waits for their acks."""
        with self.lock:
            self.swallow = count

    def _swallows(self, frame):
        """Whether a delivery begins that is not to arrive."""
        if method_of(frame) != BASIC_DELIVER or self.swallow == 0:
            return False
        self.swallow -= 1
        return True

    def _downstream(self, broker, client):
        while frame := receive_frame(broker, self.answering):
            with self.lock:
                if self._swallows(frame):
                    receive_content(broker)
                elif method_of(frame) == BASIC_ACK:
                    channel, = struct.unpack_from(">H", frame, 1)
                    tag, multiple = struct.unpack_from(">QB", frame, 11)
                    self._confirm(channel, tag, bool(multiple))
                else:
                    client.sendall(frame)


def receive(connection, length):
    """Exactly so many bytes; none at the end of the connection."""
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            return b""
        data += piece
    return data


def receive_frame(connection, allowed=None):
    head = receive(connection, 7)
    if not head:
        return b""
    if allowed is not None:
        allowed.wait()
    return head + receive(connection, struct.unpack(">BHI", head)[2] + 1)


def receive_content(connection):
    """Header and body of a delivery, whose frames follow each other on a connection with one channel."""
    header = receive_frame(connection)
    assert header[0] == HEADER_FRAME
    left, = struct.unpack_from(">Q", header, 11)
    while left > 0:
        left -= len(receive_frame(connection)) - FRAME_OVERHEAD


@contextlib.contextmanager
def worker_through_proxy(stack):
    """The worker talks to the broker through a proxy."""
    proxy = AmqpProxy(stack.env["AMQP_URL"])
    file = stack.amqp_url_file(proxy.url)
    try:
        with stack.settings(campaign__amqp_url_file=str(file)):
            yield proxy
    finally:
        proxy.close()
