/*
 * lane.h - the threads: one for each partition queue and one for the parallel
 * queue, each with connections of its own. They share nothing that can be
 * locked for longer than a log line.
 */
#ifndef CAMPAIGN_CONSUMER_LANE_H
#define CAMPAIGN_CONSUMER_LANE_H

#include <stdbool.h>

#include "config.h"
#include "contract/broker.h"
#include "contract/error.h"

typedef struct Lanes Lanes;

/* Starts all lanes; `config` and `url` must outlive them. NULL and *error on failure. */
Lanes *lanes_start(const Config *config, const BrokerUrl *url, Error *error);

/* How many have not ended. They end after stop_request(), or all when one fails (stop_failed()). */
int lanes_running(const Lanes *lanes);

/* Waits for all lanes and frees them. */
void lanes_finish(Lanes *lanes);

#endif /* CAMPAIGN_CONSUMER_LANE_H */
