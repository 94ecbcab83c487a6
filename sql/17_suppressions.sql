-- Whom not to send to: the suppression lists. 18_suppression_words.sql changes them by incoming SMS; the worker
-- asks outbox_suppressed() (43_suppression.sql) about each batch.

CREATE TABLE campaign.suppressions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number bigint NOT NULL,
    owner text COLLATE "C" NOT NULL DEFAULT '',
    reason text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    user_id text COLLATE "C",
    application_id text COLLATE "C",
    role text NOT NULL,
    lifted_at timestamptz,
    lifted_reason text,
    lifted_user_id text COLLATE "C",
    lifted_application_id text COLLATE "C",
    lifted_role text
);
COMMENT ON TABLE campaign.suppressions IS 'Numbers that must not be sent to. One that was lifted stays, as history.';
COMMENT ON COLUMN campaign.suppressions.id IS 'Number of the entry.';
COMMENT ON COLUMN campaign.suppressions.number IS 'Digits of the phone number, as an upload understands it.';
COMMENT ON COLUMN campaign.suppressions.owner IS 'Company or user whose list this is; empty: the list of the whole installation.';
COMMENT ON COLUMN campaign.suppressions.reason IS 'Why.';
COMMENT ON COLUMN campaign.suppressions.created_at IS 'Since when.';
COMMENT ON COLUMN campaign.suppressions.user_id IS 'User of the HTTP request that added it.';
COMMENT ON COLUMN campaign.suppressions.application_id IS 'Application of the HTTP request that added it.';
COMMENT ON COLUMN campaign.suppressions.role IS 'Role of PostgreSQL that added it.';
COMMENT ON COLUMN campaign.suppressions.lifted_at IS 'Until when; NULL: it holds.';
COMMENT ON COLUMN campaign.suppressions.lifted_reason IS 'Why it was lifted.';
COMMENT ON COLUMN campaign.suppressions.lifted_user_id IS 'User of the HTTP request that lifted it.';
COMMENT ON COLUMN campaign.suppressions.lifted_application_id IS 'Application of the HTTP request that lifted it.';
COMMENT ON COLUMN campaign.suppressions.lifted_role IS 'Role of PostgreSQL that lifted it.';
-- What the worker asks for each batch; by owner, what people ask for.
CREATE UNIQUE INDEX suppressions_number_index ON campaign.suppressions (number, owner) WHERE lifted_at IS NULL;
CREATE INDEX suppressions_owner_index ON campaign.suppressions (owner, id) WHERE lifted_at IS NULL;
CREATE INDEX suppressions_lifted_index ON campaign.suppressions (number, owner) WHERE lifted_at IS NOT NULL;
ALTER TABLE campaign.suppressions ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.suppressions', '');
SELECT pg_catalog.pg_extension_config_dump('campaign.suppressions_id_seq', '');
COMMENT ON SEQUENCE campaign.suppressions_id_seq IS 'Numbers of the entries.';

-- The worker keeps a filter of all numbers on all lists, and asks what has come since (src/publish/listed.c).
-- Not dumped: transactions of another server mean nothing.
CREATE TABLE campaign.suppression_changes (
    changed_by xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    number bigint
);
COMMENT ON TABLE campaign.suppression_changes IS 'Numbers that were put on a list lately; the worker deletes what it knows.';
COMMENT ON COLUMN campaign.suppression_changes.changed_by IS 'Transaction that did it: a snapshot says which ones may have been committed since.';
COMMENT ON COLUMN campaign.suppression_changes.number IS 'Digits of the number; NULL: many, read the lists again.';
CREATE INDEX suppression_changes_index ON campaign.suppression_changes (changed_by);
ALTER TABLE campaign.suppression_changes ENABLE ROW LEVEL SECURITY;

-- Numbers and owners -------------------------------------------------------------------------

