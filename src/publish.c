/*
 * publish.c - the worker's arm: sends batches and follows their confirms.
 *
 * amqp_basic_publish() blocks without a deadline once the socket's buffer is
 * full, which would make PostgreSQL deaf to SIGTERM. So nothing is sent unless
 * it fits what is free of that buffer (publish_room()): even a broker that has
 * stopped reading can then not block us.
 *
 * Must never wait for the broker outside publish_open() and
 * publish_queue_drained(), and never include a PostgreSQL header.
 */
#include "publish.h"

#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define PUBLISH_CHANNEL		  1
#define PUBLISH_SOCKET_BUFFER (1024 * 1024)
#define PUBLISH_UNCONFIRMED_MAX                                                                    \
	(4 * 1024 * 1024)		  /* bytes that the broker has to remember for us                      \
							   */
#define PUBLISH_OVERHEAD 400  /* bytes around a body: method, properties, headers, frame ends */
#define PUBLISH_WINDOW	 4096 /* unsettled batches at most; a power of two */
#define PUBLISH_HEADERS	 5

typedef enum SentState
{
	SENT_WAITING,
	SENT_CONFIRMED,
	SENT_REFUSED
} SentState;

typedef struct Sent
{
	PublishTicket ticket;
	size_t size;
	SentState state;
} Sent;

/* Delivery tags count from 1 on a channel: the batch with tag t is ring[t % PUBLISH_WINDOW]. */
struct Publisher
{
	amqp_connection_state_t connection;
	bool blocked;
	size_t unconfirmed; /* bytes */
	size_t capacity;	/* bytes that the socket's buffer holds */
	uint64_t oldest;	/* tag of the oldest unsettled batch */
	uint64_t next;		/* tag of the next batch */
	Sent ring[PUBLISH_WINDOW];
};

/* Half of the half that the kernel doubles for its own overhead. */
static size_t socket_capacity(int socket)
{
	int wanted = PUBLISH_SOCKET_BUFFER;
	int granted = 0;
	socklen_t length = sizeof(granted);

	(void) setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
	if (getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &granted, &length) != 0)
		granted = 0;
	return (size_t) granted / 4;
}

