-- Applications: programs that use the API. Each has a secret with which it gets tokens, and these are
-- valid until they expire or are revoked. Secrets and tokens are shown once, when they are made; only
-- their hashes are stored. What is hashed is random, so SHA-256 is enough.

CREATE TABLE campaign.applications (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    name text NOT NULL,
    company_id text COLLATE "C" REFERENCES campaign.companies (id),
    user_id text COLLATE "C" REFERENCES campaign.users (id),
    secret_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE campaign.applications IS 'Programs that use the API with tokens of their own.';
COMMENT ON COLUMN campaign.applications.id IS 'cuid2';
COMMENT ON COLUMN campaign.applications.name IS 'Name, 1 to 200 characters.';
COMMENT ON COLUMN campaign.applications.company_id IS 'Company that owns it; NULL if its user does, or the server itself.';
COMMENT ON COLUMN campaign.applications.user_id IS 'User who created it; NULL for the server''s own.';
COMMENT ON COLUMN campaign.applications.secret_hash IS 'SHA-256 of its secret.';
COMMENT ON COLUMN campaign.applications.created_at IS 'When it was created.';
COMMENT ON COLUMN campaign.applications.updated_at IS 'When the row last changed.';
COMMENT ON COLUMN campaign.applications.deleted IS 'Soft delete: the row stays, and its tokens are no longer valid.';
CREATE INDEX applications_company_index ON campaign.applications (company_id) WHERE NOT deleted;
CREATE INDEX applications_user_index ON campaign.applications (user_id) WHERE NOT deleted;
CREATE UNIQUE INDEX applications_own_name_key ON campaign.applications (name)
    WHERE company_id IS NULL AND user_id IS NULL AND NOT deleted;
ALTER TABLE campaign.applications ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.applications', '');

CREATE TABLE campaign.application_tokens (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    application_id text COLLATE "C" NOT NULL REFERENCES campaign.applications (id),
    hash bytea NOT NULL UNIQUE,
    name text,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
COMMENT ON TABLE campaign.application_tokens IS 'Tokens that applications got. A token that is not here is not valid.';
COMMENT ON COLUMN campaign.application_tokens.id IS 'cuid2, by which it is revoked; not in the token itself.';
COMMENT ON COLUMN campaign.application_tokens.application_id IS 'Application.';
COMMENT ON COLUMN campaign.application_tokens.hash IS 'SHA-256 of the token''s claim jti.';
COMMENT ON COLUMN campaign.application_tokens.name IS 'Name that its owner gave it; NULL if none.';
COMMENT ON COLUMN campaign.application_tokens.created_at IS 'When it was made.';
COMMENT ON COLUMN campaign.application_tokens.expires_at IS 'When it expires.';
COMMENT ON COLUMN campaign.application_tokens.revoked_at IS 'When it was revoked; NULL if it was not.';
CREATE INDEX application_tokens_application_index ON campaign.application_tokens (application_id);
ALTER TABLE campaign.application_tokens ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.application_tokens', '');

-- As in 90_policies.sql: no estimate may depend on what somebody wrote.
ALTER TABLE campaign.applications ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE campaign.application_tokens ALTER COLUMN name SET STATISTICS 0;

-- In SQL -------------------------------------------------------------------------------------

CREATE FUNCTION campaign.application_secret() RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '') $$;
COMMENT ON FUNCTION campaign.application_secret() IS
'A new secret. Two random UUIDs: 244 bits of the server''s strong randomness.';

CREATE FUNCTION @extschema@.application_create(name text, company_id text DEFAULT NULL, user_id text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    secret text := campaign.application_secret();
    application campaign.applications;
BEGIN
    INSERT INTO campaign.applications (name, company_id, user_id, secret_hash)
    VALUES (campaign.name_check('application', application_create.name), application_create.company_id,
        application_create.user_id, sha256(convert_to(secret, 'UTF8')))
    RETURNING * INTO application;
    RETURN jsonb_build_object('id', application.id, 'name', application.name, 'secret', secret);
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'an application with this name already exists' USING ERRCODE = 'unique_violation';
END
$$;
COMMENT ON FUNCTION @extschema@.application_create(text, text, text) IS
'Creates an application and returns {"id", "name", "secret"}. The secret is shown this once; only its hash is stored.';

CREATE FUNCTION campaign.application_live(application_id text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM campaign.applications a
        LEFT JOIN campaign.companies c ON c.id = a.company_id
        LEFT JOIN campaign.users u ON u.id = a.user_id AND a.company_id IS NULL
        WHERE a.id = application_live.application_id AND NOT a.deleted
          AND c.deleted IS NOT TRUE AND u.deleted IS NOT TRUE
          AND NOT EXISTS (SELECT FROM campaign.company_members m
                          WHERE m.company_id = a.company_id AND m.user_id = a.user_id AND m.deleted))
$$;
COMMENT ON FUNCTION campaign.application_live(text) IS
'Whether this application exists, and so does its owner (a company, else a user, else the server itself), and the company has not removed the member who created it.';

CREATE FUNCTION campaign.application_token_issue(application_id text, name text, expires_in interval)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lifetime interval := coalesce(expires_in, current_setting('campaign.app_token_expiry')::interval);
    issued bigint := floor(extract(epoch FROM clock_timestamp()));
    expires bigint := issued + extract(epoch FROM lifetime)::bigint;
    secret_id text := @extschema@.cuid2(32);
    token_id text;
BEGIN
    -- In seconds: interval against interval, a year has 360 days, and the setting allows 3650.
    IF extract(epoch FROM lifetime) NOT BETWEEN 1 AND extract(epoch FROM interval '10 years') THEN
        RAISE EXCEPTION 'a token lives 1 second to 10 years' USING ERRCODE = 'invalid_parameter_value';
    ELSIF length(name) > 200 THEN
        RAISE EXCEPTION 'token name is longer than 200 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO campaign.application_tokens (application_id, hash, name, expires_at)
    VALUES (application_token_issue.application_id, sha256(convert_to(secret_id, 'UTF8')),
        nullif(btrim(application_token_issue.name), ''), to_timestamp(expires))
    RETURNING id INTO token_id;
    RETURN jsonb_build_object('id', token_id, 'application_id', application_id,
        'token', campaign.jwt_sign(jsonb_build_object('role', 'campaign_app',
            'application_id', application_id, 'jti', secret_id, 'iat', issued, 'exp', expires)),
        'expires_at', to_timestamp(expires));
END
$$;
COMMENT ON FUNCTION campaign.application_token_issue(text, text, interval) IS
'A new token of an application: {"id", "application_id", "token", "expires_at"}. Without an interval it lives for campaign.app_token_expiry.';

CREATE FUNCTION @extschema@.token_create(name text, application_id text DEFAULT NULL, expires_in interval DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id text := application_id;
BEGIN
    IF owner_id IS NULL THEN
        -- Nobody knows its secret: it gets its tokens here.
        INSERT INTO campaign.applications (name, secret_hash)
        VALUES (campaign.name_check('application', token_create.name), uuid_send(gen_random_uuid()))
        ON CONFLICT DO NOTHING;
        SELECT a.id INTO STRICT owner_id FROM campaign.applications a
        WHERE a.name = btrim(token_create.name) AND a.company_id IS NULL AND a.user_id IS NULL
          AND NOT a.deleted;
    ELSIF NOT campaign.application_live(owner_id) THEN
        RAISE EXCEPTION 'application "%" does not exist', left(owner_id, 40) USING ERRCODE = 'no_data_found';
    END IF;
    RETURN campaign.application_token_issue(owner_id, name, expires_in);
END
$$;
COMMENT ON FUNCTION @extschema@.token_create(text, text, interval) IS
'A token for a program: {"id", "application_id", "token", "expires_at"}. The token is shown this once. Without an application it belongs to one of the server''s own with the same name, which is created if there is none.';

CREATE FUNCTION @extschema@.token_revoke(id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    token campaign.application_tokens;
BEGIN
    UPDATE campaign.application_tokens t SET revoked_at = coalesce(t.revoked_at, clock_timestamp())
    WHERE t.id = token_revoke.id RETURNING * INTO token;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'token "%" does not exist', left(coalesce(token_revoke.id, 'NULL'), 40)
            USING ERRCODE = 'no_data_found';
    END IF;
    RETURN jsonb_build_object('id', token.id, 'application_id', token.application_id, 'name', token.name,
        'revoked_at', token.revoked_at);
END
$$;
COMMENT ON FUNCTION @extschema@.token_revoke(text) IS
'Revokes a token by its id: the next request with it is refused. Returns {"id", "application_id", "name", "revoked_at"}.';

CREATE FUNCTION campaign.application_tokens_revoke(application_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE campaign.application_tokens t SET revoked_at = clock_timestamp()
    WHERE t.application_id = application_tokens_revoke.application_id AND t.revoked_at IS NULL;
END
$$;
COMMENT ON FUNCTION campaign.application_tokens_revoke(text) IS 'Revokes all tokens of an application.';

CREATE FUNCTION campaign.application_delete(application_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE campaign.applications a SET deleted = true, updated_at = clock_timestamp()
    WHERE a.id = application_delete.application_id AND NOT a.deleted;
    PERFORM campaign.application_tokens_revoke(application_delete.application_id);
END
$$;
COMMENT ON FUNCTION campaign.application_delete(text) IS
'Soft delete of an application, which revokes its tokens.';

CREATE FUNCTION @extschema@.application_rotate(application_id text, revoke_tokens boolean DEFAULT false) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    secret text := campaign.application_secret();
    application campaign.applications;
BEGIN
    -- campaign_api.token() locks the row before it issues a token.
    UPDATE campaign.applications a
    SET secret_hash = sha256(convert_to(secret, 'UTF8')), updated_at = clock_timestamp()
    WHERE a.id = application_rotate.application_id AND NOT a.deleted
    RETURNING * INTO application;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'application "%" does not exist', left(coalesce(application_id, 'NULL'), 40)
            USING ERRCODE = 'no_data_found';
    END IF;
    IF revoke_tokens THEN
        PERFORM campaign.application_tokens_revoke(application.id);
    END IF;
    RETURN jsonb_build_object('id', application.id, 'name', application.name, 'secret', secret);
END
$$;
COMMENT ON FUNCTION @extschema@.application_rotate(text, boolean) IS
'Gives an application a new secret, which is shown this once; the old one ends at once. Its tokens go on, unless revoke_tokens. Returns {"id", "name", "secret"}.';

-- The request --------------------------------------------------------------------------------

CREATE FUNCTION campaign.application_token_valid(claims jsonb) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        claims ->> 'role' = 'campaign_app' AND NOT claims ? 'user_id'
        AND jsonb_typeof(claims -> 'jti') = 'string'
        AND EXISTS (SELECT FROM campaign.application_tokens t
                    WHERE t.hash = sha256(convert_to(claims ->> 'jti', 'UTF8'))
                      AND t.application_id = claims ->> 'application_id'
                      AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp())
        AND campaign.application_live(claims ->> 'application_id'),
        false)
$$;
COMMENT ON FUNCTION campaign.application_token_valid(jsonb) IS
'Whether the token of an application, whose signature PostgREST has verified, is still valid: not expired, not revoked, of an application that exists.';

CREATE FUNCTION campaign.request_application() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT claims ->> 'application_id'
    FROM CAST(nullif(current_setting('request.jwt.claims', true), '') AS jsonb) AS claims
    WHERE claims ->> 'role' = 'campaign_app' AND campaign.application_live(claims ->> 'application_id')
$$;
COMMENT ON FUNCTION campaign.request_application() IS
'The application whose token PostgREST verified; NULL without one.';

CREATE FUNCTION campaign.request_applications() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.id FROM campaign.applications a
    WHERE NOT a.deleted AND a.company_id = ANY (ARRAY(SELECT campaign.request_companies()))
    UNION ALL SELECT a.id FROM campaign.applications a
    WHERE NOT a.deleted AND a.company_id IS NULL AND a.user_id = (
            SELECT u.id FROM campaign.users u WHERE u.id = campaign.request_user() AND NOT u.deleted)
    UNION ALL SELECT r.id FROM campaign.request_application() AS r (id) WHERE r.id IS NOT NULL
$$;
COMMENT ON FUNCTION campaign.request_applications() IS
'The applications of the user of the request and of their companies, or the application of the request itself.';

-- As in 90_policies.sql: evaluated once per statement, and found with an index.
CREATE POLICY user_read ON campaign.applications FOR SELECT TO campaign_user
    USING (NOT deleted AND id = ANY (ARRAY(SELECT campaign.request_applications())));
COMMENT ON POLICY user_read ON campaign.applications IS 'One''s own, and those of one''s companies.';
CREATE POLICY request_read ON campaign.application_tokens FOR SELECT TO campaign_user, campaign_app
    USING (application_id = ANY (ARRAY(SELECT campaign.request_applications())));
COMMENT ON POLICY request_read ON campaign.application_tokens IS 'Those of one''s applications; for an application, its own.';
