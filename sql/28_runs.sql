-- Runs: the way of a campaign from its generation to the last stored message, as one answer. Nothing
-- of it is written down that other tables say: the phase follows from status and progress.

CREATE TABLE campaign.runs (
    campaign_id text COLLATE "C" NOT NULL REFERENCES campaign.campaigns (id),
    number integer NOT NULL,
    quantity bigint NOT NULL,
    seed bigint NOT NULL,
    vip_percent double precision NOT NULL,
    dispatch boolean NOT NULL,
    generated bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    job_id text COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    generated_at timestamptz,
    archived_at timestamptz,
    archive jsonb,
    PRIMARY KEY (campaign_id, number)
);
COMMENT ON TABLE campaign.runs IS 'Generated runs. A campaign has at most one that is not archived; one whose numbers were uploaded has a run without a row.';
COMMENT ON COLUMN campaign.runs.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.runs.number IS 'Its runs are numbered from 1.';
COMMENT ON COLUMN campaign.runs.quantity IS 'How many recipients were asked for.';
COMMENT ON COLUMN campaign.runs.seed IS 'What they are made of: the same seed makes the same ones.';
COMMENT ON COLUMN campaign.runs.vip_percent IS 'How many of a hundred are of the tier DIAMOND.';
COMMENT ON COLUMN campaign.runs.dispatch IS 'Whether it is dispatched when they are there.';
COMMENT ON COLUMN campaign.runs.generated IS 'How many there are.';
COMMENT ON COLUMN campaign.runs.updated_at IS 'When the last chunk of them was there.';
COMMENT ON COLUMN campaign.runs.job_id IS 'Job that generates them.';
COMMENT ON COLUMN campaign.runs.created_at IS 'When it was asked for.';
COMMENT ON COLUMN campaign.runs.started_at IS 'When generating began.';
COMMENT ON COLUMN campaign.runs.generated_at IS 'When the last one was there.';
COMMENT ON COLUMN campaign.runs.archived_at IS 'When a reset took its recipients away.';
COMMENT ON COLUMN campaign.runs.archive IS 'What campaign_run_status() answered just before.';
CREATE INDEX runs_created_index ON campaign.runs (created_at);
ALTER TABLE campaign.runs ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.runs', '');

CREATE FUNCTION campaign.ms_between(first timestamptz, last timestamptz) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN greatest(round(extract(epoch FROM last - first) * 1000)::bigint, 0);
END
$$;
COMMENT ON FUNCTION campaign.ms_between(timestamptz, timestamptz) IS
'Milliseconds between two times; 0 if the second one is noted first: a store may be faster than the mark of what the broker has confirmed.';

CREATE FUNCTION campaign.pace_between(messages bigint, first timestamptz, last timestamptz) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN round(1000.0 * messages / greatest(campaign.ms_between(first, last), 1), 1);
END
$$;
COMMENT ON FUNCTION campaign.pace_between(bigint, timestamptz, timestamptz) IS
'How many a second, if so many were stored between two times: of what took no time that can be told, as if it had been a millisecond.';

CREATE FUNCTION campaign.class_is_stored(class campaign.progress) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(class.stored @> int8range(1, class.total + 1), true);
END
$$;
COMMENT ON FUNCTION campaign.class_is_stored(campaign.progress) IS
'Whether all of a class is stored; a class that a campaign does not have is.';

CREATE FUNCTION campaign.run_phase(
    status text, generation text, vip campaign.progress, normal campaign.progress
) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN status = 'sent' THEN 'DONE'
        WHEN status = 'failed' OR generation = 'failed' THEN 'ERROR'
        WHEN status = 'cancelled' OR generation = 'cancelled' THEN 'ABORTED'
        WHEN status IN ('draft', 'scheduled') THEN
            CASE WHEN generation IN ('waiting', 'scheduled', 'running') THEN 'GENERATING' ELSE 'IDLE' END
        WHEN NOT campaign.class_is_stored(vip) THEN
            CASE WHEN vip.published < vip.total THEN 'ENQUEUE_VIP' ELSE 'WAITING_VIP_DRAIN' END
        WHEN normal.published < normal.total THEN 'ENQUEUE_NORMAL'
        WHEN normal.total > 0 THEN 'WAITING_NORMAL_DRAIN'
        ELSE 'WAITING_VIP_DRAIN' END;
