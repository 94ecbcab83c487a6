-- Companies: the owners of campaigns.

CREATE TABLE campaign.companies (
    id text COLLATE "C" PRIMARY KEY DEFAULT @extschema@.cuid2(),
    name text NOT NULL,
    document text NOT NULL,
    country text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE campaign.companies IS 'Companies whose campaigns are sent.';
COMMENT ON COLUMN campaign.companies.id IS 'cuid2';
COMMENT ON COLUMN campaign.companies.name IS 'Name of the company.';
COMMENT ON COLUMN campaign.companies.document IS 'Registration document: its letters and digits, upper case, without punctuation; unique among companies that are not deleted.';
COMMENT ON COLUMN campaign.companies.country IS 'Country of the national phone numbers in its uploads, an ISO code; NULL: what campaign.country says, none: international numbers only.';
COMMENT ON COLUMN campaign.companies.created_at IS 'When the company was registered.';
COMMENT ON COLUMN campaign.companies.updated_at IS 'When the row last changed.';
COMMENT ON COLUMN campaign.companies.deleted IS 'Soft delete: the row stays, the API hides it.';

CREATE UNIQUE INDEX companies_document_key ON campaign.companies (document) WHERE NOT deleted;
ALTER TABLE campaign.companies ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('campaign.companies', '');

CREATE FUNCTION campaign.document_normalize(document text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT upper(regexp_replace(document, '[^[:alnum:]]', '', 'g')) $$;
COMMENT ON FUNCTION campaign.document_normalize(text) IS
'A document as it is stored: letters and digits only, in upper case.';

CREATE FUNCTION campaign.name_check(kind text, name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(btrim(name), '') = '' OR length(name) > 200 THEN
        RAISE EXCEPTION '% name is missing or longer than 200 characters', kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN btrim(name);
END
$$;
COMMENT ON FUNCTION campaign.name_check(text, text) IS
'The name of a company, a campaign or an application as it is stored; an error if it is not valid.';

CREATE FUNCTION campaign.company_document_check(document text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    characters text := campaign.document_normalize(document);
BEGIN
    IF coalesce(length(characters), 0) NOT BETWEEN 1 AND 40 THEN
        RAISE EXCEPTION 'company document must have 1 to 40 letters or digits'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN characters;
END
$$;
COMMENT ON FUNCTION campaign.company_document_check(text) IS
'The document of a company as it is stored; an error if it is not valid.';

CREATE FUNCTION @extschema@.company_create(name text, document text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id text;
BEGIN
    INSERT INTO campaign.companies (name, document)
    VALUES (campaign.name_check('company', company_create.name),
        campaign.company_document_check(company_create.document))
    RETURNING id INTO new_id;
    RETURN new_id;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'a company with this document already exists'
            USING ERRCODE = 'unique_violation';
END
$$;
COMMENT ON FUNCTION @extschema@.company_create(text, text) IS
'Registers a company and returns its id. Punctuation in the document is dropped; a document that another company already has is refused.';

CREATE FUNCTION campaign.country_name(country text) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_country_name';
COMMENT ON FUNCTION campaign.country_name(text) IS
'A country, given by ISO code (BR) or calling code (55, +55), as it is kept: its ISO code; none for an empty one. An error if there is no such country.';

CREATE FUNCTION campaign.country_calling_code(country text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_country_calling_code';
COMMENT ON FUNCTION campaign.country_calling_code(text) IS
'The calling code of a country, such as 55; NULL for none.';

CREATE FUNCTION campaign.country_default() RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'campaign_country_default';
COMMENT ON FUNCTION campaign.country_default() IS 'The setting campaign.country; empty for none.';

CREATE FUNCTION @extschema@.company_country_set(company_id text, country text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    country := campaign.country_name(country);
    UPDATE campaign.companies c SET country = country, updated_at = clock_timestamp()
    WHERE c.id = company_id AND NOT c.deleted;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'company "%" does not exist', coalesce(left(company_id, 40), 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;
    RETURN country;
END
$$;
COMMENT ON FUNCTION @extschema@.company_country_set(text, text) IS
'Sets the country of the national phone numbers in a company''s uploads and returns its ISO code. NULL: what the setting campaign.country says; none: its numbers are international.';
