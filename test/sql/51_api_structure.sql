-- What PostgREST exposes, to whom, and the rules that every object behind it keeps.
BEGIN;
SELECT plan(23);

CREATE TEMPORARY VIEW owned AS
SELECT d.classid, d.objid FROM pg_depend d
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
WHERE e.extname = 'campaign' AND d.deptype = 'e';
CREATE TEMPORARY VIEW owned_functions AS
SELECT p.* FROM pg_proc p JOIN owned o ON o.classid = 'pg_proc'::regclass AND o.objid = p.oid;
CREATE TEMPORARY VIEW owned_relations AS
SELECT c.* FROM pg_class c JOIN owned o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid;

SELECT is(
    (SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
     WHERE relnamespace = 'campaign_api'::regnamespace AND relkind = 'v'),
    'applications campaign_tests campaigns companies company_members invitations jobs recipients tokens users', 'the views of the API');
SELECT is_empty(
    $$ SELECT relname FROM pg_class WHERE relnamespace = 'campaign_api'::regnamespace AND relkind NOT IN ('v', 'c') $$,
    'the API has views and no tables');
SELECT is(
    (SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'campaign_api'::regnamespace),
    'absent application_create application_rotate campaign_canary campaign_cancel campaign_clear campaign_deadline_set campaign_dispatch campaign_dispatch_zones campaign_events campaign_fates campaign_form campaign_generate '
    'campaign_health campaign_limit campaign_logs campaign_parts campaign_parts_cancel campaign_parts_limit campaign_parts_pause campaign_parts_resume campaign_pause campaign_preview campaign_preview_json campaign_reasons campaign_receipt campaign_recipients campaign_recipients_csv campaign_reset campaign_resolve campaign_resume campaign_retry_failed '
    'campaign_run_control campaign_run_status campaign_runs campaign_schedule campaign_send campaign_sender_events campaign_senders '
    'campaign_status campaign_test campaign_texts campaign_upload campaign_upload_json campaign_verify campaign_window company_member_invite '
    'company_member_remove dead_letter_discard dead_letter_replay dead_letters inbound_message invitation_accept invitation_decline job_cancel job_create job_get job_retry job_stats login logout me me_code me_confirm me_delete me_update '
    'message_segments password_change password_forgotten password_reset ready signup signup_async suppression_add suppression_import suppression_list '
    'suppression_remove token', 'the functions of the API');
SELECT is_empty(
    $$ SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
       WHERE c.relnamespace = 'campaign_api'::regnamespace
         AND (a.attname ~ '^identifier_' OR a.attname ~ 'hash|secret' OR a.attname IN ('password', 'deleted')) $$,
    'R0.8: no secret is a column of the API');

-- Lint -------------------------------------------------------------------------------------
SELECT is_empty(
    $$ SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
       WHERE p.pronamespace = 'campaign_api'::regnamespace
         OR p.oid IN (SELECT t.tgfoid FROM pg_trigger t WHERE t.tgname = 'api_write') $$,
    'R7.2: what a request calls turns its errors into statuses: whoever has waited too long gets 503');
SELECT is_empty(
    $$ SELECT oid::regprocedure FROM owned_functions WHERE prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')
         AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)
         AND (prosecdef OR pronamespace IN ('campaign'::regnamespace, 'campaign_api'::regnamespace)) $$,
    'every definer function, and every function of the private schemas, pins its search_path');
SELECT is_empty(
    $$ SELECT oid::regprocedure FROM owned_functions
       WHERE prosecdef AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'c') $$,
    'no function in C runs as its definer');
SELECT is(
    (SELECT string_agg(oid::regprocedure::text, ' ') FROM owned_functions
     WHERE has_function_privilege('public', oid, 'execute')),
    'cuid2(integer) job_progress(text,double precision)', 'PUBLIC may execute cuid2() and job_progress(), and nothing else');
SELECT is_empty(
    $$ SELECT n.nspname FROM pg_namespace n JOIN owned o ON o.classid = 'pg_namespace'::regclass AND o.objid = n.oid
       WHERE has_schema_privilege('public', n.oid, 'usage') OR has_schema_privilege('public', n.oid, 'create') $$,
    'PUBLIC may not look into the schemas');
SELECT is_empty(
    $$ SELECT relname FROM owned_relations WHERE relkind IN ('r', 'p') AND NOT relrowsecurity $$,
    'every table has row-level security');
