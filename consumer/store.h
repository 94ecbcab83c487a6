/*
 * store.h - MongoDB: each document exactly once, in order.
 *
 * Fourth step of the flow. What it reports as stored is on the disk of a
 * majority (w=majority, j=true). Every function here may be repeated after any
 * failure. ERROR_UNREACHABLE and ERROR_REFUSED go away by waiting or by
 * somebody's help, without anything being lost.
 */
#ifndef CAMPAIGN_CONSUMER_STORE_H
#define CAMPAIGN_CONSUMER_STORE_H

#include <mongoc/mongoc.h>
#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"
#include "config.h"
#include "contract/error.h"
#include "ranges.h"

typedef struct Store Store;

/*
 * One lane's own client; asks the network nothing before store_prepare(), which has to succeed
 * before anything else is asked. NULL and *error on failure. `config` must outlive it.
 */
Store *store_new(const Config *config, Error *error);
void store_free(Store *store);

/* Creates the collection if it is not there: clustered by _id if the server can. */
bool store_prepare(Store *store, Error *error);

/*
 * Whether inserts would be taken: by the rights of the user, and by a majority that
 * answers. Writes nothing that can be seen.
 */
bool store_prove(Store *store, Error *error);

/* A server that has let us wait so long for an answer may be slow, not away; if not, it is too
 * late. */
bool store_may_be_slow(const Store *store, int64_t waited_ms);

/*
 * If the server takes what inserts need, its answers are waited for longer than CAMPAIGN_HOLD from
 * now on, until store_prepare().
 */
bool store_wait_longer(Store *store, Error *error);

/* Highest seq of a campaign and class that a majority has; 0 if none. */
bool store_highest(Store *store, const char *campaign_id, MessageClass class, int64_t *highest,
				   Error *error);

/* How many documents of seqs first_seq … last_seq a majority has. */
bool store_count(Store *store, const char *campaign_id, MessageClass class, int64_t first_seq,
				 int64_t last_seq, int64_t *count, Error *error);

/*
 * The first of seqs first_seq … last_seq that a majority does not have and that is not in the set
 * `allowed`, which goes on to behind them; 0: none.
 */
bool store_missing(Store *store, const char *campaign_id, MessageClass class, int64_t first_seq,
				   int64_t last_seq, RangesWalk *allowed, int64_t *missing, Error *error);

/* Whether a majority has a document. */
bool store_has(Store *store, const uint8_t id[MESSAGE_DOCUMENT_ID_SIZE], bool *present,
			   Error *error);

/* Marks what MongoDB has of the chunk's halted ranges, from `chunk->stored` on. */
bool store_look(Store *store, Chunk *chunk, Error *error);

/*
 * Which of the recipients that were left out are stored all the same: by a batch that was published
 * before they were on a list. They are CHUNK_PRESENT then.
 */
bool store_look_for_suppressed(Store *store, Chunk *chunk, Error *error);

/*
 * Stores what of the chunk is not stored yet, at most `limit` documents, by one insert; goes on
 * where it stopped (`chunk->stored`) if it is called again. It stops at a document that is refused
 * or there already: whoever goes on behind it asks first whether the rest is still wanted.
 * Documents that are there already are compared, never written: those with other content are left
 * in CHUNK_CONFLICT. *retried becomes true if the outcome of an attempt was unknown.
 */
bool store_insert(Store *store, Chunk *chunk, int limit, bool *retried, Error *error);

/* For claim.c: until store_prepare() or store_wait_longer(). */
mongoc_collection_t *store_collection(Store *store);

/* Sets *error from the driver's; returns false. */
bool store_failed(Error *error, const char *what, const bson_error_t *reason);

#endif /* CAMPAIGN_CONSUMER_STORE_H */
