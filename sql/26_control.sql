-- What a client does with a campaign besides dispatching it: schedule, pause, resume, cancel, reset,
-- and reading who did what. Each verb is one move of campaign_transition() in the caller's transaction.

CREATE FUNCTION @extschema@.campaign_schedule(campaign_id text, at timestamptz, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
BEGIN
    IF at IS NULL THEN
        IF target.status <> 'scheduled' THEN
            RAISE EXCEPTION 'campaign "%" is %: only a scheduled one can lose its time', target.id, target.status
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        PERFORM campaign.campaign_transition(target.id, 'draft', reason);
    ELSE
        IF NOT isfinite(at) THEN
            RAISE EXCEPTION 'the time of a schedule must be finite' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        PERFORM campaign.worker_require();
        PERFORM campaign.dispatch_check(target);
        PERFORM campaign.texts_settle(target);
        IF target.status = 'draft' THEN
            PERFORM campaign.campaign_transition(target.id, 'scheduled', reason);
        ELSE
            PERFORM campaign.event_add(target.id, 'scheduled', 'scheduled', reason);
        END IF;
    END IF;
    UPDATE campaign.campaigns c
    SET scheduled_at = at, updated_at = clock_timestamp(),
        schedule_event = (SELECT max(e.number) FROM campaign.events e WHERE e.campaign_id = target.id)
    WHERE c.id = target.id;
    -- The worker asks for what is due once a second.
    IF at <= clock_timestamp() THEN
        PERFORM campaign.campaign_transition(target.id, 'queued', 'its time has come');
    END IF;
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(target.id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_schedule(text, timestamptz, text) IS
'Dispatches a draft at a time, at once if that has passed; another call changes the time, NULL makes it a draft again. Returns its status.';

CREATE FUNCTION campaign.schedule_holds(campaign_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Of an application only that counts: somebody else may have taken it over.
    RETURN coalesce((
        SELECT campaign.account_entitled(CASE WHEN e.application_id IS NULL THEN e.user_id END, e.application_id, c.company_id)
        FROM campaign.campaigns c
        JOIN campaign.events e ON e.campaign_id = c.id AND e.number = c.schedule_event
        WHERE c.id = schedule_holds.campaign_id), true);
END
$$;
COMMENT ON FUNCTION campaign.schedule_holds(text) IS
'Whether whoever has given a campaign its time may still dispatch it.';

CREATE FUNCTION campaign.schedule_end(campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.campaign_transition(campaign_id, 'draft', NULL, 'who scheduled it is no member of the company any more');
    UPDATE campaign.campaigns c SET scheduled_at = NULL WHERE c.id = schedule_end.campaign_id;
END
$$;
COMMENT ON FUNCTION campaign.schedule_end(text) IS
'Makes a draft again of a campaign whose time was given by somebody, or an application, who may not dispatch it any more.';

CREATE FUNCTION @extschema@.campaign_pause(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.campaign_lock(campaign_id);
    PERFORM campaign.campaign_transition(campaign_id, 'paused', reason);
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(campaign_id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_pause(text, text) IS
'Stops a campaign: within a second of the commit nothing more of it is published or stored, whatever the broker holds. Returns its status.';

-- What the ends of all halts have in common: a pause, a send window, a deadline.
CREATE FUNCTION campaign.campaign_restart(
    target campaign.campaigns, reason text, still_since timestamptz DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    next_status text := CASE target.status WHEN 'paused' THEN 'queued' WHEN 'published' THEN 'publishing' END;
BEGIN
    PERFORM campaign.progress_lock(ARRAY[target.id]);
    -- The consumers may have dropped what was in the queue.
    UPDATE campaign.progress p
    SET published = campaign.stored_through(p.stored), rewinds = p.rewinds + 1, resumes = p.resumes + 1,
        samples = CASE WHEN still_since IS NULL OR p.samples = '{}' THEN p.samples
                       ELSE campaign.samples_pause(p.samples, still_since, clock_timestamp()) END
    WHERE p.campaign_id = target.id;
    -- Behind one that was put off there may be another.
    UPDATE campaign.campaigns c
    SET (former_deadline, later_deadlines) = (
        SELECT min(d), coalesce((array_agg(d ORDER BY d))[2:], '{}') FROM unnest(c.later_deadlines) AS d
        WHERE d > clock_timestamp())
    WHERE c.id = target.id AND c.former_deadline <= clock_timestamp();
    IF next_status IS NOT NULL THEN
        PERFORM campaign.campaign_transition(target.id, next_status, reason);
    ELSE
        PERFORM campaign.event_add(target.id, target.status, target.status, reason);
        PERFORM campaign.campaign_changed(target.id);
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.campaign_restart(campaign.campaigns, text, timestamptz) IS
'Has each class of a running or paused campaign published again from the end of what is stored, whatever consumers have dropped of it: nothing is skipped, and storing makes of what comes twice one document. A confirm from before does not count any more (rewinds), and nothing was lost (resumes). Nobody has to wait for campaign.stall_timeout. still_since: it has stood still since then, which is taken out of its pace. Of deadlines that were put off the next one is waited for, if this was for the first. The caller holds the campaign''s lock.';

CREATE FUNCTION @extschema@.campaign_resume(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
BEGIN
    IF target.status <> 'paused' THEN
        RAISE EXCEPTION 'campaign "%" is %: only a paused one can be resumed', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM campaign.worker_require();
    PERFORM campaign.campaign_restart(target, reason, (
        SELECT max(e.created_at) FROM campaign.events e WHERE e.campaign_id = target.id AND e.target = 'paused'));
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(target.id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_resume(text, text) IS
'Continues a paused campaign from the end of what is stored: nothing is skipped, nothing stored twice. Returns its status.';

CREATE FUNCTION @extschema@.campaign_cancel(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.campaign_lock(campaign_id);
    PERFORM campaign.generation_cancel(campaign_id);
    PERFORM campaign.campaign_transition(campaign_id, 'cancelled', reason);
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(campaign_id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_cancel(text, text) IS
'Ends a campaign for good, with the job that generates its records: within a second of the commit nothing more of it is published or stored. What is stored stays. Returns its status, with the number of recipients that will never be sent as "cancelled".';

CREATE FUNCTION campaign.campaign_expire(campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id, even_deleted => true);
BEGIN
    UPDATE campaign.campaigns c
    SET expired_at = clock_timestamp(), former_deadline = NULL, later_deadlines = '{}', updated_at = clock_timestamp()
    WHERE c.id = target.id;
    -- What comes now comes without recipients.
    PERFORM campaign.campaign_restart(target, 'its deadline has passed: what was not sent expires');
END
$$;
COMMENT ON FUNCTION campaign.campaign_expire(text) IS
'Lets all of a running campaign expire that is not stored: the worker publishes it without recipients from now on. Only the consumers know what was begun before, so each of them reports what became of it.';

-- A transaction may put a deadline off and end when that has passed already: until then consumers knew
-- the old one only, and have left out what they had. So, too, one that ends just before: what a consumer
-- was told is not younger than its question.
CREATE FUNCTION campaign.deadlines_turn() RETURNS double precision
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Whoever stood still for longer has lost the connection to the broker, and what it had comes again.
    answer_age CONSTANT interval := '2 minutes';
    due campaign.campaigns;
    soonest double precision;
BEGIN
    FOR due IN
        SELECT * FROM campaign.campaigns c
        WHERE c.former_deadline IS NOT NULL AND c.status IN ('queued', 'publishing', 'published')
          AND (c.former_deadline <= clock_timestamp() OR c.former_deadline > clock_timestamp() + answer_age
               OR c.later_deadlines[cardinality(c.later_deadlines)] > clock_timestamp() + answer_age)
        ORDER BY c.former_deadline, c.id LIMIT 1000
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            -- Each by itself: the first one may be near, and another put off in good time.
            UPDATE campaign.campaigns c
            SET former_deadline = CASE WHEN c.former_deadline <= clock_timestamp() + answer_age THEN c.former_deadline END,
                later_deadlines = ARRAY(SELECT d FROM unnest(c.later_deadlines) AS d
                                        WHERE d <= clock_timestamp() + answer_age ORDER BY d)
            WHERE c.id = due.id;
            IF due.former_deadline <= clock_timestamp() THEN
                -- SOMETIMES(worker.deadline_put_off_late)
                PERFORM campaign.campaign_restart(due, 'a deadline has passed that was put off: what was left out for it goes on',
                    due.former_deadline);
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            soonest := 1;
        WHEN OTHERS THEN
            RAISE WARNING 'campaign % cannot go on after a deadline that was put off: %', due.id, SQLERRM;
            soonest := 1;
        END;
    END LOOP;
    RETURN greatest(soonest, (
        SELECT extract(epoch FROM min(c.former_deadline) - clock_timestamp()) FROM campaign.campaigns c
        WHERE c.former_deadline IS NOT NULL AND c.status IN ('queued', 'publishing', 'published')));
END
$$;
COMMENT ON FUNCTION campaign.deadlines_turn() IS
'Has campaigns published again whose deadline was put off by a transaction that ended when it had passed, or less than two minutes before: then when it has passed; returns the seconds until the next one, NULL if there is none. One that a client has locked comes with the next call.';

CREATE FUNCTION campaign.deadline_of(
    target campaign.campaigns, valid_until timestamptz, valid_for interval
) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deadline timestamptz := coalesce(valid_until, target.queued_at + valid_for);
BEGIN
    IF num_nonnulls(valid_until, valid_for) = 2 THEN
        RAISE EXCEPTION 'a deadline is valid_until or valid_for, not both' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF valid_for > interval '10 years' OR deadline > clock_timestamp() + interval '100 years' THEN
        RAISE EXCEPTION 'the deadline is too far away' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out.';
    END IF;
    IF valid_for <= '0'::interval OR NOT isfinite(valid_for) OR NOT isfinite(deadline) OR deadline <= clock_timestamp() THEN
        RAISE EXCEPTION 'the deadline would have passed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF target.status IN ('sent', 'failed', 'cancelled') OR target.expired_at IS NOT NULL
        OR target.queued_at IS NOT NULL AND target.valid_until <= clock_timestamp() THEN
        RAISE EXCEPTION 'campaign "%" is over, or its deadline has passed', target.id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN deadline;
END
$$;
COMMENT ON FUNCTION campaign.deadline_of(campaign.campaigns, timestamptz, interval) IS
'The deadline that is asked for; NULL: none, or that is known when it is dispatched. An error if it is none, or comes too late.';

CREATE FUNCTION @extschema@.campaign_deadline_set(
    campaign_id text, valid_until timestamptz DEFAULT NULL, valid_for interval DEFAULT NULL, reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
    deadline timestamptz := campaign.deadline_of(target, valid_until, valid_for);
BEGIN
    UPDATE campaign.campaigns c
    SET valid_until = deadline, valid_for = campaign_deadline_set.valid_for,
        (former_deadline, later_deadlines) = (
            SELECT min(d), coalesce((array_agg(DISTINCT d ORDER BY d))[2:], '{}')
            FROM unnest(c.later_deadlines || c.former_deadline || CASE
                WHEN c.queued_at IS NOT NULL AND coalesce(deadline, 'infinity') > c.valid_until THEN c.valid_until END) AS d
            WHERE d IS NOT NULL),
        updated_at = clock_timestamp()
    WHERE c.id = target.id;
    PERFORM campaign.event_add(target.id, target.status, target.status, reason,
        CASE WHEN deadline IS NOT NULL THEN 'deadline ' || (deadline AT TIME ZONE 'UTC')::text || ' UTC'
             WHEN valid_for IS NOT NULL THEN format('deadline %s after its dispatch', valid_for)
             ELSE 'no deadline' END);
    PERFORM campaign.campaign_changed(target.id);
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(target.id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_deadline_set(text, timestamptz, interval, text) IS
'Until when a campaign is published and sent: a time, or so long after its dispatch; with neither there is no deadline. From then on, by the clock of this server, nothing more of it is, and who was not sent to has expired. It may be changed until it has passed. Returns the status.';

CREATE FUNCTION campaign.campaign_empty(campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.run_archive(campaign_id);
    DELETE FROM campaign.recipients r WHERE r.campaign_id = campaign_empty.campaign_id;
    DELETE FROM campaign.packed_recipients r WHERE r.campaign_id = campaign_empty.campaign_id;
    DELETE FROM campaign.uploads u WHERE u.campaign_id = campaign_empty.campaign_id;
    DELETE FROM campaign.progress p WHERE p.campaign_id = campaign_empty.campaign_id;
    UPDATE campaign.campaigns c
    SET total = 0, generated = false, own_texts = false, segments = NULL, message_version = 1, updated_at = clock_timestamp()
    WHERE c.id = campaign_empty.campaign_id;
END
$$;
COMMENT ON FUNCTION campaign.campaign_empty(text) IS
'Takes all recipients from a draft; a generated run goes into the history first. An error while it is being generated. The caller holds the campaign''s lock.';

-- Without a company, nobody but the user is left to own it.
CREATE FUNCTION campaign.copy_user(target campaign.campaigns) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller text := CASE WHEN current_setting('role') IN ('campaign_user', 'campaign_app') THEN campaign.request_user() END;
BEGIN
    RETURN CASE WHEN target.company_id IS NULL OR EXISTS (SELECT FROM campaign.users u WHERE u.id = target.user_id AND NOT u.deleted)
        THEN target.user_id
        ELSE (SELECT u.id FROM campaign.users u WHERE u.id = caller AND NOT u.deleted) END;
END
$$;
COMMENT ON FUNCTION campaign.copy_user(campaign.campaigns) IS
'Whose a campaign is that goes on with another one of a company: its user''s or, if that account is deleted, the user''s of the request, if there is one.';

CREATE FUNCTION @extschema@.campaign_reset(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
    draft_id text := target.id;
    archived text;
BEGIN
    IF target.test_of IS NOT NULL THEN
        RAISE EXCEPTION 'campaign "%" is a test of "%": it cannot be reset', target.id, target.test_of
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Test it again with campaign_test().';
    END IF;
    IF target.status NOT IN ('draft', 'scheduled') THEN
        IF campaign.transition_allowed(target.status, 'cancelled') THEN
            RAISE EXCEPTION 'campaign "%" is %: it cannot be reset while it runs', target.id, target.status
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Wait until it is over, or end it with campaign_cancel().';
        END IF;
        IF EXISTS (SELECT FROM campaign.campaigns d WHERE d.id = target.reset_as AND NOT d.deleted) THEN
            RAISE EXCEPTION 'campaign "%" is reset already', target.id
                USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('It goes on as "%s".', target.reset_as);
        END IF;
        -- The _id of a document is made of the campaign's id: a second run under the same one
        -- would meet the documents of the first.
        archived := target.id;
        draft_id := @extschema@.campaign_create(target.name,
            campaign.message_to_copy(target), target.company_id, campaign.copy_user(target), target.ordered);
        PERFORM campaign.window_copy(target.id, draft_id);
        UPDATE campaign.campaigns c
        SET per_second = target.per_second, canary = target.canary, canary_failed_max = target.canary_failed_max
        WHERE c.id = draft_id;
        UPDATE campaign.campaigns c SET reset_as = draft_id WHERE c.id = target.id;
        PERFORM campaign.event_add(target.id, target.status, target.status, reason, 'reset, goes on as ' || draft_id);
    ELSE
        IF target.status = 'scheduled' THEN
            PERFORM campaign.campaign_transition(target.id, 'draft', reason);
            UPDATE campaign.campaigns c SET scheduled_at = NULL WHERE c.id = target.id;
        ELSE
            PERFORM campaign.event_add(target.id, 'draft', 'draft', coalesce(reason, 'reset'));
        END IF;
        PERFORM campaign.campaign_empty(target.id);
    END IF;
    RETURN @extschema@.campaign_status(draft_id) || jsonb_build_object('archived', archived);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_reset(text, text) IS
'Back to an empty draft. A draft loses its recipients; a campaign that is over stays as it is, as history, and a new draft with the same name, message, owner, send window, limit and canary takes its place. Returns the status of the draft, with the id of the old campaign as "archived". An error while the campaign runs, or if a draft has taken its place already.';

CREATE FUNCTION @extschema@.campaign_events(campaign_id text)
RETURNS TABLE (number integer, created_at timestamptz, source text, target text, user_id text,
    application_id text, role text, reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM @extschema@.campaign_status(campaign_events.campaign_id);
    RETURN QUERY
    SELECT e.number, e.created_at, e.source, e.target, e.user_id, e.application_id, e.role, e.reason
    FROM campaign.events e WHERE e.campaign_id = campaign_events.campaign_id
    ORDER BY e.number;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_events(text) IS
'Every move of a campaign, oldest first: from which status to which, when, by whom and why.';
