-- Writing through the views. The role of a request has no right to write to any table: these
-- functions check, write, and delete softly. They are triggers of views, which hold no data; a
-- restore does not run them.

-- PostgREST does not pass on the query string, only the statement that it made of it: a WHERE before
-- RETURNING is the request's own, once names and literals are taken out, and so is the join to the
-- rows that ?limit= has chosen.
CREATE FUNCTION campaign.statement_has_filter(statement text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_replace(
        split_part(regexp_replace(statement, $regexp$"([^"]|"")*"|'([^']|'')*'$regexp$, 'x', 'g'),
            ' RETURNING ', 1),
        '(FROM|USING) pgrst_affected_rows WHERE', '') ~ '\sWHERE\s'
$$;
COMMENT ON FUNCTION campaign.statement_has_filter(text) IS
'Whether an UPDATE or DELETE has a WHERE of its own.';

CREATE FUNCTION campaign.api_filter_required() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('request.method', true) IN ('PATCH', 'DELETE')
       AND NOT campaign.statement_has_filter(current_query()) THEN
        PERFORM campaign.api_raise('PT400', format('%s without a filter is refused',
            CASE TG_OP WHEN 'UPDATE' THEN 'PATCH' ELSE 'DELETE' END), NULL,
            'Name the rows, for example with ?id=eq.ID.');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.api_filter_required() IS
'Refuses a PATCH or DELETE of every row that one can see.';

