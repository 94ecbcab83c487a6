/*
 * test_bucket.c - the rate of a campaign, by a simulated clock (R5.4).
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

/* Nobody asks from one time to another: the broker is away, or the campaign is paused. */
typedef struct Stall
{
	int64_t from_us;
	int64_t to_us;
} Stall;

/* The worker asks at times that are late by up to so much. */
static void run(Bucket *bucket, int64_t late_us, Stall stall)
{
	int64_t next_us = 0;

	for (int64_t i = 0; i < TICKS; i++)
	{
		int64_t now_us = i * TICK_US;
		int64_t tokens = 0;

		if (now_us >= next_us && (now_us < stall.from_us || now_us >= stall.to_us))
		{
			tokens = bucket_tokens(bucket, now_us);
			bucket_take(bucket, tokens);
			next_us = now_us + bucket_wait_ms(bucket) * 1000 + (late_us > 0 ? rand() % late_us : 0);
		}
		sent[i + 1] = sent[i] + tokens;
	}
}

/* In any ten seconds no more than 5 % too many; one that comes once in a minute comes once. */
static void assert_never_more(int64_t thousandths)
{
	int64_t most = 10 * thousandths * 105 / 100 / 1000;

	for (int64_t i = 0; i + WINDOW <= TICKS; i++)
		assert_in_range(sent[i + WINDOW] - sent[i], 0, most > 1 ? most : 1);
}

/* Nor more than 5 % too few, or one. */
static void assert_never_less(int64_t thousandths, int64_t from_tick)
{
	int64_t fewest = 10 * thousandths * 95 / 100 / 1000 - 1;

	for (int64_t i = from_tick; i + WINDOW <= TICKS; i++)
		assert_true(sent[i + WINDOW] - sent[i] >= fewest);
}

static const int64_t rates[] = {10,	   500,	  1000,	   3000,	 7500,
								20000, 99999, 1000000, 54321000, INT64_C(1000) * BUCKET_RATE_MAX};
#define RATES ((int) (sizeof(rates) / sizeof(*rates)))

static void test_any_ten_seconds(void **state)
{
	(void) state;
	srand(1);
	for (int i = 0; i < RATES; i++)
	{
		Bucket bucket = {0};

		bucket_set_rate(&bucket, rates[i], 0);
		run(&bucket, rates[i] < 20000 ? 0 : 20000, (Stall){0, 0});
		assert_never_more(rates[i]);
		assert_never_less(rates[i], 0);
	}
}

/* What was missed is not made up for, whatever the rate; after that all is as before. */
static void test_any_ten_seconds_with_a_stall(void **state)
{
	static const Stall stall = {20 * SECOND_US, 33 * SECOND_US};

	(void) state;
	srand(2);
	for (int i = 0; i < RATES; i++)
	{
		Bucket bucket = {0};

		bucket_set_rate(&bucket, rates[i], 0);
		run(&bucket, rates[i] < 20000 ? 0 : 20000, stall);
		assert_never_more(rates[i]);
		assert_never_less(rates[i], stall.to_us / TICK_US);
	}
}

/* Whoever was not asked for a while has missed its tokens: they do not come in one go. */
static void test_no_burst_after_a_stall(void **state)
{
	Bucket bucket = {0};

	(void) state;
	bucket_set_rate(&bucket, 1000000, 0);
	assert_int_equal(bucket_tokens(&bucket, 0), 0);
	assert_int_equal(bucket_tokens(&bucket, 3600 * SECOND_US), 200);
	bucket_take(&bucket, 200);
	assert_int_equal(bucket_tokens(&bucket, 3600 * SECOND_US), 0);
	assert_int_equal(bucket_wait_ms(&bucket), 51);
	assert_int_equal(bucket_tokens(&bucket, 3600 * SECOND_US + 51000), 51);
	/* Nor do they for the clock of a machine that slept for years. */
	assert_int_equal(bucket_tokens(&bucket, INT64_MAX / 2), 200);
	bucket_empty(&bucket, INT64_MAX / 2);
	assert_int_equal(bucket_tokens(&bucket, INT64_MAX / 2), 0);
}

static void test_another_rate(void **state)
{
	const int64_t hour_us = 3600 * SECOND_US;
	Bucket bucket = {0};

	(void) state;
	assert_int_equal(bucket_tokens(&bucket, 0), INT64_MAX);
	assert_int_equal(bucket_wait_ms(&bucket), 0);
	/* A limit after years without one begins with nothing. */
	bucket_set_rate(&bucket, 1000000, hour_us);
	assert_int_equal(bucket_tokens(&bucket, hour_us), 0);
	assert_int_equal(bucket_tokens(&bucket, hour_us + 100000), 100);
	/* A lower one takes what is too much. */
	bucket_set_rate(&bucket, 100000, hour_us + 200000);
	assert_int_equal(bucket_tokens(&bucket, hour_us + 200000), 20);
	bucket_set_rate(&bucket, 0, hour_us + 200000);
	assert_int_equal(bucket_tokens(&bucket, hour_us + 200000), INT64_MAX);
}

/* One in two seconds: not sooner, and the worker need not ask before. */
static void test_less_than_one_a_second(void **state)
{
	Bucket bucket = {0};

	(void) state;
	bucket_set_rate(&bucket, 500, 0);
	assert_int_equal(bucket_wait_ms(&bucket), 2001);
	assert_int_equal(bucket_tokens(&bucket, 2 * SECOND_US - 1), 0);
	assert_int_equal(bucket_tokens(&bucket, 2 * SECOND_US), 1);
	bucket_take(&bucket, 1);
	assert_int_equal(bucket_tokens(&bucket, 4 * SECOND_US - 1), 0);
	assert_int_equal(bucket_tokens(&bucket, 60 * SECOND_US), 1);
}

/* A dead letter is taken in one, and what it took too much has to come before the next. */
static void test_debt(void **state)
{
	Bucket bucket = {0};

	(void) state;
	assert_int_equal(bucket_debt_ms(&bucket, 5), 0);
	bucket_set_rate(&bucket, 100000, 0);
	assert_int_equal(bucket_debt_ms(&bucket, 0), 0);
	bucket_take(&bucket, 250);
	assert_int_equal(bucket_debt_ms(&bucket, 0), 2501);
	assert_int_equal(bucket_tokens(&bucket, SECOND_US), 0);
	assert_int_equal(bucket_debt_ms(&bucket, SECOND_US), 1501);
	assert_int_equal(bucket_debt_ms(&bucket, 5 * SECOND_US / 2), 0);
	assert_int_equal(bucket_tokens(&bucket, 26 * SECOND_US / 10), 10);
}

/* Few are together what a batch is worth. */
static void test_batches(void **state)
{
	Bucket slow = {.thousandths = 500};
	Bucket fast = {.thousandths = 1000000};

	(void) state;
	assert_int_equal(bucket_fewest(&slow), 1);
	assert_int_equal(bucket_fewest(&fast), 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_ten_seconds),
		cmocka_unit_test(test_any_ten_seconds_with_a_stall),
		cmocka_unit_test(test_no_burst_after_a_stall),
		cmocka_unit_test(test_another_rate),
		cmocka_unit_test(test_less_than_one_a_second),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_debt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
