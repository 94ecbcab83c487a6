-- A role that may create things in the extension's schema plants functions and operators that
-- look like ours, and puts them before the real ones: none of them may ever run with our rights.
BEGIN;
SELECT plan(59);

CREATE ROLE campaign_test_mallory;
GRANT CREATE, USAGE ON SCHEMA public TO campaign_test_mallory;
GRANT campaign_user TO campaign_test_mallory;

SET LOCAL ROLE campaign_test_mallory;
-- Every shorter form of every function with defaults, and a form of each for another string type:
-- a call that relies on a conversion would prefer these, one that relies on a default would fail.
DO $plant$
DECLARE
    f record;
    arity integer;
    types text[];
BEGIN
    FOR f IN SELECT p.* FROM pg_proc p
        JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'campaign'
        WHERE p.pronamespace = 'public'::regnamespace
    LOOP
        FOR arity IN 0 .. f.pronargs LOOP
            types := ARRAY(SELECT format_type(t, NULL) FROM unnest(f.proargtypes[0:arity - 1]) WITH ORDINALITY AS a (t, n) ORDER BY n);
            IF arity = f.pronargs THEN
                types := array_replace(types, 'text', 'character varying');
            END IF;
            IF to_regprocedure(format('public.%I(%s)', f.proname, array_to_string(types, ','))) IS NULL THEN
                EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE ''planted''; END $f$',
                    f.proname, array_to_string(types, ','), format_type(f.prorettype, NULL));
            END IF;
        END LOOP;
    END LOOP;
END
$plant$;
SELECT cmp_ok(count(*), '>', 20::bigint, 'functions are planted') FROM pg_proc WHERE prosrc LIKE '%planted%' AND proowner = 'campaign_test_mallory'::regrole;
CREATE FUNCTION public.planted(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE FUNCTION public.planted_text(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE FUNCTION public.planted_json(jsonb, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE FUNCTION public.btrim(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE FUNCTION public.left(text, integer) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE FUNCTION public.current_setting(text, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.planted);
CREATE OPERATOR public.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = public.planted);
CREATE OPERATOR public.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = public.planted);
CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = public.planted_text);
CREATE OPERATOR public.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = public.planted_json);
CREATE TEMPORARY TABLE users (id text, email text, password text, deleted boolean);
CREATE TEMPORARY TABLE campaigns (id text, status text);
CREATE TEMPORARY TABLE pg_class (id text);

-- Triggers, policies, rules and other things on what is ours.
CREATE FUNCTION public.planted_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
SELECT throws_ok(statement, '42501', NULL, 'refused: ' || left(statement, 60))
FROM unnest(ARRAY[
    'CREATE TRIGGER t BEFORE INSERT ON campaign.users FOR EACH ROW EXECUTE FUNCTION public.planted_trigger()',
    'CREATE TRIGGER t INSTEAD OF INSERT ON campaign_api.users FOR EACH ROW EXECUTE FUNCTION public.planted_trigger()',
    'CREATE RULE r AS ON INSERT TO campaign_api.users DO ALSO NOTHING',
    'CREATE POLICY p ON campaign.users USING (true)',
    'ALTER TABLE campaign.users DISABLE ROW LEVEL SECURITY',
    'ALTER VIEW campaign_api.users RESET (security_invoker)',
    'CREATE FUNCTION campaign.f() RETURNS int LANGUAGE sql AS ''SELECT 1''',
    'CREATE FUNCTION campaign_api.f() RETURNS int LANGUAGE sql AS ''SELECT 1''',
    'CREATE OR REPLACE FUNCTION public.cuid2(length integer DEFAULT 24) RETURNS text LANGUAGE sql AS ''SELECT 1''',
    'ALTER FUNCTION public.cuid2(integer) RENAME TO x',
    'SELECT public.password_hash(''x''::text)']) AS statement;
RESET ROLE;

-- Runs a statement with the planted things before all others.
CREATE FUNCTION pg_temp.attempt(statement text, claims text DEFAULT NULL, who text DEFAULT 'campaign_test_mallory') RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM pg_catalog.set_config('request.jwt.claims', claims, true), pg_catalog.set_config('role', who, true),
        pg_catalog.set_config('request.headers', pg_catalog.jsonb_build_object('content-length', '13', 'x-campaign-id', pg_catalog.current_setting('test.campaign', true))::text, true),
        pg_catalog.set_config('search_path', 'pg_temp, public, pg_catalog', true);
    EXECUTE statement;
    PERFORM pg_catalog.set_config('role', 'none', true);
    RETURN 'ran';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END
$$;

-- The proof that the planted things would be met.
SELECT matches(pg_temp.attempt(statement), 'planted|is not unique', 'is met: ' || statement)
FROM unnest(ARRAY['SELECT lower(''x''::text)', 'SELECT ''x''::text = ''y''::text', 'SELECT cuid2()',
    'SELECT campaign_status(''x''::varchar)', 'SELECT campaign_upload(''x''::text, ''y''::text, true, true)']) AS statement;

