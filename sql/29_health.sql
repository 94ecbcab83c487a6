-- Health: whether a campaign gets on, and if not, where it is stuck and since when. Worker and
-- consumer write down what they wait for, when it begins and when it ends; nothing of it is counted.

CREATE TABLE campaign.troubles (
    place text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    sentence text NOT NULL,
    since timestamptz NOT NULL,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (place, subject)
);
COMMENT ON TABLE campaign.troubles IS 'What worker and consumers wait for at this moment. Read only for a campaign that does not move.';
COMMENT ON COLUMN campaign.troubles.place IS 'worker, or the queue whose consumer it is.';
COMMENT ON COLUMN campaign.troubles.subject IS 'A server, or a queue that the worker has trouble with.';
COMMENT ON COLUMN campaign.troubles.sentence IS 'What is said about it, to be followed by a duration.';
COMMENT ON COLUMN campaign.troubles.since IS 'When it began.';
COMMENT ON COLUMN campaign.troubles.told_at IS 'When it was last said: consumers repeat it as long as it is true.';
ALTER TABLE campaign.troubles ENABLE ROW LEVEL SECURITY;
-- What was true of another server's broker is not restored.
SELECT pg_catalog.pg_extension_config_dump('campaign.troubles', 'WHERE false');

CREATE FUNCTION campaign.trouble_note(place text, subject text, sentence text, since timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF sentence IS NULL THEN
        DELETE FROM campaign.troubles t
        WHERE t.place = trouble_note.place AND t.subject = coalesce(trouble_note.subject, t.subject);
        RETURN;
    END IF;
    INSERT INTO campaign.troubles AS t (place, subject, sentence, since)
    VALUES (trouble_note.place, trouble_note.subject, left(trouble_note.sentence, 500), trouble_note.since)
    ON CONFLICT ON CONSTRAINT troubles_pkey DO UPDATE
    SET sentence = excluded.sentence, since = least(t.since, excluded.since), told_at = excluded.told_at;
END
$$;
COMMENT ON FUNCTION campaign.trouble_note(text, text, text, timestamptz) IS
'Writes down what somebody waits for, or with a NULL sentence that it is over; with a NULL subject all of it.';

CREATE FUNCTION campaign.outbox_trouble(subject text, sentence text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.trouble_note('worker', subject, sentence, clock_timestamp());
END
$$;
COMMENT ON FUNCTION campaign.outbox_trouble(text, text) IS
'The worker waits for something from now on (sentence), or no longer (NULL); with two NULLs for nothing.';

CREATE FUNCTION campaign.report_waiting(queue text, server text, waiting_ms bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF queue !~ '^campaign\.[a-z0-9.]{1,40}$' OR server !~ '^[A-Za-z]{1,20}$' THEN
        RAISE EXCEPTION 'no such queue or server' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM campaign.trouble_note(queue, server,
        CASE WHEN waiting_ms IS NOT NULL THEN format('waiting for %s since', server) END,
        clock_timestamp() - greatest(waiting_ms, 0) * interval '1 millisecond');
END
$$;
COMMENT ON FUNCTION campaign.report_waiting(text, text, bigint) IS
'The consumer of a queue waits for a server (MongoDB or RabbitMQ) since so many milliseconds, or with NULL no longer. For the health of campaigns; call it when that changes, at most once a second, and every 5 seconds while it waits: what was not repeated for 15 seconds does not count.';

CREATE FUNCTION campaign.campaign_queue(target campaign.campaigns) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    digest bytea := sha256(convert_to(target.id, 'UTF8'));
BEGIN
    -- The same as message_partition() in lib/contract; of a number, its last two bits are the rest.
    RETURN CASE WHEN target.ordered THEN 'campaign.messages.' || get_byte(digest, 3) % 4 ELSE 'campaign.parallel' END;
END
$$;
COMMENT ON FUNCTION campaign.campaign_queue(campaign.campaigns) IS 'The queue through which a campaign goes.';

CREATE FUNCTION campaign.duration_words(duration interval) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seconds bigint := greatest(floor(extract(epoch FROM duration)), 0)::bigint;
BEGIN
    RETURN CASE WHEN seconds < 120 THEN seconds || ' s'
        WHEN seconds < 7200 THEN seconds / 60 || ' min'
        WHEN seconds < 172800 THEN seconds / 3600 || ' h'
        ELSE seconds / 86400 || ' days' END;
END
$$;
COMMENT ON FUNCTION campaign.duration_words(interval) IS 'A duration as people say it: 12 s, 3 min, 5 h, 4 days; NULL of none.';

CREATE FUNCTION campaign.event_actor(event campaign.events) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce((SELECT u.email FROM campaign.users u WHERE u.id = event.user_id),
        (SELECT a.name FROM campaign.applications a WHERE a.id = event.application_id), event.role);
END
$$;
COMMENT ON FUNCTION campaign.event_actor(campaign.events) IS
'Who did it: the address of the user, the name of the application, or the role of PostgreSQL.';

CREATE FUNCTION campaign.consumer_has_session() RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A consumer of another make has another name, or logs in as a member of the role. A superuser,
    -- who may do everything, is not one.
    RETURN EXISTS (
        SELECT FROM pg_stat_activity a
        WHERE a.datname = current_database()
          AND (a.application_name = 'campaign-consumer' OR a.usename = 'campaign_consumer'
               OR a.usesysid IN (SELECT m.member FROM pg_auth_members m
                                 WHERE m.roleid = (SELECT r.oid FROM pg_roles r WHERE r.rolname = 'campaign_consumer'))));
END
$$;
COMMENT ON FUNCTION campaign.consumer_has_session() IS 'Whether a consumer is connected to this database.';

-- Of several reasons the one that has to go first: a consumer that waits for MongoDB gives its queue
-- back in the end, and then that has no consumer, too.
CREATE FUNCTION campaign.stuck_trouble(
    target campaign.campaigns, counts jsonb, quiet_since timestamptz
) RETURNS campaign.troubles
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own_queue CONSTANT text := campaign.campaign_queue(target);
    repeated CONSTANT interval := '15 seconds';
    found_trouble campaign.troubles;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_stat_activity a
                   WHERE a.datname = current_database() AND a.backend_type = 'campaign worker') THEN
        RETURN ROW('worker', 'worker', 'no campaign worker is running, nothing has moved for', quiet_since, NULL)::campaign.troubles;
    END IF;
    found_trouble := campaign.lock_trouble(target, counts, quiet_since);
    IF found_trouble.place IS NOT NULL THEN
        RETURN found_trouble;
    END IF;
    SELECT t.* INTO found_trouble
    FROM (SELECT * FROM campaign.troubles UNION ALL SELECT * FROM campaign.sender_troubles(own_queue)) AS t
    WHERE t.place = 'worker' AND t.subject IN ('RabbitMQ', own_queue)
       OR t.place = own_queue AND t.told_at > clock_timestamp() - repeated
    ORDER BY CASE WHEN t.place = 'worker' AND t.subject = 'RabbitMQ' THEN 1 WHEN t.place = 'worker' THEN 3 ELSE 2 END,
        t.since DESC
    LIMIT 1;
    IF FOUND THEN
        RETURN found_trouble;
    END IF;
    -- Nothing of it is with the broker: the consumer has nothing to store.
    IF (counts ->> 'active')::bigint = 0 THEN
        RETURN ROW('worker', 'worker', CASE WHEN (counts ->> 'waiting')::bigint > 0
            THEN 'the worker has published nothing of it for'
            ELSE 'all of it is stored, and the worker has not ended it for' END,
            quiet_since, clock_timestamp())::campaign.troubles;
    END IF;
    RETURN ROW(own_queue, 'consumer', CASE WHEN campaign.consumer_has_session()
        THEN format('the consumer of %s has stored nothing for', own_queue)
        ELSE 'no consumer is connected to PostgreSQL, nothing has been stored for' END,
        quiet_since, clock_timestamp())::campaign.troubles;
END
$$;
COMMENT ON FUNCTION campaign.stuck_trouble(campaign.campaigns, jsonb, timestamptz) IS
'Why a campaign does not move. counts: its run_counts().';

CREATE FUNCTION campaign.moved_at(campaign_id text, vip campaign.progress, normal campaign.progress) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The worker's own moves have no reason: what it publishes is in the progress, and what it publishes again
    -- because nothing is stored has not moved anything. What lies in the future was written before the clock was
    -- set back: until it moves again it is taken for stuck.
    RETURN (
        SELECT max(t.at)
        FROM (SELECT e.created_at FROM campaign.events e
              WHERE e.campaign_id = moved_at.campaign_id
                AND (e.target NOT IN ('publishing', 'published') OR e.reason IS NOT NULL)
              UNION ALL SELECT unnest(ARRAY[vip.started_at, vip.published_at, vip.stored_at, normal.started_at,
                  normal.published_at, normal.stored_at])) AS t (at)
        WHERE t.at <= clock_timestamp());
END
$$;
COMMENT ON FUNCTION campaign.moved_at(text, campaign.progress, campaign.progress) IS
'When a campaign last moved: something was stored, or published for the first time, or somebody did something with it. NULL if all of that lies in the future.';

CREATE FUNCTION campaign.health_sentence(
    target campaign.campaigns, phase text, run campaign.runs, stuck campaign.troubles, has_normal boolean,
    waits_for text
) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    event campaign.events;
    age text;
BEGIN
    SELECT * INTO event FROM campaign.events e
    WHERE e.campaign_id = target.id AND e.target = target.status ORDER BY e.number DESC LIMIT 1;
    age := campaign.duration_words(clock_timestamp() - event.created_at);
    RETURN CASE
        WHEN target.status IN ('paused', 'cancelled') THEN
            concat_ws(': ', format('%s by %s %s ago', target.status, campaign.event_actor(event), age), event.reason)
        WHEN target.status = 'failed' THEN 'failed: ' || coalesce(target.error, 'see its recipients')
        WHEN target.status = 'sent' THEN format('all is stored since %s', age)
        WHEN phase = 'ABORTED' THEN 'the job that generates its records was cancelled'
        WHEN phase = 'ERROR' THEN 'generating its records failed: '
            || coalesce((SELECT j.error FROM campaign.jobs j WHERE j.id = run.job_id), 'see its job')
        WHEN stuck.place IS NOT NULL THEN
            format('%s %s', stuck.sentence, campaign.duration_words(clock_timestamp() - stuck.since))
            || CASE WHEN phase LIKE '%VIP%' AND has_normal THEN '; NORMAL waits until the last VIP is stored' ELSE '' END
        WHEN phase = 'GENERATING' THEN format('%s of %s records are generated', run.generated, run.quantity)
        WHEN target.status = 'scheduled' THEN format('scheduled for %s',
            to_char(target.scheduled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
        WHEN target.total = 0 THEN 'nothing to send: it has no recipients'
        WHEN target.status = 'draft' THEN 'nothing to send: it is not dispatched'
        ELSE coalesce(CASE WHEN target.expired_at IS NULL THEN campaign.window_words(target.id) END, waits_for, 'it is being sent') END;
END
$$;
COMMENT ON FUNCTION campaign.health_sentence(campaign.campaigns, text, campaign.runs, campaign.troubles, boolean, text) IS
'What is to be said of a campaign: why it does not move, and since when, or what it does. waits_for: what it waits for while it gets on.';

CREATE FUNCTION @extschema@.campaign_health(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record := campaign.run_read(campaign_id);
    target campaign.campaigns := r.target;
    vip campaign.progress := r.vip;
    normal campaign.progress := r.normal;
    run campaign.runs := r.run;
    counts jsonb := campaign.run_counts(target, vip, normal);
    moved_at timestamptz := campaign.moved_at(target.id, vip, normal);
    patience interval := campaign.rate_patience(target, (counts ->> 'active')::bigint);
    stuck campaign.troubles;
    dead bigint := campaign.dead_count(target.id);
BEGIN
    IF target.status IN ('queued', 'publishing', 'published') AND (moved_at + patience >= clock_timestamp()) IS NOT TRUE
        AND (target.expired_at IS NOT NULL OR campaign.window_words(target.id) IS NULL) THEN
        stuck := campaign.stuck_trouble(target, counts, coalesce(moved_at, clock_timestamp()));
    ELSIF run.campaign_id IS NOT NULL AND target.status = 'draft' THEN
        moved_at := greatest(moved_at, campaign.generation_moved_at(run));
        IF r.phase = 'GENERATING' AND moved_at NOT BETWEEN clock_timestamp() - interval '5 seconds' AND clock_timestamp() THEN
            stuck := campaign.generation_trouble(run);
        END IF;
    END IF;
    RETURN jsonb_build_object(
        'health', CASE WHEN r.phase = 'ERROR' THEN 'error' WHEN r.phase = 'ABORTED' THEN 'aborted'
            WHEN target.status = 'paused' THEN 'paused'
            WHEN stuck.place IS NOT NULL OR dead > 0 OR (counts ->> 'failed')::bigint > 0 THEN 'degraded' ELSE 'healthy' END,
        'phase', r.phase,
        'counters', counts - '{total,vip,normal,cancelled}'::text[],
        'hasFailedJobs', (counts ->> 'failed')::bigint > 0,
        'isStuck', stuck.place IS NOT NULL,
        'aborted', r.phase = 'ABORTED',
        'deadLetters', dead,
        'reason', concat_ws('; ', campaign.health_sentence(target, r.phase, run, stuck, normal.total > 0,
                coalesce(campaign.canary_sentence(target, vip, normal), campaign.rate_sentence(target, vip, normal))),
            CASE WHEN target.status = 'cancelled' THEN campaign.parts_sentence(target.id) END,
            CASE WHEN dead > 0 THEN campaign.dead_sentence(dead) END),
        'since', least(coalesce(stuck.since, moved_at, target.created_at), clock_timestamp()));
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_health(text) IS
'Whether a campaign gets on: health (healthy, degraded, paused, aborted, error), phase, counters by state, hasFailedJobs, isStuck (it should move and has not for 5 seconds, or for twice as long as its limit makes it wait), aborted, deadLetters (how many of its messages wait in campaign_dead_letters()), and as reason a sentence that says where it is stuck and since when.';

CREATE FUNCTION @extschema@.campaign_logs(campaign_id text, lines integer DEFAULT 100) RETURNS SETOF jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record := campaign.run_read(campaign_id);
    target campaign.campaigns := r.target;
    run campaign.runs := r.run;
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('at', last.at, 'event', last.event, 'by', last.actor, 'reason', last.reason)
    FROM (
        SELECT * FROM (
            SELECT e.created_at, CASE WHEN e.source = e.target THEN e.target ELSE e.source || ' → ' || e.target END,
                campaign.event_actor(e), e.reason, 1
            FROM campaign.events e WHERE e.campaign_id = target.id
            UNION ALL
            SELECT p.at, p.event, NULL, p.reason, 0
            FROM (VALUES (run.created_at, 'generation requested', format('%s records, seed %s', run.quantity, run.seed)),
                         (run.started_at, 'generation started', NULL),
                         (run.generated_at, 'generation finished', format('%s records', run.generated)))
                AS p (at, event, reason)
            UNION ALL
            SELECT t.at, t.event, NULL, format('%s of %s', p.class, p.total), 0
            FROM campaign.progress p, LATERAL (VALUES
                (p.started_at, 'class started'), (p.published_at, 'class published'),
                (CASE WHEN campaign.class_is_stored(p) THEN p.stored_at END, 'class stored')) AS t (at, event)
            WHERE p.campaign_id = target.id AND p.total > 0) AS a (at, event, actor, reason, place)
        WHERE a.at > coalesce(target.logs_after, '-infinity') AND a.at IS NOT NULL
        ORDER BY a.at DESC, a.place DESC LIMIT greatest(campaign_logs.lines, 0)) AS last
    ORDER BY last.at, last.place;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_logs(text, integer) IS
'The last so many things that happened to a campaign, oldest first: {"at", "event", "by", "reason"}: each move with who did it, and each step of its run.';

CREATE FUNCTION campaign.state_ranges(target campaign.campaigns, class campaign.progress, state text) RETURNS int8multirange
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody int8multirange := int8multirange(int8range(1, class.total + 1));
    published int8multirange := int8multirange(int8range(1, class.published + 1));
    delayed boolean := target.status IN ('draft', 'scheduled');
    ended boolean := target.status IN ('sent', 'failed', 'cancelled');
    undelivered int8multirange := '{}';
BEGIN
    IF state IN ('completed', 'failed') AND class.undelivered > 0 THEN
        undelivered := (SELECT coalesce(range_agg(int8range(f.seq, f.seq, '[]')), '{}') FROM campaign.fates f
                        WHERE f.campaign_id = class.campaign_id AND f.class = (state_ranges.class).class AND f.state = 'failed');
    END IF;
    RETURN CASE
        WHEN state = 'completed' THEN class.stored - class.failed - class.suppressed - undelivered
        WHEN state = 'suppressed' THEN class.suppressed - class.expired
        WHEN state = 'expired' THEN class.expired
        WHEN state = 'failed' THEN class.failed + undelivered
        WHEN state = 'cancelled' AND target.status = 'cancelled' THEN everybody - class.stored
        WHEN state = 'delayed' AND delayed THEN everybody
        WHEN state = 'active' AND NOT delayed AND NOT ended THEN published - class.stored
        WHEN state = 'waiting' AND NOT delayed AND NOT ended THEN everybody - published - class.stored
        ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION campaign.state_ranges(campaign.campaigns, campaign.progress, text) IS
'The seqs of a class that are waiting, active, completed, failed, delayed, cancelled, suppressed or expired.';

CREATE FUNCTION @extschema@.campaign_recipients(campaign_id text, states text[] DEFAULT NULL, rows integer DEFAULT 100)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_read(campaign_id);
    known CONSTANT text[] := '{waiting,active,completed,failed,delayed,cancelled,suppressed,expired}';
    usual CONSTANT text[] := known[:5] || ARRAY(
        SELECT seldom.state FROM unnest(known[6:]) AS seldom (state)
        WHERE EXISTS (SELECT FROM campaign.progress p WHERE p.campaign_id = target.id
                      AND NOT isempty(campaign.state_ranges(target, p, seldom.state))));
BEGIN
    IF NOT coalesce(states, known) <@ known OR (campaign_recipients.rows BETWEEN 0 AND 10000) IS NOT TRUE THEN
        RAISE EXCEPTION 'states are %, rows 0 to 10000', array_to_string(known, ', ')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN (
        SELECT coalesce(jsonb_object_agg(s.state, coalesce(f.found, '[]')), '{}')
        -- One that is named a thousand times is read once.
        FROM (SELECT DISTINCT o.state FROM unnest(coalesce(states, usual)) AS o (state)) AS s
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object('class', x.class, 'seq', x.seq, 'phone_number', x.phone_number,
                'attributes', CASE WHEN s.state IN ('completed') THEN x.attributes
                        || campaign.attributes_outcome(target.generated, x.class) ELSE x.attributes END)
                ORDER BY x.class, x.seq) AS found
            FROM (SELECT n.* FROM campaign.progress p,
                      unnest(campaign.state_ranges(target, p, s.state)) AS part,
                      LATERAL (SELECT r.class, r.seq, r.phone_number, r.attributes FROM campaign.recipients r
                               WHERE r.campaign_id = target.id AND r.class = p.class
                                 AND r.seq >= lower(part) AND r.seq < upper(part)
                               ORDER BY r.seq LIMIT campaign_recipients.rows) AS n
                  WHERE p.campaign_id = target.id
                  ORDER BY n.class, n.seq LIMIT campaign_recipients.rows) AS x) AS f ON true);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_recipients(text, text[], integer) IS
'The first recipients in each of these states (waiting, active, completed, failed, delayed, cancelled, suppressed, expired; NULL: all of them, the last three only if there are some), with class, seq, number and attributes as they read now.';
