/*
 * pipeline.h - one lane's way from the queue to the ack: receive, decode,
 * store, report, acknowledge, in this order and no other.
 */
#ifndef CAMPAIGN_CONSUMER_PIPELINE_H
#define CAMPAIGN_CONSUMER_PIPELINE_H

#include "attempt.h"
#include "config.h"
#include "contract/broker.h"
#include "lane_state.h"

/*
 * For the queue of partition `lane`, or for the parallel one if lane is
 * MESSAGE_PARTITIONS. Touches no server. NULL and *error on failure.
 */
Pipeline *pipeline_new(const Config *config, const BrokerUrl *url, int lane, Error *error);
void pipeline_free(Pipeline *pipeline);

/* Runs until a stop is requested (OUTCOME_STOP) or something fatal (OUTCOME_FATAL, ->error). */
Outcome pipeline_run(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_PIPELINE_H */
