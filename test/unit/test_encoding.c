/*
 * test_encoding.c - UTF-16 and Windows-1252 into UTF-8 (R6.4).
 *
 * links: src/upload/encoding.c lib/contract/utf8.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/upload/encoding.h"

static void expect(Encoding encoding, const char *data, size_t size, const char *text)
{
	char *out = malloc(ENCODING_GROWTH * size + 1);
	size_t length;

	assert_true(encoding_decode(encoding, data, size, out, &length));
	out[length] = '\0';
	assert_string_equal(out, text);
	free(out);
}

static void expect_wrong(Encoding encoding, const char *data, size_t size, size_t place)
{
	char *out = malloc(ENCODING_GROWTH * size);
	size_t length;

	assert_false(encoding_decode(encoding, data, size, out, &length));
	assert_int_equal(length, place);
	free(out);
}

static void knows_names(void **state)
{
	Encoding encoding;

	(void) state;
	assert_true(encoding_of_name("UTF-8", &encoding) && encoding == ENCODING_UTF8);
	assert_true(encoding_of_name("utf16", &encoding) && encoding == ENCODING_UTF16);
	assert_true(encoding_of_name("UTF-16BE", &encoding) && encoding == ENCODING_UTF16BE);
	assert_true(encoding_of_name("Windows-1252", &encoding) && encoding == ENCODING_WINDOWS1252);
	assert_true(encoding_of_name("ISO-8859-1", &encoding) && encoding == ENCODING_WINDOWS1252);
	assert_false(encoding_of_name("utf-7", &encoding));
	assert_false(encoding_of_name("", &encoding));
	assert_false(encoding_of_name("windows-1252-or-something-longer", &encoding));
}

static void reads_windows_1252(void **state)
{
	(void) state;
	expect(ENCODING_WINDOWS1252, "Jos\xE9 \x80 \x9F", 8, "José € Ÿ");
	expect(ENCODING_WINDOWS1252, "\xFF", 1, "ÿ");
	expect_wrong(ENCODING_WINDOWS1252, "ab\x81", 3, 2);
}

static void reads_utf_16(void **state)
{
	(void) state;
	expect(ENCODING_UTF16,
		   "\xFF\xFE"
		   "a\0\xE9\0",
		   6,
		   "\xEF\xBB\xBF"
		   "aé");
	expect(ENCODING_UTF16, "\xFE\xFF\0a\x20\xAC", 6,
		   "\xEF\xBB\xBF"
		   "a€");
	expect(ENCODING_UTF16, "a\0", 2, "a");
	expect(ENCODING_UTF16BE, "\xD8\x3D\xDE\x00", 4, "😀");
	expect(ENCODING_UTF16LE, "\x3D\xD8\x00\xDE", 4, "😀");
	expect(ENCODING_UTF16LE, "", 0, "");
}

static void refuses_half_a_character(void **state)
{
	(void) state;
	expect_wrong(ENCODING_UTF16LE, "a\0b", 3, 2);
	expect_wrong(ENCODING_UTF16LE, "\x3D\xD8", 2, 0);
	expect_wrong(ENCODING_UTF16LE,
				 "\x3D\xD8"
				 "a\0",
				 4, 0);
	expect_wrong(ENCODING_UTF16LE, "a\0\x00\xDE", 4, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_names),
		cmocka_unit_test(reads_windows_1252),
		cmocka_unit_test(reads_utf_16),
		cmocka_unit_test(refuses_half_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
