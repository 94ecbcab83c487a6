/*
 * registration.h - what the postmaster is told of a background worker.
 */
#ifndef CAMPAIGN_REGISTRATION_H
#define CAMPAIGN_REGISTRATION_H

#include "postgres.h"

#include "postmaster/bgworker.h"

/* One of this type (pg_stat_activity.backend_type), which begins in this function of the library.
 */
void registration_describe(BackgroundWorker *worker, const char *type, const char *function);

/*
 * The campaign worker of a database (number 0), or one of its job workers. Its end is told to the
 * calling process, which starts it again.
 */
void registration_describe_worker(BackgroundWorker *worker, const char *database, int number);

#endif /* CAMPAIGN_REGISTRATION_H */
