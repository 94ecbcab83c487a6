-- Reports that no consumer can have to make change nothing: whoever has its password may try.
BEGIN;
SELECT plan(27);

CREATE FUNCTION pg_temp.campaign(status text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE id text := campaign_create('test ' || status, 'hello');
BEGIN
    PERFORM campaign_upload(id, E'5511955500101\n5511955500102\n5511955500103\n');
    IF status = 'scheduled' THEN
        PERFORM campaign_schedule(id, now() + interval '1 day');
    ELSIF status = 'cancelled draft' THEN
        PERFORM campaign_cancel(id);
    ELSIF status <> 'draft' THEN
        PERFORM campaign_dispatch(id);
    END IF;
    IF status = 'paused' THEN
        PERFORM campaign_pause(id);
    ELSIF status = 'cancelled' THEN
        PERFORM campaign_cancel(id);
    ELSIF status IN ('sent', 'failed') THEN
        IF status = 'failed' THEN
            PERFORM campaign.report_conflict(id, 'NORMAL', 2, 'the first reason');
        END IF;
        PERFORM campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[1], ARRAY[3]);
    END IF;
    RETURN id;
END $$;
-- Everything about a campaign that a report could change.
CREATE FUNCTION pg_temp.state(id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', c, p) FROM campaign.campaigns c JOIN campaign.progress p ON p.campaign_id = c.id WHERE c.id = state.id
$$;
CREATE FUNCTION pg_temp.changed(id text, report text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE before text := pg_temp.state(id);
BEGIN
    EXECUTE 'SELECT ' || report USING id;
    RETURN before IS DISTINCT FROM pg_temp.state(id);
END $$;
CREATE TEMPORARY TABLE reports AS SELECT * FROM (VALUES
    ('stored', 'campaign.report_stored(ARRAY[$1], ARRAY[''NORMAL''], ARRAY[1], ARRAY[3])'),
    ('conflict', 'campaign.report_conflict($1, ''NORMAL'', 1, ''not so'')'),
    ('gap', 'campaign.report_gap($1, ''NORMAL'', 1)')) AS r (name, call);

SELECT ok(NOT pg_temp.changed(pg_temp.campaign(status), call), format('R7.1: a report (%s) about a campaign that is %s changes nothing', name, status))
FROM reports, unnest(ARRAY['draft', 'scheduled', 'cancelled draft', 'sent', 'failed']) AS status;
SELECT ok(NOT pg_temp.changed(pg_temp.campaign('queued'), call), 'R7.1: nor does one about no recipient: ' || call)
FROM (VALUES ('campaign.report_stored(ARRAY[$1], ARRAY[''VIP''], ARRAY[1], ARRAY[3])'),
    ('campaign.report_conflict($1, ''NORMAL'', 0, ''not so'')'), ('campaign.report_conflict($1, ''NORMAL'', 4, ''not so'')'),
    ('campaign.report_gap($1, ''NORMAL'', 0)'), ('campaign.report_gap($1, ''NORMAL'', 4)')) AS r (call);

-- What has happened is told.
SELECT pg_temp.campaign('draft') AS draft \gset
SELECT campaign.report_checked(ARRAY[:'draft'], ARRAY['NORMAL'], ARRAY[1], ARRAY[3], ARRAY[:'draft']);
SELECT campaign_dispatch(:'draft');
SELECT is(campaign_status(:'draft') ->> 'status', 'queued', 'R7.1: a draft with reports is sent as if there were none');
SELECT is(stored, '{}', 'none of it is stored') FROM campaign.progress WHERE campaign_id = :'draft';
SELECT pg_temp.campaign('cancelled') AS cancelled \gset
SELECT campaign.report_stored(ARRAY[:'cancelled'], ARRAY['NORMAL'], ARRAY[1], ARRAY[3]);
SELECT is(stored, '{[1,4)}', 'R5.2: what was stored when a campaign was cancelled is reported afterwards') FROM campaign.progress WHERE campaign_id = :'cancelled';
SELECT is(campaign_status(:'cancelled') ->> 'status', 'cancelled', 'and it stays cancelled');
SELECT pg_temp.campaign('paused') AS paused \gset
SELECT is(campaign.report_stored(ARRAY[:'paused'], ARRAY['NORMAL'], ARRAY[1], ARRAY[3]), 1, 'R5.2: of a paused one too');
SELECT is(campaign.report_stored(ARRAY[:'paused', 'nobody'], ARRAY['NORMAL', 'NORMAL'], ARRAY[1, 1], ARRAY[3, 3]), 0,
    'and reports about what is over or was never there are no error');

SELECT is(count(*), 0::bigint, 'nobody was told anything') FROM campaign.campaigns WHERE error LIKE '%not so%';

SELECT * FROM finish();
ROLLBACK;
