"""test_jobs.py - background jobs in the workers of a running PostgreSQL.

What can be seen without a worker is in test/sql/14_jobs.sql and 15_job_queue.sql; kill -9 is
in test/fault/test_jobs_kill.py.
"""
import concurrent.futures
import os
import signal
import time

import psycopg2
import pytest

import campaigns
import jobs
from stack import execute
from waiting import assert_stays, wait_until

LOOP = """
DECLARE started timestamptz := clock_timestamp();
BEGIN
    WHILE clock_timestamp() < started + interval '1 minute' LOOP
        PERFORM 1;
    END LOOP;
    RETURN '{}';
END"""
NOTE = """
BEGIN
    INSERT INTO jobs_test.effects VALUES (job_id, meta ->> 'what');
    RETURN jsonb_build_object('noted', meta ->> 'what');
END"""
SLEEP_AND_NOTE = """
BEGIN
    PERFORM public.job_progress(job_id, 40);
    PERFORM pg_sleep((meta ->> 'seconds')::float8);
    INSERT INTO jobs_test.effects VALUES (job_id, 'slept');
    RETURN NULL;
END"""


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


def test_row_locked_for_a_moment(stack):
    """R2.1: a worker that claims at the same time may have the row of a job locked for a moment,
    just when it is to begin: it begins all the same, and not when somebody next looks for jobs
    that were left behind."""
    with stack.settings(campaign__job_workers=0):
        wait_until("no worker", lambda: not jobs.workers(stack))
        job_id = jobs.create(stack, "countdown", seconds=0)
        worker, other = stack.connect(), stack.connect(autocommit=False)
        claimed = execute(worker, "SELECT id FROM campaign.job_claim(false, campaign.job_session_start(),"
                                  " '{}', 1)")
        assert claimed == [(job_id,)]
        execute(other, "SELECT FROM campaign.jobs WHERE id = %s FOR NO KEY UPDATE", job_id)
        with concurrent.futures.ThreadPoolExecutor() as threads:
            begun = threads.submit(execute, worker, "SELECT type FROM campaign.job_begin(%s,"
                                   " campaign.job_session_start())", job_id)
            wait_until("it waits for the row", lambda: begun.done() or stack.sql(
                "SELECT pid FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'",
                worker.info.backend_pid), interval=0.005)
            other.rollback()
            assert begun.result() == [("countdown",)]
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


def test_handler_leaves_no_trace(stack):
    """R2.3: what a handler sets or locks for its session ends with it."""
    jobs.define(stack, "messy", """
    BEGIN
        PERFORM set_config('work_mem', '77MB', false), pg_advisory_lock(4711);
        RETURN '{}';
    END""")
    jobs.define(stack, "tidy", """
    BEGIN
        RETURN jsonb_build_object('work_mem', current_setting('work_mem'),
            'locks', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711));
    END""")
    ids = [jobs.create(stack, "messy") for _ in range(10)]
    for job_id in ids:
        jobs.wait_for(stack, job_id, "finished")
    ids = [jobs.create(stack, "tidy") for _ in range(10)]
    for job_id in ids:
        assert jobs.wait_for(stack, job_id, "finished")["result"] == {"work_mem": "4MB", "locks": 0}


def test_rights_of_the_owner(stack):
    """R2.3: a handler has the rights of its owner, not those of the worker or of anybody else."""
    stack.sql("DROP ROLE IF EXISTS jobs_owner")
    stack.sql("CREATE ROLE jobs_owner LOGIN PASSWORD 'jobs'")
    stack.sql("CREATE SCHEMA IF NOT EXISTS jobs_test")
    stack.sql("GRANT USAGE, CREATE ON SCHEMA jobs_test TO jobs_owner")
    jobs.define(stack, "note", NOTE)
    try:
        jobs.define(stack, "whoami", """
        BEGIN
            RETURN jsonb_build_object('user', current_user, 'path', current_setting('search_path'),
                'looks_inside', has_schema_privilege('campaign', 'USAGE'));
        END""", owner="jobs_owner")
        result = jobs.wait_for(stack, jobs.create(stack, "whoami"), "finished")["result"]
        assert result == {"user": "jobs_owner", "path": "pg_catalog, pg_temp",
                          "looks_inside": False}
        jobs.define(stack, "escape", "BEGIN SET ROLE postgres; RETURN '{}'; END",
                    owner="jobs_owner", max_attempts=1)
        job = jobs.wait_for(stack, jobs.create(stack, "escape"), "failed")
        assert job["error_code"] == "42501"
        stack.sql("GRANT EXECUTE ON FUNCTION job_type_register TO jobs_owner")
        connection = stack.connect(url=stack.env["DATABASE_URL"], user="jobs_owner", password="jobs")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="only the owner"):
            execute(connection, "SELECT job_type_register('stolen', 'jobs_test.note')")
        for name in ("note", "user_create", "welcome_email"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="can replace this type"):
                execute(connection, "SELECT job_type_register(%s, 'jobs_test.whoami')", name)
        for _ in range(2):
            execute(connection, "SELECT job_type_register('mine', 'jobs_test.whoami')")
        connection.close()
    finally:
        stack.sql("DROP OWNED BY jobs_owner")
        stack.sql("DROP ROLE jobs_owner")
    job = jobs.wait_for(stack, jobs.create(stack, "mine"), "scheduled")
    assert "does not exist" in job["error"]
    stack.one("SELECT job_cancel(%s)", job["id"])


