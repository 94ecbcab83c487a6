/*
 * requests.h - who has asked for a proof, in shared memory: campaign_verify() asks in a transaction
 * that may stay open, and a row of it would be seen only after its end.
 *
 * A hint, as a wake-up is: what is lost with a crash is asked for again. Results stand in tables.
 */
#ifndef CAMPAIGN_PROOF_REQUESTS_H
#define CAMPAIGN_PROOF_REQUESTS_H

#include "postgres.h"

#include "storage/lwlock.h"

Size requests_shmem_size(void);
void requests_shmem_attach(void *memory, LWLock *lock, bool fresh);

#endif /* CAMPAIGN_PROOF_REQUESTS_H */
