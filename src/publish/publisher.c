/*
 * publisher.c - sends the worker's batches and follows their confirms.
 *
 * amqp_basic_publish() blocks without a deadline once the socket's buffer is
 * full, which would make the worker deaf to SIGTERM. So nothing is sent unless
 * it fits what is free of that buffer (publisher_room()): even a broker that has
 * stopped reading can then not block us.
 *
 * Must never wait for the broker outside publisher_open() and
 * publisher_queue_drained() (and letters.c), and never include a PostgreSQL header.
 */
#include "publisher.h"

#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "program/sometimes.h"
#include "rpc.h"

#define PUBLISH_CHANNEL		  1
#define PUBLISH_SOCKET_BUFFER (1024 * 1024)
#define PUBLISH_OVERHEAD	  400 /* bytes around a body: method, properties, headers, frame ends */
#define PUBLISH_HEADERS		  6	  /* at most */

/* A socket that nothing waits in takes the largest letter: Linux's usual limit lets its buffer hold
 * 212992 bytes. */
#define PUBLISH_LARGEST (MESSAGE_FRAME_MAX + PUBLISHER_LETTER_HEAD)

struct Publisher
{
	amqp_connection_state_t connection;
	bool blocked;
	bool disk_is_full; /* why, as the broker said it */
	size_t capacity;   /* bytes that the socket's buffer holds */
	Confirms confirms;
	Letters letters;
	Rpc rpc;
};

/* What a body of `length` bytes takes of the socket's buffer. */
static size_t batch_bytes(size_t length)
{
	return length + PUBLISH_OVERHEAD;
}

static bool take_frame(void *argument, const amqp_frame_t *frame, Error *error);

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

