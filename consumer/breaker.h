/*
 * breaker.h - whether a provider takes anything at all: the decision alone, from how requests end.
 *
 * A provider that is away, overloaded or broken is not the fault of the messages: they are not
 * tried until they have failed, but held back, and one of them is tried from time to time.
 *
 * Pure: times are the caller's, of the monotonic clock.
 */
#ifndef CAMPAIGN_CONSUMER_BREAKER_H
#define CAMPAIGN_CONSUMER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_TROUBLES	 10		/* requests in a row, at least, … */
#define BREAKER_LASTS_MS	 2000	/* … for so long: the provider takes nothing */
#define BREAKER_PROBE_MS	 1000	/* until one message is tried; then twice as long … */
#define BREAKER_PROBE_MAX_MS 60000	/* … each time, up to this */
#define BREAKER_ALONE_MS	 300000 /* so long the first that is tried alone is not suspected */

/* Zeroed but for `limit` is a good beginning. */
typedef struct Breaker
{
	int limit;		  /* so many requests in a row: breaker_limit() */
	bool open;		  /* the provider takes nothing */
	int troubles;	  /* requests in a row that it did not take */
	uint64_t message; /* of the last one … */
	int64_t alone_ms; /* … the first one in a row about this message … */
	bool answered;	  /* … and whether the provider said so itself, once at least */
	int judged;		  /* messages that were tried alone and judged, since the first of them */
	bool blamed;	  /* the last message was … */
	bool picky;		  /* … and the next one was taken: that happens here */
	int64_t since_ms; /* when the first of them ended */
	uint64_t worked;  /* how often it has taken a message, or refused it for good */
	int64_t interval_ms;
	int64_t probe_ms; /* when one may be tried */
} Breaker;

/* A request that the provider did not take, or may not have taken. */
typedef struct BreakerTrouble
{
	uint64_t message; /* of which message: the same number for all of its requests */
	/* Breaker.worked when its first request began. A time would not do: one message begins in the
	 * millisecond in which the one before it was taken. */
	uint64_t worked_before;
	bool answered; /* the provider has answered */
	bool ends;	   /* it was the last attempt of the message */
	bool unclear;  /* one of its requests may have been taken */
} BreakerTrouble;

/* What follows for the message. */
typedef enum BreakerDecision
{
	BREAKER_AS_USUAL, /* it is tried again as long as it has attempts, and judged then */
	BREAKER_BACK,	  /* the provider is at fault: it is given back */
	BREAKER_JUDGED	  /* the message is at fault, whatever attempts it has */
} BreakerDecision;

/* Of a lane with so many messages in flight: what happens to all of them at once may be chance. */
int breaker_limit(int in_flight);

/* The provider has taken a message, or refused it for good: it works. */
void breaker_works(Breaker *breaker);

/* A request came to nothing. */
BreakerDecision breaker_trouble(Breaker *breaker, const BreakerTrouble *trouble, int64_t now_ms);

/* While it is open: until one message may be tried; 0: now. */
int64_t breaker_wait_ms(const Breaker *breaker, int64_t now_ms);

#endif /* CAMPAIGN_CONSUMER_BREAKER_H */
