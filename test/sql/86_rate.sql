-- The pace of a campaign: who gets one, and what the worker is told.
BEGIN;
SELECT plan(9);

CREATE FUNCTION pg_temp.told(id text) RETURNS integer LANGUAGE sql AS
$$ SELECT a.per_second FROM campaign.outbox_active(ARRAY[id]) a $$;
CREATE TEMPORARY TABLE one AS SELECT campaign_create('limited', 'hello') AS id;
SELECT campaign_upload(id, E'+5511987654321\n+5511987654322') FROM one;

SELECT is(campaign_limit(id, 7) ->> 'status', 'draft', 'R5.4: a draft gets a pace') FROM one;
SELECT campaign_dispatch(id) FROM one;
SELECT is(pg_temp.told(id), 7, 'R5.4: the worker is told') FROM one;
SELECT campaign_limit(id, 1000000, 'hurry') FROM one;
SELECT is(pg_temp.told(id), 1000000, 'R5.4: and of another one while it runs') FROM one;
SELECT campaign_limit(id, NULL) FROM one;
SELECT is(pg_temp.told(id), 0, 'R5.4: no limit') FROM one;
SELECT throws_ok(format('SELECT campaign_limit(%L, %s)', id, per_second), '22023', NULL, 'no pace of ' || per_second)
FROM one, unnest('{0,-1,1000001}'::int[]) AS per_second;
SELECT is((SELECT string_agg(e.reason, ', ' ORDER BY e.number) FROM campaign_events(id) e WHERE e.source = e.target),
    'at most 7 a second, at most 1000000 a second: hurry, as fast as it goes', 'R5.4: who changed it, and when') FROM one;
SELECT campaign_cancel(id) FROM one;
SELECT throws_ok(format('SELECT campaign_limit(%L, 1)', id), '55000', NULL, 'one that is over has no pace') FROM one;

SELECT * FROM finish();
ROLLBACK;
