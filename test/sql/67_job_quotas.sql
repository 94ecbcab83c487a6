-- R7.2: whose quota a job counts against, which jobs share the workers, whose turn it is, and how many may wait.
BEGIN;
SELECT plan(31);

CREATE FUNCTION pg_temp.become(who text, claims jsonb) RETURNS void LANGUAGE sql AS $$
    SELECT set_config('response.status', '', true), set_config('response.headers', '', true),
        set_config('request.jwt.claims', (jsonb_build_object('jti', 'test', 'iat', 0, 'exp', 9999999999,
            'role', 'campaign_' || who) || claims)::text, true),
        set_config('role', 'campaign_' || who, true) $$;
CREATE FUNCTION pg_temp.as_user(id text) RETURNS void LANGUAGE sql AS
$$ SELECT pg_temp.become('user', jsonb_build_object('user_id', id)) $$;
CREATE FUNCTION pg_temp.as_app(id text) RETURNS void LANGUAGE sql AS
$$ SELECT pg_temp.become('app', jsonb_build_object('application_id', id)) $$;
CREATE FUNCTION pg_temp.of(job_id text) RETURNS text LANGUAGE sql AS
$$ SELECT format('%s %s', coalesce(account_id, 'nobody'), CASE WHEN shared THEN 'shared' ELSE 'apart' END)
   FROM campaign.jobs WHERE id = job_id $$;
