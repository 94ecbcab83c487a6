-- Senders: consumers whose gateway sends (consumer/send.c). PostgreSQL knows which of them live and what they
-- hold; docs/senders.md has the rules.

-- A row for each session of each lane: a lane that connects again is somebody else, because nobody knew what it
-- did meanwhile. Updated with every chunk.
CREATE TABLE campaign.senders (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    instance text NOT NULL,
    name text NOT NULL,
    gateway text NOT NULL,
    settings jsonb NOT NULL,
    host text NOT NULL,
    queue text NOT NULL,
    pid integer NOT NULL,
    session_started_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    reported_at timestamptz,
    held_campaigns text[] NOT NULL DEFAULT '{}',
    held_classes text[] NOT NULL DEFAULT '{}',
    held_firsts bigint[] NOT NULL DEFAULT '{}',
    held_lasts bigint[] NOT NULL DEFAULT '{}',
    processed bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    sending_us bigint NOT NULL DEFAULT 0,
    away_since timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE campaign.senders IS 'Sessions of senders: who they are, what they hold, what they have done. Never deleted.';
COMMENT ON COLUMN campaign.senders.id IS 'cuid2; what it has claimed in MongoDB says so.';
COMMENT ON COLUMN campaign.senders.instance IS 'The process that the session belongs to: the same for all its lanes.';
COMMENT ON COLUMN campaign.senders.name IS 'Name of the sender (CAMPAIGN_SENDER_NAME).';
COMMENT ON COLUMN campaign.senders.gateway IS 'Its gateway.';
COMMENT ON COLUMN campaign.senders.settings IS 'Its settings; no secrets.';
COMMENT ON COLUMN campaign.senders.host IS 'Host it runs on.';
COMMENT ON COLUMN campaign.senders.queue IS 'Queue that the lane takes from.';
COMMENT ON COLUMN campaign.senders.pid IS 'Process id of its session''s backend.';
COMMENT ON COLUMN campaign.senders.session_started_at IS 'When the session started: with pid, this identifies it for ever.';
COMMENT ON COLUMN campaign.senders.started_at IS 'When it registered.';
COMMENT ON COLUMN campaign.senders.ended_at IS 'When somebody first noticed that its session is over.';
COMMENT ON COLUMN campaign.senders.reported_at IS 'When it last reported.';
COMMENT ON COLUMN campaign.senders.held_campaigns IS 'What it holds: campaigns of the ranges. Element i of the four arrays belong together.';
COMMENT ON COLUMN campaign.senders.held_classes IS 'Classes of the ranges.';
COMMENT ON COLUMN campaign.senders.held_firsts IS 'First seqs of the ranges.';
COMMENT ON COLUMN campaign.senders.held_lasts IS 'Last seqs of the ranges.';
COMMENT ON COLUMN campaign.senders.processed IS 'How many messages it has finished.';
COMMENT ON COLUMN campaign.senders.failed IS 'How many of them failed.';
COMMENT ON COLUMN campaign.senders.sending_us IS 'Microseconds they took together, sending alone.';
COMMENT ON COLUMN campaign.senders.away_since IS 'Since when its provider has taken nothing; NULL: it does.';
CREATE INDEX senders_open_index ON campaign.senders (id) WHERE ended_at IS NULL;
ALTER TABLE campaign.senders ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.senders', '');

CREATE FUNCTION campaign.sender_lives(sender campaign.senders) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN sender.ended_at IS NULL AND EXISTS (
        SELECT FROM pg_stat_get_activity(sender.pid) a WHERE a.backend_start = sender.session_started_at);
END
$$;
COMMENT ON FUNCTION campaign.sender_lives(campaign.senders) IS
'Whether the session of a sender is there. The server ends it when the connection is lost.';

CREATE FUNCTION campaign.sender_begin(
    instance text, name text, gateway text, settings jsonb, host text, queue text
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id text;
BEGIN
    PERFORM campaign.report_primary_check();
    IF length(instance) NOT BETWEEN 1 AND 100 OR length(name) NOT BETWEEN 1 AND 100 OR length(host) > 255
        OR gateway !~ '^[a-z]{1,20}$' OR queue !~ '^campaign\.[a-z0-9.]{1,40}$'
        OR jsonb_typeof(settings) <> 'object' OR length(settings::text) > 2000 THEN
        RAISE EXCEPTION 'no such sender' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE campaign.senders s SET ended_at = clock_timestamp()
    WHERE s.id IN (SELECT o.id FROM campaign.senders o
                   WHERE o.ended_at IS NULL AND NOT campaign.sender_lives(o)
                   FOR NO KEY UPDATE SKIP LOCKED);
    INSERT INTO campaign.senders (instance, name, gateway, settings, host, queue, pid, session_started_at)
    SELECT sender_begin.instance, sender_begin.name, sender_begin.gateway, sender_begin.settings,
        sender_begin.host, sender_begin.queue, pg_backend_pid(), campaign.job_session_started_at()
    RETURNING id INTO new_id;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION campaign.sender_begin(text, text, text, jsonb, text, text) IS
'Registers this session as a lane of a sender and returns its id. It lives as long as the session.';

CREATE FUNCTION campaign.sender_hold(
    sender_id text, campaign_ids text[], classes text[], first_seqs bigint[], last_seqs bigint[]
) RETURNS TABLE (campaign_id text, class text, first_seq bigint, last_seq bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    UPDATE campaign.senders s
    SET held_campaigns = campaign_ids, held_classes = classes, held_firsts = first_seqs, held_lasts = last_seqs
    WHERE s.id = sender_hold.sender_id AND s.pid = pg_backend_pid() AND s.ended_at IS NULL
      AND s.session_started_at = campaign.job_session_started_at();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this session is not sender "%"', left(sender_id, 40)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'A sender needs a session of its own: no pooler in transaction mode.';
    END IF;
    RETURN QUERY
    SELECT h.campaign_id, h.class, lower(r), upper(r) - 1
    FROM unnest(campaign_ids, classes, first_seqs, last_seqs) AS h (campaign_id, class, first_seq, last_seq)
    JOIN campaign.progress p ON p.campaign_id = h.campaign_id AND p.class::text = h.class
    CROSS JOIN LATERAL unnest(p.decided * int8multirange(int8range(h.first_seq, h.last_seq, '[]'))) AS r
    WHERE p.decided <> '{}';
END
$$;
COMMENT ON FUNCTION campaign.sender_hold(text, text[], text[], bigint[], bigint[]) IS
'Records what this sender is about to claim, instead of what it held before. Returns those parts of it whose fate was reported before: they may not be sent again, even if MongoDB has lost them. An error if the session is another one.';

CREATE FUNCTION campaign.sender_away(sender_id text, away_ms bigint, holds boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE campaign.senders s
    SET away_since = CASE WHEN away_ms IS NOT NULL THEN
            clock_timestamp() - greatest(away_ms, 0) * interval '1 millisecond' END,
        held_campaigns = CASE WHEN holds THEN s.held_campaigns ELSE '{}' END,
        held_classes = CASE WHEN holds THEN s.held_classes ELSE '{}' END,
        held_firsts = CASE WHEN holds THEN s.held_firsts ELSE '{}' END,
        held_lasts = CASE WHEN holds THEN s.held_lasts ELSE '{}' END
    WHERE s.id = sender_away.sender_id AND s.pid = pg_backend_pid() AND s.ended_at IS NULL
      AND s.session_started_at = campaign.job_session_started_at();
END
$$;
COMMENT ON FUNCTION campaign.sender_away(text, bigint, boolean) IS
'The provider of this sender has taken nothing for so many milliseconds, or with NULL it takes messages again. The sender holds nothing, unless it says that it goes on holding what it holds: its provider has asked for a pause. It counts as long as the session lives.';

CREATE FUNCTION campaign.sender_troubles(queue text) RETURNS SETOF campaign.troubles
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT s.queue, 'provider'::text, 'the SMS provider has taken nothing for'::text, s.away_since, clock_timestamp()
    FROM campaign.senders s
    WHERE s.queue = sender_troubles.queue AND s.ended_at IS NULL AND s.away_since IS NOT NULL
      AND campaign.sender_lives(s);
END
$$;
COMMENT ON FUNCTION campaign.sender_troubles(text) IS 'The senders of a queue whose provider takes nothing.';

CREATE FUNCTION campaign.sender_living(sender_ids text[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT s.id FROM campaign.senders s WHERE s.id = ANY (sender_ids) AND campaign.sender_lives(s);
END
$$;
COMMENT ON FUNCTION campaign.sender_living(text[]) IS
'Which of these senders live: what they have claimed is being sent. What others have claimed is in doubt.';

CREATE FUNCTION campaign.sender_holds(campaign_id text, class text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM campaign.senders s
        CROSS JOIN LATERAL unnest(s.held_campaigns, s.held_classes) AS h (campaign_id, class)
        WHERE s.ended_at IS NULL AND h.campaign_id = sender_holds.campaign_id AND h.class = sender_holds.class
          AND campaign.sender_lives(s));
END
$$;
COMMENT ON FUNCTION campaign.sender_holds(text, text) IS
'Whether a sender that lives holds messages of a class of a campaign: then it has not stalled.';

CREATE FUNCTION campaign.sending_ranges(target campaign.progress) RETURNS int8multirange
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(range_agg(int8range(h.first_seq, h.last_seq, '[]')) - target.stored, '{}')
        FROM campaign.senders s
        CROSS JOIN LATERAL unnest(s.held_campaigns, s.held_classes, s.held_firsts, s.held_lasts)
            AS h (campaign_id, class, first_seq, last_seq)
        WHERE s.ended_at IS NULL AND h.campaign_id = target.campaign_id AND h.class = target.class::text
          AND campaign.sender_lives(s));
END
$$;
COMMENT ON FUNCTION campaign.sending_ranges(campaign.progress) IS
'The seqs of a class that living senders hold; one that waits for another holds the same.';

CREATE FUNCTION campaign.sending_count(target campaign.progress) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN campaign.stored_count(campaign.sending_ranges(target));
END
$$;
COMMENT ON FUNCTION campaign.sending_count(campaign.progress) IS
'How many messages of a class living senders hold.';

CREATE FUNCTION @extschema@.campaign_senders()
RETURNS TABLE (instance text, name text, gateway text, settings jsonb, host text, alive boolean,
    started_at timestamptz, ended_at timestamptz, reported_at timestamptz, held bigint, processed bigint,
    failed bigint, mean_ms numeric, away_since timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.instance, min(s.name), min(s.gateway), (array_agg(s.settings ORDER BY s.started_at))[1], min(s.host),
        bool_or(campaign.sender_lives(s)), min(s.started_at),
        CASE WHEN bool_and(s.ended_at IS NOT NULL) THEN max(s.ended_at) END, max(s.reported_at),
        coalesce(sum(h.held) FILTER (WHERE campaign.sender_lives(s)), 0)::bigint,
        sum(s.processed)::bigint, sum(s.failed)::bigint,
        round(sum(s.sending_us) / nullif(sum(s.processed), 0) / 1000, 1),
        min(s.away_since) FILTER (WHERE campaign.sender_lives(s))
    FROM campaign.senders s
    LEFT JOIN LATERAL (
        SELECT sum(r.last_seq - r.first_seq + 1 - campaign.stored_count(
                   p.stored * int8multirange(int8range(r.first_seq, r.last_seq, '[]')))) AS held
        FROM unnest(s.held_campaigns, s.held_classes, s.held_firsts, s.held_lasts)
            AS r (campaign_id, class, first_seq, last_seq)
        JOIN campaign.progress p ON p.campaign_id = r.campaign_id AND p.class::text = r.class) AS h
        ON s.ended_at IS NULL
    GROUP BY s.instance
    ORDER BY min(s.started_at), s.instance;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_senders() IS
'Every sender that there is or was, oldest first: its settings, whether it lives (its sessions do), how many messages it holds, has processed and failed, the mean time of sending one, and since when its provider takes nothing, if so.';

-- What a sender has done for whom. A row for each session and campaign, changed with its reports.
CREATE TABLE campaign.sender_shares (
    campaign_id text COLLATE "C" NOT NULL,
    sender_id text COLLATE "C" NOT NULL,
    processed bigint NOT NULL,
    failed bigint NOT NULL,
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (campaign_id, sender_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE campaign.sender_shares IS 'How many messages of a campaign each session of a sender has finished. Never deleted.';
COMMENT ON COLUMN campaign.sender_shares.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.sender_shares.sender_id IS 'Session of the sender.';
COMMENT ON COLUMN campaign.sender_shares.processed IS 'How many it has reported that nobody had reported before.';
COMMENT ON COLUMN campaign.sender_shares.failed IS 'How many of them have failed.';
COMMENT ON COLUMN campaign.sender_shares.first_at IS 'When it first reported.';
COMMENT ON COLUMN campaign.sender_shares.last_at IS 'When it last reported.';
ALTER TABLE campaign.sender_shares ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.sender_shares', '');

CREATE FUNCTION campaign.sender_shares_of(campaign_ids text[])
RETURNS TABLE (name text, gateway text, alive boolean, processed bigint, failed bigint, first_at timestamptz,
    last_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT min(s.name), min(s.gateway), bool_or(campaign.sender_lives(s)), sum(h.processed)::bigint,
        sum(h.failed)::bigint, min(h.first_at), max(h.last_at)
    FROM (SELECT o.sender_id, sum(o.processed) AS processed, sum(o.failed) AS failed, min(o.first_at) AS first_at,
              max(o.last_at) AS last_at
          FROM campaign.sender_shares o WHERE o.campaign_id = ANY (campaign_ids) GROUP BY o.sender_id) AS h
    JOIN campaign.senders s ON s.id = h.sender_id
    GROUP BY s.instance;
END
$$;
COMMENT ON FUNCTION campaign.sender_shares_of(text[]) IS
'The senders of these campaigns, and how many of their messages each has processed and failed.';

CREATE FUNCTION campaign.sender_events_of(campaign_ids text[], rows integer)
RETURNS TABLE (at timestamptz, event text, instance text, name text, queue text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT e.at, e.event, s.instance, s.name, s.queue
    FROM campaign.senders s,
        LATERAL (VALUES (s.started_at, 'began', 1), (s.ended_at, 'ended', 2)) AS e (at, event, place)
    WHERE e.at IS NOT NULL AND (campaign_ids IS NULL OR s.id IN (
        SELECT o.sender_id FROM campaign.sender_shares o WHERE o.campaign_id = ANY (campaign_ids)))
    ORDER BY e.at DESC, e.place DESC, s.id LIMIT greatest(sender_events_of.rows, 0);
END
$$;
COMMENT ON FUNCTION campaign.sender_events_of(text[], integer) IS
'When the sessions of the senders of these campaigns began and ended, the newest first; NULL: of all senders.';

CREATE FUNCTION @extschema@.campaign_sender_events(rows integer DEFAULT 100)
RETURNS TABLE (at timestamptz, event text, instance text, name text, queue text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM campaign.sender_events_of(NULL::text[], campaign_sender_events.rows) $$;
COMMENT ON FUNCTION @extschema@.campaign_sender_events(integer) IS
'When the sessions of senders began and ended (as soon as somebody has noticed it), the newest first.';
