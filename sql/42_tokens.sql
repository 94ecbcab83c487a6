-- Logins: tokens that PostgREST verifies, and how they are revoked.

CREATE TABLE campaign.revoked_tokens (
    jti text COLLATE "C" PRIMARY KEY,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE campaign.revoked_tokens IS 'Tokens that were logged out before they expired. Rows are deleted at a later logout, an hour or more after the token has expired.';
COMMENT ON COLUMN campaign.revoked_tokens.jti IS 'Claim jti of the token.';
COMMENT ON COLUMN campaign.revoked_tokens.expires_at IS 'When the token expires by itself.';
COMMENT ON COLUMN campaign.revoked_tokens.created_at IS 'When it was revoked.';
CREATE INDEX revoked_tokens_expires_index ON campaign.revoked_tokens (expires_at);
ALTER TABLE campaign.revoked_tokens ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.revoked_tokens', '');

CREATE TABLE campaign.password_changes (
    user_id text COLLATE "C" PRIMARY KEY REFERENCES campaign.users (id),
    changed_at timestamptz NOT NULL
);
COMMENT ON TABLE campaign.password_changes IS 'When users changed their passwords: older tokens are refused.';
COMMENT ON COLUMN campaign.password_changes.user_id IS 'User.';
COMMENT ON COLUMN campaign.password_changes.changed_at IS 'A whole second after the last change, and after the one before: tokens from before it are refused.';
ALTER TABLE campaign.password_changes ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.password_changes', '');

-- Tokens -------------------------------------------------------------------------------------

CREATE FUNCTION campaign.jwt_sign(payload jsonb) RETURNS text
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_jwt_sign';
COMMENT ON FUNCTION campaign.jwt_sign(jsonb) IS
'The claims as a JSON Web Token, signed (HS256) with campaign.jwt_secret.';

CREATE FUNCTION campaign.token_issue(user_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Not before the last change of the password, which takes effect with the next second.
    issued bigint := greatest(floor(extract(epoch FROM clock_timestamp())),
        (SELECT extract(epoch FROM p.changed_at) FROM campaign.password_changes p
         WHERE p.user_id = token_issue.user_id));
    expires bigint := issued + extract(epoch FROM current_setting('campaign.jwt_expiry')::interval)::bigint;
BEGIN
    RETURN jsonb_build_object(
        'token', campaign.jwt_sign(jsonb_build_object('role', 'campaign_user', 'user_id', user_id,
            'jti', @extschema@.cuid2(24), 'iat', issued, 'exp', expires)),
        'expires_at', to_timestamp(expires),
        'user_id', user_id);
END
$$;
COMMENT ON FUNCTION campaign.token_issue(text) IS
'A new token of a user: {"token", "expires_at", "user_id"}.';

-- Tokens say in whole seconds when they were made: those of this second are older, and so are those
-- that the change before this one has put into the next.
CREATE FUNCTION campaign.tokens_revoke(user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO campaign.password_changes AS p (user_id, changed_at)
    VALUES (tokens_revoke.user_id, date_trunc('second', clock_timestamp()) + interval '1 second')
    ON CONFLICT ON CONSTRAINT password_changes_pkey
    DO UPDATE SET changed_at = greatest(excluded.changed_at, p.changed_at + interval '1 second');
END
$$;
COMMENT ON FUNCTION campaign.tokens_revoke(text) IS
'Ends every token of a user; the next one is valid. The caller holds the lock of the user''s row.';

CREATE FUNCTION campaign.token_valid(claims jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(
        claims ->> 'role' = 'campaign_user' AND NOT claims ? 'application_id'
        AND jsonb_typeof(claims -> 'jti') = 'string' AND jsonb_typeof(claims -> 'iat') = 'number'
        AND jsonb_typeof(claims -> 'exp') = 'number'
        -- PostgREST lets a token live half a minute longer than it says.
        AND (claims ->> 'exp')::numeric > extract(epoch FROM clock_timestamp())
        AND NOT EXISTS (SELECT FROM campaign.revoked_tokens r WHERE r.jti = claims ->> 'jti')
        AND NOT EXISTS (SELECT FROM campaign.password_changes p WHERE p.user_id = claims ->> 'user_id'
                        AND extract(epoch FROM p.changed_at) > (claims ->> 'iat')::numeric)
        AND EXISTS (SELECT FROM campaign.users u WHERE u.id = claims ->> 'user_id' AND NOT u.deleted),
        false);
END
$$;
COMMENT ON FUNCTION campaign.token_valid(jsonb) IS
'Whether the token of a user, whose signature PostgREST has verified, is still valid: not expired, not revoked, of a user who exists.';

-- The planner does not know what somebody owns. With "LIMIT 1", or with the rows of few owners in a table, it
-- expects theirs among the first that it comes across, and for somebody who has none it would read everybody's.
CREATE FUNCTION campaign.lists_by_index() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true);
END
$$;
COMMENT ON FUNCTION campaign.lists_by_index() IS
'Makes the statements of this transaction find rows by index wherever there is one: what belongs to somebody who owns little costs little, whatever others own.';

CREATE FUNCTION campaign.api_check() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    account text;
    places integer := current_setting('campaign.requests_per_account');
BEGIN
    -- The role that PostgREST took from the token; this function itself runs as its owner. A
    -- token of one kind is valid for the role of its kind only.
    CASE current_setting('role')
        WHEN 'campaign_anon' THEN
            PERFORM campaign.api_target_check('campaign_anon');
            -- Unknown for GET /ready, which is for supervisors.
            account := nullif(campaign.request_client(), '');
            -- Somebody with an account has these besides: together they are not all connections.
            places := greatest(places / 4, 1);
        WHEN 'campaign_app' THEN
            IF NOT campaign.application_token_valid(claims) THEN
                PERFORM campaign.api_raise('PT401', 'this token is no longer valid', NULL,
                    'Get a new one with the id and the secret of the application.');
            END IF;
            PERFORM campaign.api_target_check('campaign_app');
            account := campaign.application_account(claims ->> 'application_id');
        ELSE
            IF NOT campaign.token_valid(claims) THEN
                PERFORM campaign.api_raise('PT401', 'this token is no longer valid', NULL,
                    'Log in again with POST /rpc/login.');
            END IF;
            account := claims ->> 'user_id';
    END CASE;
    PERFORM campaign.api_place_take(account, places);
    PERFORM campaign.lists_by_index();
    PERFORM campaign.api_body_check();
    -- Estimates are made from everybody's rows.
    IF campaign.request_header('Prefer') ~* 'count=(planned|estimated)' THEN
        PERFORM campaign.api_raise('PT400', 'counts are exact or none', NULL, 'Send "Prefer: count=exact".');
    END IF;
    PERFORM campaign.api_page_link();
    PERFORM campaign.api_more_time();
END
$$;
COMMENT ON FUNCTION campaign.api_check() IS
'The db-pre-request of PostgREST: refuses tokens that were revoked, have expired, or whose user or application is deleted, and counts that are estimates.';

-- Logging in ---------------------------------------------------------------------------------

CREATE FUNCTION campaign.password_dummy() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('$argon2id$v=19$m=%s,t=%s,p=1$bm9ib2R5aGFzdGhpc29uZQ$%s',
        pg_size_bytes(current_setting('campaign.argon2_memory')) / 1024,
        current_setting('campaign.argon2_iterations'), repeat('A', 43))
$$;
COMMENT ON FUNCTION campaign.password_dummy() IS
'A hash that no password has and that takes as long to verify as a real one: so does a login to an account that does not exist.';

CREATE FUNCTION campaign.password_matches(password text, hash text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A password that is not possible is just wrong, not an error that looks different.
    IF password IS NULL OR octet_length(password) NOT BETWEEN 1 AND 1024 THEN
        RETURN false;
    END IF;
    RETURN @extschema@.password_verify(password, coalesce(hash, campaign.password_dummy()))
        AND hash IS NOT NULL;
END
$$;
COMMENT ON FUNCTION campaign.password_matches(text, text) IS
'Whether the password matches the hash; without a hash it takes as long and is false.';

-- Verifying takes long enough for a change of the password to come in between. The row is locked
-- from the second look on, so that neither a stronger hash nor a token of the old password can come
-- after the change.
CREATE FUNCTION campaign.password_holder(address text, password text) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person_id text;
    verified text;
    standing text;
BEGIN
    SELECT u.id, u.password INTO person_id, verified FROM campaign.users u
    WHERE lower(u.email) = password_holder.address AND NOT u.deleted;
    IF NOT campaign.password_matches(password_holder.password, verified) THEN
        RETURN NULL;
    END IF;
    SELECT u.password INTO standing FROM campaign.users u
    WHERE u.id = person_id AND NOT u.deleted FOR NO KEY UPDATE;
    IF standing IS DISTINCT FROM verified AND NOT campaign.password_matches(password_holder.password, standing) THEN
        RETURN NULL;
    END IF;
    IF campaign.password_needs_rehash(standing) THEN
        UPDATE campaign.users u SET password = @extschema@.password_hash(password_holder.password)
        WHERE u.id = person_id;
    END IF;
    RETURN person_id;
END
$$;
COMMENT ON FUNCTION campaign.password_holder(text, text) IS
'The user with this address (in lower case) and this password, who keeps them until the end of the transaction; NULL if there is none. A hash that is weaker than the settings ask for is made again.';

CREATE FUNCTION campaign_api.signup(email text, password text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id text;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.signup');
    new_id := @extschema@.user_create(signup.email, signup.password);
    PERFORM campaign.api_respond(201);
    RETURN (SELECT to_jsonb(u) FROM campaign_api.users u WHERE u.id = new_id);
END
$$;
COMMENT ON FUNCTION campaign_api.signup(text, text) IS
$$Sign up
Creates a user. Needs no token.

email: address, unique among users whatever its case.
password: 1 to 1024 bytes; only its Argon2id hash is kept.

201 with the user; 409 if somebody has this address; 422 if the address or the password is not valid.$$;

CREATE FUNCTION campaign_api.login(email text, password text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    address text := lower(coalesce(campaign.email_clean(login.email), ''));
    wait integer;
    person_id text;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.login');
    wait := campaign.attempt(address);
    IF wait > 0 THEN
        RETURN campaign.api_refuse_attempt(wait, 'too many failed logins to this account');
    END IF;
    person_id := campaign.password_holder(address, login.password);
    IF person_id IS NULL THEN
        RETURN campaign.api_refuse(401, 'e-mail address or password is wrong', NULL, 'WWW-Authenticate', 'Bearer');
    END IF;
    PERFORM campaign.attempt_succeeded(address);
    RETURN campaign.token_issue(person_id);
END
$$;
COMMENT ON FUNCTION campaign_api.login(text, text) IS
$$Log in
Returns a token for the header "Authorization: Bearer TOKEN". Needs no token itself.

email: address of the user.
password: their password.

200 with {"token", "expires_at", "user_id"}; 401 if the address is unknown or the password is wrong, without saying which; 429 with Retry-After after five failures in a row from one address, for 1, 2, 4 and so on up to 300 seconds.$$;

CREATE FUNCTION campaign_api.logout() RETURNS void
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
BEGIN
    PERFORM campaign.api_user();
    DELETE FROM campaign.revoked_tokens r WHERE r.expires_at < now() - interval '1 hour';
    INSERT INTO campaign.revoked_tokens (jti, expires_at)
    VALUES (claims ->> 'jti', to_timestamp((claims ->> 'exp')::double precision))
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION campaign_api.logout() IS
$$Log out
Revokes the token of the request: every later request with it is answered with 401.

204.$$;
