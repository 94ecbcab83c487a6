-- Row-level security: whatever a request tries, it sees and touches what is its own.
-- Ana and Bea share a company; Eva has one for herself; Ida has none.
BEGIN;
SELECT plan(72);

CREATE FUNCTION pg_temp.person(name text) RETURNS text LANGUAGE sql AS
$$ SELECT campaign_api.signup(name || '@example.com', 'secret') ->> 'id' $$;
CREATE FUNCTION pg_temp.become(id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', CASE WHEN id IS NULL THEN '' ELSE
        jsonb_build_object('role', 'campaign_user', 'user_id', id, 'jti', 'test',
            'iat', 0, 'exp', 9999999999)::text END, true);
    PERFORM set_config('response.headers', '', true);
END $$;
CREATE FUNCTION pg_temp.rows_changed(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE changed bigint;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;

SELECT pg_temp.person('ana') AS ana, pg_temp.person('bea') AS bea, pg_temp.person('eva') AS eva, pg_temp.person('ida') AS ida \gset

SET LOCAL ROLE campaign_user;
SELECT pg_temp.become(:'ana');
INSERT INTO campaign_api.companies (name, document) VALUES ('Padaria', '1') RETURNING id AS padaria \gset
INSERT INTO campaign_api.campaigns (name, message) VALUES ('pao', 'hello') RETURNING id AS pao \gset
SELECT campaign_api.campaign_upload_json(:'pao', '["5511987654321", "5511987654322"]');
SELECT campaign_api.company_member_invite(:'padaria', 'BEA@example.com') ->> 'id' AS invitation \gset
SELECT pg_temp.become(:'bea');
SELECT campaign_api.invitation_accept(:'invitation') ->> 'status' AS bea_added \gset
SELECT pg_temp.become(:'eva');
INSERT INTO campaign_api.companies (name, document) VALUES ('Estudio', '2') RETURNING id AS estudio \gset
INSERT INTO campaign_api.campaigns (name, message) VALUES ('foto', 'secret of Eva') RETURNING id AS foto \gset
SELECT campaign_api.campaign_upload_json(:'foto', '"5511900000001\n5511900000002"');

-- Reading
SELECT ok(:'bea_added' = 'accepted', 'R0.8: a member invites another');
SELECT pg_temp.become(:'bea');
SELECT set_eq('SELECT id FROM campaign_api.companies', ARRAY[:'padaria'], 'R0.8: who sees the company');
SELECT set_eq('SELECT id FROM campaign_api.campaigns', ARRAY[:'pao'], 'R0.8: its campaigns');
SELECT results_eq('SELECT phone_number COLLATE "default" FROM campaign_api.recipients ORDER BY seq', ARRAY['+5511987654321', '+5511987654322'],
    'R0.8: their recipients');
SELECT set_eq('SELECT id FROM campaign_api.users', ARRAY[:'ana', :'bea'], 'R0.8: its people');
SELECT set_eq('SELECT user_id FROM campaign_api.company_members', ARRAY[:'ana', :'bea'], 'R0.8: as members');
SELECT is((SELECT count(*) FROM campaign_api.recipients), 2::bigint, 'R0.8: counts count what one sees');
SELECT is_empty(format('SELECT FROM campaign_api.%I WHERE %I = %L', t, c, id), 'R0.8: nothing of another company in ' || t)
FROM (VALUES ('companies', 'id', :'estudio'), ('campaigns', 'id', :'foto'), ('campaigns', 'message', 'secret of Eva'),
    ('recipients', 'campaign_id', :'foto'), ('users', 'id', :'eva'), ('company_members', 'user_id', :'eva')) AS tries (t, c, id);
SELECT pg_temp.become(:'ida');
SELECT is_empty('SELECT FROM campaign_api.' || t, 'R0.8: nothing at all in ' || t || ' without a company')
FROM unnest(ARRAY['companies', 'campaigns', 'recipients', 'company_members']) AS t;
SELECT set_eq('SELECT id FROM campaign_api.users', ARRAY[:'ida'], 'R0.8: but oneself');
SELECT pg_temp.become(NULL);
SELECT is_empty('SELECT FROM campaign_api.' || t, 'R0.8: nothing in ' || t || ' without a user')
FROM unnest(ARRAY['users', 'companies', 'campaigns', 'recipients', 'company_members']) AS t;
-- An oracle: a function that would see other rows before the policy does.
SELECT pg_temp.become(:'bea');
CREATE FUNCTION pg_temp.leak(seen text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN IF seen LIKE '%Eva%' THEN RAISE 'leaked'; END IF; RETURN true; END $$;
SELECT lives_ok('SELECT * FROM campaign_api.campaigns WHERE pg_temp.leak(message)', 'R0.8: filters run behind the policies');

-- Secrets and tables
SELECT throws_ok(statement, code, NULL, 'R0.8: refused: ' || statement)
FROM (VALUES
    ('SELECT password FROM campaign_api.users', '42703'),
    ('SELECT password FROM campaign.users', '42501'),
    ('SELECT id FROM campaign.users WHERE password IS NOT NULL', '42501'),
    ('SELECT identifier_entropy FROM campaign.campaigns', '42501'),
    ('SELECT * FROM campaign.revoked_tokens', '42501'), ('SELECT * FROM campaign.login_attempts', '42501'),
    ('INSERT INTO campaign_api.users (email) VALUES (''x@example.com'')', '42501'),
    ('UPDATE campaign_api.companies SET id = ''x'' WHERE true', '42501'),
    ('UPDATE campaign_api.campaigns SET status = ''sent'' WHERE true', '42501'),
    ('UPDATE campaign_api.campaigns SET company_id = NULL WHERE true', '42501'),
    ('INSERT INTO campaign_api.campaigns (id, name, message) VALUES (''x'', ''x'', ''x'')', '42501'),
    ('DELETE FROM campaign_api.recipients WHERE true', '42501'), ('DELETE FROM campaign.users', '42501'),
    ('TRUNCATE campaign.users', '42501'), ('TRUNCATE campaign_api.users', '42809'),
    ('SELECT campaign.token_issue(''x'')', '42501'), ('SELECT user_create(''x@example.com'', ''x'')', '42501')
) AS tries (statement, code);

-- Writing
SELECT is(pg_temp.rows_changed(format(statement, :'estudio', :'foto', :'eva')), 0::bigint, 'R0.8: changes nothing: ' || statement)
FROM unnest(ARRAY[
    'UPDATE campaign_api.companies SET name = ''x'' WHERE id = %1$L', 'DELETE FROM campaign_api.companies WHERE id = %1$L',
    'UPDATE campaign_api.campaigns SET name = ''x'' WHERE id = %2$L', 'DELETE FROM campaign_api.campaigns WHERE id = %2$L',
    'UPDATE campaign_api.users SET email = ''x@example.com'' WHERE id = %3$L']) AS statement;
SELECT throws_ok(format(statement, :'estudio', :'foto', :'ana'), 'PT403', NULL, 'R0.8: 403: ' || statement)
FROM unnest(ARRAY[
    'INSERT INTO campaign_api.campaigns (name, message, company_id) VALUES (''x'', ''x'', %1$L)',
    'INSERT INTO campaign_api.campaigns (name, message, user_id) VALUES (''x'', ''x'', %3$L)',
    'UPDATE campaign_api.users SET email = ''x@example.com'' WHERE id = %3$L',
    'DELETE FROM campaign_api.users WHERE id = %3$L']) AS statement;

-- Members who were removed
SELECT pg_temp.become(:'ana');
SELECT campaign_api.company_member_remove(:'padaria', :'bea');
SELECT set_eq('SELECT id FROM campaign_api.users', ARRAY[:'ana'], 'R0.8: a company does not see people who were removed');
SELECT set_eq('SELECT user_id FROM campaign_api.company_members', ARRAY[:'ana'], 'R0.8: nor lists them as members');
SELECT pg_temp.become(:'bea');
SELECT is_empty('SELECT FROM campaign_api.' || t, 'R0.8: who sees nothing any more in ' || t)
FROM unnest(ARRAY['companies', 'campaigns', 'recipients', 'company_members']) AS t;
SELECT set_eq('SELECT id FROM campaign_api.users', ARRAY[:'bea'], 'R0.8: but oneself');
RESET ROLE;
-- The policies by themselves, without the views before them
SET LOCAL ROLE campaign_user;
SELECT is_empty('SELECT FROM campaign.company_members', 'R0.8: nor in the tables behind the views');
SELECT pg_temp.become(:'ana');
SELECT set_eq('SELECT user_id FROM campaign.company_members', ARRAY[:'ana'], 'R0.8: where a member sees members only');
SELECT set_eq('SELECT id FROM campaign.users', ARRAY[:'ana'], 'R0.8: and their people');

-- Estimates are made of everybody's rows: none may follow from what somebody wrote.
RESET ROLE;
INSERT INTO campaign.campaigns (name, message, company_id, identifier_time, identifier_entropy, identifier_fingerprint)
SELECT 'same', 'secret of Eva', :'estudio', 1, '', '' FROM generate_series(1, 1000);
ANALYZE campaign.campaigns, campaign.users, campaign.companies, campaign.recipients;
CREATE FUNCTION pg_temp.estimate(filter text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT FROM campaign_api.campaigns WHERE ' || filter INTO plan;
    RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
SET LOCAL ROLE campaign_user;
SELECT is(pg_temp.estimate('message = ''secret of Eva'''), pg_temp.estimate('message = ''nothing'''),
    'R0.8: an estimate does not tell what another company wrote');
SET LOCAL ROLE campaign_anon;
SELECT throws_ok('SELECT campaign.api_check()', 'PT400', NULL, 'R0.8: and is not given: ' || prefer)
FROM unnest(ARRAY['count=planned', 'return=minimal, Count=Estimated']) AS prefer,
    set_config('request.headers', jsonb_build_object('prefer', prefer)::text, true);

-- Who is a member no more
RESET ROLE;
UPDATE campaign.company_members SET deleted = true WHERE user_id = :'bea';
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become(:'bea');
SELECT is_empty('SELECT FROM campaign_api.' || t, 'R0.8: who was removed sees nothing of the company in ' || t)
FROM unnest(ARRAY['companies', 'campaigns', 'recipients', 'company_members']) AS t;
SELECT set_eq('SELECT id FROM campaign_api.users', ARRAY[:'bea'], 'R0.8: nor of its people');
SELECT pg_temp.become(:'ana');
SELECT set_eq('SELECT id FROM campaign_api.users', ARRAY[:'ana'], 'R0.8: nor is seen by them');

-- The table itself, as a view that forgets the condition would show it.
RESET ROLE;
UPDATE campaign.companies SET deleted = true WHERE id = :'padaria';
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become(:'ana');
SELECT is_empty('SELECT id FROM campaign.companies', 'R0.9: a deleted company is not seen');
SELECT is_empty('SELECT id FROM campaign.campaigns', 'R0.9: nor are its campaigns');

RESET ROLE;
SELECT is((SELECT count(*) FROM campaign.campaigns WHERE deleted OR name = 'x'), 0::bigint, 'R0.8: and all is as it was');
SELECT * FROM finish();
ROLLBACK;
