-- Jobs over HTTP: created, read, cancelled and tried again by the user or the application that
-- owns them. What a job is and how it runs is in 30 to 34_*.sql.

-- Whose it is --------------------------------------------------------------------------------

CREATE FUNCTION campaign.request_owner(OUT user_id text, OUT application_id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT u.id INTO user_id FROM campaign.users u WHERE u.id = campaign.request_user() AND NOT u.deleted;
    application_id := campaign.request_application();
END
$$;
COMMENT ON FUNCTION campaign.request_owner() IS
'The user or the application of the request, as the owner of what it creates; both NULL without a token.';

CREATE FUNCTION campaign.api_owner(OUT user_id text, OUT application_id text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT o.user_id, o.application_id INTO user_id, application_id FROM campaign.request_owner() AS o;
    IF user_id IS NULL AND application_id IS NULL THEN
        PERFORM campaign.api_raise('PT401', 'a token is needed', NULL,
            'Log in with POST /rpc/login, or get the token of an application from /rpc/token.');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_owner() IS 'The user or the application of the request; 401 without one.';

CREATE FUNCTION campaign.api_job_check(job_id text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner record := campaign.api_owner();
BEGIN
    IF NOT EXISTS (SELECT FROM campaign.jobs j WHERE j.id = api_job_check.job_id
                   AND (j.user_id = owner.user_id OR j.application_id = owner.application_id)) THEN
        PERFORM campaign.api_raise('PT404', format('job "%s" does not exist', coalesce(left(job_id, 40), 'NULL')));
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_job_check(text) IS
'404 if there is no such job of the user or the application of the request.';

-- = (SELECT ...): evaluated once per statement, and an index can be used.
CREATE POLICY user_read ON campaign.jobs FOR SELECT TO campaign_user
    USING (user_id = (SELECT o.user_id FROM campaign.request_owner() AS o));
COMMENT ON POLICY user_read ON campaign.jobs IS 'One''s own.';
CREATE POLICY app_read ON campaign.jobs FOR SELECT TO campaign_app
    USING (application_id = (SELECT o.application_id FROM campaign.request_owner() AS o));
COMMENT ON POLICY app_read ON campaign.jobs IS 'Those that the application has created.';

-- As in 90_policies.sql: no estimate may depend on what somebody wrote.
ALTER TABLE campaign.jobs ALTER COLUMN meta SET STATISTICS 0, ALTER COLUMN result SET STATISTICS 0,
    ALTER COLUMN error SET STATISTICS 0;

-- Reading ------------------------------------------------------------------------------------

-- The role of a request may not read metadata, part of which can be secret. This is called for every
-- row of a list: PL/pgSQL keeps the plans.
CREATE FUNCTION campaign.request_job_meta(job_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner record := campaign.request_owner();
    job record;
BEGIN
    SELECT j.type, j.meta INTO job FROM campaign.jobs j
    WHERE j.id = request_job_meta.job_id
      AND (j.user_id = owner.user_id OR j.application_id = owner.application_id);
    RETURN campaign.job_visible_meta(job.type, job.meta);
END
$$;
COMMENT ON FUNCTION campaign.request_job_meta(text) IS
'Metadata of a job of the request, without what its type keeps secret.';

CREATE FUNCTION campaign.request_job_slot(job_id text, OUT progress integer, OUT started_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT s.progress, s.started_at FROM campaign.job_slots() AS s WHERE s.job_id = request_job_slot.job_id $$;
COMMENT ON FUNCTION campaign.request_job_slot(text) IS
'How far a running job is, and since when it runs; NULL for any other.';

CREATE VIEW campaign_api.jobs WITH (security_invoker = true) AS
SELECT j.id, j.type, j.status, campaign.request_job_meta(j.id) AS meta,
    CASE j.status WHEN 'running' THEN coalesce((campaign.request_job_slot(j.id)).progress, 0)
        ELSE j.progress END AS progress,
    j.result, j.error, j.attempts, j.max_attempts, j.interruptions, j.priority, j.run_at, j.created_at,
    CASE j.status WHEN 'running' THEN coalesce((campaign.request_job_slot(j.id)).started_at, j.started_at)
        ELSE j.started_at END AS started_at,
    j.finished_at
FROM campaign.jobs j;
COMMENT ON VIEW campaign_api.jobs IS
$$Your jobs
Those that you created, or with the token of an application: those that it created. Read only: POST /rpc/job_create, /rpc/job_cancel and /rpc/job_retry change it, and nothing deletes a job.$$;
COMMENT ON COLUMN campaign_api.jobs.id IS 'cuid2';
COMMENT ON COLUMN campaign_api.jobs.type IS 'What it does.';
COMMENT ON COLUMN campaign_api.jobs.status IS 'waiting, scheduled, running, finished, failed or cancelled.';
COMMENT ON COLUMN campaign_api.jobs.meta IS 'What it was given, without secrets.';
COMMENT ON COLUMN campaign_api.jobs.progress IS '0 to 100, also while it runs.';
COMMENT ON COLUMN campaign_api.jobs.result IS 'What its handler returned.';
COMMENT ON COLUMN campaign_api.jobs.error IS 'Why the last attempt failed.';
COMMENT ON COLUMN campaign_api.jobs.attempts IS 'Attempts so far.';
COMMENT ON COLUMN campaign_api.jobs.max_attempts IS 'After this many attempts it has failed.';
COMMENT ON COLUMN campaign_api.jobs.interruptions IS 'Attempts that a crash or a shutdown ended; they do not count.';
COMMENT ON COLUMN campaign_api.jobs.priority IS 'Higher runs first.';
COMMENT ON COLUMN campaign_api.jobs.run_at IS 'Not before this time.';
COMMENT ON COLUMN campaign_api.jobs.created_at IS 'When it was created.';
COMMENT ON COLUMN campaign_api.jobs.started_at IS 'When its last attempt started.';
COMMENT ON COLUMN campaign_api.jobs.finished_at IS 'When it was finished, failed or cancelled.';

CREATE FUNCTION campaign.api_read_only() RETURNS trigger
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_raise('PT405', format('%s are kept as they are', TG_TABLE_NAME), NULL,
        'POST /rpc/job_create creates one, /rpc/job_cancel and /rpc/job_retry change it.');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.api_read_only() IS
'405: jobs are not written to through their view.';
-- One for the statement, so that it does not depend on finding a row; one for each row, because
-- without it the table behind the view would be written to.
CREATE TRIGGER api_read_only BEFORE INSERT OR UPDATE OR DELETE ON campaign_api.jobs
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_read_only();
COMMENT ON TRIGGER api_read_only ON campaign_api.jobs IS '405 whatever is asked.';
CREATE TRIGGER api_write INSTEAD OF INSERT OR UPDATE OR DELETE ON campaign_api.jobs
    FOR EACH ROW EXECUTE FUNCTION campaign.api_read_only();
COMMENT ON TRIGGER api_write ON campaign_api.jobs IS '405, and not the table behind it.';

CREATE FUNCTION campaign_api.job_get(job_id text) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.job_get');
    PERFORM campaign.api_job_check(job_id);
    RETURN @extschema@.job_get(job_id);
END
$$;
COMMENT ON FUNCTION campaign_api.job_get(text) IS
$$Get a job
Everything about one of your jobs. GET or POST.

job_id: the job.

200; 404 if there is no such job, or it is somebody else's.$$;

CREATE FUNCTION campaign_api.job_stats() RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner record := campaign.api_owner();
BEGIN
    RETURN campaign.job_stats_of(owner.user_id, owner.application_id);
END
$$;
COMMENT ON FUNCTION campaign_api.job_stats() IS
$$How your jobs are doing
Counts by status and type, what has waited longest, what is running, since when and in which worker, how many finished in the last minute and hour. GET or POST.

200 with {"by_type", "by_status", "oldest_waiting", "next_run_at", "running", "throughput"}.$$;

-- Creating -----------------------------------------------------------------------------------

CREATE FUNCTION campaign.api_job_meta(meta json) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given jsonb;
    digits integer;
    longest CONSTANT integer := 262144;
    length integer := 0;
BEGIN
    IF octet_length(meta::text) > longest THEN
        PERFORM campaign.api_raise('PT413', 'metadata are longer than 256 kB');
    END IF;
    given := meta::jsonb;
    -- 1e131071 has 8 characters here, and 131072 whenever it is read.
    FOR digits IN SELECT octet_length(n::text)
                  FROM jsonb_path_query(given, 'strict $.** ? (@.type() == "number")') AS n LOOP
        length := length + digits;
        IF length > longest THEN
            PERFORM campaign.api_raise('PT413', 'metadata are longer than 256 kB when their numbers are written out');
        END IF;
    END LOOP;
    RETURN given;
EXCEPTION WHEN data_exception THEN
    PERFORM campaign.api_raise('PT422', 'metadata cannot be stored: ' || SQLERRM);
END
$$;
COMMENT ON FUNCTION campaign.api_job_meta(json) IS
'Metadata of a request; 413 above 256 kB, also with all numbers written out, 422 if they hold what cannot be stored, such as \u0000.';

CREATE FUNCTION campaign.api_job_type_check(type text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job_type campaign.job_types := campaign.job_type_find(type);
BEGIN
    IF job_type.api AND NOT job_type.deleted THEN
        RETURN;
    END IF;
    PERFORM campaign.api_raise('PT422', CASE WHEN job_type.name IS NULL OR job_type.deleted
            THEN format('no job type is called "%s"', coalesce(left(type, 63), 'NULL'))
            ELSE format('jobs of type "%s" cannot be created over HTTP', job_type.name) END, NULL,
        'There are: ' || (SELECT string_agg(n.name, ', ' ORDER BY n.name) FROM (
            SELECT t.name FROM campaign.job_types t WHERE t.api AND NOT t.deleted
            UNION ALL
            SELECT s.name FROM campaign.job_types_shipped() s
            WHERE s.api AND NOT EXISTS (SELECT FROM campaign.job_types t WHERE t.name = s.name)) AS n));
END
$$;
COMMENT ON FUNCTION campaign.api_job_type_check(text) IS
'422 if there is no such type of jobs, or it is not open to HTTP.';

-- A campaign is dispatched by members of its company, and by the applications of that company.
CREATE FUNCTION campaign.api_job_campaign_check(campaign_id text, application_id text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF application_id IS NULL THEN
        PERFORM campaign.api_campaign_check(campaign_id);
    ELSIF NOT EXISTS (SELECT FROM campaign.applications a WHERE a.id = api_job_campaign_check.application_id
                      AND a.company_id = campaign.api_campaign_company(campaign_id)) THEN
        PERFORM campaign.api_raise('PT403', 'this campaign belongs to another company');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_job_campaign_check(text, text) IS
'404 if there is no such campaign, 403 if it does not belong to the company of the application or to a company of the user of the request.';

CREATE FUNCTION campaign_api.job_create(
    job_name text,
    meta json DEFAULT '{}',
    run_at timestamptz DEFAULT NULL,
    priority integer DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner record := campaign.api_owner();
    first_answer jsonb := campaign.repeat_answer('job_create');
    given jsonb;
    job_id text;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.job_create');
    IF first_answer IS NOT NULL THEN
        RETURN first_answer;
    END IF;
    PERFORM campaign.api_job_type_check(job_name);
    given := campaign.api_job_meta(meta);
    PERFORM campaign.api_job_quota_check();
    IF job_create.priority NOT BETWEEN -1000 AND 0 THEN
        PERFORM campaign.api_raise('PT422', 'priority must be a number from -1000 to 0');
    ELSIF job_name = 'dispatch' AND jsonb_typeof(given -> 'campaign_id') = 'string' THEN
        PERFORM campaign.api_job_campaign_check(given ->> 'campaign_id', owner.application_id);
    END IF;
    job_id := @extschema@.job_create(job_name, given, job_create.run_at, job_create.priority,
        owner.user_id, owner.application_id);
    PERFORM campaign.api_respond(201, 'Location', '/jobs?id=eq.' || job_id);
    RETURN campaign.repeat_keep(jsonb_build_object('id', job_id, 'message', 'job created'));
END
$$;
COMMENT ON FUNCTION campaign_api.job_create(text, json, timestamptz, integer) IS
$$Create a job
It runs in the background, survives every crash, and is kept for ever. Types: countdown {"seconds"}, fibonacci {"n"}, pi {"digits"}, dispatch {"campaign_id"}, user_create {"email", "password"}, and whatever else is registered.

job_name: type of the job.
meta: what the type takes, up to 256 kB.
run_at: not before this time.
priority: -1000 to 0; higher runs first.

201 with {"id", "message"} and its Location; 403, 404 for a campaign that is not yours or not there; 413; 422 for an unknown type, one that is not open to HTTP, or metadata that it does not take; 429 if too many jobs of yours wait.$$;

CREATE FUNCTION campaign_api.signup_async(email text, password text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner record := campaign.request_owner();
    job_id text;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.signup_async');
    IF signup_async.password IS NULL THEN
        PERFORM campaign.api_raise('PT422', 'password is missing');
    END IF;
    job_id := @extschema@.job_create('user_create'::text, jsonb_build_object(
            'email', campaign.email_check(signup_async.email), 'password', signup_async.password),
        now(), NULL::integer, owner.user_id, owner.application_id);
    PERFORM campaign.api_respond(202);
    IF owner.user_id IS NOT NULL OR owner.application_id IS NOT NULL THEN
        PERFORM campaign.api_respond(202, 'Location', '/jobs?id=eq.' || job_id);
    END IF;
    RETURN jsonb_build_object('id', job_id, 'message', 'the user will be created');
END
$$;
COMMENT ON FUNCTION campaign_api.signup_async(text, text) IS
$$Sign up, later
Creates a job that creates the user. Needs no token; whoever sends one owns the job and can read what came of it. The answer does not say whether somebody already has this address; if so, the job fails.

email: address, unique among users whatever its case.
password: 1 to 1024 bytes; only its Argon2id hash is kept, in the job too.

202 with {"id", "message"} and, for whoever sends a token, the Location of the job; 422 if the address or the password is not valid.$$;

-- Verbs --------------------------------------------------------------------------------------

CREATE FUNCTION campaign_api.job_cancel(job_id text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.job_cancel');
    PERFORM campaign.api_job_check(job_id);
    answer := @extschema@.job_cancel(job_id);
    IF answer ->> 'status' <> 'cancelled' THEN
        PERFORM campaign.api_respond(202);
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION campaign_api.job_cancel(text) IS
$$Cancel a job
One that runs is interrupted, and what it did is rolled back.

job_id: one of your jobs.

200 with the job; 202 if it is running and being interrupted; 404; 409 if it is already over.$$;

CREATE FUNCTION campaign_api.job_retry(job_id text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.job_retry');
    PERFORM campaign.api_job_check(job_id);
    PERFORM campaign.api_job_quota_check();
    answer := @extschema@.job_retry(job_id);
    PERFORM campaign.api_respond(202);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION campaign_api.job_retry(text) IS
$$Try a job again
One that has failed or was cancelled waits again, with as many attempts as at first. 429 if too many jobs of yours wait.

job_id: one of your jobs.

202 with the job; 404; 409 in another state.$$;
