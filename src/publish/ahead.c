/*
 * ahead.c - from publishing to storing; see ahead.h.
 *
 * The shortest of the last times counts: a store that stood still makes one of them long, and a
 * queue that grows makes all of them long, of which nothing should follow.
 */
#include "ahead.h"

/*
 * While a consumer stores, or sends, what it has taken, as much may wait for it: else it would have
 * nothing to do for a moment each time.
 */
#define AHEAD_TIMES 2

/* However high the limit: the store may be much slower. */
#define AHEAD_FIRST_MAX 1000

void ahead_published(Ahead *ahead, int64_t seq, int64_t now_us)
{
	if (ahead->probe_seq > 0)
		return;
	ahead->probe_seq = seq;
	ahead->probe_us = now_us;
}

void ahead_stored(Ahead *ahead, int64_t seq, int64_t now_us)
{
	if (ahead->probe_seq == 0 || seq < ahead->probe_seq)
		return;
	ahead->latencies_us[ahead->samples++ % AHEAD_SAMPLES] = now_us - ahead->probe_us;
	ahead->probe_seq = 0;
}

void ahead_forget(Ahead *ahead)
{
	ahead->probe_seq = 0;
}

static int64_t shortest_us(const Ahead *ahead)
{
	int64_t shortest_us = ahead->samples > 0 ? AHEAD_LATENCY_MAX_US : 0;

	for (uint64_t i = 0; i < ahead->samples && i < AHEAD_SAMPLES; i++)
	{
		if (ahead->latencies_us[i] < shortest_us)
			shortest_us = ahead->latencies_us[i];
	}
	return shortest_us;
}

int64_t ahead_most(const Ahead *ahead, double rate, double spare)
{
	double most = rate * AHEAD_TIMES * (double) shortest_us(ahead) / 1e6 + spare;

	return most > 1 ? (int64_t) most : 1;
}

int64_t ahead_at_first(const Ahead *ahead, double spare)
{
	if (ahead->samples >= AHEAD_SAMPLES)
		return 0;
	return spare < AHEAD_FIRST_MAX ? (int64_t) spare : AHEAD_FIRST_MAX;
}
