-- Canaries: what the worker may publish, and how they are judged.
BEGIN;
SELECT plan(39);
\ir ../support/campaigns.sql

CREATE FUNCTION pg_temp.may(id text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', a.class, a.last, CASE WHEN a.canary_is_over THEN 'over' END), ', ' ORDER BY a.class_number)
    FROM campaign.outbox_active(ARRAY[id]) AS a $$;
CREATE FUNCTION pg_temp.store(id text, class text, first_seq bigint, last_seq bigint) RETURNS integer LANGUAGE sql AS
$$ SELECT campaign.report_stored(ARRAY[id], ARRAY[class], ARRAY[first_seq], ARRAY[last_seq]) $$;
-- A sender reports seqs, and of whom it failed or is unknown.
CREATE FUNCTION pg_temp.send(id text, class text, first_seq bigint, last_seq bigint, failed bigint[], doubtful bigint[] DEFAULT '{}')
RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM campaign.report_fates(ARRAY[id], ARRAY[class], ARRAY[first_seq], ARRAY[last_seq], ARRAY[id], '{}', 'nobody',
        (SELECT jsonb_agg(jsonb_build_object('campaign', id, 'class', class, 'seq', s.seq, 'state', s.state, 'code', 'c', 'text', 't', 'attempts', 1))
         FROM (SELECT unnest(failed) AS seq, 'failed' AS state UNION ALL SELECT unnest(doubtful), 'unknown') AS s), 0, 0, 0) $$;
CREATE FUNCTION pg_temp.last_reason(id text) RETURNS text LANGUAGE sql AS
$$ SELECT e.reason FROM campaign_events(id) AS e ORDER BY e.number DESC LIMIT 1 $$;
CREATE FUNCTION pg_temp.status(id text) RETURNS text LANGUAGE sql AS $$ SELECT campaign_status(id) ->> 'status' $$;

-- Setting one.
CREATE TEMPORARY TABLE set AS SELECT pg_temp.draft(0, 3) AS id;
SELECT is(campaign_canary(id, 100) -> 'canary', '{"recipients": 100, "failed_max": 0.05, "ended_at": null}', 'a draft gets a canary') FROM set;
SELECT is(pg_temp.last_reason(id), 'canary: 100 first, at most 5 % may fail', 'as its events say') FROM set;
SELECT is(campaign_canary(id, NULL, reason => 'in a hurry') -> 'canary', 'null', 'and loses it') FROM set;
SELECT is(pg_temp.last_reason(id), 'no canary: in a hurry', 'and why') FROM set;
SELECT throws_ok(format('SELECT campaign_canary(%L, %s)', id, wrong), '22023', NULL, 'no canary of ' || wrong)
FROM set, unnest('{0,-1,"5, -0.1","5, 1.1","5, ''NaN''","5, NULL"}'::text[]) AS wrong;
SELECT throws_ok($$ SELECT campaign_canary('nothing', 1) $$, 'P0002', NULL, 'none for what is not there');
SELECT campaign_dispatch(id) FROM set;
SELECT throws_ok(format('SELECT campaign_canary(%L, 1)', id), '55000', NULL, 'none once it is dispatched') FROM set;
SELECT is(pg_temp.may(id), 'NORMAL 3', 'without one the worker publishes all') FROM set;

-- What it holds back: VIP come first, and NORMAL make up the number.
CREATE TEMPORARY TABLE good AS SELECT pg_temp.draft(3, 20) AS id;
SELECT campaign_canary(id, 10, 0.2), campaign_dispatch(id) FROM good;
SELECT is(pg_temp.may(id), 'VIP 3, NORMAL 7', 'the first ten, VIP before NORMAL') FROM good;
SELECT is(campaign_health(id) ->> 'reason', 'canary: 0 of 10 have arrived, the others wait', 'health says so') FROM good;
SELECT ok(campaign.outbox_canary(id), 'it cannot be judged before it has arrived') FROM good;
SELECT is(pg_temp.status(id) || (campaign_status(id) -> 'canary' ->> 'ended_at' IS NULL), 'queuedtrue', 'nothing happens then') FROM good;
SELECT campaign.outbox_mark(id, 'VIP', 0, 3), pg_temp.send(id, 'VIP', 1, 3, '{2}') FROM good;
SELECT campaign.outbox_mark(id, 'NORMAL', 0, 7), pg_temp.send(id, 'NORMAL', 1, 6, '{4}') FROM good;
SELECT is(pg_temp.may(id), 'NORMAL 7', 'one of them is still on its way') FROM good;
SELECT is(campaign_health(id) ->> 'reason', 'canary: 9 of 10 have arrived, the others wait', 'so many have arrived') FROM good;
SELECT pg_temp.send(id, 'NORMAL', 7, 7, '{}') FROM good;
SELECT is(pg_temp.may(id), 'NORMAL 7 over', 'all have a final state') FROM good;
SELECT ok(campaign.outbox_canary(id), 'it is judged') FROM good;
SELECT is(pg_temp.last_reason(id), 'canary: 20 % of 10 failed, the others follow', 'as many as may have failed') FROM good;
SELECT is(pg_temp.may(id), 'NORMAL 20', 'the others follow') FROM good;
SELECT is(pg_temp.status(id), 'publishing', 'as nothing had been') FROM good;
SELECT campaign.outbox_canary(id) FROM good;
SELECT is((SELECT count(*) FROM campaign_events(id) AS e WHERE e.reason ~ 'the others follow'), 1::bigint, 'it is judged once') FROM good;

-- One too many: a person decides.
CREATE TEMPORARY TABLE bad AS SELECT pg_temp.draft(0, 30) AS id;
SELECT campaign_canary(id, 10, 0.2), campaign_dispatch(id), campaign.outbox_mark(id, 'NORMAL', 0, 10) FROM bad;
SELECT pg_temp.send(id, 'NORMAL', 1, 10, '{1,5,9}') FROM bad;
SELECT ok(campaign.outbox_canary(id), 'it is judged') FROM bad;
SELECT is(pg_temp.status(id), 'paused', 'too many have failed: it is paused') FROM bad;
SELECT is(pg_temp.last_reason(id), 'canary: 30 % of 10 failed', 'with the reason') FROM bad;
SELECT matches(campaign_health(id) ->> 'reason', '^paused by .* 0 s ago: canary: 30 % of 10 failed$', 'which health says') FROM bad;
SELECT campaign_resume(id) FROM bad;
SELECT is(pg_temp.may(id), 'NORMAL 30', 'whoever resumes it sends to the others') FROM bad;
SELECT campaign.outbox_canary(id) FROM bad;
SELECT is(pg_temp.status(id), 'queued', 'and is not stopped again') FROM bad;
SELECT campaign_cancel(id) FROM bad;
SELECT is(campaign_reset(id, 'again') -> 'canary', '{"recipients": 10, "failed_max": 0.2, "ended_at": null}',
    'a new draft has the canary again') FROM bad;

-- Nobody knows: that is no success.
CREATE TEMPORARY TABLE doubtful AS SELECT pg_temp.draft(0, 30) AS id;
SELECT campaign_canary(id, 10), campaign_dispatch(id), campaign.outbox_mark(id, 'NORMAL', 0, 10) FROM doubtful;
SELECT pg_temp.send(id, 'NORMAL', 1, 10, '{}', '{3,4,5}') FROM doubtful;
SELECT campaign.outbox_canary(id) FROM doubtful;
SELECT is(pg_temp.status(id) || ' ' || pg_temp.last_reason(id), 'paused canary: 30 % of 10 failed', 'what is unknown has not arrived') FROM doubtful;

-- MongoDB refuses them.
CREATE TEMPORARY TABLE refused AS SELECT pg_temp.draft(0, 30) AS id;
SELECT campaign_canary(id, 2), campaign_dispatch(id), campaign.outbox_mark(id, 'NORMAL', 0, 2) FROM refused;
SELECT campaign.report_conflict(id, 'NORMAL', 1, 'refused'), pg_temp.store(id, 'NORMAL', 1, 2) FROM refused;
SELECT campaign.outbox_canary(id) FROM refused;
SELECT is(pg_temp.last_reason(id), 'canary: 50 % of 2 failed', 'what the store refuses has failed') FROM refused;

-- Whoever is left out has not failed, nor arrived.
CREATE TEMPORARY TABLE listed AS SELECT pg_temp.draft(0, 30) AS id;
SELECT campaign_canary(id, 4, 0.25), campaign_dispatch(id), campaign.outbox_mark(id, 'NORMAL', 0, 4) FROM listed;
SELECT count(*) FROM listed, campaign.report_checked(ARRAY[id, id], '{NORMAL,NORMAL}', '{1,3}', '{2,4}', ARRAY[id], '{t,f}');
SELECT campaign.report_conflict(id, 'NORMAL', 3, 'refused') FROM listed;
SELECT campaign.outbox_canary(id) FROM listed;
SELECT is(pg_temp.last_reason(id), 'canary: 50 % of 2 failed', 'a share of those that were sent to') FROM listed;

-- It is not larger than the campaign.
CREATE TEMPORARY TABLE small AS SELECT pg_temp.draft(1, 2) AS id;
SELECT campaign_canary(id, 1000), campaign_dispatch(id) FROM small;
SELECT is(pg_temp.may(id), 'VIP 1, NORMAL 2', 'of a small campaign it is all') FROM small;
SELECT pg_temp.store(id, 'VIP', 1, 1), pg_temp.store(id, 'NORMAL', 1, 2) FROM small;
SELECT is(pg_temp.status(id), 'sent', 'which ends as ever') FROM small;

-- What is paused meanwhile is judged when it goes on.
CREATE TEMPORARY TABLE paused AS SELECT pg_temp.draft(0, 30) AS id;
SELECT campaign_canary(id, 2), campaign_dispatch(id), campaign.outbox_mark(id, 'NORMAL', 0, 2), campaign_pause(id) FROM paused;
SELECT pg_temp.store(id, 'NORMAL', 1, 2), campaign.outbox_canary(id) FROM paused;
SELECT is(pg_temp.status(id) || (campaign_status(id) -> 'canary' ->> 'ended_at' IS NULL), 'pausedtrue', 'not while it is paused') FROM paused;
SELECT campaign_resume(id) FROM paused;
SELECT is(pg_temp.may(id), 'NORMAL 2 over', 'but then') FROM paused;

SELECT * FROM finish();
ROLLBACK;
