/*
 * http_backoff.c - waits between attempts; see http_backoff.h.
 */
#include "http_backoff.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS_PER_S	   INT64_C(1000)
#define SECONDS_MAX	   (INT64_C(1) << 31)
#define MOST_DOUBLINGS 32

/* xorshift32 (Marsaglia, 2003): good enough for jitter. */
uint32_t http_backoff_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

int64_t http_backoff_ms(int attempts, int64_t first_ms, int64_t most_ms, uint32_t random)
{
	int64_t wait_ms = first_ms;

	for (int i = 1; i < attempts && i < MOST_DOUBLINGS && wait_ms < most_ms; i++)
		wait_ms *= 2;
	if (wait_ms > most_ms)
		wait_ms = most_ms;
	return wait_ms - wait_ms / 2 + random % (wait_ms / 2 + 1);
}

static bool read_seconds(const char *value, int64_t *seconds)
{
	char *end;

	if (*value < '0' || *value > '9')
		return false;
	errno = 0;
	*seconds = strtoll(value, &end, 10);
	if (errno != 0 || *seconds > SECONDS_MAX)
		*seconds = SECONDS_MAX;
	return *(end + strspn(end, " \t")) == '\0';
}

bool http_retry_after_ms(const char *value, const char *date, time_t now, int64_t *wait_ms)
{
	int64_t seconds;
	time_t then;
	time_t server_now;

	if (!read_seconds(value, &seconds))
	{
		/* All forms of a date begin with the weekday, and have a time; libcurl takes less for one.
		 */
		then = isalpha((unsigned char) *value) && strchr(value, ':') != NULL
				   ? curl_getdate(value, NULL)
				   : -1;
		if (then == -1)
			return false;
		server_now = *date == '\0' ? -1 : curl_getdate(date, NULL);
		seconds = (int64_t) then - (int64_t) (server_now == -1 ? now : server_now);
		if (seconds < 0)
			seconds = 0;
		if (seconds > SECONDS_MAX)
			seconds = SECONDS_MAX;
	}
	*wait_ms = seconds * MS_PER_S;
	return true;
}
