-- Send windows: what is understood, when one is open, and that a campaign goes by it.
BEGIN;
SELECT plan(92);

-- What is understood -------------------------------------------------------------------------
SELECT is(campaign.window_minutes(given), wanted, given) FROM (VALUES
    ('09:00-18:00', '{540,1080,1980,2520,3420,3960,4860,5400,6300,6840,7740,8280,9180,9720}'::integer[]),
    ('Mon 9:00-18:00', '{540,1080}'), ('monday 09:00 - 18:00', '{540,1080}'), ('  MON 09:00-18:00 ', '{540,1080}'),
    ('Tue-Wed 00:00-24:00', '{1440,4320}'), ('Wed-Tue 00:00-24:00', '{0,10080}'), ('00:00-24:00', '{0,10080}'),
    ('Mon Wed 09:00-10:00', '{540,600,3420,3480}'), ('Mon, Wed 09:00-10:00', '{540,600,3420,3480}'),
    ('Fri - Mon 09:00-10:00', '{540,600,6300,6360,7740,7800,9180,9240}'),
    ('Mon 09:00-12:00, Mon 14:00-18:00', '{540,720,840,1080}'),
    ('Mon 09:00-12:00; Mon 12:00-18:00', '{540,1080}'), ('Mon 09:00-15:00, Mon 12:00-18:00', '{540,1080}'),
    ('Mon 22:00-02:00', '{1320,1560}'), ('Sun 22:00-02:00', '{0,120,9960,10080}'), ('Sun 22:00-00:00', '{9960,10080}'),
    ('Mon 00:00-00:01', '{0,1}')) AS t (given, wanted);
SELECT throws_ok(format('SELECT campaign.window_minutes(%L)', given), '22023', NULL, 'not understood: ' || given) FROM unnest(ARRAY[
    '', 'Mon', 'Mon-Fri', 'Mon 09:00', 'Mon 09:00-09:00', 'Mon 9-18', 'Mon 25:00-26:00', 'Mon 09:60-10:00', 'Mon 09:00-24:01', 'Mon 24:00-09:00',
    'Foo 09:00-10:00', 'Mon-Tue-Wed 09:00-10:00', 'Mon- 09:00-10:00', 'M 09:00-10:00', 'Mon 109:00-10:00', 'Mon 09:00-10:00,',
    'Mon 09:00-10:00 Tue', '09:00-10:00-11:00']) AS given;

-- When it is open ----------------------------------------------------------------------------
CREATE FUNCTION pg_temp.changes(hours text, zone text, since timestamptz, count integer) RETURNS text LANGUAGE sql AS $$
    WITH RECURSIVE steps AS (
        SELECT campaign.window_changes_at(campaign.window_minutes(hours), string_to_array(zone, ' '), since) AS at, 1 AS n
        UNION ALL
        SELECT campaign.window_changes_at(campaign.window_minutes(hours), string_to_array(zone, ' '), s.at), n + 1 FROM steps s WHERE n < count)
    SELECT string_agg(CASE WHEN campaign.window_is_open(campaign.window_minutes(hours), string_to_array(zone, ' '), at) THEN '+' ELSE '-' END
        || to_char(at AT TIME ZONE 'UTC', 'DD"T"HH24:MI:SS'), ' ' ORDER BY at) FROM steps $$;
SELECT is(pg_temp.changes('Mon-Fri 09:00-18:00', 'America/Sao_Paulo', '2026-11-27 15:00Z', 4),
    '-27T21:00:00 +30T12:00:00 -30T21:00:00 +01T12:00:00', 'it closes on Friday and opens on Monday');
