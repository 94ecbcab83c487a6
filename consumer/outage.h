/*
 * outage.h - a lane whose provider takes nothing: it claims nothing, holds no queue, and tries one
 * message from time to time.
 */
#ifndef CAMPAIGN_CONSUMER_OUTAGE_H
#define CAMPAIGN_CONSUMER_OUTAGE_H

#include "attempt.h"
#include "lane_state.h"

/* Whether nothing may be begun now, because the provider takes nothing. */
bool outage_holds(const Pipeline *pipeline);

/* Whether it takes nothing at present, though a message may be tried. */
bool outage_lasts(const Pipeline *pipeline);

/*
 * While a chunk is being sent, between two questions to PostgreSQL: a provider that has asked for a
 * pause, and has taken nothing for seconds, is named in the log and to PostgreSQL, once.
 */
void outage_say_wait(Pipeline *pipeline);

/* After a chunk: an outage that has begun or is over is said, in the log and to PostgreSQL. */
void outage_look(Pipeline *pipeline);

/*
 * The queue is being given back for this, and no claim is left that others could not take over
 * before the session ends: a session, and a row of campaign.senders, for each try is too much.
 */
bool outage_keeps_session(const Pipeline *pipeline);

/* The queue was given back for this, and for nothing else: that is forgotten by the question. */
bool outage_released(Pipeline *pipeline);

/* Before the lane subscribes: waits until a message may be tried. OUTCOME_STOP: a stop came. */
Outcome outage_wait(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_OUTAGE_H */
