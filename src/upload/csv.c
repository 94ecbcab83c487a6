/*
 * csv.c - rows and cells; see csv.h.
 *
 * RFC 4180, and what spreadsheets make of it: a lone CR ends a row as well, blanks
 * around a cell are no part of it, and a quote within a bare cell is a character.
 * A quote that is never closed makes its row a problem and no other: the file
 * would be searched again only behind a quote that closes nothing, so all of it is
 * read a few times at most, whatever it holds.
 */
#include "csv.h"

#include <string.h>

#include "text_ends.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

void csv_open(CsvReader *reader, const char *data, size_t length, char delimiter)
{
	memset(reader, 0, sizeof(*reader));
	reader->data = data != NULL ? data : ""; /* NULL + 0 is undefined in C */
	reader->length = text_length(reader->data, length);
	reader->line = 1;
	reader->delimiter = delimiter;
	reader->pause.at = reader->data;
	reader->offset = text_start(reader->data, length);
	if (reader->offset > reader->length)
		reader->offset = reader->length;
}

void csv_seek(CsvReader *reader, size_t place)
{
	reader->offset = place;
	reader->line = 0;
}

/* Behind the line end at `at`: LF, CR LF or CR. */
static const char *past_line_end(const char *at, const char *end)
{
	if (*at == '\r' && at + 1 < end && at[1] == '\n')
		at++;
	return at + 1;
}

static const char *skip_blanks(const CsvReader *reader, const char *at, const char *end)
{
	while (at < end && is_blank(*at) && *at != reader->delimiter)
		at++;
	return at;
}

/* A cell without quotes; returns where it ends. */
static const char *read_bare(CsvReader *reader, CsvCell *cell, const char *at, const char *end)
{
	cell->start = at;
	cell->doubled = false;
	while (at < end && *at != reader->delimiter && !is_line_end(*at))
	{
		pause_at(&reader->pause, at);
		at++;
	}
	cell->length = (size_t) (at - cell->start);
	while (cell->length > 0 && is_blank(cell->start[cell->length - 1]))
		cell->length--;
	return at;
}

/* A cell behind its opening quote; returns the place behind the closing one, NULL without one. */
static const char *read_quoted(CsvReader *reader, CsvCell *cell, const char *at, const char *end)
{
	cell->start = at;
	cell->doubled = false;
	while (at < end)
	{
		pause_at(&reader->pause, at);
		if (*at == '"' && at + 1 < end && at[1] == '"')
		{
			cell->doubled = true;
			at += 2;
		}
		else if (*at == '"')
		{
			cell->length = (size_t) (at - cell->start);
			return at + 1;
		}
		else if (is_line_end(*at))
		{
			at = past_line_end(at, end);
			reader->line++;
		}
		else
			at++;
	}
	return NULL;
}

/* One cell with its blanks; NULL if the row is a problem. */
static const char *read_cell(CsvReader *reader, CsvRow *row, const char *at, const char *end)
{
	CsvCell *cell = &row->cells[row->count];

	if (row->count == CSV_CELLS_MAX)
	{
		row->problem = "more than 256 cells";
		return NULL;
	}
	row->count++;
	at = skip_blanks(reader, at, end);
	if (at == end || *at != '"')
		return read_bare(reader, cell, at, end);

	at = read_quoted(reader, cell, at + 1, end);
	if (at == NULL)
	{
		row->problem = "a quote is opened and never closed";
		return NULL;
	}
	at = skip_blanks(reader, at, end);
	if (at < end && *at != reader->delimiter && !is_line_end(*at))
	{
		row->problem = "text behind a closing quote";
		return NULL;
	}
	return at;
}

/* Leaves the rest of a row that is a problem: on with the line behind the one where it begins. */
static const char *skip_line(CsvReader *reader, CsvRow *row, const char *end)
{
	const char *at = reader->data + row->place;

	reader->line = row->line;
	row->count = 0;
	while (at < end && !is_line_end(*at))
	{
		pause_at(&reader->pause, at);
		at++;
	}
	return at;
}

static void read_row(CsvReader *reader, CsvRow *row)
{
	const char *end = reader->data + reader->length;
	const char *at = reader->data + reader->offset;

	row->line = reader->line;
	row->place = reader->offset;
	row->problem = NULL;
	row->count = 0;
	while ((at = read_cell(reader, row, at, end)) != NULL && at < end && *at == reader->delimiter)
		at++;
	if (at == NULL)
		at = skip_line(reader, row, end);
	if (at < end)
		at = past_line_end(at, end);
	reader->line++;
	reader->offset = (size_t) (at - reader->data);
}

static bool is_empty(const CsvRow *row)
{
	for (int i = 0; i < row->count; i++)
	{
		if (row->cells[i].length > 0)
			return false;
	}
	return row->problem == NULL;
}

bool csv_next(CsvReader *reader, CsvRow *row)
{
	while (reader->offset < reader->length)
	{
		read_row(reader, row);
		if (!is_empty(row))
			return true;
	}
	return false;
}

size_t csv_text(const CsvCell *cell, char *out, size_t size, const char **text)
{
	size_t length = 0;

	*text = cell->start;
	if (!cell->doubled)
		return cell->length;
	for (size_t i = 0; i < cell->length && length < size; i++)
	{
		out[length++] = cell->start[i];
		if (cell->start[i] == '"')
			i++;
	}
	*text = out;
	return length;
}
