/*
 * broker_url.c - an AMQP URL as people and hosting services write it, taken
 * apart. librabbitmq's own parser refuses upper-case schemes and query strings,
 * and reads the vhost of amqp://host/ as ''.
 *
 * Never repeats any part of the URL in an error: what looks like a host may be
 * half of a password.
 */
#include "broker.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PORT_PLAIN 5672
#define PORT_TLS   5671

/* So that nobody asks for hours; RabbitMQ itself takes heartbeats of 16 bits. */
#define HEARTBEAT_MAX		   65535
#define CONNECT_TIMEOUT_MAX_MS 3600000

#define ENCODE_HINT "in user and password, write / ? # @ : % as %2F %3F %23 %40 %3A %25"

/* The usual cause is a password with a raw '/' or '@', so every refusal says how to write it. */
static bool refuse(Error *error, const char *what)
{
	return error_set(error, ERROR_CONFIG, "the AMQP URL %s (%s)", what, ENCODE_HINT);
}

/* Percent-decodes into `out`; false if it does not fit, is malformed or holds a NUL. */
static bool url_decode(const char *from, const char *end, char *out, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	size_t length = 0;

	while (from < end)
	{
		char c = *from++;

		if (c == '%')
		{
			const char *high =
				end - from < 2 ? NULL : strchr(hex, tolower((unsigned char) from[0]));
			const char *low = end - from < 2 ? NULL : strchr(hex, tolower((unsigned char) from[1]));

			if (high == NULL || low == NULL || *high == '\0' || *low == '\0')
				return false;
			c = (char) ((high - hex) << 4 | (low - hex));
			from += 2;
		}
		if (c == '\0' || length + 1 >= size)
			return false;
		out[length++] = c;
	}
	out[length] = '\0';
	return true;
}

/* A decimal number from 0 to `max`; false for anything else. */
static bool parse_number(const char *from, const char *end, int max, int *value)
{
	int64_t number = 0;

	if (from == end)
		return false;
	for (; from < end; from++)
	{
		if (*from < '0' || *from > '9')
			return false;
		number = number * 10 + (*from - '0');
		if (number > max)
			return false;
	}
	*value = (int) number;
	return true;
}

/* user[:password], percent-encoded. */
static bool parse_user(const char *from, const char *end, BrokerUrl *parsed, Error *error)
{
	const char *colon = memchr(from, ':', (size_t) (end - from));

	if (!url_decode(from, colon != NULL ? colon : end, parsed->user, sizeof(parsed->user)) ||
		(colon != NULL && !url_decode(colon + 1, end, parsed->password, sizeof(parsed->password))))
		return refuse(error, "has a user or password that is too long or badly encoded");
	return true;
}

/* host[:port], the host of an IPv6 address in brackets. */
static bool parse_host(const char *from, const char *end, BrokerHost *host, Error *error)
{
	const char *name_end;
	const char *port;

	if (from >= end)
		return refuse(error, "has no usable host");
	if (*from == '[')
	{
		from++;
		name_end = memchr(from, ']', (size_t) (end - from));
		port = name_end != NULL ? name_end + 1 : NULL;
	}
	else
	{
		name_end = memchr(from, ':', (size_t) (end - from));
		name_end = name_end != NULL ? name_end : end;
		port = name_end;
	}
	if (name_end == NULL || name_end == from ||
		!url_decode(from, name_end, host->name, sizeof(host->name)))
		return refuse(error, "has no usable host");
	for (const char *at = host->name; *at != '\0'; at++)
		if ((unsigned char) *at <= ' ' || *at == 0x7F || *at == '@')
			return refuse(error, "has no usable host");
	if (port < end &&
		(*port != ':' || !parse_number(port + 1, end, 65535, &host->port) || host->port == 0))
		return refuse(error, "has a port that is not a number from 1 to 65535");
	return true;
}

/* One host or several, separated by commas as in the URLs of PostgreSQL and MongoDB. */
static bool parse_hosts(const char *from, const char *end, BrokerUrl *parsed, Error *error)
{
	for (;;)
	{
		const char *comma = from < end ? memchr(from, ',', (size_t) (end - from)) : NULL;
		BrokerHost *host = &parsed->hosts[parsed->host_count];

		if (parsed->host_count == BROKER_HOSTS_MAX)
			return error_set(error, ERROR_CONFIG, "the AMQP URL has more than %d hosts",
							 BROKER_HOSTS_MAX);
		host->port = parsed->tls ? PORT_TLS : PORT_PLAIN;
		if (!parse_host(from, comma != NULL ? comma : end, host, error))
			return false;
		parsed->host_count++;
		if (comma == NULL)
			return true;
		from = comma + 1;
	}
}

