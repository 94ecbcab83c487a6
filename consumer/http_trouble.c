/*
 * http_trouble.c - an attempt that came to nothing; see http_trouble.h.
 */
#include "http_trouble.h"

#include <stdio.h>
#include <time.h>

#include "http_backoff.h"
#include "program/clock.h"

/* FNV-1a (Fowler, Noll, Vo): two messages that share a number would pass for one. */
uint64_t http_trouble_message(const char *id)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *id != '\0'; id++)
		hash = (hash ^ (unsigned char) *id) * UINT64_C(0x100000001b3);
	return hash;
}

int64_t http_trouble_wait_ms(Http *http, const Slot *slot)
{
	const HttpLimits *limits = &http->template->limits;
	const HttpRequest *request = &slot->request;
	int64_t backoff_ms = http_backoff_ms(slot->attempts, limits->backoff_ms, limits->backoff_max_ms,
										 http_backoff_random(&http->random));
	int64_t asked_ms = 0;

	if (*request->retry_after == '\0' ||
		!http_retry_after_ms(request->retry_after, request->date, time(NULL), &asked_ms))
		return backoff_ms;
	if (asked_ms > limits->retry_after_max_ms)
		asked_ms = limits->retry_after_max_ms;
	asked_ms++; /* our clock rounds down */
	if (clock_ms() + asked_ms > http->held_ms)
		http->held_ms = clock_ms() + asked_ms;
	if (http->held_since_ms == 0)
		http->held_since_ms = clock_ms();
	return asked_ms + backoff_ms / 2;
}

BreakerDecision http_trouble_judge(Http *http, const Slot *slot, bool works, bool again)
{
	BreakerTrouble trouble = {.message = slot->message,
							  .worked_before = slot->worked_before,
							  .answered = slot->request.status != 0,
							  .ends = !again || slot->attempts >= http->template->limits.attempts,
							  .unclear = slot->in_doubt};

	if (works)
	{
		http->held_since_ms = 0;
		breaker_works(&http->breaker);
		return BREAKER_AS_USUAL;
	}
	snprintf(http->trouble, sizeof(http->trouble), "%s: %s", slot->result.code, slot->result.text);
	return breaker_trouble(&http->breaker, &trouble, clock_ms());
}

const char *http_trouble_away(void *self, int64_t *wait_ms)
{
	const Http *http = self;
	int64_t now_ms = clock_ms();
	int64_t held_ms = http->held_ms > now_ms ? http->held_ms - now_ms : 0;

	if (!http->breaker.open)
		return NULL;
	*wait_ms = breaker_wait_ms(&http->breaker, now_ms);
	if (*wait_ms < held_ms)
		*wait_ms = held_ms;
	return http->trouble;
}

const char *http_trouble_waits(void *self, int64_t *since_ms)
{
	const Http *http = self;

	*since_ms = http->held_since_ms;
	return http->held_since_ms == 0 ? NULL : http->trouble;
}
