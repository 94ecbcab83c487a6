-- Suppression where campaigns meet it: an upload says how many of its numbers are on a list, the worker
-- asks about each batch at the instant of publishing, and the consumer's reports make it last.
-- docs/suppression.md says what holds; 17_suppressions.sql has the lists.

CREATE FUNCTION campaign.suppression_owners(target campaign.campaigns) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY['', coalesce(target.company_id, target.user_id, '')];
END
$$;
COMMENT ON FUNCTION campaign.suppression_owners(campaign.campaigns) IS
'Whose lists a campaign obeys: that of the whole installation, and that of its company or, without one, of its user.';

CREATE FUNCTION campaign.suppressed_answer(
    target campaign.campaigns, class campaign.recipient_class, first_seq bigint
) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owners text[] := campaign.suppression_owners(target);
    suppressed bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM campaign.suppressions s WHERE s.owner = ANY (owners) AND s.lifted_at IS NULL) THEN
        RETURN '{}';
    END IF;
    SELECT count(*) INTO suppressed FROM campaign.recipients r
    WHERE r.campaign_id = target.id AND r.class = suppressed_answer.class AND r.seq >= first_seq
      AND EXISTS (SELECT FROM campaign.suppressions s
                  WHERE s.number = substr(r.phone_number, 2)::bigint AND s.owner = ANY (owners)
                    AND s.lifted_at IS NULL);
    RETURN jsonb_build_object('suppressed', suppressed);
END
$$;
COMMENT ON FUNCTION campaign.suppressed_answer(campaign.campaigns, campaign.recipient_class, bigint) IS
'{"suppressed": n}: how many recipients from first_seq on are on a list that the campaign obeys; {} if these lists are empty.';

-- The worker looks at each batch, in a snapshot of its own: first at what has been put on a list since
-- its filter knows them, then at the numbers that the filter does not rule out.

CREATE FUNCTION campaign.outbox_unlisted(campaign_id text, class text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM campaign.suppressions s WHERE s.lifted_at IS NULL)
       AND NOT EXISTS (SELECT FROM campaign.progress p
                       WHERE p.campaign_id = outbox_unlisted.campaign_id
                         AND p.class = outbox_unlisted.class::campaign.recipient_class AND NOT isempty(p.suppressed));
END
$$;
COMMENT ON FUNCTION campaign.outbox_unlisted(text, text) IS
'Whether nobody is on any list, and nobody of this class was left out before: most campaigns have no more to ask.';

