/*
 * columns.h - which column of a table holds the numbers, which the classes, and
 * what the others are called. Decided once, by the headings and the first rows.
 *
 * Nothing is guessed: if two columns could hold the numbers, that is a problem,
 * and its text names them. Pure: no PostgreSQL header, no allocation.
 */
#ifndef CAMPAIGN_COLUMNS_H
#define CAMPAIGN_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "csv.h"
#include "headings.h"
#include "ndjson.h"
#include "number.h"

#define COLUMNS_MAX	   CSV_CELLS_MAX
#define COLUMNS_SAMPLE 100 /* rows that are looked at */

/* Why there is no such table: valid UTF-8, with room for some names. */
#define COLUMNS_PROBLEM_SIZE 400

#define COLUMNS_HINT_ENCODING "Save the file as UTF-8, or say which encoding it has (X-Encoding)."

/* What is known of a file before it is read. */
typedef struct ColumnsWanted
{
	NumberRules rules;	 /* what a number is */
	const char *column;	 /* name or place (from 1) of that of the numbers; NULL: to be found */
	void (*pause)(void); /* as in numbers.h */
} ColumnsWanted;

typedef struct Column
{
	char name[HEADING_NAME_MAX + 8]; /* not NUL-terminated; with room for a counter */
	size_t name_length;
	size_t heading_length; /* of the name, without the counter */
	HeadingMeaning meaning;
	bool mentions_number; /* under a heading that says nothing else: heading_mentions_number() */
	bool of_landlines;	  /* heading_is_of_landlines() */

	/* In the rows that were looked at; empty cells do not count. */
	int numbers;
	int others;
	int locals;			  /* of the others: may be numbers without their area code */
	int spoiled;		  /* of the others: with the digits of a number */
	int written;		  /* of the numbers: with a plus or brackets, as nothing else is */
	bool first_is_number; /* in the first row, which may be the headings */
	bool first_is_local;
	bool first_is_written;
	bool first_is_digits; /* and not a letter: a value, if no other heading is that of numbers */
	bool first_is_value;  /* it is in a row with a number, too */
} Column;

/* The first row that cannot be read. */
typedef struct BadRow
{
	const char *problem; /* NULL: there is none */
	int64_t line;
	size_t byte; /* of the line; 0: unknown */
} BadRow;

typedef struct Columns
{
	const ColumnsWanted *wanted;
	bool header;		 /* the first row without a problem is that of the headings */
	size_t header_place; /* where it begins in the file; what is in front of it is refused */
	int count;
	int number;							/* the column of the numbers; -1: none */
	int class;							/* that of the classes; -1: none */
	int rows;							/* that were looked at, without the headings */
	char problem[COLUMNS_PROBLEM_SIZE]; /* empty: none */
	const char *hint;					/* what to do about it; NULL: it says so */
	BadRow bad_row;
	Column list[COLUMNS_MAX];
} Columns;

/*
 * Looks at the first rows of a reader that stands at the beginning, which it moves.
 * `wanted` must stay. False: columns->problem says why no column holds the numbers.
 */
bool columns_of_csv(Columns *columns, CsvReader *reader, CsvRow *row, const ColumnsWanted *wanted);

/* The same for keys; a key that comes later is an attribute. */
bool columns_of_ndjson(Columns *columns, NdjsonReader *reader, NdjsonRow *row,
					   const ColumnsWanted *wanted);

/*
 * Chooses the columns of the numbers and of the classes, for the two above. False: as there.
 */
bool columns_choose(Columns *columns);

#endif /* CAMPAIGN_COLUMNS_H */
