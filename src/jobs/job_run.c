/*
 * job_run.c - runs one job; see job_run.h.
 *
 * The handler runs in a subtransaction: after an error its work is rolled
 * back, while the transaction goes on to hold the row and to write down the
 * error. Must never commit anything between locking the row and the end, nor
 * be cancelled but in the handler: the worker would die of it.
 */
#include "postgres.h"

#include <signal.h>
#include <time.h>

#include "access/xact.h"
#include "commands/prepare.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "job_call.h"
#include "job_run.h"
#include "program/clock.h"
#include "program/sometimes.h"
#include "session.h"

static double elapsed_ms(const Job *job)
{
	return (double) (clock_us() - job->started_us) / 1000;
}

/*
 * Cancels the handler after this time, and each second after it if it caught that; 0: no more.
 * PostgreSQL's own timeouts go by the wall clock: set back, it would give a job as much more time.
 */
static void set_timer(double timeout_ms)
{
	static bool created = false;
	static timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGINT};
	int64 timeout_us = (int64) (timeout_ms * 1000);
	struct itimerspec when = {
		.it_value = {.tv_sec = timeout_us / 1000000, .tv_nsec = timeout_us % 1000000 * 1000},
		.it_interval = {.tv_sec = 1}};

	if (!created && timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
		elog(ERROR, "timer_create: %m");
	created = true;
	if (timer_settime(timer, 0, &when, NULL) != 0)
		elog(ERROR, "timer_settime: %m");
}

static Datum call_handler(const Job *job, bool *is_null)
{
	if (job->handler[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("job type \"%s\" has no handler any more", job->type)));
	return job_call_handler(job->handler, job->id, job->meta, is_null);
}

/* NULL if the handler came to its end; else what it failed with, and nothing of it is left. */
static ErrorData *attempt(const Job *job, Datum *result, bool *is_null)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		RESUME_CANCEL_INTERRUPTS();
		set_timer(Max(job->timeout_ms, 1));
		*result = call_handler(job, is_null);
		set_timer(0);
		HOLD_CANCEL_INTERRUPTS();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		/* The error has ended the one before. */
		HOLD_CANCEL_INTERRUPTS();
		set_timer(0);
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

static void write_failure(const Job *job, const ErrorData *error)
{
	bool stopped = error->sqlerrcode == ERRCODE_QUERY_CANCELED;
	const char *message = error->message != NULL ? error->message : "an error without a message";

	switch (job_queue_settle(job->id))
	{
		case JOB_CANCELLED:
			SOMETIMES("jobs.cancelled");
			return;
		case JOB_LOST:
			SOMETIMES("jobs.lost");
			return;
		case JOB_STILL_OURS:
			break;
	}
	/* Interrupted for a request that was rolled back. */
	if (stopped && job_slots_interrupted())
	{
		SOMETIMES("jobs.put_back");
		job_queue_put_back(job->id);
		return;
	}
	SOMETIMES_IF(stopped && elapsed_ms(job) >= job->timeout_ms, "jobs.timeout");
	if (stopped && elapsed_ms(job) >= job->timeout_ms)
		message =
			psprintf("it took longer than the %.3f s that its type allows", job->timeout_ms / 1000);
	/* The detail of a violated constraint shows the row. */
	if (error->detail != NULL &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		message = psprintf("%s (%s)", message, error->detail);
	job_queue_fail(job, unpack_sql_state(error->sqlerrcode), message);
}

static void run_in_transaction(const char *id, TimestampTz started_at, Job *job)
{
	int64 started_us = clock_us();

	Datum result = (Datum) 0;
	bool is_null = true;
	ErrorData *error;

	session_begin();
	if (!job_queue_begin(id, job))
		SOMETIMES("jobs.not_ours");
	else if (job->account_id[0] != '\0' && !job_slots_share(job->account_id))
	{
		/* Another worker was quicker with one of that account, or with the last share. */
		job_queue_put_back(id);
		job->type[0] = '\0';
	}
	else
	{
		job->started_at = started_at;
		job->started_us = started_us;
		pgstat_report_activity(STATE_RUNNING, psprintf("job %s: %s", job->id, job->type));
		error = attempt(job, &result, &is_null);
		if (error == NULL)
			job_queue_finish(job, result, is_null);
		else
			write_failure(job, error);
	}
	session_finish();
}

/* The transaction itself failed, at its commit say: the job's end goes into one of its own. */
static void write_aborted(const char *id, Job *job, MemoryContext context)
{
	ErrorData *error;

	SOMETIMES("jobs.aborted");
	HOLD_CANCEL_INTERRUPTS();
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(context);
	strlcpy(job->id, id, sizeof(job->id));
	if (job->started_at == 0)
	{
		job->started_at = GetCurrentTimestamp();
		job->started_us = clock_us();
	}
	session_begin();
	write_failure(job, error);
	session_finish();
	FreeErrorData(error);
}

void job_run(const char *id, JobRun *run)
{
	MemoryContext context = CurrentMemoryContext;
	TimestampTz started_at;
	Job job = {0};

	run->type[0] = '\0';
	/* Before the job is begun: a request to cancel it finds either the slot or the job begun. */
	started_at = job_slots_enter(id);
	PG_TRY();
	{
		run_in_transaction(id, started_at, &job);
	}
	PG_CATCH();
	{
		write_aborted(id, &job, context);
	}
	PG_END_TRY();
	job_slots_leave();
	/* One that was meant for this job and came too late. */
	QueryCancelPending = false;
	/* What a handler has in the session outlives its transaction. */
	LockReleaseSession(USER_LOCKMETHOD);
	DropAllPreparedStatements();
	pgstat_report_activity(STATE_IDLE, NULL);
	strlcpy(run->type, job.type, sizeof(run->type));
	run->elapsed_ms = elapsed_ms(&job);
}
