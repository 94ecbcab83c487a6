/*
 * clock.h - the one clock of the ceilings, and their one line of output.
 *
 * A ceiling prints the seconds of its timed part and nothing else: bench.py
 * knows the quantity.
 */
#ifndef CAMPAIGN_BENCH_CLOCK_H
#define CAMPAIGN_BENCH_CLOCK_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double clock_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static inline void clock_print(double seconds)
{
	printf("%.6f\n", seconds);
}

/* A ceiling that cannot be measured says why and is no figure. */
static inline void clock_fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

/* A positive number of the command line. */
static inline long clock_argument(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*end != '\0' || number <= 0)
		clock_fail(text, "a positive number is needed");
	return number;
}

#endif /* CAMPAIGN_BENCH_CLOCK_H */
