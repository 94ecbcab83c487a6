-- The country of national numbers: of the upload, of the company, of the setting, in this order.
BEGIN;
SELECT plan(25);

SELECT is(campaign.country_name(given), wanted, 'R6.2: ' || given || ' is ' || wanted)
FROM (VALUES ('BR', 'BR'), ('br', 'BR'), ('55', 'BR'), ('+55', 'BR'), ('1', 'US'), ('', 'none'), ('none', 'none')) AS names (given, wanted);
SELECT throws_matching(format('SELECT campaign.country_name(%L)', given), 'country ".*" is not known', 'R6.2: no country ' || given)
FROM (VALUES ('XX'), ('999'), ('Brazil')) AS names (given);
SELECT throws_ok(format('SELECT campaign.country_name(%L)', given), '22023', format('country "%s" is not known', shown),
    'R6.2: of a long name whole characters are shown, ' || octet_length(shown) || ' bytes')
FROM (VALUES (repeat('x', 39) || 'é', repeat('x', 39)), (repeat('x', 38) || 'éé', repeat('x', 38) || 'é')) AS names (given, shown);

CREATE FUNCTION pg_temp.upload(company text, numbers text, country text DEFAULT NULL, OUT answer jsonb, OUT phones text)
LANGUAGE plpgsql AS $$
DECLARE id text := campaign_create('c', 'Hello', company_id => company);
BEGIN
    answer := campaign_upload(id, numbers, country => country);
    phones := (SELECT string_agg(r.phone_number, ' ' ORDER BY r.seq) FROM campaign.recipients r WHERE r.campaign_id = id);
END $$;

SELECT company_create('Padaria', '1') AS padaria \gset
SELECT is(phones, '+5551955550101', 'R6.2: the country of the upload') FROM pg_temp.upload(NULL, '51 95555-0101', 'BR');
SELECT is(phones, '+5551955550101', 'R6.2: by its calling code') FROM pg_temp.upload(NULL, '51 95555-0101', '55');
SELECT is(company_country_set(:'padaria', '+55'), 'BR', 'R6.2: a company''s country is kept as its ISO code');
SELECT is(phones, '+5551955550101', 'R6.2: the country of the company') FROM pg_temp.upload(:'padaria', '51 95555-0101');
SELECT is(phones, '+12125550101', 'R6.2: that of the upload wins') FROM pg_temp.upload(:'padaria', '(212) 555-0101', 'US');
SELECT is(phones, '+51955550101', 'R6.2: so does none') FROM pg_temp.upload(:'padaria', '51 955550101', 'none');
SET LOCAL campaign.country = 'PT';
SELECT is(phones, '+351912345678', 'R6.2: the setting') FROM pg_temp.upload(NULL, '912 345 678');
SELECT is(phones, '+5551955550101', 'R6.2: a company''s own wins') FROM pg_temp.upload(:'padaria', '51 95555-0101');
SELECT throws_ok('SET LOCAL campaign.country = ''XX''', '22023', NULL, 'R6.2: a setting that is none is refused');
SELECT throws_ok($$ SELECT company_country_set('nobody', 'BR') $$, 'P0002', NULL, 'R6.2: no such company');
SET LOCAL campaign.country = '';

-- The same bytes mean other numbers in another country: they are another file.
SELECT campaign_create('twice', 'Hello') AS twice \gset
SELECT is((campaign_upload(:'twice', '51955550101', country => 'BR') -> 'accepted')
       || (campaign_upload(:'twice', '51955550101') -> 'accepted'), '[1, 1]', 'R6.2: a file is known by its country, too');

SELECT is(answer - '{errors}'::text[], '{"accepted": 5, "duplicates": 1, "invalid": 0, "assumed": 2, "countries": {"+1": 1, "BR": 3, "CA": 1, "GB": 1}}',
    'R6.3: the answer counts countries and assumptions')
FROM pg_temp.upload(NULL, E'+5511955550101\n5511955550102\n+5511955550101\n+14165550101\n447700900102\n+15555550101');
SELECT is(answer ->> 'assumed', '0', 'R6.3: with a country nothing is assumed') FROM pg_temp.upload(NULL, E'11955550101\n5511955550102', 'BR');

SELECT * FROM finish();
ROLLBACK;
