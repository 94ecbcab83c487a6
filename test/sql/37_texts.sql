-- Placeholders, segments and test sends (R6.8, R6.9).
BEGIN;
SELECT plan(63);

-- Segments ----------------------------------------------------------------------------------------
SELECT is(message_segments('Hi [you] €'), '{"encoding": "GSM-7", "units": 13, "segments": 1, "plain_segments": 1, "characters": [], "warning": null}',
    'R6.9: GSM-7, with its extension');
SELECT is(message_segments('Olá!') - 'warning', '{"encoding": "UCS-2", "units": 4, "segments": 1, "plain_segments": 1, "characters": [{"character": "á", "count": 1, "plain": "a"}]}',
    'R6.9: a character that forces UCS-2, and its plain spelling');
SELECT is(message_segments('Olá!') ->> 'warning', '"á" is not in the GSM-7 alphabet: a segment holds 70 characters instead of 160', 'R6.9: a warning');
SELECT is(message_segments('Olá! ' || repeat('x', 100)) ->> 'warning',
    '"á" is not in the GSM-7 alphabet: a segment holds 70 characters instead of 160; with plain spellings, 1 segment instead of 2', 'R6.9: that says the price');
SELECT is(message_segments('ãçõé 👋 á') -> 'characters' -> 3, '{"character": "👋", "count": 1, "plain": null}', 'R6.9: a character without a plain spelling');
SELECT matches(message_segments('ãçõé 👋 á') ->> 'warning', '^"ã", "ç", "õ" and 2 more are not in', 'R6.9: a warning of many');
SELECT is(message_segments('') - 'warning', '{"encoding": "GSM-7", "units": 0, "segments": 0, "plain_segments": 0, "characters": []}', 'R6.9: no text');
SELECT is((message_segments(repeat('x', n)) ->> 'segments')::integer, segments, 'R6.9: septets: ' || n)
FROM (VALUES (160, 1), (161, 2), (306, 2), (307, 3)) AS lengths (n, segments);
SELECT is((message_segments(repeat('ó', n)) ->> 'segments')::integer, segments, 'R6.9: UCS-2: ' || n)
FROM (VALUES (70, 1), (71, 2), (134, 2), (135, 3)) AS lengths (n, segments);

