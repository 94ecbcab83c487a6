-- Who may do what. Nothing here is PUBLIC.

-- Every function of the API is there by now; these are granted at the end of this file.
SELECT campaign.api_fields_guard();

-- What somebody has set with ALTER DEFAULT PRIVILEGES has been granted by now, on each object. Functions and types
-- are PUBLIC's by default, which is dealt with below.
DO $defaults$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT DISTINCT o.kind, o.name, o.type, a.grantee
        FROM (
            SELECT 'FUNCTION' AS kind, p.oid::pg_catalog.regprocedure::text AS name, p.oid, 'f' AS type, p.proacl AS acl, p.proowner AS owner
            FROM pg_catalog.pg_proc p
            UNION ALL SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::pg_catalog.regclass::text, c.oid, 'r', c.relacl, c.relowner
            FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'v', 'S')
            UNION ALL SELECT 'TYPE', pg_catalog.format_type(t.oid, NULL), t.oid, 't', t.typacl, t.typowner FROM pg_catalog.pg_type t
            UNION ALL SELECT 'SCHEMA', pg_catalog.quote_ident(n.nspname), n.oid, 'n', n.nspacl, n.nspowner FROM pg_catalog.pg_namespace n
        ) AS o
        JOIN pg_catalog.pg_depend d ON d.objid = o.oid AND d.objsubid = 0 AND d.deptype = 'e'
        JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'campaign',
            LATERAL pg_catalog.aclexplode(o.acl) AS a
        WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
          AND d.classid = CASE o.type WHEN 'f' THEN 'pg_catalog.pg_proc' WHEN 'r' THEN 'pg_catalog.pg_class'
              WHEN 't' THEN 'pg_catalog.pg_type' ELSE 'pg_catalog.pg_namespace' END::pg_catalog.regclass
          AND a.grantee <> o.owner AND (a.grantee <> 0 OR o.type IN ('r', 'n'))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s', granted.kind, granted.name,
            CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(granted.grantee)) END);
    END LOOP;
END
$defaults$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA campaign, campaign_api FROM PUBLIC;
REVOKE ALL ON FUNCTION
    @extschema@.user_create(text, text),
    @extschema@.company_create(text, text),
    @extschema@.company_country_set(text, text),
    @extschema@.campaign_create(text, text, text, text, boolean),
    @extschema@.campaign_upload(text, bytea, boolean, boolean, text, text, text, text, text),
    @extschema@.campaign_upload(text, text, boolean, boolean, text, text, text, text, text),
    @extschema@.campaign_preview(bytea, text, boolean, boolean, text, text, text, text, text),
    @extschema@.campaign_preview(text, text, boolean, boolean, text, text, text, text),
    @extschema@.campaign_clear(text, text),
    @extschema@.campaign_status(text),
    @extschema@.campaign_dispatch(text),
    @extschema@.campaign_send(text, text, text, text, text, boolean, boolean, boolean, text, text, text),
    @extschema@.campaign_schedule(text, timestamptz, text),
    @extschema@.campaign_window(text, text, text, boolean, text),
    @extschema@.campaign_pause(text, text),
    @extschema@.campaign_resume(text, text),
    @extschema@.campaign_cancel(text, text),
    @extschema@.campaign_reset(text, text),
    @extschema@.campaign_limit(text, numeric, text),
    @extschema@.campaign_canary(text, bigint, numeric, text),
    @extschema@.campaign_events(text),
    @extschema@.message_segments(text),
    @extschema@.campaign_texts(text, integer),
    @extschema@.campaign_test(text, text, text, text),
    @extschema@.campaign_verify(text, interval),
    @extschema@.campaign_receipt(text, text),
    @extschema@.campaign_run_status(text),
    @extschema@.campaign_runs(text, integer),
    @extschema@.campaign_health(text),
    @extschema@.campaign_logs(text, integer),
    @extschema@.campaign_recipients(text, text[], integer),
    @extschema@.campaign_senders(),
    @extschema@.campaign_simulate(bigint, bigint, boolean, text, text),
    @extschema@.campaign_fates(text, text[], text[], integer, text, bigint),
    @extschema@.campaign_reasons(text),
    @extschema@.campaign_resolve(text, text, text, text, bigint[]),
    @extschema@.campaign_retry_failed(text, text[], text),
    @extschema@.campaign_dead_letters(text, text[], integer, bigint),
    @extschema@.campaign_dead_replay(bigint[], text),
    @extschema@.campaign_dead_discard(bigint[], text),
    @extschema@.campaign_recipient_list(text, text[], integer, text, bigint, text),
    @extschema@.campaign_export(text, text[]),
    @extschema@.campaign_sender_events(integer),
    @extschema@.campaign_deadline_set(text, timestamptz, interval, text),
    @extschema@.campaign_generate(text, bigint, bigint, double precision, boolean, text),
    @extschema@.phone_number_zones(text),
    @extschema@.campaign_split_zones(text, text, text, text),
    @extschema@.campaign_dispatch_zones(text, text, text, text),
    @extschema@.campaign_parts(text),
    @extschema@.campaign_parts_status(text),
    @extschema@.campaign_parts_dispatch(text),
    @extschema@.campaign_parts_pause(text, text),
    @extschema@.campaign_parts_resume(text, text),
    @extschema@.campaign_parts_cancel(text, text),
    @extschema@.campaign_parts_limit(text, numeric, text),
    @extschema@.suppression_add(text, text, text, text),
    @extschema@.suppression_remove(text, text, text, text),
    @extschema@.suppression_import(bytea, text, text, text, boolean),
    @extschema@.suppression_import(text, text, text, text, boolean),
    @extschema@.suppression_list(text, text, text, integer, bigint),
    @extschema@.suppression_word_set(text, text, text, text),
    @extschema@.inbound_message(text, text, text, text),
    @extschema@.job_type_register(text, regproc, regproc, text, integer, interval, interval, integer, boolean, text[]),
    @extschema@.job_create(text, jsonb, timestamptz, integer, text, text),
    @extschema@.job_get(text),
    @extschema@.job_cancel(text),
    @extschema@.job_retry(text),
    @extschema@.job_stats(),
    @extschema@.application_create(text, text, text),
    @extschema@.application_rotate(text, boolean),
    @extschema@.token_create(text, text, interval),
    @extschema@.token_revoke(text),
    @extschema@.password_hash(text),
    @extschema@.password_verify(text, text)
