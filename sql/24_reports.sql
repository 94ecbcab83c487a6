-- Reports: what the consumer says is stored (consumer/report.c). docs/contract describes them
-- for consumers in other languages.

-- Whoever changes the progress of more than one class, or of more than one campaign, takes all of it first.
CREATE FUNCTION campaign.progress_lock(campaign_ids text[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM campaign.progress p WHERE p.campaign_id = ANY (progress_lock.campaign_ids)
    ORDER BY p.campaign_id, p.class FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION campaign.progress_lock(text[]) IS
'Locks the progress of campaigns in the one order in which everybody does: nobody waits for somebody who waits for them.';

CREATE FUNCTION campaign.campaign_complete(campaign_id text) RETURNS boolean
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
    SELECT * INTO target FROM campaign.campaigns c WHERE c.id = campaign_complete.campaign_id
    FOR NO KEY UPDATE SKIP LOCKED;
    -- Likewise of two who change a class. Nor does the worker wait for anybody here.
    IF (SELECT count(*) FROM campaign.progress p WHERE p.campaign_id = target.id) > (
        SELECT count(*) FROM (SELECT FROM campaign.progress p WHERE p.campaign_id = target.id
                              ORDER BY p.class FOR NO KEY UPDATE SKIP LOCKED) AS held) THEN
        RETURN false;
    END IF;
    SELECT p.error INTO problem FROM campaign.progress p
    WHERE p.campaign_id = target.id AND p.failed <> '{}' ORDER BY p.class LIMIT 1;
    outcome := CASE WHEN FOUND THEN 'failed' ELSE 'sent' END;
    IF outcome = 'sent' THEN
        problem := campaign.fates_problem(target.id);
        outcome := CASE WHEN problem IS NULL THEN 'sent' ELSE 'failed' END;
    END IF;
    IF target.id IS NULL OR NOT campaign.transition_allowed(target.status, outcome) OR EXISTS (
        SELECT FROM campaign.progress p
        WHERE p.campaign_id = target.id AND NOT p.stored @> int8range(1, p.total + 1)) THEN
        RETURN false;
    END IF;
    PERFORM campaign.campaign_transition(target.id, outcome);
    UPDATE campaign.campaigns c SET error = problem WHERE c.id = target.id AND problem IS NOT NULL;
    UPDATE campaign.progress p
    SET published = p.total, started_at = coalesce(p.started_at, p.stored_at),
        published_at = coalesce(p.published_at, p.stored_at)
    WHERE p.campaign_id = target.id AND (p.published < p.total OR p.started_at IS NULL);
    RETURN true;
END
$$;
COMMENT ON FUNCTION campaign.campaign_complete(text) IS
'Ends a campaign that is stored completely: sent, or failed after a conflict, or if a sender reached nobody. False if it is not complete, or if somebody holds its lock or that of a class: then outbox_finish() ends it later.';

CREATE FUNCTION campaign.report_primary_check() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A standby, or the old primary after a failover, may not have a valid campaign yet, nor know
    -- that one is paused.
    IF current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION 'the server is read-only' USING ERRCODE = 'read_only_sql_transaction';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.report_primary_check() IS 'An error on a read-only server.';

CREATE FUNCTION campaign.valid_ms(target campaign.campaigns) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN target.expired_at IS NOT NULL OR target.valid_until <= clock_timestamp() THEN 0
        ELSE floor(extract(epoch FROM target.valid_until - clock_timestamp()) * 1000) END;
END
$$;
COMMENT ON FUNCTION campaign.valid_ms(campaign.campaigns) IS
'Milliseconds until the deadline of a campaign, by the server''s clock; 0: it has passed, NULL: it has none.';

CREATE FUNCTION campaign.report_open(campaign_id text)
RETURNS TABLE (class text, total bigint, stored_through bigint, failed int8multirange, halted boolean, valid_ms bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM campaign.report_primary_check();
    RETURN QUERY
    SELECT p.class::text, p.total, campaign.stored_through(p.stored), p.failed + p.suppressed + p.lost,
        c.status IN ('paused', 'cancelled') OR campaign.window_halts(c), campaign.valid_ms(c)
    FROM campaign.progress p JOIN campaign.campaigns c ON c.id = p.campaign_id
    WHERE p.campaign_id = report_open.campaign_id
    ORDER BY p.class;
END
$$;
COMMENT ON FUNCTION campaign.report_open(text) IS
'The classes of a campaign with their totals, the seq up to which everything was reported, the seqs that MongoDB need not hold although they are done (report_conflict(), suppressed, or lost for good), whether the campaign is halted (report_halted()), and the milliseconds until its deadline (report_stopped()); no rows if there is no such campaign. An error on a read-only server.';

CREATE FUNCTION campaign.report_halted(campaign_ids text[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.report_primary_check();
    RETURN QUERY
    SELECT c.id FROM campaign.campaigns c
    WHERE c.id = ANY (campaign_ids)
      AND (c.status IN ('paused', 'cancelled') OR c.expired_at IS NOT NULL OR c.valid_until <= clock_timestamp()
        OR campaign.window_halts(c));
END
$$;
COMMENT ON FUNCTION campaign.report_halted(text[]) IS
'Which of these campaigns are paused, cancelled, outside their send window or behind their deadline: nothing more of them may be stored. What was received of them before this call is reported if MongoDB already has it, and acknowledged: a campaign that is resumed, or whose window opens, is published again from there. Ask before storing if the last answer is older than a quarter of a second. An error on a read-only server.';

CREATE FUNCTION campaign.report_stopped(campaign_ids text[])
RETURNS TABLE (campaign_id text, halted boolean, valid_ms bigint, cancelled boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM campaign.report_primary_check();
    RETURN QUERY
    SELECT c.id, s.halted, campaign.valid_ms(c), c.status = 'cancelled'
    FROM campaign.campaigns c,
        LATERAL (SELECT c.status IN ('paused', 'cancelled')
                     OR campaign.window_halts(c) AS halted) AS s
    WHERE c.id = ANY (campaign_ids) AND (s.halted OR c.valid_until IS NOT NULL);
END
$$;
COMMENT ON FUNCTION campaign.report_stopped(text[]) IS
'Which of these campaigns are halted (report_halted()), for good if they are cancelled, and which have a deadline: milliseconds until then, counted from before this call; 0: it has passed. Of the latter nothing more may be stored or sent from then on, as if they were halted, but what comes without recipients is reported as suppressed. An error on a read-only server.';

-- The consumer's password is on another machine. Whoever has it can report what they like, so a report
-- counts only where a consumer can have something to report.
CREATE FUNCTION campaign.report_counts(campaign_id text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- What was stored when a campaign was cancelled is reported afterwards.
    RETURN EXISTS (
        SELECT FROM campaign.campaigns c WHERE c.id = report_counts.campaign_id
          AND (c.status IN ('queued', 'publishing', 'published', 'paused')
               OR c.status = 'cancelled' AND c.queued_at IS NOT NULL));
END
$$;
COMMENT ON FUNCTION campaign.report_counts(text) IS
'Whether reports about a campaign change anything: it is running, or was when it was cancelled.';

-- The caller holds the progress of all classes, so that of two consumers that store the last of one class
-- each, the second one sees both.
CREATE FUNCTION campaign.report_ends(
    campaign_id text, class campaign.recipient_class, stored int8multirange
) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce((
        SELECT bool_and(int8range(1, p.total + 1) <@ CASE WHEN p.class = report_ends.class
                                                     THEN p.stored + report_ends.stored ELSE p.stored END)
        FROM campaign.progress p WHERE p.campaign_id = report_ends.campaign_id), false)
        AND EXISTS (SELECT FROM campaign.campaigns c WHERE c.id = report_ends.campaign_id
                    AND campaign.transition_allowed(c.status, 'sent'));
END
$$;
COMMENT ON FUNCTION campaign.report_ends(text, campaign.recipient_class, int8multirange) IS
'Whether a campaign ends once these ranges of a class are reported.';

CREATE FUNCTION campaign.report_checked(
    campaign_ids text[], classes text[], first_seqs bigint[], last_seqs bigint[], checked text[],
    suppressed boolean[] DEFAULT '{}'
) RETURNS TABLE (campaign_id text, class text, total bigint, failed bigint, left_out bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
#variable_conflict use_column
DECLARE
    report record;
    finished boolean;
    sample_is_due boolean;
    candidates text[] := '{}';
    candidate text;
    missing integer := 0;
BEGIN
    -- All of them before the first campaign is locked.
    PERFORM campaign.progress_lock(campaign_ids);
    FOR report IN
        SELECT r.campaign_id, r.class::campaign.recipient_class AS class,
            range_agg(int8range(r.first_seq, r.last_seq, '[]')) AS stored,
            -- What the same report says is stored was not left out.
            nullif(range_agg(int8range(r.first_seq, r.last_seq, '[]')) FILTER (WHERE r.suppressed)
                - coalesce(range_agg(int8range(r.first_seq, r.last_seq, '[]')) FILTER (WHERE r.suppressed IS NOT TRUE), '{}'),
                '{}') AS suppressed,
            r.campaign_id = ANY (checked) AS is_checked
        FROM unnest(campaign_ids, classes, first_seqs, last_seqs, report_checked.suppressed)
            AS r (campaign_id, class, first_seq, last_seq, suppressed)
        GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        IF NOT campaign.report_counts(report.campaign_id) THEN
            PERFORM campaign.dead_report(report.campaign_id, report.class, report.stored - coalesce(report.suppressed, '{}'));
            missing := missing + (NOT EXISTS (
                SELECT FROM campaign.campaigns c WHERE c.id = report.campaign_id))::integer;
            CONTINUE;
        END IF;
        PERFORM campaign.suppressed_report(report.campaign_id, report.class, report.stored, report.suppressed);
        -- What this report alone covers was stored just now: a check would say nothing new.
        UPDATE campaign.progress p
        SET stored = p.stored + report.stored * int8multirange(int8range(1, p.total + 1)),
            -- What is published again comes again, and nothing has moved.
            stored_at = CASE WHEN p.stored @> (report.stored * int8multirange(int8range(1, p.total + 1)))
                        THEN p.stored_at ELSE clock_timestamp() END
        WHERE p.campaign_id = report.campaign_id AND p.class = report.class
          AND (report.is_checked OR NOT (p.stored + report.stored) @> int8range(1, p.total + 1)
               OR (report.stored @> int8range(1, p.total + 1) AND NOT EXISTS (
                       SELECT FROM campaign.progress other
                       WHERE other.campaign_id = p.campaign_id AND other.class <> p.class)))
        RETURNING p.stored @> int8range(1, p.total + 1),
            p.total > 100 AND (p.sample_after > clock_timestamp()) IS NOT TRUE INTO finished, sample_is_due;
        IF NOT FOUND THEN
            IF campaign.report_ends(report.campaign_id, report.class, report.stored) THEN
                RETURN QUERY
                SELECT p.campaign_id, p.class::text, p.total, campaign.stored_count(p.failed + p.suppressed + p.lost),
                    campaign.stored_count(p.suppressed + p.lost)
                FROM campaign.progress p WHERE p.campaign_id = report.campaign_id AND p.total > 0
                ORDER BY p.class;
                CONTINUE;
            END IF;
            UPDATE campaign.progress p
            SET stored = p.stored + report.stored * int8multirange(int8range(1, p.total + 1)),
                stored_at = CASE WHEN p.stored @> (report.stored * int8multirange(int8range(1, p.total + 1)))
                            THEN p.stored_at ELSE clock_timestamp() END
            WHERE p.campaign_id = report.campaign_id AND p.class = report.class
            RETURNING p.stored @> int8range(1, p.total + 1) INTO finished;
            missing := missing + (NOT FOUND)::integer;
        END IF;
        PERFORM campaign.campaign_changed(report.campaign_id);
        IF sample_is_due THEN
            PERFORM campaign.sample_take(report.campaign_id, report.class);
        END IF;
        IF finished THEN
            candidates := candidates || report.campaign_id;
        END IF;
    END LOOP;
    FOREACH candidate IN ARRAY candidates LOOP
        IF campaign.campaign_complete(candidate) THEN
            campaign_id := candidate;
            RETURN NEXT;
        END IF;
    END LOOP;
    IF missing > 0 THEN
        -- SOMETIMES(consumer.report_of_no_campaign)
        RAISE WARNING '% reports are about campaigns that do not exist', missing;
    END IF;
    PERFORM campaign.worker_progress();
END
$$;
COMMENT ON FUNCTION campaign.report_checked(text[], text[], bigint[], bigint[], text[], boolean[]) IS
'As report_stored(), but ranges that would end a campaign are recorded only if checked has its id: the caller has checked that MongoDB still holds all of it. Returns a row without class for each campaign that has now ended, and the classes of those that have to be checked: count their documents, then report again with their ids in checked. With total - left_out documents nothing is lost; with fewer, some were refused, or some are lost: none of failed (report_open()) has to be there. Ranges that are the whole campaign need no check. suppressed: which of the ranges came without recipients, and are not in MongoDB.';

CREATE FUNCTION campaign.report_stored(
    campaign_ids text[], classes text[], first_seqs bigint[], last_seqs bigint[]
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT count(*) FROM campaign.report_checked(campaign_ids, classes, first_seqs, last_seqs, campaign_ids));
END
$$;
COMMENT ON FUNCTION campaign.report_stored(text[], text[], bigint[], bigint[]) IS
'MongoDB holds these ranges of seqs, both ends included; the elements i of the four arrays belong together. Idempotent. Marks campaigns that are complete as sent (or failed, after a conflict) and returns how many.';

CREATE FUNCTION campaign.report_gap(campaign_id text, class text, next_seq bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
    PERFORM campaign.outbox_rewind(report_gap.campaign_id, report_gap.class, report_gap.next_seq)
    FROM campaign.progress p
    WHERE p.campaign_id = report_gap.campaign_id AND p.class = report_gap.class::campaign.recipient_class
      AND report_gap.next_seq BETWEEN 1 AND p.total;
END
$$;
COMMENT ON FUNCTION campaign.report_gap(text, text, bigint) IS
'A batch beyond next_seq arrived while MongoDB holds only what is before it: publish again from next_seq.';

CREATE FUNCTION campaign.report_conflict(campaign_id text, class text, seq bigint, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
#variable_conflict use_variable
BEGIN
    IF NOT campaign.report_counts(report_conflict.campaign_id) THEN
        PERFORM campaign.dead_refused(campaign_id, class::campaign.recipient_class, seq);
    END IF;
    UPDATE campaign.progress p
    SET failed = p.failed + int8multirange(int8range(seq, seq, '[]')),
        error = coalesce(p.error, format('%s %s: %s', class, seq, left(reason, 500)))
    WHERE p.campaign_id = report_conflict.campaign_id
      AND p.class = report_conflict.class::campaign.recipient_class
      AND seq BETWEEN 1 AND p.total
      AND (campaign.report_counts(report_conflict.campaign_id)
           OR (campaign.dead_replays(p.campaign_id, p.class, int8multirange(int8range(seq, seq, '[]')))).under_way @> seq);
    PERFORM campaign.campaign_changed(campaign_id);
END
$$;
COMMENT ON FUNCTION campaign.report_conflict(text, text, bigint, text) IS
'MongoDB holds another message in the place of this one, or refuses it. Nothing was overwritten; the others go on, and the campaign ends failed, with the reason of the first such message. Without effect if the campaign is not running.';

CREATE FUNCTION campaign.worker_progress() RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_worker_progress';
COMMENT ON FUNCTION campaign.worker_progress() IS
'As campaign.worker_wake(), but only if the worker waits for stored messages.';
