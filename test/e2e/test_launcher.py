"""test_launcher.py - the launcher of the workers: it dies, it is cancelled, it has too few slots.
However it ends, a worker is one per database and number."""
import contextlib
import os
import pathlib
import re
import signal
import time

import pytest

import jobs
from stack import Stack
from waiting import assert_stays, wait_until

PARTS = ["rabbitmq", "mongod", "consumer", "smtp", "mailer", "postgrest", "nginx"]
POLL = "campaign.poll_interval=600"  # nothing is found by looking again


@pytest.fixture(autouse=True)
def _clean():
    """No broker, no dead letters."""


@pytest.fixture(scope="module", name="server")
def _server():
    """PostgreSQL alone: its workers find no broker, which is all the same here."""
    running = Stack.up(settings=[POLL, "max_worker_processes=12", "max_parallel_workers=0",
                                 "autovacuum=off"],  # whose processes would be taken for workers
                       without=PARTS)
    try:
        yield running
    finally:
        running.down()


def launcher(server):
    """The pid of the launcher, once it has looked at its workers."""
    def look():
        rows = server.sql("SELECT pid FROM pg_stat_activity"
                          " WHERE backend_type = 'campaign launcher' AND state = 'idle'")
        return rows[0][0] if rows else None
    return wait_until("the launcher has looked", look)


def workers(server):
    """The workers of all databases: {(database, name): pid}. One of a name."""
    rows = server.sql("SELECT datname, backend_type, pid FROM pg_stat_activity"
                      " WHERE backend_type IN ('campaign worker', 'campaign job worker')")
    found = {}
    for database, kind, pid in rows:
        found.setdefault((database, kind), set()).add(pid)
    return found


def complete(server, databases=("campaign",), job_workers=2):
    """The workers, once all are there that these settings want, and no more."""
    wanted = {(name, "campaign worker"): 1 for name in databases}
    if job_workers:
        wanted.update({(name, "campaign job worker"): job_workers for name in databases})

    found = {}

    def look():
        found.clear()
        found.update(workers(server))
        return {key: len(pids) for key, pids in found.items()} == wanted
    wait_until(f"the workers are {wanted}", look)
    return found


def end_launcher(server):
    """SIGTERM; answers when another one has looked at the workers."""
    pid = launcher(server)
    server.one("SELECT pg_terminate_backend(%s)", pid)
    wait_until("the launcher is gone", lambda: not server.sql(
        "SELECT FROM pg_stat_activity WHERE pid = %s", pid))
    return launcher(server)


def test_cancel_does_not_end_it(server):
    """R0.14: pg_cancel_backend() of the launcher is for nothing that it does."""
    before = complete(server)
    pid = launcher(server)
    for _ in range(3):
        server.one("SELECT pg_cancel_backend(%s)", pid)
        # It is awake, and has looked: a setting that changes its workers does.
        with server.settings(campaign__job_workers=3):
            complete(server, job_workers=3)
        complete(server)
    assert launcher(server) == pid
    assert workers(server)["campaign", "campaign worker"] == before["campaign", "campaign worker"]


def test_cancel_does_not_end_the_worker(server):
    """R0.14: neither of the campaign worker, nor of a job worker that runs nothing."""
    before = complete(server)
    for pids in before.values():
        for pid in pids:
            server.one("SELECT pg_cancel_backend(%s)", pid)
    with server.settings(campaign__job_workers=3):
        complete(server, job_workers=3)
    after = complete(server)
    assert after["campaign", "campaign worker"] == before["campaign", "campaign worker"]


def test_workers_outlive_the_launcher(server):
    """R0.14: the next launcher takes over the workers of one that died; none is doubled."""
    before = complete(server)
    for _ in range(2):
        end_launcher(server)
        assert_stays("the same workers", lambda: workers(server) == before, 0.5)


def test_adopted_worker_is_started_again(server):
    """R0.14: the end of a worker that another launcher has started is noticed at once."""
    end_launcher(server)
    before = complete(server)
    for pids in before.values():
        server.one("SELECT pg_terminate_backend(%s)", next(iter(pids)))
    after = wait_until("both are started again", lambda: {
        key: pids for key, pids in complete(server).items() if pids != before[key]}.keys()
        == before.keys())
    assert after


def test_adopted_workers_are_ended(server):
    """R0.15: workers that another launcher has started end with their setting, and with their
    database's name in campaign.database."""
    before = complete(server)
    end_launcher(server)
    with server.settings(campaign__job_workers=1):
        after = complete(server, job_workers=1)
        assert after["campaign", "campaign worker"] == before["campaign", "campaign worker"]
    complete(server)
    end_launcher(server)
    with server.settings(campaign__database="elsewhere"):
        wait_until("no worker is left", lambda: not workers(server))
    complete(server)


