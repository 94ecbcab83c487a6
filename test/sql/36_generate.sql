-- Generated runs: what is made up, and the job that makes it, a chunk in each step.
BEGIN;
SELECT plan(52);

CREATE FUNCTION pg_temp.records(seed bigint, first bigint, count bigint, vip float8 DEFAULT 25) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(r::text, E'\n') FROM campaign.generated_records(seed, first, count, vip, 1, 1) AS r $$;
-- What the job worker does with a step; NULL if another one follows.
CREATE FUNCTION pg_temp.step(id text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
BEGIN
    UPDATE campaign.jobs j SET status = 'running', attempts = j.attempts + 1, worker_pid = pg_backend_pid() WHERE j.id = step.id;
    answer := campaign.job_generate(id, (SELECT meta FROM campaign.jobs j WHERE j.id = step.id));
    PERFORM campaign.job_finish(id, answer, now());
    RETURN answer;
END $$;

-- The records --------------------------------------------------------------------------------
SELECT is(pg_temp.records(7, 1, 100), pg_temp.records(7, 1, 100), 'R3.1: a seed makes the same records');
SELECT isnt(pg_temp.records(7, 1, 100), pg_temp.records(8, 1, 100), 'R3.1: another one makes others');
SELECT results_eq('SELECT vip, phone_number, attributes FROM campaign.generated_records(7, 41, 10, 25, 1, 1)',
    'SELECT vip, phone_number, attributes FROM campaign.generated_records(7, 1, 50, 25, 1, 1) OFFSET 40',
    'R3.1: whatever the chunks are');
SELECT is(md5(pg_temp.records(42, 1, 1000)), 'b2b4e91d2dba4571ae35a583c9af76b4', 'R3.1: and on every machine');
CREATE TEMPORARY TABLE made AS SELECT * FROM campaign.generated_records(-3, 1, 20000, 25, 101, 201);
SELECT is(count(DISTINCT phone_number), 20000::bigint, 'no number comes twice') FROM made;
SELECT is_empty($$ SELECT phone_number FROM made WHERE phone_number !~ '^\+55[1-9][1-9]9[6-9][0-9]{7}$' $$, 'all are mobile numbers of Brazil');
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM made, jsonb_object_keys(attributes) AS k WHERE seq = 101 AND vip),
    'amount customer id observations status tier', 'R3.1: a record has id, customer, amount, tier, observations and status');
SELECT is_empty($$ SELECT * FROM made WHERE vip <> (attributes ->> 'tier' = 'DIAMOND') $$, 'R3.2: DIAMOND is VIP, and nothing else');
SELECT set_eq($$ SELECT DISTINCT attributes ->> 'tier' FROM made $$, ARRAY['BRONZE', 'SILVER', 'GOLD', 'DIAMOND'], 'R3.1: there are four tiers');
SELECT is_empty($$ SELECT * FROM made WHERE attributes ->> 'status' <> 'pendente' OR attributes ->> 'observations' <> '' $$, 'R3.3: all are pending');
SELECT is_empty($$ SELECT * FROM made WHERE (attributes ->> 'amount')::numeric NOT BETWEEN 5 AND 2505 $$, 'amounts are those of orders');
SELECT is_empty($$ SELECT campaign.attributes_problem(attributes) FROM made WHERE campaign.attributes_problem(attributes) IS NOT NULL $$,
    'MongoDB can hold all of them');
SELECT is_empty($$ SELECT attributes FROM made WHERE attributes::text <> campaign.attributes_canonical(attributes)::jsonb::text $$,
    'and gives them back as they were');
SELECT cmp_ok(abs(count(*) - 5000), '<', 300::bigint, 'as many as asked for are VIP') FROM made WHERE vip;
SELECT results_eq('SELECT vip, min(seq), max(seq) - count(*) FROM made GROUP BY 1 ORDER BY 1',
    'VALUES (false, 201::bigint, 200::bigint), (true, 101, 100)', 'they are numbered by class, without a gap');
