/*
 * counters.h - what all lanes have done since the start, for the progress line
 * and the last line of the log.
 */
#ifndef CAMPAIGN_CONSUMER_COUNTERS_H
#define CAMPAIGN_CONSUMER_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct Counters
{
	_Atomic int64_t documents; /* stored and acknowledged by MongoDB */
	_Atomic int64_t campaigns; /* completed */
	_Atomic int64_t dead;	   /* sent to the dead letters */
} Counters;

extern Counters counters;

/* Draws the progress line (terminals only); call it about twice a second. */
void counters_show(void);

#endif /* CAMPAIGN_CONSUMER_COUNTERS_H */
