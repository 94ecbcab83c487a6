/*
 * shmem.h - the extension's shared memory: which workers there are (roster.h),
 * who sleeps (wake.h), and what the job workers run (job_slots.h).
 */
#ifndef CAMPAIGN_SHMEM_H
#define CAMPAIGN_SHMEM_H

/* Asks for it; called by _PG_init() in the postmaster. */
void shmem_register(void);

#endif /* CAMPAIGN_SHMEM_H */
