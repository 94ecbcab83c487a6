/*
 * pipeline.h - one lane's way from the queue to the ack: receive, decode,
 * store, report, acknowledge, in this order and no other.
 *
 * Everything here belongs to one thread; lanes share nothing but the settings,
 * the stop flag, the log and the counters.
 */
#ifndef CAMPAIGN_CONSUMER_PIPELINE_H
#define CAMPAIGN_CONSUMER_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"
#include "config.h"
#include "contract/broker.h"
#include "contract/error.h"
#include "contract/message.h"
#include "deadletter.h"
#include "decode.h"
#include "position.h"
#include "program/health.h"
#include "program/retry.h"
#include "receive.h"
#include "report.h"
#include "store.h"

/* What follows from how a step ended; the table is in pipeline.c. */
typedef enum Outcome
{
	OUTCOME_OK,		/* go on, in the end: ack */
	OUTCOME_RETRY,	/* wait and do it again */
	OUTCOME_REJECT, /* to the dead letters, then as if stored */
	OUTCOME_FATAL,	/* the program ends with an error */
	OUTCOME_STOP	/* a stop was requested while waiting; nothing is acked */
} Outcome;

/* A report on its way to PostgreSQL, and what may be acked after it. */
typedef struct Pending
{
	bool active;
	uint64_t tag; /* 0: nothing to ack */
	RangeList ranges;
} Pending;

/* What the servers say about a campaign; resume.c's. */
typedef struct Standing
{
	ReportClass classes[MESSAGE_CLASSES];
	int64_t highest[MESSAGE_CLASSES]; /* seq in MongoDB */
} Standing;

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
	OrderTable *order;
	Chunk *chunk;
	Pending pending;
	Retry retry;
	Error error; /* why the outcome was REJECT or FATAL */

	int deliveries;			 /* taken in this turn */
	bool flowing;			 /* many were taken in the last turn: more will come at once */
	int64_t linger_until_ms; /* the chunk may wait for them until then */

	/* The delivery in hand; part of it may already be in an earlier chunk. */
	bool in_hand;
	bool decoded;
	Delivery delivery;
	int place;			/* first recipient that is in no chunk yet */
	const char *reason; /* why it goes to the dead letters */
	int64_t reject_logged_ms;
	int64_t rejects_unlogged;
	Standing standing;
	const struct Conflict *conflict; /* park.c is at work on it */
	DecodedBatch batch;
	char body[MESSAGE_BODY_MAX];
} Pipeline;

/*
 * For the queue of partition `lane`, or for the parallel one if lane is
 * MESSAGE_PARTITIONS. Touches no server. NULL and *error on failure.
 */
Pipeline *pipeline_new(const Config *config, const BrokerUrl *url, int lane, Error *error);
void pipeline_free(Pipeline *pipeline);

/* Runs until a stop is requested (OUTCOME_STOP) or something fatal (OUTCOME_FATAL, ->error). */
Outcome pipeline_run(Pipeline *pipeline);

/* For the steps in other files: repeats a step until its outcome is not RETRY. */
typedef bool (*PipelineStep)(Pipeline *pipeline, Error *error);
Outcome pipeline_persist(Pipeline *pipeline, Server server, PipelineStep step);

/* For the steps in other files: waits for the report on its way, then acks what it covers. */
Outcome pipeline_settle(Pipeline *pipeline);

/* For admit.c: the outcome of an error found in a delivery itself. */
Outcome pipeline_delivery_outcome(ErrorCode code);

#endif /* CAMPAIGN_CONSUMER_PIPELINE_H */
