-- The outbox: what the worker has to publish, and what it records about it (src/publish/outbox.c).

-- Tens of thousands of campaigns may be unfinished: the worker reads them page by page, and serves a
-- new one, the broker and a shutdown between two pages.
CREATE FUNCTION campaign.outbox_page(part text, after_id text, most integer) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    after_queued_at timestamptz := coalesce(
        (SELECT c.queued_at FROM campaign.campaigns c WHERE c.id = after_id), '-infinity');
BEGIN
    IF part = 'queued' THEN
        RETURN ARRAY(SELECT c.id FROM campaign.campaigns c
                     WHERE c.status = 'queued' AND (c.queued_at, c.id) > (after_queued_at, coalesce(after_id, ''))
                     ORDER BY c.queued_at, c.id LIMIT most);
    ELSIF part = 'open' THEN
        RETURN ARRAY(SELECT c.id FROM campaign.campaigns c
                     WHERE c.status IN ('queued', 'publishing')
                       AND (c.queued_at, c.id) > (after_queued_at, coalesce(after_id, ''))
                     ORDER BY c.queued_at, c.id LIMIT most);
    END IF;
    RETURN ARRAY(SELECT c.id FROM campaign.campaigns c
                 WHERE c.status IN ('published', 'paused') AND c.id > coalesce(after_id, '')
                 ORDER BY c.id LIMIT most);
END
$$;
COMMENT ON FUNCTION campaign.outbox_page(text, text, integer) IS
'Ids of unfinished campaigns, so many at most, behind after_id. part: queued or open (queued and being published), both in the order of dispatch; waiting (published and paused).';

