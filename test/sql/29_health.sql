-- Health, log and recipients of a campaign: what is said of it, and where it is stuck.
BEGIN;
SELECT plan(63);
\ir ../support/campaigns.sql

CREATE FUNCTION pg_temp.reason(id text) RETURNS text LANGUAGE sql AS $$ SELECT campaign_health(id) ->> 'reason' $$;
CREATE FUNCTION pg_temp.health(id text) RETURNS text LANGUAGE sql AS $$ SELECT campaign_health(id) ->> 'health' $$;
-- As if nothing had happened to it for so many seconds.
CREATE FUNCTION pg_temp.quiet(id text, seconds int) RETURNS void LANGUAGE sql AS $$
    UPDATE campaign.events e SET created_at = clock_timestamp() - seconds * interval '1 second' WHERE e.campaign_id = id;
    UPDATE campaign.progress p SET started_at = started_at - seconds * interval '1 second', published_at = published_at - seconds * interval '1 second',
        stored_at = stored_at - seconds * interval '1 second' WHERE p.campaign_id = id;
$$;

-- What the worker of this server waits for.
DELETE FROM campaign.troubles;
CREATE TEMPORARY TABLE empty AS SELECT campaign_create('empty', 'hello') AS id;
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(campaign_health(id)) AS k),
    'aborted counters deadLetters hasFailedJobs health isStuck phase reason since', 'R3.7: the keys') FROM empty;
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(campaign_health(id) -> 'counters') AS k),
    'active completed delayed failed waiting', 'R3.7: and the counters') FROM empty;
SELECT is(pg_temp.reason(id), 'nothing to send: it has no recipients', 'a draft without recipients') FROM empty;
CREATE TEMPORARY TABLE one AS SELECT pg_temp.draft(3, 5) AS id;
SELECT is(pg_temp.reason(id), 'nothing to send: it is not dispatched', 'a draft') FROM one;
SELECT campaign_schedule(id, '2099-01-01T00:00:00Z') FROM one;
SELECT is(pg_temp.reason(id), 'scheduled for 2099-01-01T00:00:00Z', 'a scheduled one') FROM one;
SELECT campaign_dispatch(id) FROM one;
SELECT is(campaign_health(id) - '{counters,since}'::text[],
    '{"health": "healthy", "phase": "ENQUEUE_VIP", "hasFailedJobs": false, "isStuck": false, "aborted": false, "deadLetters": 0, "reason": "it is being sent"}',
    'R3.7: one that gets on is healthy') FROM one;
SELECT campaign.outbox_trouble('RabbitMQ', 'no connection to RabbitMQ (refused) since');
SELECT is(pg_temp.health(id), 'healthy', 'R3.7: what others wait for does not concern one that gets on') FROM one;
SELECT pg_temp.quiet(id, 60) FROM one;
SELECT is(pg_temp.health(id), 'degraded', 'R3.7: one that does not is degraded') FROM one;
SELECT is(campaign_health(id) ->> 'isStuck', 'true', 'R3.7: it is stuck') FROM one;
SELECT is(pg_temp.reason(id), 'no connection to RabbitMQ (refused) since 0 s; NORMAL waits until the last VIP is stored',
    'R3.7: where and since when') FROM one;
