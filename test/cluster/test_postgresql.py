"""test_postgresql.py - the primary is killed in mid-run, while its standby is behind, and the standby is promoted.

What clients were told is there with a synchronous standby; with an asynchronous one the last of it is not. In
neither case is anything stored twice.
"""
import contextlib
import os
import signal
import threading
import time

import psycopg2
import pytest

import campaigns
import mailers
import monitors
from cluster_stack import AWAY, NORMAL, PACE, ClusterStack, Load
from smtp_server import Certificate, SmtpServer
from stack import execute
from standby import Standby
from waiting import wait_until

PORT = 7432
FEW = campaigns.make_numbers(5, seed=801)
SOME = campaigns.make_numbers(1_000, seed=802)


@pytest.fixture(name="stack")
def own_stack(cluster, request):
    """A primary of this test's own."""
    running = ClusterStack.before(cluster)
    request.addfinalizer(running.down)
    for name, value in PACE.items():
        running.set(name.replace("__", "."), value)
    # In the copy, too: its worker needs it.
    running.set("campaign.amqp_url_file", str(running.amqp_url_file(cluster.amqp_url())))
    return running


@pytest.fixture
def standby(stack):
    with contextlib.closing(Standby(stack, "standby", PORT)) as made:
        yield made


@pytest.fixture
def synchronous(stack, standby):
    """The same, and nothing is acknowledged that it has not got."""
    stack.set("synchronous_standby_names", "ANY 1 (standby)")
    wait_until("it is synchronous", lambda: stack.sql(
        "SELECT FROM pg_stat_replication WHERE sync_state = 'quorum'"))
    return standby


def both(stack, standby, name):
    """A program's URL with the primary, and then the standby."""
    port = stack.env["PGPORT"]
    return stack.env[name].replace(f"@127.0.0.1:{port}/", f"@127.0.0.1:{port},127.0.0.1:{standby.port}/")


def leave_behind(stack):
    """From now on the standby gets nothing."""
    os.kill(stack.one("SELECT pid FROM pg_stat_replication"), signal.SIGSTOP)


def fail_over(stack, standby):
    """The time of the kill."""
    stack.part("kill", "postgres")
    killed = time.monotonic()
    standby.promote()
    return killed


class Client:
    """Sends one small campaign after the other until its server is gone; ids: what it was told."""

    def __init__(self, stack):
        self.ids = []
        self._over = False
        self._connection = stack.connect()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def _send(self):
        with contextlib.suppress(psycopg2.OperationalError, psycopg2.InterfaceError):
            while not self._over:
                self.ids.append(execute(self._connection, "SELECT campaign_send('small', 'Hello', %s)",
                                        campaigns.numbers_file(FEW))[0][0])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over = True
        with contextlib.suppress(psycopg2.Error):
            self._connection.cancel()
        self._thread.join(30)
        self._connection.close()

    def wait_for(self, count):
        wait_until(f"{count} small campaigns", lambda: len(self.ids) >= count)

    def wait_until_held(self, stack):
        """A commit waits for the standby."""
        wait_until("a client waits for the standby", lambda: stack.sql(
            "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event = 'SyncRep'",
            self._connection.info.backend_pid))


@pytest.mark.short
def test_what_was_acknowledged_is_there(stack, synchronous):
    """R8.3: with a synchronous standby: the worker in it and the consumer go on where they were, and each campaign that
    a client was told is dispatched is sent, once and in order."""
    url = both(stack, synchronous, "CONSUMER_DATABASE_URL")
    with stack.clients_on(DATABASE_URL=url) as consumer, Client(stack) as client:
        load = Load(stack)
        load.wait_for(0.1)
        client.wait_for(10)
        leave_behind(stack)
        client.wait_until_held(stack)
        killed = fail_over(stack, synchronous)
        load.wait_for_more()
        print(f"it goes on after {time.monotonic() - killed:.1f} s")
        load.finish()
        for campaign_id in client.ids:
            campaigns.wait_for_status(stack, campaign_id, "sent", ignoring=AWAY)
            campaigns.assert_delivered(stack, campaign_id, FEW)
        assert consumer.process.poll() is None, "the consumer has ended"


