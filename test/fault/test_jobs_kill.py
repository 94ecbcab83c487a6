"""test_jobs_kill.py - job workers and the postmaster are killed while jobs run.

Afterwards every job is finished, its effect is in the database once, and none was ever run by
two sessions at once (the handlers of job_mix.py look).

    FAULT_JOBS=10000 FAULT_ROUNDS=20 FAULT_SEED=7 pytest test/fault/test_jobs_kill.py
"""
import contextlib
import os
import signal

import psycopg2
import psycopg2.errors
import pytest

import job_mix
import jobs
from waiting import wait_until

AWAY = (psycopg2.Error,)
WORKERS = 4
ACTIONS = ["kill worker", "end worker", "kill postgres"]
ENDS = 5      # a worker that ends again and again is started again later and later
OTHERS = 250
RECOVERY_S = 60
# Completing takes as long as the machine is slow.
COMPLETION_S = 600


@pytest.fixture(scope="module", autouse=True)
def handlers(stack):
    stack.sql(job_mix.SETUP)
    with stack.settings(campaign__job_workers=str(WORKERS)):
        wait_for_workers(stack)
        yield


def wait_for_workers(stack):
    """All of them are there, however the server is just recovering."""
    wait_until(f"{WORKERS} job workers", lambda: len(jobs.workers(stack)) == WORKERS, RECOVERY_S,
               ignoring=AWAY)


def kill_worker(stack, pid):
    """kill -9: the server ends all sessions, ours too, and starts again by itself."""
    stack.close()
    os.kill(pid, signal.SIGKILL)
    wait_until(f"job worker {pid} is gone", lambda: pid not in jobs.workers(stack), RECOVERY_S,
               ignoring=AWAY)
    wait_for_workers(stack)


def end_worker(stack, pid):
    """SIGTERM: only this worker ends."""
    os.kill(pid, signal.SIGTERM)
    wait_until(f"job worker {pid} is gone", lambda: pid not in jobs.workers(stack), RECOVERY_S)
    wait_for_workers(stack)


def kill_postgres(stack):
    stack.part("kill", "postgres")
    stack.part("start", "postgres")


def strike(stack, action, chance):
    """One of ACTIONS; answers when all job workers are there again."""
    if action == "kill postgres":
        kill_postgres(stack)
        wait_for_workers(stack)
        return
    pid = chance.choice(sorted(jobs.workers(stack)))
    (kill_worker if action == "kill worker" else end_worker)(stack, pid)


def count_status(stack, *status):
    return stack.one("SELECT count(*) FROM campaign.jobs WHERE status = ANY (%s)", list(status))


def unfinished(stack):
    return count_status(stack, "waiting", "scheduled", "running")


def wait_for_end(stack, job_ids):
    """Until all of these have ended, whichever way."""
    def left():
        return stack.one("SELECT count(*) FROM campaign.jobs WHERE id = ANY (%s)"
                         " AND status <> ALL (%s)", list(job_ids), list(jobs.ENDS))
    wait_until("all jobs have ended", lambda: left() == 0, COMPLETION_S, interval=0.2,
               ignoring=AWAY)


def assert_cannot_be_deleted(stack):
    """By the owner, as a superuser, with the triggers of a replica: refused."""
    with contextlib.closing(stack.connect()) as connection, connection.cursor() as cursor:
        for role in ("origin", "replica"):
            cursor.execute("SELECT set_config('session_replication_role', %s, false)", (role,))
            for statement in ("DELETE FROM campaign.jobs", "TRUNCATE campaign.jobs CASCADE",
                              "DELETE FROM campaign.jobs WHERE status = 'finished'"):
                with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
                    cursor.execute(statement)


