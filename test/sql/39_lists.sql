-- Lists before they are sent: previews, and drafts that are emptied (R6.7).
BEGIN;
SELECT plan(28);

CREATE TEMPORARY TABLE draft AS SELECT campaign_create('test', 'hello') AS id;
SELECT is(campaign_upload(id, E'5511955550101\n5511955550102') -> 'accepted', '2', 'a draft of two') FROM draft;

-- Preview --------------------------------------------------------------------------------------------
CREATE TEMPORARY TABLE files AS SELECT E'Nome;Telefone;Tier\nAna;+5511955550103;vip\nBia;5511955550101;\n;x;\nEva;5511955550103;\n'::text AS file;
CREATE TEMPORARY TABLE before AS SELECT pg_current_xact_id_if_assigned() AS xid,
    (SELECT count(*) FROM campaign.recipients) AS recipients, (SELECT count(*) FROM campaign.uploads) AS uploads;
CREATE TEMPORARY TABLE seen AS SELECT campaign_preview(file, id) AS answer FROM draft, files;
SELECT is(answer - 'rows' - '{errors,countries,assumed,segments,problem_count,problems,absent}'::text[], '{"accepted": 1, "duplicates": 2, "invalid": 1, "format": "semicolon", "classes": {"VIP": 1, "NORMAL": 0},
    "columns": {"number": "Telefone", "class": "Tier", "attributes": ["Nome", "Tier"]}, "refused": true, "repeated": false}',
    'R6.7: the counts of an upload, and what its columns are') FROM seen;
SELECT is(answer -> 'rows', '[{"line": 2, "phone_number": "+5511955550103", "class": "VIP", "attributes": {"Nome": "Ana", "Tier": "vip"}, "text": "hello", "segments": 1},
    {"line": 3, "phone_number": "+5511955550101", "class": "NORMAL", "attributes": {"Nome": "Bia"}, "text": "hello", "segments": 1},
    {"line": 4, "reason": "no digits: ''x''"},
    {"line": 5, "phone_number": "+5511955550103", "class": "NORMAL", "attributes": {"Nome": "Eva"}, "text": "hello", "segments": 1}]', 'R6.7: and the rows as they are understood') FROM seen;
SELECT is(answer - 'rows', (campaign_upload(other.id, file, true) || '{"refused": false, "repeated": false}') - 'rows', 'R6.7: as the upload answers then')
FROM files, LATERAL (SELECT campaign_preview(file, skip_invalid => true) AS answer) AS p, LATERAL (SELECT campaign_create('other', 'hello') AS id) AS other;
SELECT is((campaign_preview(file, id) - 'rows' ->> 'refused'), 'true', 'R6.7: an invalid row would refuse the file') FROM draft, files;
SELECT is(campaign_preview(file, id, true) ->> 'refused', 'false', 'R6.7: unless they are skipped') FROM draft, files;
SELECT is(campaign_preview(E'5511955550101\n5511955550102'::text, id) - 'rows' - '{segments,problem_count,problems,absent}'::text[],
    '{"accepted": 0, "duplicates": 2, "invalid": 0, "errors": [], "countries": {"BR": 2}, "assumed": 2, "format": "list", "refused": false, "repeated": true}', 'R6.7: a file that was sent before') FROM draft;
