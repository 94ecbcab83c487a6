-- The words that opt somebody out or in again, and what an incoming SMS does to the lists of 17_suppressions.sql.

CREATE TABLE campaign.suppression_words (
    owner text COLLATE "C" NOT NULL DEFAULT '',
    word text COLLATE "C" NOT NULL,
    action text NOT NULL,
    PRIMARY KEY (word, owner),
    CONSTRAINT suppression_words_action_check CHECK (action IN ('stop', 'start', 'none'))
);
COMMENT ON TABLE campaign.suppression_words IS 'Words of one''s own for incoming messages, besides those that are shipped or instead of them.';
COMMENT ON COLUMN campaign.suppression_words.owner IS 'Company or user whose word this is; empty: everybody''s.';
COMMENT ON COLUMN campaign.suppression_words.word IS 'The word as campaign.word_normalize() writes it.';
COMMENT ON COLUMN campaign.suppression_words.action IS 'stop: opts out; start: opts in again; none: does nothing, although it is a shipped word.';
ALTER TABLE campaign.suppression_words ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.suppression_words', '');

-- For encodings in which normalize() is an error.
CREATE FUNCTION campaign.base_letters(word text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Of U+00C0 to U+00FF.
    letters CONSTANT text := 'AAAAAAACEEEEIIIIDNOOOOO OUUUUYPSAAAAAAACEEEEIIIIDNOOOOO OUUUUYPY';
BEGIN
    RETURN (
        SELECT string_agg(CASE WHEN get_byte(s.utf8, 0) = 195 THEN substr(letters, get_byte(s.utf8, 1) - 127, 1) ELSE s.character END,
            '' ORDER BY s.place)
        FROM (SELECT c.character, c.place, convert_to(c.character, 'UTF8') AS utf8
              FROM regexp_split_to_table(word, '') WITH ORDINALITY AS c (character, place)
              WHERE c.character <> '') AS s);
END
$$;
COMMENT ON FUNCTION campaign.base_letters(text) IS
'A text with the plain capital letter instead of each Latin letter with an accent.';

CREATE FUNCTION campaign.word_normalize(word text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Letter and accent apart, and forms such as full width as the letter itself. Before upper(), which with the locale C
    -- knows no letter with an accent.
    plain text := CASE getdatabaseencoding()
        WHEN 'UTF8' THEN regexp_replace(normalize(word, NFKD), '[\u0300-\u036f]', '', 'g')
        WHEN 'SQL_ASCII' THEN word
        ELSE campaign.base_letters(word) END;
BEGIN
    RETURN regexp_replace(upper(plain), '[^[:alnum:]]', '', 'g');
END
$$;
COMMENT ON FUNCTION campaign.word_normalize(text) IS
'A text without case, accents, blanks and punctuation, as words are compared.';

-- No rows: a dump of the table of one's own words can be restored over a fresh extension.
CREATE FUNCTION campaign.suppression_words_shipped() RETURNS TABLE (word text, action text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT w, 'stop' FROM unnest('{STOP,STOPALL,UNSUBSCRIBE,CANCEL,END,QUIT,OPTOUT,SAIR,PARE,PARAR,CANCELAR,'
        'CANCELE,DESCADASTRAR,DESCADASTRE,DESCADASTRO,REMOVER,BAJA,ALTO,SALIR}'::text[]) AS w
    UNION ALL
    SELECT w, 'start' FROM unnest('{START,UNSTOP,SUBSCRIBE,OPTIN,VOLTAR,VOLTE,INICIAR,CADASTRAR,ALTA,VOLVER}'::text[]) AS w
$$;
COMMENT ON FUNCTION campaign.suppression_words_shipped() IS
'The words that everybody has: they opt out (stop) or in again (start).';

CREATE FUNCTION @extschema@.suppression_word_set(
    word text, action text, company_id text DEFAULT NULL, user_id text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    list_owner text := campaign.suppression_owner(company_id, user_id);
    plain text := campaign.word_normalize(word);
BEGIN
    IF coalesce(plain, '') = '' OR length(plain) > 100 THEN
        RAISE EXCEPTION 'a word has 1 to 100 letters and digits' USING ERRCODE = 'invalid_parameter_value';
    ELSIF action NOT IN ('stop', 'start', 'none') THEN
        RAISE EXCEPTION 'action must be stop, start or none' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF action IS NULL THEN
        DELETE FROM campaign.suppression_words w WHERE w.word = plain AND w.owner = list_owner;
    ELSE
        INSERT INTO campaign.suppression_words AS w (owner, word, action) VALUES (list_owner, plain, action)
        ON CONFLICT ON CONSTRAINT suppression_words_pkey DO UPDATE SET action = excluded.action;
    END IF;
    RETURN plain;
END
$$;
COMMENT ON FUNCTION @extschema@.suppression_word_set(text, text, text, text) IS
'Makes a word opt out (stop), opt in again (start) or do nothing (none), for a company, a user, or everybody; NULL: what it does without. Returns the word as it is compared.';

CREATE FUNCTION campaign.suppression_word_action(word text, owner text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plain text := campaign.word_normalize(word);
BEGIN
    -- One's own word counts before everybody's, and that before the one that is shipped.
    RETURN (SELECT f.action FROM (
        SELECT w.action, CASE w.owner WHEN '' THEN 2 ELSE 1 END AS place
        FROM campaign.suppression_words w
        WHERE w.word = plain AND w.owner IN ('', suppression_word_action.owner)
        UNION ALL
        SELECT s.action, 3 FROM campaign.suppression_words_shipped() AS s WHERE s.word = plain) AS f
        ORDER BY f.place LIMIT 1);
END
$$;
COMMENT ON FUNCTION campaign.suppression_word_action(text, text) IS
'What a text does that somebody has sent: stop, start, none, or NULL if it is no word.';

CREATE FUNCTION campaign.number_try(phone_number text, country text, OUT digits bigint, OUT problem text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    digits := campaign.number_of_country(phone_number, country);
EXCEPTION WHEN invalid_parameter_value THEN
    problem := SQLERRM;
END
$$;
COMMENT ON FUNCTION campaign.number_try(text, text) IS
'As campaign.number_of_country(), with the error as a value.';

-- Many gateways give the number of a sender without its +. Where that can also be read as a national number, both
-- people are meant.
CREATE FUNCTION campaign.sender_readings(phone_number text, company_id text) RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    country text := campaign.owner_country(company_id);
    here record := campaign.number_try(phone_number, country);
    abroad record := campaign.number_try(phone_number, '');
BEGIN
    -- A reader that leaves it open is asked for the one reading and the other.
    IF here.problem LIKE '%: not certain%' AND abroad.digits IS NOT NULL THEN
        here := campaign.number_try(format('+%s%s', campaign.country_calling_code(country), abroad.digits), country);
    END IF;
    RETURN CASE WHEN here.digits = abroad.digits OR abroad.digits IS NULL THEN ARRAY[campaign.number_read(phone_number, company_id)]
        ELSE array_remove(ARRAY[here.digits, abroad.digits], NULL) END;
END
$$;
COMMENT ON FUNCTION campaign.sender_readings(text, text) IS
'Whom the number of a sender may mean, for a company (NULL: for none): the number of its country first, then that of another one. One, if only one can be meant.';

CREATE FUNCTION @extschema@.inbound_message(
    "from" text, text text, company_id text DEFAULT NULL, user_id text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner text := campaign.suppression_owner(company_id, user_id);
    readings bigint[] := campaign.sender_readings("from", company_id);
    action text := nullif(campaign.suppression_word_action(text, owner), 'none');
    reason text := 'incoming message: ' || left(btrim(text), 100);
    changed bigint := 0;
BEGIN
    -- Who gets nothing though they want it can ask again; who has opted out must not be sent to.
    IF action = 'start' AND cardinality(readings) > 1 THEN
        RAISE EXCEPTION 'not certain who opts in: +% or +%', readings[1], readings[2]
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write the + and the country code of the sender.';
    END IF;
    CASE action
        WHEN 'stop' THEN changed := campaign.suppressions_add(readings, owner, reason);
        WHEN 'start' THEN changed := campaign.suppressions_lift(readings, owner, reason);
        ELSE NULL;
    END CASE;
    RETURN jsonb_build_object('phone_number', '+' || readings[1], 'action', action, 'changed', changed > 0)
        || CASE WHEN cardinality(readings) > 1 THEN jsonb_build_object('other_reading', '+' || readings[2]) ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION @extschema@.inbound_message(text, text, text, text) IS
'What somebody has answered by SMS: a text that is nothing but an opt-out word opts the number out, an opt-in word in again; anything else does nothing. Without company or user it is about all campaigns. A sender without + that may be of the company''s country or of another one is two numbers: both are opted out, and an opt-in word is an error. Returns {"phone_number", "action", "changed"}, and then "other_reading".';
