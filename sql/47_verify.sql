-- What people call to have a campaign proved, and to prove to others that a message is part of it; the proof itself
-- is made in 49_proving.sql.

CREATE FUNCTION campaign.proof_last_number() RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN n.is_called THEN n.last_value ELSE 0 END FROM campaign.proof_numbers n $$;
COMMENT ON FUNCTION campaign.proof_last_number() IS
'The largest number of a proof so far: one that begins later has a larger one.';

CREATE FUNCTION campaign.proof_answer(campaign_id text, asked bigint, reason text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proof campaign.proofs;
    total bigint;
    stored bigint;
    complete boolean;
BEGIN
    SELECT * INTO proof FROM campaign.proofs p WHERE p.campaign_id = proof_answer.campaign_id
    ORDER BY p.number DESC LIMIT 1;
    total := campaign.messages_expected(campaign_id);
    SELECT coalesce(sum(campaign.stored_count(p.stored - p.failed - p.suppressed)), 0),
           coalesce(bool_and(p.stored = int8multirange(int8range(1, p.total + 1))), false)
    INTO stored, complete
    FROM campaign.progress p WHERE p.campaign_id = proof_answer.campaign_id;
    RETURN jsonb_build_object(
        -- Reports that say less are believed; reports that say all is there are not.
        'ok', CASE WHEN proof.id IS NOT NULL THEN proof.difference IS NULL AND proof.expected = total
                   WHEN NOT complete OR stored <> total THEN false END,
        'expected', total, 'stored', coalesce(proof.size, stored), 'digest',
        encode(campaign.proof_digest(proof.size, proof.root), 'hex'),
        'difference', proof.difference, 'checked_at', proof.checked_at,
        -- Not negative, if the clock was set back.
        'age_seconds', round(extract(epoch FROM greatest(clock_timestamp(), proof.checked_at) - proof.checked_at), 3),
        'fresh', coalesce(proof.number > asked, false), 'reason', reason);
END
$$;
COMMENT ON FUNCTION campaign.proof_answer(text, bigint, text) IS
'What campaign_verify() answers: the newest proof; asked: one with such a number, or a smaller one, is not fresh.';

CREATE FUNCTION @extschema@.campaign_verify(campaign_id text, timeout interval DEFAULT '10 seconds') RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked CONSTANT bigint := campaign.proof_last_number();
    -- A request is forgotten later (src/proof/requests.c).
    patience double precision := least(greatest(coalesce(extract(epoch FROM timeout), 0), 0), 300);
    pause double precision := 0.005;
    reason text;
BEGIN
    PERFORM @extschema@.campaign_status(campaign_id);
    reason := campaign.proof_ask(campaign_id, coalesce(campaign.request_user(), ''));
    IF reason IS NULL AND current_setting('transaction_isolation') <> 'read committed' THEN
        reason := 'a proof is asked for: this transaction cannot see it (' || current_setting('transaction_isolation') || ')';
    ELSIF reason IS NULL THEN
        LOOP
            EXIT WHEN EXISTS (SELECT FROM campaign.proofs p
                              WHERE p.campaign_id = campaign_verify.campaign_id AND p.number > asked);
            IF patience <= 0 THEN
                reason := 'the proof that was asked for is not there yet: ask again';
                EXIT;
            END IF;
            PERFORM pg_sleep(least(pause, patience));
            patience := patience - pause;
            pause := least(pause * 1.5, 0.1);
        END LOOP;
    END IF;
    RETURN campaign.proof_answer(campaign_id, asked, reason);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_verify(text, interval) IS
'Whether MongoDB holds exactly the messages of the campaign: asks a running consumer for a proof, waits for it for at most timeout, and answers the newest one: {"ok", "expected", "stored", "digest", "difference", "checked_at", "age_seconds", "fresh", "reason"}. ok is null if nothing was proved yet; digest binds number, order and content of the messages; difference names the first one.';

CREATE FUNCTION @extschema@.campaign_receipt(campaign_id text, phone_number text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off
AS $$
DECLARE
    proof campaign.proofs;
    one record;
    vip_gaps int8multirange;
    gaps int8multirange;
    vips bigint;
    place bigint;
    start bigint;
    hashes bytea;
    path bytea;
    answer jsonb;
    own_text jsonb;
    own_attributes jsonb;
BEGIN
    PERFORM @extschema@.campaign_status(campaign_id);
    SELECT * INTO proof FROM campaign.proofs p WHERE p.campaign_id = campaign_receipt.campaign_id
    ORDER BY p.number DESC LIMIT 1;
    IF proof.root IS NULL THEN
        RAISE EXCEPTION 'campaign "%" is not proved', campaign_id
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Call campaign_verify() first.';
    END IF;
    SELECT r.class, r.seq INTO one FROM campaign.recipients r
    WHERE r.campaign_id = campaign_receipt.campaign_id AND r.phone_number = '+' || ltrim(campaign_receipt.phone_number, '+')
    ORDER BY r.class, r.seq LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'campaign "%" has no recipient "%"', campaign_id, coalesce(left(phone_number, 40), 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;
    SELECT coalesce(sum(p.total - campaign.stored_count(p.suppressed)) FILTER (WHERE p.class = 'VIP'), 0),
        coalesce(range_agg(p.suppressed) FILTER (WHERE p.class = 'VIP'), '{}'),
        coalesce(range_agg(p.suppressed) FILTER (WHERE p.class = one.class), '{}')
    INTO vips, vip_gaps, gaps
    FROM campaign.progress p WHERE p.campaign_id = campaign_receipt.campaign_id;
    IF gaps @> one.seq THEN
        RAISE EXCEPTION 'campaign "%" has no message to "%": it is on a suppression list', campaign_id, left(phone_number, 40)
            USING ERRCODE = 'no_data_found';
    END IF;
    SELECT string_agg(h.hashes, '' ORDER BY h.number) INTO hashes FROM campaign.proof_hashes h
    WHERE h.campaign_id = campaign_receipt.campaign_id;

    place := one.seq - 1 - campaign.stored_count(gaps * int8multirange(int8range(1, one.seq)))
        + CASE one.class WHEN 'VIP' THEN 0 ELSE vips END;
    start := place / 1024 * 1024;
    IF campaign.proof_root(hashes) = proof.root THEN
        path := campaign.proof_path(campaign_id, CASE WHEN start < vips THEN 'VIP' ELSE 'NORMAL' END,
            CASE WHEN start < vips THEN campaign.seq_of_message(vip_gaps, start)
                 ELSE campaign.seq_of_message(gaps, start - vips) END, hashes, place);
    END IF;
    IF path IS NULL THEN
        RAISE EXCEPTION 'campaign "%" is not what was proved', campaign_id
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Call campaign_verify() again.';
    END IF;
    -- Half of the digest tells whether the parts belong together, which is all that a receipt can say of itself.
    SELECT jsonb_build_object('digest', campaign.proof_base85(substr(campaign.proof_digest(proof.size, proof.root), 1, 16)),
            'size', proof.size, 'place', place, CASE one.class WHEN 'VIP' THEN 'vip' ELSE 'seq' END, one.seq,
            'id', m.identifier, 'number', m.phone_number, 'path', campaign.proof_base85(path)),
        jsonb_build_object('text', convert_from(m.message, 'UTF8')),
        CASE WHEN m.attributes IS NULL THEN '{}' ELSE jsonb_build_object('attributes', convert_from(m.attributes, 'UTF8')) END
    INTO answer, own_text, own_attributes
    FROM campaign.proof_messages(campaign_id, one.class::text, one.seq - 1) AS m LIMIT 1;
    -- Whoever has the message has its text.
    IF octet_length(convert_to((answer || own_text || own_attributes)::text, 'UTF8')) <= 1000 THEN
        RETURN answer || own_text || own_attributes;
    END IF;
    RETURN answer || CASE WHEN octet_length(convert_to((answer || own_attributes)::text, 'UTF8')) <= 1000
        OR own_attributes = '{}' THEN own_attributes ELSE '{"attributes": true}' END;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_receipt(text, text) IS
'What proves to anybody, offline, that the message to a number is part of what campaign_verify() proved last: its place in the Merkle tree, the tree''s size and digest, the message, and its path. At most 1,000 bytes for up to a million recipients, 1,024 for up to two million: a text that does not fit is left out, attributes that do not are true instead. docs/contract/check_receipt.py checks it.';
