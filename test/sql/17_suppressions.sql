-- R6.10: suppression lists, the words that opt out and in again, and what campaigns make of them.
BEGIN;
SELECT plan(68);

SELECT company_create('Padaria', '1') AS padaria, company_create('Banca', '2') AS banca,
    user_create('ana@example.com', 'secret') AS ana \gset

-- The lists
SELECT ok(suppression_add('+55 (11) 98765-4321', company_id => :'padaria', reason => 'asked by phone'), 'a number goes onto a list');
SELECT ok(NOT suppression_add('5511987654321', company_id => :'padaria'), 'however it is written, once');
SELECT ok(suppression_add('+5511987654321'), 'the list of the installation is another one');
SELECT ok(suppression_add('+5511987654321', user_id => :'ana'), 'and so is that of a user');
SELECT is((SELECT jsonb_agg(s - '{id,created_at}'::text[]) FROM suppression_list(:'padaria') AS s),
    jsonb_build_array(jsonb_build_object('phone_number', '+5511987654321', 'owner', :'padaria', 'reason', 'asked by phone',
        'user_id', NULL, 'application_id', NULL, 'role', session_user)),
    'an entry says why, and who did it');
SELECT ok((SELECT (s ->> 'created_at')::timestamptz FROM suppression_list(:'padaria') AS s) BETWEEN now() AND clock_timestamp(),
    'and since when');
SELECT throws_ok($$ SELECT suppression_add('123') $$, '22023', NULL, 'what is no number is refused');
SELECT throws_ok($$ SELECT suppression_add(NULL) $$, '22023', NULL, 'nothing is no number');
SELECT throws_ok(E'SELECT suppression_add(''+5511987654321\n+5511987654322'')', '22023', NULL, 'nor are two');
SELECT throws_ok($$ SELECT suppression_add('+5511987654321', 'nobody') $$, '23503', NULL, 'an unknown company is refused');
SELECT throws_ok($$ SELECT suppression_add('+5511987654321', user_id => 'nobody') $$, '23503', NULL, 'an unknown user, too');
SELECT throws_ok(format($$ SELECT suppression_add('+5511987654321', %L, %L) $$, :'padaria', :'ana'), '22023', NULL,
    'a list has one owner');
SELECT throws_ok($$ SELECT suppression_add('+5511987654329', reason => repeat('x', 501)) $$, '22023', NULL, 'a reason has an end');

SELECT is(suppression_import(E'+55 11 98765-4321\n+5511987654322\n\n+5511987654322\n+5511987654323\n', :'padaria', reason => 'old list'),
    '{"accepted": 2, "duplicates": 2, "invalid": 0, "errors": []}'::jsonb, 'a file is read as an upload reads it');
SELECT throws_ok(format($$ SELECT suppression_import(E'+5511987654324\nnonsense\n', %L) $$, :'padaria'), '22023', NULL,
    'a bad line refuses the file');
SELECT is(suppression_import('\x2b353531313938373635343332340a780a'::bytea, :'padaria', skip_invalid => true) - 'errors',
    '{"accepted": 1, "duplicates": 0, "invalid": 1}'::jsonb, 'unless it is skipped');
SELECT is((SELECT count(*) FROM suppression_list(:'padaria')), 4::bigint, 'all of them are on the list');
SELECT is((SELECT string_agg(s ->> 'phone_number', ' ') FROM suppression_list(:'padaria', rows => 2,
        after_id => (SELECT (f ->> 'id')::bigint FROM suppression_list(:'padaria', rows => 1) AS f)) AS s),
    '+5511987654322 +5511987654323', 'which is read in pages');

SELECT ok(suppression_remove('+5511987654321', :'padaria', reason => 'signed up again'), 'a number comes off a list');
SELECT ok(NOT suppression_remove('+5511987654321', :'padaria'), 'once');
SELECT ok(NOT suppression_remove('+5511987654329'), 'and not off one that it is not on');
SELECT is((SELECT jsonb_agg(s -> 'lifted_reason') FROM suppression_list(:'padaria', phone_number => '+5511987654321') AS s),
    '["signed up again"]'::jsonb, 'which stays as history');
SELECT ok(suppression_add('+5511987654321', :'padaria'), 'it may come back');
SELECT is((SELECT count(*) FROM suppression_list(:'padaria', phone_number => '+5511987654321')), 2::bigint,
    'and then has two entries');

-- Words
SELECT is(inbound_message('+55 21 90000-0001', text) ->> 'action', action, format('%L: %s', text, coalesce(action, 'nothing')))
FROM (VALUES ('STOP', 'stop'), (' stop. ', 'stop'), ('Sáir!!', 'stop'), ('S A I R', 'stop'), ('ＳＴＯＰ', 'stop'), ('“Pare”', 'stop'),
        ('cancelar', 'stop'), ('start', 'start'), ('VOLTAR', 'start'), ('Stop by tomorrow', NULL), ('', NULL), ('obrigado', NULL))
    AS said (text, action);
SELECT is(inbound_message('+5521900000002', 'Sair', :'padaria'),
    '{"phone_number": "+5521900000002", "action": "stop", "changed": true}'::jsonb, 'a word opts out of one company');
SELECT is((SELECT s ->> 'reason' FROM suppression_list(:'padaria', phone_number => '+5521900000002') AS s),
    'incoming message: Sair', 'and is the reason');
