/*
 * test_numbers.c - the upload's parser, rule by rule (R0.11).
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

/* sizeof, not strlen: some inputs hold NULs. */
#define OPEN(parser, literal) numbers_open(parser, &no_country, literal, sizeof(literal) - 1)

static void expect_valid(NumbersParser *parser, int64_t line, const char *text)
{
	Number number;

	assert_int_equal(numbers_next(parser, &number), NUMBERS_VALID);
	assert_int_equal(number.line, line);
	assert_string_equal(number.text, text);
	assert_int_equal(number.text_length, strlen(text));
	assert_true(number.digits == strtoull(text + 1, NULL, 10));
}

static void expect_invalid(NumbersParser *parser, int64_t line, const char *reason)
{
	Number number;

	assert_int_equal(numbers_next(parser, &number), NUMBERS_INVALID);
	assert_int_equal(number.line, line);
	assert_string_equal(number.reason, reason);
}

static void expect_end(NumbersParser *parser)
{
	Number number;

	assert_int_equal(numbers_next(parser, &number), NUMBERS_END);
	assert_int_equal(numbers_next(parser, &number), NUMBERS_END);
}

/* One line of `length` bytes that must give this number. */
static void one_valid(const char *line, const char *text)
{
	NumbersParser parser;

	numbers_open(&parser, &no_country, line, strlen(line));
	expect_valid(&parser, 1, text);
	expect_end(&parser);
}

static void one_invalid(const char *line, const char *reason)
{
	NumbersParser parser;

	numbers_open(&parser, &no_country, line, strlen(line));
	expect_invalid(&parser, 1, reason);
	expect_end(&parser);
}

static void test_empty_file_has_no_line(void **state)
{
	NumbersParser parser;

	(void) state;
	OPEN(&parser, "");
	expect_end(&parser);
	numbers_open(&parser, &no_country, NULL, 0);
	expect_end(&parser);
	OPEN(&parser, "\xEF\xBB\xBF");
	expect_end(&parser);
	OPEN(&parser, "\n\r\n \t\r\xC2\xA0\n\xE2\x80\x8B");
	expect_end(&parser);
}

static void test_line_ends(void **state)
{
	NumbersParser parser;

	(void) state;
	OPEN(&parser, "5511900000001\n+5511900000002\r\n5511900000003\r5511900000004");
	expect_valid(&parser, 1, "+5511900000001");
	expect_valid(&parser, 2, "+5511900000002");
	expect_valid(&parser, 3, "+5511900000003");
	expect_valid(&parser, 4, "+5511900000004");
	expect_end(&parser);
	OPEN(&parser, "5511900000001\r\n");
	expect_valid(&parser, 1, "+5511900000001");
	expect_end(&parser);
	OPEN(&parser, "5511900000001\r");
	expect_valid(&parser, 1, "+5511900000001");
	expect_end(&parser);
}

static void test_byte_order_mark(void **state)
{
	NumbersParser parser;

	(void) state;
	OPEN(&parser, "\xEF\xBB\xBF+5511900000001\n\xEF\xBB\xBF"
				  "5511900000002\n");
	expect_valid(&parser, 1, "+5511900000001");
	expect_valid(&parser, 2, "+5511900000002");
	expect_end(&parser);
}

static void test_blank_lines_are_counted_not_returned(void **state)
{
	NumbersParser parser;

	(void) state;
	OPEN(&parser, "\n\n  \t \n5511900000001\r\n\r\n\xE2\x80\x8B\n5511900000002\n\n");
	expect_valid(&parser, 4, "+5511900000001");
	expect_valid(&parser, 7, "+5511900000002");
	expect_end(&parser);
}

static void test_spaces_and_punctuation(void **state)
{
	(void) state;
	one_valid("  +55 (11) 98765-4321\t", "+5511987654321");
	one_valid("55.11.98765.4321", "+5511987654321");
	one_valid("+49 30/1234567", "+49301234567");
	one_valid("(+55) 11987654321", "+5511987654321");
	one_valid("+ 55 11987654321", "+5511987654321");
}

