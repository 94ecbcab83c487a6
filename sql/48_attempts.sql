-- How guessing is slowed down: passwords, codes, and who has signed up. A wait is one of an account from one
-- address of a client, so that a stranger who fails does not make the owner wait.

-- Keyed by the address and not by the user: an address that nobody has is slowed the same way,
-- so that the answers do not tell which addresses exist.
CREATE TABLE campaign.login_attempts (
    account bytea NOT NULL,
    client text COLLATE "C" NOT NULL,
    failures integer NOT NULL,
    failed_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    CONSTRAINT login_attempts_pkey PRIMARY KEY (account, client)
);
COMMENT ON TABLE campaign.login_attempts IS 'Failed attempts since the last good one, per account and client. Rows are deleted at a later attempt, an hour or more after the last failure.';
COMMENT ON COLUMN campaign.login_attempts.account IS 'SHA-256 of the e-mail address in lower case, of the id of the application, or of what else is guessed at.';
COMMENT ON COLUMN campaign.login_attempts.client IS 'Address that the request came from, of IPv6 its first 64 bits; empty if it is not known.';
COMMENT ON COLUMN campaign.login_attempts.failures IS 'Failures without a good attempt between them.';
COMMENT ON COLUMN campaign.login_attempts.failed_at IS 'When the last one was.';
COMMENT ON COLUMN campaign.login_attempts.next_at IS 'Before this time, attempts are refused without looking.';
CREATE INDEX login_attempts_failed_index ON campaign.login_attempts (failed_at);
ALTER TABLE campaign.login_attempts ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.login_attempts', '');

-- nginx sets the header, whatever the client sends.
CREATE FUNCTION campaign.request_client() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    address inet;
BEGIN
    address := regexp_replace(campaign.request_header('X-Forwarded-For'), '^::ffff:(?=[0-9.]+$)', '', 'i')::inet;
    -- Whoever has one address of IPv6 has all of its network.
    RETURN coalesce(host(CASE family(address) WHEN 6 THEN network(set_masklen(address, 64)) ELSE address END), '');
EXCEPTION WHEN invalid_text_representation THEN
    RETURN '';
END
$$;
COMMENT ON FUNCTION campaign.request_client() IS
'The address that the request came from, of IPv6 its network; empty if it is not known.';

-- Counts the attempt as failed before anything is looked at, and keeps the row locked: a hundred
-- attempts at the same time are a hundred attempts one after the other.
CREATE FUNCTION campaign.attempt(account text, client text DEFAULT campaign.request_client()) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key bytea := sha256(convert_to(account, 'UTF8'));
    wait integer;
BEGIN
    DELETE FROM campaign.login_attempts a WHERE (a.account, a.client) IN (
        SELECT old.account, old.client FROM campaign.login_attempts old
        WHERE old.failed_at < now() - interval '1 hour' LIMIT 100 FOR UPDATE SKIP LOCKED);
    INSERT INTO campaign.login_attempts AS a (account, client, failures, failed_at, next_at)
    VALUES (key, attempt.client, 1, clock_timestamp(), clock_timestamp())
    ON CONFLICT ON CONSTRAINT login_attempts_pkey DO UPDATE
    SET failures = a.failures + 1, failed_at = clock_timestamp(),
        next_at = clock_timestamp() + CASE WHEN a.failures < 4 THEN interval '0'
            ELSE least(interval '1 second' * 2 ^ least(a.failures - 4, 20), interval '5 minutes') END
    -- Of an attempt in the future the clock was set back: nobody waits until it has caught up.
    WHERE a.next_at <= clock_timestamp() OR a.failed_at > clock_timestamp();
    IF FOUND THEN
        RETURN 0;
    END IF;
    SELECT ceil(extract(epoch FROM a.next_at - clock_timestamp())) INTO wait
    FROM campaign.login_attempts a WHERE a.account = key AND a.client = attempt.client;
    RETURN greatest(wait, 1);
END
$$;
COMMENT ON FUNCTION campaign.attempt(text, text) IS
'Seconds until something may be tried again on this account by this client; 0 if it may be tried now, which counts as a failure until attempt_succeeded(). From the fifth failure on each one doubles the wait: 1, 2, 4 seconds and so on, up to 5 minutes.';

CREATE FUNCTION campaign.attempt_succeeded(account text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Whoever holds the row may wait for a user whom we hold.
    DELETE FROM campaign.login_attempts a WHERE (a.account, a.client) IN (
        SELECT own.account, own.client FROM campaign.login_attempts own
        WHERE own.account = sha256(convert_to(attempt_succeeded.account, 'UTF8')) AND own.client = campaign.request_client()
        FOR UPDATE SKIP LOCKED);
END
$$;
COMMENT ON FUNCTION campaign.attempt_succeeded(text) IS 'Forgets the failures of this account and this client.';

CREATE FUNCTION campaign.attempt_is_none(account text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE campaign.login_attempts a SET failures = a.failures - 1, next_at = clock_timestamp()
    WHERE a.account = sha256(convert_to(attempt_is_none.account, 'UTF8')) AND a.client = campaign.request_client();
END
$$;
COMMENT ON FUNCTION campaign.attempt_is_none(text) IS
'Takes the last attempt back, and leaves the failures before it: whoever guesses may not clear them by something that they know.';

-- An error would roll the count back.
CREATE FUNCTION campaign.api_refuse(
    status integer, message text, hint text DEFAULT NULL, header text DEFAULT NULL, value text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_respond(status, header, value);
    RETURN jsonb_build_object('code', 'PT' || status, 'message', message, 'details', NULL, 'hint', hint);
END
$$;
COMMENT ON FUNCTION campaign.api_refuse(integer, text, text, text, text) IS
'An answer that looks as PostgREST''s errors do, and is none: what the request has written stays.';

CREATE FUNCTION campaign.api_refuse_attempt(wait integer, message text) RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT campaign.api_refuse(429, message, format('Try again in %s seconds.', wait), 'Retry-After', wait::text)
$$;
COMMENT ON FUNCTION campaign.api_refuse_attempt(integer, text) IS '429 with the time that attempt() has answered.';

CREATE FUNCTION campaign.password_ask(person_id text, password text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account text := (SELECT lower(u.email) FROM campaign.users u WHERE u.id = person_id AND NOT u.deleted);
    hash text;
    wait integer;
BEGIN
    IF password IS NULL THEN
        RETURN campaign.api_refuse(403, 'your password is needed', 'Send it as "password".');
    END IF;
    wait := campaign.attempt(account);
    IF wait > 0 THEN
        RETURN campaign.api_refuse_attempt(wait, 'too many wrong passwords for this account');
    END IF;
    SELECT u.password INTO hash FROM campaign.users u WHERE u.id = person_id AND NOT u.deleted FOR NO KEY UPDATE;
    IF NOT campaign.password_matches(password_ask.password, hash) THEN
        RETURN campaign.api_refuse(403, 'the password is wrong');
    END IF;
    PERFORM campaign.attempt_succeeded(account);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.password_ask(text, text) IS
'NULL if this is the password of that user, who keeps it until the end of the transaction; else the answer of the request. Limited as a login is, and together with it.';
