-- Dead letters that are published again: what the worker reads of them, and what reports say of them.

-- What is refused again is listed before the consumer reports that, and the report of its batch comes later still.
-- Replayed in between, that report would say of it that it is stored.
CREATE FUNCTION campaign.dead_settled_check(letter campaign.dead_letters) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns;
    earlier bigint;
BEGIN
    IF letter.state <> 'waiting' OR letter.recipients IS DISTINCT FROM 1 THEN
        RETURN;
    END IF;
    SELECT * INTO target FROM campaign.campaigns c WHERE c.id = letter.campaign_id;
    IF target.status NOT IN ('sent', 'failed') AND letter.envelope -> 'headers' ? 'reason' THEN
        RAISE EXCEPTION 'campaign "%" is %: its recipients can be replayed once it is sent or has failed', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT d.id INTO earlier FROM campaign.dead_letters d
    WHERE d.campaign_id = letter.campaign_id AND d.class = letter.class AND d.first_seq = letter.first_seq
      AND d.parked AND d.state IN ('replaying', 'replayed', 'discarded')
    ORDER BY d.id DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'dead letter % came of the replay of %, which is not settled yet', letter.id, earlier
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Wait for the consumer to report. If it does not, replay the earlier one once more, or discard this one.';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.dead_settled_check(campaign.dead_letters) IS
'An error if the consumer has not reported yet what made this dead letter of a recipient.';

CREATE FUNCTION campaign.dead_replay_check(letter campaign.dead_letters) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF letter.size > octet_length(letter.body) THEN
        RAISE EXCEPTION 'dead letter % has % bytes, of which only the first ones were kept', letter.id, letter.size
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'It is longer than any message of ours. Discard it.';
    END IF;
    IF letter.queue !~ '^campaign\.(messages\.[0-3]|parallel)$' THEN
        RAISE EXCEPTION 'dead letter % comes from no queue of messages: "%"', letter.id, letter.queue
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Discard it.';
    END IF;
    IF campaign.dead_is_deleted(letter.campaign_id) THEN
        RAISE EXCEPTION 'dead letter % is of a campaign that is deleted', letter.id
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Discard it.';
    END IF;
    IF campaign.dead_is_late(letter.campaign_id) THEN
        RAISE EXCEPTION 'dead letter % would be late: the deadline of campaign % has passed', letter.id, letter.campaign_id
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Discard it.';
    END IF;
    PERFORM campaign.dead_settled_check(letter);
END
$$;
COMMENT ON FUNCTION campaign.dead_replay_check(campaign.dead_letters) IS
'An error if a dead letter cannot be published again, or not yet.';

