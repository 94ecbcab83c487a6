/*
 * placeholders.c - takes a text apart and fills it; see placeholders.h.
 *
 * placeholders_fill() runs for each recipient of a million. A name is turned into JSON once, when
 * the text is taken apart: placeholder_values.c compares it with keys as they stand in the
 * attributes.
 */
#include "placeholders.h"

#include <string.h>

#include "contract/attributes.h"
#include "contract/utf8.h"
#include "placeholder_values.h"

/* Reading a text ------------------------------------------------------------------------------ */

typedef struct Reader
{
	Placeholders *placeholders;
	const char *text;
	size_t length;
	size_t at;
	PlaceholdersProblem *problem;
} Reader;

static bool fail(Reader *reader, const char *reason, size_t at)
{
	*reader->problem = (PlaceholdersProblem){.reason = reason, .at = at};
	return false;
}

static void put(Placeholders *placeholders, char byte)
{
	placeholders->storage[placeholders->used++] = byte;
}

static PlaceholdersBytes stored_since(const Placeholders *placeholders, size_t start)
{
	return (PlaceholdersBytes){placeholders->storage + start, placeholders->used - start};
}

/* Copies backslashes; true if the brace behind them is text, and copies that, too. */
static bool read_escape(Reader *reader)
{
	size_t first = reader->at;
	size_t count;

	while (reader->at < reader->length && reader->text[reader->at] == '\\')
		reader->at++;
	count = reader->at - first;
	if (reader->at == reader->length ||
		(reader->text[reader->at] != '{' && reader->text[reader->at] != '}'))
	{
		for (size_t i = 0; i < count; i++)
			put(reader->placeholders, '\\');
		return false;
	}
	for (size_t i = 0; i < count / 2; i++)
		put(reader->placeholders, '\\');
	if (count % 2 == 0)
		return false;
	put(reader->placeholders, reader->text[reader->at++]);
	return true;
}

/* Copies text up to a brace that is none of it, or to the end. */
static PlaceholdersBytes read_text(Reader *reader)
{
	size_t start = reader->placeholders->used;

	while (reader->at < reader->length)
	{
		char byte = reader->text[reader->at];

		if (byte == '\\')
		{
			(void) read_escape(reader);
			continue;
		}
		if (byte == '{' || byte == '}')
			break;
		put(reader->placeholders, byte);
		reader->at++;
	}
	return stored_since(reader->placeholders, start);
}

