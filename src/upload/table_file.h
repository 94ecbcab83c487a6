/*
 * table_file.h - a file with columns, read: what is to be stored in each class, and
 * what is wrong with it. What file.h is for plain lists.
 */
#ifndef CAMPAIGN_TABLE_FILE_H
#define CAMPAIGN_TABLE_FILE_H

#include "postgres.h"

#include "bad_lines.h"
#include "contract/message.h"
#include "found_countries.h"
#include "number_list.h"
#include "number_set.h"
#include "table.h"

typedef struct TableFile
{
	const char *data;
	Size length;
	FileFormat format;
	ColumnsWanted wanted;
	MessageClass class; /* of rows that do not say theirs */
	bool skip_invalid;
	bool allow_duplicates;

	Table *table;
	NumberList numbers[MESSAGE_CLASSES]; /* in the file's order */
	NumberList places[MESSAGE_CLASSES];	 /* where the row of each number begins in the file */
	NumberSet seen;						 /* all numbers; not made if duplicates are allowed */
	uint64 with_attributes;				 /* rows that have any */
	int64 duplicates;
	FoundCountries found;
	BadLines bad;
} TableFile;

/*
 * Reads a whole file into the current memory context: 16 bytes a row, and the set.
 * An error if there is no telling which column holds the numbers. A cancel ends it
 * at once; once a row is bad and bad rows are not skipped, it only counts.
 */
void table_file_read(TableFile *file);

/* Leaves out the numbers that are marked in `seen`: they count as duplicates. */
void table_file_drop_marked(TableFile *file);

uint64 table_file_count(const TableFile *file);

/* The class of a row. */
MessageClass table_file_class(const TableFile *file, TableClass class);

/* Opens file->table at the beginning; an error if it cannot be read. */
void table_file_open(TableFile *file);

/* Answers interrupts, while a file is looked at or read. */
void table_file_pause(void);

/* Appends the rows of a class from first_seq on. */
void table_file_store(TableFile *file, const char *campaign_id, MessageClass class,
					  int64 first_seq);

#endif /* CAMPAIGN_TABLE_FILE_H */
