/*
 * park.c - parking recipients that contradict MongoDB; see park.h.
 *
 * Runs after the chunk is stored and before it is reported, so that after a
 * crash the redelivered batch finds the same conflicts again.
 */
#include "park.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attributes_text.h"
#include "counters.h"
#include "envelope.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "ranges.h"
#include "settle.h"

#define REASON_CONFLICT "conflict: the document is stored with other content"
#define REASON_REFUSED	"MongoDB refuses the document: a unique index or a validation rule"

/* The recipient at `place` of the chunk. */
typedef struct Parked
{
	const Range *range;
	int64_t seq;
	const bson_t *document;
	const char *reason;
} Parked;

static Parked parked_at(const Chunk *chunk, int place)
{
	Parked parked = {.document = &chunk->documents[place],
					 .reason =
						 chunk->states[place] == CHUNK_REFUSED ? REASON_REFUSED : REASON_CONFLICT};
	int at = chunk->ranges.count - 1;

	while (chunk->ranges.items[at].first_document > place)
		at--;
	parked.range = &chunk->ranges.items[at];
	parked.seq = parked.range->first_seq + place - parked.range->first_document;
	return parked;
}

/* Our own document: the field is there. */
static const char *field(const bson_t *document, const char *name, uint32_t *length)
{
	bson_iter_t iter;

	*length = 0;
	if (!bson_iter_init_find(&iter, document, name))
		return "";
	return bson_iter_utf8(&iter, length);
}

/* Its attributes as JSON into `out`, of MESSAGE_ATTRIBUTES_MAX bytes; no attributes if it has none.
 */
static MessageOwn own_of(const bson_t *document, char *out)
{
	MessageOwn own = {.text = NULL};
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, document, MESSAGE_FIELD_ATTRIBUTES))
		return own;
	own.attributes = out;
	own.attributes_length = attributes_text(&iter, out, MESSAGE_ATTRIBUTES_MAX);
	return own;
}

/*
 * A body with this one recipient, as the worker would have published it to this one alone: with its
 * text for the campaign's, and of the lower version if it brings nothing else.
 */
static bool compose(const Parked *parked, MessageBody *body, char *escaped, Error *error)
{
	char json[MESSAGE_ATTRIBUTES_MAX];
	uint32_t text_length;
	uint32_t identifier_length;
	uint32_t phone_length;
	const char *text = field(parked->document, MESSAGE_FIELD_TEXT, &text_length);
	const char *identifier = field(parked->document, MESSAGE_FIELD_IDENTIFIER, &identifier_length);
	const char *phone = field(parked->document, MESSAGE_FIELD_PHONE_NUMBER, &phone_length);
	size_t escaped_length = message_escape(text, text_length, escaped, MESSAGE_BODY_MAX);
	MessageOwn own = own_of(parked->document, json);

	body->version = own.attributes != NULL ? MESSAGE_VERSION_OWN : MESSAGE_VERSION;
	if (escaped_length == 0 || (own.attributes != NULL && own.attributes_length == 0) ||
		!message_begin(body, parked->range->campaign_id, parked->range->class, parked->seq,
					   parked->seq, escaped, escaped_length) ||
		!message_add_own(body, identifier, identifier_length, phone, phone_length, &own))
		return error_set(error, ERROR_MEMORY, "a recipient does not fit a body");
	message_end(body);
	return true;
}

