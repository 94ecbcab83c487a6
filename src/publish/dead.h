/*
 * dead.h - dead letters: from their queue into the table, and from the table back
 * to where they came from.
 */
#ifndef CAMPAIGN_DEAD_H
#define CAMPAIGN_DEAD_H

#include "worker_state.h"

/* Takes letters over, and publishes those that somebody has asked for. Lowers *wake_at. */
void dead_serve(Worker *worker, int64 *wake_at);

/* The broker has settled what dead_serve() has published. */
void dead_settled(Worker *worker, bool confirmed);

/* The connection is gone, and with it what was under way. */
void dead_disconnected(Worker *worker);

#endif /* CAMPAIGN_DEAD_H */
