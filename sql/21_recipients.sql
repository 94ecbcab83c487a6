-- Recipients: numbers files become rows, numbered from 1 in file order within their class.

-- No foreign key to campaigns: a million-row import would pay for a trigger call per row, and
-- rows come in only through campaign.recipients_import(), which holds the campaign's lock.
CREATE TABLE campaign.recipients (
    campaign_id text COLLATE "C" NOT NULL,
    class campaign.recipient_class NOT NULL DEFAULT 'NORMAL',
    seq bigint NOT NULL,
    phone_number text COLLATE "C" NOT NULL,
    text text,
    attributes jsonb,
    PRIMARY KEY (campaign_id, class, seq)
);
COMMENT ON TABLE campaign.recipients IS 'Recipients of campaigns, in file order.';
COMMENT ON COLUMN campaign.recipients.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.recipients.class IS 'Class: VIP recipients are sent before all others.';
COMMENT ON COLUMN campaign.recipients.seq IS 'Place in the class, from 1 and without gaps; fixed at import.';
COMMENT ON COLUMN campaign.recipients.phone_number IS 'E.164 number with its +.';
COMMENT ON COLUMN campaign.recipients.text IS 'Text of its own; NULL: the campaign''s. Whoever writes one otherwise than with campaign.recipients_add() sets own_texts and message_version = 2 of the campaign in the same transaction.';
COMMENT ON COLUMN campaign.recipients.attributes IS 'What is known of the recipient, a JSON object; NULL: nothing.';
ALTER TABLE campaign.recipients ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.recipients', '');

-- Page-sized rows, not compressed and not moved out of line. Not dumped: this is a copy
-- that src/upload/packed.c makes again when it is needed.
CREATE TABLE campaign.packed_recipients (
    campaign_id text COLLATE "C" NOT NULL,
    class campaign.recipient_class NOT NULL,
    first_seq bigint NOT NULL,
    numbers bytea NOT NULL,
    PRIMARY KEY (campaign_id, class, first_seq)
);
ALTER TABLE campaign.packed_recipients ALTER COLUMN numbers SET STORAGE PLAIN;
COMMENT ON TABLE campaign.packed_recipients IS 'A packed copy of the numbers of a large draft, so that comparing a further file with them is fast.';
COMMENT ON COLUMN campaign.packed_recipients.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.packed_recipients.class IS 'Class of recipients.';
COMMENT ON COLUMN campaign.packed_recipients.first_seq IS 'seq of the first number.';
COMMENT ON COLUMN campaign.packed_recipients.numbers IS 'The digits of up to 1,000 numbers in the order of seq, eight bytes each, most significant byte first.';
ALTER TABLE campaign.packed_recipients ENABLE ROW LEVEL SECURITY;

CREATE TABLE campaign.uploads (
    campaign_id text COLLATE "C" NOT NULL REFERENCES campaign.campaigns (id),
    digest bytea NOT NULL,
    result jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (campaign_id, digest)
);
COMMENT ON TABLE campaign.uploads IS 'Numbers files that were imported, so that sending one again changes nothing.';
COMMENT ON COLUMN campaign.uploads.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.uploads.digest IS 'What tells it from another: campaign.upload_digest().';
COMMENT ON COLUMN campaign.uploads.result IS 'What campaign_upload() returned.';
COMMENT ON COLUMN campaign.uploads.created_at IS 'When it was imported.';
ALTER TABLE campaign.uploads ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.uploads', '');

