"""jobs.py - jobs of the benchmark: how fast those that do nothing are run, how soon they start,
and what a million finished ones in the table change.

Must never run on a database of any other use: it empties campaign.jobs, which takes a superuser
and the switching off of the trigger that forbids it.
"""
import contextlib
import os
import pathlib
import time

import psycopg2

import campaigns
from private_stack import Unmeasured
from report import Figure, percentile

TYPE = "bench_noop"
ROWS = "bench_rows"
WARM_UP = 500
LAST = 200              # jobs that are watched: more than the workers have claimed at once
SNAPSHOT_JOBS = 500_000
SNAPSHOT_RUN = 20_000
LATENCY_JOBS = 500
LATENCY_WARM_UP = 20
PATIENCE_S = 20
SLOWEST_RATE = 50       # jobs a second; what is slower counts as stuck
POLL_MIN_S = 0.001
POLL_MAX_S = 0.02
POLL_SHARE = 0.01       # of the time so far: exact enough, and looking takes time, too


def register(stack):
    """A type whose handler does nothing: what is left is what the platform costs."""
    stack.sql(f"CREATE OR REPLACE FUNCTION {TYPE}(job_id text, meta jsonb) RETURNS jsonb"
              " LANGUAGE sql AS $$ SELECT '{}'::jsonb $$")
    stack.sql("SELECT job_type_register(%s, %s)", TYPE, TYPE)


def empty(stack):
    # The strongest lock first: between a weaker one and this one a worker that has read may want to write.
    stack.sql("LOCK TABLE campaign.jobs, campaign.job_errors IN ACCESS EXCLUSIVE MODE;"
              " ALTER TABLE campaign.jobs DISABLE TRIGGER job_keep;"
              " ALTER TABLE campaign.job_errors DISABLE TRIGGER job_keep;"
              " TRUNCATE campaign.jobs, campaign.job_errors;"
              " ALTER TABLE campaign.jobs ENABLE ALWAYS TRIGGER job_keep;"
              " ALTER TABLE campaign.job_errors ENABLE ALWAYS TRIGGER job_keep")
    stack.settle()


def fill(stack, count):
    """So many finished jobs, as they are after having been run one a second."""
    stack.sql(
        "INSERT INTO campaign.jobs (type, external, meta, status, priority, run_at, attempts,"
        " max_attempts, progress, result, created_at, started_at, finished_at, updated_at,"
        " claimed_at, worker_pid, worker_start)"
        " SELECT %s, false, '{}', 'finished', 0, at, 1, 5, 100, '{}', at, at, at, at, at, 1, at"
        " FROM (SELECT now() - i * interval '1 second' AS at"
        "       FROM generate_series(%s, 1, -1) AS i) AS past", TYPE, count)
    stack.sql("VACUUM ANALYZE campaign.jobs")
    stack.settle()


def leave_behind(stack, count, kind=TYPE, external=False):
    """So many finished jobs, each with the rows that it was before: waiting, then running."""
    with session(stack) as (connection, cursor):
        cursor.execute(
            "INSERT INTO campaign.jobs (type, external, meta, status, priority, run_at, max_attempts)"
            " SELECT %s, %s, '{}', 'waiting', 0, now(), 5 FROM generate_series(1, %s)",
            (kind, external, count))
        cursor.execute(
            "UPDATE campaign.jobs SET status = 'running', attempts = 1, worker_pid = 1,"
            " worker_start = now(), claimed_at = clock_timestamp(), started_at = clock_timestamp()"
            " WHERE status = 'waiting'")
        cursor.execute(
            "UPDATE campaign.jobs SET status = 'finished', progress = 100, result = '{}',"
            " finished_at = clock_timestamp() WHERE status = 'running'")
        connection.commit()
    stack.sql("VACUUM ANALYZE campaign.jobs")
    stack.settle()


@contextlib.contextmanager
def old_snapshot(stack):
    """A reader that stays: what is done meanwhile leaves rows that nothing can remove."""
    with session(stack) as (connection, cursor):
        connection.set_session(isolation_level="REPEATABLE READ")
        cursor.execute("SELECT FROM campaign.jobs LIMIT 1")
        yield
        connection.rollback()


def unfinished(cursor, last):
    """By primary key: the small indexes are the workers', and full of what an old snapshot sees."""
    cursor.execute("SELECT count(*) FROM campaign.jobs WHERE id = ANY (%s) AND status <> 'finished'",
                   (last,))
    return cursor.fetchone()[0] > 0


@contextlib.contextmanager
def session(stack):
    """Another session than the one of `stack`, to look or to create with."""
    with contextlib.closing(psycopg2.connect(stack.env["DATABASE_URL"])) as connection:
        with connection.cursor() as cursor:
            yield connection, cursor


def wait_for_all(cursor, last, started, patience_s, poll_s):
    """Until the last jobs are finished; the time since `started` (time.monotonic())."""
    while unfinished(cursor, last):
        now = time.monotonic()
        if now > started + patience_s:
            raise Unmeasured(f"jobs are not finished after {now - started:.0f} s")
        time.sleep(poll_s(now - started))
    return time.monotonic() - started


def poll_seconds(elapsed):
    return min(max(POLL_SHARE * elapsed, POLL_MIN_S), POLL_MAX_S)


