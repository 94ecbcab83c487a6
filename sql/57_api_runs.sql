-- Runs over HTTP: generating one, watching it and steering it. Without campaign_id each function is
-- about the newest generated run of the user's companies, which is what /pedidos stands for.

CREATE FUNCTION campaign.request_run() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        WITH RECURSIVE chosen (id, reset_as, place) AS (
            (SELECT c.id, c.reset_as, 1 FROM campaign.request_campaigns() AS own (id)
             CROSS JOIN LATERAL (SELECT r.campaign_id, r.created_at FROM campaign.runs r
                                 WHERE r.campaign_id = own.id ORDER BY r.number DESC LIMIT 1) AS newest
             JOIN campaign.campaigns c ON c.id = newest.campaign_id
             ORDER BY newest.created_at DESC LIMIT 1)
            UNION ALL
            SELECT c.id, c.reset_as, chosen.place + 1
            FROM chosen JOIN campaign.campaigns c ON c.id = chosen.reset_as AND NOT c.deleted)
        SELECT id FROM chosen ORDER BY place DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION campaign.request_run() IS
'The campaign of the newest generated run in the companies of the user of the request, or the draft that a reset has put in its place, unless that is deleted; NULL if there is none.';

CREATE FUNCTION campaign.api_run_choose(campaign_id text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen text := campaign_id;
BEGIN
    PERFORM campaign.api_user();
    IF campaign_id IS NULL THEN
        chosen := campaign.request_run();
        IF chosen IS NULL THEN
            PERFORM campaign.api_raise('PT404', 'there is no run yet', NULL, 'Start one with POST /pedidos/generate?quantity=N.');
        END IF;
    END IF;
    PERFORM campaign.api_campaign_check(chosen);
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION campaign.api_run_choose(text) IS
'The campaign that a request is about: the given one if it is the user''s, or the newest generated one; else 403 or 404.';

CREATE FUNCTION campaign.api_unchanged(answer jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tag text := '"' || md5(answer::text) || '"';
    known text := campaign.request_header('If-None-Match');
    unchanged boolean := coalesce(known = '*' OR tag = ANY (regexp_split_to_array(known, '\s*,\s*(W/)?|^W/')), false);
BEGIN
    PERFORM campaign.api_respond(CASE WHEN unchanged THEN 304 ELSE 200 END, 'ETag', tag);
    RETURN unchanged;
END
$$;
COMMENT ON FUNCTION campaign.api_unchanged(jsonb) IS
'Gives the answer an ETag; whether the client has it already, which is 304.';

CREATE FUNCTION campaign.api_rows_check(name text, rows integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (rows BETWEEN 0 AND 10000) IS NOT TRUE THEN
        PERFORM campaign.api_raise('PT422', name || ' must be 0 to 10000');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_rows_check(text, integer) IS
'422 if a request asks for more rows than one answer has.';

-- Reading ------------------------------------------------------------------------------------

CREATE FUNCTION campaign_api.campaign_run_status(campaign_id text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_run_status');
    answer := @extschema@.campaign_run_status(campaign.api_run_choose(campaign_id));
    RETURN CASE WHEN NOT campaign.api_unchanged(answer) THEN answer END;
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_run_status(text) IS
$$Status of a run
Phase, times and throughput per class, counts, how far it is and how long it still takes. GET or POST. The answer has an ETag: with If-None-Match an unchanged one is 304.

campaign_id: the campaign; left out: that of your newest generated run.

200; 304; 403, 404.$$;

CREATE FUNCTION campaign_api.campaign_health(campaign_id text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_health');
    RETURN @extschema@.campaign_health(campaign.api_run_choose(campaign_id));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_health(text) IS
$$Health of a campaign
Whether it gets on, and if not, a sentence that says where it is stuck and since when. GET or POST.

campaign_id: the campaign; left out: that of your newest generated run.

200 with {"health", "phase", "counters", "hasFailedJobs", "isStuck", "aborted", "reason", "since"}; 403, 404.$$;

CREATE FUNCTION campaign_api.campaign_logs(campaign_id text DEFAULT NULL, lines integer DEFAULT 100) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_logs');
    PERFORM campaign.api_rows_check('lines', lines);
    RETURN (SELECT coalesce(jsonb_agg(l.line ORDER BY l.place), '[]')
            FROM @extschema@.campaign_logs(campaign.api_run_choose(campaign_id), lines)
                WITH ORDINALITY AS l (line, place));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_logs(text, integer) IS
$$Log of a campaign
The last things that happened to it, oldest first: each move with who did it, and each step of its run. GET or POST.

campaign_id: the campaign; left out: that of your newest generated run.
lines: how many, 10000 at most.

200 with an array of {"at", "event", "by", "reason"}; 403, 404, 422.$$;

CREATE FUNCTION campaign_api.campaign_runs(campaign_id text DEFAULT NULL, rows integer DEFAULT 100) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_runs');
    PERFORM campaign.api_rows_check('rows', rows);
    PERFORM campaign.api_user();
    IF campaign_id IS NOT NULL THEN
        PERFORM campaign.api_campaign_check(campaign_id);
    END IF;
    RETURN (SELECT coalesce(jsonb_agg(h.entry ORDER BY h.place), '[]')
            FROM campaign.run_history(CASE WHEN campaign_id IS NULL THEN campaign.recent_runs(
                    ARRAY(SELECT campaign.request_campaigns()), rows) ELSE ARRAY[campaign_id] END)
                WITH ORDINALITY AS h (entry, place)
            WHERE h.place <= rows);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_runs(text, integer) IS
$$Runs so far
One entry for each run with all its times and counts, the newest first; those that a reset has cleared, too. GET or POST.

campaign_id: a campaign; left out: all of your companies.
rows: how many, 10000 at most.

200 with an array; 403, 404, 422.$$;

CREATE FUNCTION campaign_api.campaign_recipients(
    campaign_id text DEFAULT NULL, types text DEFAULT NULL, rows integer DEFAULT 100
) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_recipients');
    RETURN @extschema@.campaign_recipients(campaign.api_run_choose(campaign_id),
        regexp_split_to_array(nullif(types, ''), '\s*,\s*'), rows);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_recipients(text, text, integer) IS
$$Recipients by state
The first ones that are waiting, active, completed, failed, delayed, cancelled, suppressed or expired. GET or POST.

campaign_id: the campaign; left out: that of your newest generated run.
types: states, separated by commas; left out: all, the last three only if there are some.
rows: how many of each, up to 10,000.

200 with an array of {"class", "seq", "phone_number", "attributes"} for each state; 403, 404; 422 for another state.$$;

-- Steering -----------------------------------------------------------------------------------

CREATE FUNCTION campaign.run_draft(campaign_id text, company_id text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.id FROM campaign.campaigns c
    WHERE c.id = run_draft.campaign_id AND c.company_id = run_draft.company_id AND c.status = 'draft' AND c.total = 0
      AND NOT EXISTS (SELECT FROM campaign.runs r WHERE r.campaign_id = c.id AND r.archived_at IS NULL)
      AND (EXISTS (SELECT FROM campaign.runs r WHERE r.campaign_id = c.id)
           OR EXISTS (SELECT FROM campaign.campaigns o WHERE o.reset_as = c.id))
$$;
COMMENT ON FUNCTION campaign.run_draft(text, text) IS
'This campaign, if it is the empty draft that a reset has left for the next run of the company.';

CREATE FUNCTION campaign.api_run_reset(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
    draft jsonb;
BEGIN
    IF target.total = 0 AND (campaign.run_read(campaign_id)).phase = 'IDLE' THEN
        PERFORM campaign.api_raise('PT409', format('campaign "%s" is empty: there is nothing to reset', campaign_id));
    END IF;
    draft := @extschema@.campaign_reset(campaign_id, NULL::text);
    RETURN jsonb_build_object('draftId', draft -> 'id', 'archived', draft -> 'archived')
        || @extschema@.campaign_run_status(draft ->> 'id');
END
$$;
COMMENT ON FUNCTION campaign.api_run_reset(text) IS
'Resets a campaign; 409 if nothing has come into it since the last time. The status is that of the draft.';

CREATE FUNCTION campaign.api_run_clean(campaign_id text, state text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed jsonb;
BEGIN
    IF state IS NULL OR state NOT IN ('waiting', 'delayed') THEN
        PERFORM campaign.api_raise('PT409', 'what was sent is kept for ever', NULL,
            'state=waiting and state=delayed take out what was not sent yet.');
    END IF;
    PERFORM campaign.campaign_lock(campaign_id);
    removed := @extschema@.campaign_run_status(campaign_id) #> ARRAY['counts', state];
    IF removed = '0' THEN
        PERFORM campaign.api_raise('PT409', format('campaign "%s" has no recipient that is %s', campaign_id, state), NULL,
            'To end it nevertheless: POST /pedidos/cancel.');
    END IF;
    PERFORM @extschema@.campaign_cancel(campaign_id, NULL::text);
    RETURN jsonb_build_object('removed', removed) || @extschema@.campaign_run_status(campaign_id);
END
$$;
COMMENT ON FUNCTION campaign.api_run_clean(text, text) IS
'Takes out the recipients that are waiting or delayed, which ends the campaign; 409 for another state, and if there are none: then nothing changes.';

CREATE FUNCTION campaign_api.campaign_generate(
    quantity bigint,
    campaign_id text DEFAULT NULL,
    seed bigint DEFAULT NULL,
    vip_percent double precision DEFAULT 25,
    dispatch boolean DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target text := campaign_id;
    newest text;
    answer jsonb := campaign.repeat_answer('campaign_generate');
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_generate');
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM campaign.api_job_quota_check();
    IF coalesce(dispatch, campaign_id IS NULL) THEN
        PERFORM campaign.api_worker_require();
    END IF;
    IF campaign_id IS NULL THEN
        target := campaign.api_company_choose(NULL);
        -- Of two requests at once the second one sees the run of the first.
        PERFORM pg_advisory_xact_lock(hashtextextended('campaign run of ' || target, 0));
        newest := campaign.request_run();
        IF newest IS NOT NULL AND (campaign.run_read(newest)).phase NOT IN ('IDLE', 'DONE', 'ABORTED', 'ERROR') THEN
            PERFORM campaign.api_raise('PT409', format('a run is under way: campaign "%s"', newest), NULL,
                'Wait until it is over, or end it with POST /pedidos/cancel.');
        END IF;
        target := coalesce(campaign.run_draft(newest, target), @extschema@.campaign_create('pedidos'::text,
            'Seu pedido foi processado.'::text, target, campaign.api_user(), true));
    ELSE
        PERFORM campaign.api_campaign_check(campaign_id);
    END IF;
    answer := @extschema@.campaign_generate(target, quantity, seed, coalesce(vip_percent, 25::double precision),
        coalesce(dispatch, campaign_id IS NULL), campaign.api_user());
    PERFORM campaign.api_respond(202, 'Location', '/jobs?id=eq.' || (answer ->> 'jobId'));
    RETURN campaign.repeat_keep(answer);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_generate(bigint, text, bigint, double precision, boolean) IS
$$Generate a run
Made-up records, by a job: id, customer, amount, tier, observations and status as attributes, with a mobile number each.

quantity: how many, from 1.
campaign_id: an empty draft; left out: a new campaign, or the draft that a reset of the last one has left, which is dispatched when all are there.
seed: the same one makes the same records.
vip_percent: how many of a hundred are of the tier DIAMOND, which is class VIP.
dispatch: whether they are sent as soon as all are there.

202 with {"campaignId", "runId", "jobId", "quantity", "seed", "dispatch"} and the Location of the job; 403, 404; 409 if the campaign has a run already, or a run is under way; 422 for a quantity that is too large; 503 if no worker is set up.$$;

CREATE FUNCTION campaign.api_run_cancel(campaign_id text, reason text, reset_logs boolean) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb := @extschema@.campaign_cancel(campaign_id, reason);
BEGIN
    IF reset_logs THEN
        UPDATE campaign.campaigns c SET logs_after = clock_timestamp() WHERE c.id = api_run_cancel.campaign_id;
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION campaign.api_run_cancel(text, text, boolean) IS
'Cancels a campaign and returns its status. reset_logs: campaign_logs() begins anew.';

CREATE FUNCTION campaign_api.campaign_run_control(
    verb text,
    campaign_id text DEFAULT NULL,
    state text DEFAULT NULL,
    reset_logs boolean DEFAULT false
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target text;
    first_answer jsonb := CASE WHEN verb = 'reset' THEN campaign.repeat_answer('campaign_run_control') END;
    answer jsonb;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_run_control');
    IF first_answer IS NOT NULL THEN
        RETURN first_answer;
    END IF;
    target := campaign.api_run_choose(campaign_id);
    CASE verb
        WHEN 'pause', 'close' THEN PERFORM @extschema@.campaign_pause(target, nullif(verb, 'pause'));
        WHEN 'resume' THEN PERFORM @extschema@.campaign_resume(target, NULL::text);
        WHEN 'cancel' THEN PERFORM campaign.api_run_cancel(target, NULL::text, reset_logs);
        WHEN 'reset' THEN answer := campaign.api_run_reset(target);
        WHEN 'clean' THEN answer := campaign.api_run_clean(target, state);
        ELSE PERFORM campaign.api_raise('PT422', 'verb is pause, resume, cancel, reset, clean or close');
    END CASE;
    answer := jsonb_build_object('campaignId', target) || coalesce(answer, @extschema@.campaign_run_status(target));
    RETURN CASE WHEN verb = 'reset' THEN campaign.repeat_keep(answer) ELSE answer END;
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_run_control(text, text, text, boolean) IS
$$Steer a run
pause and resume it; close pauses it, too; cancel ends it, with the job that generates it; reset clears it after it is over, keeps it in the history, and puts an empty draft in its place; clean takes out what was not sent yet, and ends it.

verb: pause, resume, cancel, reset, clean or close.
campaign_id: the campaign; left out: that of your newest generated run.
state: for clean: waiting or delayed.
reset_logs: for cancel: the log begins anew.

200 with the id of the campaign and the status of its run, of a reset that of the draft; 403, 404; 409 if it cannot do that now, or there is nothing to clean or to reset, 422 for another verb.$$;
