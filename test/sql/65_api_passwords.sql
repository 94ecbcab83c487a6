-- A new password by mail. Ana has proved her address; Eve has signed up with Ida's.
BEGIN;
SELECT plan(35);
SET LOCAL campaign.require_verified_email = on;

CREATE FUNCTION pg_temp.become(id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('response.status', '', true), set_config('response.headers', '', true),
        set_config('request.jwt.claims', CASE WHEN id IS NULL THEN '' ELSE jsonb_build_object('role', 'campaign_user', 'user_id', id)::text END, true);
END $$;
CREATE FUNCTION pg_temp.forgotten(email text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer jsonb;
BEGIN
    PERFORM pg_temp.become(NULL);
    answer := campaign_api.password_forgotten(email);
    RETURN current_setting('response.status') || ' ' || (answer ->> 'message');
END $$;
-- Runs the jobs of the requests; then the mail that comes of them.
CREATE FUNCTION pg_temp.mail() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE mail record;
BEGIN
    PERFORM campaign.job_password_reset(j.id, j.meta) FROM campaign.jobs j WHERE j.type = 'password_reset' AND j.status = 'waiting';
    UPDATE campaign.jobs SET status = 'finished', finished_at = now() WHERE type = 'password_reset' AND status = 'waiting';
    SELECT * INTO mail FROM campaign.mail_claim();
    IF FOUND THEN
        PERFORM campaign.mail_begin(mail.id), campaign.mail_sent(mail.id, '250 ok');
    END IF;
    RETURN jsonb_build_object('kind', mail.kind, 'email', mail.email, 'code', mail.code);
END $$;
CREATE FUNCTION pg_temp.claims(token text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT convert_from(decode(rpad(translate(part, '-_', '+/'), (length(part) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb
    FROM split_part(token, '.', 2) AS part
$$;

SELECT campaign_api.signup('Ana@example.com', 'secret') ->> 'id' AS ana, campaign_api.signup('ida@example.com', 'eves password') ->> 'id' AS eve \gset
UPDATE campaign.users SET verified_at = now() WHERE id = :'ana';
SELECT pg_temp.mail(), pg_temp.mail() \g /dev/null
SELECT pg_temp.claims(campaign_api.login('ana@example.com', 'secret') ->> 'token') AS before \gset

-- The request
SELECT is(pg_temp.forgotten('ANA@example.com '), '202 if somebody has this address, it gets a mail with a code', 'R7.2: a new password is asked for');
SELECT is(pg_temp.forgotten('nobody@example.com'), pg_temp.forgotten('ana@example.com'), 'R7.2: the answer is the same for an address that nobody has');
SELECT results_eq('SELECT type COLLATE "C", meta, user_id IS NULL, status COLLATE "C" FROM campaign.jobs WHERE type = ''password_reset'' ORDER BY seq LIMIT 2', $$ VALUES
    ('password_reset' COLLATE "C", '{"email": "ana@example.com"}'::jsonb, true, 'waiting' COLLATE "C"), ('password_reset', '{"email": "nobody@example.com"}', true, 'waiting') $$,
    'R7.2: and so is what the request does: it does not look who has it');
SELECT throws_ok($$ SELECT campaign_api.password_forgotten('nobody') $$, 'PT422', NULL, '422: no address');
SELECT pg_temp.mail() AS mail \gset
SELECT is(:'mail'::jsonb - 'code', '{"kind": "reset", "email": "Ana@example.com"}', 'R7.2: whoever has the address gets a mail');
SELECT pg_temp.mail() AS second_mail \gset
SELECT is(:'second_mail'::jsonb ->> 'email', 'Ana@example.com', 'for each request');
SELECT is(pg_temp.mail() -> 'kind', 'null', 'R7.2: nobody else gets one');
DELETE FROM campaign.address_codes WHERE purpose = 'confirm';
SELECT results_eq('SELECT DISTINCT purpose, expires_at - created_at BETWEEN interval ''1 hour'' AND interval ''1 hour 1 second'' FROM campaign.address_codes WHERE user_id = ' || quote_literal(:'ana'),
    'VALUES (''reset'', true)', 'R7.2: the code is for an hour');
SELECT is(count(*), 0::bigint, 'R7.2: and stored nowhere') FROM (SELECT j::text FROM campaign.jobs j UNION ALL SELECT c::text FROM campaign.address_codes c) AS rows (line)
WHERE strpos(line, :'mail'::jsonb ->> 'code') > 0;
SELECT is(string_agg(left(pg_temp.forgotten('leo@example.com'), 3), ' '), '202 202 202 202 202 429', 'R7.3: five requests for an address, and then a wait') FROM generate_series(1, 6);
SELECT is(current_setting('response.headers')::jsonb, '[{"Retry-After": "1"}]', 'for the time that the answer says');

-- The new password
SELECT pg_temp.become(:'ana');
SELECT is(campaign_api.me_confirm(:'mail'::jsonb ->> 'code') ->> 'code', 'PT422', 'R7.2: a code proves only what it was sent for');
SELECT pg_temp.become(NULL);
SELECT is(campaign_api.password_reset(code, 'new') ->> 'code', 'PT422', 'R7.2: no new password with ' || quote_nullable(code)) FROM unnest(ARRAY['x', '', NULL]) AS code;
SELECT throws_ok(format('SELECT campaign_api.password_reset(%L, %s)', :'mail'::jsonb ->> 'code', word), 'PT422', NULL, 'nor without one: ' || word)
FROM unnest(ARRAY['''''', 'NULL', 'repeat(''x'', 1025)']) AS word;
SELECT campaign_api.password_reset(:'mail'::jsonb ->> 'code', 'new') AS answer \gset
SELECT is(:'answer'::jsonb ->> 'user_id', :'ana', 'R7.2: the code sets a new password');
SELECT is(campaign_api.login('ana@example.com', 'new') ->> 'user_id', :'ana', 'which is let in');
SELECT is(campaign_api.login('ana@example.com', 'secret') ->> 'code', 'PT401', 'the old one is not');
SELECT ok(campaign.token_valid(pg_temp.claims(:'answer'::jsonb ->> 'token')), 'R7.1: the token of the answer is good');
SELECT ok(NOT campaign.token_valid(:'before'), 'R7.1: all from before are not');
SELECT is(campaign_api.password_reset(mail ->> 'code', 'newer') ->> 'code', 'PT422', 'R7.2: a code is good once, and ends the others of its user')
FROM (VALUES (:'mail'::jsonb), (:'second_mail'::jsonb)) AS mails (mail);
SELECT pg_temp.forgotten('ana@example.com') \g /dev/null
SELECT pg_temp.mail() AS mail \gset
SELECT pg_temp.become(:'ana');
SELECT campaign_api.password_change('new', 'newest') \g /dev/null
SELECT is(campaign_api.password_reset(:'mail'::jsonb ->> 'code', 'x') ->> 'code', 'PT422', 'R7.1: a changed password ends the codes of before');
DELETE FROM campaign.login_attempts;
SELECT is(string_agg(campaign_api.password_reset('wrong', 'x') ->> 'code', ' '), 'PT422 PT422 PT422 PT422 PT422 PT429', 'R7.3: five wrong codes, and then a wait') FROM generate_series(1, 6);
DELETE FROM campaign.login_attempts;

-- Whoever proves an address gets it, and nothing of whoever had it without a proof
SELECT pg_temp.become(:'eve');
INSERT INTO campaign_api.companies (name, document) VALUES ('Estudio', '2');
SELECT pg_temp.forgotten('ida@example.com') \g /dev/null
SELECT pg_temp.mail() AS mail \gset
SELECT campaign_api.password_reset(:'mail'::jsonb ->> 'code', 'idas password') ->> 'user_id' AS ida \gset
SELECT isnt(:'ida', :'eve'::text, 'R7.2: an address that nobody had proved goes to a new user');
SELECT pg_temp.become(:'ida');
SELECT is(campaign_api.me() - 'id' - 'created_at' - 'updated_at', '{"email": "ida@example.com", "new_email": null, "email_verified": true, "companies": []}', 'R7.2: who has proved it, and nothing of the other''s');
SELECT is(campaign_api.login('ida@example.com', 'eves password') ->> 'code', 'PT401', 'R7.2: whose password is no longer one of this address');
SELECT pg_temp.become(:'eve');
SELECT is(campaign_api.me() ->> 'email', :'eve' || '@released.invalid', 'R7.2: the other keeps the rest');
SELECT is(jsonb_array_length(campaign_api.me() -> 'companies'), 1, 'with what they have made');
SELECT throws_ok($$ SELECT campaign_api.me_update('ida@example.com', 'eves password') $$, 'PT409', NULL, 'and does not get it back');

-- However many clients ask
DELETE FROM campaign.login_attempts;
SELECT is(string_agg(left(pg_temp.forgotten('ana@example.com'), 3), ' '), '202 202 202 202 202 202 202', 'requests of many clients')
FROM generate_series(1, 7) AS n, LATERAL set_config('request.headers', jsonb_build_object('x-forwarded-for', '203.0.113.' || n)::text, true);
SELECT is(array_agg(pg_temp.mail() ->> 'kind'), ARRAY['reset', 'reset', 'reset', 'reset', 'reset', NULL], 'R7.3: fill no mailbox') FROM generate_series(1, 6);

SELECT * FROM finish();
ROLLBACK;
