-- 82_fate_verbs.sql - looking at fates, deciding them, and trying again.
BEGIN;
SELECT plan(30);

SELECT campaign_create('test', 'hello {name|you}') AS id \gset
SELECT campaign.recipients_add(:'id', ARRAY['NORMAL', 'NORMAL', 'VIP', 'NORMAL', 'NORMAL', 'NORMAL']::campaign.recipient_class[],
    ARRAY['+888000000001', '+888000000002', '+888000000003', '+888000000004', '+888000000005', '+888000000006'],
    ARRAY[NULL, NULL, NULL, NULL, 'own', NULL], ARRAY['{"name": "A"}', NULL, '{"name": "V"}', NULL, NULL, NULL]::jsonb[]);
SELECT campaign_dispatch(:'id');
CREATE FUNCTION pg_temp.fate(id text, class text, seq bigint, state text, code text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('campaign', id, 'class', class, 'seq', seq, 'state', state, 'code', code, 'text', 'text of ' || code, 'attempts', 1)
$$;
CREATE FUNCTION pg_temp.counts(id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s ->> 'status', s ->> 'sent', s ->> 'failed', s ->> 'unknown') FROM campaign_status(id) AS s
$$;
SELECT throws_ok(format('SELECT campaign_retry_failed(%L)', :'id'), '55000', NULL, 'R5.3: nobody is tried again while the campaign runs');
SELECT campaign.report_fates(ARRAY[:'id', :'id'], '{VIP,NORMAL}', '{1,1}', '{1,5}', ARRAY[:'id'], '{f,f}', 'x', jsonb_build_array(
    pg_temp.fate(:'id', 'VIP', 1, 'unknown', 'in-doubt'), pg_temp.fate(:'id', 'NORMAL', 1, 'failed', 'blocked'),
    pg_temp.fate(:'id', 'NORMAL', 2, 'unknown', 'in-doubt'), pg_temp.fate(:'id', 'NORMAL', 4, 'failed', 'invalid'),
    pg_temp.fate(:'id', 'NORMAL', 5, 'failed', 'blocked')), 0, 0, 0);
SELECT is(pg_temp.counts(:'id'), 'sent 1 3 2', 'R5.3: the campaign is over');

-- Looking.
SELECT is((SELECT string_agg(concat_ws(' ', class, seq, phone_number, state, code), ', ' ORDER BY class DESC, seq) FROM campaign_fates(:'id')),
    'VIP 1 +888000000003 unknown in-doubt, NORMAL 1 +888000000001 failed blocked, NORMAL 2 +888000000002 unknown in-doubt, '
    'NORMAL 4 +888000000005 failed invalid, NORMAL 5 +888000000006 failed blocked', 'R5.3: who was not simply sent to is listed');
SELECT is((SELECT string_agg(class || seq, ' ') FROM campaign_fates(:'id', '{failed}')), 'NORMAL1 NORMAL4 NORMAL5', 'by state');
SELECT is((SELECT string_agg(class || seq, ' ') FROM campaign_fates(:'id', codes => '{blocked}')), 'NORMAL1 NORMAL5', 'by code');
SELECT is((SELECT string_agg(class || seq, ' ') FROM campaign_fates(:'id', rows => 2)), 'VIP1 NORMAL1', 'R5.3: page by page');
SELECT is((SELECT string_agg(class || seq, ' ') FROM campaign_fates(:'id', rows => 2, after_class => 'NORMAL', after_seq => 1)), 'NORMAL2 NORMAL4', 'the next page');
SELECT is_empty(format('SELECT * FROM campaign_fates(%L, after_class => ''NORMAL'', after_seq => 5)', :'id'), 'the last one');
SELECT throws_ok(format('SELECT campaign_fates(%L, rows => 0)', :'id'), '22023', NULL, 'a page has rows');
SELECT throws_ok('SELECT campaign_fates(''nobody'')', 'P0002', NULL, 'of a campaign that there is');
SELECT is((SELECT string_agg(concat_ws(' ', state, code, recipients, reason, phone_number), ', ') FROM campaign_reasons(:'id')),
    'failed blocked 2 text of blocked +888000000001, unknown in-doubt 2 text of in-doubt +888000000003, failed invalid 1 text of invalid +888000000005',
    'R5.3: reasons are counted, each with a sample');

-- Deciding.
SELECT throws_ok(format('SELECT campaign_resolve(%L, ''lost'', ''why'')', :'id'), '22023', NULL, 'R5.3: it is sent or failed');
SELECT throws_ok(format('SELECT campaign_resolve(%L, ''sent'', '' '')', :'id'), '22023', NULL, 'R5.3: and for a reason');
SELECT throws_ok(format('SELECT campaign_resolve(%L, ''sent'', ''why'', seqs => ''{1}'')', :'id'), '22023', NULL, 'of a class');
SELECT is(campaign_resolve(:'id', 'failed', 'the provider says so', 'NORMAL', '{1,2,3}'), 1::bigint, 'R5.3: only who is unknown');
SELECT is(campaign_resolve(:'id', 'sent', 'she has answered'), 1::bigint, 'R5.3: all others');
SELECT is(pg_temp.counts(:'id'), 'sent 2 4 0', 'R5.3: the counts follow');
SELECT campaign.report_fates(ARRAY[:'id'], '{NORMAL}', '{2}', '{2}', '{}', '{f}', 'x', jsonb_build_array(pg_temp.fate(:'id', 'NORMAL', 2, 'sent', '')), 0, 0, 0);
SELECT is(pg_temp.counts(:'id'), 'sent 2 4 0', 'R5.3: a person''s decision is final');
SELECT is((SELECT count(*) FROM campaign_events(:'id') WHERE reason LIKE '1 in doubt resolved as %'), 2::bigint, 'R5.3: and stands in the history');

-- Trying again.
SELECT campaign_retry_failed(:'id', '{blocked,resolved}') ->> 'id' AS retry \gset
SELECT is((SELECT string_agg(concat_ws(' ', class, seq, phone_number, text, attributes), ', ' ORDER BY class, seq) FROM campaign.recipients WHERE campaign_id = :'retry'),
    'NORMAL 1 +888000000001 {"name": "A"}, NORMAL 2 +888000000002, NORMAL 3 +888000000006', 'R5.3: only the failed, in order');
SELECT is((SELECT concat_ws(' ', status, total, message, placeholders) FROM campaign.campaigns WHERE id = :'retry'), 'queued 3 hello {name|you} t', 'R5.3: with the same text');
SELECT is(pg_temp.counts(:'id'), 'sent 2 4 0', 'R5.3: the others and the counts stay');
SELECT campaign_retry_failed(:'id') ->> 'id' AS rest \gset
SELECT is((SELECT string_agg(phone_number || text, ' ') FROM campaign.recipients WHERE campaign_id = :'rest'),
    '+888000000005own', 'R5.3: nobody twice, and each with their own text');
SELECT throws_ok(format('SELECT campaign_retry_failed(%L)', :'id'), 'P0002', NULL, 'R5.3: until nobody is left');

-- What nobody has of those who failed, others had: the placeholder is not misspelled.
SELECT campaign_create('test', 'Oi {nome|cliente}') AS id \gset
SELECT campaign.recipients_add(:'id', '{VIP,NORMAL,NORMAL}', '{+888000000001,+888000000002,+888000000003}', NULL,
    ARRAY[NULL, '{"nome": "Ana"}', '{"outro": "x"}']::jsonb[]);
SELECT campaign_dispatch(:'id');
SELECT campaign.report_fates(ARRAY[:'id', :'id'], '{VIP,NORMAL}', '{1,1}', '{1,2}', ARRAY[:'id'], '{f,f}', 'x', jsonb_build_array(
    pg_temp.fate(:'id', 'VIP', 1, 'failed', 'blocked'), pg_temp.fate(:'id', 'NORMAL', 2, 'failed', 'blocked')), 0, 0, 0);
SELECT campaign_retry_failed(:'id') AS answer \gset
SELECT is(:'answer'::jsonb ->> 'status', 'queued', 'R5.3: who has failed and has no name gets the default');
SELECT is((SELECT concat_ws(' ', message_version, own_texts) FROM campaign.campaigns WHERE id = :'answer'::jsonb ->> 'id'), '2 f', 'R5.3: as they are');
SELECT is((SELECT string_agg(concat_ws(' ', class, seq, phone_number), ', ' ORDER BY class, seq) FROM campaign.recipients
    WHERE campaign_id = :'answer'::jsonb ->> 'id'), 'VIP 1 +888000000001, NORMAL 1 +888000000003', 'R5.3: each in their class');

-- More than fits into an array of PostgreSQL: 70,000 texts of 16 kB. Stored they are small.
CREATE TEMPORARY TABLE long_text AS SELECT repeat('👋', 4096) AS text;
SELECT campaign_create('test', 'hello') AS id \gset
SELECT campaign.recipients_add(:'id', '{NORMAL}', '{+88800000000000}');
UPDATE campaign.campaigns SET total = 70001, own_texts = true, message_version = 2 WHERE id = :'id';
UPDATE campaign.progress SET total = 70001 WHERE campaign_id = :'id';
INSERT INTO campaign.recipients (campaign_id, class, seq, phone_number, text)
SELECT :'id', 'NORMAL', n + 1, '+888' || 10000000000 + n, t.text FROM long_text t, generate_series(1, 70000) AS n;
SELECT campaign_dispatch(:'id');
INSERT INTO campaign.fates (campaign_id, class, seq, state, code, text, attempts)
SELECT :'id', 'NORMAL', n + 1, 'failed', 'blocked', 'blocked', 1 FROM generate_series(1, 70000) AS n;
UPDATE campaign.campaigns SET status = 'sent' WHERE id = :'id';
SELECT campaign_retry_failed(:'id') AS answer \gset
SELECT is(:'answer'::jsonb -> 'total', '70000', 'R5.3: however many have failed, and whatever is known of them');
SELECT is((SELECT md5(string_agg(concat_ws(' ', class, seq + 1, phone_number), ',' ORDER BY seq)) FROM campaign.recipients
           WHERE campaign_id = :'answer'::jsonb ->> 'id'),
    (SELECT md5(string_agg(concat_ws(' ', class, seq, phone_number), ',' ORDER BY seq)) FROM campaign.recipients
     WHERE campaign_id = :'id' AND seq > 1), 'R5.3: in their order');
SELECT is((SELECT concat_ws(' ', p.total, c.own_texts, c.message_version) FROM campaign.campaigns c JOIN campaign.progress p ON p.campaign_id = c.id
    WHERE c.id = :'answer'::jsonb ->> 'id'), '70000 t 2', 'R5.3: each with their own text');
SELECT * FROM finish();
ROLLBACK;
