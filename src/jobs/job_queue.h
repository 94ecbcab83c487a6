/*
 * job_queue.h - what a job worker reads from and writes to campaign.jobs,
 * through the functions of sql/33_job_queue.sql.
 *
 * SPI only. Calls without "in the transaction" have a short one of their own.
 */
#ifndef CAMPAIGN_JOB_QUEUE_H
#define CAMPAIGN_JOB_QUEUE_H

#include "postgres.h"

#include "job_slots.h"
#include "utils/timestamp.h"

#define JOB_TYPE_MAX  63
#define JOB_BATCH_MAX 20

/* A place in the queue: behind a job of this priority. */
typedef struct JobPlace
{
	int32 priority;
	int64 seq; /* 0: it had another turn, which is behind those that come */
} JobPlace;

typedef struct JobClaim
{
	char ids[JOB_BATCH_MAX][JOB_ID_MAX + 1];
	JobPlace places[JOB_BATCH_MAX];
	int count;
} JobClaim;

typedef struct Job
{
	char id[JOB_ID_MAX + 1];
	char type[JOB_TYPE_MAX + 1];
	char *handler; /* palloc'd in the transaction, as meta */
	Datum meta;
	char account_id[JOB_ID_MAX + 1]; /* of a shared job; else empty */
	double timeout_ms;
	TimestampTz started_at;
	int64 started_us; /* of the monotonic clock */
} Job;

typedef enum JobSettled
{
	JOB_STILL_OURS, /* its end is to be written down */
	JOB_CANCELLED,	/* as was asked for; done */
	JOB_LOST		/* somebody else has it by now */
} JobSettled;

/* Finds out what names this session in the queue. Once, at the beginning. */
void job_queue_open(void);

/* Jobs of sessions that are gone wait again. */
void job_queue_take_over(void);

/* The clock was set back: what waits for another attempt does not wait for longer because of that.
 */
void job_queue_shorten_waits(void);

/*
 * Up to JOB_BATCH_MAX waiting jobs, the first of any type, those behind it of these types (text[]).
 * `after`: only of the same priority behind this place and, with `above`, of higher ones; NULL: all
 * of them, those whose time has come included.
 */
void job_queue_claim(Datum quick_types, const JobPlace *after, bool above, JobClaim *claim);

/* Milliseconds until a job is due; -1: none is scheduled. */
long job_queue_next_ms(void);

/* Gives back what has been claimed, from this place in the claim on. */
void job_queue_release(const JobClaim *claim, int first);

/* In the transaction that runs it: locks the job and fills *job; false if it is not to be run. */
bool job_queue_begin(const char *id, Job *job);

/* In the transaction that ran it: the end. */
void job_queue_finish(const Job *job, Datum result, bool result_is_null);

/* In a transaction: what to do with a job whose attempt ended in an error. */
JobSettled job_queue_settle(const char *id);

/* In a transaction: the attempt failed. */
void job_queue_fail(const Job *job, const char *sqlstate, const char *message);

/* In a transaction: it was interrupted for no reason of its own, and waits again. */
void job_queue_put_back(const char *id);

#endif /* CAMPAIGN_JOB_QUEUE_H */
