/*
 * http_reader.c - reading a file of JSON key by key; see http_reader.h.
 */
#include "http_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX 64

bool http_reader_open(HttpReader *reader, const char *path, Error *error)
{
	FILE *file = fopen(path, "re");
	int reason = errno;
	bool failed;

	*reader = (HttpReader){.path = path, .error = error};
	if (file == NULL)
		return error_set(error, ERROR_CONFIG, "cannot read %s: %s", path, strerror(reason));
	reader->original = calloc(1, HTTP_READER_FILE_MAX + 1);
	reader->text = calloc(1, HTTP_READER_FILE_MAX + 1);
	if (reader->original != NULL && reader->text != NULL)
		reader->length = fread(reader->original, 1, HTTP_READER_FILE_MAX + 1, file);
	reason = errno;
	failed = ferror(file) != 0;
	(void) fclose(file);
	if (reader->original == NULL || reader->text == NULL)
		return error_set(error, ERROR_MEMORY, "out of memory");
	if (failed)
		return error_set(error, ERROR_CONFIG, "cannot read %s: %s", path, strerror(reason));
	if (reader->length > HTTP_READER_FILE_MAX)
		return error_set(error, ERROR_CONFIG, "%s is longer than %d bytes", path,
						 HTTP_READER_FILE_MAX);
	http_reader_rewind(reader);
	return true;
}

void http_reader_rewind(HttpReader *reader)
{
	memcpy(reader->text, reader->original, reader->length);
	reader->json_error = (Error){0};
	json_begin(&reader->json, reader->text, reader->length, &reader->json_error);
}

void http_reader_close(HttpReader *reader)
{
	free(reader->original);
	free(reader->text);
	reader->original = reader->text = NULL;
}

/* Escapes that json.c has undone may be line breaks now: counted is what was there before. */
static size_t line_of(const HttpReader *reader)
{
	size_t at = (size_t) (reader->json.at - reader->json.start);
	size_t line = 1;

	for (size_t i = 0; i < at && i < reader->length; i++)
		line += reader->original[i] == '\n';
	return line;
}

bool http_reader_fail(HttpReader *reader, const char *format, ...)
{
	char text[ERROR_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void) vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return error_set(reader->error, ERROR_CONFIG, "%s:%zu: %s", reader->path, line_of(reader),
					 text);
}

/* What json.c says, with the line instead of the byte. */
static bool fail_json(HttpReader *reader)
{
	const char *text = reader->json_error.text;
	const char *byte = strstr(text, " at byte ");

	return http_reader_fail(reader, "%.*s", byte == NULL ? (int) strlen(text) : (int) (byte - text),
							text);
}

static bool take_name(HttpReader *reader, JsonString *name)
{
	return (json_string(&reader->json, name) && json_expect(&reader->json, ':')) ||
		   fail_json(reader);
}

static bool read_member(HttpReader *reader, const HttpKey *keys, size_t count, uint32_t *seen)
{
	JsonString name;

	if (!take_name(reader, &name))
		return false;
	for (size_t i = 0; i < count; i++)
	{
		if (strlen(keys[i].name) != name.length ||
			memcmp(keys[i].name, name.bytes, name.length) != 0)
			continue;
		if ((*seen & UINT32_C(1) << i) != 0)
			return http_reader_fail(reader, "\"%s\" is there twice", keys[i].name);
		*seen |= UINT32_C(1) << i;
		return keys[i].read(reader);
	}
	return http_reader_fail(reader, "unknown key \"%.*s\"",
							(int) (name.length < 64 ? name.length : 64), name.bytes);
}

bool http_reader_object(HttpReader *reader, const HttpKey *keys, size_t count)
{
	uint32_t seen = 0;

	if (!json_expect(&reader->json, '{'))
		return fail_json(reader);
	if (!json_accept(&reader->json, '}'))
	{
		do
		{
			if (!read_member(reader, keys, count, &seen))
				return false;
		} while (json_accept(&reader->json, ','));
		if (!json_expect(&reader->json, '}'))
			return fail_json(reader);
	}
	for (size_t i = 0; i < count; i++)
	{
		if (keys[i].required && (seen & UINT32_C(1) << i) == 0)
			return http_reader_fail(reader, "\"%s\" is missing", keys[i].name);
	}
	return true;
}

bool http_reader_pairs(HttpReader *reader, bool (*each)(HttpReader *reader, const JsonString *name))
{
	JsonString names[PAIRS_MAX];
	size_t count = 0;

	if (!json_expect(&reader->json, '{'))
		return fail_json(reader);
	if (json_accept(&reader->json, '}'))
		return true;
	do
	{
		if (count == PAIRS_MAX)
			return http_reader_fail(reader, "more than %d keys", PAIRS_MAX);
		if (!take_name(reader, &names[count]))
			return false;
		if (names[count].length == 0)
			return http_reader_fail(reader, "a key is empty");
		for (size_t i = 0; i < count; i++)
		{
			if (names[i].length == names[count].length &&
				memcmp(names[i].bytes, names[count].bytes, names[i].length) == 0)
				return http_reader_fail(reader, "\"%.*s\" is there twice",
										(int) (names[i].length < 64 ? names[i].length : 64),
										names[i].bytes);
		}
		if (!each(reader, &names[count++]))
			return false;
	} while (json_accept(&reader->json, ','));
	return json_expect(&reader->json, '}') || fail_json(reader);
}

bool http_reader_values(HttpReader *reader, bool (*each)(HttpReader *reader))
{
	if (!json_accept(&reader->json, '['))
		return each(reader);
	if (json_accept(&reader->json, ']'))
		return http_reader_fail(reader, "an empty list");
	do
	{
		if (!each(reader))
			return false;
	} while (json_accept(&reader->json, ','));
	return json_expect(&reader->json, ']') || fail_json(reader);
}

bool http_reader_string(HttpReader *reader, JsonString *string)
{
	return json_string(&reader->json, string) || fail_json(reader);
}

bool http_reader_text(HttpReader *reader, char *out, size_t size)
{
	JsonString string;

	if (!http_reader_string(reader, &string))
		return false;
	if (string.length >= size)
		return http_reader_fail(reader, "longer than %zu bytes", size - 1);
	memcpy(out, string.bytes, string.length);
	out[string.length] = '\0';
	return true;
}

bool http_reader_switch(HttpReader *reader, bool *out)
{
	char word = json_peek(&reader->json);

	if (word != 't' && word != 'f')
		return http_reader_fail(reader, "expected true or false");
	*out = word == 't';
	return json_word(&reader->json) == word || fail_json(reader);
}

bool http_reader_number(HttpReader *reader, int64_t low, int64_t high, int64_t *out)
{
	if (!json_integer(&reader->json, out))
		return fail_json(reader);
	if (*out < low || *out > high)
		return http_reader_fail(reader, "%" PRId64 " is not from %" PRId64 " to %" PRId64, *out,
								low, high);
	return true;
}

bool http_reader_skip(HttpReader *reader)
{
	return json_skip(&reader->json) || fail_json(reader);
}

bool http_reader_finish(HttpReader *reader)
{
	return json_finish(&reader->json) || fail_json(reader);
}
