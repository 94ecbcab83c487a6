-- Applications over HTTP: users create, list and delete them; they get their tokens by themselves.

CREATE FUNCTION campaign.request_credentials(OUT account text, OUT secret_hash bytea)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    header text := campaign.request_header('Authorization');
    pair bytea;
    colon integer;
BEGIN
    IF length(header) <= 1000 AND header ~* '^basic +[a-z0-9+/]+={0,2}$' THEN
        pair := decode(regexp_replace(header, '^\S+\s+', ''), 'base64');
        colon := position('\x3a'::bytea IN pair);
    END IF;
    IF colon > 1 THEN
        -- Any bytes will do in this form: what is not text is nobody's id.
        account := encode(substring(pair FOR colon - 1), 'escape');
        secret_hash := sha256(substring(pair FROM colon + 1));
    END IF;
EXCEPTION WHEN invalid_parameter_value THEN
    -- What looks like base64 but ends in the middle of a byte.
    RETURN;
END
$$;
COMMENT ON FUNCTION campaign.request_credentials() IS
'User name and SHA-256 of the password of HTTP basic authentication; NULL without them.';

CREATE FUNCTION campaign.url_decode(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT convert_from(string_agg(CASE WHEN part[1] ~ '^%..$' THEN decode(substr(part[1], 2), 'hex')
            ELSE convert_to(part[1], 'UTF8') END, '' ORDER BY place), 'UTF8')
    FROM regexp_matches(replace(value, '+', ' '), '%[0-9A-Fa-f]{2}|[^%]+|%', 'g')
        WITH ORDINALITY AS parts (part, place)
$$;
COMMENT ON FUNCTION campaign.url_decode(text) IS
'Decodes a value from the query string of a URL.';

CREATE FUNCTION campaign.api_token_refuse(code integer, message text, header text, value text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_respond(code, header, value);
    RETURN jsonb_build_object('code', 'PT' || code, 'message', message, 'details', NULL, 'hint',
        CASE code WHEN 429 THEN format('Try again in %s seconds.', value)
            ELSE 'Send the id and the secret of an application with HTTP basic authentication.' END);
END
$$;
COMMENT ON FUNCTION campaign.api_token_refuse(integer, text, text, text) IS
'The answer to wrong credentials; not an error, which would roll back the count of failures.';

CREATE FUNCTION campaign_api.token(name text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    credentials record := campaign.request_credentials();
    wait integer;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.token');
    IF credentials.account IS NULL THEN
        RETURN campaign.api_token_refuse(401, 'credentials of an application are missing',
            'WWW-Authenticate', 'Basic realm="campaign"');
    END IF;
    wait := campaign.attempt(credentials.account);
    IF wait > 0 THEN
        RETURN campaign.api_token_refuse(429, 'too many failed attempts of this application',
            'Retry-After', wait::text);
    END IF;
    -- Locked: no token of an old secret comes after application_rotate() or the application's end.
    PERFORM FROM campaign.applications a
    WHERE a.id = credentials.account AND a.secret_hash = credentials.secret_hash AND NOT a.deleted
    FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT campaign.application_live(credentials.account) THEN
        RETURN campaign.api_token_refuse(401, 'application id or secret is wrong',
            'WWW-Authenticate', 'Basic realm="campaign"');
    END IF;
    PERFORM campaign.attempt_succeeded(credentials.account);
    RETURN campaign.application_token_issue(credentials.account,
        coalesce(token.name, campaign.url_decode(campaign.request_header('X-Token-Name'))), NULL);
END
$$;
COMMENT ON FUNCTION campaign_api.token(text) IS
$$Get a token for an application
Needs HTTP basic authentication: the id of the application is the user name, its secret the password. The token goes into the header "Authorization: Bearer TOKEN".

name: what you call this token; may be left out.

200 with {"id", "application_id", "token", "expires_at"}; 401 if the id or the secret is wrong, without saying which; 429 with Retry-After after five failures in a row from one address, for 1, 2, 4 and so on up to 300 seconds.$$;

CREATE FUNCTION campaign_api.application_create(name text, company_id text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    creator_id text := campaign.api_user();
    owner_id text;
    answer jsonb := campaign.repeat_answer('application_create');
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.application_create');
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    -- Applications of a user without a company are their own.
    IF company_id IS NOT NULL OR EXISTS (SELECT campaign.request_companies()) THEN
        owner_id := campaign.api_company_choose(company_id);
    END IF;
    answer := @extschema@.application_create(name, owner_id, creator_id);
    PERFORM campaign.api_respond(201, 'Location', '/applications?id=eq.' || (answer ->> 'id'));
    -- Of a secret only its hash is stored: it is not in what is kept.
    PERFORM campaign.repeat_keep(answer || '{"secret": null}');
    RETURN answer;
END
$$;
COMMENT ON FUNCTION campaign_api.application_create(text, text) IS
$$Create an application
A program with tokens of its own, which no change of anybody's password ends. Only this answer shows its secret, with which the program gets tokens from /rpc/token.

name: name of the application, 1 to 200 characters.
company_id: a company of yours, which will own it; may be left out by a member of exactly one. If you have no company, the application is your own.

201 with {"id", "name", "secret"} and its Location; 403 if the company is not yours; 404 if there is no such company; 422.$$;

CREATE FUNCTION campaign_api.application_rotate(application_id text, revoke_tokens boolean DEFAULT false) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_user();
    PERFORM campaign.api_arguments_check('campaign_api.application_rotate');
    IF NOT coalesce(application_id IN (SELECT campaign.request_applications()), false) THEN
        PERFORM campaign.api_raise('PT404', 'application does not exist');
    END IF;
    -- It ends with the membership of whoever knows its secret; the tokens of its predecessor end now.
    UPDATE campaign.applications a SET user_id = campaign.api_user()
    WHERE a.id = application_rotate.application_id AND a.company_id IS NOT NULL
      AND a.user_id IS DISTINCT FROM campaign.api_user();
    RETURN @extschema@.application_rotate(application_id, revoke_tokens OR FOUND);
END
$$;
COMMENT ON FUNCTION campaign_api.application_rotate(text, boolean) IS
$$Give an application a new secret
Only this answer shows it; the old secret ends at once. Tokens that the application has go on, unless you revoke them, or somebody else in the company made it: then they end, and the application is yours, and ends with your membership.

application_id: one of your applications, or of your companies'.
revoke_tokens: true revokes all its tokens, too.

200 with {"id", "name", "secret"}; 404.$$;

CREATE VIEW campaign_api.applications WITH (security_invoker = true) AS
SELECT a.id, a.name, a.company_id, a.user_id, a.created_at, a.updated_at
FROM campaign.applications a WHERE NOT a.deleted;
COMMENT ON VIEW campaign_api.applications IS
$$Applications of your companies, and your own
New ones come with POST /rpc/application_create. PATCH changes the name. DELETE hides it and revokes its tokens at once.$$;
COMMENT ON COLUMN campaign_api.applications.id IS 'cuid2: the user name for /rpc/token.';
COMMENT ON COLUMN campaign_api.applications.name IS 'Name, 1 to 200 characters.';
COMMENT ON COLUMN campaign_api.applications.company_id IS 'Company that owns it; null if its user does.';
COMMENT ON COLUMN campaign_api.applications.user_id IS 'User who created it.';
COMMENT ON COLUMN campaign_api.applications.created_at IS 'When it was created.';
COMMENT ON COLUMN campaign_api.applications.updated_at IS 'When it last changed.';

CREATE VIEW campaign_api.tokens WITH (security_invoker = true) AS
SELECT t.id, t.name, t.application_id, t.created_at, t.expires_at, t.revoked_at IS NOT NULL AS revoked
FROM campaign.application_tokens t;
COMMENT ON VIEW campaign_api.tokens IS
$$Tokens of your applications
With the token of an application: its own. New ones come with /rpc/token. DELETE revokes a token at once; it stays in the list.$$;
COMMENT ON COLUMN campaign_api.tokens.id IS 'cuid2, by which it is revoked.';
COMMENT ON COLUMN campaign_api.tokens.name IS 'Name that it was given.';
COMMENT ON COLUMN campaign_api.tokens.application_id IS 'Application.';
COMMENT ON COLUMN campaign_api.tokens.created_at IS 'When it was made.';
COMMENT ON COLUMN campaign_api.tokens.expires_at IS 'When it expires.';
COMMENT ON COLUMN campaign_api.tokens.revoked IS 'Whether it was revoked, alone or with its application.';

CREATE FUNCTION campaign.api_applications_write() RETURNS trigger
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT OLD.id IN (SELECT campaign.request_applications()) THEN
        PERFORM campaign.api_raise('PT403', 'this application is not yours');
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM campaign.application_delete(OLD.id);
        RETURN OLD;
    END IF;
    UPDATE campaign.applications a
    SET name = campaign.name_check('application', NEW.name), updated_at = clock_timestamp()
    WHERE a.id = OLD.id AND NOT a.deleted;
    SELECT * INTO NEW FROM campaign_api.applications v WHERE v.id = OLD.id;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION campaign.api_applications_write() IS
'PATCH and DELETE of /applications.';

CREATE FUNCTION campaign.api_tokens_write() RETURNS trigger
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT OLD.application_id IN (SELECT campaign.request_applications()) THEN
        PERFORM campaign.api_raise('PT403', 'this token is not yours');
    END IF;
    PERFORM @extschema@.token_revoke(OLD.id);
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION campaign.api_tokens_write() IS
'DELETE of /tokens: revokes.';

CREATE TRIGGER api_filter_required BEFORE UPDATE OR DELETE ON campaign_api.applications
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_filter_required();
COMMENT ON TRIGGER api_filter_required ON campaign_api.applications IS 'No PATCH or DELETE without a filter.';
CREATE TRIGGER api_filter_required BEFORE DELETE ON campaign_api.tokens
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_filter_required();
COMMENT ON TRIGGER api_filter_required ON campaign_api.tokens IS 'No DELETE without a filter.';
CREATE TRIGGER api_types_check BEFORE UPDATE ON campaign_api.applications
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_columns_check();
COMMENT ON TRIGGER api_types_check ON campaign_api.applications IS 'Values of the JSON type that fits the column.';
CREATE TRIGGER api_write INSTEAD OF UPDATE OR DELETE ON campaign_api.applications
    FOR EACH ROW EXECUTE FUNCTION campaign.api_applications_write();
COMMENT ON TRIGGER api_write ON campaign_api.applications IS 'Writes to campaign.applications.';
CREATE TRIGGER api_write INSTEAD OF DELETE ON campaign_api.tokens
    FOR EACH ROW EXECUTE FUNCTION campaign.api_tokens_write();
COMMENT ON TRIGGER api_write ON campaign_api.tokens IS 'Writes to campaign.application_tokens.';
