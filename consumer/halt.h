/*
 * halt.h - campaigns that are paused, cancelled, behind their deadline or outside
 * their send window: nothing more of them is stored, and what the broker holds of
 * them blocks nobody.
 */
#ifndef CAMPAIGN_CONSUMER_HALT_H
#define CAMPAIGN_CONSUMER_HALT_H

#include "attempt.h"
#include "lane_state.h"

/*
 * Before an insert: asks PostgreSQL which campaigns of the chunk are halted, if
 * the last answer is not fresh, and marks their ranges.
 */
Outcome halt_check(Pipeline *pipeline);

/*
 * After it: asks for what was left out of campaigns that were resumed meanwhile
 * to be published again. No report may be on its way.
 */
Outcome halt_ask_for_dropped(Pipeline *pipeline);

/*
 * While the chunk is being sent, before each message: whether nothing more of this range may be
 * begun. It is marked as halted if its deadline has come since it was last looked at.
 */
bool halt_covers(Pipeline *pipeline, Range *range);

/* How many ranges of the chunk are marked, and whether that of the document at `place` is. */
int halt_count(const Pipeline *pipeline);
bool halt_is_marked(const Pipeline *pipeline, int place);

struct HaltQuestion; /* send_state.h */

/*
 * While the chunk is being sent: asks if the last answer is not fresh, and marks the ranges of
 * campaigns that are halted, and those whose deadline has come meanwhile. It does not wait for an
 * answer that takes long, because what is under way wants to be looked after: as long as one is on
 * its way, nothing may be begun. Not OK if PostgreSQL does not answer.
 */
Outcome halt_look(Pipeline *pipeline, struct HaltQuestion *question);

/* Afterwards, before PostgreSQL is told anything: takes the answer that is still on its way. */
void halt_look_end(Pipeline *pipeline, struct HaltQuestion *question);

#endif /* CAMPAIGN_CONSUMER_HALT_H */
