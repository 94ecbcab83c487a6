/*
 * store_read.c - what MongoDB already holds of a campaign; see store_read.h.
 */
#include "store_read.h"

#include <string.h>

#include "program/sometimes.h"

/* The fields that make a document the same one; its dates are the first insert's. */
static const char *const COMPARED[] = {"identifier", "phone_number", "message", "campaign_id"};

/* And this one, if the recipient has any; it is not a text. */
#define COMPARED_ATTRIBUTES MESSAGE_FIELD_ATTRIBUTES

#define COMPARED_COUNT (sizeof(COMPARED) / sizeof(*COMPARED))

/* Appends the condition for the documents of seqs first_seq … last_seq to an empty filter. */
static void put_bounds(bson_t *filter, const char *campaign_id, MessageClass class,
					   int64_t first_seq, int64_t last_seq)
{
	uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE];
	uint8_t first[MESSAGE_DOCUMENT_ID_SIZE];
	uint8_t last[MESSAGE_DOCUMENT_ID_SIZE];
	bson_t bounds;

	message_document_prefix(campaign_id, prefix);
	message_document_id(prefix, class, first_seq, first);
	message_document_id(prefix, class, last_seq, last);
	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &bounds);
	BSON_APPEND_BINARY(&bounds, "$gte", BSON_SUBTYPE_BINARY, first, sizeof(first));
	BSON_APPEND_BINARY(&bounds, "$lte", BSON_SUBTYPE_BINARY, last, sizeof(last));
	bson_append_document_end(filter, &bounds);
}

mongoc_cursor_t *store_read_range(mongoc_collection_t *collection, const char *campaign_id,
								  MessageClass class, int64_t first_seq, int64_t last_seq,
								  const bson_t *options)
{
	bson_t filter = BSON_INITIALIZER;
	mongoc_cursor_t *cursor;

	put_bounds(&filter, campaign_id, class, first_seq, last_seq);
	cursor = mongoc_collection_find_with_opts(collection, &filter, options, NULL);
	bson_destroy(&filter);
	return cursor;
}

int64_t store_read_seq(const bson_t *document)
{
	bson_iter_t iter;
	bson_subtype_t subtype;
	uint32_t length;
	const uint8_t *id;
	int64_t seq = 0;

	if (!bson_iter_init_find(&iter, document, "_id") || !BSON_ITER_HOLDS_BINARY(&iter))
		return 0;
	bson_iter_binary(&iter, &subtype, &length, &id);
	if (length != MESSAGE_DOCUMENT_ID_SIZE)
		return 0;
	for (uint32_t i = MESSAGE_DOCUMENT_PREFIX_SIZE + 1; i < length; i++)
		seq = seq << 8 | id[i];
	return seq;
}

bool store_read_highest(mongoc_collection_t *collection, const char *campaign_id,
						MessageClass class, int64_t *highest, bson_error_t *reason)
{
	bson_t *options = BCON_NEW("sort", "{", "_id", BCON_INT32(-1), "}", "limit", BCON_INT64(1),
							   "projection", "{", "_id", BCON_INT32(1), "}");
	mongoc_cursor_t *cursor =
		store_read_range(collection, campaign_id, class, 0, MESSAGE_SEQ_MAX, options);
	const bson_t *document;
	bool failed;

	*highest = 0;
	if (mongoc_cursor_next(cursor, &document))
		*highest = store_read_seq(document);
	failed = mongoc_cursor_error(cursor, reason);
	mongoc_cursor_destroy(cursor);
	bson_destroy(options);
	return !failed;
}

bool store_read_count(mongoc_collection_t *collection, const char *campaign_id, MessageClass class,
					  int64_t first_seq, int64_t last_seq, int64_t *count, bson_error_t *reason)
{
	bson_t filter = BSON_INITIALIZER;

	put_bounds(&filter, campaign_id, class, first_seq, last_seq);
	*count = mongoc_collection_count_documents(collection, &filter, NULL, NULL, NULL, reason);
	bson_destroy(&filter);
	return *count >= 0;
}

