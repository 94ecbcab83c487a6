/*
 * test_csv.c - rows and cells of delimited text (R6.4).
 *
 * links: src/upload/csv.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/upload/csv.h"

static char shown[4096];

/* All rows as "LINE:[cell][cell]" or "LINE!problem", one after the other. */
static const char *read_all(const char *data, size_t length, char delimiter)
{
	CsvReader reader;
	CsvRow row;
	size_t used = 0;

	csv_open(&reader, data, length, delimiter);
	shown[0] = '\0';
	while (csv_next(&reader, &row))
	{
		used += (size_t) snprintf(shown + used, sizeof(shown) - used, "%d%s", (int) row.line,
								  row.problem != NULL ? "!" : ":");
		if (row.problem != NULL)
			used += (size_t) snprintf(shown + used, sizeof(shown) - used, "%s", row.problem);
		for (int i = 0; i < row.count; i++)
		{
			char buffer[64];
			const char *text;
			size_t size = csv_text(&row.cells[i], buffer, sizeof(buffer), &text);

			used +=
				(size_t) snprintf(shown + used, sizeof(shown) - used, "[%.*s]", (int) size, text);
		}
		used += (size_t) snprintf(shown + used, sizeof(shown) - used, " ");
	}
	return shown;
}

static void expect(const char *data, const char *rows)
{
	/* A copy of exactly its size: reading beyond its end is seen. */
	size_t length = strlen(data);
	char *copy = malloc(length > 0 ? length : 1);

	memcpy(copy, data, length);
	assert_string_equal(read_all(copy, length, ','), rows);
	free(copy);
}

static void reads_cells(void **state)
{
	(void) state;
	expect("", "");
	expect("a", "1:[a] ");
	expect("a,b\nc,d\n", "1:[a][b] 2:[c][d] ");
	expect("a,b\r\nc,d\re,f", "1:[a][b] 2:[c][d] 3:[e][f] ");
	expect(",a,\n", "1:[][a][] ");
	expect(" a , b c \t,d\n", "1:[a][b c][d] ");
}

static void leaves_out_what_is_empty(void **state)
{
	(void) state;
	expect("\xEF\xBB\xBF"
		   "a\n\n , \n,,\r\n\"\"\nb\n",
		   "1:[a] 6:[b] ");
	expect("a\n\x1A", "1:[a] ");
	expect("\xEF\xBB\xBF\x1A", "");
	expect("\x1A", "");
}

static void undoes_quotes(void **state)
{
	(void) state;
	expect("\"a\",\"b,c\"\n", "1:[a][b,c] ");
	expect("\"a \"\"b\"\"\",\"\"\"\"\n", "1:[a \"b\"][\"] ");
	expect(" \"a\" ,b\n", "1:[a][b] ");
	expect("5\" pipe,b\n", "1:[5\" pipe][b] ");
	expect("\"a\nb\r\nc\rd\",e\nf\n", "1:[a\nb\r\nc\rd][e] 5:[f] ");
}

/* A row that is not understood ends where its first line does. */
static void goes_on_behind_a_problem(void **state)
{
	(void) state;
	expect("a,\"b\nc,d\ne", "1!a quote is opened and never closed 2:[c][d] 3:[e] ");
	expect("\"a\"b,c\nd\n", "1!text behind a closing quote 2:[d] ");
	expect("x,\"a\nb\"c\nd\n", "1!text behind a closing quote 2:[b\"c] 3:[d] ");
	expect("\"", "1!a quote is opened and never closed ");
}

static void takes_no_more_cells_than_it_has_room_for(void **state)
{
	char row[2 * CSV_CELLS_MAX + 2];

	(void) state;
	for (size_t i = 0; i < sizeof(row); i++)
		row[i] = i % 2 == 0 ? 'x' : ',';
	(void) read_all(row, 2 * CSV_CELLS_MAX - 1, ',');
	assert_null(strchr(shown, '!'));
	assert_string_equal(read_all(row, 2 * CSV_CELLS_MAX + 1, ','), "1!more than 256 cells ");
}

static void takes_other_delimiters(void **state)
{
	(void) state;
	assert_string_equal(read_all("a;b,c", 5, ';'), "1:[a][b,c] ");
	assert_string_equal(read_all("a\t\tb ", 5, '\t'), "1:[a][][b] ");
}