def define_bait(stack):
    """jobs_test.bait, whose deferred trigger notes who it runs as, defers itself once more, and sets
    something for the session; jobs_test.peek(), which notes the same."""
    stack.sql("CREATE SCHEMA IF NOT EXISTS jobs_test")
    stack.sql("GRANT USAGE ON SCHEMA jobs_test TO PUBLIC")
    stack.sql("DROP TABLE IF EXISTS jobs_test.bait, jobs_test.seen")
    stack.sql("CREATE TABLE jobs_test.bait (n int)")
    stack.sql("CREATE TABLE jobs_test.seen (what text, who text DEFAULT current_user)")
    stack.sql("GRANT ALL ON jobs_test.bait, jobs_test.seen TO PUBLIC")
    stack.sql("""CREATE OR REPLACE FUNCTION jobs_test.bait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO jobs_test.seen VALUES ('trigger');
        SET CONSTRAINTS ALL DEFERRED;
        SET default_transaction_read_only = on;
        IF NEW.n < 2 THEN
            INSERT INTO jobs_test.bait VALUES (NEW.n + 1);
        END IF;
        RETURN NULL;
    END $$""")
    stack.sql("CREATE CONSTRAINT TRIGGER bait AFTER INSERT ON jobs_test.bait DEFERRABLE INITIALLY"
              " DEFERRED FOR EACH ROW EXECUTE FUNCTION jobs_test.bait()")
    stack.sql("""CREATE OR REPLACE FUNCTION jobs_test.peek() RETURNS text LANGUAGE sql AS $$
        INSERT INTO jobs_test.seen VALUES ('cursor') RETURNING what $$""")


@pytest.fixture(name="owner")
def owner_fixture(stack):
    """A role with no rights but to make things in jobs_test."""
    stack.sql("DROP ROLE IF EXISTS jobs_owner")
    stack.sql("CREATE ROLE jobs_owner LOGIN PASSWORD 'jobs'")
    stack.sql("CREATE SCHEMA IF NOT EXISTS jobs_test")
    stack.sql("GRANT USAGE, CREATE ON SCHEMA jobs_test TO jobs_owner")
    yield "jobs_owner"
    stack.sql("DROP OWNED BY jobs_owner")
    stack.sql("DROP ROLE jobs_owner")


def test_nothing_runs_as_the_worker(stack, owner):
    """R2.3: what a handler leaves to the end of its transaction has the rights of its owner, too."""
    define_bait(stack)
    jobs.define(stack, "leaver", """
    BEGIN
        INSERT INTO jobs_test.bait VALUES (1);
        EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT jobs_test.peek()';
        RETURN '{}';
    END""", owner=owner)
    before = jobs.workers(stack)
    for job_id in [jobs.create(stack, "leaver") for _ in range(5)]:
        assert jobs.wait_for(stack, job_id, "finished")["attempts"] == 1
    assert stack.sql("SELECT what, who, count(*) FROM jobs_test.seen GROUP BY 1, 2") == [
        ("trigger", owner, 10)]
    assert jobs.workers(stack) == before


def test_nothing_runs_as_the_caller(stack, owner):
    """R2.1: what prepares the metadata gets no rights of whoever creates a job, not even at the
    end of the transaction."""
    define_bait(stack)
    jobs.define(stack, "prepared", "BEGIN RETURN '{}'; END")
    for number, left in enumerate([
            "INSERT INTO jobs_test.bait VALUES (1)",
            "EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT jobs_test.peek()'"]):
        stack.sql(f"""CREATE FUNCTION jobs_test.prepare_{number}(meta jsonb) RETURNS jsonb
                  LANGUAGE plpgsql AS $$ BEGIN {left}; RETURN meta; END $$""")
        stack.sql(f"ALTER FUNCTION jobs_test.prepare_{number} OWNER TO {owner}")
        stack.sql("SELECT job_type_register('prepared', 'jobs_test.prepared', %s)",
                  f"jobs_test.prepare_{number}")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="security-restricted"):
            jobs.create(stack, "prepared")
    assert stack.sql("SELECT * FROM jobs_test.seen") == []


def test_session_is_clean_for_the_next_job(stack):
    """R2.3: temporary tables, prepared statements and cursors of one job are not there for the next
    one, whether it finished or failed."""
    jobs.define(stack, "hoarder", """
    BEGIN
        CREATE TEMPORARY TABLE hoard AS SELECT repeat(md5('x'), 100000)::text AS what;
        EXECUTE 'PREPARE hoarded AS SELECT 1';
        EXECUTE 'DECLARE hoarded CURSOR WITH HOLD FOR SELECT * FROM hoard';
        IF (meta -> 'fail')::boolean THEN
            RAISE EXCEPTION 'no luck';
        END IF;
        RETURN (SELECT jsonb_build_object('length', length(what)) FROM hoard);
    END""", max_attempts=2, backoff="0 s")
    ids = [jobs.create(stack, "hoarder", fail=False) for _ in range(6)]
    for job_id in ids:
        assert jobs.wait_for(stack, job_id, "finished")["attempts"] == 1
    job = jobs.wait_for(stack, jobs.create(stack, "hoarder", fail=True), "failed")
    assert job["error"] == "no luck"


# Cancelling -------------------------------------------------------------------------------


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


# Workers ------------------------------------------------------------------------------------


def running_worker(stack, job_id):
    """The pid of the worker that runs the job."""
    return wait_until("a worker runs it", lambda: stack.sql(
        "SELECT worker_pid FROM campaign.job_slots() WHERE job_id = %s", job_id))[0][0]


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


def test_alive_is_never_run_twice(stack):
    """R2.4: however long a job runs, and even if its worker answers to nothing, nobody else
    takes it."""
    jobs.define(stack, "sleepy", SLEEP_AND_NOTE)
    job_id = jobs.create(stack, "sleepy", seconds=1)
    pid = running_worker(stack, job_id)
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
