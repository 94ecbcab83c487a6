/*
 * counter.c - tells the counter of a numbered list from the first group of a number.
 *
 * Only counters that run are certain: they begin with 0 or 1, and each line goes on from the last.
 * In the rest of a list that began on another page, "11. 95555-0101", they look like area codes.
 */
#include "counter.h"

#define COUNTER_DIGITS_MAX 7
#define NEXT_LINE_MAX	   256 /* blanks and line ends between two lines of a list */
#define STEPS_COUNTED	   2   /* three lines that go on, one from the other, are counted */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The marks that stand at the counter itself: "1.", "1)". */
static bool is_stop(char c)
{
	return c == '.' || c == ')';
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

/*
 * Whether the dash of the counter, " - " or "- ", stands in the rest of the line, too: then it is
 * how the number is written.
 */
static bool has_dash(const char *at, const char *end, bool blank_before)
{
	for (; at < end && *at != '\n' && *at != '\r' && !is_digit(*at); at++)
		;
	for (; at + 2 < end && *at != '\n' && *at != '\r'; at++)
		if (is_blank(at[0]) == blank_before && at[1] == '-' && is_blank(at[2]))
			return true;
	return false;
}

/*
 * What is behind the counter that ends at `at`, with its mark: "1. ", "1) ", "1 - ", "1- ", and no
 * blank is needed in front of a bracket or a plus. NULL: nothing, or it is no counter.
 */
static const char *skip_mark(const char *at, const char *end)
{
	const char *mark = is_stop(*at) ? at : skip_blanks(at, end);
	const char *rest;
	bool blank;

	if (mark == end || (*mark != '-' && !is_stop(*at)))
		return NULL;
	rest = skip_blanks(mark + 1, end);
	blank = rest > mark + 1;
	if (rest == end || (!is_digit(*rest) && *rest != '+' && *rest != '('))
		return NULL;
	if (is_digit(*rest) && *mark != ')' && !blank)
		return NULL;
	return *mark == '-' && blank && has_dash(rest, end, mark > at) ? NULL : rest;
}

/* The counter in front of a line, with the bytes that it takes; -1: there is none. */
static int64_t read_counter(const char *start, const char *end, size_t *skip, bool *dash)
{
	const char *digits = skip_blanks(start, end);
	const char *at = digits;
	const char *rest;
	int64_t value = 0;

	for (; at < end && is_digit(*at) && at - digits < COUNTER_DIGITS_MAX; at++)
		value = value * 10 + (*at - '0');
	if (at == digits || at == end)
		return -1;
	rest = skip_mark(at, end);
	if (rest == NULL)
		return -1;
	*skip = (size_t) (rest - start);
	*dash = !is_stop(*at);
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

/* How many of the next lines go on from `value`, at most `most`. */
static int count_ahead(int64_t value, const char *end, const char *data_end, int most)
{
	int count = 0;
	const char *at = find_next(end, data_end);
	size_t skip;
	bool dash;

	while (count < most && read_counter(at, data_end, &skip, &dash) == value + count + 1)
	{
		const char *limit = data_end - at > NEXT_LINE_MAX ? at + NEXT_LINE_MAX : data_end;

		count++;
		for (; at < limit && *at != '\n' && *at != '\r'; at++)
			;
		at = find_next(at, data_end);
	}
	return count;
}

CounterResult counter_read(Counter *counter, const char *start, const char *end,
						   const char *data_end, size_t *skip)
{
	int64_t value = read_counter(start, end, skip, &counter->dash);
	bool goes_on = value == counter->next;
	int ahead;

	if (value < 0)
		return COUNTER_NONE;
	counter->next = value + 1;
	counter->steps = goes_on ? counter->steps + 1 : 0;
	if (counter->runs && goes_on)
		return COUNTER_RUNS;
	ahead = count_ahead(value, end, data_end, STEPS_COUNTED);
	if (value <= 1 && ahead > 0)
	{
		counter->runs = true;
		return COUNTER_RUNS;
	}
	return counter->steps + ahead >= STEPS_COUNTED ? COUNTER_COUNTS : COUNTER_LONELY;
}
