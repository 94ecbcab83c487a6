-- The time zones of phone numbers.

CREATE FUNCTION @extschema@.phone_number_zones(phone_number text) RETURNS text[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_phone_number_zones';
COMMENT ON FUNCTION @extschema@.phone_number_zones(text) IS
'The time zones that an international phone number may be in, by its leading digits: one for most, several where a prefix or a country spans them, none for an unknown one.';
