"""test_job_cancel.py - jobs are cancelled, before they run and while they do."""
import os
import signal

import pytest

import jobs
from jobs import LOOP, NOTE, SLEEP_AND_NOTE, running_worker
from stack import execute
from waiting import assert_stays, wait_until


@pytest.mark.parametrize("body", [LOOP, SLEEP_AND_NOTE])
def test_cancel_a_running_job(stack, body):
    """R2.6: a running job is cancelled in a moment, and what it did is undone."""
    jobs.define(stack, "endless", body)
    job_id = jobs.create(stack, "endless", seconds=60)
    jobs.wait_for(stack, job_id, "running")
    wait_until("a worker runs it", lambda: stack.one(
        "SELECT count(*) FROM campaign.job_slots() WHERE job_id = %s", job_id))
    stack.one("SELECT job_cancel(%s)", job_id)
    job = jobs.wait_for(stack, job_id, "cancelled", timeout=5)
    assert jobs.effects(stack, job_id) == [] and not job["cancel_requested"]
    assert jobs.get(stack, jobs.wait_for(stack, jobs.create(stack, "countdown", seconds=0),
                                         "finished")["id"])["attempts"] == 1


def test_cancel_ends_no_worker(stack):
    """R2.4 R2.6: many requests to cancel at once end the job and not its worker."""
    before = jobs.workers(stack)
    for _ in range(10):
        job_id = jobs.create(stack, "countdown", seconds=60)
        pid = running_worker(stack, job_id)
        stack.one("SELECT job_cancel(%s)", job_id)
        while jobs.get(stack, job_id)["status"] == "running":
            for _ in range(50):
                os.kill(pid, signal.SIGINT)
        jobs.wait_for(stack, job_id, "cancelled")
    assert jobs.workers(stack) == before


def test_cancel_that_is_rolled_back(stack):
    """R2.6: a cancel takes effect at its commit: one that is rolled back has none."""
    jobs.define(stack, "sleepy", SLEEP_AND_NOTE)
    job_id = jobs.create(stack, "sleepy", seconds=2)
    running_worker(stack, job_id)
    started = jobs.get(stack, job_id)["started_at"]
    connection = stack.connect(autocommit=False)
    execute(connection, "SELECT job_cancel(%s)", job_id)
    connection.rollback()
    execute(connection, "SAVEPOINT one")
    execute(connection, "SELECT job_cancel(%s)", job_id)
    execute(connection, "ROLLBACK TO one")
    connection.commit()
    connection.close()
    assert_stays("it goes on", lambda: jobs.get(stack, job_id)["started_at"] == started, 0.5)
    jobs.wait_for(stack, job_id, "finished")
    assert jobs.effects(stack, job_id) == ["slept"]


def test_cancel_that_comes_too_late(stack):
    """R2.6: a job that ended before the cancel was committed is not touched by it, nor is its retry."""
    jobs.define(stack, "sleepy", SLEEP_AND_NOTE)
    jobs.define(stack, "doomed", "BEGIN PERFORM pg_sleep(1); RAISE EXCEPTION 'no luck'; END",
                max_attempts=1)
    connection = stack.connect(autocommit=False)
    ids = [jobs.create(stack, "sleepy", seconds=1), jobs.create(stack, "doomed")]
    for job_id in ids:
        running_worker(stack, job_id)
        execute(connection, "SELECT job_cancel(%s)", job_id)
    ended = [jobs.wait_for(stack, ids[0], "finished"), jobs.wait_for(stack, ids[1], "failed")]
    connection.commit()
    connection.close()
    assert [jobs.get(stack, job_id) for job_id in ids] == ended
    jobs.define(stack, "doomed", "BEGIN RETURN '{}'; END")
    stack.one("SELECT job_retry(%s)", ids[1])
    assert jobs.wait_for(stack, ids[1], "finished")["attempts"] == 2


def test_cancel_before_it_runs(stack):
    """R2.6: a job that waits or is scheduled is cancelled on the spot."""
    job_id = jobs.create(stack, "countdown", "now() + interval '1 hour'", seconds=0)
    assert stack.one("SELECT job_cancel(%s)", job_id)["status"] == "cancelled"
    stack.one("SELECT job_retry(%s)", job_id)
    assert jobs.wait_for(stack, job_id, "finished")["attempts"] == 1


def test_cancel_between_claim_and_begin(stack):
    """R2.6: a job that is cancelled when a worker has claimed it, and not begun it, does nothing."""
    jobs.define(stack, "note", NOTE)
    with jobs.cancelled_when_claimed(stack, "note"):
        job_id = jobs.create(stack, "note", what="never")
        job = jobs.wait_for(stack, job_id, "cancelled")
    assert jobs.effects(stack, job_id) == [] and not job["cancel_requested"]
    assert jobs.wait_for(stack, jobs.create(stack, "note"), "finished")["attempts"] == 1


def test_cancel_that_the_handler_survives(stack):
    """R2.6: a handler may catch the interrupt; then its job is done, and no request is left that
    would cancel the job's retry or end."""
    jobs.define(stack, "stubborn", """
    BEGIN
        PERFORM pg_sleep(60);
        RETURN '{}';
    EXCEPTION WHEN query_canceled THEN
        RETURN '{"stubborn": true}';
    END""")
    job_id = jobs.create(stack, "stubborn")
    wait_until_it_sleeps(stack, running_worker(stack, job_id))
    stack.one("SELECT job_cancel(%s)", job_id)
    job = jobs.wait_for(stack, job_id, "finished")
    assert job["result"] == {"stubborn": True} and not job["cancel_requested"]
    assert stack.one("SELECT count(*) FROM campaign.job_cancels WHERE job_id = %s", job_id) == 0


def test_timeout_that_the_handler_survives(stack):
    """R2.4: it is interrupted again, each second, so that what catches one does not go on without an end."""
    jobs.define(stack, "catching", """
    BEGIN
        BEGIN
            PERFORM pg_sleep(60);
        EXCEPTION WHEN query_canceled THEN
            NULL;
        END;
        PERFORM pg_sleep(60);
        RETURN '{}';
    END""", timeout="500 ms", max_attempts=1)
    job = jobs.wait_for(stack, jobs.create(stack, "catching"), "failed")
    assert "longer than the 0.500 s" in job["error"]


def test_interrupt_without_a_request(stack):
    """R2.4: an interrupt whose request is not there, for whatever reason, ends no job: it runs
    again, without an attempt counted."""
    jobs.define(stack, "sleepy", SLEEP_AND_NOTE)
    job_id = jobs.create(stack, "sleepy", seconds=1)
    wait_until_it_sleeps(stack, running_worker(stack, job_id))
    started = jobs.get(stack, job_id)["started_at"]
    assert stack.one("SELECT campaign.job_interrupt(%s)", job_id)
    job = jobs.wait_for(stack, job_id, "finished")
    assert job["started_at"] > started and (job["attempts"], job["interruptions"]) == (1, 0)
    assert jobs.effects(stack, job_id) == ["slept"]
    assert stack.sql("SELECT FROM campaign.job_errors WHERE job_id = %s", job_id) == []


def wait_until_it_sleeps(stack, pid):
    wait_until("it sleeps", lambda: stack.one(
        "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = %s", pid), interval=0.01)
