/*
 * link.h - the worker's connection to RabbitMQ.
 */
#ifndef CAMPAIGN_LINK_H
#define CAMPAIGN_LINK_H

#include "worker_state.h"

#define LINK_BACKOFF_MIN_MS 200

/* Connects if it is time to. */
void link_connect(Worker *worker);

/* Closes; what was not confirmed will be published again. */
void link_disconnect(Worker *worker, bool polite);

/* Closes, and connects to the next host of the URL. */
void link_next_host(Worker *worker);

/* Closes, says why, and puts the next attempt off. */
void link_lost(Worker *worker, const Error *problem);

/* Hears what the broker has settled. */
void link_listen(Worker *worker);

#endif /* CAMPAIGN_LINK_H */
