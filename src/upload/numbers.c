/*
 * numbers.c - the lines of a plain list, one number each.
 *
 * Two paths: a plain line of digits is read in one loop; everything else is looked at by
 * number_read(). A line that is not understood must never slow down or end the reading of the file.
 */
#include "numbers.h"

#include <stdio.h>
#include <string.h>

#include "file_kind.h"
#include "resolve.h"
#include "text_ends.h"

#define HEADER_DIGITS_MAX 2 /* "Phone 1" is a heading */
#define REASON_HEADER	  " (a header row? remove it)"
#define REASON_COUNTER	  "a counter in front of the number? It does not run from line to line"
#define REASON_COUNTER_OR_AREA                                                                     \
	"a counter in front of the number, or its area code? Leave counters out, and write area "      \
	"codes in brackets"

void numbers_open(NumbersParser *parser, const NumberRules *rules, const char *data, size_t length)
{
	memset(parser, 0, sizeof(*parser));
	parser->rules = *rules;
	parser->data = data != NULL ? data : ""; /* NULL + 0 is undefined in C */
	while (text_length(parser->data, length) < length)
		length--;
	parser->length = length;
	parser->paused_at = parser->data;
	parser->offset = text_start(parser->data, length);
}

/* Lets the caller answer interrupts in a file that may have a gigabyte; `at`: the parser's place.
 */
static void pause_in_line(NumbersParser *parser, const char *at)
{
	if (at - parser->paused_at < PAUSE_BYTES)
		return;
	parser->paused_at = at;
	if (parser->pause != NULL)
		parser->pause();
}

/* The end of the line that starts at `start`: a CR, a LF, or the end of the data. */
static const char *find_line_end(NumbersParser *parser, const char *start, const char *end)
{
	const char *at = start;

	for (; at < end && *at != '\n' && *at != '\r'; at++)
		pause_in_line(parser, at);
	/* The blanks of a line that is longer than a pause are read again, from its beginning. */
	if (parser->paused_at > start)
		parser->paused_at = start;
	return at;
}

/*
 * The usual line: '+' or not, 8 to 15 digits of which the first is not 0, and the line's end; and
 * the plan of its country has nothing to ask about. Returns that end, or NULL for the full reading.
 */
static const char *read_plain(const NumberRules *rules, const char *start, const char *end,
							  Number *number)
{
	bool plus = *start == '+';
	const char *at = start + plus;
	const char *stop = end - at > NUMBER_DIGITS_MAX ? at + NUMBER_DIGITS_MAX : end;
	char *text = number->text;
	uint64_t digits = 0;
	size_t count;

	if (at == end || *at == '0' || (!plus && rules->home != NULL))
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
	number->assumed = !plus;
	return number_resolve_plain(number) ? at : NULL;
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

/* Letters, and hardly a digit: a heading, not a number that went wrong. */
static bool is_header(const char *start, const char *end)
{
	size_t letters = 0;
	size_t digits = 0;

	if (end - start > NUMBER_FIELD_MAX)
		return false;
	for (const char *at = start; at < end; at++)
	{
		digits += *at >= '0' && *at <= '9';
		letters += (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
				   ((uint8_t) *at >= 0xC3 && (uint8_t) *at <= 0xDF);
	}
	return letters > 1 && digits <= HEADER_DIGITS_MAX;
}

/* A line that is longer than any number: what is left of it without its blanks. */
static void trim_long(NumbersParser *parser, const char **start, const char **end)
{
	if (*end - *start <= NUMBER_FIELD_MAX)
		return;
	for (; *start < *end && (**start == ' ' || **start == '\t'); (*start)++)
		pause_in_line(parser, *start);
	while (*start < *end && ((*end)[-1] == ' ' || (*end)[-1] == '\t'))
		(*end)--;
}

/*
 * A counter that does not run may be the area code, or a part of it: the number with it is taken
 * if it is the same without it, or none without it and written like an area code.
 */
static NumberResult read_counted(const NumbersParser *parser, const char *start, const char *end,
								 size_t skip, bool counts, Number *number)
{
	const NumberRules *rules = &parser->rules;
	bool is_code = !counts && (rules->home == NULL || parser->counter.dash);
	Number rest;
	NumberResult result = number_read(rules, start, (size_t) (end - start), number);

	if (number_read(rules, start + skip, (size_t) (end - start) - skip, &rest) == NUMBER_VALID)
		return result == NUMBER_VALID && rest.digits == number->digits
				   ? result
				   : number_refuse(number, REASON_COUNTER);
	return result == NUMBER_VALID && !is_code ? number_refuse(number, REASON_COUNTER_OR_AREA)
											  : result;
}

static NumberResult read_line(NumbersParser *parser, const char *start, const char *end,
							  Number *number)
{
	NumberResult result;
	CounterResult counter;
	size_t skip;

	trim_long(parser, &start, &end);
	counter = counter_read(&parser->counter, start, end, parser->data + parser->length, &skip);
	if (counter == COUNTER_RUNS)
		return number_read(&parser->rules, start + skip, (size_t) (end - start) - skip, number);
	if (counter != COUNTER_NONE)
		return read_counted(parser, start, end, skip, counter == COUNTER_COUNTS, number);
	result = number_read(&parser->rules, start, (size_t) (end - start), number);
	if (result == NUMBER_INVALID && !parser->first_seen && is_header(start, end))
		strncat(number->reason, REASON_HEADER, NUMBER_REASON_SIZE - strlen(number->reason) - 1);
	return result;
}

NumbersResult numbers_next(NumbersParser *parser, Number *number)
{
	const char *end = parser->data + parser->length;
	const char *problem =
		parser->line == 0 ? file_kind_problem(parser->data, parser->length) : NULL;

	if (problem != NULL)
	{
		parser->offset = parser->length;
		number->line = parser->line = 1;
		(void) number_refuse(number, "%s", problem);
		return NUMBERS_INVALID;
	}

	while (parser->offset < parser->length)
	{
		const char *start = parser->data + parser->offset;
		const char *line_end = read_plain(&parser->rules, start, end, number);
		NumberResult result = NUMBER_VALID;

		number->line = ++parser->line;
		if (line_end == NULL)
		{
			line_end = find_line_end(parser, start, end);
			result = read_line(parser, start, line_end, number);
		}
		move_past(parser, line_end);
		pause_in_line(parser, parser->data + parser->offset);
		if (result != NUMBER_BLANK)
		{
			parser->first_seen = true;
			return result == NUMBER_VALID ? NUMBERS_VALID : NUMBERS_INVALID;
		}
	}
	return NUMBERS_END;
}
