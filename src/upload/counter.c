/*
 * counter.c - tells the counter of a numbered list from the first group of a number.
 *
 * Only counters that run are certain: they begin with 0 or 1, and each line goes on from the last.
 */
#include "counter.h"

#define COUNTER_DIGITS_MAX 7
#define NEXT_LINE_MAX	   256 /* blanks and line ends between two lines of a list */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

/* Whether " - " stands in the rest of the line, too: then it is how the number is written. */
static bool has_dash(const char *at, const char *end)
{
	for (; at < end && *at != '\n' && *at != '\r' && !is_digit(*at); at++)
		;
	for (; at + 2 < end && *at != '\n' && *at != '\r'; at++)
		if (at[0] == ' ' && at[1] == '-' && at[2] == ' ')
			return true;
	return false;
}

/* The counter in front of a line, with the bytes that it takes; -1: there is none. */
static int64_t read_counter(const char *start, const char *end, size_t *skip)
{
	const char *digits = skip_blanks(start, end);
	const char *at = digits;
	const char *rest;
	int64_t value = 0;

	for (; at < end && is_digit(*at) && at - digits < COUNTER_DIGITS_MAX; at++)
		value = value * 10 + (*at - '0');
	if (at == digits || at == end)
		return -1;
	rest = skip_blanks(at, end);
	if (rest == end || (*at != '.' && *at != ')' && (*rest != '-' || rest == at)))
		return -1;
	rest = skip_blanks(rest + 1, end);
	if ((*at != ')' && rest < end && !is_blank(rest[-1])) || rest == end ||
		(!is_digit(*rest) && *rest != '+' && *rest != '(') ||
		(*at != '.' && *at != ')' && has_dash(rest, end)))
		return -1;
	*skip = (size_t) (rest - start);
	return value;
}

/* Where the next line with something in it begins. */
static const char *find_next(const char *at, const char *data_end)
{
	const char *limit = data_end - at > NEXT_LINE_MAX ? at + NEXT_LINE_MAX : data_end;

	while (at < limit && (is_blank(*at) || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

CounterResult counter_read(Counter *counter, const char *start, const char *end,
						   const char *data_end, size_t *skip)
{
	int64_t value = read_counter(start, end, skip);
	int64_t last = counter->last;
	size_t unused;

	if (value < 0)
		return COUNTER_NONE;
	counter->last = value;
	if (counter->runs && value == last + 1)
		return COUNTER_RUNS;
	if (value > 1 || read_counter(find_next(end, data_end), data_end, &unused) != value + 1)
		return COUNTER_LONELY;
	counter->runs = true;
	return COUNTER_RUNS;
}
