/*
 * test_utf8.c - characters; and any bytes made into one line that log and database take (R4.2).
 *
 * links: lib/contract/utf8.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/contract/utf8.h"

#define BYTES(literal) literal, sizeof(literal) - 1

static void test_characters(void **state)
{
	const char *text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x93\xA7";

	(void) state;
	assert_int_equal(utf8_next(&text), 'a');
	assert_int_equal(utf8_next(&text), 0xE9);
	assert_int_equal(utf8_next(&text), 0x20AC);
	assert_int_equal(utf8_next(&text), 0x1F4E7);
	assert_int_equal(utf8_next(&text), 0);
	assert_int_equal(utf8_next(&text), 0);
	assert_true(utf8_check("\xEF\xBF\xBF"));
	assert_false(utf8_check("\x80"));
	assert_false(utf8_check("\xC3"));
	assert_false(utf8_check("\xC1\xBF"));
	assert_false(utf8_check("\xE0\x9F\xBF"));
	assert_false(utf8_check("\xED\xA0\x80"));
	assert_false(utf8_check("\xF4\x90\x80\x80"));
	assert_false(utf8_check("\xF5\x80\x80\x80"));
	assert_false(utf8_check("\xF0\x8F\xBF\xBF"));
}

/* A copy without a NUL behind it: the sanitizer sees a byte read too far. */
static void assert_cleaned(const char *bytes, size_t length, const char *expected)
{
	char *exact = malloc(length > 0 ? length : 1);
	char out[64];

	assert_non_null(exact);
	memcpy(exact, bytes, length);
	assert_int_equal(utf8_clean(out, sizeof(out), exact, length), strlen(expected));
	assert_string_equal(out, expected);
	free(exact);
}

static void test_any_bytes_become_one_line(void **state)
{
	(void) state;
	assert_cleaned(BYTES(""), "");
	assert_cleaned(BYTES("550 Ol\xC3\xA1 \xE2\x82\xAC"), "550 Ol\xC3\xA1 \xE2\x82\xAC");
	assert_cleaned(BYTES("550 Empf\xE4nger"), "550 Empf?nger");
	assert_cleaned(BYTES("a\0b\r\nc\td\x1B[0m\x7F"), "a b  c d [0m ");
	assert_cleaned(BYTES("\xC2\x85|\xE2\x80\xA8|\xE2\x80\xAE"), " | | ");
	assert_cleaned(BYTES("\xC0\x8A\xED\xA0\x80\xF5"), "??????");
	/* A character that the end cuts off. */
	assert_cleaned(BYTES("x\xE2\x82"), "x??");
	assert_cleaned(BYTES("\xF0\x9F\x93"), "???");
}

static void test_a_long_text_is_cut_between_characters(void **state)
{
	const char *text = "\xE2\x82\xAC\xE2\x82\xAC";
	char out[8];

	(void) state;
	for (size_t size = 1; size <= sizeof(out); size++)
	{
		memset(out, 'x', sizeof(out));
		assert_int_equal(utf8_clean(out, size, text, 6), (size - 1) / 3 * 3);
		assert_int_equal(out[(size - 1) / 3 * 3], '\0');
		assert_true(utf8_check(out));
	}
}

static void test_in_place(void **state)
{
	char text[] = "a\xE2\x80\xA8\xFF\xC3\xA9";

	(void) state;
	assert_int_equal(utf8_clean(text, sizeof(text), text, strlen(text)), 5);
	assert_string_equal(text, "a ?\xC3\xA9");
}

static void test_blanks(void **state)
{
	static const uint32_t blanks[] = {'\t',	  '\r',	  ' ',	  0x85,	  0xA0,	  0xAD,	   0x1680,
									  0x180E, 0x2000, 0x200B, 0x200F, 0x2028, 0x202F,  0x2060,
									  0x3000, 0xFEFF, 0x034F, 0x061C, 0x115F, 0x180B,  0x2068,
									  0x206A, 0x2800, 0x3164, 0xFE0F, 0xFFA0, 0xE0001, 0xE0020};
	static const uint32_t others[] = {0,	  0x08,	  0x0E,	  '-',	  0x7F,	  0xA1,		 0xAC,
									  0x2010, 0x2030, 0x2070, 0x3001, 0xFFF9, UTF8_WRONG};

	(void) state;
	for (size_t i = 0; i < sizeof(blanks) / sizeof(*blanks); i++)
		assert_true(utf8_is_blank(blanks[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(utf8_is_blank(others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_any_bytes_become_one_line),
		cmocka_unit_test(test_a_long_text_is_cut_between_characters),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
