-- 84_recipient_states.sql - the state of each recipient: as rows, as CSV, and how much is read for it.
BEGIN;
SELECT plan(45);
\ir ../support/campaigns.sql

CREATE FUNCTION pg_temp.fate(id text, class text, seq bigint, state text, reason text DEFAULT 'a reason') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('campaign', id, 'class', class, 'seq', seq, 'state', state, 'code', 'blocked', 'text', reason, 'attempts', 2)
$$;
-- "class seq state" of each, in order
CREATE FUNCTION pg_temp.listed(id text, states text[] DEFAULT NULL, rows integer DEFAULT 100, after_class text DEFAULT NULL, after_seq bigint DEFAULT 0) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', left(class, 1) || seq, state), ', ' ORDER BY place)
    FROM campaign_recipient_list(id, states, rows, after_class, after_seq) WITH ORDINALITY
        AS l (class, seq, phone_number, state, code, reason, attempts, resolved, retried_in, updated_at, place)
$$;
-- How many of each state the list has, and the status
CREATE FUNCTION pg_temp.adds_up(id text) RETURNS boolean LANGUAGE sql AS $$
    SELECT bool_and((SELECT count(*) FROM campaign_recipient_list(id, ARRAY[s.state], 10000)) = (campaign_status(id) ->> s.state)::bigint)
    FROM unnest('{pending,sending,sent,failed,unknown,suppressed,expired,cancelled}'::text[]) AS s (state)
    WHERE s.state <> 'pending' OR campaign_status(id) ->> 'status' <> 'cancelled'
$$;

-- Each state --------------------------------------------------------------------------------------
SELECT pg_temp.dispatched(2, 10) AS id \gset
SELECT is(pg_temp.listed(:'id'), (SELECT string_agg('V' || n || ' pending', ', ') FROM generate_series(1, 2) AS n) || ', ' || (SELECT string_agg('N' || n || ' pending', ', ') FROM generate_series(1, 10) AS n),
    'R5.3: at first everybody is pending, VIPs first');
SELECT campaign.sender_begin('host:84:1', 'one', 'simulate', '{}', 'host', 'campaign.parallel') AS sender \gset
SELECT campaign.sender_hold(:'sender', ARRAY[:'id'], '{NORMAL}', '{7}', '{8}');
SELECT campaign.report_conflict(:'id', 'NORMAL', 6, 'another message');
SELECT campaign.report_fates(ARRAY[:'id', :'id', :'id', :'id'], '{VIP,NORMAL,NORMAL,NORMAL}', '{1,1,5,6}', '{2,4,5,6}', '{}', '{f,f,t,f}', :'sender',
    jsonb_build_array(pg_temp.fate(:'id', 'VIP', 2, 'unknown'), pg_temp.fate(:'id', 'NORMAL', 2, 'failed'), pg_temp.fate(:'id', 'NORMAL', 3, 'unknown')), 5, 1, 0);
SELECT is(pg_temp.listed(:'id'), 'V1 sent, V2 unknown, N1 sent, N2 failed, N3 unknown, N4 sent, N5 suppressed, N6 failed, N7 sending, N8 sending, N9 pending, N10 pending',
    'R5.3: the state of each');
SELECT ok(pg_temp.adds_up(:'id'), 'R5.3: as many of each as the status says');
SELECT is(pg_temp.listed(:'id', '{sent}'), 'V1 sent, N1 sent, N4 sent', 'R5.3: those who were sent to');
SELECT is(pg_temp.listed(:'id', '{failed}'), 'N2 failed, N6 failed', 'R5.3: those who have failed, at the gateway and in MongoDB');
SELECT is(pg_temp.listed(:'id', '{unknown,suppressed}'), 'V2 unknown, N3 unknown, N5 suppressed', 'R5.3: several states, in order');
SELECT is(pg_temp.listed(:'id', '{sent,failed}'), 'V1 sent, N1 sent, N2 failed, N4 sent, N6 failed', 'R5.3: nobody twice');
SELECT is(pg_temp.listed(:'id', '{pending,sending}'), 'N7 sending, N8 sending, N9 pending, N10 pending', 'R5.3: unsent');
SELECT is((SELECT string_agg(concat_ws('|', seq, code, reason, attempts), ', ') FROM campaign_recipient_list(:'id', '{failed}')),
    '2|blocked|a reason|2, 6|refused|MongoDB refused it, or holds another message in its place', 'R5.3: with the reason');

