/*
 * test_whole_lists.c - any list of valid numbers, in any dress, format and encoding, shuffled with
 * lines that are refused, comes back as exactly these numbers, in this order (R6.1, R6.4, R6.5).
 *
 * links: src/upload/table.c src/upload/columns.c src/upload/column_choice.c src/upload/look.c
 * links: src/upload/headings.c
 * links: src/upload/csv.c src/upload/ndjson.c src/upload/json_text.c src/upload/encoding.c
 * links: src/upload/number.c src/upload/field.c src/upload/groups.c src/upload/glued.c src/upload/bare.c src/upload/lookalike.c
 * links: src/upload/resolve.c src/upload/countries.c src/upload/country_table.c
 * links: src/upload/numbers.c src/upload/counter.c src/upload/file_kind.c
 * links: src/upload/characters.c lib/contract/attributes.c lib/contract/message.c
 * links: lib/contract/utf8.c libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "made_lists.h"
#include "src/upload/numbers.h"
#include "src/upload/table.h"

#define FILES 1000 /* of each format */

static Table table;
static TableRow row;
static CsvRow room;

static void compare(int place, bool valid, const Number *number, unsigned int began)
{
	const Entry *entry = &file.entries[place];

	if (place < file.count && entry->line == number->line &&
		strcmp(entry->number, valid ? number->text : "") == 0)
		return;
	fail_msg("seed %u, entry %d: line %d %s, expected line %d %s, in\n%.*s", began, place,
			 (int) number->line, valid ? number->text : number->reason, entry->line, entry->number,
			 (int) file.length, file.text);
}

static int read_list(const char *data, size_t length, unsigned int began)
{
	const NumberRules rules = {0};
	NumbersParser parser;
	NumbersResult result;
	Number number;
	int count = 0;

	numbers_open(&parser, &rules, data, length);
	while ((result = numbers_next(&parser, &number)) != NUMBERS_END)
		compare(count++, result == NUMBERS_VALID, &number, began);
	return count;
}

static int read_table(const char *data, size_t length, unsigned int began)
{
	const ColumnsWanted wanted = {.column = below(2)					   ? NULL
											: file.format == FORMAT_NDJSON ? "phone"
																		   : "telefone"};
	TableResult result;
	int count = 0;

	/* By its first rows, where they leave no doubt: the headings, or a number. */
	if (file.entries[0].number[0] != '\0' && wanted.column != NULL)
		assert_int_equal(look_format(data, length, &wanted, &room), file.format);
	if (!table_begin(&table, data, length, file.format, &wanted))
		fail_msg("seed %u: %s in\n%.*s", began, table.columns.problem, (int) file.length,
				 file.text);
	while ((result = table_next(&table, &row)) != TABLE_END)
		compare(count++, result == TABLE_VALID, &row.number, began);
	return count;
}

static void check_files(FileFormat format)
{
	static char decoded[ENCODING_GROWTH * 4 * FILE_SIZE];

	for (int i = 0; i < FILES; i++)
	{
		unsigned int began = seed = (unsigned int) (format * FILES + i + 1);
		size_t length;
		char *exact;
		int count;

		make_file(format);
		length = through_its_encoding(decoded);
		/* Of exactly its size: reading beyond its end is seen. */
		exact = memcpy(malloc(length), decoded, length);
		count = format == FORMAT_LIST ? read_list(exact, length, began)
									  : read_table(exact, length, began);
		free(exact);
		if (count != file.count)
			fail_msg("seed %u: %d rows of %d, in\n%.*s", began, count, file.count,
					 (int) file.length, file.text);
	}
}

static void test_lists(void **state)
{
	(void) state;
	check_files(FORMAT_LIST);
}

static void test_commas(void **state)
{
	(void) state;
	check_files(FORMAT_CSV);
}

static void test_semicolons(void **state)
{
	(void) state;
	check_files(FORMAT_SEMICOLON);
}

static void test_tabs(void **state)
{
	(void) state;
	check_files(FORMAT_TSV);
}

static void test_lines_of_json(void **state)
{
	(void) state;
	check_files(FORMAT_NDJSON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),		  cmocka_unit_test(test_commas),
		cmocka_unit_test(test_semicolons),	  cmocka_unit_test(test_tabs),
		cmocka_unit_test(test_lines_of_json),
	};

	return cmocka_run_group_tests_name("whole lists (R6)", tests, NULL, NULL);
}
