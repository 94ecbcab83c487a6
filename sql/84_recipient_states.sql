-- The state of each recipient, of any number of them: ranges say most of it, campaign.fates the rest. As rows, page
-- by page, and as CSV.

CREATE FUNCTION campaign.recipient_ranges(
    target campaign.campaigns, class campaign.progress, sending int8multirange, state text
) RETURNS int8multirange
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    remaining int8multirange := int8multirange(int8range(1, class.total + 1)) - class.stored - class.failed - sending;
BEGIN
    RETURN CASE state
        WHEN 'sent' THEN class.stored - class.failed - class.suppressed
        WHEN 'failed' THEN class.failed
        WHEN 'suppressed' THEN class.suppressed - class.expired
        WHEN 'expired' THEN class.expired
        WHEN 'sending' THEN sending - class.stored - class.failed
        WHEN 'pending' THEN CASE WHEN target.status <> 'cancelled' THEN remaining ELSE '{}' END
        WHEN 'cancelled' THEN CASE WHEN target.status = 'cancelled' THEN remaining ELSE '{}' END
        ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION campaign.recipient_ranges(campaign.campaigns, campaign.progress, int8multirange, text) IS
'The seqs of a class among which all recipients in a state are, but for those who have it by a row of campaign.fates. sending: what living senders hold.';

