-- Suppression lists over HTTP: those of the companies of the user of the request. The list of the whole
-- installation is a matter of SQL.

CREATE FUNCTION campaign.api_suppression(
    verb text, company_id text, phone_number text, reason text, numbers bytea, skip_invalid boolean
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id text := campaign.api_company_choose(company_id);
    answer jsonb;
BEGIN
    CASE verb
        WHEN 'add' THEN
            answer := jsonb_build_object('added',
                @extschema@.suppression_add(phone_number, owner_id, NULL::text, reason));
        WHEN 'remove' THEN
            answer := jsonb_build_object('removed',
                @extschema@.suppression_remove(phone_number, owner_id, NULL::text, reason));
        WHEN 'import' THEN
            answer := @extschema@.suppression_import(numbers, owner_id, NULL::text, reason, skip_invalid);
        WHEN 'inbound' THEN
            answer := @extschema@.inbound_message(phone_number, reason, owner_id, NULL::text);
    END CASE;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION campaign.api_suppression(text, text, text, text, bytea, boolean) IS
'add, remove, import or inbound (reason is the message then) for a company of the user of the request.';

CREATE FUNCTION campaign_api.suppression_add(
    phone_number text, company_id text DEFAULT NULL, reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.suppression_add');
    RETURN campaign.api_suppression('add', company_id, phone_number, reason, NULL::bytea, NULL::boolean);
END
$$;
COMMENT ON FUNCTION campaign_api.suppression_add(text, text, text) IS
$$Opt a number out
Nothing more is published to it by a campaign of the company, not even by one that is running.

phone_number: the number, written as in a numbers file.
company_id: a company of yours; may be left out by a member of exactly one.
reason: why.

200 with {"added"}, false for one that was on the list; 403, 404; 422 if it is no number.$$;

CREATE FUNCTION campaign_api.suppression_remove(
    phone_number text, company_id text DEFAULT NULL, reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.suppression_remove');
    RETURN campaign.api_suppression('remove', company_id, phone_number, reason, NULL::bytea, NULL::boolean);
END
$$;
COMMENT ON FUNCTION campaign_api.suppression_remove(text, text, text) IS
$$Opt a number in again
From the next campaign on it is sent to.

phone_number: the number.
company_id: a company of yours; may be left out by a member of exactly one.
reason: why.

200 with {"removed"}, false for one that was not on the list; 403, 404; 422 if it is no number.$$;

CREATE FUNCTION campaign_api.suppression_import(
    numbers json, company_id text DEFAULT NULL, reason text DEFAULT NULL, skip_invalid boolean DEFAULT false
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.suppression_import');
    RETURN campaign.api_suppression('import', company_id, NULL::text, reason,
        campaign.numbers_from_json(numbers), skip_invalid);
END
$$;
COMMENT ON FUNCTION campaign_api.suppression_import(json, text, text, boolean) IS
$$Opt many numbers out
All of them, or none.

numbers: array of phone numbers, or a string with one a line, as in a numbers file.
company_id: a company of yours; may be left out by a member of exactly one.
reason: why.
skip_invalid: leave invalid numbers out instead of refusing them all.

200 with {"accepted", "duplicates", "invalid", "errors"}; 403, 404; 422 if lines are invalid.$$;

CREATE FUNCTION campaign_api.suppression_list(
    company_id text DEFAULT NULL, phone_number text DEFAULT NULL, rows integer DEFAULT 100, after_id bigint DEFAULT 0
) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- A GET locks nothing.
    owner_id text := coalesce(company_id, campaign.api_company_only());
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.suppression_list');
    PERFORM campaign.api_company_check(owner_id);
    RETURN (SELECT coalesce(jsonb_agg(l.entry ORDER BY l.place), '[]')
            FROM @extschema@.suppression_list(owner_id, NULL::text, phone_number,
                rows, after_id) WITH ORDINALITY AS l (entry, place));
END
$$;
COMMENT ON FUNCTION campaign_api.suppression_list(text, text, integer, bigint) IS
$$Numbers that are not sent to
Those that the company has on its list, oldest first. GET or POST.

company_id: a company of yours; may be left out by a member of exactly one.
phone_number: only this one, with its history.
rows: how many, 10000 at most.
after_id: the id of the last one, for the next page.

200 with an array of {"id", "phone_number", "reason", "created_at", "user_id", …}; 403, 404, 422.$$;

CREATE FUNCTION campaign_api.inbound_message("from" text, text text, company_id text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.inbound_message');
    RETURN campaign.api_suppression('inbound', company_id, "from", text, NULL::bytea, NULL::boolean);
END
$$;
COMMENT ON FUNCTION campaign_api.inbound_message(text, text, text) IS
$$Hand over an incoming SMS
A text that is nothing but an opt-out word (STOP, SAIR, …) opts its sender out, an opt-in word in again.

from: number of the sender, with its + and country code.
text: what they wrote.
company_id: a company of yours; may be left out by a member of exactly one.

200 with {"phone_number", "action", "changed"}: action is stop, start, or null; 403, 404; 422 if it is no number. Without the + it may be a number of your country and one of another: then both are opted out, the second is "other_reading", and opting in again is 422.$$;
