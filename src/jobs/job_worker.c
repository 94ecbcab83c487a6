/*
 * job_worker.c - the loop of a job worker: claim, run, sleep.
 *
 * Whatever is lost with this process is taken over by another one: what is
 * claimed stands in the table, and what runs is not committed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "job_run.h"
#include "job_slots.h"
#include "job_worker.h"
#include "roster.h"
#include "session.h"
#include "settings.h"

#define PACE_TYPES_MAX 64
#define PACE_QUICK_MS  5.0 /* several jobs of a type that takes less are claimed at once */
#define PACE_WEIGHT	   0.2 /* of the last run in the average */
#define PACE_RUNS_MIN  3
#define BATCH_TIME_MS  50 /* then the rest of a batch is given back */
#define RECHECK_MIN_MS 10 /* somebody else just holds what is due; doubles */
#define RECHECK_MAX_MS 250
#define LOOK_MS		   250	/* a busy worker looks from the beginning of the queue */
#define TAKE_OVER_MS   1000 /* and for what was left behind */

/* What a worker remembers of the queue between two looks. */
typedef struct Queue
{
	JobClaim claim;
	bool place_known;
	JobPlace place;			   /* of the last job it got */
	TimestampTz looked_at;	   /* from the beginning */
	TimestampTz taken_over_at; /* when it last looked for what was left behind */
	uint64 ended;			   /* workers, at that time */
	long recheck_ms;
} Queue;

/* How long jobs of a type take: an average of this worker. */
typedef struct Pace
{
	char type[JOB_TYPE_MAX + 1];
	double mean_ms;
	int runs;
} Pace;

static Pace paces[PACE_TYPES_MAX];
static int pace_count = 0;

static void pace_note(const JobRun *run)
{
	Pace *pace = NULL;

	for (int i = 0; i < pace_count && pace == NULL; i++)
	{
		if (strcmp(paces[i].type, run->type) == 0)
			pace = &paces[i];
	}
	if (pace == NULL && pace_count < PACE_TYPES_MAX)
	{
		pace = &paces[pace_count++];
		strlcpy(pace->type, run->type, sizeof(pace->type));
		pace->mean_ms = run->elapsed_ms;
	}
	if (pace == NULL)
		return;
	pace->mean_ms += PACE_WEIGHT * (run->elapsed_ms - pace->mean_ms);
	pace->runs++;
}

static Datum quick_types(void)
{
	Datum names[PACE_TYPES_MAX];
	int count = 0;

	for (int i = 0; i < pace_count; i++)
	{
		if (paces[i].runs >= PACE_RUNS_MIN && paces[i].mean_ms < PACE_QUICK_MS)
			names[count++] = CStringGetTextDatum(paces[i].type);
	}
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static void run_claimed(const JobClaim *claim)
{
	TimestampTz start = GetCurrentTimestamp();

	for (int i = 0; i < claim->count; i++)
	{
		JobRun run;

		job_run(claim->ids[i], &run);
		if (run.type[0] != '\0')
			pace_note(&run);
		CHECK_FOR_INTERRUPTS();
		if (i + 1 < claim->count &&
			(roster_dismissed() ||
			 TimestampDifferenceExceeds(start, GetCurrentTimestamp(), BATCH_TIME_MS)))
		{
			job_queue_release();
			break;
		}
	}
}

/* Behind the last job that this worker got, which is where the next one is most of the time. */
static bool claim_next(Queue *queue)
{
	queue->claim.count = 0;
	if (!queue->place_known ||
		TimestampDifferenceExceeds(queue->looked_at, GetCurrentTimestamp(), LOOK_MS))
		return false;
	job_queue_claim(quick_types(), &queue->place, &queue->claim);
	/* One of a higher priority came between. */
	if (queue->claim.count > 0 && queue->claim.last.priority == queue->place.priority)
		queue->place = queue->claim.last;
	return queue->claim.count > 0;
}

/* From the beginning, with those whose time has come, and those that somebody has left behind. */
static bool claim_first(Queue *queue)
{
	uint64 ended = job_slots_ended();

	queue->looked_at = GetCurrentTimestamp();
	if (ended != queue->ended ||
		TimestampDifferenceExceeds(queue->taken_over_at, queue->looked_at, TAKE_OVER_MS))
	{
		job_queue_take_over();
		queue->ended = ended;
		queue->taken_over_at = queue->looked_at;
	}
	job_queue_claim(quick_types(), NULL, &queue->claim);
	queue->place_known = queue->claim.count > 0;
	queue->place = queue->claim.last;
	return queue->place_known;
}

/* How long to sleep, in milliseconds, after nothing was found. */
static long idle_ms(Queue *queue)
{
	long poll_ms = settings_poll_interval * 1000L;
	long next_ms = job_queue_next_ms();
	long wait_ms = next_ms < 0 ? poll_ms : Min(Max(next_ms, queue->recheck_ms), poll_ms);

	/* A transaction may hold what is due for hours. */
	queue->recheck_ms =
		wait_ms > queue->recheck_ms ? RECHECK_MIN_MS : Min(2 * queue->recheck_ms, RECHECK_MAX_MS);
	return wait_ms;
}

/* Runs what there is; returns how long to sleep, in milliseconds. */
static long work(Queue *queue)
{
	if (!claim_next(queue))
	{
		/* Before the last look: a job that is committed after it wakes us. */
		job_slots_set_idle(true);
		if (!claim_first(queue))
			return idle_ms(queue);
	}
	queue->recheck_ms = RECHECK_MIN_MS;
	job_slots_set_idle(false);
	/* There may be more. */
	job_slots_wake();
	run_claimed(&queue->claim);
	return 0;
}

static void sleep_for(long wait_ms)
{
	if (wait_ms > 0)
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms,
						 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	/* It was for nothing that runs now. */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
}

void campaign_job_worker_main(Datum argument)
{
	Queue *queue = MemoryContextAllocZero(TopMemoryContext, sizeof(Queue));
	MemoryContext turn;
	bool opened = false;

	queue->recheck_ms = RECHECK_MIN_MS;
	job_slots_prepare();
	session_start();
	/* Only the handler of a job can be cancelled: job_run.c. */
	pqsignal(SIGINT, StatementCancelHandler);
	HOLD_CANCEL_INTERRUPTS();
	job_slots_register();
	turn =
		AllocSetContextCreate(TopMemoryContext, "campaign job worker turn", ALLOCSET_DEFAULT_SIZES);
	while (!roster_dismissed())
	{
		long wait_ms = settings_poll_interval * 1000L;

		MemoryContextSwitchTo(turn);
		session_reload();
		/* Without the extension, its creation is what wakes us. */
		job_slots_set_idle(!opened);
		if (session_installed())
		{
			if (!opened)
				job_queue_open();
			opened = true;
			wait_ms = work(queue);
		}
		MemoryContextSwitchTo(turn);
		MemoryContextReset(turn);
		pgstat_report_activity(STATE_IDLE, NULL);
		sleep_for(wait_ms);
	}
	proc_exit(0);
}
