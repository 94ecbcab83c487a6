/*
 * field.c - decodes a field, takes off the dress of spreadsheets and phones, and shows what of it
 * is wrong.
 *
 * Nothing is taken off that could be part of a number: only what has one meaning.
 */
#include "field.h"

#include <string.h>
#include <strings.h>

#include "characters.h"
#include "resolve.h"

#define EXCERPT_MAX 40 /* bytes of the field quoted in a reason */

/* A printable character of ASCII is as it is: most are. */
static bool is_plain(char c)
{
	return c >= ' ' && c < 0x7F && c != '`';
}

static void keep(Field *field, char plain, size_t offset, size_t column)
{
	field->text[field->to] = plain;
	field->offset[field->to] = (uint16_t) offset;
	field->column[field->to] = (uint16_t) column;
	field->to++;
}

static bool refuse_bytes(Number *number, uint32_t c, const char *at, size_t column)
{
	if (c == '\0')
		(void) number_refuse(number, "NUL byte at column %zu: not a text file", column);
	else
		(void) number_refuse(number, "not UTF-8: byte 0x%02X at column %zu; save the file as UTF-8",
							 (unsigned int) (uint8_t) *at, column);
	return false;
}

bool field_decode(Field *field, const char *start, size_t length, Number *number)
{
	size_t column = 0;

	field->start = start;
	field->end = start + length;
	field->from = field->to = 0;
	if (length > NUMBER_FIELD_MAX)
	{
		(void) number_refuse(number, "too long: %zu bytes, at most %d (one number a line)", length,
							 NUMBER_FIELD_MAX);
		return false;
	}
	for (const char *at = start; at < field->end;)
	{
		const char *from = at;
		uint32_t c;
		char plain;

		column++;
		if (is_plain(*at))
		{
			keep(field, *at, (size_t) (at - start), column);
			at++;
			continue;
		}
		c = character_next(&at, field->end);
		if (c == '\0' || c == CHARACTER_BAD)
			return refuse_bytes(number, c, from, column);
		if (character_kind(c, &plain) != CHARACTER_INVISIBLE)
			keep(field, plain, (size_t) (from - start), column);
	}
	field->text[field->to] = '\0';
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool begins(const Field *field, const char *with)
{
	size_t length = strlen(with);

	return field->to - field->from > length &&
		   strncasecmp(field->text + field->from, with, length) == 0;
}

static bool ends(const Field *field, const char *with)
{
	size_t length = strlen(with);

	return field->to - field->from > length &&
		   strncasecmp(field->text + field->to - length, with, length) == 0;
}

/* Blanks on both sides, and the separators of empty columns behind. */
static void trim(Field *field)
{
	while (field->from < field->to && is_blank(field->text[field->from]))
		field->from++;
	while (field->from < field->to &&
		   (is_blank(field->text[field->to - 1]) || field->text[field->to - 1] == ',' ||
			field->text[field->to - 1] == ';'))
		field->to--;
}

/* One layer: a pair of quotes, a spreadsheet's mark of text or of a formula, a scheme. */
static bool take_layer(Field *field)
{
	static const char *const schemes[] = {"tel:", "sms:", "smsto:", "callto:", "whatsapp:"};
	char first = field->from < field->to ? field->text[field->from] : '\0';
	char second = field->from + 1 < field->to ? field->text[field->from + 1] : '\0';

	if (first == '"' && field->to - field->from >= 2 && field->text[field->to - 1] == '"')
	{
		field->from++;
		field->to--;
		return true;
	}
	if (first == '\'' || (first == '=' && (second == '"' || second == '+')))
	{
		field->from++;
		if (first == '\'' && field->to > field->from && field->text[field->to - 1] == '\'')
			field->to--;
		return true;
	}
	for (size_t i = 0; first >= 'A' && i < sizeof(schemes) / sizeof(schemes[0]); i++)
	{
		if (begins(field, schemes[i]))
		{
			field->from += strlen(schemes[i]);
			return true;
		}
	}
	return false;
}

bool field_undress(Field *field)
{
	static const char *const whatsapp[] = {"@c.us", "@s.whatsapp.net"};

	do
		trim(field);
	while (take_layer(field));
	if (field->from == field->to || field->text[field->to - 1] < 'A')
		return false;
	for (size_t i = 0; i < sizeof(whatsapp) / sizeof(whatsapp[0]); i++)
	{
		if (ends(field, whatsapp[i]))
		{
			field->to -= strlen(whatsapp[i]);
			return true;
		}
	}
	return false;
}

NumberResult field_refuse_character(const Field *field, size_t place, Number *number)
{
	const char *from = field->start + field->offset[place];
	const char *after = from;
	uint32_t c = character_next(&after, field->end);

	if (!character_is_printable(c))
		return number_refuse(number, "unexpected character U+%04X at column %d", c,
							 field->column[place]);
	return number_refuse(number, "unexpected character '%.*s' at column %d", (int) (after - from),
						 from, field->column[place]);
}

NumberResult field_refuse_text(const Field *field, Number *number)
{
	const char *at = field->start;
	char shown[EXCERPT_MAX + 4];
	size_t length = 0;

	while (at < field->end && (*at == ' ' || *at == '\t'))
		at++;
	while (at < field->end)
	{
		const char *from = at;
		uint32_t c = character_next(&at, field->end);
		bool printable = character_is_printable(c);
		size_t size = printable ? (size_t) (at - from) : 1;

		if (length + size > EXCERPT_MAX)
		{
			memcpy(shown + length, "...", 3);
			length += 3;
			break;
		}
		memcpy(shown + length, printable ? from : "?", size);
		length += size;
	}
	shown[length] = '\0';
	return number_refuse(number, "no digits: '%s'", shown);
}
