/*
 * ndjson.c - lines of JSON; see ndjson.h.
 *
 * A value is checked by one function for each kind of it, which moves the scan
 * behind it; false means a problem, which is written down once. They call each
 * other no deeper than attributes may be.
 */
#include "ndjson.h"

#include <string.h>

#include "contract/attributes.h"
#include "contract/message.h"
#include "contract/utf8.h"
#include "json_text.h"
#include "text_ends.h"

#define KEY_MAX	   256 /* bytes of a key without its escapes */
#define NUMBER_MAX 40  /* bytes of a number */

typedef struct Scan
{
	NdjsonReader *reader;
	NdjsonRow *row;
	const char *at;
	const char *end; /* of the line */
	size_t canonical;
} Scan;

static bool scan_value(Scan *scan, int depth);

void ndjson_open(NdjsonReader *reader, const char *data, size_t length)
{
	memset(reader, 0, sizeof(*reader));
	reader->data = data != NULL ? data : ""; /* NULL + 0 is undefined in C */
	reader->length = text_length(reader->data, length);
	reader->line = 1;
	reader->pause.at = reader->data;
	reader->offset = text_start(reader->data, length);
	if (reader->offset > reader->length)
		reader->offset = reader->length;
}

void ndjson_seek(NdjsonReader *reader, size_t place)
{
	reader->offset = place;
	reader->line = 0;
}

static bool fail(Scan *scan, const char *problem)
{
	scan->row->problem = problem;
	scan->row->problem_column = (size_t) (scan->at - (scan->reader->data + scan->row->place)) + 1;
	return false;
}

static void skip_blanks(Scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t'))
		scan->at++;
	pause_at(&scan->reader->pause, scan->at);
}

static bool accept(Scan *scan, char token)
{
	skip_blanks(scan);
	if (scan->at == scan->end || *scan->at != token)
		return false;
	scan->at++;
	scan->canonical++;
	return true;
}

/* Bytes of a character in the JSON that travels (message_escape()). */
static size_t canonical_size(uint32_t c)
{
	if (c >= 0x80)
		return c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	if (c >= ' ')
		return c == '"' || c == '\\' ? 2 : 1;
	return c == '\b' || c == '\f' || c == '\n' || c == '\r' || c == '\t' ? 2 : 6;
}

static bool scan_escape(Scan *scan)
{
	const char *at = scan->at;
	int32_t c = json_escape(&at, scan->end);

	if (c < 0)
		return fail(scan, "an escape that is none");
	if (c == 0)
		return fail(scan, "\\u0000 in a text");
	scan->canonical += canonical_size((uint32_t) c);
	scan->at = at;
	return true;
}

static bool scan_beyond_ascii(Scan *scan)
{
	const char *at = scan->at;

	if (utf8_next_before(&at, scan->end) == UTF8_WRONG)
		return fail(scan, "not UTF-8");
	scan->canonical += (size_t) (at - scan->at);
	scan->at = at;
	return true;
}

/* A string from its opening quote on. */
static bool scan_string(Scan *scan)
{
	if (!accept(scan, '"'))
		return fail(scan, "a quote is missing");
	while (scan->at < scan->end && *scan->at != '"')
	{
		unsigned char byte = (unsigned char) *scan->at;

		pause_at(&scan->reader->pause, scan->at);
		if (byte < ' ')
			return fail(scan, "a control character in a text");
		if (byte == '\\' || byte >= 0x80)
		{
			if (!(byte == '\\' ? scan_escape(scan) : scan_beyond_ascii(scan)))
				return false;
			continue;
		}
		scan->canonical++;
		scan->at++;
	}
	return accept(scan, '"') || fail(scan, "a text is never closed");
}

static size_t skip_digits(Scan *scan)
{
	const char *from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
	{
		pause_at(&scan->reader->pause, scan->at);
		scan->at++;
	}
	return (size_t) (scan->at - from);
}

/* Whether the number in front of scan->at can travel: in the form that jsonb gives it. */
static bool check_number(Scan *scan, const char *from)
{
	const char *end = scan->at;
	int64_t whole;
	double decimal;

	if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E'))
		return fail(scan, "a number with an exponent; write it as a text");
	if (end - from > NUMBER_MAX)
		return fail(scan, "a number is too long");
	scan->canonical += (size_t) (end - from);
	if (memchr(from, '.', (size_t) (end - from)) != NULL)
	{
		while (end[-1] == '0')
			end--;
		if (end[-1] == '.')
			end--;
	}
	if (end - from == 2 && memcmp(from, "-0", 2) == 0)
		from++;
	if (attributes_number(from, (size_t) (end - from), &whole, &decimal) == ATTRIBUTES_NO_NUMBER)
		return fail(scan, "a number is neither whole with 64 bits nor a decimal of at most 15 "
						  "digits; write it as a text");
	return true;
}

static bool scan_number(Scan *scan)
{
	const char *from = scan->at;
	const char *digits;
	size_t count;

	if (*scan->at == '-')
		scan->at++;
	digits = scan->at;
	count = skip_digits(scan);
	if (count == 0 || (count > 1 && *digits == '0'))
		return fail(scan, "a number that is none");
	if (scan->at < scan->end && *scan->at == '.')
	{
		scan->at++;
		if (skip_digits(scan) == 0)
			return fail(scan, "a number that is none");
	}
	return check_number(scan, from);
}

