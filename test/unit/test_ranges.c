/*
 * test_ranges.c - PostgreSQL's text of a set of seqs.
 *
 * links: consumer/ranges.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/ranges.h"

static void test_end_of_the_range_that_holds_it(void **state)
{
	static const char text[] = "{[1,4),[9,10),[1000000000000,1099511627776)}";

	(void) state;
	assert_int_equal(ranges_end(text, 0), 0);
	assert_int_equal(ranges_end(text, 1), 3);
	assert_int_equal(ranges_end(text, 3), 3);
	assert_int_equal(ranges_end(text, 4), 0);
	assert_int_equal(ranges_end(text, 8), 0);
	assert_int_equal(ranges_end(text, 9), 9);
	assert_int_equal(ranges_end(text, 10), 0);
	assert_int_equal(ranges_end(text, 1099511627775), 1099511627775);
	assert_int_equal(ranges_end(text, 1099511627776), 0);
}

static void test_nothing(void **state)
{
	(void) state;
	assert_int_equal(ranges_end(NULL, 1), 0);
	assert_int_equal(ranges_end("", 1), 0);
	assert_int_equal(ranges_end("{}", 1), 0);
	assert_int_equal(ranges_end("{[", 1), 0);
	assert_int_equal(ranges_end("{[1", 1), 0);
}

static void test_walk_passes_over_what_it_holds(void **state)
{
	RangesWalk walk = ranges_walk("{[1,4),[9,10),[12,14)}");

	(void) state;
	assert_int_equal(ranges_skip(&walk, 1), 4);
	assert_int_equal(ranges_skip(&walk, 4), 4);
	assert_int_equal(ranges_skip(&walk, 8), 8);
	assert_int_equal(ranges_skip(&walk, 9), 10);
	assert_int_equal(ranges_skip(&walk, 13), 14);
	assert_int_equal(ranges_skip(&walk, 14), 14);
	assert_int_equal(ranges_skip(&walk, 1000), 1000);
	walk = ranges_walk("{[1,4),[9,10)}");
	assert_int_equal(ranges_skip(&walk, 9), 10);
	walk = ranges_walk(NULL);
	assert_int_equal(ranges_skip(&walk, 7), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_end_of_the_range_that_holds_it),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_walk_passes_over_what_it_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
