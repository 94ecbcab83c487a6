-- Recipients with a text and attributes of their own (R3.1, R3.3).
BEGIN;
SELECT plan(57);

CREATE FUNCTION pg_temp.canonical(attributes jsonb) RETURNS text LANGUAGE sql AS
$$ SELECT campaign.attributes_canonical(attributes) $$;

-- Canonical JSON ------------------------------------------------------------------------------
SELECT is(pg_temp.canonical('{}'), '{}', 'R3.1: no attributes at all');
SELECT is(pg_temp.canonical('{"name": "Ana", "amount": 10.5, "vip": true, "note": null, "tags": [1, "a", {}, []]}'),
    '{"amount":10.5,"name":"Ana","note":null,"tags":[1,"a",{},[]],"vip":true}', 'R3.1: keys in order, no blanks');
SELECT is(pg_temp.canonical('{"b": 1, "aa": 2, "é": 3, "B": 4, "😀": 5, "｡": 6}'),
    '{"B":4,"aa":2,"b":1,"é":3,"｡":6,"😀":5}', 'R3.1: keys go by code point, not by length nor by UTF-16');
SELECT is(pg_temp.canonical('{"a": {"z": {"y": 1, "x": 2}, "b": 3}}'), '{"a":{"b":3,"z":{"x":2,"y":1}}}', 'R3.1: inner keys too');
SELECT is(pg_temp.canonical('{"a": "\u0001\b\f\n\r\t\"\\/\u007f é"}'), E'{"a":"\\u0001\\b\\f\\n\\r\\t\\"\\\\/\x7f é"}', 'R3.1: as few escapes as can be');
SELECT is(pg_temp.canonical(format('{"n": %s}', number)::jsonb), format('{"n":%s}', expected), 'R3.1: number ' || number)
FROM (VALUES ('0', '0'), ('-0', '0'), ('-7', '-7'), ('1e3', '1000'), ('10.0', '10'), ('10.50', '10.5'), ('-0.10', '-0.1'),
    ('1.5e-3', '0.0015'), ('9223372036854775807', '9223372036854775807'), ('-9223372036854775808', '-9223372036854775808'),
    ('99999999999999.9', '99999999999999.9'), ('0.000000000000001', '0.000000000000001')) AS numbers (number, expected);

SELECT is(campaign.attributes_problem('{"a": {"b": [1.5, "x"]}}'), NULL, 'R3.1: what can travel is no problem');
SELECT matches(campaign.attributes_problem(attributes::jsonb), problem, 'R3.1: refused: ' || left(attributes, 40))
FROM (VALUES ('[1]', 'no JSON object'), ('null', 'no JSON object'), ('"a"', 'no JSON object'),
    ('{"$a": 1}', 'begins with \$: "\$a"'), ('{"a": {"b.c": 1}}', 'has a dot: "b.c"'), ('{"a": [{"": 1}]}', 'key is empty'),
    ('{"n": 9223372036854775808}', '64 bits nor a decimal of at most 15 digits: "9223372036854775808"'),
    ('{"n": 1e400}', 'at most 15 digits: "10000000000000000000'),
    ('{"n": 0.1234567890123456}', 'at most 15 digits'), ('{"n": 123456789012345.6}', 'at most 15 digits')
) AS wrong (attributes, problem);
SELECT is(campaign.attributes_problem(jsonb_build_object('a', repeat('x', 4096 - 8))), NULL, 'R3.1: 4096 bytes of JSON');
SELECT matches(campaign.attributes_problem(jsonb_build_object('a', repeat('x', 4096 - 7))), 'more than 4096 bytes', 'R3.1: and no more');
SELECT matches(campaign.attributes_problem(jsonb_build_object('a', repeat(chr(1), 700))), 'more than 4096 bytes', 'R3.1: as they are escaped');
SELECT is(campaign.attributes_problem(('{"a":' || repeat('[', 15) || repeat(']', 15) || '}')::jsonb), NULL, 'R3.1: 16 levels');
SELECT matches(campaign.attributes_problem(('{"a":' || repeat('[', 16) || repeat(']', 16) || '}')::jsonb), 'more than 16 deep', 'R3.1: and no more');
SELECT throws_ok($$ SELECT campaign.attributes_canonical('{"$a": 1}') $$, '22023', 'attributes: a key begins with $: "$a"',
    'R3.1: what cannot travel is never sent');

-- Adding ----------------------------------------------------------------------------------------
CREATE TEMPORARY TABLE draft AS SELECT campaign_create('test', 'hello') AS id;
CREATE FUNCTION pg_temp.rows() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', class, seq, phone_number, coalesce(text, '-'), coalesce(attributes::text, '-')), E'\n' ORDER BY class, seq)
    FROM campaign.recipients WHERE campaign_id = (SELECT id FROM draft)
