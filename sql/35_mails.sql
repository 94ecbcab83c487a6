-- Mails are jobs that a program outside PostgreSQL runs: campaign-mailer, by the rule of
-- 33_job_queue.sql.

CREATE FUNCTION campaign.mail_claim() RETURNS TABLE (id text, email text, attempt integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.job_take_over(true);
    RETURN QUERY
    -- As this statement sees it, the row is still as it was before it was claimed.
    SELECT j.id, j.meta ->> 'email', j.attempts + 1
    FROM campaign.job_claim(true, campaign.job_session_started_at(), '{}', 1) c
    JOIN campaign.jobs j ON j.id = c.id;
END
$$;
COMMENT ON FUNCTION campaign.mail_claim() IS
'Claims the next mail that is due, if there is one. To be committed at once: campaign.mail_begin() belongs to the transaction in which the mail is sent.';

CREATE FUNCTION campaign.mail_begin(job_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (campaign.job_begin(job_id, campaign.job_session_started_at())).type IS NOT NULL;
END
$$;
COMMENT ON FUNCTION campaign.mail_begin(text) IS
'Locks a mail that this session has claimed until the end of the transaction, in which it is sent. False if it must not be sent: it was cancelled, or somebody else has it by now.';

CREATE FUNCTION campaign.mail_check(job_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    job campaign.jobs;
BEGIN
    SELECT * INTO job FROM campaign.jobs j WHERE j.id = mail_check.job_id;
    IF (job.external AND job.status = 'running' AND job.worker_pid = pg_backend_pid()
        AND job.worker_start = campaign.job_session_started_at()) IS NOT TRUE THEN
        RAISE EXCEPTION 'job "%" is not a mail of this session', coalesce(left(job_id, 40), 'NULL')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.mail_check(text) IS 'An error unless this session has claimed this mail.';

CREATE FUNCTION campaign.mail_sent(job_id text, answer text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.mail_check(job_id);
    PERFORM campaign.job_finish(job_id, jsonb_build_object('answer', answer),
        (SELECT j.started_at FROM campaign.jobs j WHERE j.id = job_id));
END
$$;
COMMENT ON FUNCTION campaign.mail_sent(text, text) IS
'The SMTP server accepted the mail, with this answer.';

CREATE FUNCTION campaign.mail_failed(job_id text, error text, final boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.mail_check(job_id);
    IF campaign.job_settle(job_id, campaign.job_session_started_at()) = 'running' THEN
        PERFORM campaign.job_fail(job_id, CASE WHEN final THEN '22023' ELSE '58000' END, error,
            (SELECT j.started_at FROM campaign.jobs j WHERE j.id = job_id));
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.mail_failed(text, text, boolean) IS
'The mail was refused: another attempt follows later, or it has failed; with final, at once.';

CREATE FUNCTION campaign.mail_release(job_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.mail_check(job_id);
    IF campaign.job_settle(job_id, campaign.job_session_started_at()) = 'running' THEN
        PERFORM campaign.job_release(ARRAY[job_id], campaign.job_session_started_at());
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.mail_release(text) IS
'The SMTP server cannot take mails now: the mail waits again, and no attempt is counted.';

CREATE FUNCTION campaign.mail_next() RETURNS double precision
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    due_in double precision := campaign.job_next(true);
BEGIN
    -- Nothing tells when another mailer dies: while one has a mail, look again soon.
    IF EXISTS (SELECT FROM campaign.jobs j WHERE j.status = 'running' AND j.external) THEN
        RETURN least(due_in, 2);
    END IF;
    RETURN due_in;
END
$$;
COMMENT ON FUNCTION campaign.mail_next() IS
'Seconds until it is time to look for a mail: 0 now, NULL when none is due.';
