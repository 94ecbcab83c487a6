-- Creating, reading, cancelling and retrying jobs; the workers do not see what is not committed.
BEGIN;
SELECT plan(44);

-- Creating
SELECT matches(job_create('countdown', '{"seconds": 1, "note": "ä"}'), '^[a-z][a-z0-9]{23}$', 'R2.1: a job has a cuid2');
CREATE TEMPORARY TABLE made AS SELECT job_create('countdown', '{"seconds": 1, "list": [1, {"x": null}]}') AS id;
SELECT is(job_get(id) - '{id,run_at,created_at}'::text[],
    '{"type": "countdown", "status": "waiting", "meta": {"seconds": 1, "list": [1, {"x": null}]}, "progress": 0,
      "result": null, "error": null, "error_code": null, "attempts": 0, "max_attempts": 5, "interruptions": 0,
      "priority": 0, "started_at": null, "finished_at": null, "cancel_requested": false}'::jsonb,
    'R2.1: and all that can be read of it') FROM made;
SELECT is(job_get(job_create('pi', '{"digits": 3}', now() + interval '1 hour')) ->> 'status', 'scheduled',
    'R2.6: a job for later is scheduled');
SELECT throws_ok($$ SELECT job_create('nothing') $$, '22023', 'no job type is called "nothing"', 'R2.1: unknown type');
SELECT throws_ok($$ SELECT job_create(NULL) $$, '22023', 'no job type is called "NULL"', 'no type');
SELECT throws_ok($$ SELECT job_create('pi', NULL) $$, '22023', 'metadata must be a JSON object', 'no metadata');
SELECT throws_ok($$ SELECT job_create('pi', '[1]') $$, '22023', 'metadata must be a JSON object', 'metadata that are no object');
SELECT throws_ok($$ SELECT job_create('pi', '{"digits": 1}', 'infinity') $$, '22023', 'run_at must be finite', 'never');
SELECT throws_ok($$ SELECT job_get('nothing') $$, 'P0002', 'job "nothing" does not exist', 'R2.1: unknown id');

-- What the shipped types take
SELECT throws_ok(format($$ SELECT job_create(%L, %L) $$, type, meta), '22023', message, type || ' ' || meta)
FROM (VALUES
    ('countdown', '{}', 'metadata: "seconds" must be a number from 0 to 3600'),
    ('countdown', '{"seconds": -1}', 'metadata: "seconds" must be a number from 0 to 3600'),
    ('countdown', '{"seconds": "1"}', 'metadata: "seconds" must be a number from 0 to 3600'),
    ('fibonacci', '{"n": 100001}', 'metadata: "n" must be a number from 0 to 100000'),
    ('fibonacci', '{"n": 1.5}', 'metadata: "n" must be a whole number'),
    ('pi', '{"digits": 1e9}', 'metadata: "digits" must be a number from 0 to 100000'),
    ('pi', '{"digits": null}', 'metadata: "digits" must be a number from 0 to 100000'),
    ('dispatch', '{"campaign_id": 5}', 'metadata: "campaign_id" must be a string'),
    ('user_create', '{"email": "a@b.example"}', 'metadata: "password" must be a string'),
    ('user_create', '{"email": "nobody", "password": "x"}', 'e-mail address is not valid')
) AS t (type, meta, message);

-- The handlers, by hand
SELECT is(campaign.job_fibonacci('x', '{"n": 100}'), '{"n": 100, "value": "354224848179261915075"}', 'R2.3: fibonacci');
SELECT is(campaign.job_pi('x', '{"digits": 10}'), '{"digits": 10, "value": "3.1415926535"}', 'R2.3: pi');
SELECT is(campaign.job_countdown('x', '{"seconds": 0.01}'), '{"seconds": 0.01}', 'R2.3: countdown');
SELECT lives_ok($$ SELECT job_progress('x', 50) $$, 'R2.3: progress outside a worker is nothing');
SELECT throws_ok($$ SELECT campaign.job_pi('x', '{}') $$, '22023', 'metadata: "digits" must be a number', 'without their metadata');

