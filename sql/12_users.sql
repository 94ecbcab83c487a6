-- Users: people who log in. Of passwords, only Argon2id hashes are stored.

CREATE TABLE campaign.users (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    email text NOT NULL,
    password text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted boolean NOT NULL DEFAULT false,
    verified_at timestamptz,
    new_email text
);
COMMENT ON TABLE campaign.users IS 'People who use the system.';
COMMENT ON COLUMN campaign.users.id IS 'cuid2';
COMMENT ON COLUMN campaign.users.email IS 'Address as it was given; unique among users who are not deleted, whatever its case.';
COMMENT ON COLUMN campaign.users.password IS 'Argon2id hash in PHC string form; never readable through the API.';
COMMENT ON COLUMN campaign.users.created_at IS 'When the user signed up.';
COMMENT ON COLUMN campaign.users.updated_at IS 'When the row last changed.';
COMMENT ON COLUMN campaign.users.deleted IS 'Soft delete: the row stays, the API hides it.';
COMMENT ON COLUMN campaign.users.verified_at IS 'When the user proved, with a code from a mail, that the address is theirs; NULL if they have not.';
COMMENT ON COLUMN campaign.users.new_email IS 'Address that they want instead, until they prove that it is theirs.';

CREATE UNIQUE INDEX users_email_key ON campaign.users (lower(email)) WHERE NOT deleted;
ALTER TABLE campaign.users ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.users', '');

CREATE FUNCTION campaign.user_insert(email text, password_hash text) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id text;
BEGIN
    INSERT INTO campaign.users (email, password) VALUES (user_insert.email, user_insert.password_hash)
    RETURNING id INTO new_id;
    IF current_setting('campaign.welcome_email')::boolean THEN
        PERFORM @extschema@.job_create(CASE WHEN current_setting('campaign.require_verified_email')::boolean
                THEN 'confirm_email' ELSE 'welcome_email' END,
            jsonb_build_object('user_id', new_id, 'email', user_insert.email),
            now(), NULL::integer, new_id, NULL::text);
    END IF;
    RETURN new_id;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'a user with this e-mail address already exists'
            USING ERRCODE = 'unique_violation', HINT = 'If it is yours, ask for a new password with POST /rpc/password_forgotten.';
END
$$;
COMMENT ON FUNCTION campaign.user_insert(text, text) IS
'Stores a user whose address and hash the caller has checked, and queues the welcome e-mail if campaign.welcome_email is on; with a code if campaign.require_verified_email is.';

CREATE FUNCTION @extschema@.user_create(email text, password text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    address text;
    code text; message text; detail text; hint text;
BEGIN
    address := campaign.email_check(user_create.email);
    IF user_create.password IS NULL THEN
        RAISE EXCEPTION 'password is missing' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN campaign.user_insert(address, @extschema@.password_hash(user_create.password));
EXCEPTION WHEN OTHERS THEN
    -- Again, without the statement, which would be in the log with its password.
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM campaign.api_raise(code, message, detail, hint);
END
$$;
COMMENT ON FUNCTION @extschema@.user_create(text, text) IS
'Creates a user and returns its id. The password is stored as an Argon2id hash; an address that another user already has is refused. The welcome e-mail is sent afterwards.';
