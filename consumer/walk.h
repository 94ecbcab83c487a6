/*
 * walk.h - a campaign's documents in the order of their _id, as a proof reads them (verify.c).
 *
 * A client of its own. Reads only, and only what a majority has; a batch of documents is in memory
 * at a time. Errors as those of store.h.
 */
#ifndef CAMPAIGN_CONSUMER_WALK_H
#define CAMPAIGN_CONSUMER_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "contract/error.h"
#include "walk_document.h"

typedef enum WalkStatus
{
	WALK_DOCUMENT,
	WALK_END,
	WALK_FAILED
} WalkStatus;

typedef struct Walk Walk;

/* Asks the network nothing yet. NULL and *error on failure. `config` must outlive it. */
Walk *walk_new(const Config *config, Error *error);
void walk_free(Walk *walk);

/* From the beginning of a campaign (`after` NULL), or behind a place. */
bool walk_start(Walk *walk, const char *campaign_id, const WalkPlace *after, Error *error);
WalkStatus walk_next(Walk *walk, WalkDocument *document, Error *error);

/* How many documents stand under the campaign's ids. */
bool walk_count(Walk *walk, const char *campaign_id, int64_t *count, Error *error);

/*
 * A document that says that it is the campaign's, under an _id that is not. Looks under ids of
 * another form, which costs nothing; with `everywhere`, under those of all other campaigns: that
 * reads the whole collection. WALK_END: there is none.
 */
WalkStatus walk_stray(Walk *walk, const char *campaign_id, bool everywhere, WalkDocument *document,
					  Error *error);

/* Closes the cursor, not the connection. */
void walk_stop(Walk *walk);

#endif /* CAMPAIGN_CONSUMER_WALK_H */
