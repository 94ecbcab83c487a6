-- Campaigns in parts over HTTP. Whose the whole is, theirs are the parts.

CREATE FUNCTION campaign.api_parts_verb(verb text, campaign_id text, reason text, per_second numeric) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_parts_' || verb);
    PERFORM campaign.api_campaign_check(campaign_id);
    IF verb = 'resume' THEN
        PERFORM campaign.api_campaign_lock(campaign_id);
        PERFORM campaign.api_worker_require();
        PERFORM campaign.api_respond(202);
    END IF;
    CASE verb
        WHEN 'pause' THEN answer := @extschema@.campaign_parts_pause(campaign_id, reason);
        WHEN 'resume' THEN answer := @extschema@.campaign_parts_resume(campaign_id, reason);
        WHEN 'cancel' THEN answer := @extschema@.campaign_parts_cancel(campaign_id, reason);
        WHEN 'limit' THEN answer := @extschema@.campaign_parts_limit(campaign_id, per_second, reason);
    END CASE;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION campaign.api_parts_verb(text, text, text, numeric) IS
'pause, resume, cancel or limit of all parts of a campaign of the user of the request.';

CREATE FUNCTION campaign_api.campaign_dispatch_zones(
    campaign_id text, hours text, time_zone text DEFAULT NULL, reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_answer jsonb := campaign.repeat_answer('campaign_dispatch_zones');
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_dispatch_zones');
    IF first_answer IS NOT NULL THEN
        RETURN first_answer;
    END IF;
    PERFORM campaign.api_campaign_check(campaign_id);
    PERFORM campaign.api_campaign_lock(campaign_id);
    PERFORM campaign.api_worker_require();
    PERFORM campaign.api_respond(202);
    RETURN campaign.repeat_keep(@extschema@.campaign_dispatch_zones(campaign_id, hours, time_zone, reason));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_dispatch_zones(text, text, text, text) IS
$$Dispatch in each recipient's own time zone
Makes of an unordered draft a campaign for each time zone of its recipients, with these hours in it, and dispatches them.

campaign_id: the campaign; afterwards the name of all parts together.
hours: days and hours, such as Mon-Fri 09:00-18:00.
time_zone: for numbers of which none is known.
reason: kept with the event.

202 with the status of all parts together; 403, 404; 409 if it is no unordered draft with recipients, or a part could never be sent; 422 for hours or a time zone that are not understood; 503 if no worker is set up.$$;

CREATE FUNCTION campaign_api.campaign_parts(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_parts');
    PERFORM campaign.api_campaign_check(campaign_id);
    IF NOT EXISTS (SELECT FROM campaign.parts p WHERE campaign_parts.campaign_id IN (p.campaign_id, p.whole_id)) THEN
        RETURN jsonb_build_object('id', campaign_id, 'parts', 0, 'list', '[]'::jsonb);
    END IF;
    RETURN @extschema@.campaign_parts_status(campaign_id) || jsonb_build_object('list',
        (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.time_zones, p.id), '[]') FROM @extschema@.campaign_parts(campaign_id) AS p));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_parts(text) IS
$$The parts of a campaign
Of one that was sent in each recipient's own time zone: the sums, and each part. GET or POST.

campaign_id: what was dispatched so, or any of its parts.

200 with {"id", "name", "status", "parts", "statuses", "total", "pending", "sending", "sent", "failed", "suppressed", "expired", "unknown", "cancelled", "progress_percent", "opens_at", "list"}; parts is 0 if it has none; 403, 404.$$;

CREATE FUNCTION campaign_api.campaign_parts_pause(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_parts_verb('pause', campaign_id, reason, NULL::numeric) $$;
COMMENT ON FUNCTION campaign_api.campaign_parts_pause(text, text) IS
$$Pause all parts
Stops every part of a campaign that runs.

campaign_id: what has parts, or any of them.
reason: kept with the events.

200 with the status of all parts together; 403, 404; 409 if none runs.$$;

CREATE FUNCTION campaign_api.campaign_parts_resume(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_parts_verb('resume', campaign_id, reason, NULL::numeric) $$;
COMMENT ON FUNCTION campaign_api.campaign_parts_resume(text, text) IS
$$Resume all parts
Continues every part of a campaign that is paused.

campaign_id: what has parts, or any of them.
reason: kept with the events.

202 with the status of all parts together; 403, 404; 409 if none is paused; 503 if no worker is set up.$$;

CREATE FUNCTION campaign_api.campaign_parts_cancel(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_parts_verb('cancel', campaign_id, reason, NULL::numeric) $$;
COMMENT ON FUNCTION campaign_api.campaign_parts_cancel(text, text) IS
$$Cancel all parts
Ends every part of a campaign that is not over, for good.

campaign_id: what has parts, or any of them.
reason: kept with the events.

200 with the status of all parts together; 403, 404; 409 if all are over.$$;

CREATE FUNCTION campaign_api.campaign_parts_limit(campaign_id text, per_second numeric, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.api_parts_verb('limit', campaign_id, reason, per_second) $$;
COMMENT ON FUNCTION campaign_api.campaign_parts_limit(text, numeric, text) IS
$$Limit all parts together
At most so many recipients of all parts of a campaign a second, divided among those that are not over.

campaign_id: what has parts, or any of them.
per_second: 0.01 for each part to 1000000; null: as fast as it goes.
reason: kept with the events.

200 with the status of all parts together; 403, 404; 409 if all are over; 422 for another number.$$;