SELECT is(inbound_message('+5521900000002', 'Sair', :'padaria') -> 'changed', 'false'::jsonb, 'twice is once');
SELECT is(inbound_message('+5521900000002', 'Voltar', :'banca') -> 'changed', 'false'::jsonb, 'another company is no reason to come back');
SELECT is(inbound_message('+5521900000002', 'Voltar', :'padaria') -> 'changed', 'true'::jsonb, 'a word opts in again');

SELECT is(suppression_word_set('Chega, já!', 'stop', :'padaria'), 'CHEGAJA', 'a company has words of its own');
SELECT is(inbound_message('+5521900000003', 'chega ja', :'padaria') ->> 'action', 'stop', 'which opt out there');
SELECT is(inbound_message('+5521900000003', 'chega ja', :'banca') ->> 'action', NULL, 'and nowhere else');
SELECT is(suppression_word_set('END', 'none'), 'END', 'a shipped word can be switched off');
SELECT is(inbound_message('+5521900000003', 'end', :'banca') ->> 'action', NULL, 'for everybody');
SELECT is(suppression_word_set('end', NULL), 'END', 'and on again');
SELECT is(inbound_message('+5521900000003', 'end', :'banca') ->> 'action', 'stop', 'as it was');

-- National numbers are those of the company, as in its uploads.
SELECT company_create('abroad', 'abroad-1') AS abroad \gset
SELECT company_country_set(:'abroad', 'BR') AS country \gset
SELECT ok(suppression_add('51 95555-0101', company_id => :'abroad'), 'R6.10: a national number goes on the list of a company');
SELECT is(s ->> 'phone_number', '+5551955550101', 'it is one of the company''s country')
FROM suppression_list(:'abroad', phone_number => '(51) 95555-0101') AS s;
SELECT is(suppression_import('0xx51 95555-0102', company_id => :'abroad') -> 'accepted', '1', 'so are those of a file');
SELECT is(inbound_message('(0xx51) 95555-0101', 'VOLTAR', company_id => :'abroad') -> 'action', '"start"', 'and the sender of an answer');

-- A sender without +: 51 955 550 101 is a mobile of Peru, (51) 95555-0101 one of Brazil.
CREATE FUNCTION pg_temp.listed(company text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(s ->> 'phone_number', ' ' ORDER BY s ->> 'phone_number') FROM suppression_list(company) AS s WHERE s ->> 'reason' LIKE 'incoming%' $$;
SELECT is(inbound_message('51955550101', 'STOP', :'abroad'),
    '{"phone_number": "+5551955550101", "action": "stop", "changed": true, "other_reading": "+51955550101"}', 'R6.10: whoever may have written gets nothing');
SELECT is(pg_temp.listed(:'abroad'), '+51955550101 +5551955550101', 'R6.10: both are on the list');
SELECT is(inbound_message('51955550101', 'obrigado', :'abroad') -> 'action', 'null', 'R6.10: what is no word does nothing');
SELECT throws_ok(format('SELECT inbound_message(%L, %L, %L)', '51955550101', 'VOLTAR', :'abroad'), '22023',
    'not certain who opts in: +5551955550101 or +51955550101', 'R6.10: a stranger lifts nobody''s opt-out');
SELECT is(pg_temp.listed(:'abroad'), '+51955550101 +5551955550101', 'R6.10: both stay on the list');
SELECT is(inbound_message('+51955550101', 'VOLTAR', :'abroad') - 'action', '{"phone_number": "+51955550101", "changed": true}', 'R6.10: with its + it is one');
SELECT is(inbound_message('0051955550102', 'STOP', :'abroad') - 'action', '{"phone_number": "+51955550102", "changed": true}', 'R6.10: with 00, too');
SELECT is(inbound_message(number, 'STOP', :'abroad'), jsonb_build_object('phone_number', wanted, 'action', 'stop', 'changed', true), 'R6.10: one can be meant: ' || number)
FROM (VALUES ('5511955550103', '+5511955550103'), ('11955550104', '+5511955550104'), ('33612345678', '+33612345678')) AS senders (number, wanted);
SELECT company_country_set(:'abroad', 'DE') AS country \gset
SELECT is(inbound_message('33612345678', 'STOP', :'abroad') - 'action',
    '{"phone_number": "+4933612345678", "changed": true, "other_reading": "+33612345678"}', 'R6.10: whether its reader decides');
SELECT is(inbound_message('4930123456', 'STOP', :'abroad') - 'action',
    '{"phone_number": "+494930123456", "changed": true, "other_reading": "+4930123456"}', 'R6.10: one of its own country, too');
SELECT company_country_set(:'abroad', 'IT') AS country \gset
SELECT matches((campaign.number_try('3906123456', 'IT')).problem, ': not certain: ', 'R6.10: or leaves it open');
SELECT is(inbound_message('3906123456', 'STOP', :'abroad') - 'action',
    '{"phone_number": "+393906123456", "changed": true, "other_reading": "+3906123456"}', 'R6.10: then both');
SELECT throws_ok(format('SELECT inbound_message(%L, %L, %L)', '3906123456', 'START', :'abroad'), '22023',
    'not certain who opts in: +393906123456 or +3906123456', 'R6.10: and neither');
SELECT throws_ok(format('SELECT inbound_message(%L, %L, %L)', '123', 'STOP', :'abroad'), '22023', NULL, 'R6.10: none is none');

SELECT * FROM finish();
ROLLBACK;