FROM PUBLIC;

-- The worker reads recipients; everything else goes through the functions of the outbox and the jobs.
GRANT USAGE ON SCHEMA campaign TO campaign_worker, campaign_consumer;
GRANT SELECT ON campaign.recipients TO campaign_worker;
CREATE POLICY worker_read ON campaign.recipients FOR SELECT TO campaign_worker USING (true);
COMMENT ON POLICY worker_read ON campaign.recipients IS 'The worker publishes them all.';
GRANT EXECUTE ON FUNCTION
    campaign.outbox_page(text, text, integer),
    campaign.outbox_active(text[]),
    campaign.outbox_template(text, text),
    campaign.outbox_mark(text, text, integer, bigint),
    campaign.outbox_rewind(text, text, bigint),
    campaign.outbox_opt_outs(text, text, bigint, bigint, pg_snapshot),
    campaign.outbox_unlisted(text, text),
    campaign.outbox_suppressed(text, bigint[]),
    campaign.outbox_suppressions(bigint, integer),
    campaign.outbox_due(),
    campaign.outbox_finish(text[]),
    campaign.outbox_trouble(text, text),
    campaign.outbox_canary(text),
    campaign.outbox_tell(text[], boolean),
    campaign.outbox_dead_room(),
    campaign.outbox_dead_take(jsonb, boolean, bigint, bytea, integer),
    campaign.outbox_dead_next(bigint, text[], bigint[], bigint[]),
    campaign.outbox_dead_done(bigint),
    campaign.attributes_canonical(jsonb)
TO campaign_worker;

-- Jobs. A handler may do what its owner may.
GRANT EXECUTE ON FUNCTION
    campaign.job_session_started_at(),
    campaign.job_take_over(boolean),
    campaign.job_claim(boolean, timestamptz, text[], integer, integer, bigint, boolean),
    campaign.job_next(boolean),
    campaign.job_begin(text, timestamptz),
    campaign.job_finish(text, jsonb, timestamptz),
    campaign.job_fail(text, text, text, timestamptz),
    campaign.job_settle(text, timestamptz),
    campaign.job_release(text[], timestamptz),
    campaign.job_shorten_waits()
TO campaign_worker;

-- The mailer claims mails and records what became of them, and nothing else.
GRANT USAGE ON SCHEMA campaign TO campaign_mailer;
GRANT EXECUTE ON FUNCTION
    campaign.mail_claim(integer, bigint, boolean),
    campaign.mail_begin(text),
    campaign.mail_sent(text, text),
    campaign.mail_failed(text, text, boolean),
    campaign.mail_release(text),
    campaign.mail_next()
TO campaign_mailer;

-- The monitor sees how far campaigns are, and stops them; it sees no recipient and no text.
GRANT USAGE ON SCHEMA campaign TO campaign_monitor;
GRANT EXECUTE ON FUNCTION
    campaign.monitor(integer, integer, text[], text),
    campaign.monitor_senders(),
    campaign.monitor_control(text, text)
TO campaign_monitor;

