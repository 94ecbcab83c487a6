"""job_mix.py - the jobs of the kill tests: their types, and what must be true of them when all
is over.

Must never repair or repeat anything: it creates, looks, and fails.
"""
import collections
import json

# The table has no unique constraint: a second row must be seen, not refused. The lock of
# fault_alone() lasts as long as the transaction of the job: if another session has it, two run
# the same job, and an error of class 22 makes the job fail at once. A sequence forgets nothing
# when a transaction is rolled back: it counts starts.
SETUP = """
DO $setup$ BEGIN
IF to_regclass('public.fault_effects') IS NULL THEN
    CREATE TABLE public.fault_effects (job_id text NOT NULL);
    CREATE SEQUENCE public.fault_starts;

    CREATE FUNCTION public.fault_alone(job_id text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT pg_try_advisory_xact_lock(hashtextextended(job_id, 0)) THEN
            RAISE EXCEPTION 'another session runs job % just now', job_id USING ERRCODE = '22000';
        END IF;
    END $$;

    CREATE FUNCTION public.fault_effect(job_id text, meta jsonb) RETURNS jsonb
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM public.fault_alone(job_id);
        INSERT INTO public.fault_effects VALUES (job_id);
        PERFORM pg_sleep((meta ->> 'seconds')::float8);
        RETURN meta;
    END $$;

    CREATE FUNCTION public.fault_flaky(job_id text, meta jsonb) RETURNS jsonb
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM public.fault_alone(job_id);
        INSERT INTO public.fault_effects VALUES (job_id);
        IF (public.job_get(job_id) ->> 'attempts')::integer < 3 THEN
            RAISE EXCEPTION 'fails twice';
        END IF;
        RETURN meta;
    END $$;

    -- Runs as long as somebody else holds the lock 1.
    CREATE FUNCTION public.fault_held(job_id text, meta jsonb) RETURNS jsonb
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM nextval('public.fault_starts');
        PERFORM public.fault_alone(job_id);
        INSERT INTO public.fault_effects VALUES (job_id);
        PERFORM pg_advisory_xact_lock_shared(1);
        RETURN meta;
    END $$;

    PERFORM public.job_type_register(name, ('public.' || name)::regproc,
        backoff => '10 milliseconds', max_attempts => 3)
    FROM unnest('{fault_effect,fault_flaky,fault_held}'::text[]) AS name;
END IF;
END $setup$
"""
WITH_EFFECT = ("fault_effect", "fault_flaky")


def fibonacci(n):
    before, number = 1, 0
    for _ in range(n):
        before, number = number, before + number
    return str(number)


def arctan(x, one):
    """arctan(1 / x) * one."""
    power = total = one // x
    n = 3
    while power:
        power = -power // (x * x)
        total += power // n
        n += 2
    return total


def pi(digits):
    """By Machin's formula; ten decimals more are computed than are kept."""
    text = str(4 * (4 * arctan(5, 10 ** (digits + 10)) - arctan(239, 10 ** (digits + 10))))
    return text[0] + ("." + text[1:digits + 1] if digits else "")


def choose(chance):
    """Type and metadata of a random job."""
    kind = chance.random()
    if kind < 0.45:
        return "fault_effect", {"seconds": chance.choice([0, 0.01, 0.03])}
    if kind < 0.60:
        return "fault_flaky", {"n": chance.randrange(1000)}
    if kind < 0.80:
        return "fibonacci", {"n": chance.randrange(3000)}
    if kind < 0.90:
        return "pi", {"digits": chance.randrange(1000)}
    return "countdown", {"seconds": 1 if chance.random() < 0.1 else 0}


def create(stack, chance, count):
    """So many random jobs, in one transaction; {id: (type, metadata)} in the order of creation."""
    jobs = [choose(chance) for _ in range(count)]
    rows = stack.sql(
        "SELECT job_create(job ->> 0, job -> 1)"
        " FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS j(job, place) ORDER BY place",
        json.dumps(jobs))
    return {row[0]: job for row, job in zip(rows, jobs)}


def assert_result(job_id, kind, meta, result):
    """What the handler was to return; computed here by other means."""
    if kind == "fibonacci":
        assert result["value"] == fibonacci(meta["n"]), job_id
    elif kind == "pi":
        assert result["value"] == pi(meta["digits"]), job_id
    elif kind in WITH_EFFECT:
        assert result == meta, job_id


def assert_done(stack, jobs):
    """Every job is there and finished, none more, each effect once, each result right."""
    rows = stack.sql("SELECT id, type, meta, status, progress, attempts, error, result"
                     " FROM campaign.jobs WHERE id = ANY (%s)", list(jobs))
    assert {row[0] for row in rows} == set(jobs), "ids are missing"
    for job_id, kind, meta, status, progress, attempts, error, result in rows:
        assert (kind, meta) == jobs[job_id]
        assert (status, progress, error) == ("finished", 100, None), (job_id, kind, status, error)
        # An attempt that ended with its worker does not count.
        assert attempts == (3 if kind == "fault_flaky" else 1), (job_id, kind, attempts)
        assert_result(job_id, kind, meta, result)
    effects = collections.Counter(row[0] for row in stack.sql(
        "SELECT job_id FROM fault_effects WHERE job_id = ANY (%s)", list(jobs)))
    wanted = {job_id for job_id, (kind, _) in jobs.items() if kind in WITH_EFFECT}
    assert effects == collections.Counter(wanted), "effects are lost or doubled"
    errors = stack.sql("SELECT job_id, array_agg(attempt ORDER BY attempt) FROM campaign.job_errors"
                       " WHERE job_id = ANY (%s) GROUP BY job_id", list(jobs))
    flaky = {job_id for job_id, (kind, _) in jobs.items() if kind == "fault_flaky"}
    assert dict(errors) == {job_id: [1, 2] for job_id in flaky}
