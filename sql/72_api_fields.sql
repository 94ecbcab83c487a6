-- Bodies with fields that a function does not take, or without one that it needs. PostgREST finds a
-- function by its fields, and would say that there is none. It calls one of the same name with the whole
-- body as its only argument instead, if there is such a one: those are made here, and refuse in our words.

CREATE FUNCTION campaign.api_fields_refuse(name text, body json) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken text[];
    needed integer;
    wrong text;
BEGIN
    IF json_typeof(body) IS DISTINCT FROM 'object' THEN
        PERFORM campaign.api_raise('PT400', 'the body must be a JSON object');
    END IF;
    SELECT p.proargnames, p.pronargs - p.pronargdefaults INTO taken, needed FROM pg_proc p
    WHERE p.pronamespace = 'campaign_api'::regnamespace AND p.proname = name
      AND (p.proargnames IS NOT NULL OR p.pronargs = 0);
    wrong := (SELECT k FROM json_object_keys(body) AS k WHERE k <> ALL (coalesce(taken, '{}')) LIMIT 1);
    IF wrong IS NOT NULL THEN
        PERFORM campaign.api_raise('PT400', format('there is no field "%s" here', left(wrong, 63)), NULL,
            CASE WHEN taken IS NULL THEN 'None is taken.' ELSE 'There are: ' || array_to_string(taken, ', ') END);
    END IF;
    PERFORM campaign.api_raise('PT400', format('the field "%s" is missing',
        (SELECT a.name FROM unnest(taken) WITH ORDINALITY AS a (name, place)
         WHERE a.place <= needed AND a.name NOT IN (SELECT json_object_keys(body)) LIMIT 1)));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.api_fields_refuse(text, json) IS
'400 that names the field of the body that the function does not take, or that is missing.';

CREATE FUNCTION campaign.api_fields_guard() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guarded name;
BEGIN
    FOR guarded IN
        SELECT p.proname FROM pg_proc p
        WHERE p.pronamespace = 'campaign_api'::regnamespace AND (p.proargnames IS NOT NULL OR p.pronargs = 0)
    LOOP
        EXECUTE format($f$
            CREATE FUNCTION campaign_api.%1$I(json) RETURNS jsonb
            LANGUAGE sql STABLE SECURITY DEFINER
            SET search_path = pg_catalog, pg_temp
            AS %2$L $f$, guarded, format('SELECT campaign.api_fields_refuse(%L, $1)', guarded));
        EXECUTE format('COMMENT ON FUNCTION campaign_api.%I(json) IS %L', guarded,
            'Refuses a body with other fields than those of the function of the same name.');
    END LOOP;
END
$$;
COMMENT ON FUNCTION campaign.api_fields_guard() IS
'Makes for each function of the API the one that refuses other fields. Called once, when the extension is created.';

CREATE FUNCTION campaign.api_fields_grant() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT p.proname, r.role FROM pg_proc p, unnest('{campaign_anon, campaign_user, campaign_app}'::name[]) AS r (role)
        WHERE p.pronamespace = 'campaign_api'::regnamespace AND (p.proargnames IS NOT NULL OR p.pronargs = 0)
          AND has_function_privilege(r.role, p.oid, 'EXECUTE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION campaign_api.%I(json) TO %I', granted.proname, granted.role);
    END LOOP;
END
$$;
COMMENT ON FUNCTION campaign.api_fields_grant() IS
'Gives the functions that refuse other fields to whom those of the same name are given.';
