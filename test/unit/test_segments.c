/*
 * test_segments.c - segments: the GSM 7-bit alphabet of 3GPP TS 23.038, and how texts fill segments
 * (R6.9).
 *
 * links: src/texts/segments.c src/texts/plain.c lib/contract/utf8.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/contract/utf8.h"
#include "src/texts/segments.h"

/* Table 6.2.1 of TS 23.038, row by row, without its escape; and that of the extension. */
static const char alphabet[] = "@£$¥èéùìòÇ\nØø\rÅå"
							   "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
							   " !\"#¤%&'()*+,-./"
							   "0123456789:;<=>?"
							   "¡ABCDEFGHIJKLMNO"
							   "PQRSTUVWXYZÄÖÑÜ§"
							   "¿abcdefghijklmno"
							   "pqrstuvwxyzäöñüà";
static const char extension[] = "\f^{}\\[~]|€";

static bool is_one_of(const char *characters, uint32_t wanted)
{
	uint32_t character;

	while ((character = segments_next(&characters)) != 0)
	{
		if (character == wanted)
			return true;
	}
	return false;
}

static void test_the_alphabet_has_these_characters_and_no_other(void **state)
{
	int basic = 0;
	int extended = 0;

	(void) state;
	for (uint32_t character = 1; character <= 0x10FFFF; character++)
	{
		int septets = segments_septets(character);
		int wanted = is_one_of(extension, character) ? 2 : is_one_of(alphabet, character);

		if (septets != wanted)
			fail_msg("U+%04X takes %d septets, not %d", (unsigned) character, wanted, septets);
		basic += septets == 1;
		extended += septets == 2;
	}
	assert_int_equal(basic, 127);
	assert_int_equal(extended, 10);
	assert_int_equal(segments_septets(UTF8_WRONG), 0);
}

static void test_plain_spellings_are_in_the_alphabet(void **state)
{
	int spelled = 0;

	(void) state;
	for (uint32_t character = 1; character <= 0x10FFFF; character++)
	{
		const char *plain = segments_plain(character);
		uint32_t letter;

		if (plain == NULL)
			continue;
		spelled++;
		assert_int_equal(segments_septets(character), 0);
		while ((letter = segments_next(&plain)) != 0)
			assert_true(segments_septets(letter) > 0);
	}
	assert_true(spelled > 600);
}

static void test_plain_spellings(void **state)
{
	static const struct
	{
		const char *character;
		const char *plain;
	} spellings[] = {{"á", "a"},	 {"ã", "a"},	  {"ç", "c"},	{"õ", "o"}, {"Ê", "E"},
					 {"ê", "e"},	 {"í", "i"},	  {"ó", "o"},	{"ú", "u"}, {"’", "'"},
					 {"“", "\""},	 {"–", "-"},	  {"…", "..."}, {"º", "o"}, {"\u00a0", " "},
					 {"\u0301", ""}, {"\u2022", "*"}, {"ő", "o"},	{"ấ", "a"}, {"ǜ", "ü"},
					 {"`", "'"},	 {"Ά", "A"},	  {"Ώ", "Ω"}};
	static const char *const none[] = {"👋", "你", "я", "ب", "a", "à", "€", "ω"};

	(void) state;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++)
	{
		const char *at = spellings[i].character;
		const char *plain = segments_plain(segments_next(&at));

		assert_non_null(plain);
		assert_string_equal(plain, spellings[i].plain);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
	{
		const char *at = none[i];

		assert_null(segments_plain(segments_next(&at)));
	}
}

/* `count` times a text, and another one behind it. */
static Segments count_of(const char *text, int count, const char *last, bool plain)
{
	size_t length = strlen(text);
	char *all = malloc(length * (size_t) count + strlen(last) + 1);
	Segments segments;

	assert_non_null(all);
	for (int i = 0; i < count; i++)
		memcpy(all + length * (size_t) i, text, length);
	memcpy(all + length * (size_t) count, last, strlen(last) + 1);
	segments = segments_count(all, plain);
	free(all);
	return segments;
}

