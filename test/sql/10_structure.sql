-- What the extension consists of, and the rules that every object of it keeps.
BEGIN;
SELECT plan(15);

SELECT has_table('campaign', t, 'R0.1-R0.3: table campaign.' || t || ' exists')
FROM unnest(ARRAY['users', 'companies', 'campaigns', 'recipients', 'progress']) AS t;

SELECT columns_are('campaign', 'users',
    ARRAY['id', 'email', 'password', 'created_at', 'updated_at', 'deleted', 'verified_at', 'new_email'], 'R0.1: columns of users');
SELECT columns_are('campaign', 'companies',
    ARRAY['id', 'name', 'document', 'country', 'created_at', 'updated_at', 'deleted'], 'R0.2: columns of companies');

CREATE TEMPORARY VIEW owned_functions AS
SELECT p.* FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'campaign';

CREATE TEMPORARY VIEW owned_tables AS
SELECT c.* FROM pg_class c
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'campaign'
WHERE c.relkind IN ('r', 'S');

SELECT is_empty(
    $$ SELECT oid::regprocedure FROM owned_functions
       WHERE prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false) $$,
    'every SECURITY DEFINER function pins its search_path');
SELECT is(
    (SELECT string_agg(proname, ' ' ORDER BY proname) FROM owned_functions
     WHERE has_function_privilege('public', oid, 'execute')),
    'cuid2 job_progress', 'PUBLIC may execute cuid2() and job_progress(), and nothing else');
SELECT is_empty(
    $$ SELECT relname FROM owned_tables WHERE relkind = 'r' AND NOT relrowsecurity $$,
    'every table has row-level security');
SELECT is_empty(
    $$ SELECT relname FROM owned_tables
       WHERE NOT oid = ANY (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'campaign')
         AND relname NOT IN ('packed_recipients', 'suppression_changes', 'proof_attempts', 'proof_windows') $$,
    'every table and sequence is part of a dump, but for copies and proofs that are being made');
SELECT is_empty(
    $$ SELECT t.relname, a.attname FROM owned_tables t
       JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
       WHERE t.relkind = 'r' AND col_description(t.oid, a.attnum) IS NULL $$,
    'every column has a comment');
SELECT is_empty(
    $$ SELECT relname FROM owned_tables WHERE obj_description(oid, 'pg_class') IS NULL
       UNION ALL
       SELECT oid::regprocedure::text FROM owned_functions WHERE obj_description(oid, 'pg_proc') IS NULL $$,
    'every table and function has a comment');
SELECT is_empty(
    $$ SELECT t.relname, g.tgname FROM owned_tables t JOIN pg_trigger g ON g.tgrelid = t.oid
       WHERE NOT g.tgisinternal AND g.tgname NOT IN ('job_keep', 'proof_keep') $$,
    'no table has a trigger that writes: a restore would run it again');
SELECT is(
    (SELECT string_agg(t.relname || ' ' || g.tgenabled::text, ', ' ORDER BY t.relname)
     FROM owned_tables t JOIN pg_trigger g ON g.tgrelid = t.oid AND g.tgname IN ('job_keep', 'proof_keep')),
    'job_errors A, jobs A, proofs A', 'R2.4, R5.1: what keeps jobs and proofs from being deleted is always enabled');

SELECT * FROM finish();
ROLLBACK;
