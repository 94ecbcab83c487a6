"""test_job_rights.py - with whose rights handlers run, and what they leave behind: nothing."""
import psycopg2
import pytest

import jobs
from jobs import NOTE
from stack import execute


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
