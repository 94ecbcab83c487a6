/*
 * fuzz_broker_url.c - any text as an AMQP URL: taken apart into strings that end,
 * or refused in one line that quotes nothing of it (R0.16).
 *
 * links: lib/contract/broker_url.c lib/contract/error.c lib/contract/utf8.c librabbitmq
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/contract/broker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void) fprintf(stderr, "violated: %s\n", what);
	abort();
}

static void require_host(const BrokerUrl *url, unsigned turn)
{
	const BrokerHost *host = broker_url_host(url, turn);
	char where[64];

	require(host->name[0] != '\0' && strlen(host->name) < sizeof(host->name), "a host");
	require(host->port > 0 && host->port <= 65535, "a port");
	broker_url_describe(url, turn, where, sizeof(where));
	require(strlen(where) < sizeof(where), "description ends");
	require(strpbrk(where, "\r\n") == NULL, "description is one line");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A prefix of its own, so that few inputs die at the scheme. */
	const char *scheme = size > 0 && data[0] % 4 == 0 ? "" : "amqps://";
	size_t start = strlen(scheme);
	char *text = malloc(start + size + 1);
	BrokerUrl url;
	Error error = {0};

	if (text == NULL)
		return 0;
	memcpy(text, scheme, start);
	if (size > 0)
		memcpy(text + start, data, size);
	text[start + size] = '\0';

	if (broker_url_parse(text, &url, &error))
	{
		require(url.host_count > 0 && url.host_count <= BROKER_HOSTS_MAX, "hosts");
		for (unsigned i = 0; i < (unsigned) url.host_count; i++)
			require_host(&url, i);
		require(url.vhost[0] != '\0' && strlen(url.vhost) < sizeof(url.vhost), "a vhost");
		require(strlen(url.user) < sizeof(url.user), "user ends");
		require(strlen(url.password) < sizeof(url.password), "password ends");
		require(url.heartbeat >= 0 && url.connect_timeout_ms >= 0, "no negative times");
	}
	else
	{
		require(error.code == ERROR_CONFIG && error.text[0] != '\0', "a reason");
		require(strchr(error.text, '\n') == NULL, "one line");
	}
	free(text);
	return 0;
}