$$;
CREATE FUNCTION pg_temp.version() RETURNS integer LANGUAGE sql AS
$$ SELECT message_version FROM campaign.campaigns WHERE id = (SELECT id FROM draft) $$;

SELECT is(campaign_upload(id, '5511987654321') -> 'accepted', '1', 'R0.11: a plain file') FROM draft;
SELECT is(campaign.recipients_add(id, '{NORMAL}', '{+12025550123}'), 1::bigint, 'R3.1: a recipient that brings nothing') FROM draft;
SELECT is(pg_temp.version(), 1, 'R3.1: needs no other version');
SELECT is(campaign.recipients_add(id, '{NORMAL,VIP,NORMAL,VIP}', '{+12025550101,+12025550102,+12025550103,+12025550104}',
    ARRAY['own', NULL, NULL, 'mine'], ARRAY['{"a": 1}', NULL, '{"b": 2}', NULL]::jsonb[]), 4::bigint, 'R3.1: four recipients') FROM draft;
SELECT is(pg_temp.rows(), E'VIP 1 +12025550102 - -\nVIP 2 +12025550104 mine -\n'
    'NORMAL 1 +5511987654321 - -\nNORMAL 2 +12025550123 - -\nNORMAL 3 +12025550101 own {"a": 1}\nNORMAL 4 +12025550103 - {"b": 2}',
    'R3.1: each behind those of its class');
SELECT is(pg_temp.version(), 2, 'R3.1: the campaign needs version 2');
SELECT is(campaign.recipients_add(id, '{NORMAL}', '{+12025550124}'), 1::bigint, 'R3.1: one more without') FROM draft;
SELECT is(pg_temp.version(), 2, 'R3.1: does not change that');
SELECT is(campaign_status(id) ->> 'total' || ' ' || (campaign_status(id) #>> '{classes,NORMAL,total}'), '7 5', 'R3.1: totals') FROM draft;
SELECT is(campaign_upload(id, E'12025550104\n12025550105') - '{errors,countries,assumed}'::text[], '{"accepted": 1, "duplicates": 1, "invalid": 0}',
    'R0.11: a file is compared with them too') FROM draft;

CREATE FUNCTION pg_temp.add(class text, number text, own_text text, attributes jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT campaign.recipients_add((SELECT id FROM draft), ARRAY['VIP', class]::campaign.recipient_class[],
        ARRAY['+12025550106', number], ARRAY['fine', own_text], ARRAY['{}', attributes])
$$;
SELECT throws_matching(format('SELECT pg_temp.add(%L, %L, %L, %L)', class, number, own_text, attributes),
    'nothing was stored: recipient 2: ' || problem, 'R3.1: ' || problem)
FROM (VALUES (NULL, '+12025550107', 'x', '{}', 'class is missing'), ('VIP', '12025550107', 'x', '{}', 'phone_number must be'),
    ('VIP', NULL, 'x', '{}', 'phone_number must be'), ('VIP', '+12025550107', '', '{}', 'text is empty'),
    ('VIP', '+12025550107', repeat('x', 4097), '{}', 'text is empty or longer'),
    ('VIP', '+12025550107', 'x', '{"a.b": 1}', 'attributes: a key has a dot')
) AS wrong (class, number, own_text, attributes, problem);
SELECT throws_ok($$ SELECT campaign.recipients_add((SELECT id FROM draft), '{VIP}', '{}') $$, '22023',
    'the arrays of recipients have different lengths', 'R3.1: arrays of one length only');
SELECT is(campaign_status(id) -> 'total', '8', 'R3.1: a refused chunk leaves nothing') FROM draft;

-- After processing ------------------------------------------------------------------------------
SELECT is(campaign.attributes_outcome(false, 'VIP'), '{}', 'R3.3: attributes that were not generated stay');
SELECT is(campaign.attributes_outcome(true, 'VIP'), '{"status": "processado", "observations": "enviado com prioridade"}', 'R3.3: VIP');
SELECT is(campaign.attributes_outcome(true, 'NORMAL'), '{"status": "processado", "observations": "processado sem prioridade"}', 'R3.3: NORMAL');

SELECT throws_matching($$ SELECT campaign.recipients_check('{VIP}', '{+12025550123}', NULL, ARRAY[jsonb_build_object('a', repeat('x', 4088))], true) $$,
    'more than 4096 bytes', 'R3.3: what is added by processing must fit, too');
SELECT campaign_cancel(id) FROM draft;
SELECT throws_matching($$ SELECT campaign.recipients_add((SELECT id FROM draft), '{VIP}', '{+12025550123}') $$, 'to a draft only', 'R3.1: to a draft only');

SELECT * FROM finish();
ROLLBACK;
