/*
 * characters.c - UTF-8, and what its characters are in a number.
 */
#include "characters.h"

#include "countries.h"

uint32_t character_next(const char **at, const char *end)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	const uint8_t *byte = (const uint8_t *) *at;
	size_t available = (size_t) (end - *at);
	size_t more;
	uint32_t value;

	(*at)++;
	if (byte[0] < 0x80)
		return byte[0];
	if (byte[0] >= 0xC2 && byte[0] <= 0xDF)
		more = 1;
	else if ((byte[0] & 0xF0) == 0xE0)
		more = 2;
	else if (byte[0] >= 0xF0 && byte[0] <= 0xF4)
		more = 3;
	else
		return CHARACTER_BAD;
	if (available <= more)
		return CHARACTER_BAD;

	value = byte[0] & (0x3Fu >> more);
	for (size_t i = 1; i <= more; i++)
	{
		if ((byte[i] & 0xC0) != 0x80)
			return CHARACTER_BAD;
		value = value << 6 | (byte[i] & 0x3Fu);
	}
	if (value < least[more] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
		return CHARACTER_BAD;
	*at += more;
	return value;
}

/* Has width and nothing to see. */
static bool is_blank(uint32_t c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == 0xA0 || c == 0x1680 ||
		   (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Marks of direction, joiners, the soft hyphen, and a byte order mark between other characters. */
static bool is_invisible(uint32_t c)
{
	return c == 0xAD || c == 0x061C || (c >= 0x200B && c <= 0x200F) ||
		   (c >= 0x202A && c <= 0x202E) || c == 0x2060 || (c >= 0x2066 && c <= 0x2069) ||
		   c == 0xFEFF;
}

/* The digit's value, -1 for other characters: the table holds the zeros in their order. */
static int digit_value(uint32_t c)
{
	size_t from = 0;
	size_t to = digit_zeros_count;

	while (from < to)
	{
		size_t middle = from + (to - from) / 2;

		if (c < digit_zeros[middle])
			to = middle;
		else if (c >= digit_zeros[middle] + 10)
			from = middle + 1;
		else
			return (int) (c - digit_zeros[middle]);
	}
	return -1;
}

/* ASCII of what stands for one of its characters. */
static char plain_form(uint32_t c)
{
	if (c >= 0xFF01 && c <= 0xFF5E)
		return (char) (c - 0xFF00 + 0x20);
	if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xFE63)
		return '-';
	if (c == 0xFE62)
		return '+';
	if (c == 0xB4 || c == '`' || (c >= 0x2018 && c <= 0x201B))
		return '\'';
	if (c == 0xAB || c == 0xBB || (c >= 0x201C && c <= 0x201F))
		return '"';
	return '?';
}

CharacterKind character_kind(uint32_t c, char *plain)
{
	int digit;

	*plain = c > ' ' && c < 0x7F && c != '`' ? (char) c : c == '\t' ? '\t' : ' ';
	if (c >= '0' && c <= '9')
		return CHARACTER_DIGIT;
	if (is_blank(c))
		return CHARACTER_BLANK;
	if (*plain > ' ')
		return CHARACTER_OTHER;
	if (is_invisible(c))
		return CHARACTER_INVISIBLE;
	digit = digit_value(c);
	*plain = digit >= 0 ? (char) ('0' + digit) : plain_form(c);
	return digit >= 0 ? CHARACTER_DIGIT : CHARACTER_OTHER;
}

bool character_is_printable(uint32_t c)
{
	return c != CHARACTER_BAD && c >= 0x20 && !(c >= 0x7F && c <= 0x9F) &&
		   (c == ' ' || (!is_blank(c) && !is_invisible(c))) && c != 0x2028 && c != 0x2029 &&
		   !(c >= 0xE000 && c <= 0xF8FF) && !(c >= 0xFFF0 && c <= 0xFFFC) &&
		   (c & 0xFFFE) != 0xFFFE && c < 0xE0000;
}
