-- How jobs are claimed and ended: by this session, as if it were a worker. Nothing is committed,
-- so that no worker takes part.
BEGIN;
SELECT plan(66);

CREATE FUNCTION pg_temp.claim(quick text[] DEFAULT '{}', batch int DEFAULT 20) RETURNS text
LANGUAGE sql AS $$
    SELECT coalesce(string_agg(j.meta ->> 'name', ' ' ORDER BY c.place), '')
    FROM campaign.job_claim(false, campaign.job_session_started_at(), quick, batch) WITH ORDINALITY AS c (id, priority, seq, place)
    JOIN campaign.jobs j USING (id) $$;
CREATE FUNCTION pg_temp.id(name text) RETURNS text
LANGUAGE sql AS $$ SELECT id FROM campaign.jobs WHERE meta ->> 'name' = $1 $$;
CREATE FUNCTION pg_temp.make(name text, type text DEFAULT 'countdown', run_at timestamptz DEFAULT now(), priority int DEFAULT 0)
RETURNS text LANGUAGE sql AS $$
    SELECT job_create(type, jsonb_build_object('name', name, 'seconds', 0, 'n', 1, 'digits', 1), run_at, priority) $$;
CREATE FUNCTION pg_temp.status(name text) RETURNS text
LANGUAGE sql AS $$ SELECT status FROM campaign.jobs WHERE id = pg_temp.id(name) $$;

-- The order, and batches of quick types
SELECT is(campaign.job_next(false), NULL, 'R2.6: nothing to do');
SELECT isnt(pg_temp.make('later', 'countdown', now() + interval '1 hour', 9), NULL, 'nothing before its time');
SELECT ok(campaign.job_next(false) BETWEEN 3590 AND 3600, 'R2.6: which is known');
SELECT pg_temp.make('a'), pg_temp.make('b'), pg_temp.make('urgent', 'pi', now(), 5), pg_temp.make('c', 'fibonacci'),
    pg_temp.make('d');
SELECT is(pg_temp.claim(), 'urgent', 'R2.6: the highest priority first, one of a type that is not known to be quick');
SELECT is(pg_temp.claim('{countdown}'), 'a b', 'quick ones together, up to another type');
SELECT is(pg_temp.claim('{countdown}'), 'c', 'which is run alone');
SELECT is(pg_temp.claim('{countdown}'), 'd', 'and the rest');
SELECT is(pg_temp.claim('{countdown}'), '', 'R2.6: nothing before its time');
SELECT is(campaign.job_next(false), 1::double precision, 'R2.1: what is claimed and not begun is looked at in a second');
UPDATE campaign.jobs SET run_at = clock_timestamp() WHERE id = pg_temp.id('later');
SELECT is(campaign.job_next(false), 0::double precision, 'when it has come');
SELECT is(pg_temp.claim(), 'later', 'it is run');
SELECT is(campaign.job_next(false), 1::double precision, 'and nothing is left');

-- From a place on
CREATE FUNCTION pg_temp.claim_behind(priority int, name text) RETURNS text
LANGUAGE sql AS $$
    SELECT string_agg(j.meta ->> 'name', ' ' ORDER BY c.place)
    FROM campaign.job_claim(false, campaign.job_session_started_at(), '{countdown}', 20, priority,
        coalesce((SELECT seq FROM campaign.jobs WHERE meta ->> 'name' = name), 0))
        WITH ORDINALITY AS c (id, priority, seq, place)
    JOIN campaign.jobs j USING (id) $$;
SELECT pg_temp.make('p1', 'countdown', now(), 3), pg_temp.make('p2', 'countdown', now(), 3),
    pg_temp.make('low', 'countdown', now(), 2), pg_temp.make('p3', 'countdown', now(), 3),
    pg_temp.make('high', 'countdown', now(), 4);
