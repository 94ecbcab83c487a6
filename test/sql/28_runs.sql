-- Runs: what one call says of a campaign's way, phase by phase.
BEGIN;
SELECT plan(42);
\ir ../support/campaigns.sql

CREATE FUNCTION pg_temp.phase(id text) RETURNS text LANGUAGE sql AS $$ SELECT campaign_run_status(id) ->> 'phase' $$;
CREATE FUNCTION pg_temp.answer(id text, path text[]) RETURNS text LANGUAGE sql AS $$ SELECT campaign_run_status(id) #>> path $$;
CREATE FUNCTION pg_temp.mark(id text, class text, through bigint) RETURNS void LANGUAGE sql AS
$$ SELECT campaign.outbox_mark(id, class, 0, through) $$;
CREATE FUNCTION pg_temp.store(id text, class text, through bigint) RETURNS integer LANGUAGE sql AS
$$ SELECT campaign.report_stored(ARRAY[id], ARRAY[class], ARRAY[1::bigint], ARRAY[through]) $$;

-- The phases ---------------------------------------------------------------------------------
CREATE TEMPORARY TABLE both_classes AS SELECT pg_temp.draft(200, 300) AS id;
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(campaign_run_status(id)) AS k),
    'counts enqueueNormalTimeMs enqueueVipTimeMs eta generationTimeMs lastRunId phase processing progress throughput totalTimeMs',
    'R3.4: the keys, and no others') FROM both_classes;
