/*
 * send.c - sending a chunk; see send.h.
 *
 * Must never begin a message that this attempt has not claimed, nor go on once
 * the session of its claim is gone: others then take it for dead.
 */
#include "send.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attributes_text.h"
#include "doubt.h"
#include "fate.h"
#include "halt.h"
#include "outage.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "program/stop.h"
#include "send_state.h"
#include "settle.h"

#define POLL_MS		  50 /* how often a stop is looked for */
#define POLL_RESULTS  64 /* taken at once */
#define HEARTBEAT_MS  1000
#define CHUNK_MS	  1000 /* a chunk should take no longer */
#define STOP_GRACE_MS 4000 /* for answers, before the program is ended from outside */

void send_free(Sending *sending)
{
	if (sending == NULL)
		return;
	if (sending->self != NULL)
		sending->gateway->close(sending->self);
	sender_free(sending->sender);
	free(sending->items);
	free(sending->decided);
	free(sending);
}

bool send_setup(Pipeline *pipeline, Error *error)
{
	const Config *config = pipeline->config;
	const Gateway *gateway = gateway_at(config->gateway);
	Sending *sending;

	if (!gateway->sends)
		return true;
	sending = calloc(1, sizeof(*sending));
	if (sending == NULL)
		return error_set(error, ERROR_MEMORY, "out of memory");
	pipeline->sending = sending;
	sending->gateway = gateway;
	sending->most = config->chunk_documents;
	sending->items = calloc((size_t) sending->most, sizeof(*sending->items));
	sending->decided = calloc((size_t) sending->most, 1);
	sending->sender = sender_new(config, pipeline->queue, pipeline->report);
	if (sending->items == NULL || sending->decided == NULL || sending->sender == NULL)
		return error_set(error, ERROR_MEMORY, "out of memory");
	pipeline->chunk->claims = true;
	/* Small until it is known how long a message takes. */
	pipeline->chunk->capacity =
		config->gateways.in_flight < sending->most ? config->gateways.in_flight : sending->most;
	sending->self = gateway->open(&config->gateways, error);
	return sending->self != NULL;
}

static bool step_hold(Pipeline *pipeline, void *unused, Error *error)
{
	Sending *sending = pipeline->sending;

	(void) unused;
	return sender_hold(sending->sender, pipeline->chunk, sending->decided, error);
}

static bool is_still_claimer(const Sending *sending)
{
	return strcmp(sending->claimer, sender_id(sending->sender)) == 0;
}

Outcome send_claim(Pipeline *pipeline)
{
	Sending *sending = pipeline->sending;
	Outcome outcome = settle(pipeline);

	memset(sending->items, 0, (size_t) pipeline->chunk->count * sizeof(*sending->items));
	if (outcome == OUTCOME_OK)
		outcome = attempt(pipeline, SERVER_POSTGRESQL, step_hold, NULL);
	if (outcome != OUTCOME_OK)
		return outcome;
	sending->holding = true;
	/* A new session has not been told. */
	if (!is_still_claimer(sending))
		sending->waits_ms = 0;
	memcpy(sending->claimer, sender_id(sending->sender), sizeof(sending->claimer));
	snprintf(sending->claim, sizeof(sending->claim), "%s-%016" PRIx64, sending->claimer,
			 (uint64_t) ++sending->claims);
	chunk_claim(pipeline->chunk, sending->claim);
	return OUTCOME_OK;
}

void send_idle(Pipeline *pipeline)
{
	Sending *sending = pipeline->sending;

	if (sending == NULL || !sending->holding || report_is_pending(pipeline->report))
		return;
	/* If it fails: whoever asks finds that what is held is done. */
	sending->holding = attempt_once(pipeline, SERVER_POSTGRESQL, step_hold, NULL) != OUTCOME_OK;
}

/* What this attempt has inserted is its own. */
static void mark_own(Pipeline *pipeline)
{
	for (int place = 0; place < pipeline->chunk->count; place++)
	{
		SendItem *item = &pipeline->sending->items[place];

		if (pipeline->chunk->states[place] == CHUNK_MISSING && item->state == SEND_NOTHING)
			item->state = SEND_OURS;
	}
}

static const char *text_of(const bson_t *document, const char *name)
{
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, document, name))
		return "";
	return bson_iter_utf8(&iter, NULL);
}

/* The attributes of a document as JSON, which the caller frees; NULL if it has none. */
static char *attributes_of(const bson_t *document)
{
	bson_iter_t iter;
	char *json;
	size_t length;

	if (!bson_iter_init_find(&iter, document, MESSAGE_FIELD_ATTRIBUTES))
		return NULL;
	json = malloc(MESSAGE_ATTRIBUTES_MAX + 1);
	if (json == NULL)
		return NULL;
	length = attributes_text(&iter, json, MESSAGE_ATTRIBUTES_MAX);
	json[length] = '\0';
	return json;
}

