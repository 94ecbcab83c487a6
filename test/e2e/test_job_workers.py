"""test_job_workers.py - the pool of job workers: ends, batches, shutdown, watching."""
import os
import signal
import time

import campaigns
import jobs
from jobs import LOOP, NOTE, SLEEP_AND_NOTE, running_worker
from stack import execute
from waiting import assert_stays, wait_until


def test_worker_that_is_ended(stack):
    """R2.4: the job of a worker that ends is run again at once, and counts no failed attempt."""
    jobs.define(stack, "sleepy", SLEEP_AND_NOTE)
    job_id = jobs.create(stack, "sleepy", seconds=1.5)
    first = running_worker(stack, job_id)
    stack.one("SELECT pg_terminate_backend(%s)", first)
    second = wait_until("another worker has it", lambda: stack.sql(
        "SELECT worker_pid FROM campaign.job_slots() WHERE job_id = %s AND worker_pid <> %s",
        job_id, first), timeout=3)
    assert second
    job = jobs.wait_for(stack, job_id, "finished")
    assert (job["attempts"], job["interruptions"]) == (1, 1)
    assert jobs.effects(stack, job_id) == ["slept"]
    wait_until("all workers again", lambda: len(jobs.workers(stack)) == 2)


def test_worker_that_ends_again_and_again(stack):
    """R2.4: from the third interruption on a job waits before it runs again: it may be the one that
    ends the workers."""
    jobs.define(stack, "sleepy", SLEEP_AND_NOTE)
    job_id = jobs.create(stack, "sleepy", "now() + interval '1 hour'", seconds=1)
    stack.sql("UPDATE campaign.jobs SET interruptions = 2, run_at = now() WHERE id = %s", job_id)
    stack.sql("SELECT campaign.job_wake()")
    pid = running_worker(stack, job_id)
    stack.one("SELECT pg_terminate_backend(%s)", pid)
    waiting = jobs.wait_for(stack, job_id, "scheduled")
    assert waiting["interruptions"] == 3 and waiting["run_at"] > waiting["started_at"]
    job = jobs.wait_for(stack, job_id, "finished")
    assert job["started_at"] >= waiting["run_at"]
    assert (job["attempts"], job["interruptions"]) == (1, 3)
    assert jobs.effects(stack, job_id) == ["slept"]
    wait_until("all workers again", lambda: len(jobs.workers(stack)) == 2)


def test_alive_is_never_run_twice(stack):
    """R2.4: however long a job runs, and even if its worker answers to nothing, nobody else
    takes it."""
    jobs.define(stack, "sleepy", SLEEP_AND_NOTE)
    job_id = jobs.create(stack, "sleepy", seconds=1)
    pid = running_worker(stack, job_id)
    # In its handler: before that the job is not begun, and others may take it.
    wait_until("it sleeps", lambda: stack.one(
        "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = %s", pid), interval=0.01)
    os.kill(pid, signal.SIGSTOP)
    try:
        ended = time.monotonic() + 4
        while time.monotonic() < ended:
            # Others work meanwhile, and look for what was left behind.
            jobs.wait_for(stack, jobs.create(stack, "countdown", seconds=0.2), "finished")
            job = jobs.get(stack, job_id)
            assert job["status"] == "running" and job["interruptions"] == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    job = jobs.wait_for(stack, job_id, "finished")
    assert (job["attempts"], job["interruptions"]) == (1, 0)
    assert jobs.effects(stack, job_id) == ["slept"]


def test_other_workers_take_the_rest_of_a_batch(stack):
    """R2.1: quick jobs behind one that turns out to be slow do not wait for it."""
    jobs.define(stack, "sleepy", SLEEP_AND_NOTE)
    for _ in range(3):
        for job_id in [jobs.create(stack, "sleepy", seconds=0) for _ in range(6)]:
            jobs.wait_for(stack, job_id, "finished")
    connection = stack.connect(autocommit=False)
    slow = execute(connection, "SELECT job_create('sleepy', '{\"seconds\": 20}')")[0][0]
    quick = [execute(connection, "SELECT job_create('sleepy', '{\"seconds\": 0}')")[0][0]
             for _ in range(10)]
    connection.commit()
    connection.close()
    for job_id in quick:
        jobs.wait_for(stack, job_id, "finished", timeout=15)
    assert jobs.get(stack, slow)["status"] == "running"
    stack.one("SELECT job_cancel(%s)", slow)
    jobs.wait_for(stack, slow, "cancelled")


def make_quick(stack, name, **meta):
    """Lets every worker see that jobs of this type are quick, so that several are claimed at once."""
    for _ in range(6):
        for job_id in [jobs.create(stack, name, **meta) for _ in range(8)]:
            jobs.wait_for(stack, job_id, "finished")


def claimed_together(stack, name, *seconds):
    """Ids of jobs that one worker has claimed at once; it runs the first of them."""
    make_quick(stack, name, seconds=0)
    connection = stack.connect(autocommit=False)
    ids = [execute(connection, "SELECT job_create(%s, jsonb_build_object('seconds', %s))",
                   name, number)[0][0] for number in seconds]
    connection.commit()
    connection.close()
    running_worker(stack, ids[0])
    if stack.one("SELECT count(DISTINCT (worker_pid, status)) FROM campaign.jobs WHERE id = ANY (%s)",
                 ids) == 1:
        return ids
    # Another worker was awake.
    stack.one("SELECT job_cancel(%s)", ids[0])
    for job_id in ids:
        jobs.wait_for(stack, job_id, "finished", "cancelled")
    return None


