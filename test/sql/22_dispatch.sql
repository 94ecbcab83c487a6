-- The life of a campaign, as far as PostgreSQL alone decides it.
BEGIN;
SELECT plan(21);

CREATE FUNCTION pg_temp.queued() RETURNS text LANGUAGE plpgsql AS $$
DECLARE id text := campaign_create('test', 'hello');
BEGIN
    PERFORM campaign_upload(id, E'5511987654321\n5511987654322');
    PERFORM campaign_dispatch(id);
    RETURN id;
END $$;
CREATE FUNCTION pg_temp.status(id text) RETURNS text LANGUAGE sql AS $$ SELECT campaign_status(id) ->> 'status' $$;

SELECT throws_like($$ SELECT campaign_create('', 'hello') $$, 'campaign name %', 'R0.3: a campaign has a name');
SELECT throws_like($$ SELECT campaign_create('test', '') $$, 'campaign message %', 'R0.3: and a message');
SELECT throws_like($$ SELECT campaign_create('test', repeat('x', 4097)) $$, 'campaign message %', 'R0.3: of bounded length');
SELECT throws_like($$ SELECT campaign_create('test', 'hello', 'nobody') $$, 'company "nobody" %', 'R0.3: of a company that exists');
SELECT throws_like($$ SELECT campaign_create('test', 'hello', NULL, 'nobody') $$, 'user "nobody" %', 'R0.3: by a user who exists');
SELECT throws_ok($$ SELECT campaign_status('nothing') $$, 'P0002', 'campaign "nothing" does not exist', 'an unknown campaign has no status');
SELECT throws_ok(format('SELECT campaign_dispatch(%L)', campaign_create('test', 'hello')), '55000', NULL,
    'R0.14: a campaign without recipients is not dispatched');

CREATE TEMPORARY TABLE one AS SELECT pg_temp.queued() AS id;
SELECT is(pg_temp.status(id), 'queued', 'R0.14: dispatch queues') FROM one;
SELECT throws_ok(format('SELECT campaign_dispatch(%L)', id), '55000',
    format('campaign "%s" is already dispatched: it is queued', id), 'R0.14: once') FROM one;
SELECT throws_ok(format('SELECT campaign_upload(%L, ''5511987654329'')', id), '55000', NULL,
    'R0.11: no other numbers after dispatch') FROM one;
SELECT is(campaign_upload(id, E'5511987654321\n5511987654322') -> 'repeated', 'true',
    'R0.11: the same file is a no-op after dispatch too') FROM one;
SELECT is(campaign_pause(id) ->> 'status', 'paused', 'a queued campaign can be paused') FROM one;
SELECT throws_ok(format('SELECT campaign_pause(%L)', id), '55000', NULL, 'not twice') FROM one;
SELECT is(campaign_resume(id) ->> 'status', 'queued', 'and resumed') FROM one;
SELECT throws_ok(format('SELECT campaign_resume(%L)', id), '55000', NULL, 'not twice either') FROM one;
SELECT is(campaign_cancel(id) ->> 'status', 'cancelled', 'and cancelled') FROM one;
SELECT throws_ok(format('SELECT campaign_resume(%L)', id), '55000', NULL, 'for good') FROM one;

CREATE TEMPORARY TABLE sent AS SELECT campaign_send('test', 'hello', E'5511987654321\n5511987654322') AS id;
SELECT is(campaign_status(id) ->> 'status' || (campaign_status(id) ->> 'total'), 'queued2',
    'R0.12: campaign_send() does it all') FROM sent;
SELECT throws_matching($$ SELECT campaign_send('test', 'hello', 'bad') $$, 'line 1', 'R0.12: or nothing');
SELECT is_empty(
    $$ SELECT source, target FROM unnest(ARRAY['sent', 'cancelled', 'failed']) AS source,
           unnest(ARRAY['draft', 'queued', 'publishing', 'published', 'sent', 'paused']) AS target
       WHERE campaign.transition_allowed(source, target) $$,
    'nothing leads out of sent, cancelled and failed');
SELECT is((SELECT max(c) FROM (SELECT count(*) AS c FROM campaign.campaigns GROUP BY identifier_entropy) AS counts),
    1::bigint, 'every campaign has secrets of its own');

SELECT * FROM finish();
ROLLBACK;
