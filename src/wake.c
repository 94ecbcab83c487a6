/*
 * wake.c - latches of the launcher and the campaign workers, set when a
 * transaction that concerns them has committed. (Those of the job workers are
 * in job_slots.c.)
 *
 * A wake-up that is lost costs campaign.poll_interval, never a message: what
 * there is to do stands in the tables. Must never do anything else in a
 * commit callback.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#include "wake.h"

#define WAKE_SLOTS 65 /* the launcher and 64 workers */

typedef struct WakeSlot
{
	Oid database; /* InvalidOid: the launcher */
	Latch *latch; /* NULL: free */
	bool waiting_for_progress;
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

Size wake_shared_size(void)
{
	return MAXALIGN(sizeof(WakeState));
}

void wake_shared_attach(void *memory, LWLock *lock, bool fresh)
{
	wake_state = memory;
	if (!fresh)
		return;
	memset(wake_state, 0, sizeof(WakeState));
	wake_state->lock = lock;
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
	LWLockAcquire(wake_state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WAKE_SLOTS; i++)
	{
		WakeSlot *slot = &wake_state->slots[i];

		if (slot->latch != NULL)
			continue;
		slot->database = database;
		slot->latch = MyLatch;
		slot->waiting_for_progress = false;
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
			SetLatch(slot->latch);
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
