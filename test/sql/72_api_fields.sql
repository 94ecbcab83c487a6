-- R7.4: bodies with other fields than those that a function takes.
BEGIN;
SELECT plan(9);

CREATE TEMPORARY VIEW functions AS
SELECT p.oid, p.proname AS name, p.proargnames IS NULL AND p.proargtypes::text = 'json'::regtype::oid::text AS guards,
    NOT (p.proargnames IS NULL AND p.pronargs > 0) AS named
FROM pg_proc p WHERE p.pronamespace = 'campaign_api'::regnamespace;
CREATE FUNCTION pg_temp.refusal(name text, body json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    explained text;
BEGIN
    EXECUTE format('SELECT campaign_api.%I($1)', name) USING body;
    RETURN 'taken';
EXCEPTION WHEN SQLSTATE 'PT400' THEN
    GET STACKED DIAGNOSTICS explained = PG_EXCEPTION_HINT;
    RETURN concat_ws('; ', SQLERRM, nullif(explained, ''));
END $$;

SELECT set_eq('SELECT name FROM functions WHERE guards', 'SELECT name FROM functions WHERE named',
    'R7.4: every function with named arguments, or without any, has one that refuses other bodies');
SELECT is_empty(
    $$ SELECT g.name, r FROM functions g JOIN functions n ON n.name = g.name AND n.named AND g.guards,
           unnest('{public, campaign_anon, campaign_user, campaign_app, campaign_worker, campaign_consumer, campaign_mailer}'::name[]) AS r
       WHERE has_function_privilege(r, g.oid, 'EXECUTE') <> has_function_privilege(r, n.oid, 'EXECUTE') $$,
    'R7.4: with the same rights');
SELECT is(pg_temp.refusal('signup', '{"email": "a", "password": "b", "admin": true}'),
    'there is no field "admin" here; There are: email, password', 'R7.4: a field that is not taken is named, and those that are');
SELECT is(pg_temp.refusal('logout', '{"a": 1}'), 'there is no field "a" here; None is taken.', 'or that there are none');
SELECT is(pg_temp.refusal('signup', '{"email": "a"}'), 'the field "password" is missing', 'R7.4: so is one that is missing');
SELECT is(pg_temp.refusal('job_create', '{}'), 'the field "job_name" is missing', 'but for those that may be left out');
SELECT is(pg_temp.refusal('signup', '[]'), 'the body must be a JSON object', 'R7.4: what is no object is told so');
SELECT is(pg_temp.refusal('signup', NULL), 'the body must be a JSON object', 'and what is nothing');
SELECT is(pg_temp.refusal('signup', format('{"%s": 1}', repeat('x', 100))::json), 'there is no field "' || repeat('x', 63) || '" here; There are: email, password',
    'a long name is cut off');

SELECT * FROM finish();
ROLLBACK;
