-- The types of jobs that are shipped: what each takes, and what it does.

CREATE FUNCTION campaign.job_types_shipped() RETURNS SETOF campaign.job_types
LANGUAGE plpgsql STABLE ROWS 11
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT t.name, t.handler, t.prepare, t.description, t.max_attempts, t.backoff::interval,
        t.timeout::interval, 0, t.api, t.secret_keys::text[], now(), now(), false
    FROM (VALUES
        ('countdown', 'campaign.job_countdown', 'campaign.job_countdown_prepare',
         'Counts down the seconds.', 5, '1 second', '2 hours', true, '{}'),
        ('fibonacci', 'campaign.job_fibonacci', 'campaign.job_fibonacci_prepare',
         'The n-th Fibonacci number.', 5, '1 second', '1 hour', true, '{}'),
        ('pi', 'campaign.job_pi', 'campaign.job_pi_prepare',
         'Pi to this many decimal digits.', 5, '1 second', '1 hour', true, '{}'),
        ('dispatch', 'campaign.job_dispatch', 'campaign.job_dispatch_prepare',
         'Dispatches a campaign.', 5, '1 second', '1 hour', true, '{}'),
        ('generate', 'campaign.job_generate', 'campaign.job_generate_prepare',
         'Generates the records of a run, a chunk at a time.', 5, '1 second', '10 minutes', false, '{}'),
        ('user_create', 'campaign.job_user_create', 'campaign.job_user_create_prepare',
         'Creates a user; the welcome e-mail follows.', 5, '1 second', '1 minute', true, '{password_hash}'),
        ('password_reset', 'campaign.job_password_reset', NULL,
         'Looks whether somebody has an address, and queues the mail for a new password.', 5, '1 second', '1 minute', false, '{}'),
        ('welcome_email', NULL, NULL,
         'The welcome e-mail, sent by campaign-mailer.', 12, '30 seconds', '10 minutes', false, '{}'),
        ('confirm_email', NULL, NULL,
         'The mail with a code that proves an address.', 12, '30 seconds', '10 minutes', false, '{}'),
        ('reset_email', NULL, NULL,
         'The mail with a code for a new password.', 12, '30 seconds', '10 minutes', false, '{}'),
        ('invitation_email', NULL, NULL,
         'The mail to somebody who is invited to a company.', 12, '30 seconds', '10 minutes', false, '{}')
    ) AS t (name, handler, prepare, description, max_attempts, backoff, timeout, api, secret_keys);
END
$$;
COMMENT ON FUNCTION campaign.job_types_shipped() IS
'The types that come with the extension. A registered one of the same name takes the place of a shipped one.';

