-- What people do with fates: look at them, decide what is in doubt, send again to those who were not reached.

CREATE FUNCTION @extschema@.campaign_fates(
    campaign_id text, states text[] DEFAULT NULL, codes text[] DEFAULT NULL, rows integer DEFAULT 100,
    after_class text DEFAULT NULL, after_seq bigint DEFAULT 0
) RETURNS TABLE (class text, seq bigint, phone_number text, state text, code text, reason text, attempts integer,
    resolved boolean, retried_in text, updated_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM @extschema@.campaign_status(campaign_fates.campaign_id);
    IF (campaign_fates.rows BETWEEN 1 AND 10000) IS NOT TRUE THEN
        RAISE EXCEPTION 'rows are 1 to 10000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    SELECT f.class::text, f.seq, r.phone_number, f.state, f.code, f.text, f.attempts, f.resolved, f.retried_in, f.updated_at
    FROM campaign.fates f
    LEFT JOIN campaign.recipients r ON r.campaign_id = f.campaign_id AND r.class = f.class AND r.seq = f.seq
    WHERE f.campaign_id = campaign_fates.campaign_id
      AND (after_class IS NULL OR (f.class, f.seq) > (after_class::campaign.recipient_class, after_seq))
      AND (states IS NULL OR f.state = ANY (states)) AND (codes IS NULL OR f.code = ANY (codes))
    ORDER BY f.class, f.seq LIMIT campaign_fates.rows;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_fates(text, text[], text[], integer, text, bigint) IS
'The recipients to whom something was not simply sent, by class and seq: state (failed, unknown; sent: unknown at first), code and reason, attempts. states, codes: only these; after_class, after_seq: those of the last row of the page before.';

CREATE FUNCTION @extschema@.campaign_reasons(campaign_id text)
RETURNS TABLE (state text, code text, recipients bigint, reason text, phone_number text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM @extschema@.campaign_status(campaign_reasons.campaign_id);
    RETURN QUERY
    SELECT g.state, g.code, g.recipients, s.text, r.phone_number
    FROM (SELECT f.state, f.code, count(*) AS recipients FROM campaign.fates f
          WHERE f.campaign_id = campaign_reasons.campaign_id GROUP BY f.state, f.code) AS g
    CROSS JOIN LATERAL (SELECT f.class, f.seq, f.text FROM campaign.fates f
                        WHERE f.campaign_id = campaign_reasons.campaign_id AND f.state = g.state AND f.code = g.code
                        ORDER BY f.class, f.seq LIMIT 1) AS s
    LEFT JOIN campaign.recipients r ON r.campaign_id = campaign_reasons.campaign_id AND r.class = s.class AND r.seq = s.seq
    ORDER BY g.recipients DESC, g.state, g.code;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_reasons(text) IS
'Why recipients were not simply sent to: how many for each reason, and the first of them.';

CREATE FUNCTION @extschema@.campaign_resolve(
    campaign_id text, outcome text, reason text, class text DEFAULT NULL, seqs bigint[] DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
    decided record;
    total bigint := 0;
BEGIN
    IF (outcome IN ('sent', 'failed')) IS NOT TRUE THEN
        RAISE EXCEPTION 'an outcome is sent or failed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF coalesce(btrim(reason), '') = '' OR length(reason) > 200 THEN
        RAISE EXCEPTION 'reason is missing or longer than 200 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF seqs IS NOT NULL AND class IS NULL THEN
        RAISE EXCEPTION 'seqs need a class' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- As reports do: first the class, then its fates.
    PERFORM campaign.progress_lock(ARRAY[target.id]);
    FOR decided IN
        WITH changed AS (
            UPDATE campaign.fates f
            SET state = outcome, code = 'resolved', text = btrim(reason), resolved = true, updated_at = clock_timestamp()
            WHERE f.campaign_id = target.id AND f.state = 'unknown'
              AND (campaign_resolve.class IS NULL OR f.class = campaign_resolve.class::campaign.recipient_class)
              AND (seqs IS NULL OR f.seq = ANY (seqs))
            RETURNING f.class)
        SELECT c.class, count(*) AS count FROM changed c GROUP BY c.class
    LOOP
        UPDATE campaign.progress p
        SET unknown = p.unknown - decided.count,
            undelivered = p.undelivered + CASE outcome WHEN 'failed' THEN decided.count ELSE 0 END
        WHERE p.campaign_id = target.id AND p.class = decided.class;
        total := total + decided.count;
    END LOOP;
    IF total > 0 THEN
        PERFORM campaign.event_add(target.id, target.status, target.status, reason,
            format('%s in doubt resolved as %s', total, outcome));
        PERFORM campaign.campaign_changed(target.id);
    END IF;
    RETURN total;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_resolve(text, text, text, text, bigint[]) IS
'Decides what became of recipients that are unknown: sent or failed, and why one thinks so. class, seqs: only these. Returns how many. Final: no sender changes it any more. Nothing is sent; campaign_retry_failed() does.';

-- From table to table, in one statement: arrays of a million recipients do not fit into memory, and whoever is
-- reported meanwhile is either taken here or left to the next call.
CREATE FUNCTION campaign.retry_fill(source_id text, retry_id text, codes text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    added bigint;
BEGIN
    WITH failed AS (
        UPDATE campaign.fates f SET retried_in = retry_fill.retry_id, updated_at = clock_timestamp()
        FROM campaign.recipients r
        WHERE f.campaign_id = source_id AND f.state = 'failed' AND f.retried_in IS NULL
          AND (codes IS NULL OR f.code = ANY (codes))
          AND r.campaign_id = f.campaign_id AND r.class = f.class AND r.seq = f.seq
        RETURNING r.class, r.seq, r.phone_number, r.text, r.attributes)
    INSERT INTO campaign.recipients (campaign_id, class, seq, phone_number, text, attributes)
    SELECT retry_fill.retry_id, f.class, row_number() OVER (PARTITION BY f.class ORDER BY f.seq), f.phone_number, f.text, f.attributes
    FROM failed f ORDER BY f.class, f.seq;
    GET DIAGNOSTICS added = ROW_COUNT;
    INSERT INTO campaign.progress (campaign_id, class, total)
    SELECT r.campaign_id, r.class, count(*) FROM campaign.recipients r WHERE r.campaign_id = retry_fill.retry_id GROUP BY 1, 2;
    UPDATE campaign.campaigns c
    SET total = added, message_version = CASE WHEN r.texts + r.attributes > 0 THEN 2 ELSE c.message_version END, own_texts = r.texts > 0
    FROM (SELECT count(r.text) AS texts, count(r.attributes) AS attributes FROM campaign.recipients r
          WHERE r.campaign_id = retry_fill.retry_id) AS r
    WHERE c.id = retry_fill.retry_id;
    RETURN added;
END
$$;
COMMENT ON FUNCTION campaign.retry_fill(text, text, text[]) IS
'Gives a new campaign the recipients of another one who have failed and were not tried again, in order, and remembers where they are tried again; codes: only who has failed for these reasons. Returns how many. The caller holds the locks of both.';

CREATE FUNCTION @extschema@.campaign_retry_failed(
    campaign_id text, codes text[] DEFAULT NULL, reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
    retry_id text;
    tried bigint;
BEGIN
    IF target.status NOT IN ('sent', 'failed') THEN
        RAISE EXCEPTION 'campaign "%" is %: who has failed is known when it is over', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    retry_id := @extschema@.campaign_create(left('Retry: ' || target.name, 200),
        campaign.message_to_copy(target), target.company_id, campaign.copy_user(target), target.ordered);
    PERFORM campaign.window_copy(target.id, retry_id);
    UPDATE campaign.campaigns c SET per_second = target.per_second WHERE c.id = retry_id;
    PERFORM campaign.progress_lock(ARRAY[target.id]);
    tried := campaign.retry_fill(target.id, retry_id, codes);
    IF tried = 0 THEN
        RAISE EXCEPTION 'campaign "%" has nobody who has failed so and was not tried again', target.id
            USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM campaign.event_add(target.id, target.status, target.status, reason,
        format('%s tried again as %s', tried, retry_id));
    PERFORM campaign.event_add(retry_id, 'draft', 'draft', format('tries again who has failed in %s', target.id));
    RETURN campaign.dispatch_draft(retry_id, true) || jsonb_build_object('retry_of', target.id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_retry_failed(text, text[], text) IS
'Sends again to those who have failed, in order, and to nobody else: as a campaign of its own, with the same text, owner, send window and limit, because the first one is over. codes: only who has failed for these reasons. Nobody is tried again twice: who fails again has failed in the new campaign. Returns the status of the new campaign, with the id of the old one as "retry_of".';