bool store_read_missing(mongoc_collection_t *collection, const char *campaign_id,
						MessageClass class, int64_t first_seq, int64_t last_seq,
						RangesWalk *allowed, int64_t *missing, bson_error_t *reason)
{
	bson_t *options = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "projection", "{", "_id",
							   BCON_INT32(1), "}");
	mongoc_cursor_t *cursor =
		store_read_range(collection, campaign_id, class, first_seq, last_seq, options);
	RangesWalk walk = *allowed;
	int64_t next = ranges_skip(&walk, first_seq);
	const bson_t *document;
	bool failed;

	/* What is there in an allowed place is passed over. */
	while (mongoc_cursor_next(cursor, &document) && store_read_seq(document) <= next)
	{
		if (store_read_seq(document) == next)
			next = ranges_skip(&walk, next + 1);
	}
	failed = mongoc_cursor_error(cursor, reason);
	mongoc_cursor_destroy(cursor);
	bson_destroy(options);
	if (failed)
		return false;
	*allowed = walk;
	*missing = next <= last_seq ? next : 0;
	return true;
}

bool store_read_has(mongoc_collection_t *collection, const uint8_t id[MESSAGE_DOCUMENT_ID_SIZE],
					bool *present, bson_error_t *reason)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *options =
		BCON_NEW("limit", BCON_INT64(1), "projection", "{", "_id", BCON_INT32(1), "}");
	mongoc_cursor_t *cursor;
	const bson_t *document;
	bool failed;

	BSON_APPEND_BINARY(&filter, "_id", BSON_SUBTYPE_BINARY, id, MESSAGE_DOCUMENT_ID_SIZE);
	cursor = mongoc_collection_find_with_opts(collection, &filter, options, NULL);
	*present = mongoc_cursor_next(cursor, &document);
	failed = mongoc_cursor_error(cursor, reason);
	mongoc_cursor_destroy(cursor);
	bson_destroy(options);
	bson_destroy(&filter);
	return !failed;
}

/* How often a field is there: BSON may hold it twice, and who reads it takes the one or the other.
 * *found: the first one. */
static int count_field(const bson_t *document, const char *name, bson_iter_t *found)
{
	bson_iter_t rest;
	int count = 0;

	if (!bson_iter_init_find(found, document, name))
		return 0;
	rest = *found;
	do
		count++;
	while (bson_iter_find(&rest, name));
	return count;
}

static const char *text_of(const bson_t *document, const char *name, uint32_t *length)
{
	bson_iter_t iter;

	*length = 0;
	if (count_field(document, name, &iter) != 1 || !BSON_ITER_HOLDS_UTF8(&iter))
		return NULL;
	return bson_iter_utf8(&iter, length);
}

/* Byte by byte: a document keeps order and types of what was put into it. */
static bool same_attributes(const bson_t *ours, const bson_t *theirs)
{
	bson_iter_t our;
	bson_iter_t their;
	const uint8_t *our_bytes;
	const uint8_t *their_bytes;
	uint32_t our_length;
	uint32_t their_length;
	int count = count_field(ours, COMPARED_ATTRIBUTES, &our);

	if (count_field(theirs, COMPARED_ATTRIBUTES, &their) != count)
		return false;
	if (count == 0)
		return true;
	if (!BSON_ITER_HOLDS_DOCUMENT(&our) || !BSON_ITER_HOLDS_DOCUMENT(&their))
		return false;
	bson_iter_document(&our, &our_length, &our_bytes);
	bson_iter_document(&their, &their_length, &their_bytes);
	return our_length == their_length && memcmp(our_bytes, their_bytes, our_length) == 0;
}

const char *store_read_difference(const bson_t *ours, const bson_t *theirs)
{
	for (size_t i = 0; i < COMPARED_COUNT; i++)
	{
		uint32_t our_length;
		uint32_t their_length;
		const char *our = text_of(ours, COMPARED[i], &our_length);
		const char *their = text_of(theirs, COMPARED[i], &their_length);

		if (our == NULL || their == NULL || our_length != their_length ||
			memcmp(our, their, our_length) != 0)
			return COMPARED[i];
	}
	return same_attributes(ours, theirs) ? NULL : COMPARED_ATTRIBUTES;
}

