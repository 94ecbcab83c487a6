/*
 * guard.c - errors of one campaign (a text that cannot be converted, a damaged
 * row) stay its own: without this the worker would die of them, be started
 * again, and die of them again, while every other campaign waits.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "guard.h"

#include "program/sometimes.h"

#define GUARD_ASIDE_S 10

/* The error that was caught, and nothing else of what it has broken off. */
static ErrorData *take_error(Worker *worker)
{
	ErrorData *error;

	MemoryContextSwitchTo(worker->turn);
	error = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(worker->turn);
	return error;
}

static void set_aside(Worker *worker, Stream *stream)
{
	ErrorData *error = take_error(worker);

	SOMETIMES("worker.set_aside");
	stream->retry_at = clock_ms() + GUARD_ASIDE_S * INT64CONST(1000);
	stream_forget(stream);
	ereport(WARNING, (errcode(error->sqlerrcode),
					  errmsg("campaign \"%s\" is set aside for %d s: %s", stream->campaign_id,
							 GUARD_ASIDE_S, error->message)));
	FreeErrorData(error);
}

bool guard_stream(Worker *worker, Stream *stream, GuardAction action)
{
	volatile bool done = false;

	PG_TRY();
	{
		done = action(worker, stream);
	}
	PG_CATCH();
	{
		set_aside(worker, stream);
	}
	PG_END_TRY();
	return done;
}

static void report_failure(Worker *worker, const char *what)
{
	ErrorData *error = take_error(worker);

	SOMETIMES("worker.action_failed");
	ereport(WARNING,
			(errcode(error->sqlerrcode), errmsg("campaign worker: %s: %s", what, error->message)));
	FreeErrorData(error);
}

bool guard_action(Worker *worker, const char *what, bool (*action)(Worker *, void *),
				  void *argument)
{
	volatile bool done = false;

	PG_TRY();
	{
		done = action(worker, argument);
	}
	PG_CATCH();
	{
		report_failure(worker, what);
	}
	PG_END_TRY();
	return done;
}
