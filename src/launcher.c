/*
 * launcher.c - starts the campaign worker and the job workers in each database
 * that campaign.database names, and again when one has died.
 *
 * A worker cannot be registered with the postmaster directly: before the first
 * CREATE EXTENSION its role does not exist, and a database may be created or
 * dropped later; each would be a FATAL every few seconds. The launcher looks
 * first. Must never touch a table of the extension.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"

#include "jobs/job_worker.h"
#include "launcher.h"
#include "publish/worker.h"
#include "session.h"
#include "settings.h"
#include "wake.h"

#define LAUNCHER_RESTART_S	   5
#define LAUNCHER_STABLE_S	   10 /* a worker that lived so long is not one that dies at once */
#define LAUNCHER_BACKOFF_MIN_S 1
#define LAUNCHER_BACKOFF_MAX_S 60

typedef struct Launched
{
	char database[NAMEDATALEN];
	int number; /* 0: the campaign worker; else a job worker, from 1 */
	BackgroundWorkerHandle *handle;
	bool wanted;
	bool dismissed; /* ended by us: no sign that the next one would die, too */
	TimestampTz started_at;
	TimestampTz start_at; /* not before */
	int backoff_s;
} Launched;

/* In TopMemoryContext, as long as the launcher lives. */
static List *launched_list = NIL;

PGDLLEXPORT void campaign_launcher_main(Datum argument);

static void describe_worker(BackgroundWorker *worker, const char *type, const char *function)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	strlcpy(worker->bgw_library_name, "campaign", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_type, type, sizeof(worker->bgw_type));
	strlcpy(worker->bgw_name, type, sizeof(worker->bgw_name));
}

void launcher_register(void)
{
	BackgroundWorker worker;

	describe_worker(&worker, "campaign launcher", "campaign_launcher_main");
	worker.bgw_restart_time = LAUNCHER_RESTART_S;
	RegisterBackgroundWorker(&worker);
}

/* The names of campaign.database; NIL if they cannot be parsed. */
static List *wanted_databases(void)
{
	List *names;
	char *copy = pstrdup(settings_database);

	if (!SplitIdentifierString(copy, ',', &names))
	{
		ereport(WARNING, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						  errmsg("campaign.database is not a list of database names")));
		return NIL;
	}
	return names;
}

bool launcher_serves(const char *database)
{
	ListCell *cell;

	foreach (cell, wanted_databases())
	{
		if (strcmp(lfirst(cell), database) == 0)
			return true;
	}
	return false;
}

static Launched *find_launched(const char *database, int number)
{
	MemoryContext old;
	Launched *launched;
	ListCell *cell;

	foreach (cell, launched_list)
	{
		launched = lfirst(cell);
		if (launched->number == number && strcmp(launched->database, database) == 0)
			return launched;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	launched = palloc0(sizeof(Launched));
	launched->number = number;
	launched->backoff_s = LAUNCHER_BACKOFF_MIN_S;
	strlcpy(launched->database, database, NAMEDATALEN);
	launched_list = lappend(launched_list, launched);
	MemoryContextSwitchTo(old);
	return launched;
}

static void back_off(Launched *launched)
{
	launched->start_at =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), launched->backoff_s * INT64CONST(1000));
	launched->backoff_s = Min(2 * launched->backoff_s, LAUNCHER_BACKOFF_MAX_S);
}

/* Forgets the handle of a worker that has ended; true while one is there. */
static bool is_running(Launched *launched)
{
	pid_t pid;

	if (launched->handle == NULL)
		return false;
	if (GetBackgroundWorkerPid(launched->handle, &pid) != BGWH_STOPPED)
		return true;
	pfree(launched->handle);
	launched->handle = NULL;
	if (launched->dismissed)
	{
		launched->dismissed = false;
		launched->backoff_s = LAUNCHER_BACKOFF_MIN_S;
		launched->start_at = 0;
		return false;
	}
	/* One that dies at once will do so again: no right to connect, an extension that is damaged. */
	if (GetCurrentTimestamp() - launched->started_at > LAUNCHER_STABLE_S * USECS_PER_SEC)
		launched->backoff_s = LAUNCHER_BACKOFF_MIN_S;
	back_off(launched);
	return false;
}