SELECT is_empty(
    $$ SELECT relname FROM owned_relations WHERE relkind = 'v'
         AND NOT coalesce('security_invoker=true' = ANY (reloptions), false) $$,
    'every view runs with the rights of the request');
SELECT is_empty(
    $$ SELECT relname FROM owned_relations WHERE relkind IN ('r', 'p', 'S')
         AND NOT oid = ANY (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'campaign')
         AND relname NOT IN ('packed_recipients', 'proof_attempts', 'proof_windows', 'suppression_changes') $$,
    'every table and sequence is part of a dump, but for copies');
SELECT is_empty(
    $$ SELECT pg_describe_object(classid, objid, 0) FROM owned
       WHERE obj_description(objid, (SELECT relname FROM pg_class WHERE oid = classid)) IS NULL
         AND classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass)
       UNION ALL
       SELECT 'trigger ' || tgname FROM pg_trigger t JOIN owned_relations r ON r.oid = t.tgrelid
       WHERE NOT t.tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL
       UNION ALL
       SELECT 'policy ' || polname || ' on ' || r.relname FROM pg_policy p JOIN owned_relations r ON r.oid = p.polrelid
       WHERE obj_description(p.oid, 'pg_policy') IS NULL
       UNION ALL
       SELECT r.relname || '.' || a.attname FROM owned_relations r
       JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
       WHERE r.relkind IN ('r', 'v') AND col_description(r.oid, a.attnum) IS NULL $$,
    'everything has a comment');
SELECT is_empty(
    $$ SELECT p.oid::regprocedure, argument FROM pg_proc p, unnest(p.proargnames) AS argument
       WHERE p.pronamespace = 'campaign_api'::regnamespace
         AND obj_description(p.oid, 'pg_proc') !~ ('\m' || argument || ': ') $$,
    'every argument of a function of the API is explained in its comment');

-- Privileges -------------------------------------------------------------------------------
SELECT is(
    (SELECT string_agg(oid::regprocedure::text, ' ' ORDER BY oid::regprocedure::text COLLATE "C") FROM owned_functions
     WHERE proname NOT IN ('cuid2', 'job_progress') AND oid::regprocedure::text NOT LIKE '%(json)' AND has_function_privilege('campaign_anon', oid, 'execute')),
    'campaign.api_check() campaign_api.login(text,text) campaign_api.password_forgotten(text) campaign_api.password_reset(text,text) campaign_api.ready() campaign_api.signup(text,text) '
    'campaign_api.signup_async(text,text) campaign_api.token(text)',
    'R0.8, R2.5, R7.2: sign-up, login, a new password and the tokens of applications are the only anonymous calls');
SELECT is(
    (SELECT string_agg(oid::regprocedure::text, ' ' ORDER BY oid::regprocedure::text COLLATE "C") FROM owned_functions
     WHERE proname NOT IN ('cuid2', 'job_progress') AND oid::regprocedure::text NOT LIKE '%(json)' AND has_function_privilege('campaign_app', oid, 'execute')),
    'campaign.api_check() campaign.request_applications() campaign.request_job_meta(text) campaign.request_job_slot(text) '
    'campaign.request_owner() campaign_api.absent(text,text) campaign_api.job_cancel(text) '
    'campaign_api.job_create(text,json,timestamp with time zone,integer) campaign_api.job_get(text) '
    'campaign_api.job_retry(text) campaign_api.job_stats() campaign_api.ready() campaign_api.signup_async(text,text)',
    'R2.5: what an application executes');
SELECT is(
    (SELECT string_agg(proname, ' ' ORDER BY proname) FROM owned_functions
     WHERE pronamespace <> 'campaign_api'::regnamespace AND proname NOT IN ('cuid2', 'job_progress')
       AND has_function_privilege('campaign_user', oid, 'execute')),
    'api_check request_applications request_campaigns request_companies request_invitations request_job_meta request_job_slot request_owner '
    'request_people request_user',
    'a user executes what the policies need beside the API, and nothing else');
SELECT is(
    (SELECT count(*) FROM owned_functions WHERE pronamespace = 'campaign_api'::regnamespace
       AND NOT has_function_privilege('campaign_user', oid, 'execute')),
    0::bigint, 'a user executes every function of the API');
SELECT is_empty(
    $$ SELECT r, c.relname, privilege FROM owned_relations c,
           unnest(ARRAY['campaign_anon', 'public']) AS r,
           unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS privilege
       WHERE c.relkind IN ('r', 'v') AND has_any_column_privilege(r, c.oid, privilege) $$,
    'without a token there is nothing to see');
