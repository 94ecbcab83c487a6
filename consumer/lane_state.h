/*
 * lane_state.h - what one lane has in hand, for all the files that work on it:
 * its connections, the chunk being filled, the report on its way, the delivery
 * that is looked at.
 *
 * Belongs to one thread; lanes share nothing but the settings, the stop flag,
 * the log and the counters. What a single step needs besides is its argument
 * (attempt.h), no field here.
 */
#ifndef CAMPAIGN_CONSUMER_LANE_STATE_H
#define CAMPAIGN_CONSUMER_LANE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"
#include "config.h"
#include "contract/error.h"
#include "contract/message.h"
#include "deadletter.h"
#include "decode.h"
#include "position.h"
#include "program/retry.h"
#include "receive.h"
#include "report.h"
#include "store.h"

/* What the servers say about a campaign; resume.c asks them. */
typedef struct Standing
{
	const char *campaign_id;
	int64_t asked_ms;
	ReportClass classes[MESSAGE_CLASSES];
	int64_t highest[MESSAGE_CLASSES]; /* seq in MongoDB */
} Standing;

/* A report on its way to PostgreSQL, and what may be acked after it. */
typedef struct Pending
{
	bool active;
	uint64_t tag; /* 0: nothing to ack */
	RangeList ranges;
	CampaignList checked; /* MongoDB was looked at: they may end */
} Pending;

/* Documents that were stored: gone, MongoDB was set back. mark.c's. */
typedef struct Mark
{
	bool set;
	uint8_t seen[MESSAGE_DOCUMENT_ID_SIZE]; /* the last one when it was looked */
	uint8_t last[MESSAGE_DOCUMENT_ID_SIZE]; /* the last one now */
	int64_t looked_ms;
} Mark;

typedef struct Pipeline
{
	const Config *config;
	int lane;
	bool ordered;
	char queue[MESSAGE_QUEUE_NAME_MAX];
	Receive *receive;
	DeadLetter *dead;
	Store *store;
	Report *report;
	struct Sending *sending; /* NULL: the gateway only stores */
	PositionTable *positions;
	Chunk *chunk;
	Mark mark;
	int insert_documents; /* at most so many in one insert: less while they take long */
	int64_t inserted_ms;  /* when the last one was done */
	Pending pending;
	Retry retry;
	int fruitless; /* how often the queue was given back since the last ack */
	Error error;   /* why the outcome was REJECT or FATAL */

	int deliveries;			 /* taken in this turn */
	bool flowing;			 /* many were taken in the last turn: more will come at once */
	int64_t linger_until_ms; /* the chunk may wait for them until then */

	/* The delivery in hand; part of it may already be in an earlier chunk. */
	bool in_hand;
	bool decoded;
	Delivery delivery;
	int place; /* first recipient that is in no chunk yet */
	int64_t reject_logged_ms;
	int64_t rejects_suppressed; /* since then, without a line of their own */
	DecodedBatch batch;
	char body[MESSAGE_BODY_MAX];
} Pipeline;

#endif /* CAMPAIGN_CONSUMER_LANE_STATE_H */
