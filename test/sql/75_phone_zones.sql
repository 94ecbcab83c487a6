-- The time zones of phone numbers: test/unit/test_zones.c compares hundreds with the package's own.
BEGIN;
SELECT plan(13);

SELECT is(phone_number_zones(given), wanted, given) FROM (VALUES
    ('+55 11 98765-4321', '{America/Sao_Paulo}'::text[]), ('5592987654321', '{America/Manaus}'), ('+44 20 7946 0958', '{Europe/London}'),
    ('+1 (212) 555-0123', '{America/New_York}'), ('+1 808 555 0123', '{Pacific/Honolulu}'), ('+49 151 12345678', '{Europe/Berlin}'),
    ('0', '{}'), ('', '{}'), (NULL, NULL)) AS t (given, wanted);
SELECT cmp_ok(cardinality(phone_number_zones('+7')), '>', 5, 'a whole country spans many');
SELECT throws_ok($$ SELECT phone_number_zones('five') $$, '22023', NULL, 'words are no number');
SELECT throws_ok($$ SELECT phone_number_zones('+551198765432100000') $$, '22023', NULL, 'nor are too many digits');
SELECT is_empty($$ SELECT zone FROM generate_series(1, 9999) AS n, unnest(phone_number_zones(n::text)) AS zone
    EXCEPT SELECT name FROM pg_timezone_names $$, 'PostgreSQL knows them all');

SELECT * FROM finish();
ROLLBACK;
