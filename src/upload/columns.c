/*
 * columns.c - choosing the column of the numbers; see columns.h.
 *
 * In this order: the one that was asked for; the one with a usual heading; the one
 * that holds numbers. A file whose numbers are in two columns, such as "DDD" and
 * "Telefone", has none: half a number may be somebody else's.
 */
#include "columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/utf8.h"
#include "json_text.h"

#define CELL_MAX   512 /* bytes of a cell that are looked at */
#define NAME_SHOWN 40  /* bytes of a name in a problem */

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

/* By its name as it is, by its name without accents and the like, or by its place. */
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

static bool choose_found(Columns *columns)
{
	static bool (*const steps[])(const Columns *, const Column *) = {
		is_named_with_numbers, may_be_named, looks_like_numbers, is_named};
	int place;

	if (find(columns, is_part, &place) > 0)
		return fail_with(columns, "numbers in parts; put them together in one column: ", is_part);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
	{
		int count = find(columns, steps[i], &place);

		if (count > 1)
			return fail_with(columns, "more than one column may hold the numbers: ", steps[i]);
		if (count == 1)
		{
			columns->number = place;
			return true;
		}
	}
	return fail_with(columns, "no column holds phone numbers; there are ", NULL);
}

static bool choose(Columns *columns)
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

static void count_value(const Columns *columns, Column *column, const char *text, size_t length)
{
	Number number;

	switch (number_read(&columns->wanted->rules, text, length, &number))
	{
		case NUMBER_BLANK:
			break;
		case NUMBER_VALID:
			column->numbers++;
			break;
		case NUMBER_INVALID:
			column->others++;
			break;
	}
}

/* Delimited text ----------------------------------------------------------------------------- */

static bool is_word(const char *text, size_t length)
{
	const char *at = text;
	uint32_t c = length > 0 ? utf8_next_before(&at, text + length) : 0;

	for (size_t i = 0; i < length; i++)
	{
		if (text[i] >= '0' && text[i] <= '9')
			return false;
	}
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c != UTF8_WRONG);
}

/* The first row may be the headings: it is counted when that is decided. */
static bool take_first(Columns *columns, const CsvRow *row)
{
	Number number;

	for (int i = 0; i < row->count; i++)
	{
		Column *column = &columns->list[i];
		char buffer[CELL_MAX];
		const char *text;
		size_t length = csv_text(&row->cells[i], buffer, sizeof(buffer), &text);
		int name = heading_name(text, length, column->name);

		if (name < 0)
			return fail(columns, "a heading is not UTF-8; save the file as UTF-8");
		column->name_length = (size_t) name;
		column->meaning = heading_meaning(text, length);
		column->first_is_number =
			number_read(&columns->wanted->rules, text, length, &number) == NUMBER_VALID;
		column->first_is_word = is_word(text, length);
	}
	columns->count = row->count;
	return true;
}

static void take_row(Columns *columns, const CsvRow *row)
{
	for (int i = 0; i < row->count; i++)
	{
		char buffer[CELL_MAX];
		const char *text;
		size_t length = csv_text(&row->cells[i], buffer, sizeof(buffer), &text);

		count_value(columns, &columns->list[i], text, length);
	}
	if (row->count > columns->count)
		columns->count = row->count;
	columns->rows++;
}

/* A row with a number is none of headings; else a known heading tells, or what is below the words.
 */
static bool is_header(const Columns *columns, int count)
{
	const char *wanted = columns->wanted->column;
	bool known = false;
	bool words = true;
	bool numbers_below_word = false;

	for (int i = 0; i < count; i++)
	{
		const Column *column = &columns->list[i];

		if (column->first_is_number)
			return false;
		known |= column->meaning != HEADING_OTHER ||
				 (wanted != NULL &&
				  heading_is(column->name, column->name_length, wanted, strlen(wanted)));
		words &= column->first_is_word;
		numbers_below_word |= column->first_is_word && column->numbers > 0;
	}
	return known || (words && numbers_below_word);
}

static bool is_taken(const Columns *columns, int place)
{
	const Column *column = &columns->list[place];

	for (int i = 0; i < place; i++)
	{
		const Column *other = &columns->list[i];

		if (other->name_length == column->name_length &&
			memcmp(other->name, column->name, column->name_length) == 0)
			return true;
	}
	return false;
}

/* "column_2" for a column without a heading, "Nome 2" for the second of that name. */
static void complete_name(Columns *columns, int place)
{
	Column *column = &columns->list[place];
	size_t base;

	if (!columns->header)
		column->meaning = HEADING_OTHER;
	if (!columns->header || column->name_length == 0)
		column->name_length =
			(size_t) snprintf(column->name, sizeof(column->name), "column_%d", place + 1);
	base = column->name_length;
	for (int counter = 2; is_taken(columns, place); counter++)
		column->name_length = base + (size_t) snprintf(column->name + base,
													   sizeof(column->name) - base, " %d", counter);
}

bool columns_of_csv(Columns *columns, CsvReader *reader, CsvRow *row, const ColumnsWanted *wanted)
{
	int first_count;

	memset(columns, 0, sizeof(*columns));
	columns->wanted = wanted;
	columns->number = columns->class = -1;
	while (columns->count == 0 && csv_next(reader, row))
	{
		if (!take_first(columns, row))
			return false;
	}
	first_count = columns->count;
	while (columns->rows < COLUMNS_SAMPLE && csv_next(reader, row))
		take_row(columns, row);
	columns->header = first_count > 0 && is_header(columns, first_count);
	if (columns->header)
		columns->count = first_count;
	for (int i = 0; i < columns->count; i++)
	{
		complete_name(columns, i);
		if (!columns->header)
			columns->list[i].numbers += columns->list[i].first_is_number;
	}
	return choose(columns);
}

/* Lines of JSON ------------------------------------------------------------------------------ */

static Column *find_key(Columns *columns, const char *key, size_t length)
{
	Column *column;

	for (int i = 0; i < columns->count; i++)
	{
		column = &columns->list[i];
		if (column->name_length == length && memcmp(column->name, key, length) == 0)
			return column;
	}
	if (columns->count == COLUMNS_MAX)
		return NULL;
	column = &columns->list[columns->count++];
	memcpy(column->name, key, length);
	column->name_length = length;
	column->meaning = heading_meaning(key, length);
	return column;
}

bool columns_of_ndjson(Columns *columns, NdjsonReader *reader, NdjsonRow *row,
					   const ColumnsWanted *wanted)
{
	memset(columns, 0, sizeof(*columns));
	columns->wanted = wanted;
	columns->header = true;
	while (columns->rows < COLUMNS_SAMPLE && ndjson_next(reader, row))
	{
		for (int i = 0; i < row->count; i++)
		{
			char key[HEADING_NAME_MAX];
			char value[CELL_MAX];
			size_t key_length =
				json_text(row->members[i].key, row->members[i].key_length, key, sizeof(key));
			size_t length = ndjson_value(&row->members[i], value, sizeof(value));
			Column *column = key_length < sizeof(key) ? find_key(columns, key, key_length) : NULL;

			if (column != NULL && length > 0)
				count_value(columns, column, value, length);
		}
		columns->rows++;
	}
	return choose(columns);
}
