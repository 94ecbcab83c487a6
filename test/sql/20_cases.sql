-- Every file of test/cases gives what its index says.
\set index `cat test/cases/index.json`
\set files `cd test/cases && for file in *; do printf '"%s": "%s", ' "$file" "$(od -An -v -tx1 "$file" | tr -d ' \n')"; done`
BEGIN;
CREATE TEMPORARY TABLE cases AS
SELECT c.value ->> 'file' AS file, c.value -> 'options' AS options, c.value -> 'accepted' AS accepted, c.value -> 'refused' AS refused,
    c.value ->> 'why' AS why, decode((('{' || :'files' || '"": ""}')::jsonb) ->> (c.value ->> 'file'), 'hex') AS content
FROM jsonb_array_elements(:'index') AS c;

-- The numbers that are stored, and what is said about each refused line.
CREATE FUNCTION pg_temp.upload(content bytea, options jsonb, skip boolean, OUT accepted jsonb, OUT refused jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    id text := campaign_create('case', 'Hello');
    answer jsonb; detail text;
BEGIN
    answer := campaign_upload(id, content, skip_invalid => skip, country => options ->> 'country',
        format => options ->> 'format', column_name => options ->> 'column', encoding => options ->> 'encoding');
    accepted := (SELECT coalesce(jsonb_agg(r.phone_number ORDER BY r.class, r.seq), '[]') FROM campaign.recipients r WHERE r.campaign_id = id);
    refused := (SELECT coalesce(jsonb_object_agg(e.value ->> 'line', e.value ->> 'reason'), '{}')
                FROM jsonb_array_elements(answer -> 'errors') AS e);
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    accepted := '[]';
    refused := (SELECT coalesce(jsonb_object_agg(l[1], l[2]), '{}') FROM regexp_matches(detail, '^line (\d+): (.*)$', 'gn') AS l);
END $$;

SELECT plan(2 * count(*)::int + 1) FROM cases;
SELECT is((SELECT array_agg(file ORDER BY file) FROM cases),
    (SELECT array_agg(key ORDER BY key) FROM jsonb_each(('{' || :'files' || '"": ""}')::jsonb) WHERE key NOT IN ('', 'README.md', 'index.json')),
    'R6.1: every file is in the index');
SELECT is(found.accepted, c.accepted, 'R6.1: ' || c.file || ': ' || c.why)
FROM cases c, pg_temp.upload(c.content, c.options, c.accepted <> '[]') AS found;
SELECT is((SELECT jsonb_object_agg(key, CASE WHEN strpos(value, c.refused ->> key) > 0 THEN c.refused ->> key ELSE value END)
           FROM jsonb_each_text(found.refused)), nullif(c.refused, '{}'), 'R6.1: ' || c.file || ': what is refused, and why')
FROM cases c, pg_temp.upload(c.content, c.options, c.accepted <> '[]') AS found;

SELECT * FROM finish();
ROLLBACK;
