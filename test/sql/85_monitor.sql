-- What campaign-monitor is told: which campaigns, in which order, and the same figures as the tables.
BEGIN;
SELECT plan(37);
\ir ../support/campaigns.sql

CREATE FUNCTION pg_temp.store(id text, class text, through bigint) RETURNS void LANGUAGE sql AS
$$ SELECT campaign.outbox_mark(id, class, 0, through), campaign.report_stored(ARRAY[id], ARRAY[class], ARRAY[1::bigint], ARRAY[through]) $$;
-- The names that are shown, in their order.
CREATE FUNCTION pg_temp.names(shown int, ended int, watched text[] DEFAULT '{}', only_id text DEFAULT NULL) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(m.name, ' ') FILTER (WHERE m.kind = 'campaign') FROM campaign.monitor(shown, ended, watched, only_id) m $$;
-- As if it had been dispatched so many seconds ago.
CREATE FUNCTION pg_temp.age(id text, seconds int) RETURNS void LANGUAGE sql AS
$$ UPDATE campaign.campaigns c SET queued_at = c.queued_at - seconds * interval '1 second' WHERE c.id = age.id $$;

UPDATE campaign.campaigns SET deleted = true;
SELECT results_eq('SELECT kind, total FROM campaign.monitor(10, 10, ''{}'')', $$ VALUES ('all', 0::bigint) $$,
    'R1.3: without a campaign, there is a row that says so');

CREATE TEMPORARY TABLE made AS
SELECT n.name, pg_temp.draft(3, 7, n.name) AS id FROM unnest('{draft,running,older,paused,planned,sent,cancelled}'::text[]) AS n (name);
CREATE FUNCTION pg_temp.id(name text) RETURNS text LANGUAGE sql AS $$ SELECT m.id FROM made m WHERE m.name = id.name $$;
SELECT campaign_dispatch(id) FROM made WHERE name NOT IN ('draft', 'planned');
SELECT campaign_schedule(pg_temp.id('planned'), '2099-01-01T00:00:00Z');
SELECT campaign_pause(pg_temp.id('paused'));
SELECT pg_temp.age(pg_temp.id('older'), 60);
SELECT pg_temp.store(pg_temp.id('sent'), 'VIP', 3), pg_temp.store(pg_temp.id('sent'), 'NORMAL', 7);
SELECT campaign_cancel(pg_temp.id('cancelled'));

-- Which ones, and in which order -----------------------------------------------------------------
SELECT is(pg_temp.names(10, 0), 'older running paused planned', 'R1.3: what runs first, no draft, nothing that has ended');
SELECT is(pg_temp.names(10, 1), 'older running paused planned cancelled', 'the last one that has ended, if it is asked for');
SELECT is(pg_temp.names(10, 0, ARRAY[pg_temp.id('sent'), pg_temp.id('running')]), 'older running paused planned sent', 'one that is watched stays when it has ended');
SELECT is(pg_temp.names(10, 1, ARRAY[pg_temp.id('cancelled')]), 'older running paused planned cancelled', 'and counts among the last ones: no older one comes');
SELECT is(pg_temp.names(2, 5), 'older running', 'so many of them');
SELECT is((SELECT total FROM campaign.monitor(2, 5, '{}') WHERE kind = 'all'), 6::bigint, 'of how many');
SELECT is(pg_temp.names(10, 5, '{}', pg_temp.id('draft')), 'draft', 'one alone, whatever it is');
SELECT is(pg_temp.names(10, 5, '{}', 'nosuchcampaign'), NULL, 'none, if there is no such campaign');
UPDATE campaign.campaigns c SET deleted = true WHERE c.id IN (pg_temp.id('older'), pg_temp.id('cancelled'));
SELECT is(pg_temp.names(10, 5, ARRAY[pg_temp.id('cancelled')]), 'running paused planned sent', 'none that is deleted');
UPDATE campaign.campaigns c SET test_of = pg_temp.id('draft') WHERE c.id = pg_temp.id('sent');
SELECT is(pg_temp.names(10, 5), 'running paused planned', 'no test that has ended');
SELECT is((SELECT string_agg(kind || coalesce(' ' || class, ''), ', ') FROM campaign.monitor(10, 0, '{}', pg_temp.id('running'))),
    'all, campaign, class VIP, class NORMAL', 'R1.3: classes follow their campaign, in the order of publishing');

