/*
 * broker.h - opening a RabbitMQ connection and declaring the topology, the
 * same way for the worker and the consumer (a queue declared with other
 * arguments by the second one is refused with 406).
 *
 * librabbitmq only: no PostgreSQL header. Never logs, never exits; errors come
 * back as text without the password.
 */
#ifndef CAMPAIGN_CONTRACT_BROKER_H
#define CAMPAIGN_CONTRACT_BROKER_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "rabbit.h"

#define BROKER_HOSTS_MAX 16

/* One node of the broker, or whatever stands in front of its nodes. */
typedef struct BrokerHost
{
	char name[256];
	int port; /* 5672, or 5671 with TLS, unless given */
} BrokerHost;

/* An AMQP URL taken apart. All strings are percent-decoded and NUL-terminated. */
typedef struct BrokerUrl
{
	bool tls; /* amqps:// */
	BrokerHost hosts[BROKER_HOSTS_MAX];
	int host_count;			/* at least one */
	char user[256];			/* "guest" unless given */
	char password[1024];	/* "guest" unless given; wipe with broker_url_wipe() */
	char vhost[256];		/* "/" if the path is missing or only "/" */
	int heartbeat;			/* seconds, from ?heartbeat=, else 0: not given */
	int connect_timeout_ms; /* from ?connection_timeout= (ms), else 0: not given */
} BrokerUrl;

/*
 * Parses amqp:// and amqps:// in any case, user info with percent-encoding,
 * hosts separated by commas, each with its port, IPv6 ones in brackets, a vhost,
 * and the query parameters heartbeat and connection_timeout (others are ignored).
 * CloudAMQP's amqps://user:pw@host/vhost is such a URL. False with ERROR_CONFIG
 * and a text that never repeats the URL's password.
 */
bool broker_url_parse(const char *url, BrokerUrl *parsed, Error *error);
void broker_url_wipe(BrokerUrl *parsed);

/* The host whose turn it is: after the last comes the first again. */
const BrokerHost *broker_url_host(const BrokerUrl *url, unsigned turn);

/* "host:port/vhost" of that host (no secrets) for log lines, into `out`. */
void broker_url_describe(const BrokerUrl *url, unsigned turn, char *out, size_t size);

typedef struct BrokerOptions
{
	const char *connection_name; /* shown in RabbitMQ's management */
	int heartbeat;				 /* seconds; the URL's wins if given */
	int timeout_ms; /* for the name, connecting, handshake and each rpc; the URL's wins */
	bool (*interrupted)(void); /* asked while a name is looked up, and between steps; or NULL */
	const char *ca_file;	   /* PEM bundle; NULL: the system's */
	unsigned turn;			   /* which of the URL's hosts; see broker_url_host() */
} BrokerOptions;

/*
 * Connects to one host, the one of options->turn: after a failure or a loss the caller
 * takes the next turn. Checks the server's certificate with TLS 1.2 or newer (amqps),
 * logs in with client properties connection.blocked and consumer_cancel_notify,
 * frame_max MESSAGE_FRAME_MAX, and opens channel 1. NULL and *error on failure:
 * ERROR_UNREACHABLE, or ERROR_REFUSED for wrong credentials or vhost.
 * Blocks for at most about four times timeout_ms.
 */
amqp_connection_state_t broker_open(const BrokerUrl *url, const BrokerOptions *options,
									Error *error);

/* Says goodbye if `polite`, frees it, and waits for nothing; NULL is fine. */
void broker_close(amqp_connection_state_t connection, bool polite);

/* How the text of an error about a queue begins; the name and a colon follow. */
#define BROKER_CANNOT_DECLARE "cannot declare queue "

/* The first number of the version that the broker said at login; 0: none. */
long broker_version(amqp_connection_state_t connection);

/*
 * Declares exchanges `campaign` and `campaign.dead`, all partition queues,
 * `campaign.parallel` and the queue `campaign.dead`, with their bindings, one
 * rpc at a time, on a channel of its own. `interrupted` (may be NULL) is asked
 * between two of them. `without` (NULL, or MESSAGE_QUEUE_NAME_MAX bytes) gets the
 * name of a queue whose messages RabbitMQ 4 gives up on after some deliveries, since
 * it was created without our limit, or "".
 * ERROR_REFUSED names the queue, after BROKER_CANNOT_DECLARE, and what the broker
 * said (406); the connection is then to be closed.
 */
bool broker_declare(amqp_connection_state_t connection, bool (*interrupted)(void), char *without,
					Error *error);

/*
 * True for a normal reply. Else false and one line: "what: what the broker or
 * the socket said".
 */
bool broker_reply_error(Error *error, const char *what, amqp_rpc_reply_t reply);

#endif /* CAMPAIGN_CONTRACT_BROKER_H */
