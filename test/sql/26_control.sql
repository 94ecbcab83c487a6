-- Schedule, pause, resume, cancel, reset, and the record of every move.
BEGIN;
SELECT plan(63);
\ir ../support/campaigns.sql

CREATE FUNCTION pg_temp.status(id text) RETURNS text LANGUAGE sql AS $$ SELECT campaign_status(id) ->> 'status' $$;
CREATE FUNCTION pg_temp.moves(id text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(source || '>' || target, ' ' ORDER BY number) FROM campaign_events(id) $$;

-- The table of moves: the verbs and the worker may do these, and no other.
SELECT results_eq(
    $$ SELECT source, string_agg(target, ' ' ORDER BY target)
       FROM unnest(ARRAY['draft', 'scheduled', 'queued', 'publishing', 'published', 'sent', 'paused', 'cancelled', 'failed']) AS source,
            unnest(ARRAY['draft', 'scheduled', 'queued', 'publishing', 'published', 'sent', 'paused', 'cancelled', 'failed']) AS target
       WHERE campaign.transition_allowed(source, target) GROUP BY source ORDER BY source $$,
    $$ VALUES ('draft', 'cancelled queued scheduled'), ('paused', 'cancelled failed queued sent'),
        ('published', 'cancelled failed paused publishing sent'),
        ('publishing', 'cancelled failed paused published sent'),
        ('queued', 'cancelled failed paused publishing sent'),
        ('scheduled', 'cancelled draft queued') $$, 'the allowed moves');

-- Schedule.
CREATE TEMPORARY TABLE later AS SELECT pg_temp.draft(0, 3) AS id;
SELECT is(campaign_schedule(id, now() + interval '1 hour', 'launch') ->> 'status', 'scheduled', 'a draft is scheduled') FROM later;
SELECT is((campaign_status(id) ->> 'scheduled_at')::timestamptz, now() + interval '1 hour', 'and says when') FROM later;
SELECT throws_like(format('SELECT campaign_upload(%L, ''5511987654321''::text)', id), '%draft only%', 'it takes no more numbers') FROM later;
SELECT cmp_ok(campaign.outbox_due(), '>', 3500::double precision, 'it is not due yet');
SELECT is(pg_temp.status(id), 'scheduled', 'so it waits') FROM later;
SELECT is(campaign_schedule(id, now() + interval '2 hours') ->> 'status', 'scheduled', 'the time can be changed') FROM later;
UPDATE campaign.campaigns c SET scheduled_at = now() - interval '1 hour' FROM later WHERE c.id = later.id;
SELECT is(campaign.outbox_due(), NULL, 'when it has come the campaign is due, and then nothing is');
SELECT is(pg_temp.status(id), 'queued', 'it is queued') FROM later;
SELECT is(pg_temp.moves(id), 'draft>scheduled scheduled>scheduled scheduled>queued', 'all of it is recorded') FROM later;
SELECT throws_ok(format('SELECT campaign_schedule(%L, now())', id), '55000', NULL, 'what was dispatched is not scheduled again') FROM later;
SELECT throws_ok(format('SELECT campaign_schedule(%L, NULL)', id), '55000', NULL, 'nor made a draft') FROM later;

CREATE TEMPORARY TABLE past AS SELECT pg_temp.draft(0, 3) AS id;
SELECT is(campaign_schedule(id, now() - interval '1 day') ->> 'status', 'queued', 'a time that has passed is due at once, not when the worker asks for what is due') FROM past;
SELECT is(pg_temp.moves(id), 'draft>scheduled scheduled>queued', 'which is recorded, too') FROM past;
CREATE TEMPORARY TABLE never AS SELECT pg_temp.draft(0, 3) AS id;
SELECT throws_ok(format('SELECT campaign_schedule(%L, ''infinity'')', id), '22023', NULL, 'never is no time') FROM never;
SELECT campaign_schedule(id, now() + interval '1 day') FROM never;
SELECT is(campaign_schedule(id, NULL) ->> 'status', 'draft', 'a time can be taken away') FROM never;
SELECT is(campaign_status(id) ->> 'scheduled_at', NULL, 'and is gone') FROM never;
SELECT campaign_schedule(id, now() + interval '1 day') FROM never;
SELECT is(campaign_dispatch(id) ->> 'status', 'queued', 'dispatch does not wait for the time') FROM never;
SELECT throws_ok(format('SELECT campaign_schedule(%L, now())', campaign_create('test', 'hello')), '55000', NULL, 'nor is one without recipients');

-- Resume goes back to the end of what is stored.
CREATE TEMPORARY TABLE run AS SELECT pg_temp.draft(0, 100) AS id;
SELECT campaign_dispatch(id), campaign.outbox_mark(id, 'NORMAL', 0, 100) FROM run;
SELECT campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[1], ARRAY[40]) FROM run;
SELECT is_empty($$ SELECT campaign.report_halted(ARRAY[id, 'nothing']) FROM run $$, 'a campaign that runs is not halted');
SELECT is(campaign_pause(id, 'lunch') ->> 'status', 'paused', 'what is published whole can be paused') FROM run;
SELECT results_eq($$ SELECT campaign.report_halted(ARRAY[id, 'nothing']) FROM run $$, $$ SELECT id FROM run $$, 'and is halted');
SELECT is((SELECT s::text FROM run, campaign.report_stopped(ARRAY[id]) AS s), (SELECT format('(%s,t,,f)', id) FROM run), 'for a while, as senders hear');
SELECT is((SELECT halted FROM campaign.report_open(id)), true, 'as whoever takes it up is told') FROM run;
SELECT is_empty($$ SELECT FROM campaign.outbox_active(ARRAY(SELECT id FROM run)) AS a JOIN run ON run.id = a.campaign_id $$, 'the worker has nothing to publish');
SELECT is(campaign_resume(id) ->> 'status', 'queued', 'it is resumed') FROM run;
SELECT results_eq($$ SELECT published, rewinds, resumes FROM campaign.progress JOIN run ON run.id = campaign_id $$,
    $$ VALUES (40::bigint, 1, 1) $$, 'from the end of what is stored');
