/*
 * numbers.c - the parser of the upload: lines of a text file into E.164 numbers
 * or reasons.
 *
 * Two paths: a plain line of digits is read in one loop; everything else goes
 * through scan_line(), which looks at each character once. A line that
 * is not understood must never slow down or end the reading of the file.
 */
#include "numbers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"
#define EXCERPT_MAX		40 /* bytes of the line quoted in a reason */
#define UTF16_PROBE		64 /* bytes looked at for NULs in every other place */
#define CHARACTER_BAD	UINT32_MAX
#define REASON_HEADER	" (a header row? remove it)"

/* What one pass over a line has found; columns are characters, from 1. */
typedef struct Scan
{
	const char *start;
	const char *end;
	size_t digit_count;
	bool plus;
	bool punctuation;
	uint32_t problem; /* first character that does not belong, 0: none */
	const char *problem_at;
	size_t problem_column;
	uint8_t bad_byte; /* first byte that is not UTF-8 */
	size_t bad_byte_column;
	size_t nul_column;
} Scan;

void numbers_open(NumbersParser *parser, const NumberRules *rules, const char *data, size_t length)
{
	memset(parser, 0, sizeof(*parser));
	parser->rules = *rules;
	parser->data = data != NULL ? data : ""; /* NULL + 0 is undefined in C */
	parser->length = length;
	parser->paused_at = parser->data;
	if (length >= 3 && memcmp(parser->data, BYTE_ORDER_MARK, 3) == 0)
		parser->offset = 3;
}

/* Lets the caller answer interrupts in a file that may have a gigabyte; `at`: the parser's place.
 */
static void pause_at(NumbersParser *parser, const char *at)
{
	if (at - parser->paused_at < NUMBERS_PAUSE_BYTES)
		return;
	parser->paused_at = at;
	if (parser->pause != NULL)
		parser->pause();
}

/* A mark of UTF-16, or NULs in every other byte of the beginning. */
static bool is_utf16(const char *data, size_t length)
{
	size_t probe = (length < UTF16_PROBE ? length : UTF16_PROBE) & ~(size_t) 1;
	size_t nuls[2] = {0, 0};

	if (length >= 2 && (memcmp(data, "\xFF\xFE", 2) == 0 || memcmp(data, "\xFE\xFF", 2) == 0))
		return true;
	for (size_t i = 0; i < probe; i++)
		nuls[i % 2] += data[i] == '\0';
	return probe >= 4 &&
		   ((nuls[0] == probe / 2 && nuls[1] == 0) || (nuls[1] == probe / 2 && nuls[0] == 0));
}

/*
 * Decodes one character and moves *at behind it; CHARACTER_BAD, and one byte
 * further, for what is not UTF-8 (overlong forms and surrogates included).
 */
static uint32_t next_character(const char **at, const char *end)
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

/* Blank or invisible: without meaning in a number, and without content on its own. */
static bool is_space(uint32_t c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == 0xA0 || c == 0xAD ||
		   c == 0x061C || (c >= 0x2000 && c <= 0x200F) || (c >= 0x202A && c <= 0x202F) ||
		   c == 0x205F || c == 0x2060 || (c >= 0x2066 && c <= 0x2069) || c == 0x3000 || c == 0xFEFF;
}

/* The hyphens and dashes U+2010 to U+2015 and the minus sign stand for '-'. */
static bool is_punctuation(uint32_t c)
{
	return c == '(' || c == ')' || c == '-' || c == '.' || c == '/' ||
		   (c >= 0x2010 && c <= 0x2015) || c == 0x2212;
}

/* Characters that would be invisible in a report, or turn its text around. */
static bool is_printable(uint32_t c)
{
	return c != CHARACTER_BAD && c >= 0x20 && !(c >= 0x7F && c <= 0x9F) &&
		   (c == ' ' || !is_space(c)) && c != 0x2028 && c != 0x2029 &&
		   !(c >= 0xE000 && c <= 0xF8FF) && !(c >= 0xFFF0 && c <= 0xFFFC) &&
		   (c & 0xFFFE) != 0xFFFE && c < 0xE0000;
}

