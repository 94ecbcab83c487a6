"""cluster.py - three hosts, each with a RabbitMQ node and a member of a MongoDB replica set, in a network
that is nobody else's.

Must never name a host to the programs under test but by its address.
"""
import contextlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import tempfile

import pika
import pymongo
import pymongo.errors

from network import Network
from stack import COMMANDS, REPOSITORY, confirmed_channel, run
from waiting import wait_until

ADDRESSES = {"n1": "10.77.0.11", "n2": "10.77.0.12", "n3": "10.77.0.13"}
MEMBER = REPOSITORY / "test" / "cluster" / "member"
SETTLED_S = 120
PAUSED_S = 60
# As the documents advise; a shorter time to notice a partition, so that a test sees both what the clients
# do before that, and after it.
RABBITMQ_CONF = """loopback_users = none
cluster_partition_handling = pause_minority
cluster_formation.peer_discovery_backend = classic_config
"""
TICK_S = 20


class Member:
    """A host with its two servers."""

    def __init__(self, host, directory):
        self.host = host
        self.name = host.name
        self.address = host.address
        self.directory = pathlib.Path(directory)
        self.mongo = f"{self.address}:27017"
        self._epmd = None

    def prepare(self, common):
        run([MEMBER, self.directory, self.name, self.address, common])
        # Of this process: nothing would end it with the host.
        self._epmd = subprocess.Popen(self.host.command("epmd", "-address", self.address),
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        wait_until("epmd answers", lambda: self.host.run("epmd", "-names", check=False).returncode == 0)

    def part(self, verb, name):
        self.host.run(COMMANDS / verb, name, self.directory)

    def pid(self, name):
        return int((self.directory / "run" / f"{name}.pid").read_text(encoding="ascii").split()[0])

    def rabbitmqctl(self, *arguments, timeout=60, check=True):
        return self.host.run(self.directory / "bin" / "rabbitmqctl", "-q", *arguments, timeout=timeout,
                             check=check).stdout

    def hello(self):
        """What its MongoDB says of the replica set; {} if it says nothing."""
        with contextlib.closing(self.client()) as client:
            try:
                return client.admin.command("hello")
            except pymongo.errors.PyMongoError:
                return {}

    def client(self):
        return pymongo.MongoClient(f"mongodb://{self.mongo}/", directConnection=True,
                                   serverSelectionTimeoutMS=1000, socketTimeoutMS=5000)

    @contextlib.contextmanager
    def frozen(self, name):
        """One of its servers does nothing for a while, with its connections open."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def down(self):
        self.host.run(COMMANDS / "down", self.directory)
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(10)


class Cluster:
    """The members; all of them are up when it is made."""

    def __init__(self):
        self.network = Network()
        self._temporary = tempfile.mkdtemp(prefix="campaign-cluster.")
        os.chmod(self._temporary, 0o755)
        self.members = [Member(self.network.add_host(name, address), f"{self._temporary}/{name}")
                        for name, address in ADDRESSES.items()]
        try:
            self._start()
        except BaseException:
            self.down()
            raise

    def _start(self):
        common = pathlib.Path(self._temporary) / "common"
        write_common(common)
        for member in self.members:
            member.prepare(common)
        first, *others = self.members
        first.part("start", "rabbitmq")
        starting = [subprocess.Popen(member.host.command(COMMANDS / "start", part, member.directory))
                    for part, members in (("rabbitmq", others), ("mongod", self.members))
                    for member in members]
        for one in starting:
            assert one.wait(SETTLED_S) == 0
        self._initiate()
        self.settle()

    def _initiate(self):
        members = [{"_id": number, "host": member.mongo} for number, member in enumerate(self.members)]
        with contextlib.closing(self.members[0].client()) as client:
            client.admin.command("replSetInitiate", {
                "_id": "rs0", "members": members, "settings": {"electionTimeoutMillis": 3000}})

    def down(self):
        self.network.heal()
        for member in self.members:
            member.down()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def settle(self):
        """Waits until all members are up and know of each other."""
        try:
            self._wait_for_nodes(PAUSED_S)
        except AssertionError:
            self._restart_paused()
            self._wait_for_nodes(SETTLED_S)
        wait_until("all members of MongoDB are there", self.all_are_members, SETTLED_S)

    def _wait_for_nodes(self, timeout):
        wait_until("all nodes of RabbitMQ run", lambda: self.running_nodes() == len(self.members), timeout)

    def _restart_paused(self):
        """As who runs it has to: a node that was paused may stay so when the network is back, because Erlang's `global`
        hangs (RabbitMQ 3.10 says that it fakes a nodedown)."""
        for member in self.members:
            if member.rabbitmqctl("eval", "rabbit:is_running().", check=False).strip() != "true":
                print(f"RabbitMQ of {member.name} did not come back by itself: it is restarted")
                member.part("kill", "rabbitmq")
                member.part("start", "rabbitmq")

    # RabbitMQ ----------------------------------------------------------------------------

    def amqp_url(self, *first, only=False):
        """All nodes, those named first at the front; or only those."""
        members = [*first, *(member for member in self.members if not only and member not in first)]
        hosts = ",".join(f"{member.address}:5672" for member in members)
        return f"amqp://guest:guest@{hosts}/%2F?heartbeat=10"

    def running_nodes(self):
        """How many nodes each node takes for running, if they agree."""
        answers = set()
        for member in self.members:
            try:
                answers.add(len(json.loads(member.rabbitmqctl("cluster_status", "--formatter", "json"))
                                ["running_nodes"]))
            except AssertionError:
                return 0
        return answers.pop() if len(answers) == 1 else 0

    def queues(self, asked=None):
        """name, leader, members and online of each queue, as a node sees them."""
        member = asked or self.members[0]
        rows = json.loads(member.rabbitmqctl("list_queues", "name", "leader", "members", "online",
                                             "--formatter", "json"))
        return {row["name"]: row for row in rows}

    def leader(self, queue, asked=None):
        """The member that leads a queue, or None."""
        named = self.queues(asked)[queue]["leader"]
        return next((member for member in self.members if named == f"rabbit@{member.name}"), None)

    def channel(self):
        """As Stack.channel(), on any node."""
        return confirmed_channel([
            pika.URLParameters(f"amqp://guest:guest@{member.address}:5672/%2F?connection_attempts=1&socket_timeout=3")
            for member in self.members])

    # MongoDB -----------------------------------------------------------------------------

    def mongodb_uri(self):
        return f"mongodb://{','.join(member.mongo for member in self.members)}/campaign?replicaSet=rs0"

    def primary(self, without=()):
        """The member that is the primary; None if there is none."""
        for member in self.members:
            if member not in without and member.hello().get("isWritablePrimary"):
                return member
        return None

    def all_are_members(self):
        answers = [member.hello() for member in self.members]
        return (sum(bool(one.get("isWritablePrimary")) for one in answers) == 1
                and sum(bool(one.get("secondary")) for one in answers) == len(self.members) - 1)


def write_common(common):
    """What all nodes have in common."""
    common.mkdir()
    (common / "cookie").write_text(secrets.token_hex(20), encoding="ascii")
    names = [f"{{host, {{{address.replace('.', ',')}}}, [\"{name}\"]}}.\n" for name, address in ADDRESSES.items()]
    (common / "inetrc").write_text("".join(names) + "{lookup, [file, native]}.\n", encoding="ascii")
    nodes = [f"cluster_formation.classic_config.nodes.{number} = rabbit@{name}\n"
             for number, name in enumerate(ADDRESSES, 1)]
    (common / "rabbitmq.conf").write_text(RABBITMQ_CONF + "".join(nodes), encoding="ascii")
    (common / "advanced.config").write_text(f"[{{kernel, [{{net_ticktime, {TICK_S}}}]}}].\n", encoding="ascii")
