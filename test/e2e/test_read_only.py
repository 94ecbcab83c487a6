"""test_read_only.py - a PostgreSQL that is read-only, a standby or the old primary after a
failover, is not taken for the one to report to, nor believed about campaigns."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess

import psycopg2
import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from consumers import Consumer, consumer_output, environment
from stack import run
from waiting import wait_until

NUMBERS = make_numbers(500, seed=330)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def as_postgres():
    """PostgreSQL refuses to run as root: the user that its files belong to."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    return ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--init-groups"]


@pytest.fixture(scope="module")
def standby(stack):
    """The port of a hot standby that is an hour behind."""
    port = free_port()
    data = pathlib.Path(stack.env["PG_HOME"]) / "standby"
    programs = pathlib.Path(stack.env["PG_BIN"])
    run([*as_postgres(), programs / "pg_basebackup", "--dbname", stack.env["DATABASE_URL"],
         "--pgdata", data, "--checkpoint", "fast", "--write-recovery-conf"], cwd="/")
    with open(data / "postgresql.auto.conf", "a", encoding="utf-8") as file:
        file.write(f"port = {port}\nrecovery_min_apply_delay = '1h'\nunix_socket_directories = ''\n")
    server = subprocess.Popen([*as_postgres(), programs / "postgres", "-D", data], cwd="/",
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        url = stack.env["DATABASE_URL"].replace(stack.env["PGPORT"], str(port))
        wait_until("the standby answers", lambda: psycopg2.connect(url).close() is None,
                   ignoring=(psycopg2.OperationalError,))
        yield port
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(30)
        shutil.rmtree(data)


@contextlib.contextmanager
def consumer_at(stack, database_url, **changes):
    stack.part("stop", "consumer")
    try:
        with Consumer(environment(stack, DATABASE_URL=database_url, **changes)) as consumer:
            yield consumer
    finally:
        stack.part("start", "consumer")


def test_finds_the_primary(stack, standby):
    """Of several servers in the URL the one that takes reports."""
    url = stack.env["CONSUMER_DATABASE_URL"]
    address = f"127.0.0.1:{stack.env['PGPORT']}"
    assert address in url
    with consumer_at(stack, url.replace(address, f"127.0.0.1:{standby},{address}")):
        campaign_id = campaigns.send(stack, NUMBERS)
        wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS)


@pytest.mark.parametrize("wanted", ["read-write", "any"])
def test_lagging_standby(stack, standby, wanted):
    """It does not know a campaign that is good: nothing becomes a dead letter, even if the URL
    asks for any server."""
    url = stack.env["CONSUMER_DATABASE_URL"].replace(stack.env["PGPORT"], str(standby))
    url += f"?target_session_attrs={wanted}"
    with consumer_at(stack, url) as consumer:
        campaign_id = campaigns.send(stack, NUMBERS)
        consumer.wait_for_line("PostgreSQL is away, retrying")
        assert "read-only" in consumer.log()
        assert consumer.terminate() == 0
    code, out, _ = consumer_output("--check", variables=environment(stack, DATABASE_URL=url))
    assert code == 69 and "read-only" in out
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS)


def test_session_that_becomes_read_only(stack):
    """After a failover the session is given up: only a new one finds the new primary. Long before
    the consumer would give its queues and all sessions back."""
    sessions = "SELECT pid FROM pg_stat_activity WHERE usename = 'campaign_consumer'"
    campaign_id = campaigns.create(stack, NUMBERS)
    with consumer_at(stack, stack.env["CONSUMER_DATABASE_URL"], CAMPAIGN_HOLD="600") as consumer:
        # Not that of the proofs, which opens later.
        lanes = sessions + " AND query LIKE '%%campaign.report_%%'"
        wait_until("five lanes are ready", lambda: len(stack.sql(lanes)) == len(campaigns.QUEUES))
        before = set(stack.sql(lanes))
        with stack.settings(default_transaction_read_only="on"):
            wait_until("it is read-only", lambda: stack.one(
                "SELECT current_setting('transaction_read_only')") == "on")
            publish_one(stack, campaign_id)
            consumer.wait_for_line("read-only")
            wait_until("its session has ended", lambda: before - set(stack.sql(sessions)))
        wait_until("it takes writes again", lambda: stack.one(
            "SELECT current_setting('transaction_read_only')") == "off")
        campaigns.dispatch(stack, campaign_id)
        wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS)
    assert campaigns.dead_letters(stack) == []


def publish_one(stack, campaign_id):
    """A batch as the worker would publish it, which cannot write now."""
    queue = campaigns.queue_of(campaign_id)
    body = (f'{{"version":1,"campaign_id":"{campaign_id}","class":"NORMAL","total":{len(NUMBERS)},'
            f'"first_seq":{len(NUMBERS)},"message":"Hello","recipients":'
            f'[{{"identifier":"a{"0" * 23}","phone_number":"{NUMBERS[-1]}"}}]}}')
    with stack.channel() as channel:
        channel.basic_publish(campaigns.EXCHANGE, queue, body.encode())
