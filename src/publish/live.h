/*
 * live.h - tells whoever listens how far the campaigns are.
 */
#ifndef CAMPAIGN_LIVE_H
#define CAMPAIGN_LIVE_H

#include "worker_state.h"

/* Begins with what changes from now on. */
void live_start(Worker *worker);

/* Tells what has changed, a page of it at most; cheap if nothing has. Lowers *wake_at. */
void live_tell(Worker *worker, int64 *wake_at);

#endif /* CAMPAIGN_LIVE_H */
