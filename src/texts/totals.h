/*
 * totals.h - what the texts of many recipients cost: segments, the longest one, and the characters
 * that force UCS-2.
 */
#ifndef CAMPAIGN_TEXTS_TOTALS_H
#define CAMPAIGN_TEXTS_TOTALS_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "segments.h"

#define TOTALS_CHARACTERS 50 /* that are told apart */

typedef struct TotalsCharacter
{
	uint32 character;
	int64 count;
} TotalsCharacter;

typedef struct Totals
{
	int64 texts;
	int64 segments;
	int64 plain_segments; /* with plain spellings for what the GSM 7-bit alphabet lacks */
	int64 ucs2;			  /* texts that need UCS-2 */
	Segments longest;
	const char *longest_class; /* whose it is; NULL: everybody's */
	int64 longest_seq;
	TotalsCharacter characters[TOTALS_CHARACTERS];
	int character_count;
} Totals;

/* Adds a text of UTF-8 that `times` recipients get; true if it is the longest one so far. */
bool totals_add(Totals *totals, const char *text, int64 times);

/* Appends JSON: the characters that forced UCS-2, an array; a sentence that warns of them, or null.
 */
void totals_put_characters(const Totals *totals, StringInfo json);
void totals_put_warning(const Totals *totals, StringInfo json);

/* Appends {"total", "longest", "ucs2", "plain_total", "characters", "warning"}. */
void totals_put(const Totals *totals, StringInfo json);

#endif /* CAMPAIGN_TEXTS_TOTALS_H */
