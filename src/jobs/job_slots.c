/*
 * job_slots.c - the job workers in shared memory; see job_slots.h.
 *
 * A slot is written by its own worker, except for `interrupted`.
 */
#include "postgres.h"

#include <signal.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "job_slots.h"
#include "settings.h"

typedef struct JobSlot
{
	Oid database;
	pid_t pid; /* 0: free */
	Latch *latch;
	bool idle;
	char job_id[JOB_ID_MAX + 1];	 /* empty: none */
	char account_id[JOB_ID_MAX + 1]; /* of a shared job; else empty */
	TimestampTz started_at;
	int progress;
	bool interrupted;
} JobSlot;

typedef struct JobSlotState
{
	LWLock *lock;
	uint64 ended;
	JobSlot slots[JOB_SLOTS];
} JobSlotState;

static JobSlotState *state = NULL;
static JobSlot *own = NULL;

PG_FUNCTION_INFO_V1(campaign_job_slots);
PG_FUNCTION_INFO_V1(campaign_job_progress);
PG_FUNCTION_INFO_V1(campaign_job_accounts_busy);

Size job_slots_shmem_size(void)
{
	return MAXALIGN(sizeof(JobSlotState));
}

void job_slots_shmem_attach(void *memory, LWLock *lock, bool fresh)
{
	state = memory;
	if (!fresh)
		return;
	memset(state, 0, sizeof(JobSlotState));
	state->lock = lock;
}

bool job_slots_exist(void)
{
	return state != NULL;
}

/* The worker's own life -------------------------------------------------------------------- */

/* After the session has gone: the others can take over what this one had. */
static void unregister(int code, Datum argument)
{
	if (own == NULL)
		return;
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	memset(own, 0, sizeof(JobSlot));
	state->ended++;
	for (int i = 0; i < JOB_SLOTS; i++)
	{
		if (state->slots[i].pid != 0 && state->slots[i].database == MyDatabaseId)
			SetLatch(state->slots[i].latch);
	}
	LWLockRelease(state->lock);
	own = NULL;
}

void job_slots_prepare(void)
{
	on_shmem_exit(unregister, (Datum) 0);
}

void job_slots_register(void)
{
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < JOB_SLOTS; i++)
	{
		JobSlot *slot = &state->slots[i];

		if (slot->pid != 0)
			continue;
		memset(slot, 0, sizeof(JobSlot));
		slot->database = MyDatabaseId;
		slot->pid = MyProcPid;
		slot->latch = MyLatch;
		own = slot;
		break;
	}
	LWLockRelease(state->lock);
	if (own == NULL)
		ereport(FATAL, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("there are more than %d campaign job workers", JOB_SLOTS)));
}

void job_slots_set_idle(bool idle)
{
	if (own->idle == idle)
		return;
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	own->idle = idle;
	LWLockRelease(state->lock);
}

uint64 job_slots_ended(void)
{
	uint64 ended;

	LWLockAcquire(state->lock, LW_SHARED);
	ended = state->ended;
	LWLockRelease(state->lock);
	return ended;
}

TimestampTz job_slots_enter(const char *job_id)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	strlcpy(own->job_id, job_id, sizeof(own->job_id));
	own->account_id[0] = '\0';
	own->started_at = now;
	own->progress = 0;
	own->interrupted = false;
	LWLockRelease(state->lock);
	return now;
}

void job_slots_leave(void)
{
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	own->job_id[0] = '\0';
	own->account_id[0] = '\0';
	LWLockRelease(state->lock);
}

bool job_slots_interrupted(void)
{
	bool interrupted;

	LWLockAcquire(state->lock, LW_SHARED);
	interrupted = own->interrupted;
	LWLockRelease(state->lock);
	return interrupted;
}

void job_slots_progress(const char *job_id, int percent)
{
	if (own == NULL || strcmp(own->job_id, job_id) != 0)
		return;
	own->progress = Min(Max(percent, 0), JOB_PROGRESS_MAX);
}

/* Sharing ---------------------------------------------------------------------------------- */

/* How many shared jobs of this account run in this database; NULL: of any. Under the lock. */
static int count_shared(const char *account_id)
{
	int count = 0;

	for (int i = 0; i < JOB_SLOTS; i++)
	{
		const JobSlot *slot = &state->slots[i];

		if (slot->pid == 0 || slot->account_id[0] == '\0' || slot->database != MyDatabaseId)
			continue;
		count += account_id == NULL || strcmp(slot->account_id, account_id) == 0;
	}
	return count;
}