static void test_marks_of_copied_text(void **state)
{
	(void) state;
	one_valid("\xE2\x80\xAA+55\xC2\xA0"
			  "11\xE2\x80\xAF"
			  "98765\xE2\x80\x91"
			  "4321\xE2\x80\xAC",
			  "+5511987654321");
	one_valid("\xE2\x81\xA6+5511987654321\xE2\x81\xA9", "+5511987654321");
	one_valid("+5511\xE2\x80\x93"
			  "98765\xE2\x88\x92"
			  "4321\xE2\x80\x8E",
			  "+5511987654321");
}

static void test_length_limits(void **state)
{
	(void) state;
	one_valid("+4712345678", "+4712345678");
	one_valid("+49123456789012", "+49123456789012");
	one_valid("+491234567890123", "+491234567890123");
	one_invalid("+4712345", "too short: 7 digits, at least 8");
	one_invalid("1", "too short: 1 digit, at least 8");
	one_invalid("+4912345678901234", "too long: 16 digits, at most 15 (one number a line)");
	one_invalid("55119876543210000", "too long: 17 digits, at most 15 (one number a line)");
	one_invalid("5511987654321 5511987654322", "several numbers: write one number a line");
}

static void test_leading_zero(void **state)
{
	static const char national[] =
		"starts with 0: a national number needs its country (country => 'BR')";
	static const char code[] = "starts with 0: an international number begins with its country "
							   "code, without 0 or 00";

	(void) state;
	one_invalid("011987654321", national);
	one_invalid("(011) 98765-4321", national);
	one_invalid("0", national);
	one_invalid("+0511987654321", code);
	one_invalid("0000000000", code);
	one_valid("005511987654321", "+5511987654321");
}

static void test_plus_only_in_front(void **state)
{
	(void) state;
	one_invalid("55+11987654321", "unexpected character '+' at column 3");
	one_invalid("++5511987654321", "unexpected character '+' at column 2");
	one_invalid("5511987654321+", "unexpected character '+' at column 14");
	one_invalid("+", "no digits: '+'");
}

static void test_letters_have_a_column(void **state)
{
	NumbersParser parser;

	(void) state;
	OPEN(&parser, "5511987654321\n5511a87654321\n5511987654321,John\n5511987654321\"\n"
				  "\xC3\xA9"
				  "5511x\n");
	expect_valid(&parser, 1, "+5511987654321");
	expect_invalid(&parser, 2, "unexpected character 'a' at column 5");
	expect_invalid(&parser, 3, "unexpected character ',' at column 14");
	expect_invalid(&parser, 4, "unexpected character '\"' at column 14");
	expect_invalid(&parser, 5, "unexpected character '\xC3\xA9' at column 1");
	expect_end(&parser);
}

static void test_columns_count_characters(void **state)
{
	(void) state;
	one_invalid("55\xC2\xA0\xE2\x80\x8B\xE2\x82\xAC",
				"unexpected character '\xE2\x82\xAC' at column 5");
	one_invalid("55\x01", "unexpected character U+0001 at column 3");
	one_invalid("55\xE2\x80\xA8", "unexpected character U+2028 at column 3");
}

static void test_header_row(void **state)
{
	NumbersParser parser;

	(void) state;
	OPEN(&parser, "\nphone\n5511987654321\nphone\n");
	expect_invalid(&parser, 2, "no digits: 'phone' (a header row? remove it)");
	expect_valid(&parser, 3, "+5511987654321");
	expect_invalid(&parser, 4, "no digits: 'phone'");
	expect_end(&parser);
	one_invalid("phone1", "unexpected character 'p' at column 1 (a header row? remove it)");
}

static void test_text_without_digits(void **state)
{
	NumbersParser parser;

	(void) state;
	OPEN(&parser, "5511987654321\n'; DROP TABLE users; --\n---\n\xE2\x82\xAC\n");
	expect_valid(&parser, 1, "+5511987654321");
	expect_invalid(&parser, 2, "no digits: ''; DROP TABLE users; --'");
	expect_invalid(&parser, 3, "no digits: '---'");
	expect_invalid(&parser, 4, "no digits: '\xE2\x82\xAC'");
	expect_end(&parser);
}

static void test_not_utf8(void **state)
{
	static const char *const bad[] = {
		"\xE9",		"\xC0\xB1", "\xED\xA0\x80",		"\xF5\x80\x80\x80",
		"\xE2\x80", "\x80",		"\xF0\x80\x80\x80", "\xFF"};

	(void) state;
	one_invalid("5511 Jos\xE9", "not UTF-8: byte 0xE9 at column 9; save the file as UTF-8");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		NumbersParser parser;
		Number number;

		numbers_open(&parser, &no_country, bad[i], strlen(bad[i]));
		assert_int_equal(numbers_next(&parser, &number), NUMBERS_INVALID);
		assert_memory_equal(number.reason, "not UTF-8: byte 0x", 18);
	}
}

