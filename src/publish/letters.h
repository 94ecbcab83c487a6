/*
 * letters.h - the dead letters, taken from their queue one after the other, on a
 * channel of the worker's connection.
 *
 * librabbitmq only: no PostgreSQL header. Nothing waits for the broker but
 * letters_subscribe(), which can be interrupted.
 */
#ifndef CAMPAIGN_LETTERS_H
#define CAMPAIGN_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/broker.h"
#include "contract/message.h"
#include "envelope_json.h"
#include "rpc.h"

/* The connection's other channels are those of publisher.c and broker_topology.c. */
#define LETTERS_CHANNEL 4

/* One dead letter; valid until letters_ack(). */
typedef struct Letter
{
	uint64_t tag;
	bool redelivered;
	char envelope[ENVELOPE_JSON_SIZE]; /* JSON: exchange, routing key, properties, headers */
	char body[MESSAGE_BODY_MAX];
	size_t length;	  /* of what is in `body` */
	uint64_t claimed; /* of what was published; more than `length`: the rest is gone */
} Letter;

/* What the next frame of the channel has to be. */
typedef enum LettersExpected
{
	LETTERS_METHOD,
	LETTERS_HEADER,
	LETTERS_BODY,
	LETTERS_NOTHING /* a whole letter waits to be acknowledged */
} LettersExpected;

typedef struct Letters
{
	amqp_connection_state_t connection;
	const Rpc *rpc; /* for subscribing */
	bool subscribed;
	bool closing; /* the broker has not yet answered that the channel is closed */
	LettersExpected expected;
	uint64_t arrived; /* bytes of the body, also of those not kept */
	char exchange[256];
	char routing_key[256];
	Letter letter;
} Letters;

typedef enum LettersStatus
{
	LETTERS_SUBSCRIBED,
	LETTERS_REFUSED, /* the connection is as good as before; *error says why */
	LETTERS_GONE,	 /* there was no such queue: now there is */
	LETTERS_LOST	 /* the connection is of no more use */
} LettersStatus;

/* Asks for the letters, one at a time. Not while the channel is closing. */
LettersStatus letters_subscribe(Letters *letters, Error *error);

/*
 * Gives back what is not acknowledged. The broker's answer comes as a frame, under an alarm when
 * that is over. False if the connection is of no more use.
 */
bool letters_unsubscribe(Letters *letters, Error *error);

/* A frame of the channel has come. False if the connection is of no more use. */
bool letters_frame(Letters *letters, const amqp_frame_t *frame, Error *error);

/* The letter that has come, or NULL. */
const Letter *letters_whole(const Letters *letters);

/* It is taken over: the broker may forget it. False if the connection is of no more use. */
bool letters_ack(Letters *letters, Error *error);

#endif /* CAMPAIGN_LETTERS_H */