SELECT is(pg_temp.claim_behind(3, 'p1'), 'high p2 p3', 'R2.6: higher priorities, and what came later with the same one');
SELECT is(pg_temp.claim_behind(3, 'p3'), NULL, 'nothing behind the last');
SELECT is(pg_temp.claim_behind(2, 'p1'), 'p1 low', 'a lower place has all above it');
UPDATE campaign.jobs SET status = 'cancelled', finished_at = now() WHERE meta ->> 'name' IN ('p1', 'p2', 'p3', 'low', 'high');

-- The end
SELECT is((campaign.job_begin(pg_temp.id('a'), campaign.job_session_started_at() - interval '1 second')).type, NULL,
    'R2.4: a session that had this number before begins nothing');
UPDATE campaign.jobs SET worker_pid = 1 WHERE id = pg_temp.id('b');
SELECT is((campaign.job_begin(pg_temp.id('b'), campaign.job_session_started_at())).type, NULL,
    'R2.4: nor does one that has not claimed it');
UPDATE campaign.jobs SET worker_pid = pg_backend_pid() WHERE id = pg_temp.id('b');
SELECT is((SELECT (type, handler, timeout_ms, attempt)::text FROM campaign.job_begin(pg_temp.id('a'), campaign.job_session_started_at())),
    '(countdown,campaign.job_countdown,7200000,1)', 'R2.1: a job is begun');
SELECT lives_ok($$ SELECT campaign.job_finish(pg_temp.id('a'), '{"ok": 1}', now()) $$, 'and finished');
SELECT is((SELECT (status, progress, result, finished_at >= started_at)::text FROM campaign.jobs WHERE id = pg_temp.id('a')),
    '(finished,100,"{""ok"": 1}",t)', 'R2.1: with its result and 100 %');
SELECT is((campaign.job_begin(pg_temp.id('a'), campaign.job_session_started_at())).type, NULL, 'R2.4: it is not begun again');
SELECT throws_ok(format('SELECT job_retry(%L)', pg_temp.id('a')), '55000', NULL, 'R2.6: nor retried');

-- Failing
SELECT lives_ok($$ SELECT campaign.job_fail(pg_temp.id('b'), 'P0001', 'no luck', now()) $$, 'an attempt fails');
SELECT is((SELECT (status, error_code, error, attempts, run_at > clock_timestamp(), finished_at)::text FROM campaign.jobs WHERE id = pg_temp.id('b')),
    '(scheduled,P0001,"no luck",1,t,)', 'R2.4: another one follows later');
SELECT ok((SELECT run_at < clock_timestamp() + interval '1 second' FROM campaign.jobs WHERE id = pg_temp.id('b')), 'after a second');
UPDATE campaign.jobs SET attempts = 4 WHERE id = pg_temp.id('b');
SELECT lives_ok($$ SELECT campaign.job_fail(pg_temp.id('b'), 'P0001', 'again' || repeat('!', 1000000), now()) $$, 'and fails too');
SELECT is(length(job_get(pg_temp.id('b')) ->> 'error'), 10000, 'R2.1: however much it says, it can be read');
SELECT ok((SELECT run_at BETWEEN clock_timestamp() + interval '5 seconds' AND clock_timestamp() + interval '8 seconds'
           FROM campaign.jobs WHERE id = pg_temp.id('b')), 'the wait doubles');
UPDATE campaign.jobs SET attempts = 5 WHERE id = pg_temp.id('b');
SELECT lives_ok($$ SELECT campaign.job_fail(pg_temp.id('b'), 'P0001', 'the last', now()) $$, 'the last one');
SELECT is((SELECT (status, error, finished_at IS NOT NULL)::text FROM campaign.jobs WHERE id = pg_temp.id('b')),
    '(failed,"the last",t)', 'then it has failed, visibly');
SELECT is((SELECT array_agg(attempt || ' ' || error ORDER BY attempt) FROM campaign.job_errors WHERE job_id = pg_temp.id('b')),
    ARRAY['1 no luck', '4 again' || repeat('!', 9995), '5 the last'], 'R2.4: every error is kept');
SELECT is(job_retry(pg_temp.id('b')) ->> 'max_attempts', '10', 'R2.6: a retry has as many attempts again');
SELECT is(pg_temp.claim(), 'b', 'and is run');
SELECT lives_ok($$ SELECT campaign.job_fail(pg_temp.id('b'), '22P02', 'bad data', now()) $$, 'bad data');
SELECT is(pg_temp.status('b'), 'failed', 'are not tried again');