-- The consumer reports, and proves what is there, and nothing else: it learns no message, and no hash.
GRANT EXECUTE ON FUNCTION
    campaign.report_open(text),
    campaign.report_halted(text[]),
    campaign.report_stopped(text[]),
    campaign.report_stored(text[], text[], bigint[], bigint[]),
    campaign.report_checked(text[], text[], bigint[], bigint[], text[], boolean[]),
    campaign.report_fates(text[], text[], bigint[], bigint[], text[], boolean[], text, jsonb, bigint, bigint, bigint),
    campaign.sender_begin(text, text, text, jsonb, text, text),
    campaign.sender_hold(text, text[], text[], bigint[], bigint[]),
    campaign.sender_living(text[]),
    campaign.sender_away(text, bigint, boolean),
    campaign.report_gap(text, text, bigint),
    campaign.report_waiting(text, text, bigint),
    campaign.report_conflict(text, text, bigint, text),
    campaign.proof_begin(text),
    campaign.proof_next(timestamptz),
    campaign.proof_window(text, integer),
    campaign.proof_agree(text, integer, bytea),
    campaign.proof_compare(text, text, bigint, integer[], bigint[], text[], text[], text[], text[], text[]),
    campaign.proof_report(text, text, bigint, jsonb),
    campaign.proof_give_up(text)
TO campaign_consumer;

-- Without a token: sign-up, login, and the tokens of applications. PostgREST calls
-- campaign.api_check() before everything. With a token, whoever signs somebody up owns the job.
GRANT USAGE ON SCHEMA campaign, campaign_api TO campaign_anon, campaign_user, campaign_app;
GRANT EXECUTE ON FUNCTION
    campaign.api_check(),
    campaign_api.ready(),
    campaign_api.signup_async(text, text)
TO campaign_anon, campaign_user, campaign_app;
GRANT EXECUTE ON FUNCTION
    campaign_api.signup(text, text),
    campaign_api.login(text, text),
    campaign_api.password_forgotten(text),
    campaign_api.password_reset(text, text),
    campaign_api.token(text)
TO campaign_anon, campaign_user;

-- With the token of a user: every function of the API; with that of an application: those of jobs.
GRANT EXECUTE ON FUNCTION
    campaign_api.logout(),
    campaign_api.password_change(text, text),
    campaign_api.me(),
    campaign_api.me_code(),
    campaign_api.me_confirm(text),
    campaign_api.me_update(text, text, text),
    campaign_api.me_delete(text, text),
    campaign_api.company_member_invite(text, text),
    campaign_api.invitation_accept(text),
    campaign_api.invitation_decline(text),
    campaign_api.company_member_remove(text, text),
    campaign_api.campaign_upload(bytea),
    campaign_api.campaign_upload(text),
    campaign_api.campaign_form(bytea),
    campaign_api.campaign_upload_json(text, json, boolean, boolean, text, text, text, text),
    campaign_api.campaign_upload_json(bytea),
    campaign_api.campaign_preview(bytea),
    campaign_api.campaign_preview_json(text, json, boolean, boolean, text, text, text, text),
    campaign_api.campaign_preview_json(bytea),
    campaign_api.campaign_clear(text, text),
    campaign_api.campaign_dispatch(text),
    campaign_api.campaign_send(text, text, json, text, boolean, boolean, boolean, text, text, text),
    campaign_api.campaign_send(bytea),
    campaign_api.campaign_status(text),
    campaign_api.campaign_schedule(text, timestamptz, text),
    campaign_api.campaign_window(text, text, text, boolean, text),
    campaign_api.campaign_pause(text, text),
    campaign_api.campaign_resume(text, text),
    campaign_api.campaign_cancel(text, text, boolean),
    campaign_api.campaign_limit(text, numeric, text),
    campaign_api.campaign_canary(text, bigint, numeric, text),
    campaign_api.campaign_dispatch_zones(text, text, text, text),
    campaign_api.campaign_parts(text),
    campaign_api.campaign_parts_pause(text, text),
    campaign_api.campaign_parts_resume(text, text),
    campaign_api.campaign_parts_cancel(text, text),
    campaign_api.campaign_parts_limit(text, numeric, text),
    campaign_api.campaign_reset(text, text),
    campaign_api.campaign_events(text),
    campaign_api.message_segments(text),
    campaign_api.campaign_texts(text, integer),
    campaign_api.campaign_test(text, json, text),
    campaign_api.campaign_verify(text, boolean),
    campaign_api.campaign_receipt(text, text),
    campaign_api.campaign_fates(text, text, integer, text, bigint, text),
    campaign_api.campaign_reasons(text),
    campaign_api.campaign_resolve(text, text, text, text, bigint[]),
    campaign_api.campaign_retry_failed(text, text[], text),
    campaign_api.campaign_recipients_csv(text, text, integer, text, bigint),
    campaign_api.campaign_deadline_set(text, timestamptz, text, text),
    campaign_api.campaign_senders(text),
    campaign_api.campaign_sender_events(text, integer),
    campaign_api.campaign_run_status(text),
    campaign_api.campaign_health(text),
    campaign_api.campaign_logs(text, integer),
    campaign_api.campaign_runs(text, integer),
    campaign_api.campaign_recipients(text, text, integer),
    campaign_api.campaign_generate(bigint, text, bigint, double precision, boolean),
    campaign_api.campaign_run_control(text, text, text, boolean),
    campaign_api.suppression_add(text, text, text),
    campaign_api.suppression_remove(text, text, text),
    campaign_api.suppression_import(json, text, text, boolean),
    campaign_api.suppression_import(bytea),
    campaign_api.suppression_list(text, text, integer, bigint),
    campaign_api.inbound_message(text, text, text),
    campaign_api.dead_letters(text, text, integer, bigint),
    campaign_api.dead_letter_replay(text, text),
    campaign_api.dead_letter_discard(text, text),
    campaign_api.application_create(text, text),
    campaign_api.application_rotate(text, boolean)
