-- Locks of others that keep a campaign from moving, for its health. Only looks at who holds one, and waits for none.

CREATE FUNCTION campaign.lock_trouble(target campaign.campaigns, counts jsonb, quiet_since timestamptz) RETURNS campaign.troubles
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Those with which nobody else can write.
    strong CONSTANT text[] := '{ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}';
    -- Who has locked the campaign itself keeps it from its end and from the judgement of its canary, but not its
    -- messages.
    waits_for_itself CONSTANT boolean := (counts ->> 'active')::bigint = 0
        AND ((counts ->> 'waiting')::bigint = 0 OR target.canary IS NOT NULL AND target.canary_ended_at IS NULL);
    held record;
BEGIN
    SELECT l.pid, coalesce(l.relation::regclass::text, 'its rows') AS what INTO held
    FROM pg_locks l
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
      -- A report or a pause is over at once.
      AND (a.xact_start > clock_timestamp() - interval '1 second') IS NOT TRUE
      AND (l.locktype = 'relation' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
           AND (l.mode = ANY (strong) AND l.relation IN ('campaign.campaigns'::regclass, 'campaign.progress'::regclass,
                    'campaign.events'::regclass)
                OR l.mode = 'AccessExclusiveLock' AND l.relation = 'campaign.recipients'::regclass)
           -- The lock of a row is in the row, and its holder locks the number of its transaction.
           OR l.locktype = 'transactionid' AND l.transactionid IN (
               SELECT p.xmax FROM campaign.progress p WHERE p.campaign_id = target.id
               UNION ALL SELECT c.xmax FROM campaign.campaigns c WHERE c.id = target.id AND waits_for_itself))
    ORDER BY l.relation IS NULL, l.pid LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN ROW('worker', 'lock', format('%s holds a lock on %s, nothing has moved for',
        coalesce('process ' || held.pid || ' of PostgreSQL', 'a prepared transaction'), held.what),
        quiet_since, clock_timestamp())::campaign.troubles;
END
$$;
COMMENT ON FUNCTION campaign.lock_trouble(campaign.campaigns, jsonb, timestamptz) IS
'Who holds a lock without which a campaign cannot move: one on a table, or one on its rows. NULL: nobody. counts: its run_counts().';
