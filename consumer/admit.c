/*
 * admit.c - what happens to one delivery; see admit.h.
 *
 * Must never let a document into the chunk before all those in front of it in
 * its campaign are stored or in the chunk.
 */
#include "admit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "counters.h"
#include "envelope.h"
#include "gap.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "resume.h"
#include "settle.h"

/* The servers are asked again, and a gap is reported again, not more often than this. */
#define ASK_AGAIN_MS  2000
#define REJECT_LOG_MS 1000

/* The delivery needs nothing more but the ack. */
static Outcome finish(Pipeline *pipeline)
{
	pipeline->chunk->tag = pipeline->delivery.tag;
	pipeline->in_hand = false;
	receive_done(pipeline->receive);
	return OUTCOME_OK;
}

typedef struct Reject
{
	const char *reason;
} Reject;

static bool step_reject(Pipeline *pipeline, void *argument, Error *error)
{
	const Delivery *delivery = &pipeline->delivery;
	const Reject *reject = argument;

	return deadletter_publish(pipeline->dead, delivery->properties, delivery->body,
							  delivery->length, reject->reason, error);
}

/* A queue full of rubbish must not fill the disk with log lines. */
static void log_reject(Pipeline *pipeline, const char *reason)
{
	int64_t now_ms = clock_ms();

	if (pipeline->reject_logged_ms != 0 && now_ms - pipeline->reject_logged_ms < REJECT_LOG_MS)
	{
		pipeline->rejects_suppressed++;
		return;
	}
	admit_log_suppressed(pipeline);
	log_line(LOG_WARNING, "sent to the dead letters", {"queue", pipeline->queue, 0},
			 {"reason", reason, 0});
	pipeline->reject_logged_ms = now_ms;
}

void admit_log_suppressed(Pipeline *pipeline)
{
	if (pipeline->rejects_suppressed == 0)
		return;
	log_line(LOG_WARNING, "more sent to the dead letters", {"queue", pipeline->queue, 0},
			 {"count", NULL, pipeline->rejects_suppressed});
	pipeline->rejects_suppressed = 0;
}

static Outcome reject(Pipeline *pipeline, const char *reason)
{
	Outcome outcome = attempt(pipeline, SERVER_RABBITMQ, step_reject, &(Reject){reason});

	if (outcome != OUTCOME_OK)
		return outcome;
	SOMETIMES("consumer.rejected");
	counters.dead++;
	log_reject(pipeline, reason);
	return finish(pipeline);
}

/* True if the body is decoded; else *outcome says what became of the delivery. */
static bool decode(Pipeline *pipeline, Outcome *outcome)
{
	const Delivery *delivery = &pipeline->delivery;
	Error *error = &pipeline->error;
	bool done;

	if (delivery->claimed > delivery->length)
		done = error_set(error, ERROR_PROTOCOL,
						 "body of %" PRIu64 " bytes, %zu are allowed: cut off here",
						 delivery->claimed, delivery->length);
	else
	{
		/* The decoder undoes escapes in place; a dead letter wants the original. */
		memcpy(pipeline->body, delivery->body, delivery->length);
		done = decode_batch(pipeline->body, delivery->length, &pipeline->batch, error) &&
			   envelope_check(delivery->properties, &pipeline->batch, error);
	}
	if (!done)
	{
		*outcome = attempt_delivery_outcome(error->code);
		if (*outcome == OUTCOME_REJECT)
			*outcome = reject(pipeline, error->text);
		return false;
	}
	pipeline->decoded = true;
	pipeline->place = 0;
	chunk_use(pipeline->chunk, &pipeline->batch);
	return true;
}

/* Whoever stores it looks first whether MongoDB still has what its place was read from. */
static void note_behind(PositionCampaign *campaign, Range *range)
{
	range->read_ms = campaign->read_ms;
	memcpy(range->behind, campaign->behind, sizeof(range->behind));
	campaign->unmarked = false;
}

/* Puts what fits into the chunk. */
static Outcome add(Pipeline *pipeline, PositionCampaign *campaign, bool doubtful)
{
	const DecodedBatch *batch = &pipeline->batch;
	PositionClass *class = &campaign->classes[batch->class];
	const RangeList *ranges = &pipeline->chunk->ranges;
	int first = ranges->count;

	pipeline->place = chunk_add(pipeline->chunk, pipeline->place, doubtful);
	/* What may not be stored moves nothing. */
	if (pipeline->ordered && !doubtful)
		class->next = batch->first_seq + pipeline->place;
	for (int i = first; i < ranges->count; i++)
	{
		ranges->items[i].late = doubtful && !campaign->halted;
		ranges->items[i].valid_until_ms = campaign->valid_until_ms;
	}
	if (campaign->unmarked && ranges->count > first)
		note_behind(campaign, &ranges->items[first]);
	return pipeline->place == batch->count ? finish(pipeline) : OUTCOME_OK;
}

/*
 * Something in front of the batch is missing, so it cannot be stored. It is
 * dropped: PostgreSQL publishes again from what is missing, this one included.
 */
