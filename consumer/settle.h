/*
 * settle.h - the last two steps: the report to PostgreSQL, then the ack; and
 * what is forgotten when the broker is lost.
 */
#ifndef CAMPAIGN_CONSUMER_SETTLE_H
#define CAMPAIGN_CONSUMER_SETTLE_H

#include "attempt.h"
#include "lane_state.h"

/* The chunk is stored: sends its report, without waiting for the answer. */
void settle_begin(Pipeline *pipeline);

/* Waits for the report on its way, if there is one, then acks what it covers. */
Outcome settle(Pipeline *pipeline);

/* Acks everything up to a delivery; 0: nothing. */
void settle_acknowledge(Pipeline *pipeline, uint64_t tag);

/* The connection to the broker is gone: what was delivered on it comes again. */
void settle_broker_lost(Pipeline *pipeline, const Error *error);

/* Closes the connection and drops what is in hand, unacknowledged: somebody gets it again. */
void settle_release(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_SETTLE_H */