CREATE FUNCTION campaign.job_meta_number(meta jsonb, key text, minimum numeric, maximum numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    value numeric;
BEGIN
    IF jsonb_typeof(meta -> key) = 'number' THEN
        value := (meta ->> key)::numeric;
    END IF;
    IF value IS NULL OR value NOT BETWEEN minimum AND maximum THEN
        RAISE EXCEPTION 'metadata: "%" must be a number from % to %', key, minimum, maximum
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN value;
END
$$;
COMMENT ON FUNCTION campaign.job_meta_number(jsonb, text, numeric, numeric) IS
'A number in the metadata, within limits; anything else is an error.';

CREATE FUNCTION campaign.job_meta_whole(meta jsonb, key text, minimum numeric, maximum numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    value numeric := campaign.job_meta_number(meta, key, minimum, maximum);
BEGIN
    IF value <> trunc(value) THEN
        RAISE EXCEPTION 'metadata: "%" must be a whole number', key USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN value;
END
$$;
COMMENT ON FUNCTION campaign.job_meta_whole(jsonb, text, numeric, numeric) IS
'A whole number in the metadata, within limits; anything else is an error.';

CREATE FUNCTION campaign.job_meta_text(meta jsonb, key text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(meta -> key) IS DISTINCT FROM 'string' THEN
        RAISE EXCEPTION 'metadata: "%" must be a string', key USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN meta ->> key;
END
$$;
COMMENT ON FUNCTION campaign.job_meta_text(jsonb, text) IS
'A string in the metadata; anything else is an error.';

CREATE FUNCTION campaign.job_countdown_prepare(meta jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.job_meta_number(meta, 'seconds', 0, 3600);
    RETURN meta;
END
$$;
COMMENT ON FUNCTION campaign.job_countdown_prepare(jsonb) IS 'Metadata of countdown: {"seconds": 0 to 3600}.';

CREATE FUNCTION campaign.job_fibonacci_prepare(meta jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.job_meta_whole(meta, 'n', 0, 100000);
    RETURN meta;
END
$$;
COMMENT ON FUNCTION campaign.job_fibonacci_prepare(jsonb) IS 'Metadata of fibonacci: {"n": 0 to 100000}.';

CREATE FUNCTION campaign.job_pi_prepare(meta jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.job_meta_whole(meta, 'digits', 0, 100000);
    RETURN meta;
END
$$;
COMMENT ON FUNCTION campaign.job_pi_prepare(jsonb) IS 'Metadata of pi: {"digits": 0 to 100000}, counted after the point.';

CREATE FUNCTION campaign.job_countdown(job_id text, meta jsonb) RETURNS jsonb
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_job_countdown';
COMMENT ON FUNCTION campaign.job_countdown(text, jsonb) IS
'Waits for meta.seconds and shows its progress.';

CREATE FUNCTION campaign.job_fibonacci(job_id text, meta jsonb) RETURNS jsonb
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_job_fibonacci';
COMMENT ON FUNCTION campaign.job_fibonacci(text, jsonb) IS
'{"n", "value"}: the Fibonacci number as its decimal digits, exact.';

CREATE FUNCTION campaign.job_pi(job_id text, meta jsonb) RETURNS jsonb
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_job_pi';
COMMENT ON FUNCTION campaign.job_pi(text, jsonb) IS
'{"digits", "value"}: pi, cut off after meta.digits decimals.';

CREATE FUNCTION @extschema@.job_progress(job_id text, percent double precision) RETURNS void
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_job_progress';
COMMENT ON FUNCTION @extschema@.job_progress(text, double precision) IS
'For handlers: reports how much of the job is done, visible to everybody at once. Does nothing outside a job worker.';

CREATE FUNCTION campaign.job_dispatch_prepare(meta jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.job_meta_text(meta, 'campaign_id');
    RETURN meta;
END
$$;
COMMENT ON FUNCTION campaign.job_dispatch_prepare(jsonb) IS 'Metadata of dispatch: {"campaign_id"}.';

CREATE FUNCTION campaign.job_campaign_check(job_id text, campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id text;
BEGIN
    SELECT c.company_id INTO owner_id FROM campaign.campaigns c WHERE c.id = job_campaign_check.campaign_id;
    -- Waits for a deletion of the company that is under way, and keeps it from being deleted.
    PERFORM FROM campaign.companies o WHERE o.id = owner_id FOR KEY SHARE;
    IF EXISTS (SELECT FROM campaign.companies o WHERE o.id = owner_id AND o.deleted) THEN
        RAISE EXCEPTION 'the company of campaign "%" is deleted', campaign_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (
        SELECT FROM campaign.jobs j
        WHERE j.id = job_campaign_check.job_id AND NOT campaign.account_entitled(j.user_id, j.application_id, owner_id))
    THEN
        RAISE EXCEPTION 'whoever created this job may not dispatch campaign "%"', campaign_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.job_campaign_check(text, text) IS
'An error if the campaign''s company is deleted, or is not, or no longer, one of the user or the application that owns the job.';

CREATE FUNCTION campaign.job_dispatch(job_id text, meta jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Checked when the job was created, too; but that may be long ago.
    PERFORM campaign.job_campaign_check(job_id, meta ->> 'campaign_id');
    RETURN @extschema@.campaign_dispatch(meta ->> 'campaign_id');
END
$$;
COMMENT ON FUNCTION campaign.job_dispatch(text, jsonb) IS
'Dispatches meta.campaign_id; the result is its status.';

CREATE FUNCTION campaign.job_user_create_prepare(meta jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    code text; message text; detail text; hint text;
BEGIN
    RETURN meta - 'password' || jsonb_build_object(
        'email', campaign.email_check(campaign.job_meta_text(meta, 'email')),
        'password_hash', @extschema@.password_hash(campaign.job_meta_text(meta, 'password')));
EXCEPTION WHEN OTHERS THEN
    -- As in user_create(): without the statement.
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM campaign.api_raise(code, message, detail, hint);
END
$$;
COMMENT ON FUNCTION campaign.job_user_create_prepare(jsonb) IS
'Metadata of user_create: {"email", "password"}; of the password only the hash is stored.';

CREATE FUNCTION campaign.job_user_create(job_id text, meta jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object('user_id',
        campaign.user_insert(meta ->> 'email', meta ->> 'password_hash'));
END
$$;
COMMENT ON FUNCTION campaign.job_user_create(text, jsonb) IS
'Creates the user and queues the welcome e-mail; the result is {"user_id"}.';
