/*
 * column_choice.c - choosing the column of the numbers; see columns.h.
 *
 * In this order: the one that was asked for; the one with a usual heading, whatever it holds; the
 * one that holds numbers. What is under another heading than the usual one is never taken for a
 * number because the column of the numbers holds none. A file whose numbers are in two columns,
 * such as "DDD" and "Telefone", has none: half a number may be somebody else's.
 */
#include "columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/utf8.h"

#define NAME_SHOWN 40 /* bytes of a name in a problem */

/* Adds to the problem; what does not fit is left out. */
static void say(Columns *columns, const char *text, size_t length)
{
	size_t used = strlen(columns->problem);

	if (used + length >= COLUMNS_PROBLEM_SIZE)
		return;
	memcpy(columns->problem + used, text, length);
	columns->problem[used + length] = '\0';
}

static void say_name(Columns *columns, const char *name, size_t length, bool first)
{
	char shown[NAME_SHOWN + 8];
	size_t size;

	shown[0] = '"';
	size = 1 + utf8_clean(shown + 1, NAME_SHOWN, name, length);
	shown[size++] = '"';
	if (!first)
		say(columns, ", ", 2);
	say(columns, shown, size);
}

static bool fail(Columns *columns, const char *text)
{
	columns->problem[0] = '\0';
	say(columns, text, strlen(text));
	return false;
}

/* A problem, and the names of the columns that are concerned. */
static bool fail_with(Columns *columns, const char *text,
					  bool (*concerned)(const Columns *, const Column *))
{
	bool first = true;

	(void) fail(columns, text);
	for (int i = 0; i < columns->count; i++)
	{
		const Column *column = &columns->list[i];

		if (concerned != NULL && !concerned(columns, column))
			continue;
		say_name(columns, column->name, column->name_length, first);
		first = false;
	}
	return false;
}

static bool has_numbers(const Columns *columns, const Column *column)
{
	(void) columns;
	return column->numbers > 0;
}

static bool is_named(const Columns *columns, const Column *column)
{
	(void) columns;
	return column->meaning == HEADING_NUMBER;
}

static bool is_named_with_numbers(const Columns *columns, const Column *column)
{
	return is_named(columns, column) && has_numbers(columns, column);
}

/* With values, of which none is a number: all rows are refused, and nothing else is taken for one.
 */
static bool is_named_with_values(const Columns *columns, const Column *column)
{
	return is_named(columns, column) && column->others > 0;
}

static bool is_like_named(const Columns *columns, const Column *column)
{
	(void) columns;
	return column->meaning == HEADING_LIKE_NUMBER;
}

static bool is_like_named_with_numbers(const Columns *columns, const Column *column)
{
	return is_like_named(columns, column) && has_numbers(columns, column);
}

static bool is_like_named_with_values(const Columns *columns, const Column *column)
{
	return is_like_named(columns, column) && column->others > 0;
}

static bool may_be_named(const Columns *columns, const Column *column)
{
	return column->meaning == HEADING_MAYBE_NUMBER && has_numbers(columns, column);
}

/* Mostly numbers, under a heading that does not say anything else. */
static bool looks_like_numbers(const Columns *columns, const Column *column)
{
	return has_numbers(columns, column) && column->numbers >= column->others &&
		   column->meaning != HEADING_NO_NUMBER && column->meaning != HEADING_PART &&
		   column->meaning != HEADING_CLASS;
}

/* Under a heading that says nothing, and without a number: it may be the column of the numbers. */
static bool holds_locals(const Columns *columns, const Column *column)
{
	return column->locals > 0 && !has_numbers(columns, column) &&
		   (column->meaning == HEADING_OTHER || column->meaning == HEADING_MAYBE_NUMBER);
}

static bool is_part(const Columns *columns, const Column *column)
{
	(void) columns;
	return column->meaning == HEADING_PART;
}

/* How many columns are so, and the first of them. */
static int find(const Columns *columns, bool (*wanted)(const Columns *, const Column *), int *place)
{
	int count = 0;

	*place = -1;
	for (int i = 0; i < columns->count; i++)
	{
		if (!wanted(columns, &columns->list[i]))
			continue;
		if (count++ == 0)
			*place = i;
	}
	return count;
}

/* By its name as it is, by its name without accents and marks, or by its place. */
static bool choose_wanted(Columns *columns, const char *wanted)
{
	size_t length = strlen(wanted);
	char *end;
	long place;

	for (int i = 0; i < columns->count; i++)
	{
		if (columns->list[i].name_length == length &&
			memcmp(columns->list[i].name, wanted, length) == 0)
			columns->number = i;
	}
	for (int i = 0; columns->number < 0 && i < columns->count; i++)
	{
		if (heading_is(columns->list[i].name, columns->list[i].name_length, wanted, length))
			columns->number = i;
	}
	place = strtol(wanted, &end, 10);
	if (columns->number < 0 && *end == '\0' && place >= 1 && place <= columns->count)
		columns->number = (int) place - 1;
	if (columns->number < 0)
	{
		char text[NAME_SHOWN + 32] = "no column \"";
		size_t used = strlen(text);

		used += utf8_clean(text + used, NAME_SHOWN, wanted, length);
		(void) snprintf(text + used, sizeof(text) - used, "\"; there are ");
		return fail_with(columns, text, NULL);
	}
	return true;
}

/*
 * The column that looks like numbers. If another one may hold them without their area code, it may
 * be that of the contracts, unless a plus or brackets say that they are numbers.
 */
static bool choose_looking(Columns *columns, int place)
{
	int unused;

	if (columns->list[place].written == 0 && find(columns, holds_locals, &unused) > 0)
		return fail_with(columns,
						 "numbers without their area code? Complete them, or name the column "
						 "(column_name, X-Column): ",
						 holds_locals);
	columns->number = place;
	return true;
}

static bool choose_found(Columns *columns)
{
	static bool (*const steps[])(const Columns *, const Column *) = {is_named_with_numbers,
																	 is_named_with_values,
																	 is_like_named_with_numbers,
																	 is_like_named_with_values,
																	 may_be_named,
																	 is_named,
																	 is_like_named,
																	 looks_like_numbers};
	int place;

	if (find(columns, is_part, &place) > 0)
		return fail_with(columns, "numbers in parts; put them together in one column: ", is_part);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
	{
		int count = find(columns, steps[i], &place);

		if (count > 1)
			return fail_with(columns, "more than one column may hold the numbers: ", steps[i]);
		if (count == 1 && steps[i] == looks_like_numbers)
			return choose_looking(columns, place);
		if (count == 1)
		{
			columns->number = place;
			return true;
		}
	}
	return fail_with(columns, "no column holds phone numbers; there are ", NULL);
}

bool columns_choose(Columns *columns)
{
	columns->number = columns->class = -1;
	for (int i = columns->count - 1; i >= 0; i--)
	{
		if (columns->list[i].meaning == HEADING_CLASS)
			columns->class = i;
	}
	if (columns->count == 0)
		return fail(columns, "it is empty");
	if (columns->wanted->column != NULL ? !choose_wanted(columns, columns->wanted->column)
										: !choose_found(columns))
		return false;
	if (columns->class == columns->number)
		columns->class = -1;
	return true;
}
