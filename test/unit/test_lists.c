/*
 * test_lists.c - what the lines of a list say together: counters that run, a heading, the mark of
 * the end, and files that are no list (R6.1, R6.5).
 *
 * links: src/upload/numbers.c src/upload/number.c src/upload/groups.c src/upload/glued.c src/upload/bare.c src/upload/field.c
 * links: src/upload/characters.c src/upload/resolve.c src/upload/lookalike.c src/upload/counter.c
 * links: src/upload/countries.c src/upload/country_table.c src/upload/file_kind.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/upload/numbers.h"

#define OUT_SIZE 1024

/* The numbers of a file and the lines that are refused: "+551…\n!2 reason\n". */
static const char *read_all(const char *country, const char *file, size_t length, char *out)
{
	NumberRules rules;
	NumbersParser parser;
	NumbersResult result;
	Number number;
	size_t used = 0;

	assert_true(number_rules_set(&rules, country));
	numbers_open(&parser, &rules, file, length);
	out[0] = '\0';
	while ((result = numbers_next(&parser, &number)) != NUMBERS_END)
		used += (size_t) (result == NUMBERS_VALID
							  ? snprintf(out + used, OUT_SIZE - used, "%s\n", number.text)
							  : snprintf(out + used, OUT_SIZE - used, "!%d %s\n", (int) number.line,
										 number.reason));
	return out;
}

static void expect(const char *country, const char *file, const char *expected)
{
	char out[OUT_SIZE];

	assert_string_equal(read_all(country, file, strlen(file), out), expected);
}

static void test_counters_that_run_are_dropped(void **state)
{
	(void) state;
	expect(NULL, "1. 5511955550101\n2. 5511955550102\n", "+5511955550101\n+5511955550102\n");
	expect(NULL, "1) +5511955550101\r\n2)+5511955550102\r\n\r\n3 - 5511955550103\r\n",
		   "+5511955550101\n+5511955550102\n+5511955550103\n");
	expect("BR", "0. 11 95555-0101\n1. 11 95555-0102\n", "+5511955550101\n+5511955550102\n");
	/* A line that is refused keeps its place. */
	expect(NULL, "1. 5511955550101\n2. 99\n3. 5511955550103\n",
		   "+5511955550101\n!2 too short: 2 digits, at least 8\n+5511955550103\n");
}

/* Here the digits could be an area code: nothing is dropped, and nothing is glued on. */
static void test_counters_that_do_not_run_are_refused(void **state)
{
	static const char reason[] =
		" a counter in front of the number? It does not run from line to line\n";
	char expected[OUT_SIZE];

	(void) state;
	(void) snprintf(expected, sizeof(expected), "!1%s", reason);
	expect(NULL, "1. 5511955550101\n", expected);
	expect(NULL, "7 - 5511955550101\n", expected);
	(void) snprintf(expected, sizeof(expected), "!1%s!2%s", reason, reason);
	expect(NULL, "1. 5511955550101\n1. 5511955550102\n", expected);
	expect(NULL, "51 - 955550101\n52 - 955550101\n", expected);
	(void) snprintf(expected, sizeof(expected),
					"+5511955550101\n+5511955550102\n!3%s+5511955550105\n", reason);
	expect(NULL, "1. 5511955550101\n2. 5511955550102\n4. 5511955550104\n5. 5511955550105\n",
		   expected);
}

/* "1- " needs no blank in front of its dash, and "1.(" none behind its mark. */
static void test_marks_of_counters(void **state)
{
	(void) state;
	expect("BR", "1- 19 3555-0101\n2- (19) 3555-0102\n3-(19) 3555-0103\n4.+551935550104\n",
		   "+551935550101\n+551935550102\n+551935550103\n+551935550104\n");
	expect("BR", "1.(19) 3555-0101\n2.(19) 3555-0102\n", "+551935550101\n+551935550102\n");
	expect("DE", "1- 030 5550103\n2- 030 5550104\n", "+49305550103\n+49305550104\n");
	expect("BR", "2- (19) 3555-0102\n",
		   "!1 a counter in front of the number? It does not run from line to line\n");
	/* A dash that goes on in the number is a part of how it is written. */
	expect(NULL, "55- 11- 95555-0101\n", "+5511955550101\n");
	/* With it or without it, it is the same number. */
	expect("US", "1-(212) 555-0101\n1-(212) 555-0102\n", "+12125550101\n+12125550102\n");
	expect("BR", "55- 11 95555-0101\n", "+5511955550101\n");
}

