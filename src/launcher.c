/*
 * launcher.c - starts the campaign worker and the job workers in each database
 * that campaign.database names, and starts them again when they have died.
 *
 * A worker cannot be registered with the postmaster directly: before the first
 * CREATE EXTENSION its role does not exist, and a database may be created or
 * dropped later; each would be a FATAL every few seconds. The launcher looks
 * first. Must never touch a table of the extension.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "jobs/job_slots.h"
#include "launcher.h"
#include "program/clock.h"
#include "program/sometimes.h"
#include "registration.h"
#include "roster.h"
#include "served.h"
#include "session.h"
#include "settings.h"
#include "wake.h"

#define LAUNCHER_RESTART_S	   5
#define LAUNCHER_STABLE_MS	   10000 /* a worker that lived longer did not die at once */
#define LAUNCHER_BACKOFF_MIN_S 1
#define LAUNCHER_BACKOFF_MAX_S 60
#define SHORTAGE_FREED_MS	   100
#define SHORTAGE_FAILURES	   2

/* What the launcher remembers of a worker; the roster says whether it is there. */
typedef struct Launched
{
	char database[NAMEDATALEN];
	int number;						/* 0: the campaign worker; else a job worker, from 1 */
	BackgroundWorkerHandle *handle; /* NULL: it is not there, or another launcher started it */
	bool entered;					/* it is in the roster */
	bool running;					/* when last looked at */
	bool busy;						/* likewise, with a job */
	bool wanted;
	bool dismissed; /* ended by us: this says nothing about the next one */
	bool yielding;	/* dismissed so that another one gets its slot */
	int64 started_at_ms;
	int64 start_at_ms; /* not before */
	int backoff_s;
} Launched;

/* No slot is left among max_worker_processes: one WARNING for as long as that lasts. */
typedef struct Shortage
{
	int failures; /* in succession: the slot of a worker that has just ended may not be free yet */
	int64 retry_at_ms;
	int number; /* of the first worker that lacks one; -1: none does */
} Shortage;

/* In TopMemoryContext: lost with the launcher; the roster is not. */
static List *launched_list = NIL;
static Shortage shortage = {.number = -1};

PGDLLEXPORT void campaign_launcher_main(Datum argument);

void launcher_register(void)
{
	BackgroundWorker worker;

	registration_describe(&worker, "campaign launcher", "campaign_launcher_main");
	worker.bgw_restart_time = LAUNCHER_RESTART_S;
	RegisterBackgroundWorker(&worker);
}

/* What is remembered of a worker; a new entry if nothing was. */
static Launched *remember(const char *database, int number)
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
	launched->started_at_ms = clock_ms();
	strlcpy(launched->database, database, NAMEDATALEN);
	launched_list = lappend(launched_list, launched);
	MemoryContextSwitchTo(old);
	return launched;
}

static void forget_unwanted(void)
{
	ListCell *cell;

	foreach (cell, launched_list)
	{
		Launched *launched = lfirst(cell);

		if (launched->wanted || launched->running)
			continue;
		launched_list = foreach_delete_current(launched_list, cell);
		pfree(launched);
	}
}

/* Says when a worker that has ended may be started again. */
static void note_end(Launched *launched)
{
	int64 now_ms = clock_ms();

	launched->running = false;
	launched->yielding = false;
	/* Its slot is free once the postmaster has seen its end. */
	shortage.retry_at_ms = Min(shortage.retry_at_ms, now_ms + SHORTAGE_FREED_MS);
	if (launched->dismissed)
	{
		launched->dismissed = false;
		launched->backoff_s = LAUNCHER_BACKOFF_MIN_S;
		launched->start_at_ms = 0;
		return;
	}
	SOMETIMES("launcher.worker_died");
	SOMETIMES_IF(launched->backoff_s > LAUNCHER_BACKOFF_MIN_S, "launcher.worker_died_again");
	/* One that died at once would do so again: no right to connect, a damaged extension. */
	if (now_ms - launched->started_at_ms > LAUNCHER_STABLE_MS)
		launched->backoff_s = LAUNCHER_BACKOFF_MIN_S;
	launched->start_at_ms = now_ms + launched->backoff_s * 1000;
	launched->backoff_s = Min(2 * launched->backoff_s, LAUNCHER_BACKOFF_MAX_S);
}