-- Pages -------------------------------------------------------------------------------------------
SELECT is(pg_temp.listed(:'id', rows => 3), 'V1 sent, V2 unknown, N1 sent', 'R5.3: page by page, from one class into the next');
SELECT is(pg_temp.listed(:'id', rows => 3, after_class => 'NORMAL', after_seq => 1), 'N2 failed, N3 unknown, N4 sent', 'the next page');
SELECT is(pg_temp.listed(:'id', rows => 3, after_class => 'VIP', after_seq => 1), 'V2 unknown, N1 sent, N2 failed', 'one that begins with VIPs');
SELECT is(pg_temp.listed(:'id', '{failed,unknown}', 2), 'V2 unknown, N2 failed', 'of some states');
SELECT is(pg_temp.listed(:'id', '{failed,unknown}', 2, 'NORMAL', 2), 'N3 unknown, N6 failed', 'the next one');
SELECT is(pg_temp.listed(:'id', after_class => 'NORMAL', after_seq => 10), NULL, 'the last one is empty');
SELECT is((SELECT concat_ws(' ', class, seq, state) FROM campaign_recipient_list(:'id', number => '+88800000000003')), 'NORMAL 3 unknown', 'R5.3: by number');
SELECT is((SELECT concat_ws(' ', class, seq, state) FROM campaign_recipient_list(:'id', number => '88811110000001')), 'VIP 1 sent', 'without its plus');
SELECT is_empty(format('SELECT * FROM campaign_recipient_list(%L, ''{failed}'', number => ''+88800000000003'')', :'id'), 'who is in another state is not listed');
SELECT is_empty(format('SELECT * FROM campaign_recipient_list(%L, number => ''+88800000000099'')', :'id'), 'nor is a stranger');
SELECT throws_ok(format('SELECT campaign_recipient_list(%L, ''{lost}'')', :'id'), '22023', NULL, 'R5.3: no other state');
SELECT throws_ok(format('SELECT campaign_recipient_list(%L, rows => 10001)', :'id'), '22023', NULL, 'no page without end');
SELECT throws_ok('SELECT campaign_recipient_list(''nobody'')', 'P0002', NULL, 'of a campaign that there is');

-- Who sent ----------------------------------------------------------------------------------------
SELECT is((SELECT concat_ws(' ', name, gateway, alive, processed, failed) FROM campaign.sender_shares_of(ARRAY[:'id'])), 'one simulate t 7 1',
    'R1.4: who has sent it, and how many: left out is not processed');
SELECT campaign.report_fates(ARRAY[:'id'], '{NORMAL}', '{1}', '{4}', '{}', '{f}', :'sender', '[]', 5, 1, 0);
SELECT is((SELECT processed FROM campaign.sender_shares_of(ARRAY[:'id'])), 7::bigint, 'R1.4: the same report again counts nothing');
SELECT is((SELECT string_agg(event || ' ' || name, ', ') FROM campaign_sender_events(1)), 'began one', 'R1.4: its beginning is an event');

-- CSV ---------------------------------------------------------------------------------------------
SELECT results_eq(format('SELECT campaign_export(%L, ''{failed,unknown}'')', :'id'), ARRAY['phone_number,class,seq,state,code,reason,attempts',
    '+88811110000002,VIP,2,unknown,blocked,a reason,2', '+88800000000002,NORMAL,2,failed,blocked,a reason,2',
    '+88800000000003,NORMAL,3,unknown,blocked,a reason,2', '+88800000000006,NORMAL,6,failed,refused,"MongoDB refused it, or holds another message in its place",'],
    'R5.3: CSV, a line a recipient');
