/*
 * position.h - where each campaign stands: the next `seq` to store, per class.
 *
 * A bounded memory of a lane, rebuilt from MongoDB and PostgreSQL whenever an
 * entry is missing: losing one costs two queries, never a document. Decides
 * what is done with a batch; touches no server.
 */
#ifndef CAMPAIGN_CONSUMER_POSITION_H
#define CAMPAIGN_CONSUMER_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "contract/message.h"

typedef struct PositionClass
{
	bool known;			/* PostgreSQL knows recipients of this class */
	int64_t total;		/* how many */
	int64_t next;		/* lowest seq not stored nor in the chunk in hand */
	int64_t gap_next;	/* `next` of the last reported gap; 0: none */
	int64_t gap_ms;		/* when it was reported */
	int64_t suppressed; /* how many were left out since it was read */
} PositionClass;

typedef struct PositionCampaign
{
	char id[MESSAGE_ID_MAX + 1];
	PositionClass classes[MESSAGE_CLASSES];
	int64_t read_ms;		/* when `next` was last read from the servers */
	int64_t asked_ms;		/* when PostgreSQL was last asked whether it is halted */
	bool halted;			/* it was: paused or cancelled; `next` means nothing then */
	int64_t valid_until_ms; /* its deadline; INT64_MAX: none */
	bool followed; /* nothing of it was stored then: all of it was stored since, by this lane */
	bool unmarked; /* `behind` is in MongoDB, and nothing of it was admitted since */
	uint8_t behind[MESSAGE_DOCUMENT_ID_SIZE]; /* the last document when `next` was read */
	/* Private to position.c: */
	int32_t chain;
	int32_t newer;
	int32_t older;
} PositionCampaign;

typedef struct PositionTable PositionTable;

/* `capacity` campaigns; the longest unused makes room. NULL when out of memory. */
PositionTable *position_new(int capacity);
void position_free(PositionTable *table);

/* NULL if unknown. The pointer holds until the next position_add() or position_forget(). */
PositionCampaign *position_find(PositionTable *table, const char *campaign_id);

/* Adds a campaign that is not there, zeroed but for its id. */
PositionCampaign *position_add(PositionTable *table, const char *campaign_id);

/* To be read back before it is used again. */
void position_forget(PositionTable *table, const char *campaign_id);
void position_clear(PositionTable *table);

typedef enum PositionDecision
{
	POSITION_STORE, /* from *from on */
	POSITION_DONE,	/* all of it is stored */
	POSITION_GAP	/* something before it is missing */
} PositionDecision;

/* What to do with seqs first .. last when `next` is the lowest missing one. */
PositionDecision position_decide(int64_t next, int64_t first, int64_t last, int64_t *from);

#endif /* CAMPAIGN_CONSUMER_POSITION_H */
