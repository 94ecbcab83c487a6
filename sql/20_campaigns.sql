-- Campaigns, their status (one list of transitions, one function that enforces it) and their progress.

CREATE TABLE campaign.campaigns (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    name text NOT NULL,
    company_id text COLLATE "C" REFERENCES campaign.companies (id),
    user_id text COLLATE "C" REFERENCES campaign.users (id),
    message text NOT NULL,
    ordered boolean NOT NULL DEFAULT true,
    message_version integer NOT NULL DEFAULT 1,
    generated boolean NOT NULL DEFAULT false,
    placeholders boolean NOT NULL DEFAULT false,
    own_texts boolean NOT NULL DEFAULT false,
    segments jsonb,
    test_of text COLLATE "C",
    reset_as text COLLATE "C",
    per_second numeric,
    canary bigint,
    canary_failed_max numeric,
    canary_ended_at timestamptz,
    status text NOT NULL DEFAULT 'draft',
    total bigint NOT NULL DEFAULT 0,
    error text,
    identifier_time bigint NOT NULL,
    identifier_entropy text NOT NULL,
    identifier_fingerprint text NOT NULL,
    scheduled_at timestamptz,
    schedule_event integer,
    valid_until timestamptz,
    valid_for interval,
    former_deadline timestamptz,
    later_deadlines timestamptz[] NOT NULL DEFAULT '{}',
    expired_at timestamptz,
    logs_after timestamptz,
    queued_at timestamptz,
    started_at timestamptz,
    published_at timestamptz,
    sent_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted boolean NOT NULL DEFAULT false,
    -- Ids go into queue messages and document ids as they are.
    CONSTRAINT campaigns_id_check CHECK (id ~ '^[a-z][a-z0-9]{1,31}$'),
    CONSTRAINT campaigns_per_second_check CHECK (per_second BETWEEN 0.01 AND 1000000),
    CONSTRAINT campaigns_message_version_check CHECK (message_version IN (1, 2)),
    CONSTRAINT campaigns_status_check CHECK (status IN (
        'draft', 'scheduled', 'queued', 'publishing', 'published', 'sent',
        'paused', 'cancelled', 'failed'))
);
COMMENT ON TABLE campaign.campaigns IS 'One message text to a list of recipients.';
COMMENT ON COLUMN campaign.campaigns.id IS 'cuid2';
COMMENT ON COLUMN campaign.campaigns.name IS 'Name of the campaign.';
COMMENT ON COLUMN campaign.campaigns.company_id IS 'Company that owns the campaign.';
COMMENT ON COLUMN campaign.campaigns.user_id IS 'User who created the campaign.';
COMMENT ON COLUMN campaign.campaigns.message IS 'Text for every recipient who has none of their own.';
COMMENT ON COLUMN campaign.campaigns.ordered IS 'Stored strictly in file order (true), or by several consumers at once (false).';
COMMENT ON COLUMN campaign.campaigns.message_version IS 'Version of the queue contract that its batches need: 2 once a recipient has brought a text or attributes.';
COMMENT ON COLUMN campaign.campaigns.generated IS 'Its recipients are generated records: their attributes say whether they were processed (campaign.attributes_outcome()). Set before they are added.';
COMMENT ON COLUMN campaign.campaigns.placeholders IS 'The message is filled for each recipient; false: its braces, if any, are text.';
COMMENT ON COLUMN campaign.campaigns.own_texts IS 'A recipient may have a text of its own: set by whoever writes one.';
COMMENT ON COLUMN campaign.campaigns.segments IS 'What its texts cost as SMS, once they have been counted (campaign.texts_measure()).';
COMMENT ON COLUMN campaign.campaigns.test_of IS 'The campaign that this one is a test of.';
COMMENT ON COLUMN campaign.campaigns.reset_as IS 'The draft that campaign_reset() has put in its place.';
COMMENT ON COLUMN campaign.campaigns.per_second IS 'At most so many of its recipients a second; NULL: as fast as it goes.';
COMMENT ON COLUMN campaign.campaigns.canary IS 'So many of its recipients go first, before it is judged whether the others follow; NULL: all at once.';
COMMENT ON COLUMN campaign.campaigns.canary_failed_max IS 'The largest share of the canary that may fail.';
COMMENT ON COLUMN campaign.campaigns.canary_ended_at IS 'When the canary was judged; the others are held up no longer.';
COMMENT ON COLUMN campaign.campaigns.status IS 'draft, scheduled, queued, publishing, published, sent, paused, cancelled or failed.';
COMMENT ON COLUMN campaign.campaigns.total IS 'Number of recipients, all classes.';
COMMENT ON COLUMN campaign.campaigns.error IS 'Why the campaign failed: the first of its messages that could not be stored.';
COMMENT ON COLUMN campaign.campaigns.identifier_time IS 'Milliseconds since 1970 that go into the identifiers of its messages. Private.';
COMMENT ON COLUMN campaign.campaigns.identifier_entropy IS 'Secret entropy that goes into the identifiers of its messages. Private: whoever knows it can compute them.';
COMMENT ON COLUMN campaign.campaigns.identifier_fingerprint IS 'Secret fingerprint that goes into the identifiers of its messages. Private.';
COMMENT ON COLUMN campaign.campaigns.scheduled_at IS 'When it is to be dispatched, or was, by campaign_schedule().';
COMMENT ON COLUMN campaign.campaigns.schedule_event IS 'Number of the event in which it was given that time.';
COMMENT ON COLUMN campaign.campaigns.valid_until IS 'Its deadline: nothing of it is published or sent from then on.';
COMMENT ON COLUMN campaign.campaigns.valid_for IS 'How long after its dispatch that is.';
COMMENT ON COLUMN campaign.campaigns.former_deadline IS 'The deadline that it had before it was put off, the earliest of several: when that has passed, what consumers may have left out for it is published again (campaign.deadlines_turn()).';
COMMENT ON COLUMN campaign.campaigns.later_deadlines IS 'The others of several that were put off, in their order: each comes in the place of the one before it.';
COMMENT ON COLUMN campaign.campaigns.expired_at IS 'When the worker noticed that the deadline had passed: what it publishes since is left out.';
COMMENT ON COLUMN campaign.campaigns.logs_after IS 'campaign_logs() shows what happened after this time; NULL: everything.';
COMMENT ON COLUMN campaign.campaigns.queued_at IS 'When it was first dispatched.';
COMMENT ON COLUMN campaign.campaigns.started_at IS 'When the broker had confirmed its first batch.';
COMMENT ON COLUMN campaign.campaigns.published_at IS 'When the broker had confirmed its last batch.';
COMMENT ON COLUMN campaign.campaigns.sent_at IS 'When the consumer had stored its last message.';
COMMENT ON COLUMN campaign.campaigns.created_at IS 'When it was created.';
COMMENT ON COLUMN campaign.campaigns.updated_at IS 'When the row last changed.';
COMMENT ON COLUMN campaign.campaigns.deleted IS 'Soft delete: the row stays, the API hides it.';

