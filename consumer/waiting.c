/*
 * waiting.c - see waiting.h.
 *
 * Nothing depends on what it tells: a failure is tried again with the next look.
 */
#include "waiting.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/message.h"
#include "program/clock.h"
#include "program/stop.h"
#include "report.h"

#define LANES			 (MESSAGE_PARTITIONS + 1)
#define WAITING_LOOK_MS	 500
#define WAITING_LONG_MS	 1500 /* a step that takes longer is worth a word */
#define WAITING_TELL_MS	 5000 /* PostgreSQL forgets what is not said again */
#define WAITING_ANSWER_S 2

/* What PostgreSQL knows of a lane. */
typedef struct Told
{
	bool known;
	bool waits;
	int64_t told_ms;
} Told;

struct Waiting
{
	pthread_t thread;
	atomic_bool running;
	const Config *config;
	Told told[LANES];
};

static const PgStatement STATEMENT = {
	"report_waiting", "SELECT campaign.report_waiting($1::text, $2::text, $3::int8)", 3};

/* When the step of a lane began that is not done; 0: none. */
static atomic_llong since_ms[LANES];

void waiting_began(int lane)
{
	if (atomic_load_explicit(&since_ms[lane], memory_order_relaxed) == 0)
		atomic_store_explicit(&since_ms[lane], clock_ms(), memory_order_relaxed);
}

void waiting_ended(int lane)
{
	atomic_store_explicit(&since_ms[lane], 0, memory_order_relaxed);
}

/* For how long the lane has been waiting, in milliseconds; 0 if that is nothing unusual. */
static int64_t waited_ms(int lane, int64_t now)
{
	int64_t since = atomic_load_explicit(&since_ms[lane], memory_order_relaxed);

	return since != 0 && now - since >= WAITING_LONG_MS ? now - since : 0;
}

static bool is_news(const Told *told, bool waits, int64_t now)
{
	return !told->known || told->waits != waits ||
		   (waits && now >= told->told_ms + WAITING_TELL_MS);
}

/* False if PostgreSQL did not take it. */
static bool tell(PgConnection *postgres, int lane, int64_t waited)
{
	char queue[MESSAGE_QUEUE_NAME_MAX] = MESSAGE_QUEUE_PARALLEL;
	char digits[24];
	const char *values[] = {queue, "MongoDB", waited > 0 ? digits : NULL};
	PGresult *result = NULL;
	Error error = {0};

	if (lane < MESSAGE_PARTITIONS)
		message_partition_queue(lane, queue);
	snprintf(digits, sizeof(digits), "%" PRId64, waited);
	if (pgconn_is_open(postgres) ||
		(pgconn_open(postgres, &error) && pgconn_prepare(postgres, &STATEMENT, &error)))
	{
		if (pgconn_send(postgres, &STATEMENT, values, &error))
			result = pgconn_result(postgres, STATEMENT.name, &error);
	}
	PQclear(result);
	return result != NULL;
}

static void look(Waiting *waiting)
{
	PgConnection postgres = report_pgconn(waiting->config);
	bool taken = true;

	postgres.timeout_s = WAITING_ANSWER_S;
	postgres.answer_timeout_s = WAITING_ANSWER_S;
	for (int lane = 0; lane < LANES && taken && !stop_requested(); lane++)
	{
		Told *told = &waiting->told[lane];
		int64_t now = clock_ms();
		int64_t waited = waited_ms(lane, now);

		if (!is_news(told, waited > 0, now))
			continue;
		taken = tell(&postgres, lane, waited);
		/* Even if it came to nothing: the answer may have been lost. */
		*told = (Told){.known = taken, .waits = waited > 0, .told_ms = now};
	}
	pgconn_close(&postgres);
}

static void *run(void *argument)
{
	Waiting *waiting = argument;

	while (stop_wait(WAITING_LOOK_MS))
		look(waiting);
	atomic_store(&waiting->running, false);
	return NULL;
}

Waiting *waiting_start(const Config *config, Error *error)
{
	Waiting *waiting = calloc(1, sizeof(*waiting));
	int failure;

	if (waiting == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	waiting->config = config;
	atomic_store(&waiting->running, true);
	failure = pthread_create(&waiting->thread, NULL, run, waiting);
	if (failure == 0)
		return waiting;
	error_set(error, ERROR_MEMORY, "cannot start a thread: %s", strerror(failure));
	free(waiting);
	return NULL;
}

bool waiting_running(const Waiting *waiting)
{
	return waiting != NULL && atomic_load(&waiting->running);
}

void waiting_finish(Waiting *waiting)
{
	if (waiting == NULL)
		return;
	(void) pthread_join(waiting->thread, NULL);
	free(waiting);
}
