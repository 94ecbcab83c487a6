-- The time zones of phone numbers, and a list cut by them.

CREATE FUNCTION @extschema@.phone_number_zones(phone_number text) RETURNS text[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_phone_number_zones';
COMMENT ON FUNCTION @extschema@.phone_number_zones(text) IS
'The time zones that an international phone number may be in, by its leading digits: one for most, several where a prefix or a country spans them, none for an unknown one.';

CREATE FUNCTION campaign.split_check(target campaign.campaigns) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF target.status <> 'draft' OR target.total = 0 OR target.generated THEN
        RAISE EXCEPTION 'campaign "%" is not a draft with recipients of its own', target.id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    -- The whole would not know what it is in.
    IF EXISTS (SELECT FROM campaign.parts p WHERE p.campaign_id = target.id) THEN
        RAISE EXCEPTION 'campaign "%" is itself a part: its recipients are in the same time zones', target.id
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Call campaign_window() for other hours.';
    END IF;
    -- Whose window opens first is sent first.
    IF target.ordered THEN
        RAISE EXCEPTION 'campaign "%" is ordered: its recipients cannot be sent to by time zones', target.id
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Create it with ordered => false.';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.split_check(campaign.campaigns) IS 'An error if a campaign cannot be split by time zones.';

-- The rows of recipients move; their identifiers do not exist before they are sent.
CREATE FUNCTION campaign.split_move(source_id text, keys text[], ids text[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO campaign.recipients (campaign_id, class, seq, phone_number, text, attributes)
    SELECT m.id, r.class, row_number() OVER (PARTITION BY m.id, r.class ORDER BY r.seq), r.phone_number, r.text, r.attributes
    FROM campaign.recipients r
    JOIN unnest(keys, ids) AS m (key, id) ON m.key = array_to_string(@extschema@.phone_number_zones(r.phone_number), ' ')
    WHERE r.campaign_id = source_id;
    INSERT INTO campaign.progress (campaign_id, class, total)
    SELECT r.campaign_id, r.class, count(*) FROM campaign.recipients r WHERE r.campaign_id = ANY (ids) GROUP BY 1, 2;
    UPDATE campaign.campaigns c
    SET total = (SELECT sum(p.total) FROM campaign.progress p WHERE p.campaign_id = c.id),
        message_version = s.message_version, own_texts = s.own_texts,
        valid_until = s.valid_until, valid_for = s.valid_for,
        -- Of each part, not of all together.
        canary = s.canary, canary_failed_max = s.canary_failed_max
    FROM campaign.campaigns s WHERE s.id = source_id AND c.id = ANY (ids);
    -- Of all together: their windows may be open at the same time.
    UPDATE campaign.campaigns c SET per_second = campaign.parts_share(s.per_second, cardinality(ids), c.total, s.total)
    FROM campaign.campaigns s WHERE s.id = source_id AND c.id = ANY (ids);
    INSERT INTO campaign.parts (campaign_id, whole_id) SELECT unnest(ids), source_id;
END
$$;
COMMENT ON FUNCTION campaign.split_move(text, text[], text[]) IS
'Gives each recipient of a draft to the new campaign of its time zones, in their order, and each of these its part of what was set for the draft; keys: the zones of each, with blanks between.';

CREATE FUNCTION @extschema@.campaign_split_zones(
    campaign_id text, hours text, time_zone text DEFAULT NULL, reason text DEFAULT NULL
) RETURNS TABLE (id text, time_zones text[], recipients bigint, opens_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_split_zones.campaign_id);
    open_minutes integer[] := campaign.window_minutes(campaign_split_zones.hours);
    zone_of_others text := CASE WHEN campaign_split_zones.time_zone IS NOT NULL
        THEN campaign.time_zone_name(campaign_split_zones.time_zone) END;
    part record;
    keys text[] := '{}';
    ids text[] := '{}';
BEGIN
    PERFORM campaign.split_check(target);
    FOR part IN
        SELECT z.found, min(z.phone_number) AS phone_number
        FROM (SELECT @extschema@.phone_number_zones(r.phone_number) AS found, r.phone_number
              FROM campaign.recipients r WHERE r.campaign_id = target.id) AS z
        GROUP BY z.found ORDER BY z.found
    LOOP
        IF part.found = '{}' AND zone_of_others IS NULL THEN
            RAISE EXCEPTION 'the time zone of % is not known', part.phone_number
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Give time_zone for those whose own is not known.';
        END IF;
        keys := keys || array_to_string(part.found, ' ');
        ids := ids || @extschema@.campaign_create(
            left(concat(target.name, ' (', coalesce(part.found[1], zone_of_others), CASE WHEN part.found[2] IS NOT NULL THEN ' …' END, ')'), 200),
            campaign.message_to_copy(target), target.company_id, campaign.copy_user(target), false);
        INSERT INTO campaign.send_windows (campaign_id, hours, minutes, time_zones)
        VALUES (ids[cardinality(ids)], btrim(campaign_split_zones.hours), open_minutes,
            CASE WHEN part.found = '{}' THEN ARRAY[zone_of_others] ELSE part.found END);
    END LOOP;
    PERFORM campaign.split_move(target.id, keys, ids);
    PERFORM campaign.campaign_empty(target.id);
    PERFORM campaign.campaign_transition(target.id, 'cancelled', campaign_split_zones.reason,
        format('split into %s by time zones', cardinality(ids)));
    RETURN QUERY
    SELECT c.id, w.time_zones, c.total,
        CASE WHEN campaign.window_is_open(w.minutes, w.time_zones, clock_timestamp()) THEN clock_timestamp()
             ELSE campaign.window_changes_at(w.minutes, w.time_zones, clock_timestamp()) END
    FROM campaign.campaigns c JOIN campaign.send_windows w ON w.campaign_id = c.id
    WHERE c.id = ANY (ids) ORDER BY 4, 1;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_split_zones(text, text, text, text) IS
'Makes of an unordered draft a draft for each time zone of its recipients, with a send window of these hours in it; several zones of a number: all of them must be open. A limit of the draft is divided among them. time_zone: for numbers of which none is known. Returns the drafts, to be dispatched one by one or by campaign_parts_dispatch(); opens_at NULL: never, because its zones have none of these hours in common. The draft itself is empty afterwards, and cancelled.';
