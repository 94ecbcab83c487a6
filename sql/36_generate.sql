-- Generating: made-up records as recipients of a draft, by a job, a chunk in each of its steps.

CREATE FUNCTION campaign.generated_records(
    seed bigint, first bigint, count bigint, vip_percent double precision, vip_seq bigint, normal_seq bigint,
    OUT vip boolean, OUT seq bigint, OUT phone_number text, OUT attributes jsonb
) RETURNS SETOF record
LANGUAGE C IMMUTABLE STRICT ROWS 20000
AS 'MODULE_PATHNAME', 'campaign_generated_records';
COMMENT ON FUNCTION campaign.generated_records(bigint, bigint, bigint, double precision, bigint, bigint) IS
'So many records of a seed from the first one on, numbered by class from vip_seq and normal_seq on. The same for the same seed; no number twice.';

CREATE FUNCTION campaign.job_generate_prepare(meta jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM campaign.runs r
                   WHERE r.campaign_id = meta ->> 'campaign_id' AND r.job_id IS NULL AND r.archived_at IS NULL) THEN
        RAISE EXCEPTION 'metadata: "campaign_id" is no campaign that is to be generated'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Jobs of this type come from campaign_generate().';
    END IF;
    RETURN meta;
END
$$;
COMMENT ON FUNCTION campaign.job_generate_prepare(jsonb) IS 'Metadata of generate: {"campaign_id"}, of a run without a job.';

CREATE FUNCTION campaign.generate_chunk(run campaign.runs, count bigint) RETURNS campaign.runs
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    vip_total bigint := coalesce((SELECT p.total FROM campaign.progress p
        WHERE p.campaign_id = run.campaign_id AND p.class = 'VIP'), 0);
    normal_total bigint := coalesce((SELECT p.total FROM campaign.progress p
        WHERE p.campaign_id = run.campaign_id AND p.class = 'NORMAL'), 0);
    vip_more bigint;
BEGIN
    WITH added AS (
        INSERT INTO campaign.recipients (campaign_id, class, seq, phone_number, attributes)
        SELECT run.campaign_id, CASE WHEN g.vip THEN 'VIP' ELSE 'NORMAL' END::campaign.recipient_class,
            g.seq, g.phone_number, g.attributes
        FROM campaign.generated_records(run.seed, run.generated + 1, count, run.vip_percent,
            vip_total + 1, normal_total + 1) AS g
        RETURNING class)
    SELECT count(*) FILTER (WHERE a.class = 'VIP') INTO vip_more FROM added a;
    INSERT INTO campaign.progress AS p (campaign_id, class, total)
    SELECT run.campaign_id, m.class, m.more
    FROM (VALUES ('VIP'::campaign.recipient_class, vip_more), ('NORMAL', count - vip_more)) AS m (class, more)
    WHERE m.more > 0
    ON CONFLICT ON CONSTRAINT progress_pkey DO UPDATE SET total = p.total + excluded.total;
    UPDATE campaign.campaigns c
    SET total = c.total + count, updated_at = clock_timestamp()
    WHERE c.id = run.campaign_id;
    UPDATE campaign.runs r
    SET generated = r.generated + count, updated_at = clock_timestamp(),
        started_at = coalesce(r.started_at, now()),
        generated_at = CASE WHEN r.generated + count >= r.quantity THEN clock_timestamp() END
    WHERE r.campaign_id = run.campaign_id AND r.number = run.number
    RETURNING r.* INTO run;
    RETURN run;
END
$$;
COMMENT ON FUNCTION campaign.generate_chunk(campaign.runs, bigint) IS
'Appends the next so many records of a run to its draft. The caller holds the campaign''s lock.';

