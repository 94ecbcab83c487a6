-- Invitations: nobody becomes a member of a company that they did not found or accept, because what they
-- create without naming a company goes to the only one that they have.

CREATE TABLE campaign.invitations (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    company_id text COLLATE "C" NOT NULL REFERENCES campaign.companies (id),
    company_name text NOT NULL,
    user_id text COLLATE "C" NOT NULL REFERENCES campaign.users (id),
    email text NOT NULL,
    invited_by text COLLATE "C" NOT NULL REFERENCES campaign.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '30 days',
    answer text,
    answered_at timestamptz,
    CONSTRAINT invitations_answer_check CHECK (answer IN ('accepted', 'declined', 'withdrawn'))
);
COMMENT ON TABLE campaign.invitations IS 'Who was invited to become a member of a company, and what they answered.';
COMMENT ON COLUMN campaign.invitations.id IS 'cuid2';
COMMENT ON COLUMN campaign.invitations.company_id IS 'Company.';
COMMENT ON COLUMN campaign.invitations.company_name IS 'Its name at that time: whoever is invited cannot see the company yet.';
COMMENT ON COLUMN campaign.invitations.user_id IS 'Who is invited.';
COMMENT ON COLUMN campaign.invitations.email IS 'The address that was given.';
COMMENT ON COLUMN campaign.invitations.invited_by IS 'The member who invites; the invitation ends when they are removed.';
COMMENT ON COLUMN campaign.invitations.created_at IS 'When.';
COMMENT ON COLUMN campaign.invitations.expires_at IS 'When it ends without an answer.';
COMMENT ON COLUMN campaign.invitations.answer IS 'accepted, declined, or withdrawn by a member of the company; NULL if it is open.';
COMMENT ON COLUMN campaign.invitations.answered_at IS 'When it was answered.';
CREATE UNIQUE INDEX invitations_open_key ON campaign.invitations (company_id, user_id) WHERE answer IS NULL;
CREATE INDEX invitations_mailed_index ON campaign.invitations (company_id, user_id, created_at);
CREATE INDEX invitations_user_index ON campaign.invitations (user_id) WHERE answer IS NULL;
ALTER TABLE campaign.invitations ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.invitations', '');

-- As in 90_policies.sql: no estimate may depend on what somebody wrote.
ALTER TABLE campaign.invitations ALTER COLUMN company_name SET STATISTICS 0, ALTER COLUMN email SET STATISTICS 0;

CREATE FUNCTION campaign.request_invitations() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.id FROM campaign.invitations i
    WHERE i.user_id = campaign.request_user() AND i.answer IS NULL
      -- Of one that is deleted it could be neither accepted nor declined.
      AND (SELECT NOT c.deleted FROM campaign.companies c WHERE c.id = i.company_id)
    UNION ALL
    SELECT i.id FROM campaign.invitations i
    WHERE i.company_id = ANY (ARRAY(SELECT campaign.request_companies())) AND i.answer IS NULL
$$;
COMMENT ON FUNCTION campaign.request_invitations() IS
'The open invitations that the user of the request got, and those of their companies.';

-- As in 90_policies.sql: evaluated once per statement, and found with an index.
CREATE POLICY user_read ON campaign.invitations FOR SELECT TO campaign_user
    USING (id = ANY (ARRAY(SELECT campaign.request_invitations())));
COMMENT ON POLICY user_read ON campaign.invitations IS 'Those that one got, and those of one''s companies.';

CREATE FUNCTION campaign.invitation_mail(invitation campaign.invitations) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM campaign.invitations i
               WHERE i.company_id = invitation.company_id AND i.user_id = invitation.user_id
                 AND i.id <> invitation.id AND i.created_at > invitation.created_at - interval '1 day') THEN
        RETURN;
    END IF;
    PERFORM @extschema@.job_create('invitation_email'::text, jsonb_build_object('email', invitation.email,
            'invitation_id', invitation.id, 'user_id', invitation.user_id, 'company', left(regexp_replace(invitation.company_name, '[[:cntrl:]\u0080-\u009F\u2028-\u202E\u2066-\u2069]+', ' ', 'g'), 100),
            'inviter', (SELECT u.email FROM campaign.users u WHERE u.id = invitation.invited_by)),
        now(), NULL::integer, NULL::text, NULL::text);
-- Strangers can use up the mails to an address: it is invited without one, and sees it in GET /invitations.
EXCEPTION WHEN SQLSTATE 'PT429' THEN
    RETURN;
END
$$;
COMMENT ON FUNCTION campaign.invitation_mail(campaign.invitations) IS
'Mails an invitation, unless the same company has invited the same user within a day, or the address has got its mails of this hour.';

CREATE FUNCTION campaign.company_members_live(company_id text) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.user_id FROM campaign.company_members m
    JOIN campaign.users u ON u.id = m.user_id AND NOT u.deleted
    WHERE m.company_id = company_members_live.company_id AND NOT m.deleted
$$;
COMMENT ON FUNCTION campaign.company_members_live(text) IS 'The members of a company.';

-- Of two members who leave at the same time, the second sees that the first has left. Whoever dispatches
-- (campaign.api_company_lock()) does not wait.
CREATE FUNCTION campaign.company_members_lock(company_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM campaign.companies c WHERE c.id = company_members_lock.company_id FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION campaign.company_members_lock(text) IS
'Keeps others from leaving a company until the end of the transaction.';

CREATE FUNCTION campaign.company_member_end(company_id text, user_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE campaign.company_members m SET deleted = true, updated_at = clock_timestamp()
    WHERE m.company_id = company_member_end.company_id AND m.user_id = company_member_end.user_id AND NOT m.deleted;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- Locked before: one that somebody is just taking over with application_rotate() is theirs then, and stays.
    PERFORM campaign.application_delete(l.id) FROM (
        SELECT a.id FROM campaign.applications a
        WHERE a.company_id = company_member_end.company_id AND a.user_id = company_member_end.user_id AND NOT a.deleted
        ORDER BY a.id FOR NO KEY UPDATE) AS l;
    UPDATE campaign.invitations i SET answer = 'withdrawn', answered_at = clock_timestamp()
    WHERE i.company_id = company_member_end.company_id AND i.invited_by = company_member_end.user_id
      AND i.answer IS NULL;
    -- One that somebody has locked is looked at once more when its time comes.
    PERFORM campaign.schedule_end(l.id) FROM (
        SELECT c.id FROM campaign.campaigns c
        WHERE c.company_id = company_member_end.company_id AND c.status = 'scheduled' AND NOT c.deleted
          AND NOT campaign.schedule_holds(c.id)
        ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED) AS l;
    RETURN true;
END
$$;
COMMENT ON FUNCTION campaign.company_member_end(text, text) IS
'Ends a membership, with the applications that the member has created in the company, the invitations that they have sent, and the times that they have given to campaigns. False if there is none.';
