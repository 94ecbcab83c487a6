-- Fates: what became of each recipient. A row for what is not simply sent, ranges for everything else.

CREATE TABLE campaign.fates (
    campaign_id text COLLATE "C" NOT NULL,
    class campaign.recipient_class NOT NULL,
    seq bigint NOT NULL,
    state text NOT NULL,
    code text NOT NULL,
    text text NOT NULL,
    attempts integer NOT NULL,
    resolved boolean NOT NULL DEFAULT false,
    retried_in text COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (campaign_id, class, seq),
    CONSTRAINT fates_state_check CHECK (state IN ('sent', 'failed', 'unknown'))
);
COMMENT ON TABLE campaign.fates IS 'Recipients to whom something was not simply sent.';
COMMENT ON COLUMN campaign.fates.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.fates.class IS 'Class of the recipient.';
COMMENT ON COLUMN campaign.fates.seq IS 'Place in the class.';
COMMENT ON COLUMN campaign.fates.state IS 'failed; unknown: begun by a sender that did not say how it ended; sent: unknown at first.';
COMMENT ON COLUMN campaign.fates.code IS 'Why, in a word.';
COMMENT ON COLUMN campaign.fates.text IS 'Why, in a sentence.';
COMMENT ON COLUMN campaign.fates.attempts IS 'How often the gateway tried.';
COMMENT ON COLUMN campaign.fates.resolved IS 'A person has decided: no report changes it any more.';
COMMENT ON COLUMN campaign.fates.retried_in IS 'The campaign that sends to them again.';
COMMENT ON COLUMN campaign.fates.created_at IS 'When it was first reported.';
COMMENT ON COLUMN campaign.fates.updated_at IS 'When it last changed.';
ALTER TABLE campaign.fates ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.fates', '');

