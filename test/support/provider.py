"""provider.py - an SMS provider that does what a test tells it to, and the program that speaks to
it: test/support/gateway_driver.c.

Must never forget a request: what came is in `requests`, also if it was not answered.
"""
import collections
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]

HANG = "hang"              # no answer, until the server ends
CLOSE = "close"            # the connection ends without one
RESET = "reset"            # it ends, and nothing that was sent is read
DRIP = "drip"              # an answer, byte by byte, without an end


class Answer:
    """A status and what goes with it. `cut`: so much of the body, then the end of the connection."""

    def __init__(self, status, body=b"", headers=(), cut=None):
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = dict(headers)
        self.cut = cut

    def raw(self):
        lines = [f"HTTP/1.1 {self.status} Something", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        return head + self.body[:self.cut]


Request = collections.namedtuple("Request", "method target headers body connection")


class Provider:
    """A running server. `respond(request, nth)` gives an Answer, bytes that are sent as they are, or
    one of the words above; nth counts the requests with the same Idempotency-Key, from 1 on.
    `context` for HTTPS.
    """

    def __init__(self, respond, context=None):
        self.respond = respond
        self.context = context
        self.requests = []
        self.connections = 0
        self._counts = collections.Counter()
        self._lock = threading.Condition()
        self._released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'http' if context is None else 'https'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._released.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection, self.connections),
                                 daemon=True).start()

    def _serve(self, connection, number):
        with contextlib.suppress(OSError, ValueError), connection:
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            reader = connection.makefile("rb")
            while True:
                request = self._read(reader, number)
                if request is None or not self._answer(connection, request):
                    return

    @staticmethod
    def _read(reader, number):
        first = reader.readline().decode("latin-1").split()
        if len(first) != 3:
            return None
        headers = {}
        while True:
            line = reader.readline().decode("utf-8").rstrip("\r\n")
            if not line:
                break
            name, _, value = line.partition(":")
            assert name.lower() not in headers, f"{name} came twice"
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        return Request(first[0], first[1], headers, body, number)

    def _answer(self, connection, request):
        """False: the connection has ended."""
        key = request.headers.get("idempotency-key")
        with self._lock:
            self.requests.append(request)
            self._counts[key] += 1
            nth = self._counts[key]
            self._lock.notify_all()
        action = self.respond(request, nth)
        if action == HANG:
            self._released.wait()
        elif action == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif action == DRIP:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self._released.wait(0.02):
                connection.sendall(b"x")
        elif isinstance(action, bytes):
            connection.sendall(action)
        elif action != CLOSE:
            connection.sendall(action.raw())
            return action.cut is None
        return False

    def wait_for_requests(self, count):
        with self._lock:
            assert self._lock.wait_for(lambda: len(self.requests) >= count, 30), \
                f"{len(self.requests)} requests of {count}"

    def count(self, key):
        """How many requests have come with this identifier."""
        return self._counts[key]


Message = collections.namedtuple("Message", "id number text attributes")
Result = collections.namedtuple("Result", "state attempts took_us code text")


def message(name, text="Olá!", number="+5511987654321", attributes=None):
    return Message(name, number, text, "" if attributes is None else json.dumps(attributes))


class Driver:
    """Runs messages through the gateway."""

    def __init__(self, directory):
        self.binary = directory / "gateway_driver"
        subprocess.run(
            ["bash", "-c", '. test/support/links.sh; links_build "$@"', "bash",
             "test/support/gateway_driver.c", self.binary, os.environ.get("CC", "cc"), "-O1",
             "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
            cwd=TOP, check=True, env={**os.environ, "LINKS_OBJECTS": str(directory)})

    def start(self, template, messages, in_flight, held=False, variables=None):
        """`variables` are added to its environment."""
        process = subprocess.Popen([self.binary, template, str(in_flight), *["held"] * held], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(variables or {})})
        fields = [text for one in messages
                  for text in ("campaign1", one.id, one.number, one.text, one.attributes)]
        process.stdin.write("".join(text + "\0" for text in fields).encode())
        process.stdin.close()
        process.stdin = None
        return process

    @staticmethod
    def finish(process, messages):
        """The result of each message, in their order: every one has exactly one."""
        output, complaint = process.communicate(timeout=120)
        assert process.returncode == 0, complaint.decode()
        results = {}
        for line in output.decode().splitlines():
            place, state, attempts, took_us, code, text = line.split("\t")
            assert int(place) not in results, f"{messages[int(place)]} came back twice"
            results[int(place)] = Result(state, int(attempts), int(took_us), code, text)
        assert sorted(results) == list(range(len(messages))), "a message did not come back"
        return [results[place] for place in range(len(messages))]

    def run(self, template, messages, in_flight=16):
        return self.finish(self.start(template, messages, in_flight), messages)

    def abandon(self, process, messages):
        process.send_signal(signal.SIGTERM)
        return self.finish(process, messages)

    @staticmethod
    def release(process):
        process.send_signal(signal.SIGHUP)

    @staticmethod
    def settle(process, every_second=False):
        process.send_signal(signal.SIGUSR2 if every_second else signal.SIGUSR1)


@pytest.fixture(scope="session", name="driver")
def gateway_driver(tmp_path_factory):
    return Driver(tmp_path_factory.mktemp("gateway"))
