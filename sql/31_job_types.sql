-- Types of jobs: finding one, and registering one.

CREATE FUNCTION campaign.job_type_find(type_name text) RETURNS campaign.job_types
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_type campaign.job_types;
BEGIN
    SELECT * INTO found_type FROM campaign.job_types t WHERE t.name = type_name;
    IF NOT FOUND THEN
        SELECT * INTO found_type FROM campaign.job_types_shipped() s WHERE s.name = type_name;
    END IF;
    RETURN found_type;
END
$$;
COMMENT ON FUNCTION campaign.job_type_find(text) IS
'A type of jobs by its name: a registered one, else a shipped one, else NULL.';

CREATE FUNCTION campaign.job_type_shared(job_type campaign.job_types) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT job_type.handler IS NOT NULL AND job_type.name NOT IN ('dispatch', 'generate', 'user_create') $$;
COMMENT ON FUNCTION campaign.job_type_shared(campaign.job_types) IS
'Whether jobs of this type that belong to somebody share the workers, all but one. Those that campaigns and sign-ups depend on do not.';

-- From 16 on a grant without INHERIT and SET makes a member who has none of the role's rights.
CREATE FUNCTION campaign.job_may_become(owner oid) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_has_role(session_user, owner,
        CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)
$$;
COMMENT ON FUNCTION campaign.job_may_become(oid) IS
'Whether the user of the session may SET ROLE to this one, and so has all its rights.';

CREATE FUNCTION campaign.job_function_check(function oid, arguments oidvector, what text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_function record;
    signature text := (SELECT string_agg(format_type(a, NULL), ', ') FROM unnest(arguments) AS a);
BEGIN
    IF function IS NULL OR function = 0 THEN
        RETURN NULL;
    END IF;
    SELECT n.nspname, p.proname, p.proargtypes, p.prorettype, p.prokind, p.proretset, p.proowner
    INTO found_function
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = function;
    IF NOT FOUND OR found_function.proargtypes <> arguments OR found_function.prorettype <> 'jsonb'::regtype
       OR found_function.prokind <> 'f' OR found_function.proretset THEN
        RAISE EXCEPTION '% % is not a function (%) RETURNS jsonb', what, function::regprocedure, signature
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Its jobs run with the rights of its owner.
    IF NOT campaign.job_may_become(found_function.proowner) THEN
        RAISE EXCEPTION 'only the owner of % can register it', function::regprocedure
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN format('%I.%I', found_function.nspname, found_function.proname);
END
$$;
COMMENT ON FUNCTION campaign.job_function_check(oid, oidvector, text) IS
'The qualified name of a function with these arguments that returns jsonb; an error if it is not such a function, or is somebody else''s.';

-- Whoever replaces a type gets the metadata of all its jobs, password hashes too.
CREATE FUNCTION campaign.job_type_replace_check(type_name text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_type campaign.job_types := campaign.job_type_find(type_name);
    owner oid := coalesce(
        (SELECT p.proowner FROM pg_proc p WHERE p.oid = to_regprocedure(found_type.handler || '(text, jsonb)')),
        (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'campaign'));
BEGIN
    IF found_type.name IS NOT NULL AND NOT campaign.job_may_become(owner) THEN
        RAISE EXCEPTION 'only the owner of the handler of "%" can replace this type', type_name
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.job_type_replace_check(text) IS
'An error if this type exists and its handler belongs to somebody else; a type without a handler belongs to the owner of the extension.';

CREATE FUNCTION @extschema@.job_type_register(
    name text,
    handler regproc,
    prepare regproc DEFAULT NULL,
    description text DEFAULT NULL,
    max_attempts integer DEFAULT 5,
    backoff interval DEFAULT '1 second',
    timeout interval DEFAULT '1 hour',
    priority integer DEFAULT 0,
    api boolean DEFAULT false,
    secret_keys text[] DEFAULT '{}'
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    handler_name text := campaign.job_function_check(handler, '25 3802', 'handler');
    prepare_name text := campaign.job_function_check(prepare, '3802', 'prepare');
BEGIN
    IF handler_name IS NULL THEN
        RAISE EXCEPTION 'handler is missing' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM campaign.job_type_replace_check(job_type_register.name);
    INSERT INTO campaign.job_types AS t (name, handler, prepare, description, max_attempts, backoff,
        timeout, priority, api, secret_keys)
    VALUES (job_type_register.name, handler_name, prepare_name, coalesce(job_type_register.description, ''),
        job_type_register.max_attempts, job_type_register.backoff, job_type_register.timeout,
        job_type_register.priority, job_type_register.api, job_type_register.secret_keys)
    ON CONFLICT ON CONSTRAINT job_types_pkey DO UPDATE
    SET handler = excluded.handler, prepare = excluded.prepare, description = excluded.description,
        max_attempts = excluded.max_attempts, backoff = excluded.backoff, timeout = excluded.timeout,
        priority = excluded.priority, api = excluded.api, secret_keys = excluded.secret_keys,
        updated_at = clock_timestamp(), deleted = false;
EXCEPTION
    WHEN check_violation OR not_null_violation THEN
        RAISE EXCEPTION 'job type is not valid'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The name has lower-case letters, digits and underscores; max_attempts is 1 to 1000, backoff up to a day, timeout 1 ms to 24 days; nothing is NULL.';
END
$$;
COMMENT ON FUNCTION @extschema@.job_type_register(text, regproc, regproc, text, integer, interval, interval, integer, boolean, text[]) IS
'Registers a type of jobs, or changes it. handler is f(job_id text, meta jsonb) RETURNS jsonb, the result; it runs in a transaction of its own with the rights of its owner. prepare is f(meta jsonb) RETURNS jsonb: the metadata as they are stored, or an error of SQLSTATE 22023. With api, such jobs can be created over HTTP.';

