/*
 * gateway_random.c - see gateway_random.h.
 *
 * The generator is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom
 * number generators, OOPSLA 2014); the normal distribution is made by the
 * Box-Muller transform.
 */
#include "gateway_random.h"

#include <math.h>

static uint64_t next(GatewayRandom *random)
{
	uint64_t bits = random->state += UINT64_C(0x9e3779b97f4a7c15);

	bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
	return bits ^ bits >> 31;
}

double gateway_random_unit(GatewayRandom *random)
{
	return (double) (next(random) >> 11) * 0x1p-53;
}

static double standard_normal(GatewayRandom *random)
{
	/* 1 - u is never 0, whose logarithm there is none of. */
	double radius = sqrt(-2 * log(1 - gateway_random_unit(random)));

	return radius * cos(2 * M_PI * gateway_random_unit(random));
}

int64_t gateway_random_us(GatewayRandom *random, GatewayDistribution distribution, int64_t mean_us,
						  int64_t deviation_us)
{
	double mean = (double) mean_us;
	double away;

	switch (distribution)
	{
		case GATEWAY_EXPONENTIAL:
			return (int64_t) llround(-mean * log(1 - gateway_random_unit(random)));
		case GATEWAY_UNIFORM:
			away = (2 * gateway_random_unit(random) - 1) * sqrt(3) * (double) deviation_us;
			break;
		default:
			away = standard_normal(random) * (double) deviation_us;
	}
	/* As far on the one side as on the other. */
	away = fmax(-mean, fmin(mean, away));
	return (int64_t) llround(mean + away);
}

bool gateway_random_fails(GatewayRandom *random, double rate)
{
	return gateway_random_unit(random) < rate;
}
