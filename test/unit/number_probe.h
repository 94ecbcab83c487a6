/*
 * number_probe.h - what the tests of single fields look with: fields, and the number or the reason
 * that is expected of each.
 */
#ifndef CAMPAIGN_TEST_NUMBER_PROBE_H
#define CAMPAIGN_TEST_NUMBER_PROBE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/upload/number.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct Expected
{
	const char *field;
	const char *text; /* or, without its +, what the reason holds */
} Expected;

/* Reads a copy that ends where the field ends: with the sanitizer, one byte too far fails. */
static NumberResult read_copy(const NumberRules *rules, const char *field, Number *number)
{
	size_t length = strlen(field);
	char *copy = malloc(length > 0 ? length : 1);
	NumberResult result;

	assert_non_null(copy);
	memcpy(copy, field, length);
	result = number_read(rules, copy, length, number);
	free(copy);
	return result;
}

static void expect(const char *country, const Expected *expected, size_t count)
{
	NumberRules rules;

	assert_true(number_rules_set(&rules, country));
	for (size_t i = 0; i < count; i++)
	{
		Number number;
		NumberResult result = read_copy(&rules, expected[i].field, &number);
		bool valid = expected[i].text[0] == '+';

		if ((result == NUMBER_VALID) != valid)
			print_error("'%s': %s\n", expected[i].field,
						result == NUMBER_INVALID ? number.reason : number.text);
		assert_int_equal(result, valid ? NUMBER_VALID : NUMBER_INVALID);
		if (valid)
			assert_string_equal(number.text, expected[i].text);
		else if (strstr(number.reason, expected[i].text) == NULL)
			fail_msg("'%s': %s", expected[i].field, number.reason);
	}
}

#endif