CREATE FUNCTION campaign.api_user_delete(user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    company_id text;
BEGIN
    FOR company_id IN
        SELECT m.company_id FROM campaign.company_members m
        JOIN campaign.companies c ON c.id = m.company_id AND NOT c.deleted
        WHERE m.user_id = api_user_delete.user_id AND NOT m.deleted ORDER BY 1
    LOOP
        -- Waits for whoever is just accepting an invitation, too.
        PERFORM FROM campaign.companies c WHERE c.id = company_id FOR UPDATE;
        IF NOT EXISTS (SELECT FROM campaign.company_members_live(company_id) AS m (id)
                       WHERE m.id <> api_user_delete.user_id) THEN
            PERFORM campaign.api_company_delete(company_id);
        ELSE
            -- With the applications and the invitations that they have made there.
            PERFORM campaign.company_member_end(company_id, api_user_delete.user_id);
        END IF;
    END LOOP;
    UPDATE campaign.users u SET deleted = true, updated_at = clock_timestamp()
    WHERE u.id = api_user_delete.user_id AND NOT u.deleted;
END
$$;
COMMENT ON FUNCTION campaign.api_user_delete(text) IS
'Soft delete of a user, and of the companies of which they are the last member.';

CREATE FUNCTION campaign.api_users_write() RETURNS trigger
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM campaign.api_self_check(OLD.id);
    PERFORM campaign.api_raise('PT403', 'your password is needed', NULL, CASE TG_OP
        WHEN 'DELETE' THEN 'Send it with POST /rpc/me_delete.' ELSE 'Send it with POST /rpc/me_update.' END);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign.api_users_write() IS
'Refuses PATCH and DELETE of /users, which have no place for a password.';

-- For what must not happen in a company that is being deleted: waits for the end of that, then checks.
CREATE FUNCTION campaign.api_company_lock(company_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM campaign.companies c WHERE c.id = api_company_lock.company_id FOR KEY SHARE;
    PERFORM campaign.api_company_check(company_id);
END
$$;
COMMENT ON FUNCTION campaign.api_company_lock(text) IS
'As campaign.api_company_check(), and keeps the company from being deleted until the end of the transaction.';

CREATE FUNCTION campaign.campaign_jobs_cancel(campaign_ids text[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@.job_cancel(w.id) FROM (
        SELECT j.id FROM campaign.jobs j
        WHERE j.type IN ('dispatch', 'generate') AND j.status IN ('waiting', 'scheduled')
          AND j.meta ->> 'campaign_id' = ANY (campaign_ids)
        FOR NO KEY UPDATE SKIP LOCKED) AS w;
END
$$;
COMMENT ON FUNCTION campaign.campaign_jobs_cancel(text[]) IS
'Cancels the jobs that wait to dispatch or to generate one of these campaigns.';

CREATE FUNCTION campaign.api_company_delete(company_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Nobody can create or dispatch a campaign meanwhile: campaign.api_company_lock() waits for this.
    PERFORM FROM campaign.companies c WHERE c.id = api_company_delete.company_id FOR UPDATE;
    IF EXISTS (SELECT FROM campaign.campaigns c
               WHERE c.company_id = api_company_delete.company_id AND NOT c.deleted
                 AND c.status IN ('scheduled', 'queued', 'publishing', 'published', 'paused')) THEN
        PERFORM campaign.api_raise('PT409', 'a campaign of this company is not finished', NULL,
            'Wait for it, or end it with POST /rpc/campaign_cancel.');
    END IF;
    -- One that is just being run is locked, waits for us in campaign.job_campaign_check(), and is refused.
    PERFORM campaign.campaign_jobs_cancel(ARRAY(
        SELECT c.id FROM campaign.campaigns c WHERE c.company_id = api_company_delete.company_id));
    UPDATE campaign.companies c SET deleted = true, updated_at = clock_timestamp()
    WHERE c.id = api_company_delete.company_id AND NOT c.deleted;
END
$$;
COMMENT ON FUNCTION campaign.api_company_delete(text) IS
'Soft delete of a company; its campaigns are hidden with it, and jobs that would dispatch or generate them are cancelled.';

CREATE FUNCTION campaign.api_companies_write() RETURNS trigger
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target_id text := OLD.id;
    user_id text := campaign.api_user();
    first_answer jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        first_answer := campaign.repeat_answer('companies');
        IF first_answer IS NOT NULL THEN
            RETURN jsonb_populate_record(NEW, first_answer);
        END IF;
        PERFORM campaign.api_user_lock();
        target_id := @extschema@.company_create(NEW.name, NEW.document);
        IF NEW.country IS NOT NULL THEN
            PERFORM @extschema@.company_country_set(target_id, NEW.country);
        END IF;
        INSERT INTO campaign.company_members (company_id, user_id) VALUES (target_id, user_id);
        PERFORM campaign.api_respond(201, 'Location', '/companies?id=eq.' || target_id);
    ELSE
        PERFORM campaign.api_company_check(target_id);
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM campaign.api_company_delete(target_id);
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        -- What the request does not change may have changed since its snapshot: the row's own value stays.
        UPDATE campaign.companies c
        SET name = CASE WHEN NEW.name IS DISTINCT FROM OLD.name
                        THEN campaign.name_check('company', NEW.name) ELSE c.name END,
            document = CASE WHEN NEW.document IS DISTINCT FROM OLD.document
                            THEN campaign.company_document_check(NEW.document) ELSE c.document END,
            country = CASE WHEN NEW.country IS DISTINCT FROM OLD.country
                           THEN campaign.country_name(NEW.country) ELSE c.country END,
            updated_at = clock_timestamp()
        WHERE c.id = target_id AND NOT c.deleted;
    END IF;
    SELECT * INTO NEW FROM campaign_api.companies v WHERE v.id = target_id;
    IF TG_OP = 'INSERT' THEN
        PERFORM campaign.repeat_keep(to_jsonb(NEW));
    END IF;
    RETURN NEW;
EXCEPTION WHEN unique_violation THEN
    PERFORM campaign.api_raise('PT409', 'a company with this document already exists');
END
$$;
COMMENT ON FUNCTION campaign.api_companies_write() IS
'POST, PATCH and DELETE of /companies.';

CREATE FUNCTION campaign.api_company_only() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mine text[];
BEGIN
    PERFORM campaign.api_user();
    mine := ARRAY(SELECT campaign.request_companies());
    IF cardinality(mine) <> 1 THEN
        PERFORM campaign.api_raise('PT422', CASE cardinality(mine) WHEN 0 THEN 'you have no company'
            ELSE 'company_id is missing, and you have several companies' END, NULL,
            CASE cardinality(mine) WHEN 0 THEN 'Create one with POST /companies.' END);
    END IF;
    RETURN mine[1];
END
$$;
COMMENT ON FUNCTION campaign.api_company_only() IS 'The only company of the user of the request; 422 if there are more, or none.';

CREATE FUNCTION campaign.api_company_choose(company_id text) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen text := coalesce(company_id, campaign.api_company_only());
BEGIN
    PERFORM campaign.api_company_lock(chosen);
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION campaign.api_company_choose(text) IS
'The company of a new campaign: the given one if it is the user''s, or the only one that they have; locked as by campaign.api_company_lock().';

CREATE FUNCTION campaign.api_campaign_update(seen campaign_api.campaigns, wanted campaign_api.campaigns) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(seen.id);
    -- What the request does not change may have changed while it waited for the lock: that stays.
    new_name text := CASE WHEN wanted.name IS DISTINCT FROM seen.name THEN wanted.name ELSE target.name END;
    new_message text := CASE WHEN wanted.message IS DISTINCT FROM seen.message THEN wanted.message ELSE target.message END;
    new_ordered boolean := coalesce(CASE WHEN wanted.ordered IS DISTINCT FROM seen.ordered THEN wanted.ordered END, target.ordered);
BEGIN
    IF target.status <> 'draft' AND (new_message, new_ordered) IS DISTINCT FROM (target.message, target.ordered) THEN
        PERFORM campaign.api_raise('PT409', format(
            'campaign "%s" is %s: message and ordered can be changed in a draft only',
            target.id, target.status));
    END IF;
    -- A text that stays is not read anew: its braces mean what they meant.
    IF new_message IS DISTINCT FROM target.message THEN
        new_message := campaign.campaign_message_check(new_message);
        target.placeholders := campaign.placeholders_check(new_message);
    END IF;
    UPDATE campaign.campaigns c
    SET name = campaign.name_check('campaign', new_name), message = new_message, placeholders = target.placeholders,
        ordered = new_ordered, updated_at = clock_timestamp()
    WHERE c.id = target.id;
END
$$;
COMMENT ON FUNCTION campaign.api_campaign_update(campaign_api.campaigns, campaign_api.campaigns) IS
'Changes of a campaign what wanted has otherwise than seen, the row as the request found it: the name at any time, the rest in a draft only.';

CREATE FUNCTION campaign.api_campaign_delete(campaign_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target campaign.campaigns := campaign.campaign_lock(campaign_id);
BEGIN
    PERFORM campaign.generation_cancel(target.id);
    IF target.status <> 'draft' AND campaign.transition_allowed(target.status, 'cancelled') THEN
        PERFORM campaign.campaign_transition(target.id, 'cancelled');
        PERFORM campaign.worker_wake();
    END IF;
    PERFORM campaign.campaign_jobs_cancel(ARRAY[target.id]);
    UPDATE campaign.campaigns c SET deleted = true, updated_at = clock_timestamp()
    WHERE c.id = target.id;
    -- Nobody would find them by its id any more, while they went on.
    PERFORM campaign.api_campaign_delete(part) FROM unnest(campaign.parts_lock_all(target.id)) AS part;
END
$$;
COMMENT ON FUNCTION campaign.api_campaign_delete(text) IS
'Soft delete of a campaign, and of the parts that it was split into; what is not over is cancelled, and so are jobs that would dispatch or generate it.';

CREATE FUNCTION campaign.api_campaigns_write() RETURNS trigger
LANGUAGE plpgsql_http VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target_id text := OLD.id;
    user_id text := campaign.api_user();
    first_answer jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        first_answer := campaign.repeat_answer('campaigns');
        IF first_answer IS NOT NULL THEN
            RETURN jsonb_populate_record(NEW, first_answer);
        END IF;
        IF NEW.user_id <> user_id THEN
            PERFORM campaign.api_raise('PT403', 'user_id is another user''s');
        END IF;
        target_id := @extschema@.campaign_create(NEW.name, NEW.message,
            campaign.api_company_choose(NEW.company_id), user_id, NEW.ordered);
        PERFORM campaign.api_respond(201, 'Location', '/campaigns?id=eq.' || target_id);
    ELSIF TG_OP = 'DELETE' AND campaign.parts_deleted(target_id) THEN
        -- By the same request: the whole was another of its rows.
        RETURN OLD;
    ELSE
        PERFORM campaign.api_campaign_check(target_id);
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM campaign.api_campaign_delete(target_id);
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        PERFORM campaign.api_campaign_update(OLD, NEW);
    END IF;
    SELECT * INTO NEW FROM campaign_api.campaigns v WHERE v.id = target_id;
    IF TG_OP = 'INSERT' THEN
        PERFORM campaign.repeat_keep(to_jsonb(NEW));
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION campaign.api_campaigns_write() IS
'POST, PATCH and DELETE of /campaigns.';

CREATE TRIGGER api_filter_required BEFORE UPDATE OR DELETE ON campaign_api.users
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_filter_required();
COMMENT ON TRIGGER api_filter_required ON campaign_api.users IS 'No PATCH or DELETE without a filter.';
CREATE TRIGGER api_filter_required BEFORE UPDATE OR DELETE ON campaign_api.companies
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_filter_required();
COMMENT ON TRIGGER api_filter_required ON campaign_api.companies IS 'No PATCH or DELETE without a filter.';
CREATE TRIGGER api_filter_required BEFORE UPDATE OR DELETE ON campaign_api.campaigns
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_filter_required();
COMMENT ON TRIGGER api_filter_required ON campaign_api.campaigns IS 'No PATCH or DELETE without a filter.';

CREATE TRIGGER api_types_check BEFORE UPDATE ON campaign_api.users
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_columns_check();
COMMENT ON TRIGGER api_types_check ON campaign_api.users IS 'Values of the JSON type that fits the column.';
CREATE TRIGGER api_types_check BEFORE INSERT OR UPDATE ON campaign_api.companies
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_columns_check();
COMMENT ON TRIGGER api_types_check ON campaign_api.companies IS 'Values of the JSON type that fits the column.';
CREATE TRIGGER api_types_check BEFORE INSERT OR UPDATE ON campaign_api.campaigns
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.api_columns_check();
COMMENT ON TRIGGER api_types_check ON campaign_api.campaigns IS 'Values of the JSON type that fits the column.';

CREATE TRIGGER api_write INSTEAD OF UPDATE OR DELETE ON campaign_api.users
    FOR EACH ROW EXECUTE FUNCTION campaign.api_users_write();
COMMENT ON TRIGGER api_write ON campaign_api.users IS 'Asks for the password.';
CREATE TRIGGER api_write INSTEAD OF INSERT OR UPDATE OR DELETE ON campaign_api.companies
    FOR EACH ROW EXECUTE FUNCTION campaign.api_companies_write();
COMMENT ON TRIGGER api_write ON campaign_api.companies IS 'Writes to campaign.companies.';
CREATE TRIGGER api_write INSTEAD OF INSERT OR UPDATE OR DELETE ON campaign_api.campaigns
    FOR EACH ROW EXECUTE FUNCTION campaign.api_campaigns_write();
COMMENT ON TRIGGER api_write ON campaign_api.campaigns IS 'Writes to campaign.campaigns.';
