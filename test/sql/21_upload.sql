-- From a numbers file to recipients.
BEGIN;
SELECT plan(26);

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
    $$ VALUES ('{"accepted": 2, "duplicates": 0, "invalid": 0, "errors": []}'::jsonb, '+5511987654321 +5511987654322') $$,
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

SELECT is(answer - 'errors', '{"accepted": 1, "duplicates": 0, "invalid": 2}', 'R0.11: skip_invalid takes the rest')
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
SELECT is(campaign_upload(id, E'5511987654322\n5511987654323') - 'errors', '{"accepted": 1, "duplicates": 1, "invalid": 0}',
    'R0.11: another file is added, without the numbers that are there') FROM two;
SELECT is(pg_temp.phones(id), '+5511987654321 +5511987654322 +5511987654323', 'R0.11: seq goes on') FROM two;

SELECT * FROM finish();
ROLLBACK;
