/*
 * silence.h - whether a subscription still delivers: the decision alone, from what the broker says
 * of the queue while nothing comes.
 *
 * A broker whose queue was made anew may count a consumer and messages, and deliver none; see
 * receive_subscribe.c for the one such case that is known.
 *
 * Pure: times are the caller's, of the monotonic clock.
 */
#ifndef CAMPAIGN_CONSUMER_SILENCE_H
#define CAMPAIGN_CONSUMER_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed is a good beginning. */
typedef struct Silence
{
	int64_t look_ms;  /* not asked before */
	int64_t since_ms; /* messages have been waiting since, and none has come; 0: not so */
	uint32_t ready;	  /* so many, at the last look */
	int fruitless;	  /* subscribed anew so often, and still nothing came */
	bool asked;		  /* the answer is on its way … */
	bool overtaken;	  /* … and a delivery came before it: it says nothing */
} Silence;

/* The lane has subscribed: what was asked on another connection gets no answer. */
void silence_subscribed(Silence *silence, int64_t now_ms);

/* Something was delivered. */
void silence_delivered(Silence *silence, int64_t now_ms);

/* Nothing has come for a while, and nothing is in hand: whether to ask. If so, it is asked. */
bool silence_asks(Silence *silence, int64_t now_ms);

/*
 * The answer: how many messages are ready, and how many consume the queue. True if the lane should
 * subscribe anew. `shared`: another one may be the only one to get deliveries, and be busy; then
 * more time passes before, in which their number has to stay the same.
 */
bool silence_heard(Silence *silence, uint32_t ready, bool shared, int64_t now_ms);

#endif /* CAMPAIGN_CONSUMER_SILENCE_H */
