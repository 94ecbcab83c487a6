/*
 * test_silence.c - a subscription is thought silent only if messages have waited for a lane that
 * had nothing else to do.
 *
 * links: consumer/silence.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/silence.h"

#define TICK_MS 100
#define NOBODY	INT64_MAX

/* The broker answers at once. When the lane would subscribe anew; NOBODY: not within an hour. */
static int64_t silent_at(Silence *silence, uint32_t ready, bool shared, int64_t from_ms)
{
	for (int64_t now_ms = from_ms; now_ms < from_ms + 3600000; now_ms += TICK_MS)
	{
		if (silence_asks(silence, now_ms) && silence_heard(silence, ready, shared, now_ms))
			return now_ms - from_ms;
	}
	return NOBODY;
}

static void test_messages_wait_and_none_comes(void **state)
{
	Silence silence = {0};
	int64_t at_ms;

	(void) state;
	silence_subscribed(&silence, 0);
	at_ms = silent_at(&silence, 2, false, 0);
	assert_in_range(at_ms, 3000, 6000);
}

static void test_an_empty_queue_is_quiet(void **state)
{
	Silence silence = {0};

	(void) state;
	silence_subscribed(&silence, 0);
	assert_true(silent_at(&silence, 0, false, 0) == NOBODY);
}

static void test_it_is_asked_seldom(void **state)
{
	Silence silence = {0};
	int asked = 0;

	(void) state;
	silence_subscribed(&silence, 0);
	for (int64_t now_ms = 0; now_ms < 60000; now_ms += TICK_MS)
	{
		if (!silence_asks(&silence, now_ms))
			continue;
		asked++;
		/* Without an answer nothing more is asked. */
		assert_false(silence_asks(&silence, now_ms + 30000));
		assert_false(silence_heard(&silence, 0, false, now_ms));
	}
	assert_in_range(asked, 15, 25);
}

static void test_deliveries_begin_it_anew(void **state)
{
	Silence silence = {0};

	(void) state;
	silence_subscribed(&silence, 0);
	for (int64_t now_ms = 0; now_ms < 600000; now_ms += TICK_MS)
	{
		if (now_ms % 2500 == 0)
			silence_delivered(&silence, now_ms);
		if (silence_asks(&silence, now_ms))
			assert_false(silence_heard(&silence, 7, false, now_ms));
	}
}

/* The lane took a message after it had asked, and was busy with it for an hour. */
static void test_an_answer_that_was_overtaken_does_not_count(void **state)
{
	Silence silence = {0};
	const int64_t hour_ms = 3600000;

	(void) state;
	silence_subscribed(&silence, 0);
	assert_true(silence_asks(&silence, 5000));
	silence_delivered(&silence, 5001);
	assert_false(silence_heard(&silence, 7, false, 5002));
	assert_true(silence_asks(&silence, hour_ms));
	assert_false(silence_heard(&silence, 7, false, hour_ms));
	/* From here on nothing else is in hand. */
	assert_in_range(silent_at(&silence, 7, false, hour_ms), 3000, 4000);
}

static void test_another_one_may_be_the_active_one(void **state)
{
	Silence silence = {0};

	(void) state;
	silence_subscribed(&silence, 0);
	assert_in_range(silent_at(&silence, 2, true, 0), 60000, 65000);
}

/* And works. */
static void test_what_others_take_is_not_silence(void **state)
{
	Silence silence = {0};
	uint32_t ready = 1000;

	(void) state;
	silence_subscribed(&silence, 0);
	for (int64_t now_ms = 0; now_ms < 3600000; now_ms += TICK_MS)
	{
		if (silence_asks(&silence, now_ms))
			assert_false(silence_heard(&silence, ready--, true, now_ms));
		if (ready == 1)
			ready = 1000;
	}
}

static void test_what_does_not_help_is_done_less_and_less(void **state)
{
	Silence silence = {0};
	int64_t before_ms = 0;
	int64_t from_ms = 0;

	(void) state;
	for (int i = 0; i < 12; i++)
	{
		int64_t took_ms;

		silence_subscribed(&silence, from_ms);
		took_ms = silent_at(&silence, 1, false, from_ms);
		assert_true(took_ms >= before_ms);
		assert_in_range(took_ms, 3000, 303000);
		before_ms = took_ms;
		from_ms += took_ms;
	}
	assert_in_range(before_ms, 300000, 303000);
	silence_delivered(&silence, from_ms);
	assert_in_range(silent_at(&silence, 1, false, from_ms), 3000, 7000);
}

static void test_a_new_connection_hears_no_old_answer(void **state)
{
	Silence silence = {0};

	(void) state;
	silence_subscribed(&silence, 0);
	assert_true(silence_asks(&silence, 5000));
	silence_subscribed(&silence, 6000);
	assert_in_range(silent_at(&silence, 1, false, 6000), 3000, 6000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_wait_and_none_comes),
		cmocka_unit_test(test_an_empty_queue_is_quiet),
		cmocka_unit_test(test_it_is_asked_seldom),
		cmocka_unit_test(test_deliveries_begin_it_anew),
		cmocka_unit_test(test_an_answer_that_was_overtaken_does_not_count),
		cmocka_unit_test(test_another_one_may_be_the_active_one),
		cmocka_unit_test(test_what_others_take_is_not_silence),
		cmocka_unit_test(test_what_does_not_help_is_done_less_and_less),
		cmocka_unit_test(test_a_new_connection_hears_no_old_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
