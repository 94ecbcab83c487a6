-- 66_deadlines.sql - deadlines: until when a campaign is published and sent, and what becomes of the rest.
BEGIN;
SELECT plan(82);
\ir ../support/campaigns.sql

CREATE FUNCTION pg_temp.counts(id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s ->> 'status', s ->> 'pending', s ->> 'sent', s ->> 'failed', s ->> 'suppressed', s ->> 'expired') FROM campaign_status(id) AS s
$$;
-- The deadline has passed, and the worker has noticed.
CREATE FUNCTION pg_temp.pass(id text) RETURNS void LANGUAGE sql AS $$
    UPDATE campaign.campaigns c SET valid_until = clock_timestamp() - interval '2 seconds' WHERE c.id = pass.id;
    SELECT campaign.outbox_due();
$$;
CREATE FUNCTION pg_temp.stop(id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', halted, CASE WHEN valid_ms > 0 THEN 'valid' WHEN valid_ms = 0 THEN 'over' END) FROM campaign.report_stopped(ARRAY[id])
$$;
CREATE FUNCTION pg_temp.left_out(id text, first_seq bigint, last_seq bigint) RETURNS void LANGUAGE sql AS $$
    SELECT campaign.report_checked(ARRAY[id], '{NORMAL}', ARRAY[first_seq], ARRAY[last_seq], ARRAY[id], '{t}')
$$;

-- Giving one ----------------------------------------------------------------------------------------
SELECT pg_temp.draft(0, 10) AS id \gset
SELECT throws_ok(format('SELECT campaign_deadline_set(%L, now() - interval ''1 second'')', :'id'), '22023', NULL, 'R5.3: a deadline is in the future');
SELECT throws_ok(format('SELECT campaign_deadline_set(%L, ''infinity'')', :'id'), '22023', NULL, 'and comes');
SELECT throws_ok(format('SELECT campaign_deadline_set(%L, valid_for => ''0'')', :'id'), '22023', NULL, 'and takes some time');
SELECT throws_ok(format('SELECT campaign_deadline_set(%L, now() + interval ''1 hour'', ''1 hour'')', :'id'), '22023', NULL, 'and is one of the two');
SELECT throws_ok('SELECT campaign_deadline_set(''nobody'', valid_for => ''1 hour'')', 'P0002', NULL, 'of a campaign that there is');
SELECT throws_ok(format('SELECT campaign_deadline_set(%L, valid_for => ''1000000 years'')', :'id'), '22023', NULL, 'within ten years');
SELECT throws_ok(format('SELECT campaign_deadline_set(%L, ''200000-01-01'')', :'id'), '22023', NULL, 'or a hundred');
SELECT is(campaign_deadline_set(:'id', valid_for => '1 hour') ->> 'valid_until', NULL, 'R5.3: a duration counts from the dispatch');
SELECT is(pg_temp.stop(:'id'), NULL, 'so nobody has to ask before');
SELECT campaign_dispatch(:'id');
SELECT is((campaign_status(:'id') ->> 'valid_until')::timestamptz - (campaign_status(:'id') ->> 'queued_at')::timestamptz BETWEEN interval '59 minutes 59 seconds' AND interval '1 hour 1 second', true,
    'R5.3: its deadline is known then');
SELECT is(pg_temp.stop(:'id'), 'f valid', 'R5.3: the consumer hears of it');
SELECT is((SELECT DISTINCT valid_ms BETWEEN 3500000 AND 3600000 FROM campaign.report_open(:'id')), true, 'R5.3: in milliseconds that are left');
SELECT is(campaign_deadline_set(:'id', now() + interval '2 hours') ->> 'status', 'queued', 'R5.3: it may be changed while it runs');
SELECT is((SELECT string_agg(split_part(reason, ' ', 1), ',' ORDER BY number) FROM campaign_events(:'id') WHERE source = target), 'deadline,deadline', 'R3.2: each stands in the history');
SELECT cmp_ok(campaign.outbox_due(), '<=', 7201::double precision, 'R5.3: the worker knows when it comes');

-- Passing ---------------------------------------------------------------------------------------------
SELECT campaign.report_stored(ARRAY[:'id'], '{NORMAL}', '{1}', '{3}');
SELECT campaign.outbox_mark(:'id', 'NORMAL', 0, 8);
UPDATE campaign.campaigns SET valid_until = clock_timestamp() - interval '1 ms' WHERE campaigns.id = :'id';
SELECT is_empty(format('SELECT * FROM campaign.outbox_active(ARRAY[%L])', :'id'), 'R5.3: nothing is published after it');
SELECT is(pg_temp.stop(:'id'), 'f over', 'R5.3: nothing is stored or sent, though the worker has not noticed yet');
SELECT results_eq(format('SELECT campaign.report_halted(ARRAY[%L])', :'id'), ARRAY[:'id'], 'R5.3: to whoever knows no deadlines it is halted');
SELECT throws_ok(format('SELECT campaign_deadline_set(%L, now() + interval ''1 hour'')', :'id'), '55000', NULL, 'R5.3: it cannot be put off any more');
SELECT campaign.outbox_due();
SELECT is((SELECT expired_at FROM campaign.campaigns WHERE campaigns.id = :'id'), NULL, 'R5.3: an insert that began before it has a second to end');
SELECT pg_temp.pass(:'id');
SELECT is((SELECT concat_ws(' ', published, stored_through, rewinds, expired) FROM campaign.outbox_active(ARRAY[:'id'])), '3 3 1 t', 'R5.3: the rest is published again, without recipients');
SELECT is(campaign_status(:'id') ->> 'rewinds', '0', 'nothing was lost');
SELECT is(pg_temp.counts(:'id'), 'publishing 7 3 0 0 0', 'R5.3: only consumers know what was begun');
SELECT campaign.outbox_due();
SELECT is((SELECT rewinds FROM campaign.outbox_active(ARRAY[:'id'])), 1, 'it expires once');
SELECT campaign.report_stored(ARRAY[:'id'], '{NORMAL}', '{4}', '{4}');
SELECT pg_temp.left_out(:'id', 4, 9);
SELECT is(pg_temp.counts(:'id'), 'publishing 1 4 0 0 5', 'R5.3: who was not sent to has expired; who was, was');
SELECT campaign.report_stored(ARRAY[:'id'], '{NORMAL}', '{5}', '{5}');
SELECT is(pg_temp.counts(:'id'), 'publishing 1 5 0 0 4', 'R5.3: what MongoDB holds after all was sent');
SELECT pg_temp.left_out(:'id', 10, 10);
SELECT is(pg_temp.counts(:'id'), 'sent 0 5 0 0 5', 'R5.3: the campaign is over when all are final');
SELECT is((SELECT string_agg(seq || state, ' ') FROM campaign_recipient_list(:'id', '{sent,expired}')), '1sent 2sent 3sent 4sent 5sent 6expired 7expired 8expired 9expired 10expired', 'R5.3: each is listed');
SELECT is(campaign.messages_expected(:'id'), 5::bigint, 'R5.1: MongoDB should hold the others');

-- On a list, and late ----------------------------------------------------------------------------------
SELECT pg_temp.draft(0, 4) AS listed \gset
SELECT campaign_deadline_set(:'listed', now() + interval '1 hour');
SELECT campaign_dispatch(:'listed');
SELECT pg_temp.left_out(:'listed', 1, 1);
SELECT pg_temp.pass(:'listed');
SELECT pg_temp.left_out(:'listed', 1, 3);
SELECT is(pg_temp.counts(:'listed'), 'queued 1 0 0 1 2', 'R6.10: who was left out before the deadline was on a list');
SELECT pg_temp.left_out(:'listed', 4, 4);
SELECT is(pg_temp.counts(:'listed'), 'failed 0 0 0 1 3', 'R5.3: a campaign that has reached nobody has failed');
SELECT is(campaign_status(:'listed') ->> 'error', 'nobody could be reached: its deadline had passed', 'and says why');
SELECT throws_ok(format('SELECT campaign_deadline_set(%L, now() + interval ''1 hour'')', :'listed'), '55000', NULL, 'a campaign that is over has no deadline');

-- Paused, cancelled, not dispatched -------------------------------------------------------------------
SELECT pg_temp.draft(0, 2, ordered => false) AS paused \gset
SELECT campaign_deadline_set(:'paused', now() + interval '1 hour');
SELECT campaign_dispatch(:'paused');
SELECT campaign_pause(:'paused');
SELECT pg_temp.pass(:'paused');
SELECT is(pg_temp.counts(:'paused'), 'queued 2 0 0 0 0', 'R5.3: nobody has to resume what can only expire');
SELECT is(pg_temp.stop(:'paused'), 'f over', 'and nothing of it is sent');
SELECT pg_temp.draft(0, 2) AS cancelled \gset
SELECT campaign_deadline_set(:'cancelled', now() + interval '1 hour');
SELECT campaign_dispatch(:'cancelled');
SELECT campaign_cancel(:'cancelled');
SELECT pg_temp.pass(:'cancelled');
SELECT is(pg_temp.counts(:'cancelled'), 'cancelled 2 0 0 0 0', 'R3.6: what is cancelled stays so');
SELECT pg_temp.draft(0, 2) AS late \gset
SELECT campaign_deadline_set(:'late', now() + interval '1 hour');
SELECT pg_temp.pass(:'late');
SELECT throws_ok(format('SELECT campaign_dispatch(%L)', :'late'), '55000', NULL, 'R5.3: nothing is dispatched after its deadline');
SELECT is(campaign_deadline_set(:'late') ->> 'valid_until', NULL, 'R5.3: a draft may lose it');
SELECT lives_ok(format('SELECT campaign_dispatch(%L)', :'late'), 'and goes then');
SELECT is(pg_temp.stop(:'late'), NULL, 'without one');
SELECT is((campaign_run_status(:'id') -> 'counts' ->> 'expired'), '5', 'R3.4: a run counts them');
SELECT is((SELECT string_agg(r ->> 'seq', ' ') FROM jsonb_array_elements(campaign_recipients(:'id') -> 'expired') AS r), '6 7 8 9 10', 'R3.6: and lists them');

-- Limited, with a canary, outside its window: what has expired is left out at once.
SELECT pg_temp.draft(0, 4) AS closed \gset
SELECT campaign_limit(:'closed', 0.01), campaign_canary(:'closed', 1), campaign_deadline_set(:'closed', now() + interval '1 hour'),
    campaign_window(:'closed', to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '6 hours', 'HH24:MI') || '-'
        || to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '8 hours', 'HH24:MI'), 'UTC');
