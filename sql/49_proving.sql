-- What the consumer calls to make a proof (consumer/proof.c). The hashes that PostgreSQL expects stay here: it is told the
-- consumer's, and says no more than which one differs. So whoever has the consumer's password, and not the documents, can
-- prove nothing. What proof_compare() answers are equalities, too, and nobody guesses an identifier.

CREATE FUNCTION campaign.proof_attempt(campaign_id text, asked_at timestamptz) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attempt text;
BEGIN
    -- Those of consumers that have died, and more than could be at work.
    DELETE FROM campaign.proof_attempts a WHERE a.started_at < clock_timestamp() - interval '1 day' OR a.id IN (
        SELECT o.id FROM campaign.proof_attempts o WHERE o.campaign_id = proof_attempt.campaign_id
        ORDER BY o.number DESC OFFSET 7);
    INSERT INTO campaign.proof_attempts (campaign_id, asked_at, after_sent)
    SELECT c.id, CASE WHEN isfinite(proof_attempt.asked_at) THEN proof_attempt.asked_at END, c.status = 'sent'
    FROM campaign.campaigns c WHERE c.id = proof_attempt.campaign_id
    RETURNING id INTO attempt;
    RETURN attempt;
END
$$;
COMMENT ON FUNCTION campaign.proof_attempt(text, timestamptz) IS 'A new attempt to prove the campaign.';

CREATE FUNCTION campaign.proof_begin(campaign_id text)
RETURNS TABLE (proof_campaign_id text, asked_at timestamptz, attempt text)
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
    RETURN QUERY SELECT proof_begin.campaign_id, CASE WHEN isfinite(asked) THEN asked END,
        campaign.proof_attempt(proof_begin.campaign_id, asked);
END
$$;
COMMENT ON FUNCTION campaign.proof_begin(text) IS
'Begins a proof; attempt names it from now on. No row if there is no such campaign.';

CREATE FUNCTION campaign.proof_next(sent_since timestamptz)
RETURNS TABLE (proof_campaign_id text, asked_at timestamptz, attempt text)
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
          AND NOT EXISTS (SELECT FROM campaign.proofs p WHERE p.campaign_id = c.id AND p.after_sent)
        ORDER BY c.sent_at LIMIT 1;
    END IF;
    IF chosen IS NULL OR NOT EXISTS (SELECT FROM campaign.campaigns c WHERE c.id = chosen) THEN
        RETURN;
    END IF;
    asked := campaign.proof_take(chosen, true);
    IF asked IS NULL OR isfinite(asked) THEN
        RETURN QUERY SELECT chosen, asked, campaign.proof_attempt(chosen, asked);
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.proof_next(timestamptz) IS
'The proof to make next: one that was asked for, or, with sent_since, that of the first campaign sent since then that has none. Begins it, and attempt names it from now on; no row: nothing to do, or another consumer is at it.';

CREATE FUNCTION campaign.proof_at_work(attempt text) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    campaign_id text;
BEGIN
    SELECT a.campaign_id INTO campaign_id FROM campaign.proof_attempts a WHERE a.id = attempt;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this proof has ended, or was never begun' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM campaign.proof_take(campaign_id, false);
    RETURN campaign_id;
END
$$;
COMMENT ON FUNCTION campaign.proof_at_work(text) IS 'The campaign of an attempt, whose consumer is still at it.';