SELECT campaign.outbox_trouble('RabbitMQ', NULL);
SELECT campaign.outbox_trouble(campaign.campaign_queue(c), format('no consumer on %s since', campaign.campaign_queue(c))) FROM campaign.campaigns c JOIN one USING (id);
SELECT matches(pg_temp.reason(id), '^no consumer on campaign\.messages\.[0-3] since 0 s; NORMAL', 'R3.7: a queue without a consumer') FROM one;
SELECT campaign.outbox_trouble(NULL, NULL);
SELECT is((SELECT count(*) FROM campaign.troubles), 0::bigint, 'a worker that begins anew waits for nothing');
SELECT campaign.report_waiting(campaign.campaign_queue(c), 'MongoDB', 12000) FROM campaign.campaigns c JOIN one USING (id);
SELECT is(pg_temp.reason(id), 'waiting for MongoDB since 12 s; NORMAL waits until the last VIP is stored', 'R3.7: the store of its consumer') FROM one;
SELECT campaign.report_waiting(campaign.campaign_queue(c), 'MongoDB', 11000) FROM campaign.campaigns c JOIN one USING (id);
SELECT is(pg_temp.reason(id), 'waiting for MongoDB since 12 s; NORMAL waits until the last VIP is stored', 'the longer wait counts') FROM one;
SELECT campaign.report_waiting(campaign.campaign_queue(c), 'MongoDB', NULL) FROM campaign.campaigns c JOIN one USING (id);
SELECT campaign.report_waiting('campaign.parallel', 'MongoDB', 90000);
SELECT is(pg_temp.reason(id), 'the worker has published nothing of it for 60 s; NORMAL waits until the last VIP is stored', 'R3.7: a worker that is there and publishes nothing') FROM one;
SELECT campaign.outbox_mark(id, 'VIP', 0, 3), pg_temp.quiet(id, 60) FROM one;
SELECT is(pg_temp.reason(id), 'no consumer is connected to PostgreSQL, nothing has been stored for 60 s; NORMAL waits until the last VIP is stored', 'the wait of another queue is not its own') FROM one;
SET application_name = 'campaign-consumer';
SELECT pg_stat_clear_snapshot();
SELECT matches(pg_temp.reason(id), '^the consumer of campaign\.messages\.[0-3] has stored nothing for 60 s; NORMAL', 'R3.7: a consumer that is there and says nothing') FROM one;
RESET application_name;
SELECT campaign.report_waiting(campaign.campaign_queue(c), 'MongoDB', 30000), campaign.outbox_trouble(campaign.campaign_queue(c), 'no consumer since') FROM campaign.campaigns c JOIN one USING (id);
SELECT matches(pg_temp.reason(id), '^waiting for MongoDB since 30 s', 'R3.7: a queue that was given back is not the reason') FROM one;
UPDATE campaign.troubles t SET told_at = told_at - interval '14 seconds' WHERE t.subject = 'MongoDB';
SELECT matches(pg_temp.reason(id), '^waiting for MongoDB since 30 s', 'a wait counts for 15 seconds') FROM one;
UPDATE campaign.troubles t SET told_at = told_at - interval '2 seconds' WHERE t.subject = 'MongoDB';
SELECT matches(pg_temp.reason(id), '^no consumer since 0 s', 'and no longer: its consumer may have died') FROM one;
SELECT campaign.outbox_trouble(campaign.campaign_queue(c), NULL) FROM campaign.campaigns c JOIN one USING (id);
SELECT throws_ok($$ SELECT campaign.report_waiting('x', 'MongoDB', 1) $$, '22023', NULL, 'there is no such queue');
SELECT campaign_pause(id, 'lunch') FROM one;
SELECT is(pg_temp.health(id), 'paused', 'R3.7: a paused one is paused') FROM one;
SELECT is(pg_temp.reason(id), format('paused by %s 0 s ago: lunch', session_user), 'by whom, since when and why') FROM one;
SELECT campaign_resume(id) FROM one;
SELECT campaign.report_conflict(id, 'VIP', 2, 'another one'), campaign.report_stored(ARRAY[id], ARRAY['VIP'], ARRAY[1::bigint], ARRAY[3::bigint]) FROM one;
SELECT is(pg_temp.health(id) || (campaign_health(id) ->> 'hasFailedJobs'), 'degradedtrue', 'R3.7: one with a conflict is degraded') FROM one;
SELECT campaign.outbox_mark(id, 'NORMAL', 1, 4), campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[1::bigint], ARRAY[2::bigint]) FROM one;

-- Its recipients -----------------------------------------------------------------------------
CREATE FUNCTION pg_temp.places(id text, state text, rows int DEFAULT 100) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg((r ->> 'class') || (r ->> 'seq'), ' ' ORDER BY n)
   FROM jsonb_array_elements(campaign_recipients(id, ARRAY[state], rows) -> state) WITH ORDINALITY AS r (r, n) $$;
SELECT is(pg_temp.places(id, state), places, 'R3.6: ' || state) FROM one,
    (VALUES ('completed', 'VIP1 VIP3 NORMAL1 NORMAL2'), ('failed', 'VIP2'), ('active', 'NORMAL3 NORMAL4'), ('waiting', 'NORMAL5'), ('delayed', NULL)) AS v (state, places);
SELECT is(pg_temp.places(id, 'completed', 3), 'VIP1 VIP3 NORMAL1', 'so many of them') FROM one;
SELECT throws_ok($$ SELECT campaign_recipients((SELECT id FROM one), '{sleeping}') $$, '22023', NULL, 'there is no such state');
SELECT is((SELECT string_agg(k.key || jsonb_array_length(k.value), ' ' ORDER BY k.key) FROM jsonb_each(campaign_recipients(id)) AS k),
    'active2 completed4 delayed0 failed1 waiting1', 'R3.6: as many as the counters say') FROM one;