static void describe_launched(BackgroundWorker *worker, const Launched *launched)
{
	if (launched->number == 0)
	{
		describe_worker(worker, WORKER_TYPE, "campaign_worker_main");
		snprintf(worker->bgw_name, sizeof(worker->bgw_name), WORKER_TYPE " for %s",
				 launched->database);
	}
	else
	{
		describe_worker(worker, JOB_WORKER_TYPE, "campaign_job_worker_main");
		snprintf(worker->bgw_name, sizeof(worker->bgw_name), JOB_WORKER_TYPE " %d for %s",
				 launched->number, launched->database);
	}
	strlcpy(worker->bgw_extra, launched->database, sizeof(worker->bgw_extra));
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	worker->bgw_notify_pid = MyProcPid;
}

static void start_worker(Launched *launched)
{
	BackgroundWorker worker;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	describe_launched(&worker, launched);
	launched->started_at = GetCurrentTimestamp();
	if (!RegisterDynamicBackgroundWorker(&worker, &launched->handle))
	{
		launched->handle = NULL;
		back_off(launched);
		ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						  errmsg("no background worker is free for the %s", worker.bgw_name),
						  errhint("Increase max_worker_processes.")));
	}
	MemoryContextSwitchTo(old);
}

/*
 * Whether a shared catalog has a row of this name. By a scan of the heap: without a database of
 * its own a process cannot rebuild its cache entry of an index once that was invalidated.
 */
static bool catalog_has_name(Oid catalog, AttrNumber column, const char *name)
{
	Relation relation = table_open(catalog, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(relation, 0, NULL);
	bool found = false;
	HeapTuple tuple;

	while (!found && (tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		bool is_null;
		Datum value = heap_getattr(tuple, column, RelationGetDescr(relation), &is_null);

		found = !is_null && strcmp(NameStr(*DatumGetName(value)), name) == 0;
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

/* Starts a worker unless it runs or is to wait; lowers *again to when to look for it. */
static void launch(Launched *launched, TimestampTz *again)
{
	launched->wanted = true;
	if (is_running(launched))
		return;
	if (launched->start_at <= GetCurrentTimestamp())
		start_worker(launched);
	if (launched->handle == NULL)
		*again = Min(*again, launched->start_at);
}

/* Starts what is missing, ends what is not wanted any more; returns when to look again. */
static TimestampTz launch_missing(void)
{
	TimestampTz again = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													settings_poll_interval * INT64CONST(1000));
	bool role_exists = catalog_has_name(AuthIdRelationId, Anum_pg_authid_rolname, SESSION_ROLE);
	ListCell *cell;

	foreach (cell, launched_list)
		((Launched *) lfirst(cell))->wanted = false;
	foreach (cell, wanted_databases())
	{
		const char *database = lfirst(cell);

		if (!role_exists ||
			!catalog_has_name(DatabaseRelationId, Anum_pg_database_datname, database))
			continue;
		for (int number = 0; number <= settings_job_workers; number++)
			launch(find_launched(database, number), &again);
	}
	foreach (cell, launched_list)
	{
		Launched *launched = lfirst(cell);

		if (launched->wanted || !is_running(launched))
			continue;
		launched->dismissed = true;
		TerminateBackgroundWorker(launched->handle);
	}
	return again;
}

void campaign_launcher_main(Datum argument)
{
	MemoryContext turn;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	wake_register(InvalidOid);
	turn = AllocSetContextCreate(TopMemoryContext, "campaign launcher turn", ALLOCSET_SMALL_SIZES);

	for (;;)
	{
		TimestampTz again;

		StartTransactionCommand();
		MemoryContextSwitchTo(turn);
		again = launch_missing();
		CommitTransactionCommand();
		MemoryContextReset(turn);
		pgstat_report_activity(STATE_IDLE, NULL);

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 TimestampDifferenceMilliseconds(GetCurrentTimestamp(), again),
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
}
