/*
 * test_number.c - one field, one phone number: what is taken off, what is completed, and what is
 * refused rather than guessed (R6.1, R6.2, R6.3, R6.5).
 *
 * links: src/upload/number.c src/upload/groups.c src/upload/glued.c src/upload/bare.c src/upload/field.c src/upload/characters.c
 * links: src/upload/resolve.c src/upload/lookalike.c src/upload/countries.c
 * links: src/upload/country_table.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "number_probe.h"

static void test_dress_is_taken_off(void **state)
{
	static const Expected fields[] = {
		{"+55 11 95555-0101", "+5511955550101"},
		{"55 (11) 95555.0101", "+5511955550101"},
		{"\"5511955550101\"", "+5511955550101"},
		{"\xE2\x80\x9C"
		 "5511955550101\xE2\x80\x9D",
		 "+5511955550101"},
		{"'5511955550101", "+5511955550101"},
		{"\xE2\x80\x98+5511955550101", "+5511955550101"},
		{"=\"5511955550101\"", "+5511955550101"},
		{"\"=\"\"5511955550101\"\"\"", "+5511955550101"},
		{"=+5511955550101", "+5511955550101"},
		{"5511955550101;", "+5511955550101"},
		{"5511955550101 ; ,,", "+5511955550101"},
		{"tel:+55-11-95555-0101", "+5511955550101"},
		{"TEL: 5511955550101", "+5511955550101"},
		{"sms:+5511955550101", "+5511955550101"},
		{"whatsapp:+5511955550101", "+5511955550101"},
		{"5511955550101@c.us", "+5511955550101"},
		{"5511955550101@s.whatsapp.net", "+5511955550101"},
		{"5511955550101.0", "+5511955550101"},
		{"+5511955550101.00", "+5511955550101"},
		{"00 55 11 95555 0101", "+5511955550101"},
		{"(+55) (11) 95555-0101", "+5511955550101"},
		{"(55) 11 95555-0101", "+5511955550101"},
		{"\xEF\xBC\x8B\xEF\xBC\x95\xEF\xBC\x95 11 95555\xEF\xBC\x8D"
		 "0101",
		 "+5511955550101"},
		{"\xD9\xA5\xD9\xA5\xD9\xA1\xD9\xA1\xD9\xA9\xD9\xA5\xD9\xA5\xD9\xA5\xD9\xA5\xD9\xA0\xD9\xA1"
		 "\xD9\xA0\xD9\xA1",
		 "+5511955550101"},
		{"\xE0\xA5\xAB\xE0\xA5\xAB"
		 "11955550101",
		 "+5511955550101"},
		{"+55  11  95555  0101", "+5511955550101"},
		{"+55 (11)  95555-0101", "+5511955550101"},
	};

	(void) state;
	expect(NULL, fields, COUNT(fields));
}

static void test_blank_fields(void **state)
{
	static const char *const blank[] = {"",	   " ",	  "\t \xC2\xA0", ";",
										";;;", " , ", "\"\"",		 "\xE2\x80\x8B"};
	NumberRules rules;
	Number number;

	(void) state;
	assert_true(number_rules_set(&rules, NULL));
	for (size_t i = 0; i < COUNT(blank); i++)
		assert_int_equal(read_copy(&rules, blank[i], &number), NUMBER_BLANK);
}

/* The trunk 0 is dropped where there is one, and kept where it is a part of the number. */
static void test_trunk_zero_behind_a_country_code(void **state)
{
	static const Expected fields[] = {
		{"+44 (0)20 7946 0101", "+442079460101"},
		{"+44 (0) 7700 900102", "+447700900102"},
		{"+44 020 7946 0101", "+442079460101"},
		{"4402079460101", "+442079460101"},
		{"0044 (0)20 7946 0101", "+442079460101"},
		{"+49 (0)30 5550 0103", "+493055500103"},
		{"+55 (0xx11) 95555-0101", "+5511955550101"},
		{"+55 0xx11 95555-0101", "+5511955550101"},
		{"+55 (0XX11) 95555-0101", "+5511955550101"},
		{"+39 06 1234 5678", "+390612345678"},
		{"+225 01 23 45 67 89", "+2250123456789"},
		{"+39 (0)6 1234 5678", "(0)"},
		{"+44 20 (0) 7946 0101", "(0)"},
		{"+44 (0xx11) 95555-0101", "unexpected character 'x'"},
	};

	(void) state;
	expect(NULL, fields, COUNT(fields));
}