CREATE FUNCTION campaign.upload_country(campaign_id text, country text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(campaign.country_name(coalesce(nullif(upload_country.country, ''),
        (SELECT o.country FROM campaign.campaigns c JOIN campaign.companies o ON o.id = c.company_id
         WHERE c.id = upload_country.campaign_id), campaign.country_default())), 'none')
$$;
COMMENT ON FUNCTION campaign.upload_country(text, text) IS
'The country of national numbers in an upload, as an ISO code: the given one, else that of the campaign''s company, else campaign.country; NULL: numbers are international. An error if the given one does not exist.';

CREATE FUNCTION campaign.upload_class(numbers bytea, class text) RETURNS campaign.recipient_class
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF numbers IS NULL THEN
        RAISE EXCEPTION 'numbers file is missing' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF class IS NULL OR class NOT IN ('VIP', 'NORMAL') THEN
        RAISE EXCEPTION 'class must be VIP or NORMAL' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN class;
END
$$;
COMMENT ON FUNCTION campaign.upload_class(bytea, text) IS
'The class that an upload is for; an error if it is neither VIP nor NORMAL, or if there is no file.';

CREATE FUNCTION campaign.recipients_import(
    campaign_id text, class campaign.recipient_class, first_seq bigint, numbers bytea,
    skip_invalid boolean, allow_duplicates boolean, present bigint, country text
) RETURNS jsonb
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_recipients_import';
COMMENT ON FUNCTION campaign.recipients_import(text, campaign.recipient_class, bigint, bytea, boolean, boolean, bigint, text) IS
'Parses a plain list of numbers and appends its recipients from first_seq on; returns {"accepted", "duplicates", "invalid", "errors", "countries", "assumed"}. present: how many the campaign has in all classes; country: that of national numbers, empty for none. The caller holds the campaign''s lock.';

CREATE FUNCTION campaign.table_import(
    campaign_id text, class campaign.recipient_class, numbers bytea, skip_invalid boolean, allow_duplicates boolean,
    present bigint, country text, format text, column_name text, vip_seq bigint, normal_seq bigint
) RETURNS jsonb
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_table_import';
COMMENT ON FUNCTION campaign.table_import(text, campaign.recipient_class, bytea, boolean, boolean, bigint, text, text, text, bigint, bigint) IS
'The same for a file with columns: its other columns become attributes. class: that of rows that do not say theirs; column_name: that of the numbers, empty to find it; vip_seq, normal_seq: the first seq of each class. The answer has "format", "columns", "classes" and "with_attributes" besides.';

CREATE FUNCTION campaign.upload_format(numbers bytea, format text, column_name text, country text) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_upload_format';
COMMENT ON FUNCTION campaign.upload_format(bytea, text, text, text) IS
'list, csv, tsv, semicolon or ndjson: the format that is asked for, or, if that is empty, the one that the file looks like.';

CREATE FUNCTION campaign.upload_decode(numbers bytea, encoding text) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_upload_decode';
COMMENT ON FUNCTION campaign.upload_decode(bytea, text) IS
'A file as UTF-8; encoding: utf-16, utf-16le, utf-16be, windows-1252, or utf-8 and empty for none of these.';

CREATE FUNCTION campaign.upload_digest(
    numbers bytea, class text, country text, format text, column_name text, encoding text
) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- What was asked for is a part of it: the same bytes may then mean other numbers.
    IF num_nonnulls(country, format, column_name, encoding) > 0 THEN
        class := class || ':' || jsonb_build_array(upper(country), lower(format), column_name, lower(encoding));
    END IF;
    RETURN sha256(convert_to(class || ':', 'UTF8') || sha256(numbers));
END
$$;
COMMENT ON FUNCTION campaign.upload_digest(bytea, text, text, text, text, text) IS
'What tells one upload from another: SHA-256 of its options and the file''s own SHA-256.';

CREATE FUNCTION campaign.upload_store(
    target campaign.campaigns, target_class campaign.recipient_class, numbers bytea, skip_invalid boolean,
    allow_duplicates boolean, country text, format text, column_name text
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seqs jsonb := (SELECT coalesce(jsonb_object_agg(p.class, p.total + 1), '{}') FROM campaign.progress p
                   WHERE p.campaign_id = target.id);
    found_format text := campaign.upload_format(numbers, coalesce(format, ''), coalesce(column_name, ''),
        coalesce(country, ''));
    answer jsonb;
BEGIN
    IF found_format = 'list' THEN
        IF column_name <> '' THEN
            RAISE EXCEPTION 'numbers file refused, nothing was stored: a plain list has no column "%"', left(column_name, 40)
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Name its format if it is a table.';
        END IF;
        answer := campaign.recipients_import(target.id, target_class,
            coalesce((seqs ->> target_class::text)::bigint, 1), numbers, skip_invalid, allow_duplicates, target.total,
            coalesce(country, ''));
        answer := answer || jsonb_build_object('classes', jsonb_build_object(target_class, answer -> 'accepted'));
    ELSE
        answer := campaign.table_import(target.id, target_class, numbers, skip_invalid, allow_duplicates, target.total,
            coalesce(country, ''), found_format, coalesce(column_name, ''), coalesce((seqs ->> 'VIP')::bigint, 1),
            coalesce((seqs ->> 'NORMAL')::bigint, 1));
    END IF;
    IF (answer ->> 'with_attributes')::bigint > 0 THEN
        IF target.generated THEN
            RAISE EXCEPTION 'campaign "%" is a generated run: it takes no attributes', target.id
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        UPDATE campaign.campaigns c SET message_version = 2 WHERE c.id = target.id;
    END IF;
    RETURN (answer - 'with_attributes') || (
        SELECT CASE WHEN count(s.answer ->> 'suppressed') = 0 THEN '{}'::jsonb
                    ELSE jsonb_build_object('suppressed', sum((s.answer ->> 'suppressed')::bigint)) END
        FROM jsonb_object_keys(answer -> 'classes') AS added (class),
            LATERAL campaign.suppressed_answer(target, added.class::campaign.recipient_class,
                coalesce((seqs ->> added.class)::bigint, 1)) AS s (answer));
END
$$;
COMMENT ON FUNCTION campaign.upload_store(campaign.campaigns, campaign.recipient_class, bytea, boolean, boolean, text, text, text) IS
'Stores the recipients of a file, whatever its format, and returns the answer of the upload, with how many there are of each class as "classes". The caller holds the campaign''s lock.';

CREATE FUNCTION @extschema@.campaign_upload(
    campaign_id text,
    numbers bytea,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false,
    class text DEFAULT 'NORMAL',
    country text DEFAULT NULL,
    format text DEFAULT NULL,
    column_name text DEFAULT NULL,
    encoding text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    target campaign.campaigns;
    target_class campaign.recipient_class;
    file_digest bytea;
    answer jsonb;
BEGIN
    target_class := campaign.upload_class(numbers, class);
    target := campaign.campaign_lock(campaign_id);
    country := campaign.upload_country(target.id, country);
    file_digest := campaign.upload_digest(numbers, class, country, format, column_name, encoding);

    SELECT u.result INTO answer FROM campaign.uploads u
    WHERE u.campaign_id = target.id AND u.digest = file_digest;
    IF FOUND THEN
        RETURN answer || '{"repeated": true}';
    END IF;
    IF target.status <> 'draft' THEN
        RAISE EXCEPTION 'campaign "%" is %: numbers can be added to a draft only', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Create another campaign for these numbers.';
    END IF;
    -- Records that are still to come are compared with nothing.
    PERFORM campaign.run_ready_check(target.id);

    answer := campaign.upload_store(target, target_class, campaign.upload_decode(numbers, coalesce(encoding, '')),
        coalesce(skip_invalid, false), coalesce(allow_duplicates, false), country, format, column_name);

    INSERT INTO campaign.progress AS p (campaign_id, class, total)
    SELECT target.id, added.key::campaign.recipient_class, added.value::bigint
    FROM jsonb_each_text(answer -> 'classes') AS added
    WHERE added.value::bigint > 0 OR added.key = class
    ON CONFLICT ON CONSTRAINT progress_pkey DO UPDATE SET total = p.total + excluded.total;
    UPDATE campaign.campaigns c
    SET total = c.total + (answer ->> 'accepted')::bigint, updated_at = clock_timestamp()
    WHERE c.id = target.id;
    IF NOT answer ? 'format' THEN
        answer := answer - 'classes';
    END IF;
    INSERT INTO campaign.uploads (campaign_id, digest, result)
    VALUES (target.id, file_digest, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_upload(text, bytea, boolean, boolean, text, text, text, text, text) IS
'Adds a file of phone numbers, one a line, to a draft campaign. All or nothing, unless skip_invalid; a number that the campaign already has is dropped, unless allow_duplicates. Returns {"accepted": n, "duplicates": n, "invalid": n, "errors": [{"line": n, "reason": "..."}], "countries": {"BR": n}, "assumed": n}: how many of the valid numbers are of which country, and how many were read as international although they have neither + nor 00; the same file again changes nothing and returns the same with "repeated": true.';

CREATE FUNCTION @extschema@.campaign_upload(
    campaign_id text,
    numbers text,
    skip_invalid boolean DEFAULT false,
    allow_duplicates boolean DEFAULT false,
    class text DEFAULT 'NORMAL',
    country text DEFAULT NULL,
    format text DEFAULT NULL,
    column_name text DEFAULT NULL,
    encoding text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF lower(encoding) NOT IN ('utf-8', 'utf8') THEN
        RAISE EXCEPTION 'numbers given as text have no encoding: give the bytes of the file'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN @extschema@.campaign_upload(campaign_id, convert_to(numbers, 'UTF8'), skip_invalid,
        allow_duplicates, class, country, format, column_name, NULL::text);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_upload(text, text, boolean, boolean, text, text, text, text, text) IS
'As campaign_upload(text, bytea, ...), for numbers given as text.';

-- Recipients that bring more than a number --------------------------------------------------------

CREATE FUNCTION campaign.attributes_canonical(attributes jsonb) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_attributes_canonical';
COMMENT ON FUNCTION campaign.attributes_canonical(jsonb) IS
'Attributes as they travel: JSON with its keys in the order of their code points, without blanks, each number in one form (docs/contract). An error if these cannot be attributes.';

CREATE FUNCTION campaign.attributes_problem(attributes jsonb) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_attributes_problem';
COMMENT ON FUNCTION campaign.attributes_problem(jsonb) IS
'Why this cannot be a recipient''s attributes: not an object, a key or a number that MongoDB would not give back, too deep or more than 4096 bytes. NULL if it can.';

CREATE FUNCTION campaign.attributes_outcome(generated boolean, class campaign.recipient_class) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN NOT generated THEN '{}'
        WHEN class = 'VIP' THEN '{"status": "processado", "observations": "enviado com prioridade"}'
        ELSE '{"status": "processado", "observations": "processado sem prioridade"}' END;
END
$$;
COMMENT ON FUNCTION campaign.attributes_outcome(boolean, campaign.recipient_class) IS
'What storing a recipient changes in its attributes: afterwards they are attributes || this. The worker sends them like that, so that nobody has to change a row or a document. Empty except for a generated record.';

CREATE FUNCTION campaign.recipients_check(
    classes campaign.recipient_class[], phone_numbers text[], texts text[], attributes jsonb[], generated boolean
) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    vip_outcome jsonb := campaign.attributes_outcome(generated, 'VIP');
    normal_outcome jsonb := campaign.attributes_outcome(generated, 'NORMAL');
    found_problem record;
BEGIN
    IF classes IS NULL OR phone_numbers IS NULL OR cardinality(classes) <> cardinality(phone_numbers)
        OR cardinality(texts) <> cardinality(classes) OR cardinality(attributes) <> cardinality(classes) THEN
        RAISE EXCEPTION 'the arrays of recipients have different lengths'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO found_problem FROM (
        SELECT r.place, CASE
            WHEN r.class IS NULL THEN 'class is missing'
            WHEN r.phone_number IS NULL OR r.phone_number !~ '^\+[1-9][0-9]{7,14}$'
                THEN 'phone_number must be + and 8 to 15 digits, the first not 0'
            WHEN r.own_text = '' OR length(r.own_text) > 4096 OR octet_length(convert_to(r.own_text, 'UTF8')) = 0
                THEN 'text is empty or longer than 4096 characters'
            -- As they will be sent: an error in the worker would hold up the campaign for ever.
            ELSE 'attributes: ' || campaign.attributes_problem(CASE
                WHEN jsonb_typeof(r.attributes) <> 'object' THEN r.attributes
                ELSE r.attributes || CASE r.class WHEN 'VIP' THEN vip_outcome ELSE normal_outcome END END) END AS problem
        FROM unnest(classes, phone_numbers, texts, attributes)
            WITH ORDINALITY AS r (class, phone_number, own_text, attributes, place)) AS checked
    WHERE checked.problem IS NOT NULL ORDER BY checked.place LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'nothing was stored: recipient %: %', found_problem.place, found_problem.problem
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.recipients_check(campaign.recipient_class[], text[], text[], jsonb[], boolean) IS
'An error that names the first recipient that is not valid, and why.';

CREATE FUNCTION campaign.recipients_add(
    campaign_id text,
    classes campaign.recipient_class[],
    phone_numbers text[],
    texts text[] DEFAULT NULL,
    attributes jsonb[] DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
    added record;
    added_total bigint := 0;
BEGIN
    IF target.status <> 'draft' THEN
        RAISE EXCEPTION 'campaign "%" is %: recipients can be added to a draft only', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM campaign.run_ready_check(target.id);
    PERFORM campaign.recipients_check(classes, phone_numbers, texts, attributes, target.generated);
    FOR added IN
        SELECT wanted.class, count(*) AS count FROM unnest(classes) AS wanted (class) GROUP BY 1 ORDER BY 1
    LOOP
        INSERT INTO campaign.recipients (campaign_id, class, seq, phone_number, text, attributes)
        SELECT target.id, added.class,
            coalesce((SELECT p.total FROM campaign.progress p
                      WHERE p.campaign_id = target.id AND p.class = added.class), 0)
                + row_number() OVER (ORDER BY r.place),
            r.phone_number, r.own_text, r.attributes
        FROM unnest(classes, phone_numbers, texts, attributes)
            WITH ORDINALITY AS r (class, phone_number, own_text, attributes, place)
        WHERE r.class = added.class
        ORDER BY r.place;
        INSERT INTO campaign.progress AS p (campaign_id, class, total)
        VALUES (target.id, added.class, added.count)
        ON CONFLICT ON CONSTRAINT progress_pkey DO UPDATE SET total = p.total + excluded.total;
        added_total := added_total + added.count;
    END LOOP;
    UPDATE campaign.campaigns c
    SET total = c.total + added_total, updated_at = clock_timestamp(),
        message_version = CASE WHEN num_nonnulls(VARIADIC texts) > 0 OR num_nonnulls(VARIADIC attributes) > 0
                               THEN 2 ELSE c.message_version END,
        own_texts = c.own_texts OR coalesce(num_nonnulls(VARIADIC texts) > 0, false)
    WHERE c.id = target.id;
    RETURN added_total;
END
$$;
COMMENT ON FUNCTION campaign.recipients_add(text, campaign.recipient_class[], text[], text[], jsonb[]) IS
'Appends recipients to a draft, each to its class in the order of the arrays, and returns how many; the elements i of the arrays belong to recipient i. texts, attributes: NULL, for all or for one recipient, means none of its own. All or nothing. Numbers are not compared with those that are already there.';
