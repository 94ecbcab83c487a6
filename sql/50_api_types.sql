-- The JSON types of the values of a request. PostgREST lets PostgreSQL convert them to the types of
-- columns and arguments, which takes the number 7 for the text '7', and 1 for true. What is checked
-- here is therefore the body itself.

CREATE FUNCTION campaign.request_body() RETURNS json
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'campaign_request_body';
COMMENT ON FUNCTION campaign.request_body() IS
'The body of the HTTP request, if it is JSON or PostgREST has made JSON of it; NULL without one.';

CREATE FUNCTION campaign.request_is_typed() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(current_setting('request.method', true), '') IN ('POST', 'PUT', 'PATCH')
        AND coalesce(campaign.request_header('Content-Type'), '')
            !~* '^(text/csv|application/x-www-form-urlencoded)\s*(;|$)'
$$;
COMMENT ON FUNCTION campaign.request_is_typed() IS
'Whether the values of the HTTP request have types; those of a query string, a form or CSV are all strings.';

CREATE FUNCTION campaign.json_type_wanted(type oid) RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN t.typcategory = 'B' THEN 'boolean' WHEN t.typcategory = 'N' THEN 'number'
        WHEN t.typcategory = 'A' THEN 'array' WHEN t.typcategory IN ('S', 'D', 'T', 'E') THEN 'string' END
    FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION campaign.json_type_wanted(oid) IS
'The JSON type that values of an SQL type must have; NULL if any will do, as for json.';

CREATE FUNCTION campaign.api_types_check(names text[], types oid[], body json DEFAULT campaign.request_body()) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    typed boolean := campaign.request_is_typed();
    wrong_name text;
    wanted text;
BEGIN
    IF json_typeof(body) IN ('null', 'string', 'number', 'boolean') OR json_typeof(body) = 'array' AND json_array_length(body) = 0 THEN
        PERFORM campaign.api_raise('PT422', 'the body must be a JSON object');
    END IF;
    -- PostgreSQL would take the last one: of an id that is also in the address nginx adds that behind the others.
    SELECT field.key INTO wrong_name
    FROM (SELECT 0 AS place, body AS fields WHERE json_typeof(body) = 'object'
          UNION ALL
          SELECT place, element FROM json_array_elements(CASE json_typeof(body) WHEN 'array' THEN body END) WITH ORDINALITY AS e (element, place)
          WHERE json_typeof(element) = 'object') AS sent,
        LATERAL json_object_keys(sent.fields) AS field (key)
    WHERE field.key NOT IN ('campaign_id', 'company_id', 'letter_id', 'user_id')
    GROUP BY sent.place, field.key HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        PERFORM campaign.api_raise('PT422', format('the body has the field "%s" twice', left(wrong_name, 63)));
    END IF;
    SELECT field.key, expected.wanted INTO wrong_name, wanted
    FROM (SELECT body AS fields WHERE json_typeof(body) = 'object'
          UNION ALL
          SELECT element FROM json_array_elements(CASE json_typeof(body) WHEN 'array' THEN body END) AS element
          WHERE json_typeof(element) = 'object') AS sent,
        LATERAL json_each(sent.fields) AS field
    JOIN (SELECT t.name, campaign.json_type_wanted(t.type) AS wanted
          FROM unnest(names, types) AS t (name, type)) AS expected ON expected.name = field.key
    WHERE json_typeof(field.value) NOT IN (expected.wanted, 'null')
      AND (typed OR json_typeof(field.value) <> 'string')
    LIMIT 1;
    IF FOUND THEN
        PERFORM campaign.api_raise('PT422', format('%s must be %s', wrong_name, CASE wanted
            WHEN 'boolean' THEN 'true or false' WHEN 'array' THEN 'an array' ELSE 'a ' || wanted END));
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_types_check(text[], oid[], json) IS
'422 if the body of the request has a field twice, or a value for one of these names whose JSON type does not fit its SQL type.';

CREATE FUNCTION campaign.api_arguments_check(function text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    body json := campaign.request_body();
BEGIN
    -- PostgREST would take the first one.
    IF json_typeof(body) = 'array' AND json_array_length(body) > 1 THEN
        PERFORM campaign.api_raise('PT422', 'the body must be one JSON object', NULL, 'Send the others in requests of their own.');
    END IF;
    PERFORM campaign.api_types_check(p.proargnames, p.proargtypes::oid[])
    FROM pg_proc p
    WHERE p.proname = split_part(function, '.', 2) AND p.pronamespace = 'campaign_api'::regnamespace
      AND p.proargnames IS NOT NULL;
END
$$;
COMMENT ON FUNCTION campaign.api_arguments_check(text) IS
'422 if the request gives an argument of this function as a JSON value of another type. Every function of campaign_api with arguments begins with this, except the uploads of raw bodies.';

CREATE FUNCTION campaign.api_columns_check() RETURNS trigger
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_types_check(array_agg(a.attname::text), array_agg(a.atttypid))
    FROM pg_attribute a WHERE a.attrelid = TG_RELID AND a.attnum > 0;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.api_columns_check() IS
'422 if the request gives a column of the view as a JSON value of another type.';

CREATE FUNCTION campaign.api_more_time() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('request.path', true) ~ '/(campaign_(upload|upload_json|preview|preview_json|form|send|retry_failed|dispatch_zones)|suppression_import)$' THEN
        PERFORM set_config('statement_timeout',
            (3000 * extract(epoch FROM current_setting('statement_timeout')::interval))::bigint::text, true);
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_more_time() IS
'A request that brings numbers, or copies those of a campaign, may take three times as long as its role has for a statement.';
