/*
 * countries.c - looks numbers and names of countries up in country_table.c.
 */
#include "countries.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

int country_find(const char *name)
{
	const char *digits = name + (*name == '+');

	if (digits == name)
		for (int i = 0; i < countries_count; i++)
			if (strcasecmp(countries[i].name, name) == 0)
				return i;
	for (int i = 0; i < country_codes_count; i++)
	{
		char calling[8];

		(void) snprintf(calling, sizeof(calling), "%u", (unsigned int) country_codes[i].calling);
		if (strcmp(calling, digits) == 0)
			return country_codes[i].first_country;
	}
	return COUNTRY_NONE;
}

/* How `digits` lies to a prefix: before it in the order of the table, inside it, or behind it. */
static int compare(const char *digits, size_t length, const char *prefix)
{
	for (size_t i = 0; prefix[i] != '\0'; i++)
	{
		if (i == length)
			return -1;
		if (digits[i] != prefix[i])
			return digits[i] < prefix[i] ? -1 : 1;
	}
	return 0;
}

int country_of(const CountryCode *code, const char *national, size_t length)
{
	const CountryPrefix *prefixes = country_prefixes + code->first_prefix;
	size_t from = 0;
	size_t to = code->prefix_count;

	while (from < to)
	{
		size_t middle = from + (to - from) / 2;
		int order = compare(national, length, prefixes[middle].digits);

		if (order == 0)
			return prefixes[middle].country;
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return code->calling == COUNTRY_CODE_NANP ? COUNTRY_NONE : code->first_country;
}

const char *country_lengths(uint16_t lengths, char out[COUNTRY_LENGTHS_SIZE])
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned int n = 1; n < 16 && used < COUNTRY_LENGTHS_SIZE; n++)
	{
		const char *between = used == 0 ? "" : (lengths >> (n + 1)) == 0 ? " or " : ", ";

		if ((lengths >> n & 1) != 0)
			used += (size_t) snprintf(out + used, COUNTRY_LENGTHS_SIZE - used, "%s%u", between, n);
	}
	return out;
}
