-- The proof: does MongoDB hold exactly the messages that PostgreSQL expects? A Merkle tree over them
-- (lib/contract/merkle.c, src/proof/) is computed on both sides; consumer/verify.c brings MongoDB's. What it calls is in
-- 49_proving.sql, what people call in 47_verify.sql.

-- Which proof began later: the clock may be set back, and then says something else.
CREATE SEQUENCE campaign.proof_numbers;
COMMENT ON SEQUENCE campaign.proof_numbers IS 'Numbers of the proofs, in the order in which they began.';
SELECT pg_catalog.pg_extension_config_dump('campaign.proof_numbers', '');

CREATE TABLE campaign.proofs (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    number bigint NOT NULL,
    campaign_id text COLLATE "C" NOT NULL REFERENCES campaign.campaigns (id),
    asked_at timestamptz,
    after_sent boolean NOT NULL,
    started_at timestamptz NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    checker text NOT NULL,
    root bytea,
    size bigint NOT NULL,
    expected bigint NOT NULL,
    difference jsonb
);
COMMENT ON TABLE campaign.proofs IS 'What MongoDB held of a campaign each time that somebody looked. Kept for ever.';
COMMENT ON COLUMN campaign.proofs.id IS 'cuid2';
COMMENT ON COLUMN campaign.proofs.number IS 'The one with the largest number began last, whatever the times say.';
COMMENT ON COLUMN campaign.proofs.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.proofs.asked_at IS 'When campaign_verify() asked for it; null: nobody did.';
COMMENT ON COLUMN campaign.proofs.after_sent IS 'The campaign was sent when it began.';
COMMENT ON COLUMN campaign.proofs.started_at IS 'When the consumer began: what changed later may be missing.';
COMMENT ON COLUMN campaign.proofs.checked_at IS 'When it was done.';
COMMENT ON COLUMN campaign.proofs.checker IS 'The consumer that looked: its host and process.';
COMMENT ON COLUMN campaign.proofs.root IS 'Root of the Merkle tree over the messages, the same on both sides; null if there is a difference.';
COMMENT ON COLUMN campaign.proofs.size IS 'Documents of the campaign in MongoDB.';
COMMENT ON COLUMN campaign.proofs.expected IS 'Messages that there should be.';
COMMENT ON COLUMN campaign.proofs.difference IS 'The first difference: {"kind", "class", "seq", …}; null: none.';
CREATE INDEX proofs_campaign_index ON campaign.proofs (campaign_id, number);
ALTER TABLE campaign.proofs ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.proofs', '');

-- For a receipt, so that it does not cost a look at all recipients.
CREATE TABLE campaign.proof_hashes (
    campaign_id text COLLATE "C" NOT NULL REFERENCES campaign.campaigns (id),
    number integer NOT NULL,
    leaves bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (campaign_id, number)
);
COMMENT ON TABLE campaign.proof_hashes IS 'Nodes of the Merkle tree that PostgreSQL expects of a campaign, as of its last proof.';
COMMENT ON COLUMN campaign.proof_hashes.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.proof_hashes.number IS 'Part of the tree, from 0: 131,072 messages each.';
COMMENT ON COLUMN campaign.proof_hashes.leaves IS 'Messages in it.';
COMMENT ON COLUMN campaign.proof_hashes.hashes IS 'SHA-256 hashes of the subtrees over 1,024 messages each, one behind the other.';
ALTER TABLE campaign.proof_hashes ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.proof_hashes', '');

