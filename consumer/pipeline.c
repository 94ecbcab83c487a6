/*
 * pipeline.c - one lane's loop; see pipeline.h.
 *
 * While PostgreSQL answers for one chunk, the next one is received and stored.
 * Must never begin the report of a chunk before MongoDB has all of it.
 */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "counters.h"
#include "gate.h"
#include "halt.h"
#include "mark.h"
#include "park.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "program/stop.h"
#include "send.h"
#include "settle.h"
#include "turn.h"

#define IDLE_WAIT_MS  1000 /* a stop wakes earlier; heartbeats want to be sent */
#define CAMPAIGNS_MIN 1024

#define LEAVE_ALONE_MAX_MS 300000

/*
 * An insert that has begun cannot be taken back when its campaign is paused: where the store is
 * slow, fewer documents go into one, until it takes less than this.
 */
#define INSERT_LONG_MS		 400
#define INSERT_SHORT_MS		 100
#define INSERT_DOCUMENTS_MIN 100

/*
 * Where bodies are small, an insert for each handful of them would spend more on journal, report
 * and ack than on the documents. While they keep coming, a small chunk waits a little for more.
 */
#define LINGER_MS		  5
#define LINGER_DELIVERIES 4	  /* in a turn: they keep coming */
#define LINGER_DOCUMENTS  500 /* a chunk of so many is not small */

static void tick(void *pipeline)
{
	receive_heartbeat(((Pipeline *) pipeline)->receive);
}

Pipeline *pipeline_new(const Config *config, const BrokerUrl *url, int lane, Error *error)
{
	Pipeline *pipeline = calloc(1, sizeof(*pipeline));
	int campaigns =
		config->chunk_documents < CAMPAIGNS_MIN ? CAMPAIGNS_MIN : config->chunk_documents;

	error_set(error, ERROR_MEMORY, "out of memory");
	if (pipeline == NULL)
		return NULL;
	pipeline->config = config;
	pipeline->lane = lane;
	pipeline->ordered = lane < MESSAGE_PARTITIONS;
	if (pipeline->ordered)
		message_partition_queue(lane, pipeline->queue);
	else
		snprintf(pipeline->queue, sizeof(pipeline->queue), "%s", MESSAGE_QUEUE_PARALLEL);
	pipeline->receive = receive_new(config, url, pipeline->queue);
	pipeline->dead = deadletter_new(config, url, pipeline->queue);
	pipeline->report = report_new(config, tick, pipeline);
	pipeline->positions = position_new(campaigns);
	pipeline->chunk = chunk_new(config->chunk_documents);
	pipeline->insert_documents = config->chunk_documents;
	pipeline->pending.ranges.items = malloc((size_t) config->chunk_documents * sizeof(Range));
	pipeline->pending.checked.ids =
		malloc((size_t) config->chunk_documents * sizeof(*pipeline->pending.checked.ids));
	if (pipeline->pending.checked.ids == NULL || pipeline->receive == NULL ||
		pipeline->dead == NULL || pipeline->report == NULL || pipeline->positions == NULL ||
		pipeline->chunk == NULL || pipeline->pending.ranges.items == NULL)
	{
		pipeline_free(pipeline);
		return NULL;
	}
	pipeline->store = store_new(config, error);
	if (pipeline->store != NULL && send_setup(pipeline, error))
		return pipeline;
	pipeline_free(pipeline);
	return NULL;
}

void pipeline_free(Pipeline *pipeline)
{
	if (pipeline == NULL)
		return;
	send_free(pipeline->sending);
	receive_free(pipeline->receive);
	deadletter_free(pipeline->dead);
	store_free(pipeline->store);
	report_free(pipeline->report);
	position_free(pipeline->positions);
	chunk_free(pipeline->chunk);
	free(pipeline->pending.ranges.items);
	free(pipeline->pending.checked.ids);
	free(pipeline);
}

static bool step_connect(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return receive_is_open(pipeline->receive) || receive_open(pipeline->receive, error);
}

static bool step_subscribe(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return receive_subscribe(pipeline->receive, error);
}

static bool step_prepare(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return store_prepare(pipeline->store, error) && store_prove(pipeline->store, error);
}

static bool step_prove(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return report_prove(pipeline->report, error);
}

