-- 80_senders.sql - a sender whose provider takes nothing says so, as long as its session lives.
BEGIN;
SELECT plan(18);

SELECT campaign_create('test', 'hello', ordered => false) AS id \gset
SELECT campaign_upload(:'id', E'+88800000000001\n+88800000000002\n');
SELECT campaign_dispatch(:'id');
-- Nothing has happened to it for a while, and the worker of this server waits for nothing.
DELETE FROM campaign.troubles;
UPDATE campaign.events SET created_at = clock_timestamp() - interval '60 seconds' WHERE campaign_id = :'id';
SELECT campaign.sender_begin('host:1:1', 'one', 'http', '{}', 'host', 'campaign.parallel') AS sender \gset
SELECT campaign.sender_hold(:'sender', ARRAY[:'id'], '{NORMAL}', '{1}', '{2}');
CREATE FUNCTION pg_temp.away() RETURNS interval LANGUAGE sql AS $$
    SELECT date_trunc('second', clock_timestamp() - away_since) FROM campaign_senders() WHERE instance = 'host:1:1'
$$;
CREATE FUNCTION pg_temp.reason(id text) RETURNS text LANGUAGE sql AS $$ SELECT campaign_health(id) ->> 'reason' $$;

SELECT is(pg_temp.away(), NULL, 'R1.4: at first its provider is not away');
SELECT is((campaign_status(:'id') ->> 'sending')::int, 2, 'and it holds something');
SELECT campaign.sender_away(:'sender', 7000, true);
SELECT is(pg_temp.away(), interval '7 seconds', 'R1.4: it says since when its provider is waited for');
SELECT is((campaign_status(:'id') ->> 'sending')::int, 2, 'R5.3: and goes on holding what it holds');
SELECT is(pg_temp.reason(:'id'), 'the SMS provider has taken nothing for 7 s', 'R3.7: that is why the campaign is stuck');
SELECT campaign.sender_away(:'sender', NULL, true);
SELECT is(pg_temp.away(), NULL, 'R1.4: and that it is not any more');
SELECT campaign.sender_away(:'sender', 12000);
SELECT is(pg_temp.away(), interval '12 seconds', 'R1.4: it says since when its provider takes nothing');
SELECT is((campaign_status(:'id') ->> 'sending')::int, 0, 'R5.3: and holds nothing any more');
SELECT is(pg_temp.reason(:'id'), 'the SMS provider has taken nothing for 12 s', 'R3.7: that is why the campaign is stuck');
SELECT campaign.outbox_trouble('campaign.parallel', 'no consumer on campaign.parallel since');
SELECT is(pg_temp.reason(:'id'), 'the SMS provider has taken nothing for 12 s', 'R3.7: and why its queue has no consumer');
SELECT campaign.outbox_trouble('campaign.parallel', NULL);
SELECT campaign.sender_away(:'sender', NULL);
SELECT is(pg_temp.away(), NULL, 'R1.4: it takes messages again');
SELECT matches(pg_temp.reason(:'id'), '^the worker has published nothing of it for', 'R3.7: so it is no reason any more');
SELECT campaign.sender_away(:'sender', 1000);
UPDATE campaign.senders SET session_started_at = session_started_at - interval '1 second' WHERE id = :'sender';
SELECT is(pg_temp.away(), NULL, 'R1.4: what a session has said ends with it');
SELECT campaign.sender_away(:'sender', 2000);
SELECT is((SELECT away_since > clock_timestamp() - interval '1900 milliseconds' FROM campaign.senders WHERE id = :'sender'), true,
    'R1.4: nobody says it for another session');

-- What a sender is busy with has not stalled.
SELECT campaign_create('busy', 'hello', ordered => false) AS busy \gset
SELECT campaign_upload(:'busy', E'+88800000000003\n+88800000000004\n');
SELECT campaign_dispatch(:'busy');
SELECT campaign.outbox_mark(:'busy', 'NORMAL', 0, 2);
SELECT is(campaign_status(:'busy') ->> 'status', 'published', 'a campaign that is published');
SELECT campaign.sender_begin('host:2:2', 'two', 'http', '{}', 'host', 'campaign.parallel') AS second \gset
SELECT campaign.sender_hold(:'second', ARRAY[:'busy'], '{NORMAL}', '{1}', '{2}');
SELECT is(campaign.outbox_rewind(:'busy', 'NORMAL'), NULL, 'R1.4: what a sender is busy with is not published again');
SELECT is(campaign_status(:'busy') ->> 'status', 'published', 'R1.4: and its campaign keeps its status');
SELECT is((campaign_status(:'busy') ->> 'rewinds')::int, 0, 'and its count of rewinds');

SELECT * FROM finish();
ROLLBACK;
