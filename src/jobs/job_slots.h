/*
 * job_slots.h - the job workers in shared memory: which of them sleep, what
 * each runs at this moment, how far that is, and whether it is to stop.
 *
 * For waking, watching and interrupting only. Who has which job is decided by
 * the row and its lock (sql/33_job_queue.sql), never by this.
 */
#ifndef CAMPAIGN_JOB_SLOTS_H
#define CAMPAIGN_JOB_SLOTS_H

#include "postgres.h"

#include "storage/lwlock.h"
#include "utils/timestamp.h"

#define JOB_ID_MAX		 32
#define JOB_SLOTS		 256 /* job workers of all databases */
#define JOB_PROGRESS_MAX 99	 /* 100 is said by the row, when the job is finished */

/* For shmem.c: how much shared memory this needs, and where it is. */
Size job_slots_shmem_size(void);
void job_slots_shmem_attach(void *memory, LWLock *lock, bool fresh);

/*
 * The calling process is a job worker of its database, until it exits. Prepared before it has a
 * session: what is done first is undone last, and when the others are woken, the session must be
 * gone.
 */
void job_slots_prepare(void);
void job_slots_register(void);

/*
 * Whether the worker is about to sleep. It says so before it looks for work the last time, so that
 * a job that is committed meanwhile wakes it.
 */
void job_slots_set_idle(bool idle);

/* Wakes one sleeping job worker of this database: now, or when this transaction commits. */
void job_slots_wake(void);
void job_slots_wake_at_commit(void);

/* How many job workers have ended since the server was started: one more may have left jobs behind.
 */
uint64 job_slots_ended(void);

/* The calling worker runs this job from now on, which is answered; it runs none. */
TimestampTz job_slots_enter(const char *job_id);
void job_slots_leave(void);

/*
 * The calling worker's job is a shared one of this account. False if no more of that account, or no
 * more at all, may run now: all workers but one run such jobs, and the only one does.
 */
bool job_slots_share(const char *account_id);

/* Whether somebody has asked to interrupt the job of the calling worker. */
bool job_slots_interrupted(void);

/* Whether there are slots at all: only if the library was loaded with the server. */
bool job_slots_exist(void);

/* Whether this process is a job worker, of any database, that runs a job at this moment. */
bool job_slots_busy(pid_t pid);

/* Whether a worker runs this job at this moment; interrupts the one that does. */
bool job_slots_find(const char *job_id);
void job_slots_interrupt(const char *job_id);

/* Sets the progress of a job, 0 to 100; nothing if the calling process does not run it. */
void job_slots_progress(const char *job_id, int percent);

#endif /* CAMPAIGN_JOB_SLOTS_H */