static void scan_character(Scan *scan, uint32_t c, const char *from, size_t column, Number *number)
{
	if (c >= '0' && c <= '9')
	{
		if (scan->digit_count < NUMBER_DIGITS_MAX)
			number->text[1 + scan->digit_count] = (char) c;
		scan->digit_count++;
	}
	else if (is_space(c))
		return;
	else if (is_punctuation(c))
		scan->punctuation = true;
	else if (c == '+' && !scan->plus && scan->digit_count == 0)
		scan->plus = true;
	else if (c == '\0')
		scan->nul_column = scan->nul_column != 0 ? scan->nul_column : column;
	else if (c == CHARACTER_BAD)
	{
		scan->bad_byte = scan->bad_byte_column != 0 ? scan->bad_byte : (uint8_t) *from;
		scan->bad_byte_column = scan->bad_byte_column != 0 ? scan->bad_byte_column : column;
	}
	else if (scan->problem == 0)
	{
		scan->problem = c;
		scan->problem_at = from;
		scan->problem_column = column;
	}
}

static void scan_line(NumbersParser *parser, Scan *scan, const char *start, const char *end,
					  Number *number)
{
	size_t column = 0;

	memset(scan, 0, sizeof(*scan));
	scan->start = start;
	scan->end = end;
	for (const char *at = start; at < end;)
	{
		const char *from = at;
		uint32_t c = next_character(&at, end);

		scan_character(scan, c, from, ++column, number);
		pause_at(parser, at);
	}
}

/*
 * The beginning of the line between quotes, at most EXCERPT_MAX bytes, what is
 * not printable as '?': the report becomes JSON and is shown on terminals.
 */
static void write_excerpt(const Scan *scan, char out[EXCERPT_MAX + 8])
{
	const char *at = scan->start;
	size_t length = 0;

	while (at < scan->end && (*at == ' ' || *at == '\t'))
		at++;
	out[length++] = '\'';
	while (at < scan->end)
	{
		const char *from = at;
		uint32_t c = next_character(&at, scan->end);
		size_t size = (size_t) (at - from);

		if (length + size > EXCERPT_MAX)
		{
			memcpy(out + length, "...", 3);
			length += 3;
			break;
		}
		if (is_printable(c))
		{
			memcpy(out + length, from, size);
		}
		else
		{
			out[length] = '?';
			size = 1;
		}
		length += size;
	}
	out[length++] = '\'';
	out[length] = '\0';
}

