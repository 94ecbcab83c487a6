-- Who belongs to a company, over HTTP: members invite, the invited accept or decline.

CREATE FUNCTION campaign_api.company_member_invite(company_id text, email text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    inviter_id text := campaign.api_user();
    account text := 'invite ' || inviter_id;
    wait integer;
    person campaign.users;
    invitation campaign.invitations;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.company_member_invite');
    PERFORM campaign.api_company_check(company_id);
    -- Whoever removes the inviter waits, and then sees the invitation.
    PERFORM campaign.company_members_lock(company_id);
    PERFORM campaign.api_company_check(company_id);
    IF NOT campaign.user_verified(inviter_id) THEN
        PERFORM campaign.api_raise('PT403', 'prove your address first', NULL, 'POST /me/code mails you a code for POST /me/confirm.');
    END IF;
    wait := campaign.attempt(account);
    IF wait > 0 THEN
        RETURN campaign.api_refuse_attempt(wait, 'too many addresses that nobody has');
    END IF;
    SELECT * INTO person FROM campaign.users u
    WHERE lower(u.email) = lower(campaign.email_clean(company_member_invite.email)) AND NOT u.deleted;
    IF NOT FOUND OR NOT campaign.user_verified(person.id) THEN
        RETURN campaign.api_refuse(404, 'nobody with this e-mail address has signed up and proved it',
            'They sign up with POST /rpc/signup first, and prove the address with POST /rpc/me_confirm.');
    END IF;
    PERFORM campaign.attempt_is_none(account);
    IF person.id IN (SELECT campaign.company_members_live(company_id)) THEN
        RETURN jsonb_build_object('company_id', company_id, 'user_id', person.id, 'email', person.email,
            'status', 'member');
    END IF;
    INSERT INTO campaign.invitations AS i (company_id, company_name, user_id, email, invited_by)
    SELECT c.id, c.name, person.id, person.email, inviter_id
    FROM campaign.companies c WHERE c.id = company_member_invite.company_id
    ON CONFLICT (company_id, user_id) WHERE answer IS NULL DO UPDATE
    SET company_name = excluded.company_name, email = excluded.email, invited_by = excluded.invited_by,
        created_at = excluded.created_at, expires_at = excluded.expires_at
    WHERE i.expires_at <= clock_timestamp()
    RETURNING * INTO invitation;
    IF FOUND THEN
        PERFORM campaign.invitation_mail(invitation);
        PERFORM campaign.api_respond(201, 'Location', '/invitations?id=eq.' || invitation.id);
    ELSE
        SELECT * INTO STRICT invitation FROM campaign.invitations i
        WHERE i.company_id = company_member_invite.company_id AND i.user_id = person.id AND i.answer IS NULL;
    END IF;
    RETURN jsonb_build_object('id', invitation.id, 'company_id', company_id, 'user_id', person.id,
        'email', invitation.email, 'status', 'invited', 'expires_at', invitation.expires_at);
END
$$;
COMMENT ON FUNCTION campaign_api.company_member_invite(text, text) IS
$$Invite somebody to a company
They get a mail, and become a member when they accept (POST /rpc/invitation_accept). Then they see and do what you can in this company.

company_id: a company of yours.
email: address of a user.

201 with {"id", "company_id", "user_id", "email", "status", "expires_at"} and its Location; 200 with the same if they are invited already, or with the status "member" and without id if they are a member; 403 if the company is not yours, or you have not proved your address; 404 if there is no such company, or no user who has proved this address; 429 with Retry-After after five addresses that nobody has.$$;

CREATE FUNCTION campaign.api_invitation_answer(invitation_id text, answer text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person_id text := campaign.api_user();
    invitation campaign.invitations;
BEGIN
    PERFORM campaign.api_user_lock();
    -- Waits for a deletion of the company that is under way, and before the invitation is locked: the inviter
    -- may be ending their account, which takes the company first, and then withdraws the invitation.
    PERFORM FROM campaign.companies c
    WHERE c.id = (SELECT i.company_id FROM campaign.invitations i
                  WHERE i.id = api_invitation_answer.invitation_id AND i.user_id = person_id)
    FOR KEY SHARE;
    UPDATE campaign.invitations i SET answer = api_invitation_answer.answer, answered_at = clock_timestamp()
    WHERE i.id = api_invitation_answer.invitation_id AND i.user_id = person_id AND i.answer IS NULL
      AND i.expires_at > clock_timestamp()
      AND EXISTS (SELECT FROM campaign.companies c WHERE c.id = i.company_id AND NOT c.deleted)
    RETURNING * INTO invitation;
    IF NOT FOUND THEN
        PERFORM campaign.api_raise('PT404', 'you have no such invitation', NULL, 'GET /invitations shows those that are open.');
    END IF;
    IF answer = 'accepted' THEN
        IF NOT campaign.user_verified(person_id) THEN
            PERFORM campaign.api_raise('PT403', 'prove your address first', NULL, 'POST /me/code mails you a code for POST /me/confirm.');
        END IF;
        INSERT INTO campaign.company_members AS m (company_id, user_id)
        VALUES (invitation.company_id, person_id)
        ON CONFLICT ON CONSTRAINT company_members_pkey DO UPDATE
        SET deleted = false, updated_at = clock_timestamp() WHERE m.deleted;
    END IF;
    RETURN jsonb_build_object('id', invitation.id, 'company_id', invitation.company_id, 'status', answer);
END
$$;
COMMENT ON FUNCTION campaign.api_invitation_answer(text, text) IS
'Accepts or declines an invitation of the user of the request; 404 if there is none that is open.';

CREATE FUNCTION campaign_api.invitation_accept(invitation_id text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.invitation_accept');
    RETURN campaign.api_invitation_answer(invitation_id, 'accepted');
END
$$;
COMMENT ON FUNCTION campaign_api.invitation_accept(text) IS
$$Accept an invitation
You are a member of the company from then on.

invitation_id: an open invitation that you got.

200 with {"id", "company_id", "status"}; 403 if you have not proved your address; 404 if you have no such invitation, or it is answered, withdrawn or expired.$$;

CREATE FUNCTION campaign_api.invitation_decline(invitation_id text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.invitation_decline');
    RETURN campaign.api_invitation_answer(invitation_id, 'declined');
END
$$;
COMMENT ON FUNCTION campaign_api.invitation_decline(text) IS
$$Decline an invitation

invitation_id: an open invitation that you got.

200 with {"id", "company_id", "status"}; 404 if you have no such invitation, or it is answered, withdrawn or expired.$$;

CREATE FUNCTION campaign_api.company_member_remove(company_id text, user_id text) RETURNS void
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.company_member_remove');
    PERFORM campaign.api_company_check(company_id);
    PERFORM campaign.company_members_lock(company_id);
    -- Again, now that nobody else can leave.
    PERFORM campaign.api_company_check(company_id);
    IF NOT EXISTS (SELECT FROM campaign.company_members_live(company_id) AS m (id)
                   WHERE m.id <> company_member_remove.user_id) THEN
        PERFORM campaign.api_raise('PT409', 'the last member of a company cannot leave it', NULL,
            'Invite somebody first, or delete the company with DELETE /companies.');
    END IF;
    IF NOT campaign.company_member_end(company_id, user_id) THEN
        PERFORM campaign.api_raise('PT404', 'this user is not a member of the company');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign_api.company_member_remove(text, text) IS
$$Remove a member from a company
From the next request on they see nothing of it; the applications that they have created in it, the invitations that they have sent, and the dispatches that they have scheduled end. You may remove yourself, unless you are the last member.

company_id: a company of yours.
user_id: a member of it.

204; 403 if the company is not yours; 404 if there is no such company or member; 409 for the last member.$$;

-- IS NULL would let the planner read the whole of an index on the open ones.
CREATE VIEW campaign_api.invitations WITH (security_invoker = true) AS
SELECT i.id, i.company_id, i.company_name, i.user_id, i.email, i.invited_by, i.created_at, i.expires_at
FROM campaign.invitations i WHERE coalesce(i.answer, '') = '' AND i.expires_at > now();
COMMENT ON VIEW campaign_api.invitations IS
$$Open invitations
Those that you got, and those of your companies. POST /rpc/invitation_accept and /rpc/invitation_decline answer one, POST /rpc/company_member_invite sends one; DELETE withdraws one of your company's, or declines yours.$$;
COMMENT ON COLUMN campaign_api.invitations.id IS 'cuid2, by which it is answered.';
COMMENT ON COLUMN campaign_api.invitations.company_id IS 'Company of which one becomes a member.';
COMMENT ON COLUMN campaign_api.invitations.company_name IS 'Its name when the invitation was sent.';
COMMENT ON COLUMN campaign_api.invitations.user_id IS 'Who is invited.';
COMMENT ON COLUMN campaign_api.invitations.email IS 'Their address.';
COMMENT ON COLUMN campaign_api.invitations.invited_by IS 'The member who invites.';
COMMENT ON COLUMN campaign_api.invitations.created_at IS 'When it was sent.';
COMMENT ON COLUMN campaign_api.invitations.expires_at IS 'When it ends without an answer.';

CREATE FUNCTION campaign.api_invitations_write() RETURNS trigger
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person_id text := campaign.api_user();
BEGIN
    IF NOT (OLD.user_id = person_id OR OLD.company_id IN (SELECT campaign.request_companies())) THEN
        PERFORM campaign.api_raise('PT403', 'this invitation is not yours');
    END IF;
    UPDATE campaign.invitations i
    SET answer = CASE OLD.user_id WHEN person_id THEN 'declined' ELSE 'withdrawn' END, answered_at = clock_timestamp()
    WHERE i.id = OLD.id AND i.answer IS NULL;
    IF NOT FOUND THEN
        PERFORM campaign.api_raise('PT404', 'this invitation has been answered');
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION campaign.api_invitations_write() IS 'DELETE of /invitations.';

CREATE TRIGGER api_filter_required BEFORE DELETE ON campaign_api.invitations
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_filter_required();
COMMENT ON TRIGGER api_filter_required ON campaign_api.invitations IS 'No DELETE without a filter.';
CREATE TRIGGER api_write INSTEAD OF DELETE ON campaign_api.invitations
    FOR EACH ROW EXECUTE FUNCTION campaign.api_invitations_write();
COMMENT ON TRIGGER api_write ON campaign_api.invitations IS 'Writes to campaign.invitations.';
