-- Identifiers and passwords: SQL wrappers of src/identity/cuid2.c and src/identity/password.c.

CREATE FUNCTION @extschema@.cuid2(length integer DEFAULT 24) RETURNS text
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_cuid2';
COMMENT ON FUNCTION @extschema@.cuid2(integer) IS
'A new cuid2 of 2 to 32 characters: a lower-case letter, then base-36 digits of SHA3-512 over time, entropy, counter and fingerprint.';

CREATE FUNCTION @extschema@.password_hash(password text) RETURNS text
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_password_hash';
COMMENT ON FUNCTION @extschema@.password_hash(text) IS
'Argon2id hash of a password, with a random salt, in PHC string form. Cost: campaign.argon2_memory and campaign.argon2_iterations.';

CREATE FUNCTION @extschema@.password_verify(password text, hash text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_password_verify';
COMMENT ON FUNCTION @extschema@.password_verify(text, text) IS
'Whether the password matches the hash, compared in constant time. A malformed hash, or one that asks for more memory than is allowed, is an error before anything is computed.';

CREATE FUNCTION campaign.password_needs_rehash(hash text) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_password_needs_rehash';
COMMENT ON FUNCTION campaign.password_needs_rehash(text) IS
'Whether the hash was made with weaker settings than today''s, so that a login should store a new one.';