def worker_cpu(stack):
    """Processor time that the job workers have used, in seconds."""
    ticks = 0
    for (pid,) in stack.sql("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                            " AND backend_type = 'campaign job worker'"):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2]
        ticks += sum(map(int, fields.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def run(stack, count):
    """Jobs a second, from the commit that creates them all until none is left; and jobs a second
    of the workers' processor time, which is what neighbours on the machine disturb less."""
    before = stack.value("SELECT count(*) FROM campaign.jobs WHERE status = 'finished'")
    cpu = worker_cpu(stack)
    with session(stack) as (creator, cursor), session(stack) as (watcher, look):
        watcher.autocommit = True
        cursor.execute("SELECT job_create(%s) FROM generate_series(1, %s)", (TYPE, count))
        ids = [row[0] for row in cursor.fetchall()]
        last = ids[-LAST:]
        started = time.monotonic()
        creator.commit()
        patience_s = PATIENCE_S + count / SLOWEST_RATE
        wait_for_all(look, last, started, patience_s, poll_seconds)
        # The last one is not the last to be finished.
        seconds = wait_for_all(look, ids, started, patience_s, poll_seconds)
    finished = stack.value("SELECT count(*) FROM campaign.jobs WHERE status = 'finished'") - before
    if finished != count:
        raise Unmeasured(f"{finished} jobs of {count} are finished")
    used = max(worker_cpu(stack) - cpu, 1 / os.sysconf("SC_CLK_TCK"))
    return count / seconds, count / used


def run_updates(stack, count, connections):
    """The ceiling: as many rows, updated and committed one by one by as many sessions."""
    stack.sql(f"DROP TABLE IF EXISTS {ROWS}")
    stack.sql(f"CREATE TABLE {ROWS} (id bigint PRIMARY KEY, status text) WITH (fillfactor = 85)")
    stack.sql(f"INSERT INTO {ROWS} SELECT i, 'waiting' FROM generate_series(1, %s) AS i", count)
    stack.sql(f"VACUUM ANALYZE {ROWS}")
    stack.settle()
    rate = count / stack.tool("raw_updates", ROWS, connections, count)
    stack.sql(f"DROP TABLE {ROWS}")
    return rate


def quantity(count):
    """Jobs that are run for a figure: they take the disk's time one by one."""
    return max(2_000, min(count // 50, 20_000))


def throughput(stack, count, rounds):
    jobs = quantity(count)
    workers = stack.value("SELECT current_setting('campaign.job_workers')::integer")
    bare = Figure(f"no-op jobs, {jobs:,}, {workers} workers", "jobs/s")
    full = Figure(f"no-op jobs beside {count:,} finished ÷ none", "jobs/s", goal=0.80)
    full_cpu = Figure("the same, for a second of the workers' CPU", "jobs/s", goal=0.80)
    yield from (bare, full, full_cpu)
    register(stack)
    run(stack, WARM_UP)
    for _ in range(rounds):
        empty(stack)
        rate, cpu_rate = run(stack, jobs)
        bare.product.append(rate)
        full.ceiling.append(rate)
        full_cpu.ceiling.append(cpu_rate)
        bare.ceiling.append(run_updates(stack, jobs, workers))
        empty(stack)
        fill(stack, count)
        rate, cpu_rate = run(stack, jobs)
        full.product.append(rate)
        full_cpu.product.append(cpu_rate)
    empty(stack)
    bare.note = f"a job costs {1e6 / max(full_cpu.ceiling):.0f} µs of CPU"


def snapshot(stack, count, rounds):
    """Beside jobs that were done since a snapshot was taken, and beside as many that were not."""
    done = min(count, SNAPSHOT_JOBS)
    jobs = SNAPSHOT_RUN if count >= campaigns.LONG_FORM else quantity(count)
    beside = Figure(f"no-op jobs beside {done:,} done since an old snapshot ÷ without", "jobs/s", goal=0.90)
    beside_cpu = Figure("the same, for a second of the workers' CPU", "jobs/s", goal=0.90)
    yield from (beside, beside_cpu)
    register(stack)
    run(stack, WARM_UP)
    for _ in range(rounds):
        empty(stack)
        leave_behind(stack, done)
        run(stack, WARM_UP)
        rate, cpu_rate = run(stack, jobs)
        beside.ceiling.append(rate)
        beside_cpu.ceiling.append(cpu_rate)
        empty(stack)
        with old_snapshot(stack):
            leave_behind(stack, done)
            # Workers that have done all these know where they were.
            run(stack, WARM_UP)
            rate, cpu_rate = run(stack, jobs)
        beside.product.append(rate)
        beside_cpu.product.append(cpu_rate)
    empty(stack)


def latency(stack, _count, _rounds):
    figures = [Figure(f"job_create() to start, p{share}", "ms") for share in (50, 99)]
    yield from figures
    register(stack)
    empty(stack)
    run(stack, LATENCY_WARM_UP)
    times = []
    with session(stack) as (watcher, look):
        watcher.autocommit = True
        for _ in range(LATENCY_JOBS):
            job_id = stack.value("SELECT job_create(%s)", TYPE)
            wait_for_all(look, [job_id], time.monotonic(), PATIENCE_S, lambda _: POLL_MIN_S)
            # created_at is when the client's statement arrived, before it was committed.
            times.append(1000 * float(stack.value(
                "SELECT extract(epoch FROM started_at - created_at) FROM campaign.jobs"
                " WHERE id = %s", job_id)))
    for figure, share in zip(figures, (50, 99)):
        figure.product.append(percentile(times, share))
    spread = f"{min(times):.1f}..{max(times):.1f} ms"
    figures[0].note = f"{LATENCY_JOBS} jobs one after the other, {spread}"
