-- Lists of somebody who owns little cost little, whatever others own: Eva owns LIST_ROWS (20,000; a million takes
-- minutes) of everything, Ida one of each, and Bea nothing. A plan that reads the rows of others has more than these
-- few rows in some node. Of what functions read inside, PostgreSQL's own counters tell.
\getenv rows LIST_ROWS
\if :{?rows}
\else
\set rows 20000
\endif
-- Counters count what other tests have rolled back, too.
VACUUM;
BEGIN;
SELECT plan(84);

CREATE FUNCTION pg_temp.become(id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', jsonb_build_object('role', 'campaign_user', 'user_id', id)::text, true);
END $$;
-- The most rows that a node of the plan has touched, those that it threw away included.
CREATE FUNCTION pg_temp.touched(list text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    PERFORM campaign.lists_by_index();
    EXECUTE 'EXPLAIN (ANALYZE, COSTS false, TIMING false, FORMAT json) ' || list INTO plan;
    RETURN (SELECT max((coalesce((node ->> 'Actual Rows')::numeric, 0) + coalesce((node ->> 'Rows Removed by Filter')::numeric, 0)
                        + coalesce((node ->> 'Rows Removed by Index Recheck')::numeric, 0)) * coalesce((node ->> 'Actual Loops')::numeric, 1))
            FROM jsonb_path_query(plan::jsonb, '$.**?(exists(@."Node Type"))') AS node);
END $$;
-- The rows and the entries of indexes that a statement has read, as often as PostgreSQL needs to prefer a plan for all.
CREATE FUNCTION pg_temp.counted() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_tuples_returned(c.oid) + CASE c.relkind WHEN 'r' THEN pg_stat_get_xact_tuples_fetched(c.oid) ELSE 0 END)::bigint
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'campaign' AND c.relkind IN ('r', 'i')
$$;
CREATE FUNCTION pg_temp.reads(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE most bigint := 0; before bigint;
BEGIN
    PERFORM campaign.lists_by_index();
    FOR time IN 1 .. 7 LOOP
        before := pg_temp.counted();
        EXECUTE statement;
        most := greatest(most, pg_temp.counted() - before);
    END LOOP;
    RETURN most;
END $$;
GRANT EXECUTE ON FUNCTION campaign.lists_by_index() TO campaign_user;

ALTER TABLE campaign.recipients DISABLE TRIGGER USER;
SET LOCAL jit = off;
INSERT INTO campaign.users (id, email, password) SELECT 'u' || n, 'u' || n || '@example.com', 'x' FROM generate_series(1, :rows) AS n;
INSERT INTO campaign.users (id, email, password) VALUES ('eva', 'eva@example.com', 'x'), ('ida', 'ida@example.com', 'x'), ('bea', 'bea@example.com', 'x');
INSERT INTO campaign.companies (id, name, document) SELECT 'c' || n, 'x', 'D' || n FROM generate_series(1, :rows) AS n;
INSERT INTO campaign.companies (id, name, document) VALUES ('cida', 'x', 'IDA');
INSERT INTO campaign.company_members (company_id, user_id)
SELECT 'c' || n, 'eva' FROM generate_series(1, :rows) AS n UNION ALL SELECT 'c1', 'u' || n FROM generate_series(1, :rows) AS n
UNION ALL VALUES ('cida', 'ida');
INSERT INTO campaign.campaigns (id, name, message, company_id, user_id, identifier_time, identifier_entropy, identifier_fingerprint)
SELECT 'p' || n, 'x', 'hello', 'c1', 'eva', 1, 'x', 'x' FROM generate_series(1, :rows) AS n
UNION ALL VALUES ('pida', 'x', 'hello', 'cida', 'ida', 1, 'x', 'x');
INSERT INTO campaign.recipients (campaign_id, class, seq, phone_number)
SELECT 'p1', 'NORMAL', n, '+5511955500101' FROM generate_series(1, :rows) AS n UNION ALL VALUES ('pida', 'NORMAL'::campaign.recipient_class, 1, '+5511955500101');
INSERT INTO campaign.applications (id, name, company_id, user_id, secret_hash)
SELECT 'a' || n, 'x', 'c1', 'eva', 'x'::bytea FROM generate_series(1, :rows) AS n UNION ALL VALUES ('aida', 'x', 'cida', 'ida', 'x'::bytea);
INSERT INTO campaign.application_tokens (id, application_id, hash, expires_at)
SELECT 't' || n, 'a1', n::text::bytea, now() FROM generate_series(1, :rows) AS n UNION ALL VALUES ('tida', 'aida', 'ida'::bytea, now());
INSERT INTO campaign.jobs (id, type, external, meta, status, priority, run_at, max_attempts, user_id)
SELECT 'j' || n, 'pi', false, '{}'::jsonb, 'finished', 0, now(), 1, 'eva' FROM generate_series(1, :rows) AS n
UNION ALL VALUES ('jida', 'pi', false, '{}'::jsonb, 'finished', 0, now(), 1, 'ida');
INSERT INTO campaign.invitations (id, company_id, company_name, user_id, email, invited_by)
SELECT 'i' || n, 'c2', 'x', 'u' || n, 'x', 'eva' FROM generate_series(1, :rows) AS n UNION ALL VALUES ('iida', 'c3', 'x', 'ida', 'x', 'eva');
INSERT INTO campaign.campaigns (id, name, message, company_id, user_id, identifier_time, identifier_entropy, identifier_fingerprint, test_of)
SELECT 'x' || n, 'x', 'hello', 'c1', 'eva', 1, 'x', 'x', 'p1' FROM generate_series(1, :rows) AS n
UNION ALL VALUES ('xida', 'x', 'hello', 'cida', 'ida', 1, 'x', 'x', 'pida');
INSERT INTO campaign.progress (campaign_id, class, total)
SELECT 'p' || n, 'NORMAL'::campaign.recipient_class, 1 FROM generate_series(1, :rows) AS n UNION ALL VALUES ('pida', 'NORMAL'::campaign.recipient_class, 1);
INSERT INTO campaign.events (campaign_id, number, source, target, role)
SELECT 'p1', n, 'draft', 'draft', 'x' FROM generate_series(1, :rows) AS n UNION ALL VALUES ('pida', 1, 'draft', 'draft', 'x');
INSERT INTO campaign.runs (campaign_id, number, quantity, seed, vip_percent, dispatch)
SELECT 'p' || n, 1, 1, 1, 1, false FROM generate_series(1, :rows) AS n UNION ALL VALUES ('pida', 1, 1, 1, 1, false);
-- Newer than Ida's.
INSERT INTO campaign.runs (campaign_id, number, quantity, seed, vip_percent, dispatch)
SELECT 'p' || n, 2, 1, 1, 1, false FROM generate_series(1, :rows) AS n;
INSERT INTO campaign.suppressions (number, owner, role)
SELECT 5511900000000 + n, 'c1', 'x' FROM generate_series(1, :rows) AS n UNION ALL VALUES (5511955500101, 'cida', 'x');
INSERT INTO campaign.suppressions (number, owner, role, lifted_at) SELECT 5511955500101, 'c' || n, 'x', now() FROM generate_series(1, :rows) AS n;

CREATE TEMPORARY TABLE lists AS
SELECT view, format('SELECT * FROM campaign_api.%s %s LIMIT 1', view, question) AS list
FROM unnest(ARRAY['users', 'companies', 'company_members', 'campaigns', 'campaign_tests', 'recipients', 'applications', 'tokens', 'jobs', 'invitations']) AS view,
    unnest(ARRAY['', 'ORDER BY created_at DESC']) AS question
WHERE NOT (view = 'recipients' AND question <> '');
CREATE TEMPORARY TABLE functions AS
SELECT format('SELECT campaign_api.%s', call) AS list, call LIKE '%pida%' AS of_one
FROM unnest(ARRAY['me()', 'campaign_runs()', 'job_stats()', 'campaign_status(''pida'')', 'campaign_events(''pida'')', 'campaign_runs(''pida'')',
    'campaign_logs(''pida'')', 'campaign_health(''pida'')', 'campaign_run_status(''pida'')', 'campaign_recipients(''pida'')', 'campaign_texts(''pida'')']) AS call
UNION ALL SELECT format('SELECT * FROM campaign_api.%s', of_one), true
FROM unnest(ARRAY['recipients WHERE campaign_id = ''pida'' ORDER BY class, seq LIMIT 1000', 'company_members WHERE company_id = ''cida'' ORDER BY created_at, user_id LIMIT 1000',
    'invitations WHERE company_id = ''cida''', 'campaign_tests WHERE test_of = ''pida''']) AS of_one;
GRANT SELECT ON lists, functions TO campaign_user;

-- Nobody has looked at the tables yet.
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become('bea');
SELECT cmp_ok(pg_temp.touched(list), '<=', 4::numeric, 'R7.1: for nothing, before ANALYZE: ' || list) FROM lists WHERE list NOT LIKE '%ORDER%';
SELECT pg_temp.become('ida');
SELECT cmp_ok(pg_temp.touched(list), '<=', 4::numeric, 'R7.1: for one row, before ANALYZE: ' || list) FROM lists WHERE list NOT LIKE '%ORDER%';
RESET ROLE;
ANALYZE campaign.users, campaign.companies, campaign.company_members, campaign.campaigns, campaign.recipients,
    campaign.applications, campaign.application_tokens, campaign.jobs, campaign.invitations, campaign.progress,
    campaign.events, campaign.runs, campaign.suppressions;
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become('bea');
SELECT cmp_ok(pg_temp.touched(list), '<=', 4::numeric, 'R7.1: for nothing: ' || list) FROM lists;
SELECT pg_temp.become('ida');
SELECT cmp_ok(pg_temp.touched(list), '<=', 4::numeric, 'R7.1: for one row: ' || list) FROM lists;
-- A handful of rows, each with its entry in an index, for whatever is looked up on the way.
SELECT pg_temp.become('bea');
SELECT cmp_ok(pg_temp.reads(list), '<=', 40::bigint, 'R7.1: for nothing: ' || list) FROM functions WHERE NOT of_one;
SELECT pg_temp.become('ida');
SELECT cmp_ok(pg_temp.reads(list), '<=', 80::bigint, 'R7.1: for one row: ' || list) FROM functions;
SELECT cmp_ok(pg_temp.reads(format('SELECT campaign_api.%s', call)), '<=', 80::bigint, 'R7.1: without saying of what: ' || call)
FROM unnest('{campaign_run_status(), campaign_health(), campaign_logs(), campaign_recipients(), suppression_list(),"suppression_list(NULL, ''+5511955500101'')"}'::text[]) AS call;
SELECT is(campaign_api.campaign_run_status() ->> 'lastRunId', 'pida-1', 'R3.4: which is not the newest of somebody else');
SELECT is((SELECT count(*) FROM campaign_api.recipients), 1::bigint, 'which is there') FROM campaign_api.invitations;

SELECT * FROM finish();
ROLLBACK;
