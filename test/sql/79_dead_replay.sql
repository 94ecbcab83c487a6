-- 79_dead_replay.sql - dead letters that are published again, and what becomes of them.
BEGIN;
SELECT plan(84);
\ir ../support/campaigns.sql

CREATE FUNCTION pg_temp.body(id text, VARIADIC seqs bigint[]) RETURNS bytea LANGUAGE sql AS $$
    SELECT convert_to(jsonb_build_object('version', 1, 'campaign_id', id, 'class', 'NORMAL', 'total', 9, 'first_seq', seqs[1], 'message', 'hello', 'recipients',
        (SELECT jsonb_agg(jsonb_build_object('identifier', 'abcdefghijklmnopqrstuvwx', 'phone_number', '+8880000' || lpad(s::text, 7, '0'))) FROM unnest(seqs) AS s))::text, 'UTF8')
$$;
-- Takes one over and returns its id.
CREATE FUNCTION pg_temp.letter(body bytea, headers jsonb DEFAULT '{}', queue text DEFAULT 'campaign.messages.1') RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM campaign.outbox_dead_take(jsonb_build_object('routing_key', queue, 'content_type', 'application/json', 'headers', headers || '{"reason": "why"}'), false, octet_length(body), body);
    RETURN (SELECT max(id) FROM campaign.dead_letters);
END $$;
CREATE FUNCTION pg_temp.report(id text, first_seq bigint, last_seq bigint) RETURNS void LANGUAGE sql AS $$
    SELECT campaign.report_stored(ARRAY[id], '{NORMAL}', ARRAY[first_seq], ARRAY[last_seq])
$$;
CREATE FUNCTION pg_temp.state(letter bigint) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', d.state, CASE WHEN d.body IS NULL THEN 'empty' END) FROM campaign.dead_letters d WHERE d.id = letter
$$;
CREATE FUNCTION pg_temp.counts(id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s ->> 'status', s ->> 'stored', s ->> 'failed') FROM campaign_status(id) AS s
$$;

-- A campaign whose second and third recipients MongoDB has refused.
SELECT pg_temp.dispatched(0, 9) AS id \gset
SELECT pg_temp.letter(pg_temp.body(:'id', 2), '{"count": 1, "class": "NORMAL", "x-death": [], "odd": 1.5}') AS two, pg_temp.letter(pg_temp.body(:'id', 3)) AS three \gset
SELECT campaign.report_conflict(:'id', 'NORMAL', seq, 'refused') FROM unnest(ARRAY[2, 3]) AS seq;
SELECT pg_temp.report(:'id', 1, 5);
SELECT throws_ok(format('SELECT campaign_dead_replay(ARRAY[%s])', :'two'), '55000', format('campaign "%s" is queued: its recipients can be replayed once it is sent or has failed', :'id'),
    'R5.3: while a campaign runs, a pause could take the recipient out of the queue unseen');
UPDATE campaign.dead_letters SET envelope = envelope #- '{headers,reason}' WHERE id = :'two';
SELECT throws_ok(format('SELECT campaign_dead_replay(ARRAY[%s])', :'two'), '55000', format('campaign "%s" is queued: its recipients can be replayed once it is sent or has failed', :'id'),
    'and one that the broker gave up, neither');
UPDATE campaign.dead_letters SET envelope = jsonb_set(envelope, '{headers,reason}', '"why"') WHERE id = :'two';
SELECT pg_temp.report(:'id', 6, 9);
SELECT is(pg_temp.counts(:'id'), 'failed 7 2', 'it is over, and two have failed');

SELECT is(campaign_dead_replay(ARRAY[:'two'::bigint], 'rule repaired'), 1, 'R5.3: one is replayed');
SELECT is(pg_temp.counts(:'id'), 'failed 7 1', 'and counts neither as stored nor as failed');
SELECT is(campaign_health(:'id') ->> 'deadLetters', '2', 'it is still to be looked after');
SELECT is(campaign_dead_replay(ARRAY[:'two'::bigint]), 0, 'R5.3: the same once more changes nothing');
SELECT is((SELECT concat_ws('|', d.decided_by, d.decision) FROM campaign_dead_letters(states => '{replaying}') AS d), current_user || '|rule repaired', 'who and why is kept');
SELECT results_eq('SELECT id, queue, content_type, type, names, kinds, texts, body FROM campaign.outbox_dead_next()',
    format($$ VALUES (%s::bigint, 'campaign.parallel', 'application/json', '', '{class,count}'::text[], '{string,number}'::text[], '{NORMAL,1}'::text[], pg_temp.body(%L, 2)) $$, :'two', :'id'),
    'the worker gets it with the headers that it had; its own queue has passed it');
