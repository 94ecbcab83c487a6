-- The queue: how jobs are claimed, run and recorded, by the job workers (src/jobs/) and by
-- campaign-mailer.
--
-- One rule: a job is running as long as its row is locked by the transaction that runs it, and
-- no longer. Claiming writes `running` and commits, so that everybody sees it; the transaction
-- that runs the job locks the row first and commits what the job did together with its end. A row
-- that says `running` and is not locked may be taken over.
--
-- A job is found by its key, and its other conditions are checked afterwards. As long as any old
-- snapshot is held (a dump, a replica, a long handler), the partial indexes keep everything that was
-- waiting or running since then, and the planner, which takes them for small, would read all of it for
-- each job. Nor may a plan that reads a whole table of one page be kept for a larger one.

CREATE FUNCTION campaign.job_session_started_at() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT a.backend_start FROM pg_stat_get_activity(pg_backend_pid()) a $$;
COMMENT ON FUNCTION campaign.job_session_started_at() IS
'When this session started: with its process id, this identifies the session for ever.';

CREATE FUNCTION campaign.job_promote(external boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    due campaign.jobs;
BEGIN
    -- One after the other: each has its turn behind those of its account that wait by then.
    FOR due IN
        SELECT * FROM campaign.jobs s
        WHERE s.status = 'scheduled' AND s.external = job_promote.external AND s.run_at <= clock_timestamp()
          AND NOT s.external AND NOT s.shared AND s.account_id IS NOT NULL
        ORDER BY s.run_at, s.seq LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        UPDATE campaign.jobs j SET status = 'waiting', turn = campaign.job_turn(due.account_id, due.priority),
            updated_at = clock_timestamp()
        WHERE j.id = due.id;
    END LOOP;
    UPDATE campaign.jobs j SET status = 'waiting', updated_at = clock_timestamp()
    WHERE j.id IN (SELECT s.id FROM campaign.jobs s
                   WHERE s.status = 'scheduled' AND s.external = job_promote.external
                     AND s.run_at <= clock_timestamp()
                     AND (s.external OR s.shared OR s.account_id IS NULL)
                   ORDER BY s.run_at LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED);
END
$$;
COMMENT ON FUNCTION campaign.job_promote(boolean) IS 'Makes scheduled jobs wait whose time has come.';

-- From the third interruption on, a job does not run again at once: if it is the job that crashes
-- the server, the server is up meanwhile.
CREATE FUNCTION campaign.job_interrupted_until(interruptions integer) RETURNS timestamptz
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT clock_timestamp() + CASE WHEN interruptions < 3 THEN interval '0'
        ELSE least(interval '1 second' * 2 ^ least(interruptions - 3, 20), interval '5 minutes')
             * (0.5 + random() / 2) END
$$;
COMMENT ON FUNCTION campaign.job_interrupted_until(integer) IS
'When a job that was interrupted this often runs again.';

CREATE FUNCTION campaign.job_shorten_waits() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    shortened integer;
BEGIN
    -- A time that somebody has asked for stays: only a job that has not been tried yet has one.
    UPDATE campaign.jobs j
    SET run_at = clock_timestamp() + (j.run_at - j.updated_at), updated_at = clock_timestamp()
    WHERE j.id IN (SELECT s.id FROM campaign.jobs s
                   WHERE s.status = 'scheduled' AND s.attempts + s.interruptions > 0
                     AND s.updated_at > clock_timestamp()
                   FOR NO KEY UPDATE SKIP LOCKED);
    GET DIAGNOSTICS shortened = ROW_COUNT;
    RETURN shortened;
END
$$;
COMMENT ON FUNCTION campaign.job_shorten_waits() IS
'After the clock was set back: jobs that wait for another attempt and were last changed in the future begin their wait now. Returns how many.';

-- A live session that has not begun what it claimed a second ago is busy with another job; what was
-- claimed in the future was claimed before the clock was set back. Taking a job over too early loses
-- nothing: the lock decides.
CREATE FUNCTION campaign.job_take_over(external boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken integer;
BEGIN
    WITH left_behind AS MATERIALIZED (
        SELECT j.id, NOT EXISTS (SELECT FROM pg_stat_get_activity(j.worker_pid) a
                                 WHERE a.backend_start = j.worker_start) AS gone
        FROM campaign.jobs j
        WHERE j.status = 'running' AND j.external = job_take_over.external
          AND (j.claimed_at NOT BETWEEN clock_timestamp() - interval '1 second' AND clock_timestamp()
               OR NOT EXISTS (SELECT FROM pg_stat_get_activity(j.worker_pid) a
                              WHERE a.backend_start = j.worker_start))
        FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE campaign.jobs j
    SET status = CASE WHEN l.gone AND j.interruptions >= 2 THEN 'scheduled' ELSE 'waiting' END,
        run_at = CASE WHEN l.gone THEN greatest(j.run_at, campaign.job_interrupted_until(j.interruptions + 1))
                 ELSE j.run_at END,
        interruptions = j.interruptions + l.gone::integer, attempts = j.attempts - 1,
        worker_pid = NULL, worker_start = NULL, updated_at = clock_timestamp()
    FROM left_behind l WHERE j.id = l.id;
    GET DIAGNOSTICS taken = ROW_COUNT;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION campaign.job_take_over(boolean) IS
'Makes jobs wait again whose session has ended or does not get to them. Returns how many.';

CREATE FUNCTION campaign.job_accounts_busy() RETURNS text[]
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_job_accounts_busy';
COMMENT ON FUNCTION campaign.job_accounts_busy() IS
'Accounts of which as many shared jobs run as may run at a time; NULL if none may be started, because all workers but one run such jobs.';

-- What was claimed stays in the index, and has to be read past, as long as any transaction that began
-- before is open, that of a long job for example. A busy worker therefore goes on behind the last job
-- that it got, and looks from the beginning only now and then, or when it finds nothing.
-- The plan is kept: one for the very accounts that are busy would be made anew for each claim.
CREATE FUNCTION campaign.job_claim(
    external boolean,
    session_start timestamptz,
    quick text[],
    batch integer,
    after_priority integer DEFAULT NULL,
    after_seq bigint DEFAULT NULL,
    above boolean DEFAULT true,
    OUT id text,
    OUT priority integer,
    OUT seq bigint
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    from_priority integer := coalesce(after_priority, -2147483648);
    from_seq bigint := coalesce(after_seq, 0);
    busy text[] := CASE WHEN NOT external THEN campaign.job_accounts_busy() END;
BEGIN
    IF after_seq IS NULL THEN
        PERFORM campaign.job_promote(external);
    END IF;
    RETURN QUERY
    WITH candidates AS MATERIALIZED (
        SELECT found.*
        FROM unnest(CASE WHEN busy IS NULL THEN '{f}' ELSE '{f, t}' END::boolean[]) AS lane (shared)
        CROSS JOIN LATERAL (
            SELECT * FROM (
                SELECT j.id, j.type, j.priority, coalesce(j.turn, j.seq) AS place FROM campaign.jobs j
                WHERE j.status = 'waiting' AND j.external = job_claim.external AND j.shared = lane.shared
                  AND j.priority > from_priority AND job_claim.above
                  AND (NOT lane.shared OR j.account_id <> ALL (busy))
                ORDER BY j.priority DESC, coalesce(j.turn, j.seq) LIMIT batch FOR NO KEY UPDATE SKIP LOCKED) AS above
            UNION ALL
            SELECT * FROM (
                SELECT j.id, j.type, j.priority, coalesce(j.turn, j.seq) FROM campaign.jobs j
                WHERE j.status = 'waiting' AND j.external = job_claim.external AND j.shared = lane.shared
                  AND j.priority = from_priority AND coalesce(j.turn, j.seq) > from_seq
                  AND (NOT lane.shared OR j.account_id <> ALL (busy))
                ORDER BY j.priority DESC, coalesce(j.turn, j.seq) LIMIT batch FOR NO KEY UPDATE SKIP LOCKED) AS behind) AS found
    ), chosen AS MATERIALIZED (
        SELECT c.id, row_number() OVER line AS place, bool_and(c.type = ANY (quick)) OVER line AS all_quick
        FROM candidates c WINDOW line AS (ORDER BY c.priority DESC, c.place, c.id)
    ), claimed AS (
        UPDATE campaign.jobs j
        SET status = 'running', attempts = j.attempts + 1, worker_pid = pg_backend_pid(),
            worker_start = session_start, claimed_at = clock_timestamp(),
            started_at = clock_timestamp(), updated_at = clock_timestamp()
        FROM chosen c WHERE j.id = c.id AND (c.place = 1 OR c.all_quick) AND c.place <= batch
        -- What comes has a place before those that have another turn.
        RETURNING j.id, j.priority, CASE WHEN j.turn IS NULL THEN j.seq ELSE 0 END AS seq, c.place
    )
    SELECT c.id, c.priority, c.seq FROM claimed c ORDER BY c.place;
END
$$;
COMMENT ON FUNCTION campaign.job_claim(boolean, timestamptz, text[], integer, integer, bigint, boolean) IS
'Claims the first waiting job that may be started now and, if it and those behind it are of quick types, up to a batch of them, in their order. With after_priority and after_seq: of those with a higher priority (unless above is false), and those with the same one that stand behind it. Answers where they stood, by which to go on behind them; seq is 0 for one that had another turn, since what comes stands before it.';

CREATE FUNCTION campaign.job_next(external boolean) RETURNS double precision
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    seconds double precision;
    busy text[] := CASE WHEN NOT external THEN campaign.job_accounts_busy() END;
BEGIN
    IF EXISTS (SELECT FROM campaign.jobs j
               WHERE j.status = 'waiting' AND j.external = job_next.external AND NOT j.shared) THEN
        RETURN 0;
    END IF;
    -- Those that may not be started yet are claimed by the worker whose job ends.
    IF busy IS NOT NULL AND EXISTS (SELECT FROM campaign.jobs j
                                    WHERE j.status = 'waiting' AND NOT j.external AND j.shared
                                      AND j.account_id <> ALL (busy)) THEN
        RETURN 0;
    END IF;
    -- greatest() and least() ignore NULL.
    SELECT greatest(extract(epoch FROM j.run_at - clock_timestamp()), 0) INTO seconds
    FROM campaign.jobs j WHERE j.status = 'scheduled' AND j.external = job_next.external
    ORDER BY j.run_at LIMIT 1;
    -- Claimed and not begun: the rest of a batch, which job_take_over() takes after a second.
    IF NOT external AND EXISTS (SELECT FROM campaign.jobs j WHERE j.status = 'running' AND NOT j.external
                                AND j.id NOT IN (SELECT s.job_id FROM campaign.job_slots() s
                                                 WHERE s.job_id IS NOT NULL)) THEN
        RETURN least(seconds, 1);
    END IF;
    RETURN seconds;
END
$$;
COMMENT ON FUNCTION campaign.job_next(boolean) IS
'Seconds until there may be something to do; NULL if nothing is expected.';

CREATE FUNCTION campaign.job_lock(job_id text, session_start timestamptz) RETURNS campaign.jobs
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    job campaign.jobs;
    locked boolean;
BEGIN
    -- A worker that claims at the same time may hold the lock for a moment: it saw the job waiting, and
    -- learns only with the lock that it is claimed. Without another look nobody would run the job now, or
    -- an attempt that has failed would not be counted.
    FOR look IN 1 .. 50 LOOP
        SELECT * INTO job FROM campaign.jobs j WHERE j.id = job_lock.job_id FOR NO KEY UPDATE SKIP LOCKED;
        locked := FOUND;
        IF NOT locked THEN
            SELECT * INTO job FROM campaign.jobs j WHERE j.id = job_lock.job_id;
        END IF;
        IF (job.status = 'running' AND job.worker_pid = pg_backend_pid()
            AND job.worker_start = session_start) IS NOT TRUE THEN
            RETURN NULL;
        END IF;
        IF locked THEN
            RETURN job;
        END IF;
        -- SOMETIMES(jobs.row_locked_for_a_moment)
        PERFORM pg_sleep(0.001 * look);
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.job_lock(text, timestamptz) IS
'Locks a job that this session has claimed until the end of the transaction; NULL if somebody else has it by now.';

CREATE FUNCTION campaign.job_begin(
    job_id text,
    session_start timestamptz,
    OUT type text,
    OUT handler text,
    OUT meta jsonb,
    OUT timeout_ms double precision,
    OUT attempt integer,
    OUT account_id text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    job campaign.jobs;
    job_type campaign.job_types;
BEGIN
    job := campaign.job_lock(job_id, session_start);
    IF job.id IS NULL THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM campaign.job_cancels c WHERE c.job_id = job.id) THEN
        PERFORM campaign.job_cancelled(job.id);
        RETURN;
    END IF;
    job_type := campaign.job_type_find(job.type);
    type := job.type;
    handler := coalesce(job_type.handler, '');
    meta := job.meta;
    timeout_ms := extract(epoch FROM coalesce(job_type.timeout, interval '1 hour')) * 1000;
    attempt := job.attempts;
    account_id := CASE WHEN job.shared THEN job.account_id ELSE '' END;
    -- SOMETIMES(jobs.run_again): job.interruptions > 0 AND NOT job.external
    -- SOMETIMES(jobs.run_again_and_again): job.interruptions > 2
    -- SOMETIMES(mailer.sent_again): job.interruptions > 0 AND job.external
END
$$;
COMMENT ON FUNCTION campaign.job_begin(text, timestamptz) IS
'Locks a job that this session has claimed until the end of the transaction, which runs it. All NULL if it must not run: it was cancelled, or somebody else has it by now. account_id is empty unless the job is shared.';

CREATE FUNCTION campaign.job_finish(job_id text, result jsonb, started_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
BEGIN
    UPDATE campaign.jobs j
    SET status = 'finished', progress = 100, result = job_finish.result, error = NULL, error_code = NULL,
        started_at = job_finish.started_at, finished_at = clock_timestamp(),
        updated_at = clock_timestamp()
    WHERE j.id = job_finish.job_id AND j.worker_pid IS NOT NULL;
    -- Given back by job_again(): a request to cancel it is for its next step.
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- The request came too late.
    DELETE FROM campaign.job_cancels c WHERE c.job_id = job_finish.job_id;
    -- SOMETIMES(jobs.cancelled_too_late): FOUND
END
$$;
COMMENT ON FUNCTION campaign.job_finish(text, jsonb, timestamptz) IS
'Ends a job, in the transaction that ran it.';

CREATE FUNCTION campaign.job_fail(job_id text, code text, message text, started_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    job campaign.jobs;
    job_type campaign.job_types;
    final boolean;
    -- job_get() could not return a text that is too long for jsonb.
    text_kept text := left(message, 10000);
BEGIN
    SELECT * INTO job FROM campaign.jobs j WHERE j.id = job_fail.job_id FOR NO KEY UPDATE;
    job_type := campaign.job_type_find(job.type);
    -- Bad data and violated constraints would fail the same way at the next attempt.
    final := job.attempts >= job.max_attempts OR left(code, 2) IN ('22', '23');
    INSERT INTO campaign.job_errors (job_id, attempt, error_code, error, started_at)
    VALUES (job.id, job.attempts, code, text_kept, job_fail.started_at);
    UPDATE campaign.jobs j
    SET status = CASE WHEN final THEN 'failed' ELSE 'scheduled' END, progress = 0,
        error = text_kept, error_code = code, started_at = job_fail.started_at,
        finished_at = CASE WHEN final THEN clock_timestamp() END,
        run_at = CASE WHEN final THEN j.run_at ELSE clock_timestamp() + least(
            coalesce(job_type.backoff, interval '1 second') * 2 ^ least(job.attempts - 1, 20), interval '1 hour')
            * (0.75 + random() / 4) END,
        worker_pid = NULL, worker_start = NULL, updated_at = clock_timestamp()
    WHERE j.id = job.id;
END
$$;
COMMENT ON FUNCTION campaign.job_fail(text, text, text, timestamptz) IS
'Ends an attempt that failed: another one follows later, or the job has failed. After errors of the classes 22 (data) and 23 (constraints) there is no other attempt.';

CREATE FUNCTION campaign.job_settle(job_id text, session_start timestamptz) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    job campaign.jobs;
BEGIN
    -- It is locked already, unless the transaction that ran it has failed itself.
    job := campaign.job_lock(job_id, session_start);
    IF job.id IS NULL THEN
        RETURN 'lost';
    END IF;
    IF EXISTS (SELECT FROM campaign.job_cancels c WHERE c.job_id = job_settle.job_id) THEN
        PERFORM campaign.job_cancelled(job_id);
        RETURN 'cancelled';
    END IF;
    RETURN 'running';
END
$$;
COMMENT ON FUNCTION campaign.job_settle(text, timestamptz) IS
'What to do with a job whose attempt ended in an error: running (this session has to record it), cancelled (as was requested; it is recorded), lost (somebody else has it).';

CREATE FUNCTION campaign.job_release(job_ids text[], session_start timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    job campaign.jobs;
    one text;
BEGIN
    FOREACH one IN ARRAY job_ids LOOP
        SELECT * INTO job FROM campaign.jobs j WHERE j.id = one FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN (job.status = 'running' AND job.worker_pid = pg_backend_pid()
            AND job.worker_start = session_start) IS NOT TRUE;
        UPDATE campaign.jobs j
        SET status = 'waiting', attempts = j.attempts - 1, worker_pid = NULL, worker_start = NULL,
            updated_at = clock_timestamp()
        WHERE j.id = one;
    END LOOP;
END
$$;
COMMENT ON FUNCTION campaign.job_release(text[], timestamptz) IS
'Gives back those of these jobs that this session has, as if they had never been claimed. One that somebody else has locked is taken over later.';
