/*
 * delivery.h - a message as RabbitMQ has delivered it.
 */
#ifndef CAMPAIGN_CONSUMER_DELIVERY_H
#define CAMPAIGN_CONSUMER_DELIVERY_H

#include <stddef.h>
#include <stdint.h>

#include "contract/rabbit.h"

/* Valid until receive_done(). */
typedef struct Delivery
{
	uint64_t tag;
	const amqp_basic_properties_t *properties;
	const char *body;
	size_t length;	  /* of what is in `body`: at most MESSAGE_BODY_MAX */
	uint64_t claimed; /* of what was sent; more than `length`: the rest is gone */
} Delivery;

#endif /* CAMPAIGN_CONSUMER_DELIVERY_H */
