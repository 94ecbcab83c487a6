-- The schema, the roles and the type that later files use.
\echo Use "CREATE EXTENSION campaign" to load this file. \quit

CREATE SCHEMA campaign;
COMMENT ON SCHEMA campaign IS 'Tables and internal functions of the campaign extension: private.';

-- Roles belong to the cluster, not to the extension: another database may have created them already.
DO $roles$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('campaign_anon', 'NOLOGIN', 'Requests without a token.'),
            ('campaign_user', 'NOLOGIN', 'Requests of a logged-in person.'),
            ('campaign_app', 'NOLOGIN', 'Requests of a program with an application token.'),
            ('campaign_worker', 'LOGIN', 'The background workers that publish campaigns and run jobs.'),
            ('campaign_consumer', 'LOGIN', 'The login of campaign-consumer: may report progress and nothing else.'),
            ('campaign_mailer', 'LOGIN', 'The login of campaign-mailer: may claim mails and record what became of them, and nothing else.')
        ) AS roles (name, login, description)
    LOOP
        IF pg_catalog.to_regrole(wanted.name) IS NULL THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I %s NOINHERIT', wanted.name, wanted.login);
            EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', wanted.name, wanted.description);
        END IF;
    END LOOP;
END
$roles$;

-- The order of the labels is the order of publishing: no NORMAL before the last VIP is stored.
CREATE TYPE campaign.recipient_class AS ENUM ('VIP', 'NORMAL');
COMMENT ON TYPE campaign.recipient_class IS 'Class of a recipient; classes are published in the order of the labels.';
