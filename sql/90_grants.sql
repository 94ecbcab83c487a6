-- Who may do what. Nothing here is PUBLIC.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA campaign FROM PUBLIC;
REVOKE ALL ON FUNCTION
    @extschema@.user_create(text, text),
    @extschema@.company_create(text, text),
    @extschema@.campaign_create(text, text, text, text, boolean),
    @extschema@.campaign_upload(text, bytea, boolean, boolean, text),
    @extschema@.campaign_upload(text, text, boolean, boolean, text),
    @extschema@.campaign_status(text),
    @extschema@.campaign_dispatch(text),
    @extschema@.campaign_send(text, text, text, text, text, boolean, boolean, boolean),
    @extschema@.campaign_pause(text),
    @extschema@.campaign_resume(text),
    @extschema@.campaign_cancel(text),
    @extschema@.campaign_verify(text),
    @extschema@.password_hash(text),
    @extschema@.password_verify(text, text)
FROM PUBLIC;

-- The worker reads recipients and moves `published`; the rest goes through four functions.
GRANT USAGE ON SCHEMA campaign TO campaign_worker, campaign_consumer;
GRANT SELECT ON campaign.recipients TO campaign_worker;
CREATE POLICY worker_read ON campaign.recipients FOR SELECT TO campaign_worker USING (true);
GRANT EXECUTE ON FUNCTION
    campaign.outbox_active(),
    campaign.outbox_template(text),
    campaign.outbox_mark(text, text, integer, bigint),
    campaign.outbox_rewind(text, text, bigint),
    campaign.outbox_finish()
TO campaign_worker;

-- The consumer reports, and nothing else.
GRANT EXECUTE ON FUNCTION
    campaign.report_open(text),
    campaign.report_stored(text[], text[], bigint[], bigint[]),
    campaign.report_gap(text, text, bigint),
    campaign.report_conflict(text, text, bigint, text)
TO campaign_consumer;

-- A worker that was started before the extension was created sleeps until now.
SELECT campaign.worker_wake();