SELECT is(campaign_status(id) ->> 'rewinds', '0', 'which is no loss') FROM run;
SELECT campaign.outbox_mark(id, 'NORMAL', 0, 90) FROM run;
SELECT is((SELECT published FROM campaign.progress WHERE campaign_id = run.id), 40::bigint, 'a mark from before the pause is ignored') FROM run;

-- Cancel.
SELECT is(campaign_cancel(id, 'wrong list') -> 'cancelled', '60', 'cancel says how many will never be sent') FROM run;
SELECT campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[41], ARRAY[50]) FROM run;
SELECT is(campaign_status(id) -> 'cancelled', '50', 'what was stored before it counts') FROM run;
SELECT results_eq($$ SELECT campaign.report_halted(ARRAY[id]) FROM run $$, $$ SELECT id FROM run $$, 'it is halted for good');
SELECT is((SELECT s::text FROM run, campaign.report_stopped(ARRAY[id]) AS s), (SELECT format('(%s,t,,t)', id) FROM run), 'as senders hear');
SELECT results_eq($$ SELECT source || '>' || target, role, reason FROM run, campaign_events(id) WHERE target IN ('paused', 'cancelled') ORDER BY number $$,
    format($$ VALUES ('published>paused', %1$L, 'lunch'), ('publishing>cancelled', %1$L, 'wrong list') $$, session_user), 'who, what and why');
SELECT is(pg_temp.moves(id), 'draft>queued queued>publishing publishing>published published>paused paused>queued '
    'queued>publishing publishing>cancelled', 'every move is there') FROM run;
CREATE TEMPORARY TABLE verbs AS SELECT * FROM (VALUES
    ('campaign_deadline_set(%L, valid_for => ''1 day'', reason => %L)'),
    ('campaign_window(%L, ''09:00-18:00'', ''UTC'', reason => %L)'),
    ('campaign_limit(%L, 5, %L)'),
    ('campaign_canary(%L, 2, 0.5, %L)'),
    ('campaign_clear(%L, %L)')) AS v (call);
SELECT throws_ok('SELECT ' || format(call, pg_temp.draft(0, 3), repeat('x', 501)), '22023',
    'reason is longer than 500 characters', 'too long: ' || call) FROM verbs;
