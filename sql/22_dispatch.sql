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

CREATE FUNCTION campaign.dispatch_check(target campaign.campaigns) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF target.status NOT IN ('draft', 'scheduled') THEN
        RAISE EXCEPTION 'campaign "%" is already dispatched: it is %', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF target.total = 0 THEN
        RAISE EXCEPTION 'campaign "%" has no recipients', target.id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Add a numbers file with campaign_upload() first.';
    END IF;
    IF target.valid_until <= clock_timestamp() THEN
        RAISE EXCEPTION 'campaign "%": its deadline has passed', target.id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Give it another one with campaign_deadline_set().';
    END IF;
    PERFORM campaign.run_ready_check(target.id);
END
$$;
COMMENT ON FUNCTION campaign.dispatch_check(campaign.campaigns) IS
'An error if the campaign cannot be dispatched.';

CREATE FUNCTION campaign.dispatch_draft(campaign_id text, again boolean) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns;
BEGIN
    PERFORM campaign.worker_require();
    target := campaign.campaign_lock(campaign_id);
    PERFORM campaign.dispatch_check(target);
    PERFORM campaign.texts_settle(target, again);
    PERFORM campaign.campaign_transition(target.id, 'queued');
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(target.id);
END
$$;
COMMENT ON FUNCTION campaign.dispatch_draft(text, boolean) IS
'As campaign_dispatch(); again: its text was dispatched before, to these recipients and others.';

CREATE FUNCTION @extschema@.campaign_dispatch(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN campaign.dispatch_draft(campaign_id, false);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_dispatch(text) IS
'Queues a draft or scheduled campaign in the caller''s transaction and returns its status. It is published once the transaction has committed, and never if it rolls back.';

CREATE FUNCTION @extschema@.campaign_send(
    name text,
    message text,
    numbers text,
    company_id text DEFAULT NULL,
    user_id text DEFAULT NULL,
    ordered boolean DEFAULT true,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false,
    country text DEFAULT NULL,
    format text DEFAULT NULL,
    column_name text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id text;
BEGIN
    new_id := @extschema@.campaign_create(name, message, company_id, user_id, ordered);
    PERFORM @extschema@.campaign_upload(new_id, numbers, skip_invalid, allow_duplicates, 'NORMAL'::text,
        country, format, column_name, NULL::text);
    PERFORM @extschema@.campaign_dispatch(new_id);
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_send(text, text, text, text, text, boolean, boolean, boolean, text, text, text) IS
'Creates a campaign, imports its numbers and dispatches it in one transaction; returns its id.';
