-- R2.5: applications and their tokens: made, listed, named, revoked at once, and stored as hashes.
-- Ana has a company, Bea is a member of it; Eva has another company; Ida has none.
BEGIN;
SELECT plan(62);

CREATE FUNCTION pg_temp.claims(token text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT convert_from(decode(rpad(translate(part, '-_', '+/'), (length(part) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb
    FROM split_part(token, '.', 2) AS part
$$;
CREATE FUNCTION pg_temp.person(name text) RETURNS text LANGUAGE sql AS
$$ SELECT campaign_api.signup(name || '@example.com', 'secret') ->> 'id' $$;
CREATE FUNCTION pg_temp.become(id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('response.headers', '', true), set_config('request.jwt.claims', jsonb_build_object(
        'role', 'campaign_user', 'user_id', id, 'jti', 'test', 'iat', 0, 'exp', 9999999999)::text, true);
END $$;
CREATE FUNCTION pg_temp.check_token(claims jsonb, who text DEFAULT 'campaign_app') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', claims::text, true), set_config('role', who, true);
    PERFORM campaign.api_check();
    PERFORM set_config('role', 'none', true);
END $$;
-- A request to /rpc/token; PostgREST begins each with empty answers.
CREATE FUNCTION pg_temp.token(header text, name text DEFAULT NULL, header_name text DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('response.status', '', true), set_config('response.headers', '', true),
        set_config('request.headers', jsonb_build_object('authorization', header, 'x-token-name', header_name)::text, true);
    RETURN campaign_api.token(name);
END $$;
CREATE FUNCTION pg_temp.basic(credentials text) RETURNS text LANGUAGE sql AS
$$ SELECT 'Basic ' || translate(encode(convert_to(credentials, 'UTF8'), 'base64'), E'\n', '') $$;
CREATE FUNCTION pg_temp.rows_changed(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE changed bigint;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;

-- In SQL: the server's own applications
SELECT token_create('nightly') AS nightly \gset
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(:'nightly'::jsonb) AS k),
    'application_id expires_at id token', 'R2.5: token_create() answers the token');
SELECT pg_temp.claims(:'nightly'::jsonb ->> 'token') AS claims \gset
SELECT is(:'claims'::jsonb - 'jti' - 'iat' - 'exp', jsonb_build_object('role', 'campaign_app', 'application_id', :'nightly'::jsonb ->> 'application_id'),
    'R2.5: the token says role and application');
SELECT matches(:'claims'::jsonb ->> 'jti', '^[a-z][a-z0-9]{31}$', 'and has a secret id');
SELECT is((:'claims'::jsonb ->> 'exp')::bigint - (:'claims'::jsonb ->> 'iat')::bigint, 2592000::bigint, 'for campaign.app_token_expiry');
SELECT is(token_create('nightly') ->> 'application_id', :'nightly'::jsonb ->> 'application_id', 'a second is of the same application');
SELECT pg_temp.claims(token_create('short', :'nightly'::jsonb ->> 'application_id', '90 seconds') ->> 'token') AS short \gset
SELECT is((:'short'::jsonb ->> 'exp')::bigint - (:'short'::jsonb ->> 'iat')::bigint, 90::bigint, 'and may be shorter');
SELECT lives_ok(format('SELECT token_create(''long'', NULL, %L)', lifetime), 'R2.5: or live ' || lifetime || ', the longest')
FROM (VALUES ('10 years'), ((SELECT max_val || ' seconds' FROM pg_settings WHERE name = 'campaign.app_token_expiry'))) AS most (lifetime);
SELECT throws_ok(statement, code, NULL, 'refused: ' || statement)
FROM (VALUES ('SELECT token_create(NULL)', '22023'), ('SELECT token_create(''  '')', '22023'),
    ('SELECT token_create(''x'', ''nobody'')', 'P0002'), ('SELECT token_create(''x'', NULL, ''0'')', '22023'),
    ('SELECT token_create(''x'', NULL, ''11 years'')', '22023'), ('SELECT token_create(repeat(''x'', 201))', '22023'),
    ('SELECT token_revoke(''nobody'')', 'P0002'), ('SELECT token_revoke(NULL)', 'P0002'),
    ('SELECT application_create(''nightly'')', '23505'), ('SELECT application_create('''')', '22023'),
    ('SELECT application_create(''x'', ''nobody'')', '23503')) AS tries (statement, code);

SELECT lives_ok(format('SELECT pg_temp.check_token(%L)', :'claims'), 'R2.5: the token is let in');
SELECT throws_ok(format('SELECT pg_temp.check_token(%L, %L)', claims, who), 'PT401', NULL, 'R2.5: refused: ' || what)
FROM (VALUES
    ('as a user''s', 'campaign_user', :'claims'::jsonb),
    ('with a user in it', 'campaign_app', :'claims'::jsonb || '{"user_id": "x"}'),
    ('with another role in it', 'campaign_app', :'claims'::jsonb || '{"role": "campaign_user"}'),
    ('of an application that is not there', 'campaign_app', :'claims'::jsonb || '{"application_id": "x"}'),
    ('of another application', 'campaign_app', :'claims'::jsonb || jsonb_build_object('application_id',
        token_create('weekly') ->> 'application_id')),
    ('without an application', 'campaign_app', :'claims'::jsonb - 'application_id'),
    ('with another id', 'campaign_app', :'claims'::jsonb || '{"jti": "x"}'),
    ('with a number as its id', 'campaign_app', :'claims'::jsonb || '{"jti": 7}'),
    ('without an id', 'campaign_app', :'claims'::jsonb - 'jti'),
    ('nothing', 'campaign_app', NULL)) AS tokens (what, who, claims);

SELECT is(token_revoke(:'nightly'::jsonb ->> 'id') ->> 'name', 'nightly', 'R2.5: a token is revoked by its id');
SELECT throws_ok(format('SELECT pg_temp.check_token(%L)', :'claims'), 'PT401', NULL, 'R2.5: at once');
SELECT lives_ok(format('SELECT token_revoke(%L)', :'nightly'::jsonb ->> 'id'), 'and again, without harm');

-- Of users and companies
SELECT pg_temp.person('ana') AS ana, pg_temp.person('bea') AS bea, pg_temp.person('eva') AS eva, pg_temp.person('ida') AS ida \gset
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become(:'ana');
INSERT INTO campaign_api.companies (name, document) VALUES ('Padaria', '1') RETURNING id AS padaria \gset
SELECT campaign_api.company_member_invite(:'padaria', 'bea@example.com') ->> 'id' AS invitation \gset
SELECT pg_temp.become(:'bea');
SELECT campaign_api.invitation_accept(:'invitation');
SELECT pg_temp.become(:'ana');
SELECT campaign_api.application_create('biller') AS biller \gset
SELECT is(current_setting('response.status') || current_setting('response.headers'),
    '201[{"Location": "/applications?id=eq.' || (:'biller'::jsonb ->> 'id') || '"}]', 'R2.5: 201 with the Location');
SELECT matches(:'biller'::jsonb ->> 'secret', '^[0-9a-f]{64}$', 'R2.5: and the secret');
SELECT results_eq('SELECT name, company_id, user_id FROM campaign_api.applications',
    format('SELECT %L::text, %L::text COLLATE "C", %L::text COLLATE "C"', 'biller', :'padaria', :'ana'), 'of the only company');
SELECT pg_temp.become(:'eva');
INSERT INTO campaign_api.companies (name, document) VALUES ('Estudio', '2');
SELECT campaign_api.application_create('biller') AS other \gset
SELECT throws_ok(format('SELECT campaign_api.application_create(''x'', %L)', :'padaria'), 'PT403', NULL, 'R2.5: not of another company');
SELECT throws_ok('SELECT campaign_api.application_create(''x'', ''nobody'')', 'PT404', NULL, 'nor of none');
SELECT throws_ok('SELECT campaign_api.application_create('' '')', 'PT422', NULL, 'nor without a name');
SELECT pg_temp.become(:'ida');
SELECT campaign_api.application_create('diary') AS diary \gset
SELECT results_eq('SELECT name, company_id FROM campaign_api.applications', 'VALUES (''diary'', NULL::text COLLATE "C")',
    'R2.5: who has no company has an application of their own');
RESET ROLE;

SELECT pg_temp.basic((:'biller'::jsonb ->> 'id') || ':' || (:'biller'::jsonb ->> 'secret')) AS key \gset
SELECT pg_temp.token(:'key', 'by hand') AS token \gset
SELECT pg_temp.token(upper(left(:'key', 5)) || substr(:'key', 6), NULL, 'caf%C3%A9+100%25+%zz') AS second \gset
SELECT is(array_agg(name ORDER BY name), ARRAY['by hand', 'café 100% %zz'], 'R2.5: tokens are named')
FROM campaign.application_tokens WHERE application_id = :'biller'::jsonb ->> 'id';
SELECT is(count(*), 0::bigint, 'R2.5: nothing but hashes is stored')
FROM (SELECT a::text FROM campaign.applications a UNION ALL SELECT t::text FROM campaign.application_tokens t) AS rows (line)
WHERE strpos(line, :'biller'::jsonb ->> 'secret') > 0 OR strpos(line, pg_temp.claims(:'token'::jsonb ->> 'token') ->> 'jti') > 0
   OR strpos(line, encode((:'biller'::jsonb ->> 'secret')::bytea, 'hex')) > 0;
SELECT is(a.secret_hash, sha256((:'biller'::jsonb ->> 'secret')::bytea), 'of the secret')
FROM campaign.applications a WHERE a.id = :'biller'::jsonb ->> 'id';
SELECT is(array_agg(DISTINCT pg_temp.token(header) ->> 'code'), ARRAY['PT401'], 'R2.5: no token without credentials')
FROM unnest(ARRAY[NULL, '', 'Basic', 'Basic ', 'Basic !', 'Basic a', 'Basic ====', 'Basic YQ', 'Bearer x', :'key' || 'x', :'key' || ' x',
    pg_temp.basic('nocolon'), pg_temp.basic(':'), pg_temp.basic(':' || (:'biller'::jsonb ->> 'secret')), 'Basic /////zo=',
    pg_temp.basic((:'biller'::jsonb ->> 'id') || ':'), pg_temp.basic(repeat('x', 100000) || ':x')]) AS header;
SELECT is(current_setting('response.headers')::jsonb, '[{"WWW-Authenticate": "Basic realm=\"campaign\""}]', 'but how to send them');
SELECT is(max(pg_temp.token(pg_temp.basic((:'biller'::jsonb ->> 'id') || ':wrong')) ->> 'code'), 'PT401', 'R2.5: four more failures')
FROM generate_series(1, 4);
SELECT is(pg_temp.token(:'key') ->> 'code', 'PT429', 'R2.5: and the right secret has to wait');
SELECT is(current_setting('response.headers')::jsonb, '[{"Retry-After": "1"}]', 'for the time that the answer says');
DELETE FROM campaign.login_attempts;

-- Who sees and revokes them
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become(:'bea');
SELECT set_eq('SELECT id FROM campaign_api.tokens', ARRAY[:'token'::jsonb ->> 'id', :'second'::jsonb ->> 'id'], 'R2.5: a member sees the company''s tokens');
SELECT pg_temp.become(:'ida');
SELECT is_empty('SELECT FROM campaign_api.tokens', 'R2.5: nobody else does');
SELECT pg_temp.become(:'eva');
SELECT is_empty('SELECT FROM campaign_api.tokens', 'R2.5: of another company neither');
SELECT is(pg_temp.rows_changed(format(statement, :'token'::jsonb ->> 'id', :'biller'::jsonb ->> 'id')), 0::bigint, 'R2.5: nor changes them: ' || statement)
FROM unnest(ARRAY['DELETE FROM campaign_api.tokens WHERE id = %1$L', 'DELETE FROM campaign_api.applications WHERE id = %2$L',
    'UPDATE campaign_api.applications SET name = ''x'' WHERE id = %2$L']) AS statement;
SET LOCAL ROLE campaign_app;
SELECT set_config('request.jwt.claims', pg_temp.claims(:'token'::jsonb ->> 'token')::text, true);
SELECT set_eq('SELECT id FROM campaign_api.tokens', ARRAY[:'token'::jsonb ->> 'id', :'second'::jsonb ->> 'id'], 'R2.5: an application sees its own');
DELETE FROM campaign_api.tokens WHERE id = :'second'::jsonb ->> 'id';
SELECT results_eq('SELECT revoked FROM campaign_api.tokens ORDER BY name', 'VALUES (false), (true)', 'R2.5: and revokes them');
RESET ROLE;
SELECT pg_temp.claims(:'token'::jsonb ->> 'token') AS claims \gset
SELECT lives_ok(format('SELECT pg_temp.check_token(%L)', :'claims'), 'R2.5: the other one goes on');
SELECT campaign.application_delete(:'biller'::jsonb ->> 'id');
SELECT throws_ok(format('SELECT pg_temp.check_token(%L)', :'claims'), 'PT401', NULL, 'R2.5: until its application is deleted');
SELECT is(pg_temp.token(:'key') ->> 'code', 'PT401', 'R2.5: which gets no more');


-- With whom they end
SELECT pg_temp.claims(token_create('x', :'other'::jsonb ->> 'id') ->> 'token') AS other,
    pg_temp.claims(token_create('x', :'diary'::jsonb ->> 'id') ->> 'token') AS diary \gset
UPDATE campaign.users SET deleted = true WHERE id IN (:'eva', :'ida');
SELECT throws_ok(format('SELECT pg_temp.check_token(%L)', :'diary'), 'PT401', NULL, 'R2.5: one''s own end with oneself');
SELECT lives_ok(format('SELECT pg_temp.check_token(%L)', :'other'), 'R2.5: a company''s do not end with their creator');
UPDATE campaign.companies SET deleted = true WHERE name = 'Estudio';
SELECT throws_ok(format('SELECT pg_temp.check_token(%L)', :'other'), 'PT401', NULL, 'R2.5: but with the company');

SELECT * FROM finish();
ROLLBACK;
