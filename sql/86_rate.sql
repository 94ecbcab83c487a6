-- The pace of a campaign: how many of its recipients a second. The worker keeps to it (src/publish/bucket.c).

CREATE FUNCTION @extschema@.campaign_limit(campaign_id text, per_second integer, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
BEGIN
    IF per_second NOT BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION 'per_second must be from 1 to 1000000, or NULL' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF target.status IN ('sent', 'failed', 'cancelled') THEN
        RAISE EXCEPTION 'campaign "%" is %: its pace cannot be changed any more', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE campaign.campaigns c SET per_second = campaign_limit.per_second, updated_at = clock_timestamp() WHERE c.id = target.id;
    PERFORM campaign.event_add(target.id, target.status, target.status,
        concat_ws(': ', coalesce('at most ' || per_second || ' a second', 'as fast as it goes'), left(reason, 400)));
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(target.id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_limit(text, integer, text) IS
'From now on, at most so many recipients of the campaign a second are published; NULL: as fast as it goes. Also while it runs. Returns its status.';
