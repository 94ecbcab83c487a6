-- What a client does with campaigns and companies beyond rows. Each function of campaign_api
-- checks whose the thing is, then calls the SQL function of the same name.

CREATE FUNCTION campaign_api.company_member_add(company_id text, email text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person campaign.users;
BEGIN
    PERFORM campaign.api_company_check(company_id);
    SELECT * INTO person FROM campaign.users u
    WHERE lower(u.email) = lower(btrim(company_member_add.email)) AND NOT u.deleted;
    IF NOT FOUND THEN
        PERFORM campaign.api_raise('PT404', 'nobody with this e-mail address has signed up', NULL,
            'They sign up with POST /rpc/signup first.');
    END IF;
    INSERT INTO campaign.company_members AS m (company_id, user_id)
    VALUES (company_member_add.company_id, person.id)
    ON CONFLICT ON CONSTRAINT company_members_pkey DO UPDATE
    SET deleted = false, updated_at = clock_timestamp() WHERE m.deleted;
    RETURN jsonb_build_object('company_id', company_id, 'user_id', person.id, 'email', person.email,
        'added', FOUND);
END
$$;
COMMENT ON FUNCTION campaign_api.company_member_add(text, text) IS
$$Add a member to a company
The new member sees and does what you can in this company.

company_id: a company of yours.
email: address of a user.

200 with {"company_id", "user_id", "email", "added"}, added being false for somebody who is a member already; 403 if the company is not yours; 404 if there is no such company or user.$$;

CREATE FUNCTION campaign_api.company_member_remove(company_id text, user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_company_check(company_id);
    UPDATE campaign.company_members m SET deleted = true, updated_at = clock_timestamp()
    WHERE m.company_id = company_member_remove.company_id
      AND m.user_id = company_member_remove.user_id AND NOT m.deleted;
    IF NOT FOUND THEN
        PERFORM campaign.api_raise('PT404', 'this user is no member of the company');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign_api.company_member_remove(text, text) IS
$$Remove a member from a company
From the next request on they see nothing of it. You may remove yourself.

company_id: a company of yours.
user_id: a member of it.

204; 403 if the company is not yours; 404 if there is no such company or member.$$;

-- Uploads ------------------------------------------------------------------------------------

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
    campaign_id text, numbers bytea, skip_invalid boolean, allow_duplicates boolean, class text
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
    RETURN @extschema@.campaign_upload(campaign_id, numbers, skip_invalid, allow_duplicates, class);
END
$$;
COMMENT ON FUNCTION campaign.api_upload(text, bytea, boolean, boolean, text) IS
'campaign_upload() for a campaign of the user of the request, up to campaign.upload_max_bytes.';

CREATE FUNCTION campaign.api_upload_raw(numbers bytea) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
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
        upper(coalesce(campaign.request_header('X-Class'), 'NORMAL')));
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM campaign.api_raise_mapped(code, message, detail,
        replace(hint, 'pass skip_invalid => true', 'send "X-Skip-Invalid: true"'));
END
$$;
COMMENT ON FUNCTION campaign.api_upload_raw(bytea) IS
'An upload whose campaign and options are in the headers of the request.';

CREATE FUNCTION campaign_api.campaign_upload(bytea) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_upload_raw($1) $$;
COMMENT ON FUNCTION campaign_api.campaign_upload(bytea) IS
$$Send a numbers file
The body is the file, one phone number a line, with Content-Type: application/octet-stream or text/plain. Request headers:

X-Campaign-Id: the campaign.
X-Skip-Invalid: true to leave invalid lines out instead of refusing the file.
X-Allow-Duplicates: true to keep repeated numbers.
X-Class: VIP or NORMAL (default).

200 with {"accepted", "duplicates", "invalid", "errors"}, and "repeated": true if the same file was sent before and nothing changed; 404, 403 for campaigns that are not there or not yours; 409 if the campaign is no draft any more; 413 if the file is too long; 422 if lines are invalid.$$;

-- PostgREST hands text over as a C string: what follows a NUL byte would be lost without a word.
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
'The body of a text/plain request, if all of it has arrived; an error otherwise.';

CREATE FUNCTION campaign_api.campaign_upload(text) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_upload_raw(campaign.request_text($1)) $$;
COMMENT ON FUNCTION campaign_api.campaign_upload(text) IS
$$Send a numbers file as text
As with application/octet-stream, for Content-Type: text/plain. Needs the header Content-Length: 411 without.$$;

CREATE FUNCTION campaign.numbers_from_json(numbers json) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lines text;
    unfit bigint;
BEGIN
    CASE json_typeof(numbers)
        WHEN 'string' THEN
            lines := numbers #>> '{}';
        WHEN 'array' THEN
            SELECT string_agg(value #>> '{}', E'\n' ORDER BY place),
                min(place) FILTER (WHERE json_typeof(value) NOT IN ('string', 'number')
                                      OR strpos(value #>> '{}', E'\n') > 0
                                      OR strpos(value #>> '{}', E'\r') > 0)
            INTO lines, unfit
            FROM json_array_elements(numbers) WITH ORDINALITY AS elements (value, place);
            IF unfit IS NOT NULL THEN
                PERFORM campaign.api_raise('PT422', format('element %s of numbers is no phone number', unfit));
            END IF;
        ELSE
            PERFORM campaign.api_raise('PT422', 'numbers must be an array of phone numbers, or text with one a line');
    END CASE;
    RETURN convert_to(coalesce(lines, ''), 'UTF8');
END
$$;
COMMENT ON FUNCTION campaign.numbers_from_json(json) IS
'Phone numbers given as a JSON array, or as one string, in the form of a numbers file: element n is line n.';

CREATE FUNCTION campaign_api.campaign_upload_json(
    campaign_id text,
    numbers json,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false,
    class text DEFAULT 'NORMAL'
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    code text; message text; detail text; hint text;
BEGIN
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN campaign.api_upload(campaign_id, campaign.numbers_from_json(numbers), skip_invalid,
        allow_duplicates, class);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM campaign.api_raise_mapped(code, message, detail,
        replace(hint, 'pass skip_invalid => true', 'send "skip_invalid": true'));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_upload_json(text, json, boolean, boolean, text) IS
$$Send numbers as JSON
campaign_id: the campaign.
numbers: array of phone numbers, or a string with one a line.
skip_invalid: leave invalid numbers out instead of refusing them all.
allow_duplicates: keep repeated numbers.
class: VIP or NORMAL.

Answers as POST /rpc/campaign_upload.$$;

-- Verbs --------------------------------------------------------------------------------------

CREATE FUNCTION campaign.api_worker_require() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.worker_require();
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    PERFORM campaign.api_raise('PT503', 'no campaign worker is running: nothing would be published');
END
$$;
COMMENT ON FUNCTION campaign.api_worker_require() IS '503 if no worker is set up for this database.';

CREATE FUNCTION campaign.api_verb(verb text, campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb;
    code text; message text; detail text; hint text;
BEGIN
    PERFORM campaign.api_campaign_check(campaign_id);
    IF verb IN ('dispatch', 'resume') THEN
        PERFORM campaign.api_worker_require();
        PERFORM campaign.api_respond(202);
    END IF;
    CASE verb
        WHEN 'dispatch' THEN answer := @extschema@.campaign_dispatch(campaign_id);
        WHEN 'pause' THEN answer := @extschema@.campaign_pause(campaign_id);
        WHEN 'resume' THEN answer := @extschema@.campaign_resume(campaign_id);
        WHEN 'cancel' THEN answer := @extschema@.campaign_cancel(campaign_id);
    END CASE;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM campaign.api_raise_mapped(code, message, detail, hint);
END
$$;
COMMENT ON FUNCTION campaign.api_verb(text, text) IS
'dispatch, pause, resume or cancel of a campaign of the user of the request.';

CREATE FUNCTION campaign_api.campaign_dispatch(campaign_id text) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_verb('dispatch', campaign_id) $$;
COMMENT ON FUNCTION campaign_api.campaign_dispatch(text) IS
$$Dispatch a campaign
Queues a draft for sending; the worker does the rest in the background.

campaign_id: the campaign.

202 with its status; 403, 404; 409 if it has no recipients or was dispatched before; 503 if no worker is set up.$$;

CREATE FUNCTION campaign_api.campaign_pause(campaign_id text) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_verb('pause', campaign_id) $$;
COMMENT ON FUNCTION campaign_api.campaign_pause(text) IS
$$Pause a campaign
Stops publishing; what the broker holds already is still stored.

campaign_id: the campaign.

200 with its status; 403, 404; 409 if it is not being published.$$;

CREATE FUNCTION campaign_api.campaign_resume(campaign_id text) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_verb('resume', campaign_id) $$;
COMMENT ON FUNCTION campaign_api.campaign_resume(text) IS
$$Resume a campaign
Goes on with a paused campaign from where it stopped.

campaign_id: the campaign.

202 with its status; 403, 404; 409 if it is not paused; 503 if no worker is set up.$$;

CREATE FUNCTION campaign_api.campaign_cancel(campaign_id text) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_verb('cancel', campaign_id) $$;
COMMENT ON FUNCTION campaign_api.campaign_cancel(text) IS
$$Cancel a campaign
Ends it for good; what the broker holds already is still stored.

campaign_id: the campaign.

200 with its status; 403, 404; 409 if it is over already.$$;

CREATE FUNCTION campaign_api.campaign_status(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN @extschema@.campaign_status(campaign_id);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_status(text) IS
$$Status of a campaign
How many of its messages are published and stored, and when each step was. GET or POST.

campaign_id: the campaign.

200; 403, 404.$$;

CREATE FUNCTION campaign_api.campaign_verify(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN @extschema@.campaign_verify(campaign_id);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_verify(text) IS
$$Verify a campaign
Whether exactly its recipients were reported as stored. GET or POST.

campaign_id: the campaign.

200 with {"ok", "expected", "stored", "digest", "checked_at"}; 403, 404.$$;

CREATE FUNCTION campaign_api.campaign_send(
    name text,
    message text,
    numbers json,
    company_id text DEFAULT NULL,
    ordered boolean DEFAULT true,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id text := campaign.api_company_choose(company_id);
    new_id text;
    upload jsonb;
    code text; message_text text; detail text; hint text;
BEGIN
    PERFORM campaign.api_worker_require();
    new_id := @extschema@.campaign_create(name, message, owner_id, campaign.api_user(), ordered);
    upload := campaign.api_upload(new_id, campaign.numbers_from_json(numbers), skip_invalid,
        allow_duplicates, 'NORMAL');
    PERFORM campaign.api_respond(202, 'Location', '/campaigns?id=eq.' || new_id);
    RETURN @extschema@.campaign_dispatch(new_id) || jsonb_build_object('upload', upload);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message_text = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM campaign.api_raise_mapped(code, message_text, detail,
        replace(hint, 'pass skip_invalid => true', 'send "skip_invalid": true'));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_send(text, text, json, text, boolean, boolean, boolean) IS
$$Create, fill and dispatch a campaign in one request
All of it happens, or nothing.

name: name of the campaign.
message: text that every recipient gets.
numbers: array of phone numbers, or a string with one a line.
company_id: a company of yours; may be left out by a member of exactly one.
ordered: stored strictly in the order of the numbers.
skip_invalid: leave invalid numbers out instead of refusing them all.
allow_duplicates: keep repeated numbers.

202 with the campaign's status, its Location, and the result of the upload; errors as the three requests have them.$$;
