/*
 * json_text.c - strings of JSON; see json_text.h.
 */
#include "json_text.h"

#include <stdbool.h>
#include <string.h>

#include "contract/utf8.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits behind \u; -1 if they are not there. */
static int32_t read_unit(const char *at, const char *end)
{
	int32_t unit = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int digit = hex_digit(at[i]);

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

int32_t json_escape(const char **at, const char *end)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *known;
	int32_t high;
	int32_t low;

	if (end - *at < 2)
		return -1;
	known = memchr(letters, (*at)[1], sizeof(letters) - 1);
	if (known != NULL)
	{
		*at += 2;
		return meanings[known - letters];
	}
	high = (*at)[1] == 'u' ? read_unit(*at + 2, end) : -1;
	if (high < 0 || (high >= 0xDC00 && high <= 0xDFFF))
		return -1;
	*at += 6;
	if (high < 0xD800 || high > 0xDBFF)
		return high;
	low = end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' ? read_unit(*at + 2, end) : -1;
	if (low < 0xDC00 || low > 0xDFFF)
	{
		*at -= 6;
		return -1;
	}
	*at += 6;
	return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

size_t json_text(const char *string, size_t length, char *out, size_t size)
{
	const char *end = string + length;
	size_t used = 0;

	while (string < end)
	{
		char character[4] = {*string};
		size_t count = 1;

		if (*string == '\\')
		{
			int32_t c = json_escape(&string, end);

			if (c < 0)
				string++;
			count = utf8_put(c < 0 ? '?' : (uint32_t) c, character);
		}
		else
			string++;
		if (used + count > size)
			return size;
		memcpy(out + used, character, count);
		used += count;
	}
	return used;
}

size_t json_compact(const char *value, size_t length, char *out)
{
	size_t used = 0;
	bool in_string = false;

	for (size_t i = 0; i < length; i++)
	{
		if (!in_string && (value[i] == ' ' || value[i] == '\t'))
			continue;
		out[used++] = value[i];
		if (value[i] == '"')
			in_string = !in_string;
		else if (in_string && value[i] == '\\')
			out[used++] = value[++i];
	}
	return used;
}
