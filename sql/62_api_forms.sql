-- Forms with a file (multipart/form-data), as browsers, curl -F and Postman send them: to create a
-- campaign, to send one, or to add numbers. nginx says in headers which of them, and of what type
-- the body was; PostgREST passes such a body on as bytes only.

CREATE FUNCTION campaign.form_fields(body bytea, content_type text) RETURNS json
LANGUAGE C IMMUTABLE STRICT
AS 'MODULE_PATHNAME', 'campaign_form_fields';
COMMENT ON FUNCTION campaign.form_fields(bytea, text) IS
'The fields of a form, without its files, as a JSON object of strings. A field that comes twice is there twice.';

CREATE FUNCTION campaign.form_file(body bytea, content_type text) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT
AS 'MODULE_PATHNAME', 'campaign_form_file';
COMMENT ON FUNCTION campaign.form_file(bytea, text) IS
'The only file of a form, NULL without one: what has a filename, whatever the field is called.';

CREATE FUNCTION campaign.form_values(fields json, names text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    SELECT key INTO wrong FROM json_each_text(fields) WHERE key <> ALL (names) LIMIT 1;
    IF FOUND THEN
        PERFORM campaign.api_raise('PT422', format('the form has a field "%s", which means nothing here', wrong), NULL,
            format('Fields: %s. Numbers are sent as a file.', array_to_string(names, ', ')));
    END IF;
    SELECT key INTO wrong FROM json_each_text(fields) GROUP BY key HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        PERFORM campaign.api_raise('PT422', format('the form has the field "%s" twice', wrong));
    END IF;
    -- A field that was left empty, and a box that was ticked.
    RETURN (SELECT coalesce(jsonb_object_agg(key, CASE WHEN value = 'on' AND key IN ('skip_invalid',
                'allow_duplicates', 'ordered') THEN 'true' ELSE value END), '{}')
            FROM json_each_text(fields) WHERE value <> '');
END
$$;
COMMENT ON FUNCTION campaign.form_values(json, text[]) IS
'The fields of a form that have a value; 422 for a field that is not one of these names, or comes twice.';

CREATE FUNCTION campaign.form_create(fields jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id text := campaign.api_company_choose(fields ->> 'company_id');
BEGIN
    IF fields ->> 'ordered' NOT IN ('true', 'false') THEN
        PERFORM campaign.api_raise('PT422', 'ordered must be true or false');
    END IF;
    RETURN @extschema@.campaign_create(fields ->> 'name', fields ->> 'message', owner_id, campaign.api_user(),
        coalesce((fields ->> 'ordered')::boolean, true));
END
$$;
COMMENT ON FUNCTION campaign.form_create(jsonb) IS 'A draft of the user of the request, from the fields of a form.';

-- The options of an upload are headers elsewhere: skip_invalid here is X-Skip-Invalid there.
CREATE FUNCTION campaign.form_upload(campaign_id text, fields jsonb, numbers bytea) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('request.headers', (current_setting('request.headers')::jsonb
        || coalesce((SELECT jsonb_object_agg('x-' || replace(key, '_', '-'), value) FROM jsonb_each(fields)), '{}')
        || jsonb_build_object('x-campaign-id', campaign_id))::text, true);
    RETURN campaign.api_upload_raw(numbers, false);
END
$$;
COMMENT ON FUNCTION campaign.form_upload(text, jsonb, bytea) IS 'Adds the file of a form to a campaign, with the options of the form.';

CREATE FUNCTION campaign.api_form(verb text, body bytea, content_type text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    options CONSTANT text[] := '{skip_invalid,allow_duplicates,class,country,format,column,encoding}';
    fields jsonb;
    file bytea;
    target_id text := campaign.request_header('X-Campaign-Id');
    upload jsonb;
BEGIN
    IF verb IS NULL OR content_type IS NULL OR verb NOT IN ('create', 'send', 'upload') THEN
        PERFORM campaign.api_raise('PT400', 'headers X-Form-Verb (create, send or upload) and X-Form-Type are needed');
    END IF;
    fields := campaign.form_values(campaign.form_fields(body, content_type),
        CASE verb WHEN 'upload' THEN '{}' ELSE '{name,message,company_id,ordered}'::text[] END || options);
    file := campaign.form_file(body, content_type);
    IF file IS NULL AND verb <> 'create' THEN
        PERFORM campaign.api_raise('PT422', 'the form has no file', NULL, 'The file is a part with a filename.');
    END IF;
    IF verb = 'send' THEN
        PERFORM campaign.api_worker_require();
    END IF;
    IF verb <> 'upload' THEN
        target_id := campaign.form_create(fields);
        fields := fields - '{name,message,company_id,ordered}'::text[];
    END IF;
    IF file IS NOT NULL THEN
        upload := campaign.form_upload(target_id, fields, file);
    END IF;
    IF verb = 'upload' THEN
        RETURN upload;
    END IF;
    PERFORM campaign.api_respond(CASE verb WHEN 'send' THEN 202 ELSE 201 END,
        'Location', '/campaigns?id=eq.' || target_id);
    IF verb = 'send' THEN
        RETURN @extschema@.campaign_dispatch(target_id) || jsonb_build_object('upload', upload);
    END IF;
    RETURN (SELECT to_jsonb(c) FROM campaign_api.campaigns c WHERE c.id = target_id)
        || CASE WHEN upload IS NULL THEN '{}' ELSE jsonb_build_object('upload', upload) END;
END
$$;
COMMENT ON FUNCTION campaign.api_form(text, bytea, text) IS
'What a form asks for: to create a campaign, with numbers or without, to send one, or to add numbers.';

CREATE FUNCTION campaign.form_contents(body bytea, content_type text) RETURNS bytea
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fields text := campaign.form_fields(body, content_type);
    file bytea := campaign.form_file(body, content_type);
BEGIN
    RETURN convert_to(format('%s %s ', octet_length(fields), fields), 'UTF8') || coalesce('\x01' || sha256(file), '');
END
$$;
COMMENT ON FUNCTION campaign.form_contents(bytea, text) IS
'What a form says, whatever its boundary: clients make another one each time that they send it.';

CREATE FUNCTION campaign_api.campaign_form(bytea) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    verb text := campaign.request_header('X-Form-Verb');
    content_type text := campaign.request_header('X-Form-Type');
    first_answer jsonb;
    code text; message text; detail text; hint text;
BEGIN
    PERFORM campaign.api_user();
    IF verb IN ('create', 'send') THEN
        first_answer := campaign.repeat_answer('campaign_form ' || verb,
            CASE WHEN campaign.repeat_key() IS NOT NULL THEN campaign.form_contents($1, content_type) END);
        IF first_answer IS NOT NULL THEN
            RETURN first_answer;
        END IF;
    END IF;
    first_answer := campaign.api_form(verb, $1, content_type);
    RETURN CASE WHEN verb IN ('create', 'send') THEN campaign.repeat_keep(first_answer) ELSE first_answer END;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM campaign.api_raise(code, message, detail,
        replace(hint, 'send "X-Skip-Invalid: true"', 'send the field skip_invalid=true'));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_form(bytea) IS
$$Send a form with a numbers file
The body is a form (multipart/form-data), sent with Content-Type: application/octet-stream. Request headers:

X-Form-Type: the Content-Type of the form, with its boundary.
X-Form-Verb: create, send, or upload.
X-Campaign-Id: the campaign, for upload.

The part with a filename is the file. Fields: for create and send name, message, company_id, ordered; for all skip_invalid, allow_duplicates, class, country, format, column, encoding, as the headers of POST /rpc/campaign_upload.

create: 201 with the campaign and, if there is a file, "upload". send: as POST /rpc/campaign_send. upload: as POST /rpc/campaign_upload. 400 if the form is malformed; 413 if its fields have more than 1 MB together; 422 for an unknown field, or without a file.$$;
