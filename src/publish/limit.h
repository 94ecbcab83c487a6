/*
 * limit.h - the limits of campaigns, and that of all of them together: who may
 * publish how much now.
 */
#ifndef CAMPAIGN_LIMIT_H
#define CAMPAIGN_LIMIT_H

#include "worker_state.h"

/* A turn begins: takes over campaign.rate as it is now. */
void limit_begin(Worker *worker);

/*
 * How many recipients of a stream that has room the limits let through now. 0: it has to wait for
 * tokens (stream->limited, or worker->limited for all), or for the store.
 */
int64 limit_allows(Worker *worker, Stream *stream);

/* So many were published just now. */
void limit_take(Worker *worker, Stream *stream, int count);

/* When somebody has tokens again. */
void limit_wake(Worker *worker, int64 *wake_at);

#endif /* CAMPAIGN_LIMIT_H */
