/*
 * receive.h - RabbitMQ: the deliveries of one queue, one after the other.
 *
 * First and last step of the flow. Reads frame by frame instead of through
 * amqp_consume_message(): that one waits without a deadline for the rest of a
 * delivery and takes memory for any size a publisher claims.
 */
#ifndef CAMPAIGN_CONSUMER_RECEIVE_H
#define CAMPAIGN_CONSUMER_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "contract/broker.h"
#include "contract/error.h"
#include "contract/message.h"
#include "delivery.h"

typedef struct Receive Receive;

typedef enum ReceiveStatus
{
	RECEIVE_DELIVERY,
	RECEIVE_NOTHING, /* none there (yet) */
	RECEIVE_LOST	 /* *error says why; open again */
} ReceiveStatus;

/* `queue` and `url` must outlive it. NULL when out of memory. */
Receive *receive_new(const Config *config, const BrokerUrl *url, const char *queue);
void receive_free(Receive *receive);

/* Connects and declares the topology; drops an older connection first. */
bool receive_open(Receive *receive, Error *error);

/* Asks for the deliveries of the queue. The connection is dropped on failure. */
bool receive_subscribe(Receive *receive, Error *error);

/*
 * As many bodies may be in hand from now on, about: not fewer than at first, not more than the
 * setting says. For competing consumers only. The connection is dropped on failure.
 */
bool receive_fit(Receive *receive, int bodies, Error *error);

/* True from receive_open() until the connection is lost or closed. */
bool receive_is_open(const Receive *receive);

/* Says goodbye, which also makes sure that the broker has seen the last ack. */
void receive_close(Receive *receive);

/* The next delivery; waits for it up to `wait_ms` or until a stop is requested. */
ReceiveStatus receive_next(Receive *receive, int wait_ms, Delivery *delivery, Error *error);

/*
 * Nothing is in hand, and nothing has come for a while: looks whether the subscription still
 * delivers, without waiting. If it does not, receive_next() is RECEIVE_LOST.
 */
void receive_look(Receive *receive);

/* The delivery is used up: its memory goes. */
void receive_done(Receive *receive);

/* Everything up to `tag` is stored and reported. */
bool receive_ack(Receive *receive, uint64_t tag, Error *error);

/* Keeps the connection alive while something else is waited for. Never fails: the next use does. */
void receive_heartbeat(Receive *receive);

#endif /* CAMPAIGN_CONSUMER_RECEIVE_H */