-- Giving back
SELECT is(pg_temp.status('d'), 'running', 'a claimed job');
SELECT lives_ok($$ SELECT campaign.job_release(ARRAY[pg_temp.id('d')], campaign.job_session_started_at()) $$, 'is given back');
SELECT is((SELECT (status, attempts, worker_pid)::text FROM campaign.jobs WHERE id = pg_temp.id('d')), '(waiting,0,)', 'as it was');

-- Taking over. (What another session has locked is left alone: test/e2e.)
SELECT is(campaign.job_take_over(false), 0, 'R2.4: nothing is taken from a session that is alive');
UPDATE campaign.jobs SET worker_start = worker_start - interval '1 microsecond' WHERE id = pg_temp.id('c');
SELECT is(campaign.job_take_over(false), 1, 'R2.4: all is taken from one that is gone');
SELECT is((SELECT (status, attempts, interruptions, worker_pid)::text FROM campaign.jobs WHERE id = pg_temp.id('c')),
    '(waiting,0,1,)', 'R2.4: it waits again, and its attempt does not count');
UPDATE campaign.jobs SET status = 'running', attempts = 1, interruptions = 2, worker_pid = 0, worker_start = now()
WHERE id = pg_temp.id('c');
SELECT is(campaign.job_take_over(false), 1, 'the third time');
SELECT ok((SELECT status = 'scheduled' AND run_at > clock_timestamp() FROM campaign.jobs WHERE id = pg_temp.id('c')),
    'R2.4: it waits a moment, so that a job that ends the server does not keep it from working');
UPDATE campaign.jobs SET claimed_at = clock_timestamp() - interval '2 seconds' WHERE id = pg_temp.id('later');
SELECT is(campaign.job_take_over(false), 1, 'what a session does not come to is taken too');
SELECT is((SELECT (status, interruptions)::text FROM campaign.jobs WHERE id = pg_temp.id('later')), '(waiting,0)', 'without an interruption');

-- The clock was set back, which is the same as times that are to come
UPDATE campaign.jobs SET status = 'running', worker_pid = pg_backend_pid(), worker_start = campaign.job_session_started_at(),
    claimed_at = clock_timestamp() + interval '2 minutes' WHERE id = pg_temp.id('later');
SELECT is(campaign.job_take_over(false), 1, 'R2.4: what was claimed in the future is taken over');
SELECT pg_temp.make('asked', 'countdown', now() + interval '1 hour');
UPDATE campaign.jobs SET updated_at = clock_timestamp() + interval '2 minutes' WHERE id = pg_temp.id('asked');
UPDATE campaign.jobs SET run_at = clock_timestamp() + interval '121 seconds', updated_at = clock_timestamp() + interval '2 minutes'
WHERE id = pg_temp.id('c');
SELECT is(campaign.job_shorten_waits(), 1, 'R2.4: a wait for another attempt begins anew');
SELECT ok((SELECT run_at BETWEEN clock_timestamp() AND clock_timestamp() + interval '2 seconds' FROM campaign.jobs WHERE id = pg_temp.id('c')),
    'and lasts as long as it was meant to');
SELECT ok((SELECT run_at > clock_timestamp() + interval '59 minutes' FROM campaign.jobs WHERE id = pg_temp.id('asked')),
    'R2.1: a time that somebody has asked for is left alone');
SELECT is(campaign.job_shorten_waits(), 0, 'once');
UPDATE campaign.jobs SET run_at = now() + interval '1 hour' WHERE id = pg_temp.id('c');
SELECT is((job_cancel(pg_temp.id('asked'))) ->> 'status', 'cancelled', 'R2.6: nothing of this is left');