-- A proof that is being made. Its id is known to nobody but the consumer that began it.
CREATE TABLE campaign.proof_attempts (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    number bigint NOT NULL DEFAULT nextval('campaign.proof_numbers'),
    campaign_id text COLLATE "C" NOT NULL REFERENCES campaign.campaigns (id),
    asked_at timestamptz,
    after_sent boolean NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE campaign.proof_attempts IS 'Proofs that are being made. No part of a dump: after a restore they are made again.';
COMMENT ON COLUMN campaign.proof_attempts.id IS 'cuid2';
COMMENT ON COLUMN campaign.proof_attempts.number IS 'That of the proof which it will be.';
COMMENT ON COLUMN campaign.proof_attempts.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.proof_attempts.asked_at IS 'When campaign_verify() asked for it; null: nobody did.';
COMMENT ON COLUMN campaign.proof_attempts.after_sent IS 'The campaign was sent when it began.';
COMMENT ON COLUMN campaign.proof_attempts.started_at IS 'When the consumer began.';
ALTER TABLE campaign.proof_attempts ENABLE ROW LEVEL SECURITY;

CREATE TABLE campaign.proof_windows (
    attempt_id text COLLATE "C" NOT NULL REFERENCES campaign.proof_attempts (id) ON DELETE CASCADE,
    number integer NOT NULL CHECK (number >= 0),
    leaves bigint NOT NULL,
    hashes bytea NOT NULL,
    last_class text NOT NULL,
    last_seq bigint NOT NULL,
    agreed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (attempt_id, number)
);
COMMENT ON TABLE campaign.proof_windows IS 'What PostgreSQL expects of the windows that an attempt has come to. No part of a dump, as the attempts are none.';
COMMENT ON COLUMN campaign.proof_windows.attempt_id IS 'Attempt.';
COMMENT ON COLUMN campaign.proof_windows.number IS 'Window, from 0: 131,072 messages each.';
COMMENT ON COLUMN campaign.proof_windows.leaves IS 'Messages in it; fewer: it is the last one.';
COMMENT ON COLUMN campaign.proof_windows.hashes IS 'As those of proof_hashes. They leave PostgreSQL for nobody.';
COMMENT ON COLUMN campaign.proof_windows.last_class IS 'Class of its last message.';
COMMENT ON COLUMN campaign.proof_windows.last_seq IS 'Seq of its last message.';
COMMENT ON COLUMN campaign.proof_windows.agreed IS 'The consumer has come to the same hashes.';
ALTER TABLE campaign.proof_windows ENABLE ROW LEVEL SECURITY;

-- What --verify-sent asks for several times a second: campaigns that were sent lately.
CREATE INDEX campaigns_sent_index ON campaign.campaigns (sent_at) WHERE status = 'sent';

CREATE FUNCTION campaign.proof_keep() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% of %.% is refused: proofs are kept for ever', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;
COMMENT ON FUNCTION campaign.proof_keep() IS 'Refuses to change or delete proofs, whoever asks.';
CREATE TRIGGER proof_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON campaign.proofs
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.proof_keep();
COMMENT ON TRIGGER proof_keep ON campaign.proofs IS 'Proofs are kept for ever.';
ALTER TABLE campaign.proofs ENABLE ALWAYS TRIGGER proof_keep;

-- The tree (src/proof/tree.c).

CREATE FUNCTION campaign.proof_pieces(
    campaign_id text, class text, seq bigint, pieces integer,
    OUT leaves bigint, OUT hashes bytea, OUT last_class text, OUT last_seq bigint
)
LANGUAGE C STABLE STRICT
AS 'MODULE_PATHNAME', 'campaign_proof_pieces';
COMMENT ON FUNCTION campaign.proof_pieces(text, text, bigint, integer) IS
'The hashes of the next pieces, of 1,024 messages each, behind the message of this class and seq (VIP, 0: from the beginning); how many messages these are, and class and seq of the last one.';

CREATE FUNCTION campaign.proof_messages(campaign_id text, class text, seq bigint)
RETURNS TABLE (class_number integer, message_seq bigint, identifier text, phone_number text, message bytea, attributes bytea)
LANGUAGE C STABLE STRICT
AS 'MODULE_PATHNAME', 'campaign_proof_messages';
COMMENT ON FUNCTION campaign.proof_messages(text, text, bigint) IS
'The next 1,024 messages behind the one of this class and seq, as MongoDB should hold them; texts as UTF-8.';

CREATE FUNCTION campaign.proof_find(campaign_id text, identifier text, OUT class_number integer, OUT seq bigint)
LANGUAGE C STABLE STRICT
AS 'MODULE_PATHNAME', 'campaign_proof_find';
COMMENT ON FUNCTION campaign.proof_find(text, text) IS
'Which message of the campaign has this identifier: class (0 VIP, 1 NORMAL) and seq, or nulls. Derives them all.';

CREATE FUNCTION campaign.proof_root(hashes bytea) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_proof_root';
COMMENT ON FUNCTION campaign.proof_root(bytea) IS
'The root of the Merkle tree above the hashes of all pieces.';

CREATE FUNCTION campaign.proof_digest(size bigint, root bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT sha256('\x02'::bytea || int8send(size) || root) $$;
COMMENT ON FUNCTION campaign.proof_digest(bigint, bytea) IS
'One hash that binds a tree''s size and root: of 0x02, the size in eight bytes, big-endian, and the root.';

CREATE FUNCTION campaign.proof_path(campaign_id text, class text, seq bigint, hashes bytea, place bigint) RETURNS bytea
LANGUAGE C STABLE STRICT
AS 'MODULE_PATHNAME', 'campaign_proof_path';
COMMENT ON FUNCTION campaign.proof_path(text, text, bigint, bytea, bigint) IS
'The inclusion path of the message at a place, from 0. class and seq stand before its piece, hashes are those of all pieces; null if the recipients are not those that they were made of.';

CREATE FUNCTION campaign.proof_base85(hashes bytea) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_proof_base85';
COMMENT ON FUNCTION campaign.proof_base85(bytea) IS
'Hashes in base 85, with the alphabet of RFC 1924.';

-- Who asks (src/proof/requests.c).

CREATE FUNCTION campaign.proof_ask(campaign_id text, account text) RETURNS text
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_proof_ask';
COMMENT ON FUNCTION campaign.proof_ask(text, text) IS
'Asks the running consumers for a proof, at once and whatever becomes of the transaction; otherwise says why not: none has looked for requests lately, the account waits for as many as one may, or all places are taken. account: the user of a request over HTTP, or empty.';

CREATE FUNCTION campaign.proof_asked() RETURNS text
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'campaign_proof_asked';
COMMENT ON FUNCTION campaign.proof_asked() IS
'The campaign that waits longest for a proof; null: none. Notes that a consumer has looked.';

CREATE FUNCTION campaign.proof_take(campaign_id text, begins boolean) RETURNS timestamptz
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_proof_take';
COMMENT ON FUNCTION campaign.proof_take(text, boolean) IS
'A consumer begins a proof, or is still at it: when it was asked for, null: it was not; -infinity: another consumer is making it.';

CREATE FUNCTION campaign.proof_done(campaign_id text, made boolean) RETURNS void
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_proof_done';
COMMENT ON FUNCTION campaign.proof_done(text, boolean) IS
'A proof is made, or given up for now: then it is still asked for.';
