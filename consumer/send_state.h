/*
 * send_state.h - what a sending lane has in hand besides its chunk, for the
 * files that work on it: send.c, doubt.c, fate.c.
 */
#ifndef CAMPAIGN_CONSUMER_SEND_STATE_H
#define CAMPAIGN_CONSUMER_SEND_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "claim.h"
#include "gateway.h"
#include "sender.h"

typedef enum SendState
{
	SEND_NOTHING, /* not to be sent, and nothing to be said of it */
	SEND_OURS,	  /* claimed by this attempt, and not begun */
	SEND_BEGUN,	  /* the gateway has it */
	SEND_ENDED,	  /* there is a result, which MongoDB does not have yet */
	SEND_KNOWN	  /* MongoDB had the result when it was looked at */
} SendState;

/* A document of the chunk on its way. */
typedef struct SendItem
{
	SendState state;
	bool taken; /* its claim was another's: found.claim */
	Claim found;
	GatewayResult result;
	int64_t ended_ms; /* since 1970 */
	char *attributes; /* what the gateway was given; NULL: none */
} SendItem;

/* What PostgreSQL was asked while a chunk is being sent. Zeroed is a good beginning. */
typedef struct HaltQuestion
{
	int64_t known_ms; /* when the last one was asked that has been answered */
	int64_t asked_ms; /* the one on its way; 0: none */
	bool slow;		  /* the last answer took too long */
} HaltQuestion;

typedef struct Sending
{
	const Gateway *gateway;
	void *self;
	Sender *sender;
	int most;		   /* documents that there is room for */
	SendItem *items;   /* by their place in the chunk */
	uint8_t *decided;  /* by their place: PostgreSQL knows their fate already */
	int64_t claims;	   /* how many there were */
	bool ending;	   /* the session ends after this chunk, and its claims with it */
	bool claims_ended; /* of the last chunk: nobody has to wait for the session to end */
	bool holding;	   /* PostgreSQL thinks that the lane holds something */
	HaltQuestion halt; /* who is halted? */
	int64_t away_ms;   /* since when the provider takes nothing; 0: it does. outage.c's */
	int64_t waits_ms;  /* since when it is waited for, as was said; 0: it is not. outage.c's */
	bool held_back;	   /* the chunk was given back because the provider takes nothing */
	char claimer[CLAIM_SENDER_LENGTH + 1]; /* the session that has made the claim */
	char claim[CLAIM_LENGTH + 1];
} Sending;

#endif /* CAMPAIGN_CONSUMER_SEND_STATE_H */
