/*
 * test_ahead.c - how far a limited campaign is published ahead of the store, by a simulated clock
 * (R5.4).
 *
 * links: src/publish/ahead.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/publish/ahead.h"

#define MS INT64_C(1000)

static void take_sample(Ahead *ahead, int64_t latency_us)
{
	static int64_t now_us = 1;
	static int64_t seq;

	seq += 10;
	ahead_published(ahead, seq, now_us);
	now_us += latency_us;
	ahead_stored(ahead, seq, now_us);
}

/* Nothing is known yet: the spare alone, or one. */
static void test_begins_with_the_spare(void **state)
{
	Ahead ahead = {0};

	(void) state;
	assert_int_equal(ahead_most(&ahead, 100, 20), 20);
	assert_int_equal(ahead_most(&ahead, 0.5, 0.1), 1);
}

/* Until the last times are known: a fifth of a second, and no more than a turn. */
static void test_holds_from_the_beginning(void **state)
{
	Ahead ahead = {0};

	(void) state;
	for (int i = 0; i < AHEAD_SAMPLES; i++)
	{
		assert_int_equal(ahead_at_first(&ahead, 0.5), 0);
		assert_int_equal(ahead_at_first(&ahead, 20), 20);
		assert_int_equal(ahead_at_first(&ahead, 200000), 1000);
		take_sample(&ahead, 10 * MS);
	}
	assert_int_equal(ahead_at_first(&ahead, 20), 0);
}

/* What a sender holds for 300 ms, as much that waits for it, and the spare. */
static void test_keeps_a_sender_busy(void **state)
{
	Ahead ahead = {0};

	(void) state;
	take_sample(&ahead, 300 * MS);
	assert_int_equal(ahead_most(&ahead, 100, 20), 80);
	assert_int_equal(ahead_most(&ahead, 1000, 200), 800);
}

/* A store that stood still for an hour does not make it more. */
static void test_a_stall_is_no_latency(void **state)
{
	Ahead ahead = {0};

	(void) state;
	for (int i = 0; i < AHEAD_SAMPLES; i++)
		take_sample(&ahead, 10 * MS);
	take_sample(&ahead, 3600000 * MS);
	assert_int_equal(ahead_most(&ahead, 100, 20), 22);
}

/* A sender that is slower from now on is believed after some messages, up to a limit. */
static void test_another_latency(void **state)
{
	Ahead ahead = {0};

	(void) state;
	take_sample(&ahead, 10 * MS);
	for (int i = 0; i < AHEAD_SAMPLES; i++)
		take_sample(&ahead, 500 * MS);
	assert_int_equal(ahead_most(&ahead, 100, 20), 120);
	for (int i = 0; i < AHEAD_SAMPLES; i++)
		take_sample(&ahead, 60000 * MS);
	assert_int_equal(ahead_most(&ahead, 100, 20), 420);
	take_sample(&ahead, 10 * MS);
	assert_int_equal(ahead_most(&ahead, 100, 20), 22);
}

/* One message at a time is watched, and none that is published again. */
static void test_one_message_is_watched(void **state)
{
	Ahead ahead = {0};

	(void) state;
	ahead_published(&ahead, 10, 1);
	ahead_published(&ahead, 20, 100 * MS);
	ahead_stored(&ahead, 9, 150 * MS);
	assert_int_equal(ahead.samples, 0);
	ahead_stored(&ahead, 20, 200 * MS + 1);
	assert_int_equal(ahead.samples, 1);
	assert_int_equal(ahead_most(&ahead, 100, 0), 40);
	ahead_published(&ahead, 30, 300 * MS);
	ahead_forget(&ahead);
	ahead_stored(&ahead, 30, 400 * MS);
	assert_int_equal(ahead.samples, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begins_with_the_spare),
		cmocka_unit_test(test_holds_from_the_beginning),
		cmocka_unit_test(test_keeps_a_sender_busy),
		cmocka_unit_test(test_a_stall_is_no_latency),
		cmocka_unit_test(test_another_latency),
		cmocka_unit_test(test_one_message_is_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
