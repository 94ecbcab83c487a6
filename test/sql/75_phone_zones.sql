-- The time zones of phone numbers: test/unit/test_zones.c compares hundreds with the package's own.
BEGIN;
SELECT plan(28);

SELECT is(phone_number_zones(given), wanted, given) FROM (VALUES
    ('+55 11 98765-4321', '{America/Sao_Paulo}'::text[]), ('5592987654321', '{America/Manaus}'), ('+44 20 7946 0958', '{Europe/London}'),
    ('+1 (212) 555-0123', '{America/New_York}'), ('+1 808 555 0123', '{Pacific/Honolulu}'), ('+49 151 12345678', '{Europe/Berlin}'),
    ('0', '{}'), ('', '{}'), (NULL, NULL)) AS t (given, wanted);
SELECT cmp_ok(cardinality(phone_number_zones('+7')), '>', 5, 'a whole country spans many');
SELECT throws_ok($$ SELECT phone_number_zones('five') $$, '22023', NULL, 'words are no number');
SELECT throws_ok($$ SELECT phone_number_zones(repeat('.', 39) || 'é') $$, '22023',
    format('"%s" is not an international phone number', repeat('.', 39)), 'of long words whole characters are shown');
SELECT throws_ok($$ SELECT phone_number_zones('+551198765432100000') $$, '22023', NULL, 'nor are too many digits');
SELECT is_empty($$ SELECT zone FROM generate_series(1, 9999) AS n, unnest(phone_number_zones(n::text)) AS zone
    EXCEPT SELECT name FROM pg_timezone_names $$, 'PostgreSQL knows them all');

-- A list cut by them --------------------------------------------------------------------------
CREATE FUNCTION pg_temp.draft(ordered boolean, numbers text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE id text := campaign_create('Spring', '{sale}', ordered => draft.ordered);
BEGIN
    PERFORM campaign_upload(id, numbers);
    RETURN id;
END $$;
CREATE TEMPORARY TABLE world AS
SELECT pg_temp.draft(false, E'+5511900000001\n+5592900000002\n+442079460958\n+5511900000003\n+5592900000004\n+88800000000005\n') AS id;
SELECT campaign.recipients_add(id, '{VIP,NORMAL}', '{+5511900000006,+5511900000007}', '{own,NULL}',
    ARRAY['{"sale": "x"}', '{"sale": "y"}']::jsonb[]) FROM world;
SELECT throws_ok(format('SELECT campaign_split_zones(%L, %L)', id, '09:00-18:00'), '22023', NULL, 'a number without a zone is named') FROM world;
CREATE TEMPORARY TABLE parts AS SELECT p.* FROM world, campaign_split_zones(world.id, '00:00-24:00', 'Asia/Tokyo', 'lunch') AS p;
SELECT set_eq($$ SELECT time_zones, recipients FROM parts $$, $$ VALUES (ARRAY['America/Sao_Paulo'], 4::bigint),
    (ARRAY['America/Manaus'], 2), (ARRAY['Europe/London'], 1), (ARRAY['Asia/Tokyo'], 1) $$, 'a draft for each zone');
SELECT is(string_agg(concat_ws(' ', r.class, r.seq, r.phone_number, r.text, r.attributes ->> 'sale'), ', ' ORDER BY r.class, r.seq),
    'VIP 1 +5511900000006 own x, NORMAL 1 +5511900000001, NORMAL 2 +5511900000003, NORMAL 3 +5511900000007 y', 'each with what was theirs, in order')
FROM campaign.recipients r JOIN parts ON parts.id = r.campaign_id AND time_zones = '{America/Sao_Paulo}';
SELECT is(status, 'cancelled', 'the draft is over') FROM world, LATERAL (SELECT campaign_status(world.id) ->> 'status' AS status) AS s;
SELECT is_empty($$ SELECT FROM campaign.recipients r JOIN world ON world.id = r.campaign_id $$, 'and has nobody any more');
SELECT is(count(*), 4::bigint, 'all is open at once') FROM parts WHERE opens_at <= clock_timestamp();
SELECT is(s #>> '{window,time_zone}', 'America/Sao_Paulo', 'and has its window') FROM parts, campaign_status(id) AS s WHERE recipients = 4;
SELECT is((s ->> 'total')::bigint, 4::bigint, 'and its total') FROM parts, campaign_status(id) AS s WHERE recipients = 4;
SELECT throws_ok(format('SELECT campaign_split_zones(%L, %L)', pg_temp.draft(true, '+5511900000001'), '09:00-18:00'), '55000', NULL, 'an ordered one is not split');
SELECT throws_ok(format('SELECT campaign_split_zones(%L, %L)', id, '09:00-18:00'), '55000', NULL, 'nor one that is over') FROM world;
CREATE TEMPORARY TABLE far AS SELECT campaign_create('far', 'hello', ordered => false) AS id;
SELECT campaign_upload(id, '+18005551234'::text) FROM far;
SELECT campaign_deadline_set(id, valid_for => '1 day'), campaign_limit(id, 20), campaign_canary(id, 1) FROM far;
CREATE TEMPORARY TABLE forty AS SELECT p.* FROM far, campaign_split_zones(far.id, '09:00-12:00') AS p;
SELECT is(opens_at, NULL, 'zones without a common hour never open') FROM forty;
SELECT is(concat_ws(' ', c.valid_for, c.per_second, c.canary), '1 day 20 1', 'a part has the deadline, the limit and the canary of the draft')
FROM forty JOIN campaign.campaigns c ON c.id = forty.id;
SELECT campaign_dispatch(id) FROM forty;
SELECT lives_ok('SELECT campaign.outbox_due()', 'forty zones are too many for words');
SELECT matches(campaign_health(id) ->> 'reason', '^its send window never opens in \S+ and \d+ others$', 'and are counted') FROM forty;

SELECT * FROM finish();
ROLLBACK;
