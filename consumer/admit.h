/*
 * admit.h - decides about the delivery in hand: into the chunk, already done,
 * dropped because something before it is missing, or to the dead letters.
 */
#ifndef CAMPAIGN_CONSUMER_ADMIT_H
#define CAMPAIGN_CONSUMER_ADMIT_H

#include "attempt.h"
#include "lane_state.h"

/*
 * Works on pipeline->delivery. Afterwards either nothing is in hand, or the
 * delivery has more than the chunk could take. *flush: the chunk has to be
 * stored before the decision can be made, or the connection is gone.
 */
Outcome admit_delivery(Pipeline *pipeline, bool *flush);

/* Logs how many rejects went by without a line of their own; for when the queue is idle. */
void admit_log_suppressed(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_ADMIT_H */
