"""test_jobs.py - background jobs in the workers of a running PostgreSQL: their life, and failing.

What can be seen without a worker is in test/sql/30_jobs.sql and 33_job_queue.sql; kill -9 is
in test/fault/test_jobs_kill.py.
"""
import concurrent.futures
import time

import pytest

import jobs
from jobs import NOTE
from programs import frozen
from stack import execute
from waiting import assert_stays, wait_until


def test_life_of_a_job(stack):
    """R2.1 R2.3: an id at once, live progress, then the result and 100 %."""
    job_id = jobs.create(stack, "countdown", seconds=2, note="kept")
    job = jobs.wait_for(stack, job_id, "running")
    assert job["meta"] == {"seconds": 2, "note": "kept"} and job["started_at"]
    assert job["finished_at"] is None and job["attempts"] == 1
    wait_until("progress is seen while it runs", lambda: 0 < jobs.get(stack, job_id)["progress"] < 100)
    job = jobs.wait_for(stack, job_id, "finished")
    assert job["progress"] == 100 and job["result"] == {"seconds": 2, "note": "kept"}
    assert job["created_at"] <= job["started_at"] < job["finished_at"]
    assert job["error"] is None and job["interruptions"] == 0


@pytest.mark.parametrize("name, meta, first, last, length", [
    ("fibonacci", {"n": 100_000}, "25974069347221724166", "49895374653428746875", 20_899),
    ("pi", {"digits": 100_000}, "3.141592653589793238", "5493624646", 100_002),
])
def test_computations(stack, name, meta, first, last, length):
    """R2.3: the longest of the shipped computations, exact."""
    value = jobs.wait_for(stack, jobs.create(stack, name, **meta), "finished")["result"]["value"]
    assert len(value) == length and value.startswith(first) and value.endswith(last)


def test_own_type(stack):
    """R2.3: a new type is one function and one call."""
    jobs.define(stack, "note", NOTE)
    job_id = jobs.create(stack, "note", what="x")
    assert jobs.wait_for(stack, job_id, "finished")["result"] == {"noted": "x"}
    assert jobs.effects(stack, job_id) == ["x"]


def test_transactions(stack):
    """R2.1: a job that is rolled back never was; one that commits is run at once."""
    jobs.define(stack, "note", NOTE)
    connection = stack.connect(autocommit=False)
    execute(connection, "SELECT job_create('note', '{\"what\": \"never\"}')")
    execute(connection, "SAVEPOINT one")
    execute(connection, "SELECT job_create('note', '{\"what\": \"never\"}')")
    execute(connection, "ROLLBACK TO one")
    connection.rollback()
    (job_id,), = execute(connection, "SELECT job_create('note', '{\"what\": \"now\"}')")
    assert_stays("nothing runs before the commit",
                 lambda: not stack.one("SELECT count(*) FROM jobs_test.effects WHERE job_id = %s",
                                       job_id), 0.5)
    connection.commit()
    connection.close()
    assert jobs.wait_for(stack, job_id, "finished")["attempts"] == 1
    assert stack.one("SELECT count(*) FROM jobs_test.effects WHERE what = 'never'") == 0


def test_scheduled(stack):
    """R2.6: a job for later is not run before its time, and wakes nobody before it."""
    jobs.define(stack, "note", NOTE)
    job_id = jobs.create(stack, "note", "clock_timestamp() + interval '1.5 seconds'", what="late")
    assert jobs.get(stack, job_id)["status"] == "scheduled"
    job = jobs.wait_for(stack, job_id, "finished")
    assert job["started_at"] >= job["run_at"]


@pytest.mark.parametrize("question, answer", [("type FROM campaign.job_begin", "countdown"),
                                              ("* FROM campaign.job_settle", "running")])
