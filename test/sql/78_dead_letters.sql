-- 78_dead_letters.sql - dead letters: taken over, listed, discarded.
BEGIN;
SELECT plan(37);
\ir ../support/campaigns.sql

-- A body as park.c makes it.
CREATE FUNCTION pg_temp.body(id text, seq bigint) RETURNS bytea LANGUAGE sql AS $$
    SELECT convert_to(format('{"version":1,"campaign_id":"%s","class":"NORMAL","total":9,"first_seq":%s,"message":"hello","recipients":[{"identifier":"abcdefghijklmnopqrstuvwx","phone_number":"+8880000%s"}]}', id, seq, lpad(seq::text, 7, '0')), 'UTF8')
$$;
CREATE FUNCTION pg_temp.take(body bytea, envelope jsonb DEFAULT '{"routing_key": "campaign.messages.1", "headers": {"reason": "why", "queue": "campaign.messages.1"}}',
    redelivered boolean DEFAULT false) RETURNS integer LANGUAGE sql AS $$
    SELECT campaign.outbox_dead_take(envelope, redelivered, octet_length(body), body)
$$;

SELECT pg_temp.dispatched(0, 9) AS id \gset
SELECT is(pg_temp.take(pg_temp.body(:'id', 2)), 9999, 'R5.3: a dead letter is taken over, and there is room for more');
SELECT results_eq(
    $$ SELECT state, campaign, class, first_seq, recipients, queue, reason, times FROM campaign_dead_letters() $$,
    format($$ VALUES ('waiting', %L, 'NORMAL', 2::bigint, 1, 'campaign.messages.1', 'why', 1) $$, :'id'),
    'R5.3: it is listed with reason, origin and campaign');
SELECT matches((SELECT head FROM campaign_dead_letters()), '^\{"version":1,"campaign_id"', 'and how it begins');

SELECT pg_temp.take(pg_temp.body(:'id', 2), redelivered => true);
SELECT is((SELECT array_agg(times) FROM campaign_dead_letters()), '{1}', 'one that is delivered again, after a crash before the acknowledgement, is the same');
SELECT pg_temp.take(pg_temp.body(:'id', 2), redelivered => true, envelope => '{"routing_key": "campaign.messages.1", "headers": {"reason": "why", "queue": "campaign.messages.1", "x-delivery-count": 1, "x-acquired-count": 2}}');
SELECT is((SELECT array_agg(times) FROM campaign_dead_letters()), '{1}', 'whatever RabbitMQ has counted in its headers');
SELECT pg_temp.take(pg_temp.body(:'id', 2));
SELECT is((SELECT array_agg(times) FROM campaign_dead_letters()), '{2}', 'one that is published twice is counted');
SELECT pg_temp.take(pg_temp.body(:'id', 2), '{"routing_key": "campaign.messages.1", "headers": {"reason": "another", "queue": "campaign.messages.1"}}');
SELECT is((SELECT count(*) FROM campaign_dead_letters()), 2::bigint, 'with another reason it is another one');

-- Whatever the body is.
SELECT lives_ok(format('SELECT pg_temp.take(%L)', bad), 'a body of any kind is taken over') FROM (VALUES
    (''::bytea), ('\x00ff'::bytea), ('null'::bytea), ('[]'::bytea), ('{"class":"NORMAL","recipients":[],"campaign_id":"a"}'::bytea),
    ('{"class":"NORMAL","recipients":[null],"first_seq":1e99}'::bytea), (convert_to(repeat('[', 60000), 'UTF8'))) AS b (bad);
SELECT is((SELECT count(*) FROM campaign_dead_letters() WHERE campaign IS NULL), 7::bigint, 'and belongs to no campaign');
SELECT pg_temp.take(pg_temp.body('nosuchcampaign', 1));
SELECT is((SELECT count(*) FROM campaign_dead_letters() WHERE campaign IS NULL), 8::bigint, 'nor does that of a campaign that is not there');

-- What RabbitMQ gives up itself.
SELECT pg_temp.take('limit', '{"routing_key": "x", "headers": {"x-death": [{"reason": "delivery_limit", "queue": "campaign.parallel", "count": 1}]}}');
SELECT results_eq($$ SELECT queue, reason FROM campaign_dead_letters() WHERE head = 'limit' $$,
    $$ VALUES ('campaign.parallel', 'RabbitMQ gave it up: it was delivered too often (delivery_limit)') $$, 'R5.3: x-death says why and where');