-- For what the worker asks up to a hundred times a second, and for what it asks once a second: small,
-- however many campaigns are done. What has just been dispatched is found beside any number of others.
CREATE INDEX campaigns_queued_index ON campaign.campaigns (queued_at, id)
    WHERE status = 'queued';
CREATE INDEX campaigns_publishing_index ON campaign.campaigns (queued_at, id)
    WHERE status IN ('queued', 'publishing');
CREATE INDEX campaigns_waiting_index ON campaign.campaigns (id)
    WHERE status IN ('published', 'paused');
CREATE INDEX campaigns_scheduled_index ON campaign.campaigns (scheduled_at, id)
    WHERE status = 'scheduled';
CREATE INDEX campaigns_reset_index ON campaign.campaigns (reset_as) WHERE reset_as IS NOT NULL;
CREATE INDEX campaigns_valid_index ON campaign.campaigns (valid_until, id)
    WHERE valid_until IS NOT NULL AND expired_at IS NULL AND status IN ('queued', 'publishing', 'published', 'paused');
CREATE INDEX campaigns_former_index ON campaign.campaigns (former_deadline, id)
    WHERE former_deadline IS NOT NULL AND status IN ('queued', 'publishing', 'published');
ALTER TABLE campaign.campaigns ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.campaigns', '');

