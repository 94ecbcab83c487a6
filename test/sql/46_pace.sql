-- The time left: synthetic histories, each with a pace that only the table knows. What is said is
-- compared with what was left, report by report.
BEGIN;
SELECT plan(41);

CREATE FUNCTION pg_temp.samples(steps int, ms int, count int) RETURNS bigint[] LANGUAGE sql AS
$$ SELECT array_agg(x ORDER BY n, place) FROM generate_series(0, steps) AS n, LATERAL (VALUES (1, 1000000 + n * ms), (2, n * count)) AS v (place, x) $$;

-- One decision at a time ---------------------------------------------------------------------
SELECT is(campaign.samples_rate(NULL), NULL, 'R3.4: a class that there is not has no pace');
SELECT is(campaign.samples_rate('{}'), NULL, 'R3.4: nothing gives no pace');
SELECT is(campaign.samples_rate(pg_temp.samples(1, 250, 500)), NULL, 'R3.4: nor do two samples');
SELECT is(campaign.samples_rate(pg_temp.samples(2, 250, 500)), 2000::float8, 'R3.4: three do');
SELECT is(campaign.samples_rate(pg_temp.samples(3, 250, 0)), NULL, 'R3.4: what does not move has none');
SELECT is(campaign.samples_rate(pg_temp.samples(4, 250, 500) || '{1031000,2100}'), NULL,
    'R3.4: after half a minute without a server nobody knows at first whether it is slow now');
SELECT is(campaign.samples_rate(pg_temp.samples(4, 250, 500) || '{1031000,2100}' || '{1031250,2600}'), 2000::float8,
    'R3.4: then the outage changes nothing');
SELECT is(campaign.samples_rate(pg_temp.samples(4, 250, 500) || '{1031000,2100}' || '{1061000,2200}'), (1000.0 * 100 / 30000)::float8,
    'R3.4: or it is slow');
SELECT is(campaign.samples_rate(pg_temp.samples(4, 250, 500) || '{1005000,2400}'), 100::float8,
    'R3.4: a slow report counts at once');
SELECT cmp_ok(campaign.samples_rate(pg_temp.samples(11, 250, 2500) || '{1003000,27700}'), '>', 9000::float8,
    'R3.4: one step in which a store writes its files is taken with what was before it');
-- Seven steps at so many a second behind five at 10,000.
CREATE FUNCTION pg_temp.changed(pace int) RETURNS float8 LANGUAGE sql AS $$
    SELECT campaign.samples_rate(pg_temp.samples(5, 250, 2500) || (SELECT array_agg(x ORDER BY n, place) FROM generate_series(1, 7) AS n,
        LATERAL (VALUES (1, 1001250 + n * 250), (2, 12500 + n * pace / 4)) AS v (place, x)))
$$;
SELECT is(pg_temp.changed(4000), 4000::float8, 'R3.4: another pace is not');
SELECT is(pg_temp.changed(8000), (1000.0 * (12500 + 7 * 2000) / 3000)::float8, 'R3.4: a difference of a fifth is none');
SELECT is(round(pg_temp.changed(5750)::numeric), round(0.5 * 5750 + 0.5 * 1000 * (12500 + 7 * 5750 / 4) / 3000),
    'R3.4: halfway between a quarter and three fifths the newer pace counts by half');
SELECT ok(NOT EXISTS (SELECT FROM generate_series(200, 50000, 200) AS pace WHERE abs(pace / pg_temp.changed(pace) - 1) > 0.2),
    'R3.4: two seconds after any change it is known to a fifth');
