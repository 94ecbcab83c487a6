/*
 * outbox.c - the worker's view of the tables, through the functions of
 * sql/80_progress.sql.
 *
 * Must never wait for anything but the database.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "outbox.h"

typedef struct OutboxQuery
{
	const char *text;
	int argument_count;
	Oid types[4];
	SPIPlanPtr plan;
} OutboxQuery;

static OutboxQuery active_query = {
	"SELECT campaign_id, class_number, ordered, blocked, total, published, stored_through, rewinds "
	"FROM campaign.outbox_active()",
	0,
	{0},
	NULL};
static OutboxQuery template_query = {
	"SELECT message, identifier_time, identifier_entropy, identifier_fingerprint "
	"FROM campaign.outbox_template($1)",
	1,
	{TEXTOID},
	NULL};
static OutboxQuery read_query = {"SELECT seq, phone_number FROM campaign.recipients "
								 "WHERE campaign_id = $1 AND class = $2::campaign.recipient_class "
								 "AND seq > $3 AND seq <= $4 ORDER BY seq",
								 4,
								 {TEXTOID, TEXTOID, INT8OID, INT8OID},
								 NULL};
static OutboxQuery mark_query = {
	"SELECT campaign.outbox_mark($1, $2, $3, $4)", 4, {TEXTOID, TEXTOID, INT4OID, INT8OID}, NULL};
static OutboxQuery finish_query = {"SELECT campaign.outbox_finish()", 0, {0}, NULL};
static OutboxQuery rewind_query = {
	"SELECT campaign.outbox_rewind($1, $2)", 2, {TEXTOID, TEXTOID}, NULL};

void outbox_prepare_session(void)
{
	static const char *const settings[][2] = {
		/*
		 * A campaign of a million rows may have been imported a moment ago: the planner knows
		 * nothing of it, and a sequential scan or a sort for each batch would be the end of speed.
		 */
		{"enable_seqscan", "off"},
		{"enable_bitmapscan", "off"},
		{"enable_sort", "off"},
		{"jit", "off"},
		{"plan_cache_mode", "force_generic_plan"},
		/* `published` may fall back after a crash: then it is published twice and stored once. */
		{"synchronous_commit", "off"},
		/* What the database or the role has set for people would end the worker in mid-run. */
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"row_security", "on"},
		{"search_path", "pg_catalog, pg_temp"},
	};

	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION);
}

/* A commit leaves the current memory context at the top: what the caller allocates belongs here. */
static MemoryContext caller_context;

static void begin(void)
{
	caller_context = CurrentMemoryContext;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
}

static void finish(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller_context);
	pgstat_report_stat(false);
}

static void execute(OutboxQuery *query, Datum *values)
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
	result = SPI_execute_plan(query->plan, values, NULL, false, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "\"%s\": %s", query->text, SPI_result_code_string(result));
	pgstat_report_activity(STATE_IDLE, NULL);
}

static Datum column(uint64 row, int number)
{
	bool is_null;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &is_null);

	if (is_null)
		elog(ERROR, "unexpected NULL in column %d of the outbox", number);
	return value;
}

static void column_text(uint64 row, int number, char *out, size_t size)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);

	if (value == NULL || strlcpy(out, value, size) >= size)
		elog(ERROR, "unexpected value in column %d of the outbox", number);
	pfree(value);
}

bool outbox_installed(void)
{
	MemoryContext caller = CurrentMemoryContext;
	bool installed;

	StartTransactionCommand();
	installed = OidIsValid(get_extension_oid("campaign", true));
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return installed;
}

OutboxClass *outbox_active(int *count)
{
	MemoryContext caller = CurrentMemoryContext;
	OutboxClass *classes;

	begin();
	execute(&active_query, NULL);
	*count = (int) SPI_processed;
	classes = MemoryContextAllocZero(caller, Max(*count, 1) * sizeof(OutboxClass));
	for (int i = 0; i < *count; i++)
	{
		OutboxClass *class = &classes[i];

		column_text(i, 1, class->campaign_id, sizeof(class->campaign_id));
		class->class = (MessageClass) DatumGetInt32(column(i, 2));
		class->ordered = DatumGetBool(column(i, 3));
		class->blocked = DatumGetBool(column(i, 4));
		class->total = DatumGetInt64(column(i, 5));
		class->published = DatumGetInt64(column(i, 6));
		class->stored_through = DatumGetInt64(column(i, 7));
		class->rewinds = DatumGetInt32(column(i, 8));
	}
	finish();
	return classes;
}

bool outbox_template(const char *campaign_id, OutboxTemplate *template)
{
	MemoryContext caller = CurrentMemoryContext;
	bool found;

	begin();
	execute(&template_query, (Datum[]){CStringGetTextDatum(campaign_id)});
	found = SPI_processed == 1;
	if (found)
	{
		char *message = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		template->message =
			MemoryContextStrdup(caller, pg_server_to_any(message, strlen(message), PG_UTF8));
		template->identifier_time = DatumGetInt64(column(0, 2));
		column_text(0, 3, template->identifier_entropy, sizeof(template->identifier_entropy));
		column_text(0, 4, template->identifier_fingerprint,
					sizeof(template->identifier_fingerprint));
	}
	finish();
	return found;
}

int outbox_read(const char *campaign_id, MessageClass class, int64 seq, int limit,
				OutboxPhone *phones)
{
	int count;

	begin();
	execute(&read_query, (Datum[]){CStringGetTextDatum(campaign_id),
								   CStringGetTextDatum(message_class_name(class)),
								   Int64GetDatum(seq), Int64GetDatum(seq + limit)});
	count = (int) Min(SPI_processed, limit);
	for (int i = 0; i < count; i++)
	{
		text *phone = DatumGetTextPP(column(i, 2));

		if (DatumGetInt64(column(i, 1)) != seq + 1 + i)
		{
			count = i;
			break;
		}
		phones[i].length = VARSIZE_ANY_EXHDR(phone);
		if (phones[i].length > MESSAGE_PHONE_MAX)
			elog(ERROR, "phone number of %d characters", phones[i].length);
		memcpy(phones[i].text, VARDATA_ANY(phone), phones[i].length);
		phones[i].text[phones[i].length] = '\0';
	}
	finish();
	return count;
}

bool outbox_mark(const char *campaign_id, MessageClass class, int32 rewinds, int64 published)
{
	bool done;

	begin();
	execute(&mark_query, (Datum[]){CStringGetTextDatum(campaign_id),
								   CStringGetTextDatum(message_class_name(class)),
								   Int32GetDatum(rewinds), Int64GetDatum(published)});
	done = DatumGetBool(column(0, 1));
	finish();
	return done;
}

void outbox_finish(void)
{
	begin();
	execute(&finish_query, NULL);
	finish();
}

int64 outbox_rewind(const char *campaign_id, MessageClass class)
{
	int64 restart;
	bool is_null;

	begin();
	execute(&rewind_query, (Datum[]){CStringGetTextDatum(campaign_id),
									 CStringGetTextDatum(message_class_name(class))});
	restart =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	finish();
	return is_null ? -1 : restart;
}