static void reads_a_row_again(void **state)
{
	static const char data[] = "a,b\n\"c\nd\",e\nf,g\n";
	CsvReader reader;
	CsvRow row;
	size_t place;

	(void) state;
	csv_open(&reader, data, sizeof(data) - 1, ',');
	assert_true(csv_next(&reader, &row));
	assert_true(csv_next(&reader, &row));
	place = row.place;
	assert_true(csv_next(&reader, &row));
	csv_seek(&reader, place);
	assert_true(csv_next(&reader, &row));
	assert_int_equal(row.count, 2);
	assert_memory_equal(row.cells[0].start, "c\nd", 3);
}

static int pauses;

static void count_pause(void)
{
	pauses++;
}

/* Every 64 kB, in the middle of a cell too; and what is read again counts again, not more. */
static void pauses_in_a_long_cell(void **state)
{
	size_t length = 10 * PAUSE_BYTES + 1;
	char *data = malloc(length);
	CsvReader reader;
	CsvRow row;

	(void) state;
	memset(data, '1', length);
	data[0] = '"';
	csv_open(&reader, data, length, ',');
	reader.pause.call = count_pause;
	pauses = 0;
	assert_true(csv_next(&reader, &row));
	assert_non_null(row.problem);
	assert_true(pauses >= 10 && pauses <= 20);
	free(data);
}

/* Quotes that are never closed do not make a file of n bytes cost n times n. */
static void reads_a_file_of_quotes_a_few_times(void **state)
{
	static const char *const lines[] = {"\"a\n",   "\"\"\"a\n", ",\"\n",
										"\"\"a\n", "\"a\"\"\n", "x\",\"\"\"\n"};
	size_t length = 4 * 1000 * 1000;
	char *data = malloc(length);

	(void) state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
	{
		CsvReader reader;
		CsvRow row;
		size_t size = strlen(lines[i]);

		for (size_t at = 0; at < length; at++)
			data[at] = lines[i][at % size];
		csv_open(&reader, data, length, ',');
		reader.pause.call = count_pause;
		pauses = 0;
		while (csv_next(&reader, &row))
			;
		assert_true(pauses <= 4 * (int) (length / PAUSE_BYTES));
		assert_true(reader.read_again <= 4 * length);
	}
	free(data);
}

/* Behind them rows are read as ever, and those before are the same when they are read again. */
static void goes_on_behind_many_quotes(void **state)
{
	static const char first[] = "\"a\nb\",c\n";
	static const char line[] = "x\",\"\"\"\n";
	static const char last[] = "d,\"e\"\n";
	size_t length = 3 * 1000 * 1000;
	char *data = malloc(length + sizeof(last));
	CsvReader reader;
	CsvRow row;
	int rows = 0;
	int count = 0;

	(void) state;
	memcpy(data, first, strlen(first));
	length = strlen(first) + (length - strlen(first)) / strlen(line) * strlen(line);
	for (size_t at = strlen(first); at < length; at++)
		data[at] = line[(at - strlen(first)) % strlen(line)];
	memcpy(data + length, last, strlen(last));
	csv_open(&reader, data, length + strlen(last), ',');
	while (csv_next(&reader, &row))
	{
		rows++;
		count = row.count;
	}
	assert_int_equal(count, 2);
	assert_memory_equal(row.cells[1].start, "e", 1);
	assert_int_equal(rows, 2 + (length - strlen(first)) / strlen(line));
	assert_int_equal(row.line, 3 + (length - strlen(first)) / strlen(line));
	csv_seek(&reader, 0);
	assert_true(csv_next(&reader, &row));
	assert_int_equal(row.count, 2);
	assert_memory_equal(row.cells[0].start, "a\nb", 3);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_cells),
		cmocka_unit_test(leaves_out_what_is_empty),
		cmocka_unit_test(undoes_quotes),
		cmocka_unit_test(goes_on_behind_a_problem),
		cmocka_unit_test(takes_no_more_cells_than_it_has_room_for),
		cmocka_unit_test(takes_other_delimiters),
		cmocka_unit_test(reads_a_row_again),
		cmocka_unit_test(pauses_in_a_long_cell),
		cmocka_unit_test(reads_a_file_of_quotes_a_few_times),
		cmocka_unit_test(goes_on_behind_many_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
