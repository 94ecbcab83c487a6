-- Who is asking, and what belongs to them: the base of everything that PostgREST exposes.

CREATE SCHEMA campaign_api;
COMMENT ON SCHEMA campaign_api IS
$$Campaign API
SMS campaigns over HTTP: sign up, log in, register a company, create a campaign, send its numbers, dispatch it and watch it until it is sent. Every request but POST /rpc/signup, /rpc/signup_async, /rpc/login and /rpc/token needs the header "Authorization: Bearer TOKEN".$$;

CREATE TABLE campaign.company_members (
    company_id text COLLATE "C" NOT NULL REFERENCES campaign.companies (id),
    user_id text COLLATE "C" NOT NULL REFERENCES campaign.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (company_id, user_id)
);
COMMENT ON TABLE campaign.company_members IS 'Which users belong to which company: they see and change what it owns, and nobody else does.';
COMMENT ON COLUMN campaign.company_members.company_id IS 'Company.';
COMMENT ON COLUMN campaign.company_members.user_id IS 'Member.';
COMMENT ON COLUMN campaign.company_members.created_at IS 'When the user first became a member.';
COMMENT ON COLUMN campaign.company_members.updated_at IS 'When the row last changed.';
COMMENT ON COLUMN campaign.company_members.deleted IS 'Soft delete: no longer a member.';
CREATE INDEX company_members_user_index ON campaign.company_members (user_id) WHERE NOT deleted;
CREATE INDEX campaigns_company_index ON campaign.campaigns (company_id) WHERE NOT deleted;
ALTER TABLE campaign.company_members ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.company_members', '');

-- The request --------------------------------------------------------------------------------

CREATE FUNCTION campaign.request_user() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'user_id' $$;
COMMENT ON FUNCTION campaign.request_user() IS
'The user of the token that PostgREST verified; NULL without one.';

