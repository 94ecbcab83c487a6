-- The limit of a campaign: how many of its recipients a second. The worker keeps to it (src/publish/limit.c);
-- here is who sets it, and what is said of it.

CREATE FUNCTION @extschema@.campaign_limit(campaign_id text, per_second numeric, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
    rate numeric := trim_scale(round(per_second, 3));
BEGIN
    -- NaN is larger than every number.
    IF rate NOT BETWEEN 0.01 AND 1000000 THEN
        RAISE EXCEPTION 'per_second must be from 0.01 to 1000000, or NULL' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- What is replayed of one that is over keeps to its limit, too.
    IF target.status IN ('sent', 'failed', 'cancelled') AND campaign.dead_count(target.id) = 0 THEN
        RAISE EXCEPTION 'campaign "%" is %: its limit cannot be changed any more', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE campaign.campaigns c SET per_second = rate, updated_at = clock_timestamp() WHERE c.id = target.id;
    PERFORM campaign.event_add(target.id, target.status, target.status, reason,
        coalesce('at most ' || rate || ' a second', 'as fast as it goes'));
    PERFORM campaign.campaign_changed(target.id);
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(target.id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_limit(text, numeric, text) IS
'From now on, at most so many recipients of the campaign a second are published, 0.01 to 1000000; NULL: as fast as it goes. Also while it runs, and of one that is over as long as it has dead letters. Returns its status.';

CREATE FUNCTION campaign.rate_patience(target campaign.campaigns, waiting bigint) RETURNS interval
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Nothing of it is on its way: all campaigns together have had what they may have.
    IF waiting = 0 AND EXISTS (SELECT FROM campaign.troubles t WHERE t.place = 'worker' AND t.subject = 'rate') THEN
        RETURN interval '1 day';
    END IF;
    RETURN interval '5 seconds' + coalesce(2 / target.per_second, 0) * interval '1 second';
END
$$;
COMMENT ON FUNCTION campaign.rate_patience(campaign.campaigns, bigint) IS
'So long a campaign may stand still before it is said to be stuck. waiting: how many of it are published and not stored.';

CREATE FUNCTION campaign.rate_sentence(
    target campaign.campaigns, vip campaign.progress, normal campaign.progress
) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    current_class campaign.progress := CASE WHEN campaign.class_is_stored(vip) THEN normal ELSE vip END;
    rate double precision := campaign.samples_rate(current_class.samples);
BEGIN
    IF target.status NOT IN ('queued', 'publishing') OR current_class.published >= current_class.total THEN
        RETURN NULL;
    END IF;
    -- Where the store or a sender is slower than that, it is not the limit that holds it up.
    IF campaign.pace_limited(rate, target.per_second) = target.per_second THEN
        RETURN format('limited to %s messages a second', target.per_second);
    END IF;
    RETURN (SELECT t.sentence FROM campaign.troubles t WHERE t.place = 'worker' AND t.subject = 'rate');
END
$$;
COMMENT ON FUNCTION campaign.rate_sentence(campaign.campaigns, campaign.progress, campaign.progress) IS
'"limited to N messages a second", if that is what a campaign waits for; else NULL.';

CREATE FUNCTION campaign_api.campaign_limit(campaign_id text, per_second numeric, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_limit');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN @extschema@.campaign_limit(campaign_id, per_second, reason);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_limit(text, numeric, text) IS
$$Limit a campaign
At most so many of its recipients a second, from now on, also while it runs.

campaign_id: the campaign.
per_second: 0.01 to 1000000; null: as fast as it goes.
reason: kept with the event.

200 with its status; 403, 404; 409 if it is over; 422 for another number.$$;
