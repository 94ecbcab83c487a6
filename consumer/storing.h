/*
 * storing.h - what a chunk becomes: documents of MongoDB, and messages if the gateway sends.
 */
#ifndef CAMPAIGN_CONSUMER_STORING_H
#define CAMPAIGN_CONSUMER_STORING_H

#include "attempt.h"

/*
 * Stores what of the chunk may be stored, sends it, and parks what MongoDB refuses. OUTCOME_RELEASE
 * if MongoDB was set back: then all of it comes again.
 */
Outcome storing_run(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_STORING_H */
