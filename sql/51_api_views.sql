-- What PostgREST exposes as resources. The views run with the rights of the request's role, so
-- that row-level security decides what they show; what is deleted or secret is not in them.

CREATE VIEW campaign_api.users WITH (security_invoker = true) AS
SELECT u.id, u.email, u.created_at, u.updated_at
FROM campaign.users u WHERE NOT u.deleted;
COMMENT ON VIEW campaign_api.users IS
$$People of your companies
You see the members of your companies. New users come with POST /rpc/signup; you change your address with POST /rpc/me_update, your password with POST /rpc/password_change, and delete your account with POST /rpc/me_delete.$$;
COMMENT ON COLUMN campaign_api.users.id IS 'cuid2';
COMMENT ON COLUMN campaign_api.users.email IS 'E-mail address, unique whatever its case.';
COMMENT ON COLUMN campaign_api.users.created_at IS 'When the user signed up.';
COMMENT ON COLUMN campaign_api.users.updated_at IS 'When it last changed.';

CREATE VIEW campaign_api.companies WITH (security_invoker = true) AS
SELECT c.id, c.name, c.document, c.country, c.created_at, c.updated_at
FROM campaign.companies c WHERE NOT c.deleted;
COMMENT ON VIEW campaign_api.companies IS
$$Your companies
Whoever creates a company is its first member; members invite others with POST /rpc/company_member_invite. DELETE hides it and its campaigns.$$;
COMMENT ON COLUMN campaign_api.companies.id IS 'cuid2';
COMMENT ON COLUMN campaign_api.companies.name IS 'Name, 1 to 200 characters.';
COMMENT ON COLUMN campaign_api.companies.document IS 'Registration document, unique; kept as its letters and digits in upper case.';
COMMENT ON COLUMN campaign_api.companies.country IS 'Country of the national phone numbers in its files: an ISO code such as BR, or a calling code such as 55; none: its numbers are international; null: as the server is set.';
COMMENT ON COLUMN campaign_api.companies.created_at IS 'When it was registered.';
COMMENT ON COLUMN campaign_api.companies.updated_at IS 'When it last changed.';

CREATE VIEW campaign_api.company_members WITH (security_invoker = true) AS
SELECT m.company_id, m.user_id, m.created_at
FROM campaign.company_members m WHERE NOT m.deleted;
COMMENT ON VIEW campaign_api.company_members IS
$$Members of your companies
Read only: whoever accepts an invitation becomes a member, POST /rpc/company_member_remove ends that. It joins companies and users: /companies?select=*,users(*).$$;
COMMENT ON COLUMN campaign_api.company_members.company_id IS 'Company.';
COMMENT ON COLUMN campaign_api.company_members.user_id IS 'Member.';
COMMENT ON COLUMN campaign_api.company_members.created_at IS 'When the user first became a member.';

CREATE VIEW campaign_api.campaigns WITH (security_invoker = true) AS
SELECT c.id, c.name, c.company_id, c.user_id, c.message, c.ordered, c.status, c.total, c.error,
    c.scheduled_at, c.queued_at, c.started_at, c.published_at, c.sent_at, c.created_at, c.updated_at
FROM campaign.campaigns c WHERE NOT c.deleted AND c.test_of IS NULL;
ALTER VIEW campaign_api.campaigns ALTER COLUMN ordered SET DEFAULT true;
COMMENT ON VIEW campaign_api.campaigns IS
$$Campaigns of your companies
POST creates a draft. Its numbers come with POST /rpc/campaign_upload, POST /rpc/campaign_dispatch sends it. The message can be changed in a draft only. DELETE hides a campaign, with the parts that it was split into, and cancels what is not over.$$;
COMMENT ON COLUMN campaign_api.campaigns.id IS 'cuid2';
COMMENT ON COLUMN campaign_api.campaigns.name IS 'Name, 1 to 200 characters.';
COMMENT ON COLUMN campaign_api.campaigns.company_id IS 'Company that owns it; may be left out by a member of exactly one.';
COMMENT ON COLUMN campaign_api.campaigns.user_id IS 'User who created it.';
COMMENT ON COLUMN campaign_api.campaigns.message IS 'Text that every recipient gets, 1 to 4096 characters; {name} and {name|default} are filled from their attributes.';
COMMENT ON COLUMN campaign_api.campaigns.ordered IS 'Stored strictly in file order (true), or by several consumers at once (false).';
COMMENT ON COLUMN campaign_api.campaigns.status IS 'draft, scheduled, queued, publishing, published, sent, paused, cancelled or failed.';
COMMENT ON COLUMN campaign_api.campaigns.total IS 'Number of recipients.';
COMMENT ON COLUMN campaign_api.campaigns.error IS 'Why it failed.';
COMMENT ON COLUMN campaign_api.campaigns.scheduled_at IS 'When it is to be dispatched, or was, by its schedule.';
COMMENT ON COLUMN campaign_api.campaigns.queued_at IS 'When it was dispatched.';
COMMENT ON COLUMN campaign_api.campaigns.started_at IS 'When the first message was published.';
COMMENT ON COLUMN campaign_api.campaigns.published_at IS 'When the last message was published.';
COMMENT ON COLUMN campaign_api.campaigns.sent_at IS 'When the last message was stored.';
COMMENT ON COLUMN campaign_api.campaigns.created_at IS 'When it was created.';
COMMENT ON COLUMN campaign_api.campaigns.updated_at IS 'When it last changed.';

CREATE VIEW campaign_api.recipients WITH (security_invoker = true) AS
SELECT r.campaign_id, r.class, r.seq, r.phone_number
FROM campaign.recipients r;
COMMENT ON VIEW campaign_api.recipients IS
$$Recipients of your campaigns
Read only. Ask for one campaign and in pages: ?campaign_id=eq.ID&order=class,seq&limit=1000.$$;
COMMENT ON COLUMN campaign_api.recipients.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign_api.recipients.class IS 'VIP recipients are sent before NORMAL ones.';
COMMENT ON COLUMN campaign_api.recipients.seq IS 'Place in the class, from 1.';
COMMENT ON COLUMN campaign_api.recipients.phone_number IS 'E.164 number with its +.';