SELECT is((SELECT string_agg(campaign.csv_cell(c), ' ; ' ORDER BY n) FROM unnest(ARRAY['=1+1', '+1+1', '-1', '@x', E'\tx', E'\rx', '+5511987654321', 'a"b', 'a,b', E'a\nb', ' a', NULL, 'ã'])
    WITH ORDINALITY AS u (c, n)), '''=1+1 ; ''+1+1 ; ''-1 ; ''@x ; '' x ; '' x ; +5511987654321 ; "a""b" ; "a,b" ; a b ; " a" ;  ; ã',
    'R5.3: what would be a formula begins with an apostrophe, a number with its plus');
SELECT is(campaign.csv_cell('+5511987654321,=1'), '"''+5511987654321,=1"', 'R5.3: what only begins like a number is none');
SELECT is(campaign.csv_cell('a;=1+1'), '"a,=1+1"', 'R5.3: a semicolon begins no other cell');
SELECT throws_ok(format('SELECT campaign_export(%L, ''{lost}'')', :'id'), '22023', NULL, 'R5.3: no other state');
SELECT throws_ok('SELECT campaign_export(''nobody'')', 'P0002', NULL, 'of a campaign that there is');

-- Over ----------------------------------------------------------------------------------------------
SELECT campaign_cancel(:'id');
SELECT is(pg_temp.listed(:'id', '{pending,cancelled}'), 'N9 cancelled, N10 cancelled', 'R3.6: who will never be sent to');
SELECT ok(pg_temp.adds_up(:'id') IS NOT NULL, 'all states are listed');

-- How much is read --------------------------------------------------------------------------------
-- The most rows of a scan, of all plans inside of the function.
CREATE FUNCTION pg_temp.reads(question text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
    rows CONSTANT text := 'SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + 1000000 * seq_scan) FROM pg_stat_xact_user_tables '
        'WHERE relid IN (''campaign.recipients''::regclass, ''campaign.fates''::regclass)';
    found bigint;
BEGIN
    EXECUTE rows INTO before;
    EXECUTE question;
    EXECUTE rows INTO found;
    RETURN found - before;
END $$;
SELECT pg_temp.dispatched(0, 30000) AS large \gset
SELECT campaign.report_fates(ARRAY[:'large'], '{NORMAL}', '{1}', '{20000}', '{}', '{f}', :'sender', jsonb_build_array(
    pg_temp.fate(:'large', 'NORMAL', 5, 'failed'), pg_temp.fate(:'large', 'NORMAL', 19999, 'failed')), 5, 1, 0);
SELECT is(pg_temp.listed(:'large', rows => 1, after_class => 'NORMAL', after_seq => 19998), 'N19999 failed', 'R5.3: any one');
SELECT cmp_ok(pg_temp.reads(format('SELECT campaign_recipient_list(%L, NULL, 1, ''NORMAL'', 19998)', :'large')), '<=', 3::bigint, 'R5.3: is found by the index, however many there are');
SELECT cmp_ok(pg_temp.reads(format('SELECT campaign_recipient_list(%L, ''{failed}'', 10)', :'large')), '<=', 6::bigint, 'R5.3: who has failed, too');
SELECT pg_temp.dispatched(0, 5000) AS failed \gset
SELECT campaign.report_fates(ARRAY[:'failed'], '{NORMAL}', '{1}', '{4999}', '{}', '{f}', :'sender',
    (SELECT jsonb_agg(pg_temp.fate(:'failed', 'NORMAL', n, 'failed')) FROM generate_series(1, 4999) AS n), 5, 1, 0);
SELECT cmp_ok(pg_temp.reads(format('SELECT campaign_recipient_list(%L, NULL, 1, ''NORMAL'', 4990)', :'failed')), '<=', 30::bigint, 'R5.3: also among many who have failed');
SELECT cmp_ok(pg_temp.reads(format('SELECT campaign_recipient_list(%L, NULL, 5, ''NORMAL'', 2000)', :'failed')), '<=', 40::bigint, 'R5.3: and a page of them');
SELECT cmp_ok(pg_temp.reads(format('SELECT campaign_recipient_list(%L, ''{pending}'', 10)', :'large')), '<=', 11::bigint, 'R5.3: and who is pending');
SELECT cmp_ok(pg_temp.reads(format('SELECT campaign_recipient_list(%L, number => ''+88800000029000'')', :'large')), '<', 1000000::bigint, 'R5.3: a number is looked for in its campaign alone');
CREATE INDEX ON campaign.recipients (phone_number, campaign_id);
SELECT is((SELECT seq FROM campaign_recipient_list(:'large', number => '+88800000029000')), 29000::bigint, 'R5.3: a number is found');
SELECT cmp_ok(pg_temp.reads(format('SELECT campaign_recipient_list(%L, number => ''+88800000029000'')', :'large')), '<=', 4::bigint, 'R5.3: by an index, if there is one');
DECLARE lines CURSOR FOR SELECT campaign_export(:'large');
SELECT seq_tup_read + idx_tup_fetch AS before FROM pg_stat_xact_user_tables WHERE relid = 'campaign.recipients'::regclass \gset
MOVE 100 FROM lines;
SELECT cmp_ok(seq_tup_read + idx_tup_fetch - :before, '<=', 10000::bigint, 'R5.3: line by line, without having read all of it') FROM pg_stat_xact_user_tables WHERE relid = 'campaign.recipients'::regclass;
CLOSE lines;
SELECT is((SELECT count(*) FROM (SELECT campaign_export(:'large')) AS e), 30001::bigint, 'R5.3: all of it as CSV');
SELECT is((SELECT array_agg(split_part(line, ',', 3)::integer ORDER BY place) FROM (SELECT row_number() OVER () AS place, line FROM (SELECT campaign_export(:'large', '{sent,pending}') AS line) AS e) AS n WHERE place > 1),
    ARRAY(SELECT n FROM generate_series(1, 30000) AS n WHERE n NOT IN (5, 19999)), 'R5.3: in order');
SELECT * FROM finish();
ROLLBACK;
