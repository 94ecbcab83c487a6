/*
 * look.c - recognising a table; see look.h.
 */
#include "look.h"

#include <string.h>
#include <strings.h>

#include "headings.h"

#define LOOK_ROWS 20  /* of a file */
#define CELL_MAX  512 /* bytes of a cell that are looked at */

static const struct
{
	const char *name;
	char delimiter;
} formats[FORMATS] = {[FORMAT_LIST] = {"list", '\0'},
					  [FORMAT_CSV] = {"csv", ','},
					  [FORMAT_TSV] = {"tsv", '\t'},
					  [FORMAT_SEMICOLON] = {"semicolon", ';'},
					  [FORMAT_NDJSON] = {"ndjson", '\0'}};

/* What the first rows look like with some delimiter. */
typedef struct Look
{
	int rows;
	int cells;			/* of the first row */
	bool even;			/* all rows have as many */
	bool filled;		/* some row has more than one that is not empty */
	bool one_number;	/* some row has exactly one number, and more than one filled cell */
	bool heading;		/* the first row has no number, and a cell that is a usual heading */
	bool broken_number; /* a cell begins like a number but is not one: it goes on in the next one */
} Look;

const char *format_name(FileFormat format)
{
	return formats[format].name;
}

bool format_of_name(const char *name, FileFormat *format)
{
	for (int i = 0; i < FORMATS; i++)
	{
		if (strcasecmp(formats[i].name, name) == 0)
		{
			*format = (FileFormat) i;
			return true;
		}
	}
	return false;
}

char format_delimiter(FileFormat format)
{
	return formats[format].delimiter;
}

static bool is_wanted(const char *text, size_t length, const ColumnsWanted *wanted)
{
	return wanted->column != NULL &&
		   heading_is(text, length, wanted->column, strlen(wanted->column));
}

static void look_at_row(Look *look, const CsvRow *row, const ColumnsWanted *wanted)
{
	int filled = 0;
	int numbers = 0;
	bool heading = false;

	for (int i = 0; i < row->count; i++)
	{
		char buffer[CELL_MAX];
		const char *text;
		size_t length = csv_text(&row->cells[i], buffer, sizeof(buffer), &text);
		Number number;
		HeadingMeaning meaning = heading_meaning(text, length);
		bool is_number = number_read(&wanted->rules, text, length, &number) == NUMBER_VALID;

		filled += length > 0;
		numbers += is_number;
		look->broken_number |= length > 0 && *text == '+' && !is_number;
		heading |= (meaning != HEADING_OTHER && meaning != HEADING_ATTRIBUTE) ||
				   is_wanted(text, length, wanted);
	}
	if (look->rows == 0)
	{
		look->cells = row->count;
		look->even = true;
		look->heading = heading && numbers == 0;
	}
	look->even &= row->count == look->cells && row->problem == NULL;
	look->filled |= filled > 1;
	look->one_number |= numbers == 1 && filled > 1;
	look->rows++;
}

static bool is_table(const Look *look)
{
	if (look->cells < 2 || !look->filled)
		return false;
	return look->heading || (look->even && look->one_number && !look->broken_number);
}

static bool fits(CsvReader *reader, const ColumnsWanted *wanted, CsvRow *row)
{
	Look look = {0};

	while (look.rows < LOOK_ROWS && csv_next(reader, row))
	{
		look_at_row(&look, row, wanted);
		/* Most files are plain lists. */
		if (look.cells < 2)
			return false;
	}
	return is_table(&look);
}

FileFormat look_format(const char *data, size_t length, const ColumnsWanted *wanted, CsvRow *row)
{
	static const FileFormat tables[] = {FORMAT_TSV, FORMAT_SEMICOLON, FORMAT_CSV};
	CsvReader reader;
	size_t first;

	csv_open(&reader, data, length, ',');
	reader.pause.call = wanted->pause;
	first = reader.offset;
	for (; first < reader.length && memchr(" \t\r\n", reader.data[first], 4) != NULL; first++)
		pause_at(&reader.pause, reader.data + first);
	if (first < reader.length && reader.data[first] == '{')
		return FORMAT_NDJSON;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
	{
		csv_open(&reader, data, length, format_delimiter(tables[i]));
		reader.pause.call = wanted->pause;
		if (fits(&reader, wanted, row))
			return tables[i];
	}
	/* A column that is asked for by its name has a heading: a table of one column. */
	csv_open(&reader, data, length, ',');
	reader.pause.call = wanted->pause;
	if (wanted->column != NULL && csv_next(&reader, row) && row->count == 1 &&
		is_wanted(row->cells[0].start, row->cells[0].length, wanted))
		return FORMAT_CSV;
	return FORMAT_LIST;
}
