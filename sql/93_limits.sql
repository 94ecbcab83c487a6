-- How long a request over HTTP may take. PostgREST sets what the role of a request has for its
-- transaction, so that nobody keeps one of its few connections for longer. They stay below nginx's
-- patience: a client hears from PostgreSQL what became of the request, not that nobody knows.

DO $limits$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('campaign_anon', 'statement_timeout', '15s'),
            ('campaign_user', 'statement_timeout', '30s'),
            ('campaign_app', 'statement_timeout', '30s'),
            ('campaign_anon', 'lock_timeout', '5s'),
            ('campaign_user', 'lock_timeout', '10s'),
            ('campaign_app', 'lock_timeout', '10s'),
            ('campaign_anon', 'idle_in_transaction_session_timeout', '30s'),
            ('campaign_user', 'idle_in_transaction_session_timeout', '30s'),
            ('campaign_app', 'idle_in_transaction_session_timeout', '30s')
        ) AS limits (role, setting, value)
    LOOP
        -- Another database may have created the role, and an administrator may have chosen.
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles r, pg_catalog.unnest(r.rolconfig) AS line
                       WHERE r.rolname OPERATOR(pg_catalog.=) wanted.role
                         AND pg_catalog.split_part(line, '=', 1) OPERATOR(pg_catalog.=) wanted.setting) THEN
            EXECUTE pg_catalog.format('ALTER ROLE %I SET %I = %L', wanted.role, wanted.setting, wanted.value);
        END IF;
    END LOOP;
END
$limits$;