SELECT is((SELECT count(*) FROM campaign.generated_records(1, 1, 1000, 0, 1, 1) WHERE vip), 0::bigint, 'none of them');
SELECT is((SELECT count(*) FROM campaign.generated_records(1, 1, 1000, 100, 1, 1) WHERE vip), 1000::bigint, 'or all');
SELECT throws_ok('SELECT * FROM campaign.generated_records(1, 2680000000, 1, 25, 1, 1)', '22023', NULL, 'there are only so many numbers');

-- The job ------------------------------------------------------------------------------------
CREATE TEMPORARY TABLE one AS SELECT campaign_create('generated', 'hello') AS id;
SELECT throws_ok(format('SELECT campaign_generate(%L, %s)', id, q), '22023', NULL, 'no quantity: ' || q) FROM one, unnest(ARRAY['0', 'NULL', '1500001']) AS q;
SELECT throws_ok(format('SELECT campaign_generate(%L, 10, vip_percent => 101)', id), '22023', NULL, 'no share of VIP') FROM one;
SELECT throws_ok(format('SELECT campaign_generate(%L, 10, dispatch => true)', campaign_create('generated', 'Olá {name}')), '55000', NULL, 'R6.8: nor a text that no record can fill, before any is made');
SELECT lives_ok(format('SELECT campaign_generate(%L, 10, dispatch => true)', campaign_create('generated', 'Olá {customer}: {status}, {observations}')), 'R6.8: one that all can is taken');
CREATE TEMPORARY TABLE job AS SELECT campaign_generate(id, 60000, 7, dispatch => true) ->> 'jobId' AS id FROM one;
SELECT is(campaign_run_status(id) -> 'progress', '{"target": 60000, "generated": 0, "processedTotal": 0}', 'R3.4: what is asked for is the target') FROM one;
SELECT is(campaign_run_status(id) ->> 'phase', 'GENERATING', 'R3.5: while it is not there it is being generated') FROM one;
SELECT throws_ok(format('SELECT campaign_generate(%L, 10)', id), '55000', NULL, 'R3.6: a second run is refused') FROM one;
SELECT throws_ok(format('SELECT campaign_dispatch(%L)', id), '55000', NULL, 'nothing is sent before all is there') FROM one;
SELECT throws_ok(format('SELECT campaign_schedule(%L, now())', id), '55000', NULL, 'nor scheduled') FROM one;
SELECT throws_ok(format('SELECT campaign_reset(%L)', id), '55000', NULL, 'R3.6: what is being generated cannot be reset') FROM one;
SELECT throws_matching(format('SELECT %s', replace(call, '?', quote_literal(id))), 'not all of its records are generated', 'R0.11: nothing comes between them, as a later one may be the same number: ' || call)
FROM one, unnest(ARRAY['campaign_upload(?, ''5511955550101''::text)', 'campaign.recipients_add(?, ''{VIP}'', ''{+12025550123}'')']) AS call;
SELECT job_create('pi', '{"digits": 3}') AS other \gset
SELECT is(pg_temp.step(id), NULL, 'a step makes a chunk') FROM job;
SELECT ok((SELECT j.seq FROM campaign.jobs j JOIN job USING (id)) > seq, 'R2.6: and then the others have their turn') FROM campaign.jobs WHERE id = :'other';
SELECT is(job_get(id) - '{id,type,meta,run_at,created_at,started_at,max_attempts,interruptions,priority,cancel_requested,error,error_code}'::text[],
    '{"status": "waiting", "progress": 41, "attempts": 0, "result": null, "finished_at": null}', 'and the job waits for the next one') FROM job;