SELECT is_empty(format('SELECT campaign.outbox_dead_next(%s)', :'two'), 'behind one that RabbitMQ refuses comes the next one');
SELECT campaign.outbox_dead_done(:'two');
SELECT is(pg_temp.state(:'two'), 'replayed', 'once the broker has it, its body is kept until MongoDB has it');
SELECT is_empty('SELECT campaign.outbox_dead_next()', 'and there is no other one');
SELECT is(campaign_dead_replay(ARRAY[:'two'::bigint]), 1, 'R5.3: it can be replayed again: somebody may have purged the queue');
CREATE FUNCTION pg_temp.next(waiting text, recipients bigint, ms bigint) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', n.id, n.campaign_id, n.recipients, n.rate_thousandths) FROM campaign.outbox_dead_next(0, ARRAY[waiting], ARRAY[recipients], ARRAY[ms]) AS n
$$;
UPDATE campaign.campaigns SET per_second = 2 WHERE campaigns.id = :'id';
SELECT is(pg_temp.next(:'id', 3, 1499), NULL, 'R5.4: behind one with three recipients, at two a second it waits for a second and a half');
SELECT is(pg_temp.next(:'id', 3, 1500), format('%s %s 1 2000', :'two', :'id'), 'R5.4: and no longer');
SELECT is(pg_temp.next('another', 3, 0), format('%s %s 1 2000', :'two', :'id'), 'R5.4: nor because another campaign does');
CREATE FUNCTION pg_temp.next_beside(waiting text[]) RETURNS SETOF bigint LANGUAGE sql AS $$
    SELECT n.id FROM campaign.outbox_dead_next(0, waiting, array_fill(3::bigint, ARRAY[cardinality(waiting)]), array_fill(0::bigint, ARRAY[cardinality(waiting)])) AS n
$$;
SELECT is_empty(format('SELECT pg_temp.next_beside(ARRAY(SELECT ''other'' || n FROM generate_series(1, 2000) AS n) || %L::text)', :'id'), 'R5.4: it waits among any number of others');
SELECT pg_temp.letter('rubbish') AS rubbish \gset
UPDATE campaign.dead_letters d SET state = 'replaying' WHERE d.id = :'rubbish';
SELECT results_eq(format('SELECT pg_temp.next_beside(ARRAY[%L])', :'id'), ARRAY[:'rubbish'::bigint], 'R5.4: what belongs to no campaign waits for none');
DELETE FROM campaign.dead_letters d WHERE d.id = :'rubbish';
UPDATE campaign.campaigns SET per_second = NULL WHERE campaigns.id = :'id';
SELECT is(pg_temp.next(:'id', 3, 0), format('%s %s 1 0', :'two', :'id'), 'R5.4: nor once its limit is gone');
SELECT campaign.outbox_dead_done(:'two');

SELECT pg_temp.report(:'id', 1, 9);
SELECT is(pg_temp.state(:'two'), 'replayed', 'a report of an old batch does not say that it is stored');
SELECT pg_temp.report(:'id', 2, 2);
SELECT is(pg_temp.state(:'two'), 'stored empty', 'R5.3: one of its own does');
SELECT is(pg_temp.counts(:'id'), 'failed 8 1', 'it counts as stored; the campaign stays what it was');
SELECT campaign.outbox_dead_done(:'two');
SELECT is(pg_temp.state(:'two'), 'stored empty', 'a confirm that comes later changes nothing');
SELECT campaign.report_conflict(:'id', 'NORMAL', 2, 'again');
SELECT is(pg_temp.counts(:'id'), 'failed 8 1', 'R7.1: nor does a conflict');

-- Refused again: the consumer publishes a dead letter, reports the conflict, and then the batch.
SELECT campaign_dead_replay(ARRAY[:'three'::bigint]);
SELECT campaign.outbox_dead_done(:'three');
SELECT pg_temp.letter(pg_temp.body(:'id', 3)) AS again \gset
SELECT isnt(:'again'::bigint, :'three'::bigint, 'R5.3: what is refused again is another dead letter');
SELECT campaign.report_conflict(:'id', 'NORMAL', 3, 'refused');
SELECT pg_temp.report(:'id', 3, 3);
SELECT is(pg_temp.state(:'three'), 'refused empty', 'of which the first one knows');
SELECT is(pg_temp.counts(:'id'), 'failed 8 1', 'and counts as failed again');
SELECT is(pg_temp.state(:'again'), 'waiting', 'the second one waits');

