-- Making a proof: whoever has the password of campaign_consumer, and not the documents, proves nothing.
BEGIN;
SELECT plan(26);

SELECT is_empty(
    $$ SELECT p.oid::regprocedure, type FROM pg_proc p, unnest(coalesce(p.proallargtypes[p.pronargs + 1:], ARRAY[p.prorettype])) AS type
       WHERE p.pronamespace = 'campaign'::regnamespace AND has_function_privilege('campaign_consumer', p.oid, 'execute') AND type = 'bytea'::regtype $$,
    'R5.1: nothing that the consumer may call answers a hash');

CREATE TEMPORARY TABLE small AS SELECT campaign_create('small', 'Hello') AS id;
SELECT campaign_upload(id, E'+5511900000002\n+5511900000003\n') FROM small;
CREATE TEMPORARY TABLE large AS SELECT campaign_create('large', 'Hello') AS id;
SELECT campaign_upload(id, (SELECT string_agg('+888000' || n, E'\n') FROM generate_series(10000001, 10132072) AS n)) FROM large;
-- What only the documents say.
CREATE TEMPORARY TABLE documents AS
SELECT small.id, 0 AS number, p.hashes FROM small, campaign.proof_pieces(id, 'VIP', 0, 128) AS p
UNION ALL SELECT large.id, 0, p.hashes FROM large, campaign.proof_pieces(id, 'VIP', 0, 128) AS p
UNION ALL SELECT large.id, 1, p.hashes FROM large, campaign.proof_pieces(id, 'NORMAL', 131072, 128) AS p;
CREATE TEMPORARY TABLE attempts (name text PRIMARY KEY, attempt text, reported jsonb);
GRANT SELECT ON small, large TO campaign_consumer;
GRANT SELECT, INSERT, UPDATE ON attempts TO campaign_consumer;

-- The thief.
SET LOCAL ROLE campaign_consumer;
INSERT INTO attempts SELECT 'thief', b.attempt FROM small, campaign.proof_begin(id) AS b;
SELECT is((SELECT campaign.proof_window(attempt, 0) FROM attempts), 2::bigint, 'it hears how many messages there are');
SELECT is((SELECT campaign.proof_agree(attempt, 0, hashes) FROM attempts), 0, 'R5.1: and that its hashes are others')
FROM (VALUES (''::bytea), (decode(repeat('00', 32), 'hex')), (decode(repeat('00', 32 * 200), 'hex'))) AS guess (hashes);
SELECT is((SELECT campaign.proof_agree(attempt, 0, NULL) FROM attempts), 0, 'none are no hashes');
SELECT throws_ok('SELECT campaign.proof_window(attempt, 1) FROM attempts', '55000', NULL, 'R5.1: no window behind one that did not agree');
SELECT throws_ok('SELECT campaign.proof_window(attempt, -1) FROM attempts', '55000', NULL, 'nor before the first');
SELECT throws_ok('SELECT campaign.proof_agree(attempt, 1, '''') FROM attempts', '55000', NULL, 'and one that was not asked for agrees with nothing');
UPDATE attempts SET reported = campaign.proof_report(attempt, 'thief', 2, NULL);
SELECT is(reported - 'digest', '{"ok": false, "expected": 2, "difference": {"kind": "another root"}}', 'R5.1: its report is not believed') FROM attempts;
SELECT throws_ok('SELECT campaign.proof_report(''nobody'', ''thief'', 2, NULL)', '55000', NULL, 'nor one of no attempt');
INSERT INTO attempts SELECT 'hasty', b.attempt FROM small, campaign.proof_begin(id) AS b;
UPDATE attempts SET reported = campaign.proof_report(attempt, 'thief', 2, NULL) WHERE name = 'hasty';
SELECT is(reported -> 'ok', 'false', 'R5.1: nor one that asked for no window') FROM attempts WHERE name = 'hasty';
RESET ROLE;
SELECT is(campaign_verify(id, '0') -> 'ok', 'false', 'R5.1: and nothing verifies') FROM small;

-- Whoever has read the documents.
INSERT INTO attempts SELECT 'half', b.attempt FROM large, campaign.proof_begin(id) AS b;
SELECT is((SELECT campaign.proof_window(attempt, 0) FROM attempts WHERE name = 'half'), 131072::bigint, 'a whole window');
SELECT is((SELECT campaign.proof_agree(attempt, 0, overlay(hashes PLACING '\x00' FROM 5 * 32 + 7)) FROM attempts, documents JOIN large USING (id)
           WHERE name = 'half' AND number = 0), 5, 'the first piece that differs is named');
SELECT is((SELECT campaign.proof_agree(attempt, 0, hashes) FROM attempts, documents JOIN large USING (id) WHERE name = 'half' AND number = 0),
    NULL, 'none: it agrees');
INSERT INTO attempts SELECT 'whole', b.attempt FROM large, campaign.proof_begin(id) AS b;
UPDATE attempts SET reported = campaign.proof_report(attempt, 'test', 131072, NULL) WHERE name = 'half';
SELECT is(reported -> 'ok', 'false', 'R5.1: not all windows are no proof') FROM attempts WHERE name = 'half';
SELECT throws_ok('SELECT campaign.proof_window(attempt, 1) FROM attempts WHERE name = ''whole''', '55000', NULL,
    'R5.1: what agreed in another attempt did not in this one');
