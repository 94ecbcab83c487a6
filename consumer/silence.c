/*
 * silence.c - when a subscription is thought silent; see silence.h.
 *
 * Must never decide from an answer that a delivery has overtaken: then the lane had its hands full
 * meanwhile, and what waited was waiting for it.
 */
#include "silence.h"

#define LOOK_MS		 3000 /* between two questions … */
#define LOOK_SOON_MS 1000 /* … while messages wait */
#define PATIENCE_MS	 3000
#define SHARED_MS	 60000
#define PATIENCE_MAX 300000

void silence_subscribed(Silence *silence, int64_t now_ms)
{
	silence->since_ms = 0;
	silence->asked = silence->overtaken = false;
	silence->look_ms = now_ms + LOOK_SOON_MS;
}

void silence_delivered(Silence *silence, int64_t now_ms)
{
	silence->since_ms = 0;
	silence->fruitless = 0;
	silence->overtaken = silence->asked;
	silence->look_ms = now_ms + LOOK_MS;
}

bool silence_asks(Silence *silence, int64_t now_ms)
{
	if (silence->asked || now_ms < silence->look_ms)
		return false;
	silence->asked = true;
	return true;
}

/* Each time that it has not helped, twice as long. */
static int64_t patience_ms(const Silence *silence, bool shared)
{
	int64_t patience = shared ? SHARED_MS : PATIENCE_MS;

	for (int i = 0; i < silence->fruitless && patience < PATIENCE_MAX; i++)
		patience *= 2;
	return patience < PATIENCE_MAX ? patience : PATIENCE_MAX;
}

bool silence_heard(Silence *silence, uint32_t ready, bool shared, int64_t now_ms)
{
	bool counts = silence->asked && !silence->overtaken;

	silence->asked = silence->overtaken = false;
	silence->look_ms = now_ms + (ready > 0 ? LOOK_SOON_MS : LOOK_MS);
	if (!counts)
		return false;
	if (ready == 0)
		silence->since_ms = 0;
	else if (silence->since_ms == 0 || (shared && ready != silence->ready))
		silence->since_ms = now_ms;
	silence->ready = ready;
	if (ready == 0 || now_ms - silence->since_ms < patience_ms(silence, shared))
		return false;
	silence->fruitless++;
	return true;
}
