/*
 * test_gateway_random.c - mean, deviation and rate of the simulated gateway.
 *
 * links: consumer/gateway_random.c -lm
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../consumer/gateway_random.h"

#define COUNT	  100000
#define MEAN_US	  200000
#define SPREAD_US 30000

/* Mean and standard deviation of a series must be within five standard errors of what is asked for.
 */
static void check(GatewayDistribution distribution, double expected_deviation)
{
	GatewayRandom random = {7};
	double sum = 0;
	double squares = 0;
	double mean;
	double deviation;

	for (int i = 0; i < COUNT; i++)
	{
		double us = (double) gateway_random_us(&random, distribution, MEAN_US, SPREAD_US);

		assert_true(us >= 0);
		sum += us;
		squares += us * us;
	}
	mean = sum / COUNT;
	deviation = sqrt(squares / COUNT - mean * mean);
	assert_true(fabs(mean - MEAN_US) < 5 * expected_deviation / sqrt(COUNT));
	assert_true(fabs(deviation - expected_deviation) < 0.02 * expected_deviation);
}

/* R1.2 R1.5 */
static void test_normal(void **state)
{
	(void) state;
	check(GATEWAY_NORMAL, SPREAD_US);
}

static void test_exponential(void **state)
{
	(void) state;
	check(GATEWAY_EXPONENTIAL, MEAN_US);
}

static void test_uniform(void **state)
{
	(void) state;
	check(GATEWAY_UNIFORM, SPREAD_US);
}

static void test_large_deviation_keeps_the_mean(void **state)
{
	GatewayRandom random = {3};
	double sum = 0;

	(void) state;
	for (int i = 0; i < COUNT; i++)
	{
		int64_t us = gateway_random_us(&random, GATEWAY_NORMAL, 1000, 5000);

		assert_true(us >= 0 && us <= 2000);
		sum += (double) us;
	}
	assert_true(fabs(sum / COUNT - 1000) < 5 * 1000 / sqrt(COUNT));
}

static void test_rate(void **state)
{
	GatewayRandom random = {11};
	int failed = 0;

	(void) state;
	for (int i = 0; i < COUNT; i++)
		failed += gateway_random_fails(&random, 0.3);
	assert_true(fabs(failed - 0.3 * COUNT) < 5 * sqrt(COUNT * 0.3 * 0.7));
	for (int i = 0; i < COUNT; i++)
	{
		assert_false(gateway_random_fails(&random, 0));
		assert_true(gateway_random_fails(&random, 1));
	}
}

static void test_same_seed_same_series(void **state)
{
	GatewayRandom one = {5};
	GatewayRandom same = {5};
	GatewayRandom other = {6};
	int equal = 0;

	(void) state;
	for (int i = 0; i < 1000; i++)
	{
		double unit = gateway_random_unit(&one);

		assert_true(unit >= 0 && unit < 1);
		assert_true(unit == gateway_random_unit(&same));
		equal += unit == gateway_random_unit(&other);
	}
	assert_int_equal(equal, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal),	cmocka_unit_test(test_exponential),
		cmocka_unit_test(test_uniform), cmocka_unit_test(test_large_deviation_keeps_the_mean),
		cmocka_unit_test(test_rate),	cmocka_unit_test(test_same_seed_same_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