-- The figures ----------------------------------------------------------------------------------------
SELECT pg_temp.store(pg_temp.id('running'), 'VIP', 3);
SELECT campaign.report_conflict(pg_temp.id('running'), 'NORMAL', 2, 'another one');
SELECT pg_temp.store(pg_temp.id('running'), 'NORMAL', 5);
UPDATE campaign.progress p SET suppressed = '{[4,5)}' WHERE p.campaign_id = pg_temp.id('running') AND p.class = 'NORMAL';
SELECT is(to_jsonb(m) - '{at,rate,mean_ms,sending_mean_ms,left_ms}'::text[], jsonb_build_object('kind', 'campaign', 'id', m.id, 'name', 'running',
        'class', NULL, 'published', 8, 'sent', (s ->> 'stored')::int, 'failed', (s ->> 'failed')::int, 'suppressed', (s ->> 'suppressed')::int,
        'status', s ->> 'status', 'total', (s ->> 'total')::int, 'health', 'degraded', 'reason', 'it is being sent'),
    'R1.3: a campaign''s figures are those of campaign_status()')
FROM campaign.monitor(10, 0, '{}') m, campaign_status(m.id) s WHERE m.kind = 'campaign' AND m.name = 'running';
SELECT results_eq($$ SELECT class, total, published, sent, failed, suppressed FROM campaign.monitor(10, 0, '{}', pg_temp.id('running')) WHERE kind = 'class' $$,
    $$ VALUES ('VIP', 3::bigint, 3::bigint, 3::bigint, 0::bigint, 0::bigint), ('NORMAL', 7, 5, 3, 1, 1) $$, 'R1.3: and of its classes');
SELECT is((SELECT count(DISTINCT at) FROM campaign.monitor(10, 0, '{}')), 1::bigint, 'all of them of one moment');
SELECT is((SELECT provolatile FROM pg_proc WHERE oid = 'campaign.monitor(int,int,text[],text)'::regprocedure), 's',
    'R1.3: they are of the caller''s snapshot');

-- Pace, means and end: ten seconds after the dispatch, four after the first confirm.
UPDATE campaign.campaigns c SET queued_at = clock_timestamp() - interval '10 seconds' WHERE c.id = pg_temp.id('running');
UPDATE campaign.progress p SET started_at = c.queued_at + interval '6 seconds', stored_at = c.queued_at + interval '10 seconds'
FROM campaign.campaigns c WHERE c.id = p.campaign_id AND c.id = pg_temp.id('running');
SELECT results_eq($$ SELECT mean_ms, sending_mean_ms, rate, left_ms FROM campaign.monitor(10, 0, '{}', pg_temp.id('running')) WHERE kind = 'campaign' $$,
    $$ VALUES (10000 / 7::float8, 4000 / 7::float8, NULL::float8, NULL::bigint) $$, 'R1.3: average times of a message, since queueing and of sending; no pace without samples');
UPDATE campaign.progress p SET samples = ARRAY[ms, 0, ms + 1000, 2, ms + 2000, 4], sample_after = clock_timestamp()
FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 2000 AS ms) AS s
WHERE p.campaign_id = pg_temp.id('running') AND p.class = 'NORMAL';
SELECT results_eq($$ SELECT kind, class, rate, left_ms FROM campaign.monitor(10, 0, '{}', pg_temp.id('running')) WHERE kind <> 'all' $$,
    $$ VALUES ('campaign', NULL, 2::float8, 1000::bigint), ('class', 'VIP', NULL, NULL), ('class', 'NORMAL', 2, NULL) $$,
    'R1.3: the pace is that of the class that is being sent, and the end follows from it');
UPDATE campaign.progress p SET stored_at = p.stored_at - interval '1 hour' WHERE p.campaign_id = pg_temp.id('running');
SELECT is((SELECT rate FROM campaign.monitor(10, 0, '{}', pg_temp.id('running')) WHERE kind = 'campaign'), NULL, 'what does not move has no pace');
SELECT is((SELECT reason FROM campaign.monitor(10, 0, '{}', pg_temp.id('paused')) WHERE kind = 'campaign'),
    format('paused by %s 0 s ago', session_user), 'R1.3: the sentence of campaign_health()');