CREATE FUNCTION pg_temp.kept(call text, reason text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    draft text := pg_temp.draft(0, 3);
BEGIN
    EXECUTE 'SELECT ' || format(call, draft, reason);
    RETURN (SELECT e.reason FROM campaign_events(draft) AS e ORDER BY e.number DESC LIMIT 1);
END
$$;
SELECT alike(pg_temp.kept(call, repeat('x', 500)), '%: ' || repeat('x', 500), 'kept whole: ' || call) FROM verbs;
SELECT throws_ok(format('SELECT campaign_reset(%L, repeat(''x'', 501))', pg_temp.draft(0, 3)), '22023', NULL, 'a reason has at most 500 characters');

SELECT set_config('request.jwt.claims', '{"user_id": "somebodyelse", "role": "campaign_app", "application_id": "other"}', true);
CREATE TEMPORARY TABLE forged AS SELECT pg_temp.draft(0, 3) AS id;
SELECT campaign_dispatch(id) FROM forged;
SELECT is_empty($$ SELECT user_id FROM forged, campaign_events(id) WHERE user_id IS NOT NULL OR application_id IS NOT NULL $$,
    'outside a request, what stands in the claims is nobody');
SELECT set_config('request.jwt.claims', '', true);

-- Reset.
CREATE TEMPORARY TABLE reset AS SELECT campaign_reset(id, 'once more') AS answer FROM run;
SELECT is(answer ->> 'archived', id, 'what is over stays as history') FROM run, reset;
SELECT is(pg_temp.status(answer ->> 'id') || (answer ->> 'total'), 'draft0', 'an empty draft takes its place') FROM reset;
SELECT is(campaign_status(id) ->> 'stored', '50', 'and nothing of it is lost') FROM run;
SELECT throws_ok(format('SELECT campaign_reset(%L)', id), '55000', NULL, 'R3.6: it is reset once') FROM run;
SELECT is(h ->> 'archivedAt', (SELECT to_jsonb(c.created_at) #>> '{}' FROM campaign.campaigns c, reset WHERE c.id = answer ->> 'id'),
    'R3.8: the history says when') FROM run, campaign_runs(id) AS h;
SELECT is(campaign_run_status(answer ->> 'id') ->> 'lastRunId', id || '-1', 'R3.4: and the draft, which run it was') FROM run, reset;
CREATE TEMPORARY TABLE emptied AS SELECT pg_temp.draft(0, 12000) AS id;
SELECT campaign_schedule(id, now() + interval '1 day'), campaign_reset(id) FROM emptied;
SELECT is(campaign_status(id) - 'classes' @> '{"status": "draft", "total": 0, "scheduled_at": null}', true, 'a draft is emptied') FROM emptied;
SELECT is(campaign_upload(id, '5511987654321'::text) ->> 'accepted', '1', 'and takes other numbers') FROM emptied;
CREATE TEMPORARY TABLE running AS SELECT pg_temp.draft(0, 3) AS id;
SELECT campaign_dispatch(id) FROM running;
SELECT throws_ok(format('SELECT campaign_reset(%L)', id), '55000', NULL, 'what runs is cancelled first') FROM running;

-- Who made it has deleted their account: the company goes on.
SELECT company_create('Padaria', '12345678000195') AS padaria, user_create('gone@example.com', 'correct horse battery') AS gone,
    user_create('here@example.com', 'correct horse battery') AS here \gset
CREATE FUNCTION pg_temp.owned(count int, company text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE draft_id text := pg_temp.draft(0, count);
BEGIN
    UPDATE campaign.campaigns c SET user_id = (SELECT u.id FROM campaign.users u WHERE u.email = 'gone@example.com'), company_id = company, ordered = false WHERE c.id = draft_id;
    RETURN draft_id;
END $$;
SELECT pg_temp.owned(1, :'padaria') AS over, pg_temp.owned(1, :'padaria') AS draft, pg_temp.owned(1) AS own \gset
SELECT campaign_dispatch(:'over'), campaign_cancel(:'own');
SELECT campaign.report_fates(ARRAY[:'over'], '{NORMAL}', '{1}', '{1}', ARRAY[:'over'], '{f}', 'nobody',
    jsonb_build_array(jsonb_build_object('campaign', :'over', 'class', 'NORMAL', 'seq', 1, 'state', 'failed', 'code', 'x', 'text', 'x', 'attempts', 1)), 1, 1, 1);
UPDATE campaign.users u SET deleted = true WHERE u.id = :'gone';
SELECT is(campaign_test(:'draft', '+55 11 98765-4321'::text) ->> 'status', 'queued', 'R0.9: a test goes out without its maker');
SELECT is(campaign_retry_failed(:'over') ->> 'status', 'queued', 'R5.3: who has failed is tried again');
SELECT campaign_reset(:'over') ->> 'id' AS again \gset
SELECT is((SELECT concat(c.company_id, c.user_id) FROM campaign.campaigns c WHERE c.id = :'again'), :'padaria', 'R3.6: it is reset, and belongs to the company');
SELECT is((SELECT count(*) FROM campaign_split_zones(:'draft', 'Mon-Fri 09:00-18:00', 'America/Sao_Paulo')), 1::bigint, 'R5.4: and split');
SELECT throws_ok(format('SELECT campaign_reset(%L)', :'own'), '23503', NULL, 'without a company, nobody is left whose it could be');
CREATE FUNCTION copy_user_of(id text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT campaign.copy_user(c) FROM campaign.campaigns c WHERE c.id = copy_user_of.id $$;
SELECT set_config('request.jwt.claims', jsonb_build_object('user_id', :'here')::text, true);
SELECT pg_temp.owned(1, :'padaria') AS next \gset
SET LOCAL ROLE campaign_user;
SELECT copy_user_of(:'next') AS asking \gset
RESET ROLE;
SELECT is(:'asking'::text, :'here', 'R3.6: over HTTP it is the one who asks');
SELECT is(copy_user_of(:'next'), NULL, 'R7.6: in SQL nobody becomes another one by a setting');

SELECT * FROM finish();
ROLLBACK;
