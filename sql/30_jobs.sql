-- Jobs: work that is done later and never lost. A job is created in the caller's
-- transaction (34_job_verbs.sql); 33_job_queue.sql is how it is run, 31 and 32 what can be run.

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
COMMENT ON COLUMN campaign.job_types.handler IS 'Qualified name of f(job_id text, meta jsonb) RETURNS jsonb; NULL: a program outside PostgreSQL runs these jobs.';
COMMENT ON COLUMN campaign.job_types.prepare IS 'Qualified name of f(meta jsonb) RETURNS jsonb: the metadata as they are stored, or an error of SQLSTATE 22023.';
COMMENT ON COLUMN campaign.job_types.description IS 'What it does, for people.';
COMMENT ON COLUMN campaign.job_types.max_attempts IS 'After this many attempts a job has failed.';
COMMENT ON COLUMN campaign.job_types.backoff IS 'Wait before the second attempt; doubles with each one, up to an hour.';
COMMENT ON COLUMN campaign.job_types.timeout IS 'Longest run of an attempt.';
COMMENT ON COLUMN campaign.job_types.priority IS 'Priority of its jobs unless they have their own; higher runs first.';
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
    account_id text COLLATE "C",
    shared boolean NOT NULL DEFAULT false,
    turn bigint,
    worker_pid integer,
    worker_start timestamptz,
    claimed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT jobs_shared_check CHECK (NOT shared OR account_id IS NOT NULL)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
COMMENT ON TABLE campaign.jobs IS 'Every job that was ever created. Rows cannot be deleted.';
COMMENT ON COLUMN campaign.jobs.id IS 'cuid2';
COMMENT ON COLUMN campaign.jobs.seq IS 'Order of creation, or of its last step: of two jobs with the same priority the earlier one runs first, unless it has another turn.';
COMMENT ON COLUMN campaign.jobs.type IS 'Name of its type.';
COMMENT ON COLUMN campaign.jobs.external IS 'Run by a program outside PostgreSQL.';
COMMENT ON COLUMN campaign.jobs.meta IS 'Metadata, as prepare of its type returned them.';
COMMENT ON COLUMN campaign.jobs.status IS 'waiting, scheduled, running, finished, failed or cancelled.';
COMMENT ON COLUMN campaign.jobs.priority IS 'Higher runs first.';
COMMENT ON COLUMN campaign.jobs.run_at IS 'Not before this time.';
COMMENT ON COLUMN campaign.jobs.attempts IS 'Attempts so far, the running one included; those that were interrupted do not count.';
COMMENT ON COLUMN campaign.jobs.max_attempts IS 'After this many attempts it has failed.';
COMMENT ON COLUMN campaign.jobs.interruptions IS 'Attempts that ended with their worker: a crash, a shutdown.';
COMMENT ON COLUMN campaign.jobs.progress IS '0 to 100; while it runs, campaign.job_slots() has the current value.';
COMMENT ON COLUMN campaign.jobs.result IS 'What its handler returned.';
COMMENT ON COLUMN campaign.jobs.error IS 'Why the last attempt failed.';
COMMENT ON COLUMN campaign.jobs.error_code IS 'SQLSTATE of that.';
COMMENT ON COLUMN campaign.jobs.user_id IS 'User who created it, if one did.';
COMMENT ON COLUMN campaign.jobs.application_id IS 'Application that created it, if one did.';
COMMENT ON COLUMN campaign.jobs.account_id IS 'Whose quota it counts against: the user, or the user who created the application; NULL for a job that nobody owns.';
COMMENT ON COLUMN campaign.jobs.shared IS 'It may take any time, and is somebody''s own: all workers but one take such jobs, so many of one account at a time.';
COMMENT ON COLUMN campaign.jobs.turn IS 'Its place instead of seq, if jobs of the same account are before it: accounts take turns (campaign.job_turn()).';
COMMENT ON COLUMN campaign.jobs.worker_pid IS 'Process that has claimed it.';
COMMENT ON COLUMN campaign.jobs.worker_start IS 'When that process started: process ids are used again.';
COMMENT ON COLUMN campaign.jobs.claimed_at IS 'When that process claimed it.';
COMMENT ON COLUMN campaign.jobs.created_at IS 'When it was created.';
COMMENT ON COLUMN campaign.jobs.started_at IS 'When the last attempt started.';
COMMENT ON COLUMN campaign.jobs.finished_at IS 'When it finished, failed or was cancelled.';
COMMENT ON COLUMN campaign.jobs.updated_at IS 'When the row last changed.';
COMMENT ON SEQUENCE campaign.jobs_seq_seq IS 'Order of the jobs.';
CREATE INDEX jobs_waiting_index ON campaign.jobs (external, shared, priority DESC, coalesce(turn, seq))
    WHERE status = 'waiting';
CREATE INDEX jobs_scheduled_index ON campaign.jobs (external, run_at) WHERE status = 'scheduled';
CREATE INDEX jobs_running_index ON campaign.jobs (claimed_at) WHERE status = 'running';
CREATE INDEX jobs_finished_index ON campaign.jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_account_index ON campaign.jobs (account_id, coalesce(turn, seq))
    WHERE status IN ('waiting', 'scheduled') AND account_id IS NOT NULL;
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

-- A running job's row is locked by its worker, so a request to cancel it is a row of its own.
CREATE TABLE campaign.job_cancels (
    job_id text COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE campaign.job_cancels IS 'Requests to cancel jobs that are running. A row is deleted when the job has been cancelled or has finished.';
COMMENT ON COLUMN campaign.job_cancels.job_id IS 'Job.';
COMMENT ON COLUMN campaign.job_cancels.created_at IS 'When it was requested.';
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
              HINT = 'Cancel a job that is no longer wanted with job_cancel().';
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
