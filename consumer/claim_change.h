/*
 * claim_change.h - a change of a claimed document, for the files that make it: claim.c,
 * claim_join.c.
 */
#ifndef CAMPAIGN_CONSUMER_CLAIM_CHANGE_H
#define CAMPAIGN_CONSUMER_CLAIM_CHANGE_H

#include <bson/bson.h>
#include <stdint.h>

#define CLAIM_STATUS_SENT "sent"

/* By pointer: a bson_t may not be moved. */
typedef struct ClaimChange
{
	bson_t *filter;
	bson_t *update;			/* empty: the document goes */
	const bson_t *document; /* of the chunk */
	const char *claim;
	int64_t
		sent_ms; /* since 1970: sent at the first attempt, and nothing else; 0: something else */
} ClaimChange;

#endif /* CAMPAIGN_CONSUMER_CLAIM_CHANGE_H */
