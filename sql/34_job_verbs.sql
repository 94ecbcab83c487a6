-- What is done with a job: create, read, cancel, try again, watch.

CREATE FUNCTION campaign.job_prepare(function text, meta jsonb) RETURNS jsonb
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_job_prepare';
COMMENT ON FUNCTION campaign.job_prepare(text, jsonb) IS
'Calls the prepare function of a type, with the rights of that function''s owner.';

CREATE FUNCTION campaign.job_wake() RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_job_wake';
COMMENT ON FUNCTION campaign.job_wake() IS
'Wakes a job worker of this database, if one sleeps, when the current transaction commits.';

CREATE FUNCTION campaign.job_interrupt(job_id text) RETURNS boolean
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_job_interrupt';
COMMENT ON FUNCTION campaign.job_interrupt(text) IS
'Interrupts the worker that runs this job when the current transaction commits. Returns whether one runs it now.';

CREATE FUNCTION campaign.job_slots(
    OUT job_id text, OUT worker_pid integer, OUT started_at timestamptz, OUT progress integer
) RETURNS SETOF record
LANGUAGE C VOLATILE ROWS 4
AS 'MODULE_PATHNAME', 'campaign_job_slots';
COMMENT ON FUNCTION campaign.job_slots() IS
'The job workers of this database, and what each of them runs at this moment (job_id NULL: nothing).';

