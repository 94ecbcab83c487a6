/*
 * bad_lines.h - the lines of a numbers file that are not numbers, with the reasons:
 * all are counted, the first ones are kept.
 */
#ifndef CAMPAIGN_BAD_LINES_H
#define CAMPAIGN_BAD_LINES_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "numbers.h"

typedef struct BadLines
{
	int64 count;
	char first[NUMBER_REASON_SIZE + 32]; /* "line 3: too short …" */
	StringInfoData shown;				 /* the first 20 as lines of text, for an error's detail */
	StringInfoData json;				 /* the first 1,000 as elements of a JSON array */
} BadLines;

void bad_lines_create(BadLines *lines);

/* Notes a NUMBERS_INVALID. */
void bad_lines_add(BadLines *lines, const Number *number);

/* An error's detail: the first of them, and how many more there are. */
char *bad_lines_detail(const BadLines *lines);

/* An error if a file with these is to be refused, or has no valid number. */
void bad_lines_require(const BadLines *lines, bool skip_invalid, uint64 valid);

#endif /* CAMPAIGN_BAD_LINES_H */
