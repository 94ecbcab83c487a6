"""jobs.py - background jobs as the tests use them: types of their own, and waiting."""
import contextlib
import json

from stack import execute
from waiting import wait_until

ENDS = ("finished", "failed", "cancelled")

# Bodies of handlers.
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


def create(stack, name, run_at="now()", **meta):
    """The id of a new job, committed."""
    return stack.one(f"SELECT job_create(%s, %s, {run_at})", name, json.dumps(meta))


def get(stack, job_id):
    return stack.one("SELECT job_get(%s)", job_id)


def wait_for(stack, job_id, *statuses, timeout=30.0, ignoring=()):
    """The job, once it has one of these statuses."""
    def look():
        job = get(stack, job_id)
        assert job["status"] in statuses or job["status"] not in ENDS, job
        return job if job["status"] in statuses else None
    return wait_until(f"job {job_id} is {' or '.join(statuses)}", look, timeout, ignoring=ignoring)


def workers(stack, database="campaign"):
    """Pids of the job workers of a database."""
    return {row[0] for row in stack.sql("SELECT pid FROM pg_stat_activity WHERE datname = %s"
                                        " AND backend_type = 'campaign job worker'", database)}


def define(stack, name, body, owner=None, **options):
    """A type whose handler has this body in PL/pgSQL, in the schema `jobs_test`."""
    connection = stack.connect()
    try:
        execute(connection, "CREATE SCHEMA IF NOT EXISTS jobs_test")
        execute(connection, "CREATE TABLE IF NOT EXISTS jobs_test.effects"
                            " (job_id text NOT NULL, what text, pid int DEFAULT pg_backend_pid())")
        execute(connection, f"CREATE OR REPLACE FUNCTION jobs_test.{name}(job_id text, meta jsonb)"
                            f" RETURNS jsonb LANGUAGE plpgsql AS $body$ {body} $body$")
        if owner is not None:
            execute(connection, f"ALTER FUNCTION jobs_test.{name} OWNER TO {owner}")
        given = "".join(f", {key} => %s" for key in options)
        execute(connection, f"SELECT job_type_register(%s, %s{given})", name, f"jobs_test.{name}",
                *options.values())
    finally:
        connection.close()
    return name


def effects(stack, job_id):
    """What the handlers of a job have written into jobs_test.effects, and committed."""
    return [row[0] for row in stack.sql("SELECT what FROM jobs_test.effects WHERE job_id = %s",
                                        job_id)]


def running_worker(stack, job_id):
    """The pid of the worker that runs the job."""
    return wait_until("a worker runs it", lambda: stack.sql(
        "SELECT worker_pid FROM campaign.job_slots() WHERE job_id = %s", job_id))[0][0]


@contextlib.contextmanager
def cancelled_when_claimed(stack, type_name):
    """Jobs of this type are cancelled just when a worker, or a mailer, has claimed them."""
    stack.sql("CREATE SCHEMA IF NOT EXISTS jobs_test")
    stack.sql("CREATE OR REPLACE FUNCTION jobs_test.cancel() RETURNS trigger LANGUAGE plpgsql"
              " SECURITY DEFINER AS $$ BEGIN"
              " INSERT INTO campaign.job_cancels (job_id) VALUES (NEW.id); RETURN NULL; END $$")
    stack.sql("CREATE TRIGGER cancel_when_claimed AFTER UPDATE ON campaign.jobs FOR EACH ROW"
              f" WHEN (OLD.status = 'waiting' AND NEW.status = 'running' AND NEW.type = '{type_name}')"
              " EXECUTE FUNCTION jobs_test.cancel()")
    try:
        yield
    finally:
        stack.sql("DROP TRIGGER cancel_when_claimed ON campaign.jobs")
