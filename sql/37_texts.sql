-- What the recipients of a campaign get: counted before anything is published, and refused if
-- somebody would get a text with a gap.

-- Plans that do not depend on statistics: the campaign may have been imported a moment ago.
CREATE FUNCTION campaign.texts_measure(
    campaign_id text, message text, placeholders boolean, vip_outcome text, normal_outcome text, samples integer
) RETURNS jsonb
LANGUAGE C STABLE STRICT
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off
AS 'MODULE_PATHNAME', 'campaign_texts_measure';
COMMENT ON FUNCTION campaign.texts_measure(text, text, boolean, text, text, integer) IS
'One pass over all recipients: {"segments": {"total", "longest", "ucs2", "plain_total", "characters", "warning"}, "problem_count", "problems": [{"class", "seq", "phone_number", "problem"}], "absent": names of placeholders that nobody''s attributes have, "samples": [{"class", "seq", "phone_number", "text"}]}. The outcomes are those of campaign.attributes_outcome().';

CREATE FUNCTION campaign.texts_read(target campaign.campaigns, samples integer) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN campaign.texts_measure(target.id, target.message, target.placeholders,
        campaign.attributes_outcome(target.generated, 'VIP')::text,
        campaign.attributes_outcome(target.generated, 'NORMAL')::text, coalesce(samples, 0));
END
$$;
COMMENT ON FUNCTION campaign.texts_read(campaign.campaigns, integer) IS
'campaign.texts_measure() for a campaign, with so many samples.';

CREATE FUNCTION campaign.texts_refuse(target campaign.campaigns, measured jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problems CONSTANT bigint := (measured ->> 'problem_count')::bigint;
    keys text;
    shown text;
BEGIN
    IF measured -> 'absent' <> '[]' THEN
        SELECT string_agg(DISTINCT k.key, ', ' ORDER BY k.key) INTO keys
        FROM (SELECT r.attributes FROM campaign.recipients r
              WHERE r.campaign_id = target.id AND r.attributes IS NOT NULL LIMIT 100) AS r,
            jsonb_object_keys(r.attributes) AS k (key);
        RAISE EXCEPTION 'no recipient of campaign "%" has %', target.id,
            (SELECT string_agg(DISTINCT '{' || a.name || '}', ', ') FROM jsonb_array_elements_text(measured -> 'absent') AS a (name))
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = coalesce('Their attributes are: ' || left(keys, 500)
                                  || '. Names are compared letter by letter, upper and lower case too.',
                                  'They have no attributes at all.');
    END IF;
    IF problems > 0 THEN
        SELECT string_agg(format('%s %s (%s): %s', p.one ->> 'class', p.one ->> 'seq', p.one ->> 'phone_number',
                                 p.one ->> 'problem'), E'\n' ORDER BY p.place) INTO shown
        FROM jsonb_array_elements(measured -> 'problems') WITH ORDINALITY AS p (one, place);
        RAISE EXCEPTION 'campaign "%" has no text for % of its recipients; the first is %', target.id, problems,
            split_part(shown, E'\n', 1)
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = shown,
                  HINT = 'Complete these recipients, or give the placeholder a default: {name|default}.';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.texts_refuse(campaign.campaigns, jsonb) IS
'An error that names the first recipients for whom there is no text, if there are any.';

-- Whose attributes a part lacks, others of the same list may have. Any plan but this would read all recipients.
CREATE FUNCTION campaign.texts_absent(target campaign.campaigns, names jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
DECLARE
    parts text[] := ARRAY(SELECT p.campaign_id FROM campaign.parts mine JOIN campaign.parts p ON p.whole_id = mine.whole_id
                          WHERE mine.campaign_id = target.id);
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(n.name), '[]') FROM jsonb_array_elements_text(names) AS n (name)
            WHERE NOT EXISTS (SELECT FROM campaign.recipients r
                              WHERE r.campaign_id = ANY (parts) AND r.attributes ? n.name));
