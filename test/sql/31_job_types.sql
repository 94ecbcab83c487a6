-- R2.3: who may register a function as a handler, and replace a type: whoever may become its owner.
BEGIN;
SELECT plan(7);

CREATE ROLE test_owner;
CREATE ROLE test_member;
GRANT EXECUTE ON FUNCTION job_type_register TO test_member;
CREATE FUNCTION public.test_handler(job_id text, meta jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT meta';
CREATE FUNCTION public.test_own(job_id text, meta jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT meta';
ALTER FUNCTION public.test_handler OWNER TO test_owner;
ALTER FUNCTION public.test_own OWNER TO test_member;
SELECT job_type_register('test_taken', 'public.test_handler');

-- 15 knows one kind of membership, whose members may always become the owner; from 16 on a grant can keep that away.
CREATE FUNCTION pg_temp.make_member(options text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('server_version_num')::integer >= 160000 THEN
        EXECUTE 'GRANT test_owner TO test_member WITH ' || options;
    ELSIF options NOT LIKE '%SET FALSE%' THEN
        GRANT test_owner TO test_member;
    END IF;
END $$;
CREATE FUNCTION pg_temp.register(type_name text, handler text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL SESSION AUTHORIZATION test_member;
    PERFORM job_type_register(type_name, handler::regproc);
    SET LOCAL SESSION AUTHORIZATION DEFAULT;
END $$;

SELECT throws_ok($$ SELECT pg_temp.register('test_mine', 'public.test_handler') $$, '42501',
    'only the owner of public.test_handler(text,jsonb) can register it', 'R2.3: a stranger cannot register it');
SELECT pg_temp.make_member('INHERIT FALSE, SET FALSE');
SELECT throws_ok($$ SELECT pg_temp.register('test_mine', 'public.test_handler') $$, '42501',
    'only the owner of public.test_handler(text,jsonb) can register it', 'R2.3: nor a member without rights');
SELECT throws_ok($$ SELECT pg_temp.register('test_taken', 'public.test_own') $$, '42501',
    'only the owner of the handler of "test_taken" can replace this type', 'R2.3: who cannot replace a type either');
SELECT lives_ok($$ SELECT pg_temp.register('test_mine', 'public.test_own') $$, 'R2.3: but register what is his own');
SELECT pg_temp.make_member('INHERIT FALSE, SET TRUE');
SELECT lives_ok($$ SELECT pg_temp.register('test_mine', 'public.test_handler') $$, 'R2.3: a member who may become the owner can');
SELECT lives_ok($$ SELECT pg_temp.register('test_taken', 'public.test_own') $$, 'R2.3: and replace the type');
SELECT is((SELECT array_agg(name || ' ' || handler ORDER BY name) FROM campaign.job_types WHERE name LIKE 'test\_%'),
    ARRAY['test_mine public.test_handler', 'test_taken public.test_own'], 'R2.3: which then has the new handler');

SELECT * FROM finish();
ROLLBACK;