/* name=value pairs; names that are not ours belong to other clients. */
static bool parse_query(const char *from, const char *end, BrokerUrl *parsed, Error *error)
{
	static const char heartbeat[] = "heartbeat=";
	static const char timeout[] = "connection_timeout=";

	while (from < end)
	{
		size_t length = strcspn(from, "&;#");
		const char *stop = from + length;

		if (strncasecmp(from, heartbeat, sizeof(heartbeat) - 1) == 0 &&
			!parse_number(from + sizeof(heartbeat) - 1, stop, HEARTBEAT_MAX, &parsed->heartbeat))
			return error_set(error, ERROR_CONFIG,
							 "the AMQP URL's heartbeat is not a number of seconds up to %d",
							 HEARTBEAT_MAX);
		if (strncasecmp(from, timeout, sizeof(timeout) - 1) == 0 &&
			!parse_number(from + sizeof(timeout) - 1, stop, CONNECT_TIMEOUT_MAX_MS,
						  &parsed->connect_timeout_ms))
			return error_set(error, ERROR_CONFIG,
							 "the AMQP URL's connection_timeout is not a number of milliseconds "
							 "up to %d",
							 CONNECT_TIMEOUT_MAX_MS);
		from = *stop == '\0' || *stop == '#' ? end : stop + 1;
	}
	return true;
}

/* Everything behind the authority: the vhost is one path segment, or "/" if empty. */
static bool parse_path(const char *from, BrokerUrl *parsed, Error *error)
{
	const char *end = from + strcspn(from, "?#");

	if (*from == '/' && end > from + 1 &&
		!url_decode(from + 1, end, parsed->vhost, sizeof(parsed->vhost)))
		return error_set(error, ERROR_CONFIG, "the AMQP URL's vhost is too long or badly encoded");
	return *end != '?' || parse_query(end + 1, end + strlen(end), parsed, error);
}

static bool parse_authority(const char *from, const char *end, BrokerUrl *parsed, Error *error)
{
	const char *at_sign = NULL;

	/* The last '@': a raw '@' in a password is wrong, but can only mean this. */
	for (const char *at = from; at < end; at++)
		if (*at == '@')
			at_sign = at;
	return (at_sign == NULL || parse_user(from, at_sign, parsed, error)) &&
		   parse_hosts(at_sign != NULL ? at_sign + 1 : from, end, parsed, error);
}

bool broker_url_parse(const char *url, BrokerUrl *parsed, Error *error)
{
	const char *authority;
	const char *end;

	memset(parsed, 0, sizeof(*parsed));
	if (strncasecmp(url, "amqp://", 7) == 0)
		authority = url + 7;
	else if (strncasecmp(url, "amqps://", 8) == 0)
		authority = url + 8;
	else
		return error_set(error, ERROR_CONFIG, "the AMQP URL must begin with amqp:// or amqps://");

	parsed->tls = authority == url + 8;
	memcpy(parsed->user, "guest", sizeof("guest"));
	memcpy(parsed->password, "guest", sizeof("guest"));
	memcpy(parsed->vhost, "/", sizeof("/"));
	end = authority + strcspn(authority, "/?#");
	if (parse_authority(authority, end, parsed, error) && parse_path(end, parsed, error))
		return true;
	broker_url_wipe(parsed);
	return false;
}

void broker_url_wipe(BrokerUrl *parsed)
{
	explicit_bzero(parsed, sizeof(*parsed));
}

const BrokerHost *broker_url_host(const BrokerUrl *url, unsigned turn)
{
	return &url->hosts[turn % (unsigned) url->host_count];
}

void broker_url_describe(const BrokerUrl *url, unsigned turn, char *out, size_t size)
{
	const BrokerHost *host = broker_url_host(url, turn);
	bool ipv6 = strchr(host->name, ':') != NULL;

	if (size == 0)
		return;
	/* Cut if `out` is short: it is for people. */
	(void) snprintf(out, size, "%s%s%s:%d%s%s", ipv6 ? "[" : "", host->name, ipv6 ? "]" : "",
					host->port, url->vhost[0] == '/' ? "" : "/", url->vhost);
	/* A vhost may hold an encoded line break; a log line must not. */
	for (char *at = out; *at != '\0'; at++)
		if ((unsigned char) *at < ' ' || *at == 0x7F)
			*at = '?';
}