CREATE FUNCTION campaign.numbers_read(
    numbers bytea, skip_invalid boolean, country text, OUT digits bigint[], OUT answer jsonb
)
LANGUAGE C STABLE STRICT
AS 'MODULE_PATHNAME', 'campaign_numbers_read';
COMMENT ON FUNCTION campaign.numbers_read(bytea, boolean, text) IS
'Reads a numbers file as campaign_upload() does, each number once, and stores nothing; country: that of national numbers, empty for none; answer: {"accepted", "duplicates", "invalid", "errors"}. An error if the file is to be refused.';

CREATE FUNCTION campaign.owner_country(company_id text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(nullif(coalesce(
        (SELECT c.country FROM campaign.companies c WHERE c.id = company_id), campaign.country_default()), 'none'), '');
END
$$;
COMMENT ON FUNCTION campaign.owner_country(text) IS
'The country of national numbers on a list, as in the uploads of the same owner: that of the company, else campaign.country; empty for none.';

CREATE FUNCTION campaign.number_of_country(phone_number text, country text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    read record;
BEGIN
    SELECT * INTO read FROM campaign.numbers_read(convert_to(coalesce(phone_number, ''), 'UTF8'), true, country);
    IF cardinality(read.digits) <> 1 OR read.answer -> 'invalid' <> '0' OR read.answer -> 'duplicates' <> '0' THEN
        RAISE EXCEPTION 'not a phone number: %', coalesce(read.answer -> 'errors' -> 0 ->> 'reason', 'one number is expected')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN read.digits[1];
END
$$;
COMMENT ON FUNCTION campaign.number_of_country(text, text) IS
'The digits of one phone number, understood as in a numbers file of this country (empty: of none); an error if it is not one.';

CREATE FUNCTION campaign.number_read(phone_number text, company_id text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN campaign.number_of_country(phone_number, campaign.owner_country(company_id));
END
$$;
COMMENT ON FUNCTION campaign.number_read(text, text) IS
'The digits of one phone number, understood as in a numbers file of the company (NULL: of none); an error if it is none.';

CREATE FUNCTION campaign.suppression_owner(company_id text, user_id text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF num_nonnulls(company_id, user_id) = 2 THEN
        RAISE EXCEPTION 'a suppression list belongs to a company or to a user, not to both'
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF company_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM campaign.companies c WHERE c.id = suppression_owner.company_id AND NOT c.deleted) THEN
        RAISE EXCEPTION 'company "%" does not exist', left(company_id, 40) USING ERRCODE = 'foreign_key_violation';
    ELSIF user_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM campaign.users u WHERE u.id = suppression_owner.user_id AND NOT u.deleted) THEN
        RAISE EXCEPTION 'user "%" does not exist', left(user_id, 40) USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN coalesce(company_id, user_id, '');
END
$$;
COMMENT ON FUNCTION campaign.suppression_owner(text, text) IS
'Whose list: that of a company, of a user, or, with neither, of the whole installation; an error if there is no such company or user.';

CREATE FUNCTION campaign.suppression_reason_check(reason text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF length(reason) > 500 THEN
        RAISE EXCEPTION 'reason is longer than 500 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN nullif(btrim(reason), '');
END
$$;
COMMENT ON FUNCTION campaign.suppression_reason_check(text) IS
'A reason as it is stored; an error if it is too long.';

CREATE FUNCTION campaign.suppression_caller(OUT user_id text, OUT application_id text, OUT role text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    role := coalesce(nullif(current_setting('role'), 'none'), session_user);
    -- Everybody may set the settings that PostgREST sets.
    IF role IN ('campaign_user', 'campaign_app') THEN
        user_id := campaign.request_user();
        application_id := campaign.request_application();
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.suppression_caller() IS
'Who calls: the role, and the user or application of an HTTP request.';

-- The lists ----------------------------------------------------------------------------------

CREATE FUNCTION campaign.suppressions_add(digits bigint[], owner text, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    caller record := campaign.suppression_caller();
    stored_reason text := campaign.suppression_reason_check(suppressions_add.reason);
    added bigint[];
BEGIN
    -- In one order, so that two imports cannot deadlock.
    WITH new AS (
        INSERT INTO campaign.suppressions (number, owner, reason, user_id, application_id, role)
        SELECT d.number, suppressions_add.owner, stored_reason, caller.user_id, caller.application_id, caller.role
        FROM unnest(digits) AS d (number) ORDER BY d.number
        ON CONFLICT (number, owner) WHERE lifted_at IS NULL DO NOTHING
        RETURNING number
    )
    SELECT array_agg(n.number) INTO added FROM new n;
    -- Only what is new: of a list that is imported again, nearly all is known.
    IF cardinality(added) > 1000 THEN
        INSERT INTO campaign.suppression_changes (number) VALUES (NULL);
    ELSE
        INSERT INTO campaign.suppression_changes (number) SELECT unnest(added);
    END IF;
    RETURN coalesce(cardinality(added), 0);
END
$$;
COMMENT ON FUNCTION campaign.suppressions_add(bigint[], text, text) IS
'Puts numbers on a list and returns how many were not on it.';

CREATE FUNCTION campaign.suppressions_lift(digits bigint[], owner text, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    caller record := campaign.suppression_caller();
    stored_reason text := campaign.suppression_reason_check(reason);
    lifted bigint;
BEGIN
    UPDATE campaign.suppressions s
    SET lifted_at = clock_timestamp(), lifted_reason = stored_reason, lifted_user_id = caller.user_id,
        lifted_application_id = caller.application_id, lifted_role = caller.role
    WHERE s.number = ANY (digits) AND s.owner = suppressions_lift.owner AND s.lifted_at IS NULL;
    GET DIAGNOSTICS lifted = ROW_COUNT;
    RETURN lifted;
END
$$;
COMMENT ON FUNCTION campaign.suppressions_lift(bigint[], text, text) IS
'Takes numbers off a list and returns how many were on it; the entries stay as history.';

CREATE FUNCTION @extschema@.suppression_add(
    phone_number text, company_id text DEFAULT NULL, user_id text DEFAULT NULL, reason text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN campaign.suppressions_add(ARRAY[campaign.number_read(phone_number, company_id)],
        campaign.suppression_owner(company_id, user_id), reason) > 0;
END
$$;
COMMENT ON FUNCTION @extschema@.suppression_add(text, text, text, text) IS
'Opts a number out: of a company''s campaigns, of a user''s that belong to no company, or, with neither, of all. From the commit on nothing is published to it, not even by a campaign that is running. False if it was on the list.';

CREATE FUNCTION @extschema@.suppression_remove(
    phone_number text, company_id text DEFAULT NULL, user_id text DEFAULT NULL, reason text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN campaign.suppressions_lift(ARRAY[campaign.number_read(phone_number, company_id)],
        campaign.suppression_owner(company_id, user_id), reason) > 0;
END
$$;
COMMENT ON FUNCTION @extschema@.suppression_remove(text, text, text, text) IS
'Takes a number off a list again; the entry stays as history. What a running campaign has left out stays left out. False if it was not on this list.';

CREATE FUNCTION @extschema@.suppression_import(
    numbers bytea, company_id text DEFAULT NULL, user_id text DEFAULT NULL, reason text DEFAULT NULL,
    skip_invalid boolean DEFAULT false
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner text := campaign.suppression_owner(company_id, user_id);
    read record;
    added bigint;
BEGIN
    IF numbers IS NULL THEN
        RAISE EXCEPTION 'numbers file is missing' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO read FROM campaign.numbers_read(numbers, coalesce(skip_invalid, false),
        campaign.owner_country(company_id));
    added := campaign.suppressions_add(read.digits, owner, reason);
    RETURN read.answer || jsonb_build_object('accepted', added,
        'duplicates', (read.answer ->> 'duplicates')::bigint + cardinality(read.digits) - added);
END
$$;
COMMENT ON FUNCTION @extschema@.suppression_import(bytea, text, text, text, boolean) IS
'Puts a file of numbers on a list, read as campaign_upload() reads one. All or nothing, unless skip_invalid. Returns {"accepted", "duplicates", "invalid", "errors"}: duplicates counts those that were on the list already, too.';

CREATE FUNCTION @extschema@.suppression_import(
    numbers text, company_id text DEFAULT NULL, user_id text DEFAULT NULL, reason text DEFAULT NULL,
    skip_invalid boolean DEFAULT false
) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@.suppression_import(convert_to(numbers, 'UTF8'), company_id, user_id, reason, skip_invalid)
$$;
COMMENT ON FUNCTION @extschema@.suppression_import(text, text, text, text, boolean) IS
'As suppression_import(bytea, ...), for numbers given as text.';

CREATE FUNCTION campaign.suppression_entry(s campaign.suppressions) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('id', s.id, 'phone_number', '+' || s.number, 'owner', nullif(s.owner, ''),
        'reason', s.reason, 'created_at', s.created_at, 'user_id', s.user_id,
        'application_id', s.application_id, 'role', s.role)
        || CASE WHEN s.lifted_at IS NULL THEN '{}' ELSE jsonb_build_object('lifted_at', s.lifted_at,
            'lifted_reason', s.lifted_reason, 'lifted_user_id', s.lifted_user_id,
            'lifted_application_id', s.lifted_application_id, 'lifted_role', s.lifted_role) END
$$;
COMMENT ON FUNCTION campaign.suppression_entry(campaign.suppressions) IS
'An entry of a list, as it is shown.';

-- A statement for each question: one for both would have a plan that reads the lists of everybody.
CREATE FUNCTION campaign.suppressions_read(
    owners text[], digits bigint, rows integer, after_id bigint
) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rows IS NULL OR rows NOT BETWEEN 0 AND 10000 THEN
        RAISE EXCEPTION 'rows must be 0 to 10000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF digits IS NULL THEN
        RETURN QUERY
        SELECT campaign.suppression_entry(list.entry)
        FROM unnest(owners) AS o (owner)
        CROSS JOIN LATERAL (SELECT s AS entry FROM campaign.suppressions s
                            WHERE s.owner = o.owner AND s.lifted_at IS NULL AND s.id > coalesce(after_id, 0)
                            ORDER BY s.id LIMIT suppressions_read.rows) AS list
        ORDER BY (list.entry).id LIMIT suppressions_read.rows;
    ELSE
        RETURN QUERY
        SELECT campaign.suppression_entry(history.entry)
        FROM unnest(owners) AS o (owner)
        CROSS JOIN LATERAL (SELECT s AS entry FROM campaign.suppressions s
                            WHERE s.number = digits AND s.owner = o.owner AND s.lifted_at IS NULL
                            UNION ALL
                            SELECT s FROM campaign.suppressions s
                            WHERE s.number = digits AND s.owner = o.owner AND s.lifted_at IS NOT NULL) AS history
        WHERE (history.entry).id > coalesce(after_id, 0)
        ORDER BY (history.entry).id LIMIT suppressions_read.rows;
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.suppressions_read(text[], bigint, integer, bigint) IS
'The entries of these lists that are in force, oldest first; with a number all of its entries, the lifted ones as well.';

CREATE FUNCTION @extschema@.suppression_list(
    company_id text DEFAULT NULL, user_id text DEFAULT NULL, phone_number text DEFAULT NULL,
    rows integer DEFAULT 100, after_id bigint DEFAULT 0
) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT * FROM campaign.suppressions_read(
        ARRAY[campaign.suppression_owner(company_id, user_id)],
        CASE WHEN phone_number IS NOT NULL THEN campaign.number_read(phone_number, company_id) END, rows, after_id);
END
$$;
COMMENT ON FUNCTION @extschema@.suppression_list(text, text, text, integer, bigint) IS
'The numbers on a list, oldest first: number, reason, since when and by whom. With phone_number its whole history. after_id: the id of the last one, for the next page.';
