-- What a load balancer asks: needs no token, and says nothing of what is stored.

CREATE FUNCTION campaign_api.ready() RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    worker boolean := true;
BEGIN
    BEGIN
        PERFORM campaign.worker_require();
    EXCEPTION WHEN object_not_in_prerequisite_state THEN
        worker := false;
    END;
    RETURN jsonb_build_object('status', 'ok', 'worker', worker);
END
$$;
COMMENT ON FUNCTION campaign_api.ready() IS
$$Is the service ready
Needs no token. GET or POST.

200 with {"status", "worker"}: whether a worker is there to publish campaigns. Without one everything else works; dispatching is answered with 503.$$;
