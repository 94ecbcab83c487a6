-- What a client does with campaigns and companies besides reading and writing rows. Each function of
-- campaign_api checks that they are the client's own; the verbs of a campaign then call the SQL
-- function of the same name.

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

CREATE FUNCTION campaign.api_campaign_lock(campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_company_lock((SELECT c.company_id FROM campaign.campaigns c WHERE c.id = api_campaign_lock.campaign_id));
END
$$;
COMMENT ON FUNCTION campaign.api_campaign_lock(text) IS
'Keeps the company of a campaign from being deleted until the end of the transaction.';

CREATE FUNCTION campaign.api_verb(verb text, campaign_id text, reason text DEFAULT NULL, at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb := CASE WHEN verb = 'reset' THEN campaign.repeat_answer('campaign_reset') END;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_' || verb);
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM campaign.api_campaign_check(campaign_id);
    IF verb IN ('dispatch', 'schedule', 'resume', 'reset') THEN
        PERFORM campaign.api_campaign_lock(campaign_id);
    END IF;
    IF verb IN ('dispatch', 'resume') OR verb = 'schedule' AND at IS NOT NULL THEN
        PERFORM campaign.api_worker_require();
        PERFORM campaign.api_respond(202);
    END IF;
    CASE verb
        WHEN 'dispatch' THEN answer := @extschema@.campaign_dispatch(campaign_id);
        WHEN 'schedule' THEN answer := @extschema@.campaign_schedule(campaign_id, at, reason);
        WHEN 'pause' THEN answer := @extschema@.campaign_pause(campaign_id, reason);
        WHEN 'resume' THEN answer := @extschema@.campaign_resume(campaign_id, reason);
        WHEN 'reset' THEN answer := campaign.repeat_keep(@extschema@.campaign_reset(campaign_id, reason));
    END CASE;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION campaign.api_verb(text, text, text, timestamptz) IS
'dispatch, schedule, pause, resume or reset of a campaign of the user of the request.';

CREATE FUNCTION campaign_api.campaign_dispatch(campaign_id text) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_verb('dispatch', campaign_id, NULL::text, NULL::timestamptz) $$;
COMMENT ON FUNCTION campaign_api.campaign_dispatch(text) IS
$$Dispatch a campaign
Queues a draft, or one that is scheduled, for sending; the worker does the rest in the background.

campaign_id: the campaign.

202 with its status; 403, 404; 409 if it has no recipients or was dispatched before; 503 if no worker is set up.$$;

CREATE FUNCTION campaign_api.campaign_schedule(campaign_id text, at timestamptz, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_verb('schedule', campaign_id, reason, at) $$;
COMMENT ON FUNCTION campaign_api.campaign_schedule(text, timestamptz, text) IS
$$Schedule a campaign
Dispatches a draft at a time, at once if that has passed. Another request changes the time.

campaign_id: the campaign.
at: the time, with its zone, such as 2031-05-01T09:00:00-03:00; null makes the campaign a draft again.
reason: kept with the event.

202 with its status (200 for null); 403, 404; 409 if it has no recipients or was dispatched before; 503 if no worker is set up.$$;

CREATE FUNCTION campaign_api.campaign_pause(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_verb('pause', campaign_id, reason, NULL::timestamptz) $$;
COMMENT ON FUNCTION campaign_api.campaign_pause(text, text) IS
$$Pause a campaign
Within a second nothing more of it is published or stored, whatever the broker holds.

campaign_id: the campaign.
reason: kept with the event.

200 with its status; 403, 404; 409 if it is not running.$$;

CREATE FUNCTION campaign_api.campaign_resume(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_verb('resume', campaign_id, reason, NULL::timestamptz) $$;
COMMENT ON FUNCTION campaign_api.campaign_resume(text, text) IS
$$Resume a campaign
Goes on with a paused campaign from the end of what is stored.

campaign_id: the campaign.
reason: kept with the event.

202 with its status; 403, 404; 409 if it is not paused; 503 if no worker is set up.$$;

CREATE FUNCTION campaign_api.campaign_cancel(campaign_id text, reason text DEFAULT NULL, reset_logs boolean DEFAULT false)
RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_cancel');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN campaign.api_run_cancel(campaign_id, reason, reset_logs);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_cancel(text, text, boolean) IS
$$Cancel a campaign
Ends it for good, with the job that generates its records; what is stored stays, and "cancelled" says how many will never be sent.

campaign_id: the campaign.
reason: kept with the event.
reset_logs: the log begins anew; the events stay.

200 with its status; 403, 404; 409 if it is over already.$$;

CREATE FUNCTION campaign_api.campaign_reset(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_verb('reset', campaign_id, reason, NULL::timestamptz) $$;
COMMENT ON FUNCTION campaign_api.campaign_reset(text, text) IS
$$Reset a campaign
A draft loses its recipients. A campaign that is over stays as history, and an empty draft with the same name, message and owner takes its place.

campaign_id: the campaign.
reason: kept with the event.

200 with the status of the draft and, as "archived", the id of the one that stays; 403, 404; 409 while it runs.$$;

CREATE FUNCTION campaign_api.campaign_events(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_events');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(e) ORDER BY e.number), '[]')
            FROM @extschema@.campaign_events(campaign_id) AS e);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_events(text) IS
$$Events of a campaign
Every move from one status to another, oldest first: when, by whom and why. GET or POST.

campaign_id: the campaign.

200 with an array of {"number", "created_at", "source", "target", "user_id", "application_id", "role", "reason"}; 403, 404.$$;

CREATE FUNCTION campaign_api.campaign_status(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_status');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN @extschema@.campaign_status(campaign_id);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_status(text) IS
$$Status of a campaign
How many of its messages are published and stored, and when each step was. GET or POST.

campaign_id: the campaign.

200; 403, 404.$$;

CREATE FUNCTION campaign_api.campaign_verify(campaign_id text, fresh boolean DEFAULT true) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_verify');
    PERFORM campaign.api_campaign_check(campaign_id);
    -- A proof reads the whole campaign: who only wants to know how old the newest one is asks for none.
    IF NOT fresh THEN
        RETURN campaign.proof_answer(campaign_id, NULL::bigint, NULL);
    END IF;
    RETURN @extschema@.campaign_verify(campaign_id, '2 seconds'::interval);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_verify(text, boolean) IS
$$Verify a campaign
Whether MongoDB holds exactly its messages. Asks for a fresh proof, waits two seconds for it at most, and answers the newest one. GET or POST.

campaign_id: the campaign.
fresh: false: answers the newest proof without asking for another one.

200 with {"ok", "expected", "stored", "digest", "difference", "checked_at", "age_seconds", "fresh", "reason"}; 403, 404.$$;

CREATE FUNCTION campaign_api.campaign_receipt(campaign_id text, phone_number text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_receipt');
    PERFORM campaign.api_campaign_check(campaign_id);
    IF phone_number IS NULL THEN
        PERFORM campaign.api_raise('PT422', 'phone_number is missing');
    END IF;
    -- In a query string a plus is a blank.
    RETURN @extschema@.campaign_receipt(campaign_id, ltrim(phone_number, ' +'));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_receipt(text, text) IS
$$Receipt of a message
Proves to anybody, offline, that the message to a number is part of what was verified last. docs/contract/check_receipt.py checks it. GET or POST.

campaign_id: the campaign.
phone_number: the recipient, with or without the plus.

200 with {"digest", "size", "place", "seq" or "vip" (its class), "id", "number", "path"} and, if there is room, "text" and "attributes"; 403; 404 for an unknown campaign or number; 409 if it was not verified yet.$$;

CREATE FUNCTION campaign.api_send(
    name text, message text, numbers bytea, company_id text, ordered boolean, skip_invalid boolean,
    allow_duplicates boolean, country text, format text, column_name text
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id text := campaign.api_company_choose(company_id);
    new_id text;
    upload jsonb;
BEGIN
    PERFORM campaign.api_worker_require();
    new_id := @extschema@.campaign_create(name, message, owner_id, campaign.api_user(), ordered);
    upload := campaign.api_upload(new_id, numbers, skip_invalid, allow_duplicates, 'NORMAL', country, format,
        column_name, NULL, false);
    PERFORM campaign.api_respond(202, 'Location', '/campaigns?id=eq.' || new_id);
    RETURN campaign.repeat_keep(@extschema@.campaign_dispatch(new_id) || jsonb_build_object('upload', upload));
END
$$;
COMMENT ON FUNCTION campaign.api_send(text, text, bytea, text, boolean, boolean, boolean, text, text, text) IS
'Creates, fills and dispatches a campaign of the user of the request.';

CREATE FUNCTION campaign_api.campaign_send(
    name text,
    message text,
    numbers json,
    company_id text DEFAULT NULL,
    ordered boolean DEFAULT true,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false,
    country text DEFAULT NULL,
    format text DEFAULT NULL,
    column_name text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_answer jsonb := campaign.repeat_answer('campaign_send');
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_send');
    IF first_answer IS NOT NULL THEN
        RETURN first_answer;
    END IF;
    RETURN campaign.api_send(name, message, campaign.numbers_from_json(numbers), company_id, ordered, skip_invalid,
        allow_duplicates, country, format, column_name);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_send(text, text, json, text, boolean, boolean, boolean, text, text, text) IS
$$Create, fill and dispatch a campaign in one request
All of it happens, or nothing.

name: name of the campaign.
message: text that every recipient gets.
numbers: array of phone numbers or of objects with one each, or a string that is a numbers file.
company_id: a company of yours; may be left out by a member of exactly one.
ordered: stored strictly in the order of the numbers.
skip_invalid: leave invalid numbers out instead of refusing them all.
allow_duplicates: keep repeated numbers.
country: country of the national numbers, such as BR.
format: list, csv, tsv, semicolon or ndjson; found by looking if left out.
column_name: the column of the numbers; found by its name or its values if left out.

202 with the campaign's status, its Location, and the result of the upload; errors as in the three requests.$$;