static void check(Segments found, SegmentsEncoding encoding, int units, int segments)
{
	assert_int_equal(found.encoding, encoding);
	assert_int_equal(found.units, units);
	assert_int_equal(found.segments, segments);
}

static void test_texts_fill_segments(void **state)
{
	(void) state;
	check(segments_count("", false), SEGMENTS_GSM7, 0, 0);
	check(segments_count("Hi", false), SEGMENTS_GSM7, 2, 1);
	check(segments_count("Olá!", false), SEGMENTS_UCS2, 4, 1);
	check(segments_count("Olà! 5 €", false), SEGMENTS_GSM7, 9, 1);
	check(count_of("x", 160, "", false), SEGMENTS_GSM7, 160, 1);
	check(count_of("x", 161, "", false), SEGMENTS_GSM7, 161, 2);
	check(count_of("x", 306, "", false), SEGMENTS_GSM7, 306, 2);
	check(count_of("x", 307, "", false), SEGMENTS_GSM7, 307, 3);
	check(count_of("á", 70, "", false), SEGMENTS_UCS2, 70, 1);
	check(count_of("á", 71, "", false), SEGMENTS_UCS2, 71, 2);
	check(count_of("á", 134, "", false), SEGMENTS_UCS2, 134, 2);
	check(count_of("á", 135, "", false), SEGMENTS_UCS2, 135, 3);
	check(count_of("x", 70, "ó", false), SEGMENTS_UCS2, 71, 2);
}

static void test_an_escape_is_not_split(void **state)
{
	(void) state;
	check(count_of("x", 158, "€", false), SEGMENTS_GSM7, 160, 1);
	/* The 153rd septet stays free: the euro sign would be split. */
	check(count_of("x", 152, "€xxxxxxxxxx", false), SEGMENTS_GSM7, 164, 2);
	check(count_of("€", 80, "", false), SEGMENTS_GSM7, 160, 1);
	check(count_of("€", 152, "", false), SEGMENTS_GSM7, 304, 2);
	check(count_of("€", 152, "xx", false), SEGMENTS_GSM7, 306, 3);
	check(count_of("x", 152,
				   "€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€xx",
				   false),
		  SEGMENTS_GSM7, 306, 3);
}

static void test_a_surrogate_pair_is_not_split(void **state)
{
	(void) state;
	check(count_of("👋", 35, "", false), SEGMENTS_UCS2, 70, 1);
	check(count_of("👋", 36, "", false), SEGMENTS_UCS2, 72, 2);
	/* 33 pairs in each segment of 67 units. */
	check(count_of("👋", 66, "", false), SEGMENTS_UCS2, 132, 2);
	check(count_of("👋", 67, "", false), SEGMENTS_UCS2, 134, 3);
}

static void test_with_plain_spellings(void **state)
{
	(void) state;
	check(segments_count("Olá!", true), SEGMENTS_GSM7, 4, 1);
	check(count_of("á", 135, "", true), SEGMENTS_GSM7, 135, 1);
	check(count_of("…", 60, "", true), SEGMENTS_GSM7, 180, 2);
	check(segments_count("Ola\u0301!", true), SEGMENTS_GSM7, 4, 1);
	check(segments_count("\u0301", true), SEGMENTS_GSM7, 0, 0);
	/* One character without a spelling: the text stays what it is. */
	check(segments_count("Olá 👋", true), SEGMENTS_UCS2, 6, 1);
	check(segments_count("Ol\xC3", false), SEGMENTS_UCS2, 3, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_alphabet_has_these_characters_and_no_other),
		cmocka_unit_test(test_plain_spellings_are_in_the_alphabet),
		cmocka_unit_test(test_plain_spellings),
		cmocka_unit_test(test_texts_fill_segments),
		cmocka_unit_test(test_an_escape_is_not_split),
		cmocka_unit_test(test_a_surrogate_pair_is_not_split),
		cmocka_unit_test(test_with_plain_spellings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