/* Nothing to do for a while. */
static void idle(Pipeline *pipeline)
{
	send_idle(pipeline);
	deadletter_disconnect(pipeline->dead);
	admit_log_suppressed(pipeline);
}

/* How long to wait for the next delivery, in milliseconds. */
static int patience(Pipeline *pipeline)
{
	const Chunk *chunk = pipeline->chunk;
	int64_t left_ms;

	if (!pipeline->pending.active && chunk->tag == 0 && chunk->count == 0)
		return IDLE_WAIT_MS;
	if (!pipeline->flowing || chunk->count >= LINGER_DOCUMENTS)
		return 0;
	if (pipeline->linger_until_ms == 0)
		pipeline->linger_until_ms = clock_ms() + LINGER_MS;
	left_ms = pipeline->linger_until_ms - clock_ms();
	return left_ms > 0 ? (int) left_ms : 0;
}

/* Takes deliveries into the chunk until it is full or none is waiting. */
static Outcome fill(Pipeline *pipeline)
{
	bool flush = false;

	pipeline->deliveries = 0;
	pipeline->linger_until_ms = 0;

	while (!flush && !chunk_is_full(pipeline->chunk))
	{
		int wait_ms = patience(pipeline);
		Outcome outcome;

		if (!pipeline->in_hand)
		{
			Error error = {0};
			ReceiveStatus status;

			if (stop_requested())
				break;
			status = receive_next(pipeline->receive, wait_ms, &pipeline->delivery, &error);
			if (status == RECEIVE_LOST)
				settle_broker_lost(pipeline, &error);
			else if (status == RECEIVE_NOTHING && wait_ms == IDLE_WAIT_MS)
				idle(pipeline);
			if (status != RECEIVE_DELIVERY)
				break;
			pipeline->in_hand = true;
			pipeline->decoded = false;
			pipeline->deliveries++;
		}
		outcome = admit_delivery(pipeline, &flush);
		if (outcome != OUTCOME_OK)
			return outcome;
	}
	return OUTCOME_OK;
}

typedef struct Storing
{
	bool look; /* at the mark, before the insert */
	bool set_back;
} Storing;

/* Finds how many documents the store takes in a fraction of a second. */
static void fit_insert(Pipeline *pipeline, int documents, int64_t took_ms)
{
	int64_t fitting = pipeline->insert_documents;

	if (took_ms > INSERT_LONG_MS)
		fitting = documents * INSERT_LONG_MS / (2 * took_ms);
	else if (took_ms < INSERT_SHORT_MS)
		fitting *= 2;
	if (fitting < INSERT_DOCUMENTS_MIN)
		fitting = INSERT_DOCUMENTS_MIN;
	if (fitting > pipeline->config->chunk_documents)
		fitting = pipeline->config->chunk_documents;
	pipeline->insert_documents = (int) fitting;
}

static bool insert(Pipeline *pipeline, bool *retried, Error *error)
{
	int64_t begun_ms = clock_ms();
	int before = pipeline->chunk->stored;
	bool done =
		store_insert(pipeline->store, pipeline->chunk, pipeline->insert_documents, retried, error);

	if (pipeline->sending == NULL)
		mark_stored(pipeline, before);
	if (done)
		fit_insert(pipeline, pipeline->chunk->stored - before, clock_ms() - begun_ms);
	return done;
}

static bool store_some(Pipeline *pipeline, Storing *storing, Error *error)
{
	bool retried = false;
	bool done;

	/* Not before: the lane may have waited for its turn, or for PostgreSQL, for long. */
	storing->look |= mark_is_due(pipeline);
	if (storing->look && !mark_look(pipeline, &storing->set_back, error))
		return false;
	if (storing->set_back)
		return true;
	storing->look = false;
	if (pipeline->chunk->doubt &&
		!store_look_for_suppressed(pipeline->store, pipeline->chunk, error))
		return false;
	if (pipeline->chunk->look)
	{
		if (!store_look(pipeline->store, pipeline->chunk, error))
			return false;
		chunk_halt(pipeline->chunk);
	}
	chunk_stamp(pipeline->chunk);
	done = insert(pipeline, &retried, error);
	if (retried)
	{
		/*
		 * Nobody knows what an interrupted insert did, nor what MongoDB that comes back has: look
		 * before inserting again, read back before trusting any `next`.
		 */
		SOMETIMES("consumer.insert_without_answer");
		storing->look = true;
		position_clear(pipeline->positions);
	}
	return done;
}