Publisher *publisher_open(const BrokerUrl *url, const BrokerOptions *options, Error *error)
{
	Publisher *publisher = calloc(1, sizeof(Publisher));

	if (publisher == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	confirms_init(&publisher->confirms);
	publisher->connection = broker_open(url, options, error);
	if (publisher->connection == NULL)
		goto failed;
	publisher->rpc = (Rpc){publisher->connection, options->interrupted, take_frame, publisher};
	publisher->letters.connection = publisher->connection;
	publisher->letters.rpc = &publisher->rpc;
	if (!broker_declare(publisher->connection, options->interrupted, NULL, error))
		goto failed;
	amqp_confirm_select(publisher->connection, PUBLISH_CHANNEL);
	if (!broker_reply_error(error, "confirm.select", amqp_get_rpc_reply(publisher->connection)))
		goto failed;

	publisher->capacity = socket_capacity(publisher_socket(publisher));
	if (publisher->capacity < batch_bytes(PUBLISH_LARGEST))
		publisher->capacity = batch_bytes(PUBLISH_LARGEST);
	return publisher;

failed:
	publisher_close(publisher, false);
	return NULL;
}

void publisher_close(Publisher *publisher, bool polite)
{
	if (publisher == NULL)
		return;
	broker_close(publisher->connection, polite);
	free(publisher);
}

int publisher_socket(const Publisher *publisher)
{
	return amqp_get_sockfd(publisher->connection);
}

/* Bytes that the kernel still has to send or to see acknowledged by the broker's kernel. */
static size_t socket_queued(int socket, size_t otherwise)
{
	int queued = 0;

	if (ioctl(socket, SIOCOUTQ, &queued) != 0)
		return otherwise;
	return (size_t) queued;
}

size_t publisher_room(const Publisher *publisher, size_t length)
{
	int socket = publisher_socket(publisher);
	struct pollfd writable = {.fd = socket, .events = POLLOUT};

	if (publisher->blocked || publisher_full(publisher))
		return 0;
	if (poll(&writable, 1, 0) != 1 || (writable.revents & POLLOUT) == 0)
		return 0;
	return confirms_room(&publisher->confirms, publisher->capacity,
						 socket_queued(socket, publisher->confirms.waiting_bytes),
						 batch_bytes(length));
}

bool publisher_full(const Publisher *publisher)
{
	return publisher_unsettled(publisher) >= CONFIRMS_MAX;
}

bool publisher_blocked(const Publisher *publisher)
{
	return publisher->blocked;
}

bool publisher_disk_is_full(const Publisher *publisher)
{
	return publisher->disk_is_full;
}

size_t publisher_unsettled(const Publisher *publisher)
{
	return confirms_count(&publisher->confirms);
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

/* Persistent and mandatory. */
static bool post(Publisher *publisher, const char *queue, const amqp_basic_properties_t *properties,
				 amqp_bytes_t body, ConfirmsTicket ticket, Error *error)
{
	int status = amqp_basic_publish(publisher->connection, PUBLISH_CHANNEL,
									amqp_cstring_bytes(MESSAGE_EXCHANGE), amqp_cstring_bytes(queue),
									true, false, properties, body);

	if (status != AMQP_STATUS_OK)
		return error_set(error, ERROR_UNREACHABLE, "publishing: %s", amqp_error_string2(status));
	return confirms_add(&publisher->confirms, ticket, batch_bytes(body.len));
}

bool publisher_send(Publisher *publisher, const PublisherBatch *batch, ConfirmsTicket ticket,
					Error *error)
{
	amqp_table_entry_t headers[PUBLISH_HEADERS];
	amqp_basic_properties_t properties = {0};
	char message_id[MESSAGE_ID_MAX + 48];
	amqp_bytes_t body = {.len = batch->body->length, .bytes = batch->body->buffer};
	const char *class = message_class_name(batch->class);

	/* Sent without a place, its confirm would be taken for that of another batch. */
	if (publisher_full(publisher))
		return error_set(error, ERROR_PROTOCOL, "more than %d batches are not confirmed",
						 CONFIRMS_MAX);
	snprintf(message_id, sizeof(message_id), "%s.%s.%lld", batch->campaign_id, class,
			 (long long) batch->first_seq);
	header_text(&headers[0], MESSAGE_HEADER_CAMPAIGN_ID, batch->campaign_id);
	header_text(&headers[1], MESSAGE_HEADER_CLASS, class);
	header_number(&headers[2], MESSAGE_HEADER_FIRST_SEQ, batch->first_seq);
	header_number(&headers[3], MESSAGE_HEADER_COUNT, batch->body->count);
	header_number(&headers[4], MESSAGE_HEADER_TOTAL, batch->total);
	header_number(&headers[5], MESSAGE_HEADER_VERSION, batch->body->version);
	properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
						AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG;
	properties.content_type = amqp_cstring_bytes(MESSAGE_CONTENT_TYPE);
	properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
	properties.message_id = amqp_cstring_bytes(message_id);
	properties.type = amqp_cstring_bytes(MESSAGE_TYPE);
	/* Version 1 is as it was before there was another. */
	properties.headers.num_entries =
		batch->body->version == MESSAGE_VERSION ? PUBLISH_HEADERS - 1 : PUBLISH_HEADERS;
	properties.headers.entries = headers;

	return post(publisher, batch->queue, &properties, body, ticket, error);
}

static amqp_bytes_t property(const char *text, amqp_flags_t flag,
							 amqp_basic_properties_t *properties)
{
	if (text[0] != '\0')
		properties->_flags |= flag;
	return amqp_cstring_bytes(text);
}

bool publisher_send_letter(Publisher *publisher, const PublisherLetter *letter,
						   ConfirmsTicket ticket, Error *error)
{
	amqp_table_entry_t headers[PUBLISHER_HEADERS_MAX];
	amqp_basic_properties_t properties = {0};
	amqp_bytes_t body = {.len = letter->length, .bytes = (void *) (uintptr_t) letter->body};

	if (publisher_full(publisher))
		return error_set(error, ERROR_PROTOCOL, "more than %d batches are not confirmed",
						 CONFIRMS_MAX);
	for (int i = 0; i < letter->header_count; i++)
	{
		const PublisherHeader *header = &letter->headers[i];

		if (header->text != NULL)
			header_text(&headers[i], header->name, header->text);
		else
			header_number(&headers[i], header->name, header->number);
	}
	properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG;
	properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
	properties.content_type =
		property(letter->content_type, AMQP_BASIC_CONTENT_TYPE_FLAG, &properties);
	properties.type = property(letter->type, AMQP_BASIC_TYPE_FLAG, &properties);
	properties.message_id = property(letter->message_id, AMQP_BASIC_MESSAGE_ID_FLAG, &properties);
	properties.headers.num_entries = letter->header_count;
	properties.headers.entries = headers;
	return post(publisher, letter->queue, &properties, body, ticket, error);
}

Letters *publisher_letters(Publisher *publisher)
{
	return &publisher->letters;
}

static bool closed_by_broker(Error *error, const amqp_method_t *method)
{
	amqp_rpc_reply_t reply = {.reply_type = AMQP_RESPONSE_SERVER_EXCEPTION, .reply = *method};

	return broker_reply_error(error, "the broker closed the connection", reply);
}

static void note_blocked(Publisher *publisher, const amqp_connection_blocked_t *method)
{
	static const char DISK[] = "disk";

	publisher->blocked = true;
	publisher->disk_is_full =
		memmem(method->reason.bytes, method->reason.len, DISK, strlen(DISK)) != NULL;
}

static bool handle_method(Publisher *publisher, const amqp_method_t *method, Error *error)
{
	switch (method->id)
	{
		case AMQP_BASIC_ACK_METHOD:
		{
			const amqp_basic_ack_t *ack = method->decoded;

			confirms_settle(&publisher->confirms, ack->delivery_tag, ack->multiple, true);
			return true;
		}
		case AMQP_BASIC_NACK_METHOD:
		{
			const amqp_basic_nack_t *nack = method->decoded;

			confirms_settle(&publisher->confirms, nack->delivery_tag, nack->multiple, false);
			return true;
		}
		case AMQP_BASIC_RETURN_METHOD:
		{
			/*
			 * The queue is gone. The ack of this very batch follows, so nothing that comes
			 * later on this connection may be believed.
			 */
			const amqp_basic_return_t *returned = method->decoded;

			SOMETIMES("worker.returned");
			return error_set(error, ERROR_PROTOCOL, "queue %.*s does not exist any more",
							 (int) returned->routing_key.len,
							 (const char *) returned->routing_key.bytes);
		}
		case AMQP_CONNECTION_BLOCKED_METHOD:
			note_blocked(publisher, method->decoded);
			return true;
		case AMQP_CONNECTION_UNBLOCKED_METHOD:
			publisher->blocked = false;
			return true;
		case AMQP_CHANNEL_CLOSE_METHOD:
		case AMQP_CONNECTION_CLOSE_METHOD:
			SOMETIMES("worker.closed_by_broker");
			return closed_by_broker(error, method);
		default:
			return true;
	}
}

static bool take_frame(void *argument, const amqp_frame_t *frame, Error *error)
{
	Publisher *publisher = argument;

	if (frame->channel == LETTERS_CHANNEL)
	{
		if (!letters_frame(&publisher->letters, frame, error))
			return false;
		/* A letter is of any size, and only its beginning is kept. */
		amqp_maybe_release_buffers_on_channel(publisher->connection, LETTERS_CHANNEL);
		return true;
	}
	return frame->frame_type != AMQP_FRAME_METHOD ||
		   handle_method(publisher, &frame->payload.method, error);
}

bool publisher_poll(Publisher *publisher, Error *error)
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
		if (!take_frame(publisher, &frame, error))
			return false;
	}
}

