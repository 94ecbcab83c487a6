/*
 * utf8.c - decoding and cleaning; see utf8.h.
 */
#include "utf8.h"

#include <string.h>

#define LONGEST 4 /* bytes of a character */

/* How many bytes follow the first one; -1: no character begins with it. */
static int followers(unsigned char first)
{
	if (first < 0x80)
		return 0;
	if (first >= 0xC2 && first <= 0xDF)
		return 1;
	if (first >= 0xE0 && first <= 0xEF)
		return 2;
	if (first >= 0xF0 && first <= 0xF4)
		return 3;
	return -1;
}

/* As utf8_next(), for `length` bytes, at least one; 0 is a NUL byte and moves *at, too. */
static uint32_t decode(const char **at, size_t length)
{
	static const uint32_t lowest[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *) *at;
	int count = followers(bytes[0]);
	uint32_t character;

	(*at)++;
	if (count <= 0)
		return count == 0 ? bytes[0] : UTF8_WRONG;
	if ((size_t) count >= length)
		return UTF8_WRONG;
	character = bytes[0] & (0x3FU >> count);
	for (int i = 1; i <= count; i++)
	{
		if ((bytes[i] & 0xC0) != 0x80)
			return UTF8_WRONG;
		character = character << 6 | (bytes[i] & 0x3FU);
	}
	if (character < lowest[count] || character > 0x10FFFF ||
		(character >= 0xD800 && character <= 0xDFFF))
		return UTF8_WRONG;
	*at += count;
	return character;
}

uint32_t utf8_next(const char **at)
{
	return **at == '\0' ? 0 : decode(at, strnlen(*at, LONGEST));
}

uint32_t utf8_next_before(const char **at, const char *end)
{
	return decode(at, (size_t) (end - *at));
}

size_t utf8_put(uint32_t c, char *out)
{
	if (c < 0x80)
	{
		out[0] = (char) c;
		return 1;
	}
	if (c < 0x800)
	{
		out[0] = (char) (0xC0 | c >> 6);
		out[1] = (char) (0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = (char) (0xE0 | c >> 12);
		out[1] = (char) (0x80 | (c >> 6 & 0x3F));
		out[2] = (char) (0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char) (0xF0 | c >> 18);
	out[1] = (char) (0x80 | (c >> 12 & 0x3F));
	out[2] = (char) (0x80 | (c >> 6 & 0x3F));
	out[3] = (char) (0x80 | (c & 0x3F));
	return 4;
}

bool utf8_check(const char *text)
{
	uint32_t character;

	do
		character = utf8_next(&text);
	while (character != 0 && character != UTF8_WRONG);
	return character == 0;
}

typedef struct CharacterRange
{
	uint32_t first;
	uint32_t last;
} CharacterRange;

static bool is_among(uint32_t character, const CharacterRange *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	}
	return false;
}

bool utf8_is_control(uint32_t character)
{
	static const CharacterRange ranges[] = {
		{0x00, 0x1F},	  {0x7F, 0x9F},		/* C0, DEL, C1 */
		{0x200E, 0x200F}, {0x2028, 0x202E}, /* direction marks; line and paragraph separator */
		{0x2066, 0x2069}, {0xFEFF, 0xFEFF}, /* direction isolates; byte order mark */
	};

	return is_among(character, ranges, sizeof(ranges) / sizeof(*ranges));
}

bool utf8_is_blank(uint32_t character)
{
	/* White_Space and Default_Ignorable_Code_Point of Unicode, and the cells of Braille without a
	 * dot. */
	static const CharacterRange ranges[] = {
		{'\t', '\r'},	  {' ', ' '},		  {0x85, 0x85},		  {0xA0, 0xA0},
		{0xAD, 0xAD},	  {0x34F, 0x34F},	  {0x61C, 0x61C},	  {0x115F, 0x1160},
		{0x1680, 0x1680}, {0x17B4, 0x17B5},	  {0x180B, 0x180F},	  {0x2000, 0x200F},
		{0x2028, 0x202F}, {0x205F, 0x206F},	  {0x2800, 0x2800},	  {0x3000, 0x3000},
		{0x3164, 0x3164}, {0xFE00, 0xFE0F},	  {0xFEFF, 0xFEFF},	  {0xFFA0, 0xFFA0},
		{0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
	};

	return is_among(character, ranges, sizeof(ranges) / sizeof(*ranges));
}

size_t utf8_clean(char *out, size_t size, const char *bytes, size_t length)
{
	const char *end = bytes + length;
	size_t written = 0;

	while (bytes < end)
	{
		const char *start = bytes;
		uint32_t character = decode(&bytes, (size_t) (end - bytes));
		bool wrong = character == UTF8_WRONG;
		bool plain = !wrong && !utf8_is_control(character);
		size_t width = plain ? (size_t) (bytes - start) : 1;

		if (written + width >= size)
			break;
		if (plain)
			memmove(out + written, start, width);
		else
			out[written] = wrong ? '?' : ' ';
		written += width;
	}
	out[written] = '\0';
	return written;
}