/* After turn_take(). A lane that waits for another attempt leaves its place to the others. */
static bool step_store(Pipeline *pipeline, void *storing, Error *error)
{
	bool done = store_some(pipeline, storing, error);

	gate_leave(done);
	return done;
}

/* How many of each class are left out: look.c compares it with what PostgreSQL knows. */
static void note_suppressed(Pipeline *pipeline)
{
	const Chunk *chunk = pipeline->chunk;

	for (int i = 0; chunk->suppressed > 0 && i < chunk->ranges.count; i++)
	{
		const Range *range = &chunk->ranges.items[i];
		PositionCampaign *campaign;

		if (!range->suppressed)
			continue;
		SOMETIMES("consumer.suppressed");
		campaign = position_find(pipeline->positions, range->campaign_id);
		if (campaign != NULL)
			campaign->classes[range->class].suppressed += range_documents(range);
	}
}

/*
 * A sender goes on until it knows what it has claimed, without the queue: what is claimed and not
 * known is in doubt.
 */
static bool goes_on(Pipeline *pipeline, Outcome outcome)
{
	Error error = {0};

	if (pipeline->sending == NULL || outcome != OUTCOME_RELEASE)
		return false;
	SOMETIMES("consumer.claims_without_the_queue");
	error_set(&error, ERROR_UNREACHABLE, "without the queue: claims wait for a store");
	log_line(LOG_WARNING, error.text, {"queue", pipeline->queue, 0});
	receive_close(pipeline->receive);
	settle_broker_lost(pipeline, &error);
	return true;
}

/* Inserts the chunk; OUTCOME_RELEASE if MongoDB was set back. */
static Outcome insert_chunk(Pipeline *pipeline)
{
	Storing storing = {.look = false};
	const Chunk *chunk = pipeline->chunk;
	Outcome outcome;

	do
	{
		outcome = turn_take(pipeline);
		if (outcome == OUTCOME_OK)
			outcome = attempt_guarded(pipeline, SERVER_MONGODB, step_store, &storing, turn_take);
	} while (goes_on(pipeline, outcome) ||
			 (outcome == OUTCOME_OK && !storing.set_back && chunk->stored < chunk->count));
	if (outcome != OUTCOME_OK || !storing.set_back)
		return outcome;
	log_line(LOG_WARNING, "MongoDB was set back: it lacks what was stored last",
			 {"queue", pipeline->queue, 0});
	if (pipeline->sending != NULL)
		outcome = send_take_back(pipeline);
	return outcome == OUTCOME_OK ? OUTCOME_RELEASE : outcome;
}

static Outcome store_chunk(Pipeline *pipeline)
{
	Chunk *chunk = pipeline->chunk;
	Outcome outcome = pipeline->sending != NULL ? send_claim(pipeline) : OUTCOME_OK;

	if (outcome == OUTCOME_OK)
		outcome = insert_chunk(pipeline);
	if (outcome == OUTCOME_OK && pipeline->sending != NULL)
		outcome = send_chunk(pipeline);
	/* Not at the insert: a sender may have taken back the last of them. */
	if (outcome == OUTCOME_OK && pipeline->sending != NULL)
		mark_stored(pipeline, 0);
	if (outcome == OUTCOME_OK && chunk->parked > 0)
		outcome = park_chunk(pipeline);
	if (outcome != OUTCOME_OK)
		return outcome;
	counters.documents += chunk->count - chunk->parked - chunk->halted - chunk->suppressed;
	if (chunk->halted > 0 && !stop_requested())
		log_line(LOG_INFO, "left out: the campaign is paused or cancelled",
				 {"queue", pipeline->queue, 0}, {"documents", NULL, chunk->halted});
	chunk_leave_out_halted(chunk);
	note_suppressed(pipeline);
	return OUTCOME_OK;
}