static void mark(Chunk *chunk, const Range *range, const bson_t *document)
{
	int64_t seq = store_read_seq(document);
	int place;

	if (seq < range->first_seq || seq > range->last_seq)
		return;
	place = range->first_document + (int) (seq - range->first_seq);
	if (chunk->states[place] != CHUNK_MISSING)
		return;
	if (store_read_difference(&chunk->documents[place], document) == NULL)
	{
		SOMETIMES("consumer.duplicate_key");
		chunk->states[place] = CHUNK_PRESENT;
	}
	else
	{
		SOMETIMES("consumer.conflict");
		chunk->states[place] = CHUNK_CONFLICT;
		chunk->parked++;
	}
}

static void mark_suppressed(Chunk *chunk, const Range *ranges, int count, const bson_t *document)
{
	int64_t seq = store_read_seq(document);

	for (int i = 0; i < count; i++)
	{
		int place = ranges[i].first_document + (int) (seq - ranges[i].first_seq);

		if (seq < ranges[i].first_seq || seq > ranges[i].last_seq ||
			chunk->states[place] != CHUNK_SUPPRESSED)
			continue;
		SOMETIMES("consumer.suppressed_but_stored");
		chunk->states[place] = CHUNK_PRESENT;
		chunk->suppressed--;
		chunk->split = true;
	}
}

/* How many ranges, from the first one on, are of its class of its campaign. */
static int same_class(const Range *ranges, int count)
{
	int same = 1;

	while (same < count && ranges[same].class == ranges->class &&
		   strcmp(ranges[same].campaign_id, ranges->campaign_id) == 0)
		same++;
	return same;
}

/* One question for them all: what lies between is in MongoDB only if it comes again. */
static bool find_suppressed(mongoc_collection_t *collection, Chunk *chunk, const Range *ranges,
							int count, const bson_t *options, bson_error_t *reason)
{
	int64_t first = INT64_MAX;
	int64_t last = 0;
	mongoc_cursor_t *cursor;
	const bson_t *document;
	bool failed;

	for (int i = 0; i < count; i++)
	{
		if (!ranges[i].suppressed)
			continue;
		first = ranges[i].first_seq < first ? ranges[i].first_seq : first;
		last = ranges[i].last_seq > last ? ranges[i].last_seq : last;
	}
	if (last == 0)
		return true;
	cursor = store_read_range(collection, ranges->campaign_id, ranges->class, first, last, options);
	while (mongoc_cursor_next(cursor, &document))
		mark_suppressed(chunk, ranges, count, document);
	failed = mongoc_cursor_error(cursor, reason);
	mongoc_cursor_destroy(cursor);
	return !failed;
}

bool store_read_suppressed(mongoc_collection_t *collection, Chunk *chunk, bson_error_t *reason)
{
	bson_t *options = BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}");
	const RangeList *ranges = &chunk->ranges;
	bool done = true;

	for (int i = 0, count; done && i < ranges->count; i += count)
	{
		count = same_class(&ranges->items[i], ranges->count - i);
		done = find_suppressed(collection, chunk, &ranges->items[i], count, options, reason);
	}
	bson_destroy(options);
	return done;
}

/* Reads whole documents: in a projection a field that is there twice would be there once. */
static bool compare_range(mongoc_collection_t *collection, Chunk *chunk, const Range *range,
						  int from, bson_error_t *reason)
{
	int64_t first = range->first_seq;
	mongoc_cursor_t *cursor;
	const bson_t *document;
	bool failed;

	if (from > range->first_document)
		first += from - range->first_document;
	cursor = store_read_range(collection, range->campaign_id, range->class, first, range->last_seq,
							  NULL);
	while (mongoc_cursor_next(cursor, &document))
		mark(chunk, range, document);
	failed = mongoc_cursor_error(cursor, reason);
	mongoc_cursor_destroy(cursor);
	return !failed;
}

bool store_read_compare(mongoc_collection_t *collection, Chunk *chunk, int from, bool halted,
						bson_error_t *reason)
{
	bool done = true;

	for (int i = 0; done && i < chunk->ranges.count; i++)
	{
		const Range *range = &chunk->ranges.items[i];

		if (range->halted == halted && range->first_document + range_documents(range) > from)
			done = compare_range(collection, chunk, range, from, reason);
	}
	return done;
}
