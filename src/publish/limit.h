/*
 * limit.h - the limits of campaigns, and that of all of them together: who may
 * publish how much now.
 */
#ifndef CAMPAIGN_LIMIT_H
#define CAMPAIGN_LIMIT_H

#include "dead_rows.h"
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

/* Whether a dead letter may be published again; else sets *look_at to when it may be looked again.
 */
bool limit_allows_replay(Worker *worker, int64 *look_at);

/* Lowers *look_at to when the next campaign with dead letters has waited long enough. */
void limit_replay_again(Worker *worker, int64 *look_at);

/* One was published: its campaign pays for it, and all of them together. */
void limit_replayed(Worker *worker, const DeadRow *row);

/* When somebody has tokens again. */
void limit_wake(Worker *worker, int64 *wake_at);

#endif /* CAMPAIGN_LIMIT_H */