SELECT is(campaign.run_samples('{1000,5,2000,9}', '{7000,3,8000,6}'), '{6000,-1,7000,3,8000,6}', 'R3.4: NORMAL goes on where VIP ended');
SELECT is(campaign.run_samples('{1000,5,9000,9}', '{7000,3,8000,6}'), '{7000,3,8000,6}', 'R3.4: unless VIP is sent once more');
SELECT is(campaign.run_samples(NULL, '{7000,3}'), '{7000,3}', 'R3.4: or there is none');
SELECT is(campaign.pace_settled(pg_temp.samples(6, 250, 500)), NULL, 'R3.4: one and a half seconds are not enough to go on');
SELECT is(campaign.pace_settled(pg_temp.samples(7, 250, 500)), 2000::float8, 'R3.4: a quarter more, and they are');
SELECT is(campaign.samples_silence('{}'), 5000::bigint, 'R3.4: five seconds are a silence');
SELECT is(campaign.samples_silence(pg_temp.samples(3, 10000, 1)), 40000::bigint, 'R3.4: unless reports always take that long');
SELECT is(cardinality(campaign.samples_add(pg_temp.samples(15, 250, 500), to_timestamp(5000), 10000)), 26, 'thirteen are kept');
SELECT is(campaign.samples_add(pg_temp.samples(3, 250, 500), to_timestamp(1000), 2000), '{1000000,2000}', 'none of a clock that was ahead');
SELECT is(campaign.samples_add(pg_temp.samples(3, 250, 500), to_timestamp(2000), 20), '{2000000,20}', 'nor of what MongoDB has lost');
SELECT is(campaign.samples_pause('{1000,5,2000,9}', to_timestamp(2.5), to_timestamp(10)), '{8500,5,9500,9}', 'a pause is no time');
SELECT is(campaign.samples_pause('{1000,5,2000,9}', to_timestamp(1.5), to_timestamp(10)), '{9000,5,10000,9}',
    'what was in flight when it began is not later than its end');
SELECT is(campaign.samples_pause('{1000,5,2000,9}', to_timestamp(2.5), to_timestamp(1)), '{1000,5,2000,9}', 'nor does a clock that was set back count');
SELECT is(campaign.samples_pause('{}', to_timestamp(1), to_timestamp(2)), '{}', 'without samples there is nothing to do');

-- Whole runs ---------------------------------------------------------------------------------
-- A phase: so many seconds at so many messages a second, reported every so many milliseconds. A pace of
-- 0 is a server that is away, one of -1 a pause. The last phase goes on to the end of the run.
CREATE TEMPORARY TABLE phases (history text, place int, seconds float8, pace float8, every_ms int);
INSERT INTO phases VALUES
    ('steady', 1, 60, 10000, 50),
    ('a long one', 1, 3600, 500, 200),
    ('slower after an hour', 1, 3600, 500, 200), ('slower after an hour', 2, 3600, 200, 200),
    ('another campaign beside it', 1, 20, 10000, 50), ('another campaign beside it', 2, 20, 5000, 50), ('another campaign beside it', 3, 20, 10000, 50),
    ('a store that gets slow', 1, 60, 10000, 50), ('a store that gets slow', 2, 600, 400, 2500),
    ('a store that is slow and recovers', 1, 200, 200, 10000), ('a store that is slow and recovers', 2, 60, 8000, 50),
    ('a pause', 1, 30, 4000, 100), ('a pause', 2, 900, -1, 100), ('a pause', 3, 30, 4000, 100),
    ('slower after a pause', 1, 30, 4000, 100), ('slower after a pause', 2, 900, -1, 100), ('slower after a pause', 3, 30, 1000, 100),
    ('a store that is away', 1, 30, 4000, 100), ('a store that is away', 2, 20, 0, 100), ('a store that is away', 3, 30, 4000, 100),
    ('in jumps', 1, 120, 3000, 700);

-- Seconds that pauses do not count in; the worst answer, as a part of the truth, of those between a tenth and
-- nine tenths of the run that are later than grace seconds after a change.
CREATE FUNCTION pg_temp.worst(name text, grace float8) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    total float8 := (SELECT sum(p.seconds * greatest(p.pace, 0)) FROM phases p WHERE p.history = name);
    phase phases;
    now_at timestamptz := to_timestamp(1000000);
    started_at timestamptz := now_at;
    due timestamptz := now_at;
    stored float8 := 0;
    left_s float8 := (SELECT sum(p.seconds) FROM phases p WHERE p.history = name AND p.pace >= 0);
    samples bigint[] := '{}';
    passed float8;
    said float8;
    worst float8 := 0;
    answers int := 0;