TO campaign_user;
GRANT EXECUTE ON FUNCTION
    campaign_api.absent(text, text),
    campaign_api.job_create(text, json, timestamptz, integer),
    campaign_api.job_get(text),
    campaign_api.job_cancel(text),
    campaign_api.job_retry(text),
    campaign_api.job_stats()
TO campaign_user, campaign_app;

-- The views read with the rights of the request: the columns that they show, and the rows that the
-- policies allow, which ask whose they are.
GRANT SELECT (id, email, created_at, updated_at, deleted) ON campaign.users TO campaign_user;
GRANT SELECT (id, name, document, country, created_at, updated_at, deleted) ON campaign.companies TO campaign_user;
GRANT SELECT (company_id, user_id, created_at, deleted) ON campaign.company_members TO campaign_user;
GRANT SELECT (id, company_id, company_name, user_id, email, invited_by, created_at, expires_at, answer)
ON campaign.invitations TO campaign_user;
GRANT SELECT (id, name, company_id, user_id, message, ordered, test_of, status, total, error, scheduled_at,
    queued_at, started_at, published_at, sent_at, created_at, updated_at, deleted)
ON campaign.campaigns TO campaign_user;
GRANT SELECT (campaign_id, class, seq, phone_number) ON campaign.recipients TO campaign_user;
GRANT SELECT (id, name, company_id, user_id, created_at, updated_at, deleted)
ON campaign.applications TO campaign_user;
GRANT SELECT (id, application_id, name, created_at, expires_at, revoked_at)
ON campaign.application_tokens TO campaign_user, campaign_app;
GRANT EXECUTE ON FUNCTION
    campaign.request_user(),
    campaign.request_companies(),
    campaign.request_people(),
    campaign.request_campaigns(),
    campaign.request_invitations()
TO campaign_user;
GRANT SELECT (id, type, status, priority, run_at, attempts, max_attempts, interruptions, progress,
    result, error, created_at, started_at, finished_at)
ON campaign.jobs TO campaign_user, campaign_app;
GRANT EXECUTE ON FUNCTION
    campaign.request_applications(),
    campaign.request_owner(),
    campaign.request_job_meta(text),
    campaign.request_job_slot(text)
TO campaign_user, campaign_app;

-- Writing to the views runs their triggers; ids, owners, status and times are not the client's.
GRANT SELECT, DELETE, UPDATE (email) ON campaign_api.users TO campaign_user;
GRANT SELECT, DELETE, INSERT (name, document, country), UPDATE (name, document, country)
ON campaign_api.companies TO campaign_user;
GRANT SELECT, DELETE, INSERT (name, message, company_id, user_id, ordered), UPDATE (name, message, ordered)
ON campaign_api.campaigns TO campaign_user;
GRANT SELECT ON campaign_api.company_members, campaign_api.recipients, campaign_api.campaign_tests TO campaign_user;
GRANT SELECT, DELETE ON campaign_api.invitations TO campaign_user;
GRANT SELECT, DELETE, UPDATE (name) ON campaign_api.applications TO campaign_user;
GRANT SELECT, DELETE ON campaign_api.tokens TO campaign_user, campaign_app;
-- Every write to jobs is refused by a trigger, which says so better than a missing privilege.
GRANT SELECT, INSERT, UPDATE, DELETE ON campaign_api.jobs TO campaign_user, campaign_app;

SELECT campaign.api_fields_grant();

-- Workers that were started before the extension was created sleep until now.
SELECT campaign.worker_wake();
SELECT campaign.job_wake();
-- After a restore or an update, too: what PostgREST knows of the schema may be from before.
SELECT pg_catalog.pg_notify('pgrst', 'reload schema');
