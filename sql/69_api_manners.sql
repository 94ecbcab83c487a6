-- What campaign.api_check() does besides looking at the token: requests that cannot succeed are told so
-- in our words, and pages of lists say where they go on.

CREATE FUNCTION campaign.api_target_open(role name) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target text := substring(current_setting('request.path', true) FROM '^/(?:rpc/)?([a-z_]+)$');
BEGIN
    IF target IS NULL THEN
        RETURN true;
    END IF;
    IF current_setting('request.path', true) LIKE '/rpc/%' THEN
        RETURN (SELECT coalesce(bool_or(has_function_privilege(role, p.oid, 'EXECUTE')), true)
                FROM pg_proc p WHERE p.pronamespace = 'campaign_api'::regnamespace AND p.proname = target);
    END IF;
    RETURN (SELECT coalesce(bool_or(has_any_column_privilege(role, c.oid, 'SELECT')), true)
            FROM pg_class c WHERE c.relnamespace = 'campaign_api'::regnamespace AND c.relname = target);
END
$$;
COMMENT ON FUNCTION campaign.api_target_open(name) IS
'Whether the function or the list that the request asks for is open to this role at all. True for what is not there: PostgREST says so.';

CREATE FUNCTION campaign.api_target_check(role name) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF campaign.api_target_open(role) THEN
        RETURN;
    END IF;
    IF role = 'campaign_anon' THEN
        PERFORM campaign.api_raise('PT401', 'a token is needed', NULL,
            'Log in with POST /login, or get the token of an application with GET /token, and send it as Authorization: Bearer TOKEN.');
    END IF;
    PERFORM campaign.api_raise('PT403', 'not with the token of an application', NULL,
        'Log in as a person with POST /login.');
END
$$;
COMMENT ON FUNCTION campaign.api_target_check(name) IS
'401 if a request without a token asks for what needs one, 403 if an application asks for what is only for people.';

-- nginx looks at the body, which is not here yet, and says so in a header.
CREATE FUNCTION campaign.api_body_check() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF campaign.request_header('X-Body-Nul') IS NOT NULL
       AND coalesce(campaign.request_header('Content-Type'), '') !~* '^application/octet-stream' THEN
        PERFORM campaign.api_raise('PT422', 'a text has the character \u0000, which cannot be stored', NULL,
            'Leave it out.');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_body_check() IS
'422 for a JSON body with \u0000 in it, which PostgreSQL would refuse in words of its own.';

-- Whether there is another page is known only when this one is there: nginx compares its last place with
-- that in Content-Range, and passes the link on or not.
CREATE FUNCTION campaign.api_page_link() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    longest CONSTANT bigint := 1000;
    uri text := campaign.request_header('X-Request-Uri');
    question text := '&' || split_part(uri, '?', 2);
    size bigint := substring(question FROM '&limit=(\d{1,9})(?:&|$)');
    place bigint := coalesce(substring(question FROM '&offset=(\d{1,15})(?:&|$)'), '0');
BEGIN
    IF uri IS NULL OR size = 0 OR current_setting('request.method', true) NOT IN ('GET', 'HEAD')
       OR current_setting('request.path', true) LIKE '/rpc/%' THEN
        RETURN;
    END IF;
    place := place + least(size, longest);
    question := regexp_replace(question, '&offset=[^&]*', '', 'g');
    PERFORM set_config('response.headers', jsonb_build_array(jsonb_build_object('X-Next-Page',
        format('%s %s <%s?%soffset=%s>; rel="next"', place - 1, place, replace(split_part(uri, '?', 1), '>', '%3E'),
            replace(nullif(substr(question, 2), '') || '&', '>', '%3E'), place)))::text, true);
END
$$;
COMMENT ON FUNCTION campaign.api_page_link() IS
'For a page of a list: its last place if it is full, how many rows there must be more of for another page, and the link to that.';

-- PostgREST has few connections: whoever has all of them at work, or waiting for a lock, keeps everybody else out. A
-- place is a lock that ends with the request.
CREATE FUNCTION campaign.api_place_take(account text, places integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF account IS NULL THEN
        RETURN;
    END IF;
    FOR place IN 1..places LOOP
        IF pg_try_advisory_xact_lock(hashtextextended('a request of ' || account, place)) THEN
            RETURN;
        END IF;
    END LOOP;
    PERFORM campaign.api_raise('PT429', 'too many requests of this account at a time', NULL,
        'Wait for answers before you send more.');
END
$$;
COMMENT ON FUNCTION campaign.api_place_take(text, integer) IS
'429 if so many requests of the account are at work; nothing if it is not known whose the request is.';
