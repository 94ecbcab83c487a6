/*
 * turn.h - when a lane may store: its campaigns are not halted, and fewer than CAMPAIGN_CONCURRENCY
 * lanes store.
 */
#ifndef CAMPAIGN_CONSUMER_TURN_H
#define CAMPAIGN_CONSUMER_TURN_H

#include "attempt.h"

/*
 * Waits until the chunk may be stored; after OUTCOME_OK the lane owes a gate_leave().
 * OUTCOME_RELEASE if MongoDB has answered no lane for CAMPAIGN_HOLD seconds, nor this one then.
 */
Outcome turn_take(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_TURN_H */
