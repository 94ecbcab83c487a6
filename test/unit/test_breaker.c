/*
 * test_breaker.c - whether a provider takes nothing, or a message is at fault.
 *
 * links: consumer/breaker.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/breaker.h"

#define HOUR_MS 3600000

/* A request that was answered; nothing was taken since the message was first tried. */
static BreakerDecision answered(Breaker *breaker, uint64_t message, bool ends, int64_t now_ms)
{
	BreakerTrouble trouble = {
		.message = message, .worked_before = breaker->worked, .answered = true, .ends = ends};

	return breaker_trouble(breaker, &trouble, now_ms);
}

/* One that may have been taken, and is not made again. */
static BreakerDecision unclear(Breaker *breaker, uint64_t message, int64_t now_ms)
{
	BreakerTrouble trouble = {.message = message,
							  .worked_before = breaker->worked,
							  .answered = true,
							  .ends = true,
							  .unclear = true};

	return breaker_trouble(breaker, &trouble, now_ms);
}

static BreakerDecision unreachable(Breaker *breaker, uint64_t message, bool ends, int64_t now_ms)
{
	BreakerTrouble trouble = {.message = message, .worked_before = breaker->worked, .ends = ends};

	return breaker_trouble(breaker, &trouble, now_ms);
}

static void test_some_trouble_is_usual(void **state)
{
	Breaker breaker = {.limit = breaker_limit(1)};

	(void) state;
	for (int64_t now_ms = 1; now_ms < 100000; now_ms += 100)
	{
		for (uint64_t message = 1; message < BREAKER_TROUBLES; message++)
			assert_int_equal(answered(&breaker, message, false, now_ms), BREAKER_AS_USUAL);
		breaker_works(&breaker);
		assert_false(breaker.open);
	}
}

static void test_nothing_but_trouble_is_an_outage(void **state)
{
	Breaker breaker = {.limit = breaker_limit(1)};
	int64_t now_ms = 1;

	(void) state;
	for (int i = 1; i < 20; i++, now_ms += 100)
		assert_int_equal(answered(&breaker, (uint64_t) i, false, now_ms), BREAKER_AS_USUAL);
	now_ms = 1 + BREAKER_LASTS_MS;
	assert_int_equal(answered(&breaker, 99, false, now_ms), BREAKER_BACK);
	assert_true(breaker.open);
}

/* What happens to all that are in flight at the same time may be one broken connection. */
static void test_many_in_flight_need_more(void **state)
{
	Breaker breaker = {.limit = breaker_limit(50)};

	(void) state;
	for (int i = 0; i < 99; i++)
		assert_int_equal(unclear(&breaker, (uint64_t) i, 1), BREAKER_AS_USUAL);
	assert_int_equal(unclear(&breaker, 99, 1), BREAKER_BACK);
}

/* Each of these may have been sent, and is lost for a second attempt: seconds would cost thousands.
 */
static void test_unclear_ends_are_counted_only(void **state)
{
	Breaker breaker = {.limit = breaker_limit(1)};

	(void) state;
	for (int i = 1; i < BREAKER_TROUBLES; i++)
	{
		assert_int_equal(unclear(&breaker, (uint64_t) i, 1), BREAKER_AS_USUAL);
		assert_false(breaker.open);
	}
	(void) unclear(&breaker, 99, 1);
	assert_true(breaker.open);
}

static void test_nobody_fails_while_nothing_is_taken(void **state)
{
	Breaker breaker = {.limit = breaker_limit(1)};

	(void) state;
	breaker_works(&breaker);
	for (int i = 0; i < 5; i++)
		assert_int_equal(answered(&breaker, 7, false, 20 + i), BREAKER_AS_USUAL);
	assert_int_equal(answered(&breaker, 7, true, 30), BREAKER_BACK);
	assert_true(breaker.open);
}

static void test_a_message_fails_while_others_are_taken(void **state)
{
	Breaker breaker = {.limit = breaker_limit(1)};
	BreakerTrouble trouble = {.message = 7, .answered = true};

	(void) state;
	breaker_works(&breaker);
	trouble.worked_before = breaker.worked;
	assert_int_equal(breaker_trouble(&breaker, &trouble, 21), BREAKER_AS_USUAL);
	breaker_works(&breaker);
	trouble.ends = true;
	assert_int_equal(breaker_trouble(&breaker, &trouble, 23), BREAKER_AS_USUAL);
	assert_false(breaker.open);
}