BEGIN
    FOR phase IN SELECT * FROM phases p WHERE p.history = name ORDER BY p.place LOOP
        IF phase.pace <= 0 THEN
            IF phase.pace < 0 THEN
                samples := campaign.samples_pause(samples, now_at, now_at + phase.seconds * interval '1 second');
            ELSE
                left_s := left_s - phase.seconds;
            END IF;
            now_at := now_at + phase.seconds * interval '1 second';
            CONTINUE;
        END IF;
        passed := 0;
        WHILE passed < phase.seconds LOOP
            now_at := now_at + phase.every_ms * interval '1 millisecond';
            passed := passed + phase.every_ms / 1000.0;
            left_s := left_s - phase.every_ms / 1000.0;
            stored := stored + phase.pace * phase.every_ms / 1000.0;
            CONTINUE WHEN now_at < due;
            samples := campaign.samples_add(samples, now_at, stored::bigint);
            due := campaign.samples_next(started_at, now_at);
            said := (total - stored) / campaign.samples_rate(samples);
            CONTINUE WHEN passed < grace OR stored NOT BETWEEN 0.1 * total AND 0.9 * total;
            -- What the future brings nobody knows: the truth is what is left at this pace.
            worst := greatest(worst, abs(coalesce(said, 1e9) * phase.pace / (total - stored) - 1));
            answers := answers + 1;
        END LOOP;
    END LOOP;
    RETURN CASE WHEN answers > 10 THEN worst ELSE 'NaN' END;
END $$;

SELECT cmp_ok(pg_temp.worst('steady', 1), '<', 0.05::float8, 'R3.4: at one pace it is right at once');
SELECT cmp_ok(pg_temp.worst('a long one', 1), '<', 0.2::float8, 'R3.4: in a long run, too');
SELECT cmp_ok(pg_temp.worst('slower after an hour', 4), '<', 0.2::float8, 'R3.4: even there four seconds are enough');
SELECT cmp_ok(pg_temp.worst('another campaign beside it', 4), '<', 0.2::float8, 'R3.4: four seconds after another campaign has come or gone it is right');
SELECT cmp_ok(pg_temp.worst('a store that gets slow', 7.5), '<', 0.2::float8, 'R3.4: with the third report of a store that got slow');
SELECT cmp_ok(pg_temp.worst('a store that is slow and recovers', 4), '<', 0.2::float8, 'R3.4: and four seconds after it is fast again');
SELECT cmp_ok(pg_temp.worst('a pause', 0.25), '<', 0.2::float8, 'R3.4: a quarter of an hour of pause changes nothing');
SELECT cmp_ok(pg_temp.worst('slower after a pause', 4), '<', 0.2::float8, 'R3.4: and if it is slower after it, four seconds later that is seen');
SELECT cmp_ok(pg_temp.worst('a store that is away', 1), '<', 0.2::float8, 'R3.4: an outage is forgotten a second after its end');
SELECT cmp_ok(pg_temp.worst('in jumps', 3), '<', 0.2::float8, 'R3.4: reports that come together do not disturb it');

-- Both classes of 40,000 and 160,000: NORMAL begins half a second after the last VIP is stored. The worst of the whole answers
-- while a tenth to nine tenths are stored. vip and normal are messages a second.
CREATE TEMPORARY TABLE both_classes AS SELECT campaign_create('both', 'hello') AS id;
CREATE FUNCTION pg_temp.class_row(total bigint, stored bigint, samples bigint[]) RETURNS campaign.progress LANGUAGE sql AS $$
    SELECT jsonb_populate_record(NULL::campaign.progress, jsonb_build_object('campaign_id', (SELECT id FROM both_classes), 'total', total,
        'stored', format('{[1,%s)}', stored + 1), 'samples', samples, 'stored_at', clock_timestamp()))
