-- Dead letters: what a consumer could not store, or RabbitMQ gave up. The worker takes them out of the queue
-- campaign.dead into a table (src/publish/dead.c); here they wait until a person decides.

CREATE TABLE campaign.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state text NOT NULL DEFAULT 'waiting',
    queue text NOT NULL,
    reason text NOT NULL,
    campaign_id text COLLATE "C",
    class campaign.recipient_class,
    first_seq bigint,
    recipients integer,
    times integer NOT NULL DEFAULT 1,
    size bigint NOT NULL,
    digest bytea NOT NULL,
    envelope jsonb NOT NULL,
    body bytea,
    parked boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_at timestamptz,
    user_id text COLLATE "C",
    application_id text COLLATE "C",
    role text,
    decision text,
    settled_at timestamptz,
    CONSTRAINT dead_letters_state_check CHECK (
        state IN ('waiting', 'replaying', 'replayed', 'stored', 'refused', 'discarded'))
);
COMMENT ON TABLE campaign.dead_letters IS 'Messages that could not be stored, and what was decided about each. Never deleted.';
COMMENT ON COLUMN campaign.dead_letters.id IS 'Number of the dead letter, in the order in which they were taken over.';
COMMENT ON COLUMN campaign.dead_letters.state IS 'waiting for a decision; replaying: the worker is to publish it; replayed: RabbitMQ has it again; stored: and MongoDB has it; refused: it came back as another dead letter; discarded.';
COMMENT ON COLUMN campaign.dead_letters.queue IS 'Queue that it came from.';
COMMENT ON COLUMN campaign.dead_letters.reason IS 'Why it could not be stored.';
COMMENT ON COLUMN campaign.dead_letters.campaign_id IS 'Its campaign; NULL if the body names none that exists.';
COMMENT ON COLUMN campaign.dead_letters.class IS 'Class of its recipients.';
COMMENT ON COLUMN campaign.dead_letters.first_seq IS 'Place of the first of them in the class.';
COMMENT ON COLUMN campaign.dead_letters.recipients IS 'How many recipients it has.';
COMMENT ON COLUMN campaign.dead_letters.times IS 'How often it came while it was waiting.';
COMMENT ON COLUMN campaign.dead_letters.size IS 'Bytes of the body when it was published.';
COMMENT ON COLUMN campaign.dead_letters.digest IS 'SHA-256 of envelope and body, without what RabbitMQ counts: one that is delivered twice is one.';
COMMENT ON COLUMN campaign.dead_letters.envelope IS 'Exchange, routing key, properties and headers, as it was delivered.';
COMMENT ON COLUMN campaign.dead_letters.body IS 'The body, or its beginning if it is longer than any valid one; NULL once nothing can be done with it any more.';
COMMENT ON COLUMN campaign.dead_letters.parked IS 'It is one recipient that counted as failed and is to be stored after all.';
COMMENT ON COLUMN campaign.dead_letters.created_at IS 'When it was taken over.';
COMMENT ON COLUMN campaign.dead_letters.decided_at IS 'When somebody last decided about it.';
COMMENT ON COLUMN campaign.dead_letters.user_id IS 'User of the HTTP request that decided.';
COMMENT ON COLUMN campaign.dead_letters.application_id IS 'Application of the HTTP request that decided.';
COMMENT ON COLUMN campaign.dead_letters.role IS 'Role of PostgreSQL that decided.';
COMMENT ON COLUMN campaign.dead_letters.decision IS 'Reason that was given for the decision.';
COMMENT ON COLUMN campaign.dead_letters.settled_at IS 'When the decision was carried out.';
-- Only one that waits is the same: what was decided about one says nothing of the next.
CREATE UNIQUE INDEX dead_letters_waiting_index ON campaign.dead_letters (digest) WHERE state = 'waiting';
CREATE INDEX dead_letters_replaying_index ON campaign.dead_letters (id) WHERE state = 'replaying';
CREATE INDEX dead_letters_kept_index ON campaign.dead_letters (campaign_id) WHERE body IS NOT NULL;
CREATE INDEX dead_letters_campaign_index ON campaign.dead_letters (campaign_id, id);
CREATE INDEX dead_letters_parked_index ON campaign.dead_letters (campaign_id, class, first_seq) WHERE parked;
ALTER TABLE campaign.dead_letters ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.dead_letters', '');
SELECT pg_catalog.pg_extension_config_dump('campaign.dead_letters_id_seq', '');
COMMENT ON SEQUENCE campaign.dead_letters_id_seq IS 'Numbers of the dead letters.';

