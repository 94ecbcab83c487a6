-- Jobs: work that is done later, and never forgotten. A job is created in the caller's
-- transaction; 72_job_queue.sql is how it is run, 73_job_types.sql what can be run.

CREATE TABLE campaign.job_types (
    name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    handler text,
    prepare text,
    description text NOT NULL,
    max_attempts integer NOT NULL CHECK (max_attempts BETWEEN 1 AND 1000),
    backoff interval NOT NULL CHECK (backoff BETWEEN interval '0' AND interval '1 day'),
    timeout interval NOT NULL CHECK (timeout BETWEEN interval '1 millisecond' AND interval '24 days'),
    priority integer NOT NULL,
    api boolean NOT NULL,
    secret_keys text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE campaign.job_types IS 'Registered types of jobs. The shipped ones are in campaign.job_types_shipped(); a row here replaces one of the same name.';
COMMENT ON COLUMN campaign.job_types.name IS 'Lower-case letters, digits and underscores.';
COMMENT ON COLUMN campaign.job_types.handler IS 'Qualified name of f(job_id text, meta jsonb) RETURNS jsonb; NULL: a program outside runs these jobs.';
COMMENT ON COLUMN campaign.job_types.prepare IS 'Qualified name of f(meta jsonb) RETURNS jsonb: the metadata as they are stored, or an error of SQLSTATE 22023.';
COMMENT ON COLUMN campaign.job_types.description IS 'What it does, for people.';
COMMENT ON COLUMN campaign.job_types.max_attempts IS 'After so many attempts a job has failed.';
COMMENT ON COLUMN campaign.job_types.backoff IS 'Wait before the second attempt; doubles with each one, up to an hour.';
COMMENT ON COLUMN campaign.job_types.timeout IS 'Longest run of an attempt.';
COMMENT ON COLUMN campaign.job_types.priority IS 'Of its jobs unless they say otherwise; higher runs first.';
COMMENT ON COLUMN campaign.job_types.api IS 'Whether such jobs can be created over HTTP.';
COMMENT ON COLUMN campaign.job_types.secret_keys IS 'Keys of the metadata that are never shown.';
COMMENT ON COLUMN campaign.job_types.created_at IS 'When it was registered.';
COMMENT ON COLUMN campaign.job_types.updated_at IS 'When it last changed.';
COMMENT ON COLUMN campaign.job_types.deleted IS 'Soft delete: no new jobs of this type.';
ALTER TABLE campaign.job_types ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.job_types', '');

CREATE TABLE campaign.jobs (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    type text COLLATE "C" NOT NULL,
    external boolean NOT NULL,
    meta jsonb NOT NULL,
    status text COLLATE "C" NOT NULL
        CHECK (status IN ('waiting', 'scheduled', 'running', 'finished', 'failed', 'cancelled')),
    priority integer NOT NULL,
    run_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    interruptions integer NOT NULL DEFAULT 0,
    progress integer NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    result jsonb,
    error text,
    error_code text,
    user_id text COLLATE "C",
    application_id text COLLATE "C",
    worker_pid integer,
    worker_start timestamptz,
    claimed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
COMMENT ON TABLE campaign.jobs IS 'Every job that was ever created. Rows cannot be deleted.';
COMMENT ON COLUMN campaign.jobs.id IS 'cuid2';
COMMENT ON COLUMN campaign.jobs.seq IS 'Order of creation: of two jobs with the same priority the earlier one runs first.';
COMMENT ON COLUMN campaign.jobs.type IS 'Name of its type.';
COMMENT ON COLUMN campaign.jobs.external IS 'Run by a program outside PostgreSQL.';
COMMENT ON COLUMN campaign.jobs.meta IS 'Metadata, as its type has prepared them.';
COMMENT ON COLUMN campaign.jobs.status IS 'waiting, scheduled, running, finished, failed or cancelled.';
COMMENT ON COLUMN campaign.jobs.priority IS 'Higher runs first.';
COMMENT ON COLUMN campaign.jobs.run_at IS 'Not before this time.';
COMMENT ON COLUMN campaign.jobs.attempts IS 'Attempts so far, the running one included; those that were interrupted do not count.';
COMMENT ON COLUMN campaign.jobs.max_attempts IS 'After so many attempts it has failed.';
COMMENT ON COLUMN campaign.jobs.interruptions IS 'Attempts that ended with their worker: a crash, a shutdown.';
COMMENT ON COLUMN campaign.jobs.progress IS '0 to 100; while it runs campaign.job_slots() knows better.';
COMMENT ON COLUMN campaign.jobs.result IS 'What its handler returned.';
COMMENT ON COLUMN campaign.jobs.error IS 'Why the last attempt failed.';
COMMENT ON COLUMN campaign.jobs.error_code IS 'SQLSTATE of that.';
COMMENT ON COLUMN campaign.jobs.user_id IS 'User who created it, if one did.';
COMMENT ON COLUMN campaign.jobs.application_id IS 'Application that created it, if one did.';
COMMENT ON COLUMN campaign.jobs.worker_pid IS 'Process that has it.';
COMMENT ON COLUMN campaign.jobs.worker_start IS 'When that process started: a number alone comes again.';
COMMENT ON COLUMN campaign.jobs.claimed_at IS 'When the process took it.';
COMMENT ON COLUMN campaign.jobs.created_at IS 'When it was created.';
COMMENT ON COLUMN campaign.jobs.started_at IS 'When the last attempt started.';
COMMENT ON COLUMN campaign.jobs.finished_at IS 'When it came to its end: finished, failed or cancelled.';
COMMENT ON COLUMN campaign.jobs.updated_at IS 'When the row last changed.';
COMMENT ON SEQUENCE campaign.jobs_seq_seq IS 'Order of the jobs.';
CREATE INDEX jobs_waiting_index ON campaign.jobs (external, priority DESC, seq) WHERE status = 'waiting';
CREATE INDEX jobs_scheduled_index ON campaign.jobs (external, run_at) WHERE status = 'scheduled';
CREATE INDEX jobs_running_index ON campaign.jobs (claimed_at) WHERE status = 'running';
CREATE INDEX jobs_finished_index ON campaign.jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_user_index ON campaign.jobs (user_id, seq) WHERE user_id IS NOT NULL;
CREATE INDEX jobs_application_index ON campaign.jobs (application_id, seq) WHERE application_id IS NOT NULL;
ALTER TABLE campaign.jobs ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.jobs', '');
SELECT pg_catalog.pg_extension_config_dump('campaign.jobs_seq_seq', '');

CREATE TABLE campaign.job_errors (
    job_id text COLLATE "C" NOT NULL REFERENCES campaign.jobs (id),
    attempt integer NOT NULL,
    error_code text NOT NULL,
    error text NOT NULL,
    started_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, attempt)
);
COMMENT ON TABLE campaign.job_errors IS 'Every attempt that failed. Rows cannot be deleted.';
COMMENT ON COLUMN campaign.job_errors.job_id IS 'Job.';
COMMENT ON COLUMN campaign.job_errors.attempt IS 'Which attempt, from 1.';
COMMENT ON COLUMN campaign.job_errors.error_code IS 'SQLSTATE.';
COMMENT ON COLUMN campaign.job_errors.error IS 'Why it failed.';
COMMENT ON COLUMN campaign.job_errors.started_at IS 'When it started.';
COMMENT ON COLUMN campaign.job_errors.created_at IS 'When it failed.';
ALTER TABLE campaign.job_errors ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.job_errors', '');

-- The row of a job that runs is locked by its worker: a request to cancel it goes beside it.
CREATE TABLE campaign.job_cancels (
    job_id text COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE campaign.job_cancels IS 'Jobs that are to be cancelled and run just now. A row goes when the worker has dealt with it.';
COMMENT ON COLUMN campaign.job_cancels.job_id IS 'Job.';
COMMENT ON COLUMN campaign.job_cancels.created_at IS 'When that was asked for.';
ALTER TABLE campaign.job_cancels ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.job_cancels', '');

-- These triggers write nothing: a restore, which only inserts, does not fire them.
CREATE FUNCTION campaign.job_keep() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% of %.% is refused: jobs are kept for ever', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = 'A job that is not wanted any more is cancelled with job_cancel().';
END
$$;
COMMENT ON FUNCTION campaign.job_keep() IS 'Refuses to delete jobs, whoever asks.';
CREATE TRIGGER job_keep BEFORE DELETE OR TRUNCATE ON campaign.jobs
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.job_keep();
COMMENT ON TRIGGER job_keep ON campaign.jobs IS 'Jobs are kept for ever.';
ALTER TABLE campaign.jobs ENABLE ALWAYS TRIGGER job_keep;
CREATE TRIGGER job_keep BEFORE DELETE OR TRUNCATE ON campaign.job_errors
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.job_keep();
COMMENT ON TRIGGER job_keep ON campaign.job_errors IS 'Errors of jobs are kept for ever.';
ALTER TABLE campaign.job_errors ENABLE ALWAYS TRIGGER job_keep;

-- Types --------------------------------------------------------------------------------------

CREATE FUNCTION campaign.job_type_find(type_name text) RETURNS campaign.job_types
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_type campaign.job_types;
BEGIN
    SELECT * INTO found_type FROM campaign.job_types t WHERE t.name = type_name;
    IF NOT FOUND THEN
        SELECT * INTO found_type FROM campaign.job_types_shipped() s WHERE s.name = type_name;
    END IF;
    RETURN found_type;
END
$$;
COMMENT ON FUNCTION campaign.job_type_find(text) IS
'A type of jobs by its name: registered, shipped, or NULL.';

CREATE FUNCTION campaign.job_function_check(function oid, arguments oidvector, what text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_function record;
    signature text := (SELECT string_agg(format_type(a, NULL), ', ') FROM unnest(arguments) AS a);
BEGIN
    IF function IS NULL OR function = 0 THEN
        RETURN NULL;
    END IF;
    SELECT n.nspname, p.proname, p.proargtypes, p.prorettype, p.prokind, p.proretset, p.proowner
    INTO found_function
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = function;
    IF NOT FOUND OR found_function.proargtypes <> arguments OR found_function.prorettype <> 'jsonb'::regtype
       OR found_function.prokind <> 'f' OR found_function.proretset THEN
        RAISE EXCEPTION '% % is no function (%) RETURNS jsonb', what, function::regprocedure, signature
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Its jobs run with the rights of its owner.
    IF NOT pg_has_role(session_user, found_function.proowner, 'MEMBER') THEN
        RAISE EXCEPTION 'only the owner of % can register it', function::regprocedure
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN format('%I.%I', found_function.nspname, found_function.proname);
END
$$;
COMMENT ON FUNCTION campaign.job_function_check(oid, oidvector, text) IS
'The qualified name of a function with these arguments that returns jsonb; an error if it is none, or somebody else''s.';

-- Whoever replaces a type gets the metadata of all its jobs, the hashes of passwords too.
CREATE FUNCTION campaign.job_type_replace_check(type_name text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_type campaign.job_types := campaign.job_type_find(type_name);
    owner oid := coalesce(
        (SELECT p.proowner FROM pg_proc p WHERE p.oid = to_regprocedure(found_type.handler || '(text, jsonb)')),
        (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'campaign'));
BEGIN
    IF found_type.name IS NOT NULL AND NOT pg_has_role(session_user, owner, 'MEMBER') THEN
        RAISE EXCEPTION 'only the owner of the handler of "%" can replace this type', type_name
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.job_type_replace_check(text) IS
'An error if there is such a type, whose handler belongs to somebody else; to the owner of the extension if it has none.';

CREATE FUNCTION @extschema@.job_type_register(
    name text,
    handler regproc,
    prepare regproc DEFAULT NULL,
    description text DEFAULT NULL,
    max_attempts integer DEFAULT 5,
    backoff interval DEFAULT '1 second',
    timeout interval DEFAULT '1 hour',
    priority integer DEFAULT 0,
    api boolean DEFAULT false,
    secret_keys text[] DEFAULT '{}'
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    handler_name text := campaign.job_function_check(handler, '25 3802', 'handler');
    prepare_name text := campaign.job_function_check(prepare, '3802', 'prepare');
BEGIN
    IF handler_name IS NULL THEN
        RAISE EXCEPTION 'handler is missing' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM campaign.job_type_replace_check(job_type_register.name);
    INSERT INTO campaign.job_types AS t (name, handler, prepare, description, max_attempts, backoff,
        timeout, priority, api, secret_keys)
    VALUES (job_type_register.name, handler_name, prepare_name, coalesce(job_type_register.description, ''),
        job_type_register.max_attempts, job_type_register.backoff, job_type_register.timeout,
        job_type_register.priority, job_type_register.api, job_type_register.secret_keys)
    ON CONFLICT ON CONSTRAINT job_types_pkey DO UPDATE
    SET handler = excluded.handler, prepare = excluded.prepare, description = excluded.description,
        max_attempts = excluded.max_attempts, backoff = excluded.backoff, timeout = excluded.timeout,
        priority = excluded.priority, api = excluded.api, secret_keys = excluded.secret_keys,
        updated_at = clock_timestamp(), deleted = false;
EXCEPTION
    WHEN check_violation OR not_null_violation THEN
        RAISE EXCEPTION 'this cannot be a job type'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The name has lower-case letters, digits and underscores; max_attempts is 1 to 1000, backoff up to a day, timeout 1 ms to 24 days; nothing is NULL.';
END
$$;
COMMENT ON FUNCTION @extschema@.job_type_register(text, regproc, regproc, text, integer, interval, interval, integer, boolean, text[]) IS
'Registers a type of jobs, or changes it. handler is f(job_id text, meta jsonb) RETURNS jsonb, the result; it runs in a transaction of its own with the rights of its owner. prepare is f(meta jsonb) RETURNS jsonb: the metadata as they are stored, or an error of SQLSTATE 22023. With api they can be created over HTTP.';

-- Jobs ---------------------------------------------------------------------------------------

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
'Interrupts the worker that runs this job when the current transaction commits; whether one runs it now.';

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
'Tells whoever runs such jobs, at commit, that there is one more.';

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
        RAISE EXCEPTION 'run_at must be a time' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF job_type.prepare IS NOT NULL THEN
        stored := campaign.job_prepare(job_type.prepare, stored);
        IF jsonb_typeof(stored) IS DISTINCT FROM 'object' THEN
            RAISE EXCEPTION '%() returned no JSON object', job_type.prepare
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END IF;
    INSERT INTO campaign.jobs (type, external, meta, status, priority, run_at, max_attempts, user_id,
        application_id)
    VALUES (job_type.name, job_type.handler IS NULL, stored,
        CASE WHEN start_at > clock_timestamp() THEN 'scheduled' ELSE 'waiting' END,
        coalesce(job_create.priority, job_type.priority), start_at, job_type.max_attempts,
        job_create.user_id, job_create.application_id)
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
'Metadata without what the type keeps secret.';

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
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE campaign.jobs j
    SET status = 'cancelled', finished_at = clock_timestamp(), updated_at = clock_timestamp(),
        worker_pid = NULL, worker_start = NULL
    WHERE j.id = job_cancelled.job_id;
    DELETE FROM campaign.job_cancels c WHERE c.job_id = job_cancelled.job_id;
END
$$;
COMMENT ON FUNCTION campaign.job_cancelled(text) IS 'Writes down that a job is cancelled; its row is locked by the caller.';

CREATE FUNCTION @extschema@.job_cancel(job_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source text;
BEGIN
    FOR attempt IN 1 .. 50 LOOP
        SELECT j.status INTO source FROM campaign.jobs j WHERE j.id = job_cancel.job_id
        FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
            IF source IN ('finished', 'failed', 'cancelled') THEN
                RAISE EXCEPTION 'job "%" is % already', job_id, source
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
SET search_path = pg_catalog, pg_temp
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
    -- A request to cancel that was committed when the job had ended meanwhile.
    DELETE FROM campaign.job_cancels c WHERE c.job_id = target.id;
    UPDATE campaign.jobs j
    SET status = 'waiting', run_at = now(), finished_at = NULL, updated_at = clock_timestamp(),
        interruptions = 0,
        max_attempts = j.attempts + coalesce((campaign.job_type_find(j.type)).max_attempts, 1)
    WHERE j.id = target.id;
    PERFORM campaign.job_announce(target.external) WHERE target.id IS NOT NULL;
    RETURN @extschema@.job_get(job_id);
END
$$;
COMMENT ON FUNCTION @extschema@.job_retry(text) IS
'Runs a job that failed or was cancelled again, with as many attempts as at first. The errors so far are kept.';
