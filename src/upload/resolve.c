/*
 * resolve.c - from the digits of a field to a number in E.164.
 *
 * The order is the promise: what says that it is international is nothing else; a bare number is
 * one of the default country if it can be, else one of another country only with that country's
 * own prefix; and without a default country it is international if such a number is possible.
 */
#include "resolve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bare.h"

#define BRAZIL			55
#define ARGENTINA		54
#define ITALY			39
#define CPF_DIGITS		11
#define CNPJ_DIGITS		14
#define REASON_AREA		"not possible: +%u has no area code %.3s"
#define REASON_OWN_CODE "not certain: is +%u in front of it, or a part of it? Write the +"
#define REASON_ZEROS	"not possible: no number of +%u begins with 00"
#define REASON_NO_ZERO	"not possible in %s without its area code or its %s"
#define REASON_CPF		"a CPF, not possible as a phone number"
#define REASON_NATIONAL "starts with 0: a national number needs its country (country => 'BR')"

NumberResult number_refuse(Number *number, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	/* NUMBER_REASON_SIZE has room for the longest text and excerpt: nothing is cut. */
	(void) vsnprintf(number->reason, sizeof(number->reason), format, arguments);
	va_end(arguments);
	return NUMBER_INVALID;
}

static NumberResult accept(Number *number, const CountryCode *code, const char *national,
						   size_t length, int country)
{
	unsigned int calling = code->calling;
	char *text = number->text;
	uint64_t digits = calling;

	*text++ = '+';
	for (unsigned int place = code->digits; place-- > 0; calling /= 10)
		text[place] = (char) ('0' + calling % 10);
	text += code->digits;
	for (size_t i = 0; i < length; i++)
	{
		*text++ = national[i];
		digits = digits * 10 + (uint64_t) (national[i] - '0');
	}
	*text = '\0';
	number->text_length = (int) (text - number->text);
	number->digits = digits;
	number->country = country;
	number->assumed = false;
	return NUMBER_VALID;
}

bool number_resolve_plain(Number *number)
{
	const char *digits = number->text + 1;
	size_t count = (size_t) number->text_length - 1;
	const CountryCode *code = country_code_find(digits);
	const char *national;

	if (code == NULL || (count == CNPJ_DIGITS && number->assumed))
		return false;
	national = digits + code->digits;
	if (!country_length_is_possible(code->possible, count - code->digits) ||
		(*national == '0' && country_drops_zero(code)))
		return false;
	number->country = code->prefix_count > 0 ? country_of(code, national, count - code->digits)
											 : code->first_country;
	return number->country != COUNTRY_NONE || !number->assumed;
}

static NumberResult refuse_length(Number *number, const CountryCode *code, uint16_t lengths,
								  size_t length)
{
	char possible[COUNTRY_LENGTHS_SIZE];

	return number_refuse(number, "not possible: +%u has %s digits behind it, not %zu",
						 (unsigned int) code->calling, country_lengths(lengths, possible), length);
}

/* `digits` begin with a calling code. */
static NumberResult international(const char *digits, size_t count, bool assumed, Number *number)
{
	const CountryCode *code;
	const char *national;
	NumberResult result;
	size_t length;
	int country;

	if (count < NUMBER_DIGITS_MIN)
		return number_refuse(number, "too short: %zu digit%s, at least %d", count,
							 count == 1 ? "" : "s", NUMBER_DIGITS_MIN);
	if (digits[0] == '0')
		return number_refuse(number,
							 "starts with 0: an international number begins with its country "
							 "code, without 0 or 00");
	if (count > NUMBER_DIGITS_MAX + 1)
		return number_refuse(number, "too long: %zu digits, at most %d (one number a line)", count,
							 NUMBER_DIGITS_MAX);
	code = country_code_find(digits);
	if (code == NULL)
		return number_refuse(number, "not possible: no country code begins with %.3s", digits);
	national = digits + code->digits;
	length = count - code->digits;
	if (*national == '0' && country_drops_zero(code))
	{
		national++;
		length--;
		if (*national == '0')
			return number_refuse(number, REASON_ZEROS, (unsigned int) code->calling);
	}
	if (!country_length_is_possible(code->possible, length))
		return refuse_length(number, code, code->possible, length);
	if (code->digits + length < NUMBER_DIGITS_MIN)
		return number_refuse(number, "too short: %zu digits, at least %d", code->digits + length,
							 NUMBER_DIGITS_MIN);
	if (code->digits + length > NUMBER_DIGITS_MAX)
		return number_refuse(number, "too long: %zu digits, at most %d (one number a line)",
							 code->digits + length, NUMBER_DIGITS_MAX);
	country = code->prefix_count > 0 ? country_of(code, national, length) : code->first_country;
	if (assumed && country == COUNTRY_NONE)
		return number_refuse(number, REASON_AREA, (unsigned int) code->calling, national);
	result = accept(number, code, national, length, country);
	number->assumed = assumed;
	return result;
}