SELECT is(campaign_preview(E'5511955550109\n\nx'::text) -> 'rows', '[{"line": 1, "phone_number": "+5511955550109"}, {"line": 3, "reason": "no digits: ''x''"}]', 'R6.7: a plain list');
SELECT is(campaign_preview(''::text) ->> 'refused', 'true', 'R6.7: an empty file');
SELECT is(jsonb_array_length(campaign_preview((SELECT string_agg((5511955550000 + n)::text, E'\n') FROM generate_series(1, 30) AS n)) -> 'rows'), 20, 'R6.7: 20 rows');
SELECT is(jsonb_array_length(campaign_preview((SELECT string_agg(n || ',' || (5511955550000 + n), E'\n') FROM generate_series(1, 30) AS n)) -> 'rows'), 20, 'R6.7: of a table too');
SELECT throws_matching($$ SELECT campaign_preview(E'Telefone;Celular\n5511955550101;5511955550102'::text) $$, 'more than one column', 'R6.7: no telling');
SELECT throws_matching($$ SELECT campaign_preview('5511955550101'::text, 'nosuchcampaign') $$, 'does not exist', 'R6.7: no such campaign');
SELECT throws_matching($$ SELECT campaign_preview(NULL::bytea) $$, 'missing', 'R6.7: no file');
SELECT throws_matching($$ SELECT campaign_preview('x'::text, class => 'GOLD') $$, 'VIP or NORMAL', 'R6.7: no such class');
SELECT is(c.total || ' ' || count(r), '2 2', 'R6.7: nothing is stored')
FROM campaign.campaigns c JOIN draft USING (id) JOIN campaign.recipients r ON r.campaign_id = c.id GROUP BY c.total;

-- Large drafts: comparing packs nothing.
CREATE TEMPORARY TABLE large AS SELECT campaign_create('large', 'hello') AS id;
SELECT is(campaign_upload(id, (SELECT E'Fone,n\n' || string_agg((5511900000000 + n) || ',' || n, E'\n') FROM generate_series(1, 12000) AS n)) -> 'accepted', '12000', 'a table of 12,000') FROM large;
SELECT is(campaign_preview(E'5511900000001\n5511900099999', id) - 'rows' - '{errors,countries,assumed,segments,problem_count,problems,absent}'::text[], '{"accepted": 1, "duplicates": 1, "invalid": 0, "format": "list", "refused": false, "repeated": false}',
    'R6.7: a preview compares with it') FROM large;
SELECT is_empty('SELECT FROM campaign.packed_recipients WHERE campaign_id = (SELECT id FROM large)', 'R6.7: and writes nothing');
SELECT is(campaign_upload(id, E'5511900000001\n5511900099999') - '{errors,countries,assumed}'::text[], '{"accepted": 1, "duplicates": 1, "invalid": 0}', 'the next file is compared with it') FROM large;
SELECT is((SELECT sum(octet_length(numbers)) / 8 FROM campaign.packed_recipients WHERE campaign_id = id), 12000::bigint, 'and packs what was there') FROM large;

-- Clear ----------------------------------------------------------------------------------------------
SELECT is(campaign_clear(id, 'wrong list') ->> 'cleared', '12001', 'R6.7: a draft is emptied') FROM large;
SELECT is_empty($$ SELECT FROM campaign.recipients WHERE campaign_id = (SELECT id FROM large) UNION ALL
    SELECT FROM campaign.packed_recipients WHERE campaign_id = (SELECT id FROM large) UNION ALL
    SELECT FROM campaign.progress WHERE campaign_id = (SELECT id FROM large) UNION ALL
    SELECT FROM campaign.uploads WHERE campaign_id = (SELECT id FROM large) $$, 'R6.7: of everything');
SELECT is((SELECT concat_ws(' ', total, message_version) FROM campaign.campaigns WHERE campaigns.id = large.id), '0 1', 'R6.7: it has no recipients') FROM large;
SELECT is((SELECT string_agg(source || ' ' || target || ' ' || reason, ',') FROM campaign_events(id)), 'draft draft cleared of 12001 recipients: wrong list', 'R6.7: the event says why') FROM large;
SELECT is(campaign_upload(id, E'5511900000001\n5511900099999') - '{errors,countries,assumed}'::text[], '{"accepted": 2, "duplicates": 0, "invalid": 0}', 'R6.7: the same file can be sent again') FROM large;
SELECT campaign_cancel(id) FROM large;
SELECT throws_ok(format('SELECT campaign_clear(%L)', id), '55000', NULL, 'R6.7: only a draft') FROM large;
SELECT throws_ok($$ SELECT campaign_clear('nosuchcampaign') $$, 'P0002', NULL, 'R6.7: no such campaign');

SELECT * FROM finish();
ROLLBACK;
