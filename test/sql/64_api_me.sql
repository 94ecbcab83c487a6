-- An address is proved before it counts. Ana proves hers; Eve signs up with one that is not hers.
BEGIN;
SELECT plan(54);
SET LOCAL campaign.require_verified_email = on;

-- One request of this user: PostgREST begins each with empty answers.
CREATE FUNCTION pg_temp.become(id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('response.status', '', true), set_config('response.headers', '', true),
        set_config('request.jwt.claims', CASE WHEN id IS NULL THEN '' ELSE jsonb_build_object('role', 'campaign_user', 'user_id', id)::text END, true);
END $$;
-- The next mail, as campaign-mailer gets it, and is sent.
CREATE FUNCTION pg_temp.mail() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE mail record;
BEGIN
    SELECT * INTO mail FROM campaign.mail_claim();
    IF FOUND THEN
        PERFORM campaign.mail_begin(mail.id), campaign.mail_sent(mail.id, '250 ok');
    END IF;
    RETURN jsonb_build_object('id', mail.id, 'kind', mail.kind, 'email', mail.email, 'code', mail.code, 'company', mail.company, 'inviter', mail.inviter);
END $$;
CREATE FUNCTION pg_temp.addresses() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(CASE WHEN email ~ 'released' THEN 'released' ELSE email END || CASE WHEN verified_at IS NULL THEN '?' ELSE '' END, ' ' ORDER BY email ~ 'released', email)
   FROM campaign.users WHERE NOT deleted $$;

-- Sign-up
SELECT campaign_api.signup('ana@example.com', 'secret') ->> 'id' AS ana \gset
SELECT pg_temp.mail() AS mail \gset
SELECT is(:'mail'::jsonb - 'id' - 'code', '{"kind": "confirm", "email": "ana@example.com", "company": null, "inviter": null}', 'R7.2: sign-up sends a mail');
SELECT matches(:'mail'::jsonb ->> 'code', '^[a-z0-9]{24}$', 'R7.2: with a code');
SELECT results_eq('SELECT purpose, email, expires_at - created_at BETWEEN interval ''1 day'' AND interval ''1 day 1 second'', hash FROM campaign.address_codes',
    format('VALUES (''confirm'', ''ana@example.com'', true, sha256(%L))', :'mail'::jsonb ->> 'code'), 'R7.2: for a day, of which the hash is stored');
SELECT is(count(*), 0::bigint, 'R7.2: and nothing else, not even in the job') FROM (SELECT j::text FROM campaign.jobs j UNION ALL SELECT c::text FROM campaign.address_codes c) AS rows (line)
WHERE strpos(line, :'mail'::jsonb ->> 'code') > 0 OR strpos(line, encode((:'mail'::jsonb ->> 'code')::bytea, 'hex')) > 0;

-- Before the proof: one's own things, and nothing of others
SELECT pg_temp.become(NULL);
SELECT is(campaign_api.login('ana@example.com', 'secret') ->> 'user_id', :'ana', 'R7.2: who has not proved an address logs in');
SELECT pg_temp.become(:'ana');
SELECT is(campaign_api.me() -> 'email_verified', 'false', 'R7.2: is told so');
INSERT INTO campaign_api.companies (name, document) VALUES ('Padaria', '1') RETURNING id AS padaria \gset
SELECT lives_ok($$ SELECT campaign_api.campaign_send('pao', 'hello', '["5511987654321"]') $$, 'R7.2: and works on their own things');
SELECT campaign_api.signup('bea@example.com', 'secret') ->> 'id' AS bea \gset
SELECT throws_ok(format('SELECT campaign_api.company_member_invite(%L, ''bea@example.com'')', :'padaria'), 'PT403', 'prove your address first', 'R7.2: but invites nobody');

-- The proof
SELECT pg_temp.become(:'ana');
SELECT is(campaign_api.me_confirm(code) ->> 'code', 'PT422', 'R7.2: no proof: ' || quote_nullable(code))
FROM unnest(ARRAY['', 'x', NULL, upper(:'mail'::jsonb ->> 'code')]) AS code;
SELECT pg_temp.become(:'bea');
SELECT is(campaign_api.me_confirm(:'mail'::jsonb ->> 'code') ->> 'code', 'PT422', 'R7.2: nor a code that somebody else got');
SELECT pg_temp.become(:'ana');
SELECT is(campaign_api.me_confirm(' ' || (:'mail'::jsonb ->> 'code') || E'\n') -> 'email_verified', 'true', 'R7.2: the code proves the address');
SELECT is(campaign_api.me_confirm(:'mail'::jsonb ->> 'code') ->> 'code', 'PT422', 'R7.2: once');
SELECT is_empty('SELECT FROM campaign.address_codes WHERE user_id = ' || quote_literal(:'ana'), 'and is gone');
SELECT pg_temp.become(:'ana');
SELECT throws_ok('SELECT campaign_api.me_code()', 'PT409', NULL, 'who has proved an address needs no code');

-- Codes that are sent again, by the mailer or by the user
SELECT pg_temp.become(:'bea');
CREATE TEMPORARY TABLE codes AS SELECT n, c.id, c.code FROM generate_series(1, 5) AS n, LATERAL campaign.mail_claim() AS c WHERE false;
DO $$
DECLARE mail record;
BEGIN
    FOR n IN 1..5 LOOP
        SELECT * INTO mail FROM campaign.mail_claim();
        INSERT INTO codes VALUES (n, mail.id, mail.code);
        PERFORM campaign.mail_begin(mail.id), campaign.mail_release(mail.id);
    END LOOP;
END $$;
SELECT is(count(DISTINCT code), 5::bigint, 'R7.2: each trial of a mail has another code') FROM codes HAVING count(DISTINCT id) = 1;
SELECT set_eq('SELECT hash FROM campaign.address_codes', 'SELECT sha256(code::bytea) FROM codes WHERE n > 1', 'of which the last four are good: one may have arrived');
UPDATE campaign.address_codes SET expires_at = now() - interval '1 second';
SELECT is(campaign_api.me_confirm((SELECT code FROM codes WHERE n = 5)) ->> 'code', 'PT422', 'R7.2: one that has expired is none');
SELECT pg_temp.mail() \g /dev/null
SELECT pg_temp.become(:'bea');
SELECT is(campaign_api.me_code() -> 'email_verified', 'false', 'R7.2: another one is sent');
SELECT is(current_setting('response.status'), '202', '202');
SELECT is((SELECT count(*) FROM campaign.address_codes WHERE expires_at < now()), 0::bigint, 'codes that have expired are deleted');
SELECT is(campaign_api.me_confirm(pg_temp.mail() ->> 'code') -> 'email_verified', 'true', 'and proves the address');
SELECT is(string_agg(coalesce(campaign_api.me_update('bia' || n || '@example.com', 'secret') ->> 'code', 'sent'), ' '), 'sent sent sent sent PT429', 'R7.3: five mails with codes in a row, and then a wait')
FROM generate_series(1, 5) AS n;
SELECT is(campaign_api.me() ->> 'new_email', 'bia4@example.com', 'for which nothing changes');
DELETE FROM campaign.login_attempts;
UPDATE campaign.jobs SET status = 'cancelled', finished_at = now(), error = 'x' WHERE status = 'waiting';

-- Another address
SELECT pg_temp.become(:'ana');
SELECT is(campaign_api.me_update('anna@example.com', NULL) ->> 'message', 'your password is needed', 'R7.2: another address asks for the password');
SELECT is(campaign_api.me_update('anna@example.com', 'wrong') ->> 'code', 'PT403', 'the right one');
SELECT throws_ok(format('SELECT campaign_api.me_update(''anna@example.com'', ''secret'', %L)', :'bea'), 'PT403', 'you can change only yourself', 'one''s own');
SELECT throws_ok('UPDATE campaign_api.users SET email = ''anna@example.com'' WHERE id = ' || quote_literal(:'ana'), 'PT403', 'your password is needed', 'R7.2: a view has no place for it');
SELECT throws_ok('DELETE FROM campaign_api.users WHERE id = ' || quote_literal(:'ana'), 'PT403', 'your password is needed', 'also not for the end of an account');
SELECT throws_ok($$ SELECT campaign_api.me_update('BEA@example.com', 'secret') $$, 'PT409', NULL, 'R7.2: 409: somebody has proved it');
SELECT pg_temp.become(:'ana');
SELECT campaign_api.me_update('anna@example.com', 'secret') AS changed \gset
SELECT is(current_setting('response.status') || ' ' || (:'changed'::jsonb ->> 'email') || ' ' || (:'changed'::jsonb ->> 'new_email'), '202 ana@example.com anna@example.com',
    'R7.2: the old address stays until the new one is proved');
SELECT pg_temp.mail() AS mail \gset
SELECT is(:'mail'::jsonb ->> 'email', 'anna@example.com', 'R7.2: which gets the code');
SELECT is(campaign_api.me_confirm(:'mail'::jsonb ->> 'code') ->> 'email', 'anna@example.com', 'R7.2: and then it is theirs');
SELECT is(campaign_api.me() - 'companies' - 'id' - 'created_at' - 'updated_at', '{"email": "anna@example.com", "new_email": null, "email_verified": true}', 'proved');
SELECT is(campaign_api.me_update('Anna@Example.com', 'secret') ->> 'email', 'Anna@Example.com', 'only its case: at once');
SELECT is(campaign_api.me() -> 'email_verified', 'true', 'and proved');

-- Whoever proves an address gets it
SELECT pg_temp.become(NULL);
SELECT campaign_api.signup('ida@example.com', 'eves password') ->> 'id' AS eve \gset
SELECT pg_temp.become(:'eve');
INSERT INTO campaign_api.companies (name, document) VALUES ('Estudio', '2');
SELECT pg_temp.mail() AS to_ida \gset
SELECT pg_temp.become(:'ana');
SELECT is(campaign_api.company_member_invite(:'padaria', 'ida@example.com') ->> 'code', 'PT404', 'R7.2: nobody is invited by an address that they have not proved');
INSERT INTO campaign.invitations (company_id, company_name, user_id, email, invited_by) VALUES (:'padaria', 'Padaria', :'eve', 'ida@example.com', :'ana') RETURNING id AS old \gset
SELECT pg_temp.become(:'eve');
SELECT throws_ok(format('SELECT campaign_api.invitation_accept(%L)', :'old'), 'PT403', 'prove your address first', 'R7.2: nor becomes a member without a proof');
SELECT pg_temp.become(:'ana');
SELECT is(campaign_api.me_update('ida@example.com', 'secret') ->> 'new_email', 'ida@example.com', 'R7.2: who has not proved an address does not block it');
SELECT is(campaign_api.me_confirm(pg_temp.mail() ->> 'code') ->> 'email', 'ida@example.com', 'R7.2: whoever proves it gets it');
SELECT is(pg_temp.addresses(), 'bea@example.com ida@example.com released?', 'and whoever has not loses it');
SELECT pg_temp.become(:'eve');
SELECT is(campaign_api.me_confirm(:'to_ida'::jsonb ->> 'code') ->> 'code', 'PT422', 'R7.2: the code of before proves nothing more');
SELECT is(jsonb_array_length(campaign_api.me() -> 'companies'), 1, 'R7.2: what they have made stays theirs');
SELECT throws_ok('SELECT campaign_api.me_code()', 'PT409', NULL, 'there is nothing to prove');
SELECT pg_temp.become(NULL);
SELECT is(campaign_api.login(:'eve' || '@released.invalid', 'eves password') ->> 'user_id', :'eve', 'R7.2: they log in with their id');
SELECT throws_ok($$ SELECT campaign_api.signup('x@released.invalid', 'secret') $$, 'PT422', NULL, 'as which nobody signs up');

-- Invitations are mailed
SELECT pg_temp.become(:'ana');
UPDATE campaign.companies SET name = E'Pada\nria' WHERE id = :'padaria';
SELECT campaign_api.company_member_invite(:'padaria', 'bea@example.com') ->> 'id' AS invitation \gset
SELECT is(pg_temp.mail() - 'id', '{"kind": "invitation", "email": "bea@example.com", "code": null, "company": "Pada ria", "inviter": "ida@example.com"}', 'R7.2: an invitation is mailed');
DELETE FROM campaign_api.invitations WHERE id = :'invitation';
SELECT isnt(campaign_api.company_member_invite(:'padaria', 'bea@example.com') ->> 'id', :'invitation', 'another one on the same day');
SELECT is(pg_temp.mail() -> 'id', 'null', 'R7.3: is not');

-- Without proofs
SET LOCAL campaign.require_verified_email = off;
SELECT pg_temp.become(NULL);
SELECT campaign_api.signup('leo@example.com', 'secret') ->> 'id' AS leo \gset
SELECT is(pg_temp.mail() - 'id', '{"kind": "welcome", "email": "leo@example.com", "code": null, "company": null, "inviter": null}', 'nobody has to prove: the welcome has no code');
SELECT pg_temp.become(:'ana');
SELECT is(campaign_api.company_member_invite(:'padaria', 'leo@example.com') ->> 'status', 'invited', 'every address counts');
SELECT is(campaign_api.me_update('zoe@example.com', 'secret') ->> 'email', 'zoe@example.com', 'and changes at once');

SELECT * FROM finish();
ROLLBACK;
