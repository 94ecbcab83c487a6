/*
 * json_string.c - a string of JSON: its escapes and its UTF-8; see json.h.
 *
 * Must never allocate, nor look at a byte at or behind `end`.
 */
#include "json.h"

#include <string.h>

/* Length of the UTF-8 sequence at `at` (2 to 4), 0 if it is not well-formed. */
static size_t utf8_sequence(const unsigned char *at, const unsigned char *end)
{
	size_t length;
	unsigned char low = 0x80;
	unsigned char high = 0xBF;

	if (at[0] >= 0xC2 && at[0] <= 0xDF)
		length = 2;
	else if (at[0] >= 0xE0 && at[0] <= 0xEF)
		length = 3;
	else if (at[0] >= 0xF0 && at[0] <= 0xF4)
		length = 4;
	else
		return 0;
	if ((size_t) (end - at) < length)
		return 0;

	/* Overlong forms, surrogates and code points above U+10FFFF. */
	if (at[0] == 0xE0)
		low = 0xA0;
	else if (at[0] == 0xED)
		high = 0x9F;
	else if (at[0] == 0xF0)
		low = 0x90;
	else if (at[0] == 0xF4)
		high = 0x8F;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
	{
		if ((at[i] & 0xC0) != 0x80)
			return 0;
	}
	return length;
}

static char *utf8_write(char *out, uint32_t point)
{
	if (point < 0x80)
		*out++ = (char) point;
	else if (point < 0x800)
	{
		*out++ = (char) (0xC0 | (point >> 6));
		*out++ = (char) (0x80 | (point & 0x3F));
	}
	else if (point < 0x10000)
	{
		*out++ = (char) (0xE0 | (point >> 12));
		*out++ = (char) (0x80 | ((point >> 6) & 0x3F));
		*out++ = (char) (0x80 | (point & 0x3F));
	}
	else
	{
		*out++ = (char) (0xF0 | (point >> 18));
		*out++ = (char) (0x80 | ((point >> 12) & 0x3F));
		*out++ = (char) (0x80 | ((point >> 6) & 0x3F));
		*out++ = (char) (0x80 | (point & 0x3F));
	}
	return out;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four hex digits of \uXXXX; `at` stands on the first. */
static bool hex_unit(Json *json, uint32_t *unit)
{
	*unit = 0;
	if (json->end - json->at < 4)
		return json_fail(json, "cut off escape");
	for (int i = 0; i < 4; i++)
	{
		int digit = hex_digit(json->at[i]);

		if (digit < 0)
			return json_fail(json, "wrong \\u escape");
		*unit = *unit << 4 | (uint32_t) digit;
	}
	json->at += 4;
	return true;
}

static bool unicode_escape(Json *json, uint32_t *point)
{
	uint32_t low;

	if (!hex_unit(json, point))
		return false;
	if (*point == 0)
		return json_fail(json, "NUL in a string");
	if (*point < 0xD800 || *point > 0xDFFF)
		return true;
	if (*point > 0xDBFF || json->end - json->at < 2 || json->at[0] != '\\' || json->at[1] != 'u')
		return json_fail(json, "unpaired surrogate");
	json->at += 2;
	if (!hex_unit(json, &low))
		return false;
	if (low < 0xDC00 || low > 0xDFFF)
		return json_fail(json, "unpaired surrogate");
	*point = 0x10000 + ((*point - 0xD800) << 10) + (low - 0xDC00);
	return true;
}

/* Undoes the escape whose backslash was just taken; an escape never grows. */
static bool escape(Json *json, char **out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *name;
	uint32_t point;

	if (json->at == json->end)
		return json_fail(json, "cut off escape");
	if (*json->at == 'u')
	{
		json->at++;
		if (!unicode_escape(json, &point))
			return false;
		*out = utf8_write(*out, point);
		return true;
	}
	name = *json->at == '\0' ? NULL : strchr(names, *json->at);
	if (name == NULL)
		return json_fail(json, "unknown escape");
	json->at++;
	*(*out)++ = values[name - names];
	return true;
}

/* Neither an end, nor an escape, nor a control character, and ASCII. */
static bool is_plain(char c)
{
	return (signed char) c >= 0x20 && c != '"' && c != '\\';
}

/* Most of all strings. Before the first escape, it stands where it belongs. */
static void take_plain(Json *json, JsonString *string, char **out)
{
	char *from = json->at;
	char *at = from;
	size_t length;

	while (at < json->end && is_plain(*at))
		at++;
	length = (size_t) (at - from);
	if (*out != from)
		memmove(*out, from, length);
	*out += length;
	string->characters += length;
	json->at = at;
}

bool json_string(Json *json, JsonString *string)
{
	char *out;

	if (!json_accept(json, '"'))
		return json_fail(json, "expected a string");
	out = json->at;
	string->bytes = out;
	string->characters = 0;
	for (;;)
	{
		unsigned char c;

		take_plain(json, string, &out);
		if (json->at == json->end)
			return json_fail(json, "string without an end");
		c = (unsigned char) *json->at;
		if (c == '"')
		{
			json->at++;
			string->length = (size_t) (out - string->bytes);
			return true;
		}
		string->characters++;
		if (c == '\\')
		{
			json->at++;
			if (!escape(json, &out))
				return false;
		}
		else if (c < 0x20)
			return json_fail(json, "control character in a string");
		else
		{
			size_t length =
				utf8_sequence((const unsigned char *) json->at, (const unsigned char *) json->end);

			if (length == 0)
				return json_fail(json, "invalid UTF-8");
			memmove(out, json->at, length);
			out += length;
			json->at += length;
		}
	}
}
