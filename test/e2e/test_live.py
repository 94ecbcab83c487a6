"""test_live.py - whoever listens hears where each campaign stands, and no more often than needed."""
import contextlib
import datetime
import json
import select

import pytest

import campaigns
from campaigns import make_numbers, wait_for_status
from stack import execute
from waiting import wait_until

CHANNEL = "campaign_progress"
KEYS = {"id", "status", "total", "published", "stored", "failed", "at"}
FEW = make_numbers(5, seed=900)


class Listener:
    """A session that LISTENs, and everything that it has heard."""

    def __init__(self, stack):
        self.stack = stack
        self.heard = []
        self.settled = set()
        self.connection = stack.connect()
        execute(self.connection, f"LISTEN {CHANNEL}")

    def close(self):
        self.connection.close()

    def read(self, seconds=0.0):
        """Takes what has come, or what comes first within this time."""
        select.select([self.connection], [], [], seconds)
        self.connection.poll()
        while self.connection.notifies:
            self.heard.append(json.loads(self.connection.notifies.pop(0).payload))

    def news(self):
        """What was heard of others than those that are caught up with: a late mark repeats their end."""
        return [one for one in self.heard if one["id"] not in self.settled]

    def of(self, campaign_id):
        return [one for one in self.heard if one.get("id") == campaign_id]

    def wait_for(self, campaign_id, status):
        """The first word that a campaign has this status."""
        def told():
            self.read(0.5)
            return [one for one in self.of(campaign_id) if one["status"] == status]
        return wait_until(f"{campaign_id} is told to be {status}", told, interval=0)[0]

    def wait_for_missed(self):
        def told():
            self.read(0.5)
            return None in [one.get("id", "") for one in self.heard]
        wait_until("something is told to be missed", told, interval=0)

    def catch_up(self):
        """Everything that the worker has told, or would have told, is heard: what is committed later
        is told later."""
        campaign_id = campaigns.send(self.stack, FEW)
        self.settled.add(campaign_id)
        self.wait_for(campaign_id, "sent")

    def begin(self):
        """Only what happens from now on is told from now on."""
        self.catch_up()
        self.heard.clear()


@pytest.fixture(name="listener")
def fixture_listener(stack):
    with contextlib.closing(Listener(stack)) as listener:
        yield listener


def test_a_run_is_told(stack, listener):
    """R3.9: at most once in 100 ms, never backwards, and the end in any case."""
    campaign_id = campaigns.send(stack, make_numbers(150_000, seed=901))
    last = listener.wait_for(campaign_id, "sent")
    told = listener.of(campaign_id)
    told = told[:told.index(last) + 1]
    assert len(told) >= 3
    assert {frozenset(one) for one in told} == {frozenset(KEYS)}
    assert (last["total"], last["published"], last["stored"], last["failed"]) == (150_000,) * 3 + (0,)
    times = [datetime.datetime.fromisoformat(one["at"]) for one in told]
    # They are read from the wall clock, which may be slewed; the worker waits by the monotonic one.
    assert min(b - a for a, b in zip(times, times[1:])) >= datetime.timedelta(milliseconds=99)
    counts = [one["stored"] for one in told]
    assert counts == sorted(counts)


def test_every_move_is_told(stack, listener):
    """R3.9: whoever moves it, and before there is any progress."""
    campaign_id = campaigns.create(stack, FEW)
    stack.one("SELECT campaign_schedule(%s, '2099-01-01')", campaign_id)
    listener.wait_for(campaign_id, "scheduled")
    stack.one("SELECT campaign_schedule(%s, NULL)", campaign_id)
    listener.wait_for(campaign_id, "draft")
    stack.sql("SELECT campaign_dispatch(%s), campaign_pause(%s)", campaign_id, campaign_id)
    listener.wait_for(campaign_id, "paused")
    stack.one("SELECT campaign_resume(%s)", campaign_id)
    assert listener.wait_for(campaign_id, "sent")["stored"] == len(FEW)
    other = campaigns.create(stack, FEW)
    stack.one("SELECT campaign_cancel(%s)", other)
    assert listener.wait_for(other, "cancelled")["stored"] == 0


