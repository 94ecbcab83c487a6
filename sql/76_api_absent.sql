-- What is said of one object that a request does not see.

CREATE FUNCTION campaign_api.absent(kind text, object_id text) RETURNS void
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.absent');
    CASE kind
        WHEN 'campaigns' THEN PERFORM campaign.api_campaign_check(object_id);
        WHEN 'companies' THEN PERFORM campaign.api_company_check(object_id);
        ELSE NULL;
    END CASE;
    PERFORM campaign.api_raise('PT404', 'not found');
END
$$;
COMMENT ON FUNCTION campaign_api.absent(text, text) IS
$$Say why one object is not shown
What GET, PATCH and DELETE of /campaigns/:id and the like answer when there is no such row for you.

kind: the list that it would be in, such as campaigns.
object_id: its id.

403 if the campaign or company belongs to somebody else; 404 otherwise.$$;