bool publisher_settled(Publisher *publisher, ConfirmsTicket *ticket, bool *confirmed)
{
	return confirms_take(&publisher->confirms, ticket, confirmed);
}

bool publisher_queue_drained(Publisher *publisher, const char *queue, bool *drained, bool *served,
							 Error *error)
{
	/* A channel of its own: the broker closes it (404) when the queue is gone. */
	const amqp_channel_t channel = PUBLISH_CHANNEL + 1;
	const Rpc *rpc = &publisher->rpc;
	amqp_channel_open_t open = {0};
	amqp_queue_declare_t declare = {.queue = amqp_cstring_bytes(queue), .passive = true};
	amqp_channel_close_t close = {.reply_code = AMQP_REPLY_SUCCESS};
	amqp_rpc_reply_t reply;

	if (!rpc_call(rpc, &(RpcRequest){"channel.open", channel, AMQP_CHANNEL_OPEN_METHOD, &open},
				  &reply, error))
		return false;
	if (rpc_call(rpc, &(RpcRequest){queue, channel, AMQP_QUEUE_DECLARE_METHOD, &declare}, &reply,
				 error))
	{
		const amqp_queue_declare_ok_t *answer = reply.reply.decoded;

		*served = answer->consumer_count > 0;
		*drained = answer->message_count == 0 && *served;
		return rpc_call(rpc,
						&(RpcRequest){"channel.close", channel, AMQP_CHANNEL_CLOSE_METHOD, &close},
						&reply, error);
	}
	*drained = *served = true;
	if (!rpc_channel_closed(rpc, channel, &reply))
		return false;
	SOMETIMES("worker.queue_gone");
	return broker_declare(publisher->connection, rpc->interrupted, NULL, error);
}
