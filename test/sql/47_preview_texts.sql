-- What the texts of a file would be, and cost, before anything of it is stored (R6.7 to R6.9): what
-- campaign_texts() says once it is.
BEGIN;
SELECT plan(20);

CREATE FUNCTION pg_temp.measured(answer jsonb) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_object_agg(key, value) FROM jsonb_each(answer) WHERE key IN ('segments', 'problem_count', 'problems', 'absent') $$;
-- The preview of a file for a new campaign with this text, then its upload: both have to say the same.
CREATE FUNCTION pg_temp.same(message text, file text, what text, format text DEFAULT NULL, class text DEFAULT 'NORMAL') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    id text := campaign_create('preview', message);
    seen jsonb := pg_temp.measured(campaign_preview(file, id, skip_invalid => true, class => class, format => format));
BEGIN
    PERFORM campaign_upload(id, file, skip_invalid => true, class => class, format => format);
    RETURN is(seen, pg_temp.measured(campaign_texts(id)), what);
END $$;

-- One text for all --------------------------------------------------------------------------------
CREATE TEMPORARY TABLE draft AS SELECT campaign_create('preview', 'Olá ' || repeat('x', 67)) AS id;
CREATE TEMPORARY TABLE seen AS SELECT campaign_preview(E'5511955550101\n5511955550102\nx', id) AS answer FROM draft;
SELECT is(answer #>> '{segments,total}', '4', 'R6.9: the total of what would be stored') FROM seen;
SELECT is(answer #> '{segments,longest}', '{"segments": 2, "units": 71, "encoding": "UCS-2"}', 'R6.9: the longest text') FROM seen;
SELECT matches(answer #>> '{segments,warning}', 'with plain spellings, 2 segments instead of 4', 'R6.9: one character doubles the price') FROM seen;
SELECT is(answer #> '{rows,0}', '{"line": 1, "phone_number": "+5511955550101", "segments": 2}'::jsonb || jsonb_build_object('text', 'Olá ' || repeat('x', 67)),
    'R6.8: the first rows have their text') FROM seen;

SELECT campaign_upload(id, E'5511955550101\n5511955550102\nx', true) FROM draft;
SELECT is(answer -> 'segments', campaign_status(id) -> 'segments', 'R6.9: the status says the same afterwards') FROM seen, draft;

-- Texts that differ -------------------------------------------------------------------------------
SELECT pg_temp.same('Hi {Name}', E'Name,Phone\nAna,5511955550101\nBia,5511955550102\n' || repeat('y', 200) || ',5511955550103', 'R6.9: a table');
SELECT pg_temp.same('Hi {Name|you}, {Absent|none}', E'Name,Phone\nAna,5511955550101\n,5511955550102', 'R6.8: with a placeholder that no column has');
SELECT pg_temp.same('Hi {Name}', E'Name;Phone;Tier\n;5511955550101;\nJosé;5511955550102;VIP\nAna;5511955550103;vip\nx;1;\n', 'R6.8: with somebody without a name, in two classes');
SELECT pg_temp.same('{n} of {ok}', E'{"phone": "+5511955550101", "n": 10.50, "ok": true}\n{"phone": "+5511955550102", "n": [1], "ok": "\\u00e7"}', 'R6.8: lines of JSON');
SELECT pg_temp.same('Hi {Name|you}', E'5511955550101\n5511955550102', 'R6.8: a list has no attributes');
SELECT pg_temp.same('Hi {Name}', E'5511955550101\n5511955550102', 'R6.8: so everybody has a problem', class => 'VIP');
SELECT pg_temp.same('Hi {Name}', (SELECT E'Name,Phone\n' || string_agg(repeat('ab', n % 90) || CASE WHEN n % 7 = 0 THEN '€' WHEN n % 5 = 0 THEN 'ã' ELSE '' END
    || ',' || (5511900000000 + n * (n % 13)), E'\n') FROM generate_series(1, 3000) AS n), 'R6.9: thousands of rows, some of them twice');

-- Beside recipients that are there -----------------------------------------------------------------
TRUNCATE draft;
INSERT INTO draft SELECT campaign_create('preview', 'Hi {Name}');
SELECT campaign_upload(id, E'Name,Phone\nAna,5511955550101\nBia,5511955550102') FROM draft;
TRUNCATE seen;
INSERT INTO seen SELECT campaign_preview(E'Name,Phone\nAna,5511955550101\n,5511955550109\nEva Maria,5511955550103', id) FROM draft;
SELECT is(answer #>> '{segments,total}', '1', 'R6.9: only what would be added is counted') FROM seen;
SELECT is(answer -> 'problems', '[{"class": "NORMAL", "seq": 3, "phone_number": "+5511955550109", "problem": "{Name} has no value and no default"}]',
    'R6.8: whoever would get nothing has the place that it would have') FROM seen;
SELECT is(answer #> '{segments,longest,seq}', '4', 'R6.9: and the longest, too') FROM seen;
SELECT is(answer #>> '{rows,1,problem}', 'a recipient''s text cannot be filled: {Name} has no value and no default', 'R6.8: its row says so') FROM seen;
SELECT is(campaign_preview(E'Name,Phone\nAna,5511955550101\nBia,5511955550102', id) -> 'segments' ->> 'total', '0', 'R6.9: the same file again costs nothing') FROM draft;
SELECT ok(NOT campaign_preview('5511955550101'::text) ? 'segments', 'R6.9: without a campaign there is no text');
SELECT is(c.total || ' ' || c.message_version, '2 2', 'R6.7: nothing is stored') FROM campaign.campaigns c JOIN draft USING (id);

-- Braces of a campaign from before there were placeholders are braces.
UPDATE campaign.campaigns SET message = '{x', placeholders = false WHERE id = (SELECT id FROM draft);
SELECT is(campaign_preview(E'Name,Phone\nAna,5511955550109', id) #>> '{rows,0,text}', '{x', 'R6.8: old braces stay') FROM draft;

SELECT * FROM finish();
ROLLBACK;