SELECT is_empty(
    $$ SELECT c.relname, privilege FROM owned_relations c,
           unnest(ARRAY['campaign_user', 'campaign_app']) AS r,
           unnest(ARRAY['INSERT', 'UPDATE', 'REFERENCES']) AS privilege
       WHERE c.relnamespace = 'campaign'::regnamespace AND c.relkind = 'r'
         AND has_any_column_privilege(r, c.oid, privilege)
       UNION ALL
       SELECT c.relname, privilege FROM owned_relations c,
           unnest(ARRAY['campaign_user', 'campaign_app']) AS r,
           unnest(ARRAY['SELECT', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS privilege
       WHERE c.relnamespace = 'campaign'::regnamespace AND c.relkind = 'r'
         AND has_table_privilege(r, c.oid, privilege) $$,
    'R0.9: neither a user nor an application writes or deletes a row of any table');
SELECT is(
    (SELECT string_agg(c.relname || '.' || a.attname, ' ' ORDER BY c.relname, a.attnum)
     FROM owned_relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
     WHERE c.relkind IN ('r', 'v') AND c.oid <> 'campaign_api.jobs'::regclass
       AND has_column_privilege('campaign_app', c.oid, a.attnum, 'SELECT')),
    'application_tokens.id application_tokens.application_id application_tokens.name application_tokens.created_at '
    'application_tokens.expires_at application_tokens.revoked_at jobs.id jobs.type jobs.status jobs.priority jobs.run_at '
    'jobs.attempts jobs.max_attempts jobs.interruptions jobs.progress jobs.result jobs.error jobs.created_at '
    'jobs.started_at jobs.finished_at tokens.id tokens.name tokens.application_id tokens.created_at tokens.expires_at '
    'tokens.revoked',
    'R2.5: what an application reads');
SELECT is(
    (SELECT string_agg(c.relname || '.' || a.attname, ' ' ORDER BY c.relname, a.attnum)
     FROM owned_relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
     WHERE c.relnamespace = 'campaign'::regnamespace AND c.relkind = 'r'
       AND NOT has_column_privilege('campaign_user', c.oid, a.attnum, 'SELECT')
       AND has_any_column_privilege('campaign_user', c.oid, 'SELECT')),
    'application_tokens.hash applications.secret_hash campaigns.message_version campaigns.generated campaigns.placeholders campaigns.own_texts campaigns.segments campaigns.reset_as campaigns.per_second campaigns.canary campaigns.canary_failed_max campaigns.canary_ended_at campaigns.identifier_time campaigns.identifier_entropy campaigns.identifier_fingerprint campaigns.schedule_event campaigns.valid_until campaigns.valid_for campaigns.former_deadline campaigns.later_deadlines campaigns.expired_at campaigns.logs_after '
    'company_members.updated_at invitations.answered_at jobs.seq jobs.external jobs.meta jobs.error_code jobs.user_id jobs.application_id jobs.account_id jobs.shared jobs.turn '
    'jobs.worker_pid jobs.worker_start jobs.claimed_at jobs.updated_at recipients.text recipients.attributes users.password users.verified_at users.new_email',
    'R0.8: passwords and the secrets of identifiers are not readable');
SELECT is(
    (SELECT string_agg(c.relname || ' ' || privilege || ' ' || a.attname, ', ' ORDER BY c.relname, privilege, a.attnum)
     FROM owned_relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0,
         unnest(ARRAY['INSERT', 'UPDATE']) AS privilege
     WHERE c.relnamespace = 'campaign_api'::regnamespace AND c.relkind = 'v' AND c.relname <> 'jobs'
       AND has_column_privilege('campaign_user', c.oid, a.attnum, privilege)),
    'applications UPDATE name, campaigns INSERT name, campaigns INSERT company_id, campaigns INSERT user_id, campaigns INSERT message, '
    'campaigns INSERT ordered, campaigns UPDATE name, campaigns UPDATE message, campaigns UPDATE ordered, '
    'companies INSERT name, companies INSERT document, companies INSERT country, companies UPDATE name, companies UPDATE document, companies UPDATE country, '
    'users UPDATE email', 'what a client may write, but to jobs, where a trigger refuses it all');

SELECT * FROM finish();
ROLLBACK;
