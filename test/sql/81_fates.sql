-- 81_fates.sql - senders, what they hold, and the fates that they report.
BEGIN;
SELECT plan(51);
\ir ../support/campaigns.sql

CREATE FUNCTION pg_temp.fate(id text, seq bigint, state text, code text DEFAULT 'blocked') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('campaign', id, 'class', 'NORMAL', 'seq', seq, 'state', state, 'code', code, 'text', 'a reason', 'attempts', 2)
$$;
-- A report of one range, and the check that a consumer makes before a campaign ends.
CREATE FUNCTION pg_temp.report(sender text, id text, first_seq bigint, last_seq bigint, VARIADIC fates jsonb[]) RETURNS void LANGUAGE sql AS $$
    SELECT campaign.report_fates(ARRAY[id], ARRAY['NORMAL'], ARRAY[first_seq], ARRAY[last_seq], ARRAY[id], '{f}', sender, to_jsonb(fates), 10, 3, 5000)
$$;
CREATE FUNCTION pg_temp.counts(id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s ->> 'status', s ->> 'pending', s ->> 'sending', s ->> 'sent', s ->> 'failed', s ->> 'unknown') FROM campaign_status(id) AS s
$$;

SELECT campaign.sender_begin('host:1:1', 'one', 'simulate', '{"in_flight": 3}', 'host', 'campaign.parallel') AS sender \gset
SELECT pg_temp.dispatched(0, 10) AS id \gset
SELECT is(pg_temp.counts(:'id'), 'queued 10 0 0 0 0', 'R5.3: at first everybody is pending');
SELECT is_empty(format('SELECT campaign.sender_hold(%L, %L, %L, %L, %L)', :'sender', ARRAY[:'id'], '{NORMAL}', '{1}', '{4}'), 'nothing of what is claimed first was decided');
SELECT is(pg_temp.counts(:'id'), 'queued 6 4 0 0 0', 'R1.4: what a living sender holds is being sent');
SELECT campaign.sender_begin('host:3:3', 'three', 'simulate', '{}', 'host', 'campaign.parallel') AS waiting \gset
SELECT campaign.sender_hold(:'waiting', ARRAY[:'id'], '{NORMAL}', '{3}', '{4}');
SELECT is(pg_temp.counts(:'id'), 'queued 6 4 0 0 0', 'R5.3: who waits for it holds nothing more');
SELECT ok(campaign.sender_holds(:'id', 'NORMAL'), 'and is known to be held');
SELECT is(campaign.outbox_rewind(:'id', 'NORMAL'), NULL, 'R1.4: it has not stalled, and is not published again');
SELECT isnt(campaign.outbox_rewind(:'id', 'NORMAL', 1), NULL, 'unless a consumer says that something is missing');
SELECT is(campaign.sender_living(ARRAY[:'sender', 'nobody']), :'sender', 'it lives, and a stranger does not');

SELECT pg_temp.report(:'sender', :'id', 1, 4, pg_temp.fate(:'id', 2, 'failed'), pg_temp.fate(:'id', 3, 'unknown', 'in-doubt'));
SELECT is(pg_temp.counts(:'id'), 'queued 6 0 2 1 1', 'R5.3: sent, failed and unknown are counted');
SELECT is((SELECT count(*) FROM campaign.fates WHERE campaign_id = :'id'), 2::bigint, 'and only who is not simply sent has a row');
SELECT pg_temp.report(:'sender', :'id', 1, 4, pg_temp.fate(:'id', 2, 'failed'), pg_temp.fate(:'id', 3, 'unknown', 'in-doubt'));
SELECT is(pg_temp.counts(:'id'), 'queued 6 0 2 1 1', 'R5.3: the same report again changes nothing');
SELECT pg_temp.report(:'sender', :'id', 1, 4, pg_temp.fate(:'id', 1, 'unknown'), pg_temp.fate(:'id', 4, 'failed'));
SELECT is(pg_temp.counts(:'id'), 'queued 6 0 2 1 1', 'R5.3: what was sent is not doubted afterwards');
SELECT pg_temp.report(:'sender', :'id', 2, 3, pg_temp.fate(:'id', 2, 'sent', ''), pg_temp.fate(:'id', 3, 'sent', ''));
SELECT is(pg_temp.counts(:'id'), 'queued 6 0 3 1 0', 'R5.3: doubt ends when its sender says that it was sent; what failed has failed');
SELECT is((SELECT array_agg(r) FROM campaign.sender_hold(:'sender', ARRAY[:'id'], '{NORMAL}', '{3}', '{6}') AS r)::text,
    format('{"(%s,NORMAL,3,4)"}', :'id'), 'what was reported may not be sent again');
SELECT campaign.report_gap(:'id', 'NORMAL', 2);
SELECT is((SELECT array_agg(r) FROM campaign.sender_hold(:'sender', ARRAY[:'id'], '{NORMAL}', '{1}', '{6}') AS r)::text,
    format('{"(%s,NORMAL,1,4)"}', :'id'), 'not even if MongoDB has lost it');
