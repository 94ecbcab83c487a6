/*
 * store.c - what is inserted into MongoDB, and what is read of it; see store.h.
 *
 * Must never overwrite a document, nor call one stored that a majority did not
 * acknowledge.
 */
#include "store.h"

#include "program/clock.h"
#include "program/sometimes.h"
#include "store_read.h"
#include "store_state.h"

#define MAJORITY_MS 1000

/* Codes of the server (error_codes.yml). */
#define CODE_VALIDATION	   121
#define CODE_DUPLICATE_KEY 11000

bool store_highest(Store *store, const char *campaign_id, MessageClass class, int64_t *highest,
				   Error *error)
{
	bson_error_t reason;

	if (store_read_highest(store->collection, campaign_id, class, highest, &reason))
		return true;
	return store_failed(error, "cannot read what is stored", &reason);
}

bool store_count(Store *store, const char *campaign_id, MessageClass class, int64_t first_seq,
				 int64_t last_seq, int64_t *count, Error *error)
{
	bson_error_t reason;

	if (store_read_count(store->collection, campaign_id, class, first_seq, last_seq, count,
						 &reason))
		return true;
	return store_failed(error, "cannot count what is stored", &reason);
}

bool store_missing(Store *store, const char *campaign_id, MessageClass class, int64_t first_seq,
				   int64_t last_seq, RangesWalk *allowed, int64_t *missing, Error *error)
{
	bson_error_t reason;

	if (store_read_missing(store->collection, campaign_id, class, first_seq, last_seq, allowed,
						   missing, &reason))
		return true;
	return store_failed(error, "cannot read what is stored", &reason);
}

bool store_has(Store *store, const uint8_t id[MESSAGE_DOCUMENT_ID_SIZE], bool *present,
			   Error *error)
{
	bson_error_t reason;

	if (store_read_has(store->collection, id, present, &reason))
		return true;
	return store_failed(error, "cannot read what is stored", &reason);
}

/* Collects what is still missing, up to a limit; returns how many. *end: the place behind them. */
static int collect(Store *store, const Chunk *chunk, int limit, int *end)
{
	int count = 0;
	int place;

	for (place = chunk->stored; place < chunk->count && count < limit; place++)
	{
		if (chunk->states[place] != CHUNK_MISSING)
			continue;
		store->pending[count] = &chunk->documents[place];
		store->places[count] = place;
		count++;
	}
	*end = place;
	return count;
}

typedef enum Refusal
{
	REFUSAL_NONE,	   /* something else went wrong */
	REFUSAL_DUPLICATE, /* a document with this _id is there */
	REFUSAL_FOR_EVER   /* another unique index, or a validation rule, forbids the document */
} Refusal;

static bool descend(const bson_iter_t *from, const char *name, bson_iter_t *to)
{
	return bson_iter_recurse(from, to) && bson_iter_find(to, name);
}

/* What the first write error of a reply says, if nothing else went wrong; and its place. */
static Refusal refusal_of(const bson_t *reply, int *index)
{
	bson_iter_t iter;
	bson_iter_t item;
	bson_iter_t field;
	bson_iter_t key;
	int64_t code;

	if (bson_iter_init_find(&iter, reply, "writeConcernErrors"))
		return REFUSAL_NONE;
	if (!bson_iter_init_find(&iter, reply, "writeErrors") || !BSON_ITER_HOLDS_ARRAY(&iter) ||
		!bson_iter_recurse(&iter, &item) || !bson_iter_next(&item) ||
		!BSON_ITER_HOLDS_DOCUMENT(&item) || !descend(&item, "index", &field))
		return REFUSAL_NONE;
	*index = (int) bson_iter_as_int64(&field);
	if (!descend(&item, "code", &field))
		return REFUSAL_NONE;
	code = bson_iter_as_int64(&field);
	if (code == CODE_VALIDATION)
		return REFUSAL_FOR_EVER;
	if (code != CODE_DUPLICATE_KEY)
		return REFUSAL_NONE;
	if (descend(&item, "keyPattern", &field) && BSON_ITER_HOLDS_DOCUMENT(&field) &&
		!descend(&field, "_id", &key))
		return REFUSAL_FOR_EVER;
	return REFUSAL_DUPLICATE;
}

/* A document of the chunk is there already: finds all that are, from there on. */
static bool skip_existing(Store *store, Chunk *chunk, Error *error)
{
	bson_error_t reason;

	if (!store_read_compare(store->collection, chunk, chunk->stored, false, &reason))
		return store_failed(error, "cannot read what is stored", &reason);
	/* A write of somebody else that no majority has yet: it will, or it goes away. */
	if (chunk->states[chunk->stored] == CHUNK_MISSING)
		return error_set(error, ERROR_UNREACHABLE,
						 "a duplicate key that no majority shows under its _id");
	return true;
}

bool store_look(Store *store, Chunk *chunk, Error *error)
{
	bson_error_t reason;

	/*
	 * An insert whose end nobody knows, ours or that of a consumer that died, may be waiting for
	 * its majority. The question takes longer than a look: once in a while will do for the latter.
	 */
	if (clock_ms() >= store->majority_until_ms)
	{
		if (!store_has_majority(store, error))
			return false;
		store->majority_until_ms = clock_ms() + MAJORITY_MS;
	}
	if (store_read_compare(store->collection, chunk, chunk->stored, true, &reason))
		return true;
	return store_failed(error, "cannot read what is stored", &reason);
}

bool store_look_for_suppressed(Store *store, Chunk *chunk, Error *error)
{
	bson_error_t reason;

	if (clock_ms() >= store->majority_until_ms)
	{
		if (!store_has_majority(store, error))
			return false;
		store->majority_until_ms = clock_ms() + MAJORITY_MS;
	}
	if (!store_read_suppressed(store->collection, chunk, &reason))
		return store_failed(error, "cannot read what is stored", &reason);
	chunk->doubt = false;
	return true;
}

/* The document at `place` is refused: sets apart it, or all that are there already. */
static bool set_apart(Store *store, Chunk *chunk, Refusal refusal, int place, Error *error)
{
	chunk->stored = place;
	if (refusal == REFUSAL_DUPLICATE)
		return skip_existing(store, chunk, error);
	SOMETIMES("consumer.document_refused");
	chunk->states[place] = CHUNK_REFUSED;
	chunk->parked++;
	return true;
}

bool store_insert(Store *store, Chunk *chunk, int limit, bool *retried, Error *error)
{
	int end;
	int count = collect(store, chunk, limit, &end);
	Refusal refusal = REFUSAL_NONE;
	int index = 0;
	bson_t reply;
	bson_error_t reason;
	bool done;

	if (count == 0)
	{
		chunk->stored = end;
		return true;
	}
	done = mongoc_collection_insert_many(store->collection, store->pending, (size_t) count,
										 store->options, &reply, &reason);
	if (!done)
		refusal = refusal_of(&reply, &index);
	bson_destroy(&reply);
	if (refusal != REFUSAL_NONE && index >= 0 && index < count)
		return set_apart(store, chunk, refusal, store->places[index], error);
	if (!done)
	{
		*retried = true;
		store->majority_until_ms = 0;
		return store_failed(error, "cannot insert", &reason);
	}
	chunk->stored = end;
	return true;
}