CREATE TABLE campaign.events (
    campaign_id text COLLATE "C" NOT NULL REFERENCES campaign.campaigns (id),
    number integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    source text NOT NULL,
    target text NOT NULL,
    user_id text COLLATE "C",
    application_id text COLLATE "C",
    role text NOT NULL,
    reason text,
    PRIMARY KEY (campaign_id, number)
);
COMMENT ON TABLE campaign.events IS 'Every move of a campaign from one status to another: who, when and why.';
COMMENT ON COLUMN campaign.events.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.events.number IS 'Number of the event in its campaign, from 1.';
COMMENT ON COLUMN campaign.events.created_at IS 'When.';
COMMENT ON COLUMN campaign.events.source IS 'Status before.';
COMMENT ON COLUMN campaign.events.target IS 'Status after; the same as before if it is not a move, such as another time of a schedule.';
COMMENT ON COLUMN campaign.events.user_id IS 'User of the HTTP request.';
COMMENT ON COLUMN campaign.events.application_id IS 'Application of the HTTP request.';
COMMENT ON COLUMN campaign.events.role IS 'Role of PostgreSQL that moved it; for the worker''s and the consumer''s moves, theirs.';
COMMENT ON COLUMN campaign.events.reason IS 'Reason that the caller gave.';
ALTER TABLE campaign.events ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.events', '');

-- Updated many times a second while a campaign runs: room in the page keeps those updates
-- off the index (HOT).
CREATE TABLE campaign.progress (
    campaign_id text COLLATE "C" NOT NULL REFERENCES campaign.campaigns (id),
    class campaign.recipient_class NOT NULL,
    total bigint NOT NULL,
    published bigint NOT NULL DEFAULT 0,
    stored int8multirange NOT NULL DEFAULT '{}',
    failed int8multirange NOT NULL DEFAULT '{}',
    suppressed int8multirange NOT NULL DEFAULT '{}',
    expired int8multirange NOT NULL DEFAULT '{}',
    decided int8multirange NOT NULL DEFAULT '{}',
    lost int8multirange NOT NULL DEFAULT '{}',
    undelivered bigint NOT NULL DEFAULT 0,
    unknown bigint NOT NULL DEFAULT 0,
    error text,
    rewinds integer NOT NULL DEFAULT 0,
    resumes integer NOT NULL DEFAULT 0,
    started_at timestamptz,
    published_at timestamptz,
    stored_at timestamptz,
    samples bigint[] NOT NULL DEFAULT '{}',
    sample_after timestamptz,
    PRIMARY KEY (campaign_id, class)
) WITH (fillfactor = 50);
-- Many ranges, changed with every report of some: compressing them again costs more than it saves.
ALTER TABLE campaign.progress ALTER COLUMN suppressed SET STORAGE EXTERNAL;
COMMENT ON TABLE campaign.progress IS 'How far a class of a campaign has come.';
COMMENT ON COLUMN campaign.progress.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.progress.class IS 'Class of recipients.';
COMMENT ON COLUMN campaign.progress.total IS 'Recipients of the class: seq runs from 1 to this.';
COMMENT ON COLUMN campaign.progress.published IS 'Highest seq up to which the broker confirmed everything.';
COMMENT ON COLUMN campaign.progress.stored IS 'The seqs that the consumer has reported: MongoDB holds them, except those in failed. The class is complete when this is {[1,total+1)}.';
COMMENT ON COLUMN campaign.progress.failed IS 'The seqs that MongoDB refused, or in whose place it holds another message.';
COMMENT ON COLUMN campaign.progress.suppressed IS 'The seqs that were left out, as the consumer has reported them: their numbers are on a suppression list, or they have expired. MongoDB holds none of them.';
COMMENT ON COLUMN campaign.progress.expired IS 'Those of them that were left out because the deadline had passed.';
COMMENT ON COLUMN campaign.progress.decided IS 'The seqs whose fate senders have reported: never sent again, whatever MongoDB loses.';
COMMENT ON COLUMN campaign.progress.lost IS 'Those of them that MongoDB has lost and that were left out when they were published again: they stay what was reported, and nobody stores them.';
COMMENT ON COLUMN campaign.progress.undelivered IS 'How many of them a gateway could not deliver (campaign.fates).';
COMMENT ON COLUMN campaign.progress.unknown IS 'How many of them a sender began and did not say how it ended (campaign.fates).';
COMMENT ON COLUMN campaign.progress.error IS 'Why the first of them failed.';
COMMENT ON COLUMN campaign.progress.rewinds IS 'How often publishing was set back, to what MongoDB holds; a mark from before does not count.';
COMMENT ON COLUMN campaign.progress.resumes IS 'How many of the rewinds are of a campaign that went on after a halt, or expired (campaign.campaign_restart()); the others mean that confirmed messages were lost.';
COMMENT ON COLUMN campaign.progress.started_at IS 'When the broker had confirmed the first batch of the class.';
COMMENT ON COLUMN campaign.progress.published_at IS 'When the broker had first confirmed all of the class.';
COMMENT ON COLUMN campaign.progress.stored_at IS 'When the consumer last reported stored messages.';
COMMENT ON COLUMN campaign.progress.samples IS 'The pace of the last seconds: milliseconds since 1970, how many were stored then, and so on (campaign.samples_add()).';
COMMENT ON COLUMN campaign.progress.sample_after IS 'When the next sample is due.';
ALTER TABLE campaign.progress ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.progress', '');

