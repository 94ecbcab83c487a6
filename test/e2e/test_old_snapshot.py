"""test_old_snapshot.py - jobs and mails beside a snapshot that was taken before many others were done:
nothing of these can be removed, and the small indexes of what waits and what runs hold all of it."""
import contextlib

import pytest

import jobs
import mailers
from mail_fixtures import _certificate, _no_mailer, _soon  # noqa: F401  pylint: disable=unused-import
from smtp_server import SmtpServer
from stack import execute
from waiting import wait_until

DONE = 30_000
COUNT = 60
STEPS = ["INSERT INTO campaign.jobs (type, external, meta, status, priority, run_at, max_attempts)"
         " SELECT %s, %s, '{}', 'waiting', 0, now(), 5 FROM generate_series(1, %s)",
         "UPDATE campaign.jobs SET status = 'running', worker_pid = 1, worker_start = now(),"
         " claimed_at = now(), started_at = now() WHERE status = 'waiting'",
         "UPDATE campaign.jobs SET status = 'finished', finished_at = now() WHERE status = 'running'"]
READ = ("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes"
        " WHERE indexrelname IN ('jobs_waiting_index', 'jobs_running_index')")


@contextlib.contextmanager
def beside_old_snapshot(stack, name, external):
    """With DONE of them done since."""
    with contextlib.closing(stack.connect()) as reader, \
            contextlib.closing(stack.connect(autocommit=False)) as writer:
        execute(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ")
        execute(reader, "SELECT FROM campaign.jobs LIMIT 1")
        execute(writer, STEPS[0], name, external, DONE)
        for step in STEPS[1:]:
            execute(writer, step)
        writer.commit()
        yield
        execute(reader, "ROLLBACK")


def entries_read(stack):
    """What all sessions have read of the small indexes, those that have ended for certain."""
    return int(stack.one(READ))


def assert_read_seldom(read, looks):
    """Not once for each of them; and the looks from the beginning are there to be seen."""
    assert DONE <= read < DONE * looks, read / DONE


@pytest.mark.usefixtures("no_mailer", "soon")
def test_mails(stack, certificate):
    """R4.2: a mailer does not read over all that was sent for each mail."""
    with beside_old_snapshot(stack, "welcome_email", True):
        before = entries_read(stack)
        ids = [mailers.queue(stack, f"snapshot.{n}@example.com") for n in range(COUNT)]
        with SmtpServer(certificate) as server, mailers.mailer_for(stack, server) as mailer:
            for job_id in ids:
                mailers.wait_for_status(stack, job_id, "finished")
            assert mailer.terminate() == 0
            assert [server.copies(job_id) for job_id in ids] == [1] * COUNT
        wait_until("its session has ended", lambda: not stack.sql(
            "SELECT FROM pg_stat_activity WHERE usename = 'campaign_mailer'"))
        assert_read_seldom(entries_read(stack) - before, COUNT)


def test_jobs(stack):
    """R2.6: nor does a job worker for each job."""
    jobs.define(stack, "brief", "BEGIN PERFORM pg_sleep(0.006); RETURN '{}'; END")
    with beside_old_snapshot(stack, "brief", False):
        before = entries_read(stack)
        ids = [jobs.create(stack, "brief") for _ in range(4 * COUNT)]
        for job_id in ids:
            jobs.wait_for(stack, job_id, "finished")
        workers = jobs.workers(stack)
        stack.sql("SELECT pg_terminate_backend(pid, 10000) FROM unnest(%s) AS pid", list(workers))
        assert_read_seldom(entries_read(stack) - before, 2 * COUNT)
    wait_until("others are there", lambda: len(jobs.workers(stack) - workers) == len(workers))