CREATE FUNCTION campaign.fates_count(
    campaign_id text, class campaign.recipient_class, first_seq bigint, last_seq bigint,
    OUT failed bigint, OUT unknown bigint
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT count(*) FILTER (WHERE f.state = 'failed'), count(*) FILTER (WHERE f.state = 'unknown')
    INTO fates_count.failed, fates_count.unknown
    FROM campaign.fates f
    WHERE f.campaign_id = fates_count.campaign_id AND f.class = fates_count.class
      AND f.seq BETWEEN first_seq AND last_seq;
END
$$;
COMMENT ON FUNCTION campaign.fates_count(text, campaign.recipient_class, bigint, bigint) IS
'How many recipients from one seq to another have failed, and how many are unknown.';

CREATE FUNCTION campaign.fates_problem(campaign_id text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM campaign.progress p WHERE p.campaign_id = fates_problem.campaign_id
                   AND (p.undelivered > 0 OR p.expired <> '{}'))
        OR (SELECT sum(p.undelivered)
            < sum(campaign.stored_count(int8multirange(int8range(1, p.total + 1)) - p.failed - p.suppressed))
        FROM campaign.progress p WHERE p.campaign_id = fates_problem.campaign_id) THEN
        RETURN NULL;
    END IF;
    RETURN 'nobody could be reached: ' || coalesce((
        SELECT concat_ws(': ', nullif(f.code, ''), nullif(f.text, ''))
        FROM campaign.fates f WHERE f.campaign_id = fates_problem.campaign_id AND f.state = 'failed'
        ORDER BY f.class, f.seq LIMIT 1), 'its deadline had passed');
END
$$;
COMMENT ON FUNCTION campaign.fates_problem(text) IS
'Why a campaign whose every recipient has a fate has reached nobody; NULL if it has reached somebody, or may have.';

-- The caller holds the lock of the class's progress.
CREATE FUNCTION campaign.fates_take(campaign_id text, class campaign.recipient_class, fates jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_seq bigint;
    last_seq bigint;
    before record;
    after record;
BEGIN
    SELECT min((f ->> 'seq')::bigint), max((f ->> 'seq')::bigint) INTO first_seq, last_seq
    FROM jsonb_array_elements(fates) AS f;
    before := campaign.fates_count(campaign_id, class, first_seq, last_seq);
    -- What was reported as sent stays so: a report of doubt may be older than that of the one who sent it.
    INSERT INTO campaign.fates AS kept (campaign_id, class, seq, state, code, text, attempts)
    SELECT fates_take.campaign_id, fates_take.class, g.seq, g.state, left(g.code, 32), left(g.text, 200),
        least(greatest(g.attempts, 0), 1000000)::integer
    FROM (SELECT DISTINCT ON (1) (f ->> 'seq')::bigint AS seq, f ->> 'state' AS state, f ->> 'code' AS code,
              f ->> 'text' AS text, (f ->> 'attempts')::bigint AS attempts
          FROM jsonb_array_elements(fates) AS f) AS g
    JOIN campaign.progress p ON p.campaign_id = fates_take.campaign_id AND p.class = fates_take.class
    WHERE g.seq BETWEEN 1 AND p.total AND (
        EXISTS (SELECT FROM campaign.fates o WHERE o.campaign_id = p.campaign_id AND o.class = p.class AND o.seq = g.seq)
        OR g.state <> 'sent' AND NOT (p.stored - p.failed @> g.seq OR p.decided @> g.seq))
    ON CONFLICT ON CONSTRAINT fates_pkey DO UPDATE
    SET state = excluded.state, code = excluded.code, text = excluded.text, attempts = excluded.attempts,
        updated_at = clock_timestamp()
    WHERE kept.state = 'unknown';
    after := campaign.fates_count(campaign_id, class, first_seq, last_seq);
    UPDATE campaign.progress p
    SET undelivered = p.undelivered + after.failed - before.failed, unknown = p.unknown + after.unknown - before.unknown
    WHERE p.campaign_id = fates_take.campaign_id AND p.class = fates_take.class
      AND (after.failed, after.unknown) IS DISTINCT FROM (before.failed, before.unknown);
END
$$;
COMMENT ON FUNCTION campaign.fates_take(text, campaign.recipient_class, jsonb) IS
'Records what became of recipients of a class who were not simply sent to, or of whom that was not known.';

CREATE FUNCTION campaign.report_fates(
    campaign_ids text[], classes text[], first_seqs bigint[], last_seqs bigint[], checked text[],
    suppressed boolean[], sender_id text, fates jsonb, processed bigint, failed bigint, sending_us bigint
) RETURNS TABLE (campaign_id text, class text, total bigint, failed_count bigint, left_out bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
#variable_conflict use_column
DECLARE
    report record;
    share campaign.sender_shares;
    shares campaign.sender_shares[];
BEGIN
    PERFORM campaign.progress_lock(campaign_ids);
    FOR report IN
        SELECT r.campaign_id, r.class::campaign.recipient_class AS class,
            range_agg(int8range(r.first_seq, r.last_seq, '[]')) AS decided,
            coalesce(range_agg(int8range(r.first_seq, r.last_seq, '[]')) FILTER (WHERE r.left_out IS NOT TRUE), '{}') AS handled,
            (SELECT jsonb_agg(f) FROM jsonb_array_elements(report_fates.fates) AS f
             WHERE f ->> 'campaign' = r.campaign_id AND f ->> 'class' = r.class) AS fates
        FROM unnest(campaign_ids, classes, first_seqs, last_seqs, report_fates.suppressed)
            AS r (campaign_id, class, first_seq, last_seq, left_out)
        GROUP BY r.campaign_id, r.class ORDER BY 1, 2
    LOOP
        SELECT p.campaign_id, report_fates.sender_id,
            campaign.stored_count(report.handled * int8multirange(int8range(1, p.total + 1)) - p.decided),
            -p.undelivered, NULL, NULL
        INTO share
        FROM campaign.progress p
        WHERE p.campaign_id = report.campaign_id AND p.class = report.class
          AND EXISTS (SELECT FROM campaign.campaigns c WHERE c.id = p.campaign_id AND c.queued_at IS NOT NULL);
        CONTINUE WHEN NOT FOUND;
        -- Of a campaign that is over too: who was thought dead may still say how it ended.
        IF report.fates IS NOT NULL THEN
            PERFORM campaign.fates_take(report.campaign_id, report.class, report.fates);
        END IF;
        -- While it is known who of them was sent to before.
        IF report.decided <> report.handled AND campaign.report_counts(report.campaign_id) THEN
            PERFORM campaign.suppressed_report(report.campaign_id, report.class, report.decided, report.decided - report.handled);
        END IF;
        UPDATE campaign.progress p
        SET decided = p.decided + report.decided * int8multirange(int8range(1, p.total + 1))
        WHERE p.campaign_id = report.campaign_id AND p.class = report.class
          AND campaign.report_counts(report.campaign_id)
        RETURNING share.failed + p.undelivered INTO share.failed;
        IF FOUND THEN
            shares := array_append(shares, share);
        ELSE
            PERFORM campaign.dead_decided(report.campaign_id, report.class, report.decided);
        END IF;
    END LOOP;
    UPDATE campaign.senders s
    SET processed = greatest(s.processed, report_fates.processed), failed = greatest(s.failed, report_fates.failed),
        sending_us = greatest(s.sending_us, report_fates.sending_us), reported_at = clock_timestamp()
    WHERE s.id = report_fates.sender_id;
    INSERT INTO campaign.sender_shares AS h (campaign_id, sender_id, processed, failed)
    SELECT n.campaign_id, report_fates.sender_id, sum(n.processed), sum(n.failed) FROM unnest(shares) AS n
    WHERE n.processed > 0 AND EXISTS (SELECT FROM campaign.senders s WHERE s.id = report_fates.sender_id)
    GROUP BY n.campaign_id ORDER BY n.campaign_id
    ON CONFLICT ON CONSTRAINT sender_shares_pkey DO UPDATE
    SET processed = h.processed + excluded.processed, failed = h.failed + excluded.failed, last_at = clock_timestamp();
    RETURN QUERY SELECT c.campaign_id, c.class, c.total, c.failed, c.left_out
    FROM campaign.report_checked(campaign_ids, classes, first_seqs, last_seqs, checked, suppressed) AS c;
END
$$;
COMMENT ON FUNCTION campaign.report_fates(text[], text[], bigint[], bigint[], text[], boolean[], text, jsonb, bigint, bigint, bigint) IS
'As report_checked(), of ranges that a sender has finished. fates: an array of {"campaign", "class", "seq", "state", "code", "text", "attempts"} for those who are not simply sent: state failed or unknown; or sent, for those who may have been reported as unknown. processed, failed, sending_us: the sender''s own counts since it registered.';
