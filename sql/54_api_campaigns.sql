-- What a client does with campaigns and companies beyond rows. Each function of campaign_api
-- checks whose the thing is, then calls the SQL function of the same name.

CREATE FUNCTION campaign_api.company_member_add(company_id text, email text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person campaign.users;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.company_member_add');
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
    PERFORM campaign.api_arguments_check('campaign_api.company_member_remove');
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
    PERFORM campaign.api_arguments_check(('campaign_api.campaign_' || verb)::regproc);
    PERFORM campaign.api_campaign_check(campaign_id);
    IF verb IN ('dispatch', 'resume') THEN
        PERFORM campaign.api_company_lock(
            (SELECT c.company_id FROM campaign.campaigns c WHERE c.id = api_verb.campaign_id));
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

CREATE FUNCTION campaign_api.campaign_verify(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_verify');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN @extschema@.campaign_verify(campaign_id, '2 seconds'::interval);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_verify(text) IS
$$Verify a campaign
Whether MongoDB holds exactly its messages. Asks for a fresh proof, waits two seconds for it at most, and answers the newest one. GET or POST.

campaign_id: the campaign.

200 with {"ok", "expected", "stored", "digest", "difference", "checked_at", "age_seconds", "fresh", "reason"}; 403, 404.$$;

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
    owner_id text;
    new_id text;
    upload jsonb;
    code text; message_text text; detail text; hint text;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_send');
    owner_id := campaign.api_company_choose(company_id);
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