def test_settings_change_while_it_is_away(server):
    """R0.15: what was wanted when the launcher died is not wanted any more."""
    complete(server)
    server.one("SELECT pg_terminate_backend(%s)", launcher(server))
    with server.settings(campaign__database="elsewhere"):
        wait_until("no worker is left", lambda: not workers(server))
    complete(server)


@contextlib.contextmanager
def databases(server, *names):
    """Databases with the extension, gone at the end, whoever is connected."""
    def drop():
        for name in names:
            server.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    drop()
    try:
        for name in names:
            server.sql(f"CREATE DATABASE {name} TEMPLATE template0")
            with contextlib.closing(server.connect(database=name)) as connection:
                with connection.cursor() as cursor:
                    cursor.execute("CREATE EXTENSION campaign")
        yield
    finally:
        drop()


def test_too_few_slots(server):
    """R0.15: with too few of max_worker_processes every database has its campaign worker, jobs are
    run in as many as possible, and one WARNING says so. All come when there are slots again."""
    names = [f"crowd{n}" for n in range(6)]
    every = ["campaign", *names]
    # Of 12 slots PostgreSQL itself has one, and the launcher another.
    def settled():
        found = workers(server)
        campaign = [key for key, pids in found.items()
                    if key[1] == "campaign worker" and len(pids) == 1]
        job_pids = [pid for key, pids in found.items() if key[1] != "campaign worker" for pid in pids]
        return found if (len(campaign), len(job_pids)) == (len(every), 3) else None

    mark = server.log_mark("postgres")
    with databases(server, *names):
        with server.settings(campaign__database=",".join(every)):
            before = wait_until("as many workers as there are slots", settled)
            # A job worker takes the slot as soon as it is free, and has to give one back.
            for name in (every[0], every[-1]):
                (pid,) = before[name, "campaign worker"]
                server.one("SELECT pg_terminate_backend(%s)", pid)
                wait_until("the campaign worker is there again", lambda: pid not in workers(
                    server).get((name, "campaign worker"), {pid}))
                before = wait_until("as many workers as there are slots", settled)
            end_launcher(server)
            assert_stays("the same workers", lambda: workers(server) == before, 1)
        complete(server)
    log = server.log_since("postgres", mark)
    assert 1 <= log.count("no background worker is free") <= 3, log


SLOW = "BEGIN PERFORM pg_sleep((meta ->> 'seconds')::float8); RETURN '{}'; END"


def with_jobs(server, number):
    """Job workers of `campaign`, each with a long job: {number of the worker: (pid, job)}."""
    complete(server, job_workers=number)
    kind = jobs.define(server, "slow", SLOW)
    created = [jobs.create(server, kind, seconds=600) for _ in range(number)]
    found = {}
    for job_id in created:
        pid = jobs.running_worker(server, job_id)
        title = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
        found[int(re.search(r"job worker (\d+) for campaign", title)[1])] = (pid, job_id)
    return found


def test_a_campaign_does_not_wait_for_a_job(server):
    """R0.15: it gets the slot of a job worker that runs none; if there is none, that of the highest number, which may
    have been told to finish its job before it ends."""
    def has_worker(name):
        return (name, "campaign worker") in workers(server)

    with databases(server, "late0", "late1"), server.settings(campaign__job_workers=9):
        busy = with_jobs(server, 9)  # in all slots but those of the launcher, of PostgreSQL, and of the campaign worker
        idle, job_id = busy.pop(5)
        server.one("SELECT job_cancel(%s)", job_id)
        wait_until("one has no job", lambda: server.sql(
            "SELECT FROM campaign.job_slots() WHERE worker_pid = %s AND job_id IS NULL", idle))
        server.set("campaign.database", "campaign,late0")
        try:
            wait_until("a campaign worker has a slot", lambda: has_worker("late0"))
            # By now the one with the highest number is to finish its job, for a job worker of this database.
            assert jobs.workers(server) == {pid for pid, _ in busy.values()}
            server.set("campaign.database", "campaign,late0,late1")
            wait_until("another one has", lambda: has_worker("late1"))
            assert jobs.workers(server) == {pid for number, (pid, _) in busy.items() if number < 9}
        finally:
            server.set("campaign.database", None)
            for _, job_id in busy.values():
                server.one("SELECT job_cancel(%s)", job_id)
    complete(server)


def test_a_worker_stays_when_nobody_lacks_its_slot(server):
    """R0.15: one that was told to finish its job, for a job worker that lacked a slot, goes on if that one is no longer
    wanted before the job has ended."""
    with databases(server, "late0"), server.settings(campaign__job_workers=9):
        busy = with_jobs(server, 9)
        yielding, its_job = busy.pop(8)
        created = [job_id for _, job_id in busy.values()]
        server.set("campaign.database", "campaign,late0")
        try:
            # Its campaign worker ends number 9, and its first job worker asks number 8 for its slot.
            wait_until("a campaign worker has a slot", lambda: ("late0", "campaign worker") in workers(server))
            server.set("campaign.database", None)
            complete(server, job_workers=9)
            jobs.running_worker(server, busy[9][1])  # again: nobody is idle
            server.one("SELECT job_cancel(%s)", its_job)
            created.append(jobs.create(server, "slow", seconds=600))
            assert jobs.running_worker(server, created[-1]) == yielding
        finally:
            server.set("campaign.database", None)
            for job_id in created:
                server.one("SELECT job_cancel(%s)", job_id)
    complete(server)


