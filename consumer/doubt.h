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
 * of pipeline->sending: those that this attempt may send are SEND_OURS. After CAMPAIGN_HOLD it
 * takes back what it has claimed, and waits without: OUTCOME_RELEASE, all of it has to come again.
 */
Outcome doubt_settle(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_DOUBT_H */