SELECT campaign_dispatch(:'closed');
SELECT campaign.outbox_due();
SELECT is(pg_temp.stop(:'closed'), 't valid', 'R5.4: outside its window it is halted');
SELECT is_empty(format('SELECT * FROM campaign.outbox_active(ARRAY[%L])', :'closed'), 'R5.4: and waits');
SELECT pg_temp.pass(:'closed');
SELECT is(pg_temp.stop(:'closed'), 'f over', 'R5.3: until its deadline');
SELECT is((SELECT concat_ws(' ', expired, rate_thousandths, last, canary_is_over) FROM campaign.outbox_active(ARRAY[:'closed'])), 't 0 4 f',
    'R5.3: then all of it is left out, without a limit and without a canary');
SELECT pg_temp.left_out(:'closed', 1, 4);
SELECT is(pg_temp.counts(:'closed'), 'failed 0 0 0 0 4', 'R5.3: and it is over');
SELECT is(pg_temp.stop(:'closed'), 'f over', 'and stays so');

-- Put off: under the old deadline consumers may have left something out ------------------------------------
CREATE FUNCTION pg_temp.former(id text, distance interval) RETURNS void LANGUAGE sql AS $$
    UPDATE campaign.campaigns c SET former_deadline = clock_timestamp() + distance WHERE c.id = former.id;
