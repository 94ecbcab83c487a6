-- The schema, the roles and the type that later files use.
\echo Use "CREATE EXTENSION campaign" to load this file. \quit

CREATE SCHEMA campaign;
COMMENT ON SCHEMA campaign IS 'Tables and internal functions of the campaign extension: private.';

-- Roles belong to the cluster, not to the extension: another database may have created them already. So
-- may somebody who waits for what the extension will give them.
DO $roles$
DECLARE
    wanted record;
    present pg_catalog.pg_roles;
    reasons text;
    holders text;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('campaign_anon', 'NOLOGIN', 'Requests without a token.'),
            ('campaign_user', 'NOLOGIN', 'Requests of a logged-in person.'),
            ('campaign_app', 'NOLOGIN', 'Requests of a program with an application token.'),
            ('campaign_worker', 'LOGIN', 'The background workers that publish campaigns and run jobs.'),
            ('campaign_consumer', 'LOGIN', 'The login of campaign-consumer: may report progress and nothing else.'),
            ('campaign_mailer', 'LOGIN', 'The login of campaign-mailer: may claim mails and record what became of them, and nothing else.'),
            ('campaign_monitor', 'LOGIN', 'The login of campaign-monitor: sees how far campaigns are, may pause, resume and cancel them, and nothing else.')
        ) AS roles (name, login, description)
    LOOP
        SELECT * INTO present FROM pg_catalog.pg_roles r WHERE r.rolname = wanted.name;
        IF NOT FOUND THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I %s NOINHERIT', wanted.name, wanted.login);
            EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', wanted.name, wanted.description);
            CONTINUE;
        END IF;
        reasons := pg_catalog.concat_ws(', ',
            CASE WHEN present.rolsuper THEN 'SUPERUSER' END, CASE WHEN present.rolcreaterole THEN 'CREATEROLE' END,
            CASE WHEN present.rolcreatedb THEN 'CREATEDB' END, CASE WHEN present.rolreplication THEN 'REPLICATION' END,
            CASE WHEN present.rolbypassrls THEN 'BYPASSRLS' END,
            CASE WHEN present.rolcanlogin AND wanted.login = 'NOLOGIN' THEN 'LOGIN' END,
            (SELECT 'member of ' || pg_catalog.string_agg(m.roleid::pg_catalog.regrole::text, ', ')
             FROM pg_catalog.pg_auth_members m WHERE m.member = present.oid));
        IF reasons <> '' THEN
            RAISE EXCEPTION 'role "%" exists already, with more than it may have: %', wanted.name, reasons
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Take that from it with ALTER ROLE or REVOKE, or drop it: CREATE EXTENSION creates it again.';
        END IF;
        SELECT pg_catalog.string_agg(m.member::pg_catalog.regrole::text, ', ') INTO holders
        FROM pg_catalog.pg_auth_members m WHERE m.roleid = present.oid;
        -- The comment is that of the extension in another database.
        IF pg_catalog.shobj_description(present.oid, 'pg_authid') IS DISTINCT FROM wanted.description THEN
            RAISE WARNING 'role "%" was not created by this extension; its members: %',
                wanted.name, coalesce(holders, 'nobody')
                USING HINT = 'They, and whoever knows its password, get what it may do. Drop it first if you do not know it.';
        ELSIF holders IS NOT NULL THEN
            RAISE WARNING 'role "%" exists already; its members: %', wanted.name, holders;
        END IF;
    END LOOP;
END
$roles$;

-- The order of the labels is the order of publishing: no NORMAL before the last VIP is stored.
CREATE TYPE campaign.recipient_class AS ENUM ('VIP', 'NORMAL');
COMMENT ON TYPE campaign.recipient_class IS 'Class of a recipient; classes are published in the order of the labels.';