-- user_create keeps the hash and shows nothing of it
CREATE TEMPORARY TABLE person AS
SELECT job_create('user_create', '{"email": "job@example.com", "password": "s3cret", "source": "test"}') AS id;
SELECT is(job_get(id) -> 'meta', '{"email": "job@example.com", "source": "test"}', 'R4.1: the hash is not shown') FROM person;
SELECT matches(j.meta::text, '\$argon2id\$', 'R4.1: which is stored') FROM campaign.jobs j JOIN person USING (id);
SELECT ok(j.meta::text !~ 's3cret', 'R4.1: only the hash of a password is stored') FROM campaign.jobs j JOIN person USING (id);
CREATE TEMPORARY TABLE answer AS SELECT campaign.job_user_create(id, meta) AS value FROM campaign.jobs JOIN person USING (id);
SELECT is((SELECT value ->> 'user_id' FROM answer), (SELECT u.id FROM campaign.users u WHERE email = 'job@example.com'),
    'R2.3: the user is created');
SELECT is((SELECT count(*) FROM campaign.users u WHERE email = 'job@example.com' AND password_verify('s3cret', password)), 1::bigint,
    'R4.1: with this password');
SELECT is((SELECT array_agg((type, status, meta ->> 'email', user_id IS NOT NULL)::text) FROM campaign.jobs WHERE external),
    ARRAY['(welcome_email,waiting,job@example.com,t)'], 'R4.1: the welcome e-mail is queued with the user');
SET LOCAL campaign.welcome_email = off;
SELECT isnt(user_create('quiet@example.com', 'x'), NULL, 'a user without a welcome');
SELECT is((SELECT count(*) FROM campaign.jobs WHERE external), 1::bigint, 'has none in the queue');

-- Cancel and retry
SELECT is(job_cancel(id) - '{id,run_at,created_at,finished_at,meta}'::text[] ->> 'status', 'cancelled', 'R2.6: cancelled') FROM made;
SELECT throws_ok(format($$ SELECT job_cancel(%L) $$, id), '55000', format('job "%s" is already cancelled', id), 'R2.6: once') FROM made;
SELECT is(job_retry(id) ->> 'status', 'waiting', 'R2.6: tried again') FROM made;
SELECT throws_ok(format($$ SELECT job_retry(%L) $$, id), '55000',
    format('job "%s" is waiting: only one that failed or was cancelled can be tried again', id), 'R2.6: once') FROM made;
SELECT throws_ok($$ SELECT job_cancel('nothing') $$, 'P0002', NULL, 'R2.6: cancel of an unknown job');
SELECT throws_ok($$ SELECT job_retry('nothing') $$, 'P0002', NULL, 'R2.6: retry of an unknown job');

-- Nobody deletes
SELECT throws_ok('DELETE FROM campaign.jobs', '55000', 'DELETE of campaign.jobs is refused: jobs are kept for ever', 'R2.4: no DELETE');
SELECT throws_ok('TRUNCATE campaign.jobs CASCADE', '55000', 'TRUNCATE of campaign.jobs is refused: jobs are kept for ever', 'R2.4: no TRUNCATE');
SELECT throws_ok('TRUNCATE campaign.jobs, campaign.job_errors', '55000', NULL, 'R2.4: nor together');
SELECT throws_ok('DELETE FROM campaign.job_errors', '55000', NULL, 'R2.4: errors are kept');
SET LOCAL session_replication_role = replica;
SELECT throws_ok('DELETE FROM campaign.jobs', '55000', NULL, 'R2.4: not even for a superuser who switches triggers off');
SET LOCAL session_replication_role = origin;
SELECT throws_ok('DROP TABLE campaign.jobs', '2BP01', NULL, 'R2.4: nor is the table dropped');

SELECT * FROM finish();
ROLLBACK;
