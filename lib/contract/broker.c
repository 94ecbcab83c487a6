/*
 * broker.c - the way into RabbitMQ, the same for the worker and the consumer:
 * the connection with its heartbeats and client properties. The URL is taken
 * apart in broker_url.c, the name looked up in resolve.c, TLS is in tls.c, the
 * queues are declared in broker_topology.c.
 *
 * Never logs, never exits, never waits without a limit: what fails comes back
 * as one line of text, without the password. Includes no PostgreSQL header.
 */
#include "broker.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "message.h"
#include "resolve.h"
#include "tls.h"

#define PRODUCT "campaign"
#define CHANNEL 1

/* The build passes the version written in campaign.control. */
#ifndef CAMPAIGN_VERSION
#define CAMPAIGN_VERSION "unknown"
#endif

/* Brokers without authentication_failure_close refuse a login by hanging up. */
#define HINT_CLOSED "; wrong user or password, TLS expected, or no RabbitMQ at that port?"

/* What broker_url_describe() says of any host. */
#define WHERE_SIZE (sizeof(BrokerHost) + sizeof(((BrokerUrl *) 0)->vhost) + 16)

static struct timeval timeout_of(int timeout_ms)
{
	struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000L};

	return timeout;
}

/* Codes of connection.close and channel.close, AMQP 0-9-1. */
static ErrorCode code_of_close(uint16_t reply_code)
{
	switch (reply_code)
	{
		case AMQP_ACCESS_REFUSED:
		case AMQP_PRECONDITION_FAILED:
		case AMQP_NOT_ALLOWED:
		case AMQP_RESOURCE_LOCKED:
			return ERROR_REFUSED;
		case AMQP_CONNECTION_FORCED: /* the broker shuts down */
		case AMQP_RESOURCE_ERROR:
		case AMQP_INTERNAL_ERROR:
		case AMQP_NOT_FOUND: /* a queue whose replicas are down, or that was deleted */
			return ERROR_UNREACHABLE;
		default:
			return ERROR_PROTOCOL;
	}
}

static ErrorCode code_of_status(int status)
{
	switch (status)
	{
		case AMQP_STATUS_NO_MEMORY:
			return ERROR_MEMORY;
		case AMQP_STATUS_SSL_PEER_VERIFY_FAILED:
		case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED:
			return ERROR_REFUSED;
		case AMQP_STATUS_BAD_AMQP_DATA:
		case AMQP_STATUS_UNKNOWN_CLASS:
		case AMQP_STATUS_UNKNOWN_METHOD:
		case AMQP_STATUS_INCOMPATIBLE_AMQP_VERSION:
		case AMQP_STATUS_UNEXPECTED_STATE:
		case AMQP_STATUS_WRONG_METHOD:
			return ERROR_PROTOCOL;
		default:
			return ERROR_UNREACHABLE;
	}
}

bool broker_reply_error(Error *error, const char *what, amqp_rpc_reply_t reply)
{
	if (reply.reply_type == AMQP_RESPONSE_NORMAL)
		return true;
	if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
		return error_set(error, code_of_status(reply.library_error), "%s: %s", what,
						 amqp_error_string2(reply.library_error));
	if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
		reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD)
	{
		const amqp_connection_close_t *close = reply.reply.decoded;

		return error_set(error, code_of_close(close->reply_code), "%s: %u %.*s", what,
						 close->reply_code, (int) close->reply_text.len,
						 (const char *) close->reply_text.bytes);
	}
	if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
		reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
	{
		const amqp_channel_close_t *close = reply.reply.decoded;

		return error_set(error, code_of_close(close->reply_code), "%s: %u %.*s", what,
						 close->reply_code, (int) close->reply_text.len,
						 (const char *) close->reply_text.bytes);
	}
	return error_set(error, ERROR_PROTOCOL, "%s: unexpected answer of the broker", what);
}

/* Tries the addresses one after the other; each has its part of the time. */
static int open_addresses(amqp_socket_t *socket, const Resolved *resolved, int port,
						  const BrokerOptions *options, int timeout_ms)
{
	struct timeval timeout = timeout_of(timeout_ms / resolved->count);
	int status = AMQP_STATUS_SOCKET_ERROR;

	for (int i = 0; i < resolved->count && status != AMQP_STATUS_OK; i++)
	{
		if (i > 0 && options->interrupted != NULL && options->interrupted())
			break;
		status = amqp_socket_open_noblock(socket, resolved->addresses[i], port, &timeout);
	}
	return status;
}

/* Connects the socket; the connection owns it from the beginning. */
static bool open_socket(amqp_connection_state_t connection, const BrokerUrl *url,
						const BrokerOptions *options, int timeout_ms, Error *error)
{
	const BrokerHost *host = broker_url_host(url, options->turn);
	char where[WHERE_SIZE];
	amqp_socket_t *socket;
	Resolved resolved;
	int status;

	if (!resolve_host(host->name, timeout_ms, options->interrupted, &resolved, error))
		return false;
	socket = url->tls ? amqp_ssl_socket_new(connection) : amqp_tcp_socket_new(connection);
	if (socket == NULL)
		return error_set(error, ERROR_MEMORY, "out of memory for a connection to RabbitMQ");
	if (url->tls && !tls_prepare(socket, host->name, resolved.is_address, options->ca_file, error))
		return false;
	status = open_addresses(socket, &resolved, host->port, options, timeout_ms);
	if (url->tls)
		tls_opened(socket);
	if (status == AMQP_STATUS_OK)
		return true;
	broker_url_describe(url, options->turn, where, sizeof(where));
	return error_set(error, code_of_status(status), "cannot connect to RabbitMQ at %s%s: %s", where,
					 url->tls ? " with TLS" : "",
					 status == AMQP_STATUS_SOCKET_ERROR ? "connection refused or unreachable"
														: amqp_error_string2(status));
}