-- What is in there may be anything.
CREATE FUNCTION campaign.dead_content(
    body bytea, OUT campaign_id text, OUT class text, OUT first_seq bigint, OUT numbers bigint[]
)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    content jsonb;
BEGIN
    content := convert_from(body, 'UTF8')::jsonb;
    numbers := ARRAY(SELECT substring(r ->> 'phone_number' FROM '^\+(\d{8,15})$')::bigint
                     FROM jsonb_array_elements(content -> 'recipients') WITH ORDINALITY AS e (r, place) ORDER BY place);
    IF content ->> 'class' IN ('VIP', 'NORMAL') AND cardinality(numbers) > 0 THEN
        campaign_id := content ->> 'campaign_id';
        class := content ->> 'class';
        first_seq := (content ->> 'first_seq')::bigint;
    END IF;
EXCEPTION WHEN OTHERS THEN
    campaign_id := NULL; class := NULL; first_seq := NULL; numbers := NULL;
END
$$;
COMMENT ON FUNCTION campaign.dead_content(bytea) IS
'What the body of a dead letter is about, with the digits of its numbers; NULLs if it is no body of a message.';

CREATE FUNCTION campaign.dead_reason(envelope jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    headers jsonb := envelope -> 'headers';
    death jsonb := headers #> '{x-death,0}';
BEGIN
    RETURN left(coalesce(nullif(headers ->> 'reason', ''),
        CASE death ->> 'reason'
            WHEN 'delivery_limit' THEN 'RabbitMQ gave it up: it was delivered too often (delivery_limit)'
            WHEN 'rejected' THEN 'a consumer rejected it without a reason'
            ELSE 'RabbitMQ gave it up: ' || (death ->> 'reason') END,
        'no reason was given'), 1000);
END
$$;
COMMENT ON FUNCTION campaign.dead_reason(jsonb) IS
'Why something became a dead letter: what the consumer says in the header reason, or RabbitMQ in x-death.';

CREATE FUNCTION campaign.dead_queue(envelope jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    headers jsonb := envelope -> 'headers';
BEGIN
    RETURN left(coalesce(nullif(headers ->> 'queue', ''), headers #>> '{x-death,0,queue}', envelope ->> 'routing_key', ''), 255);
END
$$;
COMMENT ON FUNCTION campaign.dead_queue(jsonb) IS
'The queue that a dead letter came from, as the consumer or RabbitMQ says.';

CREATE FUNCTION campaign.outbox_dead_room() RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most integer := current_setting('campaign.dead_letters_max')::integer;
BEGIN
    RETURN most - (SELECT count(*) FROM (
        SELECT FROM campaign.dead_letters d WHERE d.body IS NOT NULL LIMIT most) AS kept);
END
$$;
COMMENT ON FUNCTION campaign.outbox_dead_room() IS
'How many dead letters may still be taken over: those about which nothing is decided are kept with their bodies, and a flood of them would fill the disk.';

CREATE FUNCTION campaign.outbox_dead_take(
    envelope jsonb, redelivered boolean, size bigint, body bytea, known_room integer DEFAULT 0
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    -- Counted when it seems to be at its end only: others may have made room, nobody but the worker takes it.
    room integer := CASE WHEN known_room > 0 THEN known_room ELSE campaign.outbox_dead_room() END;
    content record := campaign.dead_content(body);
    hash bytea := sha256(convert_to((envelope #- '{headers,x-delivery-count}' #- '{headers,x-acquired-count}')::text, 'UTF8')
        || '\x00'::bytea || body);
BEGIN
    -- The worker waits for nobody who has not decided about it yet: then this is an error, and comes another time.
    PERFORM FROM campaign.dead_letters d WHERE d.digest = hash AND d.state = 'waiting' FOR NO KEY UPDATE NOWAIT;
    IF FOUND THEN
        -- SOMETIMES(worker.dead_letter_known)
        UPDATE campaign.dead_letters d SET times = d.times + 1 WHERE d.digest = hash AND d.state = 'waiting' AND NOT redelivered;
        RETURN greatest(room, 0);
    END IF;
    IF room <= 0 THEN
        RETURN -1;
    END IF;
    INSERT INTO campaign.dead_letters (queue, reason, campaign_id, class, first_seq, recipients, size, digest, envelope, body)
    VALUES (campaign.dead_queue(envelope), campaign.dead_reason(envelope),
        (SELECT c.id FROM campaign.campaigns c WHERE c.id = content.campaign_id),
        content.class::campaign.recipient_class, content.first_seq, cardinality(content.numbers), size, hash, envelope, body);
    RETURN CASE WHEN room > 1 THEN room - 1 ELSE campaign.outbox_dead_room() END;
END
$$;
COMMENT ON FUNCTION campaign.outbox_dead_take(jsonb, boolean, bigint, bytea, integer) IS
'Takes a dead letter over; returns for how many more there is room, -1 if there was none for this one. The same one again is counted, not added; an error if somebody who is deciding about it holds its lock. known_room: what the last call returned; 0: the room is counted.';

-- Whoever decides is recorded as for the events of a campaign.
CREATE FUNCTION campaign.dead_decide(letter campaign.dead_letters, state text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    caller text := coalesce(nullif(current_setting('role'), 'none'), session_user);
    by_request boolean := caller IN ('campaign_user', 'campaign_app');
BEGIN
    UPDATE campaign.dead_letters d
    SET state = dead_decide.state, decided_at = clock_timestamp(), decision = nullif(btrim(dead_decide.reason), ''),
        user_id = CASE WHEN by_request THEN campaign.request_user() END,
        application_id = CASE WHEN by_request THEN campaign.request_application() END, role = caller,
        parked = letter.parked,
        body = CASE WHEN dead_decide.state <> 'discarded' THEN d.body END,
        settled_at = CASE WHEN dead_decide.state = 'discarded' THEN clock_timestamp() END
    WHERE d.id = letter.id;
END
$$;
COMMENT ON FUNCTION campaign.dead_decide(campaign.dead_letters, text, text) IS
'Records what was decided about a dead letter, by whom and why.';

CREATE FUNCTION campaign.dead_reason_check(reason text, needed boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF length(reason) > 500 OR needed AND coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'reason is missing or longer than 500 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.dead_reason_check(text, boolean) IS 'An error if this is no reason for a decision.';

CREATE FUNCTION campaign.dead_ids_check(ids bigint[]) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing bigint;
BEGIN
    SELECT n.id INTO missing FROM unnest(ids) AS n (id)
    WHERE NOT EXISTS (SELECT FROM campaign.dead_letters d WHERE d.id = n.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'dead letter % does not exist', coalesce(missing::text, 'NULL') USING ERRCODE = 'no_data_found';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.dead_ids_check(bigint[]) IS 'An error if one of these dead letters does not exist.';

-- In the order of everybody else: campaigns, then their progress, then what dead_report() changes.
CREATE FUNCTION campaign.dead_lock(ids bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    campaign_ids text[] := ARRAY(SELECT DISTINCT d.campaign_id FROM campaign.dead_letters d
                                 WHERE d.id = ANY (ids) AND d.campaign_id IS NOT NULL);
BEGIN
    PERFORM FROM campaign.campaigns c WHERE c.id = ANY (campaign_ids) ORDER BY c.id FOR NO KEY UPDATE;
    PERFORM FROM campaign.progress p WHERE p.campaign_id = ANY (campaign_ids) ORDER BY p.campaign_id, p.class FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION campaign.dead_lock(bigint[]) IS
'Locks the campaigns of dead letters and their progress, before anybody locks the dead letters.';

-- A recipient that MongoDB refused counts as done and failed. From now on neither is true, until a report
-- says how it ended (dead_report()).
CREATE FUNCTION campaign.dead_unpark(letter campaign.dead_letters) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place int8multirange := int8multirange(int8range(letter.first_seq, letter.first_seq, '[]'));
    target campaign.campaigns;
BEGIN
    IF letter.recipients IS DISTINCT FROM 1 OR NOT EXISTS (
        SELECT FROM campaign.progress p
        WHERE p.campaign_id = letter.campaign_id AND p.class = letter.class AND p.failed @> letter.first_seq) THEN
        RETURN false;
    END IF;
    target := campaign.campaign_lock(letter.campaign_id, even_deleted => true);
    IF target.status NOT IN ('sent', 'failed') THEN
        RAISE EXCEPTION 'campaign "%" is %: its recipients can be replayed once it is sent or has failed', target.id, target.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE campaign.progress p
    SET failed = p.failed - place, stored = p.stored - place, decided = p.decided - place
    WHERE p.campaign_id = letter.campaign_id AND p.class = letter.class AND p.failed @> letter.first_seq;
    IF FOUND THEN
        PERFORM campaign.campaign_changed(letter.campaign_id);
    END IF;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION campaign.dead_unpark(campaign.dead_letters) IS
'True if the dead letter is a recipient of a campaign that is over and counted as failed: it is open again then.';

CREATE FUNCTION campaign.dead_park(letter campaign.dead_letters) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place int8multirange := int8multirange(int8range(letter.first_seq, letter.first_seq, '[]'));
    was_refused boolean := letter.parked AND EXISTS (
        SELECT FROM campaign.progress p
        WHERE p.campaign_id = letter.campaign_id AND p.class = letter.class AND p.failed @> letter.first_seq);
BEGIN
    UPDATE campaign.progress p
    SET failed = p.failed + place, stored = p.stored + place
    WHERE letter.parked AND p.campaign_id = letter.campaign_id AND p.class = letter.class;
    IF FOUND THEN
        PERFORM campaign.campaign_changed(letter.campaign_id);
    END IF;
    RETURN was_refused;
END
$$;
COMMENT ON FUNCTION campaign.dead_park(campaign.dead_letters) IS
'A recipient that was replayed counts as done and failed again. Not as decided: what is on its way is sent then, or not, and a sender that took it for sent would report that. True if it did so already: it was refused again, and the report of that is still to come.';

CREATE FUNCTION @extschema@.campaign_dead_replay(ids bigint[], reason text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    letter campaign.dead_letters;
    total integer := 0;
BEGIN
    PERFORM campaign.dead_reason_check(reason, false);
    PERFORM campaign.dead_ids_check(ids);
    PERFORM campaign.dead_lock(ids);
    FOR letter IN
        SELECT * FROM campaign.dead_letters d
        WHERE d.id = ANY (ids) AND (d.state = 'waiting' OR d.state = 'replayed' AND d.parked)
        ORDER BY d.campaign_id, d.id FOR NO KEY UPDATE
    LOOP
        PERFORM campaign.dead_replay_check(letter);
        letter.parked := letter.parked OR campaign.dead_unpark(letter);
        PERFORM campaign.dead_decide(letter, 'replaying', reason);
        total := total + 1;
    END LOOP;
    IF total > 0 THEN
        PERFORM campaign.worker_wake();
    END IF;
    RETURN total;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_dead_replay(bigint[], text) IS
'Has the worker publish these dead letters again, once what was wrong is repaired; returns how many. Those about which something was decided already are left out, but for a recipient that was replayed and has not been stored. A recipient of a campaign that is over is stored after all: it no longer counts as failed, and the campaign keeps its status. An error if an earlier replay of the same recipient is not settled yet.';

CREATE FUNCTION @extschema@.campaign_dead_discard(ids bigint[], reason text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    letter campaign.dead_letters;
    was_refused boolean;
    total integer := 0;
BEGIN
    PERFORM campaign.dead_reason_check(reason, true);
    PERFORM campaign.dead_ids_check(ids);
    PERFORM campaign.dead_lock(ids);
    FOR letter IN
        SELECT * FROM campaign.dead_letters d
        WHERE d.id = ANY (ids) AND (d.state = 'waiting' OR d.state IN ('replaying', 'replayed') AND d.parked)
        ORDER BY d.campaign_id, d.id FOR NO KEY UPDATE
    LOOP
        was_refused := campaign.dead_park(letter);
        PERFORM campaign.dead_decide(letter, 'discarded', reason);
        IF was_refused THEN
            PERFORM campaign.dead_refused(letter.campaign_id, letter.class, letter.first_seq);
        END IF;
        total := total + 1;
    END LOOP;
    IF total > 0 THEN
        PERFORM campaign.worker_wake();
    END IF;
    RETURN total;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_dead_discard(bigint[], text) IS
'Gives these dead letters up; returns how many. Who did it, when and why is kept, the body is not. A recipient stays failed; one that was replayed and has not been stored counts as failed again, unless it is stored after all.';

CREATE FUNCTION campaign.dead_list(campaign_ids text[], states text[], rows integer, after_id bigint)
RETURNS TABLE (id bigint, state text, campaign text, class text, first_seq bigint, recipients integer, queue text,
    reason text, times integer, size bigint, head text, created_at timestamptz, decided_at timestamptz, decided_by text,
    decision text, settled_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF (dead_list.rows BETWEEN 1 AND 10000) IS NOT TRUE THEN
        RAISE EXCEPTION 'rows are 1 to 10000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT coalesce(states, '{}') <@ '{waiting,replaying,replayed,stored,refused,discarded}' THEN
        RAISE EXCEPTION 'states are waiting, replaying, replayed, stored, refused, discarded'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    SELECT d.id, d.state, d.campaign_id, d.class::text, d.first_seq, d.recipients, d.queue, d.reason, d.times, d.size,
        encode(substring(d.body FROM 1 FOR 200), 'escape'), d.created_at, d.decided_at,
        coalesce((SELECT u.email FROM campaign.users u WHERE u.id = d.user_id),
            (SELECT a.name FROM campaign.applications a WHERE a.id = d.application_id), d.role),
        d.decision, d.settled_at
    FROM campaign.dead_letters d
    WHERE d.id > coalesce(after_id, 0) AND (states IS NULL OR d.state = ANY (states))
      AND (campaign_ids IS NULL OR d.campaign_id = ANY (campaign_ids))
    ORDER BY d.id LIMIT dead_list.rows;
END
$$;
COMMENT ON FUNCTION campaign.dead_list(text[], text[], integer, bigint) IS
'Dead letters of these campaigns (NULL: of all, and those of none) in these states (NULL: all), oldest first, behind after_id.';

CREATE FUNCTION @extschema@.campaign_dead_letters(
    campaign_id text DEFAULT NULL, states text[] DEFAULT '{waiting}', rows integer DEFAULT 100, after_id bigint DEFAULT 0
) RETURNS TABLE (id bigint, state text, campaign text, class text, first_seq bigint, recipients integer, queue text,
    reason text, times integer, size bigint, head text, created_at timestamptz, decided_at timestamptz, decided_by text,
    decision text, settled_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT * FROM campaign.dead_list(
        CASE WHEN campaign_id IS NOT NULL THEN ARRAY[campaign_id] END, states, campaign_dead_letters.rows, after_id);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_dead_letters(text, text[], integer, bigint) IS
'Dead letters, oldest first, with reason, queue, campaign and the first 200 bytes of the body. states: of these (waiting, replaying, replayed, stored, refused, discarded), NULL: all; campaign_id: of this campaign; after_id: the id of the last one, for the next page.';
