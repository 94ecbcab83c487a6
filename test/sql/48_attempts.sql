-- Attempts: counted per account and client, also where something else than a login checks a password or an address.
BEGIN;
SELECT plan(34);

-- One request of this user from this address: PostgREST begins each with empty answers.
CREATE FUNCTION pg_temp.become(id text, client text DEFAULT '203.0.113.1') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('response.status', '', true), set_config('response.headers', '', true),
        set_config('request.headers', CASE WHEN client IS NULL THEN '' ELSE jsonb_build_object('x-forwarded-for', client)::text END, true),
        set_config('request.jwt.claims', jsonb_build_object('role', 'campaign_user', 'user_id', id)::text, true);
END $$;
-- The code of the answer to a request; an error as its SQLSTATE.
CREATE FUNCTION pg_temp.answer(request text, id text, client text DEFAULT '203.0.113.1') RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer jsonb;
BEGIN
    PERFORM pg_temp.become(id, client);
    EXECUTE 'SELECT ' || request INTO answer;
    RETURN coalesce(answer ->> 'code', 'done');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE FUNCTION pg_temp.five(request text, id text, client text DEFAULT '203.0.113.1') RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(DISTINCT pg_temp.answer(request, id, client), ' ') FROM generate_series(1, 5) $$;

SELECT user_create('ana@example.com', 'secret') AS ana, user_create('bea@example.com', 'secret') AS bea \gset
SELECT pg_temp.become(:'ana');
INSERT INTO campaign_api.companies (name, document) VALUES ('Padaria', '1') RETURNING id AS padaria \gset

-- The client
SELECT is(campaign.request_client(), client, 'R7.3: the client of ' || quote_nullable(header))
FROM (VALUES (NULL, ''), ('203.0.113.7', '203.0.113.7'), ('::ffff:203.0.113.7', '203.0.113.7'), ('2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'),
    ('2001:db8:1:2::9', '2001:db8:1:2::'), ('::1', '::'), ('unix:', ''), ('203.0.113.7, 203.0.113.8', '')) AS clients (header, client),
    LATERAL pg_temp.become('x', header);

-- A login
SELECT is(pg_temp.five($$ campaign_api.login('ana@example.com', 'wrong') $$, NULL, '203.0.113.66'), 'PT401', 'R7.3: a stranger fails five times');
SELECT is(pg_temp.answer($$ campaign_api.login('ana@example.com', 'secret') $$, NULL, '203.0.113.66'), 'PT429', 'and waits');
SELECT is(pg_temp.answer($$ campaign_api.login('ana@example.com', 'secret') $$, NULL), 'done', 'R7.3: the owner does not');
SELECT is(pg_temp.answer($$ campaign_api.login('ana@example.com', 'secret') $$, NULL, '203.0.113.66'), 'PT429', 'which does not help the stranger');
SELECT is(pg_temp.answer($$ campaign_api.login('bea@example.com', 'secret') $$, NULL, '203.0.113.66'), 'done', 'R7.3: other accounts of the same client are not concerned');
SELECT is(pg_temp.five($$ campaign_api.login('bea@example.com', 'wrong') $$, NULL, '2001:db8:1:2::1'), 'PT401', 'R7.3: of a network of IPv6');
SELECT is(pg_temp.answer($$ campaign_api.login('bea@example.com', 'secret') $$, NULL, '2001:db8:1:2::9'), 'PT429', 'every address waits');
UPDATE campaign.login_attempts SET failed_at = failed_at - interval '2 hours' WHERE client = '203.0.113.66';
SELECT is(pg_temp.answer($$ campaign_api.login('ana@example.com', 'secret') $$, NULL, '203.0.113.66'), 'done', 'an hour after the last failure all is forgotten');
SELECT is(pg_temp.answer($$ campaign_api.login('ana@example.com', 'wrong') $$, NULL), 'PT401', 'R7.3: a failure');
UPDATE campaign.login_attempts SET failed_at = failed_at + interval '1 hour', next_at = next_at + interval '1 hour';
SELECT is(pg_temp.answer($$ campaign_api.login('ana@example.com', 'secret') $$, NULL), 'done', 'R7.3: nobody waits until a clock that was set back has caught up');

-- Whatever else asks for the password of a token's owner: counted together with logins
DELETE FROM campaign.login_attempts;
SELECT is(pg_temp.answer(request, :'ana'), 'PT403', 'R7.3: a wrong password is counted: ' || request)
FROM unnest(ARRAY[$$ campaign_api.password_change('wrong', 'new') $$, $$ campaign_api.password_change(NULL, 'new') $$,
    $$ campaign_api.me_update('anna@example.com', 'wrong') $$, $$ campaign_api.me_delete('wrong') $$]) AS request;
SELECT is(pg_temp.answer($$ campaign_api.login('ana@example.com', 'wrong') $$, NULL), 'PT401', 'so is that of a login');
SELECT is(pg_temp.answer(request, :'ana'), 'PT429', 'R7.3: and the right one has to wait: ' || request)
FROM unnest(ARRAY[$$ campaign_api.password_change('secret', 'new') $$, $$ campaign_api.me_update('anna@example.com', 'secret') $$,
    $$ campaign_api.me_delete('secret') $$, $$ campaign_api.login('ana@example.com', 'secret') $$]) AS request;
SELECT is(current_setting('response.status') || current_setting('response.headers'), '429[{"Retry-After": "1"}]', 'R7.3: for the time that the answer says');
SELECT is(pg_temp.answer($$ campaign_api.password_change('secret', 'secret') $$, :'ana', '203.0.113.2'), 'done', 'R7.3: but not elsewhere');

-- Invitations: whoever asks for addresses that nobody has
SELECT is(pg_temp.five(format('campaign_api.company_member_invite(%L, %L)', :'padaria', 'no@example.com'), :'ana'), 'PT404', 'R7.3: five addresses that nobody has');
SELECT is(pg_temp.answer(format('campaign_api.company_member_invite(%L, %L)', :'padaria', 'bea@example.com'), :'ana'), 'PT429', 'and the next one has to wait');
UPDATE campaign.login_attempts SET next_at = clock_timestamp() WHERE client = '203.0.113.1';
SELECT is(pg_temp.answer(format('campaign_api.company_member_invite(%L, %L)', :'padaria', 'bea@example.com'), :'ana'), 'done', 'one that somebody has');
SELECT is(pg_temp.answer(format('campaign_api.company_member_invite(%L, %L)', :'padaria', 'no@example.com'), :'ana'), 'PT404', 'costs no wait');
SELECT is(pg_temp.answer(format('campaign_api.company_member_invite(%L, %L)', :'padaria', 'no@example.com'), :'ana'), 'PT429', 'R7.3: and clears none');

SELECT * FROM finish();
ROLLBACK;