CREATE FUNCTION campaign.job_announce(external boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF external THEN
        PERFORM pg_notify('campaign_mail', '');
    ELSE
        PERFORM campaign.job_wake();
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.job_announce(boolean) IS
'Wakes whoever runs such jobs when the current transaction commits.';

CREATE FUNCTION @extschema@.job_create(
    type text,
    meta jsonb DEFAULT '{}',
    run_at timestamptz DEFAULT now(),
    priority integer DEFAULT NULL,
    user_id text DEFAULT NULL,
    application_id text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job_type campaign.job_types := campaign.job_type_find(job_create.type);
    start_at timestamptz := coalesce(job_create.run_at, now());
    stored jsonb := job_create.meta;
    account text := job_create.user_id;
    is_shared boolean;
    new_id text;
BEGIN
    IF job_type.name IS NULL OR job_type.deleted THEN
        RAISE EXCEPTION 'no job type is called "%"', coalesce(left(job_create.type, 63), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Types are registered with job_type_register().';
    END IF;
    IF jsonb_typeof(stored) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'metadata must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT isfinite(start_at) THEN
        RAISE EXCEPTION 'run_at must be finite' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Before it is prepared, which hashes a password: whoever may cause no more mails costs no more time.
    IF job_type.handler IS NULL OR job_type.name = 'user_create' THEN
        PERFORM campaign.mail_permit(campaign.email_clean(stored ->> 'email'));
    END IF;
    IF job_type.prepare IS NOT NULL THEN
        stored := campaign.job_prepare(job_type.prepare, stored);
        IF jsonb_typeof(stored) IS DISTINCT FROM 'object' THEN
            RAISE EXCEPTION '%() did not return a JSON object', job_type.prepare
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END IF;
    IF job_create.application_id IS NOT NULL AND account IS NULL THEN
        account := campaign.application_account(job_create.application_id);
    END IF;
    is_shared := account IS NOT NULL AND campaign.job_type_shared(job_type);
    INSERT INTO campaign.jobs (type, external, meta, status, priority, run_at, max_attempts, user_id,
        application_id, account_id, shared, turn)
    VALUES (job_type.name, job_type.handler IS NULL, stored,
        CASE WHEN start_at > clock_timestamp() THEN 'scheduled' ELSE 'waiting' END,
        coalesce(job_create.priority, job_type.priority), start_at, job_type.max_attempts,
        job_create.user_id, job_create.application_id, account, is_shared,
        CASE WHEN job_type.handler IS NOT NULL AND NOT is_shared THEN
            campaign.job_turn(account, coalesce(job_create.priority, job_type.priority)) END)
    RETURNING id INTO new_id;
    PERFORM campaign.job_announce(job_type.handler IS NULL);
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.job_create(text, jsonb, timestamptz, integer, text, text) IS
'Creates a job in the caller''s transaction and returns its id. It runs once that has committed, not before run_at, and higher priorities first.';

CREATE FUNCTION campaign.job_visible_meta(type_name text, meta jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN meta - coalesce((campaign.job_type_find(type_name)).secret_keys, '{}');
END
$$;
COMMENT ON FUNCTION campaign.job_visible_meta(text, jsonb) IS
'Metadata without the keys that the type keeps secret.';

CREATE FUNCTION @extschema@.job_get(job_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb;
BEGIN
    SELECT jsonb_build_object(
        'id', j.id, 'type', j.type, 'status', j.status,
        'meta', campaign.job_visible_meta(j.type, j.meta),
        'progress', CASE j.status WHEN 'running' THEN coalesce(s.progress, 0) ELSE j.progress END,
        'result', j.result, 'error', j.error, 'error_code', j.error_code,
        'attempts', j.attempts, 'max_attempts', j.max_attempts, 'interruptions', j.interruptions,
        'priority', j.priority, 'run_at', j.run_at, 'created_at', j.created_at,
        'started_at', coalesce(s.started_at, j.started_at), 'finished_at', j.finished_at,
        'cancel_requested', j.status IN ('waiting', 'scheduled', 'running')
            AND EXISTS (SELECT FROM campaign.job_cancels c WHERE c.job_id = j.id))
    INTO answer
    FROM campaign.jobs j
    LEFT JOIN campaign.job_slots() s ON s.job_id = j.id AND j.status = 'running'
    WHERE j.id = job_get.job_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job "%" does not exist', coalesce(left(job_get.job_id, 40), 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.job_get(text) IS
'Everything about a job: type, status, metadata, progress (0 to 100, also while it runs), result or error, attempts, times.';

CREATE FUNCTION campaign.job_cancelled(job_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
BEGIN
    UPDATE campaign.jobs j
    SET status = 'cancelled', finished_at = clock_timestamp(), updated_at = clock_timestamp(),
        worker_pid = NULL, worker_start = NULL
    WHERE j.id = job_cancelled.job_id;
    DELETE FROM campaign.job_cancels c WHERE c.job_id = job_cancelled.job_id;
END
$$;
COMMENT ON FUNCTION campaign.job_cancelled(text) IS 'Records that a job is cancelled; the caller has locked its row.';

CREATE FUNCTION @extschema@.job_cancel(job_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    source text;
BEGIN
    FOR attempt IN 1 .. 50 LOOP
        SELECT j.status INTO source FROM campaign.jobs j WHERE j.id = job_cancel.job_id
        FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
            IF source IN ('finished', 'failed', 'cancelled') THEN
                RAISE EXCEPTION 'job "%" is already %', job_id, source
                    USING ERRCODE = 'object_not_in_prerequisite_state';
            END IF;
            PERFORM campaign.job_cancelled(job_id);
            RETURN @extschema@.job_get(job_id);
        END IF;
        IF NOT EXISTS (SELECT FROM campaign.jobs j WHERE j.id = job_cancel.job_id) THEN
            PERFORM @extschema@.job_get(job_id);
        END IF;
        -- Locked by the worker that runs it, or for a moment by one that looks for work.
        EXIT WHEN campaign.job_interrupt(job_id);
        PERFORM pg_sleep(0.005);
    END LOOP;
    INSERT INTO campaign.job_cancels (job_id) VALUES (job_cancel.job_id)
    ON CONFLICT ON CONSTRAINT job_cancels_pkey DO NOTHING;
    RETURN @extschema@.job_get(job_id);
END
$$;
COMMENT ON FUNCTION @extschema@.job_cancel(text) IS
'Cancels a job. One that runs is interrupted when this transaction commits, and what it did is rolled back; until then its status stays running with cancel_requested.';

CREATE FUNCTION @extschema@.job_retry(job_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    target campaign.jobs;
BEGIN
    SELECT * INTO target FROM campaign.jobs j WHERE j.id = job_retry.job_id;
    IF FOUND AND target.status IN ('failed', 'cancelled') THEN
        SELECT * INTO target FROM campaign.jobs j WHERE j.id = job_retry.job_id FOR NO KEY UPDATE;
    END IF;
    IF target.status NOT IN ('failed', 'cancelled') THEN
        RAISE EXCEPTION 'job "%" is %: only one that failed or was cancelled can be tried again',
            target.id, target.status USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF target.external THEN
        PERFORM campaign.mail_permit(target.meta ->> 'email');
    END IF;
    -- A request to cancel may have been committed when the job had already ended.
    DELETE FROM campaign.job_cancels c WHERE c.job_id = target.id;
    UPDATE campaign.jobs j
    SET status = 'waiting', run_at = now(), finished_at = NULL, updated_at = clock_timestamp(),
        interruptions = 0, turn = CASE WHEN NOT j.external AND NOT j.shared THEN
            campaign.job_turn(j.account_id, j.priority) END,
        max_attempts = j.attempts + coalesce((campaign.job_type_find(j.type)).max_attempts, 1)
    WHERE j.id = target.id;
    PERFORM campaign.job_announce(target.external) WHERE target.id IS NOT NULL;
    RETURN @extschema@.job_get(job_id);
END
$$;
COMMENT ON FUNCTION @extschema@.job_retry(text) IS
'Runs a job again that failed or was cancelled, with as many attempts as at first. Its errors so far are kept.';

CREATE FUNCTION campaign.job_stats_of(of_user text, of_application text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counts jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(t.type, t.counts), '{}') INTO counts
    FROM (SELECT c.type, jsonb_object_agg(c.status, c.count) AS counts
          FROM (SELECT j.type, j.status, count(*) FROM campaign.jobs j
                WHERE (of_user IS NULL OR j.user_id = of_user)
                  AND (of_application IS NULL OR j.application_id = of_application) GROUP BY 1, 2) AS c
          GROUP BY c.type) AS t;
    RETURN jsonb_build_object(
        'by_type', counts,
        'by_status', (SELECT jsonb_object_agg(s.status, coalesce(c.count, 0))
            FROM unnest('{waiting,scheduled,running,finished,failed,cancelled}'::text[]) AS s(status)
            LEFT JOIN (SELECT e.key, sum(e.value::bigint) AS count
                       FROM jsonb_each(counts) AS t, jsonb_each_text(t.value) AS e GROUP BY 1) AS c
            ON c.key = s.status),
        'oldest_waiting', (SELECT jsonb_build_object('id', j.id, 'type', j.type, 'created_at', j.created_at,
                'waiting_seconds', round(extract(epoch FROM clock_timestamp() - greatest(j.created_at, j.run_at)), 3))
            FROM campaign.jobs j WHERE j.status = 'waiting' AND (of_user IS NULL OR j.user_id = of_user)
              AND (of_application IS NULL OR j.application_id = of_application)
            ORDER BY j.created_at, j.seq LIMIT 1),
        'next_run_at', (SELECT min(j.run_at) FROM campaign.jobs j WHERE j.status = 'scheduled'
            AND (of_user IS NULL OR j.user_id = of_user)
            AND (of_application IS NULL OR j.application_id = of_application)),
        'running', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', j.id, 'type', j.type,
                'worker_pid', j.worker_pid, 'started_at', coalesce(s.started_at, j.started_at),
                'running_seconds', round(extract(epoch FROM clock_timestamp() - coalesce(s.started_at, j.started_at)), 3),
                'progress', coalesce(s.progress, 0), 'interruptions', j.interruptions) ORDER BY j.started_at), '[]')
            FROM campaign.jobs j LEFT JOIN campaign.job_slots() s ON s.job_id = j.id
            WHERE j.status = 'running' AND (of_user IS NULL OR j.user_id = of_user)
              AND (of_application IS NULL OR j.application_id = of_application)),
        'throughput', (SELECT jsonb_build_object('finished_last_minute', count(*) FILTER (
                WHERE j.finished_at > clock_timestamp() - interval '1 minute'), 'finished_last_hour', count(*))
            FROM campaign.jobs j
            WHERE j.finished_at > clock_timestamp() - interval '1 hour' AND j.status = 'finished'
              AND (of_user IS NULL OR j.user_id = of_user)
              AND (of_application IS NULL OR j.application_id = of_application)));
END
$$;
COMMENT ON FUNCTION campaign.job_stats_of(text, text) IS
'The state of the jobs of a user or an application, or with two NULLs of all jobs.';

CREATE FUNCTION @extschema@.job_stats() RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT campaign.job_stats_of(NULL, NULL) || jsonb_build_object('workers',
        (SELECT jsonb_build_object('total', count(*), 'busy', count(s.job_id)) FROM campaign.job_slots() s))
$$;
COMMENT ON FUNCTION @extschema@.job_stats() IS
'The state of all jobs: counts by status and type, what has waited longest, what is running, since when and in which worker, how many finished in the last minute and hour.';
