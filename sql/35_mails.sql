-- Mails are jobs that a program outside PostgreSQL runs: campaign-mailer, by the rule of
-- 33_job_queue.sql.

CREATE FUNCTION campaign.mail_stale(type text, meta jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF meta ? 'invitation_id' AND NOT EXISTS (
        SELECT FROM campaign.invitations i
        JOIN campaign.companies c ON c.id = i.company_id AND NOT c.deleted
        WHERE i.id = meta ->> 'invitation_id' AND i.answer IS NULL AND i.expires_at > now())
    THEN
        RETURN 'the invitation is not open any more';
    END IF;
    -- An address that is only wanted, of confirm, is looked at where its code is made.
    IF type <> 'confirm_email' AND meta ? 'user_id' AND NOT EXISTS (
        SELECT FROM campaign.users u
        WHERE u.id = meta ->> 'user_id' AND NOT u.deleted AND lower(u.email) = lower(meta ->> 'email'))
    THEN
        RETURN 'its user no longer has this address';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.mail_stale(text, jsonb) IS 'Why nobody is to get a mail any more; NULL if it is to be sent.';

-- A mailer that is busy goes on behind the last mail that it got, as a job worker does.
CREATE FUNCTION campaign.mail_claim(
    after_priority integer DEFAULT NULL,
    after_seq bigint DEFAULT NULL,
    above boolean DEFAULT true,
    OUT id text,
    OUT email text,
    OUT attempt integer,
    OUT priority integer,
    OUT seq bigint,
    OUT kind text,
    OUT code text,
    OUT company text,
    OUT inviter text,
    OUT stale text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    claimed record;
BEGIN
    IF after_seq IS NULL THEN
        PERFORM campaign.job_take_over(true);
    END IF;
    SELECT * INTO claimed
    FROM campaign.job_claim(true, campaign.job_session_started_at(), '{}', 1, after_priority, after_seq, above);
    -- A statement of its own: the one that claims does not see a mail that was committed after it had begun.
    RETURN QUERY
    SELECT j.id, j.meta ->> 'email', j.attempts, j.priority, j.seq, regexp_replace(j.type, '_email$', ''),
        CASE WHEN j.type IN ('confirm_email', 'reset_email') THEN campaign.address_code_issue(
            regexp_replace(j.type, '_email$', ''), j.meta ->> 'user_id', j.meta ->> 'email', j.id) END,
        j.meta ->> 'company', j.meta ->> 'inviter', campaign.mail_stale(j.type, j.meta)
    FROM campaign.jobs j WHERE j.id = claimed.id;
END
$$;
COMMENT ON FUNCTION campaign.mail_claim(integer, bigint, boolean) IS
'Takes the next mail that is due, if there is one; with after_priority and after_seq: of those with a higher priority (unless above is false), and those with the same one that came later. The transaction ends with this; campaign.mail_begin() starts the one in which it is sent. A mail with a code gets one each time; only its hash is stored.';

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
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
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
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
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
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
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
