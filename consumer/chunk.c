/*
 * chunk.c - BSON documents put together from hoisted pieces; see chunk.h.
 *
 * A document is written by hand into one long buffer: what a batch has in
 * common (message, campaign, class, dates) is prepared once and copied, which
 * costs a fifth of building each document through libbson's calls.
 */
#include "chunk.h"

#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "program/clock.h"

/* Everything in a document but the two variable texts, its shared part, attributes and dates. */
#define DOCUMENT_FIXED 128
#define SHARED_SIZE	   (MESSAGE_TEXT_MAX_BYTES + 256)
#define DOCUMENT_MAX                                                                               \
	(SHARED_SIZE + DOCUMENT_FIXED + MESSAGE_ID_MAX + MESSAGE_PHONE_MAX + ATTRIBUTES_BSON_MAX + 192)

Chunk *chunk_new(int capacity)
{
	Chunk *chunk = calloc(1, sizeof(*chunk));
	size_t documents = (size_t) capacity;

	if (chunk == NULL)
		return NULL;
	chunk->capacity = capacity;
	/* bson_t asks for 128-byte alignment. */
	chunk->documents = aligned_alloc(128, documents * sizeof(bson_t));
	chunk->states = malloc(documents);
	chunk->bytes = malloc(CHUNK_BYTES_MAX + DOCUMENT_MAX);
	chunk->shared = malloc(SHARED_SIZE);
	chunk->ranges.items = malloc(documents * sizeof(Range));
	chunk->resumed.items = malloc(documents * sizeof(Range));
	if (chunk->documents == NULL || chunk->states == NULL || chunk->bytes == NULL ||
		chunk->shared == NULL || chunk->ranges.items == NULL || chunk->resumed.items == NULL)
	{
		chunk_free(chunk);
		return NULL;
	}
	chunk_reset(chunk);
	return chunk;
}

void chunk_free(Chunk *chunk)
{
	if (chunk == NULL)
		return;
	free(chunk->documents);
	free(chunk->states);
	free(chunk->bytes);
	free(chunk->shared);
	free(chunk->ranges.items);
	free(chunk->resumed.items);
	free(chunk);
}

void chunk_reset(Chunk *chunk)
{
	chunk->count = 0;
	chunk->stored = 0;
	chunk->parked = 0;
	chunk->halted = 0;
	chunk->suppressed = 0;
	chunk->look = false;
	chunk->doubt = false;
	chunk->split = false;
	chunk->left_out = false;
	chunk->full = false;
	chunk->tag = 0;
	chunk->used = 0;
	chunk->ranges.count = 0;
	chunk->resumed.count = 0;
}

bool chunk_is_full(const Chunk *chunk)
{
	return chunk->full || chunk->count == chunk->capacity || chunk->used >= CHUNK_BYTES_MAX;
}

static uint8_t *add_claim(Chunk *chunk, uint8_t *at)
{
	static const char nobody[CLAIM_LENGTH];

	at = document_text(at, CHUNK_FIELD_STATUS, CHUNK_SENDING, strlen(CHUNK_SENDING));
	at = document_text(at, CHUNK_FIELD_CLAIM, nobody, CLAIM_LENGTH);
	chunk->claim_at = (size_t) (at - chunk->dates) - CLAIM_LENGTH - 1;
	return at;
}

void chunk_use(Chunk *chunk, const DecodedBatch *batch)
{
	uint8_t *at = chunk->shared;

	chunk->batch = batch;
	message_document_prefix(batch->campaign_id, chunk->prefix);
	at = document_text(at, MESSAGE_FIELD_TEXT, batch->text, batch->text_length);
	chunk->text_length = (size_t) (at - chunk->shared);
	at = document_text(at, "campaign_id", batch->campaign_id, strlen(batch->campaign_id));
	at = document_text(at, "class", message_class_name(batch->class),
					   strlen(message_class_name(batch->class)));
	chunk->shared_length = (size_t) (at - chunk->shared);

	at = chunk->dates;
	at = document_date(at, "created_at", 0);
	at = document_date(at, "updated_at", 0);
	at = document_bool(at, "deleted", false);
	if (chunk->claims)
		at = add_claim(chunk, at);
	*at++ = 0;
	chunk->dates_length = (size_t) (at - chunk->dates);
}

