-- A campaign in parts, one for each time zone: sent by one call, and one thing afterwards.
BEGIN;
SELECT plan(63);

CREATE FUNCTION pg_temp.draft(numbers text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE id text := campaign_create('Spring', 'hello', ordered => false);
BEGIN
    PERFORM campaign_upload(id, numbers);
    RETURN id;
END $$;
-- Two in Brazil, one in Great Britain, one in Germany.
CREATE FUNCTION pg_temp.world() RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.draft(E'+5511900000001\n+5511900000002\n+442079460958\n+4915112345678') $$;
CREATE FUNCTION pg_temp.statuses(id text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(p.status, ' ' ORDER BY p.time_zones) FROM campaign_parts(id) AS p $$;
CREATE FUNCTION pg_temp.part(id text, zone text) RETURNS text LANGUAGE sql AS
$$ SELECT p.id FROM campaign_parts($1) AS p WHERE p.time_zones = ARRAY[zone] $$;

-- The way there -------------------------------------------------------------------------------
CREATE TEMPORARY TABLE one AS SELECT pg_temp.world() AS id;
CREATE FUNCTION pg_temp.hint(id text, time_zone text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
    PERFORM campaign_window(id, 'Mon-Sun 00:00-24:00', time_zone, recipients => true);
    RETURN 'none';
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END $$;
SELECT is(pg_temp.hint(id, NULL), format('SELECT campaign_dispatch_zones(''%s'', ''Mon-Sun 00:00-24:00''); sends it so.', id), 'whoever asks for windows of recipients is told the call')
FROM one;
SELECT is(pg_temp.hint(id, 'Asia/Tokyo'), format('SELECT campaign_dispatch_zones(''%s'', ''Mon-Sun 00:00-24:00'', ''Asia/Tokyo''); sends it so.', id), 'with a zone for the others')
FROM one;
SELECT matches(pg_temp.hint(campaign_create('ordered', 'hello'), NULL), 'ordered => false', 'and of an ordered one that it cannot be');
SELECT throws_ok(format('SELECT %s(%L)', f, id), '55000', NULL, f || ' needs parts')
FROM one, unnest('{campaign_parts,campaign_parts_status,campaign_parts_dispatch,campaign_parts_pause,campaign_parts_resume,campaign_parts_cancel}'::text[]) AS f;
SELECT campaign_limit(id, 10) FROM one;
DO $$ BEGIN EXECUTE (SELECT split_part(pg_temp.hint(id, NULL), ';', 1) FROM one); END $$;
SELECT is(pg_temp.statuses(id), 'queued queued queued', 'the call that was told dispatches all of them') FROM one;
SELECT is(s - 'name' - 'statuses' - 'opens_at', jsonb_build_object('id', id, 'status', 'queued', 'parts', 3, 'total', 4, 'pending', 4, 'sending', 0,
    'sent', 0, 'failed', 0, 'suppressed', 0, 'expired', 0, 'unknown', 0, 'cancelled', 0, 'progress_percent', 0), 'its id is that of the whole')
FROM one, campaign_parts_status(id) AS s;
SELECT is(s -> 'statuses', '{"queued": 3}', 'with the statuses of the parts') FROM one, campaign_parts_status(id) AS s;
SELECT is(concat_ws(' ', s ->> 'status', s ->> 'parts', s ->> 'parts_status'), 'cancelled 3 queued', 'its own status tells of its parts')
FROM one, campaign_status(id) AS s;
SELECT matches(campaign_health(id) ->> 'reason', '^cancelled by \S+ \d+ s ago: split into 3 by time zones; parts: 3, together queued: see campaign_parts_status\(\)$',
    'and so does its health') FROM one;
SELECT is(campaign_status(p.id) ?| '{parts,parts_status}', false, 'no other status does') FROM one, campaign_parts(one.id) AS p WHERE p.total = 2;
SELECT is(campaign_parts_status(p.id), campaign_parts_status(one.id), 'and so is that of any part') FROM one, campaign_parts(one.id) AS p WHERE p.total = 2;
SELECT set_eq($$ SELECT p.time_zones, p.total, p.open FROM one, campaign_parts(id) AS p $$,
    $$ VALUES (ARRAY['America/Sao_Paulo'], 2::bigint, true), (ARRAY['Europe/Berlin'], 1, true), (ARRAY['Europe/London'], 1, true) $$, 'a row for each part');

-- The limit is that of all together --------------------------------------------------------------
CREATE FUNCTION pg_temp.limits(id text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(coalesce(c.per_second::text, '-'), ' ' ORDER BY p.time_zones) FROM campaign_parts(id) AS p JOIN campaign.campaigns c ON c.id = p.id $$;
SELECT is(pg_temp.limits(id), '4.995 2.502 2.502', 'R5.4: the limit of the draft is divided among its parts') FROM one;
SELECT campaign_parts_limit(id, 1000, 'more') FROM one;
SELECT is(pg_temp.limits(id), '499.995 250.002 250.002', 'R5.4: so is one that is set while they run') FROM one;
SELECT campaign_parts_limit(id, 0.03) FROM one;
SELECT is(pg_temp.limits(id), '0.01 0.01 0.01', 'R5.4: the lowest') FROM one;
SELECT is_empty($$ SELECT n, m FROM generate_series(1, 40) AS n, unnest('{0.5,7,33.333,1000000}'::numeric[]) AS m
    WHERE (SELECT sum(campaign.parts_share(m, n, r, n * (n + 1) / 2)) FROM generate_series(1, n) AS r) > m $$, 'R5.4: never more together');
SELECT throws_ok(format('SELECT campaign_parts_limit(%L, %L)', id, m), '22023', NULL, 'R5.4: not ' || m) FROM one, unnest('{0,0.02,NaN,1000001}'::numeric[]) AS m;
SELECT campaign_parts_limit(id, NULL) FROM one;
SELECT is(pg_temp.limits(id), '- - -', 'R5.4: as fast as it goes') FROM one;

-- One thing -----------------------------------------------------------------------------------------
UPDATE campaign.campaigns c SET status = 'publishing' FROM one WHERE c.id = pg_temp.part(one.id, 'Europe/London');
SELECT is(campaign_parts_status(id) ->> 'status', 'publishing', 'one that has begun has begun') FROM one;
SELECT is(campaign_parts_pause(id, 'stop') ->> 'status', 'paused', 'all of it is paused') FROM one;
SELECT is(pg_temp.statuses(id), 'paused paused paused', 'every part') FROM one;
SELECT throws_ok(format('SELECT campaign_parts_pause(%L)', id), '55000', NULL, 'once') FROM one;
SELECT is(e.reason, 'stop', 'and says why') FROM one, campaign_parts(id) AS p, LATERAL (SELECT v.reason FROM campaign_events(p.id) v WHERE v.target = 'paused') AS e
WHERE p.total = 2;
SELECT is(campaign_parts_resume(id) ->> 'status', 'queued', 'resumed') FROM one;
SELECT campaign_cancel(pg_temp.part(id, 'Europe/Berlin')) FROM one;
UPDATE campaign.campaigns c SET status = 'sent' FROM one WHERE c.id = pg_temp.part(one.id, 'Europe/London');
UPDATE campaign.progress p SET stored = '{[1,2)}', published = 1 FROM one WHERE p.campaign_id = pg_temp.part(one.id, 'Europe/London');
SELECT is(concat_ws(' ', s ->> 'status', s ->> 'sent', s ->> 'cancelled', s ->> 'pending', s ->> 'progress_percent'), 'publishing 1 1 3 25.0', 'each part in its status')
FROM one, campaign_parts_status(id) AS s;
SELECT is(campaign_parts_cancel(id) -> 'statuses', '{"sent": 1, "cancelled": 2}', 'cancelled, but for what is sent') FROM one;
SELECT is(s ->> 'parts_status', 'sent', 'over, as its own status says') FROM one, campaign_status(id) AS s;
SELECT is(s ?| '{parts,parts_status}', false, 'a part that is cancelled has none') FROM one, campaign_status(pg_temp.part(one.id, 'Europe/Berlin')) AS s;
SELECT matches(campaign_health(pg_temp.part(id, 'Europe/Berlin')) ->> 'reason', '^cancelled by \S+ \d+ s ago$', 'and says nothing of any') FROM one;
SELECT throws_ok(format('SELECT campaign_parts_%s(%L)', verb, id), '55000', NULL, 'over: nothing to ' || verb) FROM one, unnest('{resume,cancel,dispatch}'::text[]) AS verb;

SELECT is(campaign.parts_phase(given), wanted, given::text) FROM (VALUES
    ('{draft,draft}'::text[], 'draft'), ('{published,sent}', 'published'), ('{queued,sent}', 'publishing'), ('{paused,sent,draft}', 'paused'),
    ('{sent,failed}', 'failed'), ('{sent,cancelled}', 'sent')) AS t (given, wanted);

-- In two steps, and what would never be sent ------------------------------------------------------------
CREATE TEMPORARY TABLE two AS SELECT pg_temp.draft(E'+18005551234\n+442079460958') AS id;
SELECT throws_ok(format('SELECT campaign_dispatch_zones(%L, %L)', id, '09:00-12:00'), '55000', NULL, 'a part that would wait for ever is an error') FROM two;
SELECT is(campaign_status(id) ->> 'status', 'draft', 'and the draft is as before') FROM two;

CREATE TEMPORARY TABLE three AS SELECT pg_temp.world() AS id;
SELECT campaign_split_zones(id, '00:00-24:00') FROM three;
SELECT throws_ok(format('SELECT campaign_dispatch_zones(%L, %L)', pg_temp.part(id, 'Europe/London'), '00:00-24:00'), '55000', NULL, 'a part is not split again') FROM three;
SELECT campaign_clear(pg_temp.part(id, 'Europe/London')) FROM three;
SELECT is(campaign_parts_dispatch(id) -> 'statuses', '{"draft": 1, "queued": 2}', 'a part that was emptied is passed over') FROM three;

-- A placeholder that nobody has in one zone ----------------------------------------------------------------
CREATE FUNCTION pg_temp.filled(message text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE id text := campaign_create('Spring', message, ordered => false);
BEGIN
    PERFORM campaign_upload(id, E'phone,nome\n+5511900000001,Ana\n+5511900000002,\n+442079460958,\n');
    RETURN id;
END $$;
SELECT is(campaign_dispatch_zones(id, '00:00-24:00') ->> 'status', 'queued', 'R6.8: a placeholder that another part has is not misspelled')
FROM pg_temp.filled('Oi {nome|cliente}') AS id;
SELECT throws_like(format('SELECT campaign_dispatch_zones(%L, ''00:00-24:00'')', id), 'no recipient of campaign "%" has {nomme}', 'R6.8: one that no part has is')
FROM pg_temp.filled('Oi {nome|cliente} {nomme|x}') AS id;
SELECT throws_like(format('SELECT campaign_dispatch_zones(%L, ''00:00-24:00'')', id), 'campaign "%" has no text for % of its recipients%', 'R6.8: a gap is a gap in any part')
FROM pg_temp.filled('Oi {nome}') AS id;
CREATE TEMPORARY TABLE four AS SELECT pg_temp.filled('Oi {nome|cliente}') AS id;
SELECT campaign_split_zones(id, '00:00-24:00') FROM four;
SELECT is(campaign_dispatch(pg_temp.part(id, 'Europe/London')) ->> 'status', 'queued', 'R6.8: nor is it if the part is dispatched by itself') FROM four;
SELECT is(campaign_schedule(pg_temp.part(id, 'America/Sao_Paulo'), '2099-01-01') ->> 'status', 'scheduled', 'or at a time') FROM four;

-- Over HTTP -----------------------------------------------------------------------------------------------
CREATE FUNCTION pg_temp.become(id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', jsonb_build_object('role', 'campaign_user', 'user_id', id)::text, true);
END $$;
INSERT INTO campaign.users (id, email, password) VALUES ('ana', 'ana@example.com', 'x'), ('eva', 'eva@example.com', 'x');
INSERT INTO campaign.companies (id, name, document) VALUES ('padaria', 'Padaria', '88A');
INSERT INTO campaign.company_members (company_id, user_id) VALUES ('padaria', 'ana');
UPDATE campaign.campaigns c SET company_id = 'padaria', user_id = 'ana' FROM two WHERE c.id = two.id;
SELECT id AS two FROM two \gset
SELECT id AS one FROM one \gset
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become('eva');
SELECT throws_ok(format('SELECT campaign_api.campaign_%s(%L%s)', f, :'two', more), 'PT403', NULL, 'R0.8: not by a stranger: ' || f)
FROM (VALUES ('dispatch_zones', ', ''00:00-24:00'''), ('parts', ''), ('parts_pause', '')) AS t (f, more);
SELECT pg_temp.become('ana');
SELECT is(campaign_api.campaign_parts(:'two'), jsonb_build_object('id', :'two', 'parts', 0, 'list', '[]'::jsonb), 'without parts there are none');
SELECT throws_ok(format('SELECT campaign_api.campaign_dispatch_zones(%L, %L)', :'two', '09:00-12:00'), 'PT409', NULL, 'a part that would wait for ever is 409');
RESET ROLE;

-- Deleting --------------------------------------------------------------------------------------------------
CREATE TEMPORARY TABLE deleted AS SELECT row_number() OVER () AS n, pg_temp.world() AS id FROM generate_series(1, 2);
SELECT campaign_dispatch_zones(id, '00:00-24:00') FROM deleted WHERE n = 1;
SELECT campaign_split_zones(id, '00:00-24:00') FROM deleted WHERE n = 2;
SELECT campaign_dispatch(pg_temp.part(id, 'Europe/London')) FROM deleted WHERE n = 2;
UPDATE campaign.campaigns c SET status = 'sent' FROM deleted d WHERE n = 1 AND c.id = pg_temp.part(d.id, 'Europe/London');
UPDATE campaign.campaigns c SET company_id = 'padaria', user_id = 'ana'
FROM deleted d WHERE c.id = d.id OR c.id IN (SELECT p.id FROM campaign_parts(d.id) AS p);
CREATE TEMPORARY TABLE parts_of_them AS SELECT d.n, p.time_zones[1] AS zone, p.id FROM deleted d, campaign_parts(d.id) AS p;
SELECT id AS whole FROM deleted WHERE n = 1 \gset
CREATE FUNCTION pg_temp.ends(n bigint) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(concat(c.status, ' ', c.deleted), ', ' ORDER BY p.zone) FROM parts_of_them p JOIN campaign.campaigns c USING (id) WHERE p.n = $1 $$;
SET LOCAL ROLE campaign_user;
DELETE FROM campaign_api.campaigns WHERE id = :'whole';
SELECT throws_ok(format('SELECT campaign_api.campaign_parts(%L)', :'whole'), 'PT404', NULL, 'R0.9: the whole is hidden');
RESET ROLE;
SELECT is(pg_temp.ends(1), 'cancelled t, cancelled t, sent t', 'R0.9: and its parts with it; they end if they are not over');
SET LOCAL ROLE campaign_user;
DELETE FROM campaign_api.campaigns WHERE name LIKE 'Spring%' AND id <> :'two';
RESET ROLE;
SELECT is(pg_temp.ends(2), 'draft t, draft t, cancelled t', 'R0.9: also if the same request deletes them by themselves');

SELECT * FROM finish();
ROLLBACK;