static void test_nul_byte(void **state)
{
	NumbersParser parser;

	(void) state;
	OPEN(&parser, "5511987654321\n55\0"
				  "11987654321\n5511987654322");
	expect_valid(&parser, 1, "+5511987654321");
	expect_invalid(&parser, 2, "NUL byte at column 3: not a text file");
	expect_valid(&parser, 3, "+5511987654322");
	expect_end(&parser);
	OPEN(&parser, "\0");
	expect_invalid(&parser, 1, "NUL byte at column 1: not a text file");
	expect_end(&parser);
}

static void test_utf16_is_one_error(void **state)
{
	static const char reason[] = "UTF-16 file: save it as UTF-8";
	NumbersParser parser;

	(void) state;
	OPEN(&parser, "\xFF\xFE"
				  "5\0005\0\n\0"
				  "5\0");
	expect_invalid(&parser, 1, reason);
	expect_end(&parser);
	OPEN(&parser, "\xFE\xFF\0005\0005\0\n\0005");
	expect_invalid(&parser, 1, reason);
	expect_end(&parser);
	OPEN(&parser, "5\0005\0\n\0005\0");
	expect_invalid(&parser, 1, reason);
	expect_end(&parser);
	OPEN(&parser, "\0005\0005\0\n\0005");
	expect_invalid(&parser, 1, reason);
	expect_end(&parser);
}

static void test_long_line_is_one_short_error(void **state)
{
	static char line[10000 + 14];
	NumbersParser parser;

	(void) state;
	memset(line, 'x', 10000);
	memcpy(line + 10000, "\n5511987654321", 14);
	numbers_open(&parser, &no_country, line, sizeof(line));
	expect_invalid(&parser, 1, "too long: 10000 bytes, at most 512 (one number a line)");
	expect_valid(&parser, 2, "+5511987654321");
	expect_end(&parser);

	memset(line, '7', 10000);
	numbers_open(&parser, &no_country, line, sizeof(line));
	expect_invalid(&parser, 1, "too long: 10000 bytes, at most 512 (one number a line)");
	expect_valid(&parser, 2, "+5511987654321");
	expect_end(&parser);
}

/* An excerpt is cut between characters and shows nothing that moves a terminal. */
static void test_excerpt_is_printable(void **state)
{
	NumbersParser parser;
	Number number;

	(void) state;
	OPEN(&parser, "a\x1B[31m\xE2\x80\xAE"
				  "b\xC2\x85\x7F");
	expect_invalid(&parser, 1, "unexpected character 'a' at column 1 (a header row? remove it)");
	OPEN(&parser, "a\x1B[m\xE2\x80\xAE"
				  "b\xC2\x85\x7F");
	expect_invalid(&parser, 1, "no digits: 'a?[m?b?\?' (a header row? remove it)");
	OPEN(&parser, "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2"
				  "\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82"
				  "\xAC\xE2\x82\xAC\xE2\x82\xAC");
	assert_int_equal(numbers_next(&parser, &number), NUMBERS_INVALID);
	assert_non_null(strstr(number.reason, "\xE2\x82\xAC...'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_file_has_no_line),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_blank_lines_are_counted_not_returned),
		cmocka_unit_test(test_spaces_and_punctuation),
		cmocka_unit_test(test_marks_of_copied_text),
		cmocka_unit_test(test_length_limits),
		cmocka_unit_test(test_leading_zero),
		cmocka_unit_test(test_plus_only_in_front),
		cmocka_unit_test(test_letters_have_a_column),
		cmocka_unit_test(test_columns_count_characters),
		cmocka_unit_test(test_header_row),
		cmocka_unit_test(test_text_without_digits),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_nul_byte),
		cmocka_unit_test(test_utf16_is_one_error),
		cmocka_unit_test(test_long_line_is_one_short_error),
		cmocka_unit_test(test_excerpt_is_printable),
	};

	return cmocka_run_group_tests_name("numbers (R0.11)", tests, NULL, NULL);
}
