/*
 * session.c - the session of a background worker; see session.h.
 */
#include "postgres.h"

#include <string.h>

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "program/sometimes.h"
#include "roster.h"
#include "session.h"

#define SESSION_VERSION_MAX 64

void session_set(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_USERSET, PGC_S_SESSION);
}

/*
 * A cancel is for somebody's query, and there is none. In job_worker.c it cancels a job. But
 * PostgreSQL sends this signal to itself, too, when a lock_timeout is over.
 */
static void on_interrupt(SIGNAL_ARGS)
{
	if (get_timeout_indicator(LOCK_TIMEOUT, false))
		StatementCancelHandler(postgres_signal_arg);
}

void session_start(void)
{
	static const char *const settings[][2] = {
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
#if PG_VERSION_NUM >= 170000
		{"transaction_timeout", "0"},
#endif
		{"row_security", "on"},
		{"search_path", "pg_catalog, pg_temp"},
	};

	pqsignal(SIGINT, on_interrupt);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	roster_enter(MyBgworkerEntry->bgw_extra, DatumGetInt32(MyBgworkerEntry->bgw_main_arg));
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(MyBgworkerEntry->bgw_extra, SESSION_ROLE, 0);
	for (int i = 0; i < lengthof(settings); i++)
		session_set(settings[i][0], settings[i][1]);
}

/* The version of the extension in this database, "" without one. Read at each look, so by index. */
static void read_version(char *version, size_t size)
{
	Relation relation = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	version[0] = '\0';
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("campaign"));
	scan = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool is_null;
		Datum value =
			heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &is_null);

		if (!is_null)
			strlcpy(version, TextDatumGetCString(value), size);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
}

/* Says once that the versions differ, and once that they no longer do. */
static void tell_version(const char *version)
{
	static char told[SESSION_VERSION_MAX] = "";
	bool same = strcmp(version, CAMPAIGN_VERSION) == 0;

	if (DatumGetInt32(MyBgworkerEntry->bgw_main_arg) != 0 || strcmp(told, same ? "" : version) == 0)
		return;
	strlcpy(told, same ? "" : version, sizeof(told));
	SOMETIMES_IF(!same, "worker.other_version");
	SOMETIMES_IF(same, "worker.version_again");
	if (same)
		ereport(LOG,
				(errmsg("extension \"campaign\" in database \"%s\" is now version %s, like its "
						"library: the workers go on",
						MyBgworkerEntry->bgw_extra, version)));
	else
		ereport(
			WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("extension \"campaign\" in database \"%s\" is version %s and its library is "
					"version %s: the workers wait",
					MyBgworkerEntry->bgw_extra, version, CAMPAIGN_VERSION),
			 strverscmp(version, CAMPAIGN_VERSION) < 0
				 ? errhint("Run ALTER EXTENSION campaign UPDATE in this database.")
				 : errhint("Restart PostgreSQL, so that it loads the library of that version.")));
}

bool session_ready(void)
{
	MemoryContext caller = CurrentMemoryContext;
	char version[SESSION_VERSION_MAX];

	StartTransactionCommand();
	read_version(version, sizeof(version));
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	if (version[0] == '\0')
		return false;
	tell_version(version);
	return strcmp(version, CAMPAIGN_VERSION) == 0;
}

bool session_reload(void)
{
	if (!ConfigReloadPending)
		return false;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	return true;
}

/* A commit leaves the current memory context at the top: what the caller allocates belongs here. */
static MemoryContext caller_context;

void session_begin(void)
{
	caller_context = CurrentMemoryContext;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
}

void session_finish(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller_context);
	pgstat_report_stat(false);
}

void session_execute(SessionQuery *query, Datum *values, const char *nulls)
{
	int result;

	if (query->plan == NULL)
	{
		query->plan = SPI_prepare(query->text, query->argument_count, query->types);
		if (query->plan == NULL)
			elog(ERROR, "SPI_prepare(\"%s\"): %s", query->text, SPI_result_code_string(SPI_result));
		SPI_keepplan(query->plan);
	}
	pgstat_report_activity(STATE_RUNNING, query->text);
	result = SPI_execute_plan(query->plan, values, nulls, false, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "\"%s\": %s", query->text, SPI_result_code_string(result));
	pgstat_report_activity(STATE_IDLE, NULL);
}

Datum session_column(uint64 row, int number)
{
	bool is_null;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &is_null);

	if (is_null)
		elog(ERROR, "unexpected NULL in column %d", number);
	return value;
}

void session_column_text(uint64 row, int number, char *out, size_t size)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);

	if (value == NULL || strlcpy(out, value, size) >= size)
		elog(ERROR, "unexpected value in column %d", number);
	pfree(value);
}
