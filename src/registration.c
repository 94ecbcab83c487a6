/*
 * registration.c - what the postmaster is told of a background worker; see registration.h.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "jobs/job_worker.h"
#include "publish/worker.h"
#include "registration.h"

void registration_describe(BackgroundWorker *worker, const char *type, const char *function)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	strlcpy(worker->bgw_library_name, "campaign", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_type, type, sizeof(worker->bgw_type));
	strlcpy(worker->bgw_name, type, sizeof(worker->bgw_name));
}

void registration_describe_worker(BackgroundWorker *worker, const char *database, int number)
{
	if (number == 0)
	{
		registration_describe(worker, WORKER_TYPE, "campaign_worker_main");
		snprintf(worker->bgw_name, sizeof(worker->bgw_name), WORKER_TYPE " for %s", database);
	}
	else
	{
		registration_describe(worker, JOB_WORKER_TYPE, "campaign_job_worker_main");
		snprintf(worker->bgw_name, sizeof(worker->bgw_name), JOB_WORKER_TYPE " %d for %s", number,
				 database);
	}
	strlcpy(worker->bgw_extra, database, sizeof(worker->bgw_extra));
	worker->bgw_main_arg = Int32GetDatum(number);
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	worker->bgw_notify_pid = MyProcPid;
}