/*
 * Notes which workers there are. One that another launcher has started is taken over; of one that
 * was started twice, the second has exited and the first is there.
 */
static void look_at_workers(void)
{
	RosterWorker *workers = palloc(ROSTER_PLACES * sizeof(RosterWorker));
	int count = roster_read(workers);
	ListCell *cell;

	foreach (cell, launched_list)
	{
		Launched *launched = lfirst(cell);

		launched->entered = launched->busy = launched->wanted = false;
	}
	for (int i = 0; i < count; i++)
	{
		Launched *launched = remember(workers[i].database, workers[i].number);

		launched->entered = true;
		launched->busy = job_slots_busy(workers[i].pid);
	}
	foreach (cell, launched_list)
	{
		Launched *launched = lfirst(cell);
		pid_t pid;

		if (launched->handle != NULL &&
			GetBackgroundWorkerPid(launched->handle, &pid) == BGWH_STOPPED)
		{
			pfree(launched->handle);
			launched->handle = NULL;
		}
		SOMETIMES_IF(launched->entered && launched->handle == NULL && !launched->running,
					 "launcher.adopted");
		if (launched->entered || launched->handle != NULL)
			launched->running = true;
		else if (launched->running)
			note_end(launched);
	}
}

static void note_shortage(const BackgroundWorker *worker, int number)
{
	int backoff_s = LAUNCHER_BACKOFF_MIN_S << Min(shortage.failures, 6);

	shortage.failures++;
	shortage.number = number;
	shortage.retry_at_ms = clock_ms() + Min(backoff_s, LAUNCHER_BACKOFF_MAX_S) * 1000;
	if (shortage.failures == SHORTAGE_FAILURES)
		ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						  errmsg("no background worker is free for the %s", worker->bgw_name),
						  errhint("Increase max_worker_processes.")));
}

/* False if there is no slot for it. */
static bool start_worker(Launched *launched)
{
	BackgroundWorker worker;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	bool started;

	registration_describe_worker(&worker, launched->database, launched->number);
	launched->started_at_ms = clock_ms();
	started = RegisterDynamicBackgroundWorker(&worker, &launched->handle);
	MemoryContextSwitchTo(old);
	launched->running = started;
	if (started)
		return true;
	launched->handle = NULL;
	SOMETIMES("launcher.no_slot");
	note_shortage(&worker, launched->number);
	return false;
}

/* Starts a worker unless it runs or must wait; lowers *again_ms to when to look again. */
static void launch(Launched *launched, int64 *again_ms)
{
	int64 now_ms = clock_ms();

	launched->wanted = true;
	if (launched->running)
	{
		/* It was dismissed by an earlier setting and has not ended yet: it may stay. */
		if (launched->dismissed && launched->entered && !launched->yielding)
		{
			SOMETIMES("launcher.wanted_again");
			roster_dismiss(launched->database, launched->number, false);
		}
		return;
	}
	if (launched->start_at_ms > now_ms)
		*again_ms = Min(*again_ms, launched->start_at_ms);
	else if ((shortage.retry_at_ms > now_ms && launched->number >= shortage.number) ||
			 !start_worker(launched))
		*again_ms = Min(*again_ms, shortage.retry_at_ms);
}

/* Who was asked to leave after a job, and has not left yet, may stay. */
static void end_shortage(void)
{
	ListCell *cell;

	shortage = (Shortage){.number = -1};
	foreach (cell, launched_list)
	{
		Launched *launched = lfirst(cell);

		if (!launched->yielding || !launched->running || !launched->entered)
			continue;
		launched->yielding = launched->dismissed = false;
		roster_dismiss(launched->database, launched->number, false);
	}
}