static void add_range(Chunk *chunk, int64_t seq, bool suppressed, bool doubtful)
{
	const DecodedBatch *batch = chunk->batch;
	RangeList *ranges = &chunk->ranges;
	Range *last;

	if (ranges->count > 0)
	{
		last = &ranges->items[ranges->count - 1];
		if (last->class == batch->class && last->last_seq + 1 == seq &&
			last->doubtful == doubtful && last->suppressed == suppressed &&
			strcmp(last->campaign_id, batch->campaign_id) == 0)
			return;
	}
	last = &ranges->items[ranges->count];
	ranges->count++;
	memcpy(last->campaign_id, batch->campaign_id, sizeof(last->campaign_id));
	last->class = batch->class;
	last->first_seq = seq;
	last->last_seq = seq - 1;
	last->first_document = chunk->count;
	last->doubtful = doubtful;
	last->halted = false;
	last->ended = false;
	last->late = false;
	last->valid_until_ms = INT64_MAX;
	last->resumed = false;
	last->suppressed = suppressed;
	last->read_ms = 0;
}

/* The shared fields, with the recipient's own text in the place of the campaign's if it has one. */
static uint8_t *add_shared(const Chunk *chunk, const DecodedRecipient *recipient, uint8_t *at)
{
	size_t skipped = 0;

	if (recipient->text != NULL)
	{
		at = document_text(at, MESSAGE_FIELD_TEXT, recipient->text, recipient->text_length);
		skipped = chunk->text_length;
	}
	memcpy(at, chunk->shared + skipped, chunk->shared_length - skipped);
	return at + chunk->shared_length - skipped;
}

/* What is stored of a recipient, behind its _id. */
static uint8_t *add_fields(const Chunk *chunk, const DecodedRecipient *recipient, int64_t seq,
						   uint8_t *at)
{
	at = document_text(at, MESSAGE_FIELD_IDENTIFIER, recipient->identifier,
					   recipient->identifier_length);
	at = document_text(at, MESSAGE_FIELD_PHONE_NUMBER, recipient->phone_number,
					   recipient->phone_length);
	at = document_int64(add_shared(chunk, recipient, at), "seq", seq);
	if (recipient->attributes != NULL)
		at = document_inner(at, MESSAGE_FIELD_ATTRIBUTES, recipient->attributes);
	return at;
}

static void add_document(Chunk *chunk, const DecodedRecipient *recipient, int64_t seq)
{
	bool suppressed = recipient->identifier == NULL;
	uint8_t *start = chunk->bytes + chunk->used;
	uint8_t *at = start + 4;
	uint8_t id[MESSAGE_DOCUMENT_ID_SIZE];

	message_document_id(chunk->prefix, chunk->batch->class, seq, id);
	at = document_binary(at, "_id", id, sizeof(id));
	if (!suppressed)
		at = add_fields(chunk, recipient, seq, at);
	memcpy(at, chunk->dates, chunk->dates_length);
	at += chunk->dates_length;
	document_length(start, (size_t) (at - start));

	/* Cannot fail: the length in front is the one we wrote. */
	(void) bson_init_static(&chunk->documents[chunk->count], start, (size_t) (at - start));
	chunk->states[chunk->count] = suppressed ? CHUNK_SUPPRESSED : CHUNK_MISSING;
	chunk->suppressed += suppressed;
	chunk->doubt |= suppressed;
	chunk->used += (size_t) (at - start);
	chunk->count++;
}

int chunk_add(Chunk *chunk, int from, bool doubtful)
{
	const DecodedBatch *batch = chunk->batch;
	int place = from;

	if (chunk_is_full(chunk))
		return place;
	while (place < batch->count && !chunk_is_full(chunk))
	{
		const DecodedRecipient *recipient = &batch->recipients[place];
		bool alone = chunk->single && recipient->identifier != NULL && !doubtful;

		chunk->full = alone;
		if (alone && chunk->count > 0)
			return place;
		add_range(chunk, batch->first_seq + place, recipient->identifier == NULL, doubtful);
		add_document(chunk, recipient, batch->first_seq + place);
		chunk->ranges.items[chunk->ranges.count - 1].last_seq = batch->first_seq + place;
		place++;
	}
	return place;
}

