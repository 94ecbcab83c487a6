/*
 * test_taken.c - the mails that PostgreSQL could not be told of are known again, the oldest are
 * forgotten first (R4.2).
 *
 * links: mailer/taken.c libpq
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mailer/taken.h"

static void test_known_until_forgotten(void **state)
{
	Taken taken = {0};

	(void) state;
	assert_null(taken_answer(&taken, "one"));
	assert_null(taken_answer(&taken, ""));
	taken_remember(&taken, "one", "250 first");
	taken_remember(&taken, "two", "250 second");
	assert_string_equal(taken_answer(&taken, "one"), "250 first");
	assert_string_equal(taken_answer(&taken, "two"), "250 second");
	/* PostgreSQL could not be told again: with what it was remembered with. */
	taken_remember(&taken, "one", taken_answer(&taken, "one"));
	assert_string_equal(taken_answer(&taken, "one"), "250 first");
	taken_forget(&taken, "one");
	taken_forget(&taken, "three");
	assert_null(taken_answer(&taken, "one"));
	assert_non_null(taken_answer(&taken, "two"));
}

static void test_the_oldest_goes_first(void **state)
{
	Taken taken = {0};
	char id[16];

	(void) state;
	for (int i = 0; i <= TAKEN_MAX; i++)
	{
		snprintf(id, sizeof(id), "job%d", i);
		taken_remember(&taken, id, id);
	}
	assert_null(taken_answer(&taken, "job0"));
	for (int i = 1; i <= TAKEN_MAX; i++)
	{
		snprintf(id, sizeof(id), "job%d", i);
		assert_string_equal(taken_answer(&taken, id), id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_until_forgotten),
		cmocka_unit_test(test_the_oldest_goes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
