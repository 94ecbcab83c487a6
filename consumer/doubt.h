/*
 * doubt.h - documents of the chunk that were there before this attempt: sent,
 * or being sent by somebody, or claimed by somebody who is dead.
 */
#ifndef CAMPAIGN_CONSUMER_DOUBT_H
#define CAMPAIGN_CONSUMER_DOUBT_H

#include "attempt.h"
#include "lane_state.h"

/*
 * Finds out about each document that is CHUNK_PRESENT, and waits for living senders. Sets the items
 * of pipeline->sending: those that this attempt may send are SEND_OURS.
 */
Outcome doubt_settle(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_DOUBT_H */
