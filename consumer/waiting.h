/*
 * waiting.h - tells PostgreSQL that a lane waits for MongoDB, and that it does
 * no longer: campaign_health() says so to people.
 */
#ifndef CAMPAIGN_CONSUMER_WAITING_H
#define CAMPAIGN_CONSUMER_WAITING_H

#include "lane_state.h"

/* A step against MongoDB failed and will be tried again. */
void waiting_began(Pipeline *pipeline);

/* A step against MongoDB is done: cheap if there is nothing to take back. */
void waiting_ended(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_WAITING_H */