SELECT throws_ok(format('SELECT campaign_dispatch(%L)', id), '55000', NULL, 'a part of it is not sent either') FROM one;
SELECT throws_matching(format('SELECT campaign_upload(%L, ''5511955550101''::text)', id), 'not all of its records are generated', 'nor mixed with others') FROM one;
SELECT is(pg_temp.step(id), NULL, 'the next step') FROM job;
SELECT is(pg_temp.step(id) -> 'generated', '60000', 'the last one') FROM job;
SELECT is(job_get(id) ->> 'status', 'finished', 'ends the job') FROM job;
SELECT is(campaign_status(id) ->> 'status', 'queued', 'and dispatches the campaign') FROM one;
SELECT results_eq($$ SELECT r.phone_number COLLATE "default", r.attributes FROM campaign.recipients r WHERE r.campaign_id = (SELECT id FROM one) ORDER BY (r.attributes ->> 'id')::bigint $$,
    'SELECT phone_number, attributes FROM campaign.generated_records(7, 1, 60000, 25, 1, 1)', 'R3.1: all of them are there, as the seed has them');

CREATE TEMPORARY TABLE two AS SELECT campaign_create('generated', 'hello') AS id;
CREATE TEMPORARY TABLE job_two AS SELECT campaign_generate(id, 30000) ->> 'jobId' AS id FROM two;
SELECT pg_temp.step(id) FROM job_two;
SELECT job_cancel(id) FROM job_two;
SELECT is(campaign_run_status(id) ->> 'phase', 'ABORTED', 'R3.6: whoever cancels the job aborts the run') FROM two;
SELECT is(campaign_run_status(id) -> 'progress', '{"target": 30000, "generated": 25000, "processedTotal": 0}', 'R3.4: what is there stays, and what was asked for') FROM two;
SELECT throws_matching(format('SELECT campaign_upload(%L, ''5511955550101''::text)', id), 'not all of its records are generated', 'R0.11: the job may be tried again: until then nothing comes between') FROM two;
SELECT campaign_reset(id) FROM two;
SELECT is(campaign_run_status(two.id) - '{lastRunId}'::text[], campaign_run_status(empty.id) - '{lastRunId}'::text[], 'R3.6: a reset draft is as new') FROM two, (SELECT campaign_create('empty', 'hello') AS id) AS empty;
SELECT is((SELECT h ->> 'phase' FROM campaign_runs(two.id) AS h WHERE h ->> 'archivedAt' IS NOT NULL), 'ABORTED', 'R3.6: and the run stays in the history') FROM two;
CREATE TEMPORARY TABLE three AS SELECT campaign_create('generated', 'hello') AS id;
CREATE TEMPORARY TABLE job_three AS SELECT campaign_generate(id, 30000) ->> 'jobId' AS id FROM three;
SELECT campaign_cancel(id) FROM three;
SELECT is(pg_temp.step(id) ->> 'stopped', 'the campaign is no draft any more', 'a cancelled campaign gets no more records') FROM job_three;
CREATE TEMPORARY TABLE four AS SELECT campaign_create('generated', 'hello') AS id;
CREATE TEMPORARY TABLE job_four AS SELECT campaign_generate(id, 10, 7) ->> 'jobId' AS id FROM four;
SELECT pg_temp.step(id) FROM job_four;
SELECT throws_ok(format('SELECT campaign_upload(%L, E''phone,name\n5511955550101,Ana\n''::text)', id), '55000', NULL, 'R3.3: a generated run takes no attributes of others') FROM four;
SELECT throws_ok(format('SELECT campaign.recipients_add(%L, ''{VIP}'', ''{+12025550123}'', NULL, ARRAY[jsonb_build_object(''a'', repeat(''x'', 4080))])', id), '22023', NULL, 'R3.3: nor attributes that are too large once they are sent') FROM four;
SELECT is(campaign_upload(four.id, r.phone_number) - '{errors,countries}'::text[], '{"accepted": 0, "duplicates": 1, "invalid": 0, "assumed": 0}', 'R0.11: a number that was generated is a duplicate')
FROM four, campaign.recipients r WHERE r.campaign_id = four.id AND r.class = 'NORMAL' AND r.seq = 1;
SELECT throws_ok($$ SELECT job_create('generate', '{"campaign_id": "x"}') $$, '22023', NULL, 'jobs of this type come from campaign_generate()');

SELECT * FROM finish();
ROLLBACK;
