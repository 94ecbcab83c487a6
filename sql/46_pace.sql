-- The pace of a class and how long a run still takes. A sample is how much of a class was stored at a
-- moment; a step is what lies between two of them. Only the newest steps count, so that the answer
-- follows another pace within seconds.

CREATE FUNCTION campaign.samples_add(samples bigint[], at timestamptz, stored bigint) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept CONSTANT integer := 13;
    at_ms bigint := (extract(epoch FROM at) * 1000)::bigint;
    count integer := cardinality(samples);
BEGIN
    -- The clock was set back, or MongoDB was: what was before says nothing any more.
    IF count > 0 AND (samples[count - 1] >= at_ms OR samples[count] > stored) THEN
        RETURN ARRAY[at_ms, stored];
    END IF;
    RETURN samples[greatest(count - 2 * kept + 3, 1):] || ARRAY[at_ms, stored];
END
$$;
COMMENT ON FUNCTION campaign.samples_add(bigint[], timestamptz, bigint) IS
'The last 12 samples of a class and a new one.';

CREATE FUNCTION campaign.samples_next(started_at timestamptz, at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN at + least(greatest((at - started_at) / 20, interval '250 milliseconds'), interval '500 milliseconds');
END
$$;
COMMENT ON FUNCTION campaign.samples_next(timestamptz, timestamptz) IS
'When the sample after that of a moment is due: after 250 ms, ten seconds after the start 500.';

CREATE FUNCTION campaign.samples_pause(samples bigint[], paused_at timestamptz, resumed_at timestamptz)
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    count integer := cardinality(samples);
    resumed_ms bigint := (extract(epoch FROM resumed_at) * 1000)::bigint;
    -- What was in flight is reported after the pause has begun.
    paused_ms bigint := greatest((extract(epoch FROM paused_at) * 1000)::bigint, samples[count - 1]);
BEGIN
    RETURN ARRAY(
        SELECT s.value + CASE WHEN s.place % 2 = 1 THEN greatest(resumed_ms - paused_ms, 0) ELSE 0 END
        FROM unnest(samples) WITH ORDINALITY AS s (value, place) ORDER BY s.place);
END
$$;
COMMENT ON FUNCTION campaign.samples_pause(bigint[], timestamptz, timestamptz) IS
'Samples from before a pause as if it had not been: later by as long as it was.';

CREATE FUNCTION campaign.samples_silence(samples bigint[]) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT greatest(5000, 4 * max(samples[i + 2] - samples[i]))
            FROM generate_series(1, cardinality(samples) - 3, 2) AS i);
END
$$;
COMMENT ON FUNCTION campaign.samples_silence(bigint[]) IS
'After how many milliseconds without a report a class with these samples stands still: 5,000, or four times its longest step.';

CREATE FUNCTION campaign.samples_rate(samples bigint[]) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    enough CONSTANT bigint := 5000;
    newer_enough CONSTANT bigint := 1750;
    newest integer := coalesce(cardinality(samples), 0) - 3;
    step_ms bigint;
    newer_ms bigint := 0;
    newer_stored bigint := 0;
    older_ms bigint := 0;
    older_stored bigint := 0;
    newer double precision;
    older double precision;
    whole double precision;
    change double precision;
BEGIN
    FOR i IN REVERSE newest..1 BY 2 LOOP
        EXIT WHEN newer_ms + older_ms >= enough;
        step_ms := samples[i + 2] - samples[i];
        -- To ask for the silence costs more than all the rest, and it is never shorter.
        IF step_ms > 5000 AND step_ms > campaign.samples_silence(samples[:i + 1]) THEN
            IF i = newest THEN
                -- A server is back, or one has become slow: the next sample tells.
                RETURN NULL;
            END IF;
        ELSIF newer_ms < newer_enough THEN
            newer_ms := newer_ms + step_ms;
            newer_stored := newer_stored + samples[i + 3] - samples[i + 1];
        ELSE
            older_ms := older_ms + step_ms;
            older_stored := older_stored + samples[i + 3] - samples[i + 1];
        END IF;
    END LOOP;
    newer := 1000.0 * newer_stored / nullif(newer_ms, 0);
    older := 1000.0 * older_stored / nullif(older_ms, 0);
    whole := 1000.0 * (newer_stored + older_stored) / nullif(newer_ms + older_ms, 0);
    -- No run at full speed is even: a store that writes its files keeps it up for a moment. What differs by a quarter says
    -- nothing yet; by three fifths, and it is another pace; between these the newer one counts in part.
    change := least(greatest((abs(newer - older) / nullif(greatest(newer, older), 0) - 0.25) / 0.35, 0), 1);
    RETURN CASE WHEN newest >= 3 THEN nullif(change * newer + (1 - change) * whole, 0) END;
