/*
 * store_read.h - what MongoDB already holds of a campaign: read back after a
 * restart, and compared when an insert meets a duplicate key.
 *
 * Part of store.c's step. Reads only, and only what a majority has.
 */
#ifndef CAMPAIGN_CONSUMER_STORE_READ_H
#define CAMPAIGN_CONSUMER_STORE_READ_H

#include <mongoc/mongoc.h>
#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"
#include "ranges.h"

/* The documents of seqs first_seq … last_seq; the caller destroys the cursor. */
mongoc_cursor_t *store_read_range(mongoc_collection_t *collection, const char *campaign_id,
								  MessageClass class, int64_t first_seq, int64_t last_seq,
								  const bson_t *options);

/* The seq in the last five bytes of a document's _id; 0 if it is not one of ours. */
int64_t store_read_seq(const bson_t *document);

/* Highest seq of a campaign and class; 0 if none. */
bool store_read_highest(mongoc_collection_t *collection, const char *campaign_id,
						MessageClass class, int64_t *highest, bson_error_t *reason);

/* How many documents there are of seqs first_seq … last_seq. */
bool store_read_count(mongoc_collection_t *collection, const char *campaign_id, MessageClass class,
					  int64_t first_seq, int64_t last_seq, int64_t *count, bson_error_t *reason);

/* As store_missing() of store.h; false: the reason. */
bool store_read_missing(mongoc_collection_t *collection, const char *campaign_id,
						MessageClass class, int64_t first_seq, int64_t last_seq,
						RangesWalk *allowed, int64_t *missing, bson_error_t *reason);

bool store_read_has(mongoc_collection_t *collection, const uint8_t id[MESSAGE_DOCUMENT_ID_SIZE],
					bool *present, bson_error_t *reason);

/*
 * Looks up the documents of the chunk from place `from` on, of halted ranges or of
 * all the others, with one query per range, and marks those that are there
 * CHUNK_PRESENT or CHUNK_CONFLICT.
 */
bool store_read_compare(mongoc_collection_t *collection, Chunk *chunk, int from, bool halted,
						bson_error_t *reason);

/* Name of the first field in which two documents differ, NULL if in none that counts. */
const char *store_read_difference(const bson_t *ours, const bson_t *theirs);

/* Which of the recipients that were left out are stored all the same; see store.h. */
bool store_read_suppressed(mongoc_collection_t *collection, Chunk *chunk, bson_error_t *reason);

#endif /* CAMPAIGN_CONSUMER_STORE_READ_H */