Publisher *publish_open(const BrokerUrl *url, const BrokerOptions *options,
						bool (*interrupted)(void), Error *error)
{
	Publisher *publisher = calloc(1, sizeof(Publisher));

	if (publisher == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	publisher->oldest = 1;
	publisher->next = 1;
	publisher->connection = broker_open(url, options, error);
	if (publisher->connection == NULL)
		goto failed;
	if (!broker_declare(publisher->connection, interrupted, NULL, error))
		goto failed;
	amqp_confirm_select(publisher->connection, PUBLISH_CHANNEL);
	if (!broker_reply_error(error, "confirm.select", amqp_get_rpc_reply(publisher->connection)))
		goto failed;

	publisher->capacity = socket_capacity(publish_socket(publisher));
	if (publisher->capacity < publish_size(MESSAGE_FRAME_MAX))
		publisher->capacity = publish_size(MESSAGE_FRAME_MAX);
	return publisher;

failed:
	publish_close(publisher, false);
	return NULL;
}

void publish_close(Publisher *publisher, bool polite)
{
	if (publisher == NULL)
		return;
	broker_close(publisher->connection, polite);
	free(publisher);
}

int publish_socket(const Publisher *publisher)
{
	return amqp_get_sockfd(publisher->connection);
}

size_t publish_size(size_t length)
{
	return length + PUBLISH_OVERHEAD;
}

/* Bytes that the kernel still has to send or to see acknowledged by the broker's kernel. */
static size_t socket_queued(int socket, size_t otherwise)
{
	int queued = 0;

	if (ioctl(socket, SIOCOUTQ, &queued) != 0)
		return otherwise;
	return (size_t) queued;
}

size_t publish_room(const Publisher *publisher)
{
	int socket = publish_socket(publisher);
	struct pollfd writable = {.fd = socket, .events = POLLOUT};
	size_t queued;

	if (publisher->blocked || publish_unsettled(publisher) >= PUBLISH_WINDOW ||
		publisher->unconfirmed >= PUBLISH_UNCONFIRMED_MAX)
		return 0;
	if (poll(&writable, 1, 0) != 1 || (writable.revents & POLLOUT) == 0)
		return 0;
	queued = socket_queued(socket, publisher->unconfirmed);
	return queued < publisher->capacity ? publisher->capacity - queued : 0;
}

bool publish_blocked(const Publisher *publisher)
{
	return publisher->blocked;
}

size_t publish_unsettled(const Publisher *publisher)
{
	return (size_t) (publisher->next - publisher->oldest);
}

static void header_text(amqp_table_entry_t *entry, const char *name, const char *value)
{
	entry->key = amqp_cstring_bytes(name);
	entry->value.kind = AMQP_FIELD_KIND_UTF8;
	entry->value.value.bytes = amqp_cstring_bytes(value);
}

static void header_number(amqp_table_entry_t *entry, const char *name, int64_t value)
{
	entry->key = amqp_cstring_bytes(name);
	entry->value.kind = AMQP_FIELD_KIND_I64;
	entry->value.value.i64 = value;
}

bool publish_send(Publisher *publisher, const PublishBatch *batch, PublishTicket ticket,
				  Error *error)
{
	amqp_table_entry_t headers[PUBLISH_HEADERS];
	amqp_basic_properties_t properties = {0};
	char message_id[MESSAGE_ID_MAX + 48];
	amqp_bytes_t body = {.len = batch->body->length, .bytes = batch->body->buffer};
	const char *class = message_class_name(batch->class);
	int status;
	Sent *sent = &publisher->ring[publisher->next % PUBLISH_WINDOW];

	snprintf(message_id, sizeof(message_id), "%s.%s.%lld", batch->campaign_id, class,
			 (long long) batch->first_seq);
	header_text(&headers[0], MESSAGE_HEADER_CAMPAIGN_ID, batch->campaign_id);
	header_text(&headers[1], MESSAGE_HEADER_CLASS, class);
	header_number(&headers[2], MESSAGE_HEADER_FIRST_SEQ, batch->first_seq);
	header_number(&headers[3], MESSAGE_HEADER_COUNT, batch->body->count);
	header_number(&headers[4], MESSAGE_HEADER_TOTAL, batch->total);
	properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
						AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG;
	properties.content_type = amqp_cstring_bytes(MESSAGE_CONTENT_TYPE);
	properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
	properties.message_id = amqp_cstring_bytes(message_id);
	properties.type = amqp_cstring_bytes(MESSAGE_TYPE);
	properties.headers.num_entries = PUBLISH_HEADERS;
	properties.headers.entries = headers;

	status = amqp_basic_publish(publisher->connection, PUBLISH_CHANNEL,
								amqp_cstring_bytes(MESSAGE_EXCHANGE),
								amqp_cstring_bytes(batch->queue), true, false, &properties, body);
	if (status != AMQP_STATUS_OK)
		return error_set(error, ERROR_UNREACHABLE, "publishing: %s", amqp_error_string2(status));

	sent->ticket = ticket;
	sent->size = publish_size(body.len);
	sent->state = SENT_WAITING;
	publisher->unconfirmed += sent->size;
	publisher->next++;
	return true;
}

/* Confirms come batched (`multiple`) and out of order. */
static void settle(Publisher *publisher, uint64_t tag, bool multiple, SentState state)
{
	uint64_t first = multiple ? publisher->oldest : tag;

	for (uint64_t t = first; t <= tag && t < publisher->next; t++)
	{
		Sent *sent = &publisher->ring[t % PUBLISH_WINDOW];

		if (t < publisher->oldest || sent->state != SENT_WAITING)
			continue;
		sent->state = state;
		publisher->unconfirmed -= sent->size;
	}
}

static bool closed_by_broker(Error *error, const amqp_method_t *method)
{
	amqp_rpc_reply_t reply = {.reply_type = AMQP_RESPONSE_SERVER_EXCEPTION, .reply = *method};

	return broker_reply_error(error, "the broker closed the connection", reply);
}

static bool handle_method(Publisher *publisher, const amqp_method_t *method, Error *error)
{
	switch (method->id)
	{
		case AMQP_BASIC_ACK_METHOD:
		{
			const amqp_basic_ack_t *ack = method->decoded;

			settle(publisher, ack->delivery_tag, ack->multiple, SENT_CONFIRMED);
			return true;
		}
		case AMQP_BASIC_NACK_METHOD:
		{
			const amqp_basic_nack_t *nack = method->decoded;

			settle(publisher, nack->delivery_tag, nack->multiple, SENT_REFUSED);
			return true;
		}
		case AMQP_BASIC_RETURN_METHOD:
		{
			/*
			 * The queue is gone. The ack of this very batch follows, so nothing that comes
			 * later on this connection may be believed.
			 */
			const amqp_basic_return_t *returned = method->decoded;

			return error_set(error, ERROR_PROTOCOL, "queue %.*s does not exist any more",
							 (int) returned->routing_key.len,
							 (const char *) returned->routing_key.bytes);
		}
		case AMQP_CONNECTION_BLOCKED_METHOD:
			publisher->blocked = true;
			return true;
		case AMQP_CONNECTION_UNBLOCKED_METHOD:
			publisher->blocked = false;
			return true;
		case AMQP_CHANNEL_CLOSE_METHOD:
		case AMQP_CONNECTION_CLOSE_METHOD:
			return closed_by_broker(error, method);
		default:
			return true;
	}
}

bool publish_poll(Publisher *publisher, Error *error)
{
	struct timeval now = {0, 0};
	amqp_frame_t frame;

	amqp_maybe_release_buffers(publisher->connection);
	for (;;)
	{
		int status = amqp_simple_wait_frame_noblock(publisher->connection, &frame, &now);

		if (status == AMQP_STATUS_TIMEOUT)
			return true;
		if (status != AMQP_STATUS_OK)
			return error_set(error, ERROR_UNREACHABLE, "connection lost: %s",
							 amqp_error_string2(status));
		if (frame.frame_type == AMQP_FRAME_METHOD &&
			!handle_method(publisher, &frame.payload.method, error))
			return false;
	}
}

bool publish_settled(Publisher *publisher, PublishTicket *ticket, bool *confirmed)
{
	Sent *sent = &publisher->ring[publisher->oldest % PUBLISH_WINDOW];

	if (publisher->oldest == publisher->next || sent->state == SENT_WAITING)
		return false;
	*ticket = sent->ticket;
	*confirmed = sent->state == SENT_CONFIRMED;
	publisher->oldest++;
	return true;
}

/* The broker has closed a channel: answer, or it will not open again. */
static bool channel_gone(Publisher *publisher, amqp_channel_t channel, amqp_rpc_reply_t reply)
{
	amqp_channel_close_ok_t close_ok = {0};

	return reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
		   reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD &&
		   amqp_send_method(publisher->connection, channel, AMQP_CHANNEL_CLOSE_OK_METHOD,
							&close_ok) == AMQP_STATUS_OK;
}

bool publish_queue_drained(Publisher *publisher, const char *queue, bool *drained, Error *error)
{
	/* A channel of its own: the broker closes it (404) when the queue is gone. */
	const amqp_channel_t channel = PUBLISH_CHANNEL + 1;
	amqp_queue_declare_ok_t *answer;
	amqp_rpc_reply_t reply;

	if (amqp_channel_open(publisher->connection, channel) == NULL)
		return broker_reply_error(error, "channel.open", amqp_get_rpc_reply(publisher->connection));
	answer = amqp_queue_declare(publisher->connection, channel, amqp_cstring_bytes(queue), true,
								false, false, false, amqp_empty_table);
	if (answer == NULL)
	{
		reply = amqp_get_rpc_reply(publisher->connection);
		*drained = true;
		if (channel_gone(publisher, channel, reply))
			return broker_declare(publisher->connection, NULL, NULL, error);
		return broker_reply_error(error, queue, reply);
	}
	*drained = answer->message_count == 0 && answer->consumer_count > 0;
	reply = amqp_channel_close(publisher->connection, channel, AMQP_REPLY_SUCCESS);
	return broker_reply_error(error, "channel.close", reply);
}