/* One chunk. */
static Outcome turn(Pipeline *pipeline)
{
	Chunk *chunk = pipeline->chunk;
	int64_t times_us[4] = {clock_us()};
	Outcome outcome = fill(pipeline);

	pipeline->flowing = pipeline->deliveries >= LINGER_DELIVERIES;
	times_us[1] = clock_us();
	if (outcome == OUTCOME_OK && chunk->count > 0)
		outcome = store_chunk(pipeline);
	times_us[2] = clock_us();
	if (outcome == OUTCOME_OK)
		outcome = settle(pipeline);
	if (outcome == OUTCOME_OK)
		outcome = halt_ask_for_dropped(pipeline);
	times_us[3] = clock_us();
	if (outcome != OUTCOME_OK)
		return outcome;
	if (chunk->ranges.count > 0)
	{
		settle_begin(pipeline);
		log_line(LOG_DEBUG, "stored", {"queue", pipeline->queue, 0},
				 {"documents", NULL, chunk->count}, {"receive_us", NULL, times_us[1] - times_us[0]},
				 {"store_us", NULL, times_us[2] - times_us[1]},
				 {"report_us", NULL, times_us[3] - times_us[2]});
	}
	else
		settle_acknowledge(pipeline, chunk->tag);
	chunk_reset(chunk);
	return OUTCOME_OK;
}

/* Tries each server once, so that the log says at once which ones are away. */
static Outcome try_all(Pipeline *pipeline)
{
	static const struct
	{
		Server server;
		AttemptStep step;
	} steps[] = {{SERVER_MONGODB, step_prepare},
				 {SERVER_POSTGRESQL, step_prove},
				 {SERVER_RABBITMQ, step_connect}};
	Outcome all = OUTCOME_OK;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
	{
		Outcome outcome = attempt_once(pipeline, steps[i].server, steps[i].step, NULL);

		if (outcome == OUTCOME_FATAL || outcome == OUTCOME_STOP)
			return outcome;
		SOMETIMES_IF(outcome != OUTCOME_OK, "consumer.not_subscribed");
		if (outcome != OUTCOME_OK)
			all = outcome;
	}
	return all;
}

/*
 * A queue that was given back again and again, with nothing acked between, is left alone for
 * longer and longer: each time counts towards the broker's delivery limit.
 */
static Outcome leave_alone(const Pipeline *pipeline)
{
	int64_t wait_ms = pipeline->config->hold_s * INT64_C(1000);

	if (pipeline->fruitless < 2)
		return OUTCOME_OK;
	SOMETIMES("consumer.queue_left_alone");
	for (int i = 2; i < pipeline->fruitless && wait_ms < LEAVE_ALONE_MAX_MS; i++)
		wait_ms *= 2;
	if (wait_ms > LEAVE_ALONE_MAX_MS)
		wait_ms = LEAVE_ALONE_MAX_MS;
	return stop_wait((int) wait_ms) ? OUTCOME_OK : OUTCOME_STOP;
}

/*
 * Subscribes last, once both stores have answered in the same round: whoever cannot store must
 * not hold a queue that another consumer could serve.
 */
static Outcome open_all(Pipeline *pipeline)
{
	Outcome outcome = leave_alone(pipeline);

	while (outcome == OUTCOME_OK)
	{
		outcome = try_all(pipeline);
		if (outcome == OUTCOME_OK)
			outcome = attempt_once(pipeline, SERVER_RABBITMQ, step_subscribe, NULL);
		if (outcome != OUTCOME_RETRY)
			break;
		receive_heartbeat(pipeline->receive);
		outcome = retry_wait(&pipeline->retry) ? OUTCOME_OK : OUTCOME_STOP;
	}
	if (outcome == OUTCOME_OK)
		retry_reset(&pipeline->retry);
	return outcome;
}

Outcome pipeline_run(Pipeline *pipeline)
{
	Outcome outcome = OUTCOME_OK;

	while (outcome == OUTCOME_OK && !stop_requested())
	{
		if (!receive_is_open(pipeline->receive))
			outcome = open_all(pipeline);
		if (outcome == OUTCOME_OK)
			outcome = turn(pipeline);
		if (outcome == OUTCOME_RELEASE)
		{
			settle_release(pipeline);
			outcome = OUTCOME_OK;
		}
	}
	if (outcome == OUTCOME_OK)
		outcome = settle(pipeline);
	idle(pipeline);
	receive_close(pipeline->receive);
	return outcome == OUTCOME_FATAL ? OUTCOME_FATAL : OUTCOME_STOP;
}
