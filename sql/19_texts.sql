-- Texts: placeholders that are filled for each recipient, and what a text costs (src/texts/).

CREATE FUNCTION @extschema@.message_segments(text text) RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_message_segments';
COMMENT ON FUNCTION @extschema@.message_segments(text) IS
'What a text costs as SMS: {"encoding": "GSM-7" or "UCS-2", "units", "segments", "plain_segments", "characters": [{"character", "count", "plain"}], "warning"}. characters are those that force UCS-2, with a plain spelling (null: there is none); plain_segments is what the text costs with these.';

CREATE FUNCTION campaign.segments_of_all(message text, recipients bigint) RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_segments_of_all';
COMMENT ON FUNCTION campaign.segments_of_all(text, bigint) IS
'What a campaign costs in which so many recipients get the same text: {"total", "longest", "ucs2", "plain_total", "characters", "warning"}.';

CREATE FUNCTION campaign.placeholders_check(message text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_placeholders_check';
COMMENT ON FUNCTION campaign.placeholders_check(text) IS
'Whether a message has braces and is to be filled for each recipient; an error if they are no placeholders.';

CREATE FUNCTION campaign.placeholders_fill(message text, attributes text) RETURNS text
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_placeholders_fill';
COMMENT ON FUNCTION campaign.placeholders_fill(text, text) IS
'The text of a recipient with these canonical attributes (NULL: none), as the worker fills it; an error if it cannot be filled.';

CREATE FUNCTION campaign.placeholders_escape(message text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT regexp_replace(message, '(\\*)([{}])', '\1\1\\\2', 'g') $$;
COMMENT ON FUNCTION campaign.placeholders_escape(text) IS
'A message whose braces are nothing but braces, as it has to be written to say the same where they are placeholders.';