SELECT pg_temp.report(:'sender', :'id', 1, 4, pg_temp.fate(:'id', 1, 'unknown'));
SELECT is(pg_temp.counts(:'id'), 'queued 4 2 3 1 0', 'R5.3: its fate stays what it was');

SELECT pg_temp.report(:'sender', :'id', 5, 10, pg_temp.fate(:'id', 9, 'unknown'), pg_temp.fate(:'id', 0, 'failed'), pg_temp.fate(:'id', 11, 'failed'));
SELECT is(pg_temp.counts(:'id'), 'sent 0 0 8 1 1', 'R5.3: it is sent when each has a final state, though some failed');
SELECT pg_temp.report(:'sender', :'id', 9, 9, pg_temp.fate(:'id', 9, 'failed'));
SELECT is(pg_temp.counts(:'id'), 'sent 0 0 8 2 0', 'R5.3: doubt may end later');
SELECT pg_temp.report(:'sender', :'id', 5, 5, pg_temp.fate(:'id', 5, 'failed'));
SELECT is(pg_temp.counts(:'id'), 'sent 0 0 8 2 0', 'R7.1: and nothing else changes then');

SELECT pg_temp.dispatched(0, 2) AS nobody \gset
SELECT pg_temp.report(:'sender', :'nobody', 1, 2, pg_temp.fate(:'nobody', 1, 'failed'), pg_temp.fate(:'nobody', 2, 'failed'));
SELECT is(pg_temp.counts(:'nobody'), 'failed 0 0 0 2 0', 'R5.3: a campaign that has reached nobody has failed');
SELECT is(campaign_status(:'nobody') ->> 'error', 'nobody could be reached: blocked: a reason', 'and says why');
SELECT pg_temp.dispatched(0, 2) AS doubtful \gset
SELECT pg_temp.report(:'sender', :'doubtful', 1, 2, pg_temp.fate(:'doubtful', 1, 'failed'), pg_temp.fate(:'doubtful', 2, 'unknown'));
SELECT is(pg_temp.counts(:'doubtful'), 'sent 0 0 0 1 1', 'R5.3: one that may have reached somebody has not');

-- Lost by MongoDB, and published again when they may not be sent to any more: as who is left out ----------------
CREATE FUNCTION pg_temp.left_out(sender text, id text, first_seq bigint, last_seq bigint, checked text[] DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', class, total, failed_count, left_out) FROM campaign.report_fates(ARRAY[id], '{NORMAL}', ARRAY[first_seq], ARRAY[last_seq],
        checked, '{t}', sender, '[]', 10, 3, 5000)
$$;
CREATE FUNCTION pg_temp.all_counts(id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s ->> 'status', s ->> 'pending', s ->> 'sent', s ->> 'failed', s ->> 'suppressed', s ->> 'expired') FROM campaign_status(id) AS s
$$;
SELECT pg_temp.dispatched(0, 10) AS late \gset
SELECT pg_temp.report(:'sender', :'late', 1, 8, pg_temp.fate(:'late', 4, 'failed'));
SELECT campaign.report_gap(:'late', 'NORMAL', 3);
UPDATE campaign.campaigns c SET valid_until = clock_timestamp() - interval '2 seconds' WHERE c.id = :'late';
SELECT campaign.outbox_due();
SELECT is(pg_temp.left_out(:'sender', :'late', 3, 9), NULL, 'R5.3: what MongoDB has lost is published without recipients behind the deadline');
SELECT is(pg_temp.all_counts(:'late'), 'queued 1 7 1 0 1', 'R5.3: who was reported as sent has not expired, nor who has failed');
SELECT is(failed::text, '{[3,10)}', 'and MongoDB need not have them') FROM campaign.report_open(:'late');
SELECT is(pg_temp.left_out(:'sender', :'late', 10, 10), 'NORMAL 10 8 8', 'so many are missing before the end');
SELECT is(pg_temp.left_out(:'sender', :'late', 10, 10, ARRAY[:'late']), '', 'which is there then');
SELECT is(pg_temp.all_counts(:'late'), 'sent 0 7 1 0 2', 'R5.3: all are final, each once');
SELECT is((SELECT string_agg(seq || state, ' ') FROM campaign_recipient_list(:'late', '{failed,expired}')), '4failed 9expired 10expired', 'and listed so');
SELECT is(campaign.messages_expected(:'late'), 8::bigint, 'R5.1: the proof asks for what MongoDB has lost');

SELECT pg_temp.dispatched(0, 6) AS opted \gset
SELECT pg_temp.report(:'sender', :'opted', 1, 4, VARIADIC '{}');
SELECT pg_temp.left_out(:'sender', :'opted', 5, 5);
SELECT campaign.report_gap(:'opted', 'NORMAL', 1);
SELECT pg_temp.left_out(:'sender', :'opted', 2, 5);
SELECT is(pg_temp.all_counts(:'opted'), 'queued 2 3 0 1 0', 'R6.10: who was sent to before they opted out was sent to; who was left out stays so');
SELECT pg_temp.report(:'sender', :'opted', 1, 3, VARIADIC '{}');
SELECT is(pg_temp.all_counts(:'opted'), 'queued 1 4 0 1 0', 'and stays so when it is stored again');
SELECT is(failed::text, '{[4,6)}', 'MongoDB has it then') FROM campaign.report_open(:'opted');
SELECT is((SELECT array_agg(r) FROM campaign.sender_hold(:'waiting', ARRAY[:'opted'], '{NORMAL}', '{1}', '{6}') AS r)::text,
    format('{"(%s,NORMAL,1,5)"}', :'opted'), 'R5.3: nobody sends to any of them');

