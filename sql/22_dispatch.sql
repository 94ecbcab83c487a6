-- Dispatch: from a draft to the worker. Everything happens in the caller's transaction.

CREATE FUNCTION campaign.worker_wake() RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_worker_wake';
COMMENT ON FUNCTION campaign.worker_wake() IS
'Wakes this database''s worker when the current transaction commits.';

CREATE FUNCTION campaign.worker_require() RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_worker_require';
COMMENT ON FUNCTION campaign.worker_require() IS
'An error with a hint if no worker is set up for this database.';

CREATE FUNCTION @extschema@.campaign_dispatch(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns;
BEGIN
    PERFORM campaign.worker_require();
    target := campaign.campaign_lock(campaign_id);
    IF target.status <> 'draft' THEN
        RAISE EXCEPTION 'campaign "%" is already dispatched: it is %', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF target.total = 0 THEN
        RAISE EXCEPTION 'campaign "%" has no recipients', target.id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Add a numbers file with campaign_upload() first.';
    END IF;
    PERFORM campaign.run_ready_check(target.id);
    PERFORM campaign.campaign_transition(target.id, 'queued');
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(target.id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_dispatch(text) IS
'Queues a draft campaign in the caller''s transaction and answers its status: published once that commits, never if it rolls back.';

CREATE FUNCTION @extschema@.campaign_send(
    name text,
    message text,
    numbers text,
    company_id text DEFAULT NULL,
    user_id text DEFAULT NULL,
    ordered boolean DEFAULT true,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id text;
BEGIN
    new_id := @extschema@.campaign_create(name, message, company_id, user_id, ordered);
    PERFORM @extschema@.campaign_upload(new_id, numbers, skip_invalid, allow_duplicates, 'NORMAL'::text);
    PERFORM @extschema@.campaign_dispatch(new_id);
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_send(text, text, text, text, text, boolean, boolean, boolean) IS
'Creates a campaign, imports its numbers and dispatches it in one transaction; returns its id.';

CREATE FUNCTION @extschema@.campaign_pause(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.campaign_lock(campaign_id);
    PERFORM campaign.campaign_transition(campaign_id, 'paused');
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(campaign_id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_pause(text) IS
'Stops publishing a campaign. What the broker holds already is still stored.';

CREATE FUNCTION @extschema@.campaign_resume(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source text := (campaign.campaign_lock(campaign_id)).status;
BEGIN
    IF source <> 'paused' THEN
        RAISE EXCEPTION 'campaign "%" is %: only a paused one can be resumed', campaign_id, source
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM campaign.worker_require();
    PERFORM campaign.campaign_transition(campaign_id, CASE WHEN EXISTS (
        SELECT FROM campaign.progress p
        WHERE p.campaign_id = campaign_resume.campaign_id AND p.published < p.total)
        THEN 'queued' ELSE 'published' END);
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(campaign_id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_resume(text) IS
'Goes on with a paused campaign from where it stopped.';

CREATE FUNCTION @extschema@.campaign_cancel(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.campaign_lock(campaign_id);
    PERFORM campaign.campaign_transition(campaign_id, 'cancelled');
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(campaign_id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_cancel(text) IS
'Ends a campaign for good. What the broker holds already is still stored.';