void chunk_stamp(Chunk *chunk)
{
	/* The dates stand at the end of each document, the first one behind its type and name. */
	const size_t first = 1 + sizeof("created_at");
	const size_t second = first + 8 + 1 + sizeof("updated_at");
	int64_t now_ms = clock_wall_ms();

	for (int place = 0; place < chunk->count; place++)
	{
		const bson_t *document = &chunk->documents[place];
		/* In chunk->bytes, which is ours to write. */
		uint8_t *dates =
			(uint8_t *) (uintptr_t) bson_get_data(document) + document->len - chunk->dates_length;

		(void) document_int64_bytes(dates + first, now_ms);
		(void) document_int64_bytes(dates + second, now_ms);
	}
}

void chunk_claim(Chunk *chunk, const char *claim)
{
	for (int place = 0; place < chunk->count; place++)
	{
		const bson_t *document = &chunk->documents[place];
		/* In chunk->bytes, which is ours to write. */
		uint8_t *dates =
			(uint8_t *) (uintptr_t) bson_get_data(document) + document->len - chunk->dates_length;

		memcpy(dates + chunk->claim_at, claim, CLAIM_LENGTH);
	}
}

static void halt_documents(Chunk *chunk, const Range *range)
{
	int from = range->first_document > chunk->stored ? range->first_document : chunk->stored;
	int end = range->first_document + range_documents(range);

	for (int place = from; place < end; place++)
	{
		uint8_t *state = &chunk->states[place];

		if (*state == CHUNK_CONFLICT)
			chunk->parked--;
		if (*state == CHUNK_SUPPRESSED)
			chunk->suppressed--;
		if (*state == CHUNK_PRESENT || *state == CHUNK_REFUSED || *state == CHUNK_HALTED)
			continue;
		*state = CHUNK_HALTED;
		chunk->halted++;
	}
}

void chunk_halt(Chunk *chunk)
{
	for (int i = 0; i < chunk->ranges.count; i++)
	{
		if (chunk->ranges.items[i].halted)
			halt_documents(chunk, &chunk->ranges.items[i]);
	}
	chunk->look = false;
}

/* Appends the parts of a range that are stored. */
static void add_stored_parts(const Chunk *chunk, const Range *range, RangeList *stored)
{
	bool open = false;

	for (int i = 0; i < range_documents(range); i++)
	{
		uint8_t state = chunk->states[range->first_document + i];
		bool suppressed = state == CHUNK_SUPPRESSED;
		Range *part;

		if (state == CHUNK_HALTED)
		{
			open = false;
			continue;
		}
		if (!open || stored->items[stored->count - 1].suppressed != suppressed)
		{
			part = &stored->items[stored->count++];
			*part = *range;
			part->first_seq = range->first_seq + i;
			part->first_document = range->first_document + i;
			part->suppressed = suppressed;
			open = true;
		}
		stored->items[stored->count - 1].last_seq = range->first_seq + i;
	}
}

void chunk_leave_out_halted(Chunk *chunk)
{
	RangeList all = chunk->ranges;
	RangeList stored = {.items = chunk->resumed.items};
	int resumed = 0;

	/* A sender has done it before: of what is left, nothing was resumed. */
	if (chunk->left_out || (chunk->halted == 0 && !chunk->split))
		return;
	chunk->left_out = true;
	for (int i = 0; i < all.count; i++)
		add_stored_parts(chunk, &all.items[i], &stored);
	for (int i = 0; i < all.count; i++)
	{
		if (all.items[i].resumed)
			all.items[resumed++] = all.items[i];
	}
	chunk->ranges = stored;
	chunk->resumed = (RangeList){.items = all.items, .count = resumed};
}

void chunk_copy_ranges(RangeList *to, const RangeList *from)
{
	memcpy(to->items, from->items, (size_t) from->count * sizeof(*from->items));
	to->count = from->count;
}
