/*
 * receive_state.h - what a Receive is, for the files that work on it: receive.c,
 * receive_subscribe.c.
 */
#ifndef CAMPAIGN_CONSUMER_RECEIVE_STATE_H
#define CAMPAIGN_CONSUMER_RECEIVE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "contract/broker.h"
#include "contract/message.h"
#include "delivery.h"
#include "silence.h"

#define RECEIVE_CHANNEL 1

/* What the next frame of the channel has to be. */
typedef enum Expected
{
	EXPECT_METHOD,
	EXPECT_HEADER,
	EXPECT_BODY,
	EXPECT_RELEASE /* a whole delivery is handed out */
} Expected;

struct Receive
{
	const Config *config;
	const BrokerUrl *url;
	unsigned turn; /* which of its hosts is to be tried */
	const char *queue;
	amqp_connection_state_t connection;
	Expected expected;
	Delivery delivery;
	bool gone;	 /* the queue was deleted */
	bool single; /* only one of its consumers gets deliveries at a time */
	Silence silence;
	int bodies; /* as many unacknowledged ones at a time */
	char tag[64];
	uint64_t arrived; /* bytes of the body, also of those not kept */
	char body[MESSAGE_BODY_MAX];
};

/* The connection is of no use any more. */
void receive_drop(struct Receive *receive);

/* Neither is its host, it may be: the next connection is to the next one. */
void receive_give_up(struct Receive *receive);

#endif /* CAMPAIGN_CONSUMER_RECEIVE_STATE_H */
