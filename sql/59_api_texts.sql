-- Texts over HTTP: what they cost, what recipients get, and tests. Each function of campaign_api
-- checks that the campaign is the client's own.

CREATE VIEW campaign_api.campaign_tests WITH (security_invoker = true) AS
SELECT c.id, c.test_of, c.name, c.message, c.user_id, c.status, c.total, c.error, c.created_at, c.sent_at
FROM campaign.campaigns c WHERE NOT c.deleted AND c.test_of IS NOT NULL;
COMMENT ON VIEW campaign_api.campaign_tests IS
$$Tests of your campaigns
Read only: POST /rpc/campaign_test makes one. They are not among /campaigns; status, recipients and proof of a test are asked for with its id, as those of any campaign.$$;
COMMENT ON COLUMN campaign_api.campaign_tests.id IS 'cuid2';
COMMENT ON COLUMN campaign_api.campaign_tests.test_of IS 'Campaign that it is a test of.';
COMMENT ON COLUMN campaign_api.campaign_tests.name IS 'Name.';
COMMENT ON COLUMN campaign_api.campaign_tests.message IS 'Text that was sent.';
COMMENT ON COLUMN campaign_api.campaign_tests.user_id IS 'User who made it.';
COMMENT ON COLUMN campaign_api.campaign_tests.status IS 'queued, publishing, published, sent, paused, cancelled or failed.';
COMMENT ON COLUMN campaign_api.campaign_tests.total IS 'To how many numbers.';
COMMENT ON COLUMN campaign_api.campaign_tests.error IS 'Why it failed.';
COMMENT ON COLUMN campaign_api.campaign_tests.created_at IS 'When it was made.';
COMMENT ON COLUMN campaign_api.campaign_tests.sent_at IS 'When the last message was stored.';

CREATE FUNCTION campaign_api.message_segments(text text) RETURNS jsonb
LANGUAGE plpgsql_http STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.message_segments');
    PERFORM campaign.api_user();
    IF text IS NULL THEN
        PERFORM campaign.api_raise('PT422', 'text is missing');
    END IF;
    RETURN @extschema@.message_segments(text);
END
$$;
COMMENT ON FUNCTION campaign_api.message_segments(text) IS
$$What a text costs
Encoding, units and segments of an SMS, and which characters make it more expensive. GET or POST.

text: the text, as it is sent.

200 with {"encoding", "units", "segments", "plain_segments", "characters": [{"character", "count", "plain"}], "warning"}.$$;

CREATE FUNCTION campaign_api.campaign_texts(campaign_id text, rows integer DEFAULT 3) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_texts');
    PERFORM campaign.api_campaign_check(campaign_id);
    RETURN @extschema@.campaign_texts(campaign_id, rows);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_texts(text, integer) IS
$$What the recipients get
The first texts, filled in, what all of them cost, and who would get none. Before the campaign is dispatched, or afterwards. GET or POST.

campaign_id: the campaign.
rows: how many of the texts, up to 100.

200 with {"segments", "problem_count", "problems", "absent", "samples"}; 403, 404; 422 for too many rows.$$;

CREATE FUNCTION campaign_api.campaign_test(campaign_id text, numbers json, sample text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb := campaign.repeat_answer('campaign_test');
BEGIN
    PERFORM campaign.api_arguments_check('campaign_api.campaign_test');
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM campaign.api_campaign_check(campaign_id);
    PERFORM campaign.api_campaign_lock(campaign_id);
    PERFORM campaign.api_worker_require();
    answer := @extschema@.campaign_test(campaign_id, convert_from(campaign.numbers_from_json(numbers), 'UTF8'),
        sample, campaign.api_user());
    PERFORM campaign.api_respond(202, 'Location', '/campaign_tests?id=eq.' || (answer ->> 'id'));
    RETURN campaign.repeat_keep(answer);
END
$$;
COMMENT ON FUNCTION campaign_api.campaign_test(text, json, text) IS
$$Test a campaign
Sends the text of one recipient, filled in, to a few numbers, at once. The campaign's own counts stay as they are.

campaign_id: the campaign.
numbers: array of one to ten phone numbers, or a string with one a line.
sample: number of the recipient whose text is sent; left out: the first one.

202 with the status of the test, "text" and "sample"; 403, 404; 409 if this recipient's text cannot be filled; 422 for other numbers; 503 if no worker is set up.$$;