def test_rest_of_a_batch_does_not_wait_for_the_poll(stack):
    """R2.1: what a worker has claimed and does not come to is taken by one that sleeps."""
    jobs.define(stack, "batched", SLEEP_AND_NOTE)
    with stack.settings(campaign__poll_interval=600):
        slow, quick = wait_until("one worker has both",
                                 lambda: claimed_together(stack, "batched", 60, 0))
        jobs.wait_for(stack, quick, "finished", timeout=10)
        assert jobs.get(stack, slow)["status"] == "running"
        stack.one("SELECT job_cancel(%s)", slow)
        jobs.wait_for(stack, slow, "cancelled")


def test_lock_of_a_user_stops_no_worker(stack):
    """R2.1: a worker that gives a job back does not wait for somebody who has it locked."""
    jobs.define(stack, "batched", SLEEP_AND_NOTE)
    with stack.settings(campaign__job_workers=1):
        wait_until("one worker", lambda: len(jobs.workers(stack)) == 1)
        slow, quick = wait_until("one worker has both",
                                 lambda: claimed_together(stack, "batched", 2, 0))
        connection = stack.connect(autocommit=False)
        execute(connection, "SELECT job_cancel(%s)", quick)
        jobs.wait_for(stack, slow, "finished")
        assert jobs.wait_for(stack, jobs.create(stack, "batched", seconds=0), "finished", timeout=10)
        connection.rollback()
        connection.close()
        jobs.wait_for(stack, quick, "finished")
    wait_until("all workers again", lambda: len(jobs.workers(stack)) == 2)


def test_many_jobs_over_the_workers(stack):
    """R2.4: each of many jobs is done exactly once, over all workers."""
    jobs.define(stack, "note", NOTE)
    ids = [row[0] for row in stack.sql(
        "SELECT job_create('note', jsonb_build_object('what', n)) FROM generate_series(1, 2000) n")]
    wait_until("all are finished", lambda: stack.one(
        "SELECT count(*) FROM campaign.jobs WHERE id = ANY (%s) AND status = 'finished'", ids) == 2000,
        timeout=120)
    assert stack.one("SELECT count(*) FROM jobs_test.effects WHERE job_id = ANY (%s)", ids) == 2000
    assert stack.one("SELECT count(DISTINCT job_id) FROM jobs_test.effects WHERE job_id = ANY (%s)",
                     ids) == 2000
    assert stack.one("SELECT count(DISTINCT pid) FROM jobs_test.effects WHERE job_id = ANY (%s)",
                     ids) > 1


def test_watching(stack):
    """R2.6: what runs, since when and in which worker, is one call."""
    job_id = jobs.create(stack, "countdown", seconds=3)
    pid = running_worker(stack, job_id)
    stats = stack.one("SELECT job_stats()")
    (entry,) = [one for one in stats["running"] if one["id"] == job_id]
    assert entry["worker_pid"] == pid and entry["type"] == "countdown" and entry["started_at"]
    assert stats["workers"] == {"total": 2, "busy": 1}
    assert stats["by_type"]["countdown"]["running"] == 1
    stack.one("SELECT job_cancel(%s)", job_id)
    jobs.wait_for(stack, job_id, "cancelled")


def test_dispatch_job(stack):
    """R2.3: a campaign that is dispatched by a job is sent."""
    numbers = campaigns.make_numbers(30, seed=77)
    campaign_id = campaigns.create(stack, numbers)
    job_id = jobs.create(stack, "dispatch", campaign_id=campaign_id)
    assert jobs.wait_for(stack, job_id, "finished")["result"]["id"] == campaign_id
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_delivered(stack, campaign_id, numbers)
    again = jobs.wait_for(stack, jobs.create(stack, "dispatch", campaign_id=campaign_id),
                          "scheduled", "failed")
    assert "already dispatched" in again["error"]
    if again["status"] == "scheduled":
        stack.one("SELECT job_cancel(%s)", again["id"])


def test_number_of_workers(stack):
    """R2.1: campaign.job_workers counts after a reload; with none, jobs wait and are not lost."""
    with stack.settings(campaign__job_workers=0):
        wait_until("no worker", lambda: not jobs.workers(stack))
        job_id = jobs.create(stack, "countdown", seconds=0)
        assert_stays("it waits", lambda: jobs.get(stack, job_id)["status"] == "waiting", 0.5)
    jobs.wait_for(stack, job_id, "finished")
    wait_until("all workers again", lambda: len(jobs.workers(stack)) == 2)


def test_dismissed_workers_come_back_at_once(stack):
    """R2.1: workers that a setting has ended are no sign of a fault: the next ones need not wait
    longer each time."""
    for _ in range(5):
        with stack.settings(campaign__job_workers=0):
            wait_until("no worker", lambda: not jobs.workers(stack))
        wait_until("all workers again", lambda: len(jobs.workers(stack)) == 2, timeout=5)


def test_shutdown_does_not_wait_for_jobs(stack):
    """R2.3 R2.4: pg_ctl stop interrupts jobs; they go on after the start."""
    jobs.define(stack, "sleepy", SLEEP_AND_NOTE)
    looping = jobs.create(stack, jobs.define(stack, "endless", LOOP))
    sleeping = jobs.create(stack, "sleepy", seconds=1)
    running_worker(stack, looping)
    running_worker(stack, sleeping)
    stack.part("stop", "postgres", timeout=30)
    stack.part("start", "postgres")
    job = jobs.wait_for(stack, sleeping, "finished")
    assert (job["attempts"], job["interruptions"]) == (1, 1)
    assert jobs.effects(stack, sleeping) == ["slept"]
    running_worker(stack, looping)
    stack.one("SELECT job_cancel(%s)", looping)
    jobs.wait_for(stack, looping, "cancelled")
