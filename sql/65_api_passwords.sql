-- Passwords over HTTP: another one, or a new one for whoever has forgotten theirs and reads the mail that comes
-- to their address.

CREATE FUNCTION campaign_api.password_change(old_password text, new_password text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person_id text := campaign.api_user();
    refusal jsonb;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.password_change');
    refusal := campaign.password_ask(person_id, coalesce(old_password, ''));
    IF refusal IS NOT NULL THEN
        RETURN refusal;
    END IF;
    IF new_password IS NULL THEN
        PERFORM campaign.api_raise('PT422', 'password is missing');
    END IF;
    PERFORM campaign.password_set(person_id, @extschema@.password_hash(new_password));
    RETURN campaign.token_issue(person_id);
END
$$;
COMMENT ON FUNCTION campaign_api.password_change(text, text) IS
$$Change the password
Tokens from before the change are refused; the answer holds a new one.

old_password: the current one.
new_password: 1 to 1024 bytes.

200 with {"token", "expires_at", "user_id"}; 403 if the old password is wrong; 422 if the new one is not valid; 429 with Retry-After after five wrong passwords.$$;

CREATE FUNCTION campaign.password_set(user_id text, hash text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE campaign.users u SET password = hash, updated_at = clock_timestamp() WHERE u.id = password_set.user_id;
    -- Whoever has asked for a code meanwhile may not be the one who has changed the password.
    DELETE FROM campaign.address_codes c WHERE c.user_id = password_set.user_id AND c.purpose = 'reset';
    PERFORM campaign.tokens_revoke(user_id);
END
$$;
COMMENT ON FUNCTION campaign.password_set(text, text) IS
'Another password for a user, who is locked: every token and every code for a new password from before ends.';

-- The request does not look whether somebody has the address: that would take time which tells it.
CREATE FUNCTION campaign_api.password_forgotten(email text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    address text;
    wait integer;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.password_forgotten');
    address := lower(campaign.email_check(password_forgotten.email));
    wait := campaign.attempt('forgotten ' || address);
    IF wait > 0 THEN
        RETURN campaign.api_refuse_attempt(wait, 'too many requests for this address');
    END IF;
    PERFORM @extschema@.job_create('password_reset'::text, jsonb_build_object('email', address), now(), NULL::integer,
        NULL::text, NULL::text);
    PERFORM campaign.api_respond(202);
    RETURN jsonb_build_object('message', 'if somebody has this address, it gets a mail with a code');
END
$$;
COMMENT ON FUNCTION campaign_api.password_forgotten(text) IS
$$I have forgotten my password
Mails a code for POST /rpc/password_reset, valid for an hour. Needs no token. The answer, and the time that it takes, is the same whether somebody has this address or not.

email: the address.

202 with {"message"}; 422 if it is no address; 429 with Retry-After after five requests for one address.$$;

CREATE FUNCTION campaign.job_password_reset(job_id text, meta jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person campaign.users;
BEGIN
    SELECT * INTO person FROM campaign.users u WHERE lower(u.email) = meta ->> 'email' AND NOT u.deleted;
    -- However many clients ask: it is one mailbox that fills.
    IF FOUND AND campaign.attempt('reset mail ' || person.id, '') = 0 THEN
        PERFORM @extschema@.job_create('reset_email'::text, jsonb_build_object('user_id', person.id, 'email', person.email),
            now(), NULL::integer, NULL::text, NULL::text);
    END IF;
    RETURN '{}';
END
$$;
COMMENT ON FUNCTION campaign.job_password_reset(text, jsonb) IS
'Queues the mail with the code for a new password, if somebody has the address. The result does not say so.';

-- Who has signed up with somebody else's address knows its password. So the address, once it is proved, goes to
-- a new user, and what was made under it stays with the one who made it.
CREATE FUNCTION campaign.api_password_reset(reset campaign.address_codes, hash text) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id text;
BEGIN
    IF campaign.user_verified(reset.user_id) THEN
        UPDATE campaign.users u SET verified_at = coalesce(u.verified_at, clock_timestamp()), new_email = NULL
        WHERE u.id = reset.user_id;
        PERFORM campaign.password_set(reset.user_id, hash);
        DELETE FROM campaign.address_codes c WHERE c.user_id = reset.user_id;
        RETURN reset.user_id;
    END IF;
    PERFORM campaign.address_release(reset.email, '');
    INSERT INTO campaign.users (email, password, verified_at) VALUES (reset.email, hash, clock_timestamp())
    RETURNING id INTO new_id;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION campaign.api_password_reset(campaign.address_codes, text) IS
'A new password for whoever has proved an address with a code: for its user if they had proved it before, for a new user if they had not.';

CREATE FUNCTION campaign_api.password_reset(code text, password text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    used campaign.address_codes;
    wait integer;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.password_reset');
    wait := campaign.attempt('reset');
    IF wait > 0 THEN
        RETURN campaign.api_refuse_attempt(wait, 'too many wrong codes');
    END IF;
    used := campaign.address_code_use('reset', password_reset.code);
    IF used.user_id IS NULL OR NOT EXISTS (SELECT FROM campaign.users u WHERE u.id = used.user_id
                                           AND lower(u.email) = lower(used.email)) THEN
        RETURN campaign.api_refuse(422, 'the code is wrong, used or expired', 'POST /password/forgotten sends another one.');
    END IF;
    IF password_reset.password IS NULL THEN
        PERFORM campaign.api_raise('PT422', 'password is missing');
    END IF;
    PERFORM campaign.attempt_succeeded('reset'), campaign.attempt_succeeded(lower(used.email));
    RETURN campaign.token_issue(campaign.api_password_reset(used, @extschema@.password_hash(password_reset.password)));
END
$$;
COMMENT ON FUNCTION campaign_api.password_reset(text, text) IS
$$Set a new password
With the code from the mail. All tokens of the account from before are refused; the answer holds a new one. If nobody had proved the address yet, it goes to a new account, and whoever had it keeps the rest of theirs.

code: the code.
password: the new password, 1 to 1024 bytes; only its Argon2id hash is kept.

200 with {"token", "expires_at", "user_id"}; 422 if the code is wrong, used or expired, or the password is not valid; 429 with Retry-After after five wrong codes.$$;