-- Its log ------------------------------------------------------------------------------------
SELECT is((SELECT string_agg(l ->> 'event', ', ' ORDER BY n) FROM campaign_logs(one.id, 3) WITH ORDINALITY AS a (l, n)),
    'class stored, class started, queued → publishing', 'R3.8: the last lines') FROM one;
SELECT is((SELECT count(*) FROM campaign_logs(id, 1000) AS l WHERE l ->> 'event' = 'publishing → paused'
    OR l ->> 'event' = 'queued → paused' AND l ->> 'by' = session_user AND l ->> 'reason' = 'lunch'), 1::bigint,
    'R3.8: with who and why') FROM one;
SELECT is((SELECT count(*) FROM campaign_logs(id, 0)), 0::bigint, 'none') FROM one;
SELECT campaign_cancel(id) FROM one;
SELECT is(pg_temp.places(id, 'cancelled'), 'NORMAL3 NORMAL4 NORMAL5', 'R3.6: those who never get it') FROM one;
SELECT is((SELECT string_agg(k.key || jsonb_array_length(k.value), ' ' ORDER BY k.key) FROM jsonb_each(campaign_recipients(id)) AS k),
    'active0 cancelled3 completed4 delayed0 failed1 waiting0', 'R3.6: they are listed where there are some') FROM one;
SELECT is(campaign_health(id) ->> 'health' || (campaign_health(id) ->> 'aborted'), 'abortedtrue', 'R3.7: a cancelled one is aborted') FROM one;
-- After the clock was set back by two minutes, all of it has happened in the future.
CREATE TEMPORARY TABLE later AS SELECT pg_temp.draft(0, 300) AS id;
SELECT campaign_dispatch(id), campaign.outbox_mark(id, 'NORMAL', 0, 200), campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[1::bigint], ARRAY[100::bigint]) FROM later;
SELECT pg_temp.quiet(id, -120) FROM later;
SELECT is(campaign_health(id) ->> 'isStuck', 'true', 'R3.7: a clock that is set back hides no stall') FROM later;
SELECT ok((campaign_health(id) ->> 'since')::timestamptz <= clock_timestamp(), 'and none began in the future') FROM later;
SELECT campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[101::bigint], ARRAY[200::bigint]) FROM later;
SELECT is(campaign_health(id) ->> 'isStuck', 'false', 'R3.7: what moves since then is not stuck') FROM later;
CREATE TEMPORARY TABLE made AS SELECT campaign_create('health', 'hello') AS id;
SELECT campaign_generate(id, 10) FROM made;
UPDATE campaign.runs r SET updated_at = clock_timestamp() + interval '2 minutes' FROM made WHERE r.campaign_id = made.id;
SELECT is(pg_temp.reason(id), 'waiting for a job worker since 0 s', 'R3.7: nor one of generating') FROM made;
UPDATE campaign.runs r SET updated_at = clock_timestamp() - interval '7 seconds' FROM made WHERE r.campaign_id = made.id;
UPDATE campaign.jobs j SET status = 'scheduled', error = 'no way', run_at = now() + interval '1 hour' FROM made, campaign.runs r WHERE r.campaign_id = made.id AND j.id = r.job_id;
SELECT is(pg_temp.reason(id), 'generating its records failed and is tried again: no way; nothing has moved for 7 s', 'R3.7: what a job waits for') FROM made;
UPDATE campaign.jobs j SET status = 'running', worker_pid = 1, attempts = 1 FROM made, campaign.runs r WHERE r.campaign_id = made.id AND j.id = r.job_id;
SELECT is(pg_temp.reason(id), 'the job that generates its records is held up, nothing has moved for 7 s', 'R3.7: or that it is at work') FROM made;
UPDATE campaign.jobs j SET status = 'failed', worker_pid = NULL, finished_at = clock_timestamp() - interval '3 seconds' FROM made, campaign.runs r WHERE r.campaign_id = made.id AND j.id = r.job_id;
SELECT is(pg_temp.health(id) || ', ' || pg_temp.reason(id), 'error, generating its records failed: no way', 'R3.7: or that it has failed') FROM made;
SELECT is(extract(epoch FROM clock_timestamp() - (campaign_health(id) ->> 'since')::timestamptz)::int, 3, 'R3.7: since then') FROM made;
CREATE TEMPORARY TABLE done AS SELECT pg_temp.draft(0, 5) AS id;
SELECT campaign_dispatch(id), campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[1::bigint], ARRAY[5::bigint]) FROM done;
SELECT is(pg_temp.health(id) || ', ' || pg_temp.reason(id), 'healthy, all is stored since 0 s', 'R3.7: one that is sent is healthy') FROM done;
CREATE TEMPORARY TABLE unreached AS SELECT pg_temp.draft(2, 3) AS id;
SELECT campaign_dispatch(id) FROM unreached;
SELECT campaign.report_fates(ARRAY[id, id], '{VIP,NORMAL}', '{1,1}', '{2,3}', ARRAY[id], '{f,f}', 'nobody',
    (SELECT jsonb_agg(jsonb_build_object('campaign', id, 'class', f.class, 'seq', f.seq, 'state', f.state, 'code', 'x', 'text', 'x', 'attempts', 1))
     FROM (VALUES ('VIP', 2, 'failed'), ('NORMAL', 1, 'unknown'), ('NORMAL', 3, 'failed')) AS f (class, seq, state)), 5, 2, 1) FROM unreached;