-- Plans that do not depend on statistics: the campaign may have been imported a moment ago.
CREATE FUNCTION campaign.proof_window(attempt text, number integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off
AS $$
DECLARE
    campaign_id text := campaign.proof_at_work(attempt);
    before campaign.proof_windows;
    made record;
BEGIN
    -- Where a window begins is for nobody else to say: the same message could fill many.
    SELECT * INTO before FROM campaign.proof_windows w
    WHERE w.attempt_id = attempt AND w.number = proof_window.number - 1 AND w.agreed AND w.leaves = 131072;
    IF NOT FOUND AND number <> 0 THEN
        RAISE EXCEPTION 'window % follows none that was whole and the same on both sides', number
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT * INTO made
    FROM campaign.proof_pieces(campaign_id, coalesce(before.last_class, 'VIP'), coalesce(before.last_seq, 0), 128);
    DELETE FROM campaign.proof_windows w WHERE w.attempt_id = attempt AND w.number >= proof_window.number;
    INSERT INTO campaign.proof_windows (attempt_id, number, leaves, hashes, last_class, last_seq)
    VALUES (attempt, number, made.leaves, made.hashes, made.last_class, made.last_seq);
    RETURN made.leaves;
END
$$;
COMMENT ON FUNCTION campaign.proof_window(text, integer) IS
'Hashes the next 131,072 messages, those behind the window before, which must have agreed; 0: begins again with the first. Answers how many there are; fewer: it is the last window.';

CREATE FUNCTION campaign.proof_agree(attempt text, number integer, hashes bytea) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expected bytea;
BEGIN
    PERFORM campaign.proof_at_work(attempt);
    SELECT w.hashes INTO expected FROM campaign.proof_windows w
    WHERE w.attempt_id = attempt AND w.number = proof_agree.number;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'window % was not asked for', number USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF expected IS DISTINCT FROM hashes THEN
        RETURN (SELECT min(place) FROM generate_series(0, 128) AS place
                WHERE substr(expected, place * 32 + 1, 32) IS DISTINCT FROM substr(hashes, place * 32 + 1, 32));
    END IF;
    UPDATE campaign.proof_windows w SET agreed = true
    WHERE w.attempt_id = attempt AND w.number = proof_agree.number AND w.hashes = proof_agree.hashes;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.proof_agree(text, integer, bytea) IS
'Compares a window with what the consumer has made of its documents: the hashes of the subtrees over 1,024 each, one behind the other. Answers the first that differs, from 0; null: none, the window agrees.';

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

CREATE FUNCTION campaign.proof_keep_hashes(attempt text, campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO campaign.proof_hashes AS h (campaign_id, number, leaves, hashes)
    SELECT proof_keep_hashes.campaign_id, w.number, w.leaves, w.hashes FROM campaign.proof_windows w
    WHERE w.attempt_id = attempt ORDER BY w.number
    ON CONFLICT ON CONSTRAINT proof_hashes_pkey DO UPDATE SET leaves = excluded.leaves, hashes = excluded.hashes
    WHERE h.hashes <> excluded.hashes OR h.leaves <> excluded.leaves;
    DELETE FROM campaign.proof_hashes h WHERE h.campaign_id = proof_keep_hashes.campaign_id
        AND h.number > (SELECT max(w.number) FROM campaign.proof_windows w WHERE w.attempt_id = attempt);
END
$$;
COMMENT ON FUNCTION campaign.proof_keep_hashes(text, text) IS 'Keeps what an attempt has proved, for receipts.';

CREATE FUNCTION campaign.proof_report(attempt text, checker text, size bigint, difference jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    campaign_id text := campaign.proof_at_work(attempt);
    wanted bytea;
    leaves bigint;
    messages bigint := campaign.messages_expected(campaign_id);
BEGIN
    IF difference IS NULL THEN
        -- What was agreed upon in this attempt, to the end, and nothing else.
        SELECT campaign.proof_root(string_agg(w.hashes, '' ORDER BY w.number)), sum(w.leaves) INTO wanted, leaves
        FROM campaign.proof_windows w WHERE w.attempt_id = attempt
        HAVING bool_and(w.agreed) AND min(w.leaves) < 131072;
        IF wanted IS NULL OR size IS DISTINCT FROM leaves THEN
            difference := '{"kind": "another root"}';
        ELSIF (SELECT c.total = 0 FROM campaign.campaigns c WHERE c.id = campaign_id) THEN
            difference := '{"kind": "no messages"}';
        END IF;
        messages := coalesce(leaves, messages);
    END IF;
    IF difference IS NULL THEN
        PERFORM campaign.proof_keep_hashes(attempt, campaign_id);
    END IF;
    INSERT INTO campaign.proofs (number, campaign_id, asked_at, after_sent, started_at, checker, root, size, expected, difference)
    SELECT a.number, campaign_id, a.asked_at, a.after_sent, a.started_at, left(checker, 200), CASE WHEN difference IS NULL THEN wanted END,
        size, messages, difference
    FROM campaign.proof_attempts a WHERE a.id = attempt;
    DELETE FROM campaign.proof_attempts a WHERE a.id = attempt;
    PERFORM campaign.proof_done(campaign_id, true);
    RETURN jsonb_build_object('ok', difference IS NULL, 'expected', messages, 'difference', difference,
        'digest', CASE WHEN difference IS NULL THEN encode(campaign.proof_digest(size, wanted), 'hex') END);
END
$$;
COMMENT ON FUNCTION campaign.proof_report(text, text, bigint, jsonb) IS
'The end of a proof: MongoDB holds size documents, and there is a difference, or every window agreed in this attempt. Kept, with the root above the windows.';

CREATE FUNCTION campaign.proof_give_up(attempt text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given_up text;
BEGIN
    DELETE FROM campaign.proof_attempts a WHERE a.id = attempt RETURNING a.campaign_id INTO given_up;
    IF FOUND THEN
        PERFORM campaign.proof_done(given_up, false);
    END IF;
END
$$;
COMMENT ON FUNCTION campaign.proof_give_up(text) IS
'A server failed while a proof was made: it can be made again, by whoever looks next.';
