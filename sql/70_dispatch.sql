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

-- In plpgsql, which keeps its plans: an SQL function with a pinned search_path is planned anew at
-- every call, and worker and consumer call these many times a second.
CREATE FUNCTION campaign.stored_through(stored int8multirange) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF stored @> 1::bigint THEN
        RETURN (SELECT upper(r) - 1 FROM unnest(stored) AS r LIMIT 1);
    END IF;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION campaign.stored_through(int8multirange) IS
'The last seq up to which nothing is missing; 0 if the first one is.';

CREATE FUNCTION campaign.stored_count(stored int8multirange) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(stored) AS r);
END
$$;
COMMENT ON FUNCTION campaign.stored_count(int8multirange) IS 'How many seqs a multirange holds.';

CREATE FUNCTION @extschema@.campaign_status(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb;
BEGIN
    SELECT jsonb_build_object(
        'id', c.id, 'name', c.name, 'status', c.status, 'ordered', c.ordered, 'total', c.total,
        'published', coalesce(p.published, 0), 'stored', coalesce(p.stored, 0),
        'failed', coalesce(p.failed, 0), 'rewinds', coalesce(p.rewinds, 0),
        'progress_percent', CASE WHEN c.total > 0 THEN round(100.0 * coalesce(p.stored, 0) / c.total, 1) ELSE 0 END,
        'classes', coalesce(p.classes, '{}'),
        'error', coalesce(c.error, p.error),
        'created_at', c.created_at, 'queued_at', c.queued_at, 'started_at', c.started_at,
        'published_at', c.published_at, 'sent_at', c.sent_at, 'updated_at', c.updated_at)
    INTO answer
    FROM campaign.campaigns c
    LEFT JOIN LATERAL (
        SELECT sum(r.published)::bigint AS published,
            sum(campaign.stored_count(r.stored - r.failed))::bigint AS stored,
            sum(campaign.stored_count(r.failed))::bigint AS failed,
            sum(r.rewinds) AS rewinds, min(r.error) AS error,
            jsonb_object_agg(r.class, jsonb_build_object('total', r.total, 'published', r.published,
                'stored', campaign.stored_count(r.stored - r.failed),
                'failed', campaign.stored_count(r.failed), 'started_at', r.started_at,
                'stored_at', r.stored_at)) AS classes
        FROM campaign.progress r WHERE r.campaign_id = c.id) AS p ON true
    WHERE c.id = campaign_status.campaign_id AND NOT c.deleted;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'campaign "%" does not exist', coalesce(left(campaign_id, 40), 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_status(text) IS
'Where a campaign stands: status, total, published (confirmed by the broker), stored (held by MongoDB), failed (another message is in their place), per class too, and the time of each step.';

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
