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
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "job_run.h"
#include "job_slots.h"
#include "job_worker.h"
#include "program/clock.h"
#include "program/looks.h"
#include "program/sometimes.h"
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
#define TAKE_OVER_MS   1000 /* looks for what was left behind are this far apart */
#define SET_BACK_MS	   500	/* less is no sign that somebody has set the clock back */

/* What a worker remembers of the queue between two looks. Times are of the monotonic clock. */
typedef struct Queue
{
	JobClaim claim;
	bool place_known;
	JobPlace place;		   /* of the last job it got */
	bool above;			   /* jobs of higher priorities are looked for there, too */
	Looks looks;		   /* from the beginning */
	int64 take_over_at_ms; /* when to look for what was left behind */
	uint64 ended;		   /* workers, when it last did */
	int64 wall_ahead_ms;   /* of the monotonic clock */
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

static void run_claimed(Queue *queue)
{
	const JobClaim *claim = &queue->claim;
	int64 end_ms = clock_ms() + BATCH_TIME_MS;

	for (int i = 0; i < claim->count; i++)
	{
		JobRun run;

		job_run(claim->ids[i], &run);
		if (run.type[0] != '\0')
			pace_note(&run);
		CHECK_FOR_INTERRUPTS();
		if (i + 1 < claim->count && (roster_dismissed() || clock_ms() > end_ms))
		{
			SOMETIMES("jobs.released");
			job_queue_release(claim, i + 1);
			/* They are the next ones; those of a higher priority are looked for anyway. */
			if (claim->places[i + 1].priority == queue->place.priority)
				queue->place.seq = claim->places[i + 1].seq - 1;
			break;
		}
	}
}

/* Behind the last job that this worker got, which is where the next one is most of the time. */
static bool claim_next(Queue *queue)
{
	int64 start_ms = clock_ms();
	JobPlace last;

	queue->claim.count = 0;
	if (!queue->place_known)
		return false;
	job_queue_claim(quick_types(), &queue->place, queue->above, &queue->claim);
	if (clock_ms() - start_ms >= LOOKS_COSTLY_MS)
		queue->above = false;
	if (queue->claim.count == 0)
		return false;
	last = queue->claim.places[queue->claim.count - 1];
	/* One of a higher priority came between, or one that had another turn. */
	if (last.priority == queue->place.priority && last.seq > 0)
		queue->place = last;
	return true;
}

/* A wait that was computed when the clock was ahead would last as much longer. */
static void check_clock(Queue *queue)
{
	int64 ahead_ms = GetCurrentTimestamp() / 1000 - clock_ms();

	if (ahead_ms < queue->wall_ahead_ms - SET_BACK_MS)
		job_queue_shorten_waits();
	queue->wall_ahead_ms = ahead_ms;
}

/* From the beginning, with those whose time has come, and those that somebody has left behind. */
static bool claim_first(Queue *queue)
{
	uint64 ended = job_slots_ended();
	JobPlace last;

	check_clock(queue);
	if (ended != queue->ended || clock_ms() >= queue->take_over_at_ms)
	{
		job_queue_take_over();
		queue->ended = ended;
		queue->take_over_at_ms = clock_ms() + TAKE_OVER_MS;
	}
	job_queue_claim(quick_types(), NULL, true, &queue->claim);
	if (queue->claim.count == 0)
		return false;
	last = queue->claim.places[queue->claim.count - 1];
	if (!queue->place_known || last.priority != queue->place.priority || last.seq > 0)
		queue->place = last;
	queue->place_known = true;
	return true;
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

/*
 * Claims from the beginning; returns how long to sleep, in milliseconds, if there is nothing. As
 * long as a snapshot is old, this reads over all that was done since, and is done less often.
 */
static long look(Queue *queue)
{
	int64 start_ms = clock_ms();
	long wait_ms = claim_first(queue) ? 0 : idle_ms(queue);

	looks_note(&queue->looks, start_ms, settings_poll_interval * INT64CONST(1000));
	queue->take_over_at_ms = Max(queue->take_over_at_ms, queue->looks.due_ms);
	queue->above = true;
	return wait_ms;
}

/* Runs what there is; returns how long to sleep, in milliseconds. */
static long work(Queue *queue)
{
	if (clock_ms() >= queue->looks.due_ms || !claim_next(queue))
	{
		bool too_costly = queue->place_known && clock_ms() < queue->looks.affordable_ms;
		long wait_ms = 0;

		/* Before the last look: a job that is committed after it wakes us. */
		job_slots_set_idle(true);
		if (!too_costly)
			wait_ms = look(queue);
		else if (!claim_next(queue))
			wait_ms = clock_left_ms(queue->looks.affordable_ms);
		if (queue->claim.count == 0)
			return wait_ms;
	}
	queue->recheck_ms = RECHECK_MIN_MS;
	job_slots_set_idle(false);
	/* There may be more. */
	job_slots_wake();
	run_claimed(queue);
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
	/* Nobody knows what happened to the clock before. */
	queue->wall_ahead_ms = PG_INT64_MAX;
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
		if (session_ready())
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
