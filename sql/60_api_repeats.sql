-- Requests that may come twice: whoever sends an Idempotency-Key with a request that creates
-- something gets the first answer again, and nothing is created twice. The key and its answer are
-- stored with what was created, in one transaction: there is never one without the other.

CREATE TABLE campaign.first_answers (
    owner text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    fingerprint bytea NOT NULL,
    status integer,
    location text,
    answer jsonb,
    created_at timestamptz NOT NULL,
    CONSTRAINT first_answers_pkey PRIMARY KEY (owner, key)
);
COMMENT ON TABLE campaign.first_answers IS 'What was answered to requests with an Idempotency-Key. Rows are deleted at a later such request, a day or more after they were made.';
COMMENT ON COLUMN campaign.first_answers.owner IS 'The user or the application of the request.';
COMMENT ON COLUMN campaign.first_answers.key IS 'SHA-256 of the key.';
COMMENT ON COLUMN campaign.first_answers.fingerprint IS 'SHA-256 of the key, the route and the SHA-256 of the body: without the key, which is not stored, it says nothing of the body.';
COMMENT ON COLUMN campaign.first_answers.status IS 'HTTP status of the answer.';
COMMENT ON COLUMN campaign.first_answers.location IS 'Header Location of the answer.';
COMMENT ON COLUMN campaign.first_answers.answer IS 'The answer, without secrets.';
COMMENT ON COLUMN campaign.first_answers.created_at IS 'When the request came.';
CREATE INDEX first_answers_created_index ON campaign.first_answers (created_at);
ALTER TABLE campaign.first_answers ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.first_answers', '');

CREATE FUNCTION campaign.repeat_owner() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(o.user_id, o.application_id) FROM campaign.api_owner() AS o $$;
COMMENT ON FUNCTION campaign.repeat_owner() IS 'Whose keys the request may use.';

CREATE FUNCTION campaign.repeat_key() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text := campaign.request_header('Idempotency-Key');
BEGIN
    IF length(key) > 255 THEN
        PERFORM campaign.api_raise('PT400', 'Idempotency-Key is longer than 255 characters');
    END IF;
    RETURN key;
END
$$;
COMMENT ON FUNCTION campaign.repeat_key() IS 'The Idempotency-Key of the request, NULL without one.';

CREATE FUNCTION campaign.repeat_lookup(key text, wanted bytea) RETURNS campaign.first_answers
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    me text := campaign.repeat_owner();
    hashed bytea := sha256(convert_to(key, 'UTF8'));
    earlier campaign.first_answers;
BEGIN
    -- Held until the end of the transaction: a request of the same key is over, or it runs.
    IF NOT pg_try_advisory_xact_lock(hashtextextended(me || ' ' || encode(hashed, 'hex'), 0)) THEN
        PERFORM campaign.api_raise('PT409', 'a request with this Idempotency-Key is still running', NULL,
            'Wait for its answer, or send this one again later.');
    END IF;
    DELETE FROM campaign.first_answers f WHERE (f.owner, f.key) IN (
        SELECT old.owner, old.key FROM campaign.first_answers old
        WHERE old.created_at < now() - interval '1 day' LIMIT 100 FOR UPDATE SKIP LOCKED);
    SELECT * INTO earlier FROM campaign.first_answers f
    WHERE f.owner = me AND f.key = hashed AND f.created_at >= now() - interval '1 day';
    IF FOUND AND earlier.fingerprint <> wanted THEN
        PERFORM campaign.api_raise('PT422', 'this Idempotency-Key was used for another request', NULL,
            'Use a new key for a new request.');
    END IF;
    IF NOT FOUND THEN
        INSERT INTO campaign.first_answers AS f (owner, key, fingerprint, created_at)
        VALUES (me, hashed, wanted, clock_timestamp())
        ON CONFLICT ON CONSTRAINT first_answers_pkey DO UPDATE
        SET fingerprint = excluded.fingerprint, created_at = excluded.created_at,
            status = NULL, location = NULL, answer = NULL;
    END IF;
    RETURN earlier;
END
$$;
COMMENT ON FUNCTION campaign.repeat_lookup(text, bytea) IS
'What was answered to this key, or a row of NULLs and the key is taken; 409 while a request with it runs, 422 if it was for another request.';

CREATE FUNCTION campaign.repeat_answer(route text, body bytea DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text := campaign.repeat_key();
    sent json := campaign.request_body();
    earlier campaign.first_answers;
BEGIN
    IF key IS NULL THEN
        RETURN NULL;
    END IF;
    IF json_typeof(sent) = 'array' THEN
        PERFORM campaign.api_raise('PT400', 'Idempotency-Key is for one object, not for an array');
    END IF;
    -- The lengths keep what ends the one from beginning the other.
    earlier := campaign.repeat_lookup(key, sha256(convert_to(format('%s %s %s %s ', octet_length(key), key,
        octet_length(route), route), 'UTF8') || sha256(coalesce(body, convert_to(sent::text, 'UTF8'), ''))));
    IF earlier.answer IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('response.status', earlier.status::text, true);
    PERFORM set_config('response.headers', (CASE WHEN earlier.location IS NULL THEN '[]'
            ELSE jsonb_build_array(jsonb_build_object('Location', earlier.location)) END
        || '[{"Idempotency-Replayed": "true"}]')::text, true);
    RETURN earlier.answer;
END
$$;
COMMENT ON FUNCTION campaign.repeat_answer(text, bytea) IS
'The first answer to a request with this Idempotency-Key and body, with its status and Location; NULL if it is the first, or has no key.';

CREATE FUNCTION campaign.repeat_keep(answer jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    used_key text := campaign.repeat_key();
BEGIN
    IF used_key IS NOT NULL THEN
        UPDATE campaign.first_answers f
        SET status = coalesce(nullif(current_setting('response.status', true), '')::integer, 200),
            location = nullif(current_setting('response.headers', true), '')::jsonb -> 0 ->> 'Location',
            answer = repeat_keep.answer
        WHERE f.owner = campaign.repeat_owner() AND f.key = sha256(convert_to(used_key, 'UTF8'));
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION campaign.repeat_keep(jsonb) IS
'Keeps the answer of a request that has an Idempotency-Key, and returns it. Secrets must not be in it.';