CREATE FUNCTION campaign.request_header(name text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT nullif(btrim(nullif(current_setting('request.headers', true), '')::jsonb ->> lower(name)), '') $$;
COMMENT ON FUNCTION campaign.request_header(text) IS
'A header of the HTTP request; NULL if it is missing or empty.';

-- What each request asks is in PL/pgSQL, which keeps its plans: a function in SQL that sets search_path is not inlined,
-- and is planned each time.
CREATE FUNCTION campaign.request_companies() RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT m.company_id
    FROM campaign.company_members m
    WHERE m.user_id = campaign.request_user() AND NOT m.deleted
      -- Looked up for each of them: a join may become one of all companies there are.
      AND (SELECT NOT c.deleted FROM campaign.companies c WHERE c.id = m.company_id)
      AND (SELECT NOT u.deleted FROM campaign.users u WHERE u.id = m.user_id);
END
$$;
COMMENT ON FUNCTION campaign.request_companies() IS
'The companies of the user of the request.';

CREATE FUNCTION campaign.request_people() RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT m.user_id FROM campaign.company_members m
    WHERE m.company_id = ANY (ARRAY(SELECT campaign.request_companies())) AND NOT m.deleted
    UNION SELECT campaign.request_user();
END
$$;
COMMENT ON FUNCTION campaign.request_people() IS
'The user of the request and the members of their companies.';

CREATE FUNCTION campaign.request_campaigns() RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.id FROM campaign.campaigns c
    WHERE c.company_id = ANY (ARRAY(SELECT campaign.request_companies())) AND NOT c.deleted;
END
$$;
COMMENT ON FUNCTION campaign.request_campaigns() IS
'The campaigns of the companies of the user of the request.';

CREATE FUNCTION campaign.account_entitled(user_id text, application_id text, company_id text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (account_entitled.user_id IS NULL OR EXISTS (
            SELECT FROM campaign.company_members m
            JOIN campaign.users u ON u.id = m.user_id AND NOT u.deleted
            WHERE m.company_id = account_entitled.company_id AND m.user_id = account_entitled.user_id AND NOT m.deleted))
        AND (account_entitled.application_id IS NULL OR EXISTS (
            SELECT FROM campaign.applications a
            WHERE a.id = account_entitled.application_id AND a.company_id = account_entitled.company_id
              AND campaign.application_live(a.id)));
END
$$;
COMMENT ON FUNCTION campaign.account_entitled(text, text, text) IS
'Whether the user, if there is one, is still a member of the company, and the application, if there is one, still one of it.';

-- The answer ---------------------------------------------------------------------------------

CREATE FUNCTION campaign.api_raise(code text, message text, detail text DEFAULT NULL, hint text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_api_raise';
COMMENT ON FUNCTION campaign.api_raise(text, text, text, text) IS
'Raises an error. PostgREST turns an SQLSTATE such as PT404 into an HTTP status.';

CREATE FUNCTION campaign.plpgsql_http() RETURNS language_handler
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_plpgsql_http';
COMMENT ON FUNCTION campaign.plpgsql_http() IS
'Runs functions in the language plpgsql_http.';

CREATE LANGUAGE plpgsql_http HANDLER campaign.plpgsql_http VALIDATOR pg_catalog.plpgsql_validator;
COMMENT ON LANGUAGE plpgsql_http IS
'PL/pgSQL for the functions behind HTTP: an error leaves them with the code of which PostgREST makes the right status, and without details that were not written for the client.';

CREATE FUNCTION campaign.api_respond(status integer, header text DEFAULT NULL, value text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('response.status', status::text, true);
    IF header IS NOT NULL THEN
        -- The header of one row is wrong for several: a request that creates more gets none.
        PERFORM set_config('response.headers',
            CASE WHEN coalesce(current_setting('response.headers', true), '') = ''
                 THEN jsonb_build_array(jsonb_build_object(header, value))::text ELSE '[]' END, true);
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_respond(integer, text, text) IS
'Sets the HTTP status and a header of PostgREST''s answer.';

-- Whose it is --------------------------------------------------------------------------------

CREATE FUNCTION campaign.api_user() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    user_id text := campaign.request_user();
BEGIN
    IF user_id IS NULL THEN
        PERFORM campaign.api_raise('PT401', 'a token is needed', NULL, 'Log in with POST /rpc/login.');
    END IF;
    RETURN user_id;
END
$$;
COMMENT ON FUNCTION campaign.api_user() IS 'The user of the request; 401 without one.';

-- A reference to a user does not keep them from being deleted, which only sets a column.
CREATE FUNCTION campaign.api_user_lock() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM campaign.users u WHERE u.id = campaign.api_user() AND NOT u.deleted FOR SHARE;
    IF NOT FOUND THEN
        PERFORM campaign.api_raise('PT401', 'this user is deleted');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_user_lock() IS
'Keeps the user of the request from being deleted until the end of the transaction; 401 if that has happened. Before any lock on a company, as a deletion of the user has it.';

CREATE FUNCTION campaign.api_company_check(company_id text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_user();
    IF NOT EXISTS (SELECT FROM campaign.companies c
                   WHERE c.id = api_company_check.company_id AND NOT c.deleted) THEN
        PERFORM campaign.api_raise('PT404',
            format('company "%s" does not exist', coalesce(left(company_id, 40), 'NULL')));
    END IF;
    IF NOT api_company_check.company_id IN (SELECT campaign.request_companies()) THEN
        PERFORM campaign.api_raise('PT403', 'you are not a member of this company', NULL,
            'A member can invite you with POST /rpc/company_member_invite.');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_company_check(text) IS
'404 if there is no such company, 403 if the user of the request is not a member of it.';

CREATE FUNCTION campaign.api_campaign_company(campaign_id text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id text;
BEGIN
    SELECT c.company_id INTO owner_id FROM campaign.campaigns c
    WHERE c.id = api_campaign_company.campaign_id AND NOT c.deleted
      AND (SELECT o.deleted FROM campaign.companies o WHERE o.id = c.company_id) IS NOT TRUE;
    IF NOT FOUND THEN
        PERFORM campaign.api_raise('PT404',
            format('campaign "%s" does not exist', coalesce(left(campaign_id, 40), 'NULL')));
    END IF;
    RETURN owner_id;
END
$$;
COMMENT ON FUNCTION campaign.api_campaign_company(text) IS
'The company that owns a campaign; 404 if there is no such campaign.';

CREATE FUNCTION campaign.api_campaign_check(campaign_id text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id text;
BEGIN
    PERFORM campaign.api_user();
    owner_id := campaign.api_campaign_company(campaign_id);
    IF owner_id IS NULL OR NOT owner_id IN (SELECT campaign.request_companies()) THEN
        PERFORM campaign.api_raise('PT403', 'this campaign belongs to another company');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_campaign_check(text) IS
'404 if there is no such campaign, 403 if it belongs to a company of which the user of the request is not a member.';
