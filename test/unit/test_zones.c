/*
 * test_zones.c - the time zones of phone numbers.
 *
 * links: src/upload/zones.c src/upload/zone_table.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/upload/zones.h"

typedef struct ZoneCase
{
	const char *digits;
	int count;
	const char *first;
	const char *last;
} ZoneCase;

#include "test/unit/zone_cases.h"

#define CASES (sizeof(zone_cases) / sizeof(*zone_cases))

static int count_zones(const uint16_t *zones)
{
	int count = 0;

	while (zones[count] != ZONE_END)
		count++;
	return count;
}

static void test_as_the_package_says(void **state)
{
	(void) state;
	assert_true(CASES > 400);
	for (size_t i = 0; i < CASES; i++)
	{
		const ZoneCase *one = &zone_cases[i];
		const uint16_t *zones = zones_of(one->digits, strlen(one->digits));
		int count = count_zones(zones);

		if (count != one->count)
			fail_msg("%s: %d zones, not %d", one->digits, count, one->count);
		if (count == 0)
			continue;
		assert_string_equal(zone_names[zones[0]], one->first);
		assert_string_equal(zone_names[zones[count - 1]], one->last);
	}
}

static void test_the_table_is_in_order(void **state)
{
	(void) state;
	assert_true(zone_prefix_digits <= 9);
	for (int i = 1; i < zone_prefixes_count; i++)
		assert_true(zone_prefixes[i - 1].digits < zone_prefixes[i].digits);
	for (int i = 0; i < zone_prefixes_count; i++)
	{
		const uint16_t *zones = &zone_sets[zone_prefixes[i].set];

		for (; *zones != ZONE_END; zones++)
			assert_true(*zones < zone_names_count);
	}
}

static void test_what_is_no_number_has_none(void **state)
{
	(void) state;
	assert_int_equal(count_zones(zones_of("", 0)), 0);
	assert_int_equal(count_zones(zones_of("0", 1)), 0);
	assert_int_equal(count_zones(zones_of("05511", 5)), 0);
	assert_int_equal(count_zones(zones_of("999999999999999", 15)), 0);
}

static void test_a_shorter_number_has_those_of_its_country(void **state)
{
	int all = count_zones(zones_of("55", 2));

	(void) state;
	assert_true(all > 1);
	assert_int_equal(count_zones(zones_of("5511", 4)), 1);
	assert_int_equal(count_zones(zones_of("5511987654321", 2)), all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_the_package_says),
		cmocka_unit_test(test_the_table_is_in_order),
		cmocka_unit_test(test_what_is_no_number_has_none),
		cmocka_unit_test(test_a_shorter_number_has_those_of_its_country),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
