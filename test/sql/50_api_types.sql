-- The JSON types of a request's values. The parameter of a prepared statement is what PostgREST
-- makes of a body.
BEGIN;
SELECT plan(32);

SELECT is(campaign.json_type_wanted(type), wanted, 'R0.7: ' || type || ' takes ' || coalesce(wanted, 'anything'))
FROM (VALUES ('text'::regtype, 'string'), ('timestamptz', 'string'), ('campaign.recipient_class', 'string'),
    ('boolean', 'boolean'), ('integer', 'number'), ('numeric', 'number'), ('text[]', 'array'),
    ('json', NULL), ('jsonb', NULL)) AS expected (type, wanted);

SELECT is(campaign.request_body()::text, NULL, 'without a parameter there is no body');
PREPARE body_is(json, text) AS SELECT is(campaign.request_body()::text, $2, 'the body is ' || coalesce($2, 'NULL'));
EXECUTE body_is('{"a": 1}', '{"a": 1}');
EXECUTE body_is(NULL, NULL);
PREPARE text_is_none(text) AS SELECT is(campaign.request_body()::text, NULL, 'a parameter of another type is none');
EXECUTE text_is_none('{"a": 1}');

CREATE FUNCTION campaign_api.refusal(a text DEFAULT NULL, b boolean DEFAULT NULL, c integer DEFAULT NULL, d json DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.refusal');
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'PT422' THEN
    RETURN SQLERRM;
END
$$;
PREPARE refused(json, text) AS SELECT is(campaign_api.refusal(), $2, format('R0.7: %s: %s', $1, coalesce($2, 'taken')));
SELECT set_config('request.method', 'POST', true);
EXECUTE refused('{"a": "7", "b": true, "c": 7, "d": "x", "e": 7}', NULL);
EXECUTE refused('{"a": null, "b": null, "c": null, "d": null}', NULL);
EXECUTE refused('{"a": 7}', 'a must be a string');
EXECUTE refused('{"a": {"a": "x"}}', 'a must be a string');
EXECUTE refused('{"b": "true"}', 'b must be true or false');
EXECUTE refused('{"c": "7"}', 'c must be a number');
EXECUTE refused('[{"a": []}]', 'a must be a string');
EXECUTE refused('[{"a": "x"}, {"a": "y"}]', 'the body must be one JSON object');
EXECUTE refused('[7, "x", null, ["a"]]', 'the body must be one JSON object');
EXECUTE refused('{"campaign_id": "x", "campaign_id": "y"}', NULL);
EXECUTE refused('{"a": "x", "e": 1, "e": 1}', 'the body has the field "e" twice');
EXECUTE refused('7', 'the body must be a JSON object');
EXECUTE refused(' [ ] ', 'the body must be a JSON object');

-- Without types of their own, values are strings, and still no numbers for a text.
SELECT set_config('request.method', 'GET', true);
EXECUTE refused('{"a": "x", "b": "true", "c": "7"}', NULL);
EXECUTE refused('{"a": 7}', 'a must be a string');
SELECT set_config('request.method', 'POST', true), set_config('request.headers', '{"content-type": "text/csv; charset=utf-8"}', true);
EXECUTE refused('{"b": "true"}', NULL);
SELECT set_config('request.headers', '{"content-type": "application/json; a=text/csv"}', true);
EXECUTE refused('{"b": "true"}', 'b must be true or false');

SELECT is_empty(
    $$ SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'campaign_api'::regnamespace AND pronargs > 0 AND proargnames IS NOT NULL
         AND prosrc !~ ('campaign\.api_arguments_check\(''campaign_api\.' || proname || '''\)|campaign\.api_(parts_)?verb\(') $$,
    'every function of the API looks at the types of its own arguments');
SELECT is_empty(
    $$ SELECT c.relname, privilege FROM pg_class c, unnest(ARRAY['INSERT', 'UPDATE']) AS privilege
       WHERE c.relnamespace = 'campaign_api'::regnamespace AND c.relkind = 'v' AND c.relname <> 'jobs'
         AND has_any_column_privilege('campaign_user', c.oid, privilege)
         AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgfoid = 'campaign.api_columns_check'::regproc
                         AND (t.tgtype & CASE privilege WHEN 'INSERT' THEN 4 ELSE 16 END) <> 0) $$,
    'every view that a request may write to looks at the types of its columns');

SELECT * FROM finish();
ROLLBACK;
