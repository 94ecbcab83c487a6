/*
 * mark.h - whether MongoDB has been set back (restored from a backup) while the
 * lane was at work: what it stored last is gone.
 */
#ifndef CAMPAIGN_CONSUMER_MARK_H
#define CAMPAIGN_CONSUMER_MARK_H

#include "lane_state.h"

/* Whether it is time to look. */
bool mark_is_due(const Pipeline *pipeline);

/*
 * *set_back: what was stored is not there any more, or what the place of a campaign in the chunk
 * was read from.
 */
bool mark_look(Pipeline *pipeline, bool *set_back, Error *error);

/* The documents of the chunk from `before` on, up to chunk->stored, are stored. */
void mark_stored(Pipeline *pipeline, int before);

/* Nothing is known any more. */
void mark_forget(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_MARK_H */