SELECT pg_temp.dispatched(0, 5) AS refused \gset
SELECT campaign.report_conflict(:'refused', 'NORMAL', 2, 'refused');
SELECT campaign.report_checked(ARRAY[:'refused'], '{NORMAL}', '{1}', '{3}', '{}', '{t}');
SELECT is(pg_temp.all_counts(:'refused'), 'queued 2 0 1 2 0', 'R5.3: who was refused has failed, and was not left out as well');
SELECT is((SELECT concat_ws(' ', failed, left_out) FROM campaign.report_checked(ARRAY[:'refused'], '{NORMAL}', '{4}', '{5}', '{}')), '3 2',
    'R5.3: another document may be in the place of who was refused');
SELECT campaign.report_checked(ARRAY[:'refused', :'refused'], '{NORMAL,NORMAL}', '{3,4}', '{3,4}', '{}', '{f,t}');
SELECT is(pg_temp.all_counts(:'refused'), 'queued 1 1 1 2 0', 'R5.3: who was left out and is stored after all was sent to');
SELECT campaign.report_checked(ARRAY[:'refused', :'refused'], '{NORMAL,NORMAL}', '{4,4}', '{4,4}', '{}', '{f,t}');
SELECT is(pg_temp.all_counts(:'refused'), 'queued 1 2 1 1 0', 'R5.3: nor was left out who is stored by the same report');

SELECT pg_temp.dispatched(0, 3) AS stored \gset
SELECT campaign.report_stored(ARRAY[:'stored'], '{NORMAL}', '{1}', '{3}');
SELECT is(pg_temp.counts(:'stored'), 'sent 0 0 3 0 0', 'R0.17: to a consumer that only stores, stored is sent');

SELECT is((SELECT concat_ws(' ', name, gateway, settings, host, alive, held, processed, failed, mean_ms) FROM campaign_senders() WHERE instance = 'host:1:1'),
    'one simulate {"in_flight": 3} host t 0 10 3 0.5', 'R1.4: a sender is listed with what it has done');
SELECT campaign.sender_begin('host:1:1', 'one', 'simulate', '{"in_flight": 3}', 'host', 'campaign.messages.0');
SELECT is((SELECT count(*) FROM campaign_senders() WHERE instance = 'host:1:1'), 1::bigint, 'R1.4: all lanes of a process are one sender');

-- Another session, which is over.
SELECT pg_temp.dispatched(0, 5) AS left_over \gset
UPDATE campaign.senders SET session_started_at = session_started_at - interval '1 second',
    held_campaigns = ARRAY[:'left_over'], held_classes = '{NORMAL}', held_firsts = '{1}', held_lasts = '{3}'
WHERE id = :'sender';
SELECT is_empty(format('SELECT campaign.sender_living(ARRAY[%L])', :'sender'), 'R1.4: a sender whose session is over is dead at once');
SELECT is(pg_temp.counts(:'left_over'), 'queued 5 0 0 0 0', 'R1.4: what it held is not being sent');
SELECT isnt(campaign.outbox_rewind(:'left_over', 'NORMAL'), NULL, 'R1.4: and is published again if it stalls');
SELECT throws_ok(format('SELECT campaign.sender_hold(%L, %L, %L, %L, %L)', :'sender', ARRAY[:'id'], '{NORMAL}', '{1}', '{4}'),
    '55000', NULL, 'R1.4: nobody claims in its name');
SELECT campaign.sender_begin('host:2:2', 'two', 'simulate', '{}', 'host', 'campaign.parallel') AS second \gset
SELECT isnt(ended_at, NULL, 'R1.4: its end is kept') FROM campaign.senders WHERE id = :'sender';
SELECT is((SELECT ended_at IS NULL FROM campaign.senders WHERE id = :'second'), true, 'that of a living one is not');
SELECT throws_ok($$SELECT campaign.sender_begin('', 'x', 'simulate', '{}', 'h', 'campaign.parallel')$$, '22023', NULL, 'a sender has a name');
SELECT throws_ok($$SELECT campaign.sender_begin('i', 'x', 'simulate', '[]', 'h', 'campaign.parallel')$$, '22023', NULL, 'and settings');

SELECT is((SELECT count(*) FROM campaign.fates WHERE campaign_id = :'left_over'), 0::bigint, 'nobody has a fate who has none');
SELECT throws_ok(format('SELECT campaign.report_fates(ARRAY[%1$L], ''{NORMAL}'', ''{1}'', ''{1}'', ''{}'', ''{f}'', ''x'', %2$L, 0, 0, 0)', :'left_over',
    jsonb_build_array(pg_temp.fate(:'left_over', 1, 'lost'))), '23514', NULL, 'a fate is one of a few');
SELECT * FROM finish();
ROLLBACK;
