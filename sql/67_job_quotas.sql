-- How the job workers are shared: what one account may have waiting, and when it is its turn. What it may
-- have running is decided in 33_job_queue.sql and by the workers (src/jobs/job_slots.c).

CREATE FUNCTION campaign.application_account(application_id text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT a.user_id FROM campaign.applications a
                     WHERE a.id = application_account.application_id), application_id)
$$;
COMMENT ON FUNCTION campaign.application_account(text) IS
'Against whose quota the jobs of an application count: that of the user who created it, however many applications they have; the server''s own have one each.';

-- A job has its place when it begins to wait, so that claiming compares nothing but places. The first one that an
-- account has waiting stands where it came; each further one so far behind the one before that whoever has few passes
-- it, and that two accounts with many have them run by turns. After so many jobs of others it is passed no more.
CREATE FUNCTION campaign.job_turn(account text, priority integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    stride CONSTANT bigint := 1000000;
BEGIN
    RETURN (SELECT coalesce(j.turn, j.seq) + stride FROM campaign.jobs j
            WHERE j.account_id = account AND j.status = 'waiting' AND NOT j.external AND NOT j.shared
              AND j.priority = job_turn.priority
            ORDER BY coalesce(j.turn, j.seq) DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION campaign.job_turn(text, integer) IS
'The place of one more dispatch, generated run or sign-up of an account that begins to wait; NULL if none is before it: its own seq.';

CREATE FUNCTION campaign.job_first_place(priority integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
BEGIN
    RETURN (SELECT coalesce(j.turn, j.seq) FROM campaign.jobs j
            WHERE j.status = 'waiting' AND NOT j.external AND NOT j.shared AND j.priority = job_first_place.priority
            ORDER BY coalesce(j.turn, j.seq) LIMIT 1);
END
$$;
COMMENT ON FUNCTION campaign.job_first_place(integer) IS
'The place of the first job of this priority that waits, and is neither shared nor external; NULL: none waits.';

CREATE FUNCTION campaign.job_again(job_id text, progress integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    fresh bigint := nextval('campaign.jobs_seq_seq');
BEGIN
    -- Behind those that wait: the steps of a long job may not keep the workers from them. One that stands far behind because
    -- of its account's turn comes before the next step, too, once it is the first.
    UPDATE campaign.jobs j
    SET status = 'waiting', seq = fresh, progress = job_again.progress,
        turn = CASE WHEN NOT j.shared THEN nullif(greatest(
            campaign.job_turn(j.account_id, j.priority), campaign.job_first_place(j.priority) + 1, fresh), fresh) END,
        attempts = j.attempts - 1, worker_pid = NULL, worker_start = NULL, updated_at = clock_timestamp()
    WHERE j.id = job_again.job_id AND j.worker_pid = pg_backend_pid();
END
$$;
COMMENT ON FUNCTION campaign.job_again(text, integer) IS
'For a handler that works in steps: what it did so far is committed, and the same job runs again for the next one. A crash costs one step. Does nothing outside the job''s own worker.';

-- Not under a lock: what is created at the same moment may exceed the quota by as many jobs as
-- PostgREST has connections, and nobody waits for others.
CREATE FUNCTION campaign.api_job_quota_check() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    owner record := campaign.api_owner();
    account text := coalesce(owner.user_id, campaign.application_account(owner.application_id));
    quota integer := current_setting('campaign.job_waiting_max')::integer;
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM campaign.jobs j
                              WHERE j.account_id = account AND j.status IN ('waiting', 'scheduled')
                              LIMIT quota) AS w) >= quota THEN
        PERFORM campaign.api_raise('PT429', format('%s of your jobs are waiting', quota), NULL,
            'Wait until some of them have run, or cancel some.');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_job_quota_check() IS
'429 if as many jobs of the account of the request wait, or are scheduled, as campaign.job_waiting_max allows.';