def test_superfluous_worker_finishes_its_job(server):
    """R2.1: campaign.job_workers is lowered in the midst of a job: it is not run a second time."""
    complete(server)
    job_id = jobs.create(server, jobs.define(server, "slow", SLOW), seconds=2)
    pid = jobs.running_worker(server, job_id)
    with server.settings(campaign__job_workers=0):
        wait_until("the other one is gone", lambda: jobs.workers(server) == {pid})
        job = jobs.wait_for(server, job_id, "finished")
        assert (job["attempts"], job["interruptions"]) == (1, 0)
        wait_until("it is gone, too", lambda: not jobs.workers(server))
    complete(server)


def test_superfluous_worker_is_wanted_again(server):
    """R2.1: a worker that has not come to its end stays when campaign.job_workers is raised."""
    complete(server)
    job_id = jobs.create(server, jobs.define(server, "slow", SLOW), seconds=2)
    pid = jobs.running_worker(server, job_id)
    with server.settings(campaign__job_workers=0):
        wait_until("the other one is gone", lambda: jobs.workers(server) == {pid})
    complete(server)
    jobs.wait_for(server, job_id, "finished")
    assert pid in jobs.workers(server)


def test_database_that_is_left_interrupts_jobs(server):
    """R0.15: a database that is taken out of campaign.database, or dropped, waits for no job."""
    with databases(server, "left_alone"):
        with server.settings(campaign__database="campaign,left_alone"):
            complete(server, ["campaign", "left_alone"])
            with contextlib.closing(server.connect(database="left_alone")) as connection:
                with connection.cursor() as cursor:
                    connection.autocommit = True
                    cursor.execute("SELECT job_create('countdown', '{\"seconds\": 600}')")
                    wait_until("it runs", lambda: (cursor.execute(
                        "SELECT count(job_id) FROM campaign.job_slots()"),
                        cursor.fetchone()[0] == 1)[1])
        complete(server)


def test_worker_that_ends_again_waits_longer(server):
    """R0.15: a worker that ends soon after its start is started again later and later, so that one
    that cannot live does not keep the server busy."""
    complete(server)
    before = time.monotonic()
    waits = []
    for _ in range(2):
        (pid,) = workers(server)["campaign", "campaign worker"]
        server.one("SELECT pg_terminate_backend(%s)", pid)
        wait_until("another one is there", lambda: pid not in workers(server).get(
            ("campaign", "campaign worker"), {pid}))
        waits.append(time.monotonic() - before)
        before = time.monotonic()
    complete(server)
    assert waits[1] > 1.5, waits


def children(pid):
    return set(map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def has_begun(pid):
    """Whether this stopped process ignores SIGINT, as a worker does from its first step on: right
    after that, it may be in the roster, long before pg_stat_activity shows it."""
    wait_until("it is stopped", lambda: pathlib.Path(f"/proc/{pid}/stat").read_text()
               .rpartition(")")[2].split()[0] == "T")
    fields = dict(line.split(":", 1) for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(fields["SigIgn"], 16) & 1 << (signal.SIGINT - 1))


def stopped_at_its_start(server):
    """Ends the campaign worker; the next one's process, stopped before it has told anybody that it is
    there. None if it was quicker than we."""
    postmaster = int((pathlib.Path(server.env["PGDATA"]) / "postmaster.pid").read_text().split()[0])
    (pid,) = complete(server)["campaign", "campaign worker"]
    known = children(postmaster)
    server.one("SELECT pg_terminate_backend(%s)", pid)
    end = time.monotonic() + 30
    while not (new := children(postmaster) - known):
        assert time.monotonic() < end, "no other worker was started"
    if len(new) > 1:
        return None
    (new,) = new
    os.kill(new, signal.SIGSTOP)
    if has_begun(new):
        os.kill(new, signal.SIGCONT)
        return None
    return new


def test_worker_that_is_started_twice(server):
    """R0.15: a launcher dies when a worker that it has started is not there yet; the next one
    starts the worker, too: one of the two ends."""
    slow = wait_until("a worker is stopped at its start", lambda: stopped_at_its_start(server))
    try:
        server.one("SELECT pg_terminate_backend(%s)", launcher(server))
        after = complete(server)
        assert after["campaign", "campaign worker"] != {slow}
    finally:
        os.kill(slow, signal.SIGCONT)
    wait_until("the slow one has ended", lambda: not pathlib.Path(f"/proc/{slow}").exists())
    assert complete(server) == after
