/*
 * dispatch.c - the C half of campaign_dispatch() and of the reports: whether a
 * worker serves this database, and waking it at commit.
 *
 * Must never do the worker's work: what is to be published stands in the
 * tables, written in the caller's transaction.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "served.h"
#include "settings.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(campaign_worker_require);
PG_FUNCTION_INFO_V1(campaign_worker_wake);
PG_FUNCTION_INFO_V1(campaign_worker_progress);

Datum campaign_worker_require(PG_FUNCTION_ARGS)
{
	const char *database = get_database_name(MyDatabaseId);

	if (!wake_available())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no campaign worker is running: nothing would be published"),
				 errhint("Add campaign to shared_preload_libraries in postgresql.conf and restart "
						 "PostgreSQL.")));
	if (!served_name(database))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no campaign worker serves database \"%s\": nothing would be published",
						database),
				 errhint("Add it to campaign.database, which is \"%s\", and reload.",
						 settings_database)));
	PG_RETURN_VOID();
}

Datum campaign_worker_wake(PG_FUNCTION_ARGS)
{
	wake_at_commit();
	PG_RETURN_VOID();
}

Datum campaign_worker_progress(PG_FUNCTION_ARGS)
{
	wake_at_commit_for_progress();
	PG_RETURN_VOID();
}
