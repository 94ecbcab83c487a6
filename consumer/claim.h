/*
 * claim.h - MongoDB's side of sending: who has claimed a document, and what
 * became of it. Fields `status`, `claim`, `sent_at`, `attempts` and `error`.
 *
 * A document is claimed by the insert that makes it, or by taking over a claim
 * of the dead. Every change names the claim that it ends, so that none is made
 * twice, nor against somebody else.
 */
#ifndef CAMPAIGN_CONSUMER_CLAIM_H
#define CAMPAIGN_CONSUMER_CLAIM_H

#include <mongoc/mongoc.h>
#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"
#include "contract/error.h"
#include "gateway.h"
#include "store.h"

typedef enum ClaimStatus
{
	CLAIM_NONE,	   /* no status: stored by a consumer that does not send */
	CLAIM_SENDING, /* claimed */
	CLAIM_SENT,
	CLAIM_FAILED,
	CLAIM_UNKNOWN,	/* begun, and nobody knows how it ended */
	CLAIM_REPORTED, /* MongoDB had lost it: PostgreSQL knows its fate */
	CLAIM_GONE		/* the document was there and is not any more */
} ClaimStatus;

/* What a document says of its sending. */
typedef struct Claim
{
	ClaimStatus status;
	int attempts;
	char claim[CLAIM_LENGTH + 1]; /* "" if it has none that is ours in form */
	char code[GATEWAY_CODE_SIZE];
	char text[GATEWAY_TEXT_SIZE];
} Claim;

/* Reads those of the documents that are CHUNK_PRESENT into `claims`, by their place in the chunk.
 */
bool claim_read(Store *store, const Chunk *chunk, Claim *claims, Error *error);

/* Several changes, made in any order, at once; each may be repeated. */
typedef struct ClaimChanges ClaimChanges;

ClaimChanges *claim_changes_new(void);
void claim_changes_free(ClaimChanges *changes);
int claim_changes_count(const ClaimChanges *changes);

/* `document`: one of the chunk, for its _id; `claim`: the claim that it has. Both outlive the
 * changes. */
void claim_put_result(ClaimChanges *changes, const bson_t *document, const char *claim,
					  ClaimStatus status, const GatewayResult *result, int64_t ended_ms);

/* As if it had never been inserted. Not if it is in doubt by now: somebody has reported it. */
void claim_put_removal(ClaimChanges *changes, const bson_t *document, const char *claim);

/* Its sender is dead: nobody will say how it ended, unless that sender does. */
void claim_put_doubt(ClaimChanges *changes, const bson_t *document, const char *claim);

/* It is to be sent by the one who has the claim `taker`. */
void claim_put_taking(ClaimChanges *changes, const bson_t *document, const char *claim,
					  const char *taker);

/* As if it had never been taken over: as it was found. Not if it is in doubt by now. */
void claim_put_return(ClaimChanges *changes, const bson_t *document, const char *claim,
					  const Claim *found);

/*
 * Makes the changes, those of messages that were simply sent together. If that fails, another try
 * makes each of them by itself.
 */
bool claim_apply(Store *store, ClaimChanges *changes, Error *error);

#endif /* CAMPAIGN_CONSUMER_CLAIM_H */