/* False: the gateway has its hands full. */
static bool begin(Pipeline *pipeline, int place)
{
	Sending *sending = pipeline->sending;
	SendItem *item = &sending->items[place];
	const bson_t *document = &pipeline->chunk->documents[place];
	GatewayMessage message = {.tag = item,
							  .campaign_id = text_of(document, MESSAGE_FIELD_CAMPAIGN_ID),
							  .id = text_of(document, MESSAGE_FIELD_IDENTIFIER),
							  .number = text_of(document, MESSAGE_FIELD_PHONE_NUMBER),
							  .text = text_of(document, MESSAGE_FIELD_TEXT)};

	message.attributes = item->attributes = attributes_of(document);
	if (!sending->gateway->submit(sending->self, &message))
	{
		free(item->attributes);
		item->attributes = NULL;
		return false;
	}
	item->state = SEND_BEGUN;
	log_line(LOG_DEBUG, "begun", {"queue", pipeline->queue, 0}, {"identifier", message.id, 0});
	return true;
}

/* Where the loop over a chunk is. */
typedef struct Delivering
{
	int range;	  /* of the next document */
	int place;	  /* the next document to begin */
	int begun;	  /* without a result */
	int halted;	  /* ranges that the gateway was told of */
	bool over;	  /* nothing is begun any more */
	bool settled; /* the gateway makes no further attempts */
	bool abandoned;
	Outcome outcome; /* why, if not OK */
	int64_t over_ms;
	int64_t heartbeat_ms;
} Delivering;

static bool is_halted(Pipeline *pipeline, Delivering *delivering)
{
	const RangeList *ranges = &pipeline->chunk->ranges;

	while (delivering->range + 1 < ranges->count &&
		   ranges->items[delivering->range + 1].first_document <= delivering->place)
		delivering->range++;
	return halt_covers(pipeline, &ranges->items[delivering->range]);
}

static void begin_some(Pipeline *pipeline, Delivering *delivering)
{
	Sending *sending = pipeline->sending;

	for (; delivering->place < pipeline->chunk->count; delivering->place++)
	{
		SendItem *item = &sending->items[delivering->place];

		if (item->state != SEND_OURS || is_halted(pipeline, delivering))
			continue;
		if (sending->decided[delivering->place])
		{
			SOMETIMES("consumer.reported_before");
			item->state = SEND_ENDED;
			item->ended_ms = clock_wall_ms();
			continue;
		}
		/* One is enough to find out. */
		if (delivering->begun > 0 && outage_lasts(pipeline))
			return;
		if (!begin(pipeline, delivering->place))
			return;
		delivering->begun++;
	}
}

static void take_results(Pipeline *pipeline, Delivering *delivering)
{
	Sending *sending = pipeline->sending;
	GatewayResult results[POLL_RESULTS];
	int count = sending->gateway->poll(sending->self, POLL_MS, results, POLL_RESULTS);

	for (int i = 0; i < count; i++)
	{
		SendItem *item = results[i].tag;

		item->state = results[i].state == GATEWAY_NOT_BEGUN ? SEND_OURS : SEND_ENDED;
		item->result = results[i];
		item->ended_ms = clock_wall_ms();
		free(item->attributes);
		item->attributes = NULL;
		delivering->begun--;
	}
}

static void end(Delivering *delivering, Outcome outcome)
{
	if (delivering->over)
		return;
	delivering->over = true;
	delivering->outcome = outcome;
	delivering->over_ms = clock_ms();
}

static bool is_of_halted(const void *pipeline, const void *item)
{
	const Sending *sending = ((const Pipeline *) pipeline)->sending;

	return halt_is_marked(pipeline, (int) ((const SendItem *) item - sending->items));
}

