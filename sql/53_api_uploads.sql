-- Numbers files over HTTP, as raw bodies and as JSON: for campaigns of the user of the request,
-- up to campaign.upload_max_bytes.

CREATE FUNCTION campaign.request_flag(header text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    value text := lower(campaign.request_header(header));
BEGIN
    IF value IS NULL OR value IN ('false', '0', 'no') THEN
        RETURN false;
    ELSIF value IN ('true', '1', 'yes') THEN
        RETURN true;
    END IF;
    PERFORM campaign.api_raise('PT400', format('header %s must be true or false', header));
END
$$;
COMMENT ON FUNCTION campaign.request_flag(text) IS 'A header of the HTTP request that is true or false; false without it.';

CREATE FUNCTION campaign.api_upload(
    campaign_id text, numbers bytea, skip_invalid boolean, allow_duplicates boolean, class text,
    country text, format text, column_name text, encoding text, preview boolean
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    longest bigint := pg_size_bytes(
        regexp_replace(current_setting('campaign.upload_max_bytes'), '(\d)B$', '\1 bytes'));
BEGIN
    PERFORM campaign.api_campaign_check(campaign_id);
    IF octet_length(numbers) > longest THEN
        PERFORM campaign.api_raise('PT413', format('numbers file is longer than %s bytes', longest),
            NULL, 'Send it in parts: a further file is added to a draft.');
    END IF;
    IF preview THEN
        RETURN @extschema@.campaign_preview(numbers, campaign_id, skip_invalid, allow_duplicates, class,
            country, format, column_name, encoding);
    END IF;
    RETURN @extschema@.campaign_upload(campaign_id, numbers, skip_invalid, allow_duplicates, class,
        country, format, column_name, encoding);
END
$$;
COMMENT ON FUNCTION campaign.api_upload(text, bytea, boolean, boolean, text, text, text, text, text, boolean) IS
'campaign_upload() or campaign_preview() for a campaign of the user of the request, up to campaign.upload_max_bytes.';

CREATE FUNCTION campaign.api_upload_raw(numbers bytea, preview boolean) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    campaign_id text := campaign.request_header('X-Campaign-Id');
    code text; message text; detail text; hint text;
BEGIN
    PERFORM campaign.api_user();
    IF campaign_id IS NULL THEN
        PERFORM campaign.api_raise('PT400', 'header X-Campaign-Id is missing', NULL,
            'Name the campaign that gets the numbers in the request header X-Campaign-Id.');
    END IF;
    RETURN campaign.api_upload(campaign_id, numbers, campaign.request_flag('X-Skip-Invalid'),
        campaign.request_flag('X-Allow-Duplicates'),
        upper(coalesce(campaign.request_header('X-Class'), 'NORMAL')),
        campaign.request_header('X-Country'), campaign.request_header('X-Format'),
        campaign.request_header('X-Column'), campaign.request_header('X-Encoding'), preview);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM campaign.api_raise(code, message, detail,
        replace(replace(hint, 'pass skip_invalid => true', 'send "X-Skip-Invalid: true"'),
            'with column_name', 'in the header X-Column'));
END
$$;
COMMENT ON FUNCTION campaign.api_upload_raw(bytea, boolean) IS
'An upload, or the preview of one, whose campaign and options are in the headers of the request.';

CREATE FUNCTION campaign_api.campaign_upload(bytea) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_upload_raw($1, false) $$;
COMMENT ON FUNCTION campaign_api.campaign_upload(bytea) IS
$$Send a numbers file
The body is the file, one phone number a line, or a table of which one column holds the numbers and the others are attributes, with Content-Type: application/octet-stream or text/plain. Request headers:

X-Campaign-Id: the campaign.
X-Skip-Invalid: true to leave invalid lines out instead of refusing the file.
X-Allow-Duplicates: true to keep repeated numbers.
X-Class: VIP or NORMAL (default).
X-Country: country of the national numbers, such as BR.
X-Format: list, csv, tsv, semicolon or ndjson; found by looking without it.
X-Column: the column of the numbers; found by its name or its values without it.
X-Encoding: utf-8 (default), utf-16 or windows-1252.

200 with {"accepted", "duplicates", "invalid", "errors"}, and "repeated": true if the same file was sent before and nothing changed; 404 if there is no such campaign, 403 if it is not yours; 409 if it is no longer a draft; 413 if the file is too long; 422 if lines are invalid.$$;

-- PostgREST hands text over as a C string: what follows a NUL byte would be lost silently.
CREATE FUNCTION campaign.request_text(body text) RETURNS bytea
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expected text := campaign.request_header('Content-Length');
    bytes bytea := convert_to(body, 'UTF8');
BEGIN
    IF expected IS NULL THEN
        PERFORM campaign.api_raise('PT411', 'text needs the header Content-Length', NULL,
            'Send it, or send the file as Content-Type: application/octet-stream.');
    ELSIF expected <> octet_length(bytes)::text THEN
        PERFORM campaign.api_raise('PT422',
            'numbers file refused, nothing was stored: it holds a NUL byte: not a text file');
    END IF;
    RETURN bytes;
END
$$;
COMMENT ON FUNCTION campaign.request_text(text) IS
'The body of a text/plain request; an error unless all of it has arrived.';

CREATE FUNCTION campaign_api.campaign_upload(text) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_upload_raw(campaign.request_text($1), false) $$;
COMMENT ON FUNCTION campaign_api.campaign_upload(text) IS
$$Send a numbers file as text
As with application/octet-stream, for Content-Type: text/plain. Needs the header Content-Length: 411 without.$$;

CREATE FUNCTION campaign.numbers_from_json(numbers json) RETURNS bytea
LANGUAGE C IMMUTABLE
AS 'MODULE_PATHNAME', 'campaign_numbers_from_json';
COMMENT ON FUNCTION campaign.numbers_from_json(json) IS
'Phone numbers given as a JSON array, or as one string, in the form of a numbers file: element n is line n. Elements may be objects: lines of JSON.';

CREATE FUNCTION campaign_api.campaign_upload_json(
    campaign_id text,
    numbers json,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false,
    class text DEFAULT 'NORMAL',
    country text DEFAULT NULL,
    format text DEFAULT NULL,
    column_name text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_upload_json');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN campaign.api_upload(campaign_id, campaign.numbers_from_json(numbers), skip_invalid,
        allow_duplicates, class, country, format, column_name, NULL, false);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_upload_json(text, json, boolean, boolean, text, text, text, text) IS
$$Send numbers as JSON
campaign_id: the campaign.
numbers: array of phone numbers or of objects with one each, or a string that is a numbers file.
skip_invalid: leave invalid numbers out instead of refusing them all.
allow_duplicates: keep repeated numbers.
class: VIP or NORMAL.
country: country of the national numbers, such as BR.
format: list, csv, tsv, semicolon or ndjson; found by looking if left out.
column_name: the column of the numbers; found by its name or its values if left out.

Answers as POST /rpc/campaign_upload.$$;

CREATE FUNCTION campaign_api.campaign_preview(bytea) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_upload_raw($1, true) $$;
COMMENT ON FUNCTION campaign_api.campaign_preview(bytea) IS
$$Preview a numbers file
What POST /rpc/campaign_upload with the same body and headers would do; nothing is stored.

200 with the counts of its answer, invalid lines left out, "refused", "repeated", the "segments", "problems" and "absent" placeholders of the texts, and the first 20 "rows" with their texts; 403, 404; 413 if the file is too long; 422 if there is no telling which column holds the numbers.$$;

CREATE FUNCTION campaign_api.campaign_preview_json(
    campaign_id text,
    numbers json,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false,
    class text DEFAULT 'NORMAL',
    country text DEFAULT NULL,
    format text DEFAULT NULL,
    column_name text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_preview_json');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN campaign.api_upload(campaign_id, campaign.numbers_from_json(numbers), skip_invalid,
        allow_duplicates, class, country, format, column_name, NULL, true);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_preview_json(text, json, boolean, boolean, text, text, text, text) IS
$$Preview numbers given as JSON
campaign_id: the campaign.
numbers: as for POST /rpc/campaign_upload_json.
skip_invalid: leave invalid numbers out instead of refusing them all.
allow_duplicates: keep repeated numbers.
class: VIP or NORMAL.
country: country of the national numbers, such as BR.
format: list, csv, tsv, semicolon or ndjson; found by looking if left out.
column_name: the column of the numbers; found by its name or its values if left out.

Answers as POST /rpc/campaign_preview.$$;

CREATE FUNCTION campaign_api.campaign_clear(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_clear');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN @extschema@.campaign_clear(campaign_id, reason);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_clear(text, text) IS
$$Empty a draft
Takes all recipients from a draft and forgets its files. Over HTTP also DELETE /campaigns/:id/numbers.

campaign_id: the campaign.
reason: kept with the event.

200 with its status, and how many recipients it lost as "cleared"; 403, 404; 409 if it is not a draft.$$;
