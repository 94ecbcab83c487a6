-- What the worker marks and the consumer reports.
BEGIN;
SELECT plan(58);
\ir ../support/campaigns.sql

CREATE FUNCTION pg_temp.status(id text) RETURNS text LANGUAGE sql AS $$ SELECT campaign_status(id) ->> 'status' $$;
CREATE FUNCTION pg_temp.report(id text, first bigint, last bigint) RETURNS integer LANGUAGE sql AS
$$ SELECT campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[first], ARRAY[last]) $$;
CREATE FUNCTION pg_temp.stored(id text) RETURNS text LANGUAGE sql AS
$$ SELECT stored::text FROM campaign.progress WHERE campaign_id = id AND class = 'NORMAL' $$;
CREATE FUNCTION pg_temp.published(id text) RETURNS bigint LANGUAGE sql AS
$$ SELECT published FROM campaign.progress WHERE campaign_id = id AND class = 'NORMAL' $$;

SELECT is(campaign.stored_through(s::int8multirange), through, 'stored_through of ' || s)
FROM (VALUES ('{}', 0::bigint), ('{[1,11)}', 10), ('{[1,11),[20,30)}', 10), ('{[2,11)}', 0)) AS v (s, through);
SELECT is(campaign.stored_count('{[1,11),[20,30)}'), 20::bigint, 'stored_count counts all ranges');

CREATE TEMPORARY TABLE one AS SELECT pg_temp.dispatched(0, 100) AS id;
SELECT results_eq('SELECT * FROM campaign.report_open((SELECT id FROM one))', $$ VALUES ('NORMAL', 100::bigint, 0::bigint, '{}'::int8multirange, false, NULL::bigint) $$,
    'report_open gives the classes');
SELECT is_empty($$ SELECT * FROM campaign.report_open('nothing') $$, 'and no row for an unknown campaign');
SELECT campaign.outbox_mark(id, 'NORMAL', 0, 50) FROM one;
SELECT is(pg_temp.status(id), 'publishing', 'the first mark makes it publishing') FROM one;
SELECT is(pg_temp.report(id, 1, 40), 0, 'a report of a part completes nothing') FROM one;
SELECT is(pg_temp.report(id, 11, 45) || pg_temp.stored(id), '0{[1,46)}', 'R0.17: reports may overlap') FROM one;
SELECT is(pg_temp.report(id, 11, 45) || pg_temp.stored(id), '0{[1,46)}', 'R0.17: and be repeated') FROM one;
SELECT is(pg_temp.report(id, 90, 500) || pg_temp.stored(id), '0{[1,46),[90,101)}', 'nothing counts beyond the total') FROM one;

SELECT campaign.report_gap(id, 'NORMAL', 46) FROM one;
SELECT is(pg_temp.published(id) || pg_temp.stored(id), '45{[1,46)}', 'a gap is published again') FROM one;
SELECT campaign.outbox_mark(id, 'NORMAL', 0, 80) FROM one;
SELECT is(pg_temp.published(id), 45::bigint, 'a mark from before the gap is ignored') FROM one;
SELECT campaign.outbox_mark(id, 'NORMAL', 1, 100) FROM one;
SELECT is(pg_temp.status(id), 'published', 'all confirmed: published') FROM one;
SELECT campaign.outbox_mark(id, 'NORMAL', 1, 60) FROM one;
SELECT is(pg_temp.published(id), 100::bigint, 'a mark never goes back') FROM one;
SELECT is(campaign.outbox_rewind(id, 'NORMAL'), 45::bigint, 'a stall goes back to what is stored') FROM one;
SELECT is(pg_temp.status(id), 'publishing', 'and is publishing again') FROM one;
SELECT is(pg_temp.report(id, 46, 100), 1, 'R0.17: the last report completes it') FROM one;
SELECT is(pg_temp.status(id), 'sent', 'R0.17: and it is sent') FROM one;
SELECT is(pg_temp.report(id, 1, 100), 0, 'R0.17: once') FROM one;
SELECT campaign.report_gap(id, 'NORMAL', 46) FROM one;
SELECT is(pg_temp.stored(id), '{[1,101)}', 'a gap that is reported too late changes nothing') FROM one;
SELECT is(campaign_verify(id) @> '{"ok": null, "expected": 100, "stored": 100, "digest": null}', true, 'R5.1: reports that all is stored prove nothing') FROM one;