SELECT is(pg_temp.changes('Sun 22:00-02:00', 'UTC', '2026-11-28 00:00Z', 2), '+29T22:00:00 -30T02:00:00', 'over midnight, and over the end of the week');
SELECT is(pg_temp.changes('Mon-Fri 00:00-24:00', 'Asia/Kolkata', '2026-11-28 00:00Z', 2), '+29T18:30:00 -04T18:30:00', 'what meets is one');
SELECT is(campaign.window_changes_at('{0,10080}', '{UTC}', now()), NULL, 'always open');
SELECT is(campaign.window_is_open('{540,1080}', '{UTC}', '2026-11-30 08:59:59.999999Z'), false, 'not a moment before');
SELECT is(campaign.window_is_open('{540,1080}', '{UTC}', '2026-11-30 09:00Z'), true, 'at its first moment');
SELECT is(campaign.window_is_open('{540,1080}', '{UTC}', '2026-11-30 18:00Z'), false, 'not at its end');
-- The clocks of New York skip 02:00 to 03:00 on 8 March 2026, and show 01:00 to 02:00 twice on 1 November.
SELECT is(pg_temp.changes('01:30-04:00', 'America/New_York', '2026-03-08 05:00Z', 2), '+08T06:30:00 -08T08:00:00', 'shorter by the hour that is skipped');
SELECT is(pg_temp.changes('02:30-04:00', 'America/New_York', '2026-03-08 05:00Z', 2), '+08T07:00:00 -08T08:00:00', 'it opens when the clock has passed its time');
SELECT is(pg_temp.changes('01:00-02:30', 'America/New_York', '2026-03-08 05:00Z', 2), '+08T06:00:00 -08T07:00:00', 'and closes so');
SELECT is(pg_temp.changes('02:15-02:45', 'America/New_York', '2026-03-08 05:00Z', 2), '+09T06:15:00 -09T06:45:00', 'hours that are skipped come the next day');
SELECT is(pg_temp.changes('00:30-03:00', 'America/New_York', '2026-11-01 04:00Z', 2), '+01T04:30:00 -01T08:00:00', 'longer by the hour that comes twice');
SELECT is(pg_temp.changes('01:15-01:45', 'America/New_York', '2026-11-01 04:00Z', 4),
    '+01T05:15:00 -01T05:45:00 +01T06:15:00 -01T06:45:00', 'hours that come twice open it twice');
SELECT is(pg_temp.changes('Mon-Fri 09:00-18:00', 'America/Sao_Paulo America/Manaus', '2026-11-27 15:00Z', 4),
    '-27T21:00:00 +30T13:00:00 -30T21:00:00 +01T13:00:00', 'of several zones all must be open');
SELECT is(pg_temp.changes('09:00-18:00', 'Europe/Kaliningrad Asia/Kamchatka', '2026-11-27 15:00Z', 1), NULL, 'which may never be');
SELECT ok(campaign.window_is_open('{0,60}', '{UTC,Nowhere/Land}', now()) IS NULL AND campaign.window_changes_at('{0,60}', '{UTC,Nowhere/Land}', now()) IS NULL,
    'nobody knows it of a zone that PostgreSQL does not have');

-- A campaign goes by it -------------------------------------------------------------------------
CREATE TEMPORARY TABLE one AS SELECT campaign_create('test', 'hello') AS id;
SELECT campaign_upload(id, E'5511900000001\n5511900000002\n5511900000003'::text) FROM one;
-- Windows around the day and the hour at which the test runs.
CREATE FUNCTION pg_temp.hours(opens interval, closes interval) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC' + opens, 'HH24:MI') || '-' || to_char(clock_timestamp() AT TIME ZONE 'UTC' + closes, 'HH24:MI') $$;
CREATE FUNCTION pg_temp.later() RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.hours('6 hours', '8 hours') $$;
CREATE FUNCTION pg_temp.now() RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.hours('-6 hours', '6 hours') $$;
CREATE FUNCTION pg_temp.active(id text) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM campaign.outbox_active(ARRAY[id]) $$;
CREATE FUNCTION pg_temp.halted(id text) RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM campaign.report_halted(ARRAY[id])) AND (SELECT bool_and(halted) FROM campaign.report_open(id))
        AND EXISTS (SELECT FROM campaign.report_stopped(ARRAY[id]) AS s WHERE s.halted) $$;

