-- The Merkle tree that PostgreSQL expects, proofs, receipts; without a consumer.
BEGIN;
SELECT plan(41);

CREATE FUNCTION pg_temp.node(a bytea, b bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT sha256('\x01' || a || b) $$;
CREATE FUNCTION pg_temp.part(t text) RETURNS bytea LANGUAGE sql AS
$$ SELECT int4send(octet_length(convert_to(t, 'UTF8'))) || convert_to(t, 'UTF8') $$;
CREATE FUNCTION pg_temp.leaf(class int, seq bigint, identifier text, number text, message text) RETURNS bytea LANGUAGE sql AS
$$ SELECT sha256('\x00' || substr(int4send(class), 4) || int8send(seq) || pg_temp.part(identifier) || pg_temp.part(number) || pg_temp.part(message)) $$;
-- A consumer that says of its first window, and reports, what it is told to.
CREATE FUNCTION pg_temp.prove(id text, size bigint, hashes bytea, difference jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS
$$
DECLARE
    attempt text := (SELECT b.attempt FROM campaign.proof_begin(id) AS b);
BEGIN
    PERFORM campaign.proof_window(attempt, 0);
    PERFORM campaign.proof_agree(attempt, 0, hashes);
    RETURN campaign.proof_report(attempt, 'test', size, difference);
END
$$;

CREATE TEMPORARY TABLE small AS SELECT campaign_create('small', 'Olá') AS id;
SELECT campaign_upload(id, E'+5511900000002\n+5511900000003\n') FROM small;
SELECT campaign_upload(id, E'+5511900000001\n', class => 'VIP') FROM small;
CREATE TEMPORARY TABLE leaves AS
SELECT m.*, pg_temp.leaf(m.class_number, m.message_seq, m.identifier, m.phone_number, 'Olá') AS leaf
FROM small, campaign.proof_messages(small.id, 'VIP', 0) AS m;
SELECT results_eq('SELECT class_number, message_seq, phone_number FROM leaves',
    $$ VALUES (0, 1::bigint, '+5511900000001'), (1, 1, '+5511900000002'), (1, 2, '+5511900000003') $$,
    'R5.1: VIP before NORMAL, each by seq');
SELECT is((SELECT count(DISTINCT identifier) FROM leaves WHERE identifier ~ '^[a-z][a-z0-9]{23}$'), 3::bigint, 'each with its identifier');
CREATE TEMPORARY TABLE root AS
SELECT pg_temp.node(pg_temp.node(vip.leaf, one.leaf), two.leaf) AS root FROM leaves vip, leaves one, leaves two
WHERE vip.class_number = 0 AND one.class_number = 1 AND one.message_seq = 1 AND two.message_seq = 2;
SELECT is((SELECT campaign.proof_root(p.hashes) FROM small, campaign.proof_pieces(small.id, 'VIP', 0, 1) AS p), root,
    'R5.1: PostgreSQL comes to the root of RFC 9162') FROM root;
SELECT results_eq('SELECT leaves, last_class, last_seq FROM small, campaign.proof_pieces(small.id, ''VIP'', 0, 1)',
    $$ VALUES (3::bigint, 'NORMAL', 2::bigint) $$, 'and says what it has read');
SELECT is((SELECT p.leaves FROM small, campaign.proof_pieces(small.id, 'NORMAL', 1, 1) AS p), 1::bigint, 'it goes on behind any message');
SELECT is((SELECT (p.leaves, p.hashes) FROM small, campaign.proof_pieces(small.id, 'NORMAL', 2, 1) AS p), (0::bigint, ''::bytea), 'and ends');
SELECT is(campaign.proof_root(''), sha256(''), 'the root of nothing');
SELECT throws_ok('SELECT campaign.proof_root(''\x00'')', '22023', NULL, 'no hash');
SELECT throws_ok('SELECT campaign.proof_pieces(''nobody'', ''VIP'', 0, 1)', 'P0002', NULL, 'no campaign');
SELECT throws_ok('SELECT campaign.proof_pieces(''nobody'', ''GOLD'', 0, 1)', '22023', NULL, 'no class');
SELECT is((SELECT (f.class_number, f.seq)::text FROM small, leaves l, campaign.proof_find(small.id, l.identifier) AS f
           WHERE l.message_seq = 2), '(1,2)', 'an identifier is found');
SELECT is((SELECT (f.class_number, f.seq)::text FROM small, campaign.proof_find(small.id, 'xxxxxxxxxxxxxxxxxxxxxxxx') AS f), '(,)', 'or is not');

-- Proofs.
SELECT is(campaign_verify(id) - 'expected', '{"ok": false, "stored": 0, "digest": null, "difference": null, "checked_at": null,
    "age_seconds": null, "fresh": false, "reason": "no consumer has looked for requests: start campaign-consumer, or run campaign-consumer --verify"}',
    'R5.1: without a consumer the answer comes at once') FROM small;
SELECT throws_ok(format('SELECT campaign_receipt(%L, %L)', id, '+5511900000001'), '55000', NULL, 'and there is no receipt') FROM small;
SELECT is(pg_temp.prove(id, 3, sha256('else')) -> 'difference', '{"kind": "another root"}', 'R5.1: another root is not believed') FROM small;
SELECT is(campaign_verify(id, '0') -> 'ok', 'false', 'nor does it verify') FROM small;
SELECT is(pg_temp.prove(id, 4, root) -> 'ok', 'false', 'R5.1: nor another size') FROM small, root;
SELECT is(pg_temp.prove(id, 3, root) ->> 'digest', encode(sha256('\x02' || int8send(3) || root), 'hex'), 'the same root is a proof') FROM small, root;
SELECT is(campaign_verify(id, '0') @> jsonb_build_object('ok', true, 'stored', 3, 'fresh', false,
    'digest', encode(sha256('\x02' || int8send(3) || root), 'hex')), true, 'R5.1: and verifies, but is not fresh') FROM small, root;
SELECT is(campaign_receipt(id, '5511900000003') - 'path' - 'digest', jsonb_build_object('size', 3, 'place', 2, 'seq', 2, 'text', 'Olá',
    'id', l.identifier, 'number', '+5511900000003'), 'R5.1: a receipt names the message') FROM small, leaves l WHERE message_seq = 2;
SELECT is(campaign_receipt(id, '+5511900000001') -> 'vip', '1', 'of whatever class') FROM small;
SELECT throws_ok(format('SELECT campaign_receipt(%L, %L)', id, '+5511900000009'), 'P0002', NULL, 'R5.1: none for somebody else') FROM small;
SELECT is(campaign.proof_base85('\x00000000ffffffff'), '00000|NsC0', 'base 85 as RFC 1924 has it');
SELECT is(pg_temp.prove(id, 2, '', '{"kind": "missing", "class": "NORMAL", "seq": 2}') -> 'ok', 'false', 'a later proof may fail') FROM small;
SELECT is(campaign_verify(id, '0') @> '{"ok": false, "stored": 2, "difference": {"seq": 2}}', true, 'R5.1: and is the one that counts') FROM small;
SELECT pg_temp.prove(id, 3, root) FROM small, root;
SELECT campaign_upload(id, E'+5511900000004\n') FROM small;
SELECT is(campaign_verify(id, '0') -> 'ok', 'false', 'R5.1: a proof of fewer is none') FROM small;
SELECT throws_ok('DELETE FROM campaign.proofs', '55000', NULL, 'R5.1: proofs are never deleted');
SELECT throws_ok('UPDATE campaign.proofs SET size = 1', '55000', NULL, 'nor changed');

-- Receipts stay short.
CREATE TEMPORARY TABLE large AS SELECT campaign_create('large', repeat('ã', 60)) AS id;
SELECT campaign_upload(id, (SELECT string_agg('+888000' || n, E'\n') FROM generate_series(10000001, 10003000) AS n)) FROM large;
SELECT pg_temp.prove(id, 3000, (SELECT p.hashes FROM campaign.proof_pieces(id, 'VIP', 0, 128) AS p)) FROM large;
SELECT is((SELECT max(octet_length(campaign_receipt(id, '+888000' || n)::text)) <= 1000 FROM generate_series(10000001, 10003000, 100) AS n), true,
    'R5.1: a receipt has at most 1 kB') FROM large;
SELECT is(length(campaign_receipt(id, '+88800010000001') ->> 'path'), 12 * 40, 'a hash for each level of the tree') FROM large;

-- Of a large campaign the piece of one recipient is there, the hashes of the others are made up. The first message is left out.
CREATE FUNCTION pg_temp.huge(size bigint, piece bigint) RETURNS jsonb LANGUAGE plpgsql AS
$$
DECLARE
    made text := campaign_create('huge', repeat('x', 200));
    hashes bytea;
BEGIN
    UPDATE campaign.campaigns c SET total = size + 1, message_version = 2 WHERE c.id = made;
    INSERT INTO campaign.progress (campaign_id, class, total, suppressed) VALUES (made, 'VIP', size + 1, '{[1,2)}');
    INSERT INTO campaign.recipients (campaign_id, class, seq, phone_number, attributes)
    SELECT made, 'VIP', piece * 1024 + 1 + n, '+88300000' || 1000000 + n, jsonb_build_object('a', repeat('a', 900)) FROM generate_series(1, 1024) AS n;
    SELECT string_agg(CASE n WHEN piece THEN p.hashes ELSE sha256(int8send(n)) END, '' ORDER BY n) INTO hashes
    FROM generate_series(0, (size - 1) / 1024) AS n, campaign.proof_pieces(made, 'VIP', piece * 1024 + 1, 1) AS p;
    INSERT INTO campaign.proof_hashes VALUES (made, 0, size, hashes);
    INSERT INTO campaign.proofs (number, campaign_id, after_sent, started_at, checker, root, size, expected)
    VALUES (nextval('campaign.proof_numbers'), made, true, now(), 'test', campaign.proof_root(hashes), size, size);
    RETURN campaign_receipt(made, '+883000001001024');
END
$$;
SELECT is((octet_length(r::text) <= 1000, length(r ->> 'path') / 40, r - '{id,path,number,digest}'::text[])::text,
    '(t,20,"{""vip"": 1048577, ""size"": 1048576, ""place"": 1048575, ""attributes"": true}")', 'R5.1: nor in a campaign of a million')
FROM pg_temp.huge(1048576, 1023) AS r;
SELECT is((octet_length(r::text) <= 1024, length(r ->> 'path') / 40, r -> 'place')::text, '(t,21,1500159)', 'R5.1: with a hash more, 24 bytes more')
FROM pg_temp.huge(2000000, 1464) AS r;

-- Requests stand in shared memory: what is asked for here is given back at the end.
CREATE FUNCTION pg_temp.ask(name text, account text DEFAULT '') RETURNS text LANGUAGE sql AS
$$ SELECT campaign.proof_ask('request ' || name, account) $$;
CREATE FUNCTION pg_temp.give_back(name text) RETURNS void LANGUAGE sql AS
$$ SELECT campaign.proof_take('request ' || name, true), campaign.proof_done('request ' || name, true) $$;
SELECT campaign.proof_asked();
SELECT campaign.proof_take(id, true), campaign.proof_done(id, true) FROM small;
SELECT is(pg_temp.ask('a'), NULL, 'a consumer has looked for requests: it will see this one');
SELECT pg_temp.ask('b'), pg_sleep(0.01), pg_temp.ask('a');
SELECT is(campaign.proof_asked(), 'request a', 'who asks again has waited since the first time');
SELECT results_eq($$ SELECT pg_temp.ask(n::text, 'ana') FROM generate_series(1, 4) AS n $$, $$ VALUES (NULL), (NULL), (NULL), (NULL) $$,
    'R7.2: an account waits for four proofs');
SELECT is(pg_temp.ask('5', 'ana'), 'this account waits for 4 proofs: ask again when one is there', 'and not for more');
SELECT set_config('request.jwt.claims', '{"user_id": "ana"}', true);
SELECT alike(campaign_verify(id, '0') ->> 'reason', 'this account waits%', 'R7.2: the account is the user of the request') FROM large;
SELECT set_config('request.jwt.claims', '', true);
SELECT results_eq($$ VALUES (pg_temp.ask('4', 'ana')), (pg_temp.ask('5', 'eve')), (pg_temp.ask('5', 'ana')) $$, $$ VALUES (NULL), (NULL), (NULL) $$,
    'it may ask again, others may ask, and it may wait for what they wait for');
SELECT pg_temp.give_back('1');
SELECT is(pg_temp.ask('6', 'ana'), NULL, 'one is there: it may ask for another');
SELECT is((SELECT array_agg(DISTINCT refused) FROM (SELECT pg_temp.ask(n::text) AS refused FROM generate_series(7, 99) AS n) AS asked
           WHERE refused IS NOT NULL), '{"too many proofs are waited for: ask again"}',
    'R5.1: without a place, nobody is sent to look for a consumer that is running');
SELECT pg_temp.give_back(name) FROM (SELECT unnest('{a,b}'::text[]) UNION SELECT n::text FROM generate_series(1, 99) AS n) AS asked (name);
SELECT is(campaign.proof_asked(), NULL, 'all are made');

SELECT * FROM finish();
ROLLBACK;
