-- E-mail addresses: what surrounds a copied one is taken off, and what campaign-mailer could not send to, or
-- what is made to look like another address, is refused.

CREATE FUNCTION campaign.email_clean(email text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Blanks, control characters, and what is not seen: soft hyphen, joiners, marks of direction, BOM.
    around CONSTANT text := '[\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u1680\u180E\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF]+';
    address text := regexp_replace(email, format('^%1$s|%1$s$', around), '', 'g');
BEGIN
    IF address ~* '^mailto:' THEN
        address := regexp_replace(substr(address, 8), '^' || around, '');
    END IF;
    -- The same letter with its accent as one character and as two is one address.
    IF getdatabaseencoding() = 'UTF8' THEN
        address := normalize(address, NFC);
    END IF;
    RETURN address;
END
$$;
COMMENT ON FUNCTION campaign.email_clean(text) IS
'An address without what surrounds it: blanks, invisible characters, mailto:.';

CREATE FUNCTION campaign.email_scripts_mixed(email text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(bool_or(
        (label ~ '[A-Za-z\u00AA\u00BA\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02AF\u1D00-\u1D25\u1E00-\u1EFF\u2C60-\u2C7F\uA720-\uA7FF\uAB30-\uAB64]')::integer
        + (label ~ '[\u0370-\u03FF\u1F00-\u1FFF]')::integer
        + (label ~ '[\u0400-\u052F\u1C80-\u1C8F\u2DE0-\u2DFF\uA640-\uA69F]')::integer
        + (label ~ '[\u0531-\u058F]')::integer
        + (label ~ '[\u13A0-\u13FF\uAB70-\uABBF]')::integer > 1), false)
    FROM regexp_split_to_table(email, '[@.]') AS label
$$;
COMMENT ON FUNCTION campaign.email_scripts_mixed(text) IS
'Whether a part of an address between dots has letters of several scripts that look alike: Latin, Greek, Cyrillic, Armenian, Cherokee.';

CREATE FUNCTION campaign.email_check(email text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    address text := campaign.email_clean(email_check.email);
BEGIN
    -- The characters of mailer/address.c; SMTP counts bytes.
    IF address IS NULL OR octet_length(convert_to(address, 'UTF8')) > 254
       OR octet_length(convert_to(split_part(address, '@', 1), 'UTF8')) > 64
       OR address !~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~.\u00A1-\U0010FFFF-]+@[A-Za-z0-9_\u00A1-\U0010FFFF-][A-Za-z0-9._\u00A1-\U0010FFFF-]*\.[A-Za-z0-9_\u00A1-\U0010FFFF-]+$'
       -- Invisible, or another spelling of an ASCII character.
       OR address ~ '[\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFEFF\uFF00-\uFF5E\uFFA0\uFFF0-\uFFFF\U000E0000-\U000E0FFF]' THEN
        RAISE EXCEPTION 'e-mail address is not valid'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give an address such as name@example.com, of at most 254 bytes, 64 of them before the @.';
    ELSIF campaign.email_scripts_mixed(address) THEN
        RAISE EXCEPTION 'e-mail address is not valid'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It has letters of several scripts in one word, such as Latin and Cyrillic ones.';
    ELSIF lower(address) LIKE '%@released.invalid' THEN
        RAISE EXCEPTION 'e-mail address is not valid'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'released.invalid is for accounts without an address.';
    END IF;
    RETURN address;
END
$$;
COMMENT ON FUNCTION campaign.email_check(text) IS
'The address as it is stored; an error if it is not valid, if campaign-mailer could not send to it, or if it is made to look like another.';