DO $$
DECLARE
    made text := (SELECT attempt FROM attempts WHERE name = 'whole');
    one record;
BEGIN
    FOR one IN SELECT d.* FROM documents d JOIN large USING (id) ORDER BY number LOOP
        PERFORM campaign.proof_window(made, one.number);
        PERFORM campaign.proof_agree(made, one.number, one.hashes);
    END LOOP;
    UPDATE attempts SET reported = campaign.proof_report(made, 'test', 132072, NULL) WHERE name = 'whole';
END
$$;
SELECT is(reported ->> 'digest', encode(campaign.proof_digest(132072, campaign.proof_root(
    (SELECT string_agg(hashes, '' ORDER BY number) FROM documents JOIN large USING (id)))), 'hex'), 'R5.1: all of them are')
FROM attempts WHERE name = 'whole';
SELECT throws_ok('SELECT campaign.proof_report(attempt, ''test'', 132072, NULL) FROM attempts WHERE name = ''whole''', '55000', NULL,
    'R5.1: once');
INSERT INTO attempts SELECT 'again', b.attempt FROM small, campaign.proof_begin(id) AS b;
SELECT is((SELECT campaign.proof_agree(attempt, 0, hashes) FROM documents JOIN small USING (id)), NULL, 'what agreed …')
FROM (SELECT attempt, campaign.proof_window(attempt, 0) FROM attempts WHERE name = 'again' OFFSET 0) AS asked;
SELECT is(campaign.proof_window(attempt, 0), 2::bigint, '… and is asked for again …') FROM attempts WHERE name = 'again';
UPDATE attempts SET reported = campaign.proof_report(attempt, 'test', 2, NULL) WHERE name = 'again';
SELECT is(reported -> 'ok', 'false', 'R5.1: … has to agree again') FROM attempts WHERE name = 'again';
SELECT is((SELECT bool_and(p.started_at <= p.checked_at AND p.started_at >= now()) FROM campaign.proofs p), true, 'PostgreSQL says when a proof began');
INSERT INTO attempts SELECT 'given up', b.attempt FROM small, campaign.proof_begin(id) AS b;
SELECT lives_ok('SELECT campaign.proof_give_up(attempt) FROM attempts', 'a proof is given up, whatever became of it');
SELECT is_empty('SELECT FROM campaign.proof_windows UNION ALL SELECT FROM campaign.proof_attempts', 'and nothing of the attempts is left');

SELECT * FROM finish();
ROLLBACK;
