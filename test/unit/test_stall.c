/*
 * test_stall.c - when a class that does not move is suspected of a loss, by a simulated clock
 * (R0.17).
 *
 * links: src/publish/stall.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/publish/stall.h"

#define TIMEOUT_S 10
#define NOW		  INT64_C(1000000)

static int64_t wait_of(Stall *stall)
{
	stall_postpone(stall, TIMEOUT_S, NOW);
	return stall->suspect_at - NOW;
}

/* As watch.c does it: the next suspicion is put off first, then comes the answer. */
static void suspect(Stall *stall, bool rewound)
{
	stall_postpone(stall, TIMEOUT_S, NOW);
	(void) stall_found(stall, rewound);
}

/* A consumer that holds all messages looks like a loss: less and less is published again. */
static void test_waits_double(void **state)
{
	Stall stall = {0};
	int64_t expected_ms = TIMEOUT_S * 1000;

	(void) state;
	assert_int_equal(wait_of(&stall), expected_ms);
	for (int i = 0; i < STALL_DOUBLINGS; i++)
	{
		suspect(&stall, true);
		expected_ms *= 2;
		assert_int_equal(wait_of(&stall), expected_ms);
	}
	for (int i = 0; i < 100; i++)
		suspect(&stall, true);
	assert_int_equal(wait_of(&stall), expected_ms);
}

/* A sender that is busy for an hour and dies then is noticed after the time-out. */
static void test_a_busy_sender_makes_no_wait_longer(void **state)
{
	Stall stall = {0};

	(void) state;
	for (int i = 0; i < 360; i++)
		suspect(&stall, false);
	assert_int_equal(wait_of(&stall), TIMEOUT_S * 1000);
	suspect(&stall, true);
	suspect(&stall, false);
	assert_int_equal(wait_of(&stall), 2 * TIMEOUT_S * 1000);
}

/* The next loss is another one. */
static void test_ends_when_something_is_stored(void **state)
{
	Stall stall = {0};

	(void) state;
	suspect(&stall, true);
	suspect(&stall, true);
	stall_end(&stall, TIMEOUT_S, NOW);
	assert_int_equal(stall.suspect_at, NOW + TIMEOUT_S * 1000);
	assert_true(stall_found(&stall, true));
}

/* One line of the log for a loss, and none for what was not published again. */
static void test_is_said_once(void **state)
{
	Stall stall = {0};

	(void) state;
	assert_false(stall_found(&stall, false));
	assert_true(stall_found(&stall, true));
	assert_false(stall_found(&stall, true));
	assert_false(stall_found(&stall, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_double),
		cmocka_unit_test(test_a_busy_sender_makes_no_wait_longer),
		cmocka_unit_test(test_ends_when_something_is_stored),
		cmocka_unit_test(test_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