static bool is_blank(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

bool placeholders_is_blank(PlaceholdersBytes bytes)
{
	const char *at = bytes.bytes;
	const char *end = bytes.bytes + bytes.length;

	while (at < end)
	{
		if (!utf8_is_blank(utf8_next_before(&at, end)))
			return false;
	}
	return true;
}

static bool has_control(PlaceholdersBytes bytes)
{
	for (size_t i = 0; i < bytes.length; i++)
	{
		if ((unsigned char) bytes.bytes[i] < ' ')
			return true;
	}
	return false;
}

static bool ends_name(char byte)
{
	return byte == '{' || byte == '|' || byte == '}';
}

/* The name of a placeholder, up to its | or }, without the blanks around it. */
static bool read_name(Reader *reader, size_t open, PlaceholdersPart *part)
{
	Placeholders *placeholders = reader->placeholders;
	PlaceholdersBytes name = {reader->text + reader->at, 0};
	size_t room = sizeof(placeholders->storage) - placeholders->used;

	while (reader->at < reader->length && !ends_name(reader->text[reader->at]))
	{
		reader->at++;
		name.length++;
	}
	if (reader->at == reader->length)
		return fail(reader, "a { has no }", open);
	if (reader->text[reader->at] == '{')
		return fail(reader, "there is a { within a placeholder", reader->at);
	while (name.length > 0 && is_blank(name.bytes[0]))
		name = (PlaceholdersBytes){name.bytes + 1, name.length - 1};
	while (name.length > 0 && is_blank(name.bytes[name.length - 1]))
		name.length--;
	if (name.length == 0)
		return fail(reader, "a placeholder has no name", open);
	if (name.length > PLACEHOLDERS_NAME_MAX)
		return fail(reader, "the name of a placeholder is longer than 128 bytes", open);
	if (has_control(name) || attributes_key_problem(name.bytes, name.length) != NULL)
		return fail(reader, "this cannot be the name of a placeholder", open);

	part->name.bytes = placeholders->storage + placeholders->used;
	part->name.length = name.length;
	for (size_t i = 0; i < name.length; i++)
		put(placeholders, name.bytes[i]);
	part->key.bytes = placeholders->storage + placeholders->used;
	part->key.length = message_escape(
		name.bytes, name.length, placeholders->storage + placeholders->used, room - name.length);
	placeholders->used += part->key.length;
	return true;
}

static bool read_placeholder(Reader *reader)
{
	size_t open = reader->at++;
	PlaceholdersPart *part = &reader->placeholders->parts[reader->placeholders->count];

	if (reader->placeholders->count == PLACEHOLDERS_MAX)
		return fail(reader, "there are more than 64 placeholders", open);
	if (!read_name(reader, open, part))
		return false;
	part->fallback = (PlaceholdersBytes){NULL, 0};
	if (reader->text[reader->at] == '|')
	{
		reader->at++;
		part->fallback = read_text(reader);
		if (reader->at == reader->length)
			return fail(reader, "a { has no }", open);
		if (reader->text[reader->at] == '{')
			return fail(reader, "there is a { within a placeholder", reader->at);
		if (placeholders_is_blank(part->fallback))
			return fail(reader, "a default is empty", open);
	}
	reader->at++;
	reader->placeholders->count++;
	return true;
}

bool placeholders_parse(Placeholders *placeholders, const char *text, size_t length,
						PlaceholdersProblem *problem)
{
	Reader reader = {placeholders, text, length, 0, problem};

	placeholders->count = 0;
	placeholders->used = 0;
	if (length > MESSAGE_TEXT_MAX_BYTES)
		return fail(&reader, "it is too long", MESSAGE_TEXT_MAX_BYTES);
	for (;;)
	{
		PlaceholdersBytes before = read_text(&reader);

		if (reader.at == length)
		{
			placeholders->rest = before;
			return true;
		}
		if (text[reader.at] == '}')
			return fail(&reader, "a } has no {", reader.at);
		if (placeholders->count < PLACEHOLDERS_MAX)
			placeholders->parts[placeholders->count].before = before;
		if (!read_placeholder(&reader))
			return false;
	}
}

/* Filling ------------------------------------------------------------------------------------- */

/* At most MESSAGE_TEXT_MAX_BYTES. */
static bool append(PlaceholdersText *text, PlaceholdersBytes bytes)
{
	if (bytes.length > MESSAGE_TEXT_MAX_BYTES - text->length)
		return false;
	if (bytes.length > 0)
		memcpy(text->bytes + text->length, bytes.bytes, bytes.length);
	text->length += bytes.length;
	return true;
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The byte that an escape of message_escape() stands for, and moves *at behind it; 0: none. */
static char read_json_escape(const char **at, const char *end)
{
	static const char letters[] = "\"\\bfnrt";
	static const char plain[] = "\"\\\b\f\n\r\t";
	const char *found;

	if (end - *at < 2)
		return 0;
	if ((*at)[1] == 'u')
	{
		if (end - *at < 6 || memcmp(*at + 2, "00", 2) != 0 || hex_value((*at)[4]) < 0 ||
			hex_value((*at)[4]) > 7 || hex_value((*at)[5]) < 0)
			return 0;
		*at += 6;
		return (char) (hex_value((*at)[-2]) * 16 + hex_value((*at)[-1]));
	}
	found = (*at)[1] == '\0' ? NULL : strchr(letters, (*at)[1]);
	if (found == NULL)
		return 0;
	*at += 2;
	return plain[found - letters];
}

/* A JSON string with its quotes. */
static PlaceholdersResult append_string(PlaceholdersText *text, PlaceholdersBytes value)
{
	const char *at = value.bytes + 1;
	const char *end = value.bytes + value.length - 1;
	size_t start = text->length;

	if (value.length < 2 || *end != '"')
		return PLACEHOLDERS_NO_JSON;
	while (at < end)
	{
		const char *escape = memchr(at, '\\', (size_t) (end - at));
		PlaceholdersBytes plain = {at, (size_t) ((escape == NULL ? end : escape) - at)};
		char byte;

		if (!append(text, plain))
			return PLACEHOLDERS_TOO_LONG;
		at += plain.length;
		if (escape == NULL)
			break;
		byte = read_json_escape(&at, end);
		if (byte == 0)
			return PLACEHOLDERS_NO_JSON;
		if (!append(text, (PlaceholdersBytes){&byte, 1}))
			return PLACEHOLDERS_TOO_LONG;
	}
	if (placeholders_is_blank((PlaceholdersBytes){text->bytes + start, text->length - start}))
	{
		text->length = start;
		return PLACEHOLDERS_MISSING;
	}
	return PLACEHOLDERS_FILLED;
}

static PlaceholdersResult append_value(PlaceholdersText *text, PlaceholdersBytes value)
{
	if (value.bytes == NULL || (value.length == 4 && memcmp(value.bytes, "null", 4) == 0))
		return PLACEHOLDERS_MISSING;
	if (value.bytes[0] == '"')
		return append_string(text, value);
	if (value.bytes[0] == '{' || value.bytes[0] == '[')
		return PLACEHOLDERS_NESTED;
	return append(text, value) ? PLACEHOLDERS_FILLED : PLACEHOLDERS_TOO_LONG;
}

static bool has_allowed_length(const PlaceholdersText *text)
{
	size_t characters = 0;

	for (size_t i = 0; i < text->length; i++)
		characters += ((unsigned char) text->bytes[i] & 0xC0) != 0x80;
	return characters <= MESSAGE_TEXT_MAX_CHARS;
}

PlaceholdersResult placeholders_fill(const Placeholders *placeholders, const char *attributes,
									 size_t attributes_length, PlaceholdersText *text)
{
	PlaceholdersBytes values[PLACEHOLDERS_MAX] = {{NULL, 0}};

	text->length = 0;
	text->present = 0;
	text->failed = 0;
	if (attributes != NULL &&
		!placeholder_values_find(placeholders, attributes, attributes + attributes_length, values,
								 &text->present))
		return PLACEHOLDERS_NO_JSON;
	for (int i = 0; i < placeholders->count; i++)
	{
		const PlaceholdersPart *part = &placeholders->parts[i];
		PlaceholdersResult result;

		text->failed = i;
		if (!append(text, part->before))
			return PLACEHOLDERS_TOO_LONG;
		result = append_value(text, values[i]);
		if (result == PLACEHOLDERS_MISSING && part->fallback.bytes != NULL)
			result = append(text, part->fallback) ? PLACEHOLDERS_FILLED : PLACEHOLDERS_TOO_LONG;
		if (result != PLACEHOLDERS_FILLED)
			return result;
	}
	if (!append(text, placeholders->rest) || !has_allowed_length(text))
		return PLACEHOLDERS_TOO_LONG;
	text->bytes[text->length] = '\0';
	return PLACEHOLDERS_FILLED;
}
