"""test_resolving.py - RabbitMQ by name: a resolver that never answers holds up nobody, and a
certificate is that of the name, not of the address that the name stands for."""
import contextlib
import os
import random
import socket
import ssl
import threading
import time

import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from consumers import PROGRAM, consumer_output, environment
from programs import Program
from stack import COMMANDS, run
from waiting import wait_until

SILENT = "silent.example"
# The library's own patience with a silent resolver is twice five seconds, for each search domain.
PROMPT_S = 4


@pytest.fixture(scope="module")
def silent_resolver(tmp_path_factory):
    """A resolv.conf whose server hears everything and says nothing."""
    if os.geteuid() != 0:
        pytest.skip("a resolv.conf of one's own needs root")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}.53", 53))
        file = tmp_path_factory.mktemp("resolver") / "resolv.conf"
        file.write_text(f"nameserver {server.getsockname()[0]}\n", encoding="ascii")
        file.chmod(0o644)
        if run(with_resolver(file, "true"), check=False).returncode != 0:
            pytest.skip("mount namespaces are not allowed here")
        yield file


def with_resolver(file, *command):
    """A command that sees this file as /etc/resolv.conf."""
    return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"',
            file, *command]


@contextlib.contextmanager
def postgres_with(stack, file):
    """PostgreSQL, and its workers, with this resolver; afterwards as it was."""
    stack.part("stop", "postgres")
    try:
        run(with_resolver(file, COMMANDS / "start", "postgres", stack.directory), timeout=150)
        yield
        stack.part("stop", "postgres")
    finally:
        stack.part("start", "postgres")


def at_silent(stack):
    return stack.env["AMQP_URL"].replace("127.0.0.1", SILENT)


def lookups(pid):
    """Threads of a process that look something up, with the signals that they block."""
    masks = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            fields = dict(line.rstrip().split(":\t", 1) for line in file if ":\t" in line)
        if int(task) != pid:
            masks.append(int(fields["SigBlk"], 16))
    return masks


def test_worker_with_a_silent_resolver(stack, silent_resolver):
    """R0.15 R0.16: the worker looks a name up that nobody answers: it says so in time, holds up no
    DROP DATABASE, ends when it is told to, and goes on when the name is gone."""
    numbers = make_numbers(5, seed=160)
    with postgres_with(stack, silent_resolver):
        mark = stack.log_mark("postgres")
        with stack.settings(campaign__amqp_url_file=str(stack.amqp_url_file(at_silent(stack)))):
            wait_until("it is said", lambda: f"cannot look up {SILENT}: no answer"
                       in stack.log_since("postgres", mark), timeout=10)
            campaign_id = campaigns.send(stack, numbers)
            masks = wait_until("it looks the name up", lambda: lookups(stack.worker_pid()))
            # No handler of PostgreSQL's may run there: all that can be blocked is.
            assert len(masks) == 1 and masks[0] & 0x7bfb_feff == 0x7bfb_feff
            stack.sql("CREATE DATABASE doomed")
            started = time.monotonic()
            stack.sql("DROP DATABASE doomed")
            assert time.monotonic() - started < PROMPT_S
            pid = stack.worker_pid()
            started = time.monotonic()
            stack.sql("SELECT pg_terminate_backend(%s)", pid)
            wait_until("it has ended", lambda: pid not in stack.worker_pids(), timeout=PROMPT_S)
        wait_for_status(stack, campaign_id, "sent")
        assert "://" not in stack.log_since("postgres", mark)
    assert_delivered(stack, campaign_id, numbers)


def test_consumer_with_a_silent_resolver(stack, silent_resolver):
    """R0.16: --check says what is wrong and ends; the consumer says it, and ends in the middle of
    a lookup when it is told to."""
    command = with_resolver(silent_resolver, PROGRAM)
    variables = environment(stack, AMQP_URL=at_silent(stack))
    checked = run([*command, "--check"], check=False, env=variables, cwd="/", timeout=60)
    assert checked.returncode == 69, checked.stdout
    assert f"cannot look up {SILENT}: no answer" in checked.stdout
    with Program(*map(str, command[:1]), variables, *map(str, command[1:])) as consumer:
        consumer.wait_for_line(f"cannot look up {SILENT}: no answer")
        assert consumer.terminate(timeout=PROMPT_S) == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A function that makes a certificate for a name: the file of it, and that of its key."""
    directory = tmp_path_factory.mktemp("tls")

    def make(name):
        files = directory / f"{name}.pem", directory / f"{name}.key"
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
             f"subjectAltName=DNS:{name}", "-out", files[0], "-keyout", files[1]])
        return files
    return make


class TlsServer:
    """Takes connections with a certificate and hangs up; knows for which name it was asked, and
    whether the other side believed it."""

    def __init__(self, files):
        self.asked = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*files)
        self.context.sni_callback = lambda _, name, __: self.asked.append(name)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), \
                    self.context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(8)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.mark.parametrize("name, believed", [("localhost", True), ("elsewhere.example", False)])
def test_certificate_of_a_name(stack, certificate, name, believed):
    """R0.16: over TLS the broker is asked for by its name, and its certificate must have it."""
    files = certificate(name)
    with TlsServer(files) as server:
        variables = environment(stack, CAMPAIGN_CA_FILE=str(files[0]),
                                AMQP_URL=f"amqps://guest:guest@localhost:{server.port}/")
        code, out, _ = consumer_output("--check", variables=variables)
    assert code == 69 and set(server.asked) == {"localhost"}
    assert ("peer cert verification failed" in out) == (not believed), out
    assert ("cannot log in" in out) == believed, out
