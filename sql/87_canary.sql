-- Canaries: so many recipients first, and the others only if few of these have failed. The worker publishes no
-- further than canary_last() while the canary is not judged.

CREATE FUNCTION @extschema@.campaign_canary(
    campaign_id text, canary bigint, failed_max numeric DEFAULT 0.05, reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
BEGIN
    IF canary < 1 THEN
        RAISE EXCEPTION 'canary must be 1 or more, or NULL' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF (failed_max BETWEEN 0 AND 1) IS NOT TRUE THEN
        RAISE EXCEPTION 'failed_max must be from 0 to 1' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF target.status NOT IN ('draft', 'scheduled') THEN
        RAISE EXCEPTION 'campaign "%" is %: a canary is set before it is dispatched', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE campaign.campaigns c
    SET canary = campaign_canary.canary, updated_at = clock_timestamp(),
        canary_failed_max = CASE WHEN campaign_canary.canary IS NOT NULL THEN trim_scale(round(failed_max, 6)) END
    WHERE c.id = target.id;
    PERFORM campaign.event_add(target.id, target.status, target.status, reason,
        CASE WHEN canary IS NULL THEN 'no canary'
             ELSE format('canary: %s first, at most %s %% may fail', canary, trim_scale(round(100 * failed_max, 4))) END);
    RETURN @extschema@.campaign_status(target.id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_canary(text, bigint, numeric, text) IS
'When this draft or scheduled campaign is dispatched, so many of its recipients go first, VIP before NORMAL. When all of them have a final state, the others follow if at most failed_max of them (0.05 is 5 %) have failed or are unknown; else the campaign is paused. NULL: no canary. Returns its status.';

CREATE FUNCTION campaign.canary_last(target campaign.campaigns, class campaign.progress) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN least(class.total, greatest(0, target.canary - (
        SELECT coalesce(sum(p.total), 0) FROM campaign.progress p
        WHERE p.campaign_id = target.id AND p.class < class.class)));
END
$$;
COMMENT ON FUNCTION campaign.canary_last(campaign.campaigns, campaign.progress) IS
'The last seq of a class that belongs to the canary of its campaign; 0 if none does.';

CREATE FUNCTION campaign.canary_is_over(target campaign.campaigns) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM campaign.progress p
        WHERE p.campaign_id = target.id AND NOT p.stored @> int8range(1, campaign.canary_last(target, p) + 1));
END
$$;
COMMENT ON FUNCTION campaign.canary_is_over(campaign.campaigns) IS
'Whether every recipient of the canary has a final state.';

CREATE FUNCTION campaign.canary_result(
    target campaign.campaigns, OUT recipients bigint, OUT failed bigint
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Nothing behind the canary is published before it is judged: all that has failed is of it.
    SELECT sum(campaign.canary_last(target, p)) - sum(campaign.stored_count(p.suppressed)),
        sum(campaign.stored_count(p.failed) + p.undelivered + p.unknown)
    INTO recipients, failed
    FROM campaign.progress p WHERE p.campaign_id = target.id;
END
$$;
COMMENT ON FUNCTION campaign.canary_result(campaign.campaigns) IS
'Of a canary that is over: how many of it were not left out by a suppression list, and how many of these have failed or are unknown.';

CREATE FUNCTION campaign.outbox_canary(campaign_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns;
    result record;
    sentence text;
BEGIN
    -- A client may hold the campaign for hours: the worker does not wait for it.
    SELECT * INTO target FROM campaign.campaigns c WHERE c.id = outbox_canary.campaign_id
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF target.canary IS NULL OR target.canary_ended_at IS NOT NULL OR target.status NOT IN ('queued', 'publishing')
        OR NOT campaign.canary_is_over(target) THEN
        RETURN true;
    END IF;
    result := campaign.canary_result(target);
    sentence := format('canary: %s %% of %s failed',
        trim_scale(round(100.0 * result.failed / greatest(result.recipients, 1), 1)), result.recipients);
    UPDATE campaign.campaigns c SET canary_ended_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE c.id = target.id;
    IF result.failed > target.canary_failed_max * result.recipients THEN
        PERFORM campaign.campaign_transition(target.id, 'paused', sentence);
    ELSE
        PERFORM campaign.event_add(target.id, target.status, target.status, sentence || ', the others follow');
        PERFORM campaign.campaign_changed(target.id);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION campaign.outbox_canary(text) IS
'Judges a canary that is over: the campaign goes on, or is paused. False if somebody holds its lock: call again.';

CREATE FUNCTION campaign.canary_sentence(target campaign.campaigns, vip campaign.progress, normal campaign.progress) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF target.canary IS NULL OR target.canary_ended_at IS NOT NULL OR target.status NOT IN ('queued', 'publishing') THEN
        RETURN NULL;
    END IF;
    RETURN format('canary: %s of %s have arrived, the others wait',
        campaign.both_count(vip.stored, normal.stored), least(target.canary, target.total));
END
$$;
COMMENT ON FUNCTION campaign.canary_sentence(campaign.campaigns, campaign.progress, campaign.progress) IS
'How far the canary of a campaign is; NULL if it has none, or is behind it.';

CREATE FUNCTION campaign_api.campaign_canary(
    campaign_id text, canary bigint, failed_max numeric DEFAULT 0.05, reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_canary');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN @extschema@.campaign_canary(campaign_id, canary, failed_max, reason);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_canary(text, bigint, numeric, text) IS
$$Set a canary
So many recipients of a draft go first when it is dispatched. The others follow if few of these fail; else it is paused.

campaign_id: the campaign.
canary: how many; null: none.
failed_max: the largest share that may fail, 0 to 1.
reason: kept with the event.

200 with its status; 403, 404; 409 if it was dispatched before; 422 for other numbers.$$;
