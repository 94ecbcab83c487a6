/*
 * fuzz_numbers.c - any bytes as an upload: the parser ends, its lines ascend,
 * what it calls valid is a possible E.164 number that is read as itself again, and every reason is
 * UTF-8 that can go into JSON (R0.11).
 *
 * links: src/upload/numbers.c src/upload/number.c src/upload/groups.c src/upload/glued.c src/upload/bare.c src/upload/field.c
 * links: src/upload/characters.c src/upload/resolve.c src/upload/lookalike.c src/upload/counter.c
 * links: src/upload/countries.c src/upload/country_table.c src/upload/file_kind.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/upload/numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void) fprintf(stderr, "violated: %s\n", what);
	abort();
}

/* Simpler than the parser's own decoder, on purpose: two that agree prove more than one. */
static int is_printable_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *) text;

	while (*at != '\0')
	{
		int more = *at < 0x80 ? 0 : *at >= 0xF0 ? 3 : *at >= 0xE0 ? 2 : 1;

		if (*at < 0x20 || *at == 0x7F || (*at >= 0x80 && *at < 0xC2) || *at > 0xF4)
			return 0;
		if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
			(at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F))
			return 0;
		for (at++; more > 0; more--, at++)
			if ((*at & 0xC0) != 0x80)
				return 0;
	}
	return 1;
}

static void check_valid(const Number *number)
{
	uint64_t digits = 0;

	require(number->text_length >= 1 + NUMBER_DIGITS_MIN &&
				number->text_length <= 1 + NUMBER_DIGITS_MAX,
			"8 to 15 digits");
	require(strlen(number->text) == (size_t) number->text_length, "text ends where it says");
	require(number->text[0] == '+' && number->text[1] != '0', "+ and no leading zero");
	for (int i = 1; i < number->text_length; i++)
	{
		require(number->text[i] >= '0' && number->text[i] <= '9', "digits only");
		digits = digits * 10 + (uint64_t) (number->text[i] - '0');
	}
	require(digits == number->digits, "text and value agree");
}

/* It is possible, and written with its + it is the same number whatever the country. */
static void check_again(const Number *number)
{
	static const char *const rules_countries[] = {"none", "BR", "DE", "US"};
	const CountryCode *code = country_code_find(number->text + 1);

	require(code != NULL, "an assigned country code");
	require(
		country_length_is_possible(code->possible, (size_t) number->text_length - 1 - code->digits),
		"a possible length");
	for (size_t i = 0; i < sizeof(rules_countries) / sizeof(rules_countries[0]); i++)
	{
		NumberRules rules;
		Number again;

		require(number_rules_set(&rules, rules_countries[i]), "a country");
		require(number_read(&rules, number->text, (size_t) number->text_length, &again) ==
						NUMBER_VALID &&
					strcmp(again.text, number->text) == 0 && again.country == number->country &&
					!again.assumed,
				"the same number again");
	}
}

static void check_invalid(const Number *number)
{
	require(memchr(number->reason, '\0', sizeof(number->reason)) != NULL, "reason ends");
	require(number->reason[0] != '\0', "reason says something");
	require(strlen(number->reason) < sizeof(number->reason) - 1, "reason is not cut");
	require(is_printable_utf8(number->reason), "reason is printable UTF-8");
}

static void check_file(const char *country, const uint8_t *data, size_t size)
{
	NumberRules rules;
	NumbersParser parser;
	NumbersResult result;
	Number number;
	int64_t line = 0;
	size_t lines_left = size + 1;

	require(number_rules_set(&rules, country), "a country");
	numbers_open(&parser, &rules, (const char *) data, size);
	while ((result = numbers_next(&parser, &number)) != NUMBERS_END)
	{
		require(lines_left-- > 0, "no more lines than bytes");
		require(number.line > line, "lines ascend");
		require(parser.offset <= size, "offset within the data");
		line = number.line;
		if (result == NUMBERS_VALID)
		{
			check_valid(&number);
			check_again(&number);
		}
		else
			check_invalid(&number);
	}
	require(parser.offset == parser.length || parser.length == 0, "everything was read");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_file("none", data, size);
	check_file("BR", data, size);
	check_file("DE", data, size);
	check_file("US", data, size);
	return 0;
}
