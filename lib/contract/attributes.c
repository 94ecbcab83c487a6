/*
 * attributes.c - the rules of attributes; see attributes.h.
 *
 * A decimal of at most 15 digits is m / 10^s with m and 10^s below 2^53: both
 * are exact doubles, and one division rounds correctly (W. D. Clinger, "How to
 * read floating point numbers accurately", 1990). Two such decimals never make
 * the same double (DBL_DIG), so the way back finds the one that it came from.
 */
#include "attributes.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

_Static_assert(DBL_DIG >= ATTRIBUTES_DECIMAL_DIGITS, "a double keeps the digits of a decimal");

#define MANTISSA_END INT64_C(1000000000000000) /* 10^ATTRIBUTES_DECIMAL_DIGITS */

static const double POWERS[ATTRIBUTES_DECIMAL_DIGITS + 1] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static AttributesNumber read_whole(const char *digits, size_t length, bool negative, int64_t *whole)
{
	int64_t value = 0;

	for (size_t i = 0; i < length; i++)
	{
		/* Built downwards: the lowest int64 has no positive twin. */
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_sub_overflow(value, digits[i] - '0', &value))
			return ATTRIBUTES_NO_NUMBER;
	}
	if (negative ? value == 0 : __builtin_sub_overflow((int64_t) 0, value, &value))
		return ATTRIBUTES_NO_NUMBER;
	*whole = value;
	return ATTRIBUTES_WHOLE;
}

static AttributesNumber read_decimal(const char *digits, size_t before, size_t behind,
									 bool negative, double *decimal)
{
	int64_t mantissa = 0;
	size_t counted = (digits[0] == '0' ? 0 : before) + behind;

	if (counted > ATTRIBUTES_DECIMAL_DIGITS || digits[before + behind] == '0')
		return ATTRIBUTES_NO_NUMBER;
	for (size_t i = 0; i <= before + behind; i++)
	{
		if (i != before)
			mantissa = mantissa * 10 + (digits[i] - '0');
	}
	*decimal = (double) mantissa / POWERS[behind];
	if (negative)
		*decimal = -*decimal;
	return ATTRIBUTES_DECIMAL;
}

AttributesNumber attributes_number(const char *text, size_t length, int64_t *whole, double *decimal)
{
	bool negative = length > 0 && text[0] == '-';
	const char *digits = text + negative;
	size_t rest = length - negative;
	size_t before = 0;
	size_t behind = 0;

	while (before < rest && is_digit(digits[before]))
		before++;
	if (before == 0 || (before > 1 && digits[0] == '0'))
		return ATTRIBUTES_NO_NUMBER;
	if (before == rest)
		return read_whole(digits, before, negative, whole);
	while (before + 1 + behind < rest && is_digit(digits[before + 1 + behind]))
		behind++;
	if (digits[before] != '.' || behind == 0 || before + 1 + behind != rest)
		return ATTRIBUTES_NO_NUMBER;
	return read_decimal(digits, before, behind, negative, decimal);
}

size_t attributes_decimal_text(double decimal, char out[ATTRIBUTES_NUMBER_SIZE])
{
	double size = decimal < 0 ? -decimal : decimal;

	if (!(size < (double) MANTISSA_END))
		return 0;
	/* The fewest decimals that give the same double; none would be a whole number. */
	for (int behind = 0; behind <= ATTRIBUTES_DECIMAL_DIGITS; behind++)
	{
		double scaled = size * POWERS[behind];
		int64_t mantissa;
		int64_t power;

		if (scaled >= (double) MANTISSA_END)
			return 0;
		mantissa = (int64_t) (scaled + 0.5);
		if (mantissa >= MANTISSA_END || (double) mantissa / POWERS[behind] != size)
			continue;
		if (behind == 0)
			return 0;
		power = (int64_t) POWERS[behind];
		return (size_t) snprintf(out, ATTRIBUTES_NUMBER_SIZE, "%s%lld.%0*lld",
								 decimal < 0 ? "-" : "", (long long) (mantissa / power), behind,
								 (long long) (mantissa % power));
	}
	return 0;
}

const char *attributes_key_problem(const char *key, size_t length)
{
	if (length == 0)
		return "a key is empty";
	if (key[0] == '$')
		return "a key begins with $";
	if (memchr(key, '.', length) != NULL)
		return "a key has a dot";
	if (memchr(key, '\0', length) != NULL)
		return "a key has a NUL";
	return NULL;
}
