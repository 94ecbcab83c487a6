-- What campaign-monitor shows: all its figures in one answer of one snapshot, at every tick. It reads; a
-- campaign is moved by the verbs of 26_control.sql.

-- Providers name the number that they refuse, and people the customer who complained.
CREATE FUNCTION campaign.monitor_words(words text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT regexp_replace(words, '\+?\(?\d(?:[ ()./-]{0,2}\d){7,}', '…', 'g') $$;
COMMENT ON FUNCTION campaign.monitor_words(text) IS
'A text that somebody else wrote without what may be a phone number in it: eight digits or more.';

CREATE FUNCTION campaign.monitor_health(campaign_id text, OUT health text, OUT reason text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    words text;
BEGIN
    SELECT h ->> 'health', h ->> 'reason' INTO health, reason
    FROM @extschema@.campaign_health(monitor_health.campaign_id) AS h;
    -- All that campaign_health() does not say in words of its own.
    FOR words IN
        SELECT c.error FROM campaign.campaigns c WHERE c.id = monitor_health.campaign_id
        UNION ALL
        (SELECT e.reason FROM campaign.campaigns c JOIN campaign.events e ON e.campaign_id = c.id AND e.target = c.status
         WHERE c.id = monitor_health.campaign_id ORDER BY e.number DESC LIMIT 1)
        UNION ALL
        SELECT j.error FROM campaign.runs r JOIN campaign.jobs j ON j.id = r.job_id WHERE r.campaign_id = monitor_health.campaign_id
    LOOP
        reason := replace(reason, coalesce(words, ''), coalesce(campaign.monitor_words(words), ''));
    END LOOP;
EXCEPTION WHEN no_data_found THEN
    -- It was deleted after the figures were read.
    reason := 'it is deleted';
END
$$;
COMMENT ON FUNCTION campaign.monitor_health(text) IS
'Two answers of campaign_health() that do not fail if the campaign is deleted at this moment, and name no recipient.';

CREATE FUNCTION campaign.monitor_places(shown integer, ended integer, watched text[], only_id text)
RETURNS TABLE (campaign_id text, place bigint, campaigns bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH found AS (
        SELECT c.id, c.status, c.queued_at, c.scheduled_at, c.updated_at FROM campaign.campaigns c
        WHERE only_id IS NULL AND c.status IN ('queued', 'publishing') AND NOT c.deleted
        UNION ALL
        SELECT c.id, c.status, c.queued_at, c.scheduled_at, c.updated_at FROM campaign.campaigns c
        WHERE only_id IS NULL AND c.status IN ('published', 'paused') AND NOT c.deleted
        UNION ALL
        SELECT c.id, c.status, c.queued_at, c.scheduled_at, c.updated_at FROM campaign.campaigns c
        WHERE only_id IS NULL AND c.status = 'scheduled' AND NOT c.deleted
        UNION ALL
        SELECT c.id, c.status, c.queued_at, c.scheduled_at, c.updated_at FROM campaign.campaigns c
        WHERE only_id IS NULL AND c.id = ANY (watched) AND c.status IN ('sent', 'failed', 'cancelled') AND NOT c.deleted
        UNION ALL
        -- Those that are watched count: no older one takes their place.
        SELECT l.* FROM (
            SELECT c.id, c.status, c.queued_at, c.scheduled_at, c.updated_at FROM campaign.campaigns c
            WHERE only_id IS NULL AND ended > 0 AND c.status IN ('sent', 'failed', 'cancelled') AND NOT c.deleted
              AND c.test_of IS NULL
            ORDER BY c.updated_at DESC LIMIT ended) AS l
        WHERE l.id <> ALL (watched)
        UNION ALL
        SELECT c.id, c.status, c.queued_at, c.scheduled_at, c.updated_at FROM campaign.campaigns c
        WHERE c.id = only_id AND NOT c.deleted)
    SELECT f.id, row_number() OVER running_first, count(*) OVER () FROM found f
    WINDOW running_first AS (ORDER BY
        CASE WHEN f.status IN ('queued', 'publishing', 'published') THEN 1 WHEN f.status = 'paused' THEN 2
             WHEN f.status = 'scheduled' THEN 3 ELSE 4 END,
        CASE WHEN f.status IN ('sent', 'failed', 'cancelled') THEN f.updated_at END DESC,
        CASE WHEN f.status = 'scheduled' THEN f.scheduled_at ELSE f.queued_at END, f.id)
    ORDER BY 2 LIMIT shown;
END
$$;
COMMENT ON FUNCTION campaign.monitor_places(integer, integer, text[], text) IS
'The campaigns that a monitor shows, and in which order: what runs first, then what is paused, what is scheduled and what has ended. As arguments of campaign.monitor(). campaigns: how many there would be without the limit.';

CREATE FUNCTION campaign.monitor(shown integer, ended integer, watched text[], only_id text DEFAULT NULL)
RETURNS TABLE (
    kind text, at timestamptz, id text, name text, status text, class text,
    total bigint, published bigint, sent bigint, failed bigint, suppressed bigint,
    rate double precision, mean_ms double precision, sending_mean_ms double precision, left_ms bigint,
    health text, reason text
)
-- STABLE: every figure comes from the caller's snapshot, so that they belong together.
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH places AS MATERIALIZED (
        SELECT * FROM campaign.monitor_places(shown, ended, watched, only_id)),
    classes AS MATERIALIZED (
        SELECT p.campaign_id, p.class, p.total, p.published, p.started_at, p.stored_at,
            campaign.stored_count(p.stored - p.failed - p.suppressed) - p.undelivered - p.unknown AS sent,
            campaign.stored_count(p.failed) + p.undelivered + p.unknown + campaign.stored_count(p.expired) AS failed,
            campaign.stored_count(p.suppressed - p.expired) AS suppressed,
            campaign.samples_rate(p.samples) AS rate
        FROM campaign.progress p WHERE p.campaign_id IN (SELECT s.campaign_id FROM places s)),
    whole AS MATERIALIZED (
        SELECT s.place, c.id, c.name, c.status, c.total, c.queued_at,
            CASE WHEN c.status IN ('queued', 'publishing', 'published') THEN campaign.run_left_ms(
                campaign.run_phase(c.status, NULL, v, n), v, n, c.per_second) END AS left_ms,
            CASE WHEN campaign.class_is_stored(v) THEN 'NORMAL' ELSE 'VIP' END AS current_class
        FROM places s
        JOIN campaign.campaigns c ON c.id = s.campaign_id
        LEFT JOIN campaign.progress v ON v.campaign_id = c.id AND v.class = 'VIP'
        LEFT JOIN campaign.progress n ON n.campaign_id = c.id AND n.class = 'NORMAL'),
    sums AS MATERIALIZED (
        SELECT w.place, coalesce(sum(k.published), 0)::bigint AS published, coalesce(sum(k.sent), 0)::bigint AS sent,
            coalesce(sum(k.failed), 0)::bigint AS failed, coalesce(sum(k.suppressed), 0)::bigint AS suppressed,
            coalesce(max(k.rate) FILTER (WHERE k.class::text = w.current_class), max(k.rate)) AS rate,
            min(k.started_at) AS started_at, max(k.stored_at) AS stored_at
        FROM whole w LEFT JOIN classes k ON k.campaign_id = w.id GROUP BY w.place)
    SELECT t.kind, statement_timestamp(), t.id, t.name, t.status, t.class, t.total, t.published, t.sent, t.failed,
        t.suppressed, t.rate, t.mean_ms, t.sending_mean_ms, t.left_ms, t.health, t.reason
    FROM (
        SELECT 'all' AS kind, NULL AS id, NULL AS name, NULL AS status, NULL AS class,
            coalesce((SELECT max(s.campaigns) FROM places s), 0) AS total, NULL::bigint AS published, NULL::bigint AS sent,
            NULL::bigint AS failed, NULL::bigint AS suppressed, NULL::double precision AS rate,
            NULL::double precision AS mean_ms, NULL::double precision AS sending_mean_ms, NULL::bigint AS left_ms,
            NULL AS health, NULL AS reason, 0::bigint AS place
        UNION ALL
        SELECT 'campaign', w.id, w.name, w.status, NULL, w.total, u.published, u.sent, u.failed, u.suppressed,
            -- What does not move has no pace.
            CASE WHEN w.left_ms IS NOT NULL THEN u.rate END,
            campaign.ms_between(w.queued_at, u.stored_at)::double precision / nullif(u.sent + u.failed, 0),
            campaign.ms_between(u.started_at, u.stored_at)::double precision / nullif(u.sent + u.failed, 0),
            w.left_ms, h.health, h.reason, w.place
        FROM whole w JOIN sums u USING (place), LATERAL campaign.monitor_health(w.id) AS h
        UNION ALL
        SELECT 'class', w.id, NULL, NULL, k.class::text, k.total, k.published, k.sent, k.failed, k.suppressed,
            CASE WHEN w.left_ms IS NOT NULL AND k.class::text = w.current_class THEN k.rate END,
            campaign.ms_between(w.queued_at, k.stored_at)::double precision / nullif(k.sent + k.failed, 0),
            campaign.ms_between(k.started_at, k.stored_at)::double precision / nullif(k.sent + k.failed, 0),
            NULL, NULL, NULL, w.place
        FROM whole w JOIN classes k ON k.campaign_id = w.id WHERE k.total > 0) AS t
    ORDER BY t.place, t.kind, t.class DESC;
END
$$;
COMMENT ON FUNCTION campaign.monitor(integer, integer, text[], text) IS
'What campaign-monitor shows. A row of kind all, with how many campaigns there are as total; then for each of the first `shown` ones a row of kind campaign and one of kind class for each of its classes. Campaigns that run, are paused or scheduled; of those that have ended the ones in `watched` and the last `ended` ones; or the campaign only_id alone. at: when the figures were read, all of them in the caller''s snapshot. rate: sent a second, NULL if it does not move; mean_ms: from its dispatch to the last report, for each message; sending_mean_ms: from the first confirmed batch.';

-- Whatever knows senders has them in a view of this name; until then there are none to show.
CREATE FUNCTION campaign.monitor_senders()
RETURNS TABLE (name text, gateway text, host text, state text, held bigint, processed bigint, failed bigint,
    mean_ms double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.name, s.gateway, s.host, CASE WHEN s.alive THEN 'alive' ELSE 'ended' END, s.held, s.processed, s.failed,
        s.mean_ms::double precision
    FROM @extschema@.campaign_senders() AS s
    WHERE s.alive OR s.held > 0 OR s.ended_at > statement_timestamp() - interval '1 minute'
    ORDER BY 1, 3
$$;
COMMENT ON FUNCTION campaign.monitor_senders() IS
'The living senders, and for a minute those that have ended.';

CREATE FUNCTION campaign.monitor_control(campaign_id text, verb text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb;
BEGIN
    answer := CASE verb
        WHEN 'pause' THEN @extschema@.campaign_pause(campaign_id)
        WHEN 'resume' THEN @extschema@.campaign_resume(campaign_id)
        WHEN 'cancel' THEN @extschema@.campaign_cancel(campaign_id) END;
    IF answer IS NULL THEN
        RAISE EXCEPTION 'verbs are pause, resume and cancel' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN answer ->> 'status';
END
$$;
COMMENT ON FUNCTION campaign.monitor_control(text, text) IS
'For the keys of campaign-monitor: campaign_pause(), campaign_resume() or campaign_cancel(), whose errors are its own. Returns the new status.';