-- The same, and somebody is faster than the report of the batch.
SELECT pg_temp.dispatched(0, 3) AS quick \gset
SELECT pg_temp.letter(pg_temp.body(:'quick', 1)) AS one \gset
SELECT throws_ok(format('SELECT campaign_dead_replay(ARRAY[%s])', :'one'), '55000', format('campaign "%s" is queued: its recipients can be replayed once it is sent or has failed', :'quick'),
    'R5.3: a dead letter is listed before its recipient is reported as failed: nobody replays it in between');
SELECT campaign.report_conflict(:'quick', 'NORMAL', 1, 'refused');
SELECT pg_temp.report(:'quick', 1, 3);
SELECT campaign_dead_replay(ARRAY[:'one'::bigint]);
SELECT campaign.outbox_dead_done(:'one');
SELECT pg_temp.letter(pg_temp.body(:'quick', 1)) AS two \gset
CREATE FUNCTION pg_temp.throws_unsettled(letter bigint, earlier bigint, what text) RETURNS text LANGUAGE sql AS $$
    SELECT throws_ok(format('SELECT campaign_dead_replay(ARRAY[%s])', letter), '55000', format('dead letter %s came of the replay of %s, which is not settled yet', letter, earlier), what)
$$;
SELECT pg_temp.throws_unsettled(:'two', :'one', 'R5.3: refused again, it waits for the report');
SELECT campaign.report_conflict(:'quick', 'NORMAL', 1, 'refused');
SELECT pg_temp.throws_unsettled(:'two', :'one', 'R5.3: of the whole batch: else that would say that it is stored');
SELECT is(campaign_dead_replay(ARRAY[:'one'::bigint]), 1, 'R5.3: the first one may go once more');
SELECT campaign.outbox_dead_done(:'one');
SELECT campaign_dead_discard(ARRAY[:'one'::bigint], 'tired of it');
SELECT pg_temp.throws_unsettled(:'two', :'one', 'R5.3: given up, its report is still to come');
SELECT pg_temp.report(:'quick', 1, 1);
SELECT is(pg_temp.counts(:'quick') || ' ' || pg_temp.state(:'one'), 'failed 2 1 discarded empty', 'R5.3: and does not say that it is stored');
SELECT is(campaign_dead_replay(ARRAY[:'two'::bigint]), 1, 'R5.3: then the second one goes');
SELECT campaign.outbox_dead_done(:'two');
SELECT campaign_dead_discard(ARRAY[:'two'::bigint], 'again');
SELECT pg_temp.letter(pg_temp.body(:'quick', 1)) AS three \gset
SELECT pg_temp.throws_unsettled(:'three', :'two', 'R5.3: given up before it is refused, it is awaited all the same');
SELECT campaign.report_conflict(:'quick', 'NORMAL', 1, 'refused');
SELECT pg_temp.throws_unsettled(:'three', :'two', 'R5.3: until the report of the batch');
SELECT pg_temp.report(:'quick', 1, 1);
SELECT is(pg_temp.counts(:'quick') || ' ' || pg_temp.state(:'two'), 'failed 2 1 discarded empty', 'R5.3: which says that it has failed');
SELECT campaign_dead_replay(ARRAY[:'three'::bigint]);
SELECT pg_temp.report(:'quick', 1, 1);
SELECT is(pg_temp.counts(:'quick') || ' ' || pg_temp.state(:'three'), 'failed 3 0 stored empty', 'R5.3: the last one is stored');

-- Senders never send again what was decided; this was not sent.
UPDATE campaign.progress SET decided = '{[1,10)}' WHERE campaign_id = :'id';
SELECT campaign_dead_replay(ARRAY[:'again'::bigint]);
SELECT is((SELECT decided FROM campaign.progress WHERE campaign_id = :'id'), '{[1,3),[4,10)}', 'R5.3: a sender may send it');
-- Opted out before the worker publishes it.
SELECT suppression_add('+88800000000003');
SELECT is_empty('SELECT campaign.outbox_dead_next()', 'R6.10: who has opted out meanwhile gets nothing');
SELECT is(pg_temp.state(:'again'), 'discarded empty', 'the dead letter is given up');
SELECT is((SELECT s ->> 'suppressed' FROM campaign_status(:'id') AS s), '1', 'and the recipient left out');
SELECT is(campaign_health(:'id') ->> 'deadLetters', '0', 'R3.7: nothing is left to be looked after');

