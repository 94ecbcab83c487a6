/*
 * placeholder_values.c - reads the top level of a recipient's attributes, for each recipient of a
 * million; see placeholder_values.h.
 */
#include "placeholder_values.h"

#include <string.h>

/* Behind the string that begins at `at`, which is a quote; NULL if it has no end. */
static const char *skip_string(const char *at, const char *end)
{
	for (at++; at < end; at++)
	{
		if (*at == '"')
			return at + 1;
		if (*at == '\\')
			at++;
	}
	return NULL;
}

/* Behind the value that begins at `at`: at a comma or the closing brace. NULL: it has no end. */
static const char *skip_value(const char *at, const char *end)
{
	int depth = 0;

	while (at < end)
	{
		if (depth == 0 && (*at == ',' || *at == '}'))
			return at;
		if (*at == '"')
		{
			at = skip_string(at, end);
			if (at == NULL)
				return NULL;
			continue;
		}
		depth += *at == '{' || *at == '[';
		depth -= *at == '}' || *at == ']';
		at++;
	}
	return NULL;
}

static void note_value(const Placeholders *placeholders, PlaceholdersBytes key,
					   PlaceholdersBytes value, PlaceholdersBytes *values, uint64_t *present)
{
	for (int i = 0; i < placeholders->count; i++)
	{
		const PlaceholdersBytes *wanted = &placeholders->parts[i].key;

		if (wanted->length != key.length || memcmp(wanted->bytes, key.bytes, key.length) != 0)
			continue;
		values[i] = value;
		*present |= UINT64_C(1) << i;
	}
}

bool placeholder_values_find(const Placeholders *placeholders, const char *at, const char *end,
							 PlaceholdersBytes *values, uint64_t *present)
{
	if (end - at < 2 || *at != '{')
		return false;
	if (at[1] == '}')
		return end - at == 2;
	while (at < end && *at != '}')
	{
		const char *key = at + 1;
		const char *value = key < end && *key == '"' ? skip_string(key, end) : NULL;

		if (value == NULL || value == end || *value != ':')
			return false;
		at = skip_value(value + 1, end);
		if (at == NULL || at == value + 1)
			return false;
		note_value(placeholders, (PlaceholdersBytes){key, (size_t) (value - key)},
				   (PlaceholdersBytes){value + 1, (size_t) (at - value - 1)}, values, present);
	}
	return at + 1 == end;
}
