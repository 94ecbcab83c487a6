-- Users and companies.
BEGIN;
SELECT plan(16);

SELECT matches(user_create('Ana@Example.com', 'secret'), '^[a-z][a-z0-9]{23}$', 'R0.1: a user gets a cuid2');
SELECT results_eq(
    $$ SELECT email, password_verify('secret', password), deleted FROM campaign.users WHERE lower(email) = 'ana@example.com' $$,
    $$ VALUES ('Ana@Example.com', true, false) $$, 'R0.1: address kept, password hashed');
SELECT throws_ok($$ SELECT user_create('ANA@example.COM', 'other') $$, '23505',
    'a user with this e-mail address already exists', 'R0.1: unique whatever the case');
UPDATE campaign.users SET deleted = true WHERE lower(email) = 'ana@example.com';
SELECT lives_ok($$ SELECT user_create('ana@example.com', 'other') $$, 'R0.1: unique among live users only');
SELECT throws_ok('SELECT user_create(' || quote_literal(address) || ', ''secret'')', '22023',
    'e-mail address is not valid', 'R0.1: not an address: ' || quote_ident(replace(address, E'\n', ' ')))
FROM unnest(ARRAY['', 'ana', 'ana@', '@example.com', 'a b@example.com', E'a\nb@example.com']) AS address;
SELECT throws_ok($$ SELECT user_create('b@example.com', NULL) $$, '22023', 'password is missing',
    'R0.1: no user without a password');

SELECT matches(company_create('Padaria', '12.ABC.345/01DE-35'), '^[a-z][a-z0-9]{23}$', 'R0.2: a company gets a cuid2');
SELECT results_eq($$ SELECT document FROM campaign.companies $$, ARRAY['12ABC34501DE35'],
    'R0.2: the document without punctuation');
SELECT throws_ok($$ SELECT company_create('Other', '12abc34501de35') $$, '23505',
    'a company with this document already exists', 'R0.2: unique among live companies');
SELECT throws_like($$ SELECT company_create('Other', '.-/') $$, 'company document %', 'R0.2: no empty document');
SELECT throws_like($$ SELECT company_create(' ', '1') $$, 'company name %', 'R0.2: no empty name');

SELECT * FROM finish();
ROLLBACK;