def test_row_locked_for_a_moment(stack, question, answer):
    """R2.1: a worker that claims at the same time may have the row of a job locked for a moment,
    just when it is to begin: it begins all the same, and not when somebody next looks for jobs
    that were left behind. Or just when its transaction has failed: that counts."""
    with stack.settings(campaign__job_workers=0):
        wait_until("no worker", lambda: not jobs.workers(stack))
        job_id = jobs.create(stack, "countdown", seconds=0)
        worker, other = stack.connect(), stack.connect(autocommit=False)
        claimed = execute(worker, "SELECT id FROM campaign.job_claim(false, campaign.job_session_started_at(),"
                                  " '{}', 1)")
        assert claimed == [(job_id,)]
        execute(other, "SELECT FROM campaign.jobs WHERE id = %s FOR NO KEY UPDATE", job_id)
        with concurrent.futures.ThreadPoolExecutor() as threads:
            begun = threads.submit(execute, worker, f"SELECT {question}(%s,"
                                   " campaign.job_session_started_at())", job_id)
            wait_until("it waits for the row", lambda: begun.done() or stack.sql(
                "SELECT pid FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'",
                worker.info.backend_pid), interval=0.005)
            other.rollback()
            assert begun.result() == [(answer,)]
        worker.close()
        other.close()
    jobs.wait_for(stack, job_id, "finished")


def test_priority(stack):
    """R2.6: of those that wait, higher priorities first, then in the order of creation."""
    jobs.define(stack, "note", NOTE)
    with stack.settings(campaign__job_workers=1):
        wait_until("one worker", lambda: len(jobs.workers(stack)) == 1)
        connection = stack.connect(autocommit=False)
        ids = [execute(connection, "SELECT job_create('note', '{}', now(), %s)", priority)[0][0]
               for priority in (0, 0, 7, -1, 7)]
        connection.commit()
        connection.close()
        for job_id in ids:
            jobs.wait_for(stack, job_id, "finished")
        started = stack.sql("SELECT id FROM campaign.jobs WHERE id = ANY (%s) ORDER BY started_at",
                            ids)
        assert [row[0] for row in started] == [ids[place] for place in (2, 4, 0, 1, 3)]
    wait_until("all workers again", lambda: len(jobs.workers(stack)) == 2)


# Failing ----------------------------------------------------------------------------------


def test_retries(stack):
    """R2.4: an attempt that fails leaves nothing behind, and another one follows."""
    jobs.define(stack, "unlucky", """
    BEGIN
        INSERT INTO jobs_test.effects VALUES (job_id, 'attempt');
        IF (SELECT attempts FROM campaign.jobs j WHERE j.id = job_id) < 3 THEN
            RAISE EXCEPTION 'no luck' USING DETAIL = 'this time';
        END IF;
        RETURN '{}';
    END""", backoff="10 ms")
    job_id = jobs.create(stack, "unlucky")
    job = jobs.wait_for(stack, job_id, "finished")
    assert job["attempts"] == 3 and job["error"] is None
    assert jobs.effects(stack, job_id) == ["attempt"]
    assert stack.sql("SELECT attempt, error_code, error FROM campaign.job_errors WHERE job_id = %s"
                     " ORDER BY attempt", job_id) == [(1, "P0001", "no luck (this time)"),
                                                      (2, "P0001", "no luck (this time)")]


@pytest.mark.parametrize("body, code, piece", [
    ("BEGIN RAISE EXCEPTION 'always'; END", "P0001", "always"),
    ("BEGIN PERFORM pg_sleep(60); RETURN '{}'; END", "57014", "longer than the 0.300 s"),
    ("BEGIN PERFORM 1 FROM jobs_test.nowhere; RETURN '{}'; END", "42P01", "nowhere"),
])
def test_failed(stack, body, code, piece):
    """R2.4 R2.6: after its last attempt a job has failed, visibly; a retry has them all again."""
    jobs.define(stack, "doomed", body, max_attempts=2, backoff="10 ms", timeout="300 ms")
    job_id = jobs.create(stack, "doomed")
    job = jobs.wait_for(stack, job_id, "failed")
    assert (job["attempts"], job["error_code"]) == (2, code) and piece in job["error"]
    assert job["finished_at"] and job["result"] is None
    jobs.define(stack, "doomed", "BEGIN RETURN '{\"mended\": true}'; END")
    stack.one("SELECT job_retry(%s)", job_id)
    assert jobs.wait_for(stack, job_id, "finished")["result"] == {"mended": True}
    assert stack.one("SELECT count(*) FROM campaign.job_errors WHERE job_id = %s", job_id) == 2