$$;
CREATE FUNCTION pg_temp.kept(id text) RETURNS timestamptz[] LANGUAGE sql AS $$
    SELECT array_remove(former_deadline || later_deadlines, NULL) FROM campaign.campaigns c WHERE c.id = kept.id;
$$;
CREATE FUNCTION pg_temp.active(id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', published, stored_through, rewinds, expired) FROM campaign.outbox_active(ARRAY[id])
$$;
SELECT pg_temp.draft(0, 10) AS later \gset
SELECT campaign_deadline_set(:'later', now() + interval '1 hour');
SELECT campaign_deadline_set(:'later', now() + interval '2 hours');
SELECT is((SELECT former_deadline FROM campaign.campaigns WHERE campaigns.id = :'later'), NULL, 'R5.3: of a draft nothing was left out');
SELECT campaign_dispatch(:'later');
SELECT campaign.report_stored(ARRAY[:'later'], '{NORMAL}', '{1}', '{3}');
SELECT campaign.outbox_mark(:'later', 'NORMAL', 0, 8);
SELECT campaign_deadline_set(:'later', now() + interval '1 hour');
SELECT is((SELECT former_deadline FROM campaign.campaigns WHERE campaigns.id = :'later'), NULL, 'R5.3: nor by a deadline that comes earlier');
SELECT campaign_deadline_set(:'later', now() + interval '3 hours'), campaign_deadline_set(:'later');
SELECT is(pg_temp.kept(:'later'), ARRAY[now() + interval '1 hour', now() + interval '3 hours'], 'R5.3: both of two that were put off are kept');
SELECT is((SELECT former_deadline - now() FROM campaign.campaigns WHERE campaigns.id = :'later'), interval '1 hour', 'R5.3: of two that were put off the first one counts, of which consumers know');
SELECT campaign.outbox_due();
SELECT is(pg_temp.active(:'later'), '8 3 0 f', 'R5.3: put off in good time, nothing is published again');
SELECT is(pg_temp.kept(:'later'), '{}', 'and it is forgotten, and the other one with it');
SELECT pg_temp.former(:'later', interval '20 seconds');
SELECT cmp_ok(campaign.outbox_due(), '<=', 20::double precision, 'R5.3: put off just before it passes, the worker knows when it does');
SELECT is(pg_temp.active(:'later'), '8 3 0 f', 'R5.3: until then the campaign goes on');
SELECT pg_temp.former(:'later', interval '-1 ms');
SELECT is(pg_temp.active(:'later'), NULL, 'R5.3: when it has passed nothing is published over what was left out');
SELECT campaign.outbox_due();
SELECT is(pg_temp.active(:'later'), '3 3 1 f', 'R5.3: all that is not stored is published again');
SELECT is((SELECT concat_ws(' ', rewinds, resumes) FROM campaign.progress WHERE campaign_id = :'later'), '1 1', 'which was no loss');
SELECT is((SELECT reason FROM campaign_events(:'later') ORDER BY number DESC LIMIT 1), 'a deadline has passed that was put off: what was left out for it goes on', 'R3.2: it stands in the history');
SELECT is(campaign.outbox_mark(:'later', 'NORMAL', 0, 10), true, 'a confirm from before');
SELECT campaign.outbox_due();
SELECT is(pg_temp.active(:'later'), '3 3 1 f', 'does not count, and it is published again once');
SELECT campaign.outbox_mark(:'later', 'NORMAL', 1, 10);
SELECT is(campaign_status(:'later') ->> 'status', 'published', 'all of it is published');
SELECT pg_temp.former(:'later', interval '-1 ms'), campaign.outbox_due();
SELECT is(campaign_status(:'later') ->> 'status', 'publishing', 'R5.3: and again');
-- Several of them: consumers may have acted upon any of these.
SELECT pg_temp.draft(0, 10) AS twice \gset
SELECT campaign_dispatch(:'twice');
SELECT campaign.report_stored(ARRAY[:'twice'], '{NORMAL}', '{1}', '{3}');
SELECT campaign.outbox_mark(:'twice', 'NORMAL', 0, 10);
SELECT campaign_deadline_set(:'twice', now() + distance) FROM unnest(ARRAY['60 s', '90 s', '3 hours', '4 hours', '60 s', '5 hours']::interval[]) AS distance;
SELECT is(pg_temp.kept(:'twice'), ARRAY[now() + '60 s', now() + '90 s', now() + '3 hours'], 'R5.3: those that were put off are kept, each once, in their order');
SELECT campaign.outbox_due();
SELECT is(pg_temp.kept(:'twice'), ARRAY[now() + '60 s', now() + '90 s'], 'R5.3: one that was put off in good time is forgotten beside one that was not');
SELECT pg_temp.former(:'twice', interval '-1 ms'), campaign.outbox_due();
SELECT is(pg_temp.active(:'twice'), '3 3 1 f', 'R5.3: when the first has passed, all that is not stored is published again');
SELECT is(pg_temp.kept(:'twice'), ARRAY[now() + '90 s'], 'R5.3: and the second is waited for');
SELECT cmp_ok(campaign.outbox_due(), '<=', 90::double precision, 'by the worker, too');
SELECT campaign.outbox_mark(:'twice', 'NORMAL', 1, 10);
SELECT pg_temp.former(:'twice', interval '-1 ms');
SELECT is(pg_temp.active(:'twice'), NULL, 'R5.3: when that has passed nothing is published over what was left out');
SELECT campaign.outbox_due();
SELECT is(pg_temp.active(:'twice'), '3 3 2 f', 'R5.3: and it is published again as after the first');
SELECT is(pg_temp.kept(:'twice'), '{}', 'which was the last');
SELECT campaign.outbox_mark(:'twice', 'NORMAL', 2, 10);
UPDATE campaign.campaigns c SET former_deadline = clock_timestamp() - interval '2 ms', later_deadlines = ARRAY[clock_timestamp() - interval '1 ms']
WHERE c.id = :'twice';
SELECT campaign.outbox_due(), campaign.outbox_due();
SELECT is(pg_temp.active(:'twice'), '3 3 3 f', 'R5.3: what was left out for both is published again once');
-- A pause is not ended by it; the resume does what there is to do.
SELECT campaign_pause(:'later'), pg_temp.former(:'later', interval '-1 ms'), campaign.outbox_due();
SELECT is((SELECT concat_ws(' ', status, former_deadline IS NOT NULL) FROM campaign.campaigns WHERE campaigns.id = :'later'), 'paused t', 'R5.2: what is paused stays so');
SELECT campaign_resume(:'later'), campaign.outbox_due();
SELECT is(pg_temp.active(:'later'), '3 3 3 f', 'R5.2: its resume publishes all of it again, once');
-- Behind the next deadline there is nothing to go on with.
SELECT pg_temp.former(:'later', interval '10 seconds');
UPDATE campaign.campaigns c SET later_deadlines = ARRAY[clock_timestamp() + interval '20 seconds'] WHERE c.id = :'later';
SELECT pg_temp.pass(:'later');
SELECT is(pg_temp.kept(:'later'), '{}', 'R5.3: what has expired does not go on');
SELECT is(pg_temp.active(:'later'), '3 3 4 t', 'and expires once');
-- One that cannot go on stops no other.
SELECT pg_temp.draft(0, 1) AS stuck, pg_temp.draft(0, 1) AS free \gset
SELECT campaign_dispatch(id) FROM unnest(ARRAY[:'stuck', :'free']) AS id;
SELECT pg_temp.former(:'stuck', interval '-2 s'), pg_temp.former(:'free', interval '-1 s');
UPDATE campaign.progress SET rewinds = 2147483647 WHERE campaign_id = :'stuck';
SET LOCAL client_min_messages = error;
SELECT cmp_ok(campaign.outbox_due(), '>=', 1::double precision, 'R5.3: what cannot go on is tried again after a second');
RESET client_min_messages;
SELECT is(pg_temp.active(:'free'), '0 0 1 f', 'while the others do');

-- One campaign that cannot go on stops no other.
SELECT pg_temp.draft(0, 1) AS odd, pg_temp.draft(0, 1) AS even \gset
SELECT campaign_schedule(id, now() + interval '1 hour') FROM unnest(ARRAY[:'odd', :'even']) AS id;
UPDATE campaign.campaigns c SET scheduled_at = clock_timestamp() - interval '1 second',
    valid_for = CASE WHEN c.id = :'odd' THEN interval '300000 years' END
WHERE c.id IN (:'odd', :'even');
SET LOCAL client_min_messages = error;
SELECT cmp_ok(campaign.outbox_due(), '>=', 1::double precision, 'R3.6: what cannot be done is tried again after a second');
RESET client_min_messages;
SELECT is(campaign_status(:'odd') ->> 'status', 'scheduled', 'and waits');
SELECT is(campaign_status(:'even') ->> 'status', 'queued', 'R3.6: while the others go on');
SELECT * FROM finish();
ROLLBACK;