static bool step_publish(Pipeline *pipeline, void *argument, Error *error)
{
	const Parked *parked = argument;
	size_t size = MESSAGE_BODY_MAX;
	MessageBody body = {.buffer = malloc(size), .capacity = size};
	char *escaped = malloc(size);
	amqp_table_entry_t entries[] = {
		envelope_text(MESSAGE_HEADER_CAMPAIGN_ID, parked->range->campaign_id),
		envelope_text(MESSAGE_HEADER_CLASS, message_class_name(parked->range->class)),
		envelope_number(MESSAGE_HEADER_FIRST_SEQ, parked->seq),
		envelope_number(MESSAGE_HEADER_COUNT, 1),
		envelope_number(MESSAGE_HEADER_VERSION, MESSAGE_VERSION_OWN), /* left out in version 1 */
	};
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_TYPE_FLAG,
		.content_type = amqp_cstring_bytes(MESSAGE_CONTENT_TYPE),
		.type = amqp_cstring_bytes(MESSAGE_TYPE),
		.headers = {.entries = entries}};
	bool done = false;

	if (body.buffer == NULL || escaped == NULL)
		error_set(error, ERROR_MEMORY, "out of memory");
	else if (compose(parked, &body, escaped, error))
	{
		properties.headers.num_entries = body.version == MESSAGE_VERSION ? 4 : 5;
		done = deadletter_publish(pipeline->dead, &properties, body.buffer, body.length,
								  parked->reason, error);
	}
	free(body.buffer);
	free(escaped);
	return done;
}

static bool step_report(Pipeline *pipeline, void *argument, Error *error)
{
	const Parked *parked = argument;

	return report_conflict(pipeline->report, parked->range->campaign_id, parked->range->class,
						   parked->seq, parked->reason, error);
}

/* What of a campaign is parked already. */
typedef struct Known
{
	const char *campaign_id; /* NULL: nothing known yet */
	ReportClass classes[MESSAGE_CLASSES];
} Known;

static bool step_known(Pipeline *pipeline, void *argument, Error *error)
{
	Known *known = argument;

	return report_position(pipeline->report, known->campaign_id, known->classes, error);
}

/*
 * A batch that comes again, after a restart say, has the same recipients to park: one dead letter
 * for each is enough.
 */
static Outcome ask_known(Pipeline *pipeline, Known *known, const Parked *parked, bool *is_known)
{
	Outcome outcome = OUTCOME_OK;

	if (known->campaign_id == NULL || strcmp(known->campaign_id, parked->range->campaign_id) != 0)
	{
		known->campaign_id = parked->range->campaign_id;
		outcome = attempt(pipeline, SERVER_POSTGRESQL, step_known, known);
	}
	*is_known = outcome == OUTCOME_OK &&
				ranges_end(known->classes[parked->range->class].failed, parked->seq) != 0;
	return outcome;
}

static Outcome park(Pipeline *pipeline, Parked *parked)
{
	Outcome outcome = attempt(pipeline, SERVER_RABBITMQ, step_publish, parked);

	if (outcome == OUTCOME_OK)
		outcome = attempt(pipeline, SERVER_POSTGRESQL, step_report, parked);
	if (outcome == OUTCOME_OK)
	{
		SOMETIMES("consumer.parked");
		counters.dead++;
	}
	return outcome;
}

Outcome park_chunk(Pipeline *pipeline)
{
	const Chunk *chunk = pipeline->chunk;
	Outcome outcome = settle(pipeline);
	const char *reason = "";
	Known known = {.campaign_id = NULL};
	int64_t count = 0;

	for (int place = 0; outcome == OUTCOME_OK && place < chunk->count; place++)
	{
		Parked parked;
		bool is_known;

		if (chunk->states[place] != CHUNK_CONFLICT && chunk->states[place] != CHUNK_REFUSED)
			continue;
		parked = parked_at(chunk, place);
		outcome = ask_known(pipeline, &known, &parked, &is_known);
		SOMETIMES_IF(is_known, "consumer.parked_before");
		if (outcome != OUTCOME_OK || is_known)
			continue;
		outcome = park(pipeline, &parked);
		reason = parked.reason;
		count++;
	}
	if (outcome == OUTCOME_OK && count > 0)
		log_line(LOG_WARNING, "sent to the dead letters", {"queue", pipeline->queue, 0},
				 {"reason", reason, 0}, {"count", NULL, count});
	return outcome;
}
