-- Campaigns that are sent in parts, one for each time zone (campaign_split_zones()): the parts as one thing. Each
-- of them is a campaign like any other; the draft that they were made of stays, empty and cancelled, as the name of
-- the whole.

CREATE TABLE campaign.parts (
    campaign_id text COLLATE "C" PRIMARY KEY REFERENCES campaign.campaigns (id),
    whole_id text COLLATE "C" NOT NULL REFERENCES campaign.campaigns (id)
);
COMMENT ON TABLE campaign.parts IS 'Which campaigns are parts of which one.';
COMMENT ON COLUMN campaign.parts.campaign_id IS 'The part.';
COMMENT ON COLUMN campaign.parts.whole_id IS 'The draft that it was made of.';
CREATE INDEX parts_whole_index ON campaign.parts (whole_id);
ALTER TABLE campaign.parts ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.parts', '');

CREATE FUNCTION campaign.parts_whole(campaign_id text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text := (SELECT p.whole_id FROM campaign.parts p
                   WHERE parts_whole.campaign_id IN (p.campaign_id, p.whole_id) LIMIT 1);
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION 'campaign "%" has no parts', coalesce(left(campaign_id, 40), 'NULL')
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'campaign_split_zones() makes them, and campaign_dispatch_zones().';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION campaign.parts_whole(text) IS
'What a campaign is a part of, or itself if it has parts; an error if neither.';

-- In the order of their ids: two callers do not wait for each other in a circle.
CREATE FUNCTION campaign.parts_lock_all(whole_id text) RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(SELECT c.id FROM campaign.campaigns c
                 WHERE c.id IN (SELECT p.campaign_id FROM campaign.parts p WHERE p.whole_id = parts_lock_all.whole_id) AND NOT c.deleted
                 ORDER BY c.id FOR NO KEY UPDATE);
END
$$;
COMMENT ON FUNCTION campaign.parts_lock_all(text) IS
'The parts that a campaign was split into, locked until the end of the transaction; none if it was not.';

CREATE FUNCTION campaign.parts_deleted(campaign_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM campaign.parts p
                   JOIN campaign.campaigns part ON part.id = p.campaign_id AND part.deleted
                   JOIN campaign.campaigns whole ON whole.id = p.whole_id AND whole.deleted
                   WHERE p.campaign_id = parts_deleted.campaign_id);
END
$$;
COMMENT ON FUNCTION campaign.parts_deleted(text) IS 'Whether a campaign is a part that is deleted, as its whole is.';

CREATE FUNCTION campaign.parts_lock(campaign_id text, statuses text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    whole text := campaign.parts_whole(campaign_id);
    chosen text[];
BEGIN
    PERFORM campaign.parts_lock_all(whole);
    chosen := ARRAY(
        SELECT c.id FROM campaign.parts p JOIN campaign.campaigns c ON c.id = p.campaign_id
        WHERE p.whole_id = whole AND NOT c.deleted AND c.total > 0 AND c.status = ANY (statuses) ORDER BY c.id);
    IF chosen = '{}' THEN
        RAISE EXCEPTION 'campaign "%" has no part that is %', whole, array_to_string(statuses, ' or ')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION campaign.parts_lock(text, text[]) IS
'The parts of a campaign that have recipients and one of these statuses; all of its parts are locked until the end of the transaction. An error if there is none.';

-- Each gets a hundredth, the lowest limit that there is, and of the rest what its recipients are of all.
CREATE FUNCTION campaign.parts_share(per_second numeric, parts bigint, recipients bigint, all_recipients bigint) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF per_second < 0.01 * parts THEN
        RAISE EXCEPTION 'a limit of % a second is too low for % parts', per_second, parts
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Each of them needs 0.01 a second.';
    END IF;
    RETURN trim_scale(trunc(0.01 + (per_second - 0.01 * parts) * recipients / all_recipients, 3));
END
$$;
COMMENT ON FUNCTION campaign.parts_share(numeric, bigint, bigint, bigint) IS
'What a part with so many of all recipients gets of a limit: all parts together never more than that.';

CREATE FUNCTION @extschema@.campaign_parts(campaign_id text)
RETURNS TABLE (id text, time_zones text[], status text, total bigint, pending bigint, sending bigint, sent bigint,
    failed bigint, suppressed bigint, expired bigint, unknown bigint, cancelled bigint, open boolean, until timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    whole text := campaign.parts_whole(campaign_parts.campaign_id);
BEGIN
    RETURN QUERY
    SELECT c.id, w.time_zones, c.status, c.total, (s ->> 'pending')::bigint, (s ->> 'sending')::bigint,
        (s ->> 'sent')::bigint, (s ->> 'failed')::bigint, (s ->> 'suppressed')::bigint, (s ->> 'expired')::bigint,
        (s ->> 'unknown')::bigint, (s ->> 'cancelled')::bigint, coalesce((s #>> '{window,open}')::boolean, w.hours IS NULL),
        (s #>> '{window,until}')::timestamptz
    FROM campaign.parts p JOIN campaign.campaigns c ON c.id = p.campaign_id
    LEFT JOIN campaign.send_windows w ON w.campaign_id = c.id
    CROSS JOIN LATERAL @extschema@.campaign_status(c.id) AS s
    WHERE p.whole_id = whole AND NOT c.deleted
    ORDER BY w.time_zones, c.id;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_parts(text) IS
'The parts of a campaign that was split by time zones, one a row: where, in what status, its recipients by state, whether its window is open, and until when that stays so. campaign_id: what was split, or any of its parts.';

CREATE FUNCTION campaign.parts_phase(statuses text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    over CONSTANT text[] := '{sent,failed,cancelled}';
BEGIN
    IF statuses && '{queued,publishing,published}' THEN
        RETURN CASE WHEN statuses <@ '{queued}' THEN 'queued' WHEN statuses <@ ('{published}' || over) THEN 'published'
                    ELSE 'publishing' END;
    END IF;
    -- What somebody has still to do something about comes first.
    RETURN (SELECT status FROM unnest('{paused,scheduled,draft,failed,sent,cancelled}'::text[]) WITH ORDINALITY AS o (status, place)
            WHERE status = ANY (statuses) ORDER BY place LIMIT 1);
END
$$;
COMMENT ON FUNCTION campaign.parts_phase(text[]) IS
'The status of a whole whose parts have these: that of a campaign that is as far as they are together; NULL if it has none.';

CREATE FUNCTION campaign.parts_brief(whole_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT CASE WHEN count(*) > 0 THEN jsonb_build_object('parts', count(*),
                'parts_status', campaign.parts_phase(array_agg(c.status))) ELSE '{}' END
            FROM campaign.parts p JOIN campaign.campaigns c ON c.id = p.campaign_id
            WHERE p.whole_id = parts_brief.whole_id AND NOT c.deleted);
END
$$;
COMMENT ON FUNCTION campaign.parts_brief(text) IS
'How many parts a campaign was split into (parts), and their status together (parts_status); {} if it was not.';

CREATE FUNCTION campaign.parts_sentence(whole_id text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    brief jsonb := campaign.parts_brief(whole_id);
BEGIN
    RETURN CASE WHEN brief <> '{}' THEN format('parts: %s, together %s: see campaign_parts_status()',
        brief ->> 'parts', brief ->> 'parts_status') END;
END
$$;
COMMENT ON FUNCTION campaign.parts_sentence(text) IS
'What the health of a campaign says of the parts that it was split into; NULL if it was not.';

CREATE FUNCTION @extschema@.campaign_parts_status(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    whole text := campaign.parts_whole(campaign_id);
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'id', whole, 'name', (SELECT c.name FROM campaign.campaigns c WHERE c.id = whole),
            'status', campaign.parts_phase(array_agg(p.status)), 'parts', count(*),
            'statuses', (SELECT jsonb_object_agg(n.status, n.parts)
                         FROM (SELECT s AS status, count(*) AS parts FROM unnest(array_agg(p.status)) AS s GROUP BY s) AS n),
            'total', coalesce(sum(p.total), 0), 'pending', coalesce(sum(p.pending), 0), 'sending', coalesce(sum(p.sending), 0),
            'sent', coalesce(sum(p.sent), 0), 'failed', coalesce(sum(p.failed), 0), 'suppressed', coalesce(sum(p.suppressed), 0),
            'expired', coalesce(sum(p.expired), 0), 'unknown', coalesce(sum(p.unknown), 0), 'cancelled', coalesce(sum(p.cancelled), 0),
            'progress_percent', CASE WHEN sum(p.total) > 0
                THEN round(100.0 * (sum(p.total) - sum(p.pending) - sum(p.sending)) / sum(p.total), 1) ELSE 0 END,
            'opens_at', min(p.until) FILTER (WHERE NOT p.open AND p.status IN ('queued', 'publishing', 'published')))
        FROM @extschema@.campaign_parts(whole) AS p);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_parts_status(text) IS
'Where a campaign stands that was split by time zones: the sums over its parts, how many of them have which status (statuses), the status of all together, and when the next of their windows opens (opens_at).';

CREATE FUNCTION @extschema@.campaign_parts_dispatch(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen text[] := campaign.parts_lock(campaign_id, '{draft,scheduled}');
    part text;
    never text := (SELECT array_to_string(p.time_zones, ', ') FROM @extschema@.campaign_parts(campaign_id) AS p
                   WHERE p.id = ANY (chosen) AND NOT p.open AND p.until IS NULL LIMIT 1);
BEGIN
    IF never IS NOT NULL THEN
        RAISE EXCEPTION 'a part would wait for ever: its window never opens in all of %', left(never, 200)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Take wider hours. Or split it with campaign_split_zones(), and give that part hours and a time zone of its own with campaign_window().';
    END IF;
    FOREACH part IN ARRAY chosen LOOP
        PERFORM @extschema@.campaign_dispatch(part);
    END LOOP;
    RETURN @extschema@.campaign_parts_status(campaign_id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_parts_dispatch(text) IS
'Dispatches all parts of a campaign that are drafts, in one transaction; an error, and none is, if the window of one never opens. Returns the status of the whole.';

CREATE FUNCTION @extschema@.campaign_dispatch_zones(
    campaign_id text, hours text, time_zone text DEFAULT NULL, reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.worker_require();
    PERFORM FROM @extschema@.campaign_split_zones(campaign_id, hours, time_zone, reason);
    RETURN @extschema@.campaign_parts_dispatch(campaign_id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_dispatch_zones(text, text, text, text) IS
'Sends an unordered draft at these hours in each recipient''s own time zone: splits it as campaign_split_zones() does, and dispatches all parts. Returns the status of the whole, as campaign_parts_status() does with the same id.';

CREATE FUNCTION campaign.parts_verb(verb text, campaign_id text, statuses text[], reason text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
BEGIN
    FOREACH part IN ARRAY campaign.parts_lock(campaign_id, statuses) LOOP
        CASE
            -- Its time may not come meanwhile.
            WHEN verb = 'pause' AND (SELECT c.status FROM campaign.campaigns c WHERE c.id = part) = 'scheduled' THEN
                PERFORM @extschema@.campaign_schedule(part, NULL, reason);
            WHEN verb = 'pause' THEN PERFORM @extschema@.campaign_pause(part, reason);
            WHEN verb = 'resume' THEN PERFORM @extschema@.campaign_resume(part, reason);
            WHEN verb = 'cancel' THEN PERFORM @extschema@.campaign_cancel(part, reason);
        END CASE;
    END LOOP;
    RETURN @extschema@.campaign_parts_status(campaign_id);
END
$$;
COMMENT ON FUNCTION campaign.parts_verb(text, text, text[], text) IS
'pause, resume or cancel of those parts of a campaign that have one of these statuses.';

CREATE FUNCTION @extschema@.campaign_parts_pause(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.parts_verb('pause', campaign_id, '{queued,publishing,published,scheduled}', reason) $$;
COMMENT ON FUNCTION @extschema@.campaign_parts_pause(text, text) IS
'Pauses all parts of a campaign that run; one that is scheduled becomes a draft again. Returns the status of the whole.';

CREATE FUNCTION @extschema@.campaign_parts_resume(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.parts_verb('resume', campaign_id, '{paused}', reason) $$;
COMMENT ON FUNCTION @extschema@.campaign_parts_resume(text, text) IS
'Continues all parts of a campaign that are paused. Returns the status of the whole.';

CREATE FUNCTION @extschema@.campaign_parts_cancel(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT campaign.parts_verb('cancel', campaign_id, '{draft,scheduled,queued,publishing,published,paused}', reason) $$;
COMMENT ON FUNCTION @extschema@.campaign_parts_cancel(text, text) IS
'Ends all parts of a campaign that are not over, for good. Returns the status of the whole.';

CREATE FUNCTION @extschema@.campaign_parts_limit(campaign_id text, per_second numeric, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen text[] := campaign.parts_lock(campaign_id, '{draft,scheduled,queued,publishing,published,paused}');
    part campaign.campaigns;
    recipients bigint := (SELECT sum(c.total) FROM campaign.campaigns c WHERE c.id = ANY (chosen));
BEGIN
    IF per_second NOT BETWEEN 0.01 AND 1000000 THEN
        RAISE EXCEPTION 'per_second must be from 0.01 to 1000000, or NULL' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR part IN SELECT c.* FROM campaign.campaigns c WHERE c.id = ANY (chosen) ORDER BY c.id LOOP
        PERFORM @extschema@.campaign_limit(part.id,
            campaign.parts_share(per_second, cardinality(chosen), part.total, recipients), reason);
    END LOOP;
    RETURN @extschema@.campaign_parts_status(campaign_id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_parts_limit(text, numeric, text) IS
'At most so many recipients of all parts of a campaign together a second, from now on: each part that is not over gets its share by its recipients, whichever windows are open. NULL: as fast as it goes. Returns the status of the whole.';
