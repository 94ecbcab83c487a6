-- Sign-up, login, tokens and what makes guessing slow.
BEGIN;
SELECT plan(44);

CREATE FUNCTION pg_temp.claims(token text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT convert_from(decode(rpad(translate(part, '-_', '+/'), (length(part) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb
    FROM split_part(token, '.', 2) AS part
$$;
-- One request: PostgREST begins each with empty answers.
CREATE FUNCTION pg_temp.login(email text, password text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('response.status', '', true), set_config('response.headers', '', true);
    RETURN campaign_api.login(email, password);
END $$;
CREATE FUNCTION pg_temp.check_token(claims jsonb, who text DEFAULT 'campaign_user') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', claims::text, true), set_config('role', who, true);
    PERFORM campaign.api_check();
    PERFORM set_config('role', 'none', true);
END $$;

SELECT campaign_api.signup('Ana@example.com', 'secret') ->> 'id' AS ana \gset
SELECT is(current_setting('response.status'), '201', 'R0.8: sign-up answers 201');
SELECT is(coalesce(current_setting('response.headers', true), ''), '', 'R7.4: without a Location, where only the user may look');
SELECT throws_ok($$ SELECT campaign_api.signup('ANA@example.com', 'x') $$, 'PT409', NULL, 'R0.8: an address is taken once');
SELECT throws_ok($$ SELECT campaign_api.signup('ana', 'x') $$, 'PT422', NULL, 'R0.8: an address must be one');
SELECT throws_ok($$ SELECT campaign_api.signup('b@example.com', '') $$, 'PT422', NULL, 'R0.8: a password must not be empty');
SELECT throws_ok($$ SELECT campaign_api.signup('b@example.com', repeat('x', 1000000)) $$, 'PT422', NULL, 'R0.8: nor a megabyte');
SELECT throws_ok($$ SELECT campaign_api.signup(NULL, NULL) $$, 'PT422', NULL, 'R0.8: nor missing');

SELECT pg_temp.login('ana@EXAMPLE.com ', 'secret') AS answer \gset
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(:'answer'::jsonb) AS k),
    'expires_at token user_id', 'R0.8: a login answers token, expires_at, user_id');
SELECT pg_temp.claims(:'answer'::jsonb ->> 'token') AS claims \gset
SELECT is(:'claims'::jsonb - 'jti' - 'iat' - 'exp', jsonb_build_object('role', 'campaign_user', 'user_id', :'ana'),
    'R0.8: the token says role and user');
SELECT matches(:'claims'::jsonb ->> 'jti', '^[a-z][a-z0-9]{23}$', 'R0.8: and has an id');
SELECT is((:'claims'::jsonb ->> 'exp')::bigint - (:'claims'::jsonb ->> 'iat')::bigint, 3600::bigint, 'R0.8: for campaign.jwt_expiry');
SELECT is(convert_from(decode(rpad(translate(split_part(:'answer'::jsonb ->> 'token', '.', 1), '-_', '+/'), 36, '='), 'base64'), 'UTF8'),
    '{"alg":"HS256","typ":"JWT"}', 'R0.8: HS256');

-- Refusals
SELECT is(pg_temp.login('ana@example.com', 'Secret'), pg_temp.login('nobody@example.com', 'Secret'),
    'R0.8: a wrong password and an unknown address get the same answer');
SELECT is(current_setting('response.status'), '401', 'R0.8: which is 401');
SELECT is(pg_temp.login(NULL, NULL) ->> 'code', 'PT401', 'R0.8: nothing at all too');
SELECT is(pg_temp.login('ana@example.com', repeat('x', 1000000)) ->> 'code', 'PT401', 'R0.8: a megabyte too');
SELECT is(failures, 2, 'failures are counted') FROM campaign.login_attempts WHERE account = sha256('ana@example.com');
SELECT ok(campaign.password_needs_rehash(campaign.password_dummy()) = false
    AND NOT password_verify('x', campaign.password_dummy()),
    'R0.8: the hash of nobody costs what a real one costs');
SELECT is(pg_temp.login('ana@example.com', 'secret') ->> 'user_id', :'ana', 'a good login');
SELECT is_empty($$ SELECT FROM campaign.login_attempts WHERE account = sha256('ana@example.com') $$, 'forgets the failures');

SELECT is(max(pg_temp.login('ana@example.com', 'wrong') ->> 'code'), 'PT401', 'five failures') FROM generate_series(1, 5);
SELECT is(pg_temp.login('ana@example.com', 'secret') ->> 'code', 'PT429', 'and the right password has to wait');
SELECT is(current_setting('response.headers')::jsonb, '[{"Retry-After": "1"}]', 'for the time that the answer says');
SELECT is(max(pg_temp.login('nobody@example.com', 'wrong') ->> 'code'), 'PT429',
    'so has an address that nobody has') FROM generate_series(1, 5);
UPDATE campaign.login_attempts SET failures = 40, next_at = clock_timestamp();
SELECT pg_temp.login('ana@example.com', 'wrong');
SELECT ok(next_at - clock_timestamp() BETWEEN interval '4 minutes' AND interval '5 minutes', 'but not for more than 5 minutes')
FROM campaign.login_attempts WHERE account = sha256('ana@example.com');
UPDATE campaign.login_attempts SET next_at = clock_timestamp() WHERE account = sha256('ana@example.com');
SELECT is(pg_temp.login('ana@example.com', 'secret') ->> 'user_id', :'ana', 'and then it is let in');

UPDATE campaign.users SET password = '$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$uGSZCS5bPxGKnf0rpNlGmjNY8ouKAnUaFxZQ1Vnu6UE' WHERE id = :'ana';
SELECT is(pg_temp.login('ana@example.com', 'secret') ->> 'code', 'PT401', 'an old hash of another password');
UPDATE campaign.users SET password = password_hash('secret') WHERE id = :'ana';

-- Tokens
SELECT lives_ok(format('SELECT pg_temp.check_token(%L)', :'claims'), 'R0.8: a token is let in');
SELECT throws_ok(format('SELECT pg_temp.check_token(%L)', claims), 'PT401', NULL, 'R0.8: refused: ' || what)
FROM (VALUES
    ('expired', :'claims'::jsonb || jsonb_build_object('exp', floor(extract(epoch FROM clock_timestamp())) - 1)),
    ('without expiry', :'claims'::jsonb - 'exp'), ('without id', :'claims'::jsonb - 'jti'),
    ('without user', :'claims'::jsonb - 'user_id'), ('of nobody', :'claims'::jsonb || '{"user_id": "nobody"}'),
    ('of numbers', '{"exp": "x", "iat": [], "jti": 5, "user_id": 7}')) AS tokens (what, claims);
SELECT campaign_api.signup('gone@example.com', 'secret') ->> 'id' AS gone \gset
SELECT pg_temp.claims(pg_temp.login('gone@example.com', 'secret') ->> 'token') AS gone_claims \gset
SELECT lives_ok(format('SELECT pg_temp.check_token(%L)', :'gone_claims'), 'R0.8: a user''s token is let in');
UPDATE campaign.users SET deleted = true WHERE id = :'gone';
SELECT throws_ok(format('SELECT pg_temp.check_token(%L)', :'gone_claims'), 'PT401', NULL, 'R0.9: until the user is deleted');
SELECT lives_ok($$ SELECT pg_temp.check_token(NULL, 'campaign_anon') $$, 'R0.8: a request without a token may go on to login');

SELECT set_config('request.jwt.claims', :'claims', true);
SELECT is(campaign_api.password_change('wrong', 'new') ->> 'code', 'PT403', 'a new password needs the old one');
SELECT throws_ok($$ SELECT campaign_api.password_change('secret', '') $$, 'PT422', NULL, 'and must be one');
SELECT pg_temp.claims(campaign_api.password_change('secret', 'new') ->> 'token') AS changed \gset
SELECT is(pg_temp.login('ana@example.com', 'new') ->> 'user_id', :'ana', 'then the new one is let in');
SELECT lives_ok(format('SELECT pg_temp.check_token(%L)', :'changed'), 'with the token that came with it');
SELECT throws_ok(format('SELECT pg_temp.check_token(%L)', :'claims'::jsonb || jsonb_build_object('iat', (:'claims'::jsonb ->> 'iat')::bigint - 10)),
    'PT401', NULL, 'but no token from before');
SELECT pg_temp.claims(pg_temp.login('ana@example.com', 'new') ->> 'token') AS other \gset
SELECT set_config('request.jwt.claims', :'changed', true);
SELECT campaign_api.logout();
SELECT throws_ok(format('SELECT pg_temp.check_token(%L)', :'changed'), 'PT401', NULL, 'R0.8: refused: logged out');
SELECT lives_ok(format('SELECT pg_temp.check_token(%L)', :'other'), 'R0.8: which ends that token alone');

SELECT * FROM finish();
ROLLBACK;
