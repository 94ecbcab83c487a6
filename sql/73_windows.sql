-- Send windows: the days and hours at which a campaign may be sent, as a clock on the wall of its time
-- zone shows them (src/publish/window.c decides). docs/campaigns.md has the rules.
--
-- An open window is a lease: the worker gives it, with an end, and publishes, as do the consumers store
-- and send, only as long as it lasts. Nothing ever makes it longer: the next one begins as a resumed
-- campaign does, from the end of what is stored, because consumers drop what came meanwhile. So it does
-- not matter who is away, or how long a client's transaction takes, when a window closes. Nor does it when
-- the clock is set back: a lease that begins in the future is none.

CREATE TABLE campaign.send_windows (
    campaign_id text COLLATE "C" PRIMARY KEY REFERENCES campaign.campaigns (id),
    hours text,
    minutes integer[] NOT NULL DEFAULT '{}',
    time_zones text[],
    halts_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    turns_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    opened_at timestamptz,
    CONSTRAINT send_windows_hours_check CHECK ((hours IS NULL) = (time_zones IS NULL))
);
COMMENT ON TABLE campaign.send_windows IS 'When campaigns may be sent; a campaign without a row may always be.';
COMMENT ON COLUMN campaign.send_windows.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.send_windows.hours IS 'Days and hours, as the client gave them; NULL: always, since the window was taken away.';
COMMENT ON COLUMN campaign.send_windows.minutes IS 'The minutes of the week, from Monday 00:00, at which it opens and closes by turns.';
COMMENT ON COLUMN campaign.send_windows.time_zones IS 'Where clocks on the wall show these hours: in all of them.';
COMMENT ON COLUMN campaign.send_windows.halts_at IS 'End of the lease: from then on nothing is published, stored or begun. A second before the window closes.';
COMMENT ON COLUMN campaign.send_windows.turns_at IS 'When the worker has to look at it.';
COMMENT ON COLUMN campaign.send_windows.opened_at IS 'When the last lease began; NULL: there is none.';
CREATE INDEX send_windows_turns_index ON campaign.send_windows (turns_at) WHERE turns_at < 'infinity';
ALTER TABLE campaign.send_windows ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.send_windows', '');

CREATE FUNCTION campaign.window_is_open(minutes integer[], time_zones text[], at timestamptz) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_window_is_open';
COMMENT ON FUNCTION campaign.window_is_open(integer[], text[], timestamptz) IS
'Whether a window is open at a time: whether a clock on the wall of each zone shows a minute that is in it. NULL if this PostgreSQL does not know one of the zones.';

CREATE FUNCTION campaign.window_changes_at(minutes integer[], time_zones text[], at timestamptz) RETURNS timestamptz
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_window_changes_at';
COMMENT ON FUNCTION campaign.window_changes_at(integer[], text[], timestamptz) IS
'When a window closes next, or opens, if it is closed at that time; NULL if it is always open, or never, or if this PostgreSQL does not know one of the zones.';

CREATE FUNCTION campaign.window_days(days text) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names CONSTANT text[] := '{monday,tuesday,wednesday,thursday,friday,saturday,sunday}';
    word text;
    ends integer[];
    found integer[] := '{}';
BEGIN
    IF days = '' THEN
        RETURN '{0,1,2,3,4,5,6}';
    END IF;
    FOREACH word IN ARRAY regexp_split_to_array(regexp_replace(lower(days), '\s*-\s*', '-', 'g'), '\s+') LOOP
        ends := ARRAY(SELECT (SELECT n.place - 1 FROM unnest(names) WITH ORDINALITY AS n (name, place)
                              WHERE e.word IN (n.name, left(n.name, 3)))
                      FROM unnest(string_to_array(word, '-')) WITH ORDINALITY AS e (word, place) ORDER BY e.place);
        IF cardinality(ends) > 2 OR array_position(ends, NULL) IS NOT NULL THEN
            RAISE EXCEPTION 'there is no day "%"', left(word, 40)
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Days are Mon Tue Wed Thu Fri Sat Sun, or Mon-Fri.';
        END IF;
        found := found || ARRAY(SELECT day % 7 FROM generate_series(ends[1],
            ends[cardinality(ends)] + CASE WHEN ends[cardinality(ends)] < ends[1] THEN 7 ELSE 0 END) AS day);
    END LOOP;
    RETURN found;
END
$$;
COMMENT ON FUNCTION campaign.window_days(text) IS
'The days of a window, Monday is 0: names such as Mon or Monday, and from one to another such as Fri-Mon; none: all.';

