/*
 * shmem.c - reserves the extension's shared memory and hands it to its users.
 *
 * Must never hold anything that is needed after a crash: the postmaster clears it
 * whenever a process crashes.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "jobs/job_slots.h"
#include "proof/requests.h"
#include "publish/changes.h"
#include "roster.h"
#include "shmem.h"
#include "wake.h"

#define SHMEM_TRANCHE "campaign"

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void request(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(wake_shmem_size());
	RequestAddinShmemSpace(job_slots_shmem_size());
	RequestAddinShmemSpace(roster_shmem_size());
	RequestAddinShmemSpace(requests_shmem_size());
	RequestAddinShmemSpace(changes_shmem_size());
	RequestNamedLWLockTranche(SHMEM_TRANCHE, 5);
}

static void startup(void)
{
	LWLockPadded *locks;
	void *memory;
	bool found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	locks = GetNamedLWLockTranche(SHMEM_TRANCHE);
	memory = ShmemInitStruct("campaign wake", wake_shmem_size(), &found);
	wake_shmem_attach(memory, &locks[0].lock, !found);
	memory = ShmemInitStruct("campaign job slots", job_slots_shmem_size(), &found);
	job_slots_shmem_attach(memory, &locks[1].lock, !found);
	memory = ShmemInitStruct("campaign roster", roster_shmem_size(), &found);
	roster_shmem_attach(memory, &locks[2].lock, !found);
	memory = ShmemInitStruct("campaign proof requests", requests_shmem_size(), &found);
	requests_shmem_attach(memory, &locks[3].lock, !found);
	memory = ShmemInitStruct("campaign changes", changes_shmem_size(), &found);
	changes_shmem_attach(memory, &locks[4].lock, !found);
	LWLockRelease(AddinShmemInitLock);
}

void shmem_register(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup;
}