/* Whether anything more may be begun. */
static void look_around(Pipeline *pipeline, Delivering *delivering)
{
	Sending *sending = pipeline->sending;

	if (clock_ms() - delivering->heartbeat_ms >= HEARTBEAT_MS)
	{
		receive_heartbeat(pipeline->receive);
		delivering->heartbeat_ms = clock_ms();
	}
	if (stop_requested())
		end(delivering, OUTCOME_STOP);
	else if (!delivering->over &&
			 (halt_look(pipeline, &sending->halt) != OUTCOME_OK || !is_still_claimer(sending)))
	{
		SOMETIMES("consumer.session_lost_while_sending");
		end(delivering, OUTCOME_RELEASE);
	}
	else if (!delivering->over && outage_holds(pipeline))
	{
		sending->held_back = true;
		end(delivering, OUTCOME_RELEASE);
	}
	if (!delivering->over && sending->halt.asked_ms == 0)
		outage_say_wait(pipeline);
	/* What waits in the gateway is not begun either: the other campaigns go on. */
	if (!delivering->over && halt_count(pipeline) > delivering->halted &&
		sending->gateway->settle != NULL)
		sending->gateway->settle(sending->self, is_of_halted, pipeline);
	delivering->halted = halt_count(pipeline);
	if (delivering->over && !delivering->settled && sending->gateway->settle != NULL)
		sending->gateway->settle(sending->self, NULL, NULL);
	delivering->settled = delivering->over;
	/* Until PostgreSQL has answered, nobody knows whether this is still wanted. */
	if (sending->gateway->hold != NULL)
		sending->gateway->hold(sending->self, sending->halt.asked_ms != 0);
	if (delivering->over && stop_requested() && !delivering->abandoned &&
		clock_ms() - delivering->over_ms >= STOP_GRACE_MS)
	{
		SOMETIMES("consumer.sending_abandoned");
		sending->gateway->abandon(sending->self);
		delivering->abandoned = true;
	}
}

static Outcome deliver(Pipeline *pipeline)
{
	Delivering delivering = {
		.outcome = OUTCOME_OK, .halted = halt_count(pipeline), .heartbeat_ms = clock_ms()};

	do
	{
		look_around(pipeline, &delivering);
		if (!delivering.over && pipeline->sending->halt.asked_ms == 0)
			begin_some(pipeline, &delivering);
		if (delivering.begun > 0)
			take_results(pipeline, &delivering);
	} while (delivering.begun > 0 ||
			 (!delivering.over && delivering.place < pipeline->chunk->count));
	/* The last ones may have come back: they would be acknowledged as if nobody wanted them. */
	if (!delivering.over && fate_is_open(pipeline))
	{
		pipeline->sending->held_back = outage_lasts(pipeline);
		return OUTCOME_RELEASE;
	}
	return delivering.outcome;
}

/* The next chunk takes about CHUNK_MS: so long others wait for what it holds. */
static void fit_chunk(Pipeline *pipeline, int64_t took_ms)
{
	const Sending *sending = pipeline->sending;
	int64_t fitting = (int64_t) pipeline->chunk->count * CHUNK_MS / (took_ms > 0 ? took_ms : 1);
	int64_t least = pipeline->config->gateways.in_flight;

	if (fitting > 2 * (int64_t) pipeline->chunk->capacity)
		fitting = 2 * (int64_t) pipeline->chunk->capacity;
	/* One that failed during an outage says nothing about how long sending takes. */
	if (pipeline->chunk->single && least < pipeline->chunk->capacity)
		least = pipeline->chunk->capacity;
	if (fitting < least)
		fitting = least;
	pipeline->chunk->capacity = (int) (fitting < sending->most ? fitting : sending->most);
}

/* As many bodies as the next chunk needs: what waits here beyond that, another one could send. */
static void fit_bodies(Pipeline *pipeline)
{
	const Chunk *chunk = pipeline->chunk;
	int of_body = chunk->count / (pipeline->deliveries > 0 ? pipeline->deliveries : 1);
	Error error = {0};

	if (of_body > 0 &&
		!receive_fit(pipeline->receive, (chunk->capacity + of_body - 1) / of_body, &error))
		settle_broker_lost(pipeline, &error);
}

Outcome send_chunk(Pipeline *pipeline)
{
	int64_t begun_ms = clock_ms();
	Outcome looked;
	Outcome outcome;
	Outcome written;

	pipeline->sending->held_back = false;
	mark_own(pipeline);
	outcome = looked = doubt_settle(pipeline);
	if (outcome == OUTCOME_OK)
		outcome = is_still_claimer(pipeline->sending) ? deliver(pipeline) : OUTCOME_RELEASE;
	pipeline->sending->ending = outcome != OUTCOME_OK;
	/* Whatever happened: what was sent is written down, and what was not begun is given back. */
	written = fate_write(pipeline);
	halt_look_end(pipeline, &pipeline->sending->halt);
	if (written != OUTCOME_OK)
		return written;
	outage_look(pipeline);
	fit_chunk(pipeline, clock_ms() - begun_ms);
	if (outcome == OUTCOME_OK)
		fit_bodies(pipeline);
	/* Stopped before it was known what others have of it: then none of it may be reported. */
	if (outcome == OUTCOME_STOP && looked == OUTCOME_OK)
		pipeline->chunk->tag = 0;
	else if (outcome != OUTCOME_OK)
		return outcome;
	return fate_tell(pipeline);
}

Outcome send_take_back(Pipeline *pipeline)
{
	mark_own(pipeline);
	return fate_write(pipeline);
}