-- A batch that was never reported is published as it was, and PostgreSQL has its rows anyway.
SELECT pg_temp.dispatched(0, 9) AS id \gset
SELECT pg_temp.letter(pg_temp.body(:'id', 4, 5), queue => 'campaign.messages.2') AS batch \gset
SELECT campaign_dead_replay(ARRAY[:'batch'::bigint]);
SELECT results_eq('SELECT id, queue FROM campaign.outbox_dead_next()', format($$ VALUES (%s::bigint, 'campaign.messages.2') $$, :'batch'), 'R5.3: a batch goes back to its queue');
SELECT campaign.outbox_dead_done(:'batch');
SELECT is(pg_temp.state(:'batch'), 'replayed empty', 'the broker has it: that is all');
SELECT is(campaign_dead_replay(ARRAY[:'batch'::bigint]), 0, 'R5.3: it is not replayed again');
SELECT is(pg_temp.counts(:'id'), 'queued 0 0', 'its campaign is what it was');
SELECT suppression_add('+88800000000005');
SELECT pg_temp.letter(pg_temp.body(:'id', 5, 6)) AS batch \gset
SELECT campaign_dead_replay(ARRAY[:'batch'::bigint]);
SELECT is_empty('SELECT campaign.outbox_dead_next()', 'R6.10: a batch with somebody who has opted out does not go back');

-- Conflicts of a campaign that was cancelled stay.
SELECT pg_temp.letter(pg_temp.body(:'id', 1)) AS one \gset
SELECT campaign.report_conflict(:'id', 'NORMAL', 1, 'refused');
SELECT campaign_cancel(:'id');
SELECT throws_ok(format('SELECT campaign_dead_replay(ARRAY[%s])', :'one'), '55000', NULL, 'R2.6: nothing of a cancelled campaign is sent');
SELECT pg_temp.dispatched(0, 1) AS late \gset
SELECT pg_temp.letter(pg_temp.body(:'late', 1)) AS letter \gset
SELECT campaign.report_conflict(:'late', 'NORMAL', 1, 'refused');
UPDATE campaign.campaigns SET valid_until = clock_timestamp() WHERE campaigns.id = :'late';
SELECT throws_ok(format('SELECT campaign_dead_replay(ARRAY[%s])', :'letter'), '55000', format('dead letter %s would be late: the deadline of campaign %s has passed', :'letter', :'late'),
    'R5.3: nor behind its deadline');
-- It passes when somebody has replayed it already.
SELECT pg_temp.dispatched(0, 4) AS late \gset
SELECT array_agg(pg_temp.letter(pg_temp.body(:'late', seq)) ORDER BY seq) AS late_letters FROM generate_series(1, 3) AS seq \gset
SELECT (:'late_letters'::bigint[])[1] AS one, (:'late_letters'::bigint[])[2] AS two, (:'late_letters'::bigint[])[3] AS three \gset
SELECT campaign.report_conflict(:'late', 'NORMAL', seq, 'refused') FROM generate_series(1, 3) AS seq;
SELECT pg_temp.report(:'late', 1, 4);
UPDATE campaign.progress SET decided = '{[1,5)}' WHERE campaign_id = :'late';
SELECT campaign_dead_replay(:'late_letters'::bigint[]);
SELECT campaign.outbox_dead_done(:'one');
SELECT campaign.outbox_dead_done(:'three');
UPDATE campaign.campaigns SET valid_until = clock_timestamp() WHERE campaigns.id = :'late';
SELECT is_empty('SELECT campaign.outbox_dead_next()', 'R5.3: behind the deadline a recipient is not published again');
SELECT is((SELECT concat_ws('|', d.state, d.decision) FROM campaign_dead_letters(:'late', '{discarded}') AS d), 'discarded|not replayed: its deadline has passed', 'the dead letter is given up');
SELECT is((SELECT s ->> 'expired' FROM campaign_status(:'late') AS s), '1', 'R5.3: and the recipient has expired');
SELECT is(pg_temp.counts(:'late'), 'failed 1 0', 'those that RabbitMQ has are open');
SELECT is(campaign_dead_discard(ARRAY[:'one'::bigint, :'three'::bigint], 'the consumer has dropped them'), 2, 'R5.3: a replayed recipient can be given up');
SELECT is(pg_temp.counts(:'late'), 'failed 1 2', 'and counts as failed again');
SELECT is((SELECT concat_ws(' ', stored, decided) FROM campaign.progress WHERE campaign_id = :'late'), '{[1,5)} {[4,5)}', 'and as done, of which no sender has said how it ended');
SELECT is(campaign_health(:'late') ->> 'deadLetters', '0', 'R3.7: nothing is left to be looked after');
SELECT campaign.report_conflict(:'late', 'NORMAL', 1, 'refused');
SELECT pg_temp.report(:'late', 1, 1);
SELECT is(pg_temp.counts(:'late') || ' ' || pg_temp.state(:'one'), 'failed 1 2 discarded empty', 'R5.3: refused after that, it has failed all the same');
SELECT pg_temp.report(:'late', 3, 3);
SELECT is(pg_temp.counts(:'late') || ' ' || pg_temp.state(:'three'), 'failed 2 1 stored empty', 'R5.3: what MongoDB has was sent, although it was given up');
SELECT pg_temp.report(:'late', 2, 2);
SELECT is((SELECT concat_ws(' ', s ->> 'stored', s ->> 'expired', s ->> 'suppressed') FROM campaign_status(:'late') AS s), '3 0 0', 'and what had expired too');
SELECT is(campaign_dead_discard(ARRAY[:'two'::bigint], 'too late'), 0, 'which cannot be given up any more');

