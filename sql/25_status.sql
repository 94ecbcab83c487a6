-- Status: where a campaign stands, and whether everything arrived.

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
        'failed', coalesce(p.failed, 0),
        'cancelled', CASE WHEN c.status = 'cancelled'
                          THEN c.total - coalesce(p.stored, 0) - coalesce(p.failed, 0) ELSE 0 END,
        'rewinds', coalesce(p.rewinds, 0),
        'progress_percent', CASE WHEN c.total > 0 THEN round(100.0 * coalesce(p.stored, 0) / c.total, 1) ELSE 0 END,
        'classes', coalesce(p.classes, '{}'),
        'error', coalesce(c.error, p.error),
        'created_at', c.created_at, 'scheduled_at', c.scheduled_at, 'queued_at', c.queued_at, 'started_at', c.started_at,
        'published_at', c.published_at, 'sent_at', c.sent_at, 'updated_at', c.updated_at)
    INTO answer
    FROM campaign.campaigns c
    LEFT JOIN LATERAL (
        SELECT sum(r.published)::bigint AS published,
            sum(campaign.stored_count(r.stored - r.failed))::bigint AS stored,
            sum(campaign.stored_count(r.failed))::bigint AS failed,
            sum(r.rewinds - r.resumes) AS rewinds, min(r.error) AS error,
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
'Where a campaign stands: status, total, published (confirmed by the broker), stored (held by MongoDB), failed (refused by MongoDB, or another message is in their place), cancelled (will never be sent), per class too, rewinds (how often confirmed messages were lost and published again), and the time of each step.';

CREATE FUNCTION @extschema@.campaign_verify(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    expected bigint;
    stored bigint;
    complete boolean;
BEGIN
    PERFORM @extschema@.campaign_status(campaign_id);
    SELECT count(*) INTO expected FROM campaign.recipients r WHERE r.campaign_id = campaign_verify.campaign_id;
    SELECT coalesce(sum(campaign.stored_count(p.stored - p.failed)), 0),
           coalesce(bool_and(p.stored = int8multirange(int8range(1, p.total + 1))), false)
    INTO stored, complete
    FROM campaign.progress p WHERE p.campaign_id = campaign_verify.campaign_id;
    RETURN jsonb_build_object('ok', complete AND expected = stored, 'expected', expected,
        'stored', stored, 'digest', NULL, 'checked_at', clock_timestamp());
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_verify(text) IS
'Whether the consumer reported exactly the recipients of the campaign as stored in MongoDB: {"ok", "expected", "stored", "digest", "checked_at"}. digest is null: counts are compared, not contents.';