-- In plpgsql, which keeps its plans: an SQL function with a pinned search_path is planned anew at
-- every call, and worker and consumer call these many times a second.
CREATE FUNCTION campaign.stored_through(stored int8multirange) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF stored @> 1::bigint THEN
        RETURN (SELECT upper(r) - 1 FROM unnest(stored) AS r LIMIT 1);
    END IF;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION campaign.stored_through(int8multirange) IS
'The last seq up to which nothing is missing; 0 if seq 1 is missing.';

CREATE FUNCTION campaign.stored_count(stored int8multirange) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(stored) AS r);
END
$$;
COMMENT ON FUNCTION campaign.stored_count(int8multirange) IS 'How many seqs a multirange holds.';

-- Every allowed change of status, and no other. docs/campaigns.md has the same table.
CREATE FUNCTION campaign.transition_allowed(source text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (source, target) IN (
        ('draft', 'scheduled'), ('draft', 'queued'), ('draft', 'cancelled'),
        ('scheduled', 'draft'), ('scheduled', 'queued'), ('scheduled', 'cancelled'),
        ('queued', 'publishing'), ('queued', 'sent'), ('queued', 'paused'), ('queued', 'cancelled'),
        ('queued', 'failed'),
        ('publishing', 'published'), ('publishing', 'sent'), ('publishing', 'paused'),
        ('publishing', 'cancelled'), ('publishing', 'failed'),
        ('published', 'publishing'), ('published', 'sent'), ('published', 'paused'),
        ('published', 'cancelled'), ('published', 'failed'),
        ('paused', 'queued'), ('paused', 'sent'), ('paused', 'cancelled'), ('paused', 'failed'))
$$;
COMMENT ON FUNCTION campaign.transition_allowed(text, text) IS
'Whether a campaign may go from one status to another.';

CREATE FUNCTION campaign.campaign_lock(campaign_id text, even_deleted boolean DEFAULT false)
RETURNS campaign.campaigns
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_campaign campaign.campaigns;
BEGIN
    SELECT * INTO found_campaign FROM campaign.campaigns c
    WHERE c.id = campaign_lock.campaign_id AND (even_deleted OR NOT c.deleted)
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'campaign "%" does not exist', coalesce(left(campaign_id, 40), 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;
    RETURN found_campaign;
END
$$;
COMMENT ON FUNCTION campaign.campaign_lock(text, boolean) IS
'The campaign, locked until the end of the transaction; an error if there is none. even_deleted: worker and consumer go on with a campaign that is deleted meanwhile.';

CREATE FUNCTION campaign.event_add(campaign_id text, source text, target text, reason text, happened text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller text := coalesce(nullif(current_setting('role'), 'none'), session_user);
    -- Everybody may set the settings that PostgREST sets.
    by_request boolean := caller IN ('campaign_user', 'campaign_app');
BEGIN
    IF length(reason) > 500 THEN
        RAISE EXCEPTION 'reason is longer than 500 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO campaign.events (campaign_id, number, source, target, user_id, application_id, role, reason)
    SELECT event_add.campaign_id, coalesce(max(e.number), 0) + 1, event_add.source, event_add.target,
        CASE WHEN by_request THEN campaign.request_user() END,
        CASE WHEN by_request THEN campaign.request_application() END,
        caller, nullif(concat_ws(': ', happened, nullif(btrim(event_add.reason), '')), '')
    FROM campaign.events e WHERE e.campaign_id = event_add.campaign_id
    -- Of two transactions with old snapshots the second one is told to begin again (40001), instead
    -- of reading of a key that it cannot see. Nobody else can meet that: the campaign is locked.
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the campaign was changed by somebody else' USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.event_add(text, text, text, text, text) IS
'Records what happened to a campaign, who did it, and the reason that they gave. The caller holds the campaign''s lock.';

CREATE FUNCTION campaign.campaign_transition(campaign_id text, target text, reason text DEFAULT NULL, happened text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source campaign.campaigns;
BEGIN
    source := campaign.campaign_lock(campaign_id, even_deleted => true);
    IF NOT campaign.transition_allowed(source.status, target) THEN
        RAISE EXCEPTION 'campaign "%" is %: it cannot become %', campaign_id, source.status, target
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    -- Nothing can be added any more. Fewer than this are never packed (src/upload/packed.c).
    IF source.status = 'draft' AND source.total >= 10000 THEN
        DELETE FROM campaign.packed_recipients r WHERE r.campaign_id = source.id;
    END IF;
    UPDATE campaign.campaigns c
    SET status = target,
        updated_at = clock_timestamp(),
        valid_until = CASE WHEN target = 'queued' AND c.queued_at IS NULL THEN coalesce(clock_timestamp() + c.valid_for, c.valid_until)
                           ELSE c.valid_until END,
        queued_at = CASE WHEN target = 'queued' THEN coalesce(c.queued_at, clock_timestamp()) ELSE c.queued_at END,
        started_at = CASE WHEN target IN ('publishing', 'published', 'sent') THEN coalesce(c.started_at, clock_timestamp()) ELSE c.started_at END,
        published_at = CASE WHEN target IN ('published', 'sent') THEN coalesce(c.published_at, clock_timestamp()) ELSE c.published_at END,
        sent_at = CASE WHEN target = 'sent' THEN clock_timestamp() ELSE c.sent_at END
    WHERE c.id = campaign_id;
    IF target = 'queued' THEN
        PERFORM campaign.window_wake(source.id);
    END IF;
    PERFORM campaign.event_add(source.id, source.status, target, reason, happened);
    PERFORM campaign.campaign_changed(source.id);
    RETURN source.status;
END
$$;
COMMENT ON FUNCTION campaign.campaign_transition(text, text, text, text) IS
'Moves a campaign to another status, records it, and returns the one it had; a change that is not allowed is an error. The only place where a status changes.';

CREATE FUNCTION campaign.text_is_blank(value text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_text_is_blank';
COMMENT ON FUNCTION campaign.text_is_blank(text) IS
'Whether there is nothing to see: spaces, line breaks, and what has no width.';

CREATE FUNCTION campaign.campaign_message_check(message text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(message, '') = '' OR length(message) > 4096 THEN
        RAISE EXCEPTION 'campaign message is missing or longer than 4096 characters'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF campaign.text_is_blank(message) THEN
        RAISE EXCEPTION 'campaign message has only blanks' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- In a database that does not check texts (SQL_ASCII): the worker could not send an invalid one.
    PERFORM convert_to(message, 'UTF8');
    PERFORM campaign.placeholders_check(message);
    RETURN message;
END
$$;
COMMENT ON FUNCTION campaign.campaign_message_check(text) IS
'The message of a campaign; an error if it is not valid.';

CREATE FUNCTION campaign.message_to_copy(target campaign.campaigns) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN target.placeholders THEN target.message ELSE campaign.placeholders_escape(target.message) END;
END
$$;
COMMENT ON FUNCTION campaign.message_to_copy(campaign.campaigns) IS
'What campaign_create() has to be given for a campaign with the same message, although it reads braces and this one may not have.';

CREATE FUNCTION @extschema@.campaign_create(
    name text,
    message text,
    company_id text DEFAULT NULL,
    user_id text DEFAULT NULL,
    ordered boolean DEFAULT true
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id text;
BEGIN
    IF campaign_create.company_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM campaign.companies c WHERE c.id = campaign_create.company_id AND NOT c.deleted) THEN
        RAISE EXCEPTION 'company "%" does not exist', left(campaign_create.company_id, 40)
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF campaign_create.user_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM campaign.users u WHERE u.id = campaign_create.user_id AND NOT u.deleted) THEN
        RAISE EXCEPTION 'user "%" does not exist', left(campaign_create.user_id, 40)
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    INSERT INTO campaign.campaigns (name, message, placeholders, company_id, user_id, ordered,
        identifier_time, identifier_entropy, identifier_fingerprint)
    VALUES (campaign.name_check('campaign', campaign_create.name),
        campaign.campaign_message_check(campaign_create.message),
        campaign.placeholders_check(campaign_create.message), campaign_create.company_id,
        campaign_create.user_id, coalesce(campaign_create.ordered, true),
        (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
        @extschema@.cuid2(24), @extschema@.cuid2(32))
    RETURNING id INTO new_id;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_create(text, text, text, text, boolean) IS
'Creates a draft campaign and returns its id. message: 1 to 4096 characters; {name} and {name|default} are filled from each recipient''s attributes, \{ and \} are braces. ordered = false gives up the order of storing for speed.';
