-- Send windows over HTTP.

CREATE FUNCTION campaign_api.campaign_window(
    campaign_id text,
    hours text,
    time_zone text DEFAULT NULL,
    recipients boolean DEFAULT false,
    reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_window');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN @extschema@.campaign_window(campaign_id, hours, time_zone, recipients, reason);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_window(text, text, text, boolean, text) IS
$$Send window of a campaign
Sends it only at these hours of these days. May be changed until it is over; outside nothing is published, stored or sent.

campaign_id: the campaign.
hours: days and hours, such as Mon-Fri 09:00-18:00, Sat 10:00-14:00; over midnight as 22:00-02:00; null: at any time.
time_zone: the zone whose clocks show these hours, such as America/Sao_Paulo.
recipients: in each recipient's own time zone instead: refused so far.
reason: kept with the event.

200 with its status; 403, 404; 409 if it is over; 422 for hours or a time zone that are not understood.$$;
