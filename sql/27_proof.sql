-- The proof: does MongoDB hold exactly the messages that PostgreSQL expects? A Merkle tree over them
-- (lib/contract/merkle.c, src/proof/) is computed on both sides; consumer/verify.c brings MongoDB's. What people call is in
-- 47_verify.sql.

CREATE TABLE campaign.proofs (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    campaign_id text COLLATE "C" NOT NULL REFERENCES campaign.campaigns (id),
    asked_at timestamptz,
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
COMMENT ON COLUMN campaign.proofs.campaign_id IS 'Campaign.';
COMMENT ON COLUMN campaign.proofs.asked_at IS 'When campaign_verify() asked for it; null: nobody did.';
COMMENT ON COLUMN campaign.proofs.started_at IS 'When the consumer began: what changed later may be missing.';
COMMENT ON COLUMN campaign.proofs.checked_at IS 'When it was done.';
COMMENT ON COLUMN campaign.proofs.checker IS 'The consumer that looked: its host and process.';
COMMENT ON COLUMN campaign.proofs.root IS 'Root of the Merkle tree over the messages, the same on both sides; null if there is a difference.';
COMMENT ON COLUMN campaign.proofs.size IS 'Documents of the campaign in MongoDB.';
COMMENT ON COLUMN campaign.proofs.expected IS 'Messages that there should be.';
COMMENT ON COLUMN campaign.proofs.difference IS 'The first difference: {"kind", "class", "seq", …}; null: none.';
CREATE INDEX proofs_campaign_index ON campaign.proofs (campaign_id, checked_at);
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

CREATE FUNCTION campaign.proof_ask(campaign_id text) RETURNS boolean
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'campaign_proof_ask';
COMMENT ON FUNCTION campaign.proof_ask(text) IS
'Asks the running consumers for a proof, at once and whatever becomes of the transaction; false if none has looked for requests lately.';

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

-- What the consumer calls (consumer/proof.c).

CREATE FUNCTION campaign.proof_begin(campaign_id text)
RETURNS TABLE (proof_campaign_id text, asked_at timestamptz, started_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked timestamptz;
BEGIN
    IF NOT EXISTS (SELECT FROM campaign.campaigns c WHERE c.id = proof_begin.campaign_id) THEN
        RETURN;
    END IF;
    asked := campaign.proof_take(campaign_id, true);
    RETURN QUERY SELECT proof_begin.campaign_id, CASE WHEN isfinite(asked) THEN asked END, clock_timestamp();
END
$$;
COMMENT ON FUNCTION campaign.proof_begin(text) IS
'Begins a proof; no row if there is no such campaign.';

CREATE FUNCTION campaign.proof_next(sent_since timestamptz)
RETURNS TABLE (proof_campaign_id text, asked_at timestamptz, started_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    chosen text := campaign.proof_asked();
    asked timestamptz;
BEGIN
    IF chosen IS NULL AND sent_since IS NOT NULL THEN
        SELECT c.id INTO chosen FROM campaign.campaigns c
        WHERE c.status = 'sent' AND c.sent_at >= sent_since
          AND NOT EXISTS (SELECT FROM campaign.proofs p
                          WHERE p.campaign_id = c.id AND p.started_at >= c.sent_at)
        ORDER BY c.sent_at LIMIT 1;
    END IF;
    IF chosen IS NULL OR NOT EXISTS (SELECT FROM campaign.campaigns c WHERE c.id = chosen) THEN
        RETURN;
    END IF;
    asked := campaign.proof_take(chosen, true);
    IF asked IS NULL OR isfinite(asked) THEN
        RETURN QUERY SELECT chosen, asked, clock_timestamp();
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.proof_next(timestamptz) IS
'The proof to make next: one that was asked for, or, with sent_since, that of the first campaign sent since then that has none. Begins it; no row: nothing to do, or another consumer is at it.';

-- Plans that do not depend on statistics: the campaign may have been imported a moment ago.
CREATE FUNCTION campaign.proof_window(campaign_id text, number integer, class text, seq bigint)
RETURNS TABLE (leaves bigint, hashes bytea, last_class text, last_seq bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM campaign.proof_take(campaign_id, false);
    SELECT p.leaves, p.hashes, p.last_class, p.last_seq INTO leaves, hashes, last_class, last_seq
    FROM campaign.proof_pieces(campaign_id, class, seq, 128) AS p;
    INSERT INTO campaign.proof_hashes AS h (campaign_id, number, leaves, hashes)
    VALUES (campaign_id, number, leaves, hashes)
    ON CONFLICT ON CONSTRAINT proof_hashes_pkey DO UPDATE SET leaves = excluded.leaves, hashes = excluded.hashes
    WHERE h.hashes <> excluded.hashes OR h.leaves <> excluded.leaves;
    IF leaves < 131072 THEN
        DELETE FROM campaign.proof_hashes h WHERE h.campaign_id = proof_window.campaign_id AND h.number > proof_window.number;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION campaign.proof_window(text, integer, text, bigint) IS
'The hashes of the next 131,072 messages behind the one of this class and seq, and the last of them; fewer messages: it is the last window. The consumer is still at it.';

CREATE FUNCTION campaign.proof_message_name(class_number integer, seq bigint) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('class', coalesce((ARRAY['VIP', 'NORMAL'])[class_number + 1], class_number::text), 'seq', seq)
$$;
COMMENT ON FUNCTION campaign.proof_message_name(integer, bigint) IS 'A message as a proof names it: {"class", "seq"}.';

CREATE FUNCTION campaign.proof_compare(
    campaign_id text, class text, seq bigint, class_numbers integer[], seqs bigint[], identifiers text[],
    phone_numbers text[], messages text[], attributes text[], fields text[]
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    one record;
    owner_class integer;
    owner_seq bigint;
    moved jsonb;
BEGIN
    PERFORM campaign.proof_take(proof_compare.campaign_id, false);
    SELECT class_number, message_seq, f.identifier AS found_identifier, w.identifier AS wanted_identifier,
        CASE WHEN f.message_seq IS NULL THEN 'missing' WHEN w.message_seq IS NULL THEN 'extra' ELSE 'changed' END AS kind,
        coalesce(f.field, CASE
            WHEN f.identifier <> w.identifier THEN 'identifier'
            WHEN f.phone_number <> w.phone_number THEN 'phone_number'
            WHEN f.message <> encode(sha256(w.message), 'hex') THEN 'message'
            WHEN f.attributes IS DISTINCT FROM encode(sha256(w.attributes), 'hex') THEN 'attributes' END) AS field
    INTO one
    FROM unnest(proof_compare.class_numbers, seqs, proof_compare.identifiers, phone_numbers, messages,
            proof_compare.attributes, fields)
            AS f (class_number, message_seq, identifier, phone_number, message, attributes, field)
        FULL JOIN campaign.proof_messages(proof_compare.campaign_id, proof_compare.class, proof_compare.seq) AS w
            USING (class_number, message_seq)
    WHERE f.message_seq IS NULL OR w.message_seq IS NULL OR f.field IS NOT NULL
       OR (f.identifier, f.phone_number, f.message) <> (w.identifier, w.phone_number, encode(sha256(w.message), 'hex'))
       OR f.attributes IS DISTINCT FROM encode(sha256(w.attributes), 'hex')
    ORDER BY class_number, message_seq LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    IF one.kind = 'missing' THEN
        -- It may be there under another _id.
        SELECT campaign.proof_message_name(f.class_number, f.message_seq) INTO moved
        FROM unnest(proof_compare.class_numbers, seqs, proof_compare.identifiers) AS f (class_number, message_seq, identifier)
        WHERE f.identifier = one.wanted_identifier LIMIT 1;
        RETURN coalesce(moved || jsonb_build_object('kind', 'out of place',
                'belongs', campaign.proof_message_name(one.class_number, one.message_seq)),
            campaign.proof_message_name(one.class_number, one.message_seq) || '{"kind": "missing"}');
    END IF;
    IF one.found_identifier IS DISTINCT FROM one.wanted_identifier THEN
        SELECT p.class_number, p.seq INTO owner_class, owner_seq
        FROM campaign.proof_find(proof_compare.campaign_id, one.found_identifier) AS p;
    END IF;
    RETURN campaign.proof_message_name(one.class_number, one.message_seq) || CASE
        WHEN one.kind = 'extra' AND owner_seq IS NOT NULL THEN jsonb_build_object('kind', 'extra',
            'copy_of', campaign.proof_message_name(owner_class, owner_seq))
        WHEN one.kind = 'extra' THEN jsonb_build_object('kind', 'extra')
        WHEN owner_seq IS NOT NULL THEN jsonb_build_object('kind', 'out of place',
            'belongs', campaign.proof_message_name(owner_class, owner_seq))
        ELSE jsonb_build_object('kind', 'changed', 'field', one.field) END;
END
$$;
COMMENT ON FUNCTION campaign.proof_compare(text, text, bigint, integer[], bigint[], text[], text[], text[], text[], text[]) IS
'Names the first difference between the messages behind the one of this class and seq and up to 1,024 documents, in the order of their _id; null: none. class_numbers and seqs are those of the _id; messages and attributes are the SHA-256 of their UTF-8, in hex; fields has the name of another field that is wrong. Answers {"class", "seq", "kind": "missing", "extra", "changed" or "out of place"}, and "field", "copy_of" or "belongs".';

CREATE FUNCTION campaign.proof_report(
    campaign_id text, asked_at timestamptz, started_at timestamptz, checker text, size bigint, root text,
    difference jsonb
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    wanted bytea;
    leaves bigint;
    messages bigint;
BEGIN
    SELECT campaign.messages_expected(campaign_id) INTO messages;
    IF difference IS NULL THEN
        -- Whoever reports the same root has seen the same messages.
        SELECT campaign.proof_root(string_agg(h.hashes, '' ORDER BY h.number)), sum(h.leaves) INTO wanted, leaves
        FROM campaign.proof_hashes h WHERE h.campaign_id = proof_report.campaign_id;
        messages := coalesce(leaves, 0);
        IF wanted IS DISTINCT FROM decode(root, 'hex') OR size <> messages THEN
            difference := '{"kind": "another root"}';
        ELSIF (SELECT c.total = 0 FROM campaign.campaigns c WHERE c.id = campaign_id) THEN
            difference := '{"kind": "no messages"}';
        END IF;
    END IF;
    INSERT INTO campaign.proofs (campaign_id, asked_at, started_at, checker, root, size, expected, difference)
    VALUES (campaign_id, asked_at, started_at, left(checker, 200), CASE WHEN difference IS NULL THEN wanted END,
        size, messages, difference);
    PERFORM campaign.proof_done(campaign_id, true);
    RETURN jsonb_build_object('ok', difference IS NULL, 'expected', messages, 'difference', difference,
        'digest', CASE WHEN difference IS NULL THEN encode(campaign.proof_digest(size, wanted), 'hex') END);
END
$$;
COMMENT ON FUNCTION campaign.proof_report(text, timestamptz, timestamptz, text, bigint, text, jsonb) IS
'The end of a proof: MongoDB holds size documents, whose tree has this root (hex), or there is a difference. Compared with the root of the windows, and kept.';

CREATE FUNCTION campaign.proof_give_up(campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.proof_done(campaign_id, false);
END
$$;
COMMENT ON FUNCTION campaign.proof_give_up(text) IS
'A server failed while a proof was made: it can be made again, by whoever looks next.';
