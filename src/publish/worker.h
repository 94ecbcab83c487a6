/*
 * worker.h - the background worker of one database, from rows to the broker.
 */
#ifndef CAMPAIGN_WORKER_H
#define CAMPAIGN_WORKER_H

#include "postgres.h"

#define WORKER_TYPE "campaign worker" /* pg_stat_activity.backend_type */

/* Entry point; bgw_extra holds the name of the database. */
PGDLLEXPORT void campaign_worker_main(Datum argument);

#endif /* CAMPAIGN_WORKER_H */