CREATE TEMPORARY TABLE three AS SELECT pg_temp.dispatched(0, 10) AS id;
SELECT campaign.outbox_mark(id, 'NORMAL', 0, 10), campaign_status(id) FROM three;
UPDATE campaign.campaigns SET deleted = true WHERE id = (SELECT id FROM three);
SELECT is(pg_temp.report(id, 1, 10), 1, 'a campaign that was deleted meanwhile is completed') FROM three;
SELECT is((SELECT c.status FROM campaign.campaigns c WHERE c.id = three.id), 'sent', 'and sent') FROM three;

CREATE TEMPORARY TABLE four AS SELECT pg_temp.dispatched(0, 10) AS id;
SELECT is(pg_temp.report(id, 1, 10), 1, 'a report may come before the first mark') FROM four;
SELECT results_eq(
    $$ SELECT c.status, c.started_at IS NOT NULL, c.published_at IS NOT NULL, p.published
       FROM campaign.campaigns c JOIN campaign.progress p ON p.campaign_id = c.id
       WHERE c.id = (SELECT id FROM four) $$,
    $$ VALUES ('sent', true, true, 10::bigint) $$, 'and completes the campaign with all its times');

CREATE TEMPORARY TABLE holes AS SELECT pg_temp.dispatched(0, 10) AS id;
SELECT campaign.report_stored(ARRAY[id, id], ARRAY['NORMAL', 'NORMAL'], ARRAY[1, 7], ARRAY[3, 10]) FROM holes;
SELECT is(pg_temp.stored(id), '{[1,4),[7,11)}', 'R0.17: what lies between two ranges of a report is not stored') FROM holes;
SELECT is(pg_temp.status(id), 'queued', 'R0.17: nor is the campaign sent') FROM holes;

CREATE TEMPORARY TABLE vip AS SELECT campaign_create('test', 'hello') AS id;
SELECT campaign_upload(id, '5511987654321', class => 'VIP'), campaign_upload(id, '5511987654322') FROM vip;
SELECT campaign_dispatch(id) FROM vip;
SELECT results_eq(
    $$ SELECT class, blocked FROM campaign.outbox_active(ARRAY[(SELECT id FROM vip)]) $$,
    $$ VALUES ('VIP', false), ('NORMAL', true) $$, 'R3.2: NORMAL waits until VIP is stored');
SELECT campaign.outbox_mark(id, 'VIP', 0, 1) FROM vip;
SELECT is((SELECT blocked FROM campaign.outbox_active(ARRAY[vip.id]) WHERE class = 'NORMAL'), true,
    'R3.2: published is not enough') FROM vip;
SELECT campaign.report_stored(ARRAY[id], ARRAY['VIP'], ARRAY[1], ARRAY[1]) FROM vip;
SELECT results_eq(
    $$ SELECT class, blocked FROM campaign.outbox_active(ARRAY[(SELECT id FROM vip)]) $$,
    $$ VALUES ('NORMAL', false) $$, 'R3.2: and then goes on');
SELECT campaign.report_conflict(id, 'NORMAL', 1, 'another message is there') FROM vip;
SELECT campaign.report_conflict(id, 'NORMAL', 1, 'again') FROM vip;
SELECT is(pg_temp.status(id), 'publishing', 'after a conflict the others go on') FROM vip;
SELECT is(pg_temp.report(id, 1, 1), 1, 'until all are reported') FROM vip;
SELECT is(campaign_status(id) - 'classes' @> '{"status": "failed", "stored": 1, "failed": 1, "error": "NORMAL 1: another message is there"}',
    true, 'and then the campaign is failed, with the reason') FROM vip;
SELECT is(campaign_verify(id) -> 'ok', 'false', 'R5.1: and not verified') FROM vip;

-- What is looked at before a campaign ends.
CREATE FUNCTION pg_temp.checked(id text, class text, first bigint, last bigint, checked text[] DEFAULT '{}')
RETURNS SETOF text LANGUAGE sql AS
$$ SELECT (c.campaign_id = id)::text || concat(' ' || c.class, ' ' || c.total, ' ' || c.failed)
   FROM campaign.report_checked(ARRAY[id], ARRAY[class], ARRAY[first], ARRAY[last], checked) AS c $$;
CREATE TEMPORARY TABLE five AS SELECT pg_temp.dispatched(0, 10) AS id;
SELECT is_empty($$ SELECT pg_temp.checked(id, 'NORMAL', 1, 6) FROM five $$, 'a part of a campaign needs no look');
SELECT is(pg_temp.stored(id), '{[1,7)}', 'and is reported') FROM five;
SELECT campaign.report_conflict(id, 'NORMAL', 3, 'refused') FROM five;
SELECT results_eq($$ SELECT pg_temp.checked(id, 'NORMAL', 7, 10) FROM five $$, ARRAY['true NORMAL 10 1'],
    'what would end it asks for a look first');
