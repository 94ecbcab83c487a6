-- R2.2, R2.5, R2.6, R4.1: jobs over HTTP: who creates, sees, cancels and tries again what.
-- Ana and Bea share a company, which has an application; Eva has another company and application.
BEGIN;
SELECT plan(87);

CREATE FUNCTION pg_temp.person(name text) RETURNS text LANGUAGE sql AS
$$ SELECT campaign_api.signup(name || '@example.com', 'secret') ->> 'id' $$;
-- One request: PostgREST begins each with empty answers.
CREATE FUNCTION pg_temp.become(who text, claims jsonb DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('response.status', '', true), set_config('response.headers', '', true),
        set_config('request.jwt.claims', coalesce((jsonb_build_object('jti', 'test', 'iat', 0, 'exp', 9999999999,
            'role', 'campaign_' || who) || claims)::text, ''), true),
        set_config('role', 'campaign_' || who, true);
END $$;
CREATE FUNCTION pg_temp.as_user(id text) RETURNS void LANGUAGE sql AS
$$ SELECT pg_temp.become('user', jsonb_build_object('user_id', id)) $$;
CREATE FUNCTION pg_temp.as_app(id text) RETURNS void LANGUAGE sql AS
$$ SELECT pg_temp.become('app', jsonb_build_object('application_id', id)) $$;
CREATE FUNCTION public.test_job(job_id text, meta jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT meta';
SELECT job_type_register('test_open', 'public.test_job', api => true, secret_keys => '{pin}');
SELECT job_type_register('test_closed', 'public.test_job');
SELECT job_type_register('test_gone', 'public.test_job', api => true);
UPDATE campaign.job_types SET deleted = true WHERE name = 'test_gone';

SELECT pg_temp.person('ana') AS ana, pg_temp.person('bea') AS bea, pg_temp.person('eva') AS eva \gset
SELECT pg_temp.as_user(:'ana');
INSERT INTO campaign_api.companies (name, document) VALUES ('Padaria', '1') RETURNING id AS padaria \gset
INSERT INTO campaign_api.campaigns (name, message) VALUES ('pao', 'hello') RETURNING id AS pao \gset
SELECT campaign_api.company_member_invite(:'padaria', 'bea@example.com') ->> 'id' AS invitation \gset
SELECT pg_temp.as_user(:'bea');
SELECT campaign_api.invitation_accept(:'invitation');
SELECT pg_temp.as_user(:'ana');
SELECT campaign_api.application_create('biller') ->> 'id' AS biller \gset
SELECT pg_temp.as_user(:'eva');
INSERT INTO campaign_api.companies (name, document) VALUES ('Estudio', '2');
INSERT INTO campaign_api.campaigns (name, message) VALUES ('foto', 'hello') RETURNING id AS foto \gset
SELECT campaign_api.application_create('other') ->> 'id' AS other \gset
RESET ROLE;
SELECT application_create('own') ->> 'id' AS own \gset

-- Creating
SELECT pg_temp.as_user(:'ana');
SELECT campaign_api.job_create('test_open', '{"b": 12345678901234567890.50, "a": ["ä", {"x": null}], "pin": "1234"}', NULL, -7) AS answer \gset
SELECT :'answer'::jsonb ->> 'id' AS job \gset
SELECT is(:'answer'::jsonb - 'id', '{"message": "job created"}', 'R2.2: the answer has id and message');
SELECT is(current_setting('response.status'), '201', 'R2.2: 201');
SELECT is(current_setting('response.headers')::jsonb, jsonb_build_array(jsonb_build_object('Location', '/jobs?id=eq.' || :'job')),
    'R2.2: with the Location');
SELECT is(campaign_api.job_get(:'job') -> 'meta', '{"b": 12345678901234567890.50, "a": ["ä", {"x": null}]}',
    'R2.1: metadata come back as they went in, without what is secret');
SELECT is(meta::text, '{"a": ["ä", {"x": null}], "b": 12345678901234567890.50}', 'R2.2: in the view too') FROM campaign_api.jobs WHERE id = :'job';
SELECT is_empty('SELECT FROM campaign_api.jobs WHERE meta ->> ''pin'' IS NOT NULL OR meta::text LIKE ''%1234"%''', 'nor can it be asked for');
SELECT results_eq('SELECT type, status, priority, progress, attempts, result FROM campaign_api.jobs WHERE priority = -7',
    'VALUES (''test_open'' COLLATE "C", ''waiting'' COLLATE "C", -7, 0, 0, NULL::jsonb)', 'R2.2: a job in the view');
SELECT campaign_api.job_create('countdown', '{"seconds": 1}', now() + interval '1 hour') ->> 'id' AS later \gset
SELECT is(campaign_api.job_get(:'later') ->> 'status', 'scheduled', 'R2.6: for later');
SELECT throws_ok(statement, code, message, 'R2.2: ' || code || ': ' || left(statement, 100))
FROM (VALUES
    ('SELECT campaign_api.job_create(''nothing'')', 'PT422', 'no job type is called "nothing"'),
    ('SELECT campaign_api.job_create(NULL)', 'PT422', 'no job type is called "NULL"'),
    ('SELECT campaign_api.job_create('''')', 'PT422', 'no job type is called ""'),
    ('SELECT campaign_api.job_create(''test_gone'')', 'PT422', 'no job type is called "test_gone"'),
    ('SELECT campaign_api.job_create(''test_closed'')', 'PT422', 'jobs of type "test_closed" cannot be created over HTTP'),
    ('SELECT campaign_api.job_create(''welcome_email'')', 'PT422', 'jobs of type "welcome_email" cannot be created over HTTP'),
    ('SELECT campaign_api.job_create(''pi'')', 'PT422', 'metadata: "digits" must be a number from 0 to 100000'),
    ('SELECT campaign_api.job_create(''test_open'', ''[]'')', 'PT422', 'metadata must be a JSON object'),
    ('SELECT campaign_api.job_create(''test_open'', ''7'')', 'PT422', 'metadata must be a JSON object'),
    ('SELECT campaign_api.job_create(''test_open'', NULL)', 'PT422', 'metadata must be a JSON object'),
    ('SELECT campaign_api.job_create(''test_open'', ''{"a": "\u0000"}'')', 'PT422', NULL),
    ('SELECT campaign_api.job_create(''test_open'', ''{"a": 1e200000}'')', 'PT422', NULL),
    ('SELECT campaign_api.job_create(''test_open'', json_build_object(''a'', repeat(''x'', 262144)))', 'PT413', NULL),
    ('SELECT campaign_api.job_create(''test_open'', ''{}'', ''infinity'')', 'PT422', 'run_at must be finite'),
    ('SELECT campaign_api.job_create(''test_open'', ''{}'', NULL, 1)', 'PT422', 'priority must be a number from -1000 to 0'),
    ('SELECT campaign_api.job_create(''test_open'', ''{}'', NULL, -1001)', 'PT422', NULL),
    ('SELECT campaign_api.job_create(''dispatch'')', 'PT422', 'metadata: "campaign_id" must be a string'),
    ('SELECT campaign_api.job_create(''dispatch'', ''{"campaign_id": 7}'')', 'PT422', 'metadata: "campaign_id" must be a string'),
    ('SELECT campaign_api.job_create(''dispatch'', ''{"campaign_id": "nobody"}'')', 'PT404', 'campaign "nobody" does not exist'),
    (format('SELECT campaign_api.job_create(''dispatch'', ''{"campaign_id": "%s"}'')', :'foto'), 'PT403', 'this campaign belongs to another company')
) AS tries (statement, code, message);
SELECT lives_ok('SELECT campaign_api.job_create(''test_open'', json_build_object(''a'', repeat(''x'', 262100)))', 'R2.2: 256 kB are taken');
SELECT campaign_api.job_create('dispatch', json_build_object('campaign_id', :'pao'), now() + interval '1 day') ->> 'id' AS dispatching \gset

-- An application
SELECT pg_temp.as_app(:'biller');
SELECT campaign_api.job_create('test_open', '{"of": "app"}') ->> 'id' AS app_job \gset
SELECT set_eq('SELECT id FROM campaign_api.jobs', ARRAY[:'app_job'], 'R2.5: an application sees its own jobs');
SELECT is(campaign_api.job_get(:'app_job') -> 'meta', '{"of": "app"}', 'R2.5: and reads them');
SELECT throws_ok(format('SELECT campaign_api.job_get(%L)', :'job'), 'PT404', NULL, 'R2.5: not those of its users');
SELECT campaign_api.job_create('dispatch', json_build_object('campaign_id', :'pao'), now() + interval '1 day') ->> 'id' AS app_dispatching \gset
SELECT matches(:'app_dispatching'::text, '^[a-z][a-z0-9]{23}$', 'R2.5: it dispatches a campaign of its company');
SELECT throws_ok(format('SELECT campaign_api.job_create(''dispatch'', ''{"campaign_id": "%s"}'')', id), code, NULL, 'R2.5: but no other: ' || code)
FROM (VALUES (:'foto', 'PT403'), ('nobody', 'PT404')) AS tries (id, code);
SELECT pg_temp.as_app(:'own');
SELECT throws_ok(format('SELECT campaign_api.job_create(''dispatch'', ''{"campaign_id": "%s"}'')', :'pao'), 'PT403', NULL, 'R2.5: nor one without a company');
SELECT is_empty('SELECT FROM campaign_api.jobs', 'R2.5: which sees nothing of the others');
SELECT is(campaign_api.job_stats() -> 'by_type', '{}', 'R2.5: and counts nothing');
RESET ROLE;
SELECT is_empty('SELECT FROM campaign.jobs WHERE user_id IS NOT NULL AND application_id IS NOT NULL', 'a job has one owner');

-- Whose they are
SELECT pg_temp.as_user(:'bea');
SELECT results_eq('SELECT type FROM campaign_api.jobs', 'VALUES (''welcome_email'' COLLATE "C")', 'R2.2: a member of the same company sees her own only');
SELECT pg_temp.as_user(:'eva');
SELECT throws_ok(format('SELECT campaign_api.%s(%L)', name, id), 'PT404', format('job "%s" does not exist', coalesce(id, 'NULL')),
    format('R2.2: 404: %s of %s', name, what))
FROM unnest(ARRAY['job_get', 'job_cancel', 'job_retry']) AS name, (VALUES (:'job', 'somebody else''s'), ('nobody', 'none'), (NULL, 'NULL')) AS ids (id, what);
SELECT is(campaign.request_job_meta(:'job'), NULL, 'R2.2: nor the metadata');
SELECT is(campaign_api.job_stats() -> 'by_type', '{"welcome_email": {"waiting": 1}}', 'R2.2: and counts her own');
SELECT throws_ok(statement, '42501', NULL, 'R2.2: refused: ' || statement)
FROM unnest(ARRAY['SELECT meta FROM campaign.jobs', 'SELECT user_id FROM campaign.jobs', 'SELECT * FROM campaign.job_errors',
    'SELECT * FROM campaign.job_slots()', 'SELECT public.job_stats()', 'SELECT public.job_get(''x'')']) AS statement;
SELECT throws_ok(statement, 'PT405', 'jobs are kept as they are', 'R2.4: 405: ' || statement)
FROM unnest(ARRAY['DELETE FROM campaign_api.jobs', 'DELETE FROM campaign_api.jobs WHERE id = ''nobody''',
    'UPDATE campaign_api.jobs SET status = ''cancelled''', 'INSERT INTO campaign_api.jobs (type) VALUES (''countdown'')']) AS statement;
SELECT throws_ok('DELETE FROM campaign.jobs', '42501', NULL, 'R2.4: nor the table');
SELECT pg_temp.as_app(:'other');
SELECT throws_ok('DELETE FROM campaign_api.jobs', 'PT405', NULL, 'R2.4: nor by an application');
SELECT pg_temp.become('user', '{}');
SELECT throws_ok(statement, 'PT401', NULL, 'R2.2: 401: ' || statement)
FROM unnest(ARRAY['SELECT campaign_api.job_create(''countdown'', ''{"seconds": 1}'')', 'SELECT campaign_api.job_get(''x'')',
    'SELECT campaign_api.job_cancel(''x'')', 'SELECT campaign_api.job_retry(''x'')', 'SELECT campaign_api.job_stats()']) AS statement;
SELECT pg_temp.become('user', jsonb_build_object('application_id', :'biller'));
SELECT is_empty('SELECT FROM campaign_api.jobs', 'R2.5: the token of an application counts for its own role only');

-- Cancelling and trying again
SELECT pg_temp.as_user(:'ana');
SELECT throws_ok(format('SELECT campaign_api.job_retry(%L)', :'job'), 'PT409', NULL, 'R2.6: a job that waits is not tried again');
SELECT is(campaign_api.job_cancel(:'job') ->> 'status' || current_setting('response.status'), 'cancelled', 'R2.6: cancelled: 200');
SELECT throws_ok(format('SELECT campaign_api.job_cancel(%L)', :'job'), 'PT409', NULL, 'R2.6: once');
SELECT is(campaign_api.job_retry(:'job') ->> 'status' || current_setting('response.status'), 'waiting202', 'R2.6: tried again: 202');
SELECT is(campaign_api.job_stats() -> 'by_status' ->> 'waiting', '3', 'R2.6: and counted');

-- Between a job's creation and its run, its owner may have left the company
RESET ROLE;
SELECT throws_ok(format('SELECT campaign.job_dispatch(%L, %L)', id, jsonb_build_object('campaign_id', :'pao')), '55000', NULL,
    'R0.8: dispatched for its owner, who has given it no recipients')
FROM unnest(ARRAY[:'dispatching', :'app_dispatching']) AS id;
UPDATE campaign.company_members SET deleted = true WHERE user_id = :'ana';
UPDATE campaign.applications SET deleted = true WHERE id = :'biller';
SELECT throws_ok(format('SELECT campaign.job_dispatch(%L, %L)', id, jsonb_build_object('campaign_id', :'pao')), '42501', NULL,
    'R0.8: but not for one who is no member any more')
FROM unnest(ARRAY[:'dispatching', :'app_dispatching']) AS id;

-- A campaign that is deleted takes its jobs with it
SELECT pg_temp.as_user(:'eva');
SELECT campaign_api.campaign_generate(100) AS made \gset
SELECT campaign_api.job_create('dispatch', json_build_object('campaign_id', :'made'::jsonb -> 'campaignId'), now() + interval '1 day') ->> 'id' AS made_dispatch \gset
DELETE FROM campaign_api.campaigns WHERE id = :'made'::jsonb ->> 'campaignId';
SELECT is(array_agg(campaign_api.job_get(id) ->> 'status'), '{cancelled,cancelled}', 'R3.6: what generates it, and what would dispatch it')
FROM unnest(ARRAY[:'made'::jsonb ->> 'jobId', :'made_dispatch']) AS id;

-- Sign-up as a job
SELECT pg_temp.become('anon');
SELECT campaign_api.signup_async('late@example.com', 's3cret') AS late \gset
SELECT is(:'late'::jsonb - 'id', '{"message": "the user will be created"}', 'R4.1: sign-up as a job, without a token');
SELECT is(current_setting('response.status'), '202', 'R4.1: 202');
SELECT is(campaign_api.signup_async('ANA@example.com', 's3cret') - 'id', :'late'::jsonb - 'id', 'R4.1: an address that is taken gets the same answer');
SELECT throws_ok($$ SELECT campaign_api.signup_async('late', 's3cret') $$, 'PT422', 'e-mail address is not valid', 'R4.1: one that cannot be does not');
SELECT throws_ok($$ SELECT campaign_api.signup_async('late@example.com', NULL) $$, 'PT422', 'password is missing', 'R4.1: nor no password');
SELECT throws_ok($$ SELECT campaign_api.signup_async('late@example.com', '') $$, 'PT422', NULL, 'R4.1: nor an empty one');
RESET ROLE;
SELECT is(j.meta - 'password_hash', '{"email": "late@example.com"}', 'R4.1: address and hash are stored, and nothing else')
FROM campaign.jobs j WHERE j.id = :'late'::jsonb ->> 'id';
SELECT is(count(*), 0::bigint, 'R4.1: the password is nowhere') FROM campaign.jobs j WHERE strpos(j::text, 's3cret') > 0;

SELECT * FROM finish();
ROLLBACK;
