/*
 * shmem.h - the extension's shared memory: who sleeps (wake.h), and what the
 * job workers run (job_slots.h).
 */
#ifndef CAMPAIGN_SHARED_H
#define CAMPAIGN_SHARED_H

/* Asks for it; called by _PG_init() in the postmaster. */
void shared_request(void);

#endif /* CAMPAIGN_SHARED_H */
