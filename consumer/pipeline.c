/*
 * pipeline.c - one lane's loop; see pipeline.h.
 *
 * While PostgreSQL answers for one chunk, the next one is received and stored.
 * Must never ack a delivery before MongoDB and then PostgreSQL have answered
 * for all of it.
 */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "counters.h"
#include "park.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/stop.h"

#define IDLE_WAIT_MS  1000 /* a stop wakes earlier; heartbeats want to be sent */
#define CAMPAIGNS_MIN 1024

/*
 * Where bodies are small, an insert for each handful of them would spend more on journal, report
 * and ack than on the documents. While they keep coming, a small chunk waits a little for more.
 */
#define LINGER_MS		  5
#define LINGER_DELIVERIES 4	  /* in a turn: they keep coming */
#define LINGER_DOCUMENTS  500 /* a chunk of so many is not small */

/* The one place that says what follows from an error. */
static const struct
{
	Outcome server;	  /* talking to a server failed */
	Outcome delivery; /* the delivery itself is wrong */
} OUTCOMES[] = {
	[ERROR_NONE] = {OUTCOME_OK, OUTCOME_OK},
	[ERROR_CONFIG] = {OUTCOME_FATAL, OUTCOME_FATAL},
	[ERROR_UNREACHABLE] = {OUTCOME_RETRY, OUTCOME_RETRY},
	/* Passwords and rights are changed on the running server, too. */
	[ERROR_REFUSED] = {OUTCOME_RETRY, OUTCOME_RETRY},
	[ERROR_PROTOCOL] = {OUTCOME_RETRY, OUTCOME_REJECT},
	[ERROR_MEMORY] = {OUTCOME_FATAL, OUTCOME_FATAL},
};

Outcome pipeline_delivery_outcome(ErrorCode code)
{
	return OUTCOMES[code].delivery;
}

/* One attempt, with its line in the log if that is news. */
static Outcome try_step(Pipeline *pipeline, Server server, PipelineStep step)
{
	Error error = {0};
	Outcome outcome;

	if (step(pipeline, &error))
	{
		health_back(server, pipeline->lane);
		return OUTCOME_OK;
	}
	outcome = OUTCOMES[error.code].server;
	if (outcome != OUTCOME_RETRY)
		pipeline->error = error;
	else if (stop_requested())
		outcome = OUTCOME_STOP;
	else
		health_away(server, pipeline->lane, &error);
	return outcome;
}

Outcome pipeline_persist(Pipeline *pipeline, Server server, PipelineStep step)
{
	Outcome outcome;

	while ((outcome = try_step(pipeline, server, step)) == OUTCOME_RETRY)
	{
		if (!retry_wait(&pipeline->retry))
			return OUTCOME_STOP;
		receive_heartbeat(pipeline->receive);
	}
	if (outcome == OUTCOME_OK)
		retry_reset(&pipeline->retry);
	return outcome;
}

static void tick(void *pipeline)
{
	receive_heartbeat(((Pipeline *) pipeline)->receive);
}

Pipeline *pipeline_new(const Config *config, const BrokerUrl *url, int lane, Error *error)
{
	Pipeline *pipeline = calloc(1, sizeof(*pipeline));
	int campaigns =
		config->batch_documents < CAMPAIGNS_MIN ? CAMPAIGNS_MIN : config->batch_documents;

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
	pipeline->order = order_new(campaigns);
	pipeline->chunk = chunk_new(config->batch_documents);
	pipeline->pending.ranges.items = malloc((size_t) config->batch_documents * sizeof(Range));
	if (pipeline->receive == NULL || pipeline->dead == NULL || pipeline->report == NULL ||
		pipeline->order == NULL || pipeline->chunk == NULL ||
		pipeline->pending.ranges.items == NULL)
	{
		pipeline_free(pipeline);
		return NULL;
	}
	pipeline->store = store_new(config, error);
	if (pipeline->store != NULL)
		return pipeline;
	pipeline_free(pipeline);
	return NULL;
}

void pipeline_free(Pipeline *pipeline)
{
	if (pipeline == NULL)
		return;
	receive_free(pipeline->receive);
	deadletter_free(pipeline->dead);
	store_free(pipeline->store);
	report_free(pipeline->report);
	order_free(pipeline->order);
	chunk_free(pipeline->chunk);
	free(pipeline->pending.ranges.items);
	free(pipeline);
}

/* All deliveries come again on the next connection: their tags mean nothing any more. */
static void forget_deliveries(Pipeline *pipeline)
{
	pipeline->in_hand = false;
	pipeline->chunk->tag = 0;
	pipeline->pending.tag = 0;
	/* Another consumer may have the queue meanwhile: what we remember grows old. */
	order_clear(pipeline->order);
}

static void broker_lost(Pipeline *pipeline, const Error *error)
{
	forget_deliveries(pipeline);
	if (!stop_requested())
		health_away(SERVER_RABBITMQ, pipeline->lane, error);
}

static void acknowledge(Pipeline *pipeline, uint64_t tag)
{
	Error error = {0};

	if (tag != 0 && receive_is_open(pipeline->receive) &&
		!receive_ack(pipeline->receive, tag, &error))
		broker_lost(pipeline, &error);
}

static void note_completed(const Pipeline *pipeline, int64_t campaigns)
{
	if (campaigns <= 0)
		return;
	counters.campaigns += campaigns;
	log_line(LOG_INFO, "sent", {"campaigns", NULL, campaigns}, {"queue", pipeline->queue, 0});
}

