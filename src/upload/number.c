#include "number.h"

#include <string.h>

#include "resolve.h"

bool number_rules_set(NumberRules *rules, const char *country)
{
	rules->country = COUNTRY_NONE;
	if (country == NULL || country[0] == '\0' || strcmp(country, "none") == 0)
		return true;
	rules->country = country_find(country);
	return rules->country != COUNTRY_NONE;
}

/* Digits with or without a plus, nothing else. */
static bool is_plain(const char *field, size_t length)
{
	size_t i = *field == '+';

	if (length <= i || length > NUMBER_DIGITS_MAX + 3)
		return false;
	for (; i < length; i++)
		if (field[i] < '0' || field[i] > '9')
			return false;
	return true;
}

NumberResult number_read(const NumberRules *rules, const char *field, size_t length, Number *number)
{
	if (length == 0)
		return NUMBER_BLANK;
	if (is_plain(field, length))
	{
		size_t plus = *field == '+';

		return number_resolve(rules, plus ? FORM_INTERNATIONAL : FORM_BARE, field + plus,
							  length - plus, 0, number);
	}
	return number_refuse(number, "unexpected character");
}