static bool scan_word(Scan *scan, const char *word)
{
	size_t length = strlen(word);

	if ((size_t) (scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
		return fail(scan, "not JSON");
	scan->at += length;
	scan->canonical += length;
	return true;
}

static bool scan_key(Scan *scan)
{
	char text[KEY_MAX];
	const char *from;
	const char *problem;
	size_t length;

	skip_blanks(scan);
	from = scan->at;
	if (!scan_string(scan))
		return false;
	length = json_text(from + 1, (size_t) (scan->at - from) - 2, text, sizeof(text));
	problem = length == sizeof(text) ? "a key is too long" : attributes_key_problem(text, length);
	if (problem != NULL)
		return fail(scan, problem);
	return accept(scan, ':') || fail(scan, "a colon is missing");
}

static bool scan_array(Scan *scan, int depth)
{
	(void) accept(scan, '[');
	if (accept(scan, ']'))
		return true;
	do
	{
		if (!scan_value(scan, depth))
			return false;
	} while (accept(scan, ','));
	return accept(scan, ']') || fail(scan, "an array is never closed");
}

static bool scan_object(Scan *scan, int depth)
{
	(void) accept(scan, '{');
	if (accept(scan, '}'))
		return true;
	do
	{
		if (!scan_key(scan) || !scan_value(scan, depth))
			return false;
	} while (accept(scan, ','));
	return accept(scan, '}') || fail(scan, "an object is never closed");
}

/* `depth`: how many objects and arrays the value is in. */
static bool scan_value(Scan *scan, int depth)
{
	skip_blanks(scan);
	if (scan->at == scan->end)
		return fail(scan, "a value is missing");
	if (depth == MESSAGE_ATTRIBUTES_DEPTH && (*scan->at == '{' || *scan->at == '['))
		return fail(scan, "nested more than 16 deep");
	switch (*scan->at)
	{
		case '"':
			return scan_string(scan);
		case '{':
			return scan_object(scan, depth + 1);
		case '[':
			return scan_array(scan, depth + 1);
		case 't':
			return scan_word(scan, "true");
		case 'f':
			return scan_word(scan, "false");
		case 'n':
			return scan_word(scan, "null");
		default:
			return (*scan->at >= '0' && *scan->at <= '9') || *scan->at == '-'
					   ? scan_number(scan)
					   : fail(scan, "not JSON");
	}
}

/* A member of the object that is the line. */
static bool scan_member(Scan *scan)
{
	NdjsonMember *member = &scan->row->members[scan->row->count];
	const char *colon;

	if (scan->row->count == NDJSON_MEMBERS_MAX)
		return fail(scan, "more than 256 keys");
	scan->canonical = 0;
	skip_blanks(scan);
	member->key = scan->at + 1;
	if (!scan_key(scan))
		return false;
	for (colon = scan->at - 1; *colon != '"';)
		colon--;
	member->key_length = (size_t) (colon - member->key);
	skip_blanks(scan);
	member->value = scan->at;
	if (!scan_value(scan, 1))
		return false;
	member->value_length = (size_t) (scan->at - member->value);
	member->canonical = scan->canonical + 1;
	scan->row->count++;
	return true;
}

static void scan_line(Scan *scan)
{
	if (!accept(scan, '{'))
	{
		(void) fail(scan, "no JSON object; one a line");
		return;
	}
	if (!accept(scan, '}'))
	{
		do
		{
			if (!scan_member(scan))
				return;
		} while (accept(scan, ','));
		if (!accept(scan, '}'))
		{
			(void) fail(scan, "an object is never closed; one a line");
			return;
		}
	}
	skip_blanks(scan);
	if (scan->at < scan->end)
		(void) fail(scan, "something behind the object; one a line");
}

static const char *find_line_end(NdjsonReader *reader, const char *at, const char *end)
{
	while (at < end && *at != '\n' && *at != '\r')
	{
		pause_at(&reader->pause, at);
		at++;
	}
	return at;
}

bool ndjson_next(NdjsonReader *reader, NdjsonRow *row)
{
	while (reader->offset < reader->length)
	{
		const char *end = reader->data + reader->length;
		const char *at = reader->data + reader->offset;
		Scan scan = {.reader = reader, .row = row, .at = at};

		row->line = reader->line++;
		row->place = reader->offset;
		row->problem = NULL;
		row->count = 0;
		scan.end = find_line_end(reader, at, end);
		at = scan.end;
		if (at < end && *at == '\r' && at + 1 < end && at[1] == '\n')
			at++;
		if (at < end)
			at++;
		reader->offset = (size_t) (at - reader->data);
		skip_blanks(&scan);
		if (scan.at == scan.end)
			continue;
		scan_line(&scan);
		if (row->problem != NULL)
			row->count = 0;
		return true;
	}
	return false;
}

size_t ndjson_value(const NdjsonMember *member, char *out, size_t size)
{
	size_t length = member->value_length;

	if (*member->value == '"')
		return json_text(member->value + 1, length - 2, out, size);
	if (*member->value != '-' && (*member->value < '0' || *member->value > '9'))
		return 0;
	length = length < size ? length : size;
	memcpy(out, member->value, length);
	return length;
}
