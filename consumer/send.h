/*
 * send.h - from the claim to the result: sends what of the chunk this attempt
 * has claimed, and nothing else.
 *
 * claim → insert → send → result to MongoDB → report → ack. A crash between
 * claim and result leaves messages in doubt (doubt.h).
 */
#ifndef CAMPAIGN_CONSUMER_SEND_H
#define CAMPAIGN_CONSUMER_SEND_H

#include "attempt.h"
#include "lane_state.h"
#include "send_state.h"

/* Makes the lane a sender if the gateway sends; else pipeline->sending stays NULL. */
bool send_setup(Pipeline *pipeline, Error *error);
void send_free(Sending *sending);

/* Before the chunk is inserted: tells PostgreSQL what is held, and puts the claim on it. */
Outcome send_claim(Pipeline *pipeline);

/*
 * After it: sends, and writes down what came of it. OUTCOME_OK: the ranges of the chunk, without
 * those that were not begun after all, can be reported.
 */
Outcome send_chunk(Pipeline *pipeline);

/* Takes back the claim on everything: nothing of the chunk was begun. */
Outcome send_take_back(Pipeline *pipeline);

/* Nothing is in hand: PostgreSQL should know that. */
void send_idle(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_SEND_H */
