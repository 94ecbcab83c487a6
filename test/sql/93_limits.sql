-- How long requests over HTTP may take.
BEGIN;
SELECT plan(7);

SELECT is_empty(
    $$ SELECT r, setting
       FROM unnest(ARRAY['campaign_anon', 'campaign_user', 'campaign_app']) AS r,
           unnest(ARRAY['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) AS setting
       WHERE NOT EXISTS (SELECT FROM pg_roles p, unnest(p.rolconfig) AS line
           WHERE p.rolname = r AND split_part(line, '=', 1) = setting
             AND split_part(line, '=', 2)::interval BETWEEN interval '1 second' AND interval '39 seconds') $$,
    'R7.2: every role of requests has all limits, and three times of them is less than nginx waits');

SELECT set_config('statement_timeout', '30s', true);
SELECT set_config('request.path', '/rpc/campaign_dispatch', true);
SELECT campaign.api_more_time();
SELECT is(current_setting('statement_timeout'), '30s', 'R7.2: a request has the time of its role');
SELECT set_config('request.path', '/rpc/campaign_upload', true);
SELECT campaign.api_more_time();
SELECT is(current_setting('statement_timeout'), '90s', 'one with numbers has three times as much');
SELECT set_config('statement_timeout', '30s', true);
SELECT set_config('request.path', '/rpc/campaign_form', true);
SELECT campaign.api_more_time();
SELECT is(current_setting('statement_timeout'), '90s', 'and so has a form');
SELECT set_config('statement_timeout', '30s', true);
SELECT set_config('request.path', '/rpc/campaign_retry_failed', true);
SELECT campaign.api_more_time();
SELECT is(current_setting('statement_timeout'), '90s', 'one that copies numbers, too');
SELECT set_config('statement_timeout', '30s', true);
SELECT set_config('request.path', '/rpc/campaign_dispatch_zones', true);
SELECT campaign.api_more_time();
SELECT is(current_setting('statement_timeout'), '90s', 'and one that shares them out');
SELECT set_config('statement_timeout', '0', true);
SELECT campaign.api_more_time();
SELECT is(current_setting('statement_timeout'), '0', 'none stays none');

SELECT * FROM finish();
ROLLBACK;
