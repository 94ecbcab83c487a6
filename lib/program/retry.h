/*
 * retry.h - how long to wait before the next attempt: doubling, capped, with
 * jitter, so that many lanes do not come back in the same instant.
 */
#ifndef CAMPAIGN_PROGRAM_RETRY_H
#define CAMPAIGN_PROGRAM_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS   5000 /* recovery must be quick once the server is back */

typedef struct Retry
{
	int attempts;
	uint32_t random; /* 0: not seeded yet */
} Retry;

/* Forgets the failures: the next wait is the shortest again. */
void retry_reset(Retry *retry);

/* The next wait in milliseconds, between half and all of the doubled time. */
int retry_next_ms(Retry *retry);

/* Waits that long; false as soon as a stop is requested. */
bool retry_wait(Retry *retry);

#endif /* CAMPAIGN_PROGRAM_RETRY_H */