-- Placeholders when a campaign is created ----------------------------------------------------------
CREATE FUNCTION pg_temp.marked_as(message text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    new_id text := campaign_create('test', message);
BEGIN
    RETURN (SELECT placeholders FROM campaign.campaigns WHERE id = new_id);
END $$;
SELECT is(pg_temp.marked_as(message), marked, 'R6.8: filled or not: ' || message)
FROM (VALUES ('Olá!', false), ('C:\temp', false), ('Olá {name}!', true), ('\{name\}', true), ('{a|b}', true)) AS messages (message, marked);
SELECT throws_ok(format('SELECT campaign_create(%L, %L)', 'test', message), '22023', 'campaign message, ' || problem, 'R6.8: refused: ' || message)
FROM (VALUES ('Olá {name', 'character 5, "{name": a { has no }'), ('a } b', 'character 3, "} b": a } has no {'),
    ('{{name}}', 'character 2, "{name}}": there is a { within a placeholder'), ('{}', 'character 1, "{}": a placeholder has no name'),
    ('{a|}', 'character 1, "{a|}": a default is empty'), ('{a.b}', 'character 1, "{a.b}": this cannot be the name of a placeholder')
) AS wrong (message, problem);
SELECT is(campaign.placeholders_fill(campaign.placeholders_escape(message), NULL), message, 'R6.8: escaped and filled: ' || message)
FROM (VALUES ('no brace \ \\'), ('{name} \{ \\} {{'), ('\')) AS messages (message);
SELECT is(campaign.placeholders_fill('Olá {name|você}, {n}', campaign.attributes_canonical('{"n": 10.50}')), 'Olá você, 10.5', 'R6.8: filled');
SELECT is(campaign.placeholders_fill(NULL, '{}'), NULL, 'R6.8: no text');
SELECT throws_ok($$ SELECT campaign.placeholders_fill('{n}', '{"n":[]}') $$, '55000', 'a recipient''s text cannot be filled: the value of {n} is a list or an object',
    'R6.8: a list is no text');

-- The pass over the recipients ---------------------------------------------------------------------
CREATE TEMPORARY TABLE draft AS SELECT campaign_create('test', 'Olá {Nome|cliente}: {valor}') AS id;
SELECT campaign.recipients_add(id, '{NORMAL,VIP,NORMAL}', '{+12025550101,+12025550102,+12025550103}',
    ARRAY[NULL, NULL, 'own {text}'], ARRAY['{"Nome": "Ana", "valor": 5}', '{"valor": "{x}"}', NULL]::jsonb[]) FROM draft;
CREATE FUNCTION pg_temp.row() RETURNS campaign.campaigns LANGUAGE sql AS
$$ SELECT c FROM campaign.campaigns c WHERE id = (SELECT id FROM draft) $$;
SELECT is(campaign_texts(id) -> 'samples', '[{"class": "VIP", "seq": 1, "text": "Olá cliente: {x}", "phone_number": "+12025550102"},
    {"class": "NORMAL", "seq": 1, "text": "Olá Ana: 5", "phone_number": "+12025550101"},
    {"class": "NORMAL", "seq": 2, "text": "own {text}", "phone_number": "+12025550103"}]', 'R6.8: who gets what') FROM draft;
SELECT is(jsonb_array_length(campaign_texts(id, 1) -> 'samples'), 1, 'R6.8: so many samples') FROM draft;
SELECT is(campaign_texts(id) - 'samples' #- '{segments,warning}', '{"absent": [], "problems": [], "problem_count": 0, "segments": {"total": 3, "ucs2": 2, "plain_total": 3,
    "longest": {"class": "VIP", "seq": 1, "segments": 1, "units": 16, "encoding": "UCS-2"}, "characters": [{"character": "á", "count": 2, "plain": "a"}]}}',
    'R6.9: what it costs') FROM draft;
SELECT throws_ok(format('SELECT campaign_texts(%L, 101)', id), '22023', 'rows must be 0 to 100', 'R6.8: not more than a hundred samples') FROM draft;
SELECT throws_ok($$ SELECT campaign_texts('nobody') $$, 'P0002', 'campaign "nobody" does not exist', 'R6.8: of a campaign that there is');
SELECT is(campaign_status(id) -> 'segments', 'null', 'R6.9: a draft is not counted for its status') FROM draft;
SELECT lives_ok('SELECT campaign.texts_settle(pg_temp.row())', 'R6.8: it can be dispatched');
SELECT is((pg_temp.row()).message_version, 2, 'R6.8: with texts of their own');
SELECT is((pg_temp.row()).segments -> 'total', '3', 'R6.9: and its cost is kept');
SELECT campaign.campaign_transition(id, 'queued') FROM draft;
SELECT is(campaign_status(id) #> '{segments,longest,segments}', '1', 'R6.9: its status has it') FROM draft;
SELECT is(message, 'Olá {Nome|cliente}: {valor}', 'R6.8: the worker fills it') FROM draft, campaign.outbox_template(id, 'VIP') WHERE placeholders;

-- Rows that are not stored yet ---------------------------------------------------------------------
SELECT is(campaign.texts_preview(c, '[{"line": 1, "phone_number": "+1", "attributes": {"valor": 5}}, {"line": 2, "reason": "x"}, {"phone_number": "+2", "attributes": null}]'),
    '[{"line": 1, "phone_number": "+1", "attributes": {"valor": 5}, "text": "Olá cliente: 5", "segments": 1}, {"line": 2, "reason": "x"},
      {"phone_number": "+2", "attributes": null, "problem": "a recipient''s text cannot be filled: {valor} has no value and no default"}]', 'R6.8: what a file would get')
FROM pg_temp.row() AS c;
SELECT is(campaign.texts_preview(NULL, '[{"phone_number": "+1"}]'), '[{"phone_number": "+1"}]', 'R6.8: without a campaign, no text');

-- Who would get nothing ----------------------------------------------------------------------------
TRUNCATE draft;
INSERT INTO draft SELECT campaign_create('test', 'Olá {nome}: {valor|0}');
SELECT campaign.recipients_add(id, array_fill('NORMAL'::campaign.recipient_class, ARRAY[12]), ARRAY(SELECT '+1202555' || 1000 + g FROM generate_series(1, 12) AS g),
    NULL, ARRAY(SELECT jsonb_build_object('Nome', 'Ana', 'valor', 1) FROM generate_series(1, 12))) FROM draft;
SELECT throws_ok('SELECT campaign.texts_settle(pg_temp.row())', '55000', format('no recipient of campaign "%s" has {nome}', id), 'R6.8: a placeholder that nobody has') FROM draft;
UPDATE campaign.campaigns SET message = 'Olá {nome|cliente}' WHERE id = (SELECT id FROM draft);
SELECT throws_ok('SELECT campaign.texts_settle(pg_temp.row())', '55000', format('no recipient of campaign "%s" has {nome}', id), 'R6.8: with a default, too') FROM draft;
UPDATE campaign.campaigns SET message = 'Olá {Nome}' WHERE id = (SELECT id FROM draft);
UPDATE campaign.recipients SET attributes = '{"Nome": " "}' WHERE seq > 1 AND campaign_id = (SELECT id FROM draft);
SELECT throws_ok('SELECT campaign.texts_settle(pg_temp.row())', '55000',
    format('campaign "%s" has no text for 11 of its recipients; the first is NORMAL 2 (+12025551002): {Nome} has no value and no default', id), 'R6.8: a missing value') FROM draft;
SELECT is(campaign_texts(id) -> 'problem_count', '11', 'R6.8: all are counted') FROM draft;
SELECT is(jsonb_array_length(campaign_texts(id) -> 'problems'), 10, 'R6.8: the first ones are named') FROM draft;
UPDATE campaign.campaigns SET message = '{Nome|x}' || repeat('x', 4085) WHERE id = (SELECT id FROM draft);
UPDATE campaign.recipients SET attributes = '{"Nome": "a long name"}' WHERE seq = 3 AND campaign_id = (SELECT id FROM draft);
SELECT lives_ok('SELECT campaign.texts_settle(pg_temp.row())', 'R6.8: 4096 characters');
UPDATE campaign.recipients SET attributes = '{"Nome": "a longer name"}' WHERE seq = 3 AND campaign_id = (SELECT id FROM draft);
SELECT throws_ok('SELECT campaign.texts_settle(pg_temp.row())', '55000',
    format('campaign "%s" has no text for 1 of its recipients; the first is NORMAL 3 (+12025551003): its text has more than 4096 characters', id), 'R6.8: and no more') FROM draft;
TRUNCATE draft;
INSERT INTO draft SELECT campaign_create('test', 'Olá {nome|cliente}');
SELECT campaign_upload(id, '12025550101') FROM draft;
SELECT throws_ok('SELECT campaign.texts_settle(pg_temp.row())', '55000', NULL, 'R6.8: nobody has attributes') FROM draft;

-- Without placeholders nothing is read -------------------------------------------------------------
TRUNCATE draft;
INSERT INTO draft SELECT campaign_create('test', 'Olá');
SELECT is(campaign_status(id) -> 'segments', 'null', 'R6.9: no recipients, no cost') FROM draft;
SELECT campaign.recipients_add(id, '{NORMAL,NORMAL}', '{+12025550101,+12025550102}', NULL, ARRAY['{"a": 1}', NULL]::jsonb[]) FROM draft;
SELECT is(campaign_status(id) #> '{segments,total}', '2', 'R6.9: the same text for all needs no look at them') FROM draft;
SELECT is((pg_temp.row()).own_texts, false, 'R6.9: attributes are no texts');
SELECT campaign.recipients_add(id, '{NORMAL}', '{+12025550103}', ARRAY[repeat('x', 161)]) FROM draft;
SELECT is(campaign_status(id) -> 'segments', 'null', 'R6.9: texts of their own do') FROM draft;
SELECT is(campaign_texts(id) #>> '{segments,total}', '4', 'R6.9: which somebody asks for') FROM draft;
SELECT campaign.campaign_transition(id, 'queued') FROM draft;
SELECT campaign_texts(id) FROM draft;
SELECT is(campaign_status(id) #>> '{segments,longest,seq}', '3', 'R6.9: and which is then known') FROM draft;

-- Braces that were no placeholders -----------------------------------------------------------------
TRUNCATE draft;
INSERT INTO draft SELECT campaign_create('test', 'x');
UPDATE campaign.campaigns SET message = 'old {text}' WHERE id = (SELECT id FROM draft);
SELECT campaign_upload(id, '12025550101') FROM draft;
SELECT is(campaign_texts(id) #>> '{samples,0,text}', 'old {text}', 'R6.8: a text from before stays as it is') FROM draft;
CREATE FUNCTION pg_temp.change(fields jsonb) RETURNS void LANGUAGE sql AS
$$ SELECT campaign.api_campaign_update(v, jsonb_populate_record(v, fields)) FROM campaign_api.campaigns v WHERE id = (SELECT id FROM draft) $$;
SELECT pg_temp.change('{"name": "renamed"}');
SELECT is((pg_temp.row()).placeholders, false, 'R6.8: when something else changes, too');
SELECT pg_temp.change('{"message": "new {text}"}');
SELECT is((pg_temp.row()).placeholders, true, 'R6.8: a new text is filled');
UPDATE campaign.campaigns SET message = 'old {text}', placeholders = false, status = 'sent' WHERE id = (SELECT id FROM draft);
CREATE TEMPORARY TABLE again AS SELECT campaign_reset(id) ->> 'id' AS id FROM draft;
SELECT is(campaign.placeholders_fill(c.message, NULL), 'old {text}', 'R6.8: a reset keeps what it says')
FROM again a JOIN campaign.campaigns c ON c.id = a.id AND c.placeholders;

SELECT * FROM finish();
ROLLBACK;
