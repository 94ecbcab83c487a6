"""stack.py - a private stack (test/stack) as the tests see it: its parts, its clients
and its logs.

Must never act on anything but the servers of its own directory.
"""
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import weakref

import pika
import psycopg2
import pymongo
from psycopg2 import extensions, sql as names

from waiting import wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = REPOSITORY / "test" / "stack"
# As in test/stack/stack.sh: with the marks of lib/program/sometimes.h if they are collected.
BUILD = REPOSITORY / "build" / ("sometimes" if os.environ.get("SOMETIMES_DIR") else "")
LEFT_OPEN = extensions.TRANSACTION_STATUS_INTRANS, extensions.TRANSACTION_STATUS_INERROR
PARTITIONS = 4
EXCHANGE = "campaign"
DEAD = "campaign.dead"
QUEUES = [f"campaign.messages.{n}" for n in range(PARTITIONS)] + ["campaign.parallel"]
UP_TIMEOUT_S = 300
# A consumer under AddressSanitizer takes several times the memory and the CPU.
SANITIZER_FACTOR = 10 if "sanitize" in os.environ.get("CAMPAIGN_CONSUMER", "") else 1


def run(command, timeout=120, check=True, **options):
    """A command's result with its output as text; its output is shown when it fails."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")
    return done


@contextlib.contextmanager
def open_folder():
    """An empty folder that servers, which are other users, may read; that of pytest may be locked
    by another run of it at any moment."""
    with tempfile.TemporaryDirectory(prefix="campaign-test.") as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


@contextlib.contextmanager
def confirmed_channel(parameters):
    """An AMQP channel with confirms, for a moment."""
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel
    finally:
        if connection.is_open:
            connection.close()


class Stack:
    """Servers in one directory, started by test/stack/up."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self._temporary = None
        self._connection = None
        self._mongo = None
        self._opened = weakref.WeakSet()    # connections of tests
        self.env = {}
        self.reload()

    def reload(self):
        for line in (self.directory / "env").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            self.env[name] = shlex.split(value)[0] if value else ""

    @classmethod
    def up(cls, settings=(), without=(), environment=None):
        """Starts a stack in a temporary directory; down() takes both away."""
        temporary = tempfile.mkdtemp(prefix="campaign-test.")
        os.chmod(temporary, 0o755)
        command = [COMMANDS / "up"]
        if without:
            command += ["--without", ",".join(without)]
        for setting in settings:
            command += ["--set", setting]
        try:
            run(command + [f"{temporary}/stack"], timeout=UP_TIMEOUT_S,
                env={**os.environ, **(environment or {})})
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        stack = cls(f"{temporary}/stack")
        stack._temporary = temporary
        return stack

    def down(self):
        self.close()
        if self._temporary is not None:
            run([COMMANDS / "down", self.directory])
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _disconnect(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self):
        self._disconnect()
        if self._mongo is not None:
            self._mongo.close()
            self._mongo = None

    def part(self, verb, name, timeout=150):
        """`verb` is kill, start or stop; `name` postgres, worker, rabbitmq, mongod, consumer."""
        if name in ("postgres", "worker"):
            # A killed worker makes the server end all sessions, ours too.
            self._disconnect()
        run([COMMANDS / verb, name, self.directory], timeout=timeout)
        if (verb, name) == ("kill", "worker"):
            wait_until("PostgreSQL has recovered from the killed worker", self.worker_pids,
                       ignoring=(psycopg2.Error,))

    # PostgreSQL --------------------------------------------------------------------------

    def connect(self, database=None, autocommit=True, **options):
        url = options.pop("url", self.env["DATABASE_URL"])
        if database is not None:
            options["dbname"] = database
        connection = psycopg2.connect(url, connect_timeout=10, **options)
        connection.autocommit = autocommit
        self._opened.add(connection)
        return connection

    def end_transactions(self):
        """Closes what a test that failed has left open: its locks would stop the next one."""
        for connection in list(self._opened):
            if not connection.closed and connection.info.transaction_status in LEFT_OPEN:
                connection.close()

    def sql(self, query, *values):
        """The rows of a statement, each its own transaction, as a superuser."""
        if self._connection is None or self._connection.closed:
            self._connection = self.connect()
        return execute(self._connection, query, *values)

    def one(self, query, *values):
        """The only value of a statement."""
        rows = self.sql(query, *values)
        assert len(rows) == 1, rows
        return rows[0][0]

    @contextlib.contextmanager
    def settings(self, **changes):
        """Settings of postgresql.conf for a while; `campaign__x` stands for campaign.x."""
        changed = {name.replace("__", "."): value for name, value in changes.items()}
        for name, value in changed.items():
            self.set(name, value)
        try:
            yield
        finally:
            for name in changed:
                self.set(name, None)

    @contextlib.contextmanager
    def role_setting(self, role, name, value):
        """A setting of a role, for the sessions that begin meanwhile."""
        self.sql(f"ALTER ROLE {role} SET {name} = %s", value)
        try:
            yield
        finally:
            self.sql(f"ALTER ROLE {role} RESET {name}")

    def set(self, name, value):
        """ALTER SYSTEM and reload; None goes back to postgresql.conf. Every session has the
        setting afterwards, those of PostgREST too."""
        asked = self.one("SELECT clock_timestamp()")
        place = names.SQL(".").join(map(names.Identifier, name.split(".")))
        if value is None:
            self.sql(names.SQL("ALTER SYSTEM RESET {}").format(place))
        else:
            self.sql(names.SQL("ALTER SYSTEM SET {} = {}").format(place, names.Literal(value)))
        self.sql("SELECT pg_reload_conf()")
        # The postmaster reads the file and signals its sessions in one go: a session that it
        # starts with the new file comes after that.
        wait_until(f"sessions have {name}", lambda: self._loaded_at() > asked, interval=0.005)

    def _loaded_at(self):
        with contextlib.closing(self.connect()) as connection:
            return execute(connection, "SELECT pg_conf_load_time()")[0][0]

    def amqp_url_file(self, url):
        """A file with a URL for campaign.amqp_url_file, which the server may read."""
        file = pathlib.Path(self.env["PGDATA"]) / "test.amqp_url"
        file.write_text(url + "\n", encoding="utf-8")
        shutil.chown(file, pathlib.Path(self.env["PGDATA"]).owner())
        return file

    # MongoDB -----------------------------------------------------------------------------

    @property
    def mongo(self):
        if self._mongo is None:
            self._mongo = pymongo.MongoClient(self.env["MONGODB_URI"], tz_aware=True,
                                              serverSelectionTimeoutMS=10000)
        return self._mongo

    @property
    def messages(self):
        """The collection of documents, read as a majority has it."""
        concern = pymongo.read_concern.ReadConcern("majority")
        return self.mongo["campaign"].get_collection("messages", read_concern=concern)

    # RabbitMQ ----------------------------------------------------------------------------

    def channel(self):
        return confirmed_channel(pika.URLParameters(self.env["AMQP_URL"]))

    def rabbitmqctl(self, *arguments, timeout=60):
        return run([self.env["RABBITMQCTL"], *arguments], timeout=timeout).stdout

    @contextlib.contextmanager
    def full_queue(self, queue, most=1):
        """A queue that refuses (basic.nack) what comes while it has so many messages."""
        self.rabbitmqctl("-q", "set_policy", "full", f"^{queue}$",
                         f'{{"max-length": {most}, "overflow": "reject-publish"}}', "--apply-to", "queues")
        try:
            yield
        finally:
            self.rabbitmqctl("-q", "clear_policy", "full")

    def rabbitmq_major(self):
        """The first number of the broker's version."""
        return int(self.rabbitmqctl("version").strip().split(".")[0])

    # Processes ---------------------------------------------------------------------------

    def consumer_pid(self):
        return int((self.directory / "run" / "consumer.pid").read_text().split()[0])

    def worker_pids(self, database="campaign"):
        rows = self.sql("SELECT pid FROM pg_stat_activity WHERE datname = %s"
                        " AND backend_type LIKE 'campaign worker%%'", database)
        return [row[0] for row in rows]

    def worker_pid(self):
        (pid,) = self.worker_pids()
        return pid

    # Logs --------------------------------------------------------------------------------

    def log_mark(self, name):
        """Where the log of a part ends now, for log_since()."""
        path = self.directory / f"{name}.log"
        return path.stat().st_size if path.exists() else 0

    def log_since(self, name, mark):
        with open(self.directory / f"{name}.log", "rb") as file:
            file.seek(mark)
            return file.read().decode("utf-8", "replace")


def execute(connection, query, *values):
    """The rows of a statement on this connection; [] if it has none. Rows without columns are rows."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchall() if cursor.description is not None else []


def memory_kb(pid):
    """Memory of its own of a process: shared buffers belong to the server."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"^RssAnon:\s+(\d+) kB", file.read(), re.MULTILINE).group(1))


def cpu_seconds(pid):
    """Processor time that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
