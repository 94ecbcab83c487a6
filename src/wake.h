/*
 * wake.h - who sleeps and who wakes them: the only shared memory of the
 * extension.
 */
#ifndef CAMPAIGN_WAKE_H
#define CAMPAIGN_WAKE_H

/* Asks for the shared memory; called by _PG_init() in the postmaster. */
void wake_request_shared_memory(void);

/* Whether the library was loaded by shared_preload_libraries. */
bool wake_available(void);

/* The calling process sleeps for a database (InvalidOid: the launcher), until it exits. */
void wake_register(Oid database);

/* Whether the worker waits for stored messages; else reports need not wake it. */
void wake_set_waiting_for_progress(bool waiting);

/* Wakes the launcher and the worker of the current database when this transaction commits. */
void wake_at_commit(void);

/* The same, if that worker waits for stored messages. */
void wake_at_commit_for_progress(void);

#endif /* CAMPAIGN_WAKE_H */
