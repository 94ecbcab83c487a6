-- Oneself, over HTTP: who one is, the proof of one's address, another address, the end of the account. What a
-- stolen token must not be enough for asks for the password.

CREATE FUNCTION campaign_api.me() RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    user_id text := campaign.api_user();
BEGIN
    RETURN (SELECT to_jsonb(v) || jsonb_build_object('email_verified', u.verified_at IS NOT NULL,
                'new_email', u.new_email, 'companies', coalesce(
                (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.created_at, c.id) FROM campaign_api.companies c
                 WHERE c.id IN (SELECT campaign.request_companies())), '[]'))
            FROM campaign_api.users v JOIN campaign.users u ON u.id = v.id WHERE v.id = user_id);
END
$$;
COMMENT ON FUNCTION campaign_api.me() IS
$$Who am I
The user of the token, with their companies, whether they have proved their address, and the one that they want instead.

200.$$;

CREATE FUNCTION campaign.api_self_check(user_id text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF nullif(user_id, '') <> campaign.api_user() THEN
        PERFORM campaign.api_raise('PT403', 'you can change only yourself');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.api_self_check(text) IS
'403 if another user than that of the request is named.';

CREATE FUNCTION campaign.api_code_send(person_id text, address text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Whatever client it comes from: it is somebody else's mailbox that fills.
    wait integer := campaign.attempt('code ' || person_id, '');
BEGIN
    IF wait > 0 THEN
        RETURN campaign.api_refuse_attempt(wait, 'too many mails with codes');
    END IF;
    PERFORM @extschema@.job_create('confirm_email'::text, jsonb_build_object('user_id', person_id, 'email', address),
        now(), NULL::integer, person_id, NULL::text);
    PERFORM campaign.api_respond(202);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.api_code_send(text, text) IS
'Mails a code to an address that the user wants to prove: 202; or the answer of the request, because it were too many.';

CREATE FUNCTION campaign_api.me_code() RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person campaign.users;
BEGIN
    SELECT * INTO person FROM campaign.users u WHERE u.id = campaign.api_user();
    IF person.new_email IS NULL AND (person.verified_at IS NOT NULL OR lower(person.email) LIKE '%@released.invalid') THEN
        PERFORM campaign.api_raise('PT409', 'there is no address to prove', NULL, 'PATCH /me changes your address.');
    END IF;
    RETURN coalesce(campaign.api_code_send(person.id, coalesce(person.new_email, person.email)), campaign_api.me());
END
$$;
COMMENT ON FUNCTION campaign_api.me_code() IS
$$Send me a code
Mails a code to the address that you have not proved yet: the one that you want instead, or the one that you have. It is valid for a day.

202 with the user, as /rpc/me; 409 if there is none; 429 with Retry-After after five mails in an hour.$$;

CREATE FUNCTION campaign_api.me_confirm(code text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person campaign.users;
    used campaign.address_codes;
    account text := 'confirm ' || campaign.api_user();
    wait integer;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.me_confirm');
    wait := campaign.attempt(account);
    IF wait > 0 THEN
        RETURN campaign.api_refuse_attempt(wait, 'too many wrong codes');
    END IF;
    SELECT * INTO person FROM campaign.users u WHERE u.id = campaign.api_user() FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM campaign.address_codes c WHERE c.user_id = person.id
               AND c.hash = campaign.address_code_hash(me_confirm.code)) THEN
        used := campaign.address_code_use('confirm', me_confirm.code);
    END IF;
    IF used.email IS NULL OR lower(used.email) NOT IN (lower(person.email), lower(coalesce(person.new_email, ''))) THEN
        RETURN campaign.api_refuse(422, 'the code is wrong, used or expired', 'POST /me/code sends another one.');
    END IF;
    PERFORM campaign.attempt_succeeded(account);
    PERFORM campaign.address_prove(person.id, used.email);
    RETURN campaign_api.me();
EXCEPTION WHEN unique_violation THEN
    PERFORM campaign.api_raise('PT409', 'a user with this e-mail address already exists');
END
$$;
COMMENT ON FUNCTION campaign_api.me_confirm(text) IS
$$Prove my address
With the code from the mail that was sent to it. Whoever else had this address without a proof loses it.

code: the code.

200 with the user, as /rpc/me; 409 if somebody else has proved it meanwhile; 422 if the code is wrong, used, expired, or of another user; 429 with Retry-After after five wrong codes.$$;

CREATE FUNCTION campaign.api_email_change(person_id text, address text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person campaign.users;
    holder_id text := (SELECT u.id FROM campaign.users u WHERE lower(u.email) = lower(address) AND NOT u.deleted);
    refusal jsonb;
BEGIN
    SELECT * INTO person FROM campaign.users u WHERE u.id = person_id FOR NO KEY UPDATE;
    IF holder_id <> person_id AND campaign.user_verified(holder_id) THEN
        RAISE EXCEPTION 'a user with this e-mail address already exists' USING ERRCODE = 'unique_violation';
    END IF;
    IF current_setting('campaign.require_verified_email')::boolean AND holder_id IS DISTINCT FROM person_id THEN
        refusal := campaign.api_code_send(person_id, address);
        IF refusal IS NULL THEN
            DELETE FROM campaign.address_codes c WHERE c.user_id = person_id AND c.purpose = 'confirm';
            UPDATE campaign.users u SET new_email = address, updated_at = clock_timestamp() WHERE u.id = person_id;
        END IF;
        RETURN refusal;
    END IF;
    UPDATE campaign.users u SET email = address, new_email = NULL, updated_at = clock_timestamp(),
        verified_at = CASE holder_id WHEN person_id THEN person.verified_at END
    WHERE u.id = person_id;
    DELETE FROM campaign.address_codes c WHERE c.user_id = person_id AND lower(c.email) <> lower(address);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.api_email_change(text, text) IS
'Another address: once it is proved, or at once if nobody has to or only its case differs. NULL, or the answer of the request.';

CREATE FUNCTION campaign_api.me_update(email text, password text DEFAULT NULL, user_id text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person_id text := campaign.api_user();
    address text;
    refusal jsonb;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.me_update');
    PERFORM campaign.api_self_check(user_id);
    address := campaign.email_check(me_update.email);
    refusal := coalesce(campaign.password_ask(person_id, me_update.password),
        campaign.api_email_change(person_id, address));
    RETURN coalesce(refusal, campaign_api.me());
EXCEPTION WHEN unique_violation THEN
    PERFORM campaign.api_raise('PT409', 'a user with this e-mail address already exists');
END
$$;
COMMENT ON FUNCTION campaign_api.me_update(text, text, text) IS
$$Change my address
The new one gets a mail with a code; you have the old one until POST /rpc/me_confirm. With campaign.require_verified_email off it changes at once.

email: your new address.
password: your password.
user_id: your id; may be left out.

202 with the user, as /rpc/me; 200 if it has changed at once; 403 if the password is wrong, or the id is not yours; 409 if somebody has this address; 422 if it is not valid; 429 with Retry-After after five wrong passwords, or five mails.$$;

CREATE FUNCTION campaign_api.me_delete(password text DEFAULT NULL, user_id text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person_id text := campaign.api_user();
    refusal jsonb;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.me_delete');
    PERFORM campaign.api_self_check(user_id);
    refusal := campaign.password_ask(person_id, me_delete.password);
    IF refusal IS NULL THEN
        PERFORM campaign.api_user_delete(person_id);
        PERFORM campaign.api_respond(204);
    END IF;
    RETURN refusal;
END
$$;
COMMENT ON FUNCTION campaign_api.me_delete(text, text) IS
$$Delete my account
And the companies of which you are the last member. The rows stay, hidden.

password: your password.
user_id: your id; may be left out.

204; 403 if the password is wrong, or the id is not yours; 409 if a campaign of such a company is not finished; 429 with Retry-After after five wrong passwords.$$;
