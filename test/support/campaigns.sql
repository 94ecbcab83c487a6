-- campaigns.sql - campaigns for the SQL tests, which read this file with \ir. Their numbers belong to no country.

-- A draft with so many recipients of each class.
CREATE FUNCTION pg_temp.draft(vip integer, normal integer, name text DEFAULT 'test', ordered boolean DEFAULT true)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE id text := campaign_create(name, 'hello', ordered => ordered);
BEGIN
    IF vip > 0 THEN
        PERFORM campaign_upload(id, (SELECT string_agg('+8881111' || lpad(n::text, 7, '0'), E'\n') FROM generate_series(1, vip) AS n), class => 'VIP');
    END IF;
    IF normal > 0 THEN
        PERFORM campaign_upload(id, (SELECT string_agg('+8880000' || lpad(n::text, 7, '0'), E'\n') FROM generate_series(1, normal) AS n));
    END IF;
    RETURN id;
END $$;

-- The same, dispatched.
CREATE FUNCTION pg_temp.dispatched(vip integer, normal integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE id text := pg_temp.draft(vip, normal);
BEGIN
    PERFORM campaign_dispatch(id);
    RETURN id;
END $$;