def test_counts_are_those_of_the_status(stack, listener):
    """R3.9: of five recipients one is stored, one left out, one not delivered and one refused before the rest."""
    campaign_id = campaigns.create(stack, FEW)
    stack.sql("SELECT campaign_dispatch(%s), campaign_pause(%s)", campaign_id, campaign_id)
    stack.sql("SELECT campaign.report_conflict(%s, 'NORMAL', 4, 'refused')", campaign_id)
    fate = {"campaign": campaign_id, "class": "NORMAL", "seq": 3, "state": "failed", "code": "x", "text": "x", "attempts": 1}
    stack.sql("SELECT campaign.report_fates(array_fill(%s::text, '{3}'), '{NORMAL,NORMAL,NORMAL}', '{1,2,3}', '{1,2,3}', '{}',"
              " '{f,t,f}', 'nobody', %s, 3, 1, 1)", campaign_id, json.dumps([fate]))
    wanted = {"stored": 2, "failed": 2}
    status = campaigns.status(stack, campaign_id)
    assert {key: status[key] for key in wanted} == wanted

    def told():
        listener.read(0.5)
        return [{key: one[key] for key in wanted} for one in listener.of(campaign_id)][-1:] == [wanted]
    wait_until("it is told", told, interval=0)
    stack.one("SELECT campaign_cancel(%s)", campaign_id)


def test_nothing_is_told_of_what_did_not_happen(stack, listener):
    """R3.9: neither of a rollback, nor while nothing changes, whatever wakes the worker."""
    listener.begin()
    campaign_id = campaigns.create(stack, FEW)
    with contextlib.closing(stack.connect(autocommit=False)) as connection:
        execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
        connection.rollback()
    asked = stack.one("SELECT clock_timestamp()")
    stack.sql("SELECT campaign.worker_wake()")
    wait_until("the worker has looked", lambda: stack.one(
        "SELECT min(query_start) > %s FROM pg_stat_activity WHERE pid = ANY (%s)", asked, stack.worker_pids()))
    listener.catch_up()
    assert listener.news() == []


def test_many_commits_of_one_moment(stack, listener):
    """R3.9: more changes than are remembered are told to be missed; those after them are told."""
    listener.begin()
    stack.sql("SELECT campaign.campaign_changed('c' || n) FROM generate_series(1, 9000) AS n")
    listener.wait_for_missed()
    listener.heard.clear()
    listener.catch_up()
    assert listener.news() == []


def test_a_new_worker_does_not_know(stack, listener):
    """R3.9: what the worker before it has not told is told to be missed."""
    stack.one("SELECT pg_terminate_backend(%s, 10000)", stack.worker_pid())
    listener.wait_for_missed()
    listener.catch_up()


def test_campaigns_go_on_if_nobody_can_be_told(stack, listener):
    """R3.9: a NOTIFY that fails delays nothing, is logged once, and is made up for."""
    mark = stack.log_mark("postgres")
    function = "FUNCTION campaign.outbox_tell(text[], boolean)"
    stack.sql(f"REVOKE EXECUTE ON {function} FROM campaign_worker")
    try:
        pid = stack.worker_pid()
        for seed in (902, 903):
            wait_for_status(stack, campaigns.send(stack, make_numbers(500, seed=seed)), "sent")
        wait_until("it is logged", lambda: "live updates fail" in stack.log_since("postgres", mark))
        assert stack.worker_pid() == pid
    finally:
        stack.sql(f"GRANT EXECUTE ON {function} TO campaign_worker")
    listener.wait_for_missed()
    listener.catch_up()
    log = stack.log_since("postgres", mark)
    assert log.count("live updates fail") == 1 and "live updates go on" in log


def test_notifications_can_be_turned_off(stack, listener):
    """R3.9: campaign.notify."""
    listener.begin()
    with stack.settings(campaign__notify="off"):
        wait_for_status(stack, campaigns.send(stack, FEW), "sent")
    listener.catch_up()
    assert listener.news() == []


def test_a_prepared_dispatch(stack, listener):
    """R3.9: a transaction that changes a campaign can still be prepared."""
    campaign_id = campaigns.create(stack, FEW)
    with contextlib.closing(stack.connect(autocommit=False)) as connection:
        execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
        execute(connection, "PREPARE TRANSACTION 'live'")
    stack.sql("COMMIT PREPARED 'live'")
    stack.sql("SELECT campaign.worker_wake()")
    listener.wait_for(campaign_id, "sent")
