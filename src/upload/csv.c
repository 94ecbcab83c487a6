/*
 * csv.c - rows and cells; see csv.h.
 *
 * RFC 4180, and what spreadsheets make of it: a lone CR ends a row as well, blanks
 * around a cell are not part of it, and a quote within a bare cell is a character.
 * A quote that is never closed makes its row a problem and no other: reading goes on
 * with the next line. What is so read again is counted, and once it is more than the
 * file twice, a quote has to be closed in its line: all of it is read a few times at
 * most, whatever it holds.
 */
#include "csv.h"

#include <string.h>

#include "text_ends.h"

#define READ_AGAIN_MIN (1024 * 1024) /* bytes that cost nothing in any file */
#define READ_AGAIN_MAX 2			 /* times the file */

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
	reader->lines_from = SIZE_MAX;
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

static const char *skip_blanks(CsvReader *reader, const char *at, const char *end)
{
	for (; at < end && is_blank(*at) && *at != reader->delimiter; at++)
		pause_at(&reader->pause, at);
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

/*
 * A cell behind its opening quote; returns the place behind the closing one, or NULL without one
 * and in *stop how far it was looked for.
 */
static const char *read_quoted(CsvReader *reader, CsvCell *cell, const char *at, const char *end,
							   bool in_line, const char **stop)
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
			if (in_line)
				break;
			at = past_line_end(at, end);
			reader->line++;
		}
		else
			at++;
	}
	*stop = at;
	return NULL;
}

/* One cell with its blanks; NULL if the row is a problem, which *stop is the end of. */
static const char *read_cell(CsvReader *reader, CsvRow *row, const char *at, const char *end,
							 const char **stop)
{
	bool in_line = row->place >= reader->lines_from;
	CsvCell *cell = &row->cells[row->count];

	*stop = at;
	if (row->count == CSV_CELLS_MAX)
	{
		row->problem = "more than 256 cells";
		return NULL;
	}
	row->count++;
	at = skip_blanks(reader, at, end);
	if (at == end || *at != '"')
		return read_bare(reader, cell, at, end);

	at = read_quoted(reader, cell, at + 1, end, in_line, stop);
	if (at == NULL)
	{
		row->problem = in_line
						   ? "a quote is not closed in its line, behind many that are not closed"
						   : "a quote is opened and never closed";
		return NULL;
	}
	at = skip_blanks(reader, at, end);
	*stop = at;
	if (at < end && *at != reader->delimiter && !is_line_end(*at))
	{
		row->problem = "text behind a closing quote";
		return NULL;
	}
	return at;
}

/*
 * Skips the rest of a faulty row: goes on with the line after the one where it begins.
 * `stop`: how far it was read.
 */
static const char *skip_line(CsvReader *reader, CsvRow *row, const char *stop, const char *end)
{
	const char *at = reader->data + row->place;

	reader->line = row->line;
	row->count = 0;
	while (at < end && !is_line_end(*at))
	{
		pause_at(&reader->pause, at);
		at++;
	}
	if (stop > at)
		reader->read_again += (size_t) (stop - at);
	if (reader->lines_from == SIZE_MAX && reader->read_again > READ_AGAIN_MIN &&
		reader->read_again / READ_AGAIN_MAX > reader->length)
		reader->lines_from = (size_t) (at - reader->data);
	return at;
}

static void read_row(CsvReader *reader, CsvRow *row)
{
	const char *end = reader->data + reader->length;
	const char *at = reader->data + reader->offset;
	const char *stop = at;

	row->line = reader->line;
	row->place = reader->offset;
	row->problem = NULL;
	row->count = 0;
	while ((at = read_cell(reader, row, at, end, &stop)) != NULL && at < end &&
		   *at == reader->delimiter)
		at++;
	if (at == NULL)
		at = skip_line(reader, row, stop, end);
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
