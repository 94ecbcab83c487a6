/*
 * csv.h - reads the rows of a text file with delimiters (RFC 4180), for table.c.
 *
 * Pure: no PostgreSQL header, no allocation, no copy of the file; one pass over a
 * buffer that the caller keeps. A row that is not understood never ends the
 * reading: it is reported, and reading goes on with the line behind its first.
 */
#ifndef CAMPAIGN_CSV_H
#define CAMPAIGN_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pause.h"

/* Cells of a row; one with more is a problem. */
#define CSV_CELLS_MAX 256

/* In the file: without the quotes around it and blanks outside of them, "" still doubled. */
typedef struct CsvCell
{
	const char *start;
	size_t length;
	bool doubled; /* it has quotes that are written twice: csv_text() undoes that */
} CsvCell;

typedef struct CsvRow
{
	int64_t line;		 /* of its beginning, from 1 */
	size_t place;		 /* of its beginning in the file: csv_seek() reads it again */
	const char *problem; /* NULL if it was understood; else there are no cells */
	int count;
	CsvCell cells[CSV_CELLS_MAX];
} CsvRow;

typedef struct CsvReader
{
	const char *data;
	size_t length;
	size_t offset; /* of the next row */
	int64_t line;  /* of the next row */
	char delimiter;
	size_t read_again; /* bytes, behind rows that are problems */
	size_t lines_from; /* from here on, a quote is closed in its line or never */

	Pause pause;
} CsvReader;

/* Starts at the beginning, behind a byte order mark; a Ctrl-Z at the end is left out. */
void csv_open(CsvReader *reader, const char *data, size_t length, char delimiter);

/* Goes to a row that was read before. Its line is not known any more: 0. */
void csv_seek(CsvReader *reader, size_t place);

/* The next row that has anything in a cell; false at the end. */
bool csv_next(CsvReader *reader, CsvRow *row);

/*
 * The text of a cell: itself, or in `out` with its quotes once; what does not fit
 * is cut off. Returns its length and sets *text.
 */
size_t csv_text(const CsvCell *cell, char *out, size_t size, const char **text);

#endif /* CAMPAIGN_CSV_H */
