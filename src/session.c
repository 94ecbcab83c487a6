/*
 * session.c - the session of a background worker; see session.h.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "roster.h"
#include "session.h"

void session_set(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_USERSET, PGC_S_SESSION);
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

	/* A cancel is for a query of somebody, and there is none: job_worker.c takes it for its jobs.
	 */
	pqsignal(SIGINT, SIG_IGN);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	roster_enter(MyBgworkerEntry->bgw_extra, DatumGetInt32(MyBgworkerEntry->bgw_main_arg));
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(MyBgworkerEntry->bgw_extra, SESSION_ROLE, 0);
	for (int i = 0; i < lengthof(settings); i++)
		session_set(settings[i][0], settings[i][1]);
}

bool session_installed(void)
{
	MemoryContext caller = CurrentMemoryContext;
	bool installed;

	StartTransactionCommand();
	installed = OidIsValid(get_extension_oid("campaign", true));
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return installed;
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
