/*
 * job_worker.h - the background workers that run jobs, campaign.job_workers of
 * them in each database.
 */
#ifndef CAMPAIGN_JOB_WORKER_H
#define CAMPAIGN_JOB_WORKER_H

#include "postgres.h"

#define JOB_WORKER_TYPE "campaign job worker" /* pg_stat_activity.backend_type */

/* Entry point; bgw_extra holds the name of the database. */
PGDLLEXPORT void campaign_job_worker_main(Datum argument);

#endif /* CAMPAIGN_JOB_WORKER_H */
