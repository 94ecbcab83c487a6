-- R7.2: how many mails requests can cause, to an address and by an account.
BEGIN;
SELECT plan(18);

CREATE FUNCTION pg_temp.become(who text, claims jsonb DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    SELECT set_config('request.method', 'POST', true),
        set_config('request.jwt.claims', coalesce((jsonb_build_object('jti', 'test', 'iat', 0, 'exp', 9999999999,
            'role', 'campaign_' || who) || claims)::text, ''), true),
        set_config('role', 'campaign_' || who, true) $$;
CREATE FUNCTION pg_temp.mails() RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM campaign.jobs WHERE external $$;
SELECT user_create('ana@example.com', 'x') AS ana \gset

-- What is one address
SELECT is(campaign.mail_address_key('Vic.Tim+1@Example.com'), campaign.mail_address_key('victim@example.com'),
    'R7.2: an address is the same with dots, tags and capitals');
SELECT isnt(campaign.mail_address_key('victim@example.com'), campaign.mail_address_key('victim@exam.ple.com'), 'another domain is another one');
SELECT isnt(campaign.mail_address_key('a@b.com'), campaign.mail_address_key('c@b.com'), 'and so is another name');

-- To an address
SELECT pg_temp.become('anon');
SELECT lives_ok(format('SELECT campaign_api.signup(%L, %L)', 'victim+' || n || '@example.com', 'x'), 'R7.2: a mail to an address')
FROM generate_series(1, 3) AS n;
SELECT lives_ok($$ SELECT campaign_api.signup_async('vic.tim@example.com', 'x') $$, 'a sign-up that comes later counts');
SELECT pg_temp.become('user', jsonb_build_object('user_id', :'ana'));
SELECT lives_ok($$ SELECT campaign_api.job_create('user_create', '{"email": "v.ictim@example.com", "password": "x"}') $$, 'and so does a job');
SELECT throws_ok($$ SELECT campaign_api.job_create('user_create', '{"email": "victi.m@example.com", "password": "x"}') $$, 'PT429',
    'too many mails to this address within an hour', 'R7.2: then there are no more, whoever asks');
SELECT set_config('role', 'none', true);
UPDATE campaign.jobs SET status = 'failed', user_id = :'ana' WHERE meta ->> 'email' = 'victim+1@example.com' RETURNING id AS refused \gset
SELECT pg_temp.become('user', jsonb_build_object('user_id', :'ana'));
SELECT throws_ok(format('SELECT campaign_api.job_retry(%L)', :'refused'), 'PT429', NULL, 'nor one that was refused once more');
SELECT pg_temp.become('anon');
SELECT throws_ok($$ SELECT campaign_api.signup('victim@example.com', 'x') $$, 'PT429', NULL, 'in whatever way');
SELECT throws_ok($$ SELECT campaign_api.signup_async('victim@example.com', 'x') $$, 'PT429', NULL, 'nor later');
SELECT lives_ok($$ SELECT campaign_api.signup('somebody@example.com', 'x') $$, 'R7.2: others are not concerned');
SELECT set_config('role', 'none', true);
UPDATE campaign.mail_counts SET since = now() - interval '61 minutes';
SELECT pg_temp.become('anon');
SELECT lives_ok($$ SELECT campaign_api.signup('victim@example.com', 'x') $$, 'after an hour it begins anew');

-- By an account
SELECT set_config('role', 'none', true);
INSERT INTO campaign.mail_counts VALUES
    (sha256(convert_to('account ' || :'ana', 'UTF8')), current_setting('campaign.mails_per_account')::integer - 1, now());
SELECT pg_temp.become('user', jsonb_build_object('user_id', :'ana'));
SELECT lives_ok($$ SELECT campaign_api.job_create('user_create', '{"email": "last@example.com", "password": "x"}') $$, 'the last one of an account');
SELECT throws_ok($$ SELECT campaign_api.signup_async('more@example.com', 'x') $$, 'PT429', 'you have sent too many mails within an hour',
    'R7.2: then it has to wait, whatever the address');
SELECT throws_ok($$ SELECT campaign_api.job_create('user_create', '{"email": "more@example.com", "password": ""}') $$, 'PT429', NULL,
    'R7.3: and no password is hashed for it');

-- In SQL
SELECT set_config('role', 'none', true), set_config('request.method', '', true);
SELECT lives_ok($$ SELECT user_create('victim+sql' || n || '@example.com', 'x') FROM generate_series(1, 10) AS n $$, 'SQL has no such limit');

SELECT * FROM finish();
ROLLBACK;
