/*
 * wake.c - latches of the launcher and the campaign workers, set when a
 * transaction that concerns them has committed. (Those of the job workers are
 * in job_slots.c.)
 *
 * A lost wake-up costs campaign.poll_interval, never a message: the tables say
 * what there is to do. Must never do anything else in a commit callback.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#include "wake.h"

#define WAKE_SLOTS 65 /* the first is the launcher's: no worker can take it */

typedef struct WakeSlot
{
	Oid database; /* InvalidOid: the launcher */
	Latch *latch; /* NULL: free */
	bool waiting_for_progress;
	bool waiting_for_changes;
	pg_atomic_uint32 wake_ups; /* so far: another wait in between may reset the latch */
} WakeSlot;

typedef struct WakeState
{
	LWLock *lock;
	WakeSlot slots[WAKE_SLOTS];
} WakeState;

typedef enum WakePending
{
	WAKE_NOBODY,
	WAKE_IF_WAITING_FOR_PROGRESS,
	WAKE_ALWAYS
} WakePending;

static WakeState *wake_state = NULL;
static WakeSlot *own_slot = NULL;
static WakePending wake_pending = WAKE_NOBODY;
static bool callback_registered = false;

Size wake_shmem_size(void)
{
	return MAXALIGN(sizeof(WakeState));
}

void wake_shmem_attach(void *memory, LWLock *lock, bool fresh)
{
	wake_state = memory;
	if (!fresh)
		return;
	memset(wake_state, 0, sizeof(WakeState));
	wake_state->lock = lock;
	for (int i = 0; i < WAKE_SLOTS; i++)
		pg_atomic_init_u32(&wake_state->slots[i].wake_ups, 0);
}

bool wake_available(void)
{
	return wake_state != NULL;
}

static void wake_unregister(int code, Datum argument)
{
	LWLockAcquire(wake_state->lock, LW_EXCLUSIVE);
	own_slot->latch = NULL;
	LWLockRelease(wake_state->lock);
	own_slot = NULL;
}

void wake_register(Oid database)
{
	int end = OidIsValid(database) ? WAKE_SLOTS : 1;

	LWLockAcquire(wake_state->lock, LW_EXCLUSIVE);
	for (int i = OidIsValid(database) ? 1 : 0; i < end; i++)
	{
		WakeSlot *slot = &wake_state->slots[i];

		if (slot->latch != NULL)
			continue;
		slot->database = database;
		slot->latch = MyLatch;
		slot->waiting_for_progress = false;
		slot->waiting_for_changes = false;
		own_slot = slot;
		break;
	}
	LWLockRelease(wake_state->lock);
	if (own_slot == NULL)
		ereport(FATAL, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("campaign.database names more than %d databases", WAKE_SLOTS - 1)));
	before_shmem_exit(wake_unregister, (Datum) 0);
}

void wake_set_waiting_for_progress(bool waiting)
{
	if (own_slot->waiting_for_progress == waiting)
		return;
	LWLockAcquire(wake_state->lock, LW_EXCLUSIVE);
	own_slot->waiting_for_progress = waiting;
	LWLockRelease(wake_state->lock);
}

void wake_set_waiting_for_changes(void)
{
	if (own_slot->waiting_for_changes)
		return;
	LWLockAcquire(wake_state->lock, LW_EXCLUSIVE);
	own_slot->waiting_for_changes = true;
	LWLockRelease(wake_state->lock);
}

bool wake_waiting_for_changes(void)
{
	return *(volatile bool *) &own_slot->waiting_for_changes;
}

/* Several may write false at once. That a look at the tables is due it does not say: no wake_ups.
 */
void wake_now_for_changes(void)
{
	LWLockAcquire(wake_state->lock, LW_SHARED);
	for (int i = 1; i < WAKE_SLOTS; i++)
	{
		WakeSlot *slot = &wake_state->slots[i];

		if (slot->latch == NULL || slot->database != MyDatabaseId || !slot->waiting_for_changes)
			continue;
		slot->waiting_for_changes = false;
		SetLatch(slot->latch);
	}
	LWLockRelease(wake_state->lock);
}

void wake_launcher(void)
{
	LWLockAcquire(wake_state->lock, LW_SHARED);
	if (wake_state->slots[0].latch != NULL)
		SetLatch(wake_state->slots[0].latch);
	LWLockRelease(wake_state->lock);
}

static void wake_now(WakePending pending)
{
	LWLockAcquire(wake_state->lock, LW_SHARED);
	for (int i = 0; i < WAKE_SLOTS; i++)
	{
		WakeSlot *slot = &wake_state->slots[i];

		if (slot->latch == NULL)
			continue;
		if (slot->database == MyDatabaseId
				? (pending == WAKE_ALWAYS || slot->waiting_for_progress)
				: (pending == WAKE_ALWAYS && slot->database == InvalidOid))
		{
			pg_atomic_fetch_add_u32(&slot->wake_ups, 1);
			SetLatch(slot->latch);
		}
	}
	LWLockRelease(wake_state->lock);
}

static void wake_on_transaction_end(XactEvent event, void *argument)
{
	WakePending pending = wake_pending;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
			wake_pending = WAKE_NOBODY;
			if (pending != WAKE_NOBODY)
				wake_now(pending);
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			wake_pending = WAKE_NOBODY;
			break;
		default:
			break;
	}
}

static void wake_set_pending(WakePending pending)
{
	if (wake_state == NULL)
		return;
	if (!callback_registered)
	{
		RegisterXactCallback(wake_on_transaction_end, NULL);
		callback_registered = true;
	}
	if (pending > wake_pending)
		wake_pending = pending;
}

void wake_at_commit(void)
{
	wake_set_pending(WAKE_ALWAYS);
}

void wake_at_commit_for_progress(void)
{
	wake_set_pending(WAKE_IF_WAITING_FOR_PROGRESS);
}

uint32 wake_ups(void)
{
	return pg_atomic_read_u32(&own_slot->wake_ups);
}