/* Without its trunk prefix; what is left must be possible, or the prefix is part of the number. */
static size_t trunk_digits(const Country *country, const char *digits, size_t count)
{
	size_t trunk = strlen(country->trunk);

	if (trunk == 0 || count <= trunk || memcmp(digits, country->trunk, trunk) != 0 ||
		!country_length_is_possible(country->lengths, count - trunk))
		return 0;
	/* No number begins with a trunk 0; a trunk 1 or 8 may be the first digit of one. */
	if (country->trunk[0] != '0' && country_length_is_possible(country->lengths, count))
		return 0;
	return trunk;
}

/* Brazil: 0, the carrier's two digits, area code and number. */
static size_t carrier_digits(const Country *country, const char *digits, size_t count)
{
	if ((count != 13 && count != 14) || country_codes[country->code].calling != BRAZIL ||
		digits[0] != '0' || digits[1] == '0')
		return 0;
	return 3;
}

/* The check digits of a CPF, the register of persons of Brazil. */
static bool is_bare_cpf(const char *digits, size_t count)
{
	unsigned int sums[2] = {0, 0};

	if (count != CPF_DIGITS)
		return false;
	for (unsigned int i = 0; i < 9; i++)
		sums[0] += (10 - i) * (unsigned int) (digits[i] - '0');
	for (unsigned int i = 0; i < 10; i++)
		sums[1] += (11 - i) * (unsigned int) (digits[i] - '0');
	return sums[0] * 10 % 11 % 10 == (unsigned int) (digits[9] - '0') &&
		   sums[1] * 10 % 11 % 10 == (unsigned int) (digits[10] - '0');
}

/* Fourteen digits, of a company's first place of business, with the right check digits. */
static bool is_bare_cnpj(const char *digits, size_t count)
{
	static const uint8_t weights[] = {6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2};
	unsigned int sums[2] = {0, 0};

	if (count != CNPJ_DIGITS || memcmp(digits + 8, "0001", 4) != 0)
		return false;
	for (size_t i = 0; i < 13; i++)
	{
		sums[0] += i < 12 ? weights[i + 1] * (unsigned int) (digits[i] - '0') : 0;
		sums[1] += weights[i] * (unsigned int) (digits[i] - '0');
	}
	return sums[0] * 10 % 11 % 10 == (unsigned int) (digits[12] - '0') &&
		   sums[1] * 10 % 11 % 10 == (unsigned int) (digits[13] - '0');
}

