/*
 * gateway_simulate.c - a gateway that sends nothing: it waits a random time for
 * each message, and fails at a rate. For trials, and to see what a sender does.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway.h"
#include "gateway_random.h"
#include "program/clock.h"

typedef struct Sending
{
	void *tag;
	int64_t begun_us;
	int64_t due_us;
	bool fails;
} Sending;

typedef struct Simulate
{
	const GatewaySettings *settings;
	double failure_rate;
	GatewayRandom random;
	bool abandoned;
	int count;
	Sending sending[]; /* settings->in_flight of them */
} Simulate;

/* Each reason comes as often as the others. */
static const struct
{
	const char *code;
	const char *text;
} REASONS[] = {{"unreachable", "the phone is switched off or out of reach"},
			   {"blocked", "the operator has blocked the message"},
			   {"invalid", "the number is not assigned"}};

static bool parse_rate(const char *text, double *rate, Error *error)
{
	char *end;

	errno = 0;
	*rate = strtod(text, &end);
	if (errno == 0 && end != text && *end == '\0' && *rate >= 0 && *rate <= 1)
		return true;
	return error_set(error, ERROR_CONFIG, "CAMPAIGN_FAILURE_RATE is not a number from 0 to 1");
}

/* Lanes are opened one after the other, so each has its own series of the same seed. */
static uint64_t seed_of(const GatewaySettings *settings)
{
	static atomic_uint lanes;
	uint64_t seed = (uint64_t) settings->seed;

	if (seed == 0)
		seed = (uint64_t) clock_us() ^ (uint64_t) getpid() << 40;
	return seed + (UINT64_C(1) << 32) * atomic_fetch_add(&lanes, 1);
}

static void *simulate_open(const GatewaySettings *settings, Error *error)
{
	double rate;
	Simulate *simulate;

	if (!parse_rate(settings->failure_rate, &rate, error))
		return NULL;
	simulate =
		calloc(1, sizeof(*simulate) + (size_t) settings->in_flight * sizeof(*simulate->sending));
	if (simulate == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	simulate->settings = settings;
	simulate->failure_rate = rate;
	simulate->random.state = seed_of(settings);
	return simulate;
}

static bool simulate_submit(void *self, const GatewayMessage *message)
{
	Simulate *simulate = self;
	const GatewaySettings *settings = simulate->settings;
	Sending *sending;

	if (simulate->count == settings->in_flight)
		return false;
	sending = &simulate->sending[simulate->count++];
	sending->tag = message->tag;
	sending->begun_us = clock_us();
	sending->due_us =
		sending->begun_us + gateway_random_us(&simulate->random,
											  (GatewayDistribution) settings->distribution,
											  INT64_C(1000) * settings->mean_ms,
											  INT64_C(1000) * settings->deviation_ms);
	sending->fails = gateway_random_fails(&simulate->random, simulate->failure_rate);
	return true;
}

static void wait_us(int64_t us)
{
	struct timespec wait = {us / 1000000, us % 1000000 * 1000};

	if (us > 0)
		(void) nanosleep(&wait, NULL);
}

static void put_result(const Simulate *simulate, const Sending *sending, GatewayResult *result)
{
	memset(result, 0, sizeof(*result));
	result->tag = sending->tag;
	result->attempts = 1;
	result->took_us = clock_us() - sending->begun_us;
	if (sending->due_us > clock_us() && simulate->abandoned)
	{
		result->state = GATEWAY_UNKNOWN;
		snprintf(result->code, sizeof(result->code), "abandoned");
		snprintf(result->text, sizeof(result->text), "the sender stopped before the answer came");
	}
	else if (sending->fails)
	{
		size_t reason = (size_t) sending->due_us % (sizeof(REASONS) / sizeof(*REASONS));

		result->state = GATEWAY_FAILED;
		snprintf(result->code, sizeof(result->code), "%s", REASONS[reason].code);
		snprintf(result->text, sizeof(result->text), "%s", REASONS[reason].text);
	}
	else
		result->state = GATEWAY_SENT;
}

static int take_due(Simulate *simulate, GatewayResult *results, int room)
{
	int64_t now_us = clock_us();
	int taken = 0;
	int kept = 0;

	for (int i = 0; i < simulate->count; i++)
	{
		const Sending *sending = &simulate->sending[i];

		if (taken < room && (simulate->abandoned || sending->due_us <= now_us))
			put_result(simulate, sending, &results[taken++]);
		else
			simulate->sending[kept++] = *sending;
	}
	simulate->count = kept;
	return taken;
}

static int simulate_poll(void *self, int timeout_ms, GatewayResult *results, int room)
{
	Simulate *simulate = self;
	int64_t until_us = clock_us() + INT64_C(1000) * timeout_ms;
	int taken = take_due(simulate, results, room);

	if (taken > 0)
		return taken;
	for (int i = 0; i < simulate->count; i++)
	{
		if (simulate->sending[i].due_us < until_us)
			until_us = simulate->sending[i].due_us;
	}
	wait_us(until_us - clock_us());
	return take_due(simulate, results, room);
}

static void simulate_abandon(void *self)
{
	((Simulate *) self)->abandoned = true;
}

static void simulate_close(void *self)
{
	free(self);
}

static void simulate_describe(const GatewaySettings *settings, char *json, size_t size)
{
	snprintf(json, size,
			 "\"mean_ms\": %d, \"distribution\": \"%s\", \"deviation_ms\": %d, "
			 "\"failure_rate\": %g, \"seed\": %d",
			 settings->mean_ms, GATEWAY_DISTRIBUTIONS[settings->distribution],
			 settings->deviation_ms, strtod(settings->failure_rate, NULL), settings->seed);
}

const Gateway GATEWAY_SIMULATE = {.name = "simulate",
								  .sends = true,
								  .open = simulate_open,
								  .submit = simulate_submit,
								  .poll = simulate_poll,
								  .abandon = simulate_abandon,
								  .close = simulate_close,
								  .describe = simulate_describe};
