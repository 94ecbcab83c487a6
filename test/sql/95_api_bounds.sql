-- R7.3: what one request may ask for, and what an answer may say, has an end.
BEGIN;
SELECT plan(19);

CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT campaign_api.signup('ana@example.com', 'secret') ->> 'id' AS ana \gset
SELECT set_config('request.jwt.claims', jsonb_build_object('role', 'campaign_user', 'user_id', :'ana')::text, true),
    set_config('request.method', 'POST', true);
SET LOCAL ROLE campaign_user;
INSERT INTO campaign_api.companies (name, document) VALUES ('Padaria', '95');
INSERT INTO campaign_api.campaigns (name, message) VALUES ('pao', 'hello') RETURNING id AS pao \gset

-- A message becomes a line of the answer's headers.
RESET ROLE;
SELECT is(pg_temp.refusal(format('SELECT campaign.api_raise(%L, %L)', 'PT422', repeat('x', 100000))), 'PT422 ' || repeat('x', 1000), 'R7.3: a message has an end');
SELECT is(pg_temp.refusal(format('SELECT campaign.api_raise(%L, %L)', 'PT422', 'a' || repeat('é', 100000))), 'PT422 a' || repeat('é', 499), 'R7.3: between two characters');
SELECT is(pg_temp.refusal(format('SELECT campaign.api_raise(%L, %L)', 'PT422', repeat('x', 1000))), 'PT422 ' || repeat('x', 1000), 'R7.3: one that is shorter is whole');
SET LOCAL ROLE campaign_user;

-- How many rows
SELECT throws_ok(format('SELECT campaign_api.campaign_logs(%L, %s)', :'pao', n), 'PT422', 'lines must be 0 to 10000', 'R7.3: no log of ' || n || ' lines')
FROM unnest('{-1,10001,NULL::integer}'::text[]) AS n;
SELECT throws_ok(format('SELECT campaign_api.campaign_runs(rows => %s)', n), 'PT422', 'rows must be 0 to 10000', 'R7.3: nor ' || n || ' runs')
FROM unnest('{-1,2147483647}'::text[]) AS n;
SELECT throws_ok(format('SELECT campaign_api.campaign_sender_events(rows => %s)', n), 'PT422', 'rows must be 0 to 10000', 'R7.3: nor ' || n || ' events')
FROM unnest('{-1,10001}'::text[]) AS n;
CREATE TEMPORARY TABLE limited AS
SELECT p.oid::regproc AS name, a.argument, a.argument_of @> '{campaign_id}' AS has_campaign
FROM pg_proc p, LATERAL (SELECT p.proargnames AS argument_of, unnest(p.proargnames) AS argument) AS a
WHERE p.pronamespace = 'campaign_api'::regnamespace AND a.argument IN ('rows', 'lines');
SELECT cmp_ok(count(*), '>=', 9::bigint, 'there are functions that answer so many rows') FROM limited;
SELECT is((SELECT string_agg(name::text, ' ') FROM limited
           WHERE pg_temp.refusal(format('SELECT %s(%s%I => %s)', name,
               CASE WHEN has_campaign THEN format('campaign_id => %L, ', :'pao') ELSE '' END, argument, n)) NOT LIKE 'PT422 %'),
    NULL, 'R7.3: none of them ' || coalesce(n, 'nothing') || ' rows')
FROM unnest('{-1,10001,NULL::integer}'::text[]) AS n;
SELECT lives_ok(format('SELECT campaign_api.campaign_logs(%L, 10000)', :'pao'), 'R7.3: as many as a page has');
SELECT lives_ok('SELECT campaign_api.campaign_runs(rows => 0)', 'R7.3: or none');

-- What is named a thousand times
SELECT is(campaign_api.campaign_upload_json(:'pao', '["5511955550101", "5511955550102"]') -> 'accepted', '2', 'two recipients');
CREATE FUNCTION pg_temp.scans(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before bigint := pg_stat_get_xact_numscans('campaign.recipients_pkey'::regclass) + pg_stat_get_xact_numscans('campaign.recipients'::regclass);
BEGIN
    EXECUTE statement;
    RETURN pg_stat_get_xact_numscans('campaign.recipients_pkey'::regclass) + pg_stat_get_xact_numscans('campaign.recipients'::regclass) - before;
END $$;
RESET ROLE;
SELECT is(pg_temp.scans(format('SELECT campaign_api.campaign_recipients(%L, %L)', :'pao', 'delayed' || repeat(',delayed', 999))), 1::bigint,
    'R7.3: is read once');
SELECT is(jsonb_array_length(campaign_api.campaign_fates(:'pao', 'pending,pending')), 2, 'R7.3: and answered once');

SELECT * FROM finish();
ROLLBACK;
