/*
 * waiting.h - tells PostgreSQL that a lane waits for MongoDB, and that it does
 * no longer: campaign_health() says so to people.
 *
 * A lane only notes when its step began: one that waits for an answer cannot say
 * so. A thread of its own looks at the notes of all lanes, and talks.
 */
#ifndef CAMPAIGN_CONSUMER_WAITING_H
#define CAMPAIGN_CONSUMER_WAITING_H

#include <stdbool.h>

#include "config.h"
#include "contract/error.h"

typedef struct Waiting Waiting;

/* A step of a lane against MongoDB begins: the first one, or again after a failure. */
void waiting_began(int lane);

/* It is done. */
void waiting_ended(int lane);

/* Starts the thread, which ends with a stop; NULL and *error on failure. */
Waiting *waiting_start(const Config *config, Error *error);

bool waiting_running(const Waiting *waiting);

/* Waits for its end and frees it. NULL is fine. */
void waiting_finish(Waiting *waiting);

#endif /* CAMPAIGN_CONSUMER_WAITING_H */
