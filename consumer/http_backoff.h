/*
 * http_backoff.h - how long to wait before a message is tried again.
 *
 * Pure.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_BACKOFF_H
#define CAMPAIGN_CONSUMER_HTTP_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The next of a series; *state, which it changes, is never 0. */
uint32_t http_backoff_random(uint32_t *state);

/*
 * Before the attempt after so many (from 1 on): `first_ms`, doubled each time, at most `most_ms`,
 * and of that between half and all, by `random`.
 */
int64_t http_backoff_ms(int attempts, int64_t first_ms, int64_t most_ms, uint32_t random);

/*
 * What a Retry-After header asks for (RFC 9110, 10.2.3): seconds, or a date, which is compared with
 * the answer's own Date if that is one, else with `now`. False if it is neither.
 */
bool http_retry_after_ms(const char *value, const char *date, time_t now, int64_t *wait_ms);

#endif /* CAMPAIGN_CONSUMER_HTTP_BACKOFF_H */
