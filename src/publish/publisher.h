/*
 * publisher.h - batches to RabbitMQ, with confirms, without ever blocking the
 * caller for longer than a connection attempt.
 *
 * librabbitmq only: no PostgreSQL header, no ereport(). What went wrong comes
 * back as an Error; the caller then closes the publisher, opens another one
 * and publishes again from the last confirmed batch.
 */
#ifndef CAMPAIGN_PUBLISHER_H
#define CAMPAIGN_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/broker.h"
#include "contract/message.h"

typedef struct Publisher Publisher;

/* What the caller wants to know when a batch is settled; copied, never looked into. */
typedef struct PublisherTicket
{
	void *stream;	  /* caller's */
	uint32_t epoch;	  /* caller's */
	int64_t last_seq; /* last recipient of the batch */
} PublisherTicket;

typedef struct PublisherBatch
{
	const char *queue; /* routing key */
	const char *campaign_id;
	MessageClass class;
	int64_t first_seq;
	int64_t total;
	const MessageBody *body;
} PublisherBatch;

/*
 * Connects, declares the topology and switches to confirms. NULL and *error on
 * failure. `interrupted` is asked between the steps, each of which takes at
 * most options->timeout_ms.
 */
Publisher *publisher_open(const BrokerUrl *url, const BrokerOptions *options,
						  bool (*interrupted)(void), Error *error);

/* Frees everything; says goodbye to the broker if `polite`. NULL is fine. */
void publisher_close(Publisher *publisher, bool polite);

/* The socket to wait on. */
int publisher_socket(const Publisher *publisher);

/*
 * How many bytes of batches (publisher_size()) can be sent now without blocking:
 * 0 while the broker blocks us or has too much to confirm; else what is free of
 * the socket's buffer.
 */
size_t publisher_room(const Publisher *publisher);

/* What a body of `length` bytes takes of that room. */
size_t publisher_size(size_t length);

/* Whether the broker said connection.blocked (a memory or disk alarm), and why. */
bool publisher_blocked(const Publisher *publisher);

/* Number of batches sent and not settled. */
size_t publisher_unsettled(const Publisher *publisher);

/* Sends a batch: persistent and mandatory. Only if publisher_room() has room for it. */
bool publisher_send(Publisher *publisher, const PublisherBatch *batch, PublisherTicket ticket,
					Error *error);

/*
 * Reads what the broker has said, without waiting. False when the connection
 * is of no more use: lost, closed by the broker, or a queue is gone (returned).
 */
bool publisher_poll(Publisher *publisher, Error *error);

/*
 * Takes the oldest batch if it is settled: true with its ticket and whether
 * the broker confirmed it (a nack is real: publish it again). Batches come in
 * the order in which they were sent.
 */
bool publisher_settled(Publisher *publisher, PublisherTicket *ticket, bool *confirmed);

/*
 * Whether the broker says that a queue has no ready message but a consumer:
 * nothing is left to wait for. Declares the topology again if the queue is gone
 * and says true. An rpc of at most timeout_ms: not while the broker blocks us.
 */
bool publisher_queue_drained(Publisher *publisher, const char *queue, bool *drained, Error *error);

#endif /* CAMPAIGN_PUBLISHER_H */
