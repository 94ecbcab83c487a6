-- The consumer may report, the worker may publish, and neither anything else.
BEGIN;
SELECT plan(11);

SELECT is(
    (SELECT count(*) FROM pg_roles
     WHERE rolname IN ('campaign_worker', 'campaign_consumer', 'campaign_mailer', 'campaign_monitor')
       AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication)),
    4::bigint,
    'R0.15, R0.16, R4.1: no such role has a special attribute');

CREATE TEMPORARY VIEW owned_functions AS
SELECT p.* FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'campaign';

SELECT is(
    (SELECT string_agg(proname, ' ' ORDER BY proname) FROM owned_functions
     WHERE proname NOT IN ('cuid2', 'job_progress') AND has_function_privilege('campaign_consumer', oid, 'execute')),
    'proof_agree proof_begin proof_compare proof_give_up proof_next proof_report proof_window '
        'report_checked report_conflict report_fates report_gap report_halted report_open report_stopped report_stored report_waiting '
        'sender_away sender_begin sender_hold sender_living',
    'R0.16, R5.1, R1.4: campaign_consumer may execute the reports, make proofs, and register as a sender');
SELECT is(
    (SELECT string_agg(proname, ' ' ORDER BY proname) FROM owned_functions
     WHERE proname NOT IN ('cuid2', 'job_progress') AND has_function_privilege('campaign_worker', oid, 'execute')),
    'attributes_canonical job_begin job_claim job_fail job_finish job_next job_release job_session_started_at job_settle job_shorten_waits '
        'job_take_over outbox_active outbox_canary outbox_dead_done outbox_dead_next outbox_dead_room outbox_dead_take outbox_due outbox_finish outbox_mark outbox_opt_outs outbox_page outbox_rewind outbox_suppressed outbox_suppressions outbox_tell outbox_template '
        'outbox_trouble outbox_unlisted',
    'R0.15, R2.1: campaign_worker may execute the functions of the outbox and of the queue');
SELECT is(
    (SELECT string_agg(proname, ' ' ORDER BY proname) FROM owned_functions
     WHERE proname NOT IN ('cuid2', 'job_progress') AND has_function_privilege('campaign_mailer', oid, 'execute')),
    'mail_begin mail_claim mail_failed mail_next mail_release mail_sent',
    'R4.1: campaign_mailer may take mails and report on them');
SELECT is(
    (SELECT string_agg(proname, ' ' ORDER BY proname) FROM owned_functions
     WHERE proname NOT IN ('cuid2', 'job_progress') AND has_function_privilege('campaign_monitor', oid, 'execute')),
    'monitor monitor_control monitor_senders',
    'R1.3: campaign_monitor may look at campaigns, and stop them');
SELECT is_empty(
    $$ SELECT r, c.relname, privilege FROM pg_class c,
           unnest(ARRAY['campaign_consumer', 'campaign_mailer', 'campaign_monitor', 'campaign_anon', 'campaign_user', 'campaign_app', 'public']) AS r,
           unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
       WHERE c.relnamespace = 'campaign'::regnamespace AND c.relkind = 'r'
         AND has_table_privilege(r, c.oid, privilege) $$,
    'nobody but the worker may touch a table');
SELECT is(
    (SELECT string_agg(c.relname || ' ' || privilege, ', ') FROM pg_class c,
         unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
     WHERE c.relnamespace = 'campaign'::regnamespace AND c.relkind = 'r'
       AND has_table_privilege('campaign_worker', c.oid, privilege)),
    'recipients SELECT', 'and the worker may read recipients');

SET LOCAL ROLE campaign_consumer;
SELECT throws_ok('SELECT * FROM campaign.recipients', '42501', NULL, 'the consumer reads no table');
SELECT throws_ok($$ SELECT campaign.campaign_transition('x', 'sent') $$, '42501', NULL, 'and changes no status');
SELECT throws_ok('SET campaign.amqp_url = ''x''', NULL, NULL, 'secrets cannot be set');
SELECT throws_ok('SHOW campaign.amqp_url', '42501', NULL, 'nor read');

SELECT * FROM finish();
ROLLBACK;
