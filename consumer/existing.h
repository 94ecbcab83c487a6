/*
 * existing.h - what MongoDB already holds of a campaign: read back after a
 * restart, and compared when an insert meets a duplicate key.
 *
 * Part of store.c's step. Reads only, and only what a majority has.
 */
#ifndef CAMPAIGN_CONSUMER_EXISTING_H
#define CAMPAIGN_CONSUMER_EXISTING_H

#include <mongoc/mongoc.h>
#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"

/*
 * The seq up to which nothing of a campaign and class is missing, if PostgreSQL
 * knows of everything up to `known`: the highest one, unless there are holes
 * between the two (a document that is not ours in the place of one that is to
 * come); then `known`. Less than `known` if MongoDB has lost what it had.
 */
bool existing_through(mongoc_collection_t *collection, const char *campaign_id, MessageClass class,
					  int64_t known, int64_t *through, bson_error_t *reason);

/*
 * Looks up every document of the chunk from place `from` on, with one query per
 * range, and marks those that are there CHUNK_PRESENT or CHUNK_CONFLICT.
 */
bool existing_compare(mongoc_collection_t *collection, Chunk *chunk, int from,
					  bson_error_t *reason);

/* Name of the first field in which two documents differ, NULL if in none that counts. */
const char *existing_difference(const bson_t *ours, const bson_t *theirs);

#endif /* CAMPAIGN_CONSUMER_EXISTING_H */