static void test_tries_become_rarer_up_to_a_minute(void **state)
{
	Breaker breaker = {.limit = breaker_limit(1)};
	int64_t now_ms = 1;
	int64_t expected_ms = BREAKER_PROBE_MS;

	(void) state;
	(void) unreachable(&breaker, 1, true, now_ms);
	for (int i = 0; i < 12; i++)
	{
		int64_t wait_ms = breaker_wait_ms(&breaker, now_ms);

		assert_int_equal(wait_ms, expected_ms);
		/* What was under way when it opened says nothing new. */
		(void) unreachable(&breaker, 2, false, now_ms + wait_ms - 1);
		assert_int_equal(breaker_wait_ms(&breaker, now_ms + wait_ms - 1), 1);
		now_ms += wait_ms;
		assert_int_equal(breaker_wait_ms(&breaker, now_ms), 0);
		assert_int_equal(unreachable(&breaker, 3, false, now_ms), BREAKER_BACK);
		expected_ms =
			2 * expected_ms < BREAKER_PROBE_MAX_MS ? 2 * expected_ms : BREAKER_PROBE_MAX_MS;
	}
	breaker_works(&breaker);
	assert_false(breaker.open);
	/* The next outage begins from the beginning. */
	(void) unreachable(&breaker, 4, true, now_ms + 1);
	assert_int_equal(breaker_wait_ms(&breaker, now_ms + 1), BREAKER_PROBE_MS);
}

/* One message is tried, again and again, at most for so long. When it is judged; 0: it is not. */
static int64_t judged_after(Breaker *breaker, uint64_t message, bool answers, int64_t from_ms)
{
	for (int64_t now_ms = from_ms; now_ms < from_ms + HOUR_MS; now_ms += 1000)
	{
		BreakerTrouble trouble = {.message = message,
								  .worked_before = breaker->worked,
								  .answered = answers,
								  .ends = now_ms == from_ms};

		if (breaker_trouble(breaker, &trouble, now_ms) == BREAKER_JUDGED)
			return now_ms - from_ms + 1;
	}
	return 0;
}

static void test_one_message_alone_has_its_time(void **state)
{
	Breaker breaker = {.limit = breaker_limit(1)};

	(void) state;
	assert_int_equal(judged_after(&breaker, 7, true, 1), BREAKER_ALONE_MS + 1);
	/* The next one is taken: it was the message. From then on that is known. */
	breaker_works(&breaker);
	assert_int_equal(judged_after(&breaker, 8, true, HOUR_MS + 1), 1);
	breaker_works(&breaker);
	/* Two in a row may be an outage: the second one has its time. */
	assert_int_equal(judged_after(&breaker, 9, true, 2 * HOUR_MS + 1), 1);
	assert_int_equal(judged_after(&breaker, 10, true, 2 * HOUR_MS + 2), 2 * BREAKER_ALONE_MS + 1);
	/* If the one behind it is taken only later, it may have been an outage. */
	(void) answered(&breaker, 11, false, 3 * HOUR_MS);
	breaker_works(&breaker);
	assert_int_equal(judged_after(&breaker, 12, true, 3 * HOUR_MS + 2), BREAKER_ALONE_MS + 1);
}

/* Several messages have shown that the provider takes nothing; then it works again, but not for the
 * one that is tried. */
static void test_one_message_is_left_of_an_outage(void **state)
{
	Breaker breaker = {.limit = breaker_limit(2)};

	(void) state;
	for (int i = 0; i < 20; i++)
		(void) answered(&breaker, (uint64_t) (i % 2), false, 1 + 200 * i);
	assert_true(breaker.open);
	assert_int_equal(judged_after(&breaker, 7, true, HOUR_MS), BREAKER_ALONE_MS + 1);
	breaker_works(&breaker);
	assert_false(breaker.open);
}

/* That another one was answered before says nothing. */
static void test_left_of_an_outage_without_an_answer(void **state)
{
	Breaker breaker = {.limit = breaker_limit(2)};

	(void) state;
	(void) answered(&breaker, 1, true, 1);
	assert_true(breaker.open);
	assert_int_equal(judged_after(&breaker, 7, false, HOUR_MS), 0);
}

/* Each message is tried until it is judged, while the provider answers and takes nothing. */
static void test_an_outage_of_a_night_costs_a_handful(void **state)
{
	Breaker breaker = {.limit = breaker_limit(1)};
	int judged = 0;

	(void) state;
	for (int64_t now_ms = 1; now_ms < 8 * HOUR_MS; now_ms += BREAKER_PROBE_MAX_MS)
		judged += answered(&breaker, (uint64_t) judged, true, now_ms) == BREAKER_JUDGED;
	assert_in_range(judged, 2, 6);
}

static void test_who_is_not_there_blames_nobody(void **state)
{
	Breaker breaker = {.limit = breaker_limit(1)};

	(void) state;
	assert_int_equal(judged_after(&breaker, 7, false, 1), 0);
	assert_true(breaker.open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_some_trouble_is_usual),
		cmocka_unit_test(test_nothing_but_trouble_is_an_outage),
		cmocka_unit_test(test_many_in_flight_need_more),
		cmocka_unit_test(test_unclear_ends_are_counted_only),
		cmocka_unit_test(test_nobody_fails_while_nothing_is_taken),
		cmocka_unit_test(test_a_message_fails_while_others_are_taken),
		cmocka_unit_test(test_tries_become_rarer_up_to_a_minute),
		cmocka_unit_test(test_one_message_alone_has_its_time),
		cmocka_unit_test(test_one_message_is_left_of_an_outage),
		cmocka_unit_test(test_left_of_an_outage_without_an_answer),
		cmocka_unit_test(test_an_outage_of_a_night_costs_a_handful),
		cmocka_unit_test(test_who_is_not_there_blames_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
