/*
 * deadletter.h - what cannot be stored goes to the dead letters, with its
 * reason, and is confirmed there before the original is acknowledged.
 *
 * Uses a connection of its own, opened when it is needed: on the receiving one,
 * a confirm would stand behind every delivery already on its way, and all of
 * them would have to be kept in memory to reach it.
 */
#ifndef CAMPAIGN_CONSUMER_DEADLETTER_H
#define CAMPAIGN_CONSUMER_DEADLETTER_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "contract/broker.h"
#include "contract/error.h"

typedef struct DeadLetter DeadLetter;

/* `url` and `queue` (where the originals come from) must outlive it. NULL when out of memory. */
DeadLetter *deadletter_new(const Config *config, const BrokerUrl *url, const char *queue);
void deadletter_free(DeadLetter *dead);

/*
 * Publishes a body with its original properties (or NULL) and waits for the
 * confirm. On failure it may still be there, even twice; true means at least
 * once.
 */
bool deadletter_publish(DeadLetter *dead, const amqp_basic_properties_t *properties,
						const void *body, size_t length, const char *reason, Error *error);

/* Closes the connection until the next one is needed. */
void deadletter_disconnect(DeadLetter *dead);

#endif /* CAMPAIGN_CONSUMER_DEADLETTER_H */