CREATE FUNCTION campaign.job_generate(job_id text, meta jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chunk CONSTANT bigint := 25000;
    target campaign.campaigns := campaign.campaign_lock(meta ->> 'campaign_id');
    run campaign.runs;
BEGIN
    SELECT * INTO run FROM campaign.runs r
    WHERE r.campaign_id = target.id AND r.job_id = job_generate.job_id AND r.archived_at IS NULL;
    IF target.status <> 'draft' OR run.campaign_id IS NULL THEN
        RETURN jsonb_build_object('generated', coalesce(run.generated, 0), 'stopped', 'the campaign is no draft any more');
    END IF;
    PERFORM campaign.job_campaign_check(job_id, target.id);
    PERFORM @extschema@.job_progress(job_id, 100 * run.generated::double precision / run.quantity);
    IF run.generated < run.quantity THEN
        run := campaign.generate_chunk(run, least(chunk, run.quantity - run.generated));
    END IF;
    IF run.generated < run.quantity THEN
        PERFORM campaign.job_again(job_id, (100 * run.generated / run.quantity)::integer);
        RETURN NULL;
    END IF;
    IF run.dispatch THEN
        PERFORM @extschema@.campaign_dispatch(target.id);
    END IF;
    RETURN jsonb_build_object('generated', run.generated,
        'generation_ms', campaign.ms_between(run.started_at, run.generated_at));
END
$$;
COMMENT ON FUNCTION campaign.job_generate(text, jsonb) IS
'Generates the next chunk of the run of meta.campaign_id, and dispatches the campaign after the last one if the run says so; the result is {"generated", "generation_ms"}.';

CREATE FUNCTION campaign.generation_cancel(campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record := campaign.run_read(campaign_id);
BEGIN
    IF r.phase = 'GENERATING' THEN
        PERFORM @extschema@.job_cancel((r.run).job_id);
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.generation_cancel(text) IS
'Cancels the job that generates the records of a campaign, if one does; it may be running, and waiting for the campaign''s lock. The caller has that, and had it before: a job that held it may have ended with its chunk.';

CREATE FUNCTION campaign.generation_trouble(run campaign.runs) RETURNS campaign.troubles
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job campaign.jobs;
BEGIN
    SELECT * INTO job FROM campaign.jobs j WHERE j.id = run.job_id;
    RETURN ROW('jobs', 'generate', CASE
        WHEN job.status = 'scheduled' AND job.error IS NOT NULL
            THEN format('generating its records failed and is tried again: %s; nothing has moved for', job.error)
        WHEN job.status = 'running' THEN 'the job that generates its records is held up, nothing has moved for'
        ELSE 'waiting for a job worker since' END, run.updated_at, NULL)::campaign.troubles;
END
$$;
COMMENT ON FUNCTION campaign.generation_trouble(campaign.runs) IS
'Why the records of a run are not generated.';

CREATE FUNCTION campaign.generation_moved_at(run campaign.runs) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A job that has ended otherwise than with its last record.
    RETURN coalesce(run.generated_at, (SELECT j.finished_at FROM campaign.jobs j WHERE j.id = run.job_id), run.updated_at);
END
$$;
COMMENT ON FUNCTION campaign.generation_moved_at(campaign.runs) IS
'When generating a run came to its end, or last got on.';

CREATE FUNCTION campaign.generate_check(target campaign.campaigns, quantity bigint, vip_percent double precision)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF quantity IS NULL OR quantity NOT BETWEEN 1 AND current_setting('campaign.generate_max')::bigint THEN
        RAISE EXCEPTION 'quantity must be a number from 1 to %', current_setting('campaign.generate_max')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF vip_percent IS NULL OR NOT vip_percent BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'vip_percent must be a number from 0 to 100' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF target.status <> 'draft' OR target.total > 0
        OR EXISTS (SELECT FROM campaign.runs r WHERE r.campaign_id = target.id AND r.archived_at IS NULL) THEN
        RAISE EXCEPTION 'campaign "%" has a run or recipients already', target.id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Records are generated for an empty draft; campaign_reset() makes one.';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.generate_check(campaign.campaigns, bigint, double precision) IS
'An error if this cannot be generated for this campaign.';

CREATE FUNCTION campaign.generate_text_check(target campaign.campaigns) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.placeholders_fill(target.message, campaign.attributes_canonical(g.attributes
        || campaign.attributes_outcome(true, 'VIP')))
    FROM campaign.generated_records(1, 1, 1, 100, 1, 1) AS g
    WHERE target.placeholders;
END
$$;
COMMENT ON FUNCTION campaign.generate_text_check(campaign.campaigns) IS
'An error if the message has a placeholder that no record will have. All records have the same attributes.';

CREATE FUNCTION @extschema@.campaign_generate(
    campaign_id text,
    quantity bigint,
    seed bigint DEFAULT NULL,
    vip_percent double precision DEFAULT 25,
    dispatch boolean DEFAULT false,
    user_id text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
    run_number integer := 1 + (SELECT count(*) FROM campaign.runs r WHERE r.campaign_id = target.id);
    run_seed bigint := coalesce(seed, trunc(random() * 9007199254740992)::bigint);
    new_job text;
BEGIN
    PERFORM campaign.generate_check(target, quantity, vip_percent);
    IF dispatch THEN
        PERFORM campaign.worker_require();
        -- Not when all are made, of which nobody would be sent a message.
        PERFORM campaign.generate_text_check(target);
    END IF;
    INSERT INTO campaign.runs (campaign_id, number, quantity, seed, vip_percent, dispatch)
    VALUES (target.id, run_number, quantity, run_seed, vip_percent, coalesce(dispatch, false));
    -- From now on, not from the first chunk on: attributes that do not fit would hold up the campaign for ever.
    UPDATE campaign.campaigns c SET generated = true, message_version = 2, updated_at = clock_timestamp()
    WHERE c.id = target.id;
    new_job := @extschema@.job_create('generate'::text, jsonb_build_object('campaign_id', target.id),
        now(), NULL::integer, campaign_generate.user_id, NULL::text);
    UPDATE campaign.runs r SET job_id = new_job WHERE r.campaign_id = target.id AND r.number = run_number;
    RETURN jsonb_build_object('campaignId', target.id, 'runId', target.id || '-' || run_number, 'jobId', new_job,
        'quantity', quantity, 'seed', run_seed, 'dispatch', coalesce(dispatch, false));
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_generate(text, bigint, bigint, double precision, boolean, text) IS
'Fills an empty draft with made-up records, by a job: id, customer, amount, tier, observations and status as attributes, a Brazilian mobile number each, none twice. The same seed makes the same ones. vip_percent of them are of the tier DIAMOND, which is class VIP. With dispatch they are sent as soon as all are there. Answers {"campaignId", "runId", "jobId", "quantity", "seed", "dispatch"}; an error for a campaign that has a run.';