-- Deleted, before somebody replays it and after that.
CREATE FUNCTION pg_temp.refused_one() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    id text := pg_temp.dispatched(0, 1);
    letter bigint := pg_temp.letter(pg_temp.body(id, 1));
BEGIN
    PERFORM campaign.report_conflict(id, 'NORMAL', 1, 'refused');
    PERFORM pg_temp.report(id, 1, 1);
    RETURN letter;
END $$;
INSERT INTO campaign.companies (id, name, document) VALUES ('padaria', 'Padaria', '79A');
SELECT pg_temp.refused_one() AS hidden, pg_temp.refused_one() AS orphan \gset
UPDATE campaign.campaigns c SET company_id = 'padaria' FROM campaign.dead_letters d WHERE d.id = :'orphan' AND c.id = d.campaign_id;
SELECT campaign_dead_replay(ARRAY[:'hidden'::bigint, :'orphan'::bigint]);
UPDATE campaign.campaigns c SET deleted = true FROM campaign.dead_letters d WHERE d.id = :'hidden' AND c.id = d.campaign_id;
UPDATE campaign.companies SET deleted = true WHERE id = 'padaria';
SELECT is_empty('SELECT campaign.outbox_dead_next()', 'R0.9: nothing of a deleted campaign is published again, nor of a deleted company');
SELECT results_eq(format('SELECT state, decision FROM campaign.dead_letters WHERE id IN (%s, %s)', :'hidden', :'orphan'),
    $$ SELECT 'discarded', 'not replayed: its campaign is deleted' FROM generate_series(1, 2) $$, 'R0.9: the dead letters are given up');
SELECT is((SELECT pg_temp.counts(d.campaign_id) FROM campaign.dead_letters d WHERE d.id = :'orphan'), 'failed 0 1', 'and the recipient has failed as before');
SELECT pg_temp.refused_one() AS hidden \gset
UPDATE campaign.campaigns c SET deleted = true FROM campaign.dead_letters d WHERE d.id = :'hidden' AND c.id = d.campaign_id;
SELECT throws_ok(format('SELECT campaign_dead_replay(ARRAY[%s])', :'hidden'), '55000', format('dead letter %s is of a campaign that is deleted', :'hidden'), 'R0.9: nor is it replayed');
SELECT is(campaign_dead_discard(ARRAY[:'hidden'::bigint], 'deleted'), 1, 'it can be discarded');