CREATE FUNCTION campaign.outbox_opt_outs(
    campaign_id text, class text, first_seq bigint, last_seq bigint, since pg_snapshot,
    OUT left_out bigint[], OUT numbers bigint[], OUT horizon pg_snapshot
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    SELECT ARRAY(SELECT generate_series(lower(r), upper(r) - 1)
                 FROM unnest(p.suppressed * int8multirange(int8range(first_seq, last_seq, '[]'))) AS r)
    INTO left_out
    FROM campaign.progress p
    WHERE p.campaign_id = outbox_opt_outs.campaign_id
      AND p.class = outbox_opt_outs.class::campaign.recipient_class AND NOT isempty(p.suppressed);
    left_out := coalesce(left_out, '{}');
    horizon := pg_current_snapshot();
    IF since IS NOT NULL THEN
        -- The first condition is for the index. A horizon of one transaction would say the same again and again while
        -- an older one goes on.
        numbers := ARRAY(SELECT c.number FROM campaign.suppression_changes c
                         WHERE c.changed_by >= pg_snapshot_xmin(since) AND NOT pg_visible_in_snapshot(c.changed_by, since));
        IF array_position(numbers, NULL) IS NOT NULL THEN
            numbers := NULL;
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.outbox_opt_outs(text, text, bigint, bigint, pg_snapshot) IS
'Which of these seqs were left out before, and what was put on a list by transactions that the snapshot since does not see (numbers NULL: no such snapshot, or more than is said); and the snapshot of now, as the next one.';

CREATE FUNCTION campaign.outbox_suppressed(campaign_id text, numbers bigint[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owners text[] := (SELECT campaign.suppression_owners(c) FROM campaign.campaigns c
                      WHERE c.id = outbox_suppressed.campaign_id);
BEGIN
    IF NOT EXISTS (SELECT FROM campaign.suppressions s WHERE s.owner = ANY (owners) AND s.lifted_at IS NULL) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT n.place FROM unnest(numbers) WITH ORDINALITY AS n (number, place)
        WHERE EXISTS (SELECT FROM campaign.suppressions s
                      WHERE s.number = n.number AND s.owner = ANY (owners) AND s.lifted_at IS NULL));
END
$$;
COMMENT ON FUNCTION campaign.outbox_suppressed(text, bigint[]) IS
'Which of these numbers are on a list that the campaign obeys: their places in the array, from 1.';

CREATE FUNCTION campaign.outbox_suppressions(
    after_id bigint, most integer, OUT numbers bigint[], OUT last_id bigint, OUT highest_id bigint, OUT horizon pg_snapshot
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    horizon := pg_current_snapshot();
    IF after_id = 0 THEN
        DELETE FROM campaign.suppression_changes c WHERE pg_visible_in_snapshot(c.changed_by, horizon);
    END IF;
    SELECT coalesce(max(s.id), 0) INTO highest_id FROM campaign.suppressions s;
    SELECT coalesce(array_agg(p.number) FILTER (WHERE p.lifted_at IS NULL), '{}'), max(p.id) INTO numbers, last_id
    FROM (SELECT s.id, s.number, s.lifted_at FROM campaign.suppressions s
          WHERE s.id > after_id ORDER BY s.id LIMIT most) AS p;
END
$$;
COMMENT ON FUNCTION campaign.outbox_suppressions(bigint, integer) IS
'The next entries of all lists behind an id: their numbers, the last id (NULL: there are no more), the highest one of all, and the snapshot before that. The first page also forgets the changes that this one sees.';

CREATE FUNCTION campaign.suppressed_report(
    campaign_id text, class campaign.recipient_class, stored int8multirange, suppressed int8multirange
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    has_expired boolean;
BEGIN
    -- What MongoDB holds was sent, whatever else came of it: a batch may have been published once
    -- before its recipient opted out, and once after.
    IF suppressed IS NULL THEN
        UPDATE campaign.progress p
        SET suppressed = p.suppressed - stored, expired = p.expired - stored, lost = p.lost - stored
        WHERE p.campaign_id = suppressed_report.campaign_id AND p.class = suppressed_report.class
          AND (p.suppressed && stored OR p.lost && stored);
    ELSE
        has_expired := EXISTS (SELECT FROM campaign.campaigns c
                               WHERE c.id = suppressed_report.campaign_id AND c.expired_at IS NOT NULL);
        -- What was done with before stays what it was: `stored` forgets what MongoDB has lost, the others do not.
        UPDATE campaign.progress p
        SET suppressed = (p.suppressed - (stored - suppressed))
            + (suppressed - (p.stored + p.decided + p.failed - p.suppressed)) * int8multirange(int8range(1, p.total + 1)),
            -- Who was left out before the deadline was on a list.
            expired = (p.expired - (stored - suppressed)) + CASE WHEN has_expired
                THEN (suppressed - p.stored - p.decided - p.failed - p.suppressed) * int8multirange(int8range(1, p.total + 1))
                ELSE '{}' END,
            lost = (p.lost - (stored - suppressed)) + suppressed * (p.decided - p.failed - p.suppressed)
        WHERE p.campaign_id = suppressed_report.campaign_id AND p.class = suppressed_report.class;
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.suppressed_report(text, campaign.recipient_class, int8multirange, int8multirange) IS
'Records which of the reported seqs were left out (NULL: none), and that they have expired if the deadline has passed; one that was reported as stored, or whose fate a sender has reported, stays what it was. Of the latter MongoDB has lost the document for good. The caller adds to the decided ones afterwards who was left out.';

CREATE FUNCTION campaign.messages_expected(campaign_id text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT c.total - coalesce((SELECT sum(campaign.stored_count(p.suppressed)) FROM campaign.progress p
                                       WHERE p.campaign_id = c.id), 0)
            FROM campaign.campaigns c WHERE c.id = messages_expected.campaign_id);
END
$$;
COMMENT ON FUNCTION campaign.messages_expected(text) IS
'How many messages of a campaign MongoDB should hold: one for each recipient who was not left out.';

CREATE FUNCTION campaign.seq_of_message(suppressed int8multirange, message bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seq bigint := message;
    gap int8range;
BEGIN
    FOR gap IN SELECT r FROM unnest(suppressed) AS r ORDER BY r LOOP
        EXIT WHEN lower(gap) > seq;
        seq := seq + upper(gap) - lower(gap);
    END LOOP;
    RETURN seq;
END
$$;
COMMENT ON FUNCTION campaign.seq_of_message(int8multirange, bigint) IS
'The seq of the n-th message of a class, from 1, if these were left out; 0 of the 0th.';
