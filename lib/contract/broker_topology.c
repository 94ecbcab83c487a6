/*
 * broker_topology.c - the exchanges and queues in RabbitMQ, declared the same way
 * by the worker and the consumer.
 *
 * From RabbitMQ 4 on, a quorum queue gives up on a message after 20 deliveries
 * unless it was declared with another limit. Each crash of a consumer is a
 * delivery of all that it held, so our queues have a limit that is never
 * reached. A limit, and not -1 for none: with -1, a message that somebody gives
 * back goes to the end of its queue. RabbitMQ 3 knows no limit by default, and
 * the queues that were declared there stay as they are.
 *
 * Never logs, never waits without a limit, never closes a channel of the caller.
 */
#include "broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

/* The broker closes the channel on which it refuses something: no caller uses this one. */
#define CHANNEL 3

typedef struct Topology
{
	amqp_connection_state_t connection;
	bool limited;  /* the broker has a limit by default */
	char *without; /* gets the name of a queue without a limit of its own; may be NULL */
} Topology;

static bool open_channel(amqp_connection_state_t connection, Error *error)
{
	return amqp_channel_open(connection, CHANNEL) != NULL ||
		   broker_reply_error(error, "cannot open a channel of RabbitMQ",
							  amqp_get_rpc_reply(connection));
}

/* The broker has closed the channel and waits for an answer: gives it, and opens it again. */
static bool reopen_channel(amqp_connection_state_t connection, Error *error)
{
	amqp_channel_close_ok_t close_ok = {0};
	int status = amqp_send_method(connection, CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &close_ok);

	if (status != AMQP_STATUS_OK)
		return error_set(error, ERROR_UNREACHABLE, "cannot declare queues: %s",
						 amqp_error_string2(status));
	return open_channel(connection, error);
}

long broker_version(amqp_connection_state_t connection)
{
	const amqp_table_t *server = amqp_get_server_properties(connection);

	for (int i = 0; i < server->num_entries; i++)
	{
		const amqp_table_entry_t *entry = &server->entries[i];
		char version[16] = "";

		if (entry->value.kind != AMQP_FIELD_KIND_UTF8 || entry->key.len != strlen("version") ||
			memcmp(entry->key.bytes, "version", entry->key.len) != 0)
			continue;
		(void) snprintf(version, sizeof(version), "%.*s", (int) entry->value.value.bytes.len,
						(const char *) entry->value.value.bytes.bytes);
		return strtol(version, NULL, 10);
	}
	return 0;
}

/* The queue has no limit of its own: another version created it, and arguments cannot change. */
static bool lacks_limit(amqp_rpc_reply_t reply)
{
	const char *argument = "'" MESSAGE_DELIVERY_LIMIT_KEY "'";
	const amqp_channel_close_t *close = reply.reply.decoded;

	return reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
		   reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD &&
		   close->reply_code == AMQP_PRECONDITION_FAILED &&
		   memmem(close->reply_text.bytes, close->reply_text.len, argument, strlen(argument)) !=
			   NULL;
}

static amqp_table_entry_t argument_text(const char *key, const char *text)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(key)};

	entry.value.kind = AMQP_FIELD_KIND_UTF8;
	entry.value.value.bytes = amqp_cstring_bytes(text);
	return entry;
}

static amqp_table_entry_t argument_true(const char *key)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(key)};

	entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
	entry.value.value.boolean = 1;
	return entry;
}

static amqp_table_entry_t argument_int(const char *key, int32_t number)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(key)};

	entry.value.kind = AMQP_FIELD_KIND_I32;
	entry.value.value.i32 = number;
	return entry;
}

static bool declare_exchange(const Topology *topology, const char *name, const char *type,
							 Error *error)
{
	char what[128];

	if (amqp_exchange_declare(topology->connection, CHANNEL, amqp_cstring_bytes(name),
							  amqp_cstring_bytes(type), 0, 1, 0, 0, amqp_empty_table) != NULL)
		return true;
	(void) snprintf(what, sizeof(what), "cannot declare exchange %s", name);
	return broker_reply_error(error, what, amqp_get_rpc_reply(topology->connection));
}

