"""test_silent_login.py - a PostgreSQL, or a pooler before it, that takes a login and then says nothing any more."""
import contextlib
import socket
import struct
import threading

import pytest

from consumers import consumer_output, environment

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
PARAMETERS = {"server_version": "16.4", "client_encoding": "UTF8", "standard_conforming_strings": "on",
              "in_hot_standby": "off", "default_transaction_read_only": "off"}


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


@pytest.fixture(name="port")
def fixture_port():
    """Of a server that answers logins, and no statement."""
    ended = threading.Event()

    def serve(connection):
        with contextlib.suppress(OSError, struct.error), connection:
            code = None
            while code in (None, SSL_REQUEST, GSS_REQUEST):
                if code is not None:
                    connection.sendall(b"N")
                length, code = struct.unpack("!II", connection.recv(8, socket.MSG_WAITALL))
                connection.recv(length - 8, socket.MSG_WAITALL)
            connection.sendall(message(b"R", struct.pack("!I", 0)) + b"".join(
                message(b"S", f"{name}\0{value}\0".encode()) for name, value in PARAMETERS.items()) +
                message(b"K", struct.pack("!II", 1, 2)) + message(b"Z", b"I"))
            ended.wait()

    def listen():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)


def test_no_answer_after_the_login(port):
    """R0.17: an answer is waited for as long as any other; a lane would keep its queue for ever."""
    code, output, _ = consumer_output("--check", variables=environment(
        AMQP_URL="amqp://127.0.0.1:1", MONGODB_URI="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100",
        DATABASE_URL=f"postgresql://somebody@127.0.0.1:{port}/campaign", CAMPAIGN_HOLD="1"), timeout=20)
    assert code == 69
    assert "cannot connect: no answer" in output
