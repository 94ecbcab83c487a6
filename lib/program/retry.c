/*
 * retry.c - capped, jittered, exponential waits; see retry.h.
 */
#include "retry.h"

#include <time.h>

#include "stop.h"

void retry_reset(Retry *retry)
{
	retry->attempts = 0;
}

/* xorshift32 (Marsaglia, 2003): good enough for jitter. */
static uint32_t next_random(Retry *retry)
{
	if (retry->random == 0)
	{
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		retry->random = ((uint32_t) now.tv_nsec ^ (uint32_t) (uintptr_t) retry) | 1;
	}
	retry->random ^= retry->random << 13;
	retry->random ^= retry->random >> 17;
	retry->random ^= retry->random << 5;
	return retry->random;
}

int retry_next_ms(Retry *retry)
{
	int ceiling = RETRY_MAX_MS;

	/* 100 << 6 is already above the cap: no shift can overflow. */
	if (retry->attempts < 6)
		ceiling = RETRY_FIRST_MS << retry->attempts++;
	if (ceiling > RETRY_MAX_MS)
		ceiling = RETRY_MAX_MS;
	return ceiling / 2 + (int) (next_random(retry) % (uint32_t) (ceiling / 2 + 1));
}

bool retry_wait(Retry *retry)
{
	return stop_wait(retry_next_ms(retry));
}