def test_kill_at_random(stack, job_count, rounds, chance):
    """R2.4: a seeded series of kills under load; mixed types, several workers."""
    created = {}
    killed = []
    before = stack.one("SELECT count(*) FROM campaign.jobs")
    for place in range(rounds):
        finished = count_status(stack, "finished")
        share = job_count // rounds + (job_count % rounds if place == 0 else 0)
        created.update(job_mix.create(stack, chance, share))
        target = finished + chance.randrange(0, share // 3)
        wait_until(f"{target} jobs are finished",
                   lambda: count_status(stack, "finished") >= target, COMPLETION_S, interval=0.01)
        action = chance.choice(ACTIONS)
        left = unfinished(stack)
        print(f"{action} with {left} jobs left of {len(created)}")
        assert left > 0, "all finished before the kill: raise FAULT_JOBS"
        strike(stack, action, chance)
        killed.append(action)
        assert_cannot_be_deleted(stack)
        total = stack.one("SELECT count(*) FROM campaign.jobs")
        assert total == before + len(created), "jobs are lost"
    wait_for_end(stack, created)
    job_mix.assert_done(stack, created)
    interrupted = stack.one("SELECT count(*) FROM campaign.jobs WHERE interruptions > 0"
                            " AND id = ANY (%s)", list(created))
    print(f"{interrupted} jobs were interrupted")
    if any(action.startswith("kill") for action in killed):
        assert interrupted > 0, "no kill has hit a running job: raise FAULT_JOBS"


@contextlib.contextmanager
def held(stack):
    """Jobs of the type fault_held that start meanwhile do not end before this."""
    with contextlib.closing(stack.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        yield


def starts(stack):
    return stack.one("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM fault_starts")


def create_held(stack):
    """A job that has started and runs on; its id."""
    before = starts(stack)
    job_id = stack.one("SELECT job_create('fault_held')")
    wait_until("the job has started", lambda: starts(stack) == before + 1)
    return job_id


def worker_of(stack, job_id):
    return claim_of(stack, job_id)[0]


def claim_of(stack, job_id):
    """Which session has taken the job, and when: another start would change it."""
    (claim,) = stack.sql("SELECT worker_pid, worker_start, claimed_at FROM campaign.jobs"
                         " WHERE id = %s", job_id)
    return claim


def wait_for_finish(stack, job_id):
    return jobs.wait_for(stack, job_id, "finished", timeout=RECOVERY_S, ignoring=AWAY)


@pytest.mark.parametrize("part", ["worker", "postgres"])
def test_interrupted_job_runs_again(stack, part):
    """R2.4: its worker, or the postmaster, dies in mid-run: the job runs again, by itself, and
    what its first run did is gone."""
    # The lock of held() dies with the server, and so the second run ends by itself.
    before = starts(stack)
    with contextlib.suppress(psycopg2.Error), held(stack):
        job_id = create_held(stack)
        if part == "worker":
            kill_worker(stack, worker_of(stack, job_id))
        else:
            kill_postgres(stack)
    answer = wait_for_finish(stack, job_id)
    assert (answer["attempts"], answer["interruptions"]) == (1, 1), answer
    # A crash may take the last values of a sequence, but not without the starts it counted.
    assert starts(stack) >= before + 1
    assert stack.one("SELECT count(*) FROM fault_effects WHERE job_id = %s", job_id) == 1


def test_ended_worker_gives_its_job_back(stack):
    """R2.4: SIGTERM of a worker in mid-run: another one runs the job, and no session noticed."""
    before = starts(stack)
    with held(stack):
        job_id = create_held(stack)
        end_worker(stack, worker_of(stack, job_id))
        wait_until("the job has started again", lambda: starts(stack) == before + 2)
    answer = wait_for_finish(stack, job_id)
    assert answer["attempts"] == 1, answer
    assert stack.one("SELECT count(*) FROM fault_effects WHERE job_id = %s", job_id) == 1


def test_long_job_is_not_started_twice(stack, chance):
    """R2.4: a job that is alive is never run a second time, however long it runs and however
    many other workers end beside it; a countdown, too."""
    before = starts(stack)
    with held(stack):
        long_id = create_held(stack)
        countdown_id = stack.one("SELECT job_create('countdown', '{\"seconds\": 5}')")
        jobs.wait_for(stack, countdown_id, "running")
        claims = {one: claim_of(stack, one) for one in (long_id, countdown_id)}
        busy = {pid for pid, _, _ in claims.values()}
        others = job_mix.create(stack, chance, OTHERS)
        for _ in range(ENDS):
            pid = chance.choice(sorted(jobs.workers(stack) - busy))
            print("end job worker", pid)
            end_worker(stack, pid)
        finished = wait_for_finish(stack, countdown_id)
        wait_for_end(stack, others)
        # What every worker does that looks for jobs which were left behind.
        assert stack.one("SELECT campaign.job_take_over(false)") == 0
        assert jobs.get(stack, long_id)["status"] == "running"
        assert starts(stack) == before + 1
    for one, answer in ((countdown_id, finished), (long_id, wait_for_finish(stack, long_id))):
        assert (answer["attempts"], answer["interruptions"]) == (1, 0), answer
        assert claim_of(stack, one) == claims[one]
    assert starts(stack) == before + 1
    job_mix.assert_done(stack, others)
