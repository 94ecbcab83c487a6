/*
 * live.c - NOTIFY campaign_progress: a round of it tells each campaign that has
 * changed since the last one, once; rounds are 100 ms apart. What changes
 * during a round is in the next one, so that the last change is always told.
 *
 * Only here, and in transactions of their own: a commit that notifies holds a
 * lock of the whole server, and fails when the queue of notifications is full.
 * Must never stop the worker, nor be waited for.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "program/sometimes.h"

#include "live.h"
#include "wake.h"

#define LIVE_ROUND_MS 101  /* of a clock that counts whole ones: never less than 100 */
#define LIVE_PAGE	  500  /* campaigns in a turn */
#define LIVE_ASIDE_MS 1000 /* after a failure */

void live_start(Worker *worker)
{
	Live *live = &worker->live;

	live->position = changes_end();
	/* This worker follows one that has died, and what that one has not told is not known. */
	live->missed = changes_last() > 0;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Takes over what has changed, each campaign once. */
static void collect(Live *live)
{
	int count = changes_take(&live->position, live->ids, &live->missed);

	live->told = live->count = 0;
	if (count == 0)
		return;
	qsort(live->ids, count, sizeof(ChangeId), compare_ids);
	for (int i = 1; i < count; i++)
	{
		if (strcmp(live->ids[i], live->ids[live->count]) != 0)
			memmove(live->ids[++live->count], live->ids[i], sizeof(ChangeId));
	}
	live->count++;
}

/* Whether there is something to tell; if not, the next change wakes the worker. */
static bool has_heard(const Live *live)
{
	if (live->missed || changes_last() > live->position)
		return true;
	wake_set_waiting_for_changes();
	return changes_last() > live->position;
}

static void tell_page(Live *live)
{
	const char *ids[LIVE_PAGE];
	int count = Min(live->count - live->told, LIVE_PAGE);

	for (int i = 0; i < count; i++)
		ids[i] = live->ids[live->told + i];
	outbox_tell(ids, count, live->missed);
	live->told += count;
	live->missed = false;
	if (live->failing)
		ereport(LOG, (errmsg("live updates go on")));
	live->failing = false;
}

static void set_aside(Worker *worker)
{
	Live *live = &worker->live;
	ErrorData *error;

	MemoryContextSwitchTo(worker->turn);
	error = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(worker->turn);
	SOMETIMES("worker.live_updates_fail");
	if (!live->failing)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("live updates fail, campaigns go on without them: %s", error->message)));
	FreeErrorData(error);
	live->told = live->count = 0;
	live->missed = live->failing = true;
	live->tell_at = clock_ms() + LIVE_ASIDE_MS;
}

void live_tell(Worker *worker, int64 *wake_at)
{
	Live *live = &worker->live;

	if (!worker->ready)
		return;
	if (live->told == live->count)
	{
		if (!has_heard(live))
			return;
		if (clock_ms() < live->tell_at)
		{
			earlier(wake_at, live->tell_at);
			return;
		}
		collect(live);
	}
	PG_TRY();
	{
		tell_page(live);
	}
	PG_CATCH();
	{
		set_aside(worker);
	}
	PG_END_TRY();
	if (live->told < live->count)
		*wake_at = clock_ms();
	else if (!live->failing)
		live->tell_at = clock_ms() + LIVE_ROUND_MS;
	earlier(wake_at, live->failing ? live->tell_at : CLOCK_NEVER);
}
