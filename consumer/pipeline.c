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
#include "halt.h"
#include "outage.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "program/stop.h"
#include "send.h"
#include "settle.h"
#include "storing.h"

#define IDLE_WAIT_MS  1000 /* a stop wakes earlier; heartbeats want to be sent */
#define CAMPAIGNS_MIN 1024

#define LEAVE_ALONE_MAX_MS 300000

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
	receive_look(pipeline->receive);
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

/* One chunk. */
static Outcome turn(Pipeline *pipeline)
{
	Chunk *chunk = pipeline->chunk;
	int64_t times_us[4] = {clock_us()};
	Outcome outcome = fill(pipeline);

	pipeline->flowing = pipeline->deliveries >= LINGER_DELIVERIES;
	times_us[1] = clock_us();
	if (outcome == OUTCOME_OK && chunk->count > 0)
		outcome = storing_run(pipeline);
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

	if (outcome == OUTCOME_OK)
		outcome = outage_wait(pipeline);
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
