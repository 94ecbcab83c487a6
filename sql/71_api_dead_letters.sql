-- Dead letters over HTTP: those of the user's campaigns. What belongs to no campaign is a matter of SQL.

CREATE FUNCTION campaign.api_dead_letter(letter_id text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_id bigint;
BEGIN
    PERFORM campaign.api_user();
    SELECT d.id INTO found_id FROM campaign.dead_letters d
    WHERE d.id = CASE WHEN letter_id ~ '^[0-9]{1,18}$' THEN letter_id::bigint END
      AND d.campaign_id IN (SELECT campaign.request_campaigns());
    IF NOT FOUND THEN
        PERFORM campaign.api_raise('PT404', 'you have no such dead letter', NULL, 'GET /dead-letters shows them.');
    END IF;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION campaign.api_dead_letter(text) IS
'The id of a dead letter of a campaign of the user of the request; else 404.';

CREATE FUNCTION campaign.api_dead_decide(verb text, letter_id text, reason text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    letter bigint := campaign.api_dead_letter(letter_id);
    done integer;
BEGIN
    IF verb = 'replay' THEN
        -- Before the locks of the campaign, as everybody else.
        PERFORM campaign.api_campaign_lock((SELECT d.campaign_id FROM campaign.dead_letters d WHERE d.id = letter));
    END IF;
    done := CASE verb WHEN 'replay' THEN @extschema@.campaign_dead_replay(ARRAY[letter], reason)
                      ELSE @extschema@.campaign_dead_discard(ARRAY[letter], reason) END;
    IF done = 0 THEN
        PERFORM campaign.api_raise('PT409', format('dead letter %s is %s', letter,
            (SELECT d.state FROM campaign.dead_letters d WHERE d.id = letter)));
    END IF;
    RETURN (SELECT jsonb_build_object('id', d.id, 'state', d.state, 'campaign', d.campaign_id)
            FROM campaign.dead_letters d WHERE d.id = letter);
END
$$;
COMMENT ON FUNCTION campaign.api_dead_decide(text, text, text) IS
'replay or discard of a dead letter of the user of the request; 409 if something was decided about it already.';

CREATE FUNCTION campaign_api.dead_letters(
    campaign_id text DEFAULT NULL, states text DEFAULT 'waiting', rows integer DEFAULT 100, after_id bigint DEFAULT 0
) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.dead_letters');
    PERFORM campaign.api_user();
    IF campaign_id IS NOT NULL THEN
        PERFORM campaign.api_campaign_check(campaign_id);
    END IF;
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.id), '[]')
            FROM campaign.dead_list(CASE WHEN campaign_id IS NULL THEN ARRAY(SELECT campaign.request_campaigns())
                                    ELSE ARRAY[campaign_id] END,
                regexp_split_to_array(nullif(states, ''), '\s*,\s*'), rows, after_id) AS l);
END
$$;
COMMENT ON FUNCTION campaign_api.dead_letters(text, text, integer, bigint) IS
$$Dead letters
Messages of your campaigns that could not be stored, oldest first. GET or POST.

campaign_id: a campaign of yours; left out: all of them.
states: of these, separated by commas (waiting, replaying, replayed, stored, refused, discarded); empty: all.
rows: how many, 10000 at most.
after_id: the id of the last one, for the next page.

200 with an array of {"id", "state", "campaign", "class", "first_seq", "recipients", "queue", "reason", …}; 403, 404, 422.$$;

CREATE FUNCTION campaign_api.dead_letter_replay(letter_id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.dead_letter_replay');
    PERFORM campaign.api_respond(202);
    RETURN campaign.api_dead_decide('replay', letter_id, reason);
END
$$;
COMMENT ON FUNCTION campaign_api.dead_letter_replay(text, text) IS
$$Replay a dead letter
Publishes it again, once what was wrong is repaired. A recipient that MongoDB refused is stored after all; nobody gets anything twice.

letter_id: the dead letter.
reason: kept with it.

202 with {"id", "state", "campaign"}; 404 if you have no such dead letter; 409 if something was decided about it already, its campaign still runs or was cancelled, somebody is deleting it, or an earlier replay of it is not settled yet.$$;

CREATE FUNCTION campaign_api.dead_letter_discard(letter_id text, reason text) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.dead_letter_discard');
    RETURN campaign.api_dead_decide('discard', letter_id, reason);
END
$$;
COMMENT ON FUNCTION campaign_api.dead_letter_discard(text, text) IS
$$Discard a dead letter
Gives it up. Who, when and why is kept.

letter_id: the dead letter.
reason: why.

200 with {"id", "state", "campaign"}; 404 if you have no such dead letter; 409 if something was decided about it already; 422 without a reason.$$;