END
$$;
COMMENT ON FUNCTION campaign.texts_absent(campaign.campaigns, jsonb) IS
'Of these placeholders, which no recipient of the campaign has, those that nobody has in the parts beside it either, if it is a part.';

CREATE FUNCTION campaign.texts_settle(target campaign.campaigns, again boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    measured jsonb;
BEGIN
    IF NOT target.placeholders THEN
        RETURN;
    END IF;
    measured := campaign.texts_read(target, 0);
    PERFORM campaign.texts_refuse(target, measured || jsonb_build_object('absent',
        CASE WHEN again THEN '[]' ELSE campaign.texts_absent(target, measured -> 'absent') END));
    UPDATE campaign.campaigns c SET segments = measured -> 'segments', message_version = 2
    WHERE c.id = target.id;
END
$$;
COMMENT ON FUNCTION campaign.texts_settle(campaign.campaigns, boolean) IS
'Before a campaign with placeholders is dispatched: fills all texts once, refuses if one cannot be filled or a placeholder is probably misspelled, and keeps what they cost. again: recipients of a campaign whose placeholders were found to be right. Costs nothing for any other campaign. The caller holds the campaign''s lock.';

CREATE FUNCTION campaign.texts_preview(target campaign.campaigns, rows jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb := '[]';
    one jsonb;
    filled text;
BEGIN
    FOR one IN SELECT r.value FROM jsonb_array_elements(rows) WITH ORDINALITY AS r (value, place) ORDER BY r.place LOOP
        BEGIN
            filled := CASE WHEN one ->> 'phone_number' IS NULL THEN NULL
                WHEN target.placeholders THEN campaign.placeholders_fill(target.message,
                    campaign.attributes_canonical(nullif(one -> 'attributes', 'null')))
                ELSE target.message END;
            one := one || CASE WHEN filled IS NULL THEN '{}' ELSE jsonb_build_object('text', filled,
                'segments', @extschema@.message_segments(filled) -> 'segments') END;
        EXCEPTION WHEN object_not_in_prerequisite_state THEN
            one := one || jsonb_build_object('problem', SQLERRM);
        END;
        answer := answer || jsonb_build_array(one);
    END LOOP;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION campaign.texts_preview(campaign.campaigns, jsonb) IS
'Rows of a preview, [{"phone_number", "attributes"}], each with the "text" that it would get from this campaign and its "segments", or with the "problem" that it would get none; rows without a number as they are.';

CREATE FUNCTION campaign.segments_known(target campaign.campaigns) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN target.total = 0 THEN NULL
        WHEN target.placeholders OR target.own_texts THEN
            CASE WHEN target.status <> 'draft' THEN target.segments END
        ELSE campaign.segments_of_all(target.message, target.total) END;
END
$$;
COMMENT ON FUNCTION campaign.segments_known(campaign.campaigns) IS
'What a campaign costs, without a look at its recipients; NULL if only such a look could tell.';

CREATE FUNCTION @extschema@.campaign_texts(campaign_id text, rows integer DEFAULT 3) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_read(campaign_id);
    answer jsonb;
BEGIN
    IF campaign_texts.rows IS NULL OR campaign_texts.rows NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'rows must be 0 to 100' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    answer := campaign.texts_read(target, campaign_texts.rows);
    -- What was dispatched changes no more: the next campaign_status() knows it.
    IF current_setting('transaction_read_only') = 'off' AND target.own_texts AND target.segments IS NULL AND target.status NOT IN ('draft', 'scheduled') THEN
        UPDATE campaign.campaigns c SET segments = answer -> 'segments'
        WHERE c.id = target.id AND c.segments IS NULL AND c.status NOT IN ('draft', 'scheduled');
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_texts(text, integer) IS
'What the recipients of a campaign get, and what it costs, before and after it is dispatched: {"segments": {"total", "longest", "ucs2", "plain_total", "characters", "warning"}, "problem_count", "problems", "absent", "samples"}. problems are the first recipients for whom there is no text, absent the placeholders that no recipient has, samples the first texts, rows of them (0 to 100). Reads all recipients.';
