/*
 * column_choice.c - choosing the column of the numbers; see columns.h.
 *
 * In this order: the one that was asked for; the one with a usual heading, whatever it holds; the
 * one that holds numbers. What is under another heading than the usual one is never taken for a
 * number because the column of the numbers holds none. A file whose numbers are in two columns,
 * such as "DDD" and "Telefone", has none: half a number may be somebody else's.
 */
#include "columns.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/utf8.h"

#define NAME_SHOWN 40 /* bytes of a name in a problem */

#define REASON_SEVERAL "more than one column may hold the numbers: "

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
	columns->hint = "Name the column of the numbers with column_name (X-Column).";
	say(columns, text, strlen(text));
	return false;
}

/* No column: why the first line is none, which is what every line would say; or there is none. */
static bool fail_empty(Columns *columns)
{
	const BadRow *bad = &columns->bad_row;
	char place[32] = "";
	char text[COLUMNS_PROBLEM_SIZE];

	if (bad->problem == NULL)
	{
		(void) fail(columns, "it is empty");
		columns->hint = NULL;
		return false;
	}
	if (bad->byte > 0)
		(void) snprintf(place, sizeof(place), " (byte %zu)", bad->byte);
	(void) snprintf(text, sizeof(text), "line %" PRId64 ": %s%s", bad->line, bad->problem, place);
	(void) fail(columns, text);
	columns->hint = "Correct the lines: none of the first ones can be read.";
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

/* "Telefone" and "Celular do cliente" alike: whose it is does not make it less. */
static bool is_named(const Columns *columns, const Column *column)
{
	(void) columns;
	return column->meaning == HEADING_NUMBER || column->meaning == HEADING_LIKE_NUMBER;
}

static bool is_named_with_numbers(const Columns *columns, const Column *column)
{
	return is_named(columns, column) && has_numbers(columns, column);
}

/* "Celular" beside "Telefone fixo": who wants to be sent an SMS is asked for a mobile. */
static bool is_named_of_no_landlines(const Columns *columns, const Column *column)
{
	return is_named_with_numbers(columns, column) && !column->of_landlines;
}

/* With values, of which none is a number: all rows are refused, and nothing else is taken for one.
 */
static bool is_named_with_values(const Columns *columns, const Column *column)
{
	return is_named(columns, column) && column->others > 0;
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

/*
 * The chosen column, and those that could be meant as well: mobiles that lack something, beside
 * landlines that do not, or the numbers of somebody else, under "Telefone avalista".
 */
static bool may_be_meant(const Columns *columns, const Column *column)
{
	const Column *chosen = &columns->list[columns->number];

	if (column == chosen)
		return true;
	if (column->of_landlines && is_named_of_no_landlines(columns, chosen))
		return false;
	if (is_named(columns, column))
		return has_numbers(columns, column) || column->spoiled > 0;
	return column->mentions_number &&
		   (looks_like_numbers(columns, column) || holds_locals(columns, column));
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

/* Its name, or its heading as it is in the file, of which there may be another. */
static bool is_called(const Columns *columns, const Column *column)
{
	const char *wanted = columns->wanted->column;
	size_t length = strlen(wanted);

	return (column->name_length == length || column->heading_length == length) &&
		   memcmp(column->name, wanted, length) == 0;
}

/* The same without accents and marks. */
static bool is_called_like(const Columns *columns, const Column *column)
{
	const char *wanted = columns->wanted->column;
	size_t length = strlen(wanted);

	return heading_is(column->name, column->name_length, wanted, length) ||
		   heading_is(column->name, column->heading_length, wanted, length);
}

/* "no column "x"; there are …", with what was asked for between the two. */
static bool fail_wanted(Columns *columns, const char *before, const char *behind,
						bool (*concerned)(const Columns *, const Column *))
{
	const char *wanted = columns->wanted->column;
	char shown[NAME_SHOWN];
	char text[NAME_SHOWN + 80];

	(void) utf8_clean(shown, sizeof(shown), wanted, strlen(wanted));
	(void) snprintf(text, sizeof(text), "%s\"%s\"%s", before, shown, behind);
	return fail_with(columns, text, concerned);
}

/* By its name as it is, by its name without accents and marks, or by its place. */
static bool choose_wanted(Columns *columns)
{
	static bool (*const steps[])(const Columns *, const Column *) = {is_called, is_called_like};
	char *end;
	long place;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
	{
		int count = find(columns, steps[i], &columns->number);

		if (count > 1)
		{
			columns->number = -1;
			return fail_wanted(columns, "more than one column ",
							   "; name it by its place, from 1: ", steps[i]);
		}
		if (count == 1)
			return true;
	}
	place = strtol(columns->wanted->column, &end, 10);
	if (*end != '\0' || place < 1 || place > columns->count)
		return fail_wanted(columns, "no column ", "; there are ", NULL);
	columns->number = (int) place - 1;
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

/* The column with a name that says so, unless another one could be meant. */
static bool choose_named(Columns *columns, int place)
{
	int unused;

	columns->number = place;
	if (find(columns, may_be_meant, &unused) == 1)
		return true;
	(void) fail_with(columns, REASON_SEVERAL, may_be_meant);
	columns->number = -1;
	return false;
}

static bool choose_found(Columns *columns)
{
	static bool (*const steps[])(const Columns *, const Column *) = {is_named_of_no_landlines,
																	 is_named_with_numbers,
																	 is_named_with_values,
																	 may_be_named,
																	 is_named,
																	 looks_like_numbers};
	int place;

	if (find(columns, is_part, &place) > 0)
		return fail_with(columns, "numbers in parts; put them together in one column: ", is_part);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
	{
		int count = find(columns, steps[i], &place);

		if (count > 1)
			return fail_with(columns, REASON_SEVERAL, steps[i]);
		if (count == 1)
			return steps[i] == looks_like_numbers ? choose_looking(columns, place)
												  : choose_named(columns, place);
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
		return fail_empty(columns);
	if (columns->wanted->column != NULL ? !choose_wanted(columns) : !choose_found(columns))
		return false;
	if (columns->class == columns->number)
		columns->class = -1;
	return true;
}
