/*
 * http_trouble.h - what follows from a request that the provider did not take: whether the message
 * or the provider is at fault, and how long to wait.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_TROUBLE_H
#define CAMPAIGN_CONSUMER_HTTP_TROUBLE_H

#include "http_state.h"

/* What stands for a message in a Breaker. */
uint64_t http_trouble_message(const char *id);

/*
 * An attempt has ended, and its result stands in the slot. `works`: the provider has taken the
 * message or refused it for good; `again`: else there may be another attempt.
 */
BreakerDecision http_trouble_judge(Http *http, const Slot *slot, bool works, bool again);

/* Before the next attempt; a provider that asks for a pause gets it from all messages. */
int64_t http_trouble_wait_ms(Http *http, const Slot *slot);

/* Gateway.away */
const char *http_trouble_away(void *self, int64_t *wait_ms);

/* Gateway.waits */
const char *http_trouble_waits(void *self, int64_t *since_ms);

#endif /* CAMPAIGN_CONSUMER_HTTP_TROUBLE_H */
