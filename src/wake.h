/*
 * wake.h - waking the launcher and the campaign workers when a transaction commits.
 */
#ifndef CAMPAIGN_WAKE_H
#define CAMPAIGN_WAKE_H

#include "postgres.h"

#include "storage/lwlock.h"

/* For shmem.c: how much shared memory this needs, and where it is. */
Size wake_shmem_size(void);
void wake_shmem_attach(void *memory, LWLock *lock, bool fresh);

/* Whether the library was loaded by shared_preload_libraries. */
bool wake_available(void);

/* The calling process is woken for a database (InvalidOid: the launcher) until it exits. */
void wake_register(Oid database);

/* Whether the worker waits for stored messages; else reports need not wake it. */
void wake_set_waiting_for_progress(bool waiting);

/* Whether the worker has nothing to tell: the next change is to wake it, and only the next. */
void wake_set_waiting_for_changes(void);
bool wake_waiting_for_changes(void);

/* Wakes the worker of the current database, now, if it waits for a change. */
void wake_now_for_changes(void);

/* Wakes the launcher, now. */
void wake_launcher(void);

/* Wakes the launcher and the worker of the current database when this transaction commits. */
void wake_at_commit(void);

/* The same, if that worker waits for stored messages. */
void wake_at_commit_for_progress(void);

/*
 * How often the calling process was woken so far. A wait for a lock resets the latch, and with
 * it a wake-up that came meanwhile; this number keeps it.
 */
uint32 wake_ups(void);

#endif /* CAMPAIGN_WAKE_H */
