/*
 * fate.c - results into MongoDB and PostgreSQL; see fate.h.
 *
 * A result that is not written down is doubt: nothing but a stop ends the
 * attempts.
 */
#include "fate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "halt.h"
#include "outage.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "send_state.h"
#include "settle.h"

/* Begun, nobody knows how it ended, and it may be sent again. */
static bool may_be_resent(const Pipeline *pipeline, const SendItem *item)
{
	return item->state == SEND_ENDED && item->result.state == GATEWAY_UNKNOWN &&
		   !item->result.judged && pipeline->config->in_doubt == IN_DOUBT_RESEND;
}

/* To be taken over by whoever comes next: not while our session lives. */
static bool is_left_in_doubt(const Pipeline *pipeline, const SendItem *item)
{
	return pipeline->sending->ending && may_be_resent(pipeline, item);
}

static void put_back(const Pipeline *pipeline, const SendItem *item, int place,
					 ClaimChanges *changes)
{
	const bson_t *document = &pipeline->chunk->documents[place];
	const char *claim = pipeline->sending->claim;

	if (item->taken)
		claim_put_return(changes, document, claim, &item->found);
	else
		claim_put_removal(changes, document, claim);
}

static ClaimStatus status_of(const SendItem *item, bool decided)
{
	if (decided)
		return CLAIM_REPORTED;
	switch (item->result.state)
	{
		case GATEWAY_SENT:
			return CLAIM_SENT;
		case GATEWAY_FAILED:
			return CLAIM_FAILED;
		default:
			return CLAIM_UNKNOWN;
	}
}

/* False: some claims are left as they are. */
static bool put_all(const Pipeline *pipeline, ClaimChanges *changes)
{
	const Sending *sending = pipeline->sending;
	bool all = true;

	for (int place = 0; place < pipeline->chunk->count; place++)
	{
		const SendItem *item = &sending->items[place];

		if (item->state == SEND_OURS)
			put_back(pipeline, item, place, changes);
		else if (item->state == SEND_ENDED && !is_left_in_doubt(pipeline, item))
			claim_put_result(changes, &pipeline->chunk->documents[place], sending->claim,
							 status_of(item, sending->decided[place]), &item->result,
							 item->ended_ms);
		all &= !is_left_in_doubt(pipeline, item);
	}
	return all;
}

static bool step_write(Pipeline *pipeline, void *changes, Error *error)
{
	return claim_apply(pipeline->store, changes, error);
}

Outcome fate_write(Pipeline *pipeline)
{
	ClaimChanges *changes = claim_changes_new();
	Outcome outcome = OUTCOME_OK;
	Error error = {0};
	bool all;

	pipeline->sending->claims_ended = false;
	if (changes == NULL)
	{
		error_set(&pipeline->error, ERROR_MEMORY, "out of memory");
		return OUTCOME_FATAL;
	}
	all = put_all(pipeline, changes);
	if (claim_changes_count(changes) > 0)
		outcome = attempt(pipeline, SERVER_MONGODB, step_write, changes);
	if (outcome == OUTCOME_RELEASE)
	{
		SOMETIMES("consumer.results_without_the_queue");
		error_set(&error, ERROR_UNREACHABLE, "without the queue: results wait for MongoDB");
		log_line(LOG_WARNING, error.text, {"queue", pipeline->queue, 0});
		receive_close(pipeline->receive);
		settle_broker_lost(pipeline, &error);
		outcome = attempt(pipeline, SERVER_MONGODB, step_write, changes);
	}
	claim_changes_free(changes);
	pipeline->sending->claims_ended = all && outcome == OUTCOME_OK;
	return outcome;
}

/* What PostgreSQL has to know of an item besides that it is done; NULL: nothing. */
static const char *fate_of(const SendItem *item, bool decided, GatewayResult *result)
{
	*result = item->result;
	if (decided)
		return NULL;
	if (item->state == SEND_ENDED)
		return item->result.state == GATEWAY_SENT	  ? NULL
			   : item->result.state == GATEWAY_FAILED ? "failed"
													  : "unknown";
	if (item->state != SEND_KNOWN)
		return NULL;
	result->attempts = item->found.attempts;
	memcpy(result->code, item->found.code, sizeof(result->code));
	memcpy(result->text, item->found.text, sizeof(result->text));
	/* Somebody may have reported it as unknown. */
	if (item->found.status == CLAIM_SENT)
		return "sent";
	return item->found.status == CLAIM_FAILED ? "failed" : "unknown";
}