SELECT is((campaign.monitor_health('nosuchcampaign')).reason, 'it is deleted', 'a campaign that is deleted at this moment is no error');

-- A monitor sees no recipient: what others say may name one.
CREATE FUNCTION pg_temp.reason(name text) RETURNS text LANGUAGE sql AS $$ SELECT reason FROM campaign.monitor_health(pg_temp.id(name)) $$;
UPDATE campaign.campaigns c SET status = 'failed', error = 'nobody could be reached: 21211: The ''To'' number +5511955500101 is not a valid phone number'
WHERE c.id = pg_temp.id('sent');
SELECT is(pg_temp.reason('sent'), 'failed: nobody could be reached: 21211: The ''To'' number … is not a valid phone number', 'R7.6: not in the words of a provider');
SELECT campaign_pause(pg_temp.id('running'), 'call (11) 95555-0101 first');
SELECT matches(pg_temp.reason('running'), '^paused by \S+ \d+ s ago: call … first$', 'R7.6: nor of who has stopped it');
SELECT campaign_resume(pg_temp.id('running'));
SELECT is(pg_temp.reason('planned'), 'scheduled for 2099-01-01T00:00:00Z', 'a time is none');
SELECT is(campaign.monitor_words(given), wanted, 'R7.6: ' || given) FROM (VALUES ('+55 11 95550-0101', '…'), ('to:5511955500101.', 'to:….'), ('12345678', '…'),
    ('1234567 of 100', '1234567 of 100'), ('NORMAL 5: 503', 'NORMAL 5: 503'), ('1. 2. 3', '1. 2. 3')) AS t (given, wanted);

-- The keys -------------------------------------------------------------------------------------------
SELECT is(campaign.monitor_control(pg_temp.id('running'), 'pause') || ' ' || campaign.monitor_control(pg_temp.id('running'), 'resume') || ' '
    || campaign.monitor_control(pg_temp.id('running'), 'cancel'), 'paused queued cancelled', 'three verbs');
SELECT throws_ok($$ SELECT campaign.monitor_control(pg_temp.id('running'), 'pause') $$, '55000', NULL, 'with their errors');
SELECT pg_temp.id('paused') AS paused \gset
CREATE ROLE somebody_at_a_monitor LOGIN IN ROLE campaign_monitor;
SET SESSION AUTHORIZATION somebody_at_a_monitor;
SELECT campaign.monitor_control(:'paused', 'resume');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT e.role FROM campaign_events(:'paused') e ORDER BY e.number DESC LIMIT 1), 'somebody_at_a_monitor',
    'R1.3: a member of the role is named as who did it');
SELECT throws_ok($$ SELECT campaign.monitor_control(pg_temp.id('paused'), 'reset') $$, '22023', NULL, 'and no other');

-- Senders --------------------------------------------------------------------------------------------
SELECT is((SELECT count(*) FROM campaign.monitor_senders()), 0::bigint, 'without senders there are none');
INSERT INTO campaign.senders (instance, name, gateway, settings, host, queue, pid, session_started_at, ended_at, processed, failed, sending_us)
SELECT i, n, 'simulate', '{}', 'host', 'campaign.parallel', pg_backend_pid(), a.backend_start, e, 70, 2, 105000
FROM pg_stat_get_activity(pg_backend_pid()) a,
    (VALUES ('a', 'alive', NULL), ('b', 'just over', clock_timestamp()), ('c', 'long over', clock_timestamp() - interval '1 hour')) AS s (i, n, e);
SELECT results_eq('SELECT * FROM campaign.monitor_senders()', $$ VALUES
    ('alive', 'simulate', 'host', 'alive', 0::bigint, 70::bigint, 2::bigint, 1.5::float8),
    ('just over', 'simulate', 'host', 'ended', 0::bigint, 70::bigint, 2::bigint, 1.5::float8) $$,
    'R1.4: the senders that live, or did a moment ago');
SELECT is((SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc p WHERE p.pronamespace = 'campaign'::regnamespace
           AND p.proname LIKE 'monitor%' AND has_function_privilege('campaign_monitor', p.oid, 'execute')),
    'monitor monitor_control monitor_senders', 'R1.3: the login may do this and nothing else');

SELECT * FROM finish();
ROLLBACK;
