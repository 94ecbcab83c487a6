/*
 * roster.c - the workers that are there; see roster.h.
 *
 * The worker itself takes and leaves its place, so that the roster is true whatever
 * the launcher does: two processes never hold the same place.
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"

#include "program/sometimes.h"
#include "roster.h"
#include "wake.h"

typedef struct RosterPlace
{
	pid_t pid; /* 0: free */
	Latch *latch;
	RosterWorker worker;
} RosterPlace;

typedef struct RosterState
{
	LWLock *lock;
	RosterPlace places[ROSTER_PLACES];
} RosterState;

static RosterState *state = NULL;
static RosterPlace *own = NULL;

Size roster_shmem_size(void)
{
	return MAXALIGN(sizeof(RosterState));
}

void roster_shmem_attach(void *memory, LWLock *lock, bool fresh)
{
	state = memory;
	if (!fresh)
		return;
	memset(state, 0, sizeof(RosterState));
	state->lock = lock;
}

/* The worker's own life -------------------------------------------------------------------- */

static RosterPlace *find_place(const char *database, int number)
{
	for (int i = 0; i < ROSTER_PLACES; i++)
	{
		RosterPlace *place = &state->places[i];

		if (place->pid != 0 && place->worker.number == number &&
			strcmp(place->worker.database, database) == 0)
			return place;
	}
	return NULL;
}

static RosterPlace *find_free_place(void)
{
	for (int i = 0; i < ROSTER_PLACES; i++)
	{
		if (state->places[i].pid == 0)
			return &state->places[i];
	}
	return NULL;
}

static void leave(int code, Datum argument)
{
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	memset(own, 0, sizeof(RosterPlace));
	LWLockRelease(state->lock);
	own = NULL;
	/* The postmaster does not announce the end of a worker that another launcher has started. */
	wake_launcher();
}

void roster_enter(const char *database, int number)
{
	bool taken;

	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	taken = find_place(database, number) != NULL;
	own = taken ? NULL : find_free_place();
	if (own != NULL)
	{
		own->pid = MyProcPid;
		own->latch = MyLatch;
		own->worker.number = number;
		own->worker.dismissed = false;
		own->worker.pid = MyProcPid;
		strlcpy(own->worker.database, database, NAMEDATALEN);
	}
	LWLockRelease(state->lock);
	SOMETIMES_IF(taken, "launcher.started_twice");
	if (taken)
		proc_exit(0);
	if (own == NULL)
		ereport(FATAL, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("there are more than %d workers of campaign", ROSTER_PLACES)));
	on_shmem_exit(leave, (Datum) 0);
}

bool roster_dismissed(void)
{
	bool dismissed;

	LWLockAcquire(state->lock, LW_SHARED);
	dismissed = own->worker.dismissed;
	LWLockRelease(state->lock);
	return dismissed;
}

/* For the launcher --------------------------------------------------------------------------- */

int roster_read(RosterWorker *workers)
{
	int count = 0;

	LWLockAcquire(state->lock, LW_SHARED);
	for (int i = 0; i < ROSTER_PLACES; i++)
	{
		if (state->places[i].pid != 0)
			workers[count++] = state->places[i].worker;
	}
	LWLockRelease(state->lock);
	return count;
}

void roster_dismiss(const char *database, int number, bool dismissed)
{
	RosterPlace *place;

	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	place = find_place(database, number);
	if (place != NULL && place->worker.dismissed != dismissed)
	{
		place->worker.dismissed = dismissed;
		SetLatch(place->latch);
	}
	LWLockRelease(state->lock);
}

/* Under the lock: the process leaves its place before its id can be another process's. */
void roster_terminate(const char *database, int number)
{
	RosterPlace *place;

	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	place = find_place(database, number);
	if (place != NULL)
		kill(place->pid, SIGTERM);
	LWLockRelease(state->lock);
}
