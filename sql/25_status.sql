-- Status: the row of a campaign, and where it stands.

CREATE FUNCTION campaign.campaign_read(campaign_id text) RETURNS campaign.campaigns
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_campaign campaign.campaigns;
BEGIN
    SELECT * INTO found_campaign FROM campaign.campaigns c WHERE c.id = campaign_read.campaign_id AND NOT c.deleted;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'campaign "%" does not exist', coalesce(left(campaign_id, 40), 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;
    RETURN found_campaign;
END
$$;
COMMENT ON FUNCTION campaign.campaign_read(text) IS
'The campaign, as it is now and without a lock; an error if there is none.';

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
        'pending', c.total - coalesce(p.done, 0) - coalesce(p.sending, 0), 'sending', coalesce(p.sending, 0),
        'sent', coalesce(p.stored - p.undelivered - p.unknown, 0), 'failed', coalesce(p.failed + p.undelivered, 0),
        'suppressed', coalesce(p.suppressed - p.expired, 0), 'expired', coalesce(p.expired, 0), 'unknown', coalesce(p.unknown, 0),
        'cancelled', CASE WHEN c.status = 'cancelled'
                          THEN c.total - coalesce(p.stored, 0) - coalesce(p.failed, 0) - coalesce(p.suppressed, 0) ELSE 0 END,
        'rewinds', coalesce(p.rewinds, 0),
        'progress_percent', CASE WHEN c.total > 0 THEN round(100.0 * (coalesce(p.stored, 0) + coalesce(p.suppressed, 0)) / c.total, 1) ELSE 0 END,
        'classes', coalesce(p.classes, '{}'),
        'segments', campaign.segments_known(c), 'test_of', c.test_of, 'window', campaign.window_state(c.id),
        'per_second', c.per_second, 'canary', CASE WHEN c.canary IS NOT NULL THEN jsonb_build_object(
            'recipients', c.canary, 'failed_max', c.canary_failed_max, 'ended_at', c.canary_ended_at) END,
        'error', coalesce(c.error, p.error),
        'created_at', c.created_at, 'scheduled_at', c.scheduled_at, 'valid_until', c.valid_until,
        'queued_at', c.queued_at, 'started_at', c.started_at,
        'published_at', c.published_at, 'sent_at', c.sent_at, 'updated_at', c.updated_at)
    INTO answer
    FROM campaign.campaigns c
    LEFT JOIN LATERAL (
        SELECT sum(r.published)::bigint AS published,
            sum(campaign.stored_count(r.stored - r.failed - r.suppressed))::bigint AS stored,
            sum(campaign.stored_count(r.suppressed))::bigint AS suppressed,
            sum(campaign.stored_count(r.expired))::bigint AS expired,
            sum(campaign.stored_count(r.failed))::bigint AS failed,
            sum(campaign.stored_count(r.stored))::bigint AS done, sum(campaign.sending_count(r))::bigint AS sending,
            sum(r.undelivered)::bigint AS undelivered, sum(r.unknown)::bigint AS unknown,
            sum(r.rewinds - r.resumes) AS rewinds, min(r.error) AS error,
            jsonb_object_agg(r.class, jsonb_build_object('total', r.total, 'published', r.published,
                'stored', campaign.stored_count(r.stored - r.failed - r.suppressed),
                'sent', campaign.stored_count(r.stored - r.failed - r.suppressed) - r.undelivered - r.unknown,
                'unknown', r.unknown,
                'failed', campaign.stored_count(r.failed) + r.undelivered, 'suppressed', campaign.stored_count(r.suppressed - r.expired),
                'expired', campaign.stored_count(r.expired), 'started_at', r.started_at,
                'stored_at', r.stored_at)) AS classes
        FROM campaign.progress r WHERE r.campaign_id = c.id) AS p ON true
    WHERE c.id = campaign_status.campaign_id AND NOT c.deleted;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'campaign "%" does not exist', coalesce(left(campaign_id, 40), 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;
    -- So is what was split, and goes on as its parts.
    IF answer ->> 'status' = 'cancelled' THEN
        RETURN answer || campaign.parts_brief(campaign_id);
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_status(text) IS
'Where a campaign stands: status, total, published (confirmed by the broker), stored (held by MongoDB), and the recipients by state: pending, sending (held by a sender that lives), sent (with gateway store: stored), failed (refused by MongoDB, or another message is in their place; or the gateway could not deliver), suppressed (on a suppression list, left out), expired (not sent to by its deadline, left out), unknown (docs/senders.md); cancelled (will never be sent), per class too, rewinds (how often confirmed messages were lost and published again), segments (what it costs as SMS: total, longest, warning; null for texts that differ and were not counted yet, see campaign_texts()), test_of (the campaign that it is a test of), window (when it may be sent: hours, time_zone, open, until when that stays so; null: at any time), per_second (its limit), canary (recipients, failed_max, ended_at: when it was judged), and the time of each step. Of a campaign that was split by time zones also parts (how many it has) and parts_status (their status together): see campaign_parts_status().';