SELECT is(pg_temp.health(id) || (campaign_health(id) ->> 'hasFailedJobs'), 'degradedtrue', 'R3.7: one with somebody whom a gateway could not reach is degraded') FROM unreached;
SELECT is(campaign_health(id) -> 'counters', '{"waiting": 0, "active": 0, "completed": 3, "failed": 2, "delayed": 0}', 'R3.7: they count as failed') FROM unreached;
SELECT is(campaign_run_status(id) #> '{progress,processedTotal}', '5', 'R3.4: and as processed') FROM unreached;
SELECT is(pg_temp.places(id, 'failed') || ', ' || pg_temp.places(id, 'completed'), 'VIP2 NORMAL3, VIP1 NORMAL1 NORMAL2', 'R3.6: as which they are listed') FROM unreached;
-- Confirmed at once and published again and again while its consumer does nothing.
CREATE TEMPORARY TABLE again AS SELECT pg_temp.draft(0, 300) AS id;
SELECT campaign_dispatch(id), campaign.outbox_mark(id, 'NORMAL', 0, 300), pg_temp.quiet(id, 60) FROM again;
SELECT campaign.outbox_rewind(id, 'NORMAL'), campaign.outbox_mark(id, 'NORMAL', 1, 300) FROM again;
SELECT is((SELECT status FROM campaign.campaigns c WHERE c.id = again.id), 'published', 'confirmed again') FROM again;
SELECT is(campaign_health(id) ->> 'isStuck' || extract(epoch FROM clock_timestamp() - (campaign_health(id) ->> 'since')::timestamptz)::int,
    'true60', 'R3.7: what is published again does not move, and stands still since then') FROM again;
SELECT cmp_ok((campaign_run_status(id) -> 'enqueueNormalTimeMs')::int, '<', 1000, 'R3.4: it was confirmed when it was confirmed first') FROM again;
SELECT campaign.report_stored(ARRAY[id], '{NORMAL}', '{100}', '{200}'), pg_temp.quiet(id, 60) FROM again;
SELECT campaign.report_stored(ARRAY[id], '{NORMAL}', '{100}', '{150}') FROM again;
SELECT is(campaign_health(id) ->> 'isStuck', 'true', 'R3.7: nor does what is stored already') FROM again;
SELECT campaign_limit(id, 100) FROM again;
SELECT is(campaign_health(id) ->> 'isStuck', 'false', 'R3.7: somebody who does something with it moves it') FROM again;
UPDATE campaign.progress p SET stored = '{[1,301)}' FROM again WHERE p.campaign_id = again.id;
SELECT pg_temp.quiet(id, 60) FROM again;
SELECT is(pg_temp.reason(id), 'all of it is stored, and the worker has not ended it for 60 s', 'R3.7: a worker that does not end what is stored') FROM again;
SELECT is(campaign.duration_words(NULL), NULL, 'a duration that there is not');
SELECT is(campaign.duration_words(d::interval), words, 'a duration of ' || d) FROM (VALUES ('-1 s', '0 s'), ('119.9 s', '119 s'), ('3 min', '3 min'), ('5 h 59 min', '5 h'), ('99 h', '4 days')) AS v (d, words);

SELECT * FROM finish();
ROLLBACK;
