/*
 * test_bucket.c - the pace of a campaign, by a simulated clock (R5.4).
 *
 * links: src/publish/bucket.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/publish/bucket.h"

#define SECOND_US INT64_C(1000000)
#define SECONDS	  60
#define TICK_US	  1000
#define TICKS	  (SECONDS * SECOND_US / TICK_US)
#define WINDOW	  (10 * SECOND_US / TICK_US)

/* How many had been let through by each tick. */
static int64_t sent[TICKS + 1];

/* The worker asks at times that are late by up to so much. */
static void run(Bucket *bucket, int64_t late_us)
{
	int64_t next_us = 0;

	for (int64_t i = 0; i < TICKS; i++)
	{
		int64_t now_us = i * TICK_US;
		int64_t tokens = 0;

		if (now_us >= next_us)
		{
			tokens = bucket_tokens(bucket, now_us);
			bucket_take(bucket, tokens);
			next_us = now_us + bucket_wait_ms(bucket) * 1000 + (late_us > 0 ? rand() % late_us : 0);
		}
		sent[i + 1] = sent[i] + tokens;
	}
}

/* Within any ten seconds: 5 % too many or too few at most, or one. */
static void assert_even(int64_t rate, int64_t from)
{
	for (int64_t i = from; i + WINDOW <= TICKS; i++)
	{
		int64_t count = sent[i + WINDOW] - sent[i];

		assert_in_range(count, 10 * rate - rate / 2 - 1, 10 * rate + rate / 2 + 1);
	}
}

static void test_any_ten_seconds(void **state)
{
	static const int64_t rates[] = {1, 3, 7, 20, 99, 1000, 54321, BUCKET_RATE_MAX};

	(void) state;
	srand(1);
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
	{
		Bucket bucket = {0};

		bucket_set_rate(&bucket, rates[i], 0);
		run(&bucket, rates[i] < 20 ? 0 : 20000);
		assert_even(rates[i], 0);
	}
}

/* Whoever was not asked for a while has missed its tokens: they do not come in one go. */
static void test_no_burst_after_a_stall(void **state)
{
	Bucket bucket = {0};

	(void) state;
	bucket_set_rate(&bucket, 1000, 0);
	assert_int_equal(bucket_tokens(&bucket, 0), 0);
	assert_int_equal(bucket_tokens(&bucket, 3600 * SECOND_US), 200);
	bucket_take(&bucket, 200);
	assert_int_equal(bucket_tokens(&bucket, 3600 * SECOND_US), 0);
	assert_int_equal(bucket_wait_ms(&bucket), 51);
	assert_int_equal(bucket_tokens(&bucket, 3600 * SECOND_US + 51000), 51);
	/* Nor do they for the clock of a machine that slept for years. */
	assert_int_equal(bucket_tokens(&bucket, INT64_MAX / 2), 200);
}

static void test_another_rate(void **state)
{
	Bucket bucket = {0};

	(void) state;
	assert_int_equal(bucket_tokens(&bucket, 0), INT64_MAX);
	assert_int_equal(bucket_wait_ms(&bucket), 0);
	/* A limit after years without one begins with nothing. */
	bucket_set_rate(&bucket, 1000, 3600 * SECOND_US);
	assert_int_equal(bucket_tokens(&bucket, 3600 * SECOND_US), 0);
	assert_int_equal(bucket_tokens(&bucket, 3600 * SECOND_US + 100000), 100);
	/* A lower one takes what is too much. */
	bucket_set_rate(&bucket, 100, 3600 * SECOND_US + 200000);
	assert_int_equal(bucket_tokens(&bucket, 3600 * SECOND_US + 200000), 20);
	bucket_set_rate(&bucket, 0, 3600 * SECOND_US + 200000);
	assert_int_equal(bucket_tokens(&bucket, 3600 * SECOND_US + 200000), INT64_MAX);
}

/* Few are together what a batch is worth, and what may wait for the store. */
static void test_batches(void **state)
{
	Bucket slow = {.rate = 1};
	Bucket fast = {.rate = 1000};

	(void) state;
	assert_int_equal(bucket_fewest(&slow), 1);
	assert_int_equal(bucket_ahead(&slow), 1);
	assert_int_equal(bucket_fewest(&fast), 50);
	assert_int_equal(bucket_ahead(&fast), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_ten_seconds),
		cmocka_unit_test(test_no_burst_after_a_stall),
		cmocka_unit_test(test_another_rate),
		cmocka_unit_test(test_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
