-- Whose a thing is after it has changed hands: an application that a colleague has rotated, the newest run.
BEGIN;
SELECT plan(20);

CREATE FUNCTION pg_temp.become(id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', jsonb_build_object('role', 'campaign_user', 'user_id', id)::text, true);
END $$;
CREATE FUNCTION pg_temp.live(token text) RETURNS boolean LANGUAGE sql AS
$$ SELECT revoked_at IS NULL FROM campaign.application_tokens WHERE id = token $$;

INSERT INTO campaign.users (id, email, password) VALUES ('ana', 'ana@example.com', 'x'), ('bea', 'bea@example.com', 'x'), ('eva', 'eva@example.com', 'x');
INSERT INTO campaign.companies (id, name, document) VALUES ('padaria', 'Padaria', '71A'), ('foto', 'Foto', '71F');
INSERT INTO campaign.company_members (company_id, user_id) VALUES ('padaria', 'ana'), ('padaria', 'bea'), ('foto', 'eva');
SELECT application_create('nightly', 'padaria', 'ana') AS made \gset
SELECT :'made'::jsonb ->> 'id' AS app, :'made'::jsonb ->> 'secret' AS secret \gset
SELECT token_create('one', :'app') ->> 'id' AS one \gset

-- By a colleague
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become('eva');
SELECT throws_ok(format('SELECT campaign_api.application_rotate(%L)', :'app'), 'PT404', NULL, 'R2.5: not by a stranger');
SELECT pg_temp.become('bea');
SELECT isnt(campaign_api.application_rotate(:'app') ->> 'secret', :'secret', 'R2.5: a colleague gets a new secret');
SELECT is((SELECT user_id FROM campaign_api.applications), 'bea', 'R7.1: and the application is theirs');
RESET ROLE;
SELECT ok(NOT pg_temp.live(:'one'), 'R7.1: the tokens of the one before have ended, though nobody has asked for that');
SELECT isnt((SELECT encode(secret_hash, 'hex') FROM campaign.applications WHERE id = :'app'), encode(sha256(:'secret'::bytea), 'hex'), 'R2.5: so has the old secret');

-- By whose it is
SELECT token_create('two', :'app') ->> 'id' AS two \gset
SET LOCAL ROLE campaign_user;
SELECT lives_ok(format('SELECT campaign_api.application_rotate(%L)', :'app'), 'R2.5: by themselves');
RESET ROLE;
SELECT ok(pg_temp.live(:'two'), 'R2.5: its tokens go on');
SET LOCAL ROLE campaign_user;
SELECT lives_ok(format('SELECT campaign_api.application_rotate(%L, true)', :'app'), 'R2.5: unless they are to be revoked');
RESET ROLE;
SELECT ok(NOT pg_temp.live(:'two'), 'R2.5: then they end');

-- With whose membership it ends
SET LOCAL ROLE campaign_user;
SELECT campaign_api.company_member_remove('padaria', 'ana');
RESET ROLE;
SELECT ok(campaign.application_live(:'app'), 'R7.1: it outlives the membership of who had made it');
INSERT INTO campaign.users (id, email, password) VALUES ('ida', 'ida@example.com', 'x');
INSERT INTO campaign.company_members (company_id, user_id) VALUES ('padaria', 'ida');
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become('ida');
SELECT campaign_api.company_member_remove('padaria', 'bea');
RESET ROLE;
SELECT ok(NOT campaign.application_live(:'app'), 'R7.1: and ends with that of who knows its secret');

-- The newest run
INSERT INTO campaign.campaigns (id, name, message, company_id, user_id, identifier_time, identifier_entropy, identifier_fingerprint)
SELECT id, 'x', 'hello', company, 'eva', 1, 'x', 'x' FROM (VALUES ('old', 'foto'), ('new', 'foto'), ('other', 'padaria')) AS c (id, company);
INSERT INTO campaign.runs (campaign_id, number, quantity, seed, vip_percent, dispatch, created_at)
SELECT id, number, 1, 1, 1, false, now() + age FROM (VALUES ('old', 1, interval '1 min'), ('new', 1, '2 min'), ('other', 1, '3 min')) AS r (id, number, age);
SELECT pg_temp.become('ida');
SELECT is(campaign.request_run(), 'other', 'R3.4: the newest run is that of one''s company');
SELECT pg_temp.become('eva');
SELECT is(campaign.request_run(), 'new', 'R3.4: and no newer one of others');
INSERT INTO campaign.runs (campaign_id, number, quantity, seed, vip_percent, dispatch, created_at) VALUES ('old', 2, 1, 1, 1, false, now() + interval '4 min');
SELECT is(campaign.request_run(), 'old', 'R3.4: a campaign that runs again has the newest one');
UPDATE campaign.campaigns SET deleted = true WHERE id = 'old';
SELECT is(campaign.request_run(), 'new', 'R3.4: one that is deleted has none');
INSERT INTO campaign.campaigns (id, name, message, company_id, user_id, identifier_time, identifier_entropy, identifier_fingerprint)
VALUES ('draft', 'x', 'hello', 'foto', 'eva', 1, 'x', 'x');
UPDATE campaign.campaigns SET reset_as = 'draft' WHERE id = 'new';
SELECT is(campaign.request_run(), 'draft', 'R3.6: the draft that a reset has left takes its place');
UPDATE campaign.campaigns SET deleted = true WHERE id = 'draft';
SELECT is(campaign.request_run(), 'new', 'R3.4: until that is deleted');
UPDATE campaign.company_members SET deleted = true WHERE user_id = 'eva';
SELECT is(campaign.request_run(), NULL, 'R7.1: nor has who has left');
SET LOCAL ROLE campaign_user;
SELECT throws_ok('SELECT campaign_api.campaign_run_status()', 'PT404', 'there is no run yet', 'R3.4: which is said');
SELECT throws_ok($$ SELECT campaign_api.campaign_run_status('other') $$, 'PT403', NULL, 'R7.1: nor does naming one help');

SELECT * FROM finish();
ROLLBACK;
