-- From a numbers file to recipients.
BEGIN;
SELECT plan(50);

CREATE FUNCTION pg_temp.draft() RETURNS text LANGUAGE sql AS
$$ SELECT campaign_create('test', 'hello') $$;
CREATE FUNCTION pg_temp.phones(id text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(phone_number, ' ' ORDER BY seq) FROM campaign.recipients WHERE campaign_id = id $$;
CREATE FUNCTION pg_temp.upload(numbers text, skip boolean DEFAULT false, again boolean DEFAULT false)
RETURNS TABLE (answer jsonb, phones text) LANGUAGE plpgsql AS $$
DECLARE id text := pg_temp.draft();
BEGIN
    answer := campaign_upload(id, numbers, skip, again);
    phones := pg_temp.phones(id);
    RETURN NEXT;
END $$;

SELECT results_eq(
    $$ SELECT * FROM pg_temp.upload(E'+5511987654321\n5511987654322') $$,
    $$ VALUES ('{"accepted": 2, "duplicates": 0, "invalid": 0, "errors": [], "countries": {"BR": 2}, "assumed": 1}'::jsonb, '+5511987654321 +5511987654322') $$,
    'R0.11: one number a line, stored with its +');
SELECT is(phones, '+5511987654321 +442079460958 +12025550123', 'R0.11: ' || what)
FROM (VALUES
    ('CRLF', E'5511987654321\r\n442079460958\r\n12025550123\r\n'),
    ('BOM', E'\uFEFF5511987654321\n442079460958\n12025550123\n'),
    ('blank lines and no last newline', E'\n5511987654321\n  \n442079460958\n\t\n12025550123'),
    ('spaces and punctuation', E' +55 (11) 98765-4321\n+44 20.7946.0958 \n1/202/555-0123\n')
) AS files (what, numbers), LATERAL pg_temp.upload(numbers);

SELECT throws_matching(
    'SELECT pg_temp.upload(' || quote_literal(numbers) || ')',
    'nothing was stored: line ' || line || ': ', 'R0.11: ' || what)
FROM (VALUES
    ('letters', E'5511987654321\nabc', 2), ('too short', '1234567', 1), ('too long', '1234567890123456', 1),
    ('a leading 0', E'5511987654321\n\n011987654321', 3), ('a header row', E'phone\n5511987654321', 1),
    ('SQL', $q$'; DROP TABLE campaign.users; --$q$, 1), ('a line of 10,000 characters', repeat('1', 10000), 1)
) AS files (what, numbers, line);
SELECT is_empty($$ SELECT FROM campaign.recipients r JOIN campaign.campaigns c ON c.id = r.campaign_id WHERE c.total = 0 $$,
    'R0.11: a refused file leaves nothing');
SELECT throws_matching($$ SELECT pg_temp.upload('') $$, 'it is empty', 'R0.11: an empty file');
SELECT throws_matching($$ SELECT pg_temp.upload(E'x\ny', true) $$, 'no valid number', 'R0.11: nothing valid in the file');
SELECT throws_matching(
    format($$ SELECT campaign_upload(%L, '\xfffe310032000a00'::bytea) $$, pg_temp.draft()), 'UTF-16', 'R0.11: UTF-16');
SELECT throws_matching(
    format($$ SELECT campaign_upload(%L, '\x3535313139383736353433323100'::bytea) $$, pg_temp.draft()), 'line 1: .*NUL', 'R0.11: NUL');
SELECT throws_matching(
    format($$ SELECT campaign_upload(%L, '\xe135313139383736353433'::bytea) $$, pg_temp.draft()), 'line 1: .*UTF-8', 'R0.11: Latin-1');

SELECT is(answer - '{errors,countries,assumed}'::text[], '{"accepted": 1, "duplicates": 0, "invalid": 2}', 'R0.11: skip_invalid takes the rest')
FROM pg_temp.upload(E'bad\n5511987654321\n0', true);
SELECT is(jsonb_path_query_array(answer, '$.errors[*].line'), '[1, 3]', 'R0.11: and names the lines')
FROM pg_temp.upload(E'bad\n5511987654321\n0', true);
SELECT is(answer ->> 'duplicates' || phones, '1+5511987654321 +5511987654322', 'R0.11: a repeated number is sent once')
FROM pg_temp.upload(E'5511987654321\n5511987654322\n+55 11 98765 4321');
SELECT is(phones, '+5511987654321 +5511987654321', 'R0.11: unless duplicates are allowed')
FROM pg_temp.upload(E'5511987654321\n5511987654321', false, true);

CREATE TEMPORARY TABLE two AS SELECT pg_temp.draft() AS id;
SELECT is(campaign_upload(id, E'5511987654321\n5511987654322') -> 'accepted', '2', 'R0.11: a first file') FROM two;
SELECT is(campaign_upload(id, E'5511987654321\n5511987654322') -> 'repeated', 'true', 'R0.11: the same file again is a no-op') FROM two;
SELECT is(campaign_upload(id, E'5511987654322\n5511987654323') - '{errors,countries,assumed}'::text[], '{"accepted": 1, "duplicates": 1, "invalid": 0}',
    'R0.11: another file is added, without the numbers that are there') FROM two;
SELECT is(pg_temp.phones(id), '+5511987654321 +5511987654322 +5511987654323', 'R0.11: seq goes on') FROM two;

SELECT is(campaign_upload(id, E'5511987654321\n5511987654322', allow_duplicates => true, class => 'VIP') - '{errors,countries,assumed}'::text[],
    '{"accepted": 2, "duplicates": 0, "invalid": 0}', 'R0.11: the same numbers for another class are another file') FROM two;

-- The last seq is 2^40 - 1.
SELECT is(campaign.recipients_import(pg_temp.draft(), 'NORMAL', 1099511627775, '12025550101', false, false, 0, '') -> 'accepted', '1', 'seq goes to 2^40 - 1');
SELECT throws_ok($$ SELECT campaign.recipients_import(pg_temp.draft(), 'NORMAL', 1099511627775, E'12025550101\n12025550102', false, false, 0, '') $$,
    '54000', NULL, 'and no further');

-- Large drafts: their numbers are packed too, and a further file is compared with those.
CREATE FUNCTION pg_temp.numbers(first bigint, last bigint) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg('+' || 88800000000000 + n, E'\n' ORDER BY n) FROM generate_series(first, last) AS n $$;
CREATE FUNCTION pg_temp.packed(id text, wanted text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(first_seq || '+' || octet_length(numbers) / 8, ' ' ORDER BY first_seq) FILTER (WHERE first_seq % 10000 = 1 OR octet_length(numbers) < 8000)
    FROM campaign.packed_recipients WHERE campaign_id = id AND class::text = wanted
$$;
CREATE FUNCTION pg_temp.rows_read() RETURNS bigint LANGUAGE sql AS
$$ SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_all_tables WHERE relid = 'campaign.recipients'::regclass $$;
CREATE FUNCTION pg_temp.unpacked(id text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg('+' || ('x' || encode(substr(numbers, 8 * place - 7, 8), 'hex'))::bit(64)::bigint, ' ' ORDER BY class, first_seq + place)
    FROM campaign.packed_recipients, generate_series(1, octet_length(numbers) / 8) AS place WHERE campaign_id = id
$$;

CREATE TEMPORARY TABLE single AS SELECT pg_temp.draft() AS id;
SELECT is(campaign_upload(id, pg_temp.numbers(1, 10001)) -> 'accepted', '10001', 'a draft of one file') FROM single;
SELECT is(pg_temp.packed(id, 'NORMAL'), NULL, 'is not packed') FROM single;
SELECT is(campaign_upload(id, pg_temp.numbers(10001, 10002)) -> 'accepted', '1', 'until the next one') FROM single;
SELECT is(pg_temp.packed(id, 'NORMAL'), '1+1000 10001+1', 'which packs what was there') FROM single;

CREATE TEMPORARY TABLE large AS SELECT pg_temp.draft() AS id;
SELECT is(campaign_upload(id, pg_temp.numbers(1, 9999)) -> 'accepted', '9999', 'a draft of 9,999') FROM large;
SELECT is(pg_temp.packed(id, 'NORMAL'), NULL, 'is not worth packing') FROM large;
SELECT is(campaign_upload(id, pg_temp.numbers(9999, 20500)) - '{errors,countries,assumed}'::text[], '{"accepted": 10501, "duplicates": 1, "invalid": 0}',
    'what is added is compared with its rows') FROM large;
SELECT is(pg_temp.packed(id, 'NORMAL'), '1+1000 10001+1000 20001+500', 'and all of it is packed') FROM large;
SELECT is(pg_temp.unpacked(id), pg_temp.phones(id), 'number by number') FROM large;
SELECT pg_temp.rows_read() AS before \gset
SELECT is(campaign_upload(id, pg_temp.numbers(20500, 20501)) - '{errors,countries,assumed}'::text[], '{"accepted": 1, "duplicates": 1, "invalid": 0}',
    'one number more') FROM large;
SELECT is(pg_temp.rows_read() - :before, 0::bigint, 'is added without reading the rows of the others');
SELECT is(campaign_upload(id, pg_temp.numbers(20400, 20603), class => 'VIP') - '{errors,countries,assumed}'::text[], '{"accepted": 102, "duplicates": 102, "invalid": 0}',
    'packed and other numbers count for the other class') FROM large;
SELECT is(campaign_upload(id, pg_temp.numbers(20600, 32000), class => 'VIP') - '{errors,countries,assumed}'::text[], '{"accepted": 11397, "duplicates": 4, "invalid": 0}',
    'which is packed by itself') FROM large;
SELECT is(pg_temp.packed(id, 'VIP') || ', ' || pg_temp.packed(id, 'NORMAL'), '1+1000 10001+1000 11001+499, 1+1000 10001+1000 20001+500',
    'from its own first number on') FROM large;
SELECT is(campaign_upload(id, pg_temp.numbers(1, 32001)) - '{errors,countries,assumed}'::text[], '{"accepted": 1, "duplicates": 32000, "invalid": 0}',
    'nothing is missed') FROM large;
DELETE FROM campaign.packed_recipients WHERE campaign_id = (SELECT id FROM large) AND (class = 'VIP' OR first_seq = 3001);
SELECT is(campaign_upload(id, pg_temp.numbers(2, 32002)) - '{errors,countries,assumed}'::text[], '{"accepted": 1, "duplicates": 32000, "invalid": 0}',
    'not even if packed numbers are missing, as after a restore') FROM large;
SELECT is(pg_temp.packed(id, 'VIP') || ', ' || pg_temp.packed(id, 'NORMAL'), '1+1000 10001+1000 11001+499, 1+1000 10001+1000 20001+502',
    'they are packed again') FROM large;
SELECT is(campaign_upload(id, pg_temp.numbers(1, 2), allow_duplicates => true) -> 'accepted', '2', 'numbers may be repeated') FROM large;
SELECT is(campaign_upload(id, pg_temp.numbers(1, 12000), allow_duplicates => true, class => 'VIP') -> 'accepted', '12000', 'many too') FROM large;
SELECT is(campaign_upload(id, pg_temp.numbers(3, 32003)) - '{errors,countries,assumed}'::text[], '{"accepted": 1, "duplicates": 32000, "invalid": 0}',
    'and are compared with like others') FROM large;
SELECT campaign_cancel(id) FROM large;
SELECT is_empty('SELECT FROM campaign.packed_recipients WHERE campaign_id = (SELECT id FROM large)',
    'a campaign to which nothing can be added has no packed numbers');

SELECT * FROM finish();
ROLLBACK;
