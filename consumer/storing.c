/*
 * storing.c - a chunk into MongoDB; see storing.h.
 *
 * Must never insert without having asked whether the campaign is halted.
 */
#include "storing.h"

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

/*
 * An insert that has begun cannot be taken back when its campaign is paused: where the store is
 * slow, fewer documents go into one, until it takes less than this.
 */
#define INSERT_LONG_MS		 400
#define INSERT_SHORT_MS		 100
#define INSERT_DOCUMENTS_MIN 100

/* Without an insert for so long nobody knows how fast the store is: the next one is a small one. */
#define INSERT_IDLE_MS 1000

typedef struct Storing
{
	bool look; /* at the mark, before the insert */
	bool set_back;
} Storing;

static int insert_documents(const Pipeline *pipeline, int64_t now_ms)
{
	int most = pipeline->config->chunk_documents;

	if (now_ms - pipeline->inserted_ms < INSERT_IDLE_MS)
		return pipeline->insert_documents;
	return most < INSERT_DOCUMENTS_MIN ? most : INSERT_DOCUMENTS_MIN;
}

/* Finds how many documents the store takes in a fraction of a second. */
static void fit_insert(Pipeline *pipeline, int documents, int64_t took_ms)
{
	int64_t fitting = pipeline->insert_documents;

	if (took_ms > INSERT_LONG_MS)
		fitting = documents * INSERT_LONG_MS / (2 * took_ms);
	else if (took_ms < INSERT_SHORT_MS && documents >= fitting)
		fitting *= 2;
	if (fitting < INSERT_DOCUMENTS_MIN)
		fitting = INSERT_DOCUMENTS_MIN;
	if (fitting > pipeline->config->chunk_documents)
		fitting = pipeline->config->chunk_documents;
	pipeline->insert_documents = (int) fitting;
}

/* Whether it ended before a document that was refused, or that was there already. */
static bool was_cut_short(const Chunk *chunk)
{
	return chunk->stored < chunk->count && chunk->states[chunk->stored] != CHUNK_MISSING;
}

static bool insert(Pipeline *pipeline, bool *retried, Error *error)
{
	int64_t begun_ms = clock_ms();
	Chunk *chunk = pipeline->chunk;
	int before = chunk->stored;
	bool done;

	pipeline->insert_documents = insert_documents(pipeline, begun_ms);
	done = store_insert(pipeline->store, chunk, pipeline->insert_documents, retried, error);
	if (pipeline->sending == NULL)
		mark_stored(pipeline, before);
	/* How long that takes says nothing of how many documents fit. */
	if (done && !was_cut_short(chunk))
		fit_insert(pipeline, chunk->stored - before, clock_ms() - begun_ms);
	if (done)
		pipeline->inserted_ms = clock_ms();
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
	/* Nothing of what is there by now was begun. */
	if (outcome == OUTCOME_STOP && pipeline->sending != NULL)
		(void) send_take_back(pipeline);
	if (outcome != OUTCOME_OK || !storing.set_back)
		return outcome;
	log_line(LOG_WARNING, "MongoDB was set back: it lacks what was stored last",
			 {"queue", pipeline->queue, 0});
	if (pipeline->sending != NULL)
		outcome = send_take_back(pipeline);
	return outcome == OUTCOME_OK ? OUTCOME_RELEASE : outcome;
}

Outcome storing_run(Pipeline *pipeline)
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
		log_line(LOG_INFO, "left out: the campaign is paused, cancelled or behind its deadline",
				 {"queue", pipeline->queue, 0}, {"documents", NULL, chunk->halted});
	chunk_leave_out_halted(chunk);
	note_suppressed(pipeline);
	return OUTCOME_OK;
}
