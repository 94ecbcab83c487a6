-- Row-level security: what a request may see, whatever it asks for. Writing goes through the
-- functions of 52 to 56_api_*.sql; no role of a request may write a row.

-- ARRAY(SELECT ...) is evaluated once per statement, and what is in it is found with an index, however many
-- rows others have; IN (SELECT ...) would read them all (campaign.lists_by_index()).
CREATE POLICY user_read ON campaign.users FOR SELECT TO campaign_user
    USING (NOT deleted AND id = ANY (ARRAY(SELECT campaign.request_people())));
COMMENT ON POLICY user_read ON campaign.users IS 'Oneself, and the members of one''s companies.';
CREATE POLICY user_read ON campaign.companies FOR SELECT TO campaign_user
    USING (NOT deleted AND id = ANY (ARRAY(SELECT campaign.request_companies())));
COMMENT ON POLICY user_read ON campaign.companies IS 'One''s companies.';
CREATE POLICY user_read ON campaign.company_members FOR SELECT TO campaign_user
    USING (NOT deleted AND company_id = ANY (ARRAY(SELECT campaign.request_companies())));
COMMENT ON POLICY user_read ON campaign.company_members IS 'The members of one''s companies.';
CREATE POLICY user_read ON campaign.campaigns FOR SELECT TO campaign_user
    USING (NOT deleted AND company_id = ANY (ARRAY(SELECT campaign.request_companies())));
COMMENT ON POLICY user_read ON campaign.campaigns IS 'The campaigns of one''s companies.';
CREATE POLICY user_read ON campaign.recipients FOR SELECT TO campaign_user
    USING (campaign_id = ANY (ARRAY(SELECT campaign.request_campaigns())));
COMMENT ON POLICY user_read ON campaign.recipients IS 'The recipients of one''s campaigns.';
CREATE POLICY user_read ON campaign.progress FOR SELECT TO campaign_user
    USING (campaign_id = ANY (ARRAY(SELECT campaign.request_campaigns())));
COMMENT ON POLICY user_read ON campaign.progress IS 'The progress of one''s campaigns.';
CREATE POLICY user_read ON campaign.uploads FOR SELECT TO campaign_user
    USING (campaign_id = ANY (ARRAY(SELECT campaign.request_campaigns())));
COMMENT ON POLICY user_read ON campaign.uploads IS 'The uploads of one''s campaigns.';

-- The planner's estimates are made from everybody's rows, and PostgREST gives them away
-- (Prefer: count=planned): without statistics of what people write, an estimate reveals nothing
-- about it. None of our plans needs them.
ALTER TABLE campaign.users ALTER COLUMN email SET STATISTICS 0, ALTER COLUMN password SET STATISTICS 0;
ALTER TABLE campaign.companies ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN document SET STATISTICS 0;
ALTER TABLE campaign.campaigns ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN message SET STATISTICS 0,
    ALTER COLUMN error SET STATISTICS 0;
ALTER TABLE campaign.recipients ALTER COLUMN phone_number SET STATISTICS 0, ALTER COLUMN text SET STATISTICS 0,
    ALTER COLUMN attributes SET STATISTICS 0;