static amqp_table_entry_t table_entry(const char *key, amqp_field_value_t value)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(key), .value = value};

	return entry;
}

static amqp_table_entry_t table_text(const char *key, const char *text)
{
	amqp_field_value_t value = {.kind = AMQP_FIELD_KIND_UTF8};

	value.value.bytes = amqp_cstring_bytes(text);
	return table_entry(key, value);
}

static amqp_table_entry_t table_bool(const char *key, bool on)
{
	amqp_field_value_t value = {.kind = AMQP_FIELD_KIND_BOOLEAN};

	value.value.boolean = on;
	return table_entry(key, value);
}

/*
 * Logs in with the capabilities without which the broker stays silent: alarms
 * (connection.blocked), a queue deleted under its consumer
 * (consumer_cancel_notify), a refused login (authentication_failure_close).
 */
static amqp_rpc_reply_t login(amqp_connection_state_t connection, const BrokerUrl *url,
							  const char *connection_name, int heartbeat)
{
	amqp_table_entry_t capabilities[] = {
		table_bool("connection.blocked", true),
		table_bool("consumer_cancel_notify", true),
		table_bool("publisher_confirms", true),
		table_bool("basic.nack", true),
		table_bool("authentication_failure_close", true),
	};
	amqp_field_value_t nested = {.kind = AMQP_FIELD_KIND_TABLE};
	amqp_table_entry_t entries[4];
	amqp_table_t properties = {.num_entries = 4, .entries = entries};

	nested.value.table.num_entries = (int) (sizeof(capabilities) / sizeof(capabilities[0]));
	nested.value.table.entries = capabilities;
	entries[0] = table_text("product", PRODUCT);
	entries[1] = table_text("version", CAMPAIGN_VERSION);
	entries[2] = table_text("connection_name", connection_name != NULL ? connection_name : PRODUCT);
	entries[3] = table_entry("capabilities", nested);
	return amqp_login_with_properties(connection, url->vhost, 0, MESSAGE_FRAME_MAX, heartbeat,
									  &properties, AMQP_SASL_METHOD_PLAIN, url->user,
									  url->password);
}

static bool login_error(const BrokerUrl *url, const BrokerOptions *options, amqp_rpc_reply_t reply,
						Error *error)
{
	char where[WHERE_SIZE];
	char what[sizeof(where) + 64];
	size_t length;

	broker_url_describe(url, options->turn, where, sizeof(where));
	(void) snprintf(what, sizeof(what), "cannot log in to RabbitMQ at %s", where);
	broker_reply_error(error, what, reply);
	if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
		(reply.library_error == AMQP_STATUS_CONNECTION_CLOSED ||
		 reply.library_error == AMQP_STATUS_SOCKET_ERROR))
	{
		length = strlen(error->text);
		(void) snprintf(error->text + length, sizeof(error->text) - length, HINT_CLOSED);
	}
	return false;
}

static bool open_session(amqp_connection_state_t connection, const BrokerUrl *url,
						 const BrokerOptions *options, int timeout_ms, Error *error)
{
	struct timeval timeout = timeout_of(timeout_ms);
	int heartbeat = url->heartbeat > 0 ? url->heartbeat : options->heartbeat;
	amqp_rpc_reply_t reply;

	if (amqp_set_handshake_timeout(connection, &timeout) != AMQP_STATUS_OK ||
		amqp_set_rpc_timeout(connection, &timeout) != AMQP_STATUS_OK)
		return error_set(error, ERROR_MEMORY, "cannot set the timeouts of RabbitMQ");
	if (!open_socket(connection, url, options, timeout_ms, error))
		return false;
	if (options->interrupted != NULL && options->interrupted())
		return error_set(error, ERROR_UNREACHABLE, "interrupted while connecting to RabbitMQ");
	reply = login(connection, url, options->connection_name, heartbeat);
	if (reply.reply_type != AMQP_RESPONSE_NORMAL)
		return login_error(url, options, reply, error);
	if (amqp_channel_open(connection, CHANNEL) == NULL)
		return broker_reply_error(error, "cannot open a channel of RabbitMQ",
								  amqp_get_rpc_reply(connection));
	return true;
}

amqp_connection_state_t broker_open(const BrokerUrl *url, const BrokerOptions *options,
									Error *error)
{
	int timeout_ms = url->connect_timeout_ms > 0 ? url->connect_timeout_ms : options->timeout_ms;
	amqp_connection_state_t connection = amqp_new_connection();

	if (connection == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory for a connection to RabbitMQ");
		return NULL;
	}
	if (open_session(connection, url, options, timeout_ms, error))
		return connection;
	broker_close(connection, false);
	return NULL;
}

/*
 * Without it the broker's log has a warning. The answer changes nothing, and a broker that does not
 * listen gives none: it is not waited for, nor is room in the socket.
 */
static void say_goodbye(amqp_connection_state_t connection)
{
	struct pollfd writable = {.fd = amqp_get_sockfd(connection), .events = POLLOUT};
	amqp_connection_close_t goodbye = {.reply_code = AMQP_REPLY_SUCCESS,
									   .reply_text = amqp_cstring_bytes("goodbye")};

	if (poll(&writable, 1, 0) == 1 && (writable.revents & POLLOUT) != 0)
		(void) amqp_send_method(connection, 0, AMQP_CONNECTION_CLOSE_METHOD, &goodbye);
}

void broker_close(amqp_connection_state_t connection, bool polite)
{
	if (connection == NULL)
		return;
	if (polite)
		say_goodbye(connection);
	(void) amqp_destroy_connection(connection);
}
