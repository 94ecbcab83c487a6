-- How the job workers are shared: what one account may have waiting. What it may have running is
-- decided in 33_job_queue.sql and by the workers (src/jobs/job_slots.c).

CREATE FUNCTION campaign.application_account(application_id text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT a.user_id FROM campaign.applications a
                     WHERE a.id = application_account.application_id), application_id)
$$;
COMMENT ON FUNCTION campaign.application_account(text) IS
'Against whose quota the jobs of an application count: that of the user who created it, however many applications they have; the server''s own have one each.';

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
