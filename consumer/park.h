/*
 * park.h - recipients whose document is in MongoDB with other content:
 * nothing is overwritten, each goes to the dead letters and is reported.
 */
#ifndef CAMPAIGN_CONSUMER_PARK_H
#define CAMPAIGN_CONSUMER_PARK_H

#include "attempt.h"
#include "lane_state.h"

/* Parks the documents of the stored chunk that are in CHUNK_CONFLICT. */
Outcome park_chunk(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_PARK_H */
