-- A year of windows in every time zone: PostgreSQL's AT TIME ZONE says what a clock on the wall shows.
BEGIN;
SELECT plan(5);

CREATE TEMPORARY TABLE zones AS
SELECT name FROM pg_timezone_names
WHERE name !~ '^(posix/|localtime$|posixrules$|Factory$)'
  -- AT TIME ZONE takes these for abbreviations, and campaign_window() takes none of them.
  AND (name IN ('UTC', 'GMT') OR upper(name) NOT IN (SELECT abbrev FROM pg_timezone_abbrevs));
CREATE TEMPORARY TABLE days AS
SELECT day::timestamp FROM generate_series('2026-01-01'::timestamp, '2026-12-31', '1 day') AS day;

-- Every change of the year, as the worker would come to it.
CREATE FUNCTION pg_temp.year(minutes integer[], zone text) RETURNS timestamptz[] LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := '2026-01-01 00:00Z';
    found timestamptz[] := '{}';
BEGIN
    LOOP
        at := campaign.window_changes_at(minutes, ARRAY[zone], at);
        EXIT WHEN at >= '2027-01-01 00:00Z' OR at IS NULL;
        found := found || at;
    END LOOP;
    RETURN found;
END $$;
CREATE TEMPORARY TABLE changes AS
SELECT z.name AS zone, c.at, (c.at AT TIME ZONE z.name)::time AS wall,
    ((c.at - interval '1 second') AT TIME ZONE z.name)::time AS wall_before,
    campaign.window_is_open('{540,1080,1980,2520,3420,3960,4860,5400,6300,6840,7740,8280,9180,9720}', ARRAY[z.name], c.at) AS opens
FROM zones z, unnest(pg_temp.year('{540,1080,1980,2520,3420,3960,4860,5400,6300,6840,7740,8280,9180,9720}', z.name)) AS c (at);

SELECT cmp_ok((SELECT count(*) FROM zones), '>', 300::bigint, 'every zone');
SELECT is_empty($$ SELECT zone, at, wall FROM changes
    WHERE opens IS DISTINCT FROM (wall >= '09:00' AND wall < '18:00')
       OR (wall_before >= '09:00' AND wall_before < '18:00') IS NOT DISTINCT FROM opens $$,
    '0 outside: at every change the wall clock enters 09:00 to 18:00, or leaves it');
SELECT is_empty($$
    SELECT z.name, d.day FROM zones z CROSS JOIN days d
    WHERE NOT campaign.window_is_open(campaign.window_minutes('09:00-18:00'), ARRAY[z.name], (d.day + time '09:00') AT TIME ZONE z.name)
       OR campaign.window_is_open(campaign.window_minutes('09:00-18:00'), ARRAY[z.name], (d.day + time '18:00') AT TIME ZONE z.name) $$,
    '0 lost: every day it is open at nine, and closed at six');

-- At night, where clocks change: over midnight, with times that do not exist or come twice.
SELECT is_empty($$
    WITH minutes AS (SELECT campaign.window_minutes('23:30-02:30') AS night)
    SELECT z.name, c.at, c.wall FROM zones z CROSS JOIN minutes m,
        LATERAL (SELECT x AS at, (x AT TIME ZONE z.name)::time AS wall, ((x - interval '1 second') AT TIME ZONE z.name)::time AS before
                 FROM unnest(pg_temp.year(m.night, z.name)) AS x) AS c
    WHERE (c.wall >= '23:30' OR c.wall < '02:30') = (c.before >= '23:30' OR c.before < '02:30')
       OR campaign.window_is_open(m.night, ARRAY[z.name], c.at) <> (c.wall >= '23:30' OR c.wall < '02:30') $$,
    'at night, too');
-- Every five minutes of the days at which clocks change, in one zone of each kind.
SELECT is_empty($$
    WITH steps AS (
        SELECT z.zone, t.at, t.at AT TIME ZONE z.zone AS wall
        FROM unnest('{America/New_York,Europe/Berlin,Australia/Lord_Howe,Africa/Casablanca,America/Asuncion,Asia/Beirut,Pacific/Chatham,UTC}'::text[]) AS z (zone),
            generate_series('2026-01-01'::timestamptz, '2027-01-01', '5 minutes') AS t (at))
    SELECT zone, at, wall FROM steps
    WHERE campaign.window_is_open('{1410,1590}', ARRAY[zone], at)      -- Monday 23:30 to 02:30
        <> (extract(isodow FROM wall) = 1 AND wall::time >= '23:30' OR extract(isodow FROM wall) = 2 AND wall::time < '02:30') $$,
    'at every moment what the wall clock says');

SELECT * FROM finish();
ROLLBACK;
