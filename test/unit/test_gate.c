/*
 * test_gate.c - no more lanes store at the same time than may, and all of them come to it.
 *
 * links: consumer/gate.c lib/contract/error.c lib/contract/utf8.c -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/gate.h"

#define LANES	 5
#define TURNS	 2000
#define PATIENCE 10 /* whoever never gets in ends the test, too */

static atomic_int inside;
static atomic_int most;
static atomic_int turns;

static void note_inside(int now)
{
	int seen = atomic_load(&most);

	while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
		;
}

static void *lane(void *unused)
{
	for (int i = 0; i < TURNS; i++)
	{
		for (int tries = 1; !gate_enter(1000); tries++)
		{
			if (tries == PATIENCE)
				return unused;
		}
		note_inside(atomic_fetch_add(&inside, 1) + 1);
		sched_yield();
		atomic_fetch_sub(&inside, 1);
		atomic_fetch_add(&turns, 1);
		gate_leave(true);
	}
	return unused;
}

static void test_no_more_than_the_limit(void **state)
{
	(void) state;
	for (int limit = 1; limit <= LANES; limit++)
	{
		pthread_t threads[LANES];
		Error error = {0};

		atomic_store(&most, 0);
		atomic_store(&turns, 0);
		assert_true(gate_setup(limit, LANES, &error));
		for (int i = 0; i < LANES; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, lane, NULL), 0);
		for (int i = 0; i < LANES; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_in_range(atomic_load(&most), 1, limit);
		assert_int_equal(atomic_load(&turns), LANES * TURNS);
	}
}

static void test_the_wait_ends(void **state)
{
	Error error = {0};

	(void) state;
	assert_true(gate_setup(1, LANES, &error));
	assert_true(gate_enter(0));
	assert_false(gate_enter(0));
	assert_false(gate_enter(20));
	gate_leave(true);
	assert_true(gate_enter(0));
	gate_leave(true);
}

static void test_no_limit(void **state)
{
	Error error = {0};

	(void) state;
	assert_true(gate_setup(25, LANES, &error));
	for (int i = 0; i < 100; i++)
		assert_true(gate_enter(0));
}

static void test_what_was_done_is_counted(void **state)
{
	Error error = {0};
	unsigned before;

	(void) state;
	assert_true(gate_setup(1, LANES, &error));
	before = gate_done();
	assert_true(gate_enter(0));
	gate_leave(false);
	assert_int_equal(gate_done(), before);
	assert_true(gate_enter(0));
	gate_leave(true);
	assert_int_equal(gate_done(), before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_more_than_the_limit),
		cmocka_unit_test(test_the_wait_ends),
		cmocka_unit_test(test_what_was_done_is_counted),
		cmocka_unit_test(test_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
