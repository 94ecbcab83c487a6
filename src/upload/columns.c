/*
 * columns.c - what the columns of a table hold and are called, by their headings and the first
 * rows; see columns.h. column_choice.c then chooses that of the numbers.
 */
#include "columns.h"

#include <stdio.h>
#include <string.h>

#include "bare.h"
#include "contract/utf8.h"
#include "json_text.h"
#include "lookalike.h"

#define CELL_MAX 512 /* bytes of a cell that are looked at */

/* Digits, and not a letter: how many of them; -1: there is a letter. In what can be a number. */
static int count_digits(const char *text, size_t length)
{
	int digits = 0;

	for (size_t i = 0; i < length && i < NUMBER_FIELD_MAX; i++)
	{
		if ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z'))
			return -1;
		digits += text[i] >= '0' && text[i] <= '9';
	}
	return digits;
}

/* A value that is refused, with as many digits as a number: what a spreadsheet has left of one. */
static bool is_spoiled(const char *text, size_t length)
{
	int digits = 0;

	for (size_t i = 0; i < length && length <= NUMBER_FIELD_MAX; i++)
		digits += text[i] >= '0' && text[i] <= '9';
	return digits >= LOCAL_DIGITS_MIN;
}

/* A value that is refused, as a mobile without its area code is. */
static bool is_local(const Columns *columns, const char *text, size_t length)
{
	const NumberRules *rules = &columns->wanted->rules;
	int digits = count_digits(text, length);

	return digits > 0 && length <= NUMBER_FIELD_MAX &&
		   bare_may_be_local(rules->home, (size_t) digits) &&
		   lookalike_name(text, length, number_rules_fit_brazil(rules)) == NULL;
}

/* With a plus or brackets in front: no contract and no account is written like that. */
static bool is_written(const char *text, size_t length)
{
	return length > 0 && (*text == '+' || *text == '(');
}

/* True: it is a number. */
static bool count_value(const Columns *columns, Column *column, const char *text, size_t length)
{
	Number number;

	switch (number_read(&columns->wanted->rules, text, length, &number))
	{
		case NUMBER_BLANK:
			break;
		case NUMBER_VALID:
			column->numbers++;
			column->written += is_written(text, length);
			return true;
		case NUMBER_INVALID:
			column->others++;
			column->locals += is_local(columns, text, length);
			column->spoiled += is_spoiled(text, length);
			break;
	}
	return false;
}

static void note_bad_row(Columns *columns, const char *problem, int64_t line, size_t byte)
{
	if (problem != NULL && columns->bad_row.problem == NULL)
		columns->bad_row = (BadRow){.problem = problem, .line = line, .byte = byte};
}

static void take_heading(Column *column, const char *heading, size_t length)
{
	column->meaning = heading_meaning(heading, length);
	column->mentions_number =
		column->meaning == HEADING_OTHER && heading_mentions_number(heading, length);
	column->of_landlines = heading_is_of_landlines(heading, length);
}

/* Delimited text ----------------------------------------------------------------------------- */

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
		{
			(void) snprintf(columns->problem, sizeof(columns->problem),
							"a heading is not UTF-8; save the file as UTF-8");
			columns->hint = COLUMNS_HINT_ENCODING;
			return false;
		}
		column->name_length = (size_t) name;
		take_heading(column, text, length);
		column->first_is_number =
			number_read(&columns->wanted->rules, text, length, &number) == NUMBER_VALID;
		column->first_is_written = column->first_is_number && is_written(text, length);
		column->first_is_local = !column->first_is_number && is_local(columns, text, length);
		column->first_is_digits = count_digits(text, length) >= LOCAL_DIGITS_MIN;
	}
	columns->count = row->count;
	return true;
}

/* Whether a cell says the same as the first of its column. */
static void compare_with_first(Column *column, const CsvCell *cell)
{
	char buffer[CELL_MAX];
	const char *text;
	size_t length = csv_text(cell, buffer, sizeof(buffer), &text);

	column->first_is_value |= heading_is(text, length, column->name, column->name_length);
}

static void take_row(Columns *columns, const CsvRow *row)
{
	bool has_number = false;

	for (int i = 0; i < row->count; i++)
	{
		char buffer[CELL_MAX];
		const char *text;
		size_t length = csv_text(&row->cells[i], buffer, sizeof(buffer), &text);

		has_number |= count_value(columns, &columns->list[i], text, length);
	}
	for (int i = 0; has_number && i < row->count; i++)
		compare_with_first(&columns->list[i], &row->cells[i]);
	if (row->count > columns->count)
		columns->count = row->count;
	columns->rows++;
}

/*
 * Only a known heading makes the first row that of the headings, and no number may be in it: one of
 * words may be a person's, whose number is missing. A word that is a value further down, such as
 * "SMS" in a column of channels, is not a heading.
 */
static bool is_header(const Columns *columns, int count)
{
	const char *wanted = columns->wanted->column;
	bool of_numbers = false;
	bool known = false;
	bool digits = false;

	for (int i = 0; i < count; i++)
	{
		const Column *column = &columns->list[i];

		if (column->first_is_number)
			return false;
		digits |= column->first_is_digits;
		if (column->first_is_value)
			continue;
		of_numbers |= column->meaning == HEADING_NUMBER || column->meaning == HEADING_LIKE_NUMBER ||
					  (wanted != NULL &&
					   heading_is(column->name, column->name_length, wanted, strlen(wanted)));
		known |= column->meaning != HEADING_OTHER;
	}
	return of_numbers || (known && !digits);
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
	{
		column->meaning = HEADING_OTHER;
		column->mentions_number = column->of_landlines = false;
	}
	if (!columns->header || column->name_length == 0)
		column->name_length =
			(size_t) snprintf(column->name, sizeof(column->name), "column_%d", place + 1);
	base = column->heading_length = column->name_length;
	for (int counter = 2; is_taken(columns, place); counter++)
		column->name_length = base + (size_t) snprintf(column->name + base,
													   sizeof(column->name) - base, " %d", counter);
}

/* The first row, if it is not that of the headings. */
static void count_first(Column *column)
{
	column->numbers += column->first_is_number;
	column->written += column->first_is_written;
	column->locals += column->first_is_local;
}

bool columns_of_csv(Columns *columns, CsvReader *reader, CsvRow *row, const ColumnsWanted *wanted)
{
	int first_count;

	memset(columns, 0, sizeof(*columns));
	columns->wanted = wanted;
	columns->number = columns->class = -1;
	while (columns->count == 0 && csv_next(reader, row))
	{
		note_bad_row(columns, row->problem, row->line, 0);
		if (!take_first(columns, row))
			return false;
		columns->header_place = row->place;
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
			count_first(&columns->list[i]);
	}
	return columns_choose(columns);
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
	column->name_length = column->heading_length = length;
	take_heading(column, key, length);
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
		note_bad_row(columns, row->problem, row->line, row->problem_column);
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
	return columns_choose(columns);
}