/* The rest of a list, "11. 95555-0101": with the counter, each would be a stranger's. */
static void test_counters_are_no_area_codes(void **state)
{
	static const char reason[] = " a counter in front of the number, or its area code? Leave "
								 "counters out, and write area codes in brackets\n";
	char expected[OUT_SIZE];

	(void) state;
	(void) snprintf(expected, sizeof(expected), "!1%s!2%s!3%s", reason, reason, reason);
	expect("BR", "11. 95555-0101\n12. 95555-0102\n13. 95555-0103\n", expected);
	expect("BR", "11) 95555-0101\n12) 95555-0102\n13) 95555-0103\n", expected);
	/* Written like area codes, but three of them go on, one from the other. */
	expect("BR", "11 - 95555-0101\n12 - 95555-0102\n13 - 95555-0103\n", expected);
	expect("BR", "11- 95555-0101\n12- 95555-0102\n13- 95555-0103\n", expected);
	(void) snprintf(expected, sizeof(expected), "!1%s", reason);
	expect("BR", "44. 95555-0101\n", expected);
	expect("DE", "030. 5550103\n", expected);
	(void) snprintf(expected, sizeof(expected), "+551195550101\n+551195550102\n!4%s", reason);
	expect("BR", "1. 11 9555-0101\n2. 11 9555-0102\n\n44. 95555-0104\n", expected);
}

static void test_country_codes_are_no_counters(void **state)
{
	(void) state;
	expect(NULL, "55 - 11 - 95555-0101\n55 - 11 - 95555-0102\n",
		   "+5511955550101\n+5511955550102\n");
	expect(NULL, "1. 212.555.0101\n", "+12125550101\n");
	expect("BR", "11 - 95555-0101\n12 - 95555-0101\n", "+5511955550101\n+5512955550101\n");
	expect("BR", "11- 95555-0101\n11- 95555-0102\n", "+5511955550101\n+5511955550102\n");
}

static void test_end_of_file_mark(void **state)
{
	(void) state;
	expect(NULL, "5511955550101\r\n\x1A", "+5511955550101\n");
	expect(NULL, "5511955550101\x1A", "+5511955550101\n");
	expect(NULL, "\x1A", "");
	expect(NULL, "\x1A\n5511955550101", "!1 no digits: '?'\n+5511955550101\n");
}

static void test_empty_rows_of_a_spreadsheet(void **state)
{
	(void) state;
	expect(NULL, "5511955550101;\n;\n,,,\n5511955550102;\n", "+5511955550101\n+5511955550102\n");
}

static void test_headings(void **state)
{
	(void) state;
	expect(NULL, "Telefone 1\n5511955550101\n",
		   "!1 unexpected character 'T' at column 1 (a header row? remove it)\n+5511955550101\n");
	expect(NULL, "5511a55550101\n", "!1 unexpected character 'a' at column 5\n");
}

static void test_national_lines(void **state)
{
	(void) state;
	expect("BR", "11955550101\n5511955550102\n+12125550101\n011955550103\n",
		   "+5511955550101\n+5511955550102\n+12125550101\n+5511955550103\n");
}

#define REFUSED_AS(file, what)                                                                     \
	do                                                                                             \
	{                                                                                              \
		char out[OUT_SIZE];                                                                        \
		const char *found = read_all(NULL, file, sizeof(file) - 1, out);                           \
		assert_memory_equal(found, "!1 ", 3);                                                      \
		assert_non_null(strstr(found, what));                                                      \
		assert_ptr_equal(strchr(found, '\n'), found + strlen(found) - 1);                          \
	} while (0)

/* One reason, not one a line. */
static void test_files_that_are_no_list(void **state)
{
	(void) state;
	REFUSED_AS("PK\x03\x04\x14\0\0\0\n1\n", "xlsx");
	REFUSED_AS("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\n1\n", "xls");
	REFUSED_AS("%PDF-1.7\n1\n", "PDF");
	REFUSED_AS("\x1F\x8B\x08\n1\n", "gzip");
	REFUSED_AS("BEGIN:VCARD\r\nTEL:+5511955550101\r\n", "vCard");
	REFUSED_AS("\xEF\xBB\xBF"
			   "begin:vcard\r\nTEL:+5511955550101\r\n",
			   "vCard");
	REFUSED_AS("<html><table>\n5511955550101\n", "web page");
	REFUSED_AS("\xFF\xFE"
			   "5\0"
			   "5\0\n\0",
			   "UTF-16");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_that_run_are_dropped),
		cmocka_unit_test(test_counters_that_do_not_run_are_refused),
		cmocka_unit_test(test_marks_of_counters),
		cmocka_unit_test(test_counters_are_no_area_codes),
		cmocka_unit_test(test_country_codes_are_no_counters),
		cmocka_unit_test(test_end_of_file_mark),
		cmocka_unit_test(test_empty_rows_of_a_spreadsheet),
		cmocka_unit_test(test_headings),
		cmocka_unit_test(test_national_lines),
		cmocka_unit_test(test_files_that_are_no_list),
	};

	return cmocka_run_group_tests_name("lists (R6)", tests, NULL, NULL);
}
