/*
 * http_state.h - what the gateway that sends over HTTP has in hand, for the files that work on
 * it: gateway_http.c, http_trouble.c.
 *
 * Belongs to one lane.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_STATE_H
#define CAMPAIGN_CONSUMER_HTTP_STATE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "breaker.h"
#include "gateway.h"
#include "http_request.h"

typedef struct Slot
{
	HttpRequest request; /* first: libcurl gives back its address */
	TAILQ_ENTRY(Slot) link;
	void *tag;
	int attempts;
	bool running;
	bool settled;			/* no further attempt */
	bool in_doubt;			/* an attempt may have been taken */
	uint64_t message;		/* of which message, and … */
	uint64_t worked_before; /* … before which others: breaker.h */
	int64_t first_us;
	int64_t due_ms;
	GatewayResult result;
} Slot;

TAILQ_HEAD(Slots, Slot);

typedef struct Http
{
	HttpTemplate *template;
	CURLM *multi;
	struct Slots idle;
	struct Slots waiting; /* for their first attempt, in order, or for the next one */
	struct Slots ended;
	int64_t held_ms;	   /* the provider wants nothing before that */
	int64_t held_since_ms; /* when it said so first, and has taken nothing since; 0: never */
	bool on_hold;		   /* the caller wants nothing begun */
	Breaker breaker;
	char trouble[GATEWAY_CODE_SIZE + GATEWAY_TEXT_SIZE + 2]; /* the last one */
	int64_t ending_ms; /* abandoned: answers are taken until then; 0: not abandoned */
	int busy;		   /* slots with a message */
	uint32_t random;
	int count;
	Slot slots[];
} Http;

#endif /* CAMPAIGN_CONSUMER_HTTP_STATE_H */