SELECT pg_temp.take('rejected', '{"routing_key": "campaign.messages.0", "headers": {"x-death": [{"reason": "rejected"}]}}');
SELECT results_eq($$ SELECT queue, reason FROM campaign_dead_letters() WHERE head = 'rejected' $$,
    $$ VALUES ('campaign.messages.0', 'a consumer rejected it without a reason') $$, 'or the routing key does');
SELECT pg_temp.take('none', '{"headers": {}}');
SELECT is((SELECT reason FROM campaign_dead_letters() WHERE head = 'none'), 'no reason was given', 'or nobody does');

-- Pages.
SELECT is((SELECT array_agg(id) FROM (SELECT id FROM campaign_dead_letters(rows => 3) UNION ALL
    SELECT id FROM campaign_dead_letters(rows => 10000, after_id => (SELECT max(id) FROM campaign_dead_letters(rows => 3)))) AS pages),
    (SELECT array_agg(id) FROM campaign_dead_letters()), 'pages follow one another');
SELECT is((SELECT count(*) FROM campaign_dead_letters(:'id')), 2::bigint, 'those of a campaign');
SELECT is(campaign_health(:'id') ->> 'deadLetters', '2', 'R3.7: its health names them');
DELETE FROM campaign.troubles t WHERE t.subject = 'campaign.dead';
SELECT matches(campaign_health(:'id') ->> 'reason', '; 2 dead letters: see campaign_dead_letters\(\)$', 'R3.7: and says nothing of room that there is');
SELECT campaign.trouble_note('worker', 'campaign.dead', 'there is no room for more dead letters since', clock_timestamp() - interval '12 s');
SELECT matches(campaign_health(:'id') ->> 'reason', '; there is no room for more since 12 s$', 'R5.3: until there is none');
DELETE FROM campaign.troubles t WHERE t.subject = 'campaign.dead';

-- Discarding.
SELECT id AS one FROM campaign_dead_letters(:'id') LIMIT 1 \gset
SELECT throws_ok(format('SELECT campaign_dead_discard(%L, %L)', ARRAY[:'one'], ' '), '22023', 'reason is missing or longer than 500 characters', 'R5.3: it is not discarded without a reason');
SELECT throws_ok('SELECT campaign_dead_discard(ARRAY[0], ''x'')', 'P0002', 'dead letter 0 does not exist', 'nor is what is not there');
SELECT is(campaign_dead_discard(ARRAY[:'one'::bigint], 'not worth it'), 1, 'R5.3: one is discarded');
SELECT is((SELECT concat_ws('|', state, decided_by, decision, head) FROM campaign_dead_letters(:'id', '{discarded}')),
    'discarded|' || current_user || '|not worth it', 'who and why is kept; the body is not');

-- A flood: one is left of the room.
INSERT INTO campaign.dead_letters (queue, reason, size, digest, envelope, body)
SELECT '', '', 0, int8send(n), '{}', '' FROM generate_series(1, 9999 - (SELECT count(*) FROM campaign.dead_letters WHERE body IS NOT NULL)) AS n;
SELECT is(campaign.outbox_dead_room(), 1, 'there is room for one');
SELECT is(pg_temp.take('last'), 0, 'it is taken over, and then there is none');
SELECT is(pg_temp.take('more'), -1, 'the next one is not: it stays in the queue');
SELECT is(pg_temp.take('last'), 0, 'one that is known takes no room');
SELECT is((SELECT count(*) FROM campaign.dead_letters WHERE body = 'more'), 0::bigint, 'nothing of it is kept');
SELECT campaign_dead_discard(ARRAY(SELECT id FROM campaign_dead_letters(:'id')), 'to make room');
SELECT is(pg_temp.take('more'), 0, 'a discarded one makes room for it');
-- The worker knows how much there was.
SELECT is(campaign.outbox_dead_take('{}', false, 1, 'x', 7), 6, 'what is known of the room is not counted again');
SELECT is(campaign.outbox_dead_take('{}', false, 1, 'x', 7), 7, 'nor is there less of it for one that is known');
DELETE FROM campaign.dead_letters WHERE reason = '';
SELECT cmp_ok(campaign.outbox_dead_take('{}', false, 1, 'y', 1), '>', 9000, 'but before it is at its end, others may have made some');
SELECT * FROM finish();
ROLLBACK;
