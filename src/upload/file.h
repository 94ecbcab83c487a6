/*
 * file.h - a numbers file, read: what is to be stored, and what is wrong with it.
 */
#ifndef CAMPAIGN_FILE_H
#define CAMPAIGN_FILE_H

#include "postgres.h"

#include "bad_lines.h"
#include "found_countries.h"
#include "number.h"
#include "number_list.h"
#include "number_set.h"

typedef struct NumbersFile
{
	bool skip_invalid;
	bool allow_duplicates;
	NumberRules rules;

	NumberList numbers; /* in the file's order, each once unless duplicates are allowed */
	NumberSet seen;		/* the same as a set; not made if duplicates are allowed */
	int64 duplicates;	/* numbers that were left out because they were already there */
	FoundCountries found;
	BadLines bad;
} NumbersFile;

/*
 * Reads a whole file into the current memory context. Eight bytes a number, and
 * 16 to 32 more for the set: at most some 40 MB for a million numbers. A cancel
 * ends it at once. Once a line is bad and bad lines are not skipped, nothing will
 * be stored: from there on it only counts and reports.
 */
void file_read(NumbersFile *file, const char *data, Size length);

/* Leaves out the numbers that are marked in `seen`: they count as duplicates. */
void file_drop_marked(NumbersFile *file);

/* An error if the file is to be refused. */
void file_require(const NumbersFile *file);

#endif /* CAMPAIGN_FILE_H */
