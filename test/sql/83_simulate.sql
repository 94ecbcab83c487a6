-- 83_simulate.sql - campaigns of random messages.
BEGIN;
SELECT plan(9);

SELECT campaign_simulate(2000, 7) AS status \gset
SELECT :'status'::jsonb ->> 'id' AS id \gset
SELECT is(:'status'::jsonb ->> 'status', 'queued', 'R1.1: a simulation is dispatched');
SELECT is(count(*), 2000::bigint, 'R1.1: of as many messages as were asked for') FROM campaign.recipients WHERE campaign_id = :'id';
SELECT is(count(DISTINCT phone_number), 2000::bigint, 'R1.1: to different numbers') FROM campaign.recipients WHERE campaign_id = :'id';
SELECT ok(bool_and(phone_number ~ '^\+888\d{11}$'), 'R1.1: that belong to nobody') FROM campaign.recipients WHERE campaign_id = :'id';
SELECT is(concat_ws(' ', min(length(text)), max(length(text))), '1 100', 'R1.1: of 1 to 100 characters') FROM campaign.recipients WHERE campaign_id = :'id';
-- Mean 50.5, standard deviation 28.9: five standard errors.
SELECT ok(abs(avg(length(text)) - 50.5) < 5 * 28.9 / sqrt(2000), 'R1.1: each length as often as the others') FROM campaign.recipients WHERE campaign_id = :'id';
SELECT campaign_simulate(2000, 7) ->> 'id' AS same \gset
SELECT is_empty(format('SELECT seq, phone_number, text FROM campaign.recipients WHERE campaign_id = %L EXCEPT SELECT seq, phone_number, text FROM campaign.recipients WHERE campaign_id = %L', :'id', :'same'),
    'R1.1: the same seed gives the same messages');
SELECT is((campaign_simulate() ->> 'total')::bigint, 1000::bigint, 'R1.1: 1000 by default');
SELECT throws_ok('SELECT campaign_simulate(0)', '22023', NULL, 'at least one');
SELECT * FROM finish();
ROLLBACK;