def test_bad_data_is_final(stack):
    """R2.6: what would be the same the next time is not tried again."""
    jobs.define(stack, "pedant", "BEGIN RAISE EXCEPTION 'bad' USING ERRCODE = '22023'; END")
    assert jobs.wait_for(stack, jobs.create(stack, "pedant"), "failed")["attempts"] == 1


def test_deferred_constraint(stack):
    """R2.4: a constraint that fails at the commit fails the attempt, and takes its work with it."""
    stack.sql("CREATE SCHEMA IF NOT EXISTS jobs_test")
    stack.sql("DROP TABLE IF EXISTS jobs_test.strict")
    stack.sql("CREATE TABLE jobs_test.strict (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    jobs.define(stack, "deferred", """
    BEGIN
        INSERT INTO jobs_test.effects VALUES (job_id, 'gone');
        INSERT INTO jobs_test.strict VALUES (1), (1);
        RETURN '{}';
    END""")
    job_id = jobs.create(stack, "deferred")
    job = jobs.wait_for(stack, job_id, "failed")
    assert job["error_code"] == "23505" and jobs.effects(stack, job_id) == []


def test_end_that_cannot_be_written(stack):
    """R2.4: what a job did and its end are one transaction: without the one there is not the other."""
    jobs.define(stack, "endless", """
    BEGIN
        INSERT INTO jobs_test.effects VALUES (job_id, 'gone');
        RETURN '{"refused": true}';
    END""", max_attempts=1)
    stack.sql("ALTER TABLE campaign.jobs ADD CONSTRAINT refuse CHECK (NOT result ? 'refused') NOT VALID")
    try:
        job_id = jobs.create(stack, "endless")
        job = jobs.wait_for(stack, job_id, "failed")
    finally:
        stack.sql("ALTER TABLE campaign.jobs DROP CONSTRAINT refuse")
    assert job["error_code"] == "23514" and jobs.effects(stack, job_id) == []


def test_row_taken_before_its_failure_is_written(stack):
    """R2.4: the transaction of a job fails, and somebody else has its row before the worker can
    write that down: it leaves the job to whoever takes it over, and it is done once."""
    jobs.define(stack, "contested", """
    BEGIN
        PERFORM pg_sleep(0.5);
        INSERT INTO jobs_test.effects VALUES (job_id, 'done');
        RETURN '{"refused": true}';
    END""", max_attempts=1)
    stack.sql("ALTER TABLE campaign.jobs ADD CONSTRAINT refuse CHECK (NOT result ? 'refused') NOT VALID")
    table, row = stack.connect(autocommit=False), stack.connect(autocommit=False)
    try:
        job_id = jobs.create(stack, "contested")
        pid = jobs.running_worker(stack, job_id)
        # Granted by the end of the transaction that failed, before its worker can go on.
        execute(table, "LOCK TABLE campaign.jobs")
        wait_until("the worker is to write it down", lambda: stack.sql(
            "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'", pid))
        with frozen(pid):
            table.rollback()
            execute(row, "SELECT FROM campaign.jobs WHERE id = %s FOR UPDATE", job_id)
        wait_until("it has left the job", lambda: not stack.sql(
            "SELECT FROM campaign.job_slots() WHERE job_id = %s", job_id))
        assert jobs.get(stack, job_id)["status"] == "running"
    finally:
        table.close()
        row.close()
        stack.sql("ALTER TABLE campaign.jobs DROP CONSTRAINT refuse")
    job = jobs.wait_for(stack, job_id, "finished")
    assert (job["attempts"], job["interruptions"]) == (1, 0)
    assert jobs.effects(stack, job_id) == ["done"]
