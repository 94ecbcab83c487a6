/*
 * deadletter.c - publishing to the dead letters; see deadletter.h.
 *
 * One message at a time, so that what is unconfirmed always fits the socket's
 * buffer and a publish cannot block when the broker raises an alarm.
 */
#include "deadletter.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "contract/message.h"
#include "envelope.h"
#include "program/clock.h"
#include "program/retry.h"
#include "program/sometimes.h"
#include "program/stop.h"

#define CHANNEL			   1
#define CONFIRM_TIMEOUT_MS 10000
#define STOP_TIMEOUT_MS	   2000
#define SEND_BUFFER		   (4 * MESSAGE_FRAME_MAX)

struct DeadLetter
{
	const Config *config;
	const BrokerUrl *url;
	unsigned turn; /* which of its hosts is to be tried */
	const char *queue;
	amqp_connection_state_t connection;
	bool bare; /* without the headers that the message came with */
};

DeadLetter *deadletter_new(const Config *config, const BrokerUrl *url, const char *queue)
{
	DeadLetter *dead = calloc(1, sizeof(*dead));

	if (dead == NULL)
		return NULL;
	dead->config = config;
	dead->url = url;
	dead->queue = queue;
	return dead;
}

void deadletter_disconnect(DeadLetter *dead)
{
	broker_close(dead->connection, true);
	dead->connection = NULL;
}

void deadletter_free(DeadLetter *dead)
{
	if (dead == NULL)
		return;
	deadletter_disconnect(dead);
	free(dead);
}

/* The next try takes the next host. */
static void give_up(DeadLetter *dead)
{
	broker_close(dead->connection, false);
	dead->connection = NULL;
	dead->turn++;
}

static bool lost(DeadLetter *dead, Error *error, const char *text)
{
	give_up(dead);
	return error_set(error, ERROR_UNREACHABLE, "dead letters of %s: %s", dead->queue, text);
}

static bool ready(DeadLetter *dead, Error *error)
{
	char name[MESSAGE_QUEUE_NAME_MAX + 48];
	BrokerOptions options = {.connection_name = name,
							 .interrupted = stop_requested,
							 .heartbeat = dead->config->heartbeat_s,
							 .timeout_ms = dead->config->timeout_s * 1000};
	int buffer = SEND_BUFFER;

	if (dead->connection != NULL)
		return true;
	snprintf(name, sizeof(name), "campaign-consumer %s dead letters", dead->queue);
	if (*dead->config->ca_file != '\0')
		options.ca_file = dead->config->ca_file;
	options.turn = dead->turn;
	dead->connection = broker_open(dead->url, &options, error);
	if (dead->connection == NULL)
	{
		give_up(dead);
		return false;
	}
	if (setsockopt(amqp_get_sockfd(dead->connection), SOL_SOCKET, SO_SNDBUF, &buffer,
				   sizeof(buffer)) != 0)
		return lost(dead, error, "cannot set the send buffer");
	/* Somebody may have deleted the exchange or its queue. */
	if (!broker_declare(dead->connection, stop_requested, NULL, error))
	{
		give_up(dead);
		return false;
	}
	if (amqp_confirm_select(dead->connection, CHANNEL) == NULL)
		return lost(dead, error, "no confirms");
	return true;
}

/* Waits for the next frame; false when there is none before the deadline. */
static bool next_frame(DeadLetter *dead, int64_t deadline, amqp_frame_t *frame, Error *error)
{
	for (;;)
	{
		struct timeval slice = {0, 200000};
		int result = amqp_simple_wait_frame_noblock(dead->connection, frame, &slice);
		int64_t now = clock_ms();

		if (result == AMQP_STATUS_OK)
			return true;
		if (result != AMQP_STATUS_TIMEOUT)
			return lost(dead, error, amqp_error_string2(result));
		if (now >= deadline ||
			(stop_requested() && now >= deadline - CONFIRM_TIMEOUT_MS + STOP_TIMEOUT_MS))
		{
			SOMETIMES("consumer.dead_letter_unconfirmed");
			return lost(dead, error, "no confirm from the broker");
		}
	}
}

static bool await_confirm(DeadLetter *dead, Error *error)
{
	int64_t deadline = clock_ms() + CONFIRM_TIMEOUT_MS;
	amqp_frame_t frame;

	while (next_frame(dead, deadline, &frame, error))
	{
		if (frame.frame_type != AMQP_FRAME_METHOD)
			continue;
		switch (frame.payload.method.id)
		{
			case AMQP_BASIC_ACK_METHOD:
				amqp_maybe_release_buffers(dead->connection);
				return true;
			case AMQP_BASIC_NACK_METHOD:
				SOMETIMES("consumer.dead_letter_nacked");
				return lost(dead, error, "the broker could not take it");
			case AMQP_BASIC_RETURN_METHOD:
				SOMETIMES("consumer.dead_letter_returned");
				return lost(dead, error, "no queue takes it");
			case AMQP_CHANNEL_CLOSE_METHOD:
			case AMQP_CONNECTION_CLOSE_METHOD:
				return lost(dead, error, "the broker closed the connection");
			default:
				break;
		}
	}
	return false;
}

bool deadletter_publish(DeadLetter *dead, const amqp_basic_properties_t *original, const void *body,
						size_t length, const char *reason, Error *error)
{
	amqp_table_entry_t entries[ENVELOPE_HEADERS_MAX];
	amqp_basic_properties_t properties;
	amqp_bytes_t bytes = {.len = length, .bytes = (void *) (uintptr_t) body};
	int result;

	if (!ready(dead, error))
		return false;
	envelope_dead(dead->bare ? NULL : original, reason, dead->queue, entries, &properties);
	/* Mandatory: an unroutable message is confirmed like any other. */
	result = amqp_basic_publish(dead->connection, CHANNEL, amqp_cstring_bytes(MESSAGE_DEAD),
								amqp_cstring_bytes(dead->queue), true, false, &properties, bytes);
	/*
	 * Foreign headers that leave no room for ours: the body and the reason matter more, so the next
	 * attempt goes without them. On a new connection: half of this one's message is sent already.
	 */
	dead->bare = result == AMQP_STATUS_TABLE_TOO_BIG;
	SOMETIMES_IF(dead->bare, "consumer.dead_letter_bare");
	if (result != AMQP_STATUS_OK)
		return lost(dead, error, amqp_error_string2(result));
	return await_confirm(dead, error);
}
