-- Addresses: what is taken off, what is refused, and what goes to whom.
BEGIN;
SELECT plan(62);

SELECT is(campaign.email_check(address), 'zoe@example.com', 'R7.2: what surrounds an address is taken off: ' || quote_ident(address))
FROM unnest(ARRAY[' zoe@example.com ', E'\tzoe@example.com\r\n', E'\u00A0zoe@example.com\u00A0', E'\uFEFFzoe@example.com', E'zoe@example.com\u200B',
    E'\u202Azoe@example.com\u202C', E'\u00ADzoe@example.com', 'mailto:zoe@example.com', E'\u200E MAILTO: zoe@example.com', E'\u2067zoe@example.com\u3000\u2069']) AS address;
SELECT throws_ok(format('SELECT campaign.email_check(%L)', address), '22023', 'e-mail address is not valid', 'R7.2: no address: ' || quote_nullable(left(address, 40)))
FROM unnest(ARRAY[NULL, '', 'ana', 'ana@', '@example.com', 'ana@example', 'ana@example.', 'ana@.com', 'a b@example.com', 'a@b@example.com', E'a\nb@example.com',
    E'zo\u200Be@example.com', E'zoe@exa\u00ADmple.com', E'zoe@example\u00A0.com', E'zoe\u202E@example.com', E'zo\u0085e@example.com', E'zoe@example.com\U000E0061.com',
    'a,b@example.com', 'a;b@example.com', '"a b"@example.com', 'a<b@example.com', '<zoe@example.com>', 'Zoe <zoe@example.com>', 'zoe@example.com, eva@example.com',
    'zoe@example.com?subject=x', 'zoe@exa,mple.com', 'zoe@[127.0.0.1]', repeat('x', 65) || '@example.com', repeat('é', 33) || '@example.com',
    'zoe@' || repeat('é.', 84) || 'com', E'\u0430na@example.com', E'ana@ex\u0430mple.com', E'\u03BFmega@example.com', E'ana@\uFF45xample.com', E'ana@example.\u0441om',
    'u7oqh9c0wz1m4p2k8s6d5f3g@Released.invalid']) AS address;
SELECT is(campaign.email_check(address), address, 'R7.2: an address: ' || left(address, 40))
FROM unnest(ARRAY[E'jos\u00E9@exam-ple.com', E'\u0430\u043D\u043D\u0430@\u043F\u043E\u0447\u0442\u0430.com', E'\u4F60\u597D@\u4F8B\u5B50.com', 'o''neil+x&y@sub.example.org',
    repeat('x', 64) || '@example.com', 'a_b@exa_mple.com', 'a..b.@docomo.example', 'Ana@Example.com']) AS address;
SELECT is(campaign.email_check(E'jose\u0301@example.com'), E'jos\u00E9@example.com', 'R7.2: an accent as a character of its own is the same address');

-- The rule of campaign-mailer, sign by sign (test/unit/test_address.c).
CREATE FUNCTION pg_temp.taken(pattern text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    taken text := '';
BEGIN
    FOR code IN 1..127 LOOP
        BEGIN
            PERFORM campaign.email_check(format(pattern, chr(code)));
            taken := taken || chr(code);
        EXCEPTION WHEN invalid_parameter_value THEN
            NULL;
        END;
    END LOOP;
    RETURN regexp_replace(taken, '[A-Za-z0-9]+', '', 'g');
END $$;
SELECT is(pg_temp.taken('a%sb@example.com'), '!#$%&''*+-./=?^_`{|}~', 'R7.2: before the @, what the mailer sends to and nothing else');
SELECT is(pg_temp.taken('a@b%sc.com'), '-._', 'R7.2: after it, too');

-- Wherever an address is given
SELECT user_create(E'\u00A0Zoe@example.com\u200B', 'secret') AS zoe \gset
SELECT is((SELECT email FROM campaign.users WHERE id = :'zoe'), 'Zoe@example.com', 'R7.2: at sign-up');
SELECT throws_ok($$ SELECT user_create('mailto:zoe@example.com', 'x') $$, '23505', NULL, 'R7.2: which makes it the same address');
SELECT is(campaign_api.login(E'\uFEFFmailto:zoe@example.com ', 'secret') ->> 'user_id', :'zoe', 'R7.2: at login');
SELECT throws_ok($$ SELECT campaign_api.signup('a,b@example.com', 'x') $$, 'PT422', NULL, 'R7.2: 422');
SELECT throws_ok($$ SELECT campaign_api.signup_async('a,b@example.com', 'x') $$, 'PT422', NULL, 'R7.2: also later');

SELECT * FROM finish();
ROLLBACK;
