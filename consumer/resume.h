/*
 * resume.h - where a campaign stands, asked from the servers: PostgreSQL
 * knows it or not, MongoDB has so much of it.
 */
#ifndef CAMPAIGN_CONSUMER_RESUME_H
#define CAMPAIGN_CONSUMER_RESUME_H

#include "attempt.h"
#include "lane_state.h"

/*
 * Reads back the campaign of the delivery in hand into pipeline->positions; a
 * campaign that PostgreSQL does not know is not there afterwards. *flush becomes
 * true if the broker was lost meanwhile.
 */
Outcome resume_campaign(Pipeline *pipeline, bool *flush);

#endif /* CAMPAIGN_CONSUMER_RESUME_H */
