/*
 * headers.c - encoding and folding; see headers.h.
 *
 * Must never write what it was given without having looked at every character.
 */
#include "headers.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "contract/utf8.h"

#define LINE_MAX_COLUMNS 76 /* RFC 2047, 2: of a line with an encoded word */
#define QUOTED_MAX		 60 /* a longer name is encoded, which can be folded */
#define WORD_START		 "=?UTF-8?B?"
#define WORD_END		 "?="
#define WORD_MAX		 75 /* RFC 2047, 2: of an encoded word */

typedef struct Line
{
	char *out;
	size_t length;
	size_t column;
} Line;

static void put(Line *line, const char *bytes, size_t length)
{
	/* Cannot happen: HEADERS_TEXT_MAX bytes need less than half of the room. */
	if (line->length + length >= HEADERS_LINE_SIZE)
		return;
	memcpy(line->out + line->length, bytes, length);
	line->length += length;
	line->column += length;
	line->out[line->length] = '\0';
}

static void put_text(Line *line, const char *text)
{
	put(line, text, strlen(text));
}

/* The blank that begins the next line is part of the fold. */
static void fold(Line *line)
{
	put_text(line, "\r\n ");
	line->column = 1;
}

static Line begin(char *out, const char *name)
{
	Line line = {.out = out};

	put_text(&line, name);
	put_text(&line, ": ");
	return line;
}

/* Whether a text may be in a header at all; *ascii: it needs no encoding for its letters. */
static bool check_text(const char *name, const char *text, bool *ascii, Error *error)
{
	uint32_t character;

	*ascii = true;
	if (strlen(text) > HEADERS_TEXT_MAX)
		return error_set(error, ERROR_PROTOCOL, "%s: longer than %d bytes", name, HEADERS_TEXT_MAX);
	while ((character = utf8_next(&text)) != 0)
	{
		if (character == UTF8_WRONG)
			return error_set(error, ERROR_PROTOCOL, "%s: not UTF-8", name);
		if (utf8_is_control(character))
			return error_set(error, ERROR_PROTOCOL, "%s: a control character", name);
		if (character >= 0x80)
			*ascii = false;
	}
	return true;
}

static void put_base64(Line *line, const unsigned char *bytes, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < length; i += 3)
	{
		unsigned group = (unsigned) bytes[i] << 16;
		char four[4];

		if (i + 1 < length)
			group |= (unsigned) bytes[i + 1] << 8;
		if (i + 2 < length)
			group |= bytes[i + 2];
		four[0] = digits[group >> 18];
		four[1] = digits[group >> 12 & 63];
		four[2] = i + 1 < length ? digits[group >> 6 & 63] : '=';
		four[3] = i + 2 < length ? digits[group & 63] : '=';
		put(line, four, 4);
	}
}

/* How many bytes of the text fit into a word of so many base64 digits, without cutting a
 * character. */
static size_t fitting(const char *text, size_t columns)
{
	size_t most = columns / 4 * 3;
	const char *at = text;
	const char *next = text;

	while (*next != '\0')
	{
		(void) utf8_next(&next);
		if ((size_t) (next - text) > most)
			break;
		at = next;
	}
	return (size_t) (at - text);
}

/* Encoded words, one a line; between two of them the fold is no part of the text. */
static void put_encoded(Line *line, const char *text)
{
	const size_t around = strlen(WORD_START WORD_END);

	while (*text != '\0')
	{
		size_t room = LINE_MAX_COLUMNS - line->column;
		size_t length;

		if (room > WORD_MAX)
			room = WORD_MAX;
		length = fitting(text, room - around);
		put_text(line, WORD_START);
		put_base64(line, (const unsigned char *) text, length);
		put_text(line, WORD_END);
		text += length;
		if (*text != '\0')
			fold(line);
	}
}

/* Words as they are; false if one of them is too long for a line. */
static bool put_folded(Line *line, const char *text)
{
	while (*text != '\0')
	{
		/* A blank belongs to the word behind it, so that a line never is blank. */
		size_t blanks = strspn(text, " ");
		size_t length = blanks + strcspn(text + blanks, " ");

		if (line->column + length > LINE_MAX_COLUMNS)
		{
			if (blanks == 0 || length > LINE_MAX_COLUMNS)
				return false;
			put_text(line, "\r\n");
			line->column = 0;
		}
		put(line, text, length);
		text += length;
	}
	return true;
}

bool headers_text(const char *name, const char *text, char out[HEADERS_LINE_SIZE], Error *error)
{
	Line line = begin(out, name);
	bool ascii;
	size_t length = strlen(text);

	if (!check_text(name, text, &ascii, error))
		return false;
	/* What looks like an encoded word would be read as one; blanks at the ends would be lost. */
	if (ascii && strstr(text, "=?") == NULL && text[0] != ' ' &&
		(length == 0 || text[length - 1] != ' ') && put_folded(&line, text))
		return true;
	line = begin(out, name);
	put_encoded(&line, text);
	return true;
}

static void put_quoted(Line *line, const char *text)
{
	put_text(line, "\"");
	for (; *text != '\0'; text++)
	{
		if (*text == '"' || *text == '\\')
			put_text(line, "\\");
		put(line, text, 1);
	}
	put_text(line, "\"");
}

bool headers_mailbox(const char *name, const char *shown, const char *address,
					 char out[HEADERS_LINE_SIZE], Error *error)
{
	Line line = begin(out, name);
	bool ascii;

	if (!check_text(name, shown, &ascii, error) || !address_check(address, error))
		return false;
	if (*shown == '\0')
	{
		put_text(&line, address);
		return true;
	}
	if (ascii && strlen(shown) <= QUOTED_MAX && strstr(shown, "=?") == NULL)
		put_quoted(&line, shown);
	else
		put_encoded(&line, shown);
	if (line.column + strlen(address) + 3 > LINE_MAX_COLUMNS)
		fold(&line);
	else
		put_text(&line, " ");
	put_text(&line, "<");
	put_text(&line, address);
	put_text(&line, ">");
	return true;
}

bool headers_date(time_t when, char out[HEADERS_LINE_SIZE], Error *error)
{
	struct tm parts;

	/* The program never calls setlocale(): the names are English. */
	if (gmtime_r(&when, &parts) != NULL &&
		strftime(out, HEADERS_LINE_SIZE, "Date: %a, %d %b %Y %H:%M:%S +0000", &parts) > 0)
		return true;
	return error_set(error, ERROR_PROTOCOL, "Date: the clock shows no time");
}

bool headers_message_id(const char *job_id, const char *domain, char out[HEADERS_LINE_SIZE],
						Error *error)
{
	size_t length = 0;

	while (isalnum((unsigned char) job_id[length]))
		length++;
	if (length == 0 || length > 64 || job_id[length] != '\0')
		return error_set(error, ERROR_PROTOCOL, "Message-ID: the job's id is not one");
	snprintf(out, HEADERS_LINE_SIZE, "Message-ID: <%s@%s>", job_id, domain);
	return true;
}
