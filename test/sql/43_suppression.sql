-- R6.10: what reports, status and proofs make of recipients who were left out.
BEGIN;
SELECT plan(33);

SELECT campaign_create('c', 'm') AS id \gset
SELECT ok(campaign.outbox_unlisted(:'id', 'NORMAL'), 'without any list, the worker asks no more than this');
SELECT suppression_import(E'+5511987654321\n+5511987654324') AS imported \gset
SELECT is(campaign_upload(:'id', E'+5511987654321\n+5511987654322\n+5511987654323\n+5511987654324\n+5511987654325'),
    '{"accepted": 5, "duplicates": 0, "invalid": 0, "errors": [], "assumed": 0, "countries": {"BR": 5}, "suppressed": 2}',
    'an upload says how many are on a list');
SELECT ok(NOT campaign.outbox_unlisted(:'id', 'NORMAL'), 'with one it does');
UPDATE campaign.campaigns SET status = 'publishing' WHERE id = :'id';
SELECT is(campaign.outbox_suppressed(:'id', '{5511987654325,5511987654321,5511987654324}'), '{2,3}', 'the worker learns which');
SELECT is(left_out, '{}', 'nobody was left out before') FROM campaign.outbox_opt_outs(:'id', 'NORMAL', 1, 5, NULL);
SELECT is(numbers, NULL, 'without a horizon nothing is said of what came since') FROM campaign.outbox_opt_outs(:'id', 'NORMAL', 1, 5, NULL);
SELECT ok(numbers @> '{5511987654321,5511987654324}', 'with one, all that may have come since')
FROM campaign.outbox_opt_outs(:'id', 'NORMAL', 1, 5, '1:1:');
SELECT format('%s:%s:%s', x::text::bigint - 1, x::text::bigint + 1, x::text::bigint - 1) AS seen FROM pg_current_xact_id() AS x \gset
SELECT is(numbers, '{}', 'once: not as long as an older transaction goes on')
FROM campaign.outbox_opt_outs(:'id', 'NORMAL', 1, 5, :'seen');
SELECT ok(numbers @> '{5511987654321,5511987654324}', 'with those of a transaction that went on at that time')
FROM campaign.outbox_opt_outs(:'id', 'NORMAL', 1, 5, format('%1$s:%2$s:%1$s', pg_current_xact_id(), pg_current_xact_id()::text::bigint + 1)::pg_snapshot);
SAVEPOINT many;
INSERT INTO campaign.suppression_changes (number) VALUES (NULL);
SELECT is(numbers, NULL, 'after many, the lists are to be read again') FROM campaign.outbox_opt_outs(:'id', 'NORMAL', 1, 5, '1:1:');
SELECT is(numbers, '{}', 'once, too') FROM campaign.outbox_opt_outs(:'id', 'NORMAL', 1, 5, :'seen');
ROLLBACK TO many;
SELECT concat_ws(E'\n', is(numbers, '{5511987654321,5511987654324}', 'a page of all lists'), is(last_id, highest_id, 'to its end'))
FROM campaign.outbox_suppressions(0, 10);
SELECT is(last_id, NULL, 'behind which there is nothing')
FROM campaign.outbox_suppressions((SELECT max(s.id) FROM campaign.suppressions s), 10);

SELECT is_empty(format($$ SELECT * FROM campaign.report_checked('{%1$s,%1$s}', '{NORMAL,NORMAL}', '{1,2}', '{1,3}', '{}', '{t,f}') $$, :'id'),
    'a report with one who was left out');
SELECT concat_ws(E'\n', is(s -> 'stored', '2', 'the others are stored'), is(s -> 'suppressed', '1', 'and they are counted'),
    is(s -> 'progress_percent', '60.0', 'as done')) FROM campaign_status(:'id') AS s;
SELECT concat_ws(E'\n', is(stored_through, 3::bigint, 'the consumer goes on behind them'),
    is(failed, '{[1,2)}', 'and does not expect them'))
FROM campaign.report_open(:'id');
SAVEPOINT lifted;
UPDATE campaign.suppressions SET lifted_at = now();
SELECT ok(NOT campaign.outbox_unlisted(:'id', 'NORMAL'), 'nor is it enough when all lists are empty, but somebody was left out');
ROLLBACK TO lifted;
SELECT is(left_out, '{1}', 'the worker leaves them out again') FROM campaign.outbox_opt_outs(:'id', 'NORMAL', 1, 5, NULL);
SELECT is(class || total || failed, 'NORMAL52', 'before the end the consumer counts without them')
FROM campaign.report_checked(ARRAY[:'id', :'id'], '{NORMAL,NORMAL}', '{4,5}', '{4,5}', '{}', '{t,f}');
SELECT is(campaign_id || coalesce(class, ''), :'id', 'and then it ends')
FROM campaign.report_checked(ARRAY[:'id', :'id'], '{NORMAL,NORMAL}', '{4,5}', '{4,5}', ARRAY[:'id'], '{t,f}');
SELECT concat_ws(E'\n', is(s -> 'status', '"sent"', 'complete without them'), is(s -> 'stored', '3', 'three are stored'),
    is(s -> 'suppressed', '2', 'and two left out')) FROM campaign_status(:'id') AS s;
SELECT is((SELECT string_agg(r ->> 'seq', ' ') FROM jsonb_array_elements(campaign_recipients(:'id', '{suppressed}') -> 'suppressed') AS r),
    '1 4', 'they are listed');
SELECT is(leaves, 3::bigint, 'the proof expects three messages') FROM campaign.proof_pieces(:'id', 'VIP', 0, 1);
SELECT is(string_agg(campaign.seq_of_message('{[1,2),[4,5)}', n)::text, ' ' ORDER BY n), '0 2 3 5 6', 'the seqs of messages')
FROM generate_series(0, 4) AS n;

UPDATE campaign.campaigns SET status = 'publishing' WHERE id = :'id';
UPDATE campaign.progress p SET stored = '{[2,4)}' WHERE p.campaign_id = :'id';
SELECT campaign.report_stored(ARRAY[:'id'], '{NORMAL}', '{4}', '{4}') AS reported \gset
SELECT is(p.suppressed::text, '{[1,2)}', 'what MongoDB holds was sent') FROM campaign.progress p WHERE p.campaign_id = :'id';

DELETE FROM campaign.suppression_changes;
SELECT string_agg('+55119' || n, E'\n') AS many FROM generate_series(77000001, 77002000) AS n \gset
SELECT suppression_import(:'many') AS imported \gset
SELECT is((SELECT array_agg(c.number) FROM campaign.suppression_changes c), ARRAY[NULL::bigint], 'after many new ones the lists are read again');
SELECT suppression_import(:'many' || E'\n+5511987654399') AS imported \gset
SELECT is((SELECT array_agg(c.number ORDER BY c.number NULLS LAST) FROM campaign.suppression_changes c), '{5511987654399,NULL}',
    'but when the list is imported again, only what is new');

SELECT * FROM finish();
ROLLBACK;