$$;
CREATE FUNCTION pg_temp.worst_of_classes(vip float8, normal float8) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    totals CONSTANT bigint[] := '{40000,160000}';
    paces CONSTANT float8[] := ARRAY[vip, normal];
    now_at timestamptz := to_timestamp(1000000);
    due timestamptz := now_at;
    stored float8 := 0;
    truth float8;
    said float8;
    worst float8 := 0;
    vip_samples bigint[] := '{}';
    normal_samples bigint[] := '{}';
BEGIN
    FOR class IN 1..2 LOOP
        FOR report IN 1..ceil(totals[class] / paces[class] / 0.1)::int LOOP
            now_at := now_at + interval '100 milliseconds';
            stored := least(report * paces[class] * 0.1, totals[class]);
            CONTINUE WHEN now_at < due;
            due := campaign.samples_next(to_timestamp(1000000), now_at);
            IF class = 1 THEN
                vip_samples := campaign.samples_add(vip_samples, now_at, stored::bigint);
            ELSE
                normal_samples := campaign.samples_add(normal_samples, now_at, stored::bigint);
            END IF;
            CONTINUE WHEN stored + CASE class WHEN 2 THEN totals[1] ELSE 0 END NOT BETWEEN 20000 AND 180000;
            said := campaign.run_left_ms(CASE class WHEN 1 THEN 'ENQUEUE_VIP' ELSE 'ENQUEUE_NORMAL' END,
                pg_temp.class_row(totals[1], CASE class WHEN 1 THEN stored ELSE totals[1] END::bigint, vip_samples),
                pg_temp.class_row(totals[2], CASE class WHEN 1 THEN 0 ELSE stored END::bigint, normal_samples));
            truth := 1000 * ((totals[class] - stored) / paces[class] + CASE class WHEN 1 THEN totals[2] / paces[2] + 0.5 ELSE 0 END);
            worst := greatest(worst, abs(coalesce(said, 1e9) / truth - 1));
        END LOOP;
        now_at := now_at + interval '500 milliseconds';
    END LOOP;
    RETURN worst;
END $$;
SELECT cmp_ok(pg_temp.worst_of_classes(4000, 4000), '<', 0.2::float8, 'R3.4: NORMAL is taken to be as fast as VIP');
SELECT cmp_ok(pg_temp.worst_of_classes(4000, 4600), '<', 0.2::float8, 'R3.4: until it has a pace of its own');

-- A real campaign ----------------------------------------------------------------------------
CREATE TEMPORARY TABLE paused AS SELECT campaign_create('pause', 'hello') AS id;
SELECT campaign_upload(id, (SELECT string_agg((5511900000000 + n)::text, E'\n') FROM generate_series(1, 4000) AS n)) FROM paused;
SELECT campaign_dispatch(id), campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[1::bigint], ARRAY[1000::bigint]) FROM paused;
UPDATE campaign.progress SET sample_after = NULL, samples = ARRAY(
    SELECT unnest(ARRAY[(extract(epoch FROM clock_timestamp()) * 1000)::bigint - 600750 + 250 * n, 250 * n]) FROM generate_series(1, 3) AS n)
WHERE campaign_id = (SELECT id FROM paused);
SELECT campaign_pause(id) FROM paused;
UPDATE campaign.events SET created_at = clock_timestamp() - interval '10 minutes' WHERE campaign_id = (SELECT id FROM paused) AND target = 'paused';
SELECT campaign_resume(id), campaign.report_stored(ARRAY[id], ARRAY['NORMAL'], ARRAY[1::bigint], ARRAY[1100::bigint]) FROM paused;
SELECT cmp_ok((SELECT coalesce(campaign.samples_rate(p.samples), 0) FROM campaign.progress p WHERE p.campaign_id = paused.id), '>', 100::float8,
    'R3.4: a resumed campaign has the pace that it had') FROM paused;

SELECT * FROM finish();
ROLLBACK;