CREATE FUNCTION campaign.recipient_states_check(states text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := '{pending,sending,sent,failed,unknown,suppressed,expired,cancelled}';
BEGIN
    IF NOT coalesce(states, known) <@ known OR array_position(states, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'states are %', array_to_string(known, ', ') USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN ARRAY(SELECT DISTINCT o.state FROM unnest(coalesce(states, known)) AS o (state));
END
$$;
COMMENT ON FUNCTION campaign.recipient_states_check(text[]) IS
'The states that are asked for, each once; NULL: all. An error if there is no such state.';

-- As a worker reads: a list that was uploaded a moment ago has no statistics yet.
CREATE FUNCTION campaign.recipients_between(
    target campaign.campaigns, part campaign.progress, first_seq bigint, last_seq bigint, states text[], most bigint
) RETURNS TABLE (seq bigint, phone_number text, state text, code text, reason text, attempts integer,
    resolved boolean, retried_in text, updated_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    sending int8multirange := campaign.sending_ranges(part);
    reach int8multirange := int8multirange(int8range(first_seq, greatest(last_seq + 1, first_seq)));
    decided int8multirange := '{}';
    piece record;
    added bigint;
    missing bigint := most;
BEGIN
    -- Who is not to be found by a range alone: a fate counts unless the document was refused or left out.
    IF states && '{failed,unknown}' THEN
        SELECT coalesce(range_agg(int8range(n.seq, n.seq, '[]')), '{}') - part.failed - part.suppressed INTO decided
        FROM (SELECT f.seq FROM campaign.fates f
              WHERE f.campaign_id = target.id AND f.class = part.class
                AND f.seq BETWEEN first_seq AND last_seq AND f.state = ANY (states)
              ORDER BY f.seq LIMIT most) AS n;
    END IF;
    FOR piece IN
        WITH pieces AS MATERIALIZED (
            SELECT s.state, campaign.recipient_ranges(target, part, sending, s.state) * reach AS ranges
            FROM unnest(states) AS s (state))
        SELECT p.state, lower(r) AS first, upper(r) AS behind FROM pieces p, unnest(p.ranges) AS r
        UNION ALL
        SELECT NULL, lower(r), upper(r)
        FROM unnest(decided - (SELECT coalesce(range_agg(r), '{}') FROM pieces p, unnest(p.ranges) AS r)) AS r
        ORDER BY 2
    LOOP
        RETURN QUERY
        SELECT n.seq, n.phone_number, n.state,
            CASE WHEN n.state = 'failed' THEN coalesce(n.code, 'refused') ELSE n.code END,
            CASE WHEN n.state = 'failed' THEN coalesce(n.text, 'MongoDB refused it, or holds another message in its place')
                 ELSE n.text END,
            n.attempts, coalesce(n.resolved, false), n.retried_in, n.updated_at
        FROM (SELECT r.seq, r.phone_number, f.code, f.text, f.attempts, f.resolved, f.retried_in, f.updated_at,
                  CASE WHEN piece.state IN ('failed', 'suppressed', 'expired') THEN piece.state
                       ELSE coalesce(f.state, piece.state) END AS state
              FROM campaign.recipients r
              -- One by one, whatever the planner thinks of how many there are.
              LEFT JOIN LATERAL (
                  SELECT o.* FROM campaign.fates o
                  WHERE o.campaign_id = target.id AND o.class = part.class AND o.seq = r.seq LIMIT 1) AS f ON true
              WHERE r.campaign_id = target.id AND r.class = part.class AND r.seq >= piece.first AND r.seq < piece.behind
              ORDER BY r.seq) AS n
        WHERE n.state = ANY (states) LIMIT missing;
        GET DIAGNOSTICS added = ROW_COUNT;
        missing := missing - added;
        EXIT WHEN missing <= 0;
    END LOOP;
END
$$;
COMMENT ON FUNCTION campaign.recipients_between(campaign.campaigns, campaign.progress, bigint, bigint, text[], bigint) IS
'The first so many recipients of a class from one seq to another that are in one of these states, in order. Reads no more of them than it returns, but for those who have failed among those who were sent to.';

CREATE FUNCTION campaign.recipients_numbered(target campaign.campaigns, phone_number text)
RETURNS TABLE (class campaign.recipient_class, seq bigint)
LANGUAGE plpgsql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    IF recipients_numbered.phone_number IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT r.class, r.seq FROM campaign.recipients r
    WHERE r.campaign_id = target.id AND r.phone_number = '+' || ltrim(recipients_numbered.phone_number, ' +');
END
$$;
COMMENT ON FUNCTION campaign.recipients_numbered(campaign.campaigns, text) IS
'Where a number stands in a campaign. Reads the campaign''s recipients, unless there is an index on (phone_number, campaign_id).';

CREATE FUNCTION @extschema@.campaign_recipient_list(
    campaign_id text, states text[] DEFAULT NULL, rows integer DEFAULT 100, after_class text DEFAULT NULL,
    after_seq bigint DEFAULT 0, number text DEFAULT NULL
) RETURNS TABLE (class text, seq bigint, phone_number text, state text, code text, reason text, attempts integer,
    resolved boolean, retried_in text, updated_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target campaign.campaigns;
    wanted text[] := campaign.recipient_states_check(states);
    item record;
    part campaign.progress;
    missing bigint := campaign_recipient_list.rows;
    added bigint;
BEGIN
    target := campaign.campaign_read(campaign_recipient_list.campaign_id);
    IF (campaign_recipient_list.rows BETWEEN 1 AND 10000) IS NOT TRUE THEN
        RAISE EXCEPTION 'rows are 1 to 10000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR item IN
        SELECT p AS part, s.seq AS only_seq FROM campaign.progress p
        LEFT JOIN campaign.recipients_numbered(target, campaign_recipient_list.number) AS s
            ON s.class = p.class
        WHERE p.campaign_id = target.id
          AND (after_class IS NULL OR p.class >= after_class::campaign.recipient_class)
          AND (campaign_recipient_list.number IS NULL OR s.seq IS NOT NULL)
        ORDER BY p.class, s.seq
    LOOP
        part := item.part;
        RETURN QUERY
        SELECT part.class::text, b.seq, b.phone_number, b.state, b.code, b.reason, b.attempts, b.resolved, b.retried_in,
            b.updated_at
        FROM campaign.recipients_between(target, part,
            greatest(item.only_seq, CASE WHEN part.class::text = after_class THEN coalesce(after_seq, 0) + 1 ELSE 1 END),
            coalesce(item.only_seq, part.total), wanted, missing) AS b;
        GET DIAGNOSTICS added = ROW_COUNT;
        missing := missing - added;
        EXIT WHEN missing <= 0;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_recipient_list(text, text[], integer, text, bigint, text) IS
'The recipients of a campaign by class and seq, with the state of each: pending, sending, sent, failed, unknown, suppressed, expired or cancelled, and for those who were not simply sent to code and reason, attempts, whether a person has decided it, and the campaign that tries again. states: only these; after_class, after_seq: those of the last row of the page before; number: only this one.';

-- CSV -----------------------------------------------------------------------------------------

CREATE FUNCTION campaign.csv_cell(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- A row is a line, whatever a provider has answered. Where numbers have a decimal comma, spreadsheets begin
    -- another cell behind a semicolon.
    cell text := translate(regexp_replace(coalesce(value, ''), '[\x01-\x1f\x7f]', ' ', 'g'), ';', ',');
BEGIN
    -- A spreadsheet takes what begins like this for a formula. A phone number cannot be one.
    IF value ~ '^[-=+@\t\r\n]' AND value !~ '^\+[0-9]{1,15}$' THEN
        cell := '''' || cell;
    END IF;
    IF cell ~ '[",]|^ | $' THEN
        cell := '"' || replace(cell, '"', '""') || '"';
    END IF;
    RETURN cell;
END
$$;
COMMENT ON FUNCTION campaign.csv_cell(text) IS
'A cell of CSV as RFC 4180 wants it, without line breaks or semicolons. What a spreadsheet would take for a formula begins with an apostrophe; a phone number, which begins with a plus, does not.';

-- Numbers, classes and states are as they are: no cell of theirs needs a look.
CREATE FUNCTION campaign.csv_line(
    phone_number text, class text, seq bigint, state text, code text, reason text, attempts integer
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN concat(phone_number, ',', class, ',', seq, ',', state, ',', CASE WHEN code <> '' THEN campaign.csv_cell(code) END,
        ',', CASE WHEN reason <> '' THEN campaign.csv_cell(reason) END, ',', attempts);
END
$$;
COMMENT ON FUNCTION campaign.csv_line(text, text, bigint, text, text, text, integer) IS
'A recipient as a line of CSV, without its end.';

CREATE FUNCTION campaign.csv_heading() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT 'phone_number,class,seq,state,code,reason,attempts' $$;
COMMENT ON FUNCTION campaign.csv_heading() IS 'The first line of recipients as CSV.';

CREATE FUNCTION campaign.export_lines(
    target campaign.campaigns, part campaign.progress, first_seq bigint, last_seq bigint, states text[]
) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT campaign.csv_line(b.phone_number, part.class::text, b.seq, b.state, b.code, b.reason, b.attempts)
    FROM campaign.recipients_between(target, part, first_seq, least(last_seq, part.total), states, NULL) AS b;
END
$$;
COMMENT ON FUNCTION campaign.export_lines(campaign.campaigns, campaign.progress, bigint, bigint, text[]) IS
'Lines of CSV for the recipients of a class from one seq to another that are in one of these states.';

-- In SQL, which hands on a line as soon as it has it: in plpgsql all of them would be written down first.
CREATE FUNCTION @extschema@.campaign_export(campaign_id text, states text[] DEFAULT NULL) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT campaign.csv_heading() WHERE @extschema@.campaign_status(campaign_export.campaign_id) IS NOT NULL
        AND campaign.recipient_states_check(campaign_export.states) IS NOT NULL
    UNION ALL
    SELECT line FROM (
        SELECT c, p FROM campaign.campaigns c JOIN campaign.progress p ON p.campaign_id = c.id
        WHERE c.id = campaign_export.campaign_id AND NOT c.deleted ORDER BY p.class) AS part (target, class),
        LATERAL generate_series(1, (part.class).total, 10000) AS first_seq,
        LATERAL campaign.export_lines(part.target, part.class, first_seq, first_seq + 9999,
            campaign.recipient_states_check(campaign_export.states)) AS line
$$;
COMMENT ON FUNCTION @extschema@.campaign_export(text, text[]) IS
'The recipients of a campaign as CSV, a line a row, with the state of each; the first line has the names of the columns. states: only these. As SELECT campaign_export(…) it hands on each line as soon as it has it, however many there are.';
