/*
 * multipart.c - a form with files, part by part.
 *
 * Must never take for content what is a header, or the other way round: what is between two
 * delimiters is copied nowhere and changed in nothing. Knows nothing of PostgreSQL.
 */
#include "multipart.h"

#include <string.h>
#include <strings.h>

#define FORM "multipart/form-data"

typedef struct Span
{
	const char *at;
	const char *end;
} Span;

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(Span *text)
{
	while (text->at < text->end && is_blank(*text->at))
		text->at++;
}

/* Whether the text goes on with the word, in any case; then it is behind it. */
static bool skip_word(Span *text, const char *word)
{
	size_t length = strlen(word);

	if ((size_t) (text->end - text->at) < length || strncasecmp(text->at, word, length) != 0)
		return false;
	text->at += length;
	return true;
}

/* Adds a character to a string of `size` bytes, unless it is full. */
static void append(char *value, size_t size, size_t *length, char c)
{
	if (*length + 1 < size)
		value[*length] = c;
	++*length;
}

/*
 * The value of a parameter, quoted or not, cut off at `size`; its whole length, or -1 if a quote
 * is not closed or a NUL is in it. Browsers escape a quote as %22 and leave backslashes alone; curl
 * escapes both.
 */
static long take_value(Span *text, char *value, size_t size)
{
	bool quoted = text->at < text->end && *text->at == '"';
	size_t length = 0;

	for (text->at += quoted; text->at < text->end; text->at++)
	{
		if (quoted ? *text->at == '"' : *text->at == ';' || is_blank(*text->at))
			break;
		if (quoted && *text->at == '\\' && text->at + 1 < text->end &&
			(text->at[1] == '"' || text->at[1] == '\\'))
			text->at++;
		if (*text->at == '\0')
			return -1;
		append(value, size, &length, *text->at);
	}
	if (quoted && text->at == text->end)
		return -1;
	text->at += quoted;
	value[length < size ? length : size - 1] = '\0';
	return (long) length;
}

/* Goes through "; a=b; c=d" until the parameter; its length as from take_value(), -1 without it. */
static long parameter(Span text, const char *name, char *value, size_t size)
{
	for (;;)
	{
		long length;
		bool found;

		skip_blanks(&text);
		if (text.at == text.end || *text.at != ';')
			return -1;
		text.at++;
		skip_blanks(&text);
		found = skip_word(&text, name) && text.at < text.end && *text.at == '=';
		while (text.at < text.end && *text.at != '=' && *text.at != ';')
			text.at++;
		if (text.at == text.end || *text.at == ';')
			continue;
		text.at++;
		length = take_value(&text, value, size);
		if (length < 0 || found)
			return length;
	}
}

bool multipart_open(MultipartReader *reader, const char *content_type, const char *body,
					size_t length)
{
	Span type = {content_type, content_type + strlen(content_type)};
	char boundary[MULTIPART_BOUNDARY_MAX + 1];
	long boundary_length;

	*reader = (MultipartReader){.at = body, .end = body + length};
	skip_blanks(&type);
	if (!skip_word(&type, FORM))
		return false;
	boundary_length = parameter(type, "boundary", boundary, sizeof(boundary));
	if (boundary_length < 1 || boundary_length > MULTIPART_BOUNDARY_MAX)
		return false;
	memcpy(reader->delimiter, "\r\n--", 4);
	memcpy(reader->delimiter + 4, boundary, (size_t) boundary_length);
	reader->delimiter_length = (size_t) boundary_length + 4;
	return true;
}

static const char *next_delimiter(const MultipartReader *reader, const char *from)
{
	return memmem(from, (size_t) (reader->end - from), reader->delimiter, reader->delimiter_length);
}

/* Goes behind the first delimiter: it may begin the body, or follow a preamble. */
static bool begin(MultipartReader *reader)
{
	size_t length = reader->delimiter_length - 2;
	const char *found;

	if ((size_t) (reader->end - reader->at) >= length &&
		memcmp(reader->at, reader->delimiter + 2, length) == 0)
	{
		reader->at += length;
		return true;
	}
	found = next_delimiter(reader, reader->at);
	if (found != NULL)
		reader->at = found + reader->delimiter_length;
	return found != NULL;
}

/* Behind a delimiter: whether another part follows, the form is over, or it is none. */
static MultipartStep after_delimiter(MultipartReader *reader)
{
	Span rest = {reader->at, reader->end};

	if (rest.end - rest.at >= 2 && memcmp(rest.at, "--", 2) == 0)
		return MULTIPART_END;
	skip_blanks(&rest);
	if (rest.end - rest.at < 2 || memcmp(rest.at, "\r\n", 2) != 0)
		return MULTIPART_MALFORMED;
	reader->at = rest.at;
	return MULTIPART_PART;
}

/* One header of a part. False if the part cannot be read because of it. */
static bool read_header(Span line, MultipartPart *part)
{
	char value[MULTIPART_NAME_MAX + 1];
	long length;

	if (skip_word(&line, "content-transfer-encoding:"))
	{
		skip_blanks(&line);
		return skip_word(&line, "binary") || skip_word(&line, "8bit") || skip_word(&line, "7bit");
	}
	if (!skip_word(&line, "content-disposition:"))
		return line.at < line.end && !is_blank(*line.at);
	skip_blanks(&line);
	if (!skip_word(&line, "form-data") || part->name[0] != '\0' ||
		parameter(line, "name", part->name, sizeof(part->name)) < 1)
		return false;
	length = parameter(line, "filename", value, sizeof(value));
	if (length < 0)
		length = parameter(line, "filename*", value, sizeof(value));
	part->is_file = length >= 0;
	part->is_named = length > 0;
	return true;
}

/* The headers up to the empty line; the reader is behind it then. */
static bool read_headers(MultipartReader *reader, MultipartPart *part)
{
	const char *last = reader->end;

	if (last - reader->at > MULTIPART_HEADERS_MAX)
		last = reader->at + MULTIPART_HEADERS_MAX;
	for (;;)
	{
		Span line = {reader->at + 2, NULL};

		line.end = memmem(line.at, (size_t) (last - line.at), "\r\n", 2);
		if (line.end == NULL)
			return false;
		reader->at = line.end;
		if (line.at == line.end)
			return part->name[0] != '\0';
		if (!read_header(line, part))
			return false;
	}
}

MultipartStep multipart_next(MultipartReader *reader, MultipartPart *part)
{
	const char *found;
	MultipartStep step;

	*part = (MultipartPart){.content = NULL};
	if (!reader->begun && !begin(reader))
		return MULTIPART_MALFORMED;
	reader->begun = true;
	step = after_delimiter(reader);
	if (step != MULTIPART_PART)
		return step;
	if (!read_headers(reader, part))
		return MULTIPART_MALFORMED;
	part->content = reader->at + 2;
	found = next_delimiter(reader, part->content);
	if (found == NULL)
		return MULTIPART_MALFORMED;
	part->length = (size_t) (found - part->content);
	reader->at = found + reader->delimiter_length;
	return MULTIPART_PART;
}
