-- A simulation: messages of random characters to random numbers, for senders with gateway `simulate`.

CREATE FUNCTION @extschema@.campaign_simulate(
    count bigint DEFAULT 1000, seed bigint DEFAULT NULL, ordered boolean DEFAULT false,
    company_id text DEFAULT NULL, user_id text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    most CONSTANT bigint := 1000000;
    used_seed bigint := coalesce(seed, ('x' || encode(substr(sha256(convert_to(@extschema@.cuid2(), 'UTF8')), 1, 4), 'hex'))::bit(32)::bigint);
    id text;
    made record;
BEGIN
    IF count NOT BETWEEN 1 AND most THEN
        RAISE EXCEPTION 'count is 1 to %', most USING ERRCODE = 'invalid_parameter_value';
    END IF;
    id := @extschema@.campaign_create(format('Simulation of %s, seed %s', count, used_seed), 'simulated'::text,
        company_id, user_id, ordered);
    -- +888 is assigned to nobody. The factor has no divisor in common with the modulus: no number comes twice.
    SELECT array_agg('+888' || lpad(((n * 48271 + abs(used_seed % 100000000)) % 100000000)::text, 11, '0') ORDER BY n) AS numbers,
        array_agg(left(translate(encode(d.random || sha512(d.random), 'base64'), E'\n', ''), 1 + (get_byte(d.random, 0) * 256 + get_byte(d.random, 1)) % 100) ORDER BY n) AS texts
    INTO made
    FROM generate_series(1, count) AS n,
        LATERAL (SELECT sha512(convert_to(used_seed || ':' || n, 'UTF8')) AS random) AS d;
    PERFORM campaign.recipients_add(id, array_fill('NORMAL'::campaign.recipient_class, ARRAY[count::integer]), made.numbers, made.texts);
    RETURN @extschema@.campaign_dispatch(id) || jsonb_build_object('seed', used_seed);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_simulate(bigint, bigint, boolean, text, text) IS
'Dispatches a campaign of count messages of 1 to 100 random characters to random numbers that belong to nobody (+888). The same seed gives the same messages. Returns its status, with the "seed". It goes to whatever consumer there is: start senders with gateway simulate.';