CREATE FUNCTION pg_temp.claim() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(c.id, ' ') FROM campaign.job_claim(false, campaign.job_session_started_at(), '{countdown}', 20) AS c $$;
CREATE FUNCTION public.test_job(job_id text, meta jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT meta';
SELECT job_type_register('test_open', 'public.test_job', api => true);
SET LOCAL campaign.welcome_email = off;
SELECT user_create('ana@example.com', 'x') AS ana, user_create('bea@example.com', 'x') AS bea \gset
INSERT INTO campaign.companies (name, document) VALUES ('Padaria', '1') RETURNING id AS padaria \gset
SELECT application_create('a', :'padaria', :'ana') ->> 'id' AS app, application_create('b', NULL, :'ana') ->> 'id' AS other,
    application_create('c') ->> 'id' AS own \gset

-- Whose they are
SELECT is(pg_temp.of(job_create('countdown', '{"seconds": 0}')), 'nobody apart', 'R2.1: nobody''s job has a worker at any time');
SELECT is(pg_temp.of(job_create('countdown', '{"seconds": 0}', now(), 0, :'ana')), :'ana' || ' shared', 'R7.2: somebody''s shares the workers');
SELECT is(pg_temp.of(job_create('test_open', '{}', now(), 0, :'ana')), :'ana' || ' shared', 'and so does one of a type that was registered');
SELECT is(pg_temp.of(job_create('countdown', '{"seconds": 0}', now(), 0, NULL, :'app')), :'ana' || ' shared',
    'R7.2: the jobs of an application count as those of its creator');
SELECT is(pg_temp.of(job_create('countdown', '{"seconds": 0}', now(), 0, NULL, :'other')), :'ana' || ' shared', 'of each application');
SELECT is(pg_temp.of(job_create('countdown', '{"seconds": 0}', now(), 0, NULL, :'own')), :'own' || ' shared',
    'the server''s own application counts for itself');
SELECT is(pg_temp.of(job_create('dispatch', '{"campaign_id": "x"}', now(), 0, :'ana')), :'ana' || ' apart',
    'R7.2: dispatches do not wait for long jobs');
SELECT is(pg_temp.of(job_create('user_create', '{"email": "x@example.com", "password": "x"}', now(), 0, :'ana')), :'ana' || ' apart',
    'nor do sign-ups');
SELECT is(pg_temp.of(job_create('welcome_email', '{}', now(), 0, :'ana')), :'ana' || ' apart', 'nor mails');
SELECT throws_ok($$ INSERT INTO campaign.jobs (type, external, meta, status, priority, run_at, max_attempts, shared)
                    VALUES ('pi', false, '{}', 'waiting', 0, now(), 1, true) $$, '23514', NULL,
    'a shared job has an account: without one, no worker would take it');

-- The queue has both
SELECT is(campaign.job_accounts_busy(), '{}', 'R7.2: nobody is busy');
SELECT is(campaign.job_next(false), 0::double precision, 'a shared job is something to do');
UPDATE campaign.jobs SET status = 'cancelled' WHERE type <> 'countdown';
SELECT is(pg_temp.claim(), (SELECT string_agg(id, ' ' ORDER BY seq) FROM campaign.jobs WHERE type = 'countdown'),
    'R2.6: in one order, whoever they belong to');
UPDATE campaign.jobs SET status = 'cancelled' WHERE status = 'running';

-- Accounts take turns
CREATE FUNCTION pg_temp.wish(name text, user_id text, run_at timestamptz DEFAULT now(), priority int DEFAULT 0, app text DEFAULT NULL) RETURNS text LANGUAGE sql AS
$$ SELECT job_create('dispatch', jsonb_build_object('campaign_id', name), run_at, priority, user_id, app) $$;
CREATE FUNCTION pg_temp.job(name text) RETURNS text LANGUAGE sql AS $$ SELECT id FROM campaign.jobs WHERE meta ->> 'campaign_id' = name $$;
CREATE FUNCTION pg_temp.turns() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(j.meta ->> 'campaign_id', ' ' ORDER BY c.place)
   FROM campaign.job_claim(false, campaign.job_session_started_at(), '{dispatch}', 20) WITH ORDINALITY AS c (id, priority, seq, place)
   JOIN campaign.jobs j USING (id) $$;
SELECT pg_temp.wish('a' || n, :'ana') FROM generate_series(1, 4) AS n;
SELECT pg_temp.wish('a5', NULL, now(), 0, :'app'), pg_temp.wish('low', :'ana', now(), -1), pg_temp.wish('b1', :'bea'),
    pg_temp.wish('b2', :'bea'), pg_temp.wish('n1', NULL), pg_temp.wish('n2', NULL), pg_temp.wish('high', :'bea', now(), 1);
SELECT is(pg_temp.turns(), 'high a1 b1 n1 n2 a2 b2 a3 a4 a5 low', 'R7.3: whoever has many dispatches waiting has them run by turns with the others');
SELECT pg_temp.wish('a' || n, :'ana') FROM generate_series(6, 8) AS n;
SELECT pg_temp.wish('b3', :'bea');
SELECT is(campaign.job_again(pg_temp.job('b1'), 5)::text, '', 'a job that works in steps');
SELECT is(pg_temp.turns(), 'a6 b3 a7 b1 a8', 'R7.3: has its next step behind what its account has waiting');
SELECT pg_temp.wish('later' || n, :'ana', now() + (4 - n) * interval '1 hour') FROM generate_series(1, 3) AS n;
SELECT pg_temp.wish('a9', :'ana'), pg_temp.wish('b4', :'bea');
SELECT is(pg_temp.turns(), 'a9 b4', 'R7.3: what is to run later takes no turn of today');
SELECT pg_temp.wish('a10', :'ana'), pg_temp.wish('b5', :'bea');
UPDATE campaign.jobs SET run_at = clock_timestamp() WHERE meta ->> 'campaign_id' LIKE 'later%';
SELECT is(pg_temp.turns(), 'a10 b5 later1 later2 later3', 'R7.3: and when its time has come, it stands behind what waits');
SELECT campaign.job_fail(pg_temp.job(name), 'P0001', 'no luck', now()) FROM unnest('{later1, later2}'::text[]) AS name;
UPDATE campaign.jobs SET run_at = clock_timestamp() - (CASE meta ->> 'campaign_id' WHEN 'later2' THEN 2 ELSE 1 END) * interval '1 second'
WHERE meta ->> 'campaign_id' IN ('later1', 'later2');
SELECT pg_temp.wish('b7', :'bea');
SELECT is(pg_temp.turns(), 'later2 b7 later1', 'R7.3: as what is tried again after an error does');
UPDATE campaign.jobs SET status = 'failed' WHERE meta ->> 'campaign_id' = 'a1';
SELECT pg_temp.wish('a11', :'ana'), pg_temp.wish('b6', :'bea'), job_retry(pg_temp.job('a1'));
SELECT is(pg_temp.turns(), 'a11 b6 a1', 'R7.3: one that is tried again has its turn behind the others');
CREATE FUNCTION pg_temp.one() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(j.meta ->> 'campaign_id' || CASE WHEN c.seq = 0 THEN ' by its turn' ELSE '' END, ' ')
   FROM campaign.job_claim(false, campaign.job_session_started_at(), '{}', 1) AS c JOIN campaign.jobs j USING (id) $$;
SELECT pg_temp.wish('a12', :'ana'), pg_temp.wish('a13', :'ana');
SELECT is(pg_temp.one(), 'a12', 'of two that wait the first one');
SELECT last_value + 1 AS drawn FROM campaign.jobs_seq_seq \gset
SELECT campaign.job_again(pg_temp.job('b6'), 6);
SELECT is((SELECT ARRAY[j.seq, s.last_value] FROM campaign.jobs j, campaign.jobs_seq_seq s WHERE j.id = pg_temp.job('b6')), ARRAY[:drawn, :drawn]::bigint[],
    'a step draws one number, which is its place');
SELECT is(pg_temp.one(), 'a13 by its turn', 'R7.3: the steps of another account''s long job do not pass the second one for ever');
UPDATE campaign.jobs SET status = 'cancelled' WHERE meta ->> 'campaign_id' = 'b6';
SELECT is((SELECT bool_and(turn IS NULL) FROM campaign.jobs WHERE shared OR external OR account_id IS NULL), true, 'others stand where they came');
UPDATE campaign.jobs SET status = 'cancelled' WHERE status = 'running';

-- How many may wait
INSERT INTO campaign.jobs (type, external, meta, status, priority, run_at, max_attempts, account_id)
SELECT 'pi', false, '{}', 'waiting', 0, now(), 1, :'ana' FROM generate_series(4, current_setting('campaign.job_waiting_max')::int);
SELECT pg_temp.as_user(:'ana');
SELECT campaign_api.job_create('test_open') ->> 'id' AS first \gset
SELECT campaign_api.job_create('test_open', '{}', now() + interval '1 hour');
SELECT pg_temp.as_app(:'app');
SELECT campaign_api.job_create('test_open');
SELECT throws_ok($$ SELECT campaign_api.job_create('test_open') $$, 'PT429', '1000 of your jobs are waiting',
    'R7.2: so many of an account, by whatever way they came');
SELECT pg_temp.as_user(:'bea');
SELECT lives_ok($$ SELECT campaign_api.job_create('test_open') $$, 'R7.2: others are not concerned');
SELECT pg_temp.as_user(:'ana');
SELECT throws_ok($$ SELECT campaign_api.job_create('test_open') $$, 'PT429', NULL, 'one''s own are');
SELECT throws_ok($$ SELECT campaign_api.campaign_generate(5) $$, 'PT429', NULL, 'nor is a run generated');
SELECT is(campaign_api.job_cancel(:'first') ->> 'status', 'cancelled', 'one is cancelled');
SELECT lives_ok($$ SELECT campaign_api.job_create('test_open') $$, 'and another may come');
SELECT throws_ok(format('SELECT campaign_api.job_retry(%L)', :'first'), 'PT429', NULL, 'R7.2: but not the same one again');

SELECT * FROM finish();
ROLLBACK;
