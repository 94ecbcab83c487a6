-- JSON that brings numbers, as bytes: the answers are those of the same JSON that PostgREST reads.
BEGIN;
SELECT plan(57);

CREATE FUNCTION pg_temp.request(id text, headers jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', jsonb_build_object('role', 'campaign_user', 'user_id', id)::text, true),
        set_config('request.headers', headers::text, true), set_config('request.method', 'POST', true),
        set_config('response.status', '', true), set_config('response.headers', '', true);
END $$;
CREATE FUNCTION pg_temp.bytes(body text) RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to(body, 'UTF8') $$;
CREATE FUNCTION pg_temp.numbers(body text) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM campaign.body_fields(pg_temp.bytes(body));
    RETURN campaign.body_numbers();
END $$;
CREATE FUNCTION pg_temp.refusal(numbers text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM campaign.body_fields(pg_temp.bytes(format('{"numbers": %s, "a": [1]}', numbers)));
    PERFORM campaign.body_numbers();
    RETURN 'none';
EXCEPTION WHEN SQLSTATE 'PT422' THEN
    RETURN SQLERRM;
END $$;

-- What it is read as
SELECT throws_ok('SELECT campaign.body_numbers()', 'XX000', 'no body was read in this transaction', 'R7.2: what was not read has no numbers');
SELECT is(campaign.body_fields(pg_temp.bytes(body))::jsonb, fields::jsonb, 'R7.2: the fields of ' || translate(body, E'\r\n', '  '))
FROM (VALUES ('{}', '{}'), (E' \t\r\n{"a": 1}\n', '{"a": 1}'), ('{"numbers": ["1", {"numbers": 2}], "a": {"numbers": [3]}}', '{"numbers": null, "a": {"numbers": [3]}}'),
    ('{"a":"\u00e9\"}","numbers":"1\n2"}', '{"a": "é\"}", "numbers": null}'), ('{"\u006eumbers": 5}', '{"numbers": null}')) AS t (body, fields);
SELECT is(convert_from(pg_temp.numbers(body), 'UTF8'), lines, 'R7.2: the numbers of ' || translate(body, E'\n', ' '))
FROM (VALUES ('{"numbers": ["+551195550101", 5511955550102 ,"\u002b1"]}', E'+551195550101\n5511955550102\n+1'), ('{"numbers": []}', ''), ('{"numbers": ""}', ''),
    ('{"numbers" : "1\n\u00e9\ud83d\ude00\\" , "a": 1}', E'1\né😀\\'), ('{"a": {"numbers": 1}, "numbers": [{"n": "é",' || E'\n' || '"numbers": [2]}, "3"]}', E'{"n": "é", "numbers": [2]}\n3'),
    ('{"\u006eumbers": ["1"]}', '1'), ('{"a": 1}', NULL)) AS t (body, lines);
SELECT throws_ok(format('SELECT campaign.body_fields(%L::bytea)', pg_temp.bytes(body)), code, NULL, 'R7.2: ' || code || ' ' || left(body, 30))
FROM (VALUES ('', 'PT400'), ('[]', 'PT400'), ('"x"', 'PT400'), ('{', 'PT400'), ('{"numbers": ["1"]', 'PT400'), ('{"numbers":', 'PT400'), ('{"numbers"', 'PT400'), ('{"numbers": }', 'PT400'), ('{"numbers": "1', 'PT400'),
    ('{"numbers": ["1"]} {}', 'PT400'), ('{"numbers": ["1",]}', 'PT400'), ('{"numbers": "\ud800"}', 'PT400'), ('{"a": "\u0000"}', 'PT422'),
    ('{"numbers": [], "numbers": []}', 'PT422'), ('{"a": ' || repeat('[', 100000), 'PT422')) AS t (body, code);
SELECT is(pg_temp.refusal(numbers), refusal, 'R7.2: read to the end, and refused: ' || numbers)
FROM (VALUES ('["1", null, ["2"]]', 'element 2 of numbers is not a phone number'), ('["1", ["2", {"a": {}}], {"a": 1}]', 'element 2 of numbers is not a phone number'),
    ('["1\n2", "3"]', 'element 1 of numbers is not a phone number'), ('{"a": [1]}', 'numbers must be an array of phone numbers, or text with one a line'),
    ('5', 'numbers must be an array of phone numbers, or text with one a line'), ('null', 'numbers must be an array of phone numbers, or text with one a line')) AS t (numbers, refusal);
SELECT is(pg_temp.numbers('{"a": 1}'), NULL, 'R7.2: those of the body before are no longer there');
SELECT throws_ok($$ SELECT campaign.body_fields('\x7b2261223a22ff227d') $$, '22021', NULL, 'R7.2: bytes that are no text');
SELECT throws_ok(format('SELECT campaign.body_fields(%L::bytea)', pg_temp.bytes(format('{"a": "%s", "numbers": []}', repeat('x', 1048576)))), 'PT413', NULL, 'R7.2: only the numbers may be long');
SELECT is(octet_length(pg_temp.numbers(format('{"numbers": [%s"1"]}', repeat('"+5511955550101",', 200000)))), 200000 * 15 + 1, 'R7.2: and are');

-- What is made of it
SELECT campaign_api.signup('ana@example.com', 'secret') ->> 'id' AS ana \gset
SELECT campaign_api.signup('eva@example.com', 'secret') ->> 'id' AS eva \gset
SET LOCAL ROLE campaign_user;
SELECT pg_temp.request(:'ana');
INSERT INTO campaign_api.companies (name, document) VALUES ('Padaria', '70a');
INSERT INTO campaign_api.campaigns (name, message) VALUES ('pao', 'hello') RETURNING id AS pao \gset
SELECT is(campaign_api.campaign_upload_json(format('{"campaign_id": "%s", "numbers": ["+5511955550101"], "class": "VIP"}', :'pao')::bytea) -> 'accepted', '1', 'R7.2: an upload');
SELECT is(campaign_api.campaign_preview_json(format('{"campaign_id": "%s", "numbers": ["5511955550101", "x"], "skip_invalid": true}', :'pao')::bytea) - '{errors,rows,countries,assumed,segments,problem_count,problems,absent,format}'::text[],
    '{"accepted": 0, "duplicates": 1, "invalid": 1, "refused": false, "repeated": false}', 'R7.2: a preview');
SELECT pg_temp.request(:'ana', jsonb_build_object('x-campaign-id', :'pao'));
SELECT is(campaign_api.campaign_upload_json('{"numbers": "+5511955550102", "campaign_id": "another"}'::bytea) -> 'accepted', '1', 'R7.2: into the campaign of the address');
SELECT is((SELECT string_agg(class || ' ' || phone_number, ', ' ORDER BY class, seq) FROM campaign_api.recipients), 'VIP +5511955550101, NORMAL +5511955550102', 'R7.2: as they were sent');
SELECT throws_ok(format('SELECT campaign_api.campaign_upload_json(%L::bytea)', body), code, message, 'R7.2: ' || message)
FROM (VALUES ('{"numbers": ["x"]}', 'PT422', 'numbers file refused, nothing was stored: line 1: no digits: ''x'''),
    ('{"numbers": null}', 'PT422', 'numbers must be an array of phone numbers, or text with one a line'),
    ('{"numbers": [], "class": 7}', 'PT422', 'class must be a string'), ('{"numbers": [], "skip_invalid": "true"}', 'PT422', 'skip_invalid must be true or false'),
    ('{"numbers": [], "nonsense": 1}', 'PT400', 'there is no field "nonsense" here'), ('{"class": "VIP"}', 'PT400', 'the field "numbers" is missing')) AS t (body, code, message);
SELECT pg_temp.request(:'eva', jsonb_build_object('x-campaign-id', :'pao'));
SELECT throws_ok($$ SELECT campaign_api.campaign_upload_json('{"numbers": [null]}'::bytea) $$, 'PT403', NULL, 'R7.2: whose campaign it is comes before what is wrong with the numbers');
SELECT throws_ok($$ SELECT campaign_api.campaign_upload_json('{"numbers": [null], "class": 7}'::bytea) $$, 'PT422', 'class must be a string', 'R7.2: and so do the fields');
SELECT throws_ok($$ SELECT campaign_api.campaign_upload_json('{"numbers": ["+5511955550103"]}'::bytea) $$, 'PT403', NULL, 'R7.2: not of somebody else');
SELECT pg_temp.request(:'ana', '{"idempotency-key": "70"}');
SELECT is(campaign_api.campaign_send('{"name": "s", "message": "m", "numbers": ["+5511955550101"]}'::bytea) #>> '{upload,accepted}', '1', 'R7.2: sent in one request');
SELECT is(current_setting('response.status'), '202', 'R7.2: which is 202');
SELECT is((SELECT count(*) FROM campaign_api.campaigns WHERE name = 's' AND ordered), 1::bigint, 'R7.2: in order, as nothing else was said')
FROM campaign_api.campaign_send('{"name": "s", "message": "m", "numbers": ["+5511955550101"]}'::bytea);
SELECT throws_ok($$ SELECT campaign_api.campaign_send('{"name": "s", "message": "m", "numbers": ["+5511955550102"]}'::bytea) $$, 'PT422', 'this Idempotency-Key was used for another request', 'R7.3: the body is a part of it');
SELECT pg_temp.request(:'ana');
SELECT is(campaign_api.suppression_import(convert_to('{"numbers": "+5511955550107\n+5511955550108", "reason": "old"}', 'UTF8')) -> 'accepted', '2', 'R7.2: opted out');
SELECT throws_ok($$ SELECT campaign_api.suppression_import('{"reason": "old"}'::bytea) $$, 'PT400', 'the field "numbers" is missing', 'R7.2: numbers are needed');

SELECT * FROM finish();
ROLLBACK;