/* The limit is the last of the arguments: a queue that exists without it is used as it is. */
static bool declare_queue(const Topology *topology, const char *name, amqp_table_t arguments,
						  Error *error)
{
	amqp_bytes_t queue = amqp_cstring_bytes(name);
	amqp_rpc_reply_t reply;
	char what[128];

	if (amqp_queue_declare(topology->connection, CHANNEL, queue, 0, 1, 0, 0, arguments) != NULL)
		return true;
	reply = amqp_get_rpc_reply(topology->connection);
	if (topology->limited && lacks_limit(reply))
	{
		if (!reopen_channel(topology->connection, error))
			return false;
		arguments.num_entries--;
		if (amqp_queue_declare(topology->connection, CHANNEL, queue, 0, 1, 0, 0, arguments) != NULL)
		{
			if (topology->without != NULL)
				(void) snprintf(topology->without, MESSAGE_QUEUE_NAME_MAX, "%s", name);
			return true;
		}
		reply = amqp_get_rpc_reply(topology->connection);
	}
	(void) snprintf(what, sizeof(what), BROKER_CANNOT_DECLARE "%s", name);
	return broker_reply_error(error, what, reply);
}

/*
 * Every queue is durable and of type quorum. Only partition queues have a single
 * active consumer: order needs it, competing consumers must not have it. What a
 * quorum queue gives up on is lost unless it has a dead-letter exchange.
 */
static bool add_queue(const Topology *topology, const char *exchange, const char *name,
					  bool single_consumer, bool dead_letters, Error *error)
{
	amqp_bytes_t queue = amqp_cstring_bytes(name);
	amqp_table_entry_t entries[4];
	amqp_table_t arguments = {.num_entries = 0, .entries = entries};
	char what[128];

	entries[arguments.num_entries++] = argument_text("x-queue-type", "quorum");
	if (single_consumer)
		entries[arguments.num_entries++] = argument_true("x-single-active-consumer");
	if (dead_letters)
		entries[arguments.num_entries++] = argument_text("x-dead-letter-exchange", MESSAGE_DEAD);
	if (topology->limited)
		entries[arguments.num_entries++] =
			argument_int(MESSAGE_DELIVERY_LIMIT_KEY, MESSAGE_DELIVERY_LIMIT);
	if (!declare_queue(topology, name, arguments, error))
		return false;
	if (amqp_queue_bind(topology->connection, CHANNEL, queue, amqp_cstring_bytes(exchange), queue,
						amqp_empty_table) != NULL)
		return true;
	(void) snprintf(what, sizeof(what), "cannot bind queue %s", name);
	return broker_reply_error(error, what, amqp_get_rpc_reply(topology->connection));
}

/* The steps of the topology, in order: what dead-letters comes after where it goes. */
static bool declare_step(const Topology *topology, int step, Error *error)
{
	char queue[MESSAGE_QUEUE_NAME_MAX];

	switch (step)
	{
		case 0:
			return declare_exchange(topology, MESSAGE_DEAD, "fanout", error);
		case 1:
			return add_queue(topology, MESSAGE_DEAD, MESSAGE_DEAD, false, false, error);
		case 2:
			return declare_exchange(topology, MESSAGE_EXCHANGE, "direct", error);
		case 3:
			return add_queue(topology, MESSAGE_EXCHANGE, MESSAGE_QUEUE_PARALLEL, false, true,
							 error);
		default:
			message_partition_queue(step - 4, queue);
			return add_queue(topology, MESSAGE_EXCHANGE, queue, true, true, error);
	}
}

bool broker_declare(amqp_connection_state_t connection, bool (*interrupted)(void), char *without,
					Error *error)
{
	Topology topology = {connection, broker_version(connection) >= MESSAGE_DELIVERY_LIMITED,
						 without};

	if (without != NULL)
		*without = '\0';
	if (!open_channel(connection, error))
		return false;
	for (int step = 0; step < 4 + MESSAGE_PARTITIONS; step++)
	{
		if (interrupted != NULL && interrupted())
			return error_set(error, ERROR_UNREACHABLE, "interrupted while declaring the queues");
		if (!declare_step(&topology, step, error))
			return false;
		amqp_maybe_release_buffers_on_channel(connection, CHANNEL);
	}
	return broker_reply_error(error, "cannot close a channel of RabbitMQ",
							  amqp_channel_close(connection, CHANNEL, AMQP_REPLY_SUCCESS));
}