/* The campaign workers first: with too few slots, jobs wait before campaigns do. */
static void launch_missing(List *databases, int64 *again_ms)
{
	int64 retry_at_ms = shortage.retry_at_ms;
	ListCell *cell;

	for (int number = 0; number <= settings_job_workers; number++)
	{
		foreach (cell, databases)
		{
			launch(remember(lfirst(cell), number), again_ms);
		}
	}
	/* It was time to try, and there was a slot for each. */
	if (retry_at_ms == shortage.retry_at_ms && retry_at_ms <= clock_ms())
		end_shortage();
}

/* A surplus job worker finishes its job; those of a database that is not served end at once. */
static void dismiss(Launched *launched, bool at_once)
{
	launched->dismissed = true;
	if (!launched->entered)
		TerminateBackgroundWorker(launched->handle);
	else if (at_once || launched->number == 0)
		roster_terminate(launched->database, launched->number);
	else
		roster_dismiss(launched->database, launched->number, true);
}

static void dismiss_unwanted(List *databases)
{
	ListCell *cell;

	foreach (cell, launched_list)
	{
		Launched *launched = lfirst(cell);
		bool served = false;
		ListCell *database;

		if (launched->wanted || !launched->running)
			continue;
		foreach (database, databases)
		{
			served |= strcmp(lfirst(database), launched->database) == 0;
		}
		dismiss(launched, !served);
	}
}

/*
 * Whether this worker, rather than the other one, gives its slot to the one that lacks it: one that
 * runs no job, and of several the one with the highest number.
 */
static bool yields_before(const Launched *launched, const Launched *other)
{
	if (!launched->running || launched->number <= shortage.number)
		return false;
	/* It ends by itself after its job: another one may be quicker. */
	if (shortage.number > 0 && (launched->yielding || !launched->wanted))
		return false;
	if (other == NULL || launched->busy != other->busy)
		return other == NULL || other->busy;
	return launched->number > other->number;
}

/*
 * If a worker with a lower number lacks a slot, one with a higher number ends: otherwise whoever
 * has a slot keeps it, and a campaign worker that died while job workers lacked one would never
 * come back.
 */
static void make_room(void)
{
	Launched *last = NULL;
	ListCell *cell;

	foreach (cell, launched_list)
	{
		if (yields_before(lfirst(cell), last))
			last = lfirst(cell);
	}
	if (last == NULL)
		return;
	SOMETIMES("launcher.made_room");
	last->yielding = true;
	/* A campaign does not wait for the end of a job, not even of one that another job waits for. */
	dismiss(last, shortage.number == 0);
}

/* Starts missing workers, ends those no longer wanted; returns when to look again. */
static int64 look(void)
{
	int64 again_ms = clock_ms() + settings_poll_interval * INT64CONST(1000);
	List *databases = served_databases();
	int failures = shortage.failures;

	look_at_workers();
	launch_missing(databases, &again_ms);
	dismiss_unwanted(databases);
	if (shortage.failures > failures && shortage.failures >= SHORTAGE_FAILURES)
		make_room();
	forget_unwanted();
	return again_ms;
}

void campaign_launcher_main(Datum argument)
{
	MemoryContext turn;

	/* A cancel is for somebody's query, and there is none. */
	pqsignal(SIGINT, SIG_IGN);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	wake_register(InvalidOid);
	turn = AllocSetContextCreate(TopMemoryContext, "campaign launcher turn", ALLOCSET_SMALL_SIZES);

	for (;;)
	{
		int64 again_ms;

		StartTransactionCommand();
		MemoryContextSwitchTo(turn);
		again_ms = look();
		CommitTransactionCommand();
		MemoryContextReset(turn);
		pgstat_report_activity(STATE_IDLE, NULL);

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 clock_left_ms(again_ms), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
}
