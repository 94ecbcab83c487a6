-- A test send: the text of one recipient to a few numbers, as a campaign of its own that names the
-- one it is a test of. So it goes the same way, and counts nowhere else.

CREATE FUNCTION campaign.test_sample(target campaign.campaigns, sample text)
RETURNS TABLE (class campaign.recipient_class, seq bigint, phone_number text, message text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    wanted CONSTANT text := '+' || regexp_replace(sample, '[^0-9]', '', 'g');
    chosen campaign.recipients;
BEGIN
    SELECT * INTO chosen FROM campaign.recipients r
    WHERE r.campaign_id = target.id AND (sample IS NULL OR r.phone_number = wanted)
    ORDER BY r.class, r.seq LIMIT 1;
    IF NOT FOUND AND sample IS NOT NULL THEN
        RAISE EXCEPTION 'campaign "%" has no recipient "%"', target.id, left(sample, 40)
            USING ERRCODE = 'no_data_found';
    END IF;
    RETURN QUERY SELECT chosen.class, chosen.seq, chosen.phone_number, CASE
        WHEN chosen.text IS NOT NULL THEN chosen.text
        WHEN target.placeholders THEN campaign.placeholders_fill(target.message,
            campaign.attributes_canonical(chosen.attributes || campaign.attributes_outcome(target.generated, chosen.class)))
        ELSE target.message END;
END
$$;
COMMENT ON FUNCTION campaign.test_sample(campaign.campaigns, text) IS
'The recipient with this number, or the first one, and the text that they get; without recipients the text of somebody of whom nothing is known.';

CREATE FUNCTION @extschema@.campaign_test(
    campaign_id text,
    numbers text,
    sample text DEFAULT NULL,
    user_id text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    most CONSTANT bigint := 10;
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
    chosen record;
    test_id text;
    upload jsonb;
BEGIN
    IF target.test_of IS NOT NULL THEN
        RAISE EXCEPTION 'campaign "%" is a test itself', target.id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Test campaign "%s".', target.test_of);
    END IF;
    SELECT * INTO chosen FROM campaign.test_sample(target, sample);
    test_id := @extschema@.campaign_create(left('Test: ' || target.name, 200), 'test'::text, target.company_id,
        coalesce(user_id, campaign.copy_user(target)), target.ordered);
    upload := @extschema@.campaign_upload(test_id, numbers, false, false, 'NORMAL'::text);
    IF (upload ->> 'accepted')::bigint NOT BETWEEN 1 AND most THEN
        RAISE EXCEPTION 'a test goes to 1 to % numbers, not to %', most, upload ->> 'accepted'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Whoever sends what MongoDB holds sees that it is a test.
    UPDATE campaign.recipients r SET attributes = jsonb_build_object('test_of', target.id)
    WHERE r.campaign_id = test_id;
    UPDATE campaign.campaigns c
    SET message = chosen.message, placeholders = false, message_version = 2, test_of = target.id
    WHERE c.id = test_id;
    RETURN @extschema@.campaign_dispatch(test_id) || jsonb_build_object('text', chosen.message, 'sample',
        CASE WHEN chosen.seq IS NOT NULL THEN jsonb_build_object('class', chosen.class, 'seq', chosen.seq,
            'phone_number', chosen.phone_number) END);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_test(text, text, text, text) IS
'Sends the text of one recipient, filled in, to at most ten numbers (one a line), at once, as a campaign of its own: test_of names the one that is tested, whose counts do not change. sample: number of the recipient, NULL: the first one. Returns the status of the test, with the "text" and the "sample".';