static void add_fate(bson_t *fates, uint32_t *count, const Range *range, int64_t seq,
					 const char *state, const GatewayResult *result)
{
	char digits[16];
	const char *key;
	size_t length = bson_uint32_to_string(*count, &key, digits, sizeof(digits));
	bool silent = strcmp(state, "unknown") == 0 && *result->code == '\0';
	bson_t fate;

	++*count;
	bson_append_document_begin(fates, key, (int) length, &fate);
	BSON_APPEND_UTF8(&fate, "campaign", range->campaign_id);
	BSON_APPEND_UTF8(&fate, "class", message_class_name(range->class));
	BSON_APPEND_INT64(&fate, "seq", seq);
	BSON_APPEND_UTF8(&fate, "state", state);
	BSON_APPEND_UTF8(&fate, "code", silent ? "in-doubt" : result->code);
	BSON_APPEND_UTF8(&fate, "text",
					 silent ? "its sender died before it said how it ended" : result->text);
	BSON_APPEND_INT32(&fate, "attempts", result->attempts);
	bson_append_document_end(fates, &fate);
}

typedef struct Sums
{
	int64_t processed;
	int64_t failed;
	int64_t sending_us;
} Sums;

static void collect(Pipeline *pipeline, bson_t *fates, Sums *sums)
{
	const RangeList *ranges = &pipeline->chunk->ranges;
	const Sending *sending = pipeline->sending;
	uint32_t count = 0;

	for (int i = 0; i < ranges->count; i++)
	{
		const Range *range = &ranges->items[i];

		for (int j = 0; j < range_documents(range); j++)
		{
			int place = range->first_document + j;
			const SendItem *item = &sending->items[place];
			GatewayResult result;
			const char *state = fate_of(item, sending->decided[place], &result);

			if (state != NULL)
				add_fate(fates, &count, range, range->first_seq + j, state, &result);
			if (item->state != SEND_ENDED || sending->decided[place])
				continue;
			sums->processed++;
			sums->failed += item->result.state == GATEWAY_FAILED;
			sums->sending_us += item->result.took_us;
		}
	}
}

bool fate_is_open(Pipeline *pipeline)
{
	const RangeList *ranges = &pipeline->chunk->ranges;
	bool away = outage_lasts(pipeline);

	for (int i = 0; i < ranges->count; i++)
	{
		Range *range = &ranges->items[i];
		const SendItem *items = &pipeline->sending->items[range->first_document];

		if (halt_covers(pipeline, range))
			continue;
		for (int j = 0; j < range_documents(range); j++)
		{
			if (items[j].state == SEND_OURS || (away && may_be_resent(pipeline, &items[j])))
				return true;
		}
	}
	return false;
}

/* What was not begun, or is left for somebody to take over, is not done. */
static void leave_out(Pipeline *pipeline)
{
	Chunk *chunk = pipeline->chunk;

	for (int place = 0; place < chunk->count; place++)
	{
		const SendItem *item = &pipeline->sending->items[place];

		if (item->state != SEND_OURS && !is_left_in_doubt(pipeline, item))
			continue;
		chunk->states[place] = CHUNK_HALTED;
		chunk->halted++;
	}
	chunk_leave_out_halted(chunk);
}

Outcome fate_tell(Pipeline *pipeline)
{
	bson_t body = BSON_INITIALIZER;
	bson_t fates;
	Sums sums = {0};
	char *json;
	bool done;

	leave_out(pipeline);
	BSON_APPEND_ARRAY_BEGIN(&body, "fates", &fates);
	collect(pipeline, &fates, &sums);
	bson_append_array_end(&body, &fates);
	json = bson_as_relaxed_extended_json(&body, NULL);
	done = json != NULL && sender_fates(pipeline->sending->sender, json, sums.processed,
										sums.failed, sums.sending_us);
	bson_free(json);
	bson_destroy(&body);
	if (done)
		return OUTCOME_OK;
	error_set(&pipeline->error, ERROR_MEMORY, "out of memory");
	return OUTCOME_FATAL;
}