CREATE FUNCTION campaign.window_minutes(hours text) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    day CONSTANT integer := 1440;
    week CONSTANT int4range := int4range(0, 7 * 1440);
    clock CONSTANT text := '([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]|24):([0-5]\d)\s*$';
    part text;
    ends integer[];
    start integer;
    found int4multirange := '{}';
BEGIN
    -- In "Mon, Wed 09:00-12:00" the comma is between days.
    FOREACH part IN ARRAY regexp_split_to_array(regexp_replace(hours, '([a-z])\s*,\s*(?=[a-z])', '\1 ', 'gi'), '[,;]') LOOP
        ends := regexp_match(part, clock);
        IF ends IS NULL OR ends[3] * 60 + ends[4] > day OR ends[1:2] = ends[3:4] THEN
            RAISE EXCEPTION 'a window needs hours, not "%"', left(btrim(part), 40)
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'For example Mon-Fri 09:00-18:00, Sat 10:00-14:00; the whole day is 00:00-24:00.';
        END IF;
        ends := ARRAY[ends[1] * 60 + ends[2], ends[3] * 60 + ends[4]];
        -- Over midnight: it belongs to the day on which it opens.
        IF ends[2] < ends[1] THEN
            ends[2] := ends[2] + day;
        END IF;
        FOREACH start IN ARRAY campaign.window_days(btrim(regexp_replace(part, '\s*' || clock, ''), E' \t\r\n')) LOOP
            start := start * day;
            -- What lies behind Sunday is at the beginning of the week.
            found := found + int4multirange(int4range(start + ends[1], start + ends[2]) * week,
                int4range(start + ends[1] - upper(week), start + ends[2] - upper(week)) * week);
        END LOOP;
    END LOOP;
    RETURN ARRAY(SELECT edge FROM unnest(found) AS r, unnest(ARRAY[lower(r), upper(r)]) AS edge ORDER BY edge);
END
$$;
COMMENT ON FUNCTION campaign.window_minutes(text) IS
'The minutes of the week, from Monday 00:00, at which a window such as "Mon-Fri 09:00-18:00, Sat 22:00-02:00" opens and closes by turns. An error if it is not understood.';

