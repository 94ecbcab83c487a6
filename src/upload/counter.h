/*
 * counter.h - the counters of a numbered list: "1. ", "2) ", "3 - ", "4- " in front of the numbers.
 */
#ifndef CAMPAIGN_COUNTER_H
#define CAMPAIGN_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Counter
{
	bool runs;	  /* it has begun with 0 or 1, and the next line went on */
	int64_t next; /* goes on from the last one seen, whether it ran or not */
	int steps;	  /* lines in a row that went on */
	bool dash;	  /* behind the last one: area codes are written like that, too */
} Counter;

typedef enum CounterResult
{
	COUNTER_NONE,
	COUNTER_RUNS,	/* it is no part of the number: certain */
	COUNTER_LONELY, /* it may be a part of the number */
	COUNTER_COUNTS	/* so it may, but three lines in a row go on, one from the other */
} CounterResult;

/* The counter of the line from `start` to `end`, of a file up to `data_end`; *skip: its bytes. */
CounterResult counter_read(Counter *counter, const char *start, const char *end,
						   const char *data_end, size_t *skip);

#endif /* CAMPAIGN_COUNTER_H */
