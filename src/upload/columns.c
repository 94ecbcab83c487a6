/*
 * columns.c - what the columns of a table hold and are called, by their headings and the first
 * rows; see columns.h. column_choice.c then chooses that of the numbers.
 */
#include "columns.h"

#include <stdio.h>
#include <string.h>

#include "contract/utf8.h"
#include "json_text.h"

#define CELL_MAX 512 /* bytes of a cell that are looked at */

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
		{
			(void) snprintf(columns->problem, sizeof(columns->problem),
							"a heading is not UTF-8; save the file as UTF-8");
			return false;
		}
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
	return columns_choose(columns);
}
