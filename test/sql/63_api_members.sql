-- Members of companies: invited, accepted, removed. Ana has a company, Eva another; Bea and Ida have none.
BEGIN;
SELECT plan(66);

-- One request of this user: PostgREST begins each with empty answers.
CREATE FUNCTION pg_temp.become(id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('response.status', '', true), set_config('response.headers', '', true),
        set_config('request.jwt.claims', jsonb_build_object('role', 'campaign_user', 'user_id', id)::text, true);
END $$;
CREATE FUNCTION pg_temp.person(name text) RETURNS text LANGUAGE sql AS
$$ SELECT campaign_api.signup(name || '@example.com', 'secret') ->> 'id' $$;
CREATE FUNCTION pg_temp.companies() RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(name, ' ' ORDER BY name), 'none') FROM campaign_api.companies $$;
-- From the invitation to the membership, and back to the inviting member.
CREATE FUNCTION pg_temp.join(company text, inviter text, guest text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE id text;
BEGIN
    PERFORM pg_temp.become(inviter);
    id := campaign_api.company_member_invite(company, (SELECT u.email FROM pg_temp.people u WHERE u.id = guest)) ->> 'id';
    PERFORM pg_temp.become(guest);
    PERFORM campaign_api.invitation_accept(id);
    PERFORM pg_temp.become(inviter);
END $$;

SELECT pg_temp.person('ana') AS ana, pg_temp.person('bea') AS bea, pg_temp.person('eva') AS eva, pg_temp.person('ida') AS ida \gset
CREATE TEMPORARY TABLE people AS SELECT id, email FROM campaign.users;
GRANT SELECT ON people TO campaign_user;
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become(:'eva');
INSERT INTO campaign_api.companies (name, document) VALUES ('Estudio', '2') RETURNING id AS estudio \gset
SELECT pg_temp.become(:'ana');
INSERT INTO campaign_api.companies (name, document) VALUES ('Padaria', '1') RETURNING id AS padaria \gset

-- Invited
SELECT is(campaign_api.company_member_invite(:'padaria', 'nobody@example.com') ->> 'code', 'PT404', '404: nobody to invite');
SELECT throws_ok('SELECT campaign_api.company_member_invite(''x'', ''bea@example.com'')', 'PT404', NULL, '404: no company to invite to');
SELECT is(campaign_api.company_member_invite(:'padaria', NULL) ->> 'code', 'PT404', '404: no address at all');
SELECT is(campaign_api.company_member_invite(:'padaria', 'ana@example.com') ->> 'status', 'member', 'R7.1: a member is not invited');
SELECT pg_temp.become(:'ana');
SELECT campaign_api.company_member_invite(:'padaria', ' BEA@example.com ') AS invitation \gset
SELECT is(:'invitation'::jsonb - 'id' - 'expires_at', jsonb_build_object('company_id', :'padaria', 'user_id', :'bea', 'email',
    'bea@example.com', 'status', 'invited'), 'R7.1: who is not, is invited');
SELECT is(current_setting('response.status') || current_setting('response.headers'),
    '201[{"Location": "/invitations?id=eq.' || (:'invitation'::jsonb ->> 'id') || '"}]', '201 with the Location');
SELECT pg_temp.become(:'ana');
SELECT is(campaign_api.company_member_invite(:'padaria', 'bea@example.com'), :'invitation'::jsonb, 'R7.1: once');
SELECT is(current_setting('response.status'), '', 'then 200');
SELECT pg_temp.become(:'eva');
SELECT throws_ok(format('SELECT campaign_api.company_member_invite(%L, ''eva@example.com'')', :'padaria'), 'PT403', NULL, '403: nobody invites themselves');
SELECT is_empty('SELECT FROM campaign_api.invitations', 'R7.1: a stranger sees no invitation');
SELECT throws_ok(format('SELECT campaign_api.invitation_%s(%L)', verb, :'invitation'::jsonb ->> 'id'), 'PT404', NULL, 'R7.1: nor answers one: ' || verb)
FROM unnest(ARRAY['accept', 'decline']) AS verb;

SELECT pg_temp.become(:'bea');
SELECT is(pg_temp.companies(), 'none', 'R7.1: an invitation makes nobody a member');
SELECT is(campaign_api.me() -> 'companies', '[]', 'says me(), too');
SELECT throws_ok($$ INSERT INTO campaign_api.campaigns (name, message) VALUES ('mine', 'hello') $$, 'PT422', NULL,
    'R7.1: nor does what they create go to the company');
SELECT campaign_api.application_create('my own');
SELECT results_eq('SELECT company_id FROM campaign_api.applications', 'VALUES (NULL::text COLLATE "C")', 'applications neither');
SELECT results_eq('SELECT company_name, email, invited_by FROM campaign_api.invitations',
    format('VALUES (''Padaria'', ''bea@example.com'', %L COLLATE "C")', :'ana'), 'R7.1: whoever is invited sees by whom, and to what');

-- Declined, withdrawn, expired
SELECT is(campaign_api.invitation_decline(:'invitation'::jsonb ->> 'id') ->> 'status', 'declined', 'R7.1: an invitation is declined');
SELECT is(pg_temp.companies(), 'none', 'which makes nobody a member');
SELECT throws_ok(format('SELECT campaign_api.invitation_accept(%L)', :'invitation'::jsonb ->> 'id'), 'PT404', NULL, 'R7.1: an answer is final');
SELECT is_empty('SELECT FROM campaign_api.invitations', 'and the invitation is gone');
SELECT pg_temp.become(:'ana');
SELECT is_empty('SELECT FROM campaign_api.invitations', 'for the company, too');
SELECT campaign_api.company_member_invite(:'padaria', 'bea@example.com') ->> 'id' AS withdrawn \gset
SELECT isnt(:'withdrawn', :'invitation'::jsonb ->> 'id', 'R7.1: somebody may be invited again');
SELECT pg_temp.become(:'eva');
DELETE FROM campaign_api.invitations WHERE id = :'withdrawn';
SELECT pg_temp.become(:'ana');
SELECT is((SELECT count(*) FROM campaign_api.invitations), 1::bigint, 'R7.1: a stranger withdraws nothing');
DELETE FROM campaign_api.invitations WHERE id = :'withdrawn';
SELECT pg_temp.become(:'bea');
SELECT throws_ok(format('SELECT campaign_api.invitation_accept(%L)', :'withdrawn'), 'PT404', NULL, 'R7.1: a member withdraws it');
SELECT pg_temp.become(:'ana');
SELECT campaign_api.company_member_invite(:'padaria', 'bea@example.com') ->> 'id' AS expired \gset
RESET ROLE;
UPDATE campaign.invitations SET expires_at = now() WHERE id = :'expired';
SELECT set_eq('SELECT answer FROM campaign.invitations WHERE answer IS NOT NULL', ARRAY['declined', 'withdrawn'], 'answers are kept');
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become(:'bea');
SELECT throws_ok(format('SELECT campaign_api.invitation_accept(%L)', :'expired'), 'PT404', NULL, 'R7.1: one that has expired is not accepted');
SELECT is_empty('SELECT FROM campaign_api.invitations', 'nor listed');
SELECT pg_temp.become(:'ana');
SELECT campaign_api.company_member_invite(:'padaria', 'bea@example.com') AS renewed \gset
SELECT is(current_setting('response.status'), '201', 'R7.1: but sent again');
SELECT is((:'renewed'::jsonb ->> 'expires_at')::timestamptz, now() + interval '30 days', 'for another 30 days');

-- Accepted
SELECT pg_temp.become(:'bea');
SELECT is(campaign_api.invitation_accept(:'renewed'::jsonb ->> 'id') ->> 'company_id', :'padaria', 'R7.1: an invitation is accepted');
SELECT is(pg_temp.companies(), 'Padaria', 'R7.1: and only now it is a membership');
SELECT is(campaign_api.company_member_invite(:'padaria', 'ida@example.com') ->> 'status', 'invited', 'R7.1: with the right to invite');
SELECT campaign_api.application_create('beas') AS beas \gset
SELECT pg_temp.become(:'ana');
SELECT campaign_api.application_create('anas') AS anas \gset
RESET ROLE;
SELECT ok(campaign.application_live(:'beas'::jsonb ->> 'id'), 'applications of both live') WHERE campaign.application_live(:'anas'::jsonb ->> 'id');
SELECT token_create('x', :'beas'::jsonb ->> 'id') ->> 'id' AS token \gset
-- A campaign of the company to which this user gives a time; its id.
CREATE FUNCTION pg_temp.scheduled(user_id text, company text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE id text := campaign_create('later', 'hello', company);
BEGIN
    PERFORM campaign_upload(id, '+5511955500163'::text);
    PERFORM pg_temp.become(user_id);
    SET LOCAL ROLE campaign_user;
    PERFORM campaign_api.campaign_schedule(id, '2099-01-01 00:00Z');
    RESET ROLE;
    RETURN id;
END $$;
SELECT pg_temp.scheduled(:'bea', :'padaria') AS beas_campaign, pg_temp.scheduled(:'ana', :'padaria') AS anas_campaign,
    pg_temp.scheduled(:'bea', :'padaria') AS overlooked \gset

-- Removed
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become(:'eva');
SELECT throws_ok(format('SELECT campaign_api.company_member_remove(%L, %L)', :'padaria', :'bea'), 'PT403', NULL, '403: a stranger removes nobody');
SELECT pg_temp.become(:'ana');
SELECT throws_ok(format('SELECT campaign_api.company_member_remove(%L, %L)', :'padaria', :'eva'), 'PT404', NULL, '404: no member to remove');
SELECT throws_ok(format('SELECT campaign_api.company_member_remove(%L, NULL)', :'padaria'), NULL, NULL, 'nor nobody');
SELECT lives_ok(format('SELECT campaign_api.company_member_remove(%L, %L)', :'padaria', :'bea'), 'R7.1: a member is removed');
SELECT throws_ok(format('SELECT campaign_api.company_member_remove(%L, %L)', :'padaria', :'bea'), 'PT404', NULL, 'once');
SELECT throws_ok(format('SELECT campaign_api.company_member_remove(%L, %L)', :'padaria', :'ana'), 'PT409', 'the last member of a company cannot leave it',
    'R7.1: the last member cannot leave');
SELECT is(pg_temp.companies(), 'Padaria', 'and has not left');
SELECT pg_temp.become(:'bea');
SELECT is(pg_temp.companies(), 'none', 'R0.8: who was removed sees nothing of it');
SELECT pg_temp.become(:'ida');
SELECT is_empty('SELECT FROM campaign_api.invitations', 'R7.1: the invitations of a removed member end');
RESET ROLE;
SELECT ok(NOT campaign.application_live(:'beas'::jsonb ->> 'id') AND campaign.application_live(:'anas'::jsonb ->> 'id'),
    'R7.1: so do their applications, and no others');
SELECT is(campaign_status(:'beas_campaign') - 'classes' @> '{"status": "draft", "scheduled_at": null}', true,
    'R7.1: what they had scheduled is a draft again');
SELECT is((SELECT row(e.user_id, e.reason)::text FROM campaign_events(:'beas_campaign') AS e ORDER BY e.number DESC LIMIT 1),
    row(:'ana'::text, 'who scheduled it is no member of the company any more'::text)::text, 'and its events say why');
SELECT is(campaign_status(:'anas_campaign') ->> 'status', 'scheduled', 'what somebody else has scheduled is not');
-- As if it had been locked when they were removed. Somebody else has given it a limit meanwhile, which is an event as well.
SELECT campaign.campaign_transition(:'overlooked', 'scheduled');
SELECT campaign_limit(:'overlooked', 100) ->> 'id' IS NOT NULL AS limited;
UPDATE campaign.campaigns c SET scheduled_at = now() - interval '1 hour' WHERE c.id IN (:'overlooked', :'anas_campaign');
SELECT ok(campaign.outbox_due() IS NOT DISTINCT FROM NULL, 'R7.1: when the time of one that was overlooked has come,');
SELECT is(campaign_status(:'overlooked') ->> 'status', 'draft', 'it is a draft again');
SELECT is(campaign_status(:'anas_campaign') ->> 'status', 'queued', 'and the other is queued');
SELECT is(campaign_schedule(:'overlooked', '2099-01-01 00:00Z') ->> 'status', 'scheduled', 'somebody else can give it a time');
SELECT is(campaign.schedule_holds(:'overlooked'), true, 'which holds');
SELECT campaign_cancel(id) FROM unnest(ARRAY[:'overlooked', :'anas_campaign', :'beas_campaign']) AS id;
SELECT isnt(revoked_at, NULL, 'with their tokens') FROM campaign.application_tokens WHERE id = :'token';
SELECT application_create('late', :'padaria', :'bea') ->> 'id' AS late \gset
SELECT ok(NOT campaign.application_live(:'late'), 'R7.1: also one that came at the same moment');

-- Who comes back; who deletes their account
SET LOCAL ROLE campaign_user;
SELECT pg_temp.join(:'padaria', :'ana', :'bea');
SELECT pg_temp.become(:'bea');
SELECT is(pg_temp.companies(), 'Padaria', 'R7.1: a removed member may be invited again');
SELECT is((SELECT count(*) FROM campaign_api.applications a WHERE a.id = :'beas'::jsonb ->> 'id'), 0::bigint, 'without the applications of before');
SELECT campaign_api.application_create('kept', :'padaria') AS kept \gset
SELECT campaign_api.company_member_invite(:'padaria', 'ida@example.com') ->> 'id' AS kept_invitation \gset
SELECT campaign_api.me_delete('secret');
RESET ROLE;
SELECT ok(NOT campaign.application_live(:'kept'::jsonb ->> 'id'), 'R7.1: an application ends with the account of whoever made it');
SELECT is(answer, 'withdrawn', 'and so do the invitations') FROM campaign.invitations WHERE id = :'kept_invitation';
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become(:'ana');
SELECT throws_ok(format('SELECT campaign_api.company_member_remove(%L, %L)', :'padaria', :'ana'), 'PT409', NULL, 'R7.1: a deleted user is no member who could stay');

-- Companies that are deleted, and their jobs
INSERT INTO campaign_api.campaigns (name, message) VALUES ('pao', 'hello') RETURNING id AS pao \gset
SELECT campaign_api.campaign_upload_json(:'pao', '["5511987654321"]');
SELECT campaign_api.job_create('dispatch', json_build_object('campaign_id', :'pao'), now() + interval '1 day') ->> 'id' AS by_ana, campaign_api.campaign_generate(10) ->> 'jobId' AS generating \gset
RESET ROLE;
SELECT job_create('dispatch', jsonb_build_object('campaign_id', :'pao'), now() + interval '1 day') AS by_server, job_create('countdown', '{"seconds": 1}', now() + interval '1 day') AS other \gset
SET LOCAL ROLE campaign_user;
SELECT campaign_api.company_member_invite(:'padaria', 'ida@example.com') ->> 'id' AS to_nothing \gset
SELECT campaign_api.me_delete('secret');
RESET ROLE;
SELECT ok(deleted, 'R7.1: a company ends with the account of its last member') FROM campaign.companies WHERE id = :'padaria';
SELECT is(array_agg(job_get(id) ->> 'status'), ARRAY['cancelled', 'cancelled', 'cancelled', 'scheduled'], 'R7.1: the company''s dispatches and runs end with it, and nothing else')
FROM unnest(ARRAY[:'by_ana', :'by_server', :'generating', :'other']) AS id;
SELECT job_create('dispatch', jsonb_build_object('campaign_id', :'pao')) AS too_late \gset
SELECT throws_ok(format('SELECT campaign.job_dispatch(%L, %L)', :'too_late', jsonb_build_object('campaign_id', :'pao')), '42501', 'the company of campaign "' || :'pao' || '" is deleted',
    'R7.1: one that comes later is refused when it runs');
SELECT is(status, 'draft', 'and the campaign is not sent') FROM campaign.campaigns WHERE id = :'pao';
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become(:'ida');
SELECT is_empty(format('SELECT FROM campaign_api.invitations WHERE id = %L', :'to_nothing'), 'R7.1: no invitation to it is listed');
SELECT throws_ok(format('SELECT campaign_api.invitation_accept(%L)', :'to_nothing'), 'PT404', NULL, 'R7.1: nobody joins a company that is deleted');
SELECT pg_temp.become(:'eva');
SELECT throws_ok($$ SELECT campaign_api.me_delete('secret') $$, 'PT409', NULL, 'R7.1: nor ends one with a campaign that runs')
FROM (SELECT campaign_api.campaign_send('foto', 'hello', '["5511987654321"]')) AS running;

SELECT * FROM finish();
ROLLBACK;
