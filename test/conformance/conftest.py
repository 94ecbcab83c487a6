"""conftest.py - any program is tried as the consumer of docs/contract, on real servers.

    test/conformance/run                  campaign-consumer, and the one in Python
    test/conformance/run -- COMMAND…      another one

A test is one line of the contract: its docstring begins with the heading of docs/contract that it
is about. The consumer gets to its servers by ways that a test can hold and cut (tap.py).
"""
import os
import re
import shlex
import signal
import ssl
import subprocess
import tempfile
from urllib.parse import urlsplit

import pytest

import campaigns
import contract
from consumers import PROGRAM
from fixtures import SETTINGS, no_dead_letters  # noqa: F401  pylint: disable=unused-import
from programs import base_environment
from stack import QUEUES, REPOSITORY, Stack
from tap import Tap

PYTHON = ["/usr/bin/python3", "-B", str(REPOSITORY / "test" / "support" / "foreign_consumer.py")]
GIVEN = shlex.split(os.environ.get("CONFORMANCE_COMMAND", ""))
COMMANDS = {os.path.basename(GIVEN[0]): GIVEN} if GIVEN else {
    "campaign-consumer": [str(PROGRAM)], "python": PYTHON}
# As one suite of all: the consumer in Python, which is for the tests only, is not killed.
SHORT = bool(os.environ.get("CONFORMANCE_SHORT"))
END_S = 15
HEADINGS = set(re.findall(r"^#+ (.+)$", contract.README, re.MULTILINE))


class Consumer:
    """A command that is started as the contract says, in a folder of its own."""

    def __init__(self, command, stack):
        self._command = command
        self._log = tempfile.TemporaryFile()
        self._folder = tempfile.TemporaryDirectory(prefix="campaign-test.")
        self.process = None
        urls = [urlsplit(stack.env[name])
                for name in ("AMQP_URL", "MONGODB_URI", "CONSUMER_DATABASE_URL")]
        self.rabbitmq, self.mongodb, self.postgresql = self.servers = [
            Tap((one.hostname, one.port)) for one in urls]
        there = [one._replace(netloc=one.netloc.replace(f":{one.port}", f":{tap.port}"))
                 for one, tap in zip(urls, self.servers)]
        there[1] = there[1]._replace(query="directConnection=true")
        self._broker, self._trusted = urls[0], {}
        self.urls = dict(zip(("AMQP_URL", "MONGODB_URI", "DATABASE_URL"),
                             (one.geturl() for one in there)))

    def speak_tls(self, authority):
        """RabbitMQ is reached over TLS, with a certificate by this authority, which is that of the system."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.server("DNS:localhost"))
        self.rabbitmq.__exit__()
        self.rabbitmq = self.servers[0] = Tap((self._broker.hostname, self._broker.port), context)
        login = self._broker.netloc.rpartition("@")[0]
        self.urls["AMQP_URL"] = self._broker._replace(
            scheme="amqps", netloc=f"{login}@localhost:{self.rabbitmq.port}").geturl()
        self._trusted = {"SSL_CERT_FILE": str(authority.file)}

    def start(self, in_file=False):
        """With its addresses in the environment, or in .env."""
        assert self.process is None
        variables = base_environment() | self._trusted if in_file else base_environment() | self._trusted | self.urls
        if in_file:
            with open(f"{self._folder.name}/.env", "w", encoding="utf-8") as file:
                file.writelines(f"{name}={value}\n" for name, value in self.urls.items())
        self.process = subprocess.Popen(self._command, env=variables, cwd=self._folder.name,
                                        stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        """kill -9; what it had on its way to a server is lost."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(END_S)
        self.process = None
        for server in self.servers:
            server.reset()

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(END_S)
        self.process = None
        return code

    def close(self):
        if self.process is not None:
            self.kill()
        for server in self.servers:
            server.__exit__()
        self._folder.cleanup()

    def log(self):
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")[-4000:]


@pytest.fixture(scope="session")
def stack():
    """All servers but the consumer; nothing is published twice only because one takes its time."""
    directory = os.environ.get("CAMPAIGN_STACK")
    running = Stack(directory) if directory else Stack.up(
        settings=SETTINGS, without=("nginx", "postgrest", "mailer", "smtp", "consumer"))
    try:
        with running.settings(campaign__stall_timeout="1h"):
            declare(running)
            yield running
    finally:
        running.down()


def declare(stack):
    """Exchanges and queues, which the worker makes before it publishes for the first time."""
    campaigns.wait_for_status(stack, campaigns.send(stack, campaigns.make_numbers(1)), "published")
    leave_nothing(stack)


@pytest.fixture(params=COMMANDS.values(), ids=COMMANDS.keys())
def consumer(request, stack, no_dead_letters):  # noqa: F811
    """A consumer to start; SIGTERM has to end it well."""
    one = Consumer(request.param, stack)
    try:
        yield one
        if one.process is not None:
            assert one.stop() == 0, one.log()
    finally:
        print(one.log())
        one.close()
        leave_nothing(stack)


def leave_nothing(stack):
    """The next test finds no campaign under way, and empty queues."""
    for campaign_id, in stack.sql("SELECT id FROM campaign.campaigns WHERE status IN"
                                  " ('queued', 'running', 'paused', 'publishing', 'published')"):
        stack.one("SELECT campaign_cancel(%s)", campaign_id)
    with stack.channel() as channel:
        for queue in QUEUES:
            channel.queue_purge(queue)


# One line for each test -----------------------------------------------------------------------


def line_of(item):
    """What a test is about, in the words of its docstring."""
    said = " ".join(item.function.__doc__.split("\n\n")[0].split())
    return f"[{item.callspec.id}] {said}" if hasattr(item, "callspec") else said


def pytest_collection_modifyitems(items):
    for item in items:
        said = item.function.__doc__
        if not any(said.startswith(f"{heading}: ") for heading in HEADINGS):
            raise pytest.UsageError(f"{item.name}: no heading of docs/contract/README.md: {said}")
    if SHORT:
        items[:] = [item for item in items if item.callspec.params["consumer"] is not PYTHON
                    or item.path.stem != "test_crashes"]
    # All lines of one command, then those of the next.
    items.sort(key=lambda item: list(COMMANDS.values()).index(item.callspec.params["consumer"]))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    outcome.get_result().line = line_of(item)


def pytest_report_teststatus(report):
    """`ok` or `FAILED`, and the line."""
    if report.when == "call" and report.passed:
        return "passed", f"ok      {report.line}\n", f"ok      {report.line}"
    if report.failed:
        return "failed", f"FAILED  {report.line}\n", f"FAILED  {report.line}"
    return None
