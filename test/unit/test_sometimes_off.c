/*
 * test_sometimes_off.c - in a build that is not for the tests a mark does nothing: what it would
 * call is not even linked, and its condition is not looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/program/sometimes.h"

static void test_nothing_is_done(void **state)
{
	int looks = 0;

	(void) state;
	SOMETIMES("unit.reached");
	SOMETIMES_IF(++looks > 0, "unit.looked_at");
	assert_int_equal(looks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_done)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
