/*
 * test_numbers_reading.c - how the upload's parser goes through a file: no further than its end,
 * and with a pause now and then (R0.11).
 *
 * links: src/upload/numbers.c src/upload/number.c src/upload/groups.c src/upload/glued.c src/upload/bare.c src/upload/field.c
 * links: src/upload/characters.c src/upload/resolve.c src/upload/lookalike.c src/upload/counter.c
 * links: src/upload/countries.c src/upload/country_table.c src/upload/file_kind.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/upload/numbers.h"

static const NumberRules no_country;

/* The buffer ends where the data ends: with the sanitizer, one byte too far fails. */
static void test_reads_no_further_than_the_data(void **state)
{
	static const char text[] = "+5511987654321\r\n1. 12125550101\r";

	(void) state;
	for (size_t length = 0; length < sizeof(text); length++)
	{
		char *copy = malloc(length > 0 ? length : 1);
		NumbersParser parser;
		Number number;

		assert_non_null(copy);
		memcpy(copy, text, length);
		numbers_open(&parser, &no_country, copy, length);
		while (numbers_next(&parser, &number) != NUMBERS_END)
			assert_in_range(number.line, 1, 2);
		free(copy);
	}
}

static size_t pauses;

static void count_pause(void)
{
	pauses++;
}

/* Four megabytes of this piece, as a file. */
static void expect_pauses(const char *piece, size_t readings)
{
	size_t length = 64 * (size_t) PAUSE_BYTES;
	size_t size = strlen(piece);
	char *file = malloc(length);
	NumbersParser parser;
	Number number;

	assert_non_null(file);
	for (size_t i = 0; i < length; i++)
		file[i] = piece[i % size];
	pauses = 0;
	numbers_open(&parser, &no_country, file, length);
	parser.pause = count_pause;
	while (numbers_next(&parser, &number) != NUMBERS_END)
		;
	free(file);
	/* A few bytes more than PAUSE_BYTES lie between two of them. */
	assert_in_range(pauses, 63 * readings - 1, 64 * readings);
}

static void test_pauses_wherever_it_is(void **state)
{
	(void) state;
	expect_pauses("+5511987654321\n", 1);
	expect_pauses("+55 (11) 98765-4321\r\n", 1);
	expect_pauses("nothing\n", 1);
	expect_pauses("\n", 1);
	/* One line, of which the end is looked for first, and then the blanks are skipped. */
	expect_pauses("7", 1);
	expect_pauses(" ", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_no_further_than_the_data),
		cmocka_unit_test(test_pauses_wherever_it_is),
	};

	return cmocka_run_group_tests_name("reading numbers files (R0.11)", tests, NULL, NULL);
}
