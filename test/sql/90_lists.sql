-- Lists of somebody who owns little cost little, whatever others own: Eva owns 20,000 of everything, Ida one of
-- each, and Bea nothing. A plan that reads the rows of others has more than these few rows in some node.
BEGIN;
SELECT plan(53);

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
GRANT EXECUTE ON FUNCTION campaign.lists_by_index() TO campaign_user;

ALTER TABLE campaign.recipients DISABLE TRIGGER USER;
INSERT INTO campaign.users (id, email, password) SELECT 'u' || n, 'u' || n || '@example.com', 'x' FROM generate_series(1, 20000) AS n;
INSERT INTO campaign.users (id, email, password) VALUES ('eva', 'eva@example.com', 'x'), ('ida', 'ida@example.com', 'x'), ('bea', 'bea@example.com', 'x');
INSERT INTO campaign.companies (id, name, document) SELECT 'c' || n, 'x', 'D' || n FROM generate_series(1, 20000) AS n;
INSERT INTO campaign.companies (id, name, document) VALUES ('cida', 'x', 'IDA');
INSERT INTO campaign.company_members (company_id, user_id)
SELECT 'c' || n, 'eva' FROM generate_series(1, 20000) AS n UNION ALL SELECT 'c1', 'u' || n FROM generate_series(1, 20000) AS n
UNION ALL VALUES ('cida', 'ida');
INSERT INTO campaign.campaigns (id, name, message, company_id, user_id, identifier_time, identifier_entropy, identifier_fingerprint)
SELECT 'p' || n, 'x', 'hello', 'c1', 'eva', 1, 'x', 'x' FROM generate_series(1, 20000) AS n
UNION ALL VALUES ('pida', 'x', 'hello', 'cida', 'ida', 1, 'x', 'x');
INSERT INTO campaign.recipients (campaign_id, class, seq, phone_number)
SELECT 'p1', 'NORMAL', n, '+5511955500101' FROM generate_series(1, 20000) AS n UNION ALL VALUES ('pida', 'NORMAL'::campaign.recipient_class, 1, '+5511955500101');
INSERT INTO campaign.applications (id, name, company_id, user_id, secret_hash)
SELECT 'a' || n, 'x', 'c1', 'eva', 'x'::bytea FROM generate_series(1, 20000) AS n UNION ALL VALUES ('aida', 'x', 'cida', 'ida', 'x'::bytea);
INSERT INTO campaign.application_tokens (id, application_id, hash, expires_at)
SELECT 't' || n, 'a1', n::text::bytea, now() FROM generate_series(1, 20000) AS n UNION ALL VALUES ('tida', 'aida', 'ida'::bytea, now());
INSERT INTO campaign.jobs (id, type, external, meta, status, priority, run_at, max_attempts, user_id)
SELECT 'j' || n, 'pi', false, '{}'::jsonb, 'finished', 0, now(), 1, 'eva' FROM generate_series(1, 20000) AS n
UNION ALL VALUES ('jida', 'pi', false, '{}'::jsonb, 'finished', 0, now(), 1, 'ida');
INSERT INTO campaign.invitations (id, company_id, company_name, user_id, email, invited_by)
SELECT 'i' || n, 'c2', 'x', 'u' || n, 'x', 'eva' FROM generate_series(1, 20000) AS n UNION ALL VALUES ('iida', 'c3', 'x', 'ida', 'x', 'eva');

CREATE TEMPORARY TABLE lists AS
SELECT view, format('SELECT * FROM campaign_api.%s %s LIMIT 1', view, question) AS list
FROM unnest(ARRAY['users', 'companies', 'company_members', 'campaigns', 'recipients', 'applications', 'tokens', 'jobs', 'invitations']) AS view,
    unnest(ARRAY['', 'ORDER BY created_at DESC']) AS question
WHERE NOT (view = 'recipients' AND question <> '');
GRANT SELECT ON lists TO campaign_user;

-- Nobody has looked at the tables yet.
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become('bea');
SELECT cmp_ok(pg_temp.touched(list), '<=', 4::numeric, 'R7.1: for nothing, before ANALYZE: ' || list) FROM lists WHERE list NOT LIKE '%ORDER%';
SELECT pg_temp.become('ida');
SELECT cmp_ok(pg_temp.touched(list), '<=', 4::numeric, 'R7.1: for one row, before ANALYZE: ' || list) FROM lists WHERE list NOT LIKE '%ORDER%';
RESET ROLE;
ANALYZE campaign.users, campaign.companies, campaign.company_members, campaign.campaigns, campaign.recipients,
    campaign.applications, campaign.application_tokens, campaign.jobs, campaign.invitations;
SET LOCAL ROLE campaign_user;
SELECT pg_temp.become('bea');
SELECT cmp_ok(pg_temp.touched(list), '<=', 4::numeric, 'R7.1: for nothing: ' || list) FROM lists;
SELECT pg_temp.become('ida');
SELECT cmp_ok(pg_temp.touched(list), '<=', 4::numeric, 'R7.1: for one row: ' || list) FROM lists;
SELECT is((SELECT count(*) FROM campaign_api.recipients), 1::bigint, 'which is there') FROM campaign_api.invitations;

SELECT * FROM finish();
ROLLBACK;