CREATE FUNCTION campaign.time_zone_name(time_zone text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text := (SELECT z.name FROM pg_timezone_names z
                   WHERE lower(z.name) = lower(btrim(time_zone_name.time_zone))
                     AND z.name !~ '^(posix/|localtime$|posixrules$|Factory$)'
                     -- CET is a zone with summer time and an abbreviation without it.
                     AND (z.name IN ('UTC', 'GMT') OR NOT EXISTS (SELECT FROM pg_timezone_abbrevs a WHERE a.abbrev = upper(z.name))));
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION 'time zone "%" is not known', left(time_zone, 40)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use a name such as America/Sao_Paulo.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION campaign.time_zone_name(text) IS
'The name of a time zone as it is written; an error if there is none such. Only names: of an offset such as UTC+3, people do not agree on the sign, and of an abbreviation such as CET on the summer.';

CREATE FUNCTION campaign.window_closed(campaign_id text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM campaign.send_windows w
                   WHERE w.campaign_id = window_closed.campaign_id
                     AND (w.opened_at <= clock_timestamp() AND w.halts_at > clock_timestamp()) IS NOT TRUE);
END
$$;
COMMENT ON FUNCTION campaign.window_closed(text) IS
'Whether nothing of a campaign may be published, stored or sent because of its window.';

CREATE FUNCTION campaign.window_halts(target campaign.campaigns) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN target.expired_at IS NULL AND target.status NOT IN ('sent', 'failed') AND campaign.window_closed(target.id);
END
$$;
COMMENT ON FUNCTION campaign.window_halts(campaign.campaigns) IS
'Whether consumers have to leave a campaign alone because of its window. What has expired is left out at any hour, and what a person replays of a campaign that is over goes at once.';

CREATE FUNCTION campaign.window_state(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('hours', w.hours, 'time_zone', array_to_string(w.time_zones, ', '),
            'open', campaign.window_is_open(w.minutes, w.time_zones, clock_timestamp()),
            'until', campaign.window_changes_at(w.minutes, w.time_zones, clock_timestamp()))
        FROM campaign.send_windows w WHERE w.campaign_id = window_state.campaign_id AND w.hours IS NOT NULL);
END
$$;
COMMENT ON FUNCTION campaign.window_state(text) IS
'{"hours", "time_zone", "open", "until"} of a campaign''s send window: whether it is open, and until when it stays so; NULL without a window.';

CREATE FUNCTION campaign.window_words(campaign_id text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state jsonb := campaign.window_state(campaign_id);
    zones text[] := string_to_array(state ->> 'time_zone', ', ');
    -- A number of which only the continent is known may be in forty.
    words text := CASE WHEN cardinality(zones) > 5 THEN format('%s and %s others', zones[1], cardinality(zones) - 1)
                       ELSE state ->> 'time_zone' END;
BEGIN
    IF state IS NULL OR (state ->> 'open')::boolean THEN
        RETURN NULL;
    ELSIF state ->> 'until' IS NULL THEN
        RETURN format('its send window never opens in %s', words);
    END IF;
    RETURN format('outside its send window until %s (%s)', to_char((state ->> 'until')::timestamptz
        AT TIME ZONE zones[1], 'YYYY-MM-DD HH24:MI'), words);
END
$$;
COMMENT ON FUNCTION campaign.window_words(text) IS
'"outside its send window until …", in the window''s time zone; NULL if it is open or there is none.';

CREATE FUNCTION campaign.window_wake(campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE campaign.send_windows w SET turns_at = clock_timestamp() WHERE w.campaign_id = window_wake.campaign_id;
END
$$;
COMMENT ON FUNCTION campaign.window_wake(text) IS 'The worker looks at the window of a campaign: it begins to run, or goes on.';

-- The caller holds the campaign's lock.
CREATE FUNCTION campaign.window_open(target campaign.campaigns, w campaign.send_windows, closes_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lease_end timestamptz := coalesce(closes_at - interval '1 second', 'infinity');
BEGIN
    UPDATE campaign.send_windows s SET halts_at = lease_end, turns_at = lease_end,
        opened_at = clock_timestamp()
    WHERE s.campaign_id = target.id;
    PERFORM campaign.campaign_restart(target, 'its send window has opened',
        CASE WHEN w.halts_at <= clock_timestamp() THEN w.halts_at END);
END
$$;
COMMENT ON FUNCTION campaign.window_open(campaign.campaigns, campaign.send_windows, timestamptz) IS
'Lets a campaign be sent until a second before closes_at (NULL: for good), from the end of what is stored.';

-- The caller holds the campaign's lock.
CREATE FUNCTION campaign.window_turn(target campaign.campaigns) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    w campaign.send_windows;
    open boolean;
    changes_at timestamptz;
BEGIN
    SELECT * INTO w FROM campaign.send_windows s WHERE s.campaign_id = target.id;
    -- Of a zone that is not known it stays closed: other files of zones may know it tomorrow.
    open := w.hours IS NULL OR coalesce(campaign.window_is_open(w.minutes, w.time_zones, at), false);
    changes_at := campaign.window_changes_at(w.minutes, w.time_zones, at);
    IF target.status NOT IN ('queued', 'publishing', 'published') OR target.deleted THEN
        -- Whatever makes it run wakes its window.
        UPDATE campaign.send_windows s SET turns_at = 'infinity' WHERE s.campaign_id = target.id;
    ELSIF w.opened_at <= at AND w.halts_at > at THEN
        UPDATE campaign.send_windows s SET turns_at = s.halts_at WHERE s.campaign_id = target.id;
    ELSIF open AND (changes_at - interval '1 second' <= at) IS NOT TRUE THEN
        PERFORM campaign.window_open(target, w, changes_at);
    ELSE
        UPDATE campaign.send_windows s SET turns_at = coalesce(changes_at, at + interval '1 day'), opened_at = NULL
        WHERE s.campaign_id = target.id;
        IF NOT open THEN
            PERFORM campaign.event_add(target.id, target.status, target.status, campaign.window_words(target.id));
            PERFORM campaign.campaign_changed(target.id);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.window_turn(campaign.campaigns) IS
'Opens the window of a campaign if it is time, and says when to look at it again.';

CREATE FUNCTION campaign.windows_turn() RETURNS double precision
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    due campaign.campaigns;
BEGIN
    FOR due IN
        SELECT c.* FROM campaign.send_windows w JOIN campaign.campaigns c ON c.id = w.campaign_id
        -- Of a lease from the future the clock was set back.
        WHERE (w.turns_at <= clock_timestamp() OR w.opened_at > clock_timestamp()) AND w.turns_at < 'infinity'
        ORDER BY w.turns_at LIMIT 100
        FOR NO KEY UPDATE OF c SKIP LOCKED
    LOOP
        BEGIN
            PERFORM campaign.window_turn(due);
        EXCEPTION WHEN lock_not_available THEN
            UPDATE campaign.send_windows w SET turns_at = clock_timestamp() + interval '1 second' WHERE w.campaign_id = due.id;
        WHEN OTHERS THEN
            -- One campaign stops no other.
            RAISE WARNING 'the send window of campaign % cannot be turned: %', due.id, SQLERRM;
            UPDATE campaign.send_windows w SET turns_at = clock_timestamp() + interval '1 minute' WHERE w.campaign_id = due.id;
        END;
    END LOOP;
    RETURN (SELECT extract(epoch FROM min(w.turns_at) - clock_timestamp())
            FROM campaign.send_windows w WHERE w.turns_at < 'infinity');
END
$$;
COMMENT ON FUNCTION campaign.windows_turn() IS
'Opens and closes the windows whose time has come; returns the seconds until the next one, NULL if there is none. One whose campaign a client has locked comes with the next call.';

CREATE FUNCTION campaign.window_copy(source_id text, target_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO campaign.send_windows (campaign_id, hours, minutes, time_zones)
    SELECT target_id, w.hours, w.minutes, w.time_zones FROM campaign.send_windows w
    WHERE w.campaign_id = source_id AND w.hours IS NOT NULL;
END
$$;
COMMENT ON FUNCTION campaign.window_copy(text, text) IS 'Gives a new campaign the window of the one whose place it takes.';

CREATE FUNCTION campaign.window_hint(target campaign.campaigns, hours text, time_zone text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF target.ordered OR target.status <> 'draft' THEN
        RETURN 'In their own time zones only the recipients of a draft can be sent to that was created with ordered => false.';
    END IF;
    RETURN format('SELECT campaign_dispatch_zones(%s); sends it so.',
        concat_ws(', ', quote_literal(target.id), quote_literal(coalesce(left(hours, 100), '09:00-18:00')), quote_literal(left(time_zone, 40))));
END
$$;
COMMENT ON FUNCTION campaign.window_hint(campaign.campaigns, text, text) IS
'What to do for a window in each recipient''s own time zone: the call itself, where it can be made.';

CREATE FUNCTION @extschema@.campaign_window(
    campaign_id text,
    hours text,
    time_zone text DEFAULT NULL,
    recipients boolean DEFAULT false,
    reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
    zone text;
BEGIN
    IF target.status IN ('sent', 'failed', 'cancelled') THEN
        RAISE EXCEPTION 'campaign "%" is %: it is not sent any more', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF recipients THEN
        RAISE EXCEPTION 'a campaign has one window, not one for each recipient'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = campaign.window_hint(target, hours, time_zone);
    END IF;
    IF length(hours) > 500 THEN
        RAISE EXCEPTION 'hours are longer than 500 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF hours IS NOT NULL AND time_zone IS NULL THEN
        RAISE EXCEPTION 'a window needs a time zone' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give one as time_zone, such as America/Sao_Paulo.';
    END IF;
    zone := CASE WHEN hours IS NOT NULL THEN campaign.time_zone_name(time_zone) END;
    IF hours IS NULL AND (target.queued_at IS NULL OR NOT EXISTS (
        SELECT FROM campaign.send_windows w WHERE w.campaign_id = target.id)) THEN
        DELETE FROM campaign.send_windows w WHERE w.campaign_id = target.id;
        RETURN @extschema@.campaign_status(target.id);
    END IF;
    -- Closed from the commit on, whenever that is: only the worker opens it.
    INSERT INTO campaign.send_windows AS w (campaign_id, hours, minutes, time_zones)
    VALUES (target.id, btrim(campaign_window.hours),
        CASE WHEN campaign_window.hours IS NULL THEN '{}' ELSE campaign.window_minutes(campaign_window.hours) END, CASE WHEN zone IS NOT NULL THEN ARRAY[zone] END)
    ON CONFLICT ON CONSTRAINT send_windows_pkey DO UPDATE
    SET hours = excluded.hours, minutes = excluded.minutes, time_zones = excluded.time_zones,
        halts_at = least(w.halts_at, excluded.halts_at), turns_at = excluded.turns_at, opened_at = NULL;
    PERFORM campaign.event_add(target.id, target.status, target.status, reason,
        coalesce('send window ' || left(btrim(hours), 100) || ' ' || zone, 'no send window'));
    UPDATE campaign.campaigns c SET updated_at = clock_timestamp() WHERE c.id = target.id;
    PERFORM campaign.campaign_changed(target.id);
    PERFORM campaign.worker_wake();
    RETURN @extschema@.campaign_status(target.id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_window(text, text, text, boolean, text) IS
'Sends a campaign only at these hours of these days, such as "Mon-Fri 09:00-18:00, Sat 10:00-14:00", as a clock on the wall of time_zone shows them; over midnight, too (22:00-02:00). NULL: at any time. May be changed until it is over. Outside nothing is published, stored or sent, and what was in the queue is published again. Returns its status, with "window".';
