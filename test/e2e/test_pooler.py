"""test_pooler.py - pgbouncer between the consumer and PostgreSQL, in both of its modes."""
import contextlib
import os
import re
import shutil
import socket
import subprocess

import psycopg2
import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from consumers import Consumer, consumer_output, environment
from stack import open_folder
from waiting import wait_until

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
NUMBERS = make_numbers(3_000, seed=350)
SESSIONS = {"transaction": 2, "session": 10}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(name="folder")
def _folder():
    with open_folder() as folder:
        yield folder


@pytest.fixture(name="url", params=["transaction", "session"])
def _url(request, stack, folder):
    """The way to PostgreSQL through a pooler with fewer sessions than the consumer has lanes (in
    session mode as many)."""
    port = free_port()
    url = stack.env["CONSUMER_DATABASE_URL"]
    user, password = re.search(r"//([^:]+):([^@]+)@", url).groups()
    (folder / "users").write_text(f'"{user}" "{password}"\n', encoding="utf-8")
    (folder / "ini").write_text(f"""[databases]
campaign = host=127.0.0.1 port={stack.env["PGPORT"]}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = {request.param}
default_pool_size = {SESSIONS[request.param]}
""", encoding="utf-8")
    command = [PGBOUNCER, str(folder / "ini")]
    if os.geteuid() == 0:
        # It refuses to run as root.
        command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *command]
    with open(folder / "log", "wb") as log:
        pooler = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    pooled = url.replace(f":{stack.env['PGPORT']}/", f":{port}/")
    try:
        wait_until("the pooler answers", lambda: psycopg2.connect(pooled).close() is None,
                   ignoring=(psycopg2.OperationalError,))
        yield pooled
    finally:
        pooler.kill()
        pooler.wait(10)


def test_campaign_through_a_pooler(stack, url):
    """Statements of the five lanes share sessions, and none leaves anything in one."""
    variables = environment(stack, DATABASE_URL=url)
    code, out, _ = consumer_output("--check", variables=variables)
    assert code == 0, out
    stack.part("stop", "consumer")
    try:
        with Consumer(variables) as consumer:
            ids = [campaigns.send(stack, NUMBERS) for _ in range(6)]
            for campaign_id in ids:
                wait_for_status(stack, campaign_id, "sent")
            assert consumer.terminate() == 0
            assert [line for line in consumer.lines() if line["level"] != "info"] == []
    finally:
        stack.part("start", "consumer")
    for campaign_id in ids:
        assert_delivered(stack, campaign_id, NUMBERS)


@pytest.mark.parametrize("url", ["transaction"], indirect=True)
def test_pooler_without_a_session_to_give(stack, url):
    """A pooler lets a client in and has it wait for a session: no longer than for any answer."""
    with contextlib.ExitStack() as holders:
        for _ in range(SESSIONS["transaction"]):
            holder = holders.enter_context(contextlib.closing(psycopg2.connect(url)))
            holder.cursor().execute("SELECT")
        code, out, _ = consumer_output("--check", "--hold", "1", timeout=30,
                                       variables=environment(stack, DATABASE_URL=url))
    assert code == 69 and "cannot connect: no answer" in out, out
