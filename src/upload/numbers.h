/*
 * numbers.h - reads a text file of phone numbers, one a line, for the upload.
 *
 * Pure: no PostgreSQL header, no allocation, no copy of the file; one pass over
 * a buffer that the caller keeps. Never stops at a bad line: it reports it and
 * goes on, and the caller decides what becomes of the rest.
 */
#ifndef CAMPAIGN_NUMBERS_H
#define CAMPAIGN_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counter.h"
#include "number.h"
#include "pause.h"

typedef struct NumbersParser
{
	NumberRules rules;
	const char *data;
	size_t length;
	size_t offset;	 /* of the next line */
	int64_t line;	 /* last one returned or skipped, from 1 */
	Counter counter; /* of a numbered list */
	bool first_seen; /* a line that is not blank has been read: no header row any more */

	/*
	 * Called every PAUSE_BYTES, in the middle of a long line too, unless
	 * NULL. It need not return: the parser holds nothing.
	 */
	void (*pause)(void);
	const char *paused_at;
} NumbersParser;

typedef enum NumbersResult
{
	NUMBERS_END,
	NUMBERS_VALID,
	NUMBERS_INVALID
} NumbersResult;

/* Starts at the beginning of `data`, which must stay in place until the end. */
void numbers_open(NumbersParser *parser, const NumberRules *rules, const char *data, size_t length);

/*
 * The next line that is not blank, read by number_read(); the counters of a numbered list are
 * dropped if they run. A file that is not text gives one NUMBERS_INVALID for line 1, then
 * NUMBERS_END.
 */
NumbersResult numbers_next(NumbersParser *parser, Number *number);

#endif /* CAMPAIGN_NUMBERS_H */
