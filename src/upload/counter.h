/*
 * counter.h - the counters of a numbered list: "1. ", "2) ", "3 - " in front of the numbers.
 */
#ifndef CAMPAIGN_COUNTER_H
#define CAMPAIGN_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Counter
{
	bool runs;	  /* it has begun with 0 or 1, and the next line went on */
	int64_t last; /* seen, whether it ran or not */
} Counter;

typedef enum CounterResult
{
	COUNTER_NONE,
	COUNTER_RUNS, /* it is no part of the number: certain */
	COUNTER_LONELY
} CounterResult;

/* The counter of the line from `start` to `end`, of a file up to `data_end`; *skip: its bytes. */
CounterResult counter_read(Counter *counter, const char *start, const char *end,
						   const char *data_end, size_t *skip);

#endif /* CAMPAIGN_COUNTER_H */
