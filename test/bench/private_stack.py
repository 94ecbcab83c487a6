"""private_stack.py - the stack that the benchmark measures: its own, in a directory
that goes away, or a running one for somebody who wants to profile it.

Must never leave a stack of its own running, however the benchmark ends.
"""
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import time

import pika
import psycopg2
import pymongo

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "test" / "stack"


class Unmeasured(Exception):
    """A figure could not be measured; the text says why."""


def run_tool(name, *arguments):
    result = subprocess.run(
        [str(TOOLS / name), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if result.returncode != 0:
        raise Unmeasured(f"test/stack/{name}: {result.stdout.strip()[-2000:]}")


class Stack:
    def __init__(self, directory=None):
        self.owned = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="campaign-bench.")
        self.database = None
        self.mongo = None

    def __enter__(self):
        try:
            if self.owned:
                run_tool("up", self.directory)
            self.env = self.read_env()
            self.database = psycopg2.connect(self.env["DATABASE_URL"])
            self.database.autocommit = True
            self.mongo = pymongo.MongoClient(self.env["MONGODB_URI"]).get_default_database()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.database is not None:
            self.database.close()
        if self.mongo is not None:
            self.mongo.client.close()
        if self.owned:
            try:
                run_tool("down", self.directory)
            finally:
                shutil.rmtree(self.directory, ignore_errors=True)

    def read_env(self):
        lines = pathlib.Path(self.directory, "env").read_text(encoding="utf-8").splitlines()
        return dict(shlex.split(line)[0].split("=", 1) for line in lines if line)

    # PostgreSQL ---------------------------------------------------------------------------

    def sql(self, query, *values):
        """The rows of a query, or None if it returns none. Commits by itself."""
        with self.database.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall() if cursor.description else None

    def value(self, query, *values):
        return self.sql(query, *values)[0][0]

    def set(self, name, value):
        """Changes a setting of the server and waits until it has reached a new session."""
        if not re.fullmatch(r"[a-z_]+\.[a-z_]+", name):
            raise ValueError(name)
        self.sql(f"ALTER SYSTEM SET {name} = %s", str(value))
        self.sql("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 10
        while self.value("SELECT setting FROM pg_settings WHERE name = %s", name) != str(value):
            if time.monotonic() > deadline:
                raise Unmeasured(f"{name} = {value} does not take effect")
            time.sleep(0.02)
        # The worker got the same signal at the same time; it may be busy with a turn.
        time.sleep(0.3)

    # Processes ----------------------------------------------------------------------------

    def worker_pid(self):
        rows = self.sql(
            "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'campaign worker%%'"
            " AND datname = current_database()"
        )
        if len(rows) != 1:
            raise Unmeasured(f"{len(rows)} campaign workers run, one is expected")
        return rows[0][0]

    def consumer_pid(self):
        file = pathlib.Path(self.directory, "run", "consumer.pid")
        if not file.exists():
            raise Unmeasured("no consumer runs")
        return int(file.read_text(encoding="ascii").split()[0])

    def start(self, part):
        run_tool("start", part, self.directory)

    def stop(self, part):
        run_tool("stop", part, self.directory)

    def tool(self, name, *arguments):
        """Seconds that a program of build/bench has measured."""
        result = subprocess.run(
            [str(ROOT / "build" / "bench" / name), *map(str, arguments)],
            env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        if result.returncode != 0:
            raise Unmeasured(f"{name} {arguments[0]}: {result.stderr.strip()[-500:]}")
        return float(result.stdout)

    # RabbitMQ and MongoDB -----------------------------------------------------------------

    def purge(self, queue):
        """Empties a queue; returns how many messages were ready in it."""
        connection = pika.BlockingConnection(pika.URLParameters(self.env["AMQP_URL"]))
        try:
            return connection.channel().queue_purge(queue).method.message_count
        finally:
            connection.close()

    def fresh_collection(self, name, like="messages"):
        """An empty collection with the options and indexes of the consumer's."""
        found = list(self.mongo.list_collections(filter={"name": like}))
        if not found:
            raise Unmeasured(f"the consumer has not made the collection {like}")
        options = found[0]["options"]
        if "clusteredIndex" in options:
            options["clusteredIndex"] = {"key": {"_id": 1}, "unique": True}
        indexes = [
            index for index in self.mongo[like].list_indexes()
            if list(index["key"]) != ["_id"]
        ]
        self.mongo.drop_collection(name)
        self.mongo.create_collection(name, **options)
        for index in indexes:
            settings = {key: index[key] for key in ("name", "unique", "sparse") if key in index}
            self.mongo[name].create_index(list(index["key"].items()), **settings)

    def settle(self):
        """What earlier rounds left to be written is written now, not on the clock."""
        self.sql("CHECKPOINT")
        self.mongo.client.admin.command("fsync")