/* Whether one more shared job of anybody may run. Under the lock. */
static bool share_free(void)
{
	int workers = 0;

	for (int i = 0; i < JOB_SLOTS; i++)
		workers += state->slots[i].pid != 0 && state->slots[i].database == MyDatabaseId;
	return count_shared(NULL) < Max(workers - 1, 1);
}

bool job_slots_share(const char *account_id)
{
	bool free;

	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	free = share_free() && count_shared(account_id) < settings_job_running_max;
	if (free)
		strlcpy(own->account_id, account_id, sizeof(own->account_id));
	LWLockRelease(state->lock);
	return free;
}

/* NULL if no share is free. Under the lock. */
static ArrayType *accounts_busy(void)
{
	Datum accounts[JOB_SLOTS];
	int count = 0;

	if (!share_free())
		return NULL;
	for (int i = 0; i < JOB_SLOTS; i++)
	{
		const JobSlot *slot = &state->slots[i];

		if (slot->pid == 0 || slot->account_id[0] == '\0' || slot->database != MyDatabaseId)
			continue;
		if (count_shared(slot->account_id) >= settings_job_running_max)
			accounts[count++] = CStringGetTextDatum(slot->account_id);
	}
	return construct_array(accounts, count, TEXTOID, -1, false, TYPALIGN_INT);
}

Datum campaign_job_accounts_busy(PG_FUNCTION_ARGS)
{
	ArrayType *accounts;

	if (state == NULL)
		PG_RETURN_NULL();
	LWLockAcquire(state->lock, LW_SHARED);
	accounts = accounts_busy();
	LWLockRelease(state->lock);
	if (accounts == NULL)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(accounts);
}

/* Waking and interrupting ------------------------------------------------------------------ */

void job_slots_wake(void)
{
	if (state == NULL)
		return;
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < JOB_SLOTS; i++)
	{
		JobSlot *slot = &state->slots[i];

		if (slot->pid == 0 || !slot->idle || slot->database != MyDatabaseId)
			continue;
		/* The next job wakes another one. */
		slot->idle = false;
		SetLatch(slot->latch);
		break;
	}
	LWLockRelease(state->lock);
}

static JobSlot *find_slot(const char *job_id)
{
	for (int i = 0; i < JOB_SLOTS; i++)
	{
		JobSlot *slot = &state->slots[i];

		if (slot->pid != 0 && slot->database == MyDatabaseId && strcmp(slot->job_id, job_id) == 0)
			return slot;
	}
	return NULL;
}

bool job_slots_find(const char *job_id)
{
	bool found;

	LWLockAcquire(state->lock, LW_SHARED);
	found = find_slot(job_id) != NULL;
	LWLockRelease(state->lock);
	return found;
}

bool job_slots_busy(pid_t pid)
{
	bool busy = false;

	LWLockAcquire(state->lock, LW_SHARED);
	for (int i = 0; i < JOB_SLOTS; i++)
		busy |= state->slots[i].pid == pid && state->slots[i].job_id[0] != '\0';
	LWLockRelease(state->lock);
	return busy;
}

/* Under the lock, so that the worker cannot go on to another job meanwhile. */
void job_slots_interrupt(const char *job_id)
{
	JobSlot *slot;

	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	slot = find_slot(job_id);
	if (slot != NULL)
	{
		slot->interrupted = true;
		kill(slot->pid, SIGINT);
	}
	LWLockRelease(state->lock);
}

/* Watching --------------------------------------------------------------------------------- */

Datum campaign_job_slots(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	JobSlot *copy;

	InitMaterializedSRF(fcinfo, 0);
	if (state == NULL)
		return (Datum) 0;
	copy = palloc(sizeof(state->slots));
	LWLockAcquire(state->lock, LW_SHARED);
	memcpy(copy, state->slots, sizeof(state->slots));
	LWLockRelease(state->lock);
	for (int i = 0; i < JOB_SLOTS; i++)
	{
		bool busy = copy[i].job_id[0] != '\0';
		Datum values[4] = {0};
		bool nulls[4] = {!busy, false, !busy, !busy};

		if (copy[i].pid == 0 || copy[i].database != MyDatabaseId)
			continue;
		if (busy)
			values[0] = CStringGetTextDatum(copy[i].job_id);
		values[1] = Int32GetDatum((int32) copy[i].pid);
		values[2] = TimestampTzGetDatum(copy[i].started_at);
		values[3] = Int32GetDatum(copy[i].progress);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum campaign_job_progress(PG_FUNCTION_ARGS)
{
	double percent = PG_GETARG_FLOAT8(1);

	if (own != NULL)
		job_slots_progress(text_to_cstring(PG_GETARG_TEXT_PP(0)),
						   percent >= 0 ? (int) Min(percent, 100) : 0);
	PG_RETURN_VOID();
}