SELECT throws_ok(format('SELECT campaign_window(%L, %L)', id, '09:00-18:00'), '22023', NULL, 'it needs a zone') FROM one;
SELECT throws_ok(format('SELECT campaign_window(%L, %L, %L)', id, '09:00-18:00', 'UTC+3'), '22023', NULL, 'by name') FROM one;
SELECT throws_ok(format('SELECT campaign_window(%L, %L, %L)', id, '09:00-18:00', 'CET'), '22023', NULL, 'not by an abbreviation') FROM one;
SELECT throws_ok(format('SELECT campaign_window(%L, %L, recipients => true)', id, '09:00-18:00'), '22023', NULL, 'recipients have none of their own') FROM one;
SELECT is(campaign_window(id, pg_temp.later(), 'etc/utc') #>> '{window,time_zone}', 'Etc/UTC', 'a draft gets a window') FROM one;
SELECT campaign_dispatch(id), campaign.outbox_due() FROM one;
SELECT is(pg_temp.active(id), 0::bigint, 'closed: nothing to publish') FROM one;
SELECT ok(pg_temp.halted(id), 'nor to store') FROM one;
SELECT ok(NOT (s #>> '{window,open}')::boolean AND (s #>> '{window,until}')::timestamptz > now() + interval '5 hours', 'as its status says')
FROM one, campaign_status(id) AS s;
SELECT matches(h ->> 'reason', '^outside its send window until \d{4}-\d\d-\d\d \d\d:\d\d \(Etc/UTC\)$', 'and its health') FROM one, campaign_health(id) AS h;
SELECT matches((SELECT string_agg(reason, '|' ORDER BY number) FROM campaign_events(id)), '^send window .*\|outside its send window until', 'and its events') FROM one;
SELECT cmp_ok(campaign.outbox_due(), '>', 18000::double precision, 'the worker comes back when it opens');

SELECT campaign_window(id, pg_temp.now(), 'UTC', reason => 'now') FROM one;
SELECT ok(pg_temp.halted(id), 'a new window is closed until the worker opens it') FROM one;
SELECT ok(campaign.outbox_due() BETWEEN 21000 AND 21600, 'it opens, until a second before it closes');
SELECT is(pg_temp.active(id), 1::bigint, 'open: it is published') FROM one;
SELECT ok(NOT pg_temp.halted(id), 'and stored') FROM one;
SELECT campaign_window(id, pg_temp.hours('-7 hours', '7 hours'), 'UTC') FROM one;
SELECT ok(pg_temp.halted(id) AND pg_temp.active(id) = 0, 'a longer window ends the lease of the one before') FROM one;
SELECT ok(campaign.outbox_due() BETWEEN 24600 AND 25200, 'and the worker gives another');

-- The clock is set back: of what was given, and of what was not, all times lie ahead.
UPDATE campaign.send_windows w SET opened_at = opened_at + interval '1 hour' FROM one WHERE w.campaign_id = id;
SELECT ok(pg_temp.halted(id) AND pg_temp.active(id) = 0, 'a lease that begins in the future is none') FROM one;
SELECT ok(campaign.outbox_due() BETWEEN 24600 AND 25200, 'the worker gives another at once');
SELECT ok(NOT pg_temp.halted(id) AND pg_temp.active(id) = 1, 'by the clock as it is now') FROM one;
SELECT campaign_window(id, pg_temp.later(), 'UTC') FROM one;
UPDATE campaign.send_windows w SET halts_at = now() + interval '2 hours' FROM one WHERE w.campaign_id = id;
SELECT ok(pg_temp.halted(id) AND pg_temp.active(id) = 0, 'a window that nobody has opened is closed') FROM one;
SELECT campaign.outbox_due();
SELECT ok(pg_temp.halted(id) AND pg_temp.active(id) = 0, 'and stays so until its hours') FROM one;
SELECT campaign_window(id, pg_temp.hours('-7 hours', '7 hours'), 'UTC') FROM one;
SELECT campaign.outbox_due();
UPDATE campaign.send_windows w SET opened_at = opened_at + interval '1 hour', hours = pg_temp.later(), minutes = campaign.window_minutes(pg_temp.later())
FROM one WHERE w.campaign_id = id;
SELECT campaign.outbox_due();
SELECT ok(w.opened_at IS NULL AND w.turns_at > now() + interval '5 hours', 'a lease from the future of a window that is not open ends')
FROM one JOIN campaign.send_windows w ON w.campaign_id = id;
SELECT campaign_window(id, pg_temp.hours('-7 hours', '7 hours'), 'UTC') FROM one;
SELECT campaign.outbox_due();

-- What was published, and was not stored when it closed, is published again.
SELECT campaign.outbox_mark(id, 'NORMAL', p.rewinds, 3), campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[1], ARRAY[1])
FROM one JOIN campaign.progress p ON p.campaign_id = id;
SELECT is(campaign_status(id) ->> 'status', 'published', 'all of it is with the broker') FROM one;
UPDATE campaign.send_windows w SET halts_at = clock_timestamp() FROM one WHERE w.campaign_id = id;
SELECT ok(pg_temp.halted(id) AND pg_temp.active(id) = 0, 'at the end of the lease, whoever is away') FROM one;
UPDATE campaign.send_windows w SET turns_at = clock_timestamp() FROM one WHERE w.campaign_id = id;
SELECT campaign.outbox_due();
SELECT results_eq($$ SELECT published, rewinds = resumes FROM campaign.progress JOIN one ON campaign_id = id $$,
    $$ VALUES (1::bigint, true) $$, 'it opens from the end of what is stored');
SELECT is(campaign_status(id) ->> 'status', 'publishing', 'and is published again') FROM one;

-- A paused campaign stays paused, whatever its window does.
SELECT campaign_pause(id) FROM one;
UPDATE campaign.send_windows w SET halts_at = clock_timestamp(), turns_at = clock_timestamp() FROM one WHERE w.campaign_id = id;
SELECT campaign.outbox_due();
SELECT is(w.turns_at, 'infinity', 'nobody looks at the window of a paused campaign') FROM one JOIN campaign.send_windows w ON w.campaign_id = id;
SELECT campaign_window(id, pg_temp.later(), 'UTC') FROM one;
SELECT campaign.outbox_due();
SELECT is(campaign_resume(id) ->> 'status', 'queued', 'it is resumed') FROM one;
SELECT campaign.outbox_due();
SELECT ok(pg_temp.halted(id), 'and waits for its window') FROM one;
SELECT is(campaign_window(id, NULL) ->> 'window', NULL, 'which can be taken away') FROM one;
SELECT is(campaign.outbox_due(), NULL, 'then nothing is waited for');
SELECT ok(NOT pg_temp.halted(id) AND pg_temp.active(id) = 1, 'and it goes on') FROM one;

-- A zone that is gone with other files closes one campaign, and stops no other.
UPDATE campaign.send_windows w SET hours = '09:00-18:00', minutes = '{540,1080}', time_zones = '{Nowhere/Land}', turns_at = clock_timestamp(), halts_at = clock_timestamp()
FROM one WHERE w.campaign_id = id;
SELECT cmp_ok(campaign.outbox_due(), '>', 80000::double precision, 'the worker does not know the zone, and goes on');
SELECT ok(pg_temp.halted(id) AND pg_temp.active(id) = 0, 'closed without its zone') FROM one;
SELECT matches(campaign_health(id) ->> 'reason', 'never opens in Nowhere/Land', 'as its health says') FROM one;

-- What takes its place has the same window.
SELECT campaign_window(id, '00:00-12:00, 12:00-24:00', 'Asia/Kolkata') FROM one;
SELECT is(campaign.outbox_due(), NULL, 'a window without end has no end');
SELECT campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[1], ARRAY[3]) FROM one;
UPDATE campaign.send_windows w SET halts_at = clock_timestamp() FROM one WHERE w.campaign_id = id;
SELECT ok(NOT EXISTS (SELECT FROM campaign.report_stopped(ARRAY[id])) AND NOT EXISTS (SELECT FROM campaign.report_halted(ARRAY[id])),
    'nobody opens the window of what is over: what a person replays of it is not held up') FROM one;
INSERT INTO campaign.fates (campaign_id, class, seq, state, code, text, attempts) SELECT id, 'NORMAL', 2, 'failed', 'test', 'test', 1 FROM one;
SELECT is(s #>> '{window,hours}', '00:00-12:00, 12:00-24:00', 'who has failed is tried again in the window') FROM one, campaign_retry_failed(id) AS s;
SELECT is(s #>> '{window,time_zone}', 'Asia/Kolkata', 'the draft after a reset has it') FROM one, campaign_reset(id) AS s;
SELECT throws_ok(format('SELECT campaign_window(%L, NULL)', id), '55000', NULL, 'not of what is over') FROM one;

SELECT * FROM finish();
ROLLBACK;
