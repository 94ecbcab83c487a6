/*
 * changes.c - a ring of ids in shared memory; see changes.h.
 *
 * A committing transaction pays for a copy of its ids under a lock that is held for no longer. Must
 * never make it wait, nor fail: what does not fit is forgotten, and the worker sees that it was.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "changes.h"
#include "settings.h"
#include "wake.h"

#define PENDING_MIN		  16
#define CHANGES_DATABASES 64 /* as many as can have a worker */

typedef struct Change
{
	Oid database;
	ChangeId campaign_id;
} Change;

/* When a database last changed: the others must not make its worker believe that it missed
 * something. */
typedef struct DatabaseChanges
{
	Oid database; /* InvalidOid: free */
	uint64 last;
} DatabaseChanges;

typedef struct ChangeState
{
	LWLock *lock;
	uint64 end; /* changes so far: the next one goes to this place, modulo CHANGES_MAX */
	DatabaseChanges databases[CHANGES_DATABASES];
	Change ring[CHANGES_MAX];
} ChangeState;

static ChangeState *state = NULL;
static ChangeId *pending = NULL; /* of this transaction, in its memory context */
static int pending_count = 0;
static int pending_room = 0;
static bool callback_registered = false;

PG_FUNCTION_INFO_V1(campaign_changed);

Size changes_shmem_size(void)
{
	return MAXALIGN(sizeof(ChangeState));
}

void changes_shmem_attach(void *memory, LWLock *lock, bool fresh)
{
	state = memory;
	if (!fresh)
		return;
	memset(state, 0, sizeof(ChangeState));
	state->lock = lock;
}

/* Where a database is noted, or a free place for it; NULL if all are taken. */
static DatabaseChanges *find_database(Oid database)
{
	for (int i = 0; i < CHANGES_DATABASES; i++)
	{
		DatabaseChanges *changes = &state->databases[i];

		if (changes->database == database || !OidIsValid(changes->database))
			return changes;
	}
	return NULL;
}

static void add_pending_to_ring(void)
{
	DatabaseChanges *own;

	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < pending_count; i++)
	{
		Change *change = &state->ring[state->end++ % CHANGES_MAX];

		change->database = MyDatabaseId;
		memcpy(change->campaign_id, pending[i], sizeof(ChangeId));
	}
	own = find_database(MyDatabaseId);
	if (own != NULL)
	{
		own->database = MyDatabaseId;
		own->last = state->end;
	}
	LWLockRelease(state->lock);
	wake_now_for_changes();
}

static void at_transaction_end(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_COMMIT && pending_count > 0)
		add_pending_to_ring();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		pending = NULL;
		pending_count = pending_room = 0;
	}
}

static void make_room(void)
{
	int room = Max(PENDING_MIN, 2 * pending_room);

	if (pending == NULL)
		pending = MemoryContextAlloc(TopTransactionContext, room * sizeof(ChangeId));
	else
		pending = repalloc_huge(pending, room * sizeof(ChangeId));
	pending_room = room;
}

static void add(const char *campaign_id)
{
	if (pending_count > 0 && strcmp(pending[pending_count - 1], campaign_id) == 0)
		return;
	/* All of the ring is this transaction's already: what comes now would push out the first. */
	if (pending_count > CHANGES_MAX)
		return;
	if (pending_count == pending_room)
		make_room();
	strlcpy(pending[pending_count++], campaign_id, sizeof(ChangeId));
}

Datum campaign_changed(PG_FUNCTION_ARGS)
{
	ChangeId campaign_id;

	if (state == NULL || !settings_notify || PG_ARGISNULL(0))
		PG_RETURN_VOID();
	if (!callback_registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		callback_registered = true;
	}
	text_to_cstring_buffer(PG_GETARG_TEXT_PP(0), campaign_id, sizeof(campaign_id));
	add(campaign_id);
	PG_RETURN_VOID();
}

uint64 changes_end(void)
{
	uint64 end;

	LWLockAcquire(state->lock, LW_SHARED);
	end = state->end;
	LWLockRelease(state->lock);
	return end;
}

uint64 changes_last(void)
{
	const DatabaseChanges *own;
	uint64 last;

	LWLockAcquire(state->lock, LW_SHARED);
	own = find_database(MyDatabaseId);
	last = own == NULL ? state->end : own->last;
	LWLockRelease(state->lock);
	return last;
}

int changes_take(uint64 *position, ChangeId *ids, bool *missed)
{
	uint64 first;
	int count = 0;

	LWLockAcquire(state->lock, LW_SHARED);
	first = state->end > CHANGES_MAX ? state->end - CHANGES_MAX : 0;
	if (*position < first)
	{
		*missed = true;
		*position = first;
	}
	for (; *position < state->end; (*position)++)
	{
		const Change *change = &state->ring[*position % CHANGES_MAX];

		if (change->database == MyDatabaseId)
			memcpy(ids[count++], change->campaign_id, sizeof(ChangeId));
	}
	LWLockRelease(state->lock);
	return count;
}
