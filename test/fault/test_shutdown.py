"""test_shutdown.py - PostgreSQL and its databases end when they are told to, whatever the
broker does; what is interrupted goes on afterwards."""
import contextlib
import pathlib
import subprocess
import time

import psycopg2
import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from stack import run
from waiting import wait_until

STOP_S = 10


def pg_ctl_stop(stack):
    """pg_ctl stop -m fast, as the owner of the data directory; the seconds it took."""
    owner = pathlib.Path(stack.env["PGDATA"]).owner()
    command = [f"{stack.env['PG_BIN']}/pg_ctl", "stop", "-m", "fast", "-t", "60",
               "-D", stack.env["PGDATA"]]
    started = time.monotonic()
    run(["setpriv", f"--reuid={owner}", "--clear-groups", *command], cwd="/", timeout=90)
    return time.monotonic() - started


def finish(stack, campaign_id, numbers):
    wait_for_status(stack, campaign_id, "sent", timeout=300, ignoring=(psycopg2.Error,))
    assert_delivered(stack, campaign_id, numbers)


@pytest.fixture
def running(stack, n):
    """A campaign in mid-run; not before the servers have recovered from the test before."""
    campaigns.wait_until_handled(stack, timeout=300)
    numbers = make_numbers(n, seed=500)
    campaign_id = campaigns.send(stack, numbers)
    campaigns.wait_for_stored(stack, campaign_id, n // 10)
    return campaign_id, numbers


def test_stop_while_the_broker_is_down(stack, running):
    """R0.15: within 10 s, though the worker is trying to connect."""
    mark = stack.log_mark("postgres")
    stack.part("kill", "rabbitmq")
    try:
        wait_until("the worker has noticed",
                   lambda: "no connection to RabbitMQ" in stack.log_since("postgres", mark))
        seconds = pg_ctl_stop(stack)
        stack.part("start", "postgres")
    finally:
        stack.part("start", "rabbitmq")
    assert seconds < STOP_S
    finish(stack, *running)


def test_stop_while_the_broker_hangs(stack, running):
    """R0.15: within 10 s, though the broker answers nothing at all."""
    pid = (stack.directory / "run/rabbitmq.pid").read_text().split()[0]
    processes = [pid] + run(["pgrep", "-P", pid], check=False).stdout.split()
    run(["kill", "-STOP", *processes])
    try:
        stack.part("kill", "worker")
        seconds = pg_ctl_stop(stack)
        stack.part("start", "postgres")
    finally:
        run(["kill", "-CONT", *processes])
    assert seconds < STOP_S
    finish(stack, *running)


@contextlib.contextmanager
def memory_alarm(stack):
    """The broker stops reading from whoever publishes."""
    stack.rabbitmqctl("-q", "set_vm_memory_high_watermark", "0.0001")
    try:
        yield
    finally:
        stack.rabbitmqctl("-q", "set_vm_memory_high_watermark", "0.4")


def send_into_the_alarm(stack, numbers):
    mark = stack.log_mark("postgres")
    campaign_id = campaigns.send(stack, numbers)
    wait_until("the worker has noticed",
               lambda: "RabbitMQ accepts nothing" in stack.log_since("postgres", mark))
    return campaign_id


def test_stop_while_the_broker_is_blocked(stack, n):
    """R0.15: within 10 s, though the broker reads nothing: a memory alarm. The campaign goes
    on when the alarm is over."""
    numbers = make_numbers(n, seed=501)
    with memory_alarm(stack):
        campaign_id = send_into_the_alarm(stack, numbers)
        seconds = pg_ctl_stop(stack)
        stack.part("start", "postgres")
    assert seconds < STOP_S
    finish(stack, campaign_id, numbers)


def test_alarm_comes_and_goes(stack, n):
    """R0.15 R0.17: a memory alarm loses nothing; one line when it comes, one when it goes."""
    numbers = make_numbers(n, seed=502)
    mark = stack.log_mark("postgres")
    with memory_alarm(stack):
        campaign_id = send_into_the_alarm(stack, numbers)
    finish(stack, campaign_id, numbers)
    log = stack.log_since("postgres", mark)
    assert log.count("RabbitMQ accepts nothing") == 1
    assert log.count("RabbitMQ accepts messages again") == 1


def test_consumer_ends_while_the_broker_is_away(stack, running):
    """Consuming rule 6: SIGTERM exits 0 within 10 s in mid-run, with the broker killed under
    it."""
    stack.part("kill", "rabbitmq")
    try:
        pid = stack.consumer_pid()
        started = time.monotonic()
        subprocess.run(["kill", "-TERM", str(pid)], check=True)
        stack.part("stop", "consumer")
        assert time.monotonic() - started < STOP_S
    finally:
        stack.part("start", "rabbitmq")
        stack.part("start", "consumer")
    finish(stack, *running)
