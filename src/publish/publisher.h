/*
 * publisher.h - batches to RabbitMQ, with confirms. Only publisher_open() and
 * publisher_queue_drained() block the caller, for a limited time.
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

#include "confirms.h"
#include "letters.h"

/* Bytes of a letter around its body, at most. */
#define PUBLISHER_LETTER_HEAD 16384

typedef struct Publisher Publisher;

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
 * failure. options->interrupted is asked between the steps, each of which takes
 * at most options->timeout_ms.
 */
Publisher *publisher_open(const BrokerUrl *url, const BrokerOptions *options, Error *error);

/* Frees everything; says goodbye to the broker if `polite`. NULL is fine. */
void publisher_close(Publisher *publisher, bool polite);

/* The socket to wait on. */
int publisher_socket(const Publisher *publisher);

/*
 * How many batches with bodies of at most `length` bytes can be sent now without blocking: 0 while
 * the broker blocks us or has too much to confirm; else what fits what is free of the socket's
 * buffer, and the places for confirms that are left.
 */
size_t publisher_room(const Publisher *publisher, size_t length);

/* No place is left to remember another batch: publisher_send() would refuse it. */
bool publisher_full(const Publisher *publisher);

/* Whether the broker said connection.blocked: a memory or disk alarm. */
bool publisher_blocked(const Publisher *publisher);

/* That the last such alarm was one of the disk; else it was one of the memory. */
bool publisher_disk_is_full(const Publisher *publisher);

/* Number of batches sent and not taken by publisher_settled(). */
size_t publisher_unsettled(const Publisher *publisher);

/* Sends a batch: persistent and mandatory. Only if publisher_room() has room for
 * it: without it this may block. Refused while publisher_full(). */
bool publisher_send(Publisher *publisher, const PublisherBatch *batch, ConfirmsTicket ticket,
					Error *error);

/* A header of a message that is published as it was: a text, or a whole number. */
typedef struct PublisherHeader
{
	const char *name;
	const char *text; /* NULL: the number */
	int64_t number;
} PublisherHeader;

#define PUBLISHER_HEADERS_MAX 16

/* A dead letter that is published again; properties that are "" are left out. */
typedef struct PublisherLetter
{
	const char *queue; /* routing key */
	const char *content_type;
	const char *type;
	const char *message_id;
	const PublisherHeader *headers;
	int header_count; /* PUBLISHER_HEADERS_MAX at most */
	const void *body;
	size_t length;
} PublisherLetter;

/* As publisher_send(), for a message that is there already. */
bool publisher_send_letter(Publisher *publisher, const PublisherLetter *letter,
						   ConfirmsTicket ticket, Error *error);

/* The dead letters that come over this connection, once they are subscribed to. */
Letters *publisher_letters(Publisher *publisher);

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
bool publisher_settled(Publisher *publisher, ConfirmsTicket *ticket, bool *confirmed);

/*
 * Whether the broker says that a queue has no ready message but a consumer:
 * nothing is left to wait for. Declares the topology again if the queue is gone
 * and says true. *served: there is a consumer. Waits for at most timeout_ms in each of three steps,
 * or until it is interrupted: not while the broker blocks us.
 */
bool publisher_queue_drained(Publisher *publisher, const char *queue, bool *drained, bool *served,
							 Error *error);

#endif /* CAMPAIGN_PUBLISHER_H */
