/*
 * resume.h - where a campaign stands, asked from the servers: PostgreSQL
 * knows it or not, MongoDB has so much of it.
 */
#ifndef CAMPAIGN_CONSUMER_RESUME_H
#define CAMPAIGN_CONSUMER_RESUME_H

#include "attempt.h"
#include "lane_state.h"

/*
 * Reads back a campaign into pipeline->positions; one that PostgreSQL does not know is
 * not there afterwards. `campaign_id` must not be the table's own copy. *broker_lost
 * becomes true if the broker was lost meanwhile, and nothing is read then.
 */
Outcome resume_campaign(Pipeline *pipeline, const char *campaign_id, bool *broker_lost);

#endif /* CAMPAIGN_CONSUMER_RESUME_H */