def statuses(server, *ids):
    """Of those that are there."""
    found = dict(server.sql("SELECT id, status::text FROM campaign.campaigns WHERE id = ANY (%s)", list(ids)))
    return [found[one] for one in ids if one in found]


def test_what_was_not_replicated_is_lost(stack, standby):
    """R8.3: with an asynchronous standby, of what was done last: a campaign is no longer there, one that was dispatched
    is a draft again, one that was sent is not yet. What was dispatched before, or is again, is stored once."""
    url = both(stack, standby, "CONSUMER_DATABASE_URL")
    with stack.clients_on(DATABASE_URL=url):
        draft = campaigns.create(stack, NORMAL, name="dispatched last")
        load = Load(stack)
        sent = campaigns.send(stack, SOME, name="sent last")
        standby.catch_up()
        leave_behind(stack)
        campaigns.dispatch(stack, draft)
        gone = campaigns.send(stack, FEW, name="created last")
        for campaign_id in (sent, gone):
            campaigns.wait_for_status(stack, campaign_id, "sent")
        campaigns.wait_for_stored(stack, draft, 1)
        stack.part("kill", "postgres")
        assert not {"sent"} & {*statuses(standby, draft, sent, gone)}
        assert statuses(standby, draft, gone) == ["draft"]
        standby.promote()
        load.wait_for_more()
        load.finish()
        campaigns.dispatch(stack, draft)
        for campaign_id, numbers in ((sent, SOME), (draft, NORMAL)):
            campaigns.wait_for_status(stack, campaign_id, "sent")
            campaigns.assert_delivered(stack, campaign_id, numbers)
        assert campaigns.count_documents(stack, gone) == len(FEW)


def clients_of(server, role):
    return server.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", role)[0][0]


def test_other_programs_find_the_standby(stack, synchronous, tmp_path):
    """R8.3: the mailer and the monitor go on, too. The old primary comes back as a standby, and nobody uses it."""
    old_port = int(stack.env["PGPORT"])
    urls = {name: both(stack, synchronous, name)
            for name in ("CONSUMER_DATABASE_URL", "MONITOR_DATABASE_URL", "MAILER_DATABASE_URL")}
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(SmtpServer(Certificate(tmp_path)))
        mailer = opened.enter_context(mailers.mailer_for(
            stack, server, MAILER_DATABASE_URL=urls["MAILER_DATABASE_URL"]))
        monitor = opened.enter_context(monitors.MonitorLines(
            stack, "--json", MONITOR_DATABASE_URL=urls["MONITOR_DATABASE_URL"]))
        first = mailers.queue(stack, "before@example.com")
        mailers.wait_for_status(stack, first, "finished")
        monitor.wait_for("a look", lambda look: "campaigns" in look)
        fail_over(stack, synchronous)
        later = mailers.queue(stack, "after@example.com")
        mailers.wait_for_status(stack, later, "finished", ignoring=AWAY)
        returned = opened.enter_context(contextlib.closing(Standby(stack, "returned", old_port)))
        assert returned.in_recovery()
        # Who connects now meets the old primary first, and does not stay there.
        with stack.clients_on(DATABASE_URL=urls["CONSUMER_DATABASE_URL"]):
            sent = campaigns.send(stack, FEW)
            campaigns.wait_for_status(stack, sent, "sent")
            assert clients_of(returned, "campaign_consumer") == 0
            assert clients_of(synchronous, "campaign_consumer") > 0
        monitor.wait_for("it shows it", lambda look: (monitors.campaign_of(look, sent) or {}).get("status") == "sent")
        assert mailer.terminate() == 0
        assert server.copies(first) == server.copies(later) == 1