static void test_nothing_is_glued_on(void **state)
{
	static const Expected fields[] = {
		{"+5511955550101\t42", "columns"},
		{"42\t5511955550101", "columns"},
		{"+55\t11955550101", "columns"},
		{"5511955550101   42", "columns"},
		{"5  5511955550101", "columns"},
		{"51  95555-0101", "columns"},
		{"+49 30 1234567  42", "columns"},
		{"+1 212 555 0101 (12)", "extension"},
		{"+49 30 1234567 (12)", "extension"},
		{"+49 30 1234567/12", "extension"},
		{"+1 (212) 555-0102 - 345", "extension"},
		{"+55 11 3555-0101/02", "extension"},
		{"+5511955550101x12", "extension"},
		{"+5511955550101 ext. 12", "extension"},
		{"+55 11 3555-0101 ramal 12", "extension"},
		{"tel:+5511955550101;ext=12", "extension"},
		{"+5511955550101, +5511955550102", "one number a line"},
		{"+5511955550101;5511955550102", "one number a line"},
		{"+5511955550101 +5511955550102", "one number a line"},
		{"5511955550101 5511955550102", "one number a line"},
		{"+5511955550101 / +5511955550102", "one number a line"},
		{"+5511955550101/5511955550102", "one number a line"},
		{"55.11.95555.0101.0", "ends in .0"},
		{"55.11.95555.0101.00", "ends in .00"},
		{"5511955550101.5", "ends in .5"},
		{"+55 11 95555-010.1", "ends in .1"},
		{"551195555010.1", "ends in .1"},
		{"55119555501.01", "ends in .01"},
		{"+55 119555501.01", "ends in .01"},
		{"5511955550101 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3",
		 "one number a line"},
		{"5511955550101-1612345678@g.us", "unexpected character '@'"},
		{"+49 30/1234567", "+49301234567"},
	};

	(void) state;
	expect(NULL, fields, COUNT(fields));
	expect("BR", fields, 4);
}

/* A dot is a way of writing numbers, and that of decimals: what can only be one of the two. */
static void test_a_fraction_is_no_digit(void **state)
{
	static const Expected brazil[] = {
		{"1195555010.1", "ends in .1"},		  {"119555501.01", "ends in .01"},
		{"11955550101.00", "+5511955550101"}, {"11.95555.0101", "+5511955550101"},
		{"1195555.0101", "+5511955550101"},	  {"11.9.5555.01.01", "+5511955550101"},
	};
	static const Expected france[] = {
		{"06.12.34.56.78", "+33612345678"},
		{"06.12.34.56.00", "+33612345600"},
		{"06 12.34.56.00", "+33612345600"},
		{"+33.6.12.34.56.00", "+33612345600"},
		{"+33 (0)6.12.34.56.00", "+33612345600"},
		{"0612345678.00", "+33612345678"},
		{"06.12.34.56.0", "ends in .0"},
		{"06.12.34.56.78.0", "ends in .0"},
		{"061234567.8", "ends in .8"},
	};

	(void) state;
	expect("BR", brazil, COUNT(brazil));
	expect("FR", france, COUNT(france));
}

static void test_other_columns_are_named(void **state)
{
	static const Expected fields[] = {
		{"123.456.789-09", "CPF"},	  {"12.345.678/0001-95", "CNPJ"},
		{"12345678000195", "CNPJ"},	  {"01310-100", "CEP"},
		{"01.310-100", "CEP"},		  {"26/11/2026", "date"},
		{"2026-11-26", "date"},		  {"26.11.26", "date"},
		{"11/26/2026 10:30", "date"}, {"2026-11-26T10:30:00Z", "date"},
		{"5.51196E+12", "rounded"},	  {"5,51196e+12", "rounded"},
	};
	static const Expected bare[] = {
		{"12345678909", "CPF"},
		{"123.456.789-09", "CPF"},
		{"12345678000195", "CNPJ"},
	};
	static const Expected numbers[] = {
		{"+45 20-12-2026", "+4520122026"},
		{"+47 12345-678", "+4712345678"},
	};

	(void) state;
	expect(NULL, fields, COUNT(fields));
	expect("BR", fields, COUNT(fields));
	expect("BR", bare, COUNT(bare));
	expect(NULL, numbers, COUNT(numbers));
}

