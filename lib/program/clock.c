/*
 * clock.c - reading the clocks; see clock.h.
 */
#include "clock.h"

#include <limits.h>
#include <time.h>

int64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_ms(void)
{
	return clock_us() / 1000;
}

int64_t clock_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

long clock_left_ms(int64_t until_ms)
{
	int64_t now_ms = clock_ms();

	if (until_ms <= now_ms)
		return 0;
	return until_ms - now_ms < INT_MAX ? (long) (until_ms - now_ms) : INT_MAX;
}
