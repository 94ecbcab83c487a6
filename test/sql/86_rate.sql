-- The limit of a campaign: who gets one, what the worker is told, and what is said of it.
BEGIN;
SELECT plan(35);

CREATE FUNCTION pg_temp.told(id text) RETURNS bigint LANGUAGE sql AS
$$ SELECT a.rate_thousandths FROM campaign.outbox_active(ARRAY[id]) a $$;
CREATE FUNCTION pg_temp.reason(id text) RETURNS text LANGUAGE sql AS $$ SELECT campaign_health(id) ->> 'reason' $$;
CREATE FUNCTION pg_temp.left_ms(id text) RETURNS bigint LANGUAGE sql AS
$$ SELECT (campaign_run_status(id) #>> '{eta,estimatedMs}')::bigint $$;
CREATE FUNCTION pg_temp.quiet(id text, seconds int) RETURNS void LANGUAGE sql AS $$
    UPDATE campaign.events e SET created_at = clock_timestamp() - seconds * interval '1 second' WHERE e.campaign_id = id;
    UPDATE campaign.progress p SET started_at = clock_timestamp() - seconds * interval '1 second',
        stored_at = clock_timestamp() - seconds * interval '1 second' WHERE p.campaign_id = id;
$$;
-- What the worker of this server waits for.
DELETE FROM campaign.troubles;

CREATE TEMPORARY TABLE one AS SELECT campaign_create('limited', 'hello') AS id;
SELECT campaign_upload(id, (SELECT string_agg((5511900000000 + n)::text, E'\n') FROM generate_series(1, 50) AS n)) FROM one;

SELECT is(campaign_limit(id, 7) ->> 'status', 'draft', 'R5.4: a draft gets a limit') FROM one;
SELECT is(campaign_status(id) -> 'per_second', '7', 'R5.4: its status says so') FROM one;
SELECT campaign_dispatch(id) FROM one;
SELECT is(pg_temp.told(id), 7000::bigint, 'R5.4: the worker is told') FROM one;
SELECT campaign_limit(id, 1000000, 'hurry') FROM one;
SELECT is(pg_temp.told(id), 1000000000::bigint, 'R5.4: and of another one while it runs') FROM one;
SELECT campaign_limit(id, 0.5) FROM one;
SELECT is(pg_temp.told(id), 500::bigint, 'R5.4: one in two seconds') FROM one;
SELECT campaign_limit(id, 0.01) FROM one;
SELECT is(pg_temp.told(id), 10::bigint, 'R5.4: the lowest') FROM one;
SELECT campaign_limit(id, 12.3456) FROM one;
SELECT is(pg_temp.told(id), 12346::bigint, 'R5.4: to the thousandth') FROM one;
SELECT campaign_limit(id, NULL) FROM one;
SELECT is(pg_temp.told(id), 0::bigint, 'R5.4: no limit') FROM one;
SELECT is(campaign_status(id) -> 'per_second', 'null', 'R5.4: as its status says') FROM one;
SELECT throws_ok(format('SELECT campaign_limit(%L, %L)', id, per_second), '22023', NULL, 'no limit of ' || per_second)
FROM one, unnest('{0,0.004,-1,1000001,NaN,Infinity}'::numeric[]) AS per_second;
SELECT throws_ok(format('SELECT campaign_limit(%L, 1)', 'nothing'), 'P0002', NULL, 'nor of what is not there');
SELECT is((SELECT string_agg(e.reason, ', ' ORDER BY e.number) FROM campaign_events(id) e WHERE e.source = e.target),
    'at most 7 a second, at most 1000000 a second: hurry, at most 0.5 a second, at most 0.01 a second, at most 12.346 a second, '
    'as fast as it goes', 'R5.4: who changed it, and when') FROM one;

-- Health: what holds it up, and what does not.
SELECT is(pg_temp.reason(id), 'it is being sent', 'R3.7: without a limit nothing is said of it') FROM one;
SELECT campaign_limit(id, 5) FROM one;
SELECT is(pg_temp.reason(id), 'limited to 5 messages a second', 'R5.4: with one it says what it waits for') FROM one;
UPDATE campaign.progress p SET samples = ARRAY[0, 0, 1000, 2, 2000, 4, 3000, 6] FROM one WHERE p.campaign_id = one.id;
SELECT is(pg_temp.reason(id), 'it is being sent', 'R5.4: a store that is slower than that holds it up, not the limit') FROM one;
UPDATE campaign.progress p SET samples = ARRAY[0, 0, 1000, 5, 2000, 10, 3000, 15] FROM one WHERE p.campaign_id = one.id;
SELECT is(pg_temp.reason(id), 'limited to 5 messages a second', 'R5.4: one that keeps up does not') FROM one;

-- How long it takes.
SELECT is(pg_temp.left_ms(id), 10000::bigint, 'R5.4: fifty at five a second take ten seconds') FROM one;
UPDATE campaign.progress p SET samples = ARRAY[0, 0, 1000, 5, 2000, 10, 3000, 13] FROM one WHERE p.campaign_id = one.id;
SELECT is(pg_temp.left_ms(id), 10000::bigint, 'R3.4: a moment in which less is stored does not change that') FROM one;
UPDATE campaign.progress p SET samples = ARRAY[0, 0, 1000, 4, 2000, 8, 3000, 11] FROM one WHERE p.campaign_id = one.id;
SELECT is(pg_temp.left_ms(id), 13636::bigint, 'R3.4: a store that is slower than that does') FROM one;
UPDATE campaign.progress p SET samples = ARRAY[0, 0, 1000, 5, 2000, 10, 3000, 15] FROM one WHERE p.campaign_id = one.id;
SELECT campaign_limit(id, 0.5) FROM one;
SELECT is(pg_temp.left_ms(id), 100000::bigint, 'R5.4: at another limit as long as that says, whatever it was before') FROM one;
SELECT campaign_limit(id, 500) FROM one;
SELECT is(pg_temp.left_ms(id), 10000::bigint, 'R5.4: a higher one promises nothing') FROM one;
UPDATE campaign.progress p SET samples = '{}' FROM one WHERE p.campaign_id = one.id;
SELECT is(pg_temp.left_ms(id), 100::bigint, 'R5.4: before there is a pace, the limit says it') FROM one;

-- Slow is not stuck.
SELECT campaign_limit(id, 0.1), pg_temp.quiet(id, 20) FROM one;
SELECT is(campaign_health(id) -> 'isStuck', 'false', 'R3.7: at one in ten seconds, twenty seconds are no silence') FROM one;
SELECT isnt(pg_temp.left_ms(id), NULL, 'R3.4: and have an end') FROM one;
SELECT pg_temp.quiet(id, 60) FROM one;
SELECT is(campaign_health(id) -> 'isStuck', 'true', 'R3.7: a minute is one') FROM one;
SELECT campaign_limit(id, NULL), pg_temp.quiet(id, 60) FROM one;
SELECT campaign.outbox_trouble('rate', 'limited to 3 messages a second, all campaigns together');
SELECT is(campaign_health(id) ->> 'isStuck' || ' ' || pg_temp.reason(id),
    'false limited to 3 messages a second, all campaigns together', 'R5.4: nor is one that waits for its share of campaign.rate') FROM one;
UPDATE campaign.progress p SET published = 4 FROM one WHERE p.campaign_id = one.id;
SELECT is(campaign_health(id) -> 'isStuck', 'true', 'R5.4: but one of which something is on its way, and does not arrive') FROM one;

SELECT campaign_limit(id, 3), campaign_cancel(id) FROM one;
SELECT throws_ok(format('SELECT campaign_limit(%L, 1)', id), '55000', NULL, 'one that is over has no limit') FROM one;
INSERT INTO campaign.dead_letters (queue, reason, campaign_id, size, digest, envelope, body) SELECT '', '', id, 1, '', '{}', 'x' FROM one;
SELECT lives_ok(format('SELECT campaign_limit(%L, 3)', id), 'unless it has dead letters, which may be replayed') FROM one;
SELECT is(campaign_reset(id) -> 'per_second', '3', 'a new draft in its place has its limit') FROM one;

SELECT * FROM finish();
ROLLBACK;
