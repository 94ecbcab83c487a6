"""test_job_shares.py - R7.2: long jobs of people leave a worker to everybody else, and nobody has
more than their share."""
import pytest

import jobs
from http_client import LATER, OVER, unique
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

HOUR = {"seconds": 3600}
# Two of the same owner at a time fail.
ALONE = """
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext(meta ->> 'owner')) THEN
        RAISE data_exception USING MESSAGE = 'not alone';
    END IF;
    PERFORM pg_sleep(0.001);
    RETURN '{}';
END"""


@pytest.fixture(name="made")
def fixture_made(stack):
    """Collects ids of jobs, which are cancelled afterwards, and waits for their end."""
    ids = []
    yield ids
    for job_id in ids:
        if jobs.get(stack, job_id)["status"] not in OVER:
            stack.one("SELECT job_cancel(%s)", job_id)
    for job_id in ids:
        jobs.wait_for(stack, job_id, *OVER)


def running(stack, ids):
    return {row[0] for row in stack.sql(
        "SELECT job_id FROM campaign.job_slots() WHERE job_id = ANY (%s)", list(ids))}


def test_long_jobs_leave_a_worker(stack, ana, eve, target, made):
    """R7.2: while four jobs of an hour are there, dispatches, sign-ups and the server's own jobs
    go on; when one ends, the next one runs."""
    for person in (ana, eve, ana, eve):
        made.append(person.api.create_job("countdown", HOUR))
    busy, = wait_until("one of them runs", lambda: running(stack, made))
    dispatch = ana.api.create_job("dispatch", {"campaign_id": target})
    assert ana.api.wait_for_job(dispatch, *OVER)["status"] == "finished"
    answer = eve.api.patient("POST", "/signup?async", {"email": f"{unique()}@example.com", "password": "x"})
    assert eve.api.wait_for_job(answer.expect(202).json["id"], *OVER)["status"] == "finished"
    jobs.wait_for(stack, jobs.create(stack, "countdown", seconds=0), "finished")
    assert running(stack, made) == {busy}
    stack.one("SELECT job_cancel(%s)", busy)
    wait_until("the next one runs", lambda: running(stack, set(made) - {busy}))


def test_one_of_each_account(stack, ana, eve, app, made):
    """R7.2: with workers to spare, one job of each account, whether of a person or of their
    application; more if that is set."""
    with stack.settings(campaign__job_workers=4):
        wait_until("four workers", lambda: len(jobs.workers(stack)) == 4)
        mine = [api.create_job("countdown", HOUR) for api in (ana.api, app, ana.api)]
        made.extend(mine)
        made.append(eve.api.create_job("countdown", HOUR))
        wait_until("Eve's runs", lambda: running(stack, made[-1:]))
        assert len(wait_until("one of Ana's runs", lambda: running(stack, mine))) == 1
        with stack.settings(campaign__job_running_max=2):
            stack.sql("SELECT campaign.job_wake()")
            wait_until("two of Ana's run", lambda: len(running(stack, mine)) == 2)
        for job_id in made:
            stack.one("SELECT job_cancel(%s)", job_id)
        for job_id in made:
            jobs.wait_for(stack, job_id, *OVER)
    wait_until("all workers again", lambda: len(jobs.workers(stack)) == 2)


def test_never_two_at_a_time(stack, ana, eve):
    """R7.2: not even where workers claim at the same moment, and several at once."""
    jobs.define(stack, "alone", ALONE)
    with stack.settings(campaign__job_workers=4):
        wait_until("four workers", lambda: len(jobs.workers(stack)) == 4)
        ids = [row[0] for row in stack.sql(
            "SELECT job_create('alone', jsonb_build_object('owner', owner), now(), 0, owner)"
            " FROM generate_series(1, 300), unnest(%s) AS owner", [ana.user_id, eve.user_id])]
        wait_until("all are done", lambda: stack.one(
            "SELECT count(*) FROM campaign.jobs WHERE id = ANY (%s) AND status IN ('waiting', 'running')",
            ids) == 0)
        assert stack.sql("SELECT status, count(*) FROM campaign.jobs WHERE id = ANY (%s) GROUP BY 1",
                         ids) == [("finished", 600)]
    wait_until("all workers again", lambda: len(jobs.workers(stack)) == 2)


def test_so_many_may_wait(stack, eve, made):
    """R7.2: 429 with Retry-After for one more, on the way that it has over HTTP."""
    with stack.settings(campaign__job_waiting_max=2):
        for _ in range(2):
            made.append(eve.api.create_job("countdown", HOUR, run_at=LATER))
        answer = eve.api.post("/job", {"job_name": "countdown", "meta": HOUR}).refused(429)
    assert answer.headers["Retry-After"] and "jobs are waiting" in answer.json["message"]
