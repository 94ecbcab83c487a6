-- What a client does: companies, campaigns, uploads and verbs, with the answers that it gets.
BEGIN;
SELECT plan(70);

-- Each request begins with empty answers.
CREATE FUNCTION pg_temp.request(id text, headers jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', jsonb_build_object('role', 'campaign_user', 'user_id', id)::text, true),
        set_config('request.headers', headers::text, true),
        set_config('response.status', '', true), set_config('response.headers', '', true);
END $$;
CREATE FUNCTION pg_temp.code(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE FUNCTION pg_temp.location() RETURNS text LANGUAGE sql AS
$$ SELECT current_setting('response.headers')::jsonb #>> '{0,Location}' $$;

SELECT campaign_api.signup('ana@example.com', 'secret') ->> 'id' AS ana \gset
SELECT campaign_api.signup('eva@example.com', 'secret') ->> 'id' AS eva \gset
SET LOCAL ROLE campaign_user;

-- Companies
SELECT pg_temp.request(:'ana');
SELECT throws_ok($$ INSERT INTO campaign_api.campaigns (name, message) VALUES ('x', 'x') $$, 'PT422', 'you have no company', 'a campaign needs a company');
INSERT INTO campaign_api.companies (name, document) VALUES (' Padaria ', '12.345/a') RETURNING id AS padaria, name, document, created_at \gset
SELECT is(ARRAY[:'name', :'document'], ARRAY['Padaria', '12345A'], 'R0.7: a company is answered as it is stored');
SELECT is(pg_temp.location(), '/companies?id=eq.' || :'padaria', 'R0.7: with its Location');
SELECT ok(:'created_at'::timestamptz IS NOT NULL, 'R0.7: with its time');
SELECT throws_ok($$ INSERT INTO campaign_api.companies (name, document) VALUES ('x', '12345A') $$, 'PT409', NULL, 'R0.7: 409: a document that is taken');
SELECT throws_ok($$ INSERT INTO campaign_api.companies (name) VALUES ('x') $$, 'PT422', NULL, 'R0.7: 422: no document');
SELECT throws_ok($$ INSERT INTO campaign_api.companies (document) VALUES ('9') $$, 'PT422', NULL, 'R0.7: 422: no name');
SELECT results_eq(format('UPDATE campaign_api.companies SET name = ''Padaria Nova'' WHERE id = %L RETURNING name', :'padaria'),
    ARRAY['Padaria Nova'], 'R0.7: a company can be changed');
SELECT throws_ok(format('UPDATE campaign_api.companies SET name = '''' WHERE id = %L', :'padaria'), 'PT422', NULL, 'R0.7: not to nothing');
SELECT throws_ok('UPDATE campaign_api.companies SET name = ''x''', 'PT400', NULL, 'R0.8: 400: PATCH without a filter')
FROM set_config('request.method', 'PATCH', true);
SELECT throws_ok('DELETE FROM campaign_api.companies', 'PT400', NULL, 'R0.8: 400: DELETE without a filter')
FROM set_config('request.method', 'DELETE', true);
DELETE FROM campaign_api.companies WHERE name = 'nothing';
SELECT set_config('request.method', '', true);
SELECT pg_temp.request(:'ana');
INSERT INTO campaign_api.companies (name, document) VALUES ('a', 'a1'), ('b', 'b1'), ('c', 'c1');
SELECT is(current_setting('response.headers'), '[]', 'R0.7: several have no Location');
SELECT throws_ok($$ INSERT INTO campaign_api.campaigns (name, message) VALUES ('x', 'x') $$, 'PT422', NULL, '422: which of several companies?');
SELECT throws_ok('SELECT campaign_api.suppression_list()', 'PT422', 'company_id is missing, and you have several companies', '422: also whose list');
DELETE FROM campaign_api.companies WHERE name IN ('a', 'b', 'c');
SELECT is_empty($$ SELECT FROM campaign_api.companies WHERE name = 'a' $$, 'R0.9: a deleted company is hidden');
INSERT INTO campaign_api.companies (name, document) VALUES ('a', 'a1');
SELECT is((SELECT count(*) FROM campaign_api.companies WHERE document = 'A1'), 1::bigint, 'R0.9: its document can be used again');
DELETE FROM campaign_api.companies WHERE name = 'a';
RESET ROLE;
SELECT is((SELECT count(*) FROM campaign.companies WHERE deleted AND name IN ('a', 'b', 'c')), 4::bigint, 'R0.9: the rows stay');
SET LOCAL ROLE campaign_user;

-- Campaigns and uploads
SELECT pg_temp.request(:'ana');
INSERT INTO campaign_api.campaigns (name, message) VALUES ('pao', 'hello') RETURNING id AS pao, status, company_id, user_id, ordered \gset
SELECT is(ARRAY[:'status', :'company_id', :'user_id', :'ordered'], ARRAY['draft', :'padaria', :'ana', 't'], 'R0.10: a draft of the only company');
SELECT is(pg_temp.location(), '/campaigns?id=eq.' || :'pao', 'R0.10: with its Location');
SELECT throws_ok($$ INSERT INTO campaign_api.campaigns (name) VALUES ('x') $$, 'PT422', NULL, 'R0.10: 422: no message');
SELECT results_eq(format('UPDATE campaign_api.campaigns SET message = ''ola'', ordered = false WHERE id = %L RETURNING message', :'pao'),
    ARRAY['ola'], 'R0.10: a draft can be changed');

SELECT throws_ok($$ SELECT campaign_api.campaign_upload('5511987654321'::bytea) $$, 'PT400', 'header X-Campaign-Id is missing', 'R0.10: 400: to which campaign?');
SELECT pg_temp.request(:'ana', jsonb_build_object('x-campaign-id', :'pao', 'x-skip-invalid', 'maybe'));
SELECT throws_ok($$ SELECT campaign_api.campaign_upload('5511987654321'::bytea) $$, 'PT400', NULL, 'R0.10: 400: a flag is true or false');
SELECT pg_temp.request(:'ana', jsonb_build_object('x-campaign-id', :'pao'));
SELECT throws_matching($$ SELECT campaign_api.campaign_upload(E'5511987654321\nbad'::bytea) $$, 'line 2', 'R0.10: 422: a bad line is named');
SELECT is(campaign_api.campaign_upload(E'5511987654321\n5511987654322\n'::bytea) -> 'accepted', '2', 'R0.10: bytes');
SELECT throws_ok($$ SELECT campaign_api.campaign_upload('5511987654321'::text) $$, 'PT411', NULL, 'R0.10: 411: text of unknown length');
SELECT pg_temp.request(:'ana', jsonb_build_object('x-campaign-id', :'pao', 'content-length', '28'));
SELECT throws_ok($$ SELECT campaign_api.campaign_upload('5511987654321'::text) $$, 'PT422', NULL, 'R0.11: 422: text that was cut off at a NUL byte');
SELECT is(campaign_api.campaign_upload(E'5511987654321\n5511987654322\n'::text) -> 'repeated', 'true', 'R0.10: the same as text is the same file');
SELECT pg_temp.request(:'ana', jsonb_build_object('x-campaign-id', :'pao', 'x-skip-invalid', 'TRUE', 'x-allow-duplicates', '1', 'content-length', '18'));
SELECT is(campaign_api.campaign_upload(E'bad\n5511987654322\n'::text) - '{errors,countries,assumed}'::text[], '{"accepted": 1, "duplicates": 0, "invalid": 1}', 'R0.10: options');
SELECT is(campaign_api.campaign_upload_json(:'pao', '["5511987654323", 5511987654324]') -> 'accepted', '2', 'R0.10: JSON');
SELECT is(campaign_api.campaign_upload_json(:'pao', '"5511987654325\n5511987654326"', class => 'VIP') -> 'accepted', '2', 'R0.10: JSON text, VIP');
SELECT throws_ok(format('SELECT campaign_api.campaign_upload_json(%L, %L)', :'pao', numbers), 'PT422', NULL, 'R0.10: 422: ' || numbers)
FROM unnest(ARRAY['{}', '5', 'null', '[]', '[null]', '[["1"]]', '["5511987654321\n5511987654322"]', '["x"]']) AS numbers;
SELECT throws_ok(format('SELECT campaign_api.campaign_upload_json(%L, NULL)', :'pao'), 'PT422', NULL, 'R0.10: 422: nothing');
SELECT throws_ok(format('SELECT campaign_api.campaign_upload_json(%L, to_json(repeat(''5511987654321'', 6000000)))', :'pao'), 'PT413', NULL, 'R0.10: 413: too long');

-- Verbs
SELECT pg_temp.request(:'ana');
SELECT is(campaign_api.campaign_dispatch(:'pao') ->> 'status', 'queued', 'R0.14: dispatched');
SELECT is(current_setting('response.status'), '202', 'R0.14: 202');
SELECT throws_ok(format('SELECT campaign_api.campaign_dispatch(%L)', :'pao'), 'PT409', NULL, 'R0.14: 409: once');
SELECT throws_ok(format('SELECT campaign_api.campaign_upload_json(%L, ''["5511987654399"]'')', :'pao'), 'PT409', NULL, 'R0.10: 409: no draft any more');
SELECT throws_ok(format('UPDATE campaign_api.campaigns SET message = ''x'' WHERE id = %L', :'pao'), 'PT409', NULL, 'R0.10: 409: nor its message changed');
SELECT lives_ok(format('UPDATE campaign_api.campaigns SET name = ''pao 2'' WHERE id = %L', :'pao'), 'R0.10: but its name');
SELECT throws_ok(format('DELETE FROM campaign_api.companies WHERE id = %L', :'padaria'), 'PT409', NULL, '409: nor its company deleted');
SELECT is(campaign_api.campaign_send('s', 'm', '["5511987654321", "bad"]', skip_invalid => true) #>> '{upload,invalid}', '1', 'R0.12: all in one');
SELECT throws_ok($$ SELECT campaign_api.campaign_send('s', 'm', '["bad"]') $$, 'PT422', NULL, 'R0.12: or nothing');
SELECT throws_matching($$ SELECT campaign_api.campaign_send('s', E'', '["5511987654321"]') $$, 'message', 'R0.12: 422: no message');
SELECT throws_ok(format('SELECT campaign_api.campaign_status(%L)', E'x\r\nSet-Cookie: a=b'), 'PT404',
    'campaign "x  Set-Cookie: a=b" does not exist', 'R0.8: no line break gets into a message, which PostgREST makes a status line of');
SELECT campaign_api.campaign_send('s', 'm', '["5511987654321"]') ->> 'id' AS ended \gset
SELECT isnt(campaign_api.campaign_logs(:'ended'), '[]', 'R3.8: a campaign has a log');
SELECT is(campaign_api.campaign_cancel(:'ended', 'wrong list', reset_logs => true) ->> 'status', 'cancelled', 'R3.6: cancelled');
SELECT is(campaign_api.campaign_logs(:'ended'), '[]', 'R3.6: and its log, which begins anew, is empty, though nothing of it was generated');
SELECT is(campaign_api.campaign_events(:'ended') #>> '{-1,reason}', 'wrong list', 'R3.6: its events stay');
SELECT pg_temp.request(:'eva');
SELECT set_eq(
    format($$ SELECT pg_temp.code(format('SELECT campaign_api.%%I(%%L)', f, %L)) FROM unnest(ARRAY['campaign_status', 'campaign_verify',
        'campaign_dispatch', 'campaign_pause', 'campaign_resume', 'campaign_cancel']) AS f $$, :'pao'),
    ARRAY['PT403'], 'R0.8: 403: every verb on another company''s campaign');
SELECT pg_temp.request(:'ana');
DELETE FROM campaign_api.campaigns WHERE id = :'pao';
SELECT throws_ok(format('SELECT campaign_api.campaign_status(%L)', :'pao'), 'PT404', NULL, 'R0.9: a deleted campaign is hidden');
RESET ROLE;
SELECT results_eq(format('SELECT status, deleted FROM campaign.campaigns WHERE id = %L', :'pao'), $$ VALUES ('cancelled', true) $$, 'R0.9: it is cancelled, and the row stays');

SELECT is(campaign.statement_has_filter(statement), filtered, 'R0.8: a filter or none: ' || left(statement, 70))
FROM (VALUES
    ('WITH pgrst_source AS (DELETE FROM "campaign_api"."users"  WHERE  "campaign_api"."users"."id" = $1 RETURNING 1) SELECT', true),
    ('WITH pgrst_source AS (DELETE FROM "campaign_api"."users"  RETURNING 1) SELECT', false),
    ('WITH pgrst_source AS (DELETE FROM "campaign_api"."users"  RETURNING "id") SELECT "id" AS "x WHERE y" FROM pgrst_source', false),
    ('WITH pgrst_source AS (DELETE FROM "campaign_api"."users"  RETURNING "id") SELECT FROM a WHERE a.x = pgrst_source."id"', false),
    ('WITH pgrst_source AS (WITH pgrst_affected_rows AS (SELECT "id" FROM "u" ORDER BY "id" LIMIT $2) DELETE FROM "u" USING pgrst_affected_rows WHERE "id" = "pgrst_affected_rows"."id" RETURNING 1)', false),
    ('WITH pgrst_source AS (WITH pgrst_affected_rows AS (SELECT "id" FROM "u" WHERE "a" = $1 LIMIT $2) DELETE FROM "u" USING pgrst_affected_rows WHERE "id" = "pgrst_affected_rows"."id" RETURNING 1)', true)
) AS statements (statement, filtered);

-- Users
SET LOCAL ROLE campaign_user;
SELECT is(campaign_api.me_update('anna@example.com', 'secret') ->> 'email', 'anna@example.com', 'R0.7: a new address');
SELECT throws_ok($$ SELECT campaign_api.me_update('EVA@example.com', 'secret') $$, 'PT409', NULL, 'R0.7: 409: not another''s');
SELECT throws_ok($$ SELECT campaign_api.me_delete('secret') $$, 'PT409', NULL, 'R7.1: 409: the last member of a company whose campaign runs');
RESET ROLE;
SELECT campaign_cancel(id) FROM campaign.campaigns WHERE status IN ('queued', 'scheduled', 'paused');
SET LOCAL ROLE campaign_user;
SELECT campaign_api.me_delete('secret');
SELECT is((SELECT count(*) FROM campaign_api.companies) + (SELECT count(*) FROM campaign_api.campaigns), 0::bigint, 'R0.9: a deleted user sees nothing');
SELECT isnt(campaign_api.signup('anna@example.com', 'secret') ->> 'id', :'ana', 'R0.9: the address of a deleted user makes a new one');

SELECT * FROM finish();
ROLLBACK;
