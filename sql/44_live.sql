-- Live updates: whoever LISTENs hears how far each campaign is. Those who change a campaign only leave
-- its id (src/publish/changes.c); the worker tells (src/publish/live.c). A NOTIFY in the transaction of
-- a report or of a client would queue up all their commits behind one lock, fail them when the queue of
-- notifications is full, and could not be prepared.

CREATE FUNCTION campaign.campaign_changed(campaign_id text) RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_changed';
COMMENT ON FUNCTION campaign.campaign_changed(text) IS
'Has the worker tell listeners about a campaign once this transaction has committed. Called by whatever changes its status or its progress.';

CREATE FUNCTION campaign.outbox_tell(campaign_ids text[], missed boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Everybody who may connect may listen: ids, states and counts, and nothing else.
    PERFORM pg_notify('campaign_progress', jsonb_build_object('id', c.id, 'status', c.status, 'total', c.total,
        'published', coalesce(p.published, 0), 'stored', coalesce(p.stored, 0), 'failed', coalesce(p.failed, 0),
        'at', clock_timestamp())::text)
    FROM unnest(campaign_ids) AS asked (id)
    JOIN campaign.campaigns c ON c.id = asked.id
    LEFT JOIN LATERAL (
        SELECT sum(r.published) AS published, sum(n.stored) AS stored, sum(n.failed + r.undelivered) AS failed
        FROM campaign.progress r CROSS JOIN LATERAL (
            -- Nothing has to be counted of a class that is complete, as small ones are at once.
            SELECT CASE WHEN r.failed <> '{}' OR r.suppressed <> '{}' THEN campaign.stored_count(r.stored - r.failed - r.suppressed)
                        WHEN r.stored @> int8range(1, r.total + 1) THEN r.total
                        ELSE campaign.stored_count(r.stored) END AS stored,
                CASE WHEN r.failed = '{}' THEN 0 ELSE campaign.stored_count(r.failed) END AS failed) AS n
        WHERE r.campaign_id = c.id) AS p ON true;
    IF missed THEN
        PERFORM pg_notify('campaign_progress', jsonb_build_object('id', NULL, 'at', clock_timestamp())::text);
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.outbox_tell(text[], boolean) IS
'Tells the listeners of campaign_progress where these campaigns stand. missed: that changes of others were too many to be told.';