/* The digits of a national number, with the area code and without anything in front of it. */
static NumberResult complete(const NumberRules *rules, const char *digits, size_t count,
							 Number *number)
{
	const CountryCode *code = &country_codes[rules->home->code];
	int country = (int) (rules->home - countries);

	if (code->digits + count < NUMBER_DIGITS_MIN || code->digits + count > NUMBER_DIGITS_MAX)
		return number_refuse(number, "not possible: +%u and %zu digits, together %d to %d",
							 (unsigned int) code->calling, count, NUMBER_DIGITS_MIN,
							 NUMBER_DIGITS_MAX);
	if (digits[0] == '0' && country_drops_zero(code))
		return number_refuse(number, REASON_ZEROS, (unsigned int) code->calling);
	/* An area code that there is, and of eleven digits the third is the 9 of a mobile. */
	if (code->calling == BRAZIL &&
		(!country_starts_with(country_starts[rules->home->code].mobile, digits) ||
		 (count == CPF_DIGITS && digits[2] != '9')))
		return is_bare_cpf(digits, count)
				   ? number_refuse(number, REASON_CPF)
				   : number_refuse(number,
								   "not possible in BR: an area code and 8 digits, or 9 that "
								   "begin with 9");
	/* A mobile has a 9 in front of its area code; with 15 behind it, it has eleven digits, too. */
	if (code->calling == ARGENTINA && count == CPF_DIGITS && digits[0] != '9')
		return number_refuse(number, "not possible in AR: of eleven digits the first is a 9");
	/* A tax number, or a mobile with a 0 that is not dialled any more. */
	if (code->calling == ITALY && count >= CPF_DIGITS && digits[0] == '0')
		return number_refuse(number, "not certain: %zu digits that begin with 0? Write the +",
							 count);
	if (code->prefix_count > 0)
		country = country_of(code, digits, count);
	if (country == COUNTRY_NONE)
		return number_refuse(number, REASON_AREA, (unsigned int) code->calling, digits);
	return accept(number, code, digits, count, country);
}

/* Digits that are not a number of the home country. */
static NumberResult refuse_national(const Country *country, const char *digits, size_t count,
									Number *number)
{
	char lengths[COUNTRY_LENGTHS_SIZE];

	if (country_codes[country->code].calling == BRAZIL && is_bare_cpf(digits, count))
		return number_refuse(number, REASON_CPF);
	if (!country_length_is_possible(country->lengths, count))
		return number_refuse(number,
							 "not possible in %s: a national number has %s digits, not %zu%s",
							 country->name, country_lengths(country->lengths, lengths), count,
							 count < NUMBER_DIGITS_MIN + 2 ? " (without its area code?)" : "");
	if (bare_length_is_possible(country, digits, count))
		return number_refuse(number, "not possible in %s: no number of %zu digits begins with %.2s",
							 country->name, count, digits);
	return number_refuse(number, REASON_NO_ZERO, country->name, country->trunk);
}

static NumberResult national(const NumberRules *rules, const char *digits, size_t count,
							 Number *number)
{
	const Country *country = rules->home;
	const CountryCode *code = &country_codes[country->code];
	size_t dropped = trunk_digits(country, digits, count);
	size_t abroad = strlen(country->abroad);

	if (dropped > 0 && bare_is_own_code(country, digits + dropped, count - dropped))
		return number_refuse(number, REASON_OWN_CODE, (unsigned int) code->calling);
	if (dropped == 0)
		dropped = carrier_digits(country, digits, count);
	if (dropped > 0)
		return complete(rules, digits + dropped, count - dropped, number);
	switch (bare_read(country, digits, count))
	{
		case BARE_NATIONAL:
			return complete(rules, digits, count, number);
		case BARE_OWN_CODE:
			return international(digits, count, false, number);
		case BARE_BOTH:
			return number_refuse(number, REASON_OWN_CODE, (unsigned int) code->calling);
		case BARE_NO_ZERO:
			return number_refuse(number, REASON_NO_ZERO, country->name, country->trunk);
		case BARE_ABROAD:
			return number_refuse(number,
								 "not certain: a number of %s without its %s, or one of +%u? Write "
								 "the %s or the +",
								 country->name, country->trunk,
								 (unsigned int) country_code_find(digits)->calling, country->trunk);
		case BARE_NEITHER:
			break;
	}
	if (abroad > 0 && count > abroad && memcmp(digits, country->abroad, abroad) == 0)
		return international(digits + abroad, count - abroad, false, number);
	return refuse_national(country, digits, count, number);
}

NumberResult number_resolve(const NumberRules *rules, NumberForm form, const char *digits,
							size_t count, Number *number)
{
	if (form == FORM_INTERNATIONAL)
		return international(digits, count, false, number);
	if (count > 2 && memcmp(digits, "00", 2) == 0)
		return international(digits + 2, count - 2, false, number);
	if (is_bare_cnpj(digits, count))
		return number_refuse(number, "a CNPJ, not possible as a phone number");
	if (rules->home != NULL)
		return national(rules, digits, count, number);
	if (digits[0] == '0')
		return number_refuse(number, REASON_NATIONAL);
	return international(digits, count, true, number);
}