static void test_possible_numbers_only(void **state)
{
	static const Expected fields[] = {
		{"+99955550101", "not possible: no country code begins with 999"},
		{"+55119555501019999", "too long"},
		{"+551195555010199", "not possible: +55 has 8, 9, 10 or 11 digits behind it, not 13"},
		{"+1 212 555 010", "not possible: +1 has 10 digits behind it, not 9"},
		{"123456789", "not possible"},
		{"11955550101", "not possible: +1 has no area code 195"},
		{"+290 8123", "too short: 7 digits"},
		{"+290 51234", "+29051234"},
		{"+870 123456789", "+870123456789"},
	};

	(void) state;
	expect(NULL, fields, COUNT(fields));
}

/* A number of this length in each country that has one, in every dress, in a list out of order. */
static const char *const dresses[] = {
	"+%s",		"\"+%s\"",			 "'+%s",
	"=\"+%s\"", "tel:+%s",			 "sms:+%s",
	"00%s",		"%s@c.us",			 "\xE2\x80\xAA+%s\xE2\x80\xAC",
	" +%s ;;",	"\t00 %s",			 "+%s.0",
	"+ %s,",	"%s@s.whatsapp.net", "=+%s",
	"(+)%s",
};

static uint32_t chance_state;

static uint32_t chance(uint32_t below)
{
	chance_state = chance_state * 1664525 + 1013904223;
	return (chance_state >> 8) % below;
}

/* Random digits behind the calling code of `code`, of a length that is possible there. */
static bool random_number(const CountryCode *code, char *out)
{
	size_t length = 1 + chance(15);

	if (!country_length_is_possible(code->possible, length) ||
		code->digits + length < NUMBER_DIGITS_MIN || code->digits + length > NUMBER_DIGITS_MAX)
		return false;
	out += sprintf(out, "%u", (unsigned int) code->calling);
	for (size_t i = 0; i < length; i++)
		*out++ = (char) ('0' + (i == 0 ? 1 + chance(9) : chance(10)));
	*out = '\0';
	return true;
}

/* Blanks, dashes and dots between some digits; never two groups that could be two things. */
static void punctuate(const char *digits, char *out)
{
	const char *separator =
		(const char *const[]){" ", "-", ".", "\xC2\xA0", "\xE2\x80\x93"}[chance(5)];
	size_t at = 2 + chance(3);

	out += sprintf(out, "%.*s%s", (int) at, digits, separator);
	strcpy(out, digits + at);
}

static void test_any_dress_gives_the_number(void **state)
{
	NumberRules rules[2];

	(void) state;
	chance_state = 20261127;
	assert_true(number_rules_set(&rules[0], NULL));
	assert_true(number_rules_set(&rules[1], "BR"));
	for (size_t round = 0; round < 100000; round++)
	{
		const char *dress = dresses[chance(COUNT(dresses))];
		char digits[32];
		char punctuated[64];
		char field[128];
		Number number;

		if (!random_number(&country_codes[chance((uint32_t) country_codes_count)], digits))
			continue;
		punctuate(digits, punctuated);
		(void) snprintf(field, sizeof(field), dress,
						strstr(dress, ".0") != NULL || chance(2) ? digits : punctuated);
		if (read_copy(&rules[chance(2)], field, &number) != NUMBER_VALID)
			fail_msg("'%s': %s", field, number.reason);
		assert_string_equal(number.text + 1, digits);
		assert_true(number.digits == strtoull(digits, NULL, 10));
		assert_false(number.assumed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dress_is_taken_off),
		cmocka_unit_test(test_blank_fields),
		cmocka_unit_test(test_trunk_zero_behind_a_country_code),
		cmocka_unit_test(test_nothing_is_glued_on),
		cmocka_unit_test(test_a_fraction_is_no_digit),
		cmocka_unit_test(test_other_columns_are_named),
		cmocka_unit_test(test_possible_numbers_only),
		cmocka_unit_test(test_any_dress_gives_the_number),
	};

	return cmocka_run_group_tests_name("number (R6)", tests, NULL, NULL);
}
