/*
 * job_run.h - runs one job that this worker has claimed, in a transaction of
 * its own, and writes down how it ended.
 */
#ifndef CAMPAIGN_JOB_RUN_H
#define CAMPAIGN_JOB_RUN_H

#include "job_queue.h"

typedef struct JobRun
{
	char type[JOB_TYPE_MAX + 1]; /* empty: it was not to be run */
	double elapsed_ms;
} JobRun;

/*
 * Whatever the handler does, this returns: what it did is committed together with the job's end, or
 * rolled back. An error means that the end itself could not be written down.
 */
void job_run(const char *id, JobRun *run);

#endif /* CAMPAIGN_JOB_RUN_H */