static bool step_report(Pipeline *pipeline, Error *error)
{
	int64_t completed = 0;

	if (!report_is_pending(pipeline->report) &&
		!report_send(pipeline->report, &pipeline->pending.ranges, error))
		return false;
	if (!report_collect(pipeline->report, &completed, error))
		return false;
	note_completed(pipeline, completed);
	return true;
}

Outcome pipeline_settle(Pipeline *pipeline)
{
	Outcome outcome;
	uint64_t tag;

	if (!pipeline->pending.active)
		return OUTCOME_OK;
	outcome = pipeline_persist(pipeline, SERVER_POSTGRESQL, step_report);
	if (outcome != OUTCOME_OK)
		return outcome;
	pipeline->pending.active = false;
	tag = pipeline->pending.tag;
	acknowledge(pipeline, tag);
	return OUTCOME_OK;
}

static bool step_connect(Pipeline *pipeline, Error *error)
{
	return receive_open(pipeline->receive, error);
}

static bool step_prepare(Pipeline *pipeline, Error *error)
{
	return store_prepare(pipeline->store, error);
}

static bool step_report_ready(Pipeline *pipeline, Error *error)
{
	return report_ready(pipeline->report, error);
}

/* Nothing to do for a while. */
static void rest(Pipeline *pipeline)
{
	deadletter_rest(pipeline->dead);
	admit_log_rest(pipeline);
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
				broker_lost(pipeline, &error);
			else if (status == RECEIVE_NOTHING && wait_ms == IDLE_WAIT_MS)
				rest(pipeline);
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

static bool step_store(Pipeline *pipeline, Error *error)
{
	const RangeList *ranges = &pipeline->chunk->ranges;
	bool retried = false;
	bool done = store_insert(pipeline->store, pipeline->chunk, &retried, error);

	/* Nobody knows what an interrupted insert did: read back before trusting `next`. */
	for (int i = 0; retried && i < ranges->count; i++)
		order_forget(pipeline->order, ranges->items[i].campaign_id);
	return done;
}

static Outcome store_chunk(Pipeline *pipeline)
{
	Outcome outcome = pipeline_persist(pipeline, SERVER_MONGODB, step_store);

	if (outcome == OUTCOME_OK && pipeline->chunk->conflicts > 0)
		outcome = conflict_park(pipeline);
	if (outcome == OUTCOME_OK)
		counters.documents += pipeline->chunk->count - pipeline->chunk->conflicts;
	return outcome;
}

/* The chunk is stored: its report goes out, its ack waits for the answer. */
static void start_report(Pipeline *pipeline)
{
	Error error;

	chunk_copy_ranges(&pipeline->pending.ranges, &pipeline->chunk->ranges);
	pipeline->pending.tag = pipeline->chunk->tag;
	pipeline->pending.active = true;
	/* A failure shows again in pipeline_settle(), which repeats it until it succeeds. */
	(void) report_send(pipeline->report, &pipeline->pending.ranges, &error);
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
		outcome = pipeline_settle(pipeline);
	times_us[3] = clock_us();
	if (outcome != OUTCOME_OK)
		return outcome;
	if (chunk->count > 0)
	{
		start_report(pipeline);
		log_line(LOG_DEBUG, "stored", {"queue", pipeline->queue, 0},
				 {"documents", NULL, chunk->count}, {"receive_us", NULL, times_us[1] - times_us[0]},
				 {"store_us", NULL, times_us[2] - times_us[1]},
				 {"report_us", NULL, times_us[3] - times_us[2]});
	}
	else
		acknowledge(pipeline, chunk->tag);
	chunk_reset(chunk);
	return OUTCOME_OK;
}

/* Tries each server once in a round, so that the log says at once which ones are away. */
static Outcome open_all(Pipeline *pipeline)
{
	static const struct
	{
		Server server;
		PipelineStep step;
	} steps[] = {{SERVER_MONGODB, step_prepare},
				 {SERVER_POSTGRESQL, step_report_ready},
				 {SERVER_RABBITMQ, step_connect}};
	enum
	{
		STEPS = sizeof(steps) / sizeof(*steps)
	};
	bool open[STEPS] = {false};
	int missing;

	do
	{
		missing = 0;
		for (int i = 0; i < STEPS && !stop_requested(); i++)
		{
			Outcome outcome =
				open[i] ? OUTCOME_OK : try_step(pipeline, steps[i].server, steps[i].step);

			if (outcome == OUTCOME_FATAL)
				return outcome;
			open[i] = outcome == OUTCOME_OK;
			missing += !open[i];
		}
		receive_heartbeat(pipeline->receive);
	} while (missing > 0 && retry_wait(&pipeline->retry));
	retry_reset(&pipeline->retry);
	return missing > 0 || stop_requested() ? OUTCOME_STOP : OUTCOME_OK;
}

Outcome pipeline_run(Pipeline *pipeline)
{
	Outcome outcome = open_all(pipeline);

	while (outcome == OUTCOME_OK && !stop_requested())
	{
		if (!receive_is_open(pipeline->receive))
			outcome = pipeline_persist(pipeline, SERVER_RABBITMQ, step_connect);
		if (outcome == OUTCOME_OK)
			outcome = turn(pipeline);
	}
	if (outcome == OUTCOME_OK)
		outcome = pipeline_settle(pipeline);
	rest(pipeline);
	receive_close(pipeline->receive);
	return outcome == OUTCOME_FATAL ? OUTCOME_FATAL : OUTCOME_STOP;
}
