"""test_clock.py - the clock of the server's machine is set back while something is waited for.

wall_clock.py gives PostgreSQL a wall clock of its own, two minutes of which are taken away; the
monotonic clock goes on.
"""
import jobs
from clock_fixtures import _clean, _clock, _server  # noqa: F401  pylint: disable=unused-import
from waiting import assert_stays, wait_until
from wall_clock import PATIENCE_S

PARTS = ["rabbitmq", "mongod", "consumer", "smtp", "mailer", "postgrest", "nginx"]
SETTINGS = ["campaign.poll_interval=2s"]


def test_countdown(server, clock):
    """R2.3: a job that waits goes on waiting for as long as it was to."""
    job_id = jobs.create(server, "countdown", seconds=2)
    jobs.running_worker(server, job_id)
    clock.set_back(server)
    jobs.wait_for(server, job_id, "finished", timeout=PATIENCE_S)


def test_new_job(server, clock):
    """R2.1: what is due soon is run soon, though the workers have looked in the future."""
    both = [jobs.create(server, "countdown", seconds=2) for _ in range(2)]
    assert len({jobs.running_worker(server, job_id) for job_id in both}) == 2
    for job_id in both:
        jobs.wait_for(server, job_id, "finished")
    clock.set_back(server)
    for seconds in (0, 1):
        job_id = jobs.create(server, "countdown", f"clock_timestamp() + interval '{seconds} s'", seconds=0)
        jobs.wait_for(server, job_id, "finished", timeout=PATIENCE_S)


def test_timeout(server, clock):
    """R2.4: the timeout of a type is time that has passed."""
    jobs.define(server, "overlong", jobs.LOOP, timeout="3 seconds", max_attempts=1)
    job_id = jobs.create(server, "overlong")
    jobs.running_worker(server, job_id)
    clock.set_back(server)
    job = jobs.wait_for(server, job_id, "failed", timeout=PATIENCE_S)
    assert "longer than the 3.000 s" in job["error"]


FAIL_ONCE = """
BEGIN
    IF (public.job_get(job_id) ->> 'attempts')::integer < 2 THEN
        RAISE EXCEPTION 'fails once';
    END IF;
    RETURN '{}';
END"""


def test_next_attempt(server, clock):
    """R2.4: the wait before another attempt is not made longer."""
    jobs.define(server, "once_failed", FAIL_ONCE, backoff="4 seconds")
    job_id = jobs.create(server, "once_failed")
    jobs.wait_for(server, job_id, "scheduled")
    clock.set_back(server)
    jobs.wait_for(server, job_id, "finished", timeout=PATIENCE_S)


def test_time_that_was_asked_for(server, clock):
    """R2.1: by the wall clock: not before it says so."""
    job_id = jobs.create(server, "countdown", "clock_timestamp() + interval '2 seconds'", seconds=0)
    clock.set_back(server)
    jobs.wait_for(server, jobs.create(server, "countdown", seconds=3), "finished")
    job = jobs.get(server, job_id)
    assert job["status"] == "scheduled"


def test_worker_that_ended(server, clock):
    """R2.4: a worker that ended is started again after a second."""
    before = wait_until("both workers", lambda: len(jobs.workers(server)) == 2 and jobs.workers(server))
    server.one("SELECT pg_terminate_backend(%s)", min(before))
    wait_until("it has ended", lambda: min(before) not in jobs.workers(server))
    # The launcher sees it meanwhile.
    assert_stays("it is waited with another one", lambda: len(jobs.workers(server)) == 1, 0.3)
    clock.set_back(server)
    wait_until("both workers again", lambda: len(jobs.workers(server) - {min(before)}) == 2,
               timeout=PATIENCE_S)