static NumbersResult invalid(Number *number, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static NumbersResult invalid(Number *number, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	/* NUMBER_REASON_SIZE has room for the longest text and excerpt: nothing is cut. */
	(void) vsnprintf(number->reason, sizeof(number->reason), format, arguments);
	va_end(arguments);
	return NUMBERS_INVALID;
}

/* The character that does not belong, as itself or, if that shows nothing, as U+XXXX. */
static NumbersResult invalid_character(Number *number, const Scan *scan, bool first_line)
{
	uint32_t c = scan->problem;
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0xC0;
	const char *after = scan->problem_at;

	if (!is_printable(c))
		return invalid(number, "unexpected character U+%04X at column %zu", c,
					   scan->problem_column);
	(void) next_character(&after, scan->end);
	return invalid(number, "unexpected character '%.*s' at column %zu%s",
				   (int) (after - scan->problem_at), scan->problem_at, scan->problem_column,
				   first_line && letter ? REASON_HEADER : "");
}

/* The verdict on a line, the most helpful reason first; NUMBERS_END for a blank one. */
static NumbersResult judge(const Scan *scan, Number *number, bool first_line)
{
	size_t digits = scan->digit_count;
	char excerpt[EXCERPT_MAX + 8];

	if (scan->nul_column != 0)
		return invalid(number, "NUL byte at column %zu: not a text file", scan->nul_column);
	if (scan->bad_byte_column != 0)
		return invalid(number, "not UTF-8: byte 0x%02X at column %zu; save the file as UTF-8",
					   scan->bad_byte, scan->bad_byte_column);
	if (digits == 0)
	{
		if (scan->problem == 0 && !scan->plus && !scan->punctuation)
			return NUMBERS_END;
		write_excerpt(scan, excerpt);
		return invalid(number, "no digits: %s%s", excerpt,
					   first_line && scan->problem != 0 ? REASON_HEADER : "");
	}
	if (scan->problem != 0)
		return invalid_character(number, scan, first_line);
	if (digits > NUMBER_DIGITS_MAX)
		return invalid(number, "too long: %zu digits, at most %d (one number a line)", digits,
					   NUMBER_DIGITS_MAX);
	if (number->text[1] == '0')
		return invalid(number, "starts with 0: an international number begins with its country "
							   "code, without 0 or 00");
	if (digits < NUMBER_DIGITS_MIN)
		return invalid(number, "too short: %zu digit%s, at least %d", digits,
					   digits == 1 ? "" : "s", NUMBER_DIGITS_MIN);

	number->digits = 0;
	for (size_t i = 1; i <= digits; i++)
		number->digits = number->digits * 10 + (uint64_t) (number->text[i] - '0');
	number->text[0] = '+';
	number->text[1 + digits] = '\0';
	number->text_length = (int) digits + 1;
	return NUMBERS_VALID;
}

/* The end of the line that starts at `start`: a CR, a LF, or the end of the data. */
static const char *find_line_end(NumbersParser *parser, const char *start, const char *end)
{
	const char *at = start;

	for (; at < end && *at != '\n' && *at != '\r'; at++)
		pause_at(parser, at);
	/* A line that is longer than a pause is read again, from its beginning. */
	if (parser->paused_at > start)
		parser->paused_at = start;
	return at;
}

/*
 * The usual line: '+' or not, 8 to 15 digits of which the first is not 0, and
 * the line's end. Returns that end, or NULL if the line needs the full scan.
 */
static const char *read_plain(const char *start, const char *end, Number *number)
{
	const char *at = start + (*start == '+');
	const char *stop = end - at > NUMBER_DIGITS_MAX ? at + NUMBER_DIGITS_MAX : end;
	char *text = number->text;
	uint64_t digits = 0;
	size_t count;

	if (at == end || *at == '0')
		return NULL;
	*text++ = '+';
	for (; at < stop; at++)
	{
		unsigned int digit = (unsigned int) (uint8_t) *at - '0';

		if (digit > 9)
			break;
		*text++ = *at;
		digits = digits * 10 + digit;
	}
	count = (size_t) (text - number->text) - 1;
	if (count < NUMBER_DIGITS_MIN || (at < end && *at != '\n' && *at != '\r'))
		return NULL;
	*text = '\0';
	number->text_length = (int) count + 1;
	number->digits = digits;
	return at;
}

/* Moves behind the line end at `at`: LF, CR LF, CR, or the end of the data. */
static void move_past(NumbersParser *parser, const char *at)
{
	const char *end = parser->data + parser->length;

	if (at < end && *at == '\r' && at + 1 < end && at[1] == '\n')
		at++;
	if (at < end)
		at++;
	parser->offset = (size_t) (at - parser->data);
}

NumbersResult numbers_next(NumbersParser *parser, Number *number)
{
	const char *end = parser->data + parser->length;

	if (parser->line == 0 && is_utf16(parser->data, parser->length))
	{
		parser->offset = parser->length;
		number->line = parser->line = 1;
		return invalid(number, "UTF-16 file: save it as UTF-8");
	}

	while (parser->offset < parser->length)
	{
		const char *start = parser->data + parser->offset;
		const char *line_end = read_plain(start, end, number);
		NumbersResult result = NUMBERS_VALID;

		number->line = ++parser->line;
		if (line_end == NULL)
		{
			Scan scan;

			line_end = find_line_end(parser, start, end);
			scan_line(parser, &scan, start, line_end, number);
			result = judge(&scan, number, !parser->first_seen);
		}
		move_past(parser, line_end);
		pause_at(parser, parser->data + parser->offset);
		if (result != NUMBERS_END)
		{
			parser->first_seen = true;
			return result;
		}
	}
	return NUMBERS_END;
}