END
$$;
COMMENT ON FUNCTION campaign.samples_rate(bigint[]) IS
'How many of a class were stored a second in the newest steps, without those in which it stood still: in those that cover five seconds, or as many as there are, but the more in the last two of these, the more they differ from the others. NULL until there are three samples, and for one sample after it stood still.';

CREATE FUNCTION campaign.run_samples(vip bigint[], normal bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    count integer := cardinality(vip);
BEGIN
    -- VIP again, of which MongoDB has lost some.
    IF vip[count - 1] > normal[1] THEN
        RETURN normal;
    END IF;
    RETURN ARRAY(
        SELECT s.value + CASE s.place % 2 WHEN 1 THEN normal[1] - vip[count - 1] ELSE normal[2] - vip[count] END
        FROM unnest(vip[:count - 2]) WITH ORDINALITY AS s (value, place) ORDER BY s.place) || normal;
END
$$;
COMMENT ON FUNCTION campaign.run_samples(bigint[], bigint[]) IS
'Samples of NORMAL behind those of VIP, as if its first one had been the last one of VIP: what is between them says nothing of the pace.';

-- A class of 100 is over before anybody asks how long it will take.
CREATE FUNCTION campaign.sample_take(campaign_id text, class campaign.recipient_class) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE campaign.progress p
    SET samples = campaign.samples_add(p.samples, clock_timestamp(), campaign.stored_count(p.stored)),
        sample_after = campaign.samples_next(p.started_at, clock_timestamp())
    WHERE p.campaign_id = sample_take.campaign_id AND p.class = sample_take.class;
END
$$;
COMMENT ON FUNCTION campaign.sample_take(text, campaign.recipient_class) IS
'Notes how much of a class is stored at this moment: every 250 ms, in a long run every 500.';

CREATE FUNCTION campaign.pace_settled(samples bigint[]) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN samples[cardinality(samples) - 1] - samples[1] >= 1750 THEN campaign.samples_rate(samples) END;
END
$$;
COMMENT ON FUNCTION campaign.pace_settled(bigint[]) IS
'The pace that a class with these samples goes on with, by which time is reckoned: none until they cover 1.75 seconds, because a run at full speed is not even in its first ones.';

CREATE FUNCTION campaign.pace_limited(rate double precision, per_second numeric) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Half a second in which nothing is stored takes a sixth off the rate of three, and nothing off that of the next.
    RETURN CASE WHEN rate < 0.8 * per_second THEN rate ELSE coalesce(per_second, rate) END;
END
$$;
COMMENT ON FUNCTION campaign.pace_limited(double precision, numeric) IS
'The pace at which a class goes on that was stored at this rate lately and may have so many a second: the limit, if nothing else holds it up or is known.';

-- What the last report said, not what the clock says: the answer stays the same until the next one.
CREATE FUNCTION campaign.run_left_ms(
    phase text, vip campaign.progress, normal campaign.progress, per_second numeric DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Whatever the samples from before a limit say, it gets no faster than that.
    vip_rate double precision := campaign.pace_limited(campaign.pace_settled(vip.samples), per_second);
    rate double precision := CASE WHEN cardinality(normal.samples) >= 4
        THEN campaign.pace_limited(campaign.pace_settled(campaign.run_samples(vip.samples, normal.samples)), per_second)
        ELSE vip_rate END;
    current_class campaign.progress := CASE WHEN phase LIKE '%VIP%' THEN vip ELSE normal END;
    silence interval := greatest(campaign.samples_silence(current_class.samples) * interval '1 millisecond',
        4 / per_second * interval '1 second');
BEGIN
    IF campaign.window_closed(coalesce(vip.campaign_id, normal.campaign_id)) OR phase NOT IN ('ENQUEUE_VIP', 'WAITING_VIP_DRAIN', 'ENQUEUE_NORMAL', 'WAITING_NORMAL_DRAIN') THEN
        RETURN NULL;
    END IF;
    -- Whoever does not move has no end in sight.
    IF greatest(vip.stored_at, normal.stored_at) + silence < clock_timestamp() THEN
        RETURN NULL;
    END IF;
    RETURN round(coalesce(vip.total - campaign.stored_count(vip.stored), 0) * 1000 / coalesce(vip_rate, rate)
        + coalesce(normal.total - campaign.stored_count(normal.stored), 0) * 1000 / rate);
END
$$;
COMMENT ON FUNCTION campaign.run_left_ms(text, campaign.progress, campaign.progress, numeric) IS
'How long a run still takes, at the pace of its last seconds, or at its limit where that is slower or nothing else is known; NULL if that is not known.';
