/*
 * fuzz_placeholders.c - any bytes as a text and as attributes, apart by the first NUL: nothing is
 * read or written beyond its end, a filled text keeps the limits of a message, a text without
 * braces stays what it is, and an escaped one comes out as it was (R6.8). What comes out is counted
 * in segments, too (R6.9).
 *
 * links: src/texts/placeholders.c src/texts/placeholder_values.c src/texts/segments.c src/texts/plain.c lib/contract/attributes.c
 * links: lib/contract/message.c lib/contract/utf8.c libcrypto
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/texts/placeholders.h"
#include "src/texts/segments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Placeholders placeholders;
static PlaceholdersText text;

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void) fprintf(stderr, "violated: %s\n", what);
	abort();
}

/* Of a copy that ends where it ends, so that a byte too many is noticed. */
static char *copy_of(const uint8_t *data, size_t size)
{
	char *copy = malloc(size == 0 ? 1 : size);

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

static size_t characters_of(const char *bytes, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += ((unsigned char) bytes[i] & 0xC0) != 0x80;
	return count;
}

static void check_filled(void)
{
	Segments segments = segments_count(text.bytes, false);
	Segments plain = segments_count(text.bytes, true);

	require(text.length <= MESSAGE_TEXT_MAX_BYTES, "no more bytes than a message");
	require(characters_of(text.bytes, text.length) <= MESSAGE_TEXT_MAX_CHARS,
			"no more characters than a message");
	require(text.bytes[text.length] == '\0', "the text ends");
	require(segments.units >= 0 && segments.segments >= (segments.units > 0),
			"units need segments");
	require(segments.segments * SEGMENTS_GSM7_SINGLE >= segments.units, "segments hold the units");
	require(segments.encoding == SEGMENTS_UCS2 || plain.segments == segments.segments,
			"nothing is plainer than GSM-7");
}

static void fill(const char *attributes, size_t length)
{
	if (placeholders_fill(&placeholders, attributes, length, &text) == PLACEHOLDERS_FILLED)
		check_filled();
	else
		require(text.failed >= 0 && text.failed < PLACEHOLDERS_MAX, "the failed part is one");
}

/* A text whose braces are escaped, and the backslashes in front of them doubled. */
static void check_escaped(const char *bytes, size_t length)
{
	char *escaped = malloc(2 * length + 1);
	PlaceholdersProblem problem;
	size_t used = 0;
	size_t run = 0;

	if (escaped == NULL)
		abort();
	for (size_t i = 0; i < length; i++)
	{
		if (bytes[i] == '{' || bytes[i] == '}')
		{
			for (; run > 0; run--)
				escaped[used++] = '\\';
			escaped[used++] = '\\';
		}
		run = bytes[i] == '\\' ? run + 1 : 0;
		escaped[used++] = bytes[i];
	}
	if (used <= MESSAGE_TEXT_MAX_BYTES && characters_of(bytes, length) <= MESSAGE_TEXT_MAX_CHARS)
	{
		require(placeholders_parse(&placeholders, escaped, used, &problem), "escaped is valid");
		require(placeholders.count == 0, "escaped has no placeholder");
		fill(NULL, 0);
		require(text.length == length && memcmp(text.bytes, bytes, length) == 0,
				"escaped and filled is what it was");
	}
	free(escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size == 0 ? NULL : memchr(data, '\0', size);
	size_t length = end == NULL ? size : (size_t) (end - data);
	size_t rest = end == NULL ? 0 : size - length - 1;
	char *message = copy_of(data, length);
	char *attributes = copy_of(end == NULL ? data : end + 1, rest);
	PlaceholdersProblem problem = {NULL, 0};

	if (placeholders_parse(&placeholders, message, length, &problem))
	{
		fill(NULL, 0);
		fill(attributes, rest);
	}
	else
		require(problem.reason != NULL && problem.at <= length, "the problem is in the text");
	check_escaped(message, length);
	free(message);
	free(attributes);
	return 0;
}
