/*
 * changes.h - the campaigns that have changed: left by whoever commits a change,
 * taken by the worker, which tells those who listen (live.c).
 */
#ifndef CAMPAIGN_CHANGES_H
#define CAMPAIGN_CHANGES_H

#include "postgres.h"

#include "storage/lwlock.h"

#include "contract/message.h"

/* So many changes are remembered, those of all databases together. */
#define CHANGES_MAX 8192

typedef char ChangeId[MESSAGE_ID_MAX + 1];

/* For shmem.c: how much shared memory this needs, and where it is. */
Size changes_shmem_size(void);
void changes_shmem_attach(void *memory, LWLock *lock, bool fresh);

/* How many changes there were so far. */
uint64 changes_end(void);

/* How many of these there were when the current database last changed; 0: it has not. */
uint64 changes_last(void);

/*
 * Copies the changes of the current database from *position on, with repetitions, to `ids`, which
 * has CHANGES_MAX; moves *position to the end and returns how many. *missed becomes true if some
 * were forgotten meanwhile.
 */
int changes_take(uint64 *position, ChangeId *ids, bool *missed);

#endif /* CAMPAIGN_CHANGES_H */
