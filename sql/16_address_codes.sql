-- Who an address belongs to: whoever has read a mail that went there. The codes of such mails are made when
-- the mail is sent, so that nothing but their hashes is ever stored. What is hashed is random, so SHA-256 is
-- enough.

CREATE TABLE campaign.address_codes (
    hash bytea PRIMARY KEY,
    purpose text NOT NULL,
    user_id text COLLATE "C" NOT NULL REFERENCES campaign.users (id),
    email text NOT NULL,
    job_id text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT address_codes_purpose_check CHECK (purpose IN ('confirm', 'reset'))
);
COMMENT ON TABLE campaign.address_codes IS 'Codes that were mailed and not used. Rows are deleted when one is used, or at a later mail after they have expired.';
COMMENT ON COLUMN campaign.address_codes.hash IS 'SHA-256 of the code.';
COMMENT ON COLUMN campaign.address_codes.purpose IS 'confirm: the user proves the address; reset: a new password.';
COMMENT ON COLUMN campaign.address_codes.user_id IS 'User.';
COMMENT ON COLUMN campaign.address_codes.email IS 'Address that the mail went to.';
COMMENT ON COLUMN campaign.address_codes.job_id IS 'The mail.';
COMMENT ON COLUMN campaign.address_codes.created_at IS 'When the code was made.';
COMMENT ON COLUMN campaign.address_codes.expires_at IS 'When it ends unused.';
CREATE INDEX address_codes_user_index ON campaign.address_codes (user_id);
CREATE INDEX address_codes_job_index ON campaign.address_codes (job_id, created_at);
CREATE INDEX address_codes_expires_index ON campaign.address_codes (expires_at);
ALTER TABLE campaign.address_codes ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.address_codes', '');

CREATE FUNCTION campaign.address_code_hash(code text) RETURNS bytea
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT sha256(convert_to(btrim(code, E' \t\r\n'), 'UTF8')) $$;
COMMENT ON FUNCTION campaign.address_code_hash(text) IS 'What is stored of a code, without the blanks that were copied with it.';

CREATE FUNCTION campaign.address_code_issue(purpose text, user_id text, email text, job_id text) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    code text := @extschema@.cuid2(24);
BEGIN
    IF NOT EXISTS (SELECT FROM campaign.users u WHERE u.id = address_code_issue.user_id AND NOT u.deleted
                   AND (u.email = address_code_issue.email
                        OR u.new_email = address_code_issue.email AND address_code_issue.purpose = 'confirm')) THEN
        RETURN NULL;
    END IF;
    DELETE FROM campaign.address_codes c WHERE c.hash IN (
        SELECT old.hash FROM campaign.address_codes old
        WHERE old.expires_at < now() LIMIT 100 FOR UPDATE SKIP LOCKED);
    -- A mail may arrive although its sender has not heard so, and is sent again: what was in it stays good.
    -- As long as the server is away, each trial makes a code.
    DELETE FROM campaign.address_codes c WHERE c.hash IN (
        SELECT old.hash FROM campaign.address_codes old WHERE old.job_id = address_code_issue.job_id
        ORDER BY old.created_at DESC OFFSET 3 FOR UPDATE SKIP LOCKED);
    INSERT INTO campaign.address_codes (hash, purpose, user_id, email, job_id, expires_at)
    VALUES (campaign.address_code_hash(code), address_code_issue.purpose, address_code_issue.user_id,
        address_code_issue.email, address_code_issue.job_id, clock_timestamp() +
        CASE address_code_issue.purpose WHEN 'reset' THEN interval '1 hour' ELSE interval '1 day' END);
    RETURN code;
END
$$;
COMMENT ON FUNCTION campaign.address_code_issue(text, text, text, text) IS
'A new code for a mail, NULL if its user no longer has the address; only its hash is stored. The codes of the three trials before this one stay valid.';

-- The user first: whoever uses codes of one user comes one after the other.
CREATE FUNCTION campaign.address_code_use(purpose text, code text) RETURNS campaign.address_codes
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    key bytea := campaign.address_code_hash(address_code_use.code);
    used campaign.address_codes;
BEGIN
    PERFORM FROM campaign.users u WHERE NOT u.deleted
        AND u.id = (SELECT c.user_id FROM campaign.address_codes c WHERE c.hash = key) FOR NO KEY UPDATE;
    IF FOUND THEN
        DELETE FROM campaign.address_codes c
        WHERE c.hash = key AND c.purpose = address_code_use.purpose AND c.expires_at > clock_timestamp()
        RETURNING * INTO used;
    END IF;
    RETURN used;
END
$$;
COMMENT ON FUNCTION campaign.address_code_use(text, text) IS
'What a code was mailed for, once, with its user locked; a row of NULLs if it is wrong, used or expired.';

CREATE FUNCTION campaign.user_verified(user_id text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT current_setting('campaign.require_verified_email')::boolean OR EXISTS (
        SELECT FROM campaign.users u WHERE u.id = user_verified.user_id AND u.verified_at IS NOT NULL)
$$;
COMMENT ON FUNCTION campaign.user_verified(text) IS
'Whether the address of this user counts: they have proved it, or nobody has to.';

CREATE FUNCTION campaign.address_release(address text, user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder_id text;
BEGIN
    SELECT u.id INTO holder_id FROM campaign.users u
    WHERE lower(u.email) = lower(address) AND NOT u.deleted AND u.id <> address_release.user_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF campaign.user_verified(holder_id) THEN
        RAISE EXCEPTION 'a user with this e-mail address already exists' USING ERRCODE = 'unique_violation';
    END IF;
    -- With what they have made: they may have mistyped their own.
    UPDATE campaign.users u SET email = u.id || '@released.invalid', updated_at = clock_timestamp()
    WHERE u.id = holder_id;
    DELETE FROM campaign.address_codes c WHERE c.user_id = holder_id AND lower(c.email) = lower(address);
END
$$;
COMMENT ON FUNCTION campaign.address_release(text, text) IS
'For somebody who proves an address: another user who has it and has not proved it loses it, and logs in as ID@released.invalid from then on. An error if they have proved it.';

CREATE FUNCTION campaign.address_prove(user_id text, address text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.address_release(address, user_id);
    UPDATE campaign.users u
    SET email = address, new_email = NULL, verified_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE u.id = address_prove.user_id;
    DELETE FROM campaign.address_codes c WHERE c.user_id = address_prove.user_id;
END
$$;
COMMENT ON FUNCTION campaign.address_prove(text, text) IS
'The user, who is locked, has proved that this address is theirs.';
