-- Lists before they are sent: what an upload would make of a file, and a draft without numbers again.

CREATE FUNCTION campaign.numbers_preview(
    campaign_id text, class campaign.recipient_class, numbers bytea, allow_duplicates boolean, present bigint,
    country text, format text, column_name text, message text, placeholders boolean, first_vip bigint, first_normal bigint
) RETURNS jsonb
LANGUAGE C STABLE STRICT
AS 'MODULE_PATHNAME', 'campaign_numbers_preview';
COMMENT ON FUNCTION campaign.numbers_preview(text, campaign.recipient_class, bytea, boolean, bigint, text, text, text, text, boolean, bigint, bigint) IS
'What campaign.recipients_import() or campaign.table_import() would answer with invalid rows left out, with "format" and the first 20 rows. present: how many recipients the campaign has, 0 for none. With a message also "segments", "problem_count", "problems" and "absent", as campaign.texts_measure(), of the rows that would be stored, the first of each class with this seq.';

CREATE FUNCTION campaign.upload_next_seq(campaign_id text, class campaign.recipient_class) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce((SELECT p.total FROM campaign.progress p
                     WHERE p.campaign_id = upload_next_seq.campaign_id AND p.class = upload_next_seq.class), 0) + 1;
END
$$;
COMMENT ON FUNCTION campaign.upload_next_seq(text, campaign.recipient_class) IS
'The seq of the next recipient that is added to a class; 1 without a campaign.';

CREATE FUNCTION @extschema@.campaign_preview(
    numbers bytea,
    campaign_id text DEFAULT NULL,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false,
    class text DEFAULT 'NORMAL',
    country text DEFAULT NULL,
    format text DEFAULT NULL,
    column_name text DEFAULT NULL,
    encoding text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    target campaign.campaigns;
    target_class campaign.recipient_class;
    decoded bytea;
    answer jsonb;
BEGIN
    target_class := campaign.upload_class(numbers, class);
    IF campaign_id IS NOT NULL THEN
        target := campaign.campaign_read(campaign_id);
    END IF;
    country := campaign.upload_country(target.id, country);
    decoded := campaign.upload_decode(numbers, coalesce(encoding, ''));
    answer := campaign.numbers_preview(coalesce(target.id, ''), target_class, decoded,
        coalesce(allow_duplicates, false), coalesce(target.total, 0), coalesce(country, ''),
        campaign.upload_format(decoded, coalesce(format, ''), coalesce(column_name, ''), coalesce(country, '')),
        coalesce(column_name, ''), coalesce(target.message, ''), coalesce(target.placeholders, false),
        campaign.upload_next_seq(target.id, 'VIP'), campaign.upload_next_seq(target.id, 'NORMAL'));
    IF target.id IS NOT NULL THEN
        answer := answer || jsonb_build_object('rows', campaign.texts_preview(target, answer -> 'rows'));
    END IF;
    RETURN answer || jsonb_build_object(
        'refused', (answer ->> 'invalid')::bigint > 0 AND NOT coalesce(skip_invalid, false)
            OR (answer ->> 'accepted')::bigint + (answer ->> 'duplicates')::bigint = 0,
        'repeated', EXISTS (SELECT FROM campaign.uploads u WHERE u.campaign_id = target.id
            AND u.digest = campaign.upload_digest(numbers, class, country, format, column_name, encoding)));
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_preview(bytea, text, boolean, boolean, text, text, text, text, text) IS
'What campaign_upload() with the same arguments would do, storing nothing. The counts of its answer, invalid lines left out; "refused": whether it would store nothing because of them; "repeated": whether the campaign has the file already; "rows": the first 20, each {"line", "phone_number", "class", "attributes"} or {"line", "reason"}. Without campaign_id the file is not compared with a campaign; with it each row has the "text" that it would get and its "segments", or the "problem" that it would get none, and the answer "segments", "problem_count", "problems" and "absent" of all rows that would be stored, as campaign_texts().';

CREATE FUNCTION @extschema@.campaign_preview(
    numbers text,
    campaign_id text DEFAULT NULL,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false,
    class text DEFAULT 'NORMAL',
    country text DEFAULT NULL,
    format text DEFAULT NULL,
    column_name text DEFAULT NULL
) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@.campaign_preview(convert_to(numbers, 'UTF8'), campaign_id, skip_invalid,
        allow_duplicates, class, country, format, column_name, NULL::text)
$$;
COMMENT ON FUNCTION @extschema@.campaign_preview(text, text, boolean, boolean, text, text, text, text) IS
'As campaign_preview(bytea, ...), for numbers given as text.';

CREATE FUNCTION @extschema@.campaign_clear(campaign_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
BEGIN
    IF target.status <> 'draft' THEN
        RAISE EXCEPTION 'campaign "%" is %: only a draft can lose its numbers', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM campaign.campaign_empty(target.id);
    PERFORM campaign.event_add(target.id, 'draft', 'draft', reason,
        format('cleared of %s recipients', target.total));
    RETURN @extschema@.campaign_status(target.id) || jsonb_build_object('cleared', target.total);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_clear(text, text) IS
'Takes all recipients from a draft, and forgets its files: they can be uploaded again. Returns its status, with how many they were as "cleared". An error for any other campaign.';