-- How they are found. A plan is made anew for a table of one page and kept for a million rows.
CREATE FUNCTION pg_temp.scans(index_name text) RETURNS bigint
LANGUAGE sql AS $$ SELECT pg_stat_get_xact_numscans(index_name::regclass) $$;
CREATE FUNCTION pg_temp.finds_by_key(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    keys bigint := pg_temp.scans('campaign.jobs_pkey');
    others bigint := pg_temp.scans('campaign.jobs_running_index') + pg_temp.scans('campaign.jobs_waiting_index')
        + pg_temp.scans('campaign.jobs_scheduled_index');
    whole bigint := pg_temp.scans('campaign.jobs');
BEGIN
    FOR n IN 1 .. 7 LOOP
        EXECUTE statement;
    END LOOP;
    RETURN is(ARRAY[pg_temp.scans('campaign.jobs_pkey') > keys,
        pg_temp.scans('campaign.jobs_running_index') + pg_temp.scans('campaign.jobs_waiting_index')
            + pg_temp.scans('campaign.jobs_scheduled_index') > others,
        pg_temp.scans('campaign.jobs') > whole], '{t,f,f}', 'R2.2: by its key: ' || statement);
END
$$;
SELECT pg_temp.make('found');
UPDATE campaign.jobs SET status = 'running', attempts = 1, worker_pid = pg_backend_pid(),
    worker_start = campaign.job_session_started_at() WHERE id = pg_temp.id('found');
ANALYZE campaign.jobs;
SELECT set_config('test.id', pg_temp.id('found'), true), set_config('test.start', campaign.job_session_started_at()::text, true);
SELECT pg_temp.finds_by_key($$ SELECT campaign.job_begin(current_setting('test.id'), current_setting('test.start')::timestamptz) $$);
SELECT pg_temp.finds_by_key($$ SELECT campaign.job_settle(current_setting('test.id'), current_setting('test.start')::timestamptz) $$);
SELECT pg_temp.finds_by_key($$ SELECT campaign.job_release(ARRAY[current_setting('test.id')], current_setting('test.start')::timestamptz) $$);
SELECT pg_temp.finds_by_key($$ SELECT campaign.job_finish(current_setting('test.id'), '{}', now()) $$);
UPDATE campaign.jobs SET external = true, status = 'running', worker_pid = pg_backend_pid(),
    worker_start = campaign.job_session_started_at() WHERE id = pg_temp.id('found');
SELECT pg_temp.finds_by_key($$ SELECT campaign.mail_check(current_setting('test.id')) $$);
UPDATE campaign.jobs SET external = false, status = 'waiting' WHERE id = pg_temp.id('found');
SELECT pg_temp.finds_by_key($$ SELECT campaign.job_cancelled(current_setting('test.id')) $$);
SELECT pg_temp.finds_by_key($$ DO 'BEGIN PERFORM public.job_retry(current_setting(''test.id'')); PERFORM campaign.job_cancelled(current_setting(''test.id'')); END' $$);

-- A request to cancel
SELECT is(pg_temp.claim(), 'later', 'claimed');
INSERT INTO campaign.job_cancels VALUES (pg_temp.id('later'));
SELECT is((job_get(pg_temp.id('later')) ->> 'cancel_requested')::boolean, true, 'R2.6: a request is seen');
SELECT is((campaign.job_begin(pg_temp.id('later'), campaign.job_session_started_at())).type, NULL, 'R2.6: it is not begun');
SELECT is(pg_temp.status('later'), 'cancelled', 'but cancelled');
SELECT is((SELECT count(*) FROM campaign.job_cancels), 0::bigint, 'and the request is dealt with');
INSERT INTO campaign.job_cancels VALUES (pg_temp.id('later'));
SELECT is((job_get(pg_temp.id('later')) ->> 'cancel_requested')::boolean, false, 'R2.6: one that comes later is nothing');
SELECT is((job_retry(pg_temp.id('later')) ->> 'cancel_requested')::boolean, false, 'R2.6: also for a retry');

-- Watching
SELECT is(job_stats() -> 'by_status', '{"waiting": 2, "scheduled": 1, "running": 1, "finished": 1, "failed": 1, "cancelled": 7}',
    'R2.6: counts by status');

SELECT * FROM finish();
ROLLBACK;
