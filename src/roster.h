/*
 * roster.h - the workers that are there: one for each database and number.
 *
 * In shared memory: it outlives the launcher. When a process crashes, the postmaster
 * ends all workers and clears it.
 */
#ifndef CAMPAIGN_ROSTER_H
#define CAMPAIGN_ROSTER_H

#include "postgres.h"

#include "storage/lwlock.h"

#define ROSTER_PLACES 320 /* 64 campaign workers and 256 job workers */

/* A worker; as roster_read() saw it. */
typedef struct RosterWorker
{
	char database[NAMEDATALEN];
	int number;		/* 0: the campaign worker; else a job worker, from 1 */
	bool dismissed; /* it is to end when its current work is done */
	pid_t pid;
} RosterWorker;

/* For shmem.c: how much shared memory this needs, and where it is. */
Size roster_shmem_size(void);
void roster_shmem_attach(void *memory, LWLock *lock, bool fresh);

/*
 * The calling process is this worker until it exits. If another process already is, it exits at
 * once. To be called before it has a session: what is done first is undone last, and the session
 * must be gone when the next one enters.
 */
void roster_enter(const char *database, int number);

/* Whether the calling worker is to end. */
bool roster_dismissed(void);

/* For the launcher --------------------------------------------------------------------------- */

/* Copies the workers to `workers`, which has ROSTER_PLACES; returns how many there are. */
int roster_read(RosterWorker *workers);

/* Tells a worker to end when its current work is done, or takes that back. */
void roster_dismiss(const char *database, int number, bool dismissed);

/* Ends a worker at once. */
void roster_terminate(const char *database, int number);

#endif /* CAMPAIGN_ROSTER_H */
