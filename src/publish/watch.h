/*
 * watch.h - notices what the broker has forgotten.
 */
#ifndef CAMPAIGN_WATCH_H
#define CAMPAIGN_WATCH_H

#include "worker_state.h"

/* Publishes it again; lowers *wake_at to the next suspicion. */
void watch_streams(Worker *worker, int64 *wake_at);

#endif /* CAMPAIGN_WATCH_H */
