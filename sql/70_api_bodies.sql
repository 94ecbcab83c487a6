-- JSON that brings numbers, as nginx passes it on: as the bytes that came, which PostgREST does not read. Of
-- JSON it would make a tree, and PostgreSQL a copy for each step: four times as much memory.

CREATE FUNCTION campaign.body_fields(body bytea) RETURNS json
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_body_fields';
COMMENT ON FUNCTION campaign.body_fields(bytea) IS
'A JSON object that came as bytes, with null for its numbers, which wait for campaign.body_numbers(). 400 if it is none, 413 if it has more than 1 MB besides.';

CREATE FUNCTION campaign.body_numbers() RETURNS bytea
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_body_numbers';
COMMENT ON FUNCTION campaign.body_numbers() IS
'The field numbers of the body that campaign.body_fields() has read last in this transaction, as campaign.numbers_from_json() makes a numbers file of it; NULL without that field. 422 if they are none.';

CREATE FUNCTION campaign.api_body_fields(name text, body bytea) RETURNS json
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    fields json := campaign.body_fields(body);
    target text := campaign.request_header('X-Campaign-Id');
    named record;
BEGIN
    SELECT p.proargnames AS names, p.proargtypes::oid[] AS types, p.proargnames[:p.pronargs - p.pronargdefaults] AS needed
    INTO STRICT named FROM pg_proc p
    WHERE p.pronamespace = 'campaign_api'::regnamespace AND p.proname = name AND p.proargnames IS NOT NULL;
    IF target IS NOT NULL AND 'campaign_id' = ANY (named.names) THEN
        -- The address says which campaign, whatever the body says.
        fields := (SELECT json_object_agg(f.key, f.value) FROM json_each(fields) AS f WHERE f.key <> 'campaign_id');
        fields := coalesce(overlay(fields::text PLACING ',' FROM length(fields::text)), '{')
            || format('"campaign_id":%s}', to_json(target));
    END IF;
    IF NOT named.needed <@ ARRAY(SELECT json_object_keys(fields)) OR NOT ARRAY(SELECT json_object_keys(fields)) <@ named.names THEN
        PERFORM campaign.api_fields_refuse(name, fields);
    END IF;
    PERFORM campaign.api_types_check(named.names, named.types, fields);
    RETURN fields;
END
$$;
COMMENT ON FUNCTION campaign.api_body_fields(text, bytea) IS
'The fields of a body that is for this function of the API, without the numbers; the campaign is that of the address. 400 for a field that it does not take, or one that is missing; 422 for a value of another type.';

CREATE FUNCTION campaign.api_upload_body(name text, body bytea, preview boolean) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fields json;
    sent record;
BEGIN
    PERFORM campaign.api_user();
    fields := campaign.api_body_fields(name, body);
    SELECT * INTO sent FROM json_to_record(fields) AS f (campaign_id text, skip_invalid boolean, allow_duplicates boolean,
        class text, country text, format text, column_name text);
    PERFORM campaign.api_campaign_check(sent.campaign_id);
    RETURN campaign.api_upload(sent.campaign_id, campaign.body_numbers(), sent.skip_invalid, sent.allow_duplicates,
        CASE WHEN fields -> 'class' IS NULL THEN 'NORMAL' ELSE sent.class END,
        sent.country, sent.format, sent.column_name, NULL, preview);
END
$$;
COMMENT ON FUNCTION campaign.api_upload_body(text, bytea, boolean) IS
'An upload of JSON, or the preview of one, whose body came as bytes.';

CREATE FUNCTION campaign_api.campaign_upload_json(bytea) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_upload_body('campaign_upload_json', $1, false) $$;
COMMENT ON FUNCTION campaign_api.campaign_upload_json(bytea) IS
$$Send numbers as JSON, as bytes
As with application/json, for Content-Type: application/octet-stream: the body is the same, and takes much less memory. The campaign may be in the header X-Campaign-Id.$$;

CREATE FUNCTION campaign_api.campaign_preview_json(bytea) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_upload_body('campaign_preview_json', $1, true) $$;
COMMENT ON FUNCTION campaign_api.campaign_preview_json(bytea) IS
$$Preview numbers given as JSON, as bytes
As with application/json, for Content-Type: application/octet-stream. The campaign may be in the header X-Campaign-Id.$$;

CREATE FUNCTION campaign_api.campaign_send(bytea) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_answer jsonb := campaign.repeat_answer('campaign_send', $1);
    fields json;
    sent record;
BEGIN
    PERFORM campaign.api_user();
    IF first_answer IS NOT NULL THEN
        RETURN first_answer;
    END IF;
    fields := campaign.api_body_fields('campaign_send', $1);
    SELECT * INTO sent FROM json_to_record(fields) AS f (name text, message text, company_id text, ordered boolean,
        skip_invalid boolean, allow_duplicates boolean, country text, format text, column_name text);
    RETURN campaign.api_send(sent.name, sent.message, campaign.body_numbers(), sent.company_id,
        CASE WHEN fields -> 'ordered' IS NULL THEN true ELSE sent.ordered END, sent.skip_invalid, sent.allow_duplicates,
        sent.country, sent.format, sent.column_name);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_send(bytea) IS
$$Create, fill and dispatch a campaign, the body as bytes
As with application/json, for Content-Type: application/octet-stream.$$;

CREATE FUNCTION campaign_api.suppression_import(bytea) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sent record;
BEGIN
    PERFORM campaign.api_user();
    SELECT * INTO sent FROM json_to_record(campaign.api_body_fields('suppression_import', $1))
        AS f (company_id text, reason text, skip_invalid boolean);
    RETURN campaign.api_suppression('import', sent.company_id, NULL::text, sent.reason, campaign.body_numbers(),
        sent.skip_invalid);
END
$$;
COMMENT ON FUNCTION campaign_api.suppression_import(bytea) IS
$$Opt many numbers out, the body as bytes
As with application/json, for Content-Type: application/octet-stream.$$;
