/*
 * table.h - a numbers file with columns: CSV, TSV, semicolons or lines of JSON. Each row
 * is a number, a class and attributes.
 *
 * Pure: no PostgreSQL header, no allocation, no copy of the file. A row can be read
 * again by its place, so that nobody has to keep the attributes of a million rows.
 * Never stops at a bad row: it reports it and goes on.
 */
#ifndef CAMPAIGN_TABLE_H
#define CAMPAIGN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "columns.h"
#include "contract/message.h"
#include "look.h"
#include "number.h"

/* The attributes of a row, as they are written here: escapes in a file take six bytes at most. */
#define TABLE_JSON_SIZE (6 * MESSAGE_ATTRIBUTES_MAX)

typedef enum TableClass
{
	TABLE_CLASS_OPEN, /* the row does not say */
	TABLE_CLASS_VIP,
	TABLE_CLASS_NORMAL
} TableClass;

typedef enum TableResult
{
	TABLE_END,
	TABLE_VALID,
	TABLE_INVALID /* row->number.reason says why */
} TableResult;

typedef struct TableRow
{
	Number number; /* with its line */
	TableClass class;
	size_t place; /* for table_attributes() */

	/* The attributes as a JSON object; 0 bytes: there are none. */
	size_t json_length;
	char json[TABLE_JSON_SIZE];
} TableRow;

/* Some hundred kilobytes: not for the stack. */
typedef struct Table
{
	FileFormat format;
	bool may_be_header; /* the next row is the first, and not taken for that of the headings */
	Columns columns;
	CsvReader csv;
	NdjsonReader ndjson;
	CsvRow csv_row;
	NdjsonRow ndjson_row;
} Table;

/*
 * Starts at the first row, behind the headings. `data` and `wanted` must stay in place
 * until the end. False: table->columns.problem says why this file cannot be read.
 */
bool table_begin(Table *table, const char *data, size_t length, FileFormat format,
				 const ColumnsWanted *wanted);

TableResult table_next(Table *table, TableRow *row);

/* Only the attributes of a TABLE_VALID that was read before; table_next() cannot go on then. */
size_t table_attributes(Table *table, size_t place, char json[TABLE_JSON_SIZE]);

#endif /* CAMPAIGN_TABLE_H */