SELECT is(pg_temp.attempt($$ SELECT campaign_api.signup('ana@example.com', 'secret') $$), 'ran', 'not by signup()');
SELECT is(pg_temp.attempt($$ SELECT campaign_api.login('ana@example.com', 'wrong') $$), 'ran', 'not by a failed login()');
SELECT is(pg_temp.attempt($$ SELECT campaign_api.login('ana@example.com', 'secret') $$), 'ran', 'not by login()');
SELECT jsonb_build_object('role', 'campaign_user', 'user_id', (SELECT id FROM campaign.users WHERE email OPERATOR(pg_catalog.=) 'ana@example.com'),
    'jti', 'test', 'iat', 9999999990, 'exp', 9999999999) AS claims \gset
SELECT is(pg_temp.attempt(statement, :'claims'), 'ran', 'not by: ' || statement)
FROM unnest(ARRAY['SELECT campaign.api_check()', 'SELECT campaign_api.me()',
    'INSERT INTO campaign_api.companies (name, document) VALUES (''Padaria'', ''1'')',
    'INSERT INTO campaign_api.campaigns (name, message) VALUES (''pao'', ''hello'')',
    'SELECT campaign_api.company_member_invite((SELECT id FROM campaign_api.companies), ''ana@example.com'')',
    'SELECT * FROM campaign_api.users', 'SELECT * FROM campaign_api.campaigns', 'SELECT * FROM campaign_api.recipients']) AS statement;
SELECT set_config('test.campaign', id, true) FROM campaign.campaigns WHERE name OPERATOR(pg_catalog.=) 'pao';
SELECT is(pg_temp.attempt(statement, :'claims'), 'ran', 'not by: ' || statement)
FROM unnest(ARRAY['SELECT campaign_api.campaign_upload(''5511987654321''::text)',
    'SELECT campaign_api.campaign_upload_json((SELECT id FROM campaign_api.campaigns), ''["5511987654322"]'')',
    'SELECT campaign_api.campaign_dispatch((SELECT id FROM campaign_api.campaigns))',
    'SELECT campaign_api.campaign_status((SELECT id FROM campaign_api.campaigns))',
    'SELECT campaign_api.campaign_verify((SELECT id FROM campaign_api.campaigns))',
    'SELECT campaign_api.campaign_cancel((SELECT id FROM campaign_api.campaigns))',
    'UPDATE campaign_api.campaigns SET name = ''x''', 'DELETE FROM campaign_api.campaigns',
    'SELECT campaign_api.campaign_send(''pao'', ''hello'', ''["5511987654321"]'')',
    'SELECT campaign_api.me_update(''anna@example.com'', ''secret'')', 'SELECT campaign_api.me_code()', 'SELECT campaign_api.me_confirm(''x'')',
    'SELECT campaign_api.password_forgotten(''anna@example.com'')', 'SELECT campaign_api.password_reset(''x'', ''secret'')',
    'SELECT campaign_api.job_create(''countdown'', ''{"seconds": 0}'')',
    'SELECT campaign_api.job_create(''dispatch'', json_build_object(''campaign_id'', (SELECT id FROM campaign_api.campaigns LIMIT 1)))',
    'SELECT campaign_api.job_get(id) FROM campaign_api.jobs', 'SELECT campaign_api.job_stats()', 'SELECT * FROM campaign_api.jobs',
    'SELECT campaign_api.job_cancel((SELECT min(id) FROM campaign_api.jobs))',
    'SELECT campaign_api.job_retry((SELECT id FROM campaign_api.jobs WHERE status OPERATOR(pg_catalog.=) ''cancelled''))',
    'SELECT campaign_api.signup_async(''eva@example.com'', ''secret'')',
    'SELECT campaign_api.application_create(''biller'')', 'UPDATE campaign_api.applications SET name = ''x''',
    'SELECT campaign_api.token()', 'DELETE FROM campaign_api.tokens', 'DELETE FROM campaign_api.applications',
    'SELECT campaign_api.password_change(''secret'', ''new'')',
    'SELECT campaign_api.logout()']) AS statement;
-- The owner's own calls, from a session whose path is poisoned.
SELECT is(pg_temp.attempt($$ SELECT public.campaign_send('pao'::text, 'hello'::text, '5511987654321'::text, NULL::text, NULL::text, true, false, false, NULL::text, NULL::text, NULL::text) $$,
    NULL, 'none'), 'ran', 'not by campaign_send() of the owner');
SELECT is(pg_temp.attempt($$ SELECT public.token_revoke((public.token_create('x'::text, NULL::text, NULL::interval)
    OPERATOR(pg_catalog.->>) 'id'::text)::text) $$, NULL, 'none'), 'ran', 'nor by token_create() and token_revoke()');

SELECT * FROM finish();
ROLLBACK;
