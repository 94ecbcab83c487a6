/*
 * look.h - what kind of numbers file is this? Found by looking at its first rows, if
 * nobody says.
 *
 * A file counts as a table only if its first rows leave no doubt: everything else
 * is a plain list, whose parser refuses what is not a number. Pure.
 */
#ifndef CAMPAIGN_LOOK_H
#define CAMPAIGN_LOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "columns.h"
#include "csv.h"

typedef enum FileFormat
{
	FORMAT_LIST, /* one number a line: numbers.h */
	FORMAT_CSV,
	FORMAT_TSV,
	FORMAT_SEMICOLON,
	FORMAT_NDJSON,
	FORMATS
} FileFormat;

/* "list", "csv", "tsv", "semicolon" and "ndjson". */
const char *format_name(FileFormat format);

/* The format of this name, in any case; false: there is none. */
bool format_of_name(const char *name, FileFormat *format);

/* The delimiter of CSV, TSV or semicolons. */
char format_delimiter(FileFormat format);

/* The format of a file. `row`: room to look at one. */
FileFormat look_format(const char *data, size_t length, const ColumnsWanted *wanted, CsvRow *row);

#endif /* CAMPAIGN_LOOK_H */
