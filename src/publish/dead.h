/*
 * dead.h - dead letters: from their queue into the table, and from the table back
 * to where they came from.
 */
#ifndef CAMPAIGN_DEAD_H
#define CAMPAIGN_DEAD_H

#include "worker_state.h"

/* Takes letters over, and publishes those that somebody has asked for. Lowers *wake_at. */
void dead_serve(Worker *worker, int64 *wake_at);

#endif /* CAMPAIGN_DEAD_H */
