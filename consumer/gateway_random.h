/*
 * gateway_random.h - the random part of the simulated gateway: how long a
 * message takes, and whether it fails. Pure: the same seed gives the same series.
 */
#ifndef CAMPAIGN_CONSUMER_GATEWAY_RANDOM_H
#define CAMPAIGN_CONSUMER_GATEWAY_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum GatewayDistribution
{
	GATEWAY_NORMAL,
	GATEWAY_EXPONENTIAL,
	GATEWAY_UNIFORM
} GatewayDistribution;

typedef struct GatewayRandom
{
	uint64_t state; /* any number is a seed */
} GatewayRandom;

/* From 0 up to, not including, 1. */
double gateway_random_unit(GatewayRandom *random);

/*
 * Microseconds, never negative, around `mean_us`. The deviation is the standard deviation of the
 * normal and of the uniform distribution (an exponential one has its mean's). No result is further
 * from the mean than 0 is, on either side: so the mean stays what it is.
 */
int64_t gateway_random_us(GatewayRandom *random, GatewayDistribution distribution, int64_t mean_us,
						  int64_t deviation_us);

/* True at the given rate, 0 to 1: never at 0, always at 1. */
bool gateway_random_fails(GatewayRandom *random, double rate);

#endif /* CAMPAIGN_CONSUMER_GATEWAY_RANDOM_H */