SELECT is(pg_temp.stored(id) || pg_temp.status(id), '{[1,7)}queued', 'and is not reported') FROM five;
SELECT is(campaign.outbox_finish(ARRAY[id]), 0, 'so that the worker does not end it either') FROM five;
SELECT results_eq($$ SELECT pg_temp.checked(id, 'NORMAL', 7, 10, ARRAY[id]) FROM five $$, ARRAY['true'],
    'after the look it ends');
SELECT is_empty($$ SELECT pg_temp.checked(id, 'NORMAL', 7, 10) FROM five $$, 'and is never asked for again');
CREATE TEMPORARY TABLE six AS SELECT pg_temp.dispatched(0, 10) AS id;
SELECT results_eq($$ SELECT pg_temp.checked(id, 'NORMAL', 1, 10) FROM six $$, ARRAY['true'],
    'a campaign in one report needs no look: all of it was stored just now');
CREATE TEMPORARY TABLE seven AS SELECT campaign_create('test', 'hello') AS id;
SELECT campaign_upload(id, '5511987654321', class => 'VIP'), campaign_upload(id, '5511987654322') FROM seven;
SELECT campaign_dispatch(id) FROM seven;
SELECT is_empty($$ SELECT pg_temp.checked(id, 'VIP', 1, 1) FROM seven $$, 'nor does a class that is not the last');
SELECT results_eq($$ SELECT pg_temp.checked(id, 'NORMAL', 1, 1) FROM seven $$,
    ARRAY['true VIP 1 0', 'true NORMAL 1 0'], 'but before the last one ends, all classes are looked at');
SELECT campaign_cancel(id) FROM seven;
SELECT is_empty($$ SELECT pg_temp.checked(id, 'NORMAL', 1, 1) FROM seven $$, 'one that cannot end is reported at once');
SELECT is(pg_temp.stored(id), '{[1,2)}', 'like any other') FROM seven;
SELECT is_empty($$ SELECT pg_temp.checked('nothing', 'NORMAL', 1, 1) $$, 'an unknown campaign is a warning');

-- What is locked.
CREATE TEMPORARY TABLE eight AS SELECT campaign_create('test', 'hello') AS id;
SELECT campaign_upload(id, E'5511987654321\n5511987654322'), campaign_upload(id, '5511987654323', class => 'VIP') FROM eight;
SELECT campaign_dispatch(id) FROM eight;
CREATE FUNCTION pg_temp.is_locked(id text, class text) RETURNS boolean LANGUAGE sql AS
$$ SELECT p.xmax <> '0' FROM campaign.progress p WHERE p.campaign_id = id AND p.class::text = is_locked.class $$;
SELECT is(pg_temp.is_locked(id, 'VIP'), false, 'nobody has locked VIP') FROM eight;
SELECT campaign.report_checked(ARRAY[id], '{NORMAL}', '{1}', '{1}', '{}', '{t}') FROM eight;
SELECT is(pg_temp.is_locked(id, 'VIP'), true, 'a report of NORMAL locks VIP, too, in the order in which clients do') FROM eight;

-- The pages in which the worker reads what is unfinished.
CREATE TEMPORARY TABLE paged AS SELECT array_agg(pg_temp.dispatched(0, 1)) AS ids FROM generate_series(1, 3);
UPDATE campaign.campaigns SET queued_at = '2000-01-01' FROM paged WHERE id = ANY (ids);
UPDATE paged SET ids = ARRAY(SELECT id FROM unnest(ids) AS id ORDER BY id COLLATE "C");
SELECT is(campaign.outbox_page(part, NULL, 2), ids[1:2], 'R0.15: the first page of what is ' || part)
FROM paged, unnest('{queued,open}'::text[]) AS part;
SELECT is(campaign.outbox_page(part, ids[2], 1), ids[3:3], 'R0.15: the next one, of the same moment')
FROM paged, unnest('{queued,open}'::text[]) AS part;
SELECT campaign_pause(ids[2]) FROM paged;
SELECT is(campaign.outbox_page('open', NULL, 2), ARRAY[ids[1], ids[3]], 'R0.15: without the one that is paused') FROM paged;
SELECT is(campaign.outbox_page('open', ids[2], 1), ids[3:3], 'R0.15: behind which the next page begins nevertheless') FROM paged;
SELECT is(campaign.outbox_page('waiting', NULL, 1000) @> ids[2:2], true, 'R0.15: it is with those that wait') FROM paged;

SELECT * FROM finish();
ROLLBACK;
