-- How many mails requests over HTTP can cause: to one address, whose owner may know nothing of us, and
-- by one account. What SQL queues is not counted.

CREATE TABLE campaign.mail_counts (
    key bytea PRIMARY KEY,
    mails integer NOT NULL,
    since timestamptz NOT NULL
);
COMMENT ON TABLE campaign.mail_counts IS 'Mails of the last hour that requests have caused, per address and per account. Rows are deleted at a later mail, an hour or more after they began.';
COMMENT ON COLUMN campaign.mail_counts.key IS 'SHA-256 of what is counted: an address without what its provider ignores, or an account.';
COMMENT ON COLUMN campaign.mail_counts.mails IS 'How many, since that time.';
COMMENT ON COLUMN campaign.mail_counts.since IS 'When the counting began.';
CREATE INDEX mail_counts_since_index ON campaign.mail_counts (since);
ALTER TABLE campaign.mail_counts ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.mail_counts', '');

-- Providers deliver ana.b+x@example.com to ana.b@example.com, and some to anab@example.com. Two people
-- whose addresses are the same here share a count, which is much larger than either needs.
CREATE FUNCTION campaign.mail_address_key(address text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(convert_to('address ' || replace(regexp_replace(split_part(lower(address), '@', 1), '\+.*$', ''), '.', '')
        || '@' || split_part(lower(address), '@', 2), 'UTF8'))
$$;
COMMENT ON FUNCTION campaign.mail_address_key(text) IS
'What the mails to an address are counted under: in lower case, without dots and tags before the @.';

CREATE FUNCTION campaign.mail_count(counted bytea, allowed integer, message text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    -- What began in the future began before the clock was set back.
    INSERT INTO campaign.mail_counts AS c (key, mails, since) VALUES (counted, 1, moment)
    ON CONFLICT ON CONSTRAINT mail_counts_pkey DO UPDATE
    SET (mails, since) = (SELECT CASE WHEN counts THEN c.mails + 1 ELSE 1 END, CASE WHEN counts THEN c.since ELSE moment END
                          FROM (SELECT c.since BETWEEN moment - interval '1 hour' AND moment + interval '1 minute') AS s (counts))
    WHERE c.mails < allowed OR c.since NOT BETWEEN moment - interval '1 hour' AND moment + interval '1 minute';
    IF NOT FOUND THEN
        PERFORM campaign.api_raise('PT429', message, NULL, 'Try again in an hour.');
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.mail_count(bytea, integer, text) IS
'Counts a mail; 429 with this message if as many were counted within the hour.';

CREATE FUNCTION campaign.mail_permit(address text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    owner record;
    account text;
BEGIN
    -- Set by PostgREST for each request.
    IF coalesce(current_setting('request.method', true), '') = '' OR address IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM campaign.mail_counts c WHERE c.key IN (
        SELECT old.key FROM campaign.mail_counts old
        WHERE old.since < now() - interval '1 hour' LIMIT 100 FOR UPDATE SKIP LOCKED);
    owner := campaign.request_owner();
    account := coalesce(owner.user_id, campaign.application_account(owner.application_id));
    IF account IS NOT NULL THEN
        PERFORM campaign.mail_count(sha256(convert_to('account ' || account, 'UTF8')),
            current_setting('campaign.mails_per_account')::integer, 'you have sent too many mails within an hour');
    END IF;
    PERFORM campaign.mail_count(campaign.mail_address_key(address),
        current_setting('campaign.mails_per_address')::integer, 'too many mails to this address within an hour');
END
$$;
COMMENT ON FUNCTION campaign.mail_permit(text) IS
'429 if requests have caused as many mails to this address as campaign.mails_per_address allows an hour, or the account of this one as many as campaign.mails_per_account.';
