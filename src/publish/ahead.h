/*
 * ahead.h - how far a stream with a limit may be published ahead of what is stored.
 *
 * As far as keeps the store busy, or the sender behind it, and no further: a store that comes back
 * takes whatever is in the queue at once. So it is the time that a message takes from being
 * published to being stored, measured while all is well, and a fifth of a second. Pure; times are
 * those of clock_us().
 */
#ifndef CAMPAIGN_AHEAD_H
#define CAMPAIGN_AHEAD_H

#include <stdint.h>

#define AHEAD_SAMPLES 8

/* A sender that takes longer than this for a message does not keep up with its limit. */
#define AHEAD_LATENCY_MAX_US INT64_C(2000000)

/* How far beyond its measured rate a stream may go, so that it can become faster. */
#define AHEAD_GROWTH 1.25

typedef struct Ahead
{
	int64_t probe_seq; /* published at probe_us and not stored yet; 0: none is waited for */
	int64_t probe_us;
	int64_t latencies_us[AHEAD_SAMPLES]; /* the last ones; a ring */
	uint64_t samples;					 /* that there were */
} Ahead;

/* Everything up to `seq` has been published now. */
void ahead_published(Ahead *ahead, int64_t seq, int64_t now_us);

/* Everything up to `seq` is stored now. */
void ahead_stored(Ahead *ahead, int64_t seq, int64_t now_us);

/* What was published is published again. */
void ahead_forget(Ahead *ahead);

/*
 * How many messages may be published and not stored, at least 1, for `rate` messages a second to be
 * stored all the time. `spare`: messages besides those that are on their way.
 */
int64_t ahead_most(const Ahead *ahead, double rate, double spare);

/*
 * How many may be until it is known what the store takes, so that a limit holds from the beginning:
 * the spare, and no more than a turn of the worker. 0 afterwards.
 */
int64_t ahead_at_first(const Ahead *ahead, double spare);

#endif /* CAMPAIGN_AHEAD_H */
