/*
 * gap.h - something that was published is missing in MongoDB: PostgreSQL is
 * asked to have it published again.
 */
#ifndef CAMPAIGN_CONSUMER_GAP_H
#define CAMPAIGN_CONSUMER_GAP_H

#include "attempt.h"
#include "lane_state.h"

/*
 * `next` is the first missing seq. No other report may be on its way; from `next`
 * on nothing counts as stored any more, until it is reported again.
 */
Outcome gap_report(Pipeline *pipeline, const char *campaign_id, MessageClass class, int64_t next);

#endif /* CAMPAIGN_CONSUMER_GAP_H */
