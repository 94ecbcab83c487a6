-- What became of recipients, over HTTP, and who sends to them. Each function checks that the campaign is the
-- client's own, as all do (54_api_campaigns.sql).

CREATE FUNCTION campaign.api_words(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT regexp_split_to_array(nullif(btrim(words), ''), '\s*,\s*') $$;
COMMENT ON FUNCTION campaign.api_words(text) IS
'Words of a query string that are separated by commas; NULL: none.';

-- The next page begins behind the last row of this one, whatever happens to the rows before.
CREATE FUNCTION campaign.api_fates_link(route text, question jsonb, after_class text, after_seq bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_respond(200, 'Link', format('<%s?%s>; rel="next"', route, (
        SELECT string_agg(q.key || '=' || q.value, '&' ORDER BY q.key)
        FROM jsonb_each_text(jsonb_strip_nulls(question)
            || jsonb_build_object('after_class', after_class, 'after_seq', after_seq)) AS q)));
END
$$;
COMMENT ON FUNCTION campaign.api_fates_link(text, jsonb, text, bigint) IS
'Tells the client where the next page of recipients is. What stands in question must be fit for an address.';

CREATE FUNCTION campaign_api.campaign_fates(
    campaign_id text, states text DEFAULT NULL, rows integer DEFAULT 100, after_class text DEFAULT NULL,
    after_seq bigint DEFAULT NULL, phone_number text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_fates');
    PERFORM campaign.api_campaign_check(campaign_id);
    SELECT coalesce(jsonb_agg(to_jsonb(l) - 'place' ORDER BY l.place), '[]') INTO answer
    FROM @extschema@.campaign_recipient_list(campaign_id, campaign.api_words(states), rows, after_class,
        coalesce(after_seq, 0::bigint), phone_number) WITH ORDINALITY AS l (class, seq, phone_number, state, code, reason,
        attempts, resolved, retried_in, updated_at, place);
    IF jsonb_array_length(answer) = rows AND phone_number IS NULL THEN
        PERFORM campaign.api_fates_link(format('/campaigns/%s/fates', campaign_id),
            jsonb_build_object('states', array_to_string(campaign.api_words(states), ','), 'rows', rows),
            answer -> -1 ->> 'class', (answer -> -1 ->> 'seq')::bigint);
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_fates(text, text, integer, text, bigint, text) IS
$$What became of recipients
In the order in which they are sent to, page by page; a full page has a Link to the next one. GET or POST.

campaign_id: the campaign.
states: only these, separated by commas: pending, sending, sent, failed, unknown, suppressed, expired, cancelled.
rows: how many, 10000 at most.
after_class: class of the last row of the page before.
after_seq: its seq.
phone_number: only this recipient, with or without the plus.

200 with an array of {"class", "seq", "phone_number", "state", "code", "reason", "attempts", "resolved", "retried_in", "updated_at"}; 403, 404; 422 for another state.$$;

CREATE FUNCTION campaign_api.campaign_reasons(campaign_id text) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_reasons');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(r) - 'place' ORDER BY r.place), '[]')
            FROM @extschema@.campaign_reasons(campaign_id) WITH ORDINALITY
                AS r (state, code, recipients, reason, phone_number, place));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_reasons(text) IS
$$Why recipients were not reached
How many for each reason, the most frequent first, with one of them. GET or POST.

campaign_id: the campaign.

200 with an array of {"state", "code", "recipients", "reason", "phone_number"}; 403, 404.$$;

CREATE FUNCTION campaign_api.campaign_resolve(
    campaign_id text, outcome text, reason text, class text DEFAULT NULL, seqs bigint[] DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_resolve');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN jsonb_build_object('resolved', @extschema@.campaign_resolve(campaign_id, outcome, reason, class, seqs));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_resolve(text, text, text, text, bigint[]) IS
$$Decide what is unknown
What became of recipients of whom nobody knows whether they were sent to. Final; nothing is sent.

campaign_id: the campaign.
outcome: sent or failed.
reason: why you think so.
class: VIP or NORMAL: only recipients of this class.
seqs: only these of the class.

200 with {"resolved"}, how many; 403, 404, 422.$$;

CREATE FUNCTION campaign_api.campaign_retry_failed(
    campaign_id text, codes text[] DEFAULT NULL, reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb := campaign.repeat_answer('campaign_retry_failed');
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_retry_failed');
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM campaign.api_campaign_check(campaign_id);
    PERFORM campaign.api_campaign_lock(campaign_id);
    PERFORM campaign.api_worker_require();
    answer := @extschema@.campaign_retry_failed(campaign_id, codes, reason);
    PERFORM campaign.api_respond(202, 'Location', '/campaigns?id=eq.' || (answer ->> 'id'));
    RETURN campaign.repeat_keep(answer);
EXCEPTION WHEN no_data_found THEN
    -- Nobody is left to be tried again: the campaign is there.
    PERFORM campaign.api_raise('PT409', SQLERRM);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_retry_failed(text, text[], text) IS
$$Send again to who has failed
In order, to nobody else, and to nobody twice: as a campaign of its own, with the same text.

campaign_id: the campaign; it must be over.
codes: only who has failed for these reasons.
reason: kept with the event.

202 with the status of the new campaign and, as "retry_of", the id of the old one, and its Location; 403, 404; 409 if it is not over, or nobody is left to be tried again; 503 if no worker is set up.$$;

CREATE FUNCTION campaign_api.campaign_deadline_set(
    campaign_id text, valid_until timestamptz DEFAULT NULL, valid_for text DEFAULT NULL, reason text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_deadline_set');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN @extschema@.campaign_deadline_set(campaign_id, valid_until, valid_for::interval, reason);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_deadline_set(text, timestamptz, text, text) IS
$$Give a campaign a deadline
From then on nothing of it is published or sent, and who was not sent to has expired. It may be changed until it has passed; with neither time nor duration there is none.

campaign_id: the campaign.
valid_until: the time, with its zone, such as 2031-05-01T09:00:00-03:00.
valid_for: or how long after its dispatch, such as 2 hours or PT2H.
reason: kept with the event.

200 with its status; 403, 404; 409 if it is over or its deadline has passed; 422 for a time that has passed.$$;

-- CSV -----------------------------------------------------------------------------------------

-- PostgREST answers in the media type that a domain is called after.
CREATE DOMAIN campaign_api."text/csv" AS text;
COMMENT ON DOMAIN campaign_api."text/csv" IS 'An answer that is CSV.';

CREATE FUNCTION campaign_api.campaign_recipients_csv(
    campaign_id text, states text DEFAULT NULL, rows integer DEFAULT 10000, after_class text DEFAULT NULL,
    after_seq bigint DEFAULT NULL
) RETURNS campaign_api."text/csv"
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    page record;
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_recipients_csv');
    PERFORM campaign.api_campaign_check(campaign_id);
    SELECT string_agg(campaign.csv_line(l.phone_number, l.class, l.seq, l.state, l.code, l.reason, l.attempts)
            || E'\r\n', '' ORDER BY l.place) AS lines, count(*) AS count,
        (array_agg(l.class ORDER BY l.place DESC))[1] AS class, (array_agg(l.seq ORDER BY l.place DESC))[1] AS seq
    INTO page
    FROM @extschema@.campaign_recipient_list(campaign_id, campaign.api_words(states), rows, after_class,
        coalesce(after_seq, 0::bigint), NULL::text) WITH ORDINALITY AS l (class, seq, phone_number, state, code, reason,
        attempts, resolved, retried_in, updated_at, place);
    IF page.count = rows THEN
        PERFORM campaign.api_fates_link(format('/campaigns/%s/recipients.csv', campaign_id),
            jsonb_build_object('states', array_to_string(campaign.api_words(states), ','), 'rows', rows),
            page.class, page.seq);
    END IF;
    -- The pages one behind the other are one file.
    RETURN CASE WHEN after_class IS NULL THEN campaign.csv_heading() || E'\r\n' ELSE '' END || coalesce(page.lines, '');
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_recipients_csv(text, text, integer, text, bigint) IS
$$Recipients as CSV
With the state of each, in the order in which they are sent to, page by page; a full page has a Link to the next one. The pages one behind the other are one file. What a spreadsheet would take for a formula begins with an apostrophe; phone numbers do not. GET or POST.

campaign_id: the campaign.
states: only these, separated by commas: pending, sending, sent, failed, unknown, suppressed, expired, cancelled.
rows: how many, 10000 at most.
after_class: class of the last row of the page before.
after_seq: its seq.

200; 403, 404; 422 for another state.$$;

-- Senders -------------------------------------------------------------------------------------

CREATE FUNCTION campaign.api_own_campaigns(campaign_id text) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_user();
    IF campaign_id IS NULL THEN
        RETURN ARRAY(SELECT campaign.request_campaigns());
    END IF;
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN ARRAY[campaign_id];
END
$$;
COMMENT ON FUNCTION campaign.api_own_campaigns(text) IS
'This campaign if it is the user''s, else 403 or 404; NULL: all campaigns of the user''s companies.';

CREATE FUNCTION campaign_api.campaign_senders(campaign_id text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_senders');
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.first_at, s.name), '[]')
            FROM campaign.sender_shares_of(campaign.api_own_campaigns(campaign_id)) AS s);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_senders(text) IS
$$Who sends for you
The senders that have sent messages of your campaigns, and how many of these: what they do for others, and where they run, is not said. GET or POST.

campaign_id: a campaign; left out: all of your companies.

200 with an array of {"name", "gateway", "alive", "processed", "failed", "first_at", "last_at"}; 403, 404.$$;

CREATE FUNCTION campaign_api.campaign_sender_events(campaign_id text DEFAULT NULL, rows integer DEFAULT 100) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_sender_events');
    PERFORM campaign.api_rows_check('rows', rows);
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('at', e.at, 'event', e.event, 'name', e.name) ORDER BY e.place), '[]')
            FROM campaign.sender_events_of(campaign.api_own_campaigns(campaign_id), rows)
                WITH ORDINALITY AS e (at, event, instance, name, queue, place));
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_sender_events(text, integer) IS
$$What senders did
When those that have sent messages of your campaigns began and ended, the newest first. GET or POST.

campaign_id: a campaign; left out: all of your companies.
rows: how many, 10000 at most.

200 with an array of {"at", "event", "name"}; 403, 404, 422.$$;