CREATE FUNCTION campaign.outbox_active(campaign_ids text[])
RETURNS TABLE (campaign_id text, class text, class_number integer, ordered boolean, status text,
    total bigint, published bigint, stored_through bigint, rewinds integer, blocked boolean, expired boolean,
    rate_thousandths bigint, last bigint, canary_is_over boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.id, p.class::text, CASE p.class WHEN 'VIP' THEN 0 ELSE 1 END, c.ordered, c.status,
        p.total, p.published,
        CASE WHEN p.stored = '{}' THEN 0 WHEN c.ordered THEN campaign.stored_through(p.stored)
             ELSE campaign.stored_count(p.stored) END, p.rewinds,
        p.class > 'VIP' AND EXISTS (
            SELECT FROM campaign.progress earlier
            WHERE earlier.campaign_id = c.id AND earlier.class < p.class
              AND NOT earlier.stored @> int8range(1, earlier.total + 1)),
        c.expired_at IS NOT NULL,
        -- What has expired is left out at once.
        CASE WHEN c.expired_at IS NULL THEN coalesce(c.per_second * 1000, 0)::bigint ELSE 0 END,
        CASE WHEN c.canary IS NULL OR c.canary_ended_at IS NOT NULL OR c.expired_at IS NOT NULL THEN p.total
             ELSE campaign.canary_last(c, p) END,
        c.canary IS NOT NULL AND c.canary_ended_at IS NULL AND c.expired_at IS NULL AND campaign.canary_is_over(c)
    FROM unnest(campaign_ids) AS asked (id)
    JOIN campaign.campaigns c ON c.id = asked.id
    JOIN campaign.progress p ON p.campaign_id = c.id
    WHERE c.status IN ('queued', 'publishing', 'published') AND NOT c.deleted
      -- Behind its deadline and not expired yet: outbox_due() comes to it.
      AND (c.valid_until > clock_timestamp() OR c.expired_at IS NOT NULL OR c.valid_until IS NULL)
      AND p.total > 0 AND NOT p.stored @> int8range(1, p.total + 1)
      -- As campaign.window_closed(), which would be called for each. What has expired is left out at any hour.
      AND (c.expired_at IS NOT NULL OR NOT EXISTS (
          SELECT FROM campaign.send_windows w
          WHERE w.campaign_id = c.id AND (w.opened_at <= clock_timestamp() AND w.halts_at > clock_timestamp()) IS NOT TRUE))
      -- What lies behind what was left out comes after it: deadlines_turn() sets it back first.
      AND (c.former_deadline IS NULL OR c.former_deadline > clock_timestamp());
END
$$;
COMMENT ON FUNCTION campaign.outbox_active(text[]) IS
'Of these campaigns, what the worker has to publish, or what is published and not stored: a row per class of an unfinished campaign whose send window is not closed. stored_through: how much is stored, without a gap if it is ordered. blocked: an earlier class is not stored completely. expired: its deadline has passed, what is not stored is left out. rate_thousandths: of a recipient a second; 0 without a limit. last: to be published for now; canary_is_over: it can be judged (outbox_canary()).';

CREATE FUNCTION campaign.outbox_template(campaign_id text, class text)
RETURNS TABLE (message text, identifier_time bigint, identifier_entropy text, identifier_fingerprint text,
    message_version integer, attributes_outcome text, placeholders boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.message, c.identifier_time, c.identifier_entropy, c.identifier_fingerprint, c.message_version,
        campaign.attributes_outcome(c.generated, outbox_template.class::campaign.recipient_class)::text, c.placeholders
    FROM campaign.campaigns c WHERE c.id = outbox_template.campaign_id;
END
$$;
COMMENT ON FUNCTION campaign.outbox_template(text, text) IS 'What all batches of a class of a campaign share.';

-- The functions below must never wait for a lock that a client holds: one forgotten transaction
-- would stop every campaign. A client that resumes, resolves or replays locks progress, too, until it
-- commits: a row of either table that is locked is left for the next time.

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
    PERFORM FROM campaign.progress p
    WHERE p.campaign_id = outbox_mark.campaign_id AND p.class = outbox_mark.class::campaign.recipient_class
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        -- SOMETIMES(worker.mark_under_a_lock)
        RETURN false;
    END IF;
    UPDATE campaign.progress p
    SET published = outbox_mark.published, started_at = coalesce(p.started_at, clock_timestamp()),
        published_at = CASE WHEN p.published < p.total AND outbox_mark.published >= p.total
                            THEN coalesce(p.published_at, clock_timestamp()) ELSE p.published_at END
    WHERE p.campaign_id = outbox_mark.campaign_id AND p.class = outbox_mark.class::campaign.recipient_class
      AND p.rewinds = outbox_mark.rewinds AND p.published <= outbox_mark.published;
    -- SOMETIMES(worker.mark_before_rewind): NOT FOUND
    PERFORM campaign.campaign_changed(campaign_id);
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
'Records that the broker confirmed a class up to a seq; ignored if the class was rewound meanwhile. False if somebody holds the lock of the class, or that of the campaign and its status was to change: call again.';

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
    -- Without next_seq it is the worker, which waits for nobody. A consumer waits as for its reports.
    IF next_seq IS NULL THEN
        PERFORM FROM campaign.progress p
        WHERE p.campaign_id = outbox_rewind.campaign_id AND p.class = target_class
        FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    UPDATE campaign.progress p
    SET stored = CASE WHEN next_seq IS NULL THEN p.stored
                      ELSE p.stored * int8multirange(int8range(1, greatest(next_seq, 1))) END,
        published = CASE WHEN next_seq IS NULL THEN campaign.stored_through(p.stored)
                         ELSE least(greatest(next_seq, 1) - 1, p.total) END,
        rewinds = p.rewinds + 1
    WHERE p.campaign_id = outbox_rewind.campaign_id AND p.class = target_class
      AND EXISTS (SELECT FROM campaign.campaigns c WHERE c.id = p.campaign_id
                  AND c.status IN ('queued', 'publishing', 'published', 'paused'))
      -- What a sender is busy with has not stalled; a second delivery would only wait for it.
      AND (next_seq IS NOT NULL OR NOT campaign.sender_holds(p.campaign_id, outbox_rewind.class))
    RETURNING p.published INTO restart;
    -- SOMETIMES(worker.rewind_of_what_has_ended): NOT FOUND
    IF restart IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM campaign.campaign_changed(campaign_id);
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
'Publishes a class again from next_seq, or from the end of what is stored; returns the last seq that stays published, NULL if the campaign is not running, or, without next_seq, if a sender holds some of it or somebody the lock of the class. Safe, because storing is idempotent.';

CREATE FUNCTION campaign.outbox_due() RETURNS double precision
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    due text;
    turn double precision;
    -- What cannot be done now is tried again after a second, and stops no other campaign.
    soonest double precision;
BEGIN
    FOR due IN
        SELECT c.id FROM campaign.campaigns c
        WHERE c.status = 'scheduled' AND c.scheduled_at <= clock_timestamp() AND NOT c.deleted
        ORDER BY c.scheduled_at, c.id LIMIT 1000
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            IF campaign.schedule_holds(due) THEN
                PERFORM campaign.campaign_transition(due, 'queued', 'its time has come');
            ELSE
                PERFORM campaign.schedule_end(due);
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            soonest := 1;
        WHEN OTHERS THEN
            RAISE WARNING 'campaign % cannot be queued, though its time has come: %', due, SQLERRM;
            soonest := 1;
        END;
    END LOOP;
    FOR due IN
        SELECT c.id FROM campaign.campaigns c
        -- An insert that began just before the deadline has ended by then.
        WHERE c.valid_until <= clock_timestamp() - interval '1 second' AND c.expired_at IS NULL
          AND c.status IN ('queued', 'publishing', 'published', 'paused')
        ORDER BY c.valid_until, c.id LIMIT 1000
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            PERFORM campaign.campaign_expire(due);
        EXCEPTION WHEN lock_not_available THEN
            soonest := 1;
        WHEN OTHERS THEN
            RAISE WARNING 'campaign % cannot expire, though its deadline has passed: %', due, SQLERRM;
            soonest := 1;
        END;
    END LOOP;
    turn := least(campaign.windows_turn(), campaign.deadlines_turn());
    RETURN greatest(soonest, least(turn, (
        SELECT extract(epoch FROM least(
            (SELECT min(c.scheduled_at) FROM campaign.campaigns c WHERE c.status = 'scheduled' AND NOT c.deleted),
            (SELECT min(c.valid_until) + interval '1 second' FROM campaign.campaigns c
             WHERE c.valid_until IS NOT NULL AND c.expired_at IS NULL
               AND c.status IN ('queued', 'publishing', 'published', 'paused'))) - clock_timestamp()))));
END
$$;
COMMENT ON FUNCTION campaign.outbox_due() IS
'Queues the scheduled campaigns whose time has come, lets those expire whose deadline has passed, opens send windows, and has published again what was left out for a deadline that was put off; returns the seconds until the next of these, NULL if there is none. One that a client has locked comes with the next call.';

CREATE FUNCTION campaign.outbox_finish(campaign_ids text[]) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT count(*) FILTER (WHERE campaign.campaign_complete(c.id))
        FROM unnest(campaign_ids) AS asked (id)
        JOIN campaign.campaigns c ON c.id = asked.id
        WHERE c.status IN ('queued', 'publishing', 'published', 'paused') AND c.total > 0
          AND NOT EXISTS (SELECT FROM campaign.progress p
                          WHERE p.campaign_id = c.id AND NOT p.stored @> int8range(1, p.total + 1)));
END
$$;
COMMENT ON FUNCTION campaign.outbox_finish(text[]) IS
'Ends those of these campaigns that are stored completely but were locked by somebody when the last report came; returns how many.';
