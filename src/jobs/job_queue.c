/*
 * job_queue.c - the job worker's view of campaign.jobs; see job_queue.h.
 *
 * Must never run a job, nor wait for anything but the database.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"

#include "job_queue.h"
#include "program/sometimes.h"
#include "session.h"

static SessionQuery start_query = SESSION_QUERY("SELECT campaign.job_session_started_at()");
static SessionQuery take_over_query = SESSION_QUERY("SELECT campaign.job_take_over(false)");
static SessionQuery claim_query =
	SESSION_QUERY("SELECT id, priority, seq "
				  "FROM campaign.job_claim(false, $1, $2, $3, $4, $5, $6)",
				  TIMESTAMPTZOID, TEXTARRAYOID, INT4OID, INT4OID, INT8OID, BOOLOID);
static SessionQuery shorten_query = SESSION_QUERY("SELECT campaign.job_shorten_waits()");
static SessionQuery next_query = SESSION_QUERY("SELECT campaign.job_next(false)");
static SessionQuery release_query =
	SESSION_QUERY("SELECT campaign.job_release($1, $2)", TEXTARRAYOID, TIMESTAMPTZOID);
static SessionQuery begin_query =
	SESSION_QUERY("SELECT type, handler, meta, timeout_ms, account_id "
				  "FROM campaign.job_begin($1, $2)",
				  TEXTOID, TIMESTAMPTZOID);
static SessionQuery finish_query =
	SESSION_QUERY("SELECT campaign.job_finish($1, $2, $3)", TEXTOID, JSONBOID, TIMESTAMPTZOID);
static SessionQuery settle_query =
	SESSION_QUERY("SELECT campaign.job_settle($1, $2)", TEXTOID, TIMESTAMPTZOID);
static SessionQuery fail_query = SESSION_QUERY("SELECT campaign.job_fail($1, $2, $3, $4)", TEXTOID,
											   TEXTOID, TEXTOID, TIMESTAMPTZOID);

static TimestampTz session_started;

void job_queue_open(void)
{
	session_begin();
	session_execute(&start_query, NULL, NULL);
	session_started = DatumGetTimestampTz(session_column(0, 1));
	session_finish();
}

void job_queue_shorten_waits(void)
{
	session_begin();
	session_execute(&shorten_query, NULL, NULL);
	SOMETIMES_IF(DatumGetInt32(session_column(0, 1)) > 0, "jobs.wait_shortened");
	session_finish();
}

void job_queue_take_over(void)
{
	session_begin();
	session_execute(&take_over_query, NULL, NULL);
	SOMETIMES_IF(DatumGetInt32(session_column(0, 1)) > 0, "jobs.taken_over");
	session_finish();
}

void job_queue_claim(Datum quick_types, const JobPlace *after, bool above, JobClaim *claim)
{
	Datum values[] = {TimestampTzGetDatum(session_started),
					  quick_types,
					  Int32GetDatum(JOB_BATCH_MAX),
					  Int32GetDatum(after != NULL ? after->priority : 0),
					  Int64GetDatum(after != NULL ? after->seq : 0),
					  BoolGetDatum(above)};

	session_begin();
	session_execute(&claim_query, values, after != NULL ? NULL : "   nn ");
	claim->count = (int) Min(SPI_processed, JOB_BATCH_MAX);
	for (int i = 0; i < claim->count; i++)
	{
		session_column_text(i, 1, claim->ids[i], sizeof(claim->ids[i]));
		claim->places[i].priority = DatumGetInt32(session_column(i, 2));
		claim->places[i].seq = DatumGetInt64(session_column(i, 3));
	}
	session_finish();
}

long job_queue_next_ms(void)
{
	long wait_ms = -1;
	bool is_null;
	Datum seconds;

	session_begin();
	session_execute(&next_query, NULL, NULL);
	seconds = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	/* Not a moment too early: it would find nothing and look again. */
	if (!is_null)
		wait_ms = (long) Min(DatumGetFloat8(seconds) * 1000 + 1, (double) INT_MAX);
	session_finish();
	return wait_ms;
}

static void release(const Datum *ids, int count)
{
	ArrayType *array = construct_array((Datum *) ids, count, TEXTOID, -1, false, TYPALIGN_INT);

	session_execute(&release_query,
					(Datum[]){PointerGetDatum(array), TimestampTzGetDatum(session_started)}, NULL);
}

void job_queue_release(const JobClaim *claim, int first)
{
	Datum ids[JOB_BATCH_MAX];

	session_begin();
	for (int i = first; i < claim->count; i++)
		ids[i - first] = CStringGetTextDatum(claim->ids[i]);
	release(ids, claim->count - first);
	session_finish();
}

bool job_queue_begin(const char *id, Job *job)
{
	MemoryContext caller = CurrentMemoryContext;
	bool is_null;
	bool found;

	memset(job, 0, sizeof(*job));
	strlcpy(job->id, id, sizeof(job->id));
	SPI_connect();
	session_execute(&begin_query,
					(Datum[]){CStringGetTextDatum(id), TimestampTzGetDatum(session_started)}, NULL);
	(void) SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	found = !is_null;
	if (found)
	{
		MemoryContext spi = CurrentMemoryContext;
		Datum meta = session_column(0, 3);

		session_column_text(0, 1, job->type, sizeof(job->type));
		job->timeout_ms = DatumGetFloat8(session_column(0, 4));
		session_column_text(0, 5, job->account_id, sizeof(job->account_id));
		MemoryContextSwitchTo(caller);
		job->handler = TextDatumGetCString(session_column(0, 2));
		job->meta = datumCopy(meta, false, -1);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return found;
}

void job_queue_finish(const Job *job, Datum result, bool result_is_null)
{
	SPI_connect();
	session_execute(
		&finish_query,
		(Datum[]){CStringGetTextDatum(job->id), result, TimestampTzGetDatum(job->started_at)},
		result_is_null ? " n " : NULL);
	SPI_finish();
}

JobSettled job_queue_settle(const char *id)
{
	char answer[16];

	SPI_connect();
	session_execute(&settle_query,
					(Datum[]){CStringGetTextDatum(id), TimestampTzGetDatum(session_started)}, NULL);
	session_column_text(0, 1, answer, sizeof(answer));
	SPI_finish();
	if (strcmp(answer, "running") == 0)
		return JOB_STILL_OURS;
	return strcmp(answer, "cancelled") == 0 ? JOB_CANCELLED : JOB_LOST;
}

void job_queue_fail(const Job *job, const char *sqlstate, const char *message)
{
	SPI_connect();
	session_execute(&fail_query,
					(Datum[]){CStringGetTextDatum(job->id), CStringGetTextDatum(sqlstate),
							  CStringGetTextDatum(message), TimestampTzGetDatum(job->started_at)},
					NULL);
	SPI_finish();
}

void job_queue_put_back(const char *id)
{
	SPI_connect();
	release((Datum[]){CStringGetTextDatum(id)}, 1);
	SPI_finish();
}
