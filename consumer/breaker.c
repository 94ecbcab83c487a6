/*
 * breaker.c - when a provider is thought to take nothing; see breaker.h.
 *
 * Must never hold everything back for ever for one message that the provider cannot digest.
 */
#include "breaker.h"

#define DOUBLINGS_MAX 20 /* of five minutes: ten years */

int breaker_limit(int in_flight)
{
	return 2 * in_flight > BREAKER_TROUBLES ? 2 * in_flight : BREAKER_TROUBLES;
}

void breaker_works(Breaker *breaker)
{
	breaker->picky |= breaker->blamed;
	breaker->blamed = false;
	breaker->open = false;
	breaker->troubles = 0;
	breaker->worked++;
}

static void count(Breaker *breaker, const BreakerTrouble *trouble, int64_t now_ms)
{
	bool first = breaker->troubles == 0;

	if (first)
	{
		breaker->since_ms = now_ms;
		breaker->judged = 0;
	}
	else if (trouble->message != breaker->message)
		breaker->blamed = breaker->picky = false;
	if (first || trouble->message != breaker->message)
	{
		breaker->alone_ms = now_ms;
		breaker->answered = false;
	}
	breaker->message = trouble->message;
	breaker->answered |= trouble->answered;
	breaker->troubles++;
}

static void wait_for_probe(Breaker *breaker, int64_t interval_ms, int64_t now_ms)
{
	breaker->interval_ms = interval_ms < BREAKER_PROBE_MAX_MS ? interval_ms : BREAKER_PROBE_MAX_MS;
	breaker->probe_ms = now_ms + breaker->interval_ms;
}

/*
 * It has been tried alone for long, by a provider that was there to answer. The more messages were
 * judged in vain, the likelier it is that the provider is at fault: in hours it costs a handful.
 */
static bool is_suspect(const Breaker *breaker, const BreakerTrouble *trouble, int64_t now_ms)
{
	int64_t patience_ms = (int64_t) BREAKER_ALONE_MS << breaker->judged;

	return breaker->answered && (breaker->open || trouble->ends) &&
		   (breaker->picky || now_ms - breaker->alone_ms >= patience_ms);
}

/* Whether this one shows that the provider takes nothing. */
static bool shows_outage(const Breaker *breaker, const BreakerTrouble *trouble, int64_t now_ms)
{
	if (breaker->troubles >= breaker->limit &&
		(trouble->ends || now_ms - breaker->since_ms >= BREAKER_LASTS_MS))
		return true;
	/* It would fail although nothing else was taken either since it was first tried. */
	return trouble->ends && !trouble->unclear && breaker->worked == trouble->worked_before;
}

BreakerDecision breaker_trouble(Breaker *breaker, const BreakerTrouble *trouble, int64_t now_ms)
{
	count(breaker, trouble, now_ms);
	/* What was under way when it opened is not a probe. */
	if (breaker->open && now_ms >= breaker->probe_ms)
		wait_for_probe(breaker, 2 * breaker->interval_ms, now_ms);
	if (is_suspect(breaker, trouble, now_ms))
	{
		breaker->blamed = true;
		breaker->judged += breaker->judged < DOUBLINGS_MAX;
		return BREAKER_JUDGED;
	}
	if (!breaker->open && shows_outage(breaker, trouble, now_ms))
	{
		breaker->open = true;
		wait_for_probe(breaker, BREAKER_PROBE_MS, now_ms);
	}
	return breaker->open ? BREAKER_BACK : BREAKER_AS_USUAL;
}

int64_t breaker_wait_ms(const Breaker *breaker, int64_t now_ms)
{
	return breaker->probe_ms > now_ms ? breaker->probe_ms - now_ms : 0;
}
