/*
 * gateway_driver.c - gives messages to the http gateway, and prints what became of them.
 *
 *     gateway_driver TEMPLATE IN_FLIGHT [held] < MESSAGES
 *
 * A message is five texts that end with NUL: campaign_id, id, number, text, attributes (empty:
 * none). A line for each result: place of the message, state, attempts, microseconds, code, text,
 * with tabs between. SIGTERM abandons what is under way, SIGUSR1 settles it, SIGUSR2 every second
 * one; SIGHUP ends the hold in which it was started. Exit code 78 for a template that is wrong.
 *
 * links: gateway-http
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/gateway.h"

#define POLL_MS	   20
#define HELD_POLLS 10
#define ROOM	   64

static const char *const STATES[] = {"sent", "failed", "unknown", "not begun"};

static volatile sig_atomic_t signalled;

static void remember(int number)
{
	signalled = number;
}

/* All of standard input, and where the next text of it begins. */
static char *input;
static size_t input_length;
static size_t input_at;

static bool read_input(void)
{
	size_t size = 0;
	/* It holds NUL bytes and no 0xFF, which is no UTF-8. */
	ssize_t length = getdelim(&input, &size, 0xFF, stdin);

	input_length = length > 0 ? (size_t) length : 0;
	return length > 0;
}

static const char *take_text(void)
{
	const char *text = input + input_at;

	input_at += strlen(text) + 1;
	return text;
}

static bool take_message(GatewayMessage *message, long place)
{
	if (input_at >= input_length)
		return false;
	message->campaign_id = take_text();
	message->id = take_text();
	message->number = take_text();
	message->text = take_text();
	message->attributes = take_text();
	message->tag = (void *) place;
	if (*message->attributes == '\0')
		message->attributes = NULL;
	return true;
}

static int take_results(void *self)
{
	GatewayResult results[ROOM];
	int count = GATEWAY_HTTP.poll(self, POLL_MS, results, ROOM);

	for (int i = 0; i < count; i++)
		printf("%ld\t%s\t%d\t%" PRId64 "\t%s\t%s\n", (long) results[i].tag,
			   STATES[results[i].state], results[i].attempts, results[i].took_us, results[i].code,
			   results[i].text);
	(void) fflush(stdout);
	return count;
}

static bool is_second(const void *unused, const void *tag)
{
	(void) unused;
	return (intptr_t) tag % 2 == 1;
}

/* On hold until SIGHUP, if it is. Says so when it would have begun long ago. */
static void run(void *self, bool held)
{
	int polls = 0;
	GatewayMessage message;
	long submitted = 0;
	long taken = 0;
	bool more = take_message(&message, submitted);

	while (more || taken < submitted)
	{
		if (signalled == SIGTERM)
			GATEWAY_HTTP.abandon(self);
		else if (signalled == SIGUSR1)
			GATEWAY_HTTP.settle(self, NULL, NULL);
		else if (signalled == SIGUSR2)
			GATEWAY_HTTP.settle(self, is_second, NULL);
		else if (signalled == SIGHUP)
			GATEWAY_HTTP.hold(self, false);
		signalled = 0;
		while (more && GATEWAY_HTTP.submit(self, &message))
			more = take_message(&message, ++submitted);
		taken += take_results(self);
		if (held && ++polls == HELD_POLLS)
			(void) fputs("held\n", stderr);
	}
}

int main(int argc, char **argv)
{
	static GatewaySettings settings;
	Error error = {0};
	void *self;

	if (argc < 3 || argc > 4 || !read_input())
		return 2;
	(void) signal(SIGTERM, remember);
	(void) signal(SIGHUP, remember);
	(void) signal(SIGUSR1, remember);
	(void) signal(SIGUSR2, remember);
	snprintf(settings.template, sizeof(settings.template), "%s", argv[1]);
	settings.in_flight = atoi(argv[2]);
	self = GATEWAY_HTTP.open(&settings, &error);
	if (self == NULL)
	{
		(void) fprintf(stderr, "%s\n", error.text);
		free(input);
		return 78;
	}
	GATEWAY_HTTP.hold(self, argc == 4);
	run(self, argc == 4);
	GATEWAY_HTTP.close(self);
	free(input);
	return 0;
}