-- Senders: what became of a replay is reported by one, and stays decided, though nobody else was ------------
CREATE FUNCTION pg_temp.report_by(sender text, id text, seq bigint, state text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    SELECT campaign.report_fates(ARRAY[id], '{NORMAL}', ARRAY[seq], ARRAY[seq], ARRAY[id], '{f}', sender, CASE WHEN state IS NULL THEN '[]' ELSE
        jsonb_build_array(jsonb_build_object('campaign', id, 'class', 'NORMAL', 'seq', seq, 'state', state, 'code', 'x', 'text', 'x', 'attempts', 1)) END, 1, 0, 1)
$$;
CREATE FUNCTION pg_temp.decided(sender text, id text, first_seq bigint, last_seq bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(h.first_seq || '-' || h.last_seq, ' ') FROM campaign.sender_hold(sender, ARRAY[id], '{NORMAL}', ARRAY[first_seq], ARRAY[last_seq]) AS h
$$;
SELECT campaign.sender_begin('host:1:1', 'one', 'simulate', '{}', 'host', 'campaign.parallel') AS sender, pg_temp.dispatched(0, 1) AS only \gset
SELECT pg_temp.letter(pg_temp.body(:'only', 1)) AS letter \gset
SELECT campaign.report_conflict(:'only', 'NORMAL', 1, 'refused');
SELECT pg_temp.report_by(:'sender', :'only', 1);
SELECT is(pg_temp.counts(:'only') || ' ' || pg_temp.decided(:'sender', :'only', 1, 1), 'failed 0 1 1-1', 'R5.3: what MongoDB has refused is decided');
SELECT campaign_dead_replay(ARRAY[:'letter'::bigint]);
SELECT is(pg_temp.decided(:'sender', :'only', 1, 1), NULL, 'R5.3: replayed, it may be sent');
SELECT campaign.outbox_dead_done(:'letter');
SELECT pg_temp.report_by(:'sender', :'only', 1);
SELECT is(pg_temp.counts(:'only') || ' ' || pg_temp.state(:'letter'), 'failed 1 0 stored empty', 'R5.3: and counts when it was');
SELECT is(pg_temp.decided(:'sender', :'only', 1, 1), '1-1', 'R5.3: the only recipient of a campaign is not sent to again either, whatever MongoDB loses');
-- Given up while it is on its way to a sender: whoever was sent to counts as sent to, and nobody else.
SELECT pg_temp.dispatched(0, 4) AS some \gset
SELECT array_agg(pg_temp.letter(pg_temp.body(:'some', seq)) ORDER BY seq) AS letters FROM generate_series(1, 3) AS seq \gset
SELECT campaign.report_conflict(:'some', 'NORMAL', seq, 'refused') FROM generate_series(1, 3) AS seq;
SELECT pg_temp.report_by(:'sender', :'some', seq) FROM generate_series(1, 4) AS seq;
SELECT is(pg_temp.counts(:'some') || ' ' || pg_temp.decided(:'sender', :'some', 1, 4), 'failed 1 3 1-4', 'three of four were refused');
SELECT campaign_dead_replay(:'letters'::bigint[]);
SELECT campaign_dead_discard(:'letters'::bigint[], 'called them');
SELECT is(pg_temp.counts(:'some'), 'failed 1 3', 'R5.3: given up they have failed');
SELECT is(pg_temp.decided(:'sender', :'some', 1, 4), '4-4', 'R5.3: a sender that gets one nevertheless does not take it for sent');
SELECT pg_temp.report_by(:'sender', :'some', 1);
SELECT is(pg_temp.counts(:'some'), 'failed 2 2', 'R5.3: it has sent it: that counts');
SELECT pg_temp.report_by(:'sender', :'some', 2, 'failed');
SELECT is((SELECT concat_ws(' ', s ->> 'sent', s ->> 'failed') FROM campaign_status(:'some') AS s), '2 2', 'R5.3: it could not: it has failed all the same');
SELECT is((SELECT string_agg(seq || state, ' ') FROM campaign_recipient_list(:'some')), '1sent 2failed 3failed 4sent', 'and each is listed so');
SELECT is(pg_temp.decided(:'sender', :'some', 1, 4), '1-2 4-4', 'R5.3: what was reported is never sent again');
-- What cannot be published.
SELECT throws_ok(format('SELECT campaign_dead_replay(ARRAY[%s])', pg_temp.letter('x', queue => 'amq.gen-1')), '55000', NULL, 'nor what comes from another queue');
SELECT campaign.outbox_dead_take('{"routing_key": "campaign.parallel", "headers": {}}', false, 200000, 'the beginning');
SELECT throws_ok(format('SELECT campaign_dead_replay(ARRAY[%s])', (SELECT max(id) FROM campaign.dead_letters)), '55000', NULL, 'nor what was cut off');
SELECT throws_ok('SELECT campaign_dead_replay(ARRAY[0])', 'P0002', 'dead letter 0 does not exist', 'nor what is not there');
SELECT throws_ok('SELECT campaign_dead_replay(ARRAY[1], repeat(''x'', 501))', '22023', NULL, 'a reason is no letter');
SELECT is((SELECT concat(names, kinds, texts) FROM campaign.dead_headers('{"headers": [1]}')), '{}{}{}', 'headers that are none are none');

SELECT * FROM finish();
ROLLBACK;