static Outcome drop_behind_gap(Pipeline *pipeline, PositionClass *class, bool *flush)
{
	int64_t now_ms = clock_ms();
	Outcome outcome;

	if (class->gap_next == class->next && now_ms - class->gap_ms < ASK_AGAIN_MS)
	{
		SOMETIMES("consumer.gap_reported_already");
		return finish(pipeline);
	}

	/* PostgreSQL must know what is stored before it hears what is missing. */
	if (pipeline->chunk->count > 0)
	{
		*flush = true;
		return OUTCOME_OK;
	}
	outcome = settle(pipeline);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (!receive_is_open(pipeline->receive))
	{
		*flush = true;
		return OUTCOME_OK;
	}
	SOMETIMES("consumer.gap");
	outcome = gap_report(pipeline, pipeline->batch.campaign_id, pipeline->batch.class, class->next);
	if (outcome != OUTCOME_OK)
		return outcome;
	class->gap_next = class->next;
	class->gap_ms = now_ms;
	return finish(pipeline);
}

/*
 * The memory of the campaign does not fit the batch and may be the one that is
 * wrong (the campaign was reset, a server restored): asks the servers, then the
 * batch is looked at again.
 */
static Outcome refresh(Pipeline *pipeline, bool *flush)
{
	if (pipeline->chunk->count == 0)
		return resume_campaign(pipeline, pipeline->batch.campaign_id, flush);
	*flush = true;
	return OUTCOME_OK;
}

/* Without an order a batch that was published twice may come twice in a row. */
static bool is_in_chunk(const Pipeline *pipeline, int64_t first_seq, int64_t last_seq)
{
	const RangeList *ranges = &pipeline->chunk->ranges;

	for (int i = 0; i < ranges->count; i++)
	{
		const Range *range = &ranges->items[i];

		if (range->class == pipeline->batch.class && range->first_seq <= last_seq &&
			range->last_seq >= first_seq &&
			strcmp(range->campaign_id, pipeline->batch.campaign_id) == 0)
			return true;
	}
	return false;
}

/* Behind its deadline only those go on who were left out for that. */
static bool is_too_late(const Pipeline *pipeline, const PositionCampaign *campaign)
{
	const DecodedBatch *batch = &pipeline->batch;

	if (clock_ms() < campaign->valid_until_ms)
		return false;
	for (int place = pipeline->place; place < batch->count; place++)
	{
		if (batch->recipients[place].identifier != NULL)
			return true;
	}
	return false;
}

static Outcome admit_known(Pipeline *pipeline, PositionCampaign *campaign, bool *flush)
{
	const DecodedBatch *batch = &pipeline->batch;
	PositionClass *class = &campaign->classes[batch->class];
	int64_t last_seq = batch->first_seq + batch->count - 1;
	int64_t from = batch->first_seq + pipeline->place;
	bool fits = class->known && last_seq <= class->total;
	PositionDecision decision = POSITION_STORE;

	/* A sender's claim is that of its chunk: a second copy would pass for its own, and be sent. */
	if (pipeline->sending != NULL && !pipeline->ordered && is_in_chunk(pipeline, from, last_seq))
	{
		*flush = true;
		return OUTCOME_OK;
	}
	if (fits && (campaign->halted || is_too_late(pipeline, campaign)))
		return add(pipeline, campaign, true);
	if (fits && pipeline->ordered)
		decision = position_decide(class->next, batch->first_seq, last_seq, &from);
	if (fits && decision == POSITION_STORE)
	{
		SOMETIMES_IF(from > batch->first_seq + pipeline->place, "consumer.overlap");
		pipeline->place = (int) (from - batch->first_seq);
		return add(pipeline, campaign, false);
	}
	if (clock_ms() - campaign->read_ms >= ASK_AGAIN_MS)
	{
		SOMETIMES("consumer.asked_again");
		return refresh(pipeline, flush);
	}
	if (!class->known)
		return reject(pipeline, "the campaign has no recipients of this class");
	if (!fits)
		return reject(pipeline, "more recipients than the campaign has");
	if (decision == POSITION_DONE)
	{
		SOMETIMES("consumer.stored_already");
		return finish(pipeline);
	}
	return drop_behind_gap(pipeline, class, flush);
}

Outcome admit_delivery(Pipeline *pipeline, bool *flush)
{
	Outcome outcome = OUTCOME_OK;
	PositionCampaign *campaign;

	if (!pipeline->decoded && !decode(pipeline, &outcome))
		return outcome;
	campaign = position_find(pipeline->positions, pipeline->batch.campaign_id);
	if (campaign == NULL)
	{
		outcome = resume_campaign(pipeline, pipeline->batch.campaign_id, flush);
		if (outcome != OUTCOME_OK || *flush)
			return outcome;
		campaign = position_find(pipeline->positions, pipeline->batch.campaign_id);
	}
	if (campaign == NULL)
		return reject(pipeline, "unknown campaign");
	return admit_known(pipeline, campaign, flush);
}
