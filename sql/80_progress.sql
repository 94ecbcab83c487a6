-- Progress: what the worker marks as published, what the consumer reports as stored.

-- The worker's side (src/publish/outbox.c) -----------------------------------------------------------

CREATE FUNCTION campaign.outbox_active()
RETURNS TABLE (campaign_id text, class text, class_number integer, ordered boolean, status text,
    total bigint, published bigint, stored_through bigint, rewinds integer, blocked boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.id, p.class::text, CASE p.class WHEN 'VIP' THEN 0 ELSE 1 END, c.ordered, c.status,
        p.total, p.published, campaign.stored_through(p.stored), p.rewinds,
        EXISTS (SELECT FROM campaign.progress earlier
                WHERE earlier.campaign_id = c.id AND earlier.class < p.class
                  AND NOT earlier.stored @> int8range(1, earlier.total + 1))
    FROM campaign.campaigns c
    JOIN campaign.progress p ON p.campaign_id = c.id
    WHERE c.status IN ('queued', 'publishing', 'published') AND NOT c.deleted
      AND p.total > 0 AND NOT p.stored @> int8range(1, p.total + 1)
    ORDER BY c.queued_at, c.id, p.class;
END
$$;
COMMENT ON FUNCTION campaign.outbox_active() IS
'What the worker has to publish or to watch: a row per class of an unfinished campaign. blocked: an earlier class is not stored completely.';

CREATE FUNCTION campaign.outbox_template(campaign_id text)
RETURNS TABLE (message text, identifier_time bigint, identifier_entropy text, identifier_fingerprint text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.message, c.identifier_time, c.identifier_entropy, c.identifier_fingerprint
    FROM campaign.campaigns c WHERE c.id = outbox_template.campaign_id;
END
$$;
COMMENT ON FUNCTION campaign.outbox_template(text) IS 'What all batches of a campaign share.';

-- What must never happen in the functions below is waiting for a lock that a client holds: one
-- forgotten transaction would stop every campaign. Rows of progress are locked for moments only; a
-- row of campaigns may be locked by a client for hours, and is then left for the next time.

CREATE FUNCTION campaign.outbox_mark(campaign_id text, class text, rewinds integer, published bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    source text;
    finished boolean;
BEGIN
    UPDATE campaign.progress p
    SET published = outbox_mark.published, started_at = coalesce(p.started_at, clock_timestamp())
    WHERE p.campaign_id = outbox_mark.campaign_id AND p.class = outbox_mark.class::campaign.recipient_class
      AND p.rewinds = outbox_mark.rewinds AND p.published <= outbox_mark.published;
    SELECT c.status, NOT EXISTS (
        SELECT FROM campaign.progress p WHERE p.campaign_id = c.id AND p.published < p.total)
    INTO source, finished
    FROM campaign.campaigns c WHERE c.id = outbox_mark.campaign_id;
    IF source <> 'queued' AND NOT (source = 'publishing' AND finished) THEN
        RETURN true;
    END IF;
    -- Somebody may have paused or cancelled it meanwhile: look again under the lock.
    SELECT c.status INTO source FROM campaign.campaigns c WHERE c.id = outbox_mark.campaign_id
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF source = 'queued' THEN
        PERFORM campaign.campaign_transition(campaign_id, 'publishing');
        source := 'publishing';
    END IF;
    IF source = 'publishing' AND finished THEN
        PERFORM campaign.campaign_transition(campaign_id, 'published');
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION campaign.outbox_mark(text, text, integer, bigint) IS
'The broker confirmed a class up to a seq. Ignored if the class was rewound meanwhile. False if the status could not be changed because somebody holds the campaign''s lock: call again.';

CREATE FUNCTION campaign.outbox_rewind(campaign_id text, class text, next_seq bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    target_class campaign.recipient_class := class::campaign.recipient_class;
    restart bigint;
BEGIN
    UPDATE campaign.progress p
    SET stored = CASE WHEN next_seq IS NULL THEN p.stored
                      ELSE p.stored * int8multirange(int8range(1, greatest(next_seq, 1))) END,
        published = CASE WHEN next_seq IS NULL THEN campaign.stored_through(p.stored)
                         ELSE least(greatest(next_seq, 1) - 1, p.total) END,
        rewinds = p.rewinds + 1
    WHERE p.campaign_id = outbox_rewind.campaign_id AND p.class = target_class
      AND EXISTS (SELECT FROM campaign.campaigns c WHERE c.id = p.campaign_id
                  AND c.status IN ('queued', 'publishing', 'published', 'paused'))
    RETURNING p.published INTO restart;
    PERFORM FROM campaign.campaigns c
    WHERE c.id = outbox_rewind.campaign_id AND c.status = 'published'
    FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        PERFORM campaign.campaign_transition(campaign_id, 'publishing');
    END IF;
    PERFORM campaign.worker_wake();
    RETURN restart;
END
$$;
COMMENT ON FUNCTION campaign.outbox_rewind(text, text, bigint) IS
'Publishes a class again from next_seq, or from the end of what is stored; returns the last seq that stays published, NULL if the campaign is not running. Safe: the store knows what it has.';

CREATE FUNCTION campaign.finish(campaign_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns;
    outcome text;
    problem text;
BEGIN
    -- The lock comes before the look at the classes: of two consumers that finish one class
    -- each, the second one sees both.
    SELECT * INTO target FROM campaign.campaigns c WHERE c.id = finish.campaign_id
    FOR NO KEY UPDATE SKIP LOCKED;
    SELECT p.error INTO problem FROM campaign.progress p
    WHERE p.campaign_id = target.id AND p.failed <> '{}' ORDER BY p.class LIMIT 1;
    outcome := CASE WHEN FOUND THEN 'failed' ELSE 'sent' END;
    IF target.id IS NULL OR NOT campaign.transition_allowed(target.status, outcome) OR EXISTS (
        SELECT FROM campaign.progress p
        WHERE p.campaign_id = target.id AND NOT p.stored @> int8range(1, p.total + 1)) THEN
        RETURN false;
    END IF;
    PERFORM campaign.campaign_transition(target.id, outcome);
    UPDATE campaign.campaigns c SET error = problem WHERE c.id = target.id AND problem IS NOT NULL;
    UPDATE campaign.progress p
    SET published = p.total, started_at = coalesce(p.started_at, p.stored_at)
    WHERE p.campaign_id = target.id AND (p.published < p.total OR p.started_at IS NULL);
    RETURN true;
END
$$;
COMMENT ON FUNCTION campaign.finish(text) IS
'Ends a campaign that is stored completely: sent, or failed after a conflict. False if it is not, or if somebody holds its lock: outbox_finish() comes back to it.';

CREATE FUNCTION campaign.outbox_finish() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT count(*) FILTER (WHERE campaign.finish(c.id))
        FROM campaign.campaigns c
        WHERE c.status IN ('queued', 'publishing', 'published', 'paused') AND c.total > 0
          AND NOT EXISTS (SELECT FROM campaign.progress p
                          WHERE p.campaign_id = c.id AND NOT p.stored @> int8range(1, p.total + 1)));
END
$$;
COMMENT ON FUNCTION campaign.outbox_finish() IS
'Ends the campaigns that are stored completely but were locked by somebody when the last report came; returns how many.';

-- The consumer's side (consumer/report.c); docs/contract says the same for other consumers ---

CREATE FUNCTION campaign.report_open(campaign_id text)
RETURNS TABLE (class text, total bigint, stored_through bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.class::text, p.total, campaign.stored_through(p.stored)
    FROM campaign.progress p WHERE p.campaign_id = report_open.campaign_id
    ORDER BY p.class;
END
$$;
COMMENT ON FUNCTION campaign.report_open(text) IS
'The classes of a campaign with their totals and the seq up to which everything was reported; no rows if there is no such campaign.';

CREATE FUNCTION campaign.report_stored(
    campaign_ids text[], classes text[], first_seqs bigint[], last_seqs bigint[]
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    report record;
    finished boolean;
    candidates text[] := '{}';
    candidate text;
    missing integer := 0;
    completed integer := 0;
BEGIN
    -- In the order of the primary key, and all of them before the first campaign is locked, so that
    -- nobody can deadlock.
    FOR report IN
        SELECT r.campaign_id, r.class::campaign.recipient_class AS class,
            range_agg(int8range(r.first_seq, r.last_seq, '[]')) AS stored
        FROM unnest(campaign_ids, classes, first_seqs, last_seqs)
            AS r (campaign_id, class, first_seq, last_seq)
        GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        UPDATE campaign.progress p
        SET stored = p.stored + report.stored * int8multirange(int8range(1, p.total + 1)),
            stored_at = clock_timestamp()
        WHERE p.campaign_id = report.campaign_id AND p.class = report.class
        RETURNING p.stored @> int8range(1, p.total + 1) INTO finished;
        IF NOT FOUND THEN
            missing := missing + 1;
        ELSIF finished THEN
            candidates := candidates || report.campaign_id;
        END IF;
    END LOOP;
    FOREACH candidate IN ARRAY candidates LOOP
        completed := completed + campaign.finish(candidate)::integer;
    END LOOP;
    IF missing > 0 THEN
        RAISE WARNING '% reports are about campaigns that do not exist', missing;
    END IF;
    PERFORM campaign.worker_progress();
    RETURN completed;
END
$$;
COMMENT ON FUNCTION campaign.report_stored(text[], text[], bigint[], bigint[]) IS
'MongoDB holds these ranges of seqs, both ends included: element i of the four arrays belongs together. Idempotent. Marks campaigns that are complete as sent (or failed, after a conflict) and returns how many.';

CREATE FUNCTION campaign.report_gap(campaign_id text, class text, next_seq bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.outbox_rewind(campaign_id, class, next_seq);
END
$$;
COMMENT ON FUNCTION campaign.report_gap(text, text, bigint) IS
'A batch beyond next_seq arrived while MongoDB holds only what is before it: publish again from next_seq.';

CREATE FUNCTION campaign.report_conflict(campaign_id text, class text, seq bigint, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    UPDATE campaign.progress p
    SET failed = p.failed + int8multirange(int8range(seq, seq, '[]')),
        error = coalesce(p.error, format('%s %s: %s', class, seq, left(reason, 500)))
    WHERE p.campaign_id = report_conflict.campaign_id
      AND p.class = report_conflict.class::campaign.recipient_class;
END
$$;
COMMENT ON FUNCTION campaign.report_conflict(text, text, bigint, text) IS
'MongoDB holds another message in the place of this one. Nothing was overwritten; the others go on, and in the end the campaign is failed, with the reason of the first conflict.';

CREATE FUNCTION campaign.worker_progress() RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_worker_progress';
COMMENT ON FUNCTION campaign.worker_progress() IS
'As campaign.worker_wake(), but only if the worker waits for stored messages.';

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