CREATE FUNCTION campaign.dead_headers(
    envelope jsonb, OUT names text[], OUT kinds text[], OUT texts text[]
)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT coalesce(array_agg(h.key), '{}'), coalesce(array_agg(h.kind), '{}'), coalesce(array_agg(h.text), '{}')
    INTO names, kinds, texts
    FROM (SELECT e.key, jsonb_typeof(e.value) AS kind, e.value #>> '{}' AS text
          FROM jsonb_each(CASE jsonb_typeof(envelope -> 'headers') WHEN 'object' THEN envelope -> 'headers' ELSE '{}' END) AS e
          -- What was added when it became a dead letter stays behind.
          WHERE e.key NOT IN ('reason', 'queue') AND e.key NOT LIKE 'x-%' AND octet_length(e.key) BETWEEN 1 AND 100
            AND (jsonb_typeof(e.value) = 'string' AND octet_length(e.value #>> '{}') <= 500
                 OR jsonb_typeof(e.value) = 'number' AND e.value #>> '{}' ~ '^-?\d{1,18}$')
          ORDER BY e.key LIMIT 16) AS h;
END
$$;
COMMENT ON FUNCTION campaign.dead_headers(jsonb) IS
'The headers with which a dead letter is published again: texts and whole numbers, as they were before.';

CREATE FUNCTION campaign.dead_opted_out(letter campaign.dead_letters) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    content record := campaign.dead_content(letter.body);
BEGIN
    RETURN coalesce(cardinality(campaign.outbox_suppressed(content.campaign_id, content.numbers)) > 0, false);
END
$$;
COMMENT ON FUNCTION campaign.dead_opted_out(campaign.dead_letters) IS
'Whether a recipient of a dead letter is on a suppression list that its campaign obeys.';

CREATE FUNCTION campaign.dead_is_late(campaign_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM campaign.campaigns c
                   WHERE c.id = dead_is_late.campaign_id AND c.valid_until <= clock_timestamp());
END
$$;
COMMENT ON FUNCTION campaign.dead_is_late(text) IS
'Whether the deadline of the campaign of a dead letter has passed.';

-- Whoever deletes a campaign takes it for ended, and could not find the letter any more to give it up.
CREATE FUNCTION campaign.dead_is_deleted(campaign_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM campaign.campaigns c LEFT JOIN campaign.companies o ON o.id = c.company_id
                   WHERE c.id = dead_is_deleted.campaign_id AND (c.deleted OR o.deleted));
END
$$;
COMMENT ON FUNCTION campaign.dead_is_deleted(text) IS
'Whether the campaign of a dead letter is deleted, or its company.';

CREATE FUNCTION campaign.dead_obstacle(letter campaign.dead_letters) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN campaign.dead_is_deleted(letter.campaign_id) THEN 'deleted'
                WHEN campaign.dead_opted_out(letter) THEN 'opted out'
                WHEN campaign.dead_is_late(letter.campaign_id) THEN 'late' END;
END
$$;
COMMENT ON FUNCTION campaign.dead_obstacle(campaign.dead_letters) IS
'Why a dead letter may not be published again: deleted, opted out or late; NULL if it may.';

-- Nothing is published to who has opted out meanwhile, nor behind the deadline, nor of what is deleted. If others are in the same dead letter,
-- its campaign is not over: PostgreSQL publishes them from its own rows.
CREATE FUNCTION campaign.dead_leave_out(letter campaign.dead_letters, obstacle text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place int8multirange := int8multirange(int8range(letter.first_seq, letter.first_seq, '[]'));
BEGIN
    -- Reports lock this before the dead letter. The worker waits for nobody: then it is left out another time.
    PERFORM FROM campaign.progress p WHERE p.campaign_id = letter.campaign_id AND p.class = letter.class
    FOR NO KEY UPDATE SKIP LOCKED;
    IF letter.parked AND NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE campaign.dead_letters d
    SET state = 'discarded', decision = concat_ws('; ', d.decision, 'not replayed: '
            || CASE obstacle WHEN 'deleted' THEN 'its campaign is deleted' WHEN 'late' THEN 'its deadline has passed'
                    ELSE 'somebody in it has opted out' END),
        body = NULL, settled_at = clock_timestamp()
    WHERE d.id = letter.id;
    UPDATE campaign.progress p
    SET stored = p.stored + place,
        failed = CASE obstacle WHEN 'deleted' THEN p.failed + place ELSE p.failed END,
        suppressed = CASE obstacle WHEN 'deleted' THEN p.suppressed ELSE p.suppressed + place END,
        expired = CASE obstacle WHEN 'late' THEN p.expired + place ELSE p.expired END
    WHERE letter.parked AND p.campaign_id = letter.campaign_id AND p.class = letter.class;
    IF FOUND THEN
        PERFORM campaign.campaign_changed(letter.campaign_id);
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.dead_leave_out(campaign.dead_letters, text) IS
'Gives up a dead letter that may not be published again. Its recipient counts as suppressed if it has opted out, as expired behind the deadline, and as failed again if its campaign is deleted.';

CREATE FUNCTION campaign.outbox_dead_next(after_id bigint DEFAULT 0, waiting text[] DEFAULT '{}', waiting_recipients bigint[] DEFAULT '{}',
    waited_ms bigint[] DEFAULT '{}') RETURNS TABLE (id bigint, queue text,
    content_type text, type text, message_id text, names text[], kinds text[], texts text[], body bytea,
    campaign_id text, recipients bigint, rate_thousandths bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    letter campaign.dead_letters;
    last_id bigint := after_id;
    obstacle text;
    -- An object, where each is found at once, however many there are: all letters of these are passed over.
    still_waiting jsonb := (
        SELECT jsonb_object_agg(c.id, true) FROM unnest(waiting, waiting_recipients, waited_ms) AS w (id, recipients, ms)
        JOIN campaign.campaigns c ON c.id = w.id
        WHERE c.per_second * w.ms < 1000 * w.recipients);
BEGIN
    LOOP
        SELECT * INTO letter FROM campaign.dead_letters d
        WHERE d.state = 'replaying' AND d.id > last_id AND (still_waiting ? d.campaign_id) IS NOT TRUE
        ORDER BY d.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
        EXIT WHEN NOT FOUND;
        last_id := letter.id;
        obstacle := campaign.dead_obstacle(letter);
        IF obstacle IS NULL THEN
            -- The queue of an ordered campaign is for what comes next in it, and this was passed.
            RETURN QUERY
            SELECT letter.id, CASE WHEN letter.parked THEN 'campaign.parallel' ELSE letter.queue END,
                left(coalesce(letter.envelope ->> 'content_type', ''), 100), left(coalesce(letter.envelope ->> 'type', ''), 100),
                left(coalesce(letter.envelope ->> 'message_id', ''), 100), h.names, h.kinds, h.texts, letter.body,
                coalesce(letter.campaign_id, ''), coalesce(letter.recipients, 1)::bigint,
                coalesce((SELECT c.per_second * 1000 FROM campaign.campaigns c WHERE c.id = letter.campaign_id), 0)::bigint
            FROM campaign.dead_headers(letter.envelope) AS h;
            RETURN;
        END IF;
        -- SOMETIMES(worker.replay_opted_out)
        PERFORM campaign.dead_leave_out(letter, obstacle);
    END LOOP;
END
$$;
COMMENT ON FUNCTION campaign.outbox_dead_next(bigint, text[], bigint[], bigint[]) IS
'The dead letter behind after_id that is to be published next, if there is one: where to, properties, headers (names, whether string or number, and texts), body, and the limit of its campaign. waiting: campaigns of which one was published, with so many recipients, so long ago: the next one waits as long as the limit of its campaign says.';

CREATE FUNCTION campaign.outbox_dead_done(letter_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Somebody who is about to give it up is not waited for: else it is published once more.
    PERFORM FROM campaign.dead_letters d WHERE d.id = letter_id FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- A recipient is kept until MongoDB has it: nobody else would publish it again if RabbitMQ lost it.
    UPDATE campaign.dead_letters d
    SET state = 'replayed', settled_at = clock_timestamp(), body = CASE WHEN d.parked THEN d.body END
    WHERE d.id = letter_id AND d.state = 'replaying';
END
$$;
COMMENT ON FUNCTION campaign.outbox_dead_done(bigint) IS 'The broker has confirmed a dead letter that was published again.';

CREATE FUNCTION campaign.dead_replays(
    campaign_id text, class campaign.recipient_class, ranges int8multirange,
    OUT under_way int8multirange, OUT given_up int8multirange, OUT refused int8multirange
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT coalesce(range_agg(r.place) FILTER (WHERE r.state <> 'discarded'), '{}'),
        coalesce(range_agg(r.place) FILTER (WHERE r.state = 'discarded' AND r.settled_at IS NOT NULL), '{}'),
        coalesce(range_agg(r.place) FILTER (WHERE r.state = 'discarded' AND r.settled_at IS NULL), '{}')
    INTO under_way, given_up, refused
    FROM (SELECT d.state, d.settled_at, int8range(d.first_seq, d.first_seq, '[]') AS place FROM campaign.dead_letters d
          WHERE d.campaign_id = dead_replays.campaign_id AND d.class = dead_replays.class AND d.parked
            AND d.state IN ('replaying', 'replayed', 'discarded')
            AND d.first_seq >= lower(ranges) AND d.first_seq < upper(ranges) AND ranges @> d.first_seq) AS r;
END
$$;
COMMENT ON FUNCTION campaign.dead_replays(text, campaign.recipient_class, int8multirange) IS
'Which of these recipients were replayed: under_way, not stored yet; given_up, discarded meanwhile; refused, discarded and refused again (dead_refused()).';

-- A range with others in it is an old batch that came again, and may have been acknowledged unread.
CREATE FUNCTION campaign.ranges_within(ranges int8multirange, places int8multirange) RETURNS int8multirange
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT range_agg(r) FROM unnest(ranges) AS r WHERE places @> r);
END
$$;
COMMENT ON FUNCTION campaign.ranges_within(int8multirange, int8multirange) IS
'Those of the ranges that have nobody in them but these places; NULL: none.';

CREATE FUNCTION campaign.dead_decided(
    campaign_id text, class campaign.recipient_class, ranges int8multirange
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    replays record := campaign.dead_replays(campaign_id, class, ranges);
    places int8multirange := replays.under_way + replays.given_up;
    replayed int8multirange := campaign.ranges_within(ranges, places + replays.refused) * places;
BEGIN
    UPDATE campaign.progress p SET decided = p.decided + replayed
    WHERE p.campaign_id = dead_decided.campaign_id AND p.class = dead_decided.class AND replayed IS NOT NULL;
END
$$;
COMMENT ON FUNCTION campaign.dead_decided(text, campaign.recipient_class, int8multirange) IS
'A sender reports recipients of a campaign that is over: those that were replayed are never sent again, as everybody else. The caller holds the lock of the class''s progress.';

-- Given up while it was on its way: what MongoDB has nevertheless was sent.
CREATE FUNCTION campaign.dead_report_late(
    campaign_id text, class campaign.recipient_class, late int8multirange
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF isempty(late) THEN
        RETURN;
    END IF;
    UPDATE campaign.progress p
    SET stored = p.stored + late, failed = p.failed - late, suppressed = p.suppressed - late, expired = p.expired - late
    WHERE p.campaign_id = dead_report_late.campaign_id AND p.class = dead_report_late.class;
    UPDATE campaign.dead_letters d SET state = 'stored', settled_at = clock_timestamp()
    WHERE d.campaign_id = dead_report_late.campaign_id AND d.class = dead_report_late.class
      AND d.parked AND d.state = 'discarded' AND late @> d.first_seq;
    PERFORM campaign.campaign_changed(campaign_id);
END
$$;
COMMENT ON FUNCTION campaign.dead_report_late(text, campaign.recipient_class, int8multirange) IS
'Recipients of a campaign that is over whose replay was given up are reported as stored: they are.';

CREATE FUNCTION campaign.dead_refused(campaign_id text, class campaign.recipient_class, seq bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM FROM campaign.progress p
    WHERE p.campaign_id = dead_refused.campaign_id AND p.class = dead_refused.class FOR NO KEY UPDATE;
    UPDATE campaign.dead_letters d SET settled_at = NULL
    WHERE d.campaign_id = dead_refused.campaign_id AND d.class = dead_refused.class AND d.first_seq = seq
      AND d.parked AND d.state = 'discarded';
END
$$;
COMMENT ON FUNCTION campaign.dead_refused(text, campaign.recipient_class, bigint) IS
'A recipient of a campaign that is over is refused: the report that follows does not say that its replay, which was given up, is stored, and settles it.';

-- Called for campaigns that are over only: their other recipients are done.
CREATE FUNCTION campaign.dead_report(
    campaign_id text, class campaign.recipient_class, ranges int8multirange
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    replays record;
    reported int8multirange;
    replayed int8multirange;
    refused int8multirange;
BEGIN
    -- Nobody replays, or gives up, in between.
    PERFORM FROM campaign.progress p
    WHERE p.campaign_id = dead_report.campaign_id AND p.class = dead_report.class FOR NO KEY UPDATE;
    replays := campaign.dead_replays(campaign_id, class, ranges);
    reported := campaign.ranges_within(ranges, replays.under_way + replays.given_up + replays.refused);
    IF reported IS NULL THEN
        RETURN;
    END IF;
    PERFORM campaign.dead_report_late(campaign_id, class, reported * replays.given_up);
    UPDATE campaign.dead_letters d SET parked = false, settled_at = clock_timestamp()
    WHERE d.campaign_id = dead_report.campaign_id AND d.class = dead_report.class
      AND d.parked AND d.state = 'discarded' AND d.settled_at IS NULL AND reported @> d.first_seq;
    replayed := reported * replays.under_way;
    IF isempty(replayed) THEN
        RETURN;
    END IF;
    UPDATE campaign.progress p
    SET stored = p.stored + replayed
    WHERE p.campaign_id = dead_report.campaign_id AND p.class = dead_report.class
    RETURNING p.failed INTO refused;
    UPDATE campaign.dead_letters d
    SET state = CASE WHEN refused @> d.first_seq THEN 'refused' ELSE 'stored' END, body = NULL, settled_at = clock_timestamp()
    WHERE d.campaign_id = dead_report.campaign_id AND d.class = dead_report.class AND d.body IS NOT NULL
      AND d.parked AND d.state IN ('replaying', 'replayed') AND replayed @> d.first_seq;
    PERFORM campaign.campaign_changed(campaign_id);
END
$$;
COMMENT ON FUNCTION campaign.dead_report(text, campaign.recipient_class, int8multirange) IS
'Recipients of a campaign that is over are reported: those that were replayed are stored now, or were refused again.';

CREATE FUNCTION campaign.dead_count(campaign_id text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT count(*) FROM campaign.dead_letters d
            WHERE d.campaign_id = dead_count.campaign_id AND d.body IS NOT NULL);
END
$$;
COMMENT ON FUNCTION campaign.dead_count(text) IS
'How many dead letters of a campaign wait for a decision, or for what was decided to be done.';

CREATE FUNCTION campaign.dead_sentence(letters bigint) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    since timestamptz := (SELECT t.since FROM campaign.troubles t WHERE t.place = 'worker' AND t.subject = 'campaign.dead');
BEGIN
    RETURN format('%s dead letters: see campaign_dead_letters()', letters)
        || coalesce('; there is no room for more since ' || campaign.duration_words(clock_timestamp() - since), '');
END
$$;
COMMENT ON FUNCTION campaign.dead_sentence(bigint) IS 'What the health of a campaign says of its dead letters.';