END
$$;
COMMENT ON FUNCTION campaign.run_phase(text, text, campaign.progress, campaign.progress) IS
'The phase of a run: from the status of the campaign, that of the job that generates it (NULL: none, or done) and the progress of its classes.';

CREATE FUNCTION campaign.run_class(class campaign.progress) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object(
        'start', class.started_at,
        'end', CASE WHEN class.total > 0 AND campaign.class_is_stored(class) THEN class.stored_at END,
        'timeMs', campaign.ms_between(class.started_at, class.stored_at),
        'count', coalesce(campaign.stored_count(class.stored), 0));
END
$$;
COMMENT ON FUNCTION campaign.run_class(campaign.progress) IS
'{"start", "end", "timeMs", "count"} of a class: from its first confirmed batch to its last stored one, so far.';

CREATE FUNCTION campaign.class_pace(class campaign.progress) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN campaign.pace_between(campaign.stored_count(class.stored), class.started_at, class.stored_at);
END
$$;
COMMENT ON FUNCTION campaign.class_pace(campaign.progress) IS
'How many of a class were stored a second, from its start to the last report; NULL without either.';

CREATE FUNCTION campaign.run_read(
    campaign_id text,
    OUT target campaign.campaigns,
    OUT vip campaign.progress,
    OUT normal campaign.progress,
    OUT run campaign.runs,
    OUT id text,
    OUT phase text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    generation text;
    archived integer;
BEGIN
    target := campaign.campaign_read(campaign_id);
    SELECT * INTO vip FROM campaign.progress p WHERE p.campaign_id = target.id AND p.class = 'VIP';
    SELECT * INTO normal FROM campaign.progress p WHERE p.campaign_id = target.id AND p.class = 'NORMAL';
    SELECT * INTO run FROM campaign.runs r WHERE r.campaign_id = target.id ORDER BY r.number DESC LIMIT 1;
    archived := CASE WHEN run.archived_at IS NULL THEN coalesce(run.number, 1) - 1 ELSE run.number END;
    IF run.archived_at IS NOT NULL THEN
        run := NULL;
    ELSIF run.generated_at IS NULL THEN
        SELECT j.status INTO generation FROM campaign.jobs j WHERE j.id = run.job_id;
    END IF;
    phase := campaign.run_phase(target.status, generation, vip, normal);
    IF run.campaign_id IS NOT NULL OR target.queued_at IS NOT NULL THEN
        id := target.id || '-' || archived + 1;
    ELSIF archived > 0 THEN
        id := target.id || '-' || archived;
    ELSE
        id := (SELECT (campaign.run_read(c.id)).id FROM campaign.campaigns c
               WHERE c.reset_as = target.id AND NOT c.deleted LIMIT 1);
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.run_read(text) IS
'All rows that say where a campaign stands, the id of its newest run (a draft without one has that of the campaign whose place it took; NULL: none) and its phase.';

CREATE FUNCTION campaign.both_count(vip int8multirange, normal int8multirange) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(campaign.stored_count(vip), 0) + coalesce(campaign.stored_count(normal), 0);
END
$$;
COMMENT ON FUNCTION campaign.both_count(int8multirange, int8multirange) IS
'How many seqs the multiranges of VIP and NORMAL hold together; a class that a campaign does not have holds none.';

CREATE FUNCTION campaign.run_counts(
    target campaign.campaigns, vip campaign.progress, normal campaign.progress
) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored bigint := campaign.both_count(vip.stored, normal.stored);
    undelivered bigint := coalesce(vip.undelivered, 0) + coalesce(normal.undelivered, 0);
    failed bigint := campaign.both_count(vip.failed, normal.failed) + undelivered;
    suppressed bigint := campaign.both_count(vip.suppressed, normal.suppressed);
    expired bigint := campaign.both_count(vip.expired, normal.expired);
    published bigint := greatest(coalesce(vip.published, 0) + coalesce(normal.published, 0), stored);
    delayed boolean := target.status IN ('draft', 'scheduled');
    ended boolean := target.status IN ('sent', 'failed', 'cancelled');
BEGIN
    RETURN jsonb_build_object(
        'total', target.total, 'vip', coalesce(vip.total, 0), 'normal', coalesce(normal.total, 0),
        'waiting', CASE WHEN delayed OR ended THEN 0 ELSE target.total - published END,
        'active', CASE WHEN ended THEN 0 ELSE published - stored END,
        'completed', stored - failed - suppressed, 'failed', failed,
        'delayed', CASE WHEN delayed THEN target.total ELSE 0 END,
        'cancelled', CASE WHEN target.status = 'cancelled' THEN target.total - stored ELSE 0 END)
        || CASE WHEN suppressed > expired THEN jsonb_build_object('suppressed', suppressed - expired) ELSE '{}' END
        || CASE WHEN expired > 0 THEN jsonb_build_object('expired', expired) ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION campaign.run_counts(campaign.campaigns, campaign.progress, campaign.progress) IS
'How many recipients there are, by class and by state: waiting (not with the broker yet), active (with the broker, not stored), completed (stored), failed (another message is in their place, or a gateway could not deliver), delayed (not dispatched), cancelled (will never be sent), and suppressed (left out) and expired (left out behind the deadline), if any is.';

CREATE FUNCTION @extschema@.campaign_run_status(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record := campaign.run_read(campaign_id);
    target campaign.campaigns := r.target;
    vip campaign.progress := r.vip;
    normal campaign.progress := r.normal;
    run campaign.runs := r.run;
    counts jsonb := campaign.run_counts(target, vip, normal);
    processed bigint := (counts ->> 'completed')::bigint + (counts ->> 'failed')::bigint
        + coalesce((counts ->> 'suppressed')::bigint, 0) + coalesce((counts ->> 'expired')::bigint, 0);
    wanted bigint := CASE WHEN run.generated_at IS NULL THEN coalesce(run.quantity, target.total) ELSE target.total END;
    -- While it runs, what has passed is what the last report says.
    ended_at timestamptz := CASE WHEN target.status IN ('sent', 'failed', 'cancelled') THEN
            (SELECT e.created_at FROM campaign.events e
             WHERE e.campaign_id = target.id AND e.target = target.status ORDER BY e.number LIMIT 1)
        ELSE greatest(vip.stored_at, normal.stored_at) END;
    generation_ms bigint := campaign.ms_between(run.started_at, coalesce(run.generated_at, run.updated_at));
BEGIN
    RETURN jsonb_build_object(
        'generationTimeMs', generation_ms,
        'enqueueVipTimeMs', campaign.ms_between(vip.started_at, vip.published_at),
        'enqueueNormalTimeMs', campaign.ms_between(normal.started_at, normal.published_at),
        'processing', jsonb_build_object('vip', campaign.run_class(vip), 'normal', campaign.run_class(normal)),
        'totalTimeMs', coalesce(campaign.ms_between(target.queued_at, ended_at), 0) + coalesce(generation_ms, 0),
        'counts', counts,
        'phase', r.phase,
        'lastRunId', r.id,
        'throughput', jsonb_build_object('vip', campaign.class_pace(vip), 'normal', campaign.class_pace(normal),
            'overall', campaign.pace_between(processed, least(vip.started_at, normal.started_at), greatest(vip.stored_at, normal.stored_at))),
        'eta', jsonb_build_object(
            'estimatedMs', CASE WHEN target.status IN ('queued', 'publishing', 'published')
                                THEN campaign.run_left_ms(r.phase, vip, normal, target.per_second) END,
            'progressPercent', CASE WHEN wanted > 0 THEN round(100.0 * processed / wanted, 1) ELSE 0 END),
        'progress', jsonb_build_object('target', wanted, 'generated', target.total, 'processedTotal', processed));
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_run_status(text) IS
'Where the run of a campaign stands, as one answer: phase (IDLE, GENERATING, ENQUEUE_VIP, WAITING_VIP_DRAIN, ENQUEUE_NORMAL, WAITING_NORMAL_DRAIN, DONE, ABORTED, ERROR), times and throughput per class, counts, how far it is and how long it still takes. docs/runs.md explains each key.';

CREATE FUNCTION campaign.run_entry(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns;
BEGIN
    SELECT * INTO target FROM campaign.campaigns c WHERE c.id = run_entry.campaign_id;
    RETURN jsonb_build_object('campaignId', target.id, 'name', target.name, 'status', target.status,
            'createdAt', target.created_at, 'queuedAt', target.queued_at, 'startedAt', target.started_at,
            'publishedAt', target.published_at, 'sentAt', target.sent_at,
            'archivedAt', (SELECT d.created_at FROM campaign.campaigns d WHERE d.id = target.reset_as))
        || @extschema@.campaign_run_status(campaign_id);
END
$$;
COMMENT ON FUNCTION campaign.run_entry(text) IS 'What the history says of a run whose recipients are still there.';

CREATE FUNCTION campaign.run_ready_check(campaign_id text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM campaign.runs r WHERE r.campaign_id = run_ready_check.campaign_id
               AND r.archived_at IS NULL AND r.generated_at IS NULL) THEN
        RAISE EXCEPTION 'campaign "%": not all of its records are generated', campaign_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Wait for the job that generates them, try it again with job_retry(), or clear the campaign.';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.run_ready_check(text) IS
'An error while records of the campaign are still to be generated: a part of them must not be sent, and nothing comes between them.';

CREATE FUNCTION campaign.run_archive(campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (campaign.run_read(campaign_id)).phase = 'GENERATING' THEN
        RAISE EXCEPTION 'campaign "%": its records are being generated', campaign_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Wait for the job that generates them, or end it with job_cancel().';
    END IF;
    UPDATE campaign.runs r
    SET archived_at = clock_timestamp(), archive = campaign.run_entry(r.campaign_id)
    WHERE r.campaign_id = run_archive.campaign_id AND r.archived_at IS NULL;
END
$$;
COMMENT ON FUNCTION campaign.run_archive(text) IS
'Keeps what is known of a generated run before a reset takes its recipients away; an error while it is being generated. The caller holds the campaign''s lock.';

CREATE FUNCTION campaign.run_history(campaign_ids text[]) RETURNS SETOF jsonb
LANGUAGE plpgsql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT e.entry FROM (
        SELECT a.created_at, a.archive || jsonb_build_object('archivedAt', a.archived_at) AS entry
        FROM campaign.runs a WHERE a.campaign_id = ANY (campaign_ids) AND a.archived_at IS NOT NULL
        UNION ALL
        SELECT coalesce(g.created_at, c.queued_at), campaign.run_entry(c.id)
        FROM campaign.campaigns c
        LEFT JOIN campaign.runs g ON g.campaign_id = c.id AND g.archived_at IS NULL
        WHERE c.id = ANY (campaign_ids) AND NOT c.deleted
          AND (g.campaign_id IS NOT NULL OR c.queued_at IS NOT NULL)) AS e (created_at, entry)
    ORDER BY e.created_at DESC;
END
$$;
COMMENT ON FUNCTION campaign.run_history(text[]) IS 'The runs of these campaigns, the newest first.';

CREATE FUNCTION campaign.recent_runs(campaign_ids text[], rows integer) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT c.id FROM campaign.campaigns c
        LEFT JOIN LATERAL (SELECT max(g.created_at) AS created_at FROM campaign.runs g
                           WHERE g.campaign_id = c.id) AS g ON true
        WHERE NOT c.deleted AND (campaign_ids IS NULL OR c.id = ANY (campaign_ids))
          AND (g.created_at IS NOT NULL OR c.queued_at IS NOT NULL)
          AND (c.test_of IS NULL OR cardinality(campaign_ids) = 1)
        ORDER BY coalesce(g.created_at, c.queued_at) DESC LIMIT recent_runs.rows);
END
$$;
COMMENT ON FUNCTION campaign.recent_runs(text[], integer) IS
'Those of these campaigns (NULL: of all) that have run last; tests only if one is asked for.';

CREATE FUNCTION @extschema@.campaign_runs(campaign_id text DEFAULT NULL, rows integer DEFAULT 100) RETURNS SETOF jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF campaign_id IS NOT NULL THEN
        PERFORM campaign.campaign_read(campaign_id);
    END IF;
    RETURN QUERY
    SELECT h FROM campaign.run_history(campaign.recent_runs(
        CASE WHEN campaign_id IS NOT NULL THEN ARRAY[campaign_id] END, campaign_runs.rows)) AS h
    LIMIT campaign_runs.rows;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_runs(text, integer) IS
'The runs of a campaign, or the newest ones of all, the newest first: what campaign_run_status() says of each, with campaign, status and times. What a reset has cleared is among them.';
