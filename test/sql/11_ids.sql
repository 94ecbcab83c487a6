-- cuid2() and the password functions.
BEGIN;
SELECT plan(17);

SELECT matches(cuid2(), '^[a-z][a-z0-9]{23}$', 'R0.5: 24 characters, a letter first');
SELECT is(length(cuid2(n)), n, 'R0.5: a length of ' || n) FROM unnest(ARRAY[2, 32]) AS n;
SELECT throws_ok('SELECT cuid2(' || n || ')', '22023',
    'cuid2 length must be between 2 and 32, not ' || n, 'R0.5: no length of ' || n)
FROM unnest(ARRAY[1, 33, -1]) AS n;
SELECT is(count(DISTINCT id), 100000::bigint, 'R0.5: 100,000 ids without a collision')
FROM (SELECT cuid2() AS id FROM generate_series(1, 100000)) AS ids;

SELECT matches(password_hash('secret'), '^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$',
    'R0.6: Argon2id in PHC string form at OWASP''s minimum');
SELECT isnt(password_hash('secret'), password_hash('secret'), 'R0.6: every hash has its own salt');
SELECT ok(password_verify('secret', password_hash('secret')), 'R0.6: the right password');
SELECT ok(NOT password_verify('Secret', password_hash('secret')), 'R0.6: another password');
SELECT ok(password_verify('contraseña-密码', password_hash('contraseña-密码')), 'R0.6: any characters');
SELECT throws_like($$ SELECT password_hash('') $$, 'password: %', 'R0.6: no empty password');
SELECT throws_like($$ SELECT password_hash(repeat('x', 1000000)) $$, 'password: %', 'R0.6: no password of a megabyte');
SELECT throws_like(
    $$ SELECT password_verify('secret', '$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$dGFndGFndGFndGFndGFndGFndGFndGFndGFndGFndGE') $$,
    'password: %', 'R0.6: a hash that asks for 4 GiB is refused');
SELECT throws_like($$ SELECT password_verify('secret', 'plain') $$, 'password: %', 'R0.6: what is no hash is an error');
SELECT ok(campaign.password_needs_rehash('$argon2id$v=19$m=8192,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$dGFndGFndGFndGFndGFndGFndGFndGFndGFndGFndGE')
    AND NOT campaign.password_needs_rehash(password_hash('secret')),
    'R0.6: a weaker hash is to be made again, one of today is not');

SELECT * FROM finish();
ROLLBACK;