SELECT is((SELECT string_agg(a.path || '.' || k, ' ' ORDER BY a.path COLLATE "C", k) FROM
    unnest('{"{eta}","{processing}","{processing,vip}","{processing,normal}","{progress}","{throughput}"}'::text[]) AS a (path),
    jsonb_object_keys(campaign_run_status(id) #> a.path::text[]) AS k),
    '{eta}.estimatedMs {eta}.progressPercent {processing,normal}.count {processing,normal}.end {processing,normal}.start '
    '{processing,normal}.timeMs {processing,vip}.count {processing,vip}.end {processing,vip}.start '
    '{processing,vip}.timeMs {processing}.normal {processing}.vip {progress}.generated {progress}.processedTotal {progress}.target '
    '{throughput}.normal {throughput}.overall {throughput}.vip', 'R3.4: and those below them') FROM both_classes;
SELECT is(pg_temp.phase(id), 'IDLE', 'R3.5: a draft is idle') FROM both_classes;
SELECT is(pg_temp.answer(id, '{lastRunId}'), NULL, 'and has had no run') FROM both_classes;
SELECT is((campaign_run_status(id) -> 'counts') - '{vip,normal}'::text[],
    '{"total": 500, "waiting": 0, "active": 0, "completed": 0, "failed": 0, "delayed": 500, "cancelled": 0}',
    'R3.6: what is not dispatched is delayed') FROM both_classes;
SELECT campaign_dispatch(id) FROM both_classes;
SELECT is(pg_temp.phase(id), 'ENQUEUE_VIP', 'R3.5: first the VIP are published') FROM both_classes;
SELECT is(pg_temp.answer(id, '{lastRunId}'), id || '-1', 'a dispatched campaign has a run') FROM both_classes;
SELECT pg_temp.mark(id, 'VIP', 150), pg_temp.store(id, 'VIP', 50) FROM both_classes;
SELECT is(pg_temp.phase(id), 'ENQUEUE_VIP', 'R3.5: as long as one is not with the broker') FROM both_classes;
SELECT is(campaign_run_status(id) -> 'counts',
    '{"total": 500, "vip": 200, "normal": 300, "waiting": 350, "active": 100, "completed": 50, "failed": 0, "delayed": 0, "cancelled": 0}',
    'R3.6: waiting, active and completed') FROM both_classes;
SELECT pg_temp.mark(id, 'VIP', 200) FROM both_classes;
SELECT is(pg_temp.phase(id), 'WAITING_VIP_DRAIN', 'R3.5: then they are awaited') FROM both_classes;
SELECT ok(pg_temp.answer(id, '{enqueueVipTimeMs}')::bigint >= 0, 'R3.4: with the time it took to publish them') FROM both_classes;
SELECT is(pg_temp.answer(id, '{processing,vip,end}'), NULL, 'R3.4: a class that is not stored has no end') FROM both_classes;
SELECT campaign_pause(id) FROM both_classes;
SELECT is(pg_temp.phase(id), 'WAITING_VIP_DRAIN', 'R3.5: a pause changes no phase') FROM both_classes;
SELECT campaign_resume(id) FROM both_classes;
UPDATE campaign.progress SET published = 200 WHERE class = 'VIP' AND campaign_id = (SELECT id FROM both_classes);
SELECT pg_temp.store(id, 'VIP', 200) FROM both_classes;
SELECT is(pg_temp.phase(id), 'ENQUEUE_NORMAL', 'R3.5: after the last VIP the others are published') FROM both_classes;
SELECT isnt(pg_temp.answer(id, '{processing,vip,end}'), NULL, 'R3.4: and VIP has its end') FROM both_classes;
UPDATE campaign.progress SET rewinds = 0 WHERE campaign_id = (SELECT id FROM both_classes);
SELECT pg_temp.mark(id, 'NORMAL', 300), pg_temp.store(id, 'NORMAL', 30) FROM both_classes;
SELECT is(pg_temp.phase(id), 'WAITING_NORMAL_DRAIN', 'R3.5: and awaited') FROM both_classes;
SELECT is(pg_temp.answer(id, '{progress}')::jsonb, '{"target": 500, "generated": 500, "processedTotal": 230}',
    'R3.4: how far it is') FROM both_classes;
SELECT is(pg_temp.answer(id, '{eta,progressPercent}')::numeric, 46.0, 'R3.4: in percent, too') FROM both_classes;
SELECT ok((campaign_run_status(id) #>> '{processing,vip,end}')::timestamptz
    <= (campaign_run_status(id) #>> '{processing,normal,start}')::timestamptz,
    'R3.2: the last VIP comes before the first NORMAL') FROM both_classes;
SELECT pg_temp.store(id, 'NORMAL', 300) FROM both_classes;
SELECT is(pg_temp.phase(id), 'DONE', 'R3.5: and it is done') FROM both_classes;
SELECT is(pg_temp.answer(id, '{eta,estimatedMs}'), NULL, 'R3.4: what is over takes no time any more') FROM both_classes;
SELECT is((campaign_run_status(id) #> '{processing,vip,count}')::int + (campaign_run_status(id) #> '{processing,normal,count}')::int,
    500, 'R3.4: everybody is counted') FROM both_classes;
SELECT ok(pg_temp.answer(id, '{totalTimeMs}')::bigint >= pg_temp.answer(id, '{processing,vip,timeMs}')::bigint, 'R3.4: the whole takes longer than its parts') FROM both_classes;
SAVEPOINT fast;
UPDATE campaign.progress SET started_at = stored_at + interval '1 ms' WHERE campaign_id = (SELECT id FROM both_classes);
SELECT is((campaign_run_status(id) -> 'throughput') - 'overall', '{"vip": 200000, "normal": 300000}', 'R3.4: what is stored before it is marked has a pace') FROM both_classes;
SELECT is(pg_temp.answer(id, '{processing,vip,timeMs}'), '0', 'R3.4: and took no time that can be told') FROM both_classes;
ROLLBACK TO fast;
SELECT is(campaign_run_status(id), campaign_run_status(id), 'R3.9: as long as nothing happens the answer is the same') FROM both_classes;

CREATE TEMPORARY TABLE normal_only AS SELECT pg_temp.draft(0, 10) AS id;
SELECT campaign_dispatch(id) FROM normal_only;
SELECT is(pg_temp.phase(id), 'ENQUEUE_NORMAL', 'R3.5: without VIP it begins with the others') FROM normal_only;
SELECT pg_temp.store(id, 'NORMAL', 4), campaign_cancel(id) FROM normal_only;
SELECT is(pg_temp.phase(id), 'ABORTED', 'R3.5: a cancelled one is aborted') FROM normal_only;
SELECT is((campaign_run_status(id) -> 'counts') - '{vip,normal}'::text[],
    '{"total": 10, "waiting": 0, "active": 0, "completed": 4, "failed": 0, "delayed": 0, "cancelled": 6}',
    'R3.6: with the number of those that will never be sent') FROM normal_only;
CREATE TEMPORARY TABLE vip_only AS SELECT pg_temp.draft(10, 0) AS id;
SELECT campaign_dispatch(id), pg_temp.mark(id, 'VIP', 10) FROM vip_only;
SELECT is(pg_temp.phase(id), 'WAITING_VIP_DRAIN', 'R3.5: one of VIP only') FROM vip_only;
SELECT campaign.report_conflict(id, 'VIP', 3, 'another one'), pg_temp.store(id, 'VIP', 10) FROM vip_only;
SELECT is(pg_temp.phase(id), 'ERROR', 'R3.5: after a conflict it is in error') FROM vip_only;
SELECT is(campaign_run_status(id) #> '{counts,failed}', '1', 'R3.7: and one has failed') FROM vip_only;
SELECT throws_ok($$ SELECT campaign_run_status('nobody') $$, 'P0002', NULL, 'a campaign that does not exist is an error');

-- The pace -----------------------------------------------------------------------------------
CREATE FUNCTION pg_temp.samples(steps int, ms int, count int) RETURNS bigint[] LANGUAGE sql AS
$$ SELECT array_agg(x ORDER BY n, place) FROM generate_series(0, steps) AS n, LATERAL (VALUES (1, 1000000 + n * ms), (2, n * count)) AS v (place, x) $$;
CREATE TEMPORARY TABLE paced AS SELECT pg_temp.draft(0, 4000) AS id;
SELECT campaign_dispatch(id), pg_temp.mark(id, 'NORMAL', 4000), pg_temp.store(id, 'NORMAL', 1000) FROM paced;
SELECT is((SELECT cardinality(p.samples) FROM campaign.progress p WHERE p.campaign_id = paced.id), 2, 'R3.4: a report is a sample') FROM paced;
SELECT pg_temp.store(id, 'NORMAL', 1001) FROM paced;
SELECT is((SELECT cardinality(p.samples) FROM campaign.progress p WHERE p.campaign_id = paced.id), 2, 'R3.4: the next one within 250 ms is none') FROM paced;
SELECT is(pg_temp.answer(id, '{eta,estimatedMs}'), NULL, 'R3.4: one sample is not enough to go on') FROM paced;
UPDATE campaign.progress SET samples = pg_temp.samples(8, 250, 250), sample_after = to_timestamp(1002.25) WHERE campaign_id = (SELECT id FROM paced);
SELECT is(pg_temp.answer(id, '{eta,estimatedMs}')::bigint, 2999::bigint, 'R3.4: what is left, at the last pace') FROM paced;
UPDATE campaign.progress SET stored_at = clock_timestamp() - interval '6 seconds' WHERE campaign_id = (SELECT id FROM paced);
SELECT is(pg_temp.answer(id, '{eta,estimatedMs}'), NULL, 'R3.4: nobody knows when one ends that stands still') FROM paced;
SELECT is_empty($$ SELECT samples FROM campaign.progress WHERE total <= 100 AND samples <> '{}' $$, 'small classes have no samples');

-- The history --------------------------------------------------------------------------------
SELECT is((SELECT string_agg(h ->> 'phase', ' ') FROM campaign_runs() AS h), 'WAITING_NORMAL_DRAIN ERROR ABORTED DONE', 'R3.8: all runs, the newest first');
SELECT is((SELECT count(*) FROM campaign_runs(NULL, 2)), 2::bigint, 'R3.8: or so many');
SELECT results_eq($$ SELECT h ->> 'lastRunId', h ->> 'status' FROM campaign_runs((SELECT id FROM vip_only)) AS h $$,
    $$ SELECT id || '-1', 'failed' FROM vip_only $$, 'R3.8: or those of one campaign');

SELECT * FROM finish();
ROLLBACK;
